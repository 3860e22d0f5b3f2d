"""Slices: parts of an array taken by position along its axes, and arrays with such a part replaced."""

import numpy as np

from mxr.compiler.value import scatter_slice
from mxr.operator import REQUIRED, P, Shape, ShapeError, axis_of, op, shape_text, unify


def slices(p, shape):
    """(the index of `begin`, `end`, `step` into an array of `shape`, the shape of the result, with 0 for
    unknown dimensions)."""
    begin, end, step = p.begin, p.end, p.step or (1,) * len(p.begin)
    if not len(begin) == len(end) == len(step):
        raise ShapeError("begin, end and step must have the same length")
    if len(begin) > len(shape):
        raise ShapeError(f"begin has {len(begin)} entries, the data {len(shape)} dimensions")
    key, out = [], list(shape)
    for i, (n, b, e, s) in enumerate(zip(shape, begin, end, step)):
        s = 1 if s is None else s
        if s == 0:
            raise ShapeError(f"step {i + 1} is 0")
        part = range(n)[slice(b, e, s)]
        if n and (not part or (b is not None and s > 0 and b >= n) or (b is not None and s < 0 and b < -n)):
            raise ShapeError(f"begin = {b}, end = {e}, step = {s} takes nothing of an axis of size {n}")
        stop = part.start + len(part) * s
        key.append(slice(part.start, None if stop < 0 else stop, s))
        out[i] = len(part)
    return tuple(key), tuple(out)


@op("slice", "crop")
class Slice:
    """A part of the data: along axis i the elements `begin[i]`, `begin[i] + step[i]`, ... before `end[i]`,
    counted from 0.

    Negative positions count from the end of the axis; None stands for its beginning or end. Axes after the
    last entry are taken whole. A negative step goes backwards. Positions beyond the end are cut to it, as in
    Python.
    """

    begin: Shape = P(REQUIRED, "The first element along each axis.")
    end: Shape = P(REQUIRED, "The element before which to stop along each axis.")
    step: Shape = P((), "The distance of the elements taken along each axis. Empty: 1.")

    def infer_shape(p, ins, outs):
        return ins, outs if ins[0] is None else [slices(p, ins[0])[1]]

    def forward(p, data):
        return data[slices(p, data.shape)[0]]

    def backward(p, g, ins, outs):
        return scatter_slice(g, ins[0].shape, slices(p, ins[0].shape)[0])


@op("slice_axis")
class SliceAxis:
    """A part of the data along one axis: the elements `begin`, ..., `end - 1`, counted from 0.

    Negative positions count from the end of the axis; `end = "None"` goes to its end.
    """

    axis: int = P(REQUIRED, "The axis that is cut; negative counts from the last.")
    begin: int = P(REQUIRED, "The first element that is taken.")
    end: int = P(
        REQUIRED, "The first element after `begin` that is not taken any more; None: take all.", none=True
    )

    def infer_shape(p, ins, outs):
        data = ins[0]
        if data is None:
            return ins, outs
        axis = axis_of(p.axis, len(data), "axis")
        n = 0
        if data[axis]:
            begin, end = _range(p, data[axis])
            n = end - begin
        out = unify(outs[0], (*data[:axis], n, *data[axis + 1 :]))
        assert out is not None
        return [(*out[:axis], data[axis], *out[axis + 1 :])], [out]

    def forward(p, data):
        return data[_along(p, data.shape)]

    def backward(p, g, ins, outs):
        return scatter_slice(g, ins[0].shape, _along(p, ins[0].shape))


def _range(p, n):
    begin = p.begin + n if p.begin < 0 else p.begin
    end = n if p.end is None else p.end + n if p.end < 0 else p.end
    if not 0 <= begin < end <= n:
        raise ShapeError(f"begin = {p.begin}, end = {p.end} is no part of an axis of size {n}")
    return begin, end


def _along(p, shape):
    axis = p.axis % len(shape)
    return (slice(None),) * axis + (slice(*_range(p, shape[axis])),)


@op("slice_like")
class SliceLike:
    """The beginning of the data along some axes: as long as `shape_like` is there. The gradient of
    `shape_like` is zero."""

    axes: Shape = P((), "The axes to cut. Empty: all, and both inputs need the same number of dimensions.")

    own_types = ("shape_like",)

    def infer_shape(p, ins, outs):
        if None in ins:
            return ins, outs
        return ins, [_like(p, *ins)]

    def forward(p, data, shape_like):
        return data[tuple(slice(0, n) for n in _like(p, data.shape, shape_like.shape))]

    def backward(p, g, ins, outs):
        return scatter_slice(g, ins[0].shape, tuple(slice(0, n) for n in g.shape)), None


def _like(p, data, like):
    if not p.axes and len(data) != len(like):
        raise ShapeError(
            f"without axes, {shape_text(data)} and {shape_text(like)} need the same number of dimensions"
        )
    out = list(data)
    for a in p.axes or range(len(data)):
        a = axis_of(a, len(data), "axes")
        axis_of(a, len(like), "axes")
        out[a] = like[a]
        if data[a] and like[a] > data[a]:
            raise ShapeError(f"axis {a} has {data[a]} elements, {like[a]} are needed")
    return tuple(out)


# ------------------------------------------------------------------------------------------- replacing a part


def _assigned(p, ins, outs):
    lhs = unify(ins[0], outs[0])
    if lhs is None:
        return ins, outs
    part = slices(p, lhs)[1]
    return [lhs, *(unify(s, part) for s in ins[1:])], [lhs]


@op("_slice_assign", "_crop_assign", keeps=())
class SliceAssign:
    """`lhs` with the part that `slice` would take replaced by `rhs`."""

    begin: Shape = P(REQUIRED, "The first element along each axis.")
    end: Shape = P(REQUIRED, "The element before which to stop along each axis.")
    step: Shape = P((), "The distance of the elements along each axis. Empty: 1.")

    inputs = ("lhs", "rhs")
    infer_shape = _assigned

    def compute(p, run, ins, outs):
        np.copyto(outs[0], ins[0])
        outs[0][slices(p, outs[0].shape)[0]] = ins[1]


@op("_slice_assign_scalar", "_crop_assign_scalar", keeps=())
class SliceAssignScalar:
    """`data` with the part that `slice` would take replaced by a number."""

    scalar: float = P(0.0, "The number.")
    begin: Shape = P(REQUIRED, "The first element along each axis.")
    end: Shape = P(REQUIRED, "The element before which to stop along each axis.")
    step: Shape = P((), "The distance of the elements along each axis. Empty: 1.")

    infer_shape = _assigned

    def compute(p, run, ins, outs):
        np.copyto(outs[0], ins[0])
        outs[0][slices(p, outs[0].shape)[0]] = p.scalar
