"""What a kernel does, prepared once: calls for each worker, and calls before and after those."""
from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from .. import threads
from ..op import Run

_SHARED = 60_000        # nanoseconds of work below which handing it over costs more than it gains


class Steps:
    """Lists of `(function, arguments)`: `first` and `last` for the calling thread, `lanes` for the workers in between.

    Everything that costs Python time (views, scratch memory, cutting into blocks) is done while the lists are filled, and `call()`
    only walks through them. Lanes are independent: they write to disjoint memory, and share no scratch.
    """

    def __init__(self, run: Run):
        self.run = run
        self.first: list = []
        self.lanes: list[list] = [[] for _ in range(threads.workers())]
        self.last: list = []
        self._own = 0
        self._copies: dict[int, np.ndarray] = {}

    def ranges(self, n: int, nanoseconds: float) -> Iterator[tuple[int, int, int]]:
        """(lane, start, stop) of range(n) for every lane that gets any of it; `nanoseconds` is what one of n takes, roughly."""
        count = 1 if n * nanoseconds < _SHARED else min(len(self.lanes), n)
        for lane in range(count):
            yield lane, n * lane // count, n * (lane + 1) // count

    def scratch(self, lane: int, slot: int, shape, dtype) -> np.ndarray:
        """Memory of a lane, for as long as the steps that are being added to it: the next ones may ask for the same slot."""
        return self.run.workspace(shape, dtype, (lane, slot))

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

    def call(self) -> Callable[[], None]:
        """The call that takes all the steps."""
        lanes = [_runner(lane) for lane in self.lanes if lane]
        if len(lanes) < 2:
            return _runner([*self.first, *(step for lane in self.lanes for step in lane), *self.last])
        return _runner([*self.first, (threads.run, (lanes,)), *self.last])


def _runner(code: list) -> Callable[[], None]:
    def run():
        for fn, args in code:
            fn(*args)
    return run
