"""The calls of a kernel, prepared once: lists for each worker, and lists for before and after them."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from mxr.operator import Run
from mxr.runtime import costs, threads


class Steps:
    """Lists of `(function, arguments)`: `first` and `last` run in the calling thread; `lanes` run between
    them, one per worker.

    Everything that takes time in Python (views, scratch memory, cutting into blocks) is done while the lists
    are filled; `call()` only goes through them. Lanes are independent: they write to disjoint memory and
    share no scratch memory.
    """

    def __init__(self, run: Run):
        self.run = run
        self.first: list = []
        self.lanes = [Lane(run, number) for number in range(threads.workers())]
        self.last: list = []
        self._own = 0
        self._copies: dict[int, np.ndarray] = {}

    def ranges(self, n: int, nanoseconds: float) -> Iterator[tuple[Lane, int, int]]:
        """Split range(n) over lanes: (lane, start, stop) for every lane that gets a part. `nanoseconds`: the
        time of one of the n, roughly."""
        count = max(1, min(len(self.lanes), int(n * nanoseconds / (2 * costs.WAKE_NS))))
        # Lanes that already have work are awake. Otherwise the first part is longer (see threads.cuts), by
        # twice the time of waking a thread, since short calls take longer while another thread runs.
        ahead = 0 if self.lanes[-1].code else 2 * costs.WAKE_NS / nanoseconds
        yield from ((lane, *part) for lane, part in zip(self.lanes, threads.cuts(n, count, ahead)))

    def own(self, shape, dtype) -> np.ndarray:
        """Scratch memory that no other step uses."""
        self._own += 1
        return self.run.workspace(shape, dtype, self._own)

    def solid(self, a: np.ndarray) -> np.ndarray:
        """`a` if it is contiguous; else scratch memory, to which `a` is copied first."""
        if a.flags.c_contiguous:
            return a
        if id(a) not in self._copies:
            self._copies[id(a)] = copy = self.own(a.shape, a.dtype)
            self.first.append((np.copyto, (copy, a)))
        return self._copies[id(a)]

    def target(self, a: np.ndarray) -> np.ndarray:
        """`a` if it is contiguous; else scratch memory, which is copied to `a` last."""
        if a.flags.c_contiguous:
            return a
        inner = self.own(a.shape, a.dtype)
        self.last.append((np.copyto, (a, inner)))
        return inner

    def call(self) -> Callable[[], None]:
        """The function that runs all steps."""
        lanes = [threads.in_turn(lane.code) for lane in self.lanes if lane.code]
        if len(lanes) < 2:
            return threads.in_turn(
                [*self.first, *(step for lane in self.lanes for step in lane.code), *self.last]
            )
        return threads.in_turn([*self.first, (threads.run, (lanes,)), *self.last])


class Lane:
    """The steps of one worker."""

    def __init__(self, run: Run, number: int):
        self.run, self.number = run, number
        self.code: list = []

    def step(self, fn, *args) -> None:
        """Append a call."""
        self.code.append((fn, args))

    def scratch(self, slot: int, shape, dtype) -> np.ndarray:
        """Scratch memory of this lane. Calls with the same slot share it, so it holds its values only until
        the slot's next use."""
        return self.run.workspace(shape, dtype, (self.number, slot))
