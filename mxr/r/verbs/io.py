"""Data iterators, for R: batches of arrays, and of what the readers of mxr.io make of files."""

from __future__ import annotations

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
    """Data and labels cut into batches along C order's first axis. In the place of what a last batch lacks
    stand the samples of the batch before, as in MXNet."""

    def __init__(self, data: np.ndarray, label: np.ndarray, batch: int, draws: np.ndarray | None):
        if batch < 1:
            raise MxError("mx.io.arrayiter: batch.size must be at least 1")
        if draws is not None:
            order = shuffled(draws)
            data, label = data[order], label[order]
        self.data, self.label, self.batch = data, label, batch
        self.length = -(-len(data) // batch)
        self.num_pad = -len(data) % batch
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
        part = x[i * self.batch : (i + 1) * self.batch]
        if len(part) == self.batch:
            return part
        before = self._cut(x, i - 1) if i else np.zeros((self.batch, *x.shape[1:]), x.dtype)
        return np.concatenate([part, before[len(part) :]])


def shuffled(draws: np.ndarray) -> np.ndarray:
    """Fisher and Yates' order from uniform draws, from the end."""
    order = np.arange(len(draws))
    targets = (draws.astype(np.float64) * (np.arange(len(draws)) + 1)).astype(np.intp)
    for i in range(len(draws) - 1, 0, -1):
        j = targets[i]
        if j < i:
            order[i], order[j] = order[j], order[i]
    return order


@verb("io.arrays")
def arrays(data, label, batch: int, draws):
    return Arrays(array(data).data, array(label).data, batch, None if draws is None else draws.data)


@verb("io.length")
def length(source: Arrays):
    return source.length


@verb("io.batch")
def batch(source: Arrays, i: int):
    return source.value(i - 1)


@verb("io.description")
def description(source: Arrays | readers.Reader):
    """What printing an iterator shows: its name, the number of its samples and of its batches (0 where these
    are not known), and the shapes of a batch's arrays as far as they are known."""
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
def file(kind: str, arguments, show=None):
    """A reader of files by name, from R's arguments, dotted or underscored; `show` hears how far it is."""
    known = readers.parameters(kind)
    where, given = f"mx.io.{kind}", {}
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


def _telling(show: RFunction | None):
    """What calls `show`, an R function of a text and a share; None where nobody watches."""
    return show and (lambda what, share: show([lambda: what, lambda: share]))


@verb("io.next")
def advance(source: readers.Reader):
    return source.next()


@verb("io.value")
def value(source: readers.Reader):
    if source.value is None:
        raise MxError("the iterator stands before its first batch or after its last one")
    return {k: NDArray(np.ascontiguousarray(a)) for k, a in source.value.items()}


@verb("io.reset")
def reset(source: readers.Reader):
    source.reset()


@verb("io.pad")
def pad(source):
    return int(source.num_pad)


@verb("io.im2rec")
def pack_images(arguments, show=None):
    with progress.watched(_telling(show)):
        return im2rec.im2rec(**{k: file_name(v) if isinstance(v, str) else v for k, v in arguments.items()})
