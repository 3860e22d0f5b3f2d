"""The C++ standard library's random numbers, as MXNet's readers and its operators on images draw them: one
mt19937, and GNU's way from draws to values.

NumPy's `RandomState` is the same mt19937, and `randint` over the whole range of 32 bits gives its draws as
they are.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator

import numpy as np

from mxr.random import streams
from mxr.runtime import costs

_RANGE = 2**32 - 1


class Engine:
    """A seeded `std::mt19937`; every method consumes the draws that the C++ distribution of that name
    consumes."""

    def __init__(self, seed: int):
        self.seed(seed)

    def seed(self, seed: int) -> None:
        """Start anew."""
        self._source = np.random.RandomState(seed & 0xFFFFFFFF)  # seeds its mt19937 as C++ does
        self._ahead: list[int] = []

    def draw(self) -> int:
        """The next 32 bits."""
        if not self._ahead:
            self._ahead = self._source.randint(0, 2**32, costs.READER_DRAWS, np.uint32)[::-1].tolist()
        return self._ahead.pop()

    def integer(self, low: int, high: int) -> int:
        """An integer in low..high, both included."""
        values = high - low + 1
        scale = _RANGE // values
        while (x := self.draw()) >= values * scale:
            pass
        return low + x // scale

    def uniform(self, low: float = 0.0, high: float = 1.0) -> np.float32:
        """A single-precision number in [low, high)."""
        bottom, top = np.float32(low), np.float32(high)
        x = np.float32(self.draw()) * np.float32(2.0**-32)
        return min(x, np.nextafter(np.float32(1), np.float32(0))) * (top - bottom) + bottom

    def coin(self) -> bool:
        """True half of the time."""
        x = self.draw()
        return x + self.draw() * 2.0**32 < 2.0**63

    def normals(self, n: int, scale: float) -> list[np.float32]:
        """Normal numbers from one distribution object: the polar method, both of every pair."""
        out: list[np.float32] = []
        while len(out) < n:
            x, y = (np.float32(2) * self.uniform() - np.float32(1) for _ in range(2))
            square = x * x + y * y
            if 0 < square <= 1:
                factor = np.float32(math.sqrt(np.float32(-2) * np.float32(math.log(square)) / square))
                out += [y * factor * np.float32(scale), x * factor * np.float32(scale)]
        return out[:n]

    def shuffle(self, values: list) -> None:
        """Reorder a list in place."""
        for i in range(1, len(values)):
            j = self.integer(0, i)
            values[i], values[j] = values[j], values[i]


class _Shared(Engine):
    """The distributions over the one engine of `streams`, which `mx.random.seed` seeds."""

    def __init__(self) -> None:
        pass

    def draw(self) -> int:
        return int(streams.engine().take(1)[0])


_shared = _Shared()


@contextlib.contextmanager
def shared() -> Iterator[Engine]:
    """The engine that operators share, for draws that belong together."""
    with streams.lock:
        yield _shared
