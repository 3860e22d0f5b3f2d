"""Pooling windows, and enlarging by repetition or interpolation."""
from __future__ import annotations

from functools import lru_cache
from math import prod

import numpy as np

from .. import threads
from ..op import P, ParamError, Shape, ShapeError, op, shape_text, unify
from ._im2col import Windows
from .conv import per_axis

_BLOCK = 1 << 18        # input elements worked on at a time: what fits the cache, and outweighs the calls


# --------------------------------------------------------------------------------------------- where the windows lie

def _pooled(p, data):
    """The spatial output shape for data whose spatial shape is `data` (0: unknown)."""
    kernel, stride, pad = p.kernel, per_axis(p, "stride", 1), per_axis(p, "pad", 0)
    for n, k, q in zip(data, kernel, pad):
        if n and k > n + 2 * q:
            raise ShapeError(f"kernel {shape_text(kernel)} is larger than data of size {shape_text(data)}"
                             + (f" padded by {shape_text(pad)}" if any(pad) else ""))
    if p.pooling_convention == "same":
        return tuple(-(-n // s) for n, s in zip(data, stride))
    up = p.pooling_convention == "full"
    return tuple(n and (n + 2 * q - k + (s - 1 if up else 0)) // s + 1 for n, k, s, q in zip(data, kernel, stride, pad))


def _last(p) -> bool:
    """Whether the channels are the last axis."""
    return bool(getattr(p, "layout", None)) and p.layout.endswith("C")


def _pool_shape(p, ins, outs, least=3):
    data = ins[0]
    nd = len(p.kernel) if p.kernel and not p.global_pool else None
    if data is None:
        return [None], outs
    if not least <= len(data) <= 5 or (nd and len(data) != nd + 2):
        wanted = f"{nd + 2} axes (samples, channels and {nd} of the kernel's)" if nd else f"{least} to 5 axes"
        raise ShapeError(f"data must have {wanted}, not {len(data)}")
    layout = getattr(p, "layout", None)
    if layout and len(layout) != len(data):
        raise ParamError(f'layout "{layout}" is for data with {len(layout)} axes, not {len(data)}')
    if not p.global_pool and not p.kernel:
        raise ParamError("kernel is required unless global_pool is set")
    if p.kernel and min(p.kernel) < 1:
        raise ParamError(f"kernel {shape_text(p.kernel)} must be at least 1 along every axis")
    if p.pooling_convention == "same" and (len(data) != 3 or any(p.pad)):
        raise ParamError('pooling_convention "same" is for data with one spatial axis, without pad')
    spatial = data[1:-1] if _last(p) else data[2:]
    small = (1,) * len(spatial) if p.global_pool else _pooled(p, spatial)
    out = (data[0], *small, data[-1]) if _last(p) else (*data[:2], *small)
    return [data], [unify(outs[0], out)]


def _windows(p, data, out) -> Windows:
    size, small = (data[1:-1], out[1:-1]) if _last(p) else (data[2:], out[2:])
    one, none = (1,) * len(size), (0,) * len(size)
    if p.global_pool:
        return Windows(size, small, size, one, one, none)
    return Windows(size, small, p.kernel, per_axis(p, "stride", 1), one, per_axis(p, "pad", 0))


def _flat(p, a: np.ndarray) -> np.ndarray:
    """The array as (independent images, *spatial, channels if they are last)."""
    a = np.ascontiguousarray(a)
    return a if _last(p) else a.reshape(a.shape[0] * a.shape[1], *a.shape[2:], 1)


def _pick(axis: int, at: slice) -> tuple:
    return (slice(None),) * (axis + 1) + (at,)


def _blocks(x: np.ndarray, work) -> None:
    """`work(start, stop)` for blocks of images, spread over the threads."""
    step = max(1, _BLOCK // max(1, prod(x.shape[1:])))
    count = threads.workers() if x.size > _BLOCK // 4 else 1

    def task(a, b):
        for start in range(a, b, step):
            work(start, min(start + step, b))
    threads.map_blocks(task, len(x), blocks=count)


def _reduce(ufunc, w: Windows, x, out, start) -> None:
    """out = the windows of x reduced with `ufunc` one axis after the other; `start` where a window has no input."""
    nd = len(w.size)
    for axis in range(nd):
        shape = list(x.shape)
        shape[axis + 1] = w.out[axis]
        y = out if axis == nd - 1 else np.empty(shape, x.dtype)
        lands = [w.landing(axis, i) for i in range(w.kernel[axis])]
        whole = [at for o, at in lands if o.stop - o.start == w.out[axis]]
        parts = [(o, at) for o, at in lands if 0 < o.stop - o.start < w.out[axis]]
        if len(whole) > 1:
            ufunc(x[_pick(axis, whole[0])], x[_pick(axis, whole[1])], out=y)
        elif whole:
            y[...] = x[_pick(axis, whole[0])]
        else:
            y[...] = start
        for at in whole[2:]:
            ufunc(y, x[_pick(axis, at)], out=y)
        for o, at in parts:
            ufunc(y[_pick(axis, o)], x[_pick(axis, at)], out=y[_pick(axis, o)])
        x = y


def _spread_back(w: Windows, g, gx) -> None:
    """gx = every window's g added to all inputs of the window: the transpose of summing."""
    nd = len(w.size)
    for axis in reversed(range(nd)):
        shape = list(g.shape)
        shape[axis + 1] = w.size[axis]
        y = gx if axis == 0 else np.empty(shape, g.dtype)
        y[...] = 0
        for i in range(w.kernel[axis]):
            o, at = w.landing(axis, i)
            y[_pick(axis, at)] += g[_pick(axis, o)]
        g = y


@lru_cache(256)
def _sizes(w: Windows, margins: bool) -> np.ndarray:
    """How many positions each window averages over: those of the padding count if `margins`, those beyond it never do."""
    total = np.ones((), np.float32)
    for n, o, k, s, q in zip(w.size, w.out, w.kernel, w.stride, w.pad):
        first = np.arange(o) * s - q
        last = np.minimum(first + k, n + q)
        count = last - first if margins else np.minimum(last, n) - np.maximum(first, 0)
        total = total[..., None] * count.astype(np.float32)
    return total[..., None]


# --------------------------------------------------------------------------------------------- the four kinds of pooling

def _max(w, x, y):
    _reduce(np.fmax, w, x, y, np.finfo(x.dtype).min if x.dtype.kind == "f" else np.iinfo(x.dtype).min)


def _max_back(w, x, y, g, gx):
    """The gradient goes to the first input, in C order, that equals the maximum (to none where the window holds only NaN)."""
    order, missed = _first_hit(w, x, y)
    images, channels = x.shape[0], x.shape[-1]
    rows = np.array([prod(w.size[i + 1:]) for i in range(len(w.size))]) * channels      # elements from one position to the next
    steps = np.append(np.stack(list(np.ndindex(*w.kernel))) @ rows, 0)
    at = np.take(steps, order, mode="clip")
    at += np.arange(images).reshape(-1, *(1 for _ in y.shape[1:])) * (prod(w.size) * channels)
    for axis, (o, s, q) in enumerate(zip(w.out, w.stride, w.pad)):
        at += ((np.arange(o) * s - q) * rows[axis]).reshape(-1, *(1 for _ in y.shape[axis + 2:]))
    at += np.arange(channels)
    if missed.any():
        g = np.where(missed, 0, g)
        at[missed] = 0
    gx[...] = 0
    np.add.at(gx.reshape(-1), at.reshape(-1), g.reshape(-1))


def _first_hit(w, x, y):
    """For every window, how many kernel offsets in C order come before the first whose input is the maximum; and where there is none."""
    if w.kernel == w.size and not any(w.pad):
        hits = x.reshape(len(x), -1, x.shape[-1]) == y.reshape(len(y), 1, -1)
        return hits.argmax(axis=1).reshape(y.shape), ~hits.any(axis=1).reshape(y.shape)
    order = np.zeros(y.shape, np.uint8 if prod(w.kernel) < 256 else np.int32)
    missed, hit = np.ones(y.shape, bool), np.empty(y.shape, bool)
    for offset in np.ndindex(*w.kernel):
        lands = [w.landing(axis, i) for axis, i in enumerate(offset)]
        o = (slice(None), *(a for a, _ in lands))
        if any(a.stop - a.start < n for (a, _), n in zip(lands, w.out)):
            hit[...] = False
        np.equal(x[(slice(None), *(b for _, b in lands))], y[o], out=hit[o])
        np.greater(missed, hit, out=missed)
        order += missed
    return order, missed


def _power(w, x, y, power):
    if power == 1:
        _reduce(np.add, w, x, y, 0)
        return
    _reduce(np.add, w, x ** power, y, 0)
    (np.sqrt if power == 2 else np.cbrt)(y, out=y)


def _power_back(w, x, y, g, gx, power):
    if power == 1:
        _spread_back(w, g, gx)
        return
    with np.errstate(all="ignore"):
        scaled = np.where(y == 0, 0, g / y ** (power - 1))
    _spread_back(w, scaled, gx)
    gx *= x ** (power - 1)


def _power_of(p) -> int:
    if p.pool_type != "lp":
        return 1
    if p.p_value not in (1, 2, 3):
        raise ParamError(f"pool_type \"lp\" needs p_value 1, 2 or 3, not {p.p_value}")
    return p.p_value


@op("Pooling")
class Pooling:
    """Reduces every window of an image, a signal or a volume to one number per channel.

    Windows of size `kernel` start every `stride` positions, `pad` positions before the first. `max`: the largest value; `avg`: the mean;
    `sum`: the sum; `lp`: `sum(x ^ p) ^ (1 / p)` with p = `p_value`. With `global_pool` there is one window, the whole image, and
    `kernel`, `stride` and `pad` do not matter.

    Returns, along each spatial axis of n positions, `floor((n + 2 pad - kernel) / stride) + 1` positions, with the ceiling in place of
    the floor under `pooling_convention = "full"`; "same" (one spatial axis only) gives `ceiling(n / stride)`. The gradient of
    `max` goes to the first of equal values in C order.
    """
    kernel: Shape = P((), "size of the windows along each spatial axis")
    pool_type: str = P("max", "how a window is reduced", one_of=("avg", "lp", "max", "sum"))
    global_pool: bool = P(False, "one window over everything")
    cudnn_off: bool = P(False, "GPU only", ignored=True)
    pooling_convention: str = P("valid", "rounding of the output's size", one_of=("full", "same", "valid"))
    stride: Shape = P((), "step from one window to the next along each axis; 1 if left out")
    pad: Shape = P((), "positions added at both ends of each axis; none if left out")
    p_value: int = P(None, "the power of `lp`: 1, 2 or 3")
    count_include_pad: bool = P(None, "whether `avg` counts the padding as values of zero; it does if left out")
    layout: str = P(None, "order of the axes, if the channels are last", one_of=("NCDHW", "NCHW", "NCW", "NDHWC", "NHWC", "NWC"))

    def infer_shape(p, ins, outs):
        _power_of(p)
        return _pool_shape(p, ins, outs)

    def compute(p, run, ins, outs):
        w = _windows(p, ins[0].shape, outs[0].shape)
        x, y = _flat(p, ins[0]), _flat(p, outs[0])

        def work(a, b):
            if p.pool_type == "max":
                _max(w, x[a:b], y[a:b])
                return
            _power(w, x[a:b], y[a:b], _power_of(p))
            if p.pool_type == "avg":
                y[a:b] /= _sizes(w, p.count_include_pad is not False)
        _blocks(x, work)

    def gradient(p, run, gs, ins, outs, igs):
        w = _windows(p, ins[0].shape, outs[0].shape)
        x, y, g, gx = (_flat(p, a) for a in (ins[0], outs[0], gs[0], igs[0]))

        def work(a, b):
            if p.pool_type == "max":
                _max_back(w, x[a:b], y[a:b], g[a:b], gx[a:b])
            else:
                part = g[a:b] / _sizes(w, p.count_include_pad is not False) if p.pool_type == "avg" else g[a:b]
                _power_back(w, x[a:b], y[a:b], part, gx[a:b], _power_of(p))
        _blocks(x, work)
