"""How fast this machine computes now. It is used for estimates, never for decisions."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import numpy as np

_SIDE, _ELEMENTS, _TURNS, _TRIES = 384, 1 << 16, 10_000, 5


class Speed(NamedTuple):
    """Per second: floating-point operations of matrix products, exponentials, and iterations of an empty
    Python loop."""

    products: float
    elements: float
    turns: float


@cache
def speed() -> Speed:
    """Measured once, in a few milliseconds, with float32."""
    a = np.full((_SIDE, _SIDE), 0.5, np.float32)
    x, out = np.linspace(-1, 1, _ELEMENTS, dtype=np.float32), np.empty(_ELEMENTS, np.float32)
    return Speed(
        2 * _SIDE**3 / _least(lambda: np.dot(a, a)),
        _ELEMENTS / _least(lambda: np.exp(x, out=out)),
        _TURNS / _least(_turn),
    )


def _turn() -> None:
    for _ in range(_TURNS):
        pass


def _least(work: Callable[[], object]) -> float:
    times = []
    for _ in range(_TRIES):
        begin = time.perf_counter()
        work()
        times.append(time.perf_counter() - begin)
    return max(min(times), 1e-9)
