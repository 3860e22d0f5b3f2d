"""Distributions that MXNet samples by rejection, from its own streams (mxr/random/streams.py): gamma,
Poisson, negative binomial.

How many draws a value takes depends on the draws, so a run of values cannot be cut up; but all runs can go
side by side: value t of every run at once. Every formula is in the precision in which MXNet's code computes
it, so that the numbers are its own.

Tests are written as rejections, so that NaN is accepted: a parameter out of its range gives NaN, and loops
end.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import functools
from collections.abc import Callable

import numpy as np

from mxr.random import streams
from mxr.runtime import costs
from mxr.runtime.lazy_scipy import special


class _Lanes:
    """Runs side by side; `who` says which of them draw."""

    def __init__(self, sources, dtype):
        self._sources, self.dtype = sources, np.dtype(dtype)
        self._each = 1 if self.dtype == np.float32 else 2
        self._ahead = np.empty((len(sources), costs.SAMPLER_DRAWS), np.uint32)
        self._at = np.zeros(len(sources), np.intp)
        self._look()

    def _look(self):
        for row, source in zip(self._ahead, self._sources):
            row[...] = source.peek(costs.SAMPLER_DRAWS)

    def close(self):
        """Consume what was drawn."""
        for source, n in zip(self._sources, self._at):
            source.skip(int(n))
        self._at[:] = 0

    def uniform(self, who):
        """One uniform number in [0, 1) for each of these lanes."""
        at = self._at[who]
        if len(at) and at.max() + self._each > costs.SAMPLER_DRAWS:
            self.close()
            self._look()
            at = self._at[who]
        self._at[who] = at + self._each
        if self._each == 1:
            return streams.unit(self._ahead[who, at], self.dtype)
        return streams.unit(self._ahead[who[:, None], at[:, None] + (0, 1)], self.dtype)[:, 0]

    def normal(self, who):
        """One standard normal number for each of these lanes."""
        out = np.empty(len(who), self.dtype)
        todo = np.arange(len(who))
        while len(todo):
            x, y = (2 * self.uniform(who[todo]) - 1 for _ in range(2))
            square = x * x + y * y
            ok = (square <= 1) & (square != 0)
            out[todo[ok]] = streams.polar(y[ok], square[ok])
            todo = todo[~ok]
        return out


def _gamma(lanes, who, a, b):
    """Marsaglia and Tsang's method; `a` the shape and `b` the scale, one for each of these lanes."""
    real = lanes.dtype.type
    two_thirds, third, one = np.float64([2, 1, 3]) / 3
    d = np.where(a < 1, streams.as_c(np.add, a, two_thirds), streams.as_c(np.subtract, a, third)).astype(real)
    k = np.sqrt(9.0 * d.astype(np.float64)).astype(real)
    c = (1.0 / k.astype(np.float64)).astype(real)
    out = np.empty(len(who), real)
    todo = np.arange(len(who))
    while len(todo):
        z = lanes.normal(who[todo])
        usable = ~(z <= -k[todo])
        i, z = todo[usable], z[usable]
        x = (1.0 + (c[i] * z).astype(np.float64)).astype(real)
        v = x * x * x
        u = lanes.uniform(who[i]).astype(np.float64)
        wide_z, wide_v = z.astype(np.float64), v.astype(np.float64)
        ok = ~(np.log(1.0 - u) >= 0.5 * wide_z * wide_z + d[i] * (1.0 - wide_v + np.log(wide_v)))
        out[i[ok]] = streams.as_c(np.multiply, d[i[ok]] * v[ok], b[i[ok]])
        left = ~usable
        left[usable] = ~ok
        todo = todo[left]
    small = np.flatnonzero(a < 1)
    if len(small):
        out[small] *= lanes.uniform(who[small]).astype(np.float64) ** streams.as_c(
            np.divide, one, a[small]
        ).astype(real)
    return out


def _poisson(lanes, who, mean):
    """Products of uniform numbers for small means, rejection from a Cauchy distribution for large ones."""
    mean = mean.astype(np.float32)
    out = np.empty(len(who), np.float32)
    few = mean < 12
    i = np.flatnonzero(few)
    if len(i):
        out[i] = _poisson_few(lanes, who[i], mean[i])
    i = np.flatnonzero(~few)
    if len(i):
        out[i] = _poisson_many(lanes, who[i], mean[i])
    return out


def _poisson_few(lanes, who, mean):
    least = np.exp(-mean.astype(np.float64)).astype(np.float32)
    count = np.zeros(len(who), np.int64)
    product = lanes.uniform(who)
    todo = np.flatnonzero(product > least)
    while len(todo):
        count[todo] += 1
        product[todo] *= lanes.uniform(who[todo])
        todo = todo[product[todo] > least[todo]]
    return count


@functools.cache
def _lgammaf():
    """The C library's lgammaf, which is some units in the last place off; None where there is none."""
    try:
        function = ctypes.CDLL(ctypes.util.find_library("m")).lgammaf
    except (OSError, AttributeError, TypeError):
        return None
    function.restype, function.argtypes = ctypes.c_float, [ctypes.c_float]
    return function


def _log_gamma(x):
    """log(gamma(x)) in single precision, with the C library's own errors where it can be asked."""
    function = _lgammaf()
    if function is None:
        return special.gammaln(x).astype(np.float32)
    values, places = np.unique(x.astype(np.float32), return_inverse=True)
    return np.array([function(v) for v in values.tolist()], np.float32)[places]


_factorials = np.empty(0, np.float32)


def _log_factorial(x):
    """log(x!) of whole numbers, as `_log_gamma` has it."""
    global _factorials
    most = x.max(initial=0)
    if not most <= 100_000:
        return _log_gamma(x + 1.0)
    most = int(most)
    known = _factorials  # another thread may replace it by a shorter one
    if most >= len(known):
        _factorials = known = _log_gamma(np.arange(1, 2 * most + 2))
    return known[x.astype(np.intp)]


def _poisson_many(lanes, who, mean):
    single = np.float32
    wide = mean.astype(np.float64)
    scale = np.sqrt(2.0 * wide).astype(single)
    log_mean = streams.log(mean)
    g = mean * log_mean - _log_gamma(wide + 1.0)
    out = np.empty(len(who), single)
    todo = np.arange(len(who))
    while len(todo):
        value, y = np.empty(len(todo), single), np.empty(len(todo), single)
        wait = np.arange(len(todo))
        while len(wait):
            angle = single(3.1415926) * lanes.uniform(who[todo[wait]])
            y[wait] = np.tan(angle)
            value[wait] = scale[todo[wait]] * y[wait] + mean[todo[wait]]
            wait = wait[value[wait] < 0]
        value = np.floor(value)
        exponent = value * log_mean[todo] - _log_factorial(value.astype(np.float64)) - g[todo]
        wide_y = y.astype(np.float64)
        threshold = (
            0.9 * (1.0 + wide_y * wide_y) * np.exp(exponent.astype(np.float64)).astype(single)
        ).astype(single)
        ok = ~(lanes.uniform(who[todo]) > threshold)
        out[todo[ok]] = value[ok]
        todo = todo[~ok]
    return out


def _negative_binomial(lanes, who, k, p):
    p = p.astype(np.float32).astype(np.float64)
    return _poisson(lanes, who, _gamma(lanes, who, k, ((1.0 - p) / p).astype(k.dtype)))


def _generalized_negative_binomial(lanes, who, mu, alpha):
    mean = mu.astype(np.float32)
    i = np.flatnonzero(alpha != 0)
    if len(i):
        mean[i] = _gamma(lanes, who[i], 1 / alpha[i], alpha[i] * mu[i])
    return _poisson(lanes, who, mean)


_SAMPLERS: dict[str, Callable[..., np.ndarray]] = {
    "gamma": _gamma,
    "poisson": _poisson,
    "negative_binomial": _negative_binomial,
    "generalized_negative_binomial": _generalized_negative_binomial,
}


def fill(out: np.ndarray, kind: str, *params: np.ndarray) -> None:
    """Fill `out` with values of the distribution; each parameter has one value, or one for each equal part of
    `out`."""
    flat = np.empty(out.size, out.dtype)
    if not out.size:
        return
    per = 1 + (out.size - 1) // params[0].size
    params = tuple(x.reshape(-1) for x in params)
    # gamma follows the type of the result, the counting distributions are always drawn in single precision
    dtype = np.float64 if kind == "gamma" and out.dtype == np.float64 else np.float32
    sample = _SAMPLERS[kind]
    with streams.lock, np.errstate(all="ignore"):
        count, step = streams.runs(out.size)
        lanes = _Lanes(streams.first(count), dtype)
        starts = np.arange(count) * step
        for t in range(step):
            who = np.arange(count if starts[-1] + t < out.size else count - 1)
            places = starts[who] + t
            flat[places] = sample(lanes, who, *(x[places // per] for x in params))
        lanes.close()
    out[...] = flat.reshape(out.shape)


def zipfian(out: np.ndarray, tries: np.ndarray, classes: int) -> None:
    """Fill the rows of `out` with different classes from a log-uniform distribution; `tries` is how many
    draws each row took."""
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
