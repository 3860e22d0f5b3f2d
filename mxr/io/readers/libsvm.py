"""LibSVMIter: sparse samples in text files, returned as dense arrays."""

from __future__ import annotations

import math
import os

import numpy as np

from mxr.io import text
from mxr.io.readers.base import Batched, Table, blocks, files, pieces
from mxr.operator import REQUIRED, P, Shape
from mxr.runtime import progress


class _Sparse:
    """Rows of index-value pairs, in compressed sparse row format: row i has the pairs from starts[i] to
    starts[i + 1]."""

    def __init__(self, width: int, rows: text.Rows):
        self.width = width
        self.labels, counts, self.index, self.values = rows
        self.starts = np.concatenate([[0], np.cumsum(counts, dtype=np.int64)])

    def part(self, begin: int, end: int) -> _Sparse:
        """Rows `begin` to `end`."""
        pairs = slice(self.starts[begin], self.starts[end])
        counts = np.diff(self.starts[begin : end + 1])
        return _Sparse(self.width, (self.labels[begin:end], counts, self.index[pairs], self.values[pairs]))

    def dense(self, begin: int, end: int) -> np.ndarray:
        """Rows `begin` to `end` as a dense array."""
        out = np.zeros((end - begin, self.width), np.float32)
        part = slice(self.starts[begin], self.starts[end])
        rows = np.repeat(np.arange(end - begin), np.diff(self.starts[begin : end + 1]))
        out[rows, self.index[part]] = self.values[part]
        return out


class _Rows(Table):
    """The samples: data from one sparse table, labels from the same table or from another."""

    def __init__(self, data: _Sparse, label: _Sparse | None):
        super().__init__(np.arange(len(data.labels)))
        self._data, self._label = data, label

    def take(self, n: int) -> tuple[np.ndarray, ...]:
        (rows,) = super().take(n)
        begin, end = (rows[0], rows[-1] + 1) if len(rows) else (0, 0)
        label = self._label.dense(begin, end) if self._label else self._data.labels[begin:end].copy()
        return self._data.dense(begin, end), label


class LibSVM(Batched):
    """Samples of a LibSVM file. A line has a label and `index:value` pairs, with indices from 0.

    MXNet returns sparse arrays, mxr dense arrays of the same values.
    """

    name = "LibSVMIter"
    data_libsvm: str = P(REQUIRED, "path of the file (or of a folder of such files)")
    data_shape: Shape = P(REQUIRED, "number of features")
    label_libsvm: str = P(
        "NULL",
        "path of a file of labels in the same format; without one, the first number of a line is its label",
    )
    label_shape: Shape = P((1,), "number of label values")
    num_parts: int = P(1, "into how many parts to split the data", low=1)
    part_index: int = P(0, "which part to read, from 0", low=0)

    def open(self) -> Table:
        if len(self.data_shape) != 1:
            raise self.error("data.shape must be one number")
        if not self.round_batch:
            raise self.error("round.batch = FALSE is not possible with sparse data")
        if self.part_index >= self.num_parts:
            raise self.error(f"part.index is {self.part_index}, of {self.num_parts} parts counted from 0")
        data = self._table(self.data_libsvm, self.data_shape[0], "data.shape")
        several = math.prod(self.label_shape) > 1
        if self.label_libsvm == "NULL":
            if several:
                raise self.error("label.shape is more than 1, which needs label.libsvm")
            return _Rows(data, None)
        if not several:
            raise self.error("label.shape must be more than 1 where label.libsvm is given")
        label = self._table(self.label_libsvm, math.prod(self.label_shape), "label.shape")
        if len(label.labels) < len(data.labels):
            raise self.error(
                f"{self.data_libsvm} has {len(data.labels)} lines, "
                f"{self.label_libsvm} only {len(label.labels)}"
            )
        return _Rows(data, label)

    def _table(self, path: str, width: int, what: str) -> _Sparse:
        """The rows of this part."""
        paths = files(path, self.error)
        rows = text.sparse((piece for file in paths for piece in pieces(file)), width)
        if rows is None:
            return _Sparse(width, self._rows(path, paths, width, what))
        size = -(-len(rows[0]) // self.num_parts)
        begin, end = (min(size * i, len(rows[0])) for i in (self.part_index, self.part_index + 1))
        return _Sparse(width, rows).part(begin, end)

    def _rows(self, path: str, paths: list[str], width: int, what: str) -> text.Rows:
        """The rows of this part, read line by line."""
        labels: list[float] = []
        counts, indices = list[int](), list[int]()
        numbers: list[float] = []
        lines = [
            (f"{file}, line {n}", line)
            for file in paths
            for first, block in blocks(file)
            for n, line in enumerate(block, first)
            if line.split(b"#")[0].strip()
        ]
        size = -(-len(lines) // self.num_parts)
        mine = lines[size * self.part_index : size * (self.part_index + 1)]
        doing = f"reading the numbers of {os.path.basename(path)}"
        for done, (where, line) in enumerate(mine):
            progress.report(doing, done, len(mine))
            first, *texts = line.split(b"#")[0].split()
            pairs = [p.partition(b":") for p in texts if not p.startswith(b"qid:")]
            try:
                label = float(first.split(b":")[0])
                index = [int(i) for i, _, _ in pairs]
                values = [float(v) if colon else 1.0 for _, colon, v in pairs]
            except ValueError:
                raise self.error(f"{where} is not a label and index:value pairs") from None
            if index and not 0 <= min(index) <= max(index) < width:
                raise self.error(
                    f"{where} has index {max(index) if max(index) >= width else min(index)}; "
                    f"{what} is {width}, and indices begin with 0"
                )
            labels.append(label)
            indices += index
            numbers += values
            counts.append(len(index))
        return (
            np.array(labels, np.float32),
            np.array(counts, np.int64),
            np.array(indices, np.int64),
            np.array(numbers, np.float32),
        )
