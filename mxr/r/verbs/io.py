"""Data iterators, for R: batches of arrays, and the file readers of mxr.io."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np

from mxr.engine.ndarray import NDArray
from mxr.io import im2rec, readers
from mxr.operator import MxError
from mxr.r.bridge.convert import Dims
from mxr.r.bridge.functions import RFunction
from mxr.r.bridge.registry import verb
from mxr.r.verbs.values import array, file_name, pairs, parameter_text
from mxr.runtime import progress

# ---------------------------------------------------------------------------------------------- arrays


class Arrays:
    """Data and labels, cut into batches along the first axis (C order). `data` is the samples, or, for the
    rows of R's matrix, a transposed view."""

    def __init__(self, data: Any, label: Any, batch: int, draws: np.ndarray | None) -> None:
        if batch < 1:
            raise MxError("mx.io.arrayiter: batch.size must be at least 1")
        order = None if draws is None else shuffled(draws)
        self.data, self.label, self.batch = samples(data, order), samples(label, order), batch
        self.length = -(-len(self.data) // batch)
        self.num_pad = -len(self.data) % batch
        self._made: dict[int, dict[str, NDArray]] = {}

    def value(self, i: int) -> dict[str, NDArray]:
        """Batch `i`, from 0; the same arrays every time."""
        if i not in self._made:
            self._made[i] = {
                "data": NDArray(self._cut(self.data, i)),
                "label": NDArray(self._cut(self.label, i)),
            }
        return self._made[i]

    def _cut(self, x: np.ndarray, i: int) -> np.ndarray:
        start = i * self.batch
        if start + self.batch <= len(x):
            return x[start : start + self.batch]
        whole = np.empty((self.batch, *x.shape[1:]), x.dtype)
        fill(whole, x, start)
        return whole


class Stream:
    """The samples of R's array, batch by batch, in single precision. All batches have the same memory, so one
    is valid until the next."""

    num_pad = 0

    def __init__(self, data: np.ndarray, batch: int) -> None:
        self.data, self._next = data, 0
        self.value = {"data": np.empty((batch, *data.shape[1:]), np.float32)}

    def next(self) -> bool:
        if self._next >= len(self.data):
            return False
        whole = self.value["data"]
        self.num_pad = fill(whole, self.data, self._next)
        self._next += len(whole)
        return True

    def reset(self) -> None:
        self._next = 0


def turned(value: Any, rows: bool) -> Any:
    """R's array or an NDArray with the samples in its first axis (C order). `rows`: they are the rows of R's
    matrix. An array is not copied."""
    if not rows:
        return value
    return value.T if isinstance(value, np.ndarray) else NDArray(np.ascontiguousarray(array(value).data.T))


def fill(batch: np.ndarray, x: np.ndarray, start: int) -> int:
    """Writes the samples of `x` from number `start` to `batch`. As in MXNet, the places that they do not fill
    have the samples of the batch before, or zeros if there is none. Returns the number of these places."""
    part = x[start : start + len(batch)]
    pad = len(batch) - len(part)
    batch[: len(part)] = part
    batch[len(part) :] = x[start - pad : start] if start else 0
    return pad


def samples(value: Any, order: np.ndarray | None) -> np.ndarray:
    """The samples of an array in this order. Numbers from R are copied once, to single precision."""
    if not isinstance(value, np.ndarray):
        whole: np.ndarray = array(value).data
        return whole if order is None else whole[order]
    out, n = np.empty(value.shape, np.float32), len(value)
    # samples in random order are slow to read from a transpose; elsewhere `out` is better written in order
    scattered = not value.flags.c_contiguous
    place = inverse(order) if order is not None and scattered else None
    edges = sorted({n * i // 100 for i in range(101)})  # so that what a part needs besides is small
    for start, stop in pairwise(edges):
        if place is not None:
            out[place[start:stop]] = np.ascontiguousarray(value[start:stop], np.float32)
        else:
            out[start:stop] = value[start:stop] if order is None else value[order[start:stop]]
        progress.report("mx.io.arrayiter: copying", stop, n)
    return out


def inverse(order: np.ndarray) -> np.ndarray:
    """The place that each sample gets in this order, so that R's array can be read from start to end."""
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    return place


def shuffled(draws: np.ndarray) -> np.ndarray:
    """A random order of len(draws) numbers by the Fisher-Yates shuffle, from the end; `draws` are uniform in
    [0, 1)."""
    order = np.arange(len(draws))
    targets = (draws.astype(np.float64) * (np.arange(len(draws)) + 1)).astype(np.intp)
    places, swaps = order.data, targets.data  # faster than arrays, number by number
    for i in range(len(draws) - 1, 0, -1):
        j = swaps[i]
        if j < i:
            places[i], places[j] = places[j], places[i]
    return order


@verb("io.arrays")
def arrays(
    data: Any, rows: bool, label: Any, batch: int, draws: NDArray | None, show: RFunction | None = None
) -> Arrays:
    """`rows`: the samples are the rows of the matrix `data`, not its columns."""
    with progress.watched(_telling(show)):
        return Arrays(turned(data, rows), label, batch, None if draws is None else draws.data)


@verb("io.stream")
def stream(data: np.ndarray, rows: bool, batch: int) -> Stream:
    """`rows`: as in `arrays`."""
    return Stream(turned(data, rows), batch)


@verb("io.length")
def length(source: Arrays) -> int:
    return source.length


@verb("io.batch")
def batch(source: Arrays, i: int) -> dict[str, NDArray]:
    return source.value(i - 1)


@verb("io.description")
def description(source: Arrays | readers.Reader) -> dict[str, Any]:
    """What printing an iterator shows: its name, its numbers of samples and batches (0 if unknown), and the
    shapes of a batch's arrays that are known."""
    if isinstance(source, Arrays):
        arrays = {"data": source.data, "label": source.label}
        shapes = {k: (source.batch, *a.shape[1:]) for k, a in arrays.items()}
        return _described("arrays", source.batch, shapes, len(source.data), source.length)
    if source.value is not None:
        return _described(source.name, source.batch_size, {k: a.shape for k, a in source.value.items()})
    given = getattr(source, "data_shape", None)
    return _described(source.name, source.batch_size, {"data": (source.batch_size, *given)} if given else {})


def _described(name: str, batch: int, shapes: dict, samples: int = 0, batches: int = 0) -> dict:
    dims = [Dims(s) for s in shapes.values()]
    return {
        "name": name,
        "batch": batch,
        "samples": samples,
        "batches": batches,
        "fields": list(shapes),
        "shapes": dims,
    }


# ---------------------------------------------------------------------------------------------- files


@verb("io.file")
def file(kind: str, arguments: Any, show: RFunction | None = None) -> readers.Reader:
    """The file reader with the name `kind`. Arguments may be dotted or underscored. `show` is called with the
    progress."""
    known = readers.parameters(kind)
    where, given = f"mx.io.{kind}", dict[str, str]()
    for key, value in pairs(arguments):
        name = key.replace(".", "_")
        if not name:
            raise MxError(f"{where}: arguments go by name, as in batch.size = 32")
        if name in given:
            raise MxError(
                f"{where}: {name} is given twice (dotted and underscored spellings are one parameter)"
            )
        given[name] = file_name(parameter_text(name, value, known.get(name), where))
    with progress.watched(_telling(show)):
        return readers.create(kind, given)


def _telling(show: RFunction | None) -> Callable[[str, float], object] | None:
    """`show`, an R function of a text and a share between 0 and 1, as a Python function."""
    return None if show is None else lambda what, share: show([lambda: what, lambda: share])


@verb("io.next")
def advance(source: readers.Reader | Stream) -> bool:
    return source.next()


@verb("io.value")
def value(source: readers.Reader | Stream) -> dict[str, NDArray]:
    if source.value is None:
        raise MxError(
            "the iterator is before its first batch or after its last one: call iter.next() first, and take "
            "value() only while it returns TRUE"
        )
    return {k: NDArray(np.ascontiguousarray(a)) for k, a in source.value.items()}


@verb("io.reset")
def reset(source: readers.Reader | Stream) -> None:
    source.reset()


@verb("io.pad")
def pad(source: Any) -> int:
    return int(source.num_pad)


@verb("io.im2rec")
def pack_images(arguments: dict[str, Any], show: RFunction | None = None) -> Any:
    settings: dict[str, Any] = {k: file_name(v) if isinstance(v, str) else v for k, v in arguments.items()}
    with progress.watched(_telling(show)):
        return im2rec.im2rec(**settings)
