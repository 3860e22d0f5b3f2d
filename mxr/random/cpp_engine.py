"""The C++ standard library's generator `mt19937` and its distributions, bit for bit.

MXNet's readers and its operators on images draw from them. How a distribution makes a value from draws is
that of GNU's library, libstdc++. NumPy's `RandomState` is the same generator: `randint` over all 32-bit
integers returns its draws unchanged.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from mxr.random import streams
from mxr.runtime import costs

_RANGE = 2**32 - 1


class Engine:
    """A seeded `std::mt19937`. Each method consumes as many draws as the corresponding C++ distribution."""

    def __init__(self, seed: int):
        self.seed(seed)

    def seed(self, seed: int) -> None:
        """Restart the sequence from `seed`, of which 32 bits count."""
        self._source = np.random.RandomState(seed & 0xFFFFFFFF)  # initializes the state as C++ does
        self._ahead: list[int] = []

    def draw(self) -> int:
        """The next 32 bits."""
        if not self._ahead:
            self._ahead = self._source.randint(0, 2**32, costs.READER_DRAWS, np.uint32)[::-1].tolist()
        return self._ahead.pop()

    def integer(self, low: int, high: int) -> int:
        """An integer from `low` to `high`, both included."""
        values = high - low + 1
        scale = _RANGE // values
        while (x := self.draw()) >= values * scale:
            pass
        return low + x // scale

    def uniform(self, low: float | np.float32 = 0.0, high: float | np.float32 = 1.0) -> np.float32:
        """A single-precision number in [low, high)."""
        bottom, top = np.float32(low), np.float32(high)
        x = np.float32(self.draw()) * np.float32(2.0**-32)
        return min(x, np.nextafter(np.float32(1), np.float32(0))) * (top - bottom) + bottom

    def coin(self) -> bool:
        """True with probability 1/2."""
        x = self.draw()
        return x + self.draw() * 2.0**32 < 2.0**63

    def normals(self, n: int, scale: float) -> list[np.float32]:
        """n normal numbers by the polar method, as one C++ distribution object returns them: it uses both
        values of each pair."""
        out: list[np.float32] = []
        while len(out) < n:
            x, y = (np.float32(2) * self.uniform() - np.float32(1) for _ in range(2))
            square = x * x + y * y
            if 0 < square <= 1:
                factor = np.float32(math.sqrt(np.float32(-2) * np.float32(math.log(square)) / square))
                out += [y * factor * np.float32(scale), x * factor * np.float32(scale)]
        return out[:n]

    def shuffle(self, values: list[Any]) -> None:
        """Reorder a list in place."""
        for i in range(1, len(values)):
            j = self.integer(0, i)
            values[i], values[j] = values[j], values[i]


class _Shared(Engine):
    """Draws from the engine of `streams`, which `mx.random.seed` seeds."""

    def __init__(self) -> None:  # has no generator itself
        pass

    def draw(self) -> int:
        return int(streams.engine().take(1)[0])


_shared = _Shared()


@contextlib.contextmanager
def shared() -> Iterator[Engine]:
    """The engine that operators share. Other threads cannot draw from it until the block ends."""
    with streams.lock:
        yield _shared
