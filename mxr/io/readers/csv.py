"""CSVIter: numbers in text files, one sample per line."""

from __future__ import annotations

import math

import numpy as np

from mxr.io import numbers, text
from mxr.io.readers.base import Batched, Table, blocks, files, pieces
from mxr.operator import REQUIRED, P, Shape, shape_text


class CSV(Batched):
    """Samples of a text file, one per line, its numbers separated by commas. Labels come from a second
    file."""

    name = "CSVIter"
    data_csv: str = P(REQUIRED, "path of the file (or of a folder of such files)")
    data_shape: Shape = P(REQUIRED, "dimensions of one sample")
    label_csv: str = P("NULL", "path of the file of labels; without one, all labels are 0")
    label_shape: Shape = P((1,), "dimensions of one label")
    dtype: str = P("float32", "type of the values", none=True, one_of=("float32", "int32", "int64"))

    def open(self) -> Table:
        data = self._table(self.data_csv, self.data_shape, "data")
        if self.label_csv == "NULL":
            return Table(data, np.zeros((len(data), 1), data.dtype))
        label = self._table(self.label_csv, self.label_shape, "label")
        if len(label) < len(data):
            raise self.error(f"{self.data_csv} has {len(data)} lines, {self.label_csv} only {len(label)}")
        return Table(data, label[: len(data)])

    def _table(self, path: str, shape: Shape, what: str) -> np.ndarray:
        width, dtype = math.prod(shape), np.dtype(self.dtype or "float32")
        parts = [np.empty((0, width), dtype)]
        asked = f"{what}.shape is {shape_text(shape)}"
        for file in files(path, self.error):
            found = text.table(pieces(file), width, dtype)
            if found is None:
                parts += [self._numbers(file, *block, width, dtype, asked) for block in blocks(file)]
            else:
                parts += found
        return np.concatenate(parts).reshape(-1, *shape)

    def _numbers(
        self, file: str, first: int, lines: list[bytes], width: int, dtype: np.dtype, asked: str
    ) -> np.ndarray:
        """The numbers of these lines, the first of which is line `first` of the file: (lines, width)."""
        full = [x.rstrip(b",") or x for x in lines if x.strip()]  # lines may end with commas, as in MXNet
        if not full:
            return np.empty((0, width), dtype)
        if all(x.count(b",") == width - 1 for x in full):
            joined = b",".join(full)
            try:
                values = (
                    numbers.parse(joined)
                    if dtype.kind == "f"
                    else np.array(list(map(int, joined.split(b","))))
                )
                with np.errstate(all="ignore"):  # 1e300 becomes infinite in single precision
                    return values.astype(dtype).reshape(-1, width)
            except (ValueError, OverflowError):
                pass
        for n, line in enumerate(lines, first):  # find the line that is wrong
            if line.strip():
                self._check(f"{file}, line {n}", (line.rstrip(b",") or line).split(b","), width, dtype, asked)
        raise self.error(f"{file} is not a table of numbers")

    def _check(self, where: str, fields: list[bytes], width: int, dtype: np.dtype, asked: str) -> None:
        if len(fields) != width:
            raise self.error(
                f"{where} has {len(fields)} values separated by commas; {asked}, that is {width}"
            )
        for field in fields:
            try:
                if dtype.kind == "f":
                    numbers.number(field)
                else:
                    int(field)
            except ValueError:
                shown = field[:60].decode(errors="replace").strip()
                raise self.error(
                    f"{where}: {shown!r} is not a number"
                    + (" (a heading? write.table needs col.names = FALSE)" if where.endswith(" 1") else "")
                ) from None
