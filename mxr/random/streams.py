"""MXNet's random numbers on the CPU: the same seed gives the same numbers.

Two sources, both 32-bit Mersenne Twisters (mt19937), both reset by `seed(s)`:

- 1024 parallel *streams*, number i seeded with `127 s + i`. A fill of N values is cut into min(ceil(N / 64),
  1024) runs of equal length; run i draws from stream i. Streams go on from call to call. Dropout, every
  `random_*` and every `sample_*` operator draw here.
- one *engine*, seeded with `127 s`: shuffling and `sample_multinomial` draw there (`engine()`).

Nothing is seeded before it is used: until `seed` is called, both behave as after `seed(0)`.
"""

from __future__ import annotations

import ctypes
import math
import os
from threading import RLock

import numpy as np

from mxr.operator import MxError
from mxr.runtime import costs

STREAMS, RUN = 1024, 64  # MXNet's constants: how many streams, and the fewest values worth a run of their own
_MAGIC = 127  # MXNet multiplies every seed by this


lock = RLock()  # a fill is one piece, whichever thread asks for it


class _Machine:
    """One generator, which takes the state of whichever sequence is drawn from.

    A state is NumPy's `mt19937_state`: 624 words and a position. It is swapped in the memory that the
    generator's documented `ctypes` interface points to: in 0.3 microseconds, where the `state` property takes
    35 to read and 40 to set, and a fill of 65 536 values swaps 1024 times. Should that memory ever be laid
    out otherwise, the property is used.
    """

    def __init__(self) -> None:
        self._generator = np.random.MT19937(0)
        # its way of seeding is that of C++ and of MXNet
        self._seeder = np.random.RandomState(self._generator)
        self._memory = np.ctypeslib.as_array(
            (ctypes.c_uint32 * 625).from_address(self._generator.ctypes.state_address)
        )
        self._seeder.seed(1)
        self.direct = np.array_equal(self._memory, self._public())
        self.draw = self._generator.random_raw

    def _public(self) -> np.ndarray:
        state = self._generator.state["state"]
        return np.append(state["key"], np.uint32(state["pos"]))

    def seeded(self, seed: int) -> np.ndarray:
        """The state of a sequence that begins with this seed."""
        self._seeder.seed(seed & 0xFFFFFFFF)
        return self.leave()

    def enter(self, state: np.ndarray) -> None:
        """Go on from this state."""
        if self.direct:
            self._memory[...] = state
        else:
            self._generator.state = {
                "bit_generator": "MT19937",
                "state": {"key": state[:624], "pos": int(state[624])},
            }

    def leave(self) -> np.ndarray:
        """The present state, as memory of its own."""
        return self._memory.copy() if self.direct else self._public()


_machine = _Machine()


class _Twister:
    """One mt19937 sequence of 32-bit draws."""

    __slots__ = ("_state",)

    def __init__(self, seed: int):
        self._state = _machine.seeded(seed)

    def peek(self, n: int) -> np.ndarray:
        """The next n draws, not consumed."""
        _machine.enter(self._state)
        return _machine.draw(n)

    def skip(self, n: int) -> None:
        """Consume n draws."""
        _machine.enter(self._state)
        _machine.draw(n, output=False)
        self._state = _machine.leave()

    def take(self, n: int) -> np.ndarray:
        """The next n draws, consumed."""
        draws = self.peek(n)
        self._state = _machine.leave()
        return draws


class _Source:
    """Everything a seed decides."""

    def __init__(self, seed: int):
        self._seed = seed * _MAGIC
        self._streams: list[_Twister] = []
        self._engine: _Twister | None = None

    def streams(self, n: int) -> list[_Twister]:
        """The first n streams."""
        self._streams.extend(_Twister(self._seed + i) for i in range(len(self._streams), n))
        return self._streams[:n]

    def engine(self) -> _Twister:
        self._engine = self._engine or _Twister(self._seed)
        return self._engine


_source = _Source(0)


def seed(s: int) -> None:
    """Restart every source of random numbers from `s`, an integer (of which 32 bits count)."""
    global _source
    try:
        fresh = _Source(int(s))
    except (TypeError, ValueError, OverflowError):
        raise MxError(f"seed: takes an integer, not {s!r}") from None
    with lock:  # not in the middle of another thread's fill
        _source = fresh


def _after_fork() -> None:
    """In the child nobody holds the lock: a thread that did so when the process was forked is not there."""
    global lock
    lock = RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def engine() -> _Twister:
    """The single generator (`take(n)`: its next n 32-bit draws; hold `lock`)."""
    return _source.engine()


def first(n: int) -> list[_Twister]:
    """The first n streams (hold `lock`)."""
    return _source.streams(n)


# ------------------------------------------------------------------------------------------- draws to numbers


def unit(draws: np.ndarray, dtype=np.float32) -> np.ndarray:
    """Uniform numbers in [0, 1): a single-precision one from each draw, a double-precision one from two along
    the last axis."""
    if dtype == np.float32:
        x = draws.astype(np.float32)
        x *= np.float32(2.0**-32)
    else:
        x = draws[..., 1::2].astype(np.float64)
        x *= 2.0**32
        x += draws[..., ::2]
        x *= 2.0**-64
    # a draw near 2^32 would round to 1
    return np.minimum(x, np.nextafter(x.dtype.type(1), x.dtype.type(0)), out=x)


def _draws_each(dtype) -> int:
    return 1 if dtype == np.float32 else 2


def working(dtype):
    """The precision in which MXNet draws numbers of this type: half precision is drawn as double."""
    return np.float32 if np.dtype(dtype) == np.float32 else np.float64


def rounded(x: np.ndarray, dtype) -> np.ndarray:
    """`x` as that type; to half precision by way of single, as MXNet rounds."""
    if np.dtype(dtype) == np.float16:
        x = x.astype(np.float32)
    return x.astype(dtype, copy=False)


def as_c(ufunc, a: np.ndarray, b: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """Two arrays combined as MXNet's code does it: in the wider type, but to half precision, by way of
    single, where one of them has it.

    The result is `out` if that has the right type.
    """
    if np.float16 in (a.dtype, b.dtype):
        return ufunc(a.astype(np.float32), b.astype(np.float32)).astype(np.float16)
    fits = out is not None and out.dtype == np.result_type(a, b)
    return ufunc(a, b, out=out if fits else None)


def runs(n: int) -> tuple[int, int]:
    """How a fill of n > 0 values is cut: the number of runs that are not empty, and their length (the last
    may be shorter)."""
    wanted = min(-(-n // RUN), STREAMS)
    step = -(-n // wanted)
    return -(-n // step), step


def _fill(out: np.ndarray, block) -> None:
    """Fill the flat array `out` group by group of runs: `block(streams, step, out part)`."""
    if not out.size:
        return
    with lock:
        count, step = runs(out.size)
        streams = first(count)
        group = max(1, costs.RANDOM_BLOCK // step)
        for a in range(0, count, group):
            block(streams[a : a + group], step, out[a * step : (a + group) * step])


def _draws(streams, step, n, each):
    """The next draws for n values in runs of `step`, `each` per value: a flat array."""
    draws = np.empty((len(streams), step * each), np.uint32)
    for row, stream in zip(draws[:-1], streams):
        row[...] = stream.take(step * each)
    rest = n - (len(streams) - 1) * step
    draws[-1, : rest * each] = streams[-1].take(rest * each)
    return draws.ravel()[: n * each]


def _uniform_block(streams, step, out):
    out[...] = unit(_draws(streams, step, out.size, _draws_each(out.dtype)), out.dtype)


def _integer_block(streams, step, out):
    pairs = _draws(streams, step, out.size, 2).astype(np.int64)
    np.left_shift(pairs[::2], 31, out=out)
    out += pairs[1::2]


def _normal_block(streams, step, out):
    # Marsaglia's polar method, one value (the second) of every accepted pair; a run's rejected pairs are its
    # own
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


def polar(y, square):
    """The normal number that the polar method makes of one coordinate and the squared radius."""
    factor = log(square)
    factor *= -2
    factor /= square
    np.sqrt(factor, out=factor)
    return np.multiply(factor, y, out=factor)


def _hex(text: str) -> np.ndarray:
    return np.array([float.fromhex(x) for x in text.split()])


# the C library's logf, which is fast rather than nearest: numbers of its table (1 / c, log c), of its
# polynomial, and log 2
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
    """The natural logarithm of positive normal numbers, in single precision to the C library's last bit."""
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
    """Fill a contiguous int64 array with MXNet's random integers of 63 bits."""
    _fill(out.reshape(-1), _integer_block)


def normal_into(out: np.ndarray) -> None:
    """Fill a contiguous float32 or float64 array with standard normal numbers."""
    _fill(out.reshape(-1), _normal_block)


def below(bounds: np.ndarray) -> np.ndarray:
    """For each bound a whole number from 0 up to it (excluded), drawn from the single generator."""
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


def uniform(shape, low=0.0, high=1.0, dtype=np.float32) -> np.ndarray:
    """Uniform numbers in [low, high), of `shape` in C order."""
    out = np.empty(shape, working(dtype))
    uniform_into(out)
    low, high = np.float32(low), np.float32(high)
    out *= high - low
    out += low
    return rounded(out, dtype)


def normal(shape, loc=0.0, scale=1.0, dtype=np.float32) -> np.ndarray:
    """Normal numbers with mean `loc` and standard deviation `scale`, of `shape` in C order."""
    out = np.empty(shape, working(dtype))
    normal_into(out)
    out *= np.float32(scale)
    out += np.float32(loc)
    return rounded(out, dtype)
