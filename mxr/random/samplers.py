"""Distributions that MXNet samples by rejection: gamma, Poisson, negative binomial.

They draw from MXNet's streams (mxr/random/streams.py). How many draws a value takes depends on the draws, so
the values of one run are sampled one after the other. Vectorization is across runs: value t of all runs at
once. Every formula is computed in the precision of MXNet's code, so that the numbers are equal.

Tests are written as rejections, so that NaN is accepted: a parameter out of its range gives NaN, and loops
end.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import functools
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from mxr.random import streams
from mxr.runtime import costs
from mxr.runtime.lazy_scipy import special

Array = np.ndarray


class _Lanes:
    """One lane per run. Each lane draws from its own stream.

    `which` holds the indices of the lanes that draw.
    """

    def __init__(self, sources: list[streams.Twister], dtype: npt.DTypeLike):
        self._sources, self.dtype = sources, np.dtype(dtype)
        self._draws_each = 1 if self.dtype == np.float32 else 2
        self._ahead = np.empty((len(sources), costs.SAMPLER_DRAWS), np.uint32)
        self._used = np.zeros(len(sources), np.intp)
        self._look_ahead()

    def _look_ahead(self) -> None:
        for row, source in zip(self._ahead, self._sources):
            row[...] = source.peek(costs.SAMPLER_DRAWS)

    def close(self) -> None:
        """Advance the streams by the draws that were used."""
        for source, n in zip(self._sources, self._used):
            source.skip(int(n))
        self._used[:] = 0

    def uniform(self, which: Array) -> Array:
        """One uniform number in [0, 1) for each of these lanes."""
        used = self._used[which]
        if len(used) and used.max() + self._draws_each > costs.SAMPLER_DRAWS:
            self.close()
            self._look_ahead()
            used = self._used[which]
        self._used[which] = used + self._draws_each
        if self._draws_each == 1:
            return streams.unit(self._ahead[which, used], self.dtype)
        return streams.unit(self._ahead[which[:, None], used[:, None] + (0, 1)], self.dtype)[:, 0]

    def normal(self, which: Array) -> Array:
        """One standard normal number for each of these lanes."""
        out = np.empty(len(which), self.dtype)
        todo = np.arange(len(which))
        while len(todo):
            x, y = (2 * self.uniform(which[todo]) - 1 for _ in range(2))
            square = x * x + y * y
            ok = (square <= 1) & (square != 0)
            out[todo[ok]] = streams.polar(y[ok], square[ok])
            todo = todo[~ok]
        return out


def _gamma(lanes: _Lanes, which: Array, a: Array, b: Array) -> Array:
    """Marsaglia and Tsang's method. `a` holds the shape and `b` the scale for each of these lanes."""
    real = lanes.dtype.type
    two_thirds, third, one = np.array([2.0, 1.0, 3.0]) / 3
    d = np.where(a < 1, streams.as_c(np.add, a, two_thirds), streams.as_c(np.subtract, a, third)).astype(real)
    k = np.sqrt(9.0 * d.astype(np.float64)).astype(real)
    c = (1.0 / k.astype(np.float64)).astype(real)
    out = np.empty(len(which), real)
    todo = np.arange(len(which))
    while len(todo):
        z = lanes.normal(which[todo])
        usable = ~(z <= -k[todo])
        i, z = todo[usable], z[usable]
        x = (1.0 + (c[i] * z).astype(np.float64)).astype(real)
        v = x * x * x
        u = lanes.uniform(which[i]).astype(np.float64)
        wide_z, wide_v = z.astype(np.float64), v.astype(np.float64)
        ok = ~(np.log(1.0 - u) >= 0.5 * wide_z * wide_z + d[i] * (1.0 - wide_v + np.log(wide_v)))
        out[i[ok]] = streams.as_c(np.multiply, d[i[ok]] * v[ok], b[i[ok]])
        left = ~usable
        left[usable] = ~ok
        todo = todo[left]
    small = np.flatnonzero(a < 1)
    if len(small):
        exponent = streams.as_c(np.divide, one, a[small]).astype(real)
        out[small] *= lanes.uniform(which[small]).astype(np.float64) ** exponent
    return out


def _poisson(lanes: _Lanes, which: Array, mean: Array) -> Array:
    """Products of uniform numbers for means below 12, rejection from a Cauchy distribution for others."""
    mean = mean.astype(np.float32)
    out = np.empty(len(which), np.float32)
    small = mean < 12
    i = np.flatnonzero(small)
    if len(i):
        out[i] = _poisson_small(lanes, which[i], mean[i])
    i = np.flatnonzero(~small)
    if len(i):
        out[i] = _poisson_large(lanes, which[i], mean[i])
    return out


def _poisson_small(lanes: _Lanes, which: Array, mean: Array) -> Array:
    least = np.exp(-mean.astype(np.float64)).astype(np.float32)
    count = np.zeros(len(which), np.int64)
    product = lanes.uniform(which)
    todo = np.flatnonzero(product > least)
    while len(todo):
        count[todo] += 1
        product[todo] *= lanes.uniform(which[todo])
        todo = todo[product[todo] > least[todo]]
    return count


@functools.cache
def _lgammaf() -> Callable[[float], float] | None:
    """The C library's lgammaf, or None where there is none. It is wrong by some units in the last place, and
    so are MXNet's values."""
    try:
        function = ctypes.CDLL(ctypes.util.find_library("m")).lgammaf
    except (OSError, AttributeError, TypeError):
        return None
    function.restype, function.argtypes = ctypes.c_float, [ctypes.c_float]
    return function


def _log_gamma(x: Array) -> Array:
    """log(gamma(x)) in single precision, by the C library's function where there is one."""
    function = _lgammaf()
    if function is None:
        exact: Array = special.gammaln(x)
        return exact.astype(np.float32)
    values, places = np.unique(x.astype(np.float32), return_inverse=True)
    return np.array([function(v) for v in values.tolist()], np.float32)[places]


_log_factorials = np.empty(0, np.float32)


def _log_factorial(x: Array) -> Array:
    """log(x!) of whole numbers with the values of `_log_gamma`. The table grows up to 100 000 entries."""
    global _log_factorials
    largest = x.max(initial=0)
    if not largest <= 100_000:  # NaN as well
        return _log_gamma(x + 1.0)
    table = _log_factorials  # another thread may replace the global by a shorter table
    if largest >= len(table):
        _log_factorials = table = _log_gamma(np.arange(1, 2 * int(largest) + 2))
    return table[x.astype(np.intp)]


def _poisson_large(lanes: _Lanes, which: Array, mean: Array) -> Array:
    single = np.float32
    wide = mean.astype(np.float64)
    scale = np.sqrt(2.0 * wide).astype(single)
    log_mean = streams.log(mean)
    g = mean * log_mean - _log_gamma(wide + 1.0)
    out = np.empty(len(which), single)
    todo = np.arange(len(which))
    while len(todo):
        value, y = np.empty(len(todo), single), np.empty(len(todo), single)
        negative = np.arange(len(todo))  # the lanes that still need a value of at least 0
        while len(negative):
            angle = single(3.1415926) * lanes.uniform(which[todo[negative]])
            y[negative] = np.tan(angle)
            value[negative] = scale[todo[negative]] * y[negative] + mean[todo[negative]]
            negative = negative[value[negative] < 0]
        value = np.floor(value)
        exponent = value * log_mean[todo] - _log_factorial(value.astype(np.float64)) - g[todo]
        wide_y = y.astype(np.float64)
        threshold = (
            0.9 * (1.0 + wide_y * wide_y) * np.exp(exponent.astype(np.float64)).astype(single)
        ).astype(single)
        ok = ~(lanes.uniform(which[todo]) > threshold)
        out[todo[ok]] = value[ok]
        todo = todo[~ok]
    return out


def _negative_binomial(lanes: _Lanes, which: Array, k: Array, p: Array) -> Array:
    p = p.astype(np.float32).astype(np.float64)
    return _poisson(lanes, which, _gamma(lanes, which, k, ((1.0 - p) / p).astype(k.dtype)))


def _generalized_negative_binomial(lanes: _Lanes, which: Array, mu: Array, alpha: Array) -> Array:
    mean = mu.astype(np.float32)
    i = np.flatnonzero(alpha != 0)
    if len(i):
        mean[i] = _gamma(lanes, which[i], 1 / alpha[i], alpha[i] * mu[i])
    return _poisson(lanes, which, mean)


_SAMPLERS: dict[str, Callable[..., np.ndarray]] = {
    "gamma": _gamma,
    "poisson": _poisson,
    "negative_binomial": _negative_binomial,
    "generalized_negative_binomial": _generalized_negative_binomial,
}


def fill(out: np.ndarray, kind: str, *params: np.ndarray) -> None:
    """Fill `out` with values of the distribution.

    A parameter has one value, or n values: then each is for 1/n of `out`, in C order.
    """
    flat = np.empty(out.size, out.dtype)
    if not out.size:
        return
    per = 1 + (out.size - 1) // params[0].size
    params = tuple(x.reshape(-1) for x in params)
    # gamma is drawn in the type of the result, counts always in single precision
    dtype = np.float64 if kind == "gamma" and out.dtype == np.float64 else np.float32
    sample = _SAMPLERS[kind]
    with streams.lock, np.errstate(all="ignore"):
        count, step = streams.runs(out.size)
        lanes = _Lanes(streams.first(count), dtype)
        starts = np.arange(count) * step
        for t in range(step):
            which = np.arange(
                count if starts[-1] + t < out.size else count - 1
            )  # the last run may be shorter
            places = starts[which] + t
            flat[places] = sample(lanes, which, *(x[places // per] for x in params))
        lanes.close()
    out[...] = flat.reshape(out.shape)


def zipfian(out: np.ndarray, tries: np.ndarray, classes: int) -> None:
    """Fill each row of `out` with distinct classes from a log-uniform distribution, and `tries` with the
    number of values that were drawn for each row."""
    rows, n = out.shape
    count = min(rows, streams.STREAMS)
    step = -(-rows // count)
    with streams.lock:
        sources = streams.first(count)
        for i in range(rows):
            source = sources[i // step]
            seen: dict[int, None] = {}
            tries[i] = 0
            while len(seen) < n:
                pairs = 2 * n
                u = streams.unit(source.peek(2 * pairs).astype(np.uint32), np.float64)
                values = np.floor(np.exp(u * np.log(float(classes))) + 0.5).astype(np.int64) - 1
                used = 0
                for value in values.tolist():
                    used += 1
                    seen.setdefault(value)
                    if len(seen) == n:
                        break
                source.skip(2 * used)
                tries[i] += used
            out[i] = list(seen)
