"""Joining arrays and taking them apart again: concatenate, stack, split, and making more of one array: tile, repeat, pad."""
import numpy as np

from mxr.op import REQUIRED, P, ShapeError, axis_of, op, unify


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
        axis = axis_of(p.dim, len(some), "Concat")
        rest = unify(*(s and (*s[:axis], 0, *s[axis + 1:]) for s in (*ins, *outs)))
        ins = [unify(s, rest) for s in ins]
        lengths = [s[axis] for s in ins]
        return ins, [unify(outs[0], (*rest[:axis], 0 if 0 in lengths else sum(lengths), *rest[axis + 1:]))]

    def forward(p, *data):
        return np.concatenate(data, p.dim)

    def backward(p, g, ins, outs):
        axis, end, parts = p.dim % g.ndim, 0, []
        for x in ins:
            begin, end = end, end + x.shape[axis]
            parts.append(g[_at(axis, slice(begin, end))])
        return tuple(parts)


@op("stack", variadic="num_args")
class Stack:
    """The inputs, all of one shape, joined along a new axis."""
    axis: int = P(0, "Where the new axis stands in the result; negative counts from the end.")
    num_args: int = P(REQUIRED, "The number of inputs; filled in from the call.", low=1)

    def infer_shape(p, ins, outs):
        data, out = unify(*ins), outs[0]
        if out is not None:
            axis = axis_of(p.axis, len(out), "stack")
            data = unify(data, (*out[:axis], *out[axis + 1:]))
        if data is not None:
            axis = axis_of(p.axis, len(data) + 1, "stack")
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
    squeeze_axis: bool = P(False, "Leave the axis out of the results; then the axis must have exactly `num_outputs` elements.")

    def outputs(p):
        return tuple(f"output{i}" for i in range(p.num_outputs)) if p.num_outputs > 1 else ("output",)

    def infer_shape(p, ins, outs):
        data = ins[0]
        if data is None:
            return ins, outs
        axis, n = axis_of(p.axis, len(data), "SliceChannel"), p.num_outputs
        if data[axis] % n or (p.squeeze_axis and data[axis] not in (0, n)):
            what = f"exactly {n} elements to be squeezed" if p.squeeze_axis else f"{n} equal parts"
            raise ShapeError(f"axis {axis} of size {data[axis]} does not have {what}")
        part = () if p.squeeze_axis else (data[axis] // n,)
        out = unify(*outs, (*data[:axis], *part, *data[axis + 1:]))
        length = n if p.squeeze_axis else n * out[axis]
        return [(*out[:axis], length, *out[axis + len(part):])], [out] * n

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
