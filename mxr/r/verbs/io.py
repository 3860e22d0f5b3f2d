"""Data iterators, for R: batches of arrays, CSV files and MNIST files."""
from __future__ import annotations

import gzip
import os

import numpy as np

from mxr.ndarray import NDArray
from mxr.op import MxError, suggest
from mxr.r.bridge import verb
from mxr.r.convert import shape_from_r
from mxr.r.verbs.values import array, pairs

# ---------------------------------------------------------------------------------------------- arrays

class Arrays:
    """Data and labels cut into batches along C order's first axis. In the place of what a last batch lacks stand the
    samples of the batch before, as in MXNet."""

    def __init__(self, data: np.ndarray, label: np.ndarray, batch: int, draws: np.ndarray | None):
        if batch < 1:
            raise MxError("mx.io.arrayiter: batch.size must be at least 1")
        if draws is not None:
            order = shuffled(draws)
            data, label = data[order], label[order]
        self.data, self.label, self.batch = data, label, batch
        self.length = -(-len(data) // batch)
        self.pad = -len(data) % batch

    def value(self, i: int) -> dict[str, NDArray]:
        return {"data": NDArray(self._cut(self.data, i)), "label": NDArray(self._cut(self.label, i))}

    def _cut(self, x: np.ndarray, i: int) -> np.ndarray:
        part = x[i * self.batch:(i + 1) * self.batch]
        if len(part) == self.batch:
            return part
        before = self._cut(x, i - 1) if i else np.zeros((self.batch, *x.shape[1:]), x.dtype)
        return np.concatenate([part, before[len(part):]])


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


# ---------------------------------------------------------------------------------------------- files

class File:
    """Batches of samples from a file. When `round_batch`, a last batch that is not full is filled from the start, and the
    next pass goes on after those samples, as in MXNet."""

    def __init__(self, data: np.ndarray, label: np.ndarray, batch: int, round_batch: bool = True, drop: bool = False):
        if batch < 1:
            raise MxError("batch.size must be at least 1")
        self.arrays, self.batch, self.round_batch, self.drop = (data, label), batch, round_batch, drop
        self.at = self.borrowed = self.pad = 0
        self.current: dict[str, NDArray] | None = None

    def next(self) -> bool:
        n = len(self.arrays[0])
        self.pad, self.current = 0, None
        if self.borrowed or self.at >= n or (self.drop and self.at + self.batch > n):
            return False
        rows = np.arange(self.at, min(self.at + self.batch, n))
        self.at += len(rows)
        self.pad = self.batch - len(rows)
        if self.pad:
            rows = np.concatenate([rows, np.arange(self.pad) % n if self.round_batch else np.zeros(self.pad, int)])
            if self.round_batch:
                self.borrowed = self.at = self.pad
        self.current = {k: NDArray(a[rows]) for k, a in zip(("data", "label"), self.arrays)}
        return True

    def reset(self) -> None:
        self.at = self.at if self.borrowed else 0
        self.borrowed = self.pad = 0
        self.current = None


@verb("io.next")
def advance(source: File):
    return source.next()


@verb("io.value")
def value(source: File):
    if source.current is None:
        raise MxError("the iterator stands before its first batch or after its last one")
    return source.current


@verb("io.reset")
def reset(source: File):
    source.reset()


@verb("io.pad")
def pad(source):
    return int(source.pad)


# ---------------------------------------------------------------------------------------------- readers

def _settings(kind: str, arguments, known: dict) -> dict:
    """R's arguments with dots as underscores; the values of `known` are the defaults, REQUIRED ones are `...`."""
    given = {k.replace(".", "_"): v for k, v in pairs(arguments)}
    for k in given:
        if k not in known:
            raise MxError(f"mx.io.{kind}: unknown argument {k}" + (suggest(k, known) or f"; it takes {', '.join(known)}"))
    settings = known | given
    for k, v in settings.items():
        if v is ...:
            raise MxError(f"mx.io.{kind}: {k} is required")
    return settings


_LOADERS = dict.fromkeys(("preprocess_threads", "prefetch_buffer", "verbose", "silent", "dtype", "ctx", "part_index", "num_parts"))


def _csv(path: str, shape, what: str) -> np.ndarray:
    if not os.path.exists(path):
        raise MxError(f"mx.io.CSVIter: there is no file {path} ({what})")
    try:
        table = np.loadtxt(path, np.float32, delimiter=",", ndmin=2)
    except ValueError as error:
        raise MxError(f"mx.io.CSVIter: {path} is not a table of numbers with commas between: {error}") from None
    if table.shape[1] != np.prod(shape):
        raise MxError(f"mx.io.CSVIter: the lines of {path} have {table.shape[1]} numbers; {what.replace('csv', 'shape')} asks for {int(np.prod(shape))}")
    return table.reshape(len(table), *shape)


def _csv_iter(arguments) -> File:
    s = _settings("CSVIter", arguments, dict(data_csv=..., data_shape=..., label_csv=None, label_shape=1, batch_size=..., round_batch=True,
                                             shuffle=False, **_LOADERS))
    data = _csv(s["data_csv"], shape_from_r(s["data_shape"]), "data.csv")
    shape = shape_from_r(s["label_shape"])
    label = np.zeros((len(data), *shape), np.float32) if s["label_csv"] in (None, "NULL") else _csv(s["label_csv"], shape, "label.csv")
    if len(label) != len(data):
        raise MxError(f"mx.io.CSVIter: {len(data)} lines of data, {len(label)} of labels")
    return File(data, label.reshape(len(label)) if shape == (1,) else label, int(s["batch_size"]), bool(s["round_batch"]))


def _idx(path: str) -> np.ndarray:
    """An array in the format of the MNIST files."""
    if not os.path.exists(path):
        raise MxError(f"mx.io.MNISTIter: there is no file {path}")
    with open(path, "rb") as f:
        data = f.read()
    data = gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data
    if data[:3] != b"\0\0\x08" or len(data) < 4 + 4 * data[3]:
        raise MxError(f"mx.io.MNISTIter: {path} is not a file of MNIST's format")
    shape = np.frombuffer(data, ">i4", data[3], 4)
    values = np.frombuffer(data, np.uint8, -1, 4 + 4 * data[3])
    if values.size != shape.prod():
        raise MxError(f"mx.io.MNISTIter: {path} is cut: {values.size} bytes where {shape.prod()} are announced")
    return values.reshape(shape)


def _mnist_iter(arguments) -> File:
    s = _settings("MNISTIter", arguments, dict(image=..., label=..., batch_size=128, shuffle=True, flat=False, seed=0, input_shape=None,
                                               data_shape=None, **_LOADERS))
    images, labels = _idx(s["image"]), _idx(s["label"])
    if len(images) != len(labels):
        raise MxError(f"mx.io.MNISTIter: {len(images)} images, {len(labels)} labels")
    if s["shuffle"]:
        order = np.random.default_rng(int(s["seed"])).permutation(len(images))
        images, labels = images[order], labels[order]
    flat = s["flat"] not in (False, "False", "FALSE", 0)
    data = images.reshape(len(images), -1) if flat else images[:, None]
    return File(data.astype(np.float32) * np.float32(1 / 256), labels.astype(np.float32), int(s["batch_size"]), drop=True)


@verb("io.file")
def file(kind: str, arguments):
    return {"CSVIter": _csv_iter, "MNISTIter": _mnist_iter}[kind](arguments)
