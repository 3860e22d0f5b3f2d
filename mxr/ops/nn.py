"""Layers without windows: fully connected, activations, the softmax family, dropout."""

from __future__ import annotations

import numpy as np

from mxr.compiler import images
from mxr.compiler.value import Call, Value
from mxr.operator import (
    REQUIRED,
    Dtype,
    P,
    ParamError,
    Shape,
    ShapeError,
    axis_of,
    op,
    shape_text,
    size,
    unify,
)
from mxr.random import streams
from mxr.runtime.lazy_scipy import special

# -------------------------------------------------------------------------------------------- fully connected


@op("FullyConnected")
class FullyConnected:
    """A linear layer: `output = data . t(weight) + bias`.

    With `flatten` (the default) each sample, of any shape, is one row: an input of N samples with K
    values each gives an output of `num_hidden` values for each of the N samples, and the weight holds
    `num_hidden` rows of K. Without `flatten` the layer works on the last C-order axis of the input (the first
    one in R) and leaves the other axes as they are.

    Returns an array of `num_hidden` values per sample. Weight and bias are made as arguments when they are
    not given, and their shapes follow from the data.
    """

    num_hidden: int = P(REQUIRED, "number of values computed per sample: the rows of the weight", low=1)
    no_bias: bool = P(False, "leave out the bias, and with it the argument `bias`")
    flatten: bool = P(True, "treat everything but the first C-order axis of the data as one axis")

    inputs = lambda p: ("data", "weight") if p.no_bias else ("data", "weight", "bias")

    def infer_shape(p, ins, outs):
        data, weight, out = ins[0], unify(ins[1], (p.num_hidden, 0)), outs[0]
        if data is not None:
            if not data:
                raise ShapeError("data has no axes")
            lead = data[:1] if p.flatten else data[:-1]
            inner = data[1:] if p.flatten else data[-1:]
            out = unify(out, (*lead, p.num_hidden))
            weight = unify(weight, (p.num_hidden, size(inner)))
            data = (*out[:-1], *((weight[1],) if len(inner) == 1 else inner))
        bias = []
        if not p.no_bias:
            column = ins[2] is not None and len(ins[2]) == 2
            bias = [unify(ins[2], (p.num_hidden, 1) if column else (p.num_hidden,))]
        return [data, weight, *bias], [out]

    def forward(p, data, weight, bias=None):
        out = np.matmul(_rows(p, data), weight.T)
        if bias is not None:
            out = out + bias.reshape(-1)
        return out if p.flatten else out.reshape(*data.shape[:-1], p.num_hidden)

    def backward(p, g, ins, outs):
        data, weight = ins[:2]
        rows = _rows(p, data)
        g = g.reshape(rows.shape[0], p.num_hidden)
        grads = (np.matmul(g, weight).reshape(data.shape), np.matmul(g.T, rows))
        return grads if p.no_bias else (*grads, g.sum(axis=0).reshape(ins[2].shape))


def _rows(p, data):
    """The data as a matrix with one row per product with the weight."""
    shape = data.shape
    return data.reshape(shape[0], size(shape[1:])) if p.flatten else data.reshape(size(shape[:-1]), shape[-1])


# --------------------------------------------------------------------------------------------- activations


@op("Activation")
class Activation:
    """An activation function, applied to every element.

    `relu`: max(x, 0). `sigmoid`: 1 / (1 + exp(-x)). `tanh`: the hyperbolic tangent. `softrelu`: log(1 +
    exp(x)). `softsign`: x / (1 + abs(x)).

    Returns an array of the input's shape. The derivative of `relu` at zero is 0.
    """

    act_type: str = P(REQUIRED, "the function", one_of=("relu", "sigmoid", "softrelu", "softsign", "tanh"))

    def forward(p, data):
        match p.act_type:
            case "relu":
                return np.maximum(data, 0)
            case "sigmoid":
                return 1 / (1 + np.exp(-data))
            case "tanh":
                return np.tanh(data)
            case "softrelu":
                return np.maximum(data, 0) + np.log1p(np.exp(-np.abs(data)))
            case "softsign":
                return data / (1 + np.abs(data))

    def segment(p, shape, data):
        return images.relu(data) if p.act_type == "relu" else None

    def backward(p, g, ins, outs):
        x, y = ins[0], outs[0]
        match p.act_type:
            case "relu":
                return g * (y > 0)
            case "sigmoid":
                return g * (y * (1 - y))
            case "tanh":
                return g * (1 - y * y)
            case "softrelu":
                return g / (1 + np.exp(-x))
            case "softsign":
                return g / np.square(1 + np.abs(x))


_SELU_ALPHA, _SELU_LAMBDA = 1.6732632423543772, 1.0507009873554805


@op("LeakyReLU")
class LeakyReLU:
    """Variants of the rectified linear unit that do not set negative values to zero.

    For x > 0 all of them are x (`selu`: 1.0507 x; `gelu` differs everywhere). For x <= 0: `leaky`: slope x.
    `prelu`: gamma x, where gamma is a learned argument with one value, or one per channel (C-order axis 1).
    `rrelu`: r x, with r drawn uniformly between `lower_bound` and `upper_bound` for every element in
    training, and their mean otherwise. `elu`: slope (exp(x) - 1). `selu`: 1.7581 (exp(x) - 1). `gelu`, for
    every x: x times the standard normal distribution function of x.

    Returns an array of the input's shape; `rrelu` has a second output with the slopes. The gradient of `selu`
    below zero is 1.0507 (1.6733 + y) for the output y, as MXNet computes it.
    """

    act_type: str = P("leaky", "the function", one_of=("elu", "gelu", "leaky", "prelu", "rrelu", "selu"))
    slope: float = P(0.25, "slope below zero of `leaky`, scale of `elu`")
    lower_bound: float = P(0.125, "least random slope of `rrelu`")
    upper_bound: float = P(0.333999991, "largest random slope of `rrelu`")

    inputs = lambda p: ("data", "gamma") if p.act_type == "prelu" else ("data",)
    outputs = lambda p: ("output", "mask") if p.act_type == "rrelu" else ("output",)

    def infer_shape(p, ins, outs):
        data = unify(ins[0], *outs)
        if p.act_type != "prelu":
            return [data], [data] * len(outs)
        gamma = ins[1]
        if data is not None and gamma is None:
            gamma = data[1:2] if len(data) > 1 else data[:1]
        elif data is not None:
            _along_channels(gamma, data)
        return [data, gamma], [data]

    def forward(p, data, gamma=None):
        match p.act_type:
            case "leaky":
                return np.where(data > 0, data, data * p.slope)
            case "prelu":
                return np.where(
                    data > 0, data, data * gamma.reshape(_along_channels(gamma.shape, data.shape))
                )
            case "rrelu":
                slope = _random_slopes(p, data)
                return np.where(data > 0, data, data * slope), slope
            case "elu":
                return np.where(data > 0, data, np.expm1(data) * p.slope)
            case "selu":
                return np.where(data > 0, data, np.expm1(data) * _SELU_ALPHA) * _SELU_LAMBDA
            case "gelu":
                return 0.5 * data * (1 + special.erf(data * 0.5**0.5))

    def backward(p, g, ins, outs):
        x, y = ins[0], outs[0]
        match p.act_type:
            case "leaky":
                return np.where(y > 0, g, g * p.slope)
            case "prelu":
                shape = _along_channels(ins[1].shape, x.shape)
                axes = tuple(i for i, (n, m) in enumerate(zip(shape, x.shape)) if n != m)
                below = (g * np.where(x > 0, 0.0, x)).sum(axis=axes).reshape(ins[1].shape)
                return np.where(x > 0, g, g * ins[1].reshape(shape)), below
            case "rrelu":
                return np.where(x > 0, g[0], g[0] * outs[1])
            case "elu":
                return g * np.where(y > 0, 1.0, p.slope + y)
            case "selu":
                return g * np.where(y > 0, 1.0, _SELU_ALPHA + y) * _SELU_LAMBDA
            case "gelu":
                return g * (
                    0.5 * (1 + special.erf(x * 0.5**0.5)) + x * np.exp(-0.5 * (x * x)) * (2 * np.pi) ** -0.5
                )


def _along_channels(gamma, data):
    """The shape that broadcasts `prelu`'s gamma against the data. Gamma's axes are the data's first two, or
    the second one, or have size 1."""
    shape, left = [1] * len(data), len(gamma) - 1
    for i in reversed(range(min(2, len(data)))):
        if left >= 0 and (gamma[left] in (data[i], 1, 0) or not data[i]):
            shape[i] = gamma[left]
            left -= 1
    if left >= 0:
        raise ShapeError(
            f"gamma {shape_text(gamma)} fits neither the channels nor the samples of data {shape_text(data)}"
        )
    return tuple(shape)


def _random_slopes(p, data):
    """The slopes of `rrelu`: random in every training step of a traced graph, otherwise their mean."""
    mean = (p.lower_bound + p.upper_bound) / 2
    if not isinstance(data, Value):
        return np.full(data.shape, mean, data.dtype)

    def bind(run, ins, outs):
        def draw():
            outs[0][...] = streams.uniform(outs[0].shape, p.lower_bound, p.upper_bound) if run.train else mean

        return draw

    return Call(bind, [], [data.shape], [data.dtype], random=True, label="rrelu slopes").outs[0]


# ----------------------------------------------------------------------------------------- the softmax family


def _softmax_type(p, ins):
    return [np.dtype(p.dtype)] if p.dtype else [ins[0] or np.dtype(np.float32)]


def _scaled(p, data, sign):
    """(data - max) / temperature along the axis: exponentials of it cannot overflow."""
    if sign < 0:
        data = -data
    shifted = data - data.max(axis=p.axis, keepdims=True)
    return shifted if p.temperature in (None, 1.0) else shifted / p.temperature


def _result(p, data, out):
    return out.astype(p.dtype) if p.dtype else out


def _through_softmax(p, g, y, sign=1.0):
    """The gradient at a softmax's input, given its output y."""
    inner = (g * y).sum(axis=p.axis, keepdims=True)
    return y * (g - inner) * (sign / (p.temperature or 1.0))


def _softmax_shape(p, ins, outs):
    data = unify(ins[0], outs[0])
    if data is not None:
        axis = axis_of(p.axis, len(data), "softmax")
    if len(ins) == 1:
        if p.use_length:
            raise ParamError("use_length: only softmax takes lengths")
        return [data], [data]
    length = ins[1] if data is None else unify(ins[1], data[:axis] + data[axis + 1 :])
    return [data, length], [data]


def _inside(p, data, length):
    """True at the positions along the axis that come before the length."""
    axis = p.axis % data.ndim
    steps = np.arange(data.shape[axis], dtype=np.float32).reshape((-1,) + (1,) * (data.ndim - 1 - axis))
    return np.broadcast_to(steps, data.shape) < np.expand_dims(length, axis)


class _Softmax:
    """The parameters and rules of `softmax`, `softmin` and `log_softmax`."""

    axis: int = P(-1, "the C-order axis to normalise along; negative counts from the last (in R: the first)")
    temperature: float = P(None, "divide the data by this first")
    dtype: Dtype = P(
        None, "element type of the result; the data's if None", one_of=("float16", "float32", "float64")
    )
    use_length: bool = P(False, "not available here; `softmax` has it", none=True)

    infer_shape, infer_type = _softmax_shape, _softmax_type


@op("softmax")
class Softmax(_Softmax):
    """Exponentials scaled to sum to 1 along an axis: `exp(x / t) / sum(exp(x / t))` with the temperature t.

    With `use_length` a second input holds, for every slice along the axis, how many of its first elements
    take part; the others get probability 0 and gradient 0. Its shape is the data's without the axis.

    Returns an array of the data's shape. This layer is not a loss: `SoftmaxOutput` is softmax with the
    cross-entropy gradient.
    """

    use_length: bool = P(False, "take a second input with the number of valid elements", none=True)

    inputs = lambda p: ("data", "length") if p.use_length else ("data",)
    own_types = ("length",)

    def forward(p, data, length=None):
        if 0 in data.shape:
            return _result(p, data, data * 1)
        if length is None:
            e = np.exp(_scaled(p, data, 1))
            return _result(p, data, e / e.sum(axis=p.axis, keepdims=True))
        inside = _inside(p, data, length)
        e = np.where(inside, np.exp(_scaled(p, np.where(inside, data, -np.inf), 1)), 0.0)
        return _result(p, data, np.where(inside, e / e.sum(axis=p.axis, keepdims=True), 0.0))

    def backward(p, g, ins, outs):
        grad = _through_softmax(p, g, outs[0])
        return (np.where(_inside(p, *ins), grad, 0.0), None) if p.use_length else grad


@op("softmin")
class Softmin(_Softmax):
    """Softmax of the negated data: `exp(-x / t) / sum(exp(-x / t))` along an axis, with the temperature t.

    Returns an array of the data's shape, whose largest values are where the data's are smallest.
    """

    def forward(p, data):
        if 0 in data.shape:
            return _result(p, data, data * 1)
        e = np.exp(_scaled(p, data, -1))
        return _result(p, data, e / e.sum(axis=p.axis, keepdims=True))

    def backward(p, g, ins, outs):
        return _through_softmax(p, g, outs[0], -1.0)


@op("log_softmax")
class LogSoftmax(_Softmax):
    """The logarithm of softmax, computed without forming it: `x / t - log(sum(exp(x / t)))` along an axis,
    with the temperature t.

    Returns an array of the data's shape with values <= 0; `pick` takes the label's entry of it for a
    cross-entropy.
    """

    def forward(p, data):
        if 0 in data.shape:
            return _result(p, data, data * 1)
        z = _scaled(p, data, 1)
        return _result(p, data, z - np.log(np.exp(z).sum(axis=p.axis, keepdims=True)))

    def backward(p, g, ins, outs):
        grad = g - np.exp(outs[0]) * g.sum(axis=p.axis, keepdims=True)
        return grad if p.temperature in (None, 1.0) else grad / p.temperature


@op("SoftmaxActivation")
class SoftmaxActivation:
    """Softmax over the values of a sample (`instance`), or over the channels at each position (`channel`).
    Use `softmax` in new code.

    `instance` works along the last C-order axis: each row of a matrix. `channel` works along C-order axis 1
    and needs 3 axes or more.

    Returns an array of the data's shape. The gradient sums over C-order axis 1 in both modes, so with
    `instance` it is the true derivative for matrices only, as in MXNet.
    """

    mode: str = P("instance", "what sums to 1", one_of=("channel", "instance"))

    def infer_shape(p, ins, outs):
        data = unify(ins[0], outs[0])
        if data is not None and len(data) < (3 if p.mode == "channel" else 2):
            raise ShapeError(
                f'mode "{p.mode}" needs data with at least {3 if p.mode == "channel" else 2} axes, '
                f'not {shape_text(data)}'
            )
        return [data], [data]

    def forward(p, data):
        if 0 in data.shape:
            return data * 1
        axis = -1 if p.mode == "instance" else 1
        e = np.exp(data - data.max(axis=axis, keepdims=True))
        return e / e.sum(axis=axis, keepdims=True)

    def backward(p, g, ins, outs):
        y = outs[0]
        return y * (g - (g * y).sum(axis=1, keepdims=True))


# --------------------------------------------------------------------------------------------- dropout


def _drops(p, run) -> bool:
    return p.p > 0 and (run.train or p.mode == "always")


@op("Dropout", random=True, keeps=())
class Dropout:
    """Sets a random part of the elements to zero while training, and multiplies the others by `1 / (1 - p)`
    to keep the mean.

    Outside training the data passes through unchanged, unless `mode` is "always". With `axes`, one draw is
    shared along those axes: whole channels are dropped, for instance. The draws come from the stream that
    `mx.set.seed` starts, and equal MXNet's.

    Returns an array of the data's shape. The gradient is zero where the output was dropped, and scaled like
    the output elsewhere.
    """

    p: float = P(0.5, "the fraction to drop", low=0, high=1)
    mode: str = P("training", "when to drop", one_of=("always", "training"))
    axes: Shape = P((), "C-order axes that share a draw")
    cudnn_off: bool = P(False, "GPU only", none=True, ignored=True)

    hidden = ("mask",)

    def infer_shape(p, ins, outs):
        data = unify(ins[0], outs[0])
        mask = data
        if data is not None and p.axes:
            shared = {axis_of(a, len(data), "Dropout") for a in p.axes}
            mask = tuple(1 if i in shared else n for i, n in enumerate(data))
        return [data], [data, mask]

    def compute(p, run, ins, outs):
        if not _drops(p, run):
            outs[0][...] = ins[0]
            return
        mask = outs[1]
        draws = (
            mask
            if mask.dtype == np.float64
            else run.workspace(mask.shape, np.float32 if mask.dtype == np.float32 else np.float64)
        )
        streams.uniform_into(draws)
        keep = np.float32(1) - np.float32(p.p)
        kept = (
            draws.astype(np.float32, copy=False) <= keep
            if not p.axes
            else draws.astype(np.float32, copy=False) < keep
        )
        with np.errstate(all="ignore"):  # p = 1 gives 0 * inf = NaN, as in MXNet
            np.multiply(kept, np.float32(1) / keep, out=mask, casting="unsafe")
            np.multiply(ins[0], mask, out=outs[0])

    def gradient(p, run, gs, ins, outs, igs):
        if _drops(p, run):
            np.multiply(gs[0], outs[1], out=igs[0])
        else:
            igs[0][...] = gs[0]
