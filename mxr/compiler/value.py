"""Symbolic arrays: running an operator's NumPy code on `Value`s records what it computes, instead of
computing it.

The record is a graph of `Value`s, every distinct one made once (equal calls on equal values are merged). It
knows few kinds of nodes, each with a fixed way of being executed (mxr/compiler/program.py):

    leaf    an array that exists: an argument, a state, a head gradient, a constant array
    const   one number standing for a whole array (never materialised unless something needs the array)
    map     an element-wise function (ufunc, cast, where) of broadcast operands
    reduce  a ufunc reduction over axes          matmul  np.matmul          concat  np.concatenate
    view    a reshape, transpose, slice or broadcast of another value: no work at all
    scatter zeros with one slice filled          copy    the value in memory of its own
    kernel  one output of a kernel operator's compute or gradient (`Call`)
"""

from __future__ import annotations

import itertools
import math
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from mxr.runtime import costs

_serial = itertools.count()


def cast(x, out):
    """Element-wise conversion to the type of `out`."""
    np.copyto(out, x, casting="unsafe")


def select(condition, a, b, out):
    """np.where with an output array."""
    np.copyto(out, b)
    np.copyto(out, a, where=condition)


def limit(x, low, high, out):
    """np.clip with numbers for bounds, in one pass over memory where that pays."""
    if out.size < costs.CLIP_ELEMENTS:
        np.maximum(x, low, out=out)
        np.minimum(out, high, out=out)
    else:
        np.clip(x, low, high, out=out)


class Call:
    """One execution of a kernel: `fn(run, inputs, outputs)`; its outputs are Values that refer back to it."""

    __slots__ = ("fn", "ins", "shapes", "dtypes", "outs", "random", "label", "foreign")

    def __init__(self, fn: Callable, ins, shapes, dtypes, random=False, label="", foreign=False):
        self.fn, self.ins, self.random, self.label, self.foreign = fn, ins, random, label, foreign
        self.shapes, self.dtypes = shapes, dtypes
        self.outs = [Value("kernel", s, d, arg=(self, i)) for i, (s, d) in enumerate(zip(shapes, dtypes))]


class Value(NDArrayOperatorsMixin):
    """One array of the computation: its shape, type, and how it comes about."""

    __slots__ = ("kind", "shape", "dtype", "fn", "args", "arg", "serial", "_dummy")

    def __init__(self, kind: str, shape, dtype, fn=None, args=(), arg=None):
        self.kind, self.shape, self.dtype = kind, tuple(shape), np.dtype(dtype)
        self.fn, self.args, self.arg = fn, args, arg
        self.serial = next(_serial)
        self._dummy: np.ndarray | None = None

    __hash__ = object.__hash__

    def __eq__(self, other):  # the mixin's == is element-wise, through the ufunc
        return np.equal(self, other)

    ndim = property(lambda self: len(self.shape))
    size = property(lambda self: math.prod(self.shape))
    T = property(lambda self: self.transpose())

    def __repr__(self):
        return f"<{self.kind} {getattr(self.fn, '__name__', '')} {self.shape}>"

    def __bool__(self):
        raise TypeError("a traced operator looked at a value; write it as a kernel")

    __float__ = __int__ = __index__ = __bool__

    def __len__(self):
        return self.shape[0]

    def __iter__(self):
        return (self[i] for i in range(self.shape[0]))

    # ---------------------------------------------------------------- NumPy's protocols
    def __array_ufunc__(self, ufunc, method, *inputs, **kw):
        if method == "__call__":
            dtype = kw.pop("dtype", None)
            if kw:
                raise TypeError(f"a traced operator called {ufunc.__name__} with {', '.join(kw)}")
            if dtype is not None:  # computed in that type, not converted to it afterwards
                inputs = _in_loop_types(ufunc, inputs, np.dtype(dtype))
            return _matmul(*inputs) if ufunc is np.matmul else elementwise(ufunc, *inputs)
        if method == "reduce":
            return _reduce(ufunc, *inputs, **kw)
        raise TypeError(f"a traced operator called {ufunc.__name__}.{method}, which has no traced form")

    def __array_function__(self, func, types, args, kw):
        impl = _FUNCTIONS.get(func)
        if impl is None:
            raise TypeError(
                f"a traced operator called {func.__name__}, which has no traced form; write it as a kernel"
            )
        return impl(*args, **kw)

    # ---------------------------------------------------------------- ndarray's methods
    def astype(self, dtype, **kw):
        _only(kw, "astype", order="KACF", casting=("unsafe",), subok=(True, False), copy=(True, False))
        dtype = np.dtype(dtype)
        if dtype == self.dtype:
            return self
        if self.kind == "const":
            return const(number_as(self.arg, dtype), self.shape, dtype)
        return _map(cast, (self,), self.shape, dtype, extra=dtype.str)

    def reshape(self, *shape, **kw):
        _only(kw, "reshape", order=("C",), copy=(None,))
        shape = shape[0] if len(shape) == 1 and not isinstance(shape[0], (int, np.integer)) else shape
        shape = list(shape)
        if -1 in shape:
            rest = math.prod(n for n in shape if n != -1)
            shape[shape.index(-1)] = self.size // rest if rest else 0
        shape = tuple(int(n) for n in shape)
        if math.prod(shape) != self.size:
            raise ValueError(f"cannot reshape array of size {self.size} into shape {shape}")
        return _view(self, "reshape", shape)

    def transpose(self, *axes):
        axes = axes[0] if len(axes) == 1 and not isinstance(axes[0], (int, np.integer)) else axes
        axes = tuple(axes) if axes else tuple(reversed(range(self.ndim)))
        return _view(self, "transpose", tuple(int(a) % self.ndim for a in axes))

    def __getitem__(self, key):
        return _view(self, "slice", _freeze(key))

    def swapaxes(self, a, b):
        axes = list(range(self.ndim))
        axes[a], axes[b] = axes[b], axes[a]
        return self.transpose(axes)

    def squeeze(self, axis=None):
        return _squeeze(self, axis)

    def ravel(self, order="C"):
        return self.reshape(-1, order=order)

    def sum(self, axis=None, dtype=None, **kw):
        return _reduce(np.add, self, axis, dtype=dtype, **kw)

    def prod(self, axis=None, dtype=None, **kw):
        return _reduce(np.multiply, self, axis, dtype=dtype, **kw)

    def max(self, axis=None, **kw):
        return _reduce(np.maximum, self, axis, **kw)

    def min(self, axis=None, **kw):
        return _reduce(np.minimum, self, axis, **kw)

    def mean(self, axis=None, dtype=None, **kw):
        return _mean(self, axis, dtype, **kw)

    def clip(self, low=None, high=None):
        return _clip(self, low, high)


# --------------------------------------------------------------------------------------------- making values


class _Current(threading.local):
    """The tape of this thread: threads that bind at the same time know nothing of each other's values."""

    tape: dict | None = None


_current = _Current()


class tape:
    """`with tape():` values that this thread makes inside are merged when equal."""

    def __enter__(self):
        self.former, _current.tape = _current.tape, {}

    def __exit__(self, *exc):
        _current.tape = self.former


def _make(key, build: Callable[[], Value]) -> Value:
    made = _current.tape
    if made is None:
        return build()
    value = made.get(key)
    if value is None:
        made[key] = value = build()
    return value


def leaf(array_key, shape, dtype=np.float32) -> Value:
    """An array that exists; `array_key` says which (the plan resolves it)."""
    return _make(("leaf", array_key), lambda: Value("leaf", shape, dtype, arg=array_key))


def number_as(number, dtype):
    """A number in a type, as C converts it: cut to a whole one and wrapped around where the type is an
    integer one."""
    with np.errstate(all="ignore"):
        x = np.asarray(number)
        if np.dtype(dtype).kind in "iu":
            x = x.astype(np.int64 if np.dtype(dtype).itemsize == 8 else np.int32)
        return x.astype(dtype).item()


def const(number, shape, dtype=np.float32) -> Value:
    """A whole array of one number."""
    return _make(
        ("const", repr(number), tuple(shape), np.dtype(dtype)),
        lambda: Value("const", shape, dtype, arg=number),
    )


def kernel(fn, ins, shapes, dtypes, random=False, label="", foreign=False) -> list[Value]:
    """A kernel call; its outputs. `foreign`: the code is a user's, and what it does with threads is its own
    affair."""
    return Call(fn, list(ins), shapes, dtypes, random, label, foreign).outs


def lift(x, shape=None) -> Value:
    """A Value from whatever an operator's code returned: a Value, a number (filling `shape`) or an array (a
    constant leaf)."""
    if isinstance(x, Value):
        return x
    if isinstance(x, (int, float, np.number)) or (isinstance(x, np.ndarray) and x.ndim == 0):
        return const(float(x), shape if shape is not None else ())
    x = np.asarray(x)
    if x.size and (x == x.flat[0]).all():
        return const(x.flat[0].item(), x.shape, x.dtype)
    return Value("leaf", x.shape, x.dtype, arg=("array", x))


def _map(fn, args, shape, dtype, extra=None) -> Value:
    key = ("map", fn, tuple(id(a) if isinstance(a, Value) else repr(a) for a in args), shape, extra)
    return _make(key, lambda: Value("map", shape, dtype, fn=fn, args=args))


_WEAK = {bool: bool, int: int, float: float}


def elementwise(ufunc, *inputs):
    """`ufunc` of values, arrays and numbers, as a Value (or a tuple of them never: ufuncs with two outputs
    are not traced)."""
    if ufunc.nout != 1:
        raise TypeError(
            f"a traced operator called {ufunc.__name__}, which has several outputs; write it as a kernel"
        )
    args, types, shapes = [], [], []
    for x in inputs:
        if isinstance(x, np.generic) or (isinstance(x, np.ndarray) and x.ndim == 0):
            x = x.item()
        if isinstance(x, np.ndarray):
            x = lift(x)
        if isinstance(x, Value):
            shapes.append(x.shape)
            types.append(x.dtype)
            args.append(x)
        else:
            types.append(_WEAK.get(type(x), float))
            args.append(x)
    shape = np.broadcast_shapes(*shapes)
    dtype = _result_type(ufunc, tuple(types))
    numbers = [a.arg if isinstance(a, Value) and a.kind == "const" else a for a in args]
    if not any(isinstance(a, Value) for a in numbers):
        with np.errstate(all="ignore"):
            return const(
                ufunc(
                    *(np.asarray(n, t if isinstance(t, np.dtype) else None) for n, t in zip(numbers, types)),
                    dtype=None,
                )
                .astype(dtype)
                .item(),
                shape,
                dtype,
            )
    simple = _simplify(ufunc, numbers, shape, dtype)
    return simple if simple is not None else _map(ufunc, tuple(numbers), shape, dtype)


_result_types: dict = {}


def _result_type(ufunc, types) -> np.dtype:
    key = (ufunc, types)
    if key not in _result_types:
        _result_types[key] = ufunc.resolve_dtypes((*types, None))[-1]
    return _result_types[key]


# ------------------------------------------------------------------------------------------- simpler forms
# A rule gets a function's operands, and `same`, which says of an operand whether it is a Value of the
# result's shape and type. It returns a cheaper form with the same bits, or None. A rule must not change a
# bit: x + 0 is no x where x is -0.

Rule = Callable[[np.ufunc, Any, Any, Callable[[Any], bool]], "Value | None"]


def _is_minus(x: Any, same: Callable[[Any], bool]) -> bool:
    """Whether `x` is the negative of a floating point value. (The negative of the lowest integer is
    itself.)"""
    return same(x) and x.kind == "map" and x.fn is np.negative and x.dtype.kind == "f"


def _sign_outwards(ufunc, a, b, same):
    """(-a) b = -(a b), and so for a (-b) and for quotients."""
    if _is_minus(a, same):
        return -ufunc(a.args[0], b)
    return -ufunc(a, b.args[0]) if _is_minus(b, same) else None


def _subtract_instead(ufunc, a, b, same):
    """a + (-b) = a - b; a - (-b) = a + b; (-a) + b = b - a."""
    if _is_minus(b, same):
        return (np.subtract if ufunc is np.add else np.add)(a, b.args[0])
    return np.subtract(b, a.args[0]) if ufunc is np.add and _is_minus(a, same) else None


def _times_one(ufunc, a, b, same):
    """a 1 = a; a (-1) = -a; and so with the number first."""
    value, number = (a, b) if same(a) else (b, a)
    if not same(value) or isinstance(number, Value):
        return None
    return value if number == 1 else -value if number == -1 else None


def _by_one(ufunc, a, b, same):
    """a / 1 = a; a to the power of 1 = a."""
    return a if same(a) and not isinstance(b, Value) and b == 1 else None


def _square(ufunc, a, b, same):
    """a to the power of 2 = a a."""
    return np.square(a) if same(a) and not isinstance(b, Value) and b == 2 else None


def _minus_nothing(ufunc, a, b, same):
    """a - 0 = a."""
    return a if same(a) and not isinstance(b, Value) and b == 0 else None


def _minus_minus(ufunc, a, b, same):
    """-(-a) = a."""
    return a.args[0] if a.kind == "map" and a.fn is np.negative else None


def _itself(ufunc, a, b, same):
    """+a = a."""
    return a


# The first rule that has an answer counts. Signs come first: a sign that has moved out of a product is met by
# the rules of the function around it, and what is left of the product is simplified again.
_RULES: dict[np.ufunc, tuple[Rule, ...]] = {
    np.multiply: (_sign_outwards, _times_one),
    np.divide: (_sign_outwards, _by_one),
    np.add: (_subtract_instead,),
    np.subtract: (_subtract_instead, _minus_nothing),
    np.power: (_by_one, _square),
    np.negative: (_minus_minus,),
    np.positive: (_itself,),
}


def _simplify(ufunc, args, shape, dtype) -> Value | None:
    """The cheaper form of a function's value that has the same bits, or None."""

    def same(x: Any) -> bool:
        return isinstance(x, Value) and x.shape == shape and x.dtype == dtype

    a, b = (*args, None)[:2]
    for rule in _RULES.get(ufunc, ()):
        simple = rule(ufunc, a, b, same)
        if simple is not None:
            return simple
    return None


def _axes(axis, ndim):
    if axis is None:
        return tuple(range(ndim))
    return tuple(sorted({int(a) % ndim for a in (axis if isinstance(axis, (tuple, list)) else (axis,))}))


def _only(given: dict, what: str, **harmless) -> None:
    """TypeError for a keyword that would be ignored: one that is not `harmless`, or with a value that is
    not."""
    for key, value in given.items():
        if not any(value is v or value == v for v in harmless.get(key, ())):
            raise TypeError(
                f"a traced operator called {what} with {key} = {value!r}, which has no traced form; "
                "write it as a kernel"
            )


def _in_loop_types(ufunc, inputs, dtype: np.dtype) -> list:
    """The inputs in the types that the ufunc's loop with a result of `dtype` has, numbers as they are."""
    inputs = [lift(x) if isinstance(x, np.ndarray) and x.ndim else x for x in inputs]
    types = tuple(x.dtype if isinstance(x, Value) else _WEAK.get(type(x), float) for x in inputs)
    loop = ufunc.resolve_dtypes((*types, None), signature=(*[None] * len(types), dtype), casting="same_kind")
    return [x.astype(t) if isinstance(x, Value) else np.asarray(x).astype(t) for x, t in zip(inputs, loop)]


def _reduced_type(ufunc, dtype: np.dtype) -> np.dtype:
    """The type of a reduction's result: NumPy adds up and multiplies whole numbers in the widest type of
    their kind."""
    if ufunc in (np.add, np.multiply) and dtype.kind in "biu":
        return np.dtype(np.uint64 if dtype.kind == "u" else np.int64)
    return dtype


def _reduce(ufunc, x, axis=0, dtype=None, out=None, keepdims=False, initial=None, **kw):
    _only(kw, f"{ufunc.__name__}.reduce")
    _only({"out": out}, f"{ufunc.__name__}.reduce", out=(None,))
    result = _reduced_type(ufunc, x.dtype) if dtype is None else np.dtype(dtype)
    value = _reduced(
        ufunc, x if dtype is None else x.astype(result), _axes(axis, x.ndim), bool(keepdims), result
    )
    return value if initial is None else elementwise(ufunc, value, initial).astype(result)


def _reduced(ufunc, x, axes, keepdims: bool, result: np.dtype) -> Value:
    kept = tuple(1 if i in axes else n for i, n in enumerate(x.shape))
    shape = kept if keepdims else tuple(n for i, n in enumerate(x.shape) if i not in axes)
    count = math.prod(x.shape[i] for i in axes)
    if not axes or count == 1:
        return x.reshape(shape).astype(result)
    if x.kind == "const" and ufunc in (np.add, np.maximum, np.minimum):
        return const(number_as(x.arg * count if ufunc is np.add else x.arg, result), shape, result)
    value = _make(
        ("reduce", ufunc, id(x), axes, result),
        lambda: Value("reduce", kept, result, fn=ufunc, args=(x,), arg=axes),
    )
    return value if keepdims else value.reshape(shape)


def _mean(x, axis=None, dtype=None, out=None, keepdims=False, **kw):
    """As NumPy's: of whole numbers in double precision; of half precision by way of single."""
    _only({"out": out, **kw}, "mean", out=(None,))
    axes = _axes(axis, x.ndim)
    if dtype is None:
        dtype = x.dtype if x.dtype.kind == "f" else np.dtype(np.float64)
    within = np.float32 if dtype == np.float16 and x.dtype == np.float16 else dtype
    total = _reduce(np.add, x, axes, within, keepdims=keepdims)
    return (total / math.prod(x.shape[i] for i in axes)).astype(dtype)


def _matmul(a, b):
    a, b = lift(a), lift(b)
    if a.ndim == 1 or b.ndim == 1:  # the ufunc treats vectors specially; as matrices they are plain
        left = a.reshape(1, -1) if a.ndim == 1 else a
        right = b.reshape(-1, 1) if b.ndim == 1 else b
        out = _matmul(left, right)
        shape = out.shape
        if b.ndim == 1:
            shape = shape[:-1]
        if a.ndim == 1:
            shape = (*shape[:-2], shape[-1]) if b.ndim != 1 else shape[:-1]
        return out.reshape(shape)
    if a.shape[-1] != b.shape[-2]:
        raise ValueError(f"matmul of {a.shape} and {b.shape}")
    shape = (*np.broadcast_shapes(a.shape[:-2], b.shape[:-2]), a.shape[-2], b.shape[-1])
    dtype = np.result_type(a.dtype, b.dtype)
    return _make(("matmul", id(a), id(b)), lambda: Value("matmul", shape, dtype, fn=np.matmul, args=(a, b)))


# --------------------------------------------------------------------------------------------- views

_VIEWS = {
    "reshape": lambda a, arg: np.reshape(a, arg, copy=False),
    "transpose": lambda a, arg: np.transpose(a, arg),
    "slice": lambda a, arg: a[_thaw(arg)],
    "broadcast": lambda a, arg: np.broadcast_to(a, arg),
}


def apply_view(array: np.ndarray, fn: str, arg) -> np.ndarray:
    """The real view that a traced one stands for."""
    return _VIEWS[fn](array, arg)


def _dummy(x: Value) -> np.ndarray:
    """An array with the strides that `x` will have, backed by a single element of memory."""
    if x._dummy is None:
        if x.kind == "view":
            x._dummy = apply_view(_dummy(x.args[0]), x.fn, x.arg)
        else:
            strides, step = [], x.dtype.itemsize
            for n in reversed(x.shape):
                strides.append(step)
                step *= max(n, 1)
            x._dummy = np.lib.stride_tricks.as_strided(np.zeros(1, x.dtype), x.shape, strides[::-1])
    return x._dummy


def _view(x: Value, fn: str, arg) -> Value:
    try:
        d = apply_view(_dummy(x), fn, arg)
    except ValueError:
        if fn != "reshape":
            raise
        x = copy(x)  # a reshape that NumPy cannot do without copying
        d = apply_view(_dummy(x), fn, arg)
    if d.shape == x.shape and d.strides == _dummy(x).strides and (fn != "slice" or d.size == x.size):
        if fn != "slice" or _starts_at_zero(arg):
            return x
    if x.kind == "const":
        return const(x.arg, d.shape, x.dtype)
    if x.kind == "view" and fn == x.fn == "reshape":
        return _view(x.args[0], fn, arg)
    value = _make(
        ("view", fn, id(x), arg), lambda: Value("view", d.shape, x.dtype, fn=fn, args=(x,), arg=arg)
    )
    value._dummy = d
    return value


def _starts_at_zero(frozen) -> bool:
    return all(
        k is Ellipsis or k is None or (isinstance(k, tuple) and k[1] in (None, 0) and k[3] in (None, 1))
        for k in frozen
    )


def copy(x: Value) -> Value:
    """The value in contiguous memory of its own."""
    return _make(("copy", id(x)), lambda: Value("copy", x.shape, x.dtype, args=(x,)))


def _freeze(key) -> tuple:
    """An index as something hashable; only basic indexing can be traced."""
    out: list[Any] = []
    for k in key if isinstance(key, tuple) else (key,):
        if isinstance(k, slice):
            out.append(("s", *(None if v is None else int(v) for v in (k.start, k.stop, k.step))))
        elif k is None or k is Ellipsis:
            out.append(k)
        elif isinstance(k, (int, np.integer)):
            out.append(int(k))
        else:
            raise TypeError(
                "a traced operator indexed with something other than slices and integers; "
                "write it as a kernel"
            )
    return tuple(out)


def _thaw(frozen) -> tuple:
    return tuple(slice(*k[1:]) if isinstance(k, tuple) else k for k in frozen)


# --------------------------------------------------------------------------------------------- functions


def _squeeze(x, axis=None):
    axes = {i for i, n in enumerate(x.shape) if n == 1} if axis is None else set(_axes(axis, x.ndim))
    return x.reshape(tuple(n for i, n in enumerate(x.shape) if i not in axes))


def _expand_dims(x, axis):
    axes = axis if isinstance(axis, (tuple, list)) else (axis,)
    ndim = x.ndim + len(axes)
    axes = {a % ndim for a in axes}
    it = iter(x.shape)
    return x.reshape(tuple(1 if i in axes else next(it) for i in range(ndim)))


def _moveaxis(x, source, destination):
    pairs = ([source], [destination]) if isinstance(source, int) else (source, destination)
    src, dst = ([a % x.ndim for a in p] for p in pairs)
    order = [i for i in range(x.ndim) if i not in src]
    for d, s in sorted(zip(dst, src)):
        order.insert(d, s)
    return x.transpose(order)


def _concatenate(values, axis=0, out=None, dtype=None, casting="same_kind"):
    _only({"out": out, "casting": casting}, "concatenate", out=(None,), casting=("same_kind",))
    values = [lift(v) if dtype is None else lift(v).astype(dtype) for v in values]
    axis = axis % values[0].ndim
    if len(values) == 1:
        return values[0]
    shape = list(values[0].shape)
    shape[axis] = sum(v.shape[axis] for v in values)
    dtype = np.result_type(*(v.dtype for v in values))
    key = ("concat", tuple(id(v) for v in values), axis)
    return _make(key, lambda: Value("concat", shape, dtype, args=tuple(values), arg=axis))


def _stack(values, axis=0, **kw):
    return _concatenate(
        [_expand_dims(lift(v), axis) for v in values], axis % (lift(values[0]).ndim + 1), **kw
    )


def _where(condition, a, b):
    condition = lift(condition)
    if condition.dtype != bool:
        condition = condition != 0
    shapes = [v.shape for v in (condition, a, b) if isinstance(v, Value)]
    types = [v.dtype if isinstance(v, Value) else _WEAK.get(type(v), float) for v in (a, b)]
    dtype = (
        _result_type(np.add, tuple(types))
        if any(isinstance(t, np.dtype) for t in types)
        else np.dtype(np.float32)
    )
    args = tuple(
        v.arg if isinstance(v, Value) and v.kind == "const" else lift(v) if isinstance(v, np.ndarray) else v
        for v in (condition, a, b)
    )
    return _map(select, args, np.broadcast_shapes(*shapes), dtype)


def _clip(x, low=None, high=None, out=None, **kw):
    bounds = {"min": low, "max": high}
    for key in ("min", "max", "a_min", "a_max"):
        if key in kw:
            bounds[key[-3:]] = kw.pop(key)
    _only({"out": out, **kw}, "clip", out=(None,))
    low, high = bounds.values()
    if isinstance(low, (int, float)) and isinstance(high, (int, float)) and x.kind != "const":
        return _map(limit, (x, float(low), float(high)), x.shape, x.dtype)
    if low is not None:
        x = np.maximum(x, low)
    return x if high is None else np.minimum(x, high)


def scatter_slice(g, shape, key):
    """Zeros of `shape` with `[key] = g`: the gradient of a basic slice. Works on arrays and traced values."""
    if not isinstance(g, Value):
        out = np.zeros(shape, np.asarray(g).dtype if isinstance(g, np.ndarray) else np.float32)
        out[key] = g
        return out
    return _scatter((g,), (_freeze(key),), None, shape)


def scatter(slices: list[Value], base: Value | None) -> Value:
    """The sum of several traced `scatter_slice`s of one shape, and of `base`, in one array."""
    parts = [(g, k) for s in slices for g, k in zip(s.args[s.arg[1] :], s.arg[0])]
    bases = [s.args[0] for s in slices if s.arg[1]] + ([base] if base is not None else [])
    total = bases[0] if bases else None
    for b in bases[1:]:
        total = total + b
    return _scatter(tuple(g for g, _ in parts), tuple(k for _, k in parts), total, slices[0].shape)


def _scatter(gs, keys, base, shape) -> Value:
    args = gs if base is None else (base, *gs)
    return _make(
        ("scatter", tuple(id(a) for a in args), tuple(shape), keys, base is None),
        lambda: Value("scatter", shape, gs[0].dtype, args=args, arg=(keys, base is not None)),
    )


def _full_like(x, number, dtype=None, **kw):
    _only(kw, "full_like", order="KACF", subok=(True, False), shape=(None,))
    return const(number, x.shape, dtype or x.dtype)


def _broadcast_to(x, shape, subok=False):
    return _view(x, "broadcast", tuple(int(n) for n in np.atleast_1d(shape)))


def _copied(x, **kw):
    _only(kw, "copy", order="KACF", subok=(True, False))
    return copy(x)


def _flip(x, axis=None):
    axes = _axes(axis, x.ndim)
    return x[tuple(slice(None, None, -1) if i in axes else slice(None) for i in range(x.ndim))]


# Nothing here takes a keyword that it ignores.
_FUNCTIONS = {
    np.sum: Value.sum,
    np.prod: Value.prod,
    np.max: Value.max,
    np.min: Value.min,
    np.amax: Value.max,
    np.amin: Value.min,
    np.mean: Value.mean,
    np.reshape: lambda x, shape, **kw: x.reshape(shape, **kw),
    np.ravel: Value.ravel,
    np.transpose: lambda x, axes=None: x.transpose(*(() if axes is None else (axes,))),
    np.swapaxes: lambda x, a, b: x.swapaxes(a, b),
    np.moveaxis: _moveaxis,
    np.expand_dims: _expand_dims,
    np.squeeze: _squeeze,
    np.flip: _flip,
    np.broadcast_to: _broadcast_to,
    np.concatenate: _concatenate,
    np.stack: _stack,
    np.where: _where,
    np.clip: _clip,
    np.zeros_like: lambda x, dtype=None, **kw: _full_like(x, 0.0, dtype, **kw),
    np.ones_like: lambda x, dtype=None, **kw: _full_like(x, 1.0, dtype, **kw),
    np.full_like: _full_like,
    np.shape: lambda x: x.shape,
    np.ndim: lambda x: x.ndim,
    np.size: lambda x, axis=None: x.size if axis is None else x.shape[axis],
    np.copy: _copied,
}
