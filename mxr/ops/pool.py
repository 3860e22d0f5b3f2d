"""Pooling windows, and enlarging by repetition or interpolation."""
from __future__ import annotations

from functools import lru_cache
from math import prod

import numpy as np

from .. import threads
from ..op import REQUIRED, P, ParamError, Shape, ShapeError, op, shape_text, unify
from . import _im2col as im2col
from ._im2col import Windows
from ._steps import Steps
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

    # counted in the JSON as in MXNet, where its kernels keep their positions
    hidden = lambda p: ("workspace",) if p.pool_type == "max" and p.kernel and not _last(p) else ()
    infer_type = lambda p, ins: [ins[0] or np.dtype(np.float32), np.dtype(np.int32)]

    def infer_shape(p, ins, outs):
        _power_of(p)
        ins, visible = _pool_shape(p, ins, outs[:1])
        return ins, visible + [(1,)] * (len(outs) - 1)

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


# --------------------------------------------------------------------------------------------- the first releases' pooling

def _with_margin(x, pad):
    return np.pad(x, ((0, 0), *((q, q) for q in pad), (0, 0))) if any(pad) else x


@op("Pooling_v1")
class PoolingV1:
    """Pooling of images as in MXNet's first releases. Use `Pooling` in new code.

    It differs in three ways: padding counts as zeros for `max`; `avg` divides by the size of the kernel everywhere; the gradient of
    `max` goes to every input that equals the maximum.

    Returns, along each spatial axis of n positions, `floor((n + 2 pad - kernel) / stride) + 1` positions (the ceiling instead of
    the floor under `pooling_convention = "full"`), or one with `global_pool`.
    """
    kernel: Shape = P((), "size of the windows along both axes")
    pool_type: str = P("max", "how a window is reduced", one_of=("avg", "max", "sum"))
    global_pool: bool = P(False, "one window over everything")
    pooling_convention: str = P("valid", "rounding of the output's size", one_of=("full", "valid"))
    stride: Shape = P((), "step from one window to the next along each axis; 1 if left out")
    pad: Shape = P((), "positions added at both ends of each axis; none if left out")

    def infer_shape(p, ins, outs):
        if p.kernel and len(p.kernel) != 2:
            raise ParamError(f"kernel {shape_text(p.kernel)} must have 2 values; Pooling takes 1 to 3")
        if ins[0] is not None and len(ins[0]) != 4:
            raise ShapeError(f"data must have 4 axes, not {len(ins[0])}")
        return _pool_shape(p, ins, outs, least=4)

    def compute(p, run, ins, outs):
        inner = _windows(p, ins[0].shape, outs[0].shape)
        w = _inside(inner)
        x, y = _with_margin(_flat(p, ins[0]), inner.pad), _flat(p, outs[0])

        def work(a, b):
            if p.pool_type == "max":
                _max(w, x[a:b], y[a:b])
            else:
                _reduce(np.add, w, x[a:b], y[a:b], 0)
            if p.pool_type == "avg":
                y[a:b] *= x.dtype.type(1 / prod(w.kernel))
        _blocks(x, work)

    def gradient(p, run, gs, ins, outs, igs):
        inner = _windows(p, ins[0].shape, outs[0].shape)
        w = _inside(inner)
        x, y, g, gx = (_flat(p, a) for a in (ins[0], outs[0], gs[0], igs[0]))
        crop = (slice(None), *(slice(q, q + n) for q, n in zip(inner.pad, inner.size)))
        scale = g.dtype.type(1 / prod(w.kernel) if p.pool_type == "avg" else 1)

        def work(a, b):
            part = np.zeros((b - a, *w.size, 1), g.dtype)
            padded = _with_margin(x[a:b], inner.pad)
            for offset in np.ndindex(*w.kernel):
                lands = [w.landing(axis, i) for axis, i in enumerate(offset)]
                o, at = (slice(None), *(s for s, _ in lands)), (slice(None), *(s for _, s in lands))
                share = g[a:b][o] * (padded[at] == y[a:b][o]) if p.pool_type == "max" else g[a:b][o]
                part[at] += share
            np.multiply(part[crop], scale, out=gx[a:b])
        _blocks(x, work)


def _inside(w: Windows) -> Windows:
    """The same windows over an image that includes its margin."""
    size = tuple(n + 2 * q for n, q in zip(w.size, w.pad))
    return Windows(size, w.out, w.kernel, w.stride, w.dilate, (0,) * len(size))


# --------------------------------------------------------------------------------------------- enlarging

def _enlarging(p, data) -> Windows:
    """The windows of the deconvolution that interpolates."""
    k, s = 2 * p.scale - p.scale % 2, p.scale
    size = (data[2] * s, data[3] * s)
    return Windows(size, tuple(data[2:]), (k, k), (s, s), (1, 1), (s // 2, s // 2), data[1])


def _tiles(data, scale: int) -> np.ndarray:
    """A view of the large image (n, c, h * scale, w * scale) as (n, c, h, scale, w, scale)."""
    n, c, h, w = data.shape
    return data.reshape(n, c, h // scale, scale, w // scale, scale)


@op("UpSampling", variadic="num_args")
class UpSampling:
    """Enlarges images `scale` times along both axes, by repeating every pixel (`nearest`) or with a learned kernel (`bilinear`).

    `nearest` takes any number of inputs; all are enlarged to `scale` times the size of the first, then put side by side as channels
    (`concat`) or added (`sum`). `bilinear` takes data and a weight with one kernel per channel, of `2 scale - scale mod 2` rows and columns,
    and is a deconvolution; it interpolates when the weight is initialised so, and learns from there.

    Returns images with `scale` times the rows and columns of the first input.
    """
    scale: int = P(REQUIRED, "how many times larger", low=1, high=1000)
    num_filter: int = P(0, "for `bilinear`: number of channels of the data")
    sample_type: str = P(REQUIRED, "how to enlarge", one_of=("bilinear", "nearest"))
    multi_input_mode: str = P("concat", "what to do with several inputs", one_of=("concat", "sum"))
    num_args: int = P(REQUIRED, "number of inputs", low=1)
    workspace: int = P(512, "GPU only: memory limit in megabytes", low=0, ignored=True)

    inputs = lambda p: ("data", "weight") if p.sample_type == "bilinear" else tuple(f"arg{i}" for i in range(p.num_args))

    def infer_shape(p, ins, outs):
        for s in ins[:1] if p.sample_type == "bilinear" else ins:
            if s is not None and len(s) != 4:
                raise ShapeError(f"inputs must have 4 axes, not {len(s)}")
        data = ins[0]
        if data is None or 0 in data:
            return ins, outs
        rows, columns = data[2] * p.scale, data[3] * p.scale
        if p.sample_type == "bilinear":
            if p.num_filter != data[1]:
                raise ParamError(f"num_filter is {p.num_filter}, but must be the number of channels of the data, {data[1]}")
            k = 2 * p.scale - p.scale % 2
            return [data, unify(ins[1], (data[1], 1, k, k))], [unify(outs[0], (*data[:2], rows, columns))]
        if any(s is None or 0 in s for s in ins):
            return ins, outs
        for s in ins:
            if s[0] != data[0] or rows % s[2] or columns % s[3] or rows // s[2] != columns // s[3]:
                raise ShapeError(f"input {shape_text(s)} cannot be enlarged to {p.scale} times the first one, {shape_text(data)}")
        if p.multi_input_mode == "sum" and len({s[1] for s in ins}) > 1:
            raise ShapeError("inputs to be added must have equal numbers of channels")
        channels = data[1] if p.multi_input_mode == "sum" else sum(s[1] for s in ins)
        return ins, [unify(outs[0], (data[0], channels, rows, columns))]

    def compute(p, run, ins, outs):
        if p.sample_type == "bilinear":
            w = _enlarging(p, ins[0].shape)
            steps = Steps(run)
            im2col.input_gradient(steps, w, ins[0], ins[1], outs[0])
            steps.call()()
            return
        for i, (x, part) in enumerate(zip(ins, _parts(p, ins, outs[0]))):
            tiles, x = _tiles(part, part.shape[2] // x.shape[2]), x[:, :, :, None, :, None]
            if i and p.multi_input_mode == "sum":
                tiles += x
            else:
                tiles[...] = x

    def gradient(p, run, gs, ins, outs, igs):
        g = np.ascontiguousarray(gs[0])
        if p.sample_type == "bilinear":
            w = _enlarging(p, ins[0].shape)
            steps = Steps(run)
            if igs[0] is not None:
                im2col.forward(steps, w, g, ins[1], igs[0])
            if igs[1] is not None:
                im2col.weight_gradient(steps, w, g, ins[0], igs[1])
            steps.call()()
            return
        for x, part, gx in zip(ins, _parts(p, ins, g), igs):
            if gx is not None:
                _tiles(part, part.shape[2] // x.shape[2]).sum(axis=(3, 5), out=gx)


def _parts(p, ins, large):
    """The part of the output that each input makes (all of it, when they are added)."""
    first = 0
    for x in ins:
        yield large if p.multi_input_mode == "sum" else large[:, first:first + x.shape[1]]
        first += x.shape[1]
