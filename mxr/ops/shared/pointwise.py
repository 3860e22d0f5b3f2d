"""Helpers of the element-wise families: functions of two arguments with their gradients (`PAIRS`), and
`declare`, which makes an operator of a table's row.

`PAIRS` is used three times: for arrays of one shape (elemwise.py), for broadcast arrays (broadcast.py), and
for the comparisons with a number (scalar.py).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from mxr.compiler import images
from mxr.operator import MxError, Op, op


def declare(module: str, name: str, *aliases: str, doc: str, **attributes) -> Op:
    """Declare the operator of a table's row: `@op` over a class with these attributes. Without `backward` its
    gradient is zero."""
    cls = type(name, (), {"__doc__": doc, "__module__": module, **attributes})
    return op(name, *aliases, zero_gradient="backward" not in attributes)(cls)


def like(y, x):
    """`y` in the element type of `x`: most operators return their input's type, also for integers."""
    return y if y.dtype == x.dtype else y.astype(x.dtype)


def same_type(p, ins):
    """Type rule of operators whose inputs must have one type."""
    types = {d for d in ins if d is not None}
    if len(types) > 1:
        raise MxError(
            f"the inputs have different element types ({', '.join(sorted(map(str, types)))}); "
            "Cast one of them"
        )
    return [types.pop() if types else np.dtype(np.float32)]


def float_type(p, ins):
    """Type rule of operators that take floating-point numbers only."""
    types = [d for d in ins if d is not None] or [np.dtype(np.float32)]
    for kind in types:
        if kind.kind != "f":
            raise MxError(f"takes arrays of floating-point numbers, not of {kind}; Cast them to float32")
    return types[:1]


def sum_to(g, shape):
    """The gradient of an array of `shape` that was broadcast to the shape of `g`: `g` summed over the
    broadcast axes."""
    if g.shape == shape:
        return g
    extra = g.ndim - len(shape)
    axes = tuple(i for i, n in enumerate(g.shape) if n != 1 and (i < extra or shape[i - extra] == 1))
    return (g.sum(axis=axes, keepdims=True, dtype=g.dtype) if axes else g).reshape(shape)


def sign(x):
    """-1, 0 or 1; 0 for NaN, as in MXNet."""
    return (x > 0).astype(x.dtype) - (x < 0).astype(x.dtype)


def mod(a, b):
    """The remainder with the sign of `b`; 0 where `b` is 0."""
    return np.where(b == 0, 0, np.mod(a, b))


def power(a, b):
    """`a ** b`, of integers in double precision, so that negative exponents work."""
    if a.dtype.kind != "f":
        a = a.astype(np.float64)
    return np.power(a, b)


def logical_and(a, b):
    return (a != 0) & (b != 0)


def logical_or(a, b):
    return (a != 0) | (b != 0)


def logical_xor(a, b):
    return (a != 0) != (b != 0)


# ------------------------------------------------------------------ gradients: (g, a, b, y) -> (for a, for b)


def _add_gradient(g, a, b, y):
    return g, g


def _sub_gradient(g, a, b, y):
    return g, -g


def _mul_gradient(g, a, b, y):
    return g * b, g * a


def _div_gradient(g, a, b, y):
    to_a = g / b
    return to_a, -(to_a * y)


def _mod_gradient(g, a, b, y):
    return g, -(g * np.floor(a / b))


def _power_gradient(g, a, b, y):
    return g * (b * np.power(a, b - 1)), g * (y * np.log(a))


def _maximum_gradient(g, a, b, y):
    return g * (a >= b).astype(g.dtype), g * (a < b).astype(g.dtype)


def _minimum_gradient(g, a, b, y):
    return g * (a <= b).astype(g.dtype), g * (a > b).astype(g.dtype)


def _hypot_gradient(g, a, b, y):
    return g * (a / y), g * (b / y)


class Pair(NamedTuple):
    """A function of two arrays, element by element."""

    f: Callable  # (a, b) -> y, or a condition
    gradient: Callable | None  # (g, a, b, y) -> (for a, for b); None: zero
    text: str  # the continuation of a sentence like "Element by element, "
    segment: Callable | None = None  # its part of a segment, see mxr.operator.declaration


# fmt: off
PAIRS = {
    "add": Pair(np.add, _add_gradient, "the sum, `lhs + rhs`", lambda p, shape, a, b: images.added(a, b)),
    "sub": Pair(np.subtract, _sub_gradient, "the difference, `lhs - rhs`"),
    "mul": Pair(np.multiply, _mul_gradient, "the product, `lhs * rhs`"),
    "div": Pair(np.divide, _div_gradient,
                "the quotient, `lhs / rhs`. Dividing by zero gives an infinity, 0/0 gives NaN; quotients of "
                "integer arrays are cut to integers"),
    "mod": Pair(mod, _mod_gradient,
                "the remainder of `lhs / rhs`. It has the sign of `rhs`, and is 0 where `rhs` is 0. The "
                "gradient is 1 for `lhs` and `-floor(lhs / rhs)` for `rhs`"),
    "power": Pair(power, _power_gradient,
                  "the power, `lhs ^ rhs`. A negative base with a fractional exponent gives NaN, and the "
                  "gradient for `rhs`, `lhs ^ rhs * log(lhs)`, is NaN for every negative base"),
    "maximum": Pair(np.maximum, _maximum_gradient,
                    "the larger of the two (NaN if one is NaN). The gradient goes to the larger one, and to "
                    "`lhs` where they are equal"),
    "minimum": Pair(np.minimum, _minimum_gradient,
                    "the smaller of the two (NaN if one is NaN). The gradient goes to the smaller one, and "
                    "to `lhs` where they are equal"),
    "hypot": Pair(np.hypot, _hypot_gradient,
                  "the hypotenuse, `sqrt(lhs^2 + rhs^2)`, computed without overflow. The gradient at (0, 0) "
                  "is NaN"),
    "equal":         Pair(np.equal,         None, "1 where `lhs == rhs`, else 0"),
    "not_equal":     Pair(np.not_equal,     None, "1 where `lhs != rhs`, else 0"),
    "greater":       Pair(np.greater,       None, "1 where `lhs > rhs`, else 0"),
    "greater_equal": Pair(np.greater_equal, None, "1 where `lhs >= rhs`, else 0"),
    "lesser":        Pair(np.less,          None, "1 where `lhs < rhs`, else 0"),
    "lesser_equal":  Pair(np.less_equal,    None, "1 where `lhs <= rhs`, else 0"),
    "logical_and":   Pair(logical_and,      None,
                          "1 where both are true (not zero; NaN counts as true), else 0"),
    "logical_or":    Pair(logical_or,       None,
                          "1 where at least one is true (not zero; NaN counts as true), else 0"),
    "logical_xor":   Pair(logical_xor,      None,
                          "1 where exactly one is true (not zero; NaN counts as true), else 0"),
}
# fmt: on
