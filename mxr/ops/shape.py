"""Views: operators that look at the same values through another shape, and the blockings made of them."""
import numpy as np

from mxr.op import REQUIRED, P, Shape, ShapeError, axis_of, known, op, shape_text, size, unify


def solve(data, out):
    """`data` with its one unknown dimension filled in, so that it has as many values as the known shape `out`."""
    if data is None or not known(out):
        return data
    if not known(data):
        if data.count(0) > 1:
            return data
        rest = size(n for n in data if n)
        data = tuple(n or size(out) // rest for n in data)
    if size(data) != size(out):
        raise ShapeError(f"{size(data)} values of shape {shape_text(data)} cannot be given the shape {shape_text(out)}")
    return data


# ------------------------------------------------------------------------------------------------ reshaping

def reshaped(shape, codes, reverse=False):
    """The shape that MXNet's reshape codes make of `shape` (0 in both: unknown in the shape, "copy" in the codes)."""
    shape, codes = list(shape), list(codes)
    text = f"shape = {shape_text(tuple(codes))} does not fit data of shape {shape_text(tuple(shape))}"
    if reverse:
        shape.reverse(), codes.reverse()
    out, at, free = [], 0, None

    def take(n):
        nonlocal at
        if at + n > len(shape):
            raise ShapeError(f"{text}: a code asks for more dimensions than there are")
        at += n
        return shape[at - n:at]

    codes = iter(codes)
    for code in codes:
        if code == 0:
            out += take(1)
        elif code == -1:
            if free is not None:
                raise ShapeError(f"{text}: only one dimension can be -1")
            free, at = len(out), at + 1
            out.append(1)
        elif code == -2:
            out += take(max(len(shape) - at, 0))
        elif code == -3:
            a, b = take(2)
            out.append(a * b)
        elif code == -4:
            whole, = take(1)
            a, b = next(codes, None), next(codes, None)
            if b is None or (a == -1 and b == -1):
                raise ShapeError(f"{text}: -4 needs two numbers after it, one of which may be -1")
            if a == -1:
                a = whole // b
            if b == -1:
                b = whole // a if a else 0
            if whole and a * b != whole:
                raise ShapeError(f"{text}: {a} times {b} is not {whole}")
            out += [a, b]
        elif code < 0:
            raise ShapeError(f"{text}: {code} is no code")
        else:
            out.append(code)
            at += 1
    if free is not None:
        rest = size(out)
        out[free] = size(shape) // rest if 0 not in shape and rest else 0
    return tuple(out[::-1] if reverse else out)


def _to_target(shape, target, keep_highest):
    """The older way of saying it: `target` with at most one 0, which takes what is left."""
    target = list(target)
    start = 0
    if keep_highest:
        target[0], start = shape[0], 1
    if target[start:].count(0) == 1 and known(shape):
        free = target.index(0, start)
        target[free] = 1
        target[free] = size(shape) // size(target)
    return tuple(target)


@op("Reshape", "reshape")
class Reshape:
    """The same values in another shape.

    Values stay in C order (R: column-major order, as `dim<-` does); only the dimensions change. `shape` is read from left
    to right against the dimensions of `data`, and may hold codes besides sizes: `0` copies this dimension, `-1` takes
    what is left over (once), `-2` copies all remaining dimensions, `-3` merges the next two dimensions into one,
    `-4, a, b` splits a dimension into `a` times `b`, one of which may be -1. With `reverse` it is read from right to left.

    Where the shape of `data` is not known completely, its one unknown dimension follows from the output.
    """
    shape: Shape = P((), "The new dimensions, or codes for them.")
    reverse: bool = P(False, "Match `shape` with the dimensions of `data` from the last one on.")
    target_shape: Shape = P((), "The older form of `shape`: one dimension may be 0, it takes what is left over. Used when `shape` is empty.")
    keep_highest: bool = P(False, "With `target_shape`: keep the first dimension of `data`, whatever `target_shape` says of it.")

    def infer_shape(p, ins, outs):
        data, out = ins[0], outs[0]
        if data is None:
            return ins, outs
        if p.shape:
            out = unify(out, reshaped(data, p.shape, p.reverse))
        elif p.target_shape:
            out = unify(out, _to_target(data, p.target_shape, p.keep_highest))
        elif out is None:
            raise ShapeError("shape is required: give the new dimensions")
        return [solve(data, out)], [out]

    def forward(p, data):
        if p.shape:
            return data.reshape(reshaped(data.shape, p.shape, p.reverse))
        return data.reshape(_to_target(data.shape, p.target_shape, p.keep_highest))

    def backward(p, g, ins, outs):
        return g.reshape(ins[0].shape)


@op("Flatten", "flatten")
class Flatten:
    """A matrix with one row per sample: all dimensions but the first are merged into one.

    Data of C-order shape (n, c, h, w) becomes (n, c * h * w); in R, `dim = c(w, h, c, n)` becomes `c(w * h * c, n)`.
    """

    def infer_shape(p, ins, outs):
        data, out = ins[0], outs[0]
        if data is not None:
            rest = size(data[1:])
            out = unify(out, (data[0] if data else 1, rest))
            if out[0] and data and not data[0]:
                data = (out[0], *data[1:])
            data = solve(data, out)
        return [data], [out]

    def forward(p, data):
        return data.reshape(data.shape[0] if data.ndim else 1, size(data.shape[1:]))

    def backward(p, g, ins, outs):
        return g.reshape(ins[0].shape)


# --------------------------------------------------------------------------------------------- moving axes

def _order(p, ndim):
    if not p.axes:
        return tuple(range(ndim))[::-1]
    axes = tuple(axis_of(a, ndim, "transpose") for a in p.axes)
    if sorted(axes) != list(range(ndim)):
        raise ShapeError(f"axes must name each of the {ndim} axes of the data once, not {p.axes}")
    return axes


@op("transpose")
class Transpose:
    """The data with its axes in another order; without `axes`, in reversed order.

    `out[i_a0, i_a1, ...] = data[i_0, i_1, ...]`: axis j of the result is axis `axes[j]` of the data.
    """
    axes: Shape = P((), "The axes of the data in their new order. Empty: reversed.")

    def infer_shape(p, ins, outs):
        data, out = ins[0], outs[0]
        s = data if data is not None else out
        if s is None:
            return ins, outs
        axes = _order(p, len(s))
        if data is not None:
            out = unify(out, tuple(data[a] for a in axes))
        data = unify(data, tuple(out[axes.index(a)] for a in range(len(axes))))
        return [data], [out]

    def forward(p, data):
        return data.transpose(_order(p, data.ndim))

    def backward(p, g, ins, outs):
        axes = _order(p, ins[0].ndim)
        return g.transpose(tuple(axes.index(a) for a in range(len(axes))))


@op("expand_dims")
class ExpandDims:
    """The data with a new axis of size 1 at position `axis`."""
    axis: int = P(REQUIRED, "Where the new axis stands in the result; negative counts from the end.")

    def infer_shape(p, ins, outs):
        data, out = ins[0], outs[0]
        if data is not None:
            axis = axis_of(p.axis, len(data) + 1, "expand_dims")
            out = unify(out, (*data[:axis], 1, *data[axis:]))
        if out is not None:
            axis = axis_of(p.axis, len(out), "expand_dims")
            data = unify(data, (*out[:axis], *out[axis + 1:]))
        return [data], [out]

    def forward(p, data):
        return np.expand_dims(data, p.axis)

    def backward(p, g, ins, outs):
        return g.reshape(ins[0].shape)


# ------------------------------------------------------------------------------------------------ slicing

def sliced(n, begin, end, step, where="slice"):
    """`(slice, length)` of one axis of size `n`, negative positions counted from the end."""
    step = 1 if step is None else step
    if step == 0:
        raise ShapeError(f"{where}: step cannot be 0")
    if step > 0:
        begin, end = 0 if begin is None else begin, n if end is None else end
    else:
        begin = n - 1 if begin is None else begin
    first = begin + n if begin < 0 else begin
    last = -1 if end is None else end + n if end < 0 else end
    if not 0 <= first < max(n, 1):
        raise ShapeError(f"{where}: begin = {begin} is out of range for an axis of size {n}")
    last = min(last, n)
    length = max(-(-(last - first) // step), 0)
    return slice(first, None if last < 0 else last, step), length


@op("slice_axis")
class SliceAxis:
    """A part of the data along one axis: the elements `begin`, ..., `end - 1`, counted from 0.

    Negative positions count from the end of the axis; `end = "None"` goes to its end.
    """
    axis: int = P(REQUIRED, "The axis that is cut; negative counts from the last.")
    begin: int = P(REQUIRED, "The first element that is taken.")
    end: int = P(REQUIRED, "The first element after `begin` that is not taken any more.", none=True)

    def _range(p, n):
        begin = p.begin + n if p.begin < 0 else p.begin
        end = n if p.end is None else p.end + n if p.end < 0 else p.end
        if not 0 <= begin < end <= n:
            raise ShapeError(f"begin = {p.begin}, end = {p.end} is no part of an axis of size {n}")
        return begin, end

    def infer_shape(p, ins, outs, _range=_range):
        data, out = ins[0], outs[0]
        if data is not None:
            axis = axis_of(p.axis, len(data), "slice_axis")
            n = 0
            if data[axis]:
                begin, end = _range(p, data[axis])
                n = end - begin
            out = unify(out, (*data[:axis], n, *data[axis + 1:]))
            data = unify(data, (*out[:axis], data[axis], *out[axis + 1:]))
        return [data], [out]

    def forward(p, data, _range=_range):
        axis = p.axis % data.ndim
        return data[(slice(None),) * axis + (slice(*_range(p, data.shape[axis])),)]

    def backward(p, g, ins, outs, _range=_range):
        shape = ins[0].shape
        axis = p.axis % len(shape)
        return scatter_slice(g, shape, (slice(None),) * axis + (slice(*_range(p, shape[axis])),))
