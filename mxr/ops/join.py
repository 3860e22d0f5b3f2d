"""Several arrays joined (concat, stack), one array cut (split, crop), repeated (tile, repeat), or padded."""

import numpy as np

from mxr.compiler import images
from mxr.compiler.value import scatter_slice
from mxr.operator import REQUIRED, P, Shape, ShapeError, axis_of, known, op, shape_text, size, unify


def _at(axis, part):
    """The index that takes `part` along `axis`."""
    return (slice(None),) * axis + (part,)


# ------------------------------------------------------------------------------------------- several into one


@op("Concat", "concat", variadic="num_args")
class Concat:
    """The inputs joined along the existing axis `dim`; all other dimensions must agree.

    `dim` counts in C order: the default 1 is, in R, the last dimension but one.
    """

    num_args: int = P(REQUIRED, "The number of inputs; filled in from the call.", low=1)
    dim: int = P(1, "The axis along which to join; negative counts from the last.")

    def infer_shape(p, ins, outs):
        some = next((s for s in (*ins, *outs) if s is not None), None)
        if some is None:
            return ins, outs
        axis = axis_of(p.dim, len(some), "dim")
        rest = unify(*(s and (*s[:axis], 0, *s[axis + 1 :]) for s in (*ins, *outs)))
        ins = [unify(s, rest) for s in ins]
        lengths = [s[axis] for s in ins]
        return ins, [unify(outs[0], (*rest[:axis], 0 if 0 in lengths else sum(lengths), *rest[axis + 1 :]))]

    def forward(p, *data):
        return np.concatenate(data, p.dim)

    def segment(p, shape, *data):
        return images.joined(shape, data) if axis_of(p.dim, len(shape), "dim") == 1 else None

    def backward(p, g, ins, outs):
        axis, end, parts = p.dim % g.ndim, 0, []
        for x in ins:
            begin, end = end, end + x.shape[axis]
            parts.append(g[_at(axis, slice(begin, end))])
        return tuple(parts)


@op("stack", variadic="num_args")
class Stack:
    """The inputs, all of one shape, joined along a new axis."""

    axis: int = P(0, "The position of the new axis in the result; negative counts from the end.")
    num_args: int = P(REQUIRED, "The number of inputs; filled in from the call.", low=1)

    def infer_shape(p, ins, outs):
        data, out = unify(*ins), outs[0]
        if out is not None:
            axis = axis_of(p.axis, len(out), "axis")
            data = unify(data, (*out[:axis], *out[axis + 1 :]))
        if data is not None:
            axis = axis_of(p.axis, len(data) + 1, "axis")
            out = (*data[:axis], p.num_args, *data[axis:])
        return [data] * len(ins), [out]

    def forward(p, *data):
        return np.stack(data, p.axis)

    def backward(p, g, ins, outs):
        axis = p.axis % g.ndim
        return tuple(g[_at(axis, i)] for i in range(len(ins)))


# ------------------------------------------------------------------------------------------- one into several


@op("SliceChannel", "split")
class SliceChannel:
    """The data cut along one axis into `num_outputs` parts of equal size."""

    num_outputs: int = P(REQUIRED, "The number of parts; it must divide the size of the axis.", low=1)
    axis: int = P(1, "The axis that is cut; negative counts from the last.")
    squeeze_axis: bool = P(
        False, "Leave the axis out of the results; then the axis must have exactly `num_outputs` elements."
    )

    def outputs(p):
        return tuple(f"output{i}" for i in range(p.num_outputs))

    def infer_shape(p, ins, outs):
        data = ins[0]
        if data is None:
            return ins, outs
        axis, n = axis_of(p.axis, len(data), "axis"), p.num_outputs
        if data[axis] % n or (p.squeeze_axis and data[axis] not in (0, n)):
            what = f"exactly {n} elements to be squeezed" if p.squeeze_axis else f"{n} equal parts"
            raise ShapeError(f"axis {axis} of size {data[axis]} does not have {what}")
        part = () if p.squeeze_axis else (data[axis] // n,)
        out = unify(*outs, (*data[:axis], *part, *data[axis + 1 :]))
        length = n if p.squeeze_axis else n * out[axis]
        return [(*out[:axis], length, *out[axis + len(part) :])], [out] * n

    def forward(p, data):
        axis = p.axis % data.ndim
        step = data.shape[axis] // p.num_outputs
        parts = [i if p.squeeze_axis else slice(i * step, (i + 1) * step) for i in range(p.num_outputs)]
        return _unwrap(tuple(data[_at(axis, part)] for part in parts))

    def backward(p, g, ins, outs):
        gs = g if isinstance(g, tuple) else (g,)
        axis = p.axis % ins[0].ndim
        return (np.stack if p.squeeze_axis else np.concatenate)(gs, axis)


def _unwrap(parts):
    return parts if len(parts) > 1 else parts[0]


@op("_split_v2")
class SplitV2:
    """The data cut along one axis, at the given positions, or into `sections` parts whose sizes differ by at
    most one.

    `indices` holds the first element of every part: it begins with 0 and increases. The last part goes to the
    end of the axis.
    """

    indices: Shape = P(REQUIRED, "Where each part begins; not used when `sections` is given.")
    axis: int = P(1, "The axis that is cut; negative counts from the last.")
    squeeze_axis: bool = P(
        False, "Leave the axis out of the results; then every part must have exactly one element."
    )
    sections: int = P(0, "The number of parts; 0: cut at `indices`.", low=0)

    def outputs(p):
        n = p.sections or len(p.indices)
        return tuple(f"output{i}" for i in range(n)) if n > 1 else ("output",)

    def infer_shape(p, ins, outs):
        data = ins[0]
        if data is None:
            return ins, outs
        axis = axis_of(p.axis, len(data), "axis")
        if not p.squeeze_axis:  # the parts have equal sizes, except along the axis
            rest = unify(
                (*data[:axis], 0, *data[axis + 1 :]),
                *((*o[:axis], 0, *o[axis + 1 :]) for o in outs if o is not None),
            )
            data = (*rest[:axis], data[axis], *rest[axis + 1 :])
        if not data[axis]:
            return [data], outs
        cuts = _cuts(p, data[axis])
        lengths = [e - b for b, e in cuts]
        if cuts[0][0] or min(lengths) < 1 or (p.squeeze_axis and max(lengths) > 1):
            raise ShapeError(
                f"cut at {p.indices or p.sections}, axis {axis} of size {data[axis]} gives parts of sizes "
                f"{lengths}; indices must begin with 0 and increase"
                + (", and with squeeze_axis every part must have one element" if p.squeeze_axis else "")
            )
        parts = [() if p.squeeze_axis else (n,) for n in lengths]
        return [data], [(*data[:axis], *part, *data[axis + 1 :]) for part in parts]

    def forward(p, data):
        axis = p.axis % data.ndim
        return _unwrap(
            tuple(
                data[_at(axis, b if p.squeeze_axis else slice(b, e))] for b, e in _cuts(p, data.shape[axis])
            )
        )

    def backward(p, g, ins, outs):
        gs = g if isinstance(g, tuple) else (g,)
        return (np.stack if p.squeeze_axis else np.concatenate)(gs, p.axis % ins[0].ndim)


def _cuts(p, n):
    """(begin, end) of every part of an axis of `n` elements."""
    if p.sections:
        small, more = divmod(n, p.sections)
        begins = [i * small + min(i, more) for i in range(p.sections)]
    else:
        begins = list(p.indices)
    return list(zip(begins, [*begins[1:], n]))


# ------------------------------------------------------------------------------------------ more of one array


@op("tile")
class Tile:
    """The whole array repeated: `reps[i]` times along axis i.

    If `reps` is shorter than the shape, ones are put before it; if it is longer, ones are put before the
    shape.
    """

    reps: Shape = P(REQUIRED, "The number of repetitions along each axis.")

    def infer_shape(p, ins, outs):
        if not known(ins[0]):
            return ins, outs
        reps, shape = _aligned(p, ins[0])
        if min(reps, default=1) < 1:
            raise ShapeError(f"reps must be at least 1, not {p.reps}")
        return ins, [tuple(r * n for r, n in zip(reps, shape))]

    def forward(p, data):
        reps, shape = _aligned(p, data.shape)
        wide = np.broadcast_to(
            data.reshape([m for n in shape for m in (1, n)]), [m for pair in zip(reps, shape) for m in pair]
        )
        return wide.reshape([r * n for r, n in zip(reps, shape)])

    def backward(p, g, ins, outs):
        reps, shape = _aligned(p, ins[0].shape)
        parts = g.reshape([m for pair in zip(reps, shape) for m in pair])
        return parts.sum(axis=tuple(range(0, 2 * len(reps), 2))).reshape(ins[0].shape)


def _aligned(p, shape):
    ndim = max(len(p.reps), len(shape))
    return (1,) * (ndim - len(p.reps)) + tuple(p.reps), (1,) * (ndim - len(shape)) + tuple(shape)


@op("repeat")
class Repeat:
    """Every element repeated `repeats` times in a row along `axis`; without `axis`, of the data as one long
    vector."""

    repeats: int = P(REQUIRED, "The number of repetitions.", low=1)
    axis: int = P(
        None, "The axis along which; negative counts from the last. None: the data are flattened first."
    )

    def infer_shape(p, ins, outs):
        data = ins[0]
        if data is None or (p.axis is None and not known(data)):
            return ins, outs
        if p.axis is None:
            return ins, [(size(data) * p.repeats,)]
        axis = axis_of(p.axis, len(data), "axis")
        return ins, [(*data[:axis], data[axis] * p.repeats, *data[axis + 1 :])]

    def forward(p, data):
        before, after, out = _around(p, data.shape)
        return np.broadcast_to(data.reshape(before, 1, after), (before, p.repeats, after)).reshape(out)

    def backward(p, g, ins, outs):
        before, after, _ = _around(p, ins[0].shape)
        return g.reshape(before, p.repeats, after).sum(axis=1).reshape(ins[0].shape)


def _around(p, shape):
    """The size of the data as (rows, columns of a matrix whose rows are repeated), and the shape of the
    result."""
    if p.axis is None:
        return size(shape), 1, (size(shape) * p.repeats,)
    axis = p.axis % len(shape)
    return (
        size(shape[: axis + 1]),
        size(shape[axis + 1 :]),
        (*shape[:axis], shape[axis] * p.repeats, *shape[axis + 1 :]),
    )


# ------------------------------------------------------------------------------------------- borders


@op("Pad", "pad")
class Pad:
    """A border around the images of a batch: 4-dimensional data (n, c, h, w) or 5-dimensional
    (n, c, d, h, w).

    `pad_width` holds two numbers per axis, before and after; the four of the first two axes must be 0.
    `"constant"` fills with `constant_value`, `"edge"` repeats the outermost elements, `"reflect"` mirrors the
    data without repeating them. In R, where axes are reversed, `pad_width` is reversed too: the widths of the
    first dimension come first.
    """

    mode: str = P(REQUIRED, "What the border holds.", one_of=("constant", "edge", "reflect"))
    pad_width: Shape = P(REQUIRED, "The width of the border before and after each axis.")
    constant_value: float = P(0.0, "The value that `constant` fills in.")

    def infer_shape(p, ins, outs):
        data, w = ins[0], p.pad_width
        if data is None:
            return ins, outs
        if len(data) not in (4, 5):
            raise ShapeError(f"the data must have 4 or 5 dimensions, not the shape {shape_text(data)}")
        if len(w) != 2 * len(data) or any(w[:4]) or min(w) < 0:
            raise ShapeError(
                f"pad_width needs {2 * len(data)} numbers, the first four 0 and none negative, not {w}"
            )
        if p.mode == "reflect" and any(n and max(w[2 * i : 2 * i + 2]) >= n for i, n in enumerate(data)):
            raise ShapeError("a reflected border must be narrower than the data")
        return ins, [tuple(n and n + w[2 * i] + w[2 * i + 1] for i, n in enumerate(data))]

    def forward(p, data):
        for axis in range(2, data.ndim):
            before, after = p.pad_width[2 * axis : 2 * axis + 2]
            parts = [_border(p, data, axis, before, True), data, _border(p, data, axis, after, False)]
            data = np.concatenate([x for x in parts if x is not None], axis)
        return data

    def backward(p, g, ins, outs):
        for axis in reversed(range(2, g.ndim)):
            before, after = p.pad_width[2 * axis : 2 * axis + 2]
            n = ins[0].shape[axis]
            inner = g[_at(axis, slice(before, before + n))]
            shape = inner.shape
            for border, width, front in (
                (g[_at(axis, slice(0, before))], before, True),
                (g[_at(axis, slice(before + n, None))], after, False),
            ):
                if width and p.mode == "edge":
                    edge = slice(0, 1) if front else slice(n - 1, n)
                    inner = inner + scatter_slice(
                        border.sum(axis=axis, keepdims=True), shape, _at(axis, edge)
                    )
                elif width and p.mode == "reflect":
                    source = slice(1, width + 1) if front else slice(n - 1 - width, n - 1)
                    inner = inner + scatter_slice(
                        border[_at(axis, slice(None, None, -1))], shape, _at(axis, source)
                    )
            g = inner
        return g


def _border(p, x, axis, width, front):
    """The border of `x` on one side of `axis`; None when it has no width."""
    if not width:
        return None
    n = x.shape[axis]
    shape = (*x.shape[:axis], width, *x.shape[axis + 1 :])
    if p.mode == "constant":
        return np.full(shape, p.constant_value, x.dtype)
    if p.mode == "edge":
        return np.broadcast_to(x[_at(axis, slice(0, 1) if front else slice(n - 1, n))], shape)
    inside = x[_at(axis, slice(1, width + 1) if front else slice(n - 1 - width, n - 1))]
    return inside[_at(axis, slice(None, None, -1))]


@op("Crop", variadic="num_args")
class Crop:
    """A window of the images of a batch (n, c, h, w): of height and width `h_w`, or as large as a second
    input's images.

    The window begins at `offset` (row, column), or lies in the middle. The gradient of the second input is
    zero.
    """

    num_args: int = P(REQUIRED, "The number of inputs, 1 or 2; filled in from the call.", low=1, high=2)
    offset: Shape = P((0, 0), "The first row and column of the window.")
    h_w: Shape = P((0, 0), "Height and width of the window, with one input.")
    center_crop: bool = P(False, "Take the middle of the image instead of `offset`.")

    def infer_shape(p, ins, outs):
        data, like = ins[0], ins[1] if len(ins) > 1 else (0, 0, *p.h_w)
        if data is None or like is None:
            return ins, outs
        if len(data) != 4 or len(like) != 4:
            raise ShapeError(
                "the data must have 4 dimensions, not the shape "
                f"{shape_text(data if len(data) != 4 else like)}"
            )
        out = (*data[:2], *like[2:])
        if known(data) and known(out):
            _window(p, data, out)
        return ins, [out]

    def forward(p, data, like=None):
        out = (*data.shape[:2], *(like.shape[2:] if like is not None else p.h_w))
        return data[_window(p, data.shape, out)]

    def backward(p, g, ins, outs):
        return (scatter_slice(g, ins[0].shape, _window(p, ins[0].shape, g.shape)),) + (None,) * (len(ins) - 1)


def _window(p, data, out):
    space = [n - m for n, m in zip(data[2:], out[2:])]
    first = [n // 2 for n in space] if p.center_crop else list(p.offset)
    if len(first) != 2 or min(out) < 1 or any(not 0 <= f <= n for f, n in zip(first, space)):
        raise ShapeError(
            f"a window of {out[2]} times {out[3]} at offset {tuple(first)} does not fit into "
            f"{data[2]} times {data[3]}"
        )
    return (slice(None), slice(None), *(slice(f, f + m) for f, m in zip(first, out[2:])))
