"""What a kernel does, prepared once: calls for each worker, and calls before and after those."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from mxr.operator import Run
from mxr.runtime import costs, threads


class Steps:
    """Lists of `(function, arguments)`: `first` and `last` for the calling thread, `lanes` for the workers in
    between.

    Everything that costs Python time (views, scratch memory, cutting into blocks) is done while the lists are
    filled, and `call()` only walks through them. Lanes are independent: they write to disjoint memory, and
    share no scratch.
    """

    def __init__(self, run: Run):
        self.run = run
        self.first: list = []
        self.lanes = [Lane(run, number) for number in range(threads.workers())]
        self.last: list = []
        self._own = 0
        self._copies: dict[int, np.ndarray] = {}

    def ranges(self, n: int, nanoseconds: float) -> Iterator[tuple[Lane, int, int]]:
        """(lane, start, stop) of range(n) for every lane that gets any of it; `nanoseconds` is what one of n
        takes, roughly."""
        count = max(1, min(len(self.lanes), int(n * nanoseconds / (2 * costs.WAKE_NS))))
        # A lane that already has work is awake. Else the first piece is longer (see threads.cuts), by twice
        # the time of waking up, as short calls take longer beside each other.
        ahead = 0 if self.lanes[-1].code else 2 * costs.WAKE_NS / nanoseconds
        yield from ((lane, *part) for lane, part in zip(self.lanes, threads.cuts(n, count, ahead)))

    def own(self, shape, dtype) -> np.ndarray:
        """Scratch memory that nothing else in these steps uses."""
        self._own += 1
        return self.run.workspace(shape, dtype, self._own)

    def solid(self, a: np.ndarray) -> np.ndarray:
        """`a` if it is contiguous, or scratch memory into which it is copied first."""
        if a.flags.c_contiguous:
            return a
        if id(a) not in self._copies:
            self._copies[id(a)] = copy = self.own(a.shape, a.dtype)
            self.first.append((np.copyto, (copy, a)))
        return self._copies[id(a)]

    def target(self, a: np.ndarray) -> np.ndarray:
        """`a` if it is contiguous, or scratch memory that is copied to it last."""
        if a.flags.c_contiguous:
            return a
        inner = self.own(a.shape, a.dtype)
        self.last.append((np.copyto, (a, inner)))
        return inner

    def call(self) -> Callable[[], None]:
        """The call that takes all the steps."""
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
        """What is to be done next."""
        self.code.append((fn, args))

    def scratch(self, slot: int, shape, dtype) -> np.ndarray:
        """Memory for an operation that is cut into steps. The next operation in the lane may ask for the same
        slot."""
        return self.run.workspace(shape, dtype, (self.number, slot))
