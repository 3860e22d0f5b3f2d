"""Running a kernel operator: `Run`, its scratch memory, and `Prepared`, calls that are prepared once."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from mxr.operator.shapes import size
from mxr.runtime import memory, threads


class Run:
    """The environment of a kernel operator: the mode (`train`), scratch memory, and stored objects.

    All steps of an executor share the scratch memory. `moved` counts how often a slot got new memory because
    it was too small.
    """

    __slots__ = ("train", "moved", "writes", "wrote", "_slots", "_own")

    def __init__(self, train: bool = False):
        self.train = train
        self.moved = 0
        # of variables by their names: how often they were written, None if that is not known; count one more
        self.writes: Callable[[Sequence[str]], list[int] | None] = lambda names: None
        self.wrote: Callable[[Sequence[str]], None] = lambda names: None
        self._slots: dict[Hashable, np.ndarray] = {}
        self._own: dict[Hashable, object] = {}

    def own(self, key: Hashable, make: Callable[[], object]) -> Any:
        """The object of that key, which `make` makes at the first call. Forward and gradient of one node see
        the same objects."""
        if key not in self._own:
            self._own[key] = make()
        return self._own[key]

    def workspace(
        self, shape: Sequence[int], dtype: npt.DTypeLike = np.float32, slot: Hashable = 0
    ) -> np.ndarray:
        """An uninitialised array that is valid until the kernel returns. Arrays that are needed at the same
        time take different slots. Only the first call of a slot allocates memory."""
        dtype = np.dtype(dtype)
        nbytes = size(shape) * dtype.itemsize
        buffer = self._slots.get(slot)
        if buffer is None or buffer.nbytes < nbytes:
            moves = buffer is not None  # nothing has used the first memory of a slot
            self._slots[slot] = buffer = memory.empty((nbytes,), np.uint8)
            self.moved += moves
        array: np.ndarray = buffer[:nbytes].view(dtype).reshape(shape)
        return array


Kernel = Callable[..., Any]  # of the parameters, a `Run` and arrays


def _unprepared() -> None:
    raise AssertionError("a kernel was called before it was prepared")


class Prepared:
    """A kernel's prepared call. It is prepared again after scratch memory has moved, which happens when
    another kernel needs a larger slot."""

    __slots__ = ("run", "make", "moved", "call")

    def __init__(self, run: Run, make: Callable[[], Callable[[], None]]):
        self.run, self.make, self.moved = run, make, -1
        self.call: Callable[[], None] = _unprepared

    def __call__(self) -> None:
        while self.moved != self.run.moved:  # preparing may itself move memory
            moved = self.run.moved
            self.call = self.make()
            self.moved = moved
        self.call()


def both_forms(
    compute: Kernel | None, prepare: Kernel | None, native: Kernel | None = None
) -> tuple[Kernel | None, Kernel | None]:
    """(a function that computes at once, a function that returns a prepared call), from the one that is
    declared.

    `native` returns the call as a step of the native core, or None if the core cannot do it for these arrays.
    """
    if not prepare:
        return compute, compute and partial(partial, compute)

    def at_once(*args: Any) -> None:
        with threads.single_blas():  # executors do this around programs with kernels
            prepare(*args)()

    return (
        at_once,
        lambda p, run, *arrays: (
            (native and native(p, *arrays)) or Prepared(run, partial(prepare, p, run, *arrays))
        ),
    )
