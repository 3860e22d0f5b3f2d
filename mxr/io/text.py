"""Numbers in text files, parsed by the native core on all threads.

The functions return None without the core, and for a text that is not plainly right. Then the readers parse
it in Python, which accepts it or raises an error that names the line.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np

from mxr import native
from mxr.runtime import costs, threads

# The rows of a sparse table: their labels (float32), their numbers of pairs (int64), and of all pairs the
# index (int64) and the value (float32).
Rows = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def table(pieces: Iterable[bytes], width: int, dtype: np.dtype) -> list[np.ndarray] | None:
    """Lines of `width` numbers separated by commas, as arrays (lines, width). `pieces` are complete lines;
    `dtype` is float32, int32 or int64."""
    if not native.active() or not width:
        return None
    return _parsed(pieces, partial(_table, width=width, dtype=dtype))


def _table(text: memoryview, width: int, dtype: np.dtype) -> np.ndarray | None:
    out = np.empty(((len(text) + 1) // (2 * width), width), dtype)  # a number has a character and a separator
    count = native.core.table(text, out, len(out), width, dtype.char if dtype.itemsize < 8 else "q")
    return None if count is None else out[:count].copy()


def sparse(pieces: Iterable[bytes], width: int) -> Rows | None:
    """Lines of a label and index:value pairs, with indices less than `width`. `pieces` are complete lines."""
    if not native.active():
        return None
    parts = _parsed(pieces, partial(_sparse, width=width))
    if not parts:
        return None
    labels, counts, indices, values = (np.concatenate(fields) for fields in zip(*parts))
    return labels, counts, indices, values


def _sparse(text: memoryview, width: int) -> Rows | None:
    most = (len(text) + 1) // 2
    labels, counts = np.empty(most, np.float32), np.empty(most, np.int64)
    indices, values = np.empty(most, np.int64), np.empty(most, np.float32)
    found = native.core.sparse(text, labels, counts, indices, values, width)
    if found is None:
        return None
    rows, pairs = found
    return labels[:rows].copy(), counts[:rows].copy(), indices[:pairs].copy(), values[:pairs].copy()


def _parsed(pieces: Iterable[bytes], parse: Callable[[memoryview], Any]) -> list[Any] | None:
    """What `parse` returns for consecutive parts of the text; None if it is None for one of them."""
    results: list[Any] = []
    for piece in pieces:
        parts = _parts(piece)
        found: list[Any] = [None] * len(parts)

        def call(i: int, found: list[Any] = found, parts: list[memoryview] = parts) -> None:
            found[i] = parse(parts[i])

        if len(parts) == 1:
            call(0)
        else:
            threads.run([partial(call, i) for i in range(len(parts))])
        if any(x is None for x in found):
            return None
        results += found
    return results


def _parts(piece: bytes) -> list[memoryview]:
    """The text cut at ends of lines: a part for each worker."""
    count = min(threads.workers(), len(piece) // costs.NATIVE_TEXT_SHARED)
    edges = [0, *(piece.find(b"\n", len(piece) * i // count) + 1 for i in range(1, count)), len(piece)]
    view = memoryview(piece)
    return [view[a:b] for a, b in pairwise(edges) if a < b] if edges == sorted(edges) else [view]
