"""Element-wise operators: unary mathematics, arithmetic of arrays of one shape, types, and identities."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from mxr.compiler import images
from mxr.operator import REQUIRED, Dtype, P, ShapeError, op, shape_text, unify
from mxr.ops.shared.pointwise import PAIRS, Pair, declare, like, same_type, sign
from mxr.runtime.lazy_scipy import special

# ------------------------------------------------------------------------------------------ unary mathematics


def _unary(name: str, f: Callable, gradient: Callable | None, text: str, **more: Callable):
    """Declare an operator y = f(x). `gradient(g, x, y)` is the gradient of x for the gradient g of y; None:
    zero. `text` is its help text."""

    def forward(p, data):
        return like(f(data), data)

    def backward(p, g, ins, outs):
        assert gradient is not None
        return gradient(g, ins[0], outs[0])

    declare(__name__, name, doc=text, forward=forward, **({"backward": backward} if gradient else {}), **more)


def _round(x):
    """Rounded, halves away from zero: half a unit, less one bit, is added, and the sum is truncated."""
    return (
        np.trunc(x + np.copysign(np.nextafter(x.dtype.type(0.5), x.dtype.type(0)), x))
        if x.dtype.kind == "f"
        else x
    )


def _rint(x):
    below = np.floor(x)
    return below + (x - below > 0.5).astype(x.dtype)


def _log1p(x):
    """The logarithm of the rounded sum, corrected for what the rounding lost: four times as fast as NumPy's.

    The correction is NaN at -1 and at infinity, where none is needed; otherwise it is tiny, so `fmax` leaves
    it alone.
    """
    u = 1 + x
    return np.log(u) + np.fmax((x - (u - 1)) / u, -1)


def _gammaln(x):
    return np.where(x == -np.inf, np.inf, special.gammaln(x))


def _psi(x):
    """The digamma function, +infinity at its poles as MXNet has it."""
    return np.where((x <= 0) & (x == np.floor(x)), np.inf, special.psi(x))


_ROOT_PI = math.sqrt(math.pi)

# fmt: off
_unary("abs",         np.abs,                         lambda g, x, y: g * sign(x),
       "The absolute value, |x|. The gradient at 0 is 0.")
_unary("sign",        sign,                           None,
       "The sign: -1, 0 or 1 (0 for NaN). The gradient is 0.")
_unary("sqrt",        np.sqrt,                        lambda g, x, y: g * (0.5 / y),
       "The square root. NaN for negative numbers; the gradient `0.5 / sqrt(x)` at 0 is infinite.")
_unary("rsqrt",       lambda x: 1 / np.sqrt(x),       lambda g, x, y: g * (-0.5 * y / x),
       "The reciprocal of the square root, `1 / sqrt(x)`.")
_unary("cbrt",        np.cbrt,                        lambda g, x, y: g / (3 * y * y),
       "The cube root, of negative numbers too. The gradient at 0 is infinite.")
_unary("rcbrt",       lambda x: 1 / np.cbrt(x),       lambda g, x, y: g * (y / (-3 * x)),
       "The reciprocal of the cube root.")
_unary("square",      np.square,                      lambda g, x, y: g * (2 * x),
       "The square, `x * x`.")
_unary("reciprocal",  lambda x: 1 / x,                lambda g, x, y: -(g * (y * y)),
       "The reciprocal, `1 / x`.")
_unary("negative",    np.negative,                    lambda g, x, y: -g,
       "The negative, `-x`.")
_unary("exp",         np.exp,                         lambda g, x, y: g * y,
       "The exponential, e to the power of x.")
_unary("expm1",       np.expm1,                       lambda g, x, y: g * np.exp(x),
       "`exp(x) - 1`, exact for small x.")
_unary("log",         np.log,                         lambda g, x, y: g / x,
       "The natural logarithm. -infinity for 0, NaN for negative numbers (whose gradient is `1 / x` all the "
       "same).")
_unary("log2",        np.log2,                        lambda g, x, y: g * (1 / math.log(2) / x),
       "The logarithm to base 2.")
_unary("log10",       np.log10,                       lambda g, x, y: g * (1 / math.log(10) / x),
       "The logarithm to base 10.")
_unary("log1p",       _log1p,                         lambda g, x, y: g / (1 + x),
       "`log(1 + x)`, exact for small x.")
_unary("sin",         np.sin,                         lambda g, x, y: g * np.cos(x),
       "The sine, of radians.")
_unary("cos",         np.cos,                         lambda g, x, y: -(g * np.sin(x)),
       "The cosine, of radians.")
_unary("tan",         np.tan,                         lambda g, x, y: g * (y * y + 1),
       "The tangent, of radians.")
_unary("arcsin",      np.arcsin,                      lambda g, x, y: g / np.sqrt(1 - x * x),
       "The inverse sine, in [-pi/2, pi/2]. NaN outside [-1, 1].")
_unary("arccos",      np.arccos,                      lambda g, x, y: -(g / np.sqrt(1 - x * x)),
       "The inverse cosine, in [0, pi]. NaN outside [-1, 1].")
_unary("arctan",      np.arctan,                      lambda g, x, y: g / (x * x + 1),
       "The inverse tangent, in (-pi/2, pi/2).")
_unary("sinh",        np.sinh,                        lambda g, x, y: g * np.cosh(x),
       "The hyperbolic sine.")
_unary("cosh",        np.cosh,                        lambda g, x, y: g * np.sinh(x),
       "The hyperbolic cosine.")
_unary("tanh",        np.tanh,                        lambda g, x, y: g * (1 - y * y),
       "The hyperbolic tangent.")
_unary("arcsinh",     np.arcsinh,                     lambda g, x, y: g / np.sqrt(x * x + 1),
       "The inverse hyperbolic sine.")
_unary("arccosh",     np.arccosh,                     lambda g, x, y: g / np.sqrt(x * x - 1),
       "The inverse hyperbolic cosine. NaN below 1 (its gradient `1 / sqrt(x^2 - 1)` only between -1 and 1).")
_unary("arctanh",     np.arctanh,                     lambda g, x, y: g / (1 - x * x),
       "The inverse hyperbolic tangent. NaN outside [-1, 1] (its gradient `1 / (1 - x^2)` is not).")
_unary("degrees",     lambda x: x * (180 / math.pi),  lambda g, x, y: g * (180 / math.pi),
       "Radians as degrees, `180 x / pi`.")
_unary("radians",     lambda x: x * (math.pi / 180),  lambda g, x, y: g * (math.pi / 180),
       "Degrees as radians, `pi x / 180`.")
_unary("sigmoid",     lambda x: 1 / (1 + np.exp(-x)), lambda g, x, y: g * (y * (1 - y)),
       "The logistic function, `1 / (1 + exp(-x))`.")
_unary("softsign",    lambda x: x / (1 + np.abs(x)),  lambda g, x, y: g / np.square(1 + np.abs(x)),
       "`x / (1 + |x|)`.")
_unary("relu",        lambda x: np.maximum(x, 0),     lambda g, x, y: g * np.sign(y),
       "The rectifier, `max(x, 0)`. The gradient at 0 is 0, and NaN where x is.",
       segment=lambda p, shape, data: images.relu(data))
_unary("erf",         lambda x: special.erf(x),       lambda g, x, y: g * (2 / _ROOT_PI * np.exp(-(x * x))),
       "The error function, `2 / sqrt(pi)` times the integral of `exp(-t^2)` from 0 to x.")
_unary("erfinv",      lambda x: special.erfinv(x),    lambda g, x, y: g * (0.5 * _ROOT_PI * np.exp(y * y)),
       "The inverse of the error function. Infinite at -1 and 1, NaN outside.")
_unary("gamma",       lambda x: special.gamma(x),     lambda g, x, y: g * (y * _psi(x)),
       "The gamma function, `(x - 1)!` for whole numbers. NaN for negative whole numbers.")
_unary("gammaln",     _gammaln,                       lambda g, x, y: g * _psi(x),
       "The logarithm of the absolute value of the gamma function.")
_unary("round",       _round,                         None,
       "Round to the nearest whole number, halves away from zero (R's `round` takes them to the even one). "
       "The gradient is 0.")
_unary("rint",        _rint,                          None,
       "Round to the nearest whole number, halves down (2.5 to 2, -2.5 to -3). The gradient is 0.")
_unary("ceil",        np.ceil,                        None,
       "The smallest whole number that is not less. The gradient is 0.")
_unary("floor",       np.floor,                       None,
       "The largest whole number that is not greater. The gradient is 0.")
_unary("trunc",       np.trunc,                       None,
       "The whole number next to x on the side of zero. The gradient is 0.")
_unary("fix",         np.trunc,                       None,
       "The whole number next to x on the side of zero, as `trunc`. The gradient is 0.")
_unary("logical_not", lambda x: x == 0,               None,
       "1 where x is 0, else 0 (NaN gives 0). The gradient is 0.")
_unary("zeros_like",  np.zeros_like,                  None,
       "Zeros in the shape and type of the input. The gradient is 0.")
_unary("ones_like",   np.ones_like,                   None,
       "Ones in the shape and type of the input. The gradient is 0.")
# fmt: on


@op("hard_sigmoid")
class HardSigmoid:
    """The sigmoid as a ramp: `clip(alpha * x + beta, 0, 1)`. The gradient is `alpha` strictly inside the
    ramp, 0 elsewhere."""

    alpha: float = P(0.2, "slope of the ramp")
    beta: float = P(0.5, "value at 0")

    def forward(p, data):
        return np.clip(p.alpha * data + p.beta, 0, 1)

    def backward(p, g, ins, outs):
        y = outs[0]
        return np.where((y > 0) & (y < 1), g * p.alpha, 0)


@op("smooth_l1")
class SmoothL1:
    """The smooth absolute value (Huber's loss): `0.5 * (s * x)^2` where `|x| < 1 / s^2`, else
    `|x| - 0.5 / s^2`.

    s is `scalar`, cut to a whole number for integers. The gradient is `s^2 * x` inside, the sign of x
    outside.
    """

    scalar: float = P(1.0, "s: the bend is at `1 / s^2`")

    def forward(p, data):
        x, s = (data, p.scalar) if data.dtype.kind == "f" else (data.astype(np.float32), int(p.scalar))
        inner = _clip_quadratic(s, x)
        return inner * (x - 0.5 * inner) * s**2

    def backward(p, g, ins, outs):
        return g * (_clip_quadratic(p.scalar, ins[0]) * p.scalar**2)


def _clip_quadratic(s, x):
    return np.clip(x, -1 / s**2, 1 / s**2) if s else x


@op("clip")
class Clip:
    """Force the values into [a_min, a_max]: `min(max(x, a_min), a_max)`. NaN stays NaN.

    The gradient is 1 inside, the bounds included, and 0 outside.
    """

    a_min: float = P(REQUIRED, "the smallest value allowed")
    a_max: float = P(REQUIRED, "the largest value allowed")

    def forward(p, data):
        # an integer type may not be able to represent the bounds
        x = data if data.dtype.kind == "f" else data.astype(np.float64)
        if p.a_min <= p.a_max:
            return like(np.clip(x, p.a_min, p.a_max), data)
        return like(np.where(x > p.a_max, p.a_max, np.where(x < p.a_min, p.a_min, x)), data)

    def backward(p, g, ins, outs):
        return np.where((ins[0] > p.a_max) | (ins[0] < p.a_min), 0, g)


# ---------------------------------------------------------------------------------------- arrays of one shape


def _pair(name: str, pair: Pair, broadcast: str, *aliases: str):
    def forward(p, lhs, rhs):
        return like(pair.f(lhs, rhs), lhs)

    def backward(p, g, ins, outs):
        assert pair.gradient is not None
        return pair.gradient(g, *ins, outs[0])

    declare(
        __name__,
        name,
        *aliases,
        forward=forward,
        infer_type=same_type,
        **({"backward": backward} if pair.gradient else {}),
        segment=pair.segment,
        doc=f"Element by element, {pair.text}.\n\n"
        f"Both arrays have the same shape; for other shapes there is `broadcast_{broadcast}`.",
    )


_NAMES = {
    "add": ("elemwise_add", "_add", "_plus", "_Plus"),
    "sub": ("elemwise_sub", "_sub", "_minus", "_Minus"),
    "mul": ("elemwise_mul", "_mul", "_Mul"),
    "div": ("elemwise_div", "_div", "_Div"),
}
for _name, _row in PAIRS.items():
    _canonical, *_aliases = _NAMES.get(_name, ("_" + _name, "_" + _name.title()))
    _pair(_canonical, _row, _name, *_aliases)
_pair("_scatter_elemwise_div", PAIRS["div"], "div")


@op("add_n", "ElementWiseSum", variadic="num_args")
class AddN:
    """The sum of any number of arrays of one shape."""

    num_args: int = P(REQUIRED, "how many arrays", low=1)
    infer_type = same_type

    def forward(p, *args):
        return sum(args[1:], args[0])

    def backward(p, g, ins, outs):
        return (g,) * len(ins) if len(ins) > 1 else g


@op("where")
class Where:
    """Choose between two arrays: the element of `x` where `condition` is not 0 (NaN counts as true), else
    that of `y`.

    `condition` has the shape of `x` and `y`, or is a vector that chooses along their first C-order dimension
    (R's last). The gradient goes to the element that was chosen; `condition` gets zero.
    """

    inputs = ("condition", "x", "y")
    own_types = ("condition",)

    def infer_shape(p, ins, outs):
        condition, x, y = ins
        s = unify(x, y, outs[0])
        if condition is None or s is None:
            return [condition, s, s], [s]
        if len(condition) == len(s):
            s = unify(s, condition)
            return [s, s, s], [s]
        if len(condition) != 1 or (condition[0] and s[0] and condition[0] != s[0]):
            raise ShapeError(
                f"condition of shape {shape_text(condition)} does not fit x and y of shape {shape_text(s)}: "
                "it has their shape, or is a vector along their first C-order dimension"
            )
        return [condition, s, s], [s]

    def infer_type(p, ins):
        return same_type(p, ins[1:])

    def forward(p, condition, x, y):
        return np.where(_aligned(condition, x) != 0, x, y)

    def backward(p, g, ins, outs):
        chosen = _aligned(ins[0], ins[1]) != 0
        # not a product with 0 or 1, which would be NaN for an infinite g
        return (
            None,
            np.where(chosen, g, 0),
            np.where(chosen, 0, g),
        )


def _aligned(condition, x):
    return condition if condition.ndim == x.ndim else condition.reshape((-1,) + (1,) * (x.ndim - 1))


# ------------------------------------------------------------------------------------------------ identities


@op("_copy", "identity")
class Copy:
    """The input, unchanged."""

    def forward(p, data):
        return data

    def backward(p, g, ins, outs):
        return g


@op("BlockGrad", "stop_gradient", zero_gradient=True)
class BlockGrad:
    """The input, unchanged; but no gradient flows back through it. Use it for parts of a network that are not
    trained."""

    def forward(p, data):
        return data


@op("_identity_with_attr_like_rhs")
class IdentityWithAttrLikeRhs:
    """`lhs`, unchanged, and declared to have the shape of `rhs`, whose values do not matter."""

    def forward(p, lhs, rhs):
        return lhs

    def backward(p, g, ins, outs):
        return g, None


@op("cast_storage")
class CastStorage:
    """The input, unchanged: arrays are always dense here, so "default" is the only storage type."""

    stype: str = P(REQUIRED, "the storage type", one_of=("default",))

    def forward(p, data):
        return data

    def backward(p, g, ins, outs):
        return g


# -------------------------------------------------------------------------------------- types, shapes, checks


@op("Cast", "cast")
class Cast:
    """The same values in another element type; fractions are cut when it is an integer type. The gradient is
    cast back."""

    dtype: Dtype = P(REQUIRED, "the element type of the result")

    def infer_type(p, ins):
        return [np.dtype(p.dtype)]

    def forward(p, data):
        return data.astype(p.dtype)

    def backward(p, g, ins, outs):
        return g.astype(ins[0].dtype)


def _is_amp(dtype) -> bool:
    return dtype in (np.float16, np.float32)


@op("amp_cast")
class AmpCast:
    """Cast float16 and float32 arrays to `dtype`; leave all others as they are. The gradient is cast back."""

    dtype: Dtype = P(REQUIRED, "the element type that floating point arrays get")

    def infer_type(p, ins):
        return [np.dtype(p.dtype) if ins[0] is None or _is_amp(ins[0]) else ins[0]]

    def forward(p, data):
        return data.astype(p.dtype) if _is_amp(data.dtype) else data

    def backward(p, g, ins, outs):
        return g.astype(ins[0].dtype)


@op("amp_multicast")
class AmpMulticast:
    """Cast float16 and float32 arrays to one type: the widest among them, or float16 if there is one and
    `cast_narrow`."""

    num_outputs: int = P(REQUIRED, "how many arrays", low=1)
    cast_narrow: bool = P(False, "choose the narrowest type instead of the widest")
    own_types = ("*",)

    def inputs(p):
        return tuple(f"data_{i}" for i in range(p.num_outputs))

    def outputs(p):
        return tuple(f"output{i}" for i in range(p.num_outputs)) if p.num_outputs > 1 else ("output",)

    def infer_shape(p, ins, outs):
        pairs = [unify(i, o) for i, o in zip(ins, outs)]
        return pairs, list(pairs)

    def infer_type(p, ins):
        types = [d for d in ins if d is not None and _is_amp(d)] or [np.dtype(np.float32)]
        common = (min if p.cast_narrow else max)(types, key=lambda d: d.itemsize)
        return [common if d is None or _is_amp(d) else d for d in ins]

    def forward(p, *data):
        types = AmpMulticast.infer_type(p, [x.dtype for x in data])
        out = tuple(x.astype(t) for x, t in zip(data, types))
        return out if len(out) > 1 else out[0]

    def backward(p, g, ins, outs):
        if len(ins) == 1:
            return g.astype(ins[0].dtype)
        return tuple(part.astype(x.dtype) for part, x in zip(g, ins))


def _int64(p, ins):
    return [np.dtype(np.int64)]


@op("shape_array", zero_gradient=True, keeps=())
class ShapeArray:
    """The dimensions of an array, in C order (the reverse of R's `dim`), as an int64 vector."""

    infer_type = _int64

    def infer_shape(p, ins, outs):
        return ins, [unify(outs[0], ins[0] and (len(ins[0]),))]

    def compute(p, run, ins, outs):
        outs[0][...] = ins[0].shape


@op("size_array", zero_gradient=True, keeps=())
class SizeArray:
    """The number of elements of an array, as an int64 vector of one element."""

    infer_type = _int64

    def infer_shape(p, ins, outs):
        return ins, [unify(outs[0], (1,))]

    def compute(p, run, ins, outs):
        outs[0][...] = ins[0].size


def _one_flag(p, ins, outs):
    return ins, [(1,)]


def _float32(p, ins):
    return [np.dtype(np.float32)]


@op("all_finite", keeps=())
class AllFinite:
    """1 if every element is a finite number, 0 if there is an infinity or NaN; a vector of one element,
    without gradient."""

    init_output: bool = P(
        True, "start from 1; if false, the value that `out` already has is kept as a further condition"
    )
    infer_shape = _one_flag
    infer_type = _float32

    def compute(p, run, ins, outs):
        _all_finite(p, ins, outs)


@op("multi_all_finite", variadic="num_arrays", keeps=())
class MultiAllFinite:
    """1 if every element of all the arrays is a finite number, else 0; a vector of one element, without
    gradient."""

    num_arrays: int = P(1, "how many arrays", low=1)
    init_output: bool = P(
        True, "start from 1; if false, the value that `out` already has is kept as a further condition"
    )
    infer_shape = _one_flag
    infer_type = _float32
    own_types = ("*",)

    def inputs(p):
        return tuple(f"array_{i}" for i in range(p.num_arrays))

    def compute(p, run, ins, outs):
        _all_finite(p, ins, outs)


def _all_finite(p, ins, outs):
    before = True if p.init_output else bool(outs[0][0])
    outs[0][0] = before and all(np.isfinite(x).all() for x in ins)
