"""The same values in another shape, or with the axes in another order."""

import numpy as np

from mxr.operator import REQUIRED, P, Shape, ShapeError, axis_of, known, op, shape_text, size, unify


def solve(data, out):
    """`data` with its one unknown dimension filled in, so that it has as many values as the known shape
    `out`."""
    if data is None or not known(out):
        return data
    if not known(data):
        if data.count(0) > 1:
            return data
        rest = size(n for n in data if n)
        data = tuple(n or size(out) // rest for n in data)
    if size(data) != size(out):
        raise ShapeError(
            f"{size(data)} values of shape {shape_text(data)} cannot be given the shape {shape_text(out)}"
        )
    return data


# ------------------------------------------------------------------------------------------------ reshaping


def reshaped(shape, codes, reverse=False):
    """The shape that MXNet's reshape codes give for data of `shape`. 0 means unknown in `shape`, and "copy"
    in `codes`."""
    shape, codes = list(shape), list(codes)
    text = f"shape = {shape_text(tuple(codes))} does not fit data of shape {shape_text(tuple(shape))}"
    if reverse:
        shape.reverse(), codes.reverse()
    out, at, free = [], 0, None

    def take(n):
        nonlocal at
        if at + n > len(shape):
            raise ShapeError(f"{text}: a code needs more dimensions than there are")
        at += n
        return shape[at - n : at]

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
            (whole,) = take(1)
            out += _two_of(whole, next(codes, None), next(codes, None), text)
        elif code < 0:
            raise ShapeError(f"{text}: {code} is no code")
        else:
            out.append(code)
            at += 1
    if free is not None:
        rest = size(out)
        out[free] = size(shape) // rest if 0 not in shape and rest else 0
    return tuple(out[::-1] if reverse else out)


def _two_of(whole: int, a: int | None, b: int | None, text: str) -> list[int]:
    """A dimension split into two factors. One of them may be -1: it follows from the other."""
    if a is None or b is None or (a == -1 and b == -1):
        raise ShapeError(f"{text}: -4 needs two numbers after it, one of which may be -1")
    if a == -1:
        a = whole // b
    if b == -1:
        b = whole // a if a else 0
    if whole and a * b != whole:
        raise ShapeError(f"{text}: {a} times {b} is not {whole}")
    return [a, b]


def _to_target(shape, target, keep_highest):
    """The shape of the parameter `target_shape`: at most one 0, which takes what is left over."""
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

    Values stay in C order (R: column-major order, as `dim<-` does); only the dimensions change. `shape` is
    read from left to right against the dimensions of `data`, and may hold codes besides sizes: `0` copies
    this dimension, `-1` takes what is left over (once), `-2` copies all remaining dimensions, `-3` merges the
    next two dimensions into one, `-4, a, b` splits a dimension into `a` times `b`, one of which may be -1.
    With `reverse` it is read from right to left.

    Where the shape of `data` is not known completely, its one unknown dimension follows from the output.
    """

    shape: Shape = P((), "The new dimensions, or codes for them.")
    reverse: bool = P(False, "Match `shape` with the dimensions of `data` from the last one on.")
    target_shape: Shape = P(
        (),
        "The older form of `shape`: one dimension may be 0, it takes what is left over. "
        "Used when `shape` is empty.",
    )
    keep_highest: bool = P(
        False, "With `target_shape`: keep the first dimension of `data`, and ignore that of `target_shape`."
    )

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

    Data of C-order shape (n, c, h, w) becomes (n, c * h * w); in R, `dim = c(w, h, c, n)` becomes
    `c(w * h * c, n)`.
    """

    def infer_shape(p, ins, outs):
        data, out = ins[0], outs[0]
        if data is not None:
            rest = size(data[1:])
            out = unify(out, (data[0] if data else 1, rest))
            assert out is not None
            if out[0] and data and not data[0]:
                data = (out[0], *data[1:])
            data = solve(data, out)
        return [data], [out]

    def forward(p, data):
        return data.reshape(data.shape[0] if data.ndim else 1, size(data.shape[1:]))

    def backward(p, g, ins, outs):
        return g.reshape(ins[0].shape)


@op("reshape_like")
class ReshapeLike:
    """The values of `lhs` in the shape of `rhs`.

    With the ranges given, only the dimensions `lhs_begin`, ..., `lhs_end - 1` of `lhs` are replaced, by the
    dimensions `rhs_begin`, ..., `rhs_end - 1` of `rhs`. The values of `rhs` do not matter; its gradient is
    zero.
    """

    lhs_begin: int = P(None, "The first dimension of `lhs` that is replaced; None: the first.")
    lhs_end: int = P(None, "The first one that is kept again; None: all to the end are replaced.")
    rhs_begin: int = P(None, "The first dimension of `rhs` that is used; None: the first.")
    rhs_end: int = P(None, "The first one that is not used any more; None: all to the end are used.")

    own_types = ("rhs",)

    def infer_shape(p, ins, outs):
        lhs, rhs = ins
        if lhs is None or rhs is None:
            return ins, outs
        out = _shape_like(p, lhs, rhs)
        return [solve(lhs, out), rhs], [out]

    def forward(p, lhs, rhs):
        return lhs.reshape(_shape_like(p, lhs.shape, rhs.shape))

    def backward(p, g, ins, outs):
        return g.reshape(ins[0].shape), None


def _shape_like(p, lhs, rhs):
    def bounds(begin, end, n, side):
        b, e = begin or 0, n if end is None else end
        b, e = b + n if b < 0 else b, e + n if e < 0 else e
        if not 0 <= b <= e <= n or (begin is not None and b == n):
            raise ShapeError(f"{side}_begin = {begin}, {side}_end = {end} is no range of {n} dimensions")
        return b, e

    b, e = bounds(p.lhs_begin, p.lhs_end, len(lhs), "lhs")
    rb, re = bounds(p.rhs_begin, p.rhs_end, len(rhs), "rhs")
    return (*lhs[:b], *rhs[rb:re], *lhs[e:])


@op("expand_dims")
class ExpandDims:
    """The data with a new axis of size 1 at position `axis`."""

    axis: int = P(REQUIRED, "Where the new axis stands in the result; negative counts from the end.")

    def infer_shape(p, ins, outs):
        data, out = ins[0], outs[0]
        if data is not None:
            axis = axis_of(p.axis, len(data) + 1, "axis")
            out = unify(out, (*data[:axis], 1, *data[axis:]))
        if out is not None:
            axis = axis_of(p.axis, len(out), "axis")
            data = unify(data, (*out[:axis], *out[axis + 1 :]))
        return [data], [out]

    def forward(p, data):
        return np.expand_dims(data, p.axis)

    def backward(p, g, ins, outs):
        return g.reshape(ins[0].shape)


@op("squeeze")
class Squeeze:
    """The data without its axes of size 1: all of them, or those that `axis` names. One axis always
    remains."""

    axis: Shape = P(None, "The axes to leave out; each must have size 1. None: all that have.")

    def infer_shape(p, ins, outs):
        data = ins[0]
        return ins, [_squeezed(p, data) if known(data) else outs[0]]

    def forward(p, data):
        return data.reshape(_squeezed(p, data.shape))

    def backward(p, g, ins, outs):
        return g.reshape(ins[0].shape)


def _squeezed(p, shape):
    if p.axis is None:
        gone = [i for i, n in enumerate(shape) if n == 1]
    else:
        gone = [axis_of(a, len(shape), "axis") for a in p.axis]
        if len(set(gone)) < len(gone):
            raise ShapeError(f"axis = {p.axis} names an axis twice")
        wide = [a for a in gone if shape[a] != 1]
        if wide:
            raise ShapeError(
                f"axis {wide[0]} has size {shape[wide[0]]}; only axes of size 1 can be squeezed out"
            )
    return tuple(n for i, n in enumerate(shape) if i not in gone) or (1,)


# --------------------------------------------------------------------------------------------- moving axes


def _order(p, ndim):
    if not p.axes:
        return tuple(range(ndim))[::-1]
    axes = tuple(axis_of(a, ndim, "axes") for a in p.axes)
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


@op("SwapAxis", "swapaxes")
class SwapAxis:
    """The data with two of its axes exchanged."""

    dim1: int = P(0, "One axis.")
    dim2: int = P(0, "The other.")

    def infer_shape(p, ins, outs):
        data, out = ins[0], outs[0]
        s = data if data is not None else out
        if s is None:
            return ins, outs
        axis_of(p.dim1, len(s), "dim1"), axis_of(p.dim2, len(s), "dim2")
        return [data if out is None else unify(data, _swapped(p, out))], [
            out if data is None else unify(out, _swapped(p, data))
        ]

    def forward(p, data):
        return data.swapaxes(p.dim1, p.dim2)

    def backward(p, g, ins, outs):
        return g.swapaxes(p.dim1, p.dim2)


def _swapped(p, shape):
    shape = list(shape)
    shape[p.dim1], shape[p.dim2] = shape[p.dim2], shape[p.dim1]
    return tuple(shape)


@op("reverse", "flip")
class Reverse:
    """The data with the order of its elements reversed along each of the axes given."""

    axis: Shape = P(REQUIRED, "The axes to reverse.")

    def forward(p, data):
        return data[_backwards(p, data.ndim)]

    def backward(p, g, ins, outs):
        return g[_backwards(p, g.ndim)]

    def infer_shape(p, ins, outs):
        s = unify(ins[0], outs[0])
        if s is not None:
            _backwards(p, len(s))
        return [s], [s]


def _backwards(p, ndim):
    turns = [axis_of(a, ndim, "axis") for a in p.axis]
    return tuple(slice(None, None, -1 if turns.count(i) % 2 else 1) for i in range(ndim))


@op("depth_to_space")
class DepthToSpace:
    """Channels laid out as blocks of pixels.

    Data of shape (n, c, h, w) become (n, c / b^2, h * b, w * b), with b = `block_size`:
    `out[n, k, y * b + i, x * b + j] = data[n, (i * b + j) * c / b^2 + k, y,
    x]`. The inverse of `space_to_depth`.
    """

    block_size: int = P(REQUIRED, "The side of a block.", low=1)

    def infer_shape(p, ins, outs):
        if ins[0] is None:
            return ins, outs
        n, c, h, w = _image(ins[0])
        b = p.block_size
        if c % (b * b):
            raise ShapeError(f"{c} channels cannot be laid out in blocks of {b} times {b}")
        return ins, [(n, c // (b * b), h * b, w * b)]

    def forward(p, data):
        return _to_space(data, p.block_size)

    def backward(p, g, ins, outs):
        return _to_depth(g, p.block_size)


@op("space_to_depth")
class SpaceToDepth:
    """Blocks of pixels gathered into channels.

    Data of shape (n, c, h, w) become (n, c * b^2, h / b, w / b), with b = `block_size`:
    `out[n, (i * b + j) * c + k, y, x] = data[n, k, y * b + i, x * b + j]`. The inverse of `depth_to_space`.
    """

    block_size: int = P(REQUIRED, "The side of a block.", low=1)

    def infer_shape(p, ins, outs):
        if ins[0] is None:
            return ins, outs
        n, c, h, w = _image(ins[0])
        b = p.block_size
        if h % b or w % b:
            raise ShapeError(f"an image of {h} times {w} cannot be cut into blocks of {b} times {b}")
        return ins, [(n, c * b * b, h // b, w // b)]

    def forward(p, data):
        return _to_depth(data, p.block_size)

    def backward(p, g, ins, outs):
        return _to_space(g, p.block_size)


def _image(shape):
    if len(shape) != 4:
        raise ShapeError(f"the data must have 4 dimensions, not the shape {shape_text(shape)}")
    return shape


def _to_space(x, b):
    n, c, h, w = x.shape
    return (
        x.reshape(n, b, b, c // (b * b), h, w)
        .transpose(0, 3, 4, 1, 5, 2)
        .reshape(n, c // (b * b), h * b, w * b)
    )


def _to_depth(x, b):
    n, c, h, w = x.shape
    return (
        x.reshape(n, c, h // b, b, w // b, b)
        .transpose(0, 3, 5, 1, 2, 4)
        .reshape(n, c * b * b, h // b, w // b)
    )
