"""What all readers of data files have in common. A reader is one class that declares its parameters.

class CSV(Batched):
    name = "CSVIter"
    data_csv: str = P(REQUIRED, "...")
    def open(self) -> Source: return Table(...)

it = readers.create("CSVIter", {"data_csv": "x.csv", "data_shape": (3,), "batch_size": 2})
while it.next(): it.value["data"], it.value["label"], it.num_pad
it.reset()
"""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any, Protocol

import numpy as np

from mxr.operator import REQUIRED, MxError, P, ParamError, Parameter, suggest
from mxr.runtime import costs, progress

# Parameters that scripts give although MXNet's readers never had them. MXNet ignores all unknown parameters.
NEVER_HAD = frozenset(("input_shape", "silent", "mean", "data_name", "label_name", "num_thread"))
_AHEAD = 16  # batches that MXNet's readers prefetch


class Reader:
    """The interface of all readers: `next`, `value`, `num_pad`, `reset`.

    Class attributes with an annotation and a value `P(...)` are the parameters.
    """

    batch_size: int = P(REQUIRED, "samples in a batch", low=1)
    prefetch_buffer: int = P(4, "accepted for MXNet's sake, without effect")
    ctx: str = P("gpu", "accepted for MXNet's sake, without effect", one_of=("cpu", "gpu"))

    name = ""  # MXNet's name of the reader
    value: dict[str, np.ndarray] | None = None
    num_pad = 0

    def next(self) -> bool:
        """Go to the next batch; False at the end of the pass."""
        raise NotImplementedError

    def reset(self) -> None:
        """Start another pass over the data."""
        raise NotImplementedError

    @classmethod
    @cache
    def parameters(cls) -> dict[str, Parameter]:
        """Parameters by name: those of the class first, then those of its base classes."""
        found: dict[str, Parameter] = {}
        for c in cls.__mro__:
            for key, kind in inspect.get_annotations(c, eval_str=True).items():
                param = c.__dict__.get(key)
                if isinstance(param, Parameter) and key not in found:
                    param.name, param.type = key, kind
                    found[key] = param
        return found

    def __init__(self, given: dict[str, Any]):
        where = f"mx.io.{self.name}"
        known = self.parameters()
        given = {k: v for k, v in given.items() if v is not None}
        for key in given:
            if key not in known:
                raise ParamError(
                    f"{where}: unknown parameter {key}"
                    + (suggest(key, known) or f"; it takes {', '.join(known)}")
                )
        for key, param in known.items():
            if key not in given and param.required:
                raise ParamError(f"{where}: {key} is required ({param.type_text})")
            setattr(self, key, param.parse(given[key], where) if key in given else param.default)

    def error(self, what: str) -> MxError:
        return MxError(f"mx.io.{self.name}: {what}")


class Source(Protocol):
    """Samples in order."""

    def take(self, n: int) -> tuple[np.ndarray, ...]:
        """The next samples of the pass, at most n, as arrays (data, label). They are empty at its end."""
        ...

    def rewind(self) -> None:
        """Go back to the first sample."""
        ...

    def left(self, most: int) -> int:
        """The number of samples that are left in the pass, or `most` if that is less."""
        ...


class Batched(Reader):
    """A reader that cuts a source into batches.

    With `round_batch`, a last batch that is not full takes samples from the beginning of the data, and the
    next pass starts after them. Without, its last places repeat those of the batch before.
    """

    round_batch: bool = P(
        True, "whether a last batch that is not full is filled from the beginning of the data"
    )

    def __init__(self, given: dict[str, Any]):
        super().__init__(given)
        self.source = self.open()
        self._borrowed = False  # whether the last batch has taken samples of the next pass
        self._before: tuple[np.ndarray, ...] = ()

    def open(self) -> Source:
        """The samples. Called once."""
        raise NotImplementedError

    def next(self) -> bool:
        self.value, self.num_pad = None, 0
        if self._borrowed:
            return False
        fields = self.source.take(self.batch_size)
        count = len(fields[0])
        if not count:
            return False
        if count < self.batch_size:
            fields = self._filled(fields, self.batch_size - count)
        self._before = () if self.round_batch else fields
        data, label = fields
        # with one label per sample, `label` is a vector, not a matrix of one column
        self.value = {"data": data, "label": label.reshape(-1) if label.size == len(label) else label}
        return True

    def _filled(self, fields: tuple[np.ndarray, ...], missing: int) -> tuple[np.ndarray, ...]:
        """The fields of a batch, completed by `missing` samples."""
        self.num_pad = missing
        if self.round_batch:
            self.source.rewind()
            more = self.source.take(missing)
            if len(more[0]) < missing:
                raise self.error(
                    f"a batch of {self.batch_size} cannot be filled: there are only {len(more[0])} samples"
                )
            self._borrowed = True
        else:
            more = tuple(b[-missing:] for b in self._before) or tuple(
                np.zeros((missing, *f.shape[1:]), f.dtype) for f in fields
            )
        return tuple(np.concatenate(pair) for pair in zip(fields, more))

    def reset(self) -> None:
        # MXNet prefetches batches. If they reach the end of the data, and the last one takes samples of the
        # next pass, then a pass that is broken off counts as complete.
        if self.round_batch and not self._borrowed:
            most = _AHEAD * self.batch_size
            left = self.source.left(most + 1)
            if left <= most and left % self.batch_size:
                while self.next():
                    pass
        if not self._borrowed:
            self.source.rewind()
        self._borrowed, self.value, self.num_pad = False, None, 0


class Table:
    """A source in memory: arrays with one row per sample."""

    def __init__(self, *arrays: np.ndarray):
        self._arrays, self._at = arrays, 0

    def take(self, n: int) -> tuple[np.ndarray, ...]:
        begin, self._at = self._at, min(self._at + n, len(self._arrays[0]))
        return tuple(a[begin : self._at].copy() for a in self._arrays)

    def rewind(self) -> None:
        self._at = 0

    def left(self, most: int) -> int:
        return min(most, len(self._arrays[0]) - self._at)


def files(path: str, error: Callable[[str], Exception]) -> list[str]:
    """The files that `path` names: files and folders, separated by semicolons. A folder stands for all its
    files. `error` makes the exception for a file that does not exist."""
    found = []
    for part in path.split(";"):
        if os.path.isdir(part):
            found += sorted(p for p in (os.path.join(part, f) for f in os.listdir(part)) if os.path.isfile(p))
        elif os.path.exists(part):
            found.append(part)
        else:
            raise error(f"there is no file {part}")
    return found


def pieces(path: str) -> Iterator[bytes]:
    """A text file as pieces of complete lines, of about `TEXT_BLOCK` bytes."""
    rest, taken = b"", 0
    with open(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        while data := file.read(costs.TEXT_BLOCK):
            progress.report(f"reading {os.path.basename(path)}", taken, size)
            data, taken = data if taken else data.removeprefix(b"\xef\xbb\xbf"), taken + len(data)
            # a carriage return at the end of the block may be followed by a line feed
            end = max(data.rfind(b"\n"), data.rfind(b"\r", 0, -1)) + 1
            if end:
                yield rest + data[:end]
                rest = data[end:]
            else:
                rest += data
    if rest:
        yield rest


def blocks(path: str) -> Iterator[tuple[int, list[bytes]]]:
    """The lines of a text file in blocks of about `TEXT_BLOCK` bytes: (number of the first line, lines)."""
    line = 1
    for text in pieces(path):
        lines = text.splitlines()
        yield line, lines
        line += len(lines)
