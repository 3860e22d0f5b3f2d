"""MXNet's random numbers on the CPU: the same seed gives the same numbers.

There are two sources. Both are 32-bit Mersenne Twisters (mt19937), and `seed(s)` resets both:

- 1024 parallel *streams*. Stream i is seeded with `127 s + i`. A fill of N values is cut into
  min(ceil(N / 64), 1024) runs of equal length, and run i draws from stream i. The next fill continues where
  the streams are. Dropout and the operators `random_*` and `sample_*` draw here.
- one *engine*, seeded with `127 s`. Shuffling and `sample_multinomial` draw here.

Streams and engine are made when they are first used. Until `seed` is called, both behave as after `seed(0)`.
"""

from __future__ import annotations

import ctypes
import math
import os
from collections.abc import Callable
from threading import RLock

import numpy as np
import numpy.typing as npt

from mxr.operator import MxError
from mxr.runtime import costs

STREAMS, RUN = 1024, 64  # MXNet's constants: the number of streams, and the shortest run of a large fill
_SEED_FACTOR = 127  # MXNet multiplies every seed by this
_STATE_WORDS = 624  # of mt19937

lock = RLock()  # a thread holds it for a whole fill


class _Machine:
    """One NumPy generator, which draws for all sequences: each puts its state in before it draws.

    A state is an array of 625 words: 624 of the generator and its position, as in NumPy's `mt19937_state`.
    A fill of 65 536 values changes the state 1024 times. So the state is copied straight into the memory
    that the generator's documented `ctypes` interface points to: that takes 0.3 microseconds, where the
    property `state` takes 35 to read and 40 to set. If that memory is laid out differently, which is tested
    here, the property is used.
    """

    def __init__(self) -> None:
        self._generator = np.random.MT19937(0)
        self._seeder = np.random.RandomState(self._generator)  # seeds as C++ and MXNet do
        self._memory = np.ctypeslib.as_array(
            (ctypes.c_uint32 * (_STATE_WORDS + 1)).from_address(self._generator.ctypes.state_address)
        )
        self._seeder.seed(1)
        self.direct = np.array_equal(self._memory, self._public())
        self.draw = self._generator.random_raw

    def _public(self) -> np.ndarray:
        state = self._generator.state["state"]
        return np.append(state["key"], np.uint32(state["pos"]))

    def seeded(self, seed: int) -> np.ndarray:
        """The state right after seeding."""
        self._seeder.seed(seed & 0xFFFFFFFF)
        return self.state()

    def set_state(self, state: np.ndarray) -> None:
        """Continue from this state."""
        if self.direct:
            self._memory[...] = state
        else:
            self._generator.state = {
                "bit_generator": "MT19937",
                "state": {"key": state[:_STATE_WORDS], "pos": int(state[_STATE_WORDS])},
            }

    def state(self) -> np.ndarray:
        """A copy of the current state."""
        return self._memory.copy() if self.direct else self._public()


_machine = _Machine()


class Twister:
    """One mt19937 sequence of 32-bit draws. Hold `lock` while you use it."""

    __slots__ = ("_state",)

    def __init__(self, seed: int):
        self._state = _machine.seeded(seed)

    def peek(self, n: int) -> np.ndarray:
        """The next n draws. The sequence stays where it is."""
        _machine.set_state(self._state)
        return _machine.draw(n)

    def skip(self, n: int) -> None:
        """Advance the sequence by n draws."""
        _machine.set_state(self._state)
        _machine.draw(n, output=False)
        self._state = _machine.state()

    def take(self, n: int) -> np.ndarray:
        """The next n draws. The sequence advances by n."""
        draws = self.peek(n)
        self._state = _machine.state()
        return draws


class _Source:
    """The streams and the engine of one seed."""

    def __init__(self, seed: int):
        self._seed = seed * _SEED_FACTOR
        self._streams: list[Twister] = []
        self._engine: Twister | None = None

    def streams(self, n: int) -> list[Twister]:
        """The first n streams."""
        self._streams.extend(Twister(self._seed + i) for i in range(len(self._streams), n))
        return self._streams[:n]

    def engine(self) -> Twister:
        self._engine = self._engine or Twister(self._seed)
        return self._engine


_source = _Source(0)


def seed(s: int) -> None:
    """Restart all streams and the engine from `s`, an integer, of which 32 bits count."""
    global _source
    try:
        fresh = _Source(int(s))
    except (TypeError, ValueError, OverflowError):
        raise MxError(f"seed: takes an integer, not {s!r}") from None
    with lock:  # waits for another thread's fill
        _source = fresh


def exchange(source: _Source | None = None) -> _Source:
    """Put `source`, or fresh streams, in the place of the current streams and engine, and return those."""
    global _source
    with lock:
        before, _source = _source, source or _Source(0)
    return before


def _after_fork() -> None:
    """Make a new lock in the child: the thread that held it may not exist there."""
    global lock
    lock = RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def engine() -> Twister:
    """The engine. Hold `lock` while you draw from it."""
    return _source.engine()


def first(n: int) -> list[Twister]:
    """The first n streams. Hold `lock` while you draw from them."""
    return _source.streams(n)


# ------------------------------------------------------------------------------------------- draws to numbers


def unit(draws: np.ndarray, dtype: npt.DTypeLike = np.float32) -> np.ndarray:
    """Uniform numbers in [0, 1), of `dtype` float32 or float64.

    A float32 number is made from one draw, a float64 number from two that are neighbours along the last axis.
    """
    if dtype == np.float32:
        x = draws.astype(np.float32)
        x *= np.float32(2.0**-32)
    else:
        x = draws[..., 1::2].astype(np.float64)
        x *= 2.0**32
        x += draws[..., ::2]
        x *= 2.0**-64
    # draws near 2^32 would round to 1
    return np.minimum(x, np.nextafter(x.dtype.type(1), x.dtype.type(0)), out=x)


def _draws_each(dtype: np.dtype) -> int:
    return 1 if dtype == np.float32 else 2


def working(dtype: npt.DTypeLike) -> type[np.float32] | type[np.float64]:
    """The precision in which MXNet draws numbers of this type: float16 is drawn as float64."""
    return np.float32 if np.dtype(dtype) == np.float32 else np.float64


def rounded(x: np.ndarray, dtype: npt.DTypeLike) -> np.ndarray:
    """`x` as `dtype`. To float16 it is rounded twice, first to float32, as MXNet does."""
    if np.dtype(dtype) == np.float16:
        x = x.astype(np.float32)
    return x.astype(dtype, copy=False)


def as_c(ufunc: np.ufunc, a: np.ndarray, b: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """`ufunc(a, b)` in the type that MXNet's C++ code computes in: the wider of the two.

    If one of them is float16, the result is float16, computed in float32. `out` takes the result if its type
    fits.
    """
    if np.float16 in (a.dtype, b.dtype):
        return ufunc(a.astype(np.float32), b.astype(np.float32)).astype(np.float16)
    fits = out is not None and out.dtype == np.result_type(a, b)
    return ufunc(a, b, out=out if fits else None)


def runs(n: int) -> tuple[int, int]:
    """How a fill of n > 0 values is cut: the number of runs that are not empty, and their length. The last
    run may be shorter."""
    wanted = min(-(-n // RUN), STREAMS)
    step = -(-n // wanted)
    return -(-n // step), step


def _fill(out: np.ndarray, block: Callable[[list[Twister], int, np.ndarray], None]) -> None:
    """Fill the flat array `out`. `block(streams, step, part)` fills a part of it: a run of `step` values from
    each of these streams."""
    if not out.size:
        return
    with lock:
        count, step = runs(out.size)
        streams = first(count)
        group = max(1, costs.RANDOM_BLOCK // step)
        for a in range(0, count, group):
            block(streams[a : a + group], step, out[a * step : (a + group) * step])


def _draws(streams: list[Twister], step: int, n: int, each: int) -> np.ndarray:
    """The next draws for n values in runs of `step`, `each` draws per value: a flat array."""
    draws = np.empty((len(streams), step * each), np.uint32)
    for row, stream in zip(draws[:-1], streams):
        row[...] = stream.take(step * each)
    rest = n - (len(streams) - 1) * step
    draws[-1, : rest * each] = streams[-1].take(rest * each)
    return draws.ravel()[: n * each]


def _uniform_block(streams: list[Twister], step: int, out: np.ndarray) -> None:
    out[...] = unit(_draws(streams, step, out.size, _draws_each(out.dtype)), out.dtype)


def _integer_block(streams: list[Twister], step: int, out: np.ndarray) -> None:
    pairs = _draws(streams, step, out.size, 2).astype(np.int64)
    np.left_shift(pairs[::2], 31, out=out)
    out += pairs[1::2]


def _normal_block(streams: list[Twister], step: int, out: np.ndarray) -> None:
    """Marsaglia's polar method. Of the two values of each accepted pair, MXNet uses the second."""
    each = 2 * _draws_each(out.dtype)
    need = np.full((len(streams), 1), step)
    need[-1] = out.size - (len(streams) - 1) * step
    pairs = int(step * 4 / math.pi + 3 * math.sqrt(step)) + 6
    while True:
        draws = np.empty((len(streams), pairs * each), np.uint32)
        for row, stream in zip(draws, streams):
            row[...] = stream.peek(pairs * each)
        u = unit(draws, out.dtype)
        u *= 2
        u -= 1
        y = u[:, 1::2]
        square = u[:, ::2] ** 2
        square += y * y
        accepted = (square <= 1) & (square != 0)
        count = accepted.cumsum(axis=1, dtype=np.int32)
        if (count[:, -1:] >= need).all():
            break
        pairs *= 2
    for stream, used in zip(streams, (count < need).sum(axis=1) + 1):
        stream.skip(int(used) * each)
    accepted &= count <= need
    out[...] = polar(y[accepted], square[accepted])


def polar(y: np.ndarray, square: np.ndarray) -> np.ndarray:
    """The polar method's normal number, from a coordinate and the squared radius:
    y sqrt(-2 log(square) / square)."""
    factor = log(square)
    factor *= -2
    factor /= square
    np.sqrt(factor, out=factor)
    return np.multiply(factor, y, out=factor)


def _hex(text: str) -> np.ndarray:
    return np.array([float.fromhex(x) for x in text.split()])


# The constants of glibc's logf, whose results are not always correctly rounded: its table (1 / c and log c),
# the polynomial's coefficients, and log 2.
_INVERSE = _hex("""
    0x1.661ec79f8f3bep+0 0x1.571ed4aaf883dp+0 0x1.49539f0f010bp+0 0x1.3c995b0b80385p+0 0x1.30d190c8864a5p+0
    0x1.25e227b0b8eap+0 0x1.1bb4a4a1a343fp+0 0x1.12358f08ae5bap+0 0x1.0953f419900a7p+0 0x1p+0
    0x1.e608cfd9a47acp-1 0x1.ca4b31f026aap-1 0x1.b2036576afce6p-1 0x1.9c2d163a1aa2dp-1 0x1.886e6037841edp-1
    0x1.767dcf5534862p-1
""")
_LOG = _hex("""
    -0x1.57bf7808caadep-2 -0x1.2bef0a7c06ddbp-2 -0x1.01eae7f513a67p-2 -0x1.b31d8a68224e9p-3
    -0x1.6574f0ac07758p-3 -0x1.1aa2bc79c81p-3 -0x1.a4e76ce8c0e5ep-4 -0x1.1973c5a611cccp-4
    -0x1.252f438e10c1ep-5 0x0p+0 0x1.aa5aa5df25984p-5 0x1.c5e53aa362eb4p-4 0x1.526e57720db08p-3
    0x1.bc2860d22477p-3 0x1.1058bc8a07ee1p-2 0x1.4043057b6ee09p-2
""")
_CUBIC = _hex("-0x1.00ea348b88334p-2 0x1.5575b0be00b6ap-2 -0x1.ffffef20a4123p-2")
_LN2, _OFFSET = float.fromhex("0x1.62e42fefa39efp-1"), 0x3F330000


def log(x: np.ndarray) -> np.ndarray:
    """The natural logarithm of positive normal numbers. For float32 it has the same bits as glibc's logf."""
    if x.dtype != np.float32:
        return np.log(x)
    bits = np.ascontiguousarray(x).view(np.int32)
    offset = bits - np.int32(_OFFSET)
    cell = (offset >> 19) & 15
    r = (bits - (offset & np.int32(-0x800000))).view(np.float32) * _INVERSE[cell]
    r -= 1
    whole = (offset >> 23) * _LN2
    whole += _LOG[cell]
    whole += r
    square = r * r
    r *= _CUBIC[1]
    r += _CUBIC[2]
    r += square * _CUBIC[0]
    r *= square
    r += whole
    return r.astype(np.float32)


def uniform_into(out: np.ndarray) -> None:
    """Fill a contiguous float32 or float64 array with uniform numbers in [0, 1)."""
    _fill(out.reshape(-1), _uniform_block)


def integers_into(out: np.ndarray) -> None:
    """Fill a contiguous int64 array with random integers of 63 bits, as MXNet draws them."""
    _fill(out.reshape(-1), _integer_block)


def normal_into(out: np.ndarray) -> None:
    """Fill a contiguous float32 or float64 array with standard normal numbers."""
    _fill(out.reshape(-1), _normal_block)


def below(bounds: np.ndarray) -> np.ndarray:
    """For each bound a whole number from 0 to bound - 1, drawn from the engine."""
    bounds = bounds.astype(np.uint64)
    buckets = 0xFFFFFFFF // bounds
    out = np.empty(len(bounds), np.int64)
    done = 0
    with lock:
        while done < len(bounds):
            draws = engine().peek(len(bounds) - done)
            refused = draws >= bounds[done:] * buckets[done:]  # so that every number is equally likely
            n = int(refused.argmax()) if refused.any() else len(draws)
            out[done : done + n] = draws[:n] // buckets[done : done + n]
            engine().skip(n + (n < len(draws)))
            done += n
    return out


def uniform(
    shape: int | tuple[int, ...], low: float = 0.0, high: float = 1.0, dtype: npt.DTypeLike = np.float32
) -> np.ndarray:
    """Uniform numbers in [low, high), of `shape` in C order."""
    out = np.empty(shape, working(dtype))
    uniform_into(out)
    out *= np.float32(high) - np.float32(low)
    out += np.float32(low)
    return rounded(out, dtype)


def normal(
    shape: int | tuple[int, ...], loc: float = 0.0, scale: float = 1.0, dtype: npt.DTypeLike = np.float32
) -> np.ndarray:
    """Normal numbers with mean `loc` and standard deviation `scale`, of `shape` in C order."""
    out = np.empty(shape, working(dtype))
    normal_into(out)
    out *= np.float32(scale)
    out += np.float32(loc)
    return rounded(out, dtype)
