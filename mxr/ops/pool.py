"""Pooling windows, and enlarging by repetition or interpolation."""

from __future__ import annotations

from math import prod

import numpy as np

from mxr.compiler import images
from mxr.operator import REQUIRED, P, ParamError, Shape, ShapeError, op, shape_text, unify
from mxr.ops.conv import per_axis
from mxr.ops.kernels import pooling, windows
from mxr.ops.kernels.steps import Lane, Steps
from mxr.ops.kernels.windows import Windows
from mxr.runtime import costs

# -------------------------------------------------------------------------------------- windows and shapes


def _pooled(p, data):
    """The spatial output shape for data whose spatial shape is `data` (0: unknown)."""
    kernel, stride, pad = p.kernel, per_axis(p, "stride", 1), per_axis(p, "pad", 0)
    for n, k, q in zip(data, kernel, pad):
        if n and k > n + 2 * q:
            raise ShapeError(
                f"kernel {shape_text(kernel)} is larger than data of size {shape_text(data)}"
                + (f" padded by {shape_text(pad)}" if any(pad) else "")
            )
    if p.pooling_convention == "same":
        return tuple(-(-n // s) for n, s in zip(data, stride))
    up = p.pooling_convention == "full"
    return tuple(
        n and (n + 2 * q - k + (s - 1 if up else 0)) // s + 1 for n, k, s, q in zip(data, kernel, stride, pad)
    )


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
    """A contiguous array as (independent images, *spatial, channels if they are last)."""
    return a if _last(p) else a.reshape(a.shape[0] * a.shape[1], *a.shape[2:], 1)


# ---------------------------------------------------------------------------------- the four kinds of pooling


def _power_of(p) -> int:
    if p.pool_type != "lp":
        return 1
    if p.p_value not in (1, 2, 3):
        raise ParamError(f"pool_type \"lp\" needs p_value 1, 2 or 3, not {p.p_value}")
    return p.p_value


@op("Pooling")
class Pooling:
    """Reduces every window of an image, a signal or a volume to one number per channel.

    Windows of size `kernel` start every `stride` positions, `pad` positions before the first. `max`: the
    largest value; `avg`: the mean; `sum`: the sum; `lp`: `sum(x ^ p) ^ (1 / p)` with p = `p_value`. With
    `global_pool` there is one window, the whole image, and `kernel`, `stride` and `pad` do not matter.

    Returns, along each spatial axis of n positions, `floor((n + 2 pad - kernel) / stride) + 1` positions,
    with the ceiling in place of the floor under `pooling_convention = "full"`; "same" (one spatial axis only)
    gives `ceiling(n / stride)`. The gradient of `max` goes to the first of equal values in C order.
    """

    kernel: Shape = P((), "size of the windows along each spatial axis")
    pool_type: str = P("max", "how a window is reduced", one_of=("avg", "lp", "max", "sum"))
    global_pool: bool = P(False, "one window over everything")
    cudnn_off: bool = P(False, "GPU only", ignored=True)
    pooling_convention: str = P("valid", "rounding of the output's size", one_of=("full", "same", "valid"))
    stride: Shape = P((), "step from one window to the next along each axis; 1 if left out")
    pad: Shape = P((), "positions added at both ends of each axis; none if left out")
    p_value: int = P(None, "the power of `lp`: 1, 2 or 3")
    count_include_pad: bool = P(
        None, "whether `avg` counts the padding as values of zero; it does if left out"
    )
    layout: str = P(
        None,
        "order of the axes, if the channels are last",
        one_of=("NCDHW", "NCHW", "NCW", "NDHWC", "NHWC", "NWC"),
    )

    # MXNet has this output in its JSON: its kernels keep the positions of maxima there
    hidden = lambda p: ("workspace",) if p.pool_type == "max" and p.kernel and not _last(p) else ()
    infer_type = lambda p, ins: [ins[0] or np.dtype(np.float32), np.dtype(np.int32)]

    def infer_shape(p, ins, outs):
        _power_of(p)
        ins, visible = _pool_shape(p, ins, outs[:1])
        return ins, visible + [(1,)] * (len(outs) - 1)

    def segment(p, shape, data):
        if _last(p) or p.pool_type not in ("avg", "max"):
            return None
        w = _windows(p, data.shape, shape)
        reach = [(o - 1) * s + k - n - q for n, o, k, s, q in zip(w.size, w.out, w.kernel, w.stride, w.pad)]
        after = tuple(map(max, reach, w.pad))
        how, counts = p.pool_type, p.count_include_pad is not False
        if how == "avg" and not counts:
            how = "avg without padding"
        elif how == "avg" and after != w.pad:  # the last window is cut at the padding's end
            return None
        if any(map(int.__ge__, after, w.kernel)):  # a window of nothing but padding
            return None
        return images.pooled(shape, data, how, (w.stride, w.kernel, w.pad, after))

    def prepare(p, run, ins, outs):
        w, steps = _windows(p, ins[0].shape, outs[0].shape), Steps(run)
        x, y = _flat(p, steps.solid(ins[0])), _flat(p, steps.target(outs[0]))
        for lane, at in pooling.blocks(steps, x, costs.POOL_NS):
            if p.pool_type == "max":
                pooling.largest(lane, w, x[at], y[at])
            else:
                pooling.power_sums(lane, w, x[at], y[at], _power_of(p))
            if p.pool_type == "avg":
                lane.step(np.divide, y[at], pooling.sizes(w, p.count_include_pad is not False), y[at])
        return steps.call()

    def prepare_gradient(p, run, gs, ins, outs, igs):
        w, steps = _windows(p, ins[0].shape, outs[0].shape), Steps(run)
        x, y, g = (_flat(p, steps.solid(a)) for a in (ins[0], outs[0], gs[0]))
        gx = _flat(p, steps.target(igs[0]))
        for lane, at in pooling.blocks(steps, x, costs.POOL_GRADIENT_NS):
            if p.pool_type == "max":
                pooling.largest_back(lane, w, x[at], y[at], g[at], gx[at])
                continue
            part = g[at]
            if p.pool_type == "avg":
                part = lane.scratch(0, part.shape, g.dtype)
                lane.step(np.divide, g[at], pooling.sizes(w, p.count_include_pad is not False), part)
            pooling.power_sums_back(lane, w, x[at], y[at], part, gx[at], _power_of(p))
        return steps.call()


# -------------------------------------------------------------------------------- the first releases' pooling


def _padded(w: Windows) -> Windows:
    """The same windows over an image that includes its padding."""
    size = tuple(n + 2 * q for n, q in zip(w.size, w.pad))
    return Windows(size, w.out, w.kernel, w.stride, w.dilate, (0,) * len(size))


def _with_margin(lane: Lane, w: Windows, x):
    """x with its padding of zeros."""
    if not any(w.pad):
        return x
    padded = lane.scratch(3, (len(x), *_padded(w).size, 1), x.dtype)
    lane.step(padded.fill, 0)
    lane.step(np.copyto, padded[_inside(w)], x)
    return padded


def _inside(w: Windows) -> tuple:
    """The index of the input in an image that includes its padding."""
    return (slice(None), *(slice(q, q + n) for q, n in zip(w.pad, w.size)))


@op("Pooling_v1")
class PoolingV1:
    """Pooling of images as in MXNet's first releases. Use `Pooling` in new code.

    It differs in three ways: padding counts as zeros for `max`; `avg` divides by the size of the kernel
    everywhere; the gradient of `max` goes to every input that equals the maximum.

    Returns, along each spatial axis of n positions, `floor((n + 2 pad - kernel) / stride) + 1` positions (the
    ceiling instead of the floor under `pooling_convention = "full"`), or one with `global_pool`.
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

    def prepare(p, run, ins, outs):
        inner, steps = _windows(p, ins[0].shape, outs[0].shape), Steps(run)
        w = _padded(inner)
        x, y = _flat(p, steps.solid(ins[0])), _flat(p, steps.target(outs[0]))
        for lane, at in pooling.blocks(steps, x, costs.POOL_NS):
            padded = _with_margin(lane, inner, x[at])
            if p.pool_type == "max":
                pooling.largest(lane, w, padded, y[at])
            else:
                pooling.reduce(lane, np.add, w, padded, y[at], 0)
            if p.pool_type == "avg":
                lane.step(np.multiply, y[at], x.dtype.type(1 / prod(w.kernel)), y[at])
        return steps.call()

    def prepare_gradient(p, run, gs, ins, outs, igs):
        inner, steps = _windows(p, ins[0].shape, outs[0].shape), Steps(run)
        w = _padded(inner)
        x, y, g = (_flat(p, steps.solid(a)) for a in (ins[0], outs[0], gs[0]))
        gx = _flat(p, steps.target(igs[0]))
        scale = g.dtype.type(1 / prod(w.kernel) if p.pool_type == "avg" else 1)
        for lane, at in pooling.blocks(steps, x, costs.POOL_GRADIENT_NS):
            padded = _with_margin(lane, inner, x[at])
            total = lane.scratch(0, (len(gx[at]), *w.size, 1), g.dtype)
            shares, hits = lane.scratch(1, g[at].shape, g.dtype), lane.scratch(2, g[at].shape, bool)
            lane.step(total.fill, 0)
            for offset in np.ndindex(*w.kernel):
                lands = [w.landing(axis, i) for axis, i in enumerate(offset)]
                o, here = (slice(None), *(s for s, _ in lands)), (slice(None), *(s for _, s in lands))
                share = g[at][o]
                if p.pool_type == "max":
                    lane.step(np.equal, padded[here], y[at][o], hits[o])
                    lane.step(np.multiply, share, hits[o], shares[o])
                    share = shares[o]
                lane.step(np.add, total[here], share, total[here])
            lane.step(np.multiply, total[_inside(inner)], scale, gx[at])
        return steps.call()


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
    """Enlarges images `scale` times along both axes, by repeating every pixel (`nearest`) or with a learned
    kernel (`bilinear`).

    `nearest` takes any number of inputs; all are enlarged to `scale` times the size of the first, then put
    side by side as channels (`concat`) or added (`sum`). `bilinear` takes data and a weight with one kernel
    per channel, of `2 scale - scale mod 2` rows and columns, and is a deconvolution; it interpolates when the
    weight is initialised so, and learns from there.

    Returns images with `scale` times the rows and columns of the first input.
    """

    scale: int = P(REQUIRED, "how many times larger", low=1, high=1000)
    num_filter: int = P(0, "for `bilinear`: number of channels of the data")
    sample_type: str = P(REQUIRED, "how to enlarge", one_of=("bilinear", "nearest"))
    multi_input_mode: str = P("concat", "what to do with several inputs", one_of=("concat", "sum"))
    num_args: int = P(REQUIRED, "number of inputs", low=1)
    workspace: int = P(512, "GPU only: memory limit in megabytes", low=0, ignored=True)

    inputs = lambda p: (
        ("data", "weight") if p.sample_type == "bilinear" else tuple(f"arg{i}" for i in range(p.num_args))
    )

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
                raise ParamError(
                    f"num_filter is {p.num_filter}, but must be the number of channels of the data, {data[1]}"
                )
            k = 2 * p.scale - p.scale % 2
            return [data, unify(ins[1], (data[1], 1, k, k))], [unify(outs[0], (*data[:2], rows, columns))]
        if any(s is None or 0 in s for s in ins):
            return ins, outs
        for s in ins:
            if s[0] != data[0] or rows % s[2] or columns % s[3] or rows // s[2] != columns // s[3]:
                raise ShapeError(
                    f"input {shape_text(s)} cannot be enlarged to {p.scale} times the first one, "
                    f"{shape_text(data)}"
                )
        if p.multi_input_mode == "sum" and len({s[1] for s in ins}) > 1:
            raise ShapeError("inputs to be added must have equal numbers of channels")
        channels = data[1] if p.multi_input_mode == "sum" else sum(s[1] for s in ins)
        return ins, [unify(outs[0], (data[0], channels, rows, columns))]

    def prepare(p, run, ins, outs):
        steps = Steps(run)
        if p.sample_type == "bilinear":
            windows.convolve(steps, _enlarging(p, ins[0].shape), ins[1], g=ins[0], gx=outs[0])
            return steps.call()
        out = steps.target(outs[0])
        for i, (x, part) in enumerate(zip(ins, _parts(p, ins, out))):
            tiles, x = _tiles(part, part.shape[2] // x.shape[2]), x[:, :, :, None, :, None]
            adds = i and p.multi_input_mode == "sum"
            steps.first.append((np.add, (tiles, x, tiles)) if adds else (np.copyto, (tiles, x)))
        return steps.call()

    def prepare_gradient(p, run, gs, ins, outs, igs):
        steps = Steps(run)
        g = steps.solid(gs[0])
        if p.sample_type == "bilinear":
            windows.convolve(steps, _enlarging(p, ins[0].shape), ins[1], x=g, g=ins[0], out=igs[0], gw=igs[1])
            return steps.call()
        for x, part, gx in zip(ins, _parts(p, ins, g), igs):
            if gx is not None:
                steps.first.append(
                    (np.add.reduce, (_tiles(part, part.shape[2] // x.shape[2]), (3, 5), None, gx))
                )
        return steps.call()


def _parts(p, ins, large):
    """The part of the output for each input; all of it if the inputs are added."""
    first = 0
    for x in ins:
        yield large if p.multi_input_mode == "sum" else large[:, first : first + x.shape[1]]
        first += x.shape[1]
