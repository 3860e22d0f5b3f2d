"""Reductions: sums, means, products, extremes, norms, and where the extremes are."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from mxr.compiler.value import number_as
from mxr.operator import Dtype, P, Shape, ShapeError, axis_of, known, op, shape_text, unify
from mxr.ops.shared.pointwise import declare, like, sign

_AXES = (
    "With no `axis` the whole array is reduced, to a vector of one element. Axes count from 0 in C order, "
    "negative ones from the end, so in R `axis = 0` is the last dimension. `exclude = TRUE` reduces all axes "
    "but the ones given; `keepdims = TRUE` leaves the reduced dimensions in place with size 1."
)


def _axes(axis, ndim: int, exclude: bool = False) -> tuple[int, ...]:
    """The axes to reduce, sorted; all of them if none are given."""
    if not axis:
        return tuple(range(ndim))
    axes = sorted(axis_of(a, ndim, "axis") for a in axis)
    if len(set(axes)) < len(axes):
        raise ShapeError(f"axis {shape_text(axis)} names a dimension twice")
    return tuple(a for a in range(ndim) if a not in axes) if exclude else tuple(axes)


def _reduced(shape, axes, keepdims: bool) -> tuple[int, ...]:
    """`shape` without the reduced axes; at least (1,)."""
    if keepdims:
        return tuple(1 if i in axes else n for i, n in enumerate(shape))
    return tuple(n for i, n in enumerate(shape) if i not in axes) or (1,)


def _reduce_shape(p, ins, outs):
    data = ins[0]
    if data is None:
        return ins, outs
    return ins, [unify(out, _reduced(data, _axes(p.axis, len(data), p.exclude), p.keepdims)) for out in outs]


def _kept(values, shape, axes):
    """A reduced array with its reduced dimensions back, as size 1, so that it broadcasts against the data."""
    return values.reshape(_reduced(shape, axes, True))


def _count(shape, axes) -> int:
    return math.prod(shape[a] for a in axes)


def _reduction(name: str, f: Callable, gradient: Callable, text: str, *aliases: str):
    """Declare a reduction y = f(x, axes), which keeps the reduced axes with size 1. `gradient(g, x, y, axes)`
    is the gradient of x; g and y broadcast against x. `text` is its help text."""

    def forward(p, data):
        axes = _axes(p.axis, data.ndim, p.exclude)
        return like(f(data, axes), data).reshape(_reduced(data.shape, axes, p.keepdims))

    def backward(p, g, ins, outs):
        x = ins[0]
        axes = _axes(p.axis, x.ndim, p.exclude)
        return np.broadcast_to(
            gradient(_kept(g, x.shape, axes), x, _kept(outs[0], x.shape, axes), axes), x.shape
        )

    declare(
        __name__,
        name,
        *aliases,
        doc=f"{text}\n\n{_AXES}",
        forward=forward,
        backward=backward,
        infer_shape=_reduce_shape,
        __annotations__={"axis": Shape, "keepdims": bool, "exclude": bool},
        axis=P(None, "the axis or axes to reduce, in C order; none: all"),
        keepdims=P(False, "leave the reduced dimensions in place, with size 1"),
        exclude=P(False, "reduce all axes but the given ones"),
    )


def _total(x, axes):
    """The sum in the array's own type, as MXNet adds up: whole numbers wrap around."""
    return x.sum(axis=axes, keepdims=True, dtype=x.dtype)


def _mean(x, axes):
    """The sum divided by the number of elements. For integers as in MXNet: the number is converted to their
    type, and the quotient is cut to an integer."""
    total, n = _total(x, axes), _count(x.shape, axes)
    if x.dtype.kind not in "iu":
        return total / n
    n = number_as(n, x.dtype) or n  # MXNet divides by zero where it becomes 0
    quotient = total // n
    return quotient + ((quotient < 0) & (quotient * n != total)).astype(x.dtype)


def _nansum(x, axes):
    return _total(np.where(np.isnan(x), 0, x), axes)


def _square_sum(x, axes):
    return _total(x * x, axes)


def _prod(x, axes):
    return x.prod(axis=axes, keepdims=True, dtype=x.dtype)


def _nanprod(x, axes):
    return np.where(np.isnan(x), 1, x).prod(axis=axes, keepdims=True, dtype=x.dtype)


def _max(x, axes):
    return x.max(axis=axes, keepdims=True)


def _min(x, axes):
    return x.min(axis=axes, keepdims=True)


# fmt: off
_reduction("sum",     _total,   lambda g, x, y, axes: g,
           "The sum of the elements.", "sum_axis")
_reduction("mean",    _mean,    lambda g, x, y, axes: g / _count(x.shape, axes),
           "The mean of the elements.")
_reduction("nansum",  _nansum,  lambda g, x, y, axes: g * like(x == x, g),
           "The sum of the elements that are not NaN; those get no gradient.")
_reduction("prod",    _prod,    lambda g, x, y, axes: g * (y / x),
           "The product of the elements. The gradient is `product / element`, which is NaN for an element "
           "that is 0.")
_reduction("nanprod", _nanprod, lambda g, x, y, axes: np.where(np.isnan(x), 0, g * (y / x)),
           "The product of the elements that are not NaN; those get no gradient. Otherwise as `prod`.")
_reduction("max",     _max,     lambda g, x, y, axes: g * like(x == y, g),
           "The largest of the elements (NaN if one is NaN). Every element that equals it gets the whole "
           "gradient.", "max_axis")
_reduction("min",     _min,     lambda g, x, y, axes: g * like(x == y, g),
           "The smallest of the elements (NaN if one is NaN). Every element that equals it gets the whole "
           "gradient.", "min_axis")
_reduction("_square_sum", _square_sum, lambda g, x, y, axes: g * (2 * x),
           "The sum of the squares of the elements.")
# fmt: on


@op("norm")
class Norm:
    """The norm of the elements: `sqrt(sum(x^2))`, or `sum(|x|)` with `ord = 1`.

    With no `axis` it is taken over the whole array, to a vector of one element; several axes are reduced
    together. Axes count from 0 in C order, negative ones from the end. The gradient is `x / norm` (NaN where
    the norm is 0), or the sign of x.
    """

    ord: int = P(2, "1: sum of absolute values; 2: Euclidean", low=1, high=2)
    axis: Shape = P(None, "the axis or axes to reduce, in C order; none: all")
    out_dtype: Dtype = P(None, "the element type of the result; default: that of the input")
    keepdims: bool = P(False, "leave the reduced dimensions in place, with size 1")

    def infer_shape(p, ins, outs):
        if ins[0] is None:
            return ins, outs
        return ins, [unify(outs[0], _reduced(ins[0], _axes(p.axis, len(ins[0])), p.keepdims))]

    def infer_type(p, ins):
        return [np.dtype(p.out_dtype or ins[0] or np.float32)]

    def forward(p, data):
        axes = _axes(p.axis, data.ndim)
        if p.ord == 1:
            y = _total(np.abs(data), axes)
        else:  # squares of single precision numbers overflow; as doubles they cannot
            wide = data.astype(np.float64)
            y = np.sqrt(_total(wide * wide, axes))
        return y.astype(p.out_dtype or data.dtype).reshape(_reduced(data.shape, axes, p.keepdims))

    def backward(p, g, ins, outs):
        x = ins[0]
        axes = _axes(p.axis, x.ndim)
        g, y = (like(_kept(v, x.shape, axes), x) for v in (g, outs[0]))
        return g * (sign(x) if p.ord == 1 else x / y)


@op("moments")
class Moments:
    """Mean and variance of the elements along the given axes: two outputs.

    The variance is the mean of the squared deviations, `mean((x - mean)^2)`. Axes count from 0 in C order,
    negative ones from the end; they must be given (all of them for the moments of the whole array).
    """

    axes: Shape = P(None, "the axes to reduce, in C order")
    keepdims: bool = P(False, "leave the reduced dimensions in place, with size 1")
    outputs = ("output0", "output1")

    def infer_shape(p, ins, outs):
        if not p.axes:
            raise ShapeError(
                "axes is empty; name the axes to reduce, all of them for the moments of the whole array"
            )
        if ins[0] is None:
            return ins, outs
        shape = unify(*outs, _reduced(ins[0], _axes(p.axes, len(ins[0])), p.keepdims))
        return ins, [shape, shape]

    def forward(p, data):
        axes = _axes(p.axes, data.ndim)
        shape = _reduced(data.shape, axes, p.keepdims)
        mean = like(_mean(data, axes), data)
        variance = like(_mean(np.square(data - mean), axes), data)
        return mean.reshape(shape), variance.reshape(shape)

    def backward(p, g, ins, outs):
        x = ins[0]
        axes = _axes(p.axes, x.ndim)
        n = _count(x.shape, axes)
        to_mean, to_variance = (_kept(part, x.shape, axes) / n for part in g)
        return to_mean + 2 * to_variance * (x - _kept(outs[0], x.shape, axes))


# ------------------------------------------------------------------------------------- where the extremes are


def _position_shape(p, ins, outs):
    data = ins[0]
    if not known(data):
        return ins, outs
    if p.axis is None or len(data) == 1:
        axes = tuple(range(len(data)))
    else:
        axes = (axis_of(p.axis, len(data), "axis"),)
    return ins, [unify(outs[0], _reduced(data, axes, p.keepdims))]


def _position(f: Callable):
    def compute(p, run, ins, outs):
        x, out = ins[0], outs[0]
        axis = None if p.axis is None or x.ndim == 1 else p.axis
        out[...] = np.asarray(f(x, axis=axis)).reshape(out.shape)

    return compute


class _Position:
    """The parameters and the shape of `argmax` and `argmin`."""

    axis: int = P(None, "the axis to search, in C order; negative ones count from the end")
    keepdims: bool = P(False, "leave the searched dimension in place, with size 1")

    infer_shape = _position_shape


@op("argmax", zero_gradient=True, keeps=())
class ArgMax(_Position):
    """Where the largest element is: its position along `axis`, counted from 0, as a number of the input's
    type.

    With no `axis`, the position in the whole array read in C order. Of equal elements the first counts; NaN
    counts as the largest. The gradient is 0.
    """

    compute = _position(np.argmax)


@op("argmin", zero_gradient=True, keeps=())
class ArgMin(_Position):
    """Where the smallest element is: its position along `axis`, counted from 0, as a number of the input's
    type.

    With no `axis`, the position in the whole array read in C order. Of equal elements the first counts; NaN
    counts as the smallest. The gradient is 0.
    """

    compute = _position(np.argmin)


@op("argmax_channel", keeps=())
class ArgMaxChannel:
    """Where the largest element of each row is: `argmax` along C-order axis 1, so the predicted class of
    every case in a batch.

    It has no gradient: a network that is trained through it cannot be bound.
    """

    def infer_shape(p, ins, outs):
        data = ins[0]
        if data is None:
            return ins, outs
        if len(data) < 2:
            raise ShapeError(f"data of shape {shape_text(data)} has no second C-order dimension to search")
        return ins, [unify(outs[0], _reduced(data, (1,), False))]

    def compute(p, run, ins, outs):
        outs[0][...] = np.argmax(ins[0], axis=1)
