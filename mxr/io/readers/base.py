"""Readers of files, batch by batch: what they have in common. A reader is one class with its parameters, as
an operator is.

class CSV(Batched):
    name = "CSVIter"
    data_csv: str = P(REQUIRED, "...")
    def open(self): return Table(...)

it = readers.create("CSVIter", {"data_csv": "x.csv", "data_shape": (3,), "batch_size": 2})
while it.next(): it.value["data"], it.value["label"], it.num_pad
it.reset()
"""

from __future__ import annotations

import inspect
import os
from collections.abc import Iterator
from functools import cache
from typing import Protocol

import numpy as np

from mxr.operator import REQUIRED, MxError, P, ParamError, Parameter, suggest
from mxr.runtime import costs, progress

# Parameters that scripts give and MXNet's readers never had: like every unknown one, MXNet ignores them.
NEVER_HAD = frozenset(("input_shape", "silent", "mean", "data_name", "label_name", "num_thread"))
_AHEAD = 16  # batches that MXNet's readers read in advance


class Reader:
    """What every reader is to its user: `next`, `value`, `num_pad`, `reset`. Parameters are the annotated
    `P`s of its classes."""

    batch_size: int = P(REQUIRED, "samples in a batch", low=1)
    prefetch_buffer: int = P(4, "accepted for MXNet's sake, without effect")
    ctx: str = P("gpu", "accepted for MXNet's sake, without effect", one_of=("cpu", "gpu"))

    name = ""  # what scripts call it
    value: dict[str, np.ndarray] | None = None
    num_pad = 0

    def next(self) -> bool:
        """Go to the next batch; False at the end of the pass."""
        raise NotImplementedError

    def reset(self) -> None:
        """Begin another pass."""
        raise NotImplementedError

    @classmethod
    @cache
    def parameters(cls) -> dict[str, Parameter]:
        """Parameters by name, those of the class itself first."""
        found: dict[str, Parameter] = {}
        for c in cls.__mro__:
            for key, kind in inspect.get_annotations(c, eval_str=True).items():
                param = c.__dict__.get(key)
                if isinstance(param, Parameter) and key not in found:
                    param.name, param.type = key, kind
                    found[key] = param
        return found

    def __init__(self, given: dict):
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
    """Samples in order. `take` gives arrays (data, label) of the next samples of the pass, at most n; none at
    its end."""

    def take(self, n: int) -> tuple[np.ndarray, ...]: ...

    def rewind(self) -> None: ...

    def left(self, most: int) -> int:
        """How many samples the pass still has, counted no further than `most`."""
        ...


class Batched(Reader):
    """A reader that cuts a source into batches. A last batch that is not full is filled from the beginning,
    and the next pass goes on behind those samples (`round_batch`); otherwise samples of the batch before stay
    in its last places."""

    round_batch: bool = P(
        True, "whether a last batch that is not full is filled from the beginning of the data"
    )

    def __init__(self, given: dict):
        super().__init__(given)
        self.source = self.open()
        self._borrowed = False
        self._before: tuple[np.ndarray, ...] = ()

    def open(self) -> Source:
        """The samples; called once."""
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
        # one label a sample: a vector, not a matrix of one column
        data, label = fields
        self.value = {"data": data, "label": label.reshape(-1) if label.size == len(label) else label}
        return True

    def _filled(self, fields, missing: int):
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
        # MXNet reads ahead: where that reached the end of the data, and borrowed samples, a pass broken off
        # counts as complete
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
    """A source that is in memory: arrays of equal length, and the order of their rows."""

    def __init__(self, *arrays: np.ndarray):
        self._arrays, self._at = arrays, 0

    def take(self, n: int) -> tuple[np.ndarray, ...]:
        begin, self._at = self._at, min(self._at + n, len(self._arrays[0]))
        return tuple(a[begin : self._at].copy() for a in self._arrays)

    def rewind(self) -> None:
        self._at = 0

    def left(self, most: int) -> int:
        return min(most, len(self._arrays[0]) - self._at)


def files(path: str, error) -> list[str]:
    """The file, or all files of the folder, or those of a list with semicolons between; `error` makes the
    exception."""
    found = []
    for part in path.split(";"):
        if os.path.isdir(part):
            found += sorted(p for p in (os.path.join(part, f) for f in os.listdir(part)) if os.path.isfile(p))
        elif os.path.exists(part):
            found.append(part)
        else:
            raise error(f"there is no file {part}")
    return found


def blocks(path: str) -> Iterator[tuple[int, list[bytes]]]:
    """The lines of a text file in blocks of about `TEXT_BLOCK` bytes, each with the number of its first
    line."""
    line, rest, taken = 1, b"", 0
    with open(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        while data := file.read(costs.TEXT_BLOCK):
            progress.report(f"reading {os.path.basename(path)}", taken, size)
            taken += len(data)
            if line == 1 and not rest:
                data = data.removeprefix(b"\xef\xbb\xbf")
            lines = (rest + data).splitlines(keepends=True)
            rest = lines.pop() if lines and not data.endswith((b"\n", b"\r")) else b""
            yield line, [x.rstrip(b"\r\n") for x in lines]
            line += len(lines)
    if rest:
        yield line, [rest]
