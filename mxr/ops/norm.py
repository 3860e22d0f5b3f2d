"""Normalization: over the batch, over groups of values of each sample, over neighbouring channels."""

from __future__ import annotations

from functools import partial
from math import prod

import numpy as np

from mxr.compiler import images
from mxr.compiler.value import Call
from mxr.operator import REQUIRED, P, ParamError, ShapeError, axis_of, op, shape_text, unify
from mxr.ops.shared.pointwise import float_type
from mxr.runtime import costs, threads

# --------------------------------------------------------------------------------------------- over the batch


def _outer_inner(a: np.ndarray, axis: int) -> np.ndarray:
    """The array as (everything before the channels, channels, everything after)."""
    axis %= a.ndim
    return a.reshape(prod(a.shape[:axis]), a.shape[axis], prod(a.shape[axis + 1 :]))


def _channel_blocks(x: np.ndarray, work) -> None:
    """Call `work(slice of channels)` for all channels, by several threads if there is enough to do."""
    step = max(1, costs.NORM_BLOCK // max(1, x.shape[0] * x.shape[2]))

    def task(a, b):
        for c in range(a, b, step):
            work(slice(c, min(c + step, b)))

    threads.map_blocks(task, x.shape[1], blocks=threads.workers() if x.size > costs.NORM_BLOCK // 2 else 1)


def _batch_shape(p, ins, outs):
    data = unify(ins[0], outs[0])
    channels = unify(*ins[1:], *outs[1:])
    if data is not None:
        axis = axis_of(getattr(p, "axis", 1), len(data), "BatchNorm")
        channels = unify(channels, data[axis : axis + 1])
        data = (*data[:axis], channels[0], *data[axis + 1 :])
    return [data] + [channels] * 4, [data] + [channels] * 2


def _batch_type(p, ins):
    data = ins[0] or np.dtype(np.float32)
    return [data, np.dtype(np.float32) if data == np.float16 else data]


def _own_types(t):
    """Half precision is computed with single-precision parameters."""
    return ("gamma", "beta", "moving_mean", "moving_var") if t == np.float16 else ()


def _own_statistics(p, run) -> bool:
    return run.train and not p.use_global_stats


def _scale(p, gamma):
    if p.fix_gamma and gamma.flags.writeable:
        gamma[...] = 1  # MXNet overwrites the argument, and saved models show it
    return np.ones_like(gamma) if p.fix_gamma else gamma


def _sums(a, b, dtype) -> np.ndarray:
    """The sums of a * b over samples and positions, for each channel. For long rows dot products do it in one
    pass."""
    if a.dtype == b.dtype == dtype and a.shape[2] >= costs.DOT_POSITIONS:
        return np.vecdot(a, b).sum(axis=0)
    return (a * b).sum(axis=(0, 2), dtype=dtype)


def _batch_forward(p, run, ins, outs, axis, inverse):
    """Compute the output, and every channel's mean and variance (`inverse`: 1 / standard deviation)."""
    x, y = _outer_inner(ins[0], axis), _outer_inner(outs[0], axis)
    gamma, beta, eps = _scale(p, ins[1]), ins[2], ins[1].dtype.type(p.eps)
    count, ones = gamma.dtype.type(x.shape[0] * x.shape[2]), np.ones(x.shape[2], x.dtype)

    def work(c):
        part, out = x[:, c], y[:, c]
        if _own_statistics(p, run):
            mean = _sums(part, ones, gamma.dtype) / count
            np.subtract(part, mean[:, None], out=out, casting="same_kind")
            var = _sums(out, out, gamma.dtype) / count
        else:
            mean, var = ins[3][c], ins[4][c]
            np.subtract(part, mean[:, None], out=out, casting="same_kind")
        root = np.sqrt(var + eps)
        out *= (gamma[c] / root)[:, None]
        out += beta[c][:, None]
        outs[1][c], outs[2][c] = mean, 1 / root if inverse else var

    with np.errstate(divide="ignore", invalid="ignore"):
        _channel_blocks(x, work)


def _batch_inference(p, data, gamma, beta, mean, var, axis):
    """The output from the moving statistics, with the bits of `_batch_forward`. As an expression it joins the
    region of the operators after it, such as an activation. None for half precision."""
    if data.dtype != gamma.dtype:
        return None

    def prepare(run, ins, outs):
        def call():
            outs[0][...] = _scale(p, ins[0]) / np.sqrt(ins[1] + ins[0].dtype.type(p.eps))

        return call

    (scale,) = Call(prepare, [gamma, var], [gamma.shape], [gamma.dtype], label="BatchNorm").outs
    along = tuple(-1 if i == axis % len(data.shape) else 1 for i in range(len(data.shape)))
    return (data - mean.reshape(along)) * scale.reshape(along) + beta.reshape(along)


def _batch_in_segment(p, shape, data, gamma, beta, mean, var):
    if axis_of(getattr(p, "axis", 1), len(shape), "BatchNorm") != 1:
        return None

    how = images.Normalization(partial(_scale, p), p.eps, p.momentum, p.use_global_stats, not p.fix_gamma)
    return images.normalized(data, (gamma, beta, mean, var), how)


def _batch_gradient(p, run, gs, ins, outs, igs, axis, inverse):
    """Compute the gradients, and update the moving statistics, as MXNet does in the backward pass."""
    x = _outer_inner(ins[0], axis)
    g = _outer_inner(np.zeros_like(ins[0]) if gs[0] is None else gs[0], axis)
    gx = None if igs[0] is None else _outer_inner(igs[0], axis)
    gamma, kind = _scale(p, ins[1]), ins[1].dtype.type
    count = kind(x.shape[0] * x.shape[2])
    own = not p.use_global_stats  # whether the statistics are the batch's: gradients are those of training
    mean, var = (outs[1], outs[2]) if own else (ins[3], ins[4])
    if own and inverse:
        scale = outs[2]
        var = (1.0 / np.square(scale) - p.eps).astype(scale.dtype)
    else:
        scale = 1 / np.sqrt(var + kind(p.eps))
    if own:
        momentum = kind(p.momentum)
        for moving, batch in ((ins[3], mean), (ins[4], var)):
            moving *= momentum
            moving += batch * (1 - momentum)

    ones = np.ones(x.shape[2], g.dtype)
    # where x minus the mean is written; in half precision a new array, since it has a wider type
    centered_out = gx if x.dtype == gamma.dtype else None

    def work(c):
        part, head = x[:, c], g[:, c]
        total = _sums(head, ones, gamma.dtype)
        out = None if centered_out is None else centered_out[:, c]
        centered = np.subtract(part, mean[c][:, None], out=out)
        along = _sums(centered, head, gamma.dtype)
        if igs[1] is not None:
            igs[1][c] = 0 if p.fix_gamma else along * scale[c]
        if igs[2] is not None:
            igs[2][c] = total
        if gx is None:
            return
        if own:
            centered *= (along * np.square(scale[c]) / count)[:, None]
            slope = np.subtract(head, centered, out=gx[:, c])
            slope -= (total / count)[:, None]
            slope *= (scale[c] * gamma[c])[:, None]
        else:
            np.multiply(head, (scale[c] * gamma[c])[:, None], out=gx[:, c], casting="same_kind")

    with np.errstate(divide="ignore", invalid="ignore"):
        _channel_blocks(x, work)


def _keeps(p):
    """What the gradient reads: the inputs, and the statistics. With `output_mean_var` the statistics are
    visible outputs, which must be declared; else they are hidden outputs, which are always kept."""
    return ("ins", "outs") if getattr(p, "output_mean_var", False) else ("ins",)


def _mean_var_outputs(p):
    return ("output", "mean", "var") if p.output_mean_var else ("output",)


def _mean_var_hidden(p):
    return () if p.output_mean_var else ("mean", "var")


class _BatchNorm:
    """The parameters and inputs of `BatchNorm` and `BatchNormWithReLU`."""

    eps: float = P(0.0010000000474974513, "added to the variance, so that it is never zero")
    momentum: float = P(0.899999976, "how much of the moving statistics a training step keeps")
    fix_gamma: bool = P(True, "hold gamma at 1")
    use_global_stats: bool = P(False, "use the moving statistics in training too")
    output_mean_var: bool = P(False, "return mean and inverse standard deviation as well")
    axis: int = P(1, "C-order axis of the channels; negative counts from the last")
    cudnn_off: bool = P(False, "GPU only", ignored=True)
    min_calib_range: float = P(None, "quantization only", ignored=True)
    max_calib_range: float = P(None, "quantization only", ignored=True)

    inputs, aux = ("data", "gamma", "beta"), ("moving_mean", "moving_var")
    own_types = _own_types


@op("BatchNorm", keeps=_keeps)
class BatchNorm(_BatchNorm):
    """Normalizes every channel over the batch: `gamma * (x - mean) / sqrt(var + eps) + beta`.

    In training, mean and variance are those of the batch, over all samples and positions of the channel.
    Otherwise, and with `use_global_stats`, they are the auxiliary states `moving_mean` and `moving_var`.
    These move in every training step, when the backward pass runs:
    `moving = momentum * moving + (1 - momentum) * batch`. With `fix_gamma`, which is the default, gamma is
    set to 1 and not learned.

    Returns an array of the data's shape; with `output_mean_var` also the mean and `1 / sqrt(var + eps)` of
    each channel, through which no gradient flows.
    """

    outputs, hidden = _mean_var_outputs, _mean_var_hidden
    infer_shape, infer_type = _batch_shape, _batch_type

    def compute(p, run, ins, outs):
        _batch_forward(p, run, ins, outs, p.axis, inverse=True)

    segment = _batch_in_segment

    def inference(p, data, gamma, beta, mean, var):
        return _batch_inference(p, data, gamma, beta, mean, var, p.axis)

    def gradient(p, run, gs, ins, outs, igs):
        _batch_gradient(p, run, gs, ins, outs, igs, p.axis, inverse=True)


@op("_contrib_BatchNormWithReLU", keeps=_keeps)
class BatchNormWithReLU(_BatchNorm):
    """`BatchNorm`, and negative results set to 0."""

    outputs, hidden = _mean_var_outputs, lambda p: (*_mean_var_hidden(p), "mask")

    def infer_shape(p, ins, outs):
        ins, outs = _batch_shape(p, ins, outs[:-1])
        return ins, [*outs, outs[0]]

    def infer_type(p, ins):
        types = list(_batch_type(p, ins))
        return [*types, *types[-1:] * (3 - len(types)), np.dtype(np.uint8)]

    def compute(p, run, ins, outs):
        _batch_forward(p, run, ins, outs[:3], p.axis, inverse=True)
        np.greater(outs[0], 0, out=outs[3].view(bool))
        np.maximum(outs[0], 0, out=outs[0])

    def gradient(p, run, gs, ins, outs, igs):
        g = np.zeros_like(ins[0]) if gs[0] is None else gs[0] * outs[3]
        _batch_gradient(p, run, [g, *gs[1:]], ins, outs[:3], igs, p.axis, inverse=True)


@op("_contrib_SyncBatchNorm", keeps=_keeps)
class SyncBatchNorm:
    """`BatchNorm` for training on several devices. On GPUs, MXNet takes the statistics over all `ndev`
    devices. Here, as in MXNet on a CPU, they are those of the batch."""

    eps: float = P(0.00100000005, "added to the variance, so that it is never zero")
    momentum: float = P(0.899999976, "how much of the moving statistics a training step keeps")
    fix_gamma: bool = P(True, "hold gamma at 1")
    use_global_stats: bool = P(False, "use the moving statistics in training too")
    output_mean_var: bool = P(False, "return mean and standard deviation as well")
    ndev: int = P(1, "number of devices", ignored=True)
    key: str = P(REQUIRED, "which layers share their statistics", ignored=True)

    inputs, aux = ("data", "gamma", "beta"), ("moving_mean", "moving_var")
    outputs, hidden = _mean_var_outputs, _mean_var_hidden
    infer_shape, infer_type = _batch_shape, _batch_type
    own_types = _own_types

    def compute(p, run, ins, outs):
        _batch_forward(p, run, ins, outs, 1, inverse=False)

    segment = _batch_in_segment

    def inference(p, data, gamma, beta, mean, var):
        return _batch_inference(p, data, gamma, beta, mean, var, 1)

    def gradient(p, run, gs, ins, outs, igs):
        _batch_gradient(p, run, gs, ins, outs, igs, 1, inverse=False)


@op("BatchNorm_v1", keeps=_keeps)
class BatchNormV1:
    """Batch normalization as in MXNet's first releases: `gamma * (x - mean) / sqrt(var + eps) + beta`,
    channels on C-order axis 1.

    It computes what `BatchNorm` computes (use that in new code) for data with 2 or 4 axes. The moving
    statistics change in the backward pass of training: `moving = momentum * moving + (1 - momentum) * batch`.

    Returns an array of the data's shape; with `output_mean_var` also the mean and the variance of each
    channel.
    """

    eps: float = P(0.00100000005, "added to the variance, so that it is never zero")
    momentum: float = P(0.899999976, "how much of the moving statistics a training step keeps")
    fix_gamma: bool = P(True, "hold gamma at 1")
    use_global_stats: bool = P(False, "use the moving statistics in training too")
    output_mean_var: bool = P(False, "return mean and variance as well")

    inputs, aux = ("data", "gamma", "beta"), ("moving_mean", "moving_var")
    outputs, hidden = _mean_var_outputs, _mean_var_hidden
    infer_type = _batch_type
    own_types = _own_types

    def infer_shape(p, ins, outs):
        if ins[0] is not None and len(ins[0]) not in (2, 4):
            raise ShapeError(f"data must have 2 or 4 axes, not {len(ins[0])}; BatchNorm takes any number")
        return _batch_shape(p, ins, outs)

    def compute(p, run, ins, outs):
        _batch_forward(p, run, ins, outs, 1, inverse=False)

    segment = _batch_in_segment

    def inference(p, data, gamma, beta, mean, var):
        return _batch_inference(p, data, gamma, beta, mean, var, 1)

    def gradient(p, run, gs, ins, outs, igs):
        _batch_gradient(p, run, gs, ins, outs, igs, 1, inverse=False)


# ------------------------------------------------------------------------- over groups of one sample's values


def _normalize(x, axes, eps):
    """((x - mean) / std, mean, std) over the axes, which are kept."""
    mean = x.mean(axis=axes, keepdims=True)
    centered = x - mean
    std = np.sqrt(np.square(centered).mean(axis=axes, keepdims=True) + eps)
    return centered / std, mean, std


def _normalize_back(g, gamma, x, mean, std, axes):
    """(the gradient of x, the terms whose sum is gamma's gradient) for the output
    `gamma * (x - mean) / std + beta`."""
    normal = (x - mean) / std
    w = g * gamma / std
    inner = (w * normal).mean(axis=axes, keepdims=True)
    return w - w.mean(axis=axes, keepdims=True) - normal * inner, g * normal


def _std_outputs(p):
    return ("output", "mean", "std") if p.output_mean_var else ("output",)


def _std_hidden(p):
    return () if p.output_mean_var else ("mean", "std")


def _first(p, g):
    """The gradient of the first output; the statistics have none."""
    return g[0] if p.output_mean_var else g


@op("LayerNorm", keeps=_keeps)
class LayerNorm:
    """Normalizes every sample by itself along one axis: `gamma * (x - mean) / sqrt(var + eps) + beta`.

    Mean and variance are taken along `axis` at each position of the other axes; gamma and beta have one value
    per position along the axis.

    Returns an array of the data's shape; with `output_mean_var` also mean and `sqrt(var + eps)`, with size 1
    along the axis, through which no gradient flows.
    """

    axis: int = P(-1, "the C-order axis to normalise; negative counts from the last (in R: the first)")
    eps: float = P(9.99999975e-06, "added to the variance, so that it is never zero")
    output_mean_var: bool = P(False, "return mean and standard deviation as well")

    outputs, hidden = _std_outputs, _std_hidden
    infer_type = float_type

    def infer_shape(p, ins, outs):
        data, gamma = unify(ins[0], outs[0]), unify(ins[1], ins[2])
        moments = unify(*outs[1:])
        if data is not None:
            axis = axis_of(p.axis, len(data), "LayerNorm")
            gamma = unify(gamma, data[axis : axis + 1])
            data = (*data[:axis], gamma[0], *data[axis + 1 :])
            moments = (*data[:axis], 1, *data[axis + 1 :])
        return [data, gamma, gamma], [data, moments, moments]

    def forward(p, data, gamma, beta):
        shape = _along(p.axis, data)
        normal, mean, std = _normalize(data, p.axis % data.ndim, p.eps)
        return normal * gamma.reshape(shape) + beta.reshape(shape), mean, std

    def backward(p, g, ins, outs):
        data, g, axis = ins[0], _first(p, g), p.axis % ins[0].ndim
        others = tuple(i for i in range(data.ndim) if i != axis)
        gx, part = _normalize_back(g, ins[1].reshape(_along(axis, data)), data, outs[1], outs[2], axis)
        return gx, part.sum(axis=others), g.sum(axis=others)


def _along(axis, data):
    """The shape with which a vector is broadcast along an axis of the data."""
    return tuple(n if i == axis % data.ndim else 1 for i, n in enumerate(data.shape))


@op("GroupNorm", keeps=_keeps)
class GroupNorm:
    """Normalizes groups of channels of every sample: `gamma * (x - mean) / sqrt(var + eps) + beta`.

    The channels (C-order axis 1) form `num_groups` groups of neighbours; mean and variance are taken over a
    group's channels and positions, in each sample. Gamma and beta have one value per group, as in MXNet 1.9.

    Returns an array of the data's shape; with `output_mean_var` also mean and `sqrt(var + eps)` as (samples,
    groups) in C order, through which no gradient flows.
    """

    num_groups: int = P(1, "number of groups; the number of channels is a multiple", low=1)
    eps: float = P(9.99999975e-06, "added to the variance, so that it is never zero")
    output_mean_var: bool = P(False, "return mean and standard deviation as well")

    outputs, hidden = _std_outputs, _std_hidden
    infer_type = float_type

    def infer_shape(p, ins, outs):
        data = unify(ins[0], outs[0])
        gamma = unify(ins[1], ins[2], (p.num_groups,))
        moments = unify(outs[1], outs[2], (0, p.num_groups))
        if data is not None:
            if len(data) < 3:
                raise ShapeError(f"data must have at least 3 axes, not {len(data)}")
            if data[1] % p.num_groups:
                raise ShapeError(
                    f"the {data[1]} channels of the data cannot be split into num_groups "
                    f"= {p.num_groups} groups"
                )
            moments = (data[0], p.num_groups)
        return [data, gamma, gamma], [data, moments, moments]

    def forward(p, data, gamma, beta):
        x = data.reshape(data.shape[0], p.num_groups, -1)
        normal, mean, std = _normalize(x, 2, p.eps)
        out = normal * gamma.reshape(1, -1, 1) + beta.reshape(1, -1, 1)
        return out.reshape(data.shape), mean.reshape(mean.shape[:2]), std.reshape(std.shape[:2])

    def backward(p, g, ins, outs):
        data = ins[0]
        shape = (data.shape[0], p.num_groups, data.size // max(1, data.shape[0] * p.num_groups))
        g = _first(p, g).reshape(shape)
        mean, std = (m.reshape(*m.shape, 1) for m in outs[1:])
        gx, part = _normalize_back(g, ins[1].reshape(1, -1, 1), data.reshape(shape), mean, std, 2)
        return gx.reshape(data.shape), part.sum(axis=(0, 2)), g.sum(axis=(0, 2))


@op("InstanceNorm", keeps=_keeps)
class InstanceNorm:
    """Normalizes every channel of every sample over its positions:
    `gamma * (x - mean) / sqrt(var + eps) + beta`.

    Channels are C-order axis 1 and the axes after it are the positions; the data has at least 3 axes. Gamma
    and beta have one value per channel.

    Returns an array of the data's shape.
    """

    eps: float = P(0.00100000005, "added to the variance, so that it is never zero")

    hidden = ("mean", "std")
    infer_type = float_type

    def infer_shape(p, ins, outs):
        data, gamma = unify(ins[0], outs[0]), unify(ins[1], ins[2])
        moments = unify(outs[1], outs[2])
        if data is not None:
            if len(data) < 3:
                raise ShapeError(f"data must have at least 3 axes, not {len(data)}")
            gamma = unify(gamma, data[1:2])
            data = (data[0], gamma[0], *data[2:])
            moments = (*data[:2], 1)
        return [data, gamma, gamma], [data, moments, moments]

    def forward(p, data, gamma, beta):
        normal, mean, std = _normalize(data.reshape(*data.shape[:2], -1), 2, p.eps)
        out = normal * gamma.reshape(1, -1, 1) + beta.reshape(1, -1, 1)
        return out.reshape(data.shape), mean, std

    def backward(p, g, ins, outs):
        data = ins[0].reshape(*ins[0].shape[:2], -1)
        g = g.reshape(data.shape)
        gx, part = _normalize_back(g, ins[1].reshape(1, -1, 1), data, outs[1], outs[2], 2)
        return gx.reshape(ins[0].shape), part.sum(axis=(0, 2)), g.sum(axis=(0, 2))


@op("L2Normalization")
class L2Normalization:
    """Scales vectors to length 1: `x / sqrt(sum(x ^ 2) + eps)`.

    `instance`: each sample is one vector. `channel`: the channels (C-order axis 1) at each position of each
    sample. `spatial`: the positions of each channel of each sample. The last two need data with at least 3
    axes.

    Returns an array of the data's shape.
    """

    eps: float = P(1.00000001e-10, "added to the sum of squares, so that it is never zero")
    mode: str = P("instance", "what forms a vector", one_of=("channel", "instance", "spatial"))

    hidden = ("norm",)
    infer_type = float_type

    def infer_shape(p, ins, outs):
        data, norm = unify(ins[0], outs[0]), outs[1]
        if data is not None:
            if len(data) < (2 if p.mode == "instance" else 3):
                raise ShapeError(f'mode "{p.mode}" needs data with more axes than {shape_text(data)}')
            axes = _vector_axes(p, len(data))
            norm = tuple(1 if i in axes else n for i, n in enumerate(data))
        return [data], [data, norm]

    def forward(p, data):
        norm = np.sqrt(np.square(data).sum(axis=_vector_axes(p, data.ndim), keepdims=True) + p.eps)
        return data / norm, norm

    def backward(p, g, ins, outs):
        y, norm = outs
        return (g - y * (g * y).sum(axis=_vector_axes(p, y.ndim), keepdims=True)) / norm


def _vector_axes(p, ndim):
    return {"instance": tuple(range(1, ndim)), "channel": (1,), "spatial": tuple(range(2, ndim))}[p.mode]


# --------------------------------------------------------------------------------- over neighbouring channels


@op("LRN")
class LRN:
    """Local response normalization: `x / (knorm + alpha / nsize * s) ^ beta`.

    s is the sum of the squares at the same position in the `nsize` channels around this one (fewer at the
    ends). The data has 4 axes, channels on C-order axis 1.

    Returns an array of the data's shape.
    """

    alpha: float = P(9.99999975e-05, "weight of the squares")
    beta: float = P(0.75, "the power")
    knorm: float = P(2.0, "what is added to the weighted squares")
    nsize: int = P(REQUIRED, "number of channels that take part; odd", low=1)

    hidden = ("tmp_norm",)

    def infer_shape(p, ins, outs):
        if p.nsize % 2 == 0:
            raise ParamError(f"nsize must be odd, not {p.nsize}")
        data = unify(ins[0], *outs)
        if data is not None and len(data) != 4:
            raise ShapeError(f"data must have 4 axes, not {len(data)}")
        if data is not None and data[1] and data[1] < p.nsize:
            raise ShapeError(f"nsize {p.nsize} is more than the {data[1]} channels of the data")
        return [data], [data, data]

    def forward(p, data):
        norm = _neighbours(np.square(data), p.nsize) * (p.alpha / p.nsize) + p.knorm
        return data * norm**-p.beta, norm

    def backward(p, g, ins, outs):
        x, norm = ins[0], outs[1]
        inner = _neighbours(g * x * norm ** (-p.beta - 1), p.nsize)
        return g * norm**-p.beta - inner * x * (2 * p.beta * p.alpha / p.nsize)


def _neighbours(x, count):
    """At every channel, the sum over the `count` channels around it."""
    margin = np.zeros((x.shape[0], count // 2, *x.shape[2:]), x.dtype)
    padded = np.concatenate([margin, x, margin], axis=1) if count > 1 else x
    total = padded[:, : x.shape[1]]
    for i in range(1, count):
        total = total + padded[:, i : i + x.shape[1]]
    return total
