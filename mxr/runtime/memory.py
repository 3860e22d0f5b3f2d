"""Memory for arrays that are used for long: it begins at a cache line.

A vector instruction then reads its 64 bytes from one cache line instead of two. That takes up to a fifth less
time for small products and sums.
"""

from __future__ import annotations

import math
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from mxr.runtime.costs import CACHE_LINE


def empty(shape: tuple[int, ...], dtype: npt.DTypeLike) -> np.ndarray:
    """As `np.empty`, but the array begins at a cache line."""
    dtype = np.dtype(dtype)
    return _from_line(np.empty(math.prod(shape) * dtype.itemsize + CACHE_LINE, np.uint8), shape, dtype)


def zeros(shape: tuple[int, ...], dtype: npt.DTypeLike) -> np.ndarray:
    """As `np.zeros`, but the array begins at a cache line."""
    dtype = np.dtype(dtype)
    return _from_line(np.zeros(math.prod(shape) * dtype.itemsize + CACHE_LINE, np.uint8), shape, dtype)


def _from_line(raw: np.ndarray, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    start = -raw.__array_interface__["data"][0] % CACHE_LINE
    array: np.ndarray = raw[start : start + raw.size - CACHE_LINE].view(dtype).reshape(shape)
    return array


def shared(make: Callable[..., np.ndarray]) -> Callable[..., np.ndarray]:
    """`make` with a cache of weak references: equal arguments return the same array as long as it is in
    use."""
    made: weakref.WeakValueDictionary = weakref.WeakValueDictionary()

    def find(*key: Any) -> np.ndarray:
        array = made.get(key)
        if array is None:
            made[key] = array = make(*key)
        return array

    return find


class Buffers:
    """Buffers that the intermediate values of an executor's programs share."""

    def __init__(self) -> None:
        self._sizes: list[int] = []
        self._free: set[int] = set()
        self._buffers: list[np.ndarray | None] = []

    def add(self, nbytes: int) -> int:
        """The number of a new buffer of `nbytes`: for what is needed until the end, so that it does not
        occupy a larger one."""
        self._sizes.append(nbytes)
        self._buffers.append(None)
        return len(self._sizes) - 1

    def take(self, nbytes: int) -> int:
        """The number of a buffer of at least `nbytes`.

        It is the smallest free buffer that is large enough, or else the largest free buffer, which grows, or
        else a new one.
        """
        fits = [b for b in self._free if self._sizes[b] >= nbytes]
        grows = [b for b in self._free if self._buffers[b] is None]  # an allocated buffer cannot grow
        if fits or grows:
            b = min(fits, key=self._sizes.__getitem__) if fits else max(grows, key=self._sizes.__getitem__)
            self._free.remove(b)
            self._sizes[b] = max(self._sizes[b], nbytes)
            return b
        return self.add(nbytes)

    @property
    def nbytes(self) -> int:
        """The memory of all buffers, each of which begins at a cache line."""
        return sum(-(-n // CACHE_LINE) * CACHE_LINE for n in self._sizes)

    def within(self, memory: np.ndarray) -> Buffers:
        """As many buffers of the same sizes, one after the other in `memory`: `nbytes` of uint8."""
        other, start = Buffers(), 0
        for n in self._sizes:
            other._sizes.append(n)
            other._buffers.append(memory[start : start + n])
            start += -(-n // CACHE_LINE) * CACHE_LINE
        return other

    def give_back(self, b: int) -> None:
        self._free.add(b)

    def array(self, b: int, shape: tuple, dtype: np.dtype) -> np.ndarray:
        """An array in buffer `b`, which is allocated now and cannot grow any more. So `take` all buffers
        first."""
        buffer = self._buffers[b]
        if buffer is None:
            self._buffers[b] = buffer = empty((self._sizes[b],), np.uint8)
        array: np.ndarray = buffer[: math.prod(shape) * dtype.itemsize].view(dtype).reshape(shape)
        return array
