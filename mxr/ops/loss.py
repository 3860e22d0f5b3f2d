"""Loss layers: outputs that define their own gradient, and ignore the incoming one."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from mxr.compiler import reductions
from mxr.native import steps as native_steps
from mxr.operator import P, ShapeError, known, op, shape_text, size, unify
from mxr.ops.kernels.steps import Lane, Steps
from mxr.runtime import costs


def _fits(partial, shape) -> bool:
    """Whether a shape with unknown dimensions (0) can be this one."""
    return len(partial) == len(shape) and all(a in (0, b) for a, b in zip(partial, shape))


# ----------------------------------------------------------------------------------- any expression as a loss


@op("MakeLoss", loss=True)
class MakeLoss:
    """Makes any expression of symbols the loss that training minimises. The output of a model that ends in
    `MakeLoss` is the loss itself, not a prediction: to predict, name the layer before the loss, as shown
    below.

    The forward pass returns `data` unchanged. The backward pass ignores the incoming gradient: the gradient
    of every element of `data` is `grad_scale`. So training minimises the sum of the elements, times
    `grad_scale`. There is no need to add the elements up or to average them first; doing so only rescales the
    gradient.

    `normalization` divides the gradient. `null` divides by nothing. `batch` divides by the product of all
    dimensions of `data` but the last one in C order (the first one in R): for a matrix of one row per sample
    in C order that is the number of samples, for a vector it is 1 and so changes nothing, and for images
    (N, C, H, W) it is N * C * H. `valid` divides by the number of elements that are greater than
    `valid_thresh`, or by 1 when there are none.

    To predict from R, name the layer before the loss: `predict(model, X, output = "pred_output")`, where
    `pred` is the name that was given to it (any intermediate result can be named). From Python:
    `net.get_internals()["pred_output"]`. Or return both from one network:
    `mx.symbol.Group(list(mx.symbol.BlockGrad(pred), loss))`.
    """

    grad_scale: float = P(1.0, "the gradient of every element of the loss, before normalization")
    valid_thresh: float = P(0.0, 'elements greater than this count as valid when `normalization` is "valid"')
    normalization: str = P(
        "null",
        "what the gradient is divided by: nothing, the size of the batch, or the number of valid elements",
        one_of=("null", "batch", "valid"),
    )

    def forward(p, data):
        return data

    def backward(p, g, ins, outs):
        (data,) = ins
        match p.normalization:
            case "batch":
                return p.grad_scale / max(1, size(data.shape[:-1]))
            case "valid":
                valid = (data > p.valid_thresh).astype(data.dtype).sum(keepdims=True)
                return np.broadcast_to(p.grad_scale / np.maximum(valid, 1), data.shape)
        return p.grad_scale


@op("make_loss", loss=True)
class make_loss:
    """Makes any expression the loss that training minimises: returns `data` unchanged, and gives every
    element the gradient 1. The incoming gradient is ignored. `MakeLoss` is the same with a scale and
    normalization.

    The output of a model that ends with it is the loss, not a prediction. To predict, take the layer before
    it by `internals()`.
    """

    outputs = ("loss",)

    def forward(p, data):
        return data

    def backward(p, g, ins, outs):
        return 1.0


# --------------------------------------------------------------------------------------------- regression


def _regression_shape(p, ins, outs):
    data = unify(ins[0], *outs)
    label = ins[1]
    if data is not None:
        if not data:
            raise ShapeError("the data of a regression layer needs at least one dimension")
        if label is None:
            label = data[:1] if data[1:] == (1,) else data
        elif known(data) and known(label) and (label[:1] != data[:1] or size(label) != size(data)):
            raise ShapeError(
                f"label of shape {shape_text(label)} does not fit data of shape {shape_text(data)}: "
                "both need the same batch size and the same number of elements"
            )
    return [data, label], [data]


def _per_sample(p, difference, label):
    """The gradient of a regression layer: scaled, and divided by the number of values per sample."""
    return difference * (p.grad_scale / max(1, label.size // label.shape[0])), None


@op("LinearRegressionOutput", loss=True)
class LinearRegressionOutput:
    """Least squares: returns `data` unchanged as the prediction, and minimises half the squared difference
    from `label`.

    The gradient is `grad_scale * (data - label) / m`, where m is the number of values per sample; the
    incoming gradient is ignored. The label has the shape of the data, or any shape of equal size and batch;
    for data of one value per sample it is a vector.
    """

    grad_scale: float = P(1.0, "the gradient is multiplied by this")
    infer_shape = _regression_shape

    def forward(p, data, label):
        return data

    def backward(p, g, ins, outs):
        label = ins[1]
        return _per_sample(p, outs[0] - label.reshape(outs[0].shape), label)


@op("MAERegressionOutput", loss=True)
class MAERegressionOutput:
    """Least absolute error: returns `data` unchanged as the prediction, and minimises the absolute difference
    from `label`.

    The gradient is `grad_scale * sign(data - label) / m`, where m is the number of values per sample and the
    sign of zero is -1, as in MXNet; the incoming gradient is ignored. The label has the shape of the data, or
    any shape of equal size and batch; for data of one value per sample it is a vector.
    """

    grad_scale: float = P(1.0, "the gradient is multiplied by this")
    infer_shape = _regression_shape

    def forward(p, data, label):
        return data

    def backward(p, g, ins, outs):
        label = ins[1]
        above = outs[0] > label.reshape(outs[0].shape)
        return _per_sample(p, above.astype(outs[0].dtype) * 2 - 1, label)


@op("LogisticRegressionOutput", loss=True)
class LogisticRegressionOutput:
    """Logistic regression: returns the probability `1 / (1 + exp(-data))`, and minimises the cross-entropy
    with a `label` of 0 and 1 (or probabilities between).

    The gradient is `grad_scale * (output - label) / m`, where m is the number of values per sample; the
    incoming gradient is ignored. The label has the shape of the data, or any shape of equal size and batch;
    for data of one value per sample it is a vector.
    """

    grad_scale: float = P(1.0, "the gradient is multiplied by this")
    infer_shape = _regression_shape

    def forward(p, data, label):
        return 1 / (1 + np.exp(-data))

    def backward(p, g, ins, outs):
        label = ins[1]
        return _per_sample(p, outs[0] - label.reshape(outs[0].shape), label)


# --------------------------------------------------------------------------------------------- classification


def _softmax(x):
    e = np.exp(x - x.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def _is_class(x, label):
    """1 where axis 1 of `x` is at the class that `label` (size 1 along that axis) names; fractions of labels
    are cut off."""
    classes = np.arange(x.shape[1], dtype=np.float32).reshape(1, -1, *(1,) * (x.ndim - 2))
    return classes == np.trunc(label)


def _classes_second(p, shape):
    """The shape in which axis 1 runs over the classes."""
    if p.multi_output and len(shape) > 2:
        return (*shape[:2], size(shape[2:]))
    return (size(shape[:-1]), shape[-1]) if p.preserve_shape else (shape[0], size(shape[1:]))


def _blocks(steps: Steps, shape: tuple) -> Iterator[tuple[Lane, tuple]]:
    """(lane, index) of blocks that contain all classes: of some samples; or, if one sample is larger than a
    block, of some positions of all samples."""
    axis = 2 if size(shape[1:]) > costs.SOFTMAX_BLOCK and len(shape) > 2 and shape[2] > shape[0] else 0
    each = max(1, size(shape[:axis]) * size(shape[axis + 1 :]))
    step = max(1, costs.SOFTMAX_BLOCK // each)
    for lane, start, stop in steps.ranges(shape[axis], each * costs.SOFTMAX_NS):
        for a in range(start, stop, step):
            yield lane, (*[slice(None)] * axis, slice(a, min(a + step, stop)))


@op("SoftmaxOutput", "Softmax", loss=True)
class SoftmaxOutput:
    """Classification: returns the softmax of `data` as the probabilities of the classes, and minimises the
    cross-entropy with `label`.

    The output has the shape of the data. By default each sample, of any shape, is one set of classes;
    with `preserve_shape` the last C-order axis (the first one in R) runs over the classes; with
    `multi_output` the second C-order axis does, and every position of the further axes is classified
    separately, such as each pixel of an image.

    The gradient is the output minus 1 at the class that the label names (0 is the first class), times
    `grad_scale`; the incoming gradient is ignored. For a label that is no class, nothing is subtracted.
    `normalization` divides the gradient: `batch` by the number of samples (labels, when a sample has
    several), `valid` by the number of labels that are not `ignore_label`. With `multi_output` it is also
    divided by the number of positions, unless it is `valid`.

    A label of the same shape as the data holds probabilities: the gradient is then
    `grad_scale * (output - label)` and the other options have no effect. Otherwise the label has the shape of
    the data without the axis of the classes.

    `out_grad` multiplies the gradient by the output, as MXNet does. (According to its page, by the incoming
    gradient.)
    """

    grad_scale: float = P(1.0, "the gradient is multiplied by this")
    ignore_label: float = P(
        -1.0, "the label of samples that are left out, see `use_ignore` and `normalization`"
    )
    multi_output: bool = P(False, "classes along the second C-order axis, one label per further position")
    use_ignore: bool = P(False, "give samples labelled `ignore_label` a gradient of zero")
    preserve_shape: bool = P(False, "classes along the last C-order axis, one label per set of classes")
    normalization: str = P("null", "what the gradient is divided by", one_of=("null", "batch", "valid"))
    out_grad: bool = P(False, "multiply the gradient by the output")
    smooth_alpha: float = P(
        0.0,
        "take this much of the label's probability and share it equally among the other classes; no effect "
        "with `multi_output`",
        low=0,
        high=1,
    )

    def infer_shape(p, ins, outs):
        data, label = unify(ins[0], *outs), ins[1]
        if data is not None:
            if len(data) < 2:
                raise ShapeError("the data needs two dimensions at least: samples and classes")
            if not p.multi_output:
                label = unify(label, data if label is not None and len(label) == len(data) else data[:-1])
            elif known(data):
                flat, without, one = (data[0], size(data[2:])), (data[0], *data[2:]), (data[0], 1, *data[2:])
                if label is None:
                    label = flat
                elif not any(_fits(label, s) for s in (data, flat, without, one)):
                    raise ShapeError(
                        f"the label's shape {shape_text(label)} is none of {shape_text(flat)}, "
                        f"{shape_text(without)}, {shape_text(one)}, {shape_text(data)}"
                    )
        return [data, label], [data]

    inputs = ("data", "label")

    def native(p, ins, outs):
        x, y = ins[0], outs[0]
        shape = _classes_second(p, x.shape)
        if len(shape) > 2 or not (x.flags.c_contiguous and y.flags.c_contiguous):
            return None
        return native_steps.softmax(x.reshape(shape), y.reshape(shape))

    def prepare(p, run, ins, outs):
        steps = Steps(run)
        x, y = (a.reshape(_classes_second(p, a.shape)) for a in (steps.solid(ins[0]), steps.target(outs[0])))
        for lane, at in _blocks(steps, x.shape):
            x_part, part = x[at], y[at]
            of_all = lane.scratch(0, (len(part), 1, *part.shape[2:]), y.dtype)
            for call in reductions.calls(np.maximum, x_part, (1,), y.dtype, of_all):
                lane.step(call)
            lane.step(np.subtract, x_part, of_all, part)
            lane.step(np.exp, part, part)
            for call in reductions.calls(np.add, part, (1,), y.dtype, of_all):
                lane.step(call)
            lane.step(np.divide, part, of_all, part)
        return steps.call()

    def backward(p, g, ins, outs):
        label, out = ins[1], outs[0]
        if label.shape == out.shape:
            grad = (out - label) * p.grad_scale
            return grad * out if p.out_grad else grad, None
        y = out.reshape(_classes_second(p, out.shape))
        labels = label.reshape(-1)[: y.size // y.shape[1]].reshape(y.shape[0], 1, *y.shape[2:])
        hit = _is_class(y, labels).astype(y.dtype)
        if p.smooth_alpha and not p.multi_output:
            share = p.smooth_alpha / (y.shape[1] - 1) if y.shape[1] > 1 else 0.0
            grad = y - share - hit * (1 - p.smooth_alpha - share)
        else:
            grad = y - hit
        ignored = int(p.ignore_label)
        if p.use_ignore:
            grad = np.where(np.trunc(labels) == ignored, 0.0, grad)
        scale = p.grad_scale
        if p.multi_output and p.normalization != "valid":
            scale /= size(y.shape[2:])
        match p.normalization:
            case "batch":
                scale /= y.shape[0] if p.multi_output else label.size
            case "valid":
                valid = (np.trunc(label) != ignored).astype(y.dtype).sum(keepdims=True)
                scale = (scale / np.maximum(valid, 1)).reshape((1,) * y.ndim)
        grad = grad * scale
        return (grad * y if p.out_grad else grad).reshape(out.shape), None


@op("SVMOutput", loss=True)
class SVMOutput:
    """A support vector machine's last layer: returns the scores `data` unchanged, and minimises the hinge
    loss, squared unless `use_linear`.

    The error of a score s is max(0, `margin` - s) for the class that the label names, and max(0, `margin` +
    s) for the others. The incoming gradient is ignored. The last C-order axis (the first one in R) runs over
    the classes; the label has the shape of the data without it, and 0 is the first class.
    """

    margin: float = P(1.0, "the distance from zero that a score needs to have no error")
    regularization_coefficient: float = P(1.0, "the gradient is multiplied by this")
    use_linear: bool = P(False, "the plain hinge loss instead of its square")

    def infer_shape(p, ins, outs):
        data, label = unify(ins[0], *outs), ins[1]
        if data is not None:
            if len(data) < 2:
                raise ShapeError("the data needs two dimensions at least: samples and classes")
            label = unify(label, data[:-1])
        return [data, label], [data]

    def forward(p, data, label):
        return data

    def backward(p, g, ins, outs):
        score = outs[0].reshape(-1, outs[0].shape[-1])
        side = 1 - 2 * _is_class(score, ins[1].reshape(-1, 1)).astype(score.dtype)
        wrong = p.margin + side * score
        # no gradient for NaN
        grad = side * (wrong > 0).astype(score.dtype) if p.use_linear else 2 * side * np.fmax(wrong, 0)
        return (grad * p.regularization_coefficient).reshape(outs[0].shape), None


@op("softmax_cross_entropy")
class softmax_cross_entropy:
    """The cross-entropy between the softmax of the rows of `data` and the classes that `label` names, added
    up over the rows.

    `data` is a matrix with one row per sample (in C order; one column in R), `label` a vector with one class
    per sample, 0 being the first. Returns one number, `-sum(log(softmax(data)[label]))`, no probability
    counted as less than 1e-8. The gradient is the softmax minus 1 at the label's class, times the incoming
    gradient; the label has none.
    """

    def infer_shape(p, ins, outs):
        data, label = ins
        for name, shape, ndim in (("data", data, 2), ("label", label, 1)):
            if shape is not None and len(shape) != ndim:
                raise ShapeError(
                    f"{name} must have {ndim} dimension{'s' * (ndim > 1)}, not the shape {shape_text(shape)}"
                )
        rows = unify(label, data and data[:1])
        if rows is not None:
            data, label = unify(data, (*rows, 0)), rows
        return [data, label], [unify(outs[0], (1,))]

    def forward(p, data, label):
        y = _softmax(data)
        chosen = (y * _is_class(y, label.reshape(-1, 1)).astype(y.dtype)).sum(axis=1)
        return -np.log(np.maximum(chosen, 1e-8)).sum(keepdims=True)

    def backward(p, g, ins, outs):
        y = _softmax(ins[0])
        return (y - _is_class(y, ins[1].reshape(-1, 1)).astype(y.dtype)) * g.reshape(1, 1), None


# --------------------------------------------------------------------------------------------- a penalty


@op("IdentityAttachKLSparseReg", keeps=("ins",))
class IdentityAttachKLSparseReg:
    """Returns `data` unchanged, and adds a penalty to the gradient that keeps each unit's mean activation
    near `sparseness_target`.

    `data` is a matrix with one row per sample (in C order), of activations between 0 and 1 such as a
    sigmoid's. The state `moving_avg` follows the mean of each column with the given momentum, one step per
    backward pass; the gradient is the incoming one plus
    `penalty * ((1 - t) / (1 - moving_avg) - t / moving_avg)`, t being the target: the derivative of the
    Kullback-Leibler divergence.
    """

    sparseness_target: float = P(0.1, "the target of the mean activation", low=0, high=1)
    penalty: float = P(0.001, "the weight of the penalty")
    momentum: float = P(0.9, "how much of the moving average one step keeps", low=0, high=1)

    inputs = ("data",)
    aux = ("moving_avg",)

    def infer_shape(p, ins, outs):
        data = unify(ins[0], *outs)
        if data is not None and len(data) != 2:
            raise ShapeError(f"data must be a matrix, not of shape {shape_text(data)}")
        return [data, unify(ins[1], data and data[1:])], [data]

    def forward(p, data, moving_avg):
        return data

    def gradient(p, run, gs, ins, outs, igs):
        data, average = ins
        mean = data.mean(axis=0, dtype=np.float32)
        average *= np.float32(p.momentum)
        average += np.float32(1 - p.momentum) * mean
        if igs[0] is not None:
            penalty = p.penalty * ((1 - p.sparseness_target) / (1 - average) - p.sparseness_target / average)
            np.add(0 if gs[0] is None else gs[0], penalty, out=igs[0])
