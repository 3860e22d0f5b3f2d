"""Arrays with a number: `data + 2`, `2 - data`, `data > 0`. R's operators on symbols and NDArrays end
here."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from mxr.compiler.value import number_as
from mxr.operator import P
from mxr.ops.shared.pointwise import PAIRS, declare, like, mod
from mxr.ops.shared.pointwise import power as array_power

_TYPES = (
    "An integer array stays one, and the number is cut to an integer, unless `is_int` is false; "
    "then the result is float64."
)


def _scalar_type(p, ins):
    dtype = ins[0] or np.dtype(np.float32)
    if dtype.kind in "iu" and not p.is_int:
        return [np.dtype(np.float64)]
    if dtype.kind == "b":
        return [np.dtype(np.int64 if p.is_int else np.float64)]
    return [dtype]


def _operands(p, data):
    """The array in the result's type, and the number: an int beside integers, else a float."""
    dtype = _scalar_type(p, [data.dtype])[0]
    x = data if data.dtype == dtype else data.astype(dtype)
    return x, p.scalar if x.dtype.kind == "f" else number_as(p.scalar, x.dtype)


def _scalar(name: str, aliases: tuple[str, ...], f: Callable, gradient: Callable | None, text: str):
    """Declare an operator y = f(x, s) of an array x and a number s. `gradient(g, x, s, y)` is the gradient of
    x for the gradient g of y; None: zero. `text` is the rest of the help's "Element by element, ..."."""

    def forward(p, data):
        x, s = _operands(p, data)
        return like(f(x, s), x)

    def backward(p, g, ins, outs):
        assert gradient is not None
        x, s = _operands(p, ins[0])
        return gradient(g, x, s, outs[0])

    declare(
        __name__,
        name,
        *aliases,
        doc=f"Element by element, {text}.\n\n{_TYPES}",
        forward=forward,
        infer_type=_scalar_type,
        __annotations__={"scalar": float, "is_int": bool},
        scalar=P(1.0, "the number"),
        is_int=P(True, "whether the number counts as an integer beside an integer array"),
        **({"backward": backward} if gradient else {}),
    )


# -------------------------------------------------------------------------------- functions of x and a number


def power(x, s):
    """`x ** s`, by cheaper functions where they give the same values."""
    if s == 0:
        return np.full_like(x, 1)
    if s == 1:
        return x
    if s == 2:
        return x * x
    if s == 3:
        return x * x * x
    if x.dtype.kind == "f":
        if s == -1:
            return 1 / x
        if s == 0.5:  # the power of -0 is +0, and that of -inf is +inf
            return np.sqrt(x * (1 - 2 * (x == -np.inf).astype(x.dtype))) + 0.0
        if s == -0.5:
            return 1 / power(x, 0.5)
    return array_power(x, s)


def _rminus(x, s):
    return s - x


def _rdiv(x, s):
    return s / x


def _power_gradient(g, x, s, y):
    return g * (s * power(x, s - 1))


def _rpower(x, s):
    return np.power(s, x if x.dtype.kind == "f" else x.astype(np.float64))


def _log(s):
    with np.errstate(all="ignore"):
        return float(np.log(np.float64(s)))


def _mod(x, s):
    return np.mod(x, s) if s else np.full_like(x, 0)


def _rmod(x, s):
    return mod(s, x)


def _and(x, s):
    return x != 0 if s else np.full_like(x, 0)


def _or(x, s):
    return np.full_like(x, 1) if s else x != 0


def _xor(x, s):
    return x == 0 if s else x != 0


# fmt: off
_scalar("_plus_scalar",        ("_PlusScalar",),       np.add,      lambda g, x, s, y: g,
        "the sum, `data + scalar`")
_scalar("_minus_scalar",       ("_MinusScalar",),      np.subtract, lambda g, x, s, y: g,
        "the difference, `data - scalar`")
_scalar("_rminus_scalar",      ("_RMinusScalar",),     _rminus,     lambda g, x, s, y: -g,
        "the reversed difference, `scalar - data`")
_scalar("_mul_scalar",         ("_MulScalar",),        np.multiply, lambda g, x, s, y: g * s,
        "the product, `data * scalar`")
_scalar("_div_scalar",         ("_DivScalar",),        np.divide,   lambda g, x, s, y: g / s,
        "the quotient, `data / scalar`")
_scalar("_rdiv_scalar",        ("_RDivScalar",),       _rdiv,       lambda g, x, s, y: -(g * y / x),
        "the reversed quotient, `scalar / data`")
_scalar("_mod_scalar",         ("_ModScalar",),        _mod,        lambda g, x, s, y: g,
        "the remainder of `data / scalar`. It has the sign of the number, and is 0 if the number is 0. The "
        "gradient is 1")
_scalar("_rmod_scalar",        ("_RModScalar",),       _rmod,       lambda g, x, s, y: -(g * np.floor(s / x)),
        "the remainder of `scalar / data`. It has the sign of `data`, and is 0 where `data` is 0. The "
        "gradient is `-floor(scalar / data)`")
_scalar("_power_scalar",       ("_PowerScalar",),      power,       _power_gradient,
        "the power, `data ^ scalar`. A negative base with a fractional exponent gives NaN. The gradient is "
        "`scalar * data ^ (scalar - 1)`")
_scalar("_rpower_scalar",      ("_RPowerScalar",),     _rpower,     lambda g, x, s, y: g * (y * _log(s)),
        "the exponential, `scalar ^ data`. The gradient is `scalar ^ data * log(scalar)`")
_scalar("_maximum_scalar",     ("_MaximumScalar",),    np.maximum,  lambda g, x, s, y: g * like(x >= s, g),
        "the larger of `data` and the number (NaN stays NaN). The gradient is 1 where `data >= scalar`, "
        "else 0")
_scalar("_minimum_scalar",     ("_MinimumScalar",),    np.minimum,  lambda g, x, s, y: g * like(x <= s, g),
        "the smaller of `data` and the number (NaN stays NaN). The gradient is 1 where `data <= scalar`, "
        "else 0")
_scalar("_hypot_scalar",       ("_HypotScalar",),      np.hypot,    lambda g, x, s, y: g * (x / y),
        "the hypotenuse, `sqrt(data^2 + scalar^2)`. The gradient is `data / hypot`")
_scalar("_logical_and_scalar", ("_LogicalAndScalar",), _and,        None,
        "1 where both `data` and the number are true (not zero), else 0")
_scalar("_logical_or_scalar",  ("_LogicalOrScalar",),  _or,         None,
        "1 where `data` or the number is true (not zero), else 0")
_scalar("_logical_xor_scalar", ("_LogicalXorScalar",), _xor,        None,
        "1 where exactly one of `data` and the number is true (not zero), else 0")
# fmt: on
for _name in ("equal", "not_equal", "greater", "greater_equal", "lesser", "lesser_equal"):
    _scalar(
        f"_{_name}_scalar",
        ("_" + _name.title().replace("_", "") + "Scalar",),
        PAIRS[_name].f,
        None,
        PAIRS[_name].text.replace("lhs", "data").replace("rhs", "scalar"),
    )
# fmt: off
_scalar("_scatter_plus_scalar",  (), np.add,      lambda g, x, s, y: g,
        "the sum, `data + scalar`. (Of a sparse array only the stored elements; arrays are dense here)")
_scalar("_scatter_minus_scalar", (), np.subtract, lambda g, x, s, y: g,
        "the difference, `data - scalar`. (Of a sparse array only the stored elements; arrays are dense "
        "here)")
# fmt: on
