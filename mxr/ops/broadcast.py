"""Arithmetic, comparison and logic of arrays with broadcasting, and broadcasting itself."""

from __future__ import annotations

import numpy as np

from mxr.operator import P, Shape, ShapeError, axis_of, op, shape_text, unify
from mxr.ops.shared.pointwise import PAIRS, Pair, declare, like, same_type, sum_to

_BROADCAST = (
    "The shapes are aligned at their last C-order dimension (R's first); a dimension that is 1, or missing, "
    "is repeated to fit the other array's. The gradients are summed over the repeated dimensions."
)


def broadcast_shape(p, ins, outs):
    """Shape rule of two broadcast inputs. It infers nothing from the output, which does not show which input
    was repeated."""
    lhs, rhs = ins
    if lhs is None or rhs is None:
        return ins, outs
    ndim = max(len(lhs), len(rhs))
    shape = []
    for a, b in zip((1,) * (ndim - len(lhs)) + tuple(lhs), (1,) * (ndim - len(rhs)) + tuple(rhs)):
        if a and b and a != b and 1 not in (a, b):
            raise ShapeError(
                f"shapes {shape_text(lhs)} and {shape_text(rhs)} cannot be broadcast together: "
                f"{a} and {b} differ and neither is 1"
            )
        shape.append(0 if not (a and b) else b if a == 1 else a)
    return ins, [unify(outs[0], tuple(shape))]


def _broadcast_pair(name: str, pair: Pair, *aliases: str):
    def forward(p, lhs, rhs):
        return like(pair.f(lhs, rhs), lhs)

    def backward(p, g, ins, outs):
        assert pair.gradient is not None
        to_lhs, to_rhs = pair.gradient(g, *ins, outs[0])
        return sum_to(to_lhs, ins[0].shape), sum_to(to_rhs, ins[1].shape)

    gradient = {"backward": backward} if pair.gradient else {}
    declare(
        __name__,
        "broadcast_" + name,
        *aliases,
        doc=f"Element by element, with broadcasting, {pair.text}.\n\n{_BROADCAST}",
        forward=forward,
        infer_shape=broadcast_shape,
        infer_type=same_type,
        segment=pair.segment,
        **gradient,
    )


_ALIASES = {"add": ("broadcast_plus",), "sub": ("broadcast_minus",)}
for _name, _pair in PAIRS.items():
    _broadcast_pair(_name, _pair, *_ALIASES.get(_name, ()))


def _stretched(shape, wanted) -> tuple[int, ...]:
    """`shape` with its ones replaced by the sizes in `wanted`; 0 in `wanted` keeps a size."""
    problem = f"an array of shape {shape_text(shape)} cannot be broadcast to {shape_text(wanted)}: "
    if len(shape) != len(wanted):
        raise ShapeError(problem + "the numbers of dimensions differ")
    if any(n and m and n not in (1, m) for n, m in zip(shape, wanted)):
        raise ShapeError(problem + "only dimensions of size 1 are repeated")
    return tuple(m or n for n, m in zip(shape, wanted))


def _one(shape, axis: int, where: str) -> int:
    """The axis, counted from 0, after checking that it can be repeated."""
    axis = axis_of(axis, len(shape), where)
    if shape[axis] not in (0, 1):
        raise ShapeError(
            f"{where} {axis} (from 0, in C order) of shape {shape_text(shape)} has size {shape[axis]}; "
            "only dimensions of size 1 can be repeated"
        )
    return axis


@op("broadcast_to")
class BroadcastTo:
    """Repeat an array along its dimensions of size 1 until it has the given shape.

    The array and `shape` have the same number of dimensions; 0 in `shape` keeps the array's size. The
    gradient is summed over the repeated dimensions.
    """

    shape: Shape = P((), "the wanted shape; 0 keeps the size of that dimension")

    def infer_shape(p, ins, outs):
        data = ins[0]
        if data is None:
            return ins, outs
        return ins, [unify(outs[0], _stretched(data, p.shape))]

    def forward(p, data):
        return np.broadcast_to(data, _stretched(data.shape, p.shape))

    def backward(p, g, ins, outs):
        return sum_to(g, ins[0].shape)


def _axis_shape(p, data):
    if len(p.axis) != len(p.size):
        raise ShapeError(
            f"axis names {len(p.axis)} dimensions and size {len(p.size)}; give one size for each axis"
        )
    shape = list(data)
    for axis, n in zip(p.axis, p.size):
        shape[_one(shape, axis, "axis")] = n
    return tuple(shape)


@op("broadcast_axis", "broadcast_axes")
class BroadcastAxis:
    """Repeat an array along chosen dimensions, which must have size 1.

    Each axis gets the size at the same position in `size`. Axes count from 0 in C order, so in R `axis = 0`
    is the last dimension. The gradient is summed over the repeated dimensions.
    """

    axis: Shape = P((), "the dimensions to repeat, counted from 0 in C order")
    size: Shape = P((), "the size that each of them gets")

    def infer_shape(p, ins, outs):
        if ins[0] is None:
            return ins, outs
        return ins, [unify(outs[0], _axis_shape(p, ins[0]))]

    def forward(p, data):
        return np.broadcast_to(data, _axis_shape(p, data.shape))

    def backward(p, g, ins, outs):
        return sum_to(g, ins[0].shape)


def _like_shape(p, lhs, rhs):
    if p.lhs_axes is None or p.rhs_axes is None:
        return _stretched(lhs, rhs)
    if len(p.lhs_axes) != len(p.rhs_axes) or not p.lhs_axes:
        raise ShapeError("lhs_axes and rhs_axes must name equally many dimensions, at least one")
    shape = list(lhs)
    for a, b in zip(p.lhs_axes, p.rhs_axes):
        shape[_one(lhs, a, "lhs_axes")] = rhs[axis_of(b, len(rhs), "rhs_axes")]
    return tuple(shape)


@op("broadcast_like")
class BroadcastLike:
    """Repeat `lhs` along its dimensions of size 1 until it has the shape of `rhs`, whose values do not
    matter.

    With `lhs_axes` and `rhs_axes` only those dimensions of `lhs` are repeated, each to the size of its
    partner in `rhs`; the arrays may then have different numbers of dimensions. The gradient for `lhs` is
    summed over the repeated dimensions; `rhs` gets zero.
    """

    lhs_axes: Shape = P(None, "the dimensions of `lhs` to repeat")
    rhs_axes: Shape = P(None, "the dimensions of `rhs` whose sizes they get")

    own_types = ("rhs",)

    def infer_shape(p, ins, outs):
        if ins[0] is None or ins[1] is None:
            return ins, outs
        return ins, [unify(outs[0], _like_shape(p, *ins))]

    def forward(p, lhs, rhs):
        return np.broadcast_to(lhs, _like_shape(p, lhs.shape, rhs.shape))

    def backward(p, g, ins, outs):
        return sum_to(g, ins[0].shape), None
