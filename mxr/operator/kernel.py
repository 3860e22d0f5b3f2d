"""Running a kernel operator: what it may ask of whoever runs it, and calls that are prepared once."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from mxr.operator.shapes import size
from mxr.runtime import memory, threads


class Run:
    """What a kernel operator may ask of whoever runs it: the mode, and scratch memory.

    `workspace(shape, dtype, slot)` lends an uninitialised array that is valid until the kernel returns; the
    executor reuses the memory for every step, so asking costs nothing after the first time. Two arrays that
    are needed at the same time take different slots. `moved` counts how often a slot got new memory, because
    it was too small. `own(key, make)` is what an operator keeps from call to call, made once: forward and
    gradient of one node see the same.
    """

    __slots__ = ("train", "moved", "_slots", "_own")

    def __init__(self, train: bool = False):
        self.train = train
        self.moved = 0
        self._slots: dict[Hashable, np.ndarray] = {}
        self._own: dict[Hashable, object] = {}

    def own(self, key: Hashable, make: Callable[[], object]) -> Any:
        """What `make` makes for that key, once for this run."""
        if key not in self._own:
            self._own[key] = make()
        return self._own[key]

    def workspace(
        self, shape: Sequence[int], dtype: npt.DTypeLike = np.float32, slot: Hashable = 0
    ) -> np.ndarray:
        """Scratch memory: see above."""
        dtype = np.dtype(dtype)
        nbytes = size(shape) * dtype.itemsize
        buffer = self._slots.get(slot)
        if buffer is None or buffer.nbytes < nbytes:
            self._slots[slot] = buffer = memory.empty((nbytes,), np.uint8)
            self.moved += 1
        array: np.ndarray = buffer[:nbytes].view(dtype).reshape(shape)
        return array


Kernel = Callable[..., Any]  # of the parameters, a `Run` and arrays


def _unprepared() -> None:
    raise AssertionError("a kernel was called before it was prepared")


class Prepared:
    """A kernel's prepared call, prepared again where scratch memory has moved since: two kernels share what
    the larger one needs."""

    __slots__ = ("run", "make", "moved", "call")

    def __init__(self, run: Run, make: Callable[[], Callable[[], None]]):
        self.run, self.make, self.moved = run, make, -1
        self.call: Callable[[], None] = _unprepared

    def __call__(self) -> None:
        while self.moved != self.run.moved:  # twice where preparing itself moved some
            moved = self.run.moved
            self.call = self.make()
            self.moved = moved
        self.call()


def both_forms(
    compute: Kernel | None, prepare: Kernel | None, native: Kernel | None = None
) -> tuple[Kernel | None, Kernel | None]:
    """A kernel's function that computes at once, and the one that returns a prepared call, from whichever is
    declared. `native` gives that call as a step of the native core, or None where there is none for these
    arrays.
    """
    if not prepare:
        return compute, compute and partial(partial, compute)

    def at_once(*args: Any) -> None:
        with threads.single_blas():  # as executors do around programs with kernels
            prepare(*args)()

    return (
        at_once,
        lambda p, run, *arrays: (
            (native and native(p, *arrays)) or Prepared(run, partial(prepare, p, run, *arrays))
        ),
    )
