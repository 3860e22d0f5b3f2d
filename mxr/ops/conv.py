"""Convolution and its transpose, over one, two or three spatial axes."""

from __future__ import annotations

from mxr.compiler import images
from mxr.operator import REQUIRED, P, ParamError, Shape, ShapeError, op, shape_text, unify
from mxr.ops.kernels import primitives, windows
from mxr.ops.kernels.steps import Steps

_LAYOUTS = ("NCDHW", "NCHW", "NCW", "NDHWC", "NHWC")
_TUNE = ("fastest", "limited_workspace", "off")


def per_axis(p, name: str, default: int) -> tuple:
    """A parameter with one value per spatial axis; empty means the default for all of them."""
    value, nd = getattr(p, name), len(p.kernel)
    if not value:
        return (default,) * nd
    if len(value) != nd:
        raise ParamError(
            f"{name} {shape_text(value)} must have one value for each of the {nd} axes of kernel "
            f"{shape_text(p.kernel)}"
        )
    if any(v < (0 if default == 0 else 1) for v in value):
        raise ParamError(
            f"{name} {shape_text(value)} must not be {'negative' if default == 0 else 'less than 1'}"
        )
    return value


def _check(p, data) -> None:
    nd = len(p.kernel)
    if nd not in (1, 2, 3) or min(p.kernel) < 1:
        raise ParamError(f"kernel {shape_text(p.kernel)} must have 1, 2 or 3 axes, each at least 1")
    if p.layout and not (p.layout.startswith("NC") and len(p.layout) == nd + 2):
        raise ParamError(
            f'layout "{p.layout}" is not available for a kernel with {nd} axes on a CPU; leave it out'
        )
    if p.num_group < 1 or p.num_filter % p.num_group:
        raise ParamError(f"num_filter {p.num_filter} must be a multiple of num_group {p.num_group}")
    if data is not None and len(data) != nd + 2:
        raise ShapeError(
            f"data must have {nd + 2} axes (samples, channels and {nd} of the kernel's), not {len(data)}"
        )
    if data is not None and data[1] % p.num_group:
        raise ShapeError(
            f"the {data[1]} channels of the data cannot be split into num_group = {p.num_group} groups"
        )


def _bias(p, ins):
    return [] if p.no_bias else [unify(ins[2], (p.num_filter,))]


# --------------------------------------------------------------------------------------------- convolution


def _conv_windows(p, data, out) -> windows.Windows:
    return windows.Windows(
        tuple(data[2:]),
        tuple(out[2:]),
        p.kernel,
        per_axis(p, "stride", 1),
        per_axis(p, "dilate", 1),
        per_axis(p, "pad", 0),
        p.num_group,
    )


def _conv_shape(p, ins, outs):
    nd, data = len(p.kernel), ins[0]
    _check(p, data)
    stride, dilate, pad = per_axis(p, "stride", 1), per_axis(p, "dilate", 1), per_axis(p, "pad", 0)
    reach = [d * (k - 1) + 1 for d, k in zip(dilate, p.kernel)]
    weight = unify(ins[1], (p.num_filter, 0, *p.kernel))
    data = data or (0,) * (nd + 2)
    for axis, (n, q, r) in enumerate(zip(data[2:], pad, reach)):
        if n and n + 2 * q < r:
            raise ShapeError(
                f"the kernel reaches over {r} positions of spatial axis {axis} (C order), "
                f"where the data has {n}" + (f" and {2 * q} of padding" if q else "")
            )
    spatial = (n and (n + 2 * q - r) // s + 1 for n, q, r, s in zip(data[2:], pad, reach, stride))
    out = unify(outs[0], (data[0], p.num_filter, *spatial))
    back = (
        n or (o and s == 1 and o + r - 1 - 2 * q) or 0
        for n, o, s, r, q in zip(data[2:], out[2:], stride, reach, pad)
    )
    data = (data[0] or out[0], data[1] or weight[1] * p.num_group, *back)
    weight = unify(weight, (p.num_filter, data[1] // p.num_group, *p.kernel))
    return [data, weight, *_bias(p, ins)], [out]


def _conv_prepare(p, run, ins, outs):
    w, steps = _conv_windows(p, ins[0].shape, outs[0].shape), Steps(run)
    primitives.convolve(steps, w, ins[1], x=ins[0], out=outs[0], bias=None if p.no_bias else ins[2])
    return steps.call()


def _conv_prepare_gradient(p, run, gs, ins, outs, igs):
    g = gs[0]
    w, steps = _conv_windows(p, ins[0].shape, g.shape), Steps(run)
    primitives.convolve(steps, w, ins[1], x=ins[0], g=g, gx=igs[0], gw=igs[1])
    if not p.no_bias and igs[2] is not None:
        windows.bias_gradient(steps, g, igs[2])
    return steps.call()


def _conv_in_segment(p, shape, data, weight, bias=None):
    if len(data.shape) != len(p.kernel) + 2:
        return None
    w = _conv_windows(p, data.shape, shape)
    pays = primitives.pays(w, data.shape[1], p.num_filter, shape[0])
    return images.convolution(shape, data, weight, bias, p.num_group, primitives.geometry(w), pays)


def _arguments(p):
    return ("data", "weight") if p.no_bias else ("data", "weight", "bias")


class _Convolution:
    """The parameters and functions of `Convolution` and `Convolution_v1`."""

    kernel: Shape = P(REQUIRED, "size of the filters along each spatial axis")
    stride: Shape = P((), "step from one position to the next along each axis; 1 if left out")
    dilate: Shape = P((), "distance of the filter's elements along each axis; 1 if left out")
    pad: Shape = P((), "zeros added at both ends of each axis; none if left out")
    num_filter: int = P(REQUIRED, "number of filters: channels of the output", low=1)
    num_group: int = P(1, "number of groups of channels", low=1)
    workspace: int = P(1024, "GPU only: memory limit in megabytes", low=0, ignored=True)
    no_bias: bool = P(False, "leave out the bias, and with it the argument `bias`")
    cudnn_tune: str = P(None, "GPU only", one_of=_TUNE, ignored=True)
    cudnn_off: bool = P(False, "GPU only", ignored=True)

    inputs, infer_shape = _arguments, _conv_shape
    prepare, prepare_gradient, segment = _conv_prepare, _conv_prepare_gradient, _conv_in_segment


@op("Convolution", keeps=("ins",))
class Convolution(_Convolution):
    """Convolution of images, signals or volumes with learned filters.

    At every position of the input (every `stride`-th one), each filter is multiplied with the values of all
    channels below it, and the products are summed: `out[n, f, y, x] = bias[f] + sum over c, i, j of weight[f,
    c, i, j] * data[n, c, y * stride + i * dilate - pad, ...]`, in C order: samples, channels, then the
    spatial axes. There are 1 to 3 spatial axes, as many as `kernel` has values.

    Returns an array with `num_filter` channels and, along each spatial axis of n positions,
    `floor((n + 2 pad - dilate (kernel - 1) - 1) / stride) + 1` positions. With `num_group` g, channels and
    filters form g groups that are convolved separately. In R the first axis is the width: `kernel = c(5, 3)`
    is 5 wide and 3 high there too, because values and axes are reversed together.
    """

    layout: str = P(None, "order of the axes; on a CPU the default one only", one_of=_LAYOUTS)


@op("Convolution_v1", keeps=("ins",))
class ConvolutionV1(_Convolution):
    """Convolution as in MXNet's first releases. It computes what `Convolution` computes; use that in new
    code.

    `out[n, f, y, x] = bias[f] + sum over c, i, j of weight[f, c, i, j] * data[n, c, y * stride + i * dilate -
    pad, ...]`, in C order.

    Returns an array with `num_filter` channels and
    `floor((n + 2 pad - dilate (kernel - 1) - 1) / stride) + 1` positions along each spatial axis of n.
    """

    layout: str = P(
        None, "order of the axes; on a CPU the default one only", one_of=("NCDHW", "NCHW", "NDHWC", "NHWC")
    )


# --------------------------------------------------------------------------------------------- deconvolution


def _margins(p, spatial) -> tuple[tuple, tuple]:
    """(pad, adj): the given ones, or those that make the output as large as `target_shape`."""
    stride, dilate = per_axis(p, "stride", 1), per_axis(p, "dilate", 1)
    pad, adj = per_axis(p, "pad", 0), per_axis(p, "adj", 0)
    target = p.target_shape
    if not any(target):
        return pad, adj
    if len(target) != len(p.kernel):
        raise ParamError(
            f"target_shape {shape_text(target)} must have one value for each axis of kernel "
            f"{shape_text(p.kernel)}"
        )
    pads, adjs = [], []
    for n, s, d, k, t in zip(spatial, stride, dilate, p.kernel, target):
        extra = s * (n - 1) + d * (k - 1) + 1 - t if n else 0
        if extra < 0:
            raise ShapeError(
                f"target_shape {shape_text(target)} is larger than the full output of data of size "
                f"{shape_text(spatial)}"
            )
        pads.append((extra + 1) // 2)
        adjs.append(extra % 2)
    return tuple(pads), tuple(adjs)


@op("Deconvolution", keeps=("ins",))
class Deconvolution:
    """Transposed convolution: spreads every input value over a window of the output. It enlarges where
    `Convolution` reduces.

    `out` is what the gradient of a convolution with the same kernel, stride, dilation and padding would send
    back to its input: the sum of all windows `data[n, c, y, x] * weight[c, f, , ]`, each placed at
    `(y, x) * stride - pad`, plus `bias[f]`.

    Returns an array with `num_filter` channels and, along each spatial axis of n positions, `stride (n - 1) +
    dilate (kernel - 1) + 1 - 2 pad + adj` positions, or exactly `target_shape` if that is given. (Then `pad`
    and `adj` follow from it, and the given ones have no effect.) The weight has the shape (channels,
    num_filter / num_group, kernel) in C order.
    """

    kernel: Shape = P(REQUIRED, "size of the filters along each spatial axis")
    stride: Shape = P((), "distance in the output of neighbours in the input, along each axis; 1 if left out")
    dilate: Shape = P((), "distance of the filter's elements along each axis; 1 if left out")
    pad: Shape = P((), "positions cut off at both ends of each axis of the output; none if left out")
    adj: Shape = P((), "positions added at the far end of each axis; less than the stride")
    target_shape: Shape = P((), "size of the output along each spatial axis")
    num_filter: int = P(REQUIRED, "number of channels of the output", low=1)
    num_group: int = P(1, "number of groups of channels", low=1)
    workspace: int = P(512, "GPU only: memory limit in megabytes", low=0, ignored=True)
    no_bias: bool = P(True, "leave out the bias, and with it the argument `bias`")
    cudnn_tune: str = P(None, "GPU only", one_of=_TUNE, ignored=True)
    cudnn_off: bool = P(False, "GPU only", ignored=True)
    layout: str = P(None, "order of the axes; on a CPU the default one only", one_of=_LAYOUTS)

    inputs = _arguments

    def infer_shape(p, ins, outs):
        nd, data = len(p.kernel), ins[0]
        _check(p, data)
        weight = unify(ins[1], (0, p.num_filter // p.num_group, *p.kernel))
        data = data or (0,) * (nd + 2)
        stride, dilate = per_axis(p, "stride", 1), per_axis(p, "dilate", 1)
        if nd == 3 and any(d != 1 for d in dilate):
            raise ParamError("dilate must be 1 with a kernel of 3 axes")
        pad, adj = _margins(p, data[2:])
        for s, a in zip(stride, adj):
            if a >= s:
                raise ParamError(
                    f"adj {shape_text(adj)} must be less than stride {shape_text(stride)} along every axis"
                )
        spatial = [
            n and s * (n - 1) + d * (k - 1) + 1 - 2 * q + a
            for n, s, d, k, q, a in zip(data[2:], stride, dilate, p.kernel, pad, adj)
        ]
        if any(n and o < 1 for n, o in zip(data[2:], spatial)):
            raise ShapeError(f"pad {shape_text(pad)} leaves nothing of the output")
        out = unify(outs[0], (data[0], p.num_filter, *spatial))
        data = (data[0] or out[0], data[1] or weight[0], *data[2:])
        return [data, unify(weight, (data[1], p.num_filter // p.num_group, *p.kernel)), *_bias(p, ins)], [out]

    def prepare(p, run, ins, outs):
        w, steps = _deconv_windows(p, ins[0].shape, outs[0].shape), Steps(run)
        primitives.convolve(steps, w, ins[1], g=ins[0], gx=outs[0], bias=None if p.no_bias else ins[2])
        return steps.call()

    def prepare_gradient(p, run, gs, ins, outs, igs):
        g = gs[0]
        w, steps = _deconv_windows(p, ins[0].shape, g.shape), Steps(run)
        primitives.convolve(steps, w, ins[1], x=g, g=ins[0], out=igs[0], gw=igs[1])
        if not p.no_bias and igs[2] is not None:
            windows.bias_gradient(steps, g, igs[2])
        return steps.call()

    def segment(p, shape, data, weight, bias=None):
        if len(data.shape) != len(p.kernel) + 2:
            return None
        w = _deconv_windows(p, data.shape, shape)
        pays = primitives.pays(w, p.num_filter, data.shape[1], shape[0])
        return images.transposed(shape, data, weight, bias, p.num_group, primitives.geometry(w), pays)


def _deconv_windows(p, data, out) -> windows.Windows:
    """The windows of the convolution that is transposed. Its input has the shape of the output here."""
    return windows.Windows(
        tuple(out[2:]),
        tuple(data[2:]),
        p.kernel,
        per_axis(p, "stride", 1),
        per_axis(p, "dilate", 1),
        _margins(p, data[2:])[0],
        p.num_group,
    )
