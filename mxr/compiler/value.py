"""Tracing: running an operator's NumPy code on `Value`s, symbolic arrays, records what the code computes.

The record is a graph of `Value`s. Equal calls on equal values are merged: each distinct value exists once.
There are few kinds of values, and mxr/compiler/program.py executes each kind in its own way:

    leaf    an array that exists: an argument, a state, a head gradient, a constant array
    const   an array of one number; it gets memory only if a step needs the array
    map     an element-wise function (ufunc, cast, where) of broadcast operands
    reduce  a ufunc reduction over axes          matmul  np.matmul          concat  np.concatenate
    view    a reshape, transpose, slice or broadcast of another value, which costs nothing
    scatter zeros with slices filled             copy    the value in other memory
    kernel  one output of a kernel operator's compute or gradient (`Call`)
"""

from __future__ import annotations

import itertools
import math
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple, NoReturn

import numpy as np
import numpy.typing as npt
from numpy.lib.mixins import NDArrayOperatorsMixin

from mxr.operator.shapes import Dims
from mxr.runtime import costs

_serial = itertools.count()
Axes = int | Sequence[int] | None


Key = tuple[Any, ...]  # identifies a value, so that equal ones are merged


def cast(x: np.ndarray, out: np.ndarray) -> None:
    """Element-wise conversion to the type of `out`."""
    np.copyto(out, x, casting="unsafe")


def select(condition: np.ndarray, a: np.ndarray, b: np.ndarray, out: np.ndarray) -> None:
    """np.where with an output array."""
    np.copyto(out, b)
    np.copyto(out, a, where=condition)


def limit(x: np.ndarray, low: Any, high: Any, out: np.ndarray) -> None:
    """np.clip with numbers as bounds. A large array is read once, not twice."""
    if out.size < costs.CLIP_ELEMENTS:
        np.maximum(x, low, out=out)
        np.minimum(out, high, out=out)
    else:
        np.clip(x, low, high, out=out)


class Call:
    """One execution of a kernel, `fn(run, inputs, outputs)`. Its outputs are Values that refer back to it.

    `foreign`: the code is a user's, so that its threads are not managed.
    """

    __slots__ = ("fn", "ins", "shapes", "dtypes", "outs", "random", "label", "foreign")

    def __init__(
        self,
        fn: Callable[..., Any],
        ins: list[Value],
        shapes: Sequence[Dims],
        dtypes: Sequence[np.dtype],
        random: bool = False,
        label: str = "",
        foreign: bool = False,
    ):
        self.fn, self.ins, self.random, self.label, self.foreign = fn, ins, random, label, foreign
        self.shapes, self.dtypes = shapes, dtypes
        self.outs = [Value("kernel", s, d, arg=(self, i)) for i, (s, d) in enumerate(zip(shapes, dtypes))]


class Value(NDArrayOperatorsMixin):
    """One array of the computation: its shape, its type, and how it is computed.

    `kind` is one of the list above, `fn` the function, `args` its operands (Values and numbers), and `arg`
    what else the kind needs: axes, an index, the key of a leaf.
    """

    __slots__ = ("kind", "shape", "dtype", "fn", "args", "arg", "serial", "_dummy")

    def __init__(
        self,
        kind: str,
        shape: Iterable[int],
        dtype: npt.DTypeLike,
        fn: Any = None,
        args: tuple[Any, ...] = (),
        arg: Any = None,
    ):
        self.kind, self.shape, self.dtype = kind, tuple(shape), np.dtype(dtype)
        self.fn, self.args, self.arg = fn, args, arg
        self.serial = next(_serial)
        self._dummy: np.ndarray | None = None

    __hash__ = object.__hash__

    def __eq__(self, other: object) -> Any:  # element-wise, like the mixin's other operators
        return np.equal(self, other)  # type: ignore[call-overload]

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> int:
        return math.prod(self.shape)

    @property
    def T(self) -> Value:
        return self.transpose()

    def __repr__(self) -> str:
        return f"<{self.kind} {getattr(self.fn, '__name__', '')} {self.shape}>"

    def __bool__(self) -> NoReturn:
        raise TypeError("a traced operator read a value, which has no numbers yet; write it as a kernel")

    __float__ = __int__ = __index__ = __bool__

    def __len__(self) -> int:
        return self.shape[0]

    def __iter__(self) -> Iterator[Value]:
        return (self[i] for i in range(self.shape[0]))

    # ---------------------------------------------------------------- NumPy's protocols
    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kw: Any) -> Value:
        if method == "__call__":
            dtype = kw.pop("dtype", None)
            if kw:
                raise TypeError(f"a traced operator called {ufunc.__name__} with {', '.join(kw)}")
            if dtype is not None:  # the inputs are converted, not the result
                inputs = tuple(_in_loop_types(ufunc, inputs, np.dtype(dtype)))
            return _matmul(*inputs) if ufunc is np.matmul else elementwise(ufunc, *inputs)
        if method == "reduce":
            return _reduce(ufunc, *inputs, **kw)
        raise TypeError(f"a traced operator called {ufunc.__name__}.{method}, which has no traced form")

    def __array_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...], kw: dict[str, Any]
    ) -> Any:
        impl = _FUNCTIONS.get(func)
        if impl is None:
            raise TypeError(
                f"a traced operator called {func.__name__}, which has no traced form; write it as a kernel"
            )
        return impl(*args, **kw)

    # ---------------------------------------------------------------- ndarray's methods
    def astype(self, dtype: npt.DTypeLike, **kw: Any) -> Value:
        _only(kw, "astype", order="KACF", casting=("unsafe",), subok=(True, False), copy=(True, False))
        dtype = np.dtype(dtype)
        if dtype == self.dtype:
            return self
        if self.kind == "const":
            return const(number_as(self.arg, dtype), self.shape, dtype)
        return _map(cast, (self,), self.shape, dtype, extra=dtype.str)

    def reshape(self, *shape: Any, **kw: Any) -> Value:
        _only(kw, "reshape", order=("C",), copy=(None,))
        sizes = [int(n) for n in _one_or_several(shape)]
        if -1 in sizes:
            rest = math.prod(n for n in sizes if n != -1)
            sizes[sizes.index(-1)] = self.size // rest if rest else 0
        new = tuple(sizes)
        if math.prod(new) != self.size:
            raise ValueError(f"cannot reshape array of size {self.size} into shape {new}")
        return _view(self, "reshape", new)

    def transpose(self, *axes: Any) -> Value:
        order = tuple(_one_or_several(axes) or reversed(range(self.ndim)))
        return _view(self, "transpose", tuple(int(a) % self.ndim for a in order))

    def __getitem__(self, key: Any) -> Value:
        return _view(self, "slice", _freeze(key))

    def swapaxes(self, a: int, b: int) -> Value:
        axes = list(range(self.ndim))
        axes[a], axes[b] = axes[b], axes[a]
        return self.transpose(axes)

    def squeeze(self, axis: Axes = None) -> Value:
        return _squeeze(self, axis)

    def ravel(self, order: str = "C") -> Value:
        return self.reshape(-1, order=order)

    def sum(self, axis: Axes = None, dtype: npt.DTypeLike | None = None, **kw: Any) -> Value:
        return _reduce(np.add, self, axis, dtype=dtype, **kw)

    def prod(self, axis: Axes = None, dtype: npt.DTypeLike | None = None, **kw: Any) -> Value:
        return _reduce(np.multiply, self, axis, dtype=dtype, **kw)

    def max(self, axis: Axes = None, **kw: Any) -> Value:
        return _reduce(np.maximum, self, axis, **kw)

    def min(self, axis: Axes = None, **kw: Any) -> Value:
        return _reduce(np.minimum, self, axis, **kw)

    def mean(self, axis: Axes = None, dtype: npt.DTypeLike | None = None, **kw: Any) -> Value:
        return _mean(self, axis, dtype, **kw)

    def clip(self, low: Any = None, high: Any = None) -> Value:
        return _clip(self, low, high)


def _one_or_several(given: tuple[Any, ...]) -> Any:
    """The integers that a function got as `f(2, 3)` or as `f((2, 3))`."""
    if len(given) == 1 and not isinstance(given[0], (int, np.integer)):
        return given[0]
    return given


# --------------------------------------------------------------------------------------------- making values


class _Current(threading.local):
    """The tape of this thread, by which equal values are found. Each thread has its own, so that several can
    bind at once."""

    tape: dict[Key, Value] | None = None


_current = _Current()


class tape:
    """`with tape():` equal values that this thread makes in the block are merged."""

    def __enter__(self) -> None:
        self.former, _current.tape = _current.tape, {}

    def __exit__(self, *exc: object) -> None:
        _current.tape = self.former


def _make(key: Key, build: Callable[[], Value]) -> Value:
    made = _current.tape
    if made is None:
        return build()
    value = made.get(key)
    if value is None:
        made[key] = value = build()
    return value


def leaf(array_key: Key, shape: Dims, dtype: npt.DTypeLike = np.float32) -> Value:
    """An array that exists. The program finds it by `array_key`."""
    return _make(("leaf", array_key), lambda: Value("leaf", shape, dtype, arg=array_key))


def number_as(number: float, dtype: npt.DTypeLike) -> Any:
    """A number converted to a type as in C: to an integer type, it is truncated and wrapped around."""
    with np.errstate(all="ignore"):
        x = np.asarray(number)
        if np.dtype(dtype).kind in "iu":
            x = x.astype(np.int64 if np.dtype(dtype).itemsize == 8 else np.int32)
        return x.astype(dtype).item()


def const(number: float, shape: Dims, dtype: npt.DTypeLike = np.float32) -> Value:
    """An array of one number."""
    return _make(
        ("const", repr(number), tuple(shape), np.dtype(dtype)),
        lambda: Value("const", shape, dtype, arg=number),
    )


def lift(x: Any, shape: Dims | None = None) -> Value:
    """A Value from the result of an operator's code: a Value, a number, which fills `shape`, or an array,
    which becomes a constant leaf."""
    if isinstance(x, Value):
        return x
    if isinstance(x, (int, float, np.number)) or (isinstance(x, np.ndarray) and x.ndim == 0):
        return const(float(x), shape if shape is not None else ())
    x = np.asarray(x)
    if x.size and (x == x.flat[0]).all():
        return const(x.flat[0].item(), x.shape, x.dtype)
    return Value("leaf", x.shape, x.dtype, arg=("array", x))


def _map(
    fn: Callable[..., Any], args: tuple[Any, ...], shape: Dims, dtype: npt.DTypeLike, extra: Any = None
) -> Value:
    key = ("map", fn, tuple(id(a) if isinstance(a, Value) else repr(a) for a in args), shape, extra)
    return _make(key, lambda: Value("map", shape, dtype, fn=fn, args=args))


# the types of Python's numbers, by which NumPy promotes weakly; other objects count as float
_WEAK: dict[type, type] = {bool: bool, int: int, float: float}


def elementwise(ufunc: np.ufunc, *inputs: Any) -> Value:
    """`ufunc` of values, arrays and numbers, as a Value. TypeError for a ufunc with several outputs."""
    if ufunc.nout != 1:
        raise TypeError(
            f"a traced operator called {ufunc.__name__}, which has several outputs; write it as a kernel"
        )
    args: list[Any] = []
    types: list[Any] = []
    shapes: list[Dims] = []
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
        arrays = [np.asarray(n, t if isinstance(t, np.dtype) else None) for n, t in zip(numbers, types)]
        with np.errstate(all="ignore"):
            return const(ufunc(*arrays).astype(dtype).item(), shape, dtype)
    simple = _simplify(ufunc, numbers, shape, dtype)
    return simple if simple is not None else _map(ufunc, tuple(numbers), shape, dtype)


_result_types: dict[Key, np.dtype] = {}


def _result_type(ufunc: np.ufunc, types: tuple[Any, ...]) -> np.dtype:
    key = (ufunc, types)
    if key not in _result_types:
        _result_types[key] = ufunc.resolve_dtypes((*types, None))[-1]
    return _result_types[key]


# ------------------------------------------------------------------------------------------- simpler forms
# A rule returns a cheaper form of an application, or None. The form must have the same bits: x + 0 may not be
# replaced by x, since it is 0 for x = -0.


class _Applied(NamedTuple):
    """A function applied to one or two operands, Values or numbers, and the result's shape and type."""

    fn: np.ufunc
    a: Any
    b: Any
    shape: Dims
    dtype: np.dtype

    def fits(self, x: Any) -> bool:
        """Whether an operand is a Value of the result's shape and type, so that it can replace the result."""
        return isinstance(x, Value) and x.shape == self.shape and x.dtype == self.dtype

    def is_minus(self, x: Any) -> bool:
        """Whether an operand is the negative of a floating point value. (Integers are left out: the lowest
        one is its own negative.)"""
        return self.fits(x) and x.kind == "map" and x.fn is np.negative and x.dtype.kind == "f"


def _is_number(x: Any, number: float) -> bool:
    return not isinstance(x, Value) and bool(x == number)


def _sign_outwards(f: _Applied) -> Value | None:
    """(-a) b = -(a b) and a (-b) = -(a b); the same for quotients."""
    if f.is_minus(f.a):
        return -f.fn(f.a.args[0], f.b)
    return -f.fn(f.a, f.b.args[0]) if f.is_minus(f.b) else None


def _subtract_instead(f: _Applied) -> Value | None:
    """a + (-b) = a - b; a - (-b) = a + b; (-a) + b = b - a."""
    if f.is_minus(f.b):
        return (np.subtract if f.fn is np.add else np.add)(f.a, f.b.args[0])
    return np.subtract(f.b, f.a.args[0]) if f.fn is np.add and f.is_minus(f.a) else None


def _times_one(f: _Applied) -> Value | None:
    """a 1 = a and a (-1) = -a; the same with the number first."""
    value, number = (f.a, f.b) if f.fits(f.a) else (f.b, f.a)
    if not f.fits(value):
        return None
    return value if _is_number(number, 1) else -value if _is_number(number, -1) else None


def _by_one(f: _Applied) -> Value | None:
    """a / 1 = a, and a to the power of 1 = a."""
    return f.a if f.fits(f.a) and _is_number(f.b, 1) else None


def _square(f: _Applied) -> Value | None:
    """a to the power of 2 = a a."""
    return np.square(f.a) if f.fits(f.a) and _is_number(f.b, 2) else None


def _minus_zero(f: _Applied) -> Value | None:
    """a - 0 = a."""
    return f.a if f.fits(f.a) and _is_number(f.b, 0) else None


def _negative_twice(f: _Applied) -> Value | None:
    """-(-a) = a."""
    return f.a.args[0] if f.a.kind == "map" and f.a.fn is np.negative else None


def _itself(f: _Applied) -> Value | None:
    """+a = a."""
    return f.a


# The first rule with a result is used. Rules for signs come first: a sign that has moved out of a product can
# meet a rule of the function around it, and the product without the sign is simplified again.
_RULES: dict[np.ufunc, tuple[Callable[[_Applied], Value | None], ...]] = {
    np.multiply: (_sign_outwards, _times_one),
    np.divide: (_sign_outwards, _by_one),
    np.add: (_subtract_instead,),
    np.subtract: (_subtract_instead, _minus_zero),
    np.power: (_by_one, _square),
    np.negative: (_negative_twice,),
    np.positive: (_itself,),
}


def _simplify(ufunc: np.ufunc, args: Sequence[Any], shape: Dims, dtype: np.dtype) -> Value | None:
    """A cheaper form of `ufunc(*args)` with the same bits, or None."""
    a, b = (*args, None)[:2]
    application = _Applied(ufunc, a, b, shape, dtype)
    for rule in _RULES.get(ufunc, ()):
        simple = rule(application)
        if simple is not None:
            return simple
    return None


def _axes(axis: Axes, ndim: int) -> tuple[int, ...]:
    if axis is None:
        return tuple(range(ndim))
    return tuple(sorted({int(a) % ndim for a in (axis if isinstance(axis, (tuple, list)) else (axis,))}))


def _only(given: dict[str, Any], what: str, **harmless: Iterable[Any]) -> None:
    """TypeError for a keyword that would be ignored, unless `harmless` has it with this value."""
    for key, value in given.items():
        if not any(value is v or value == v for v in harmless.get(key, ())):
            raise TypeError(
                f"a traced operator called {what} with {key} = {value!r}, which has no traced form; "
                "write it as a kernel"
            )


def _in_loop_types(ufunc: np.ufunc, inputs: Iterable[Any], dtype: np.dtype) -> list[Any]:
    """The inputs, converted to the types of the ufunc's loop for a result of `dtype`."""
    inputs = [lift(x) if isinstance(x, np.ndarray) and x.ndim else x for x in inputs]
    types = tuple(x.dtype if isinstance(x, Value) else _WEAK.get(type(x), float) for x in inputs)
    loop = ufunc.resolve_dtypes((*types, None), signature=(*[None] * len(types), dtype), casting="same_kind")
    return [x.astype(t) if isinstance(x, Value) else np.asarray(x).astype(t) for x, t in zip(inputs, loop)]


def _reduced_type(ufunc: np.ufunc, dtype: np.dtype) -> np.dtype:
    """The type of a reduction's result. NumPy adds and multiplies integers in their widest type."""
    if ufunc in (np.add, np.multiply) and dtype.kind in "biu":
        return np.dtype(np.uint64 if dtype.kind == "u" else np.int64)
    return dtype


def _reduce(
    ufunc: np.ufunc,
    x: Value,
    axis: Axes = 0,
    dtype: npt.DTypeLike | None = None,
    out: None = None,
    keepdims: bool = False,
    initial: float | None = None,
    **kw: Any,
) -> Value:
    _only(kw, f"{ufunc.__name__}.reduce")
    _only({"out": out}, f"{ufunc.__name__}.reduce", out=(None,))
    result = _reduced_type(ufunc, x.dtype) if dtype is None else np.dtype(dtype)
    value = _reduced(
        ufunc, x if dtype is None else x.astype(result), _axes(axis, x.ndim), bool(keepdims), result
    )
    return value if initial is None else elementwise(ufunc, value, initial).astype(result)


def _reduced(ufunc: np.ufunc, x: Value, axes: tuple[int, ...], keepdims: bool, result: np.dtype) -> Value:
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


def _mean(
    x: Value,
    axis: Axes = None,
    dtype: npt.DTypeLike | None = None,
    out: None = None,
    keepdims: bool = False,
    **kw: Any,
) -> Value:
    """As np.mean: integers are averaged in float64, float16 in float32."""
    _only({"out": out, **kw}, "mean", out=(None,))
    axes = _axes(axis, x.ndim)
    if dtype is None:
        dtype = x.dtype if x.dtype.kind == "f" else np.dtype(np.float64)
    within = np.float32 if dtype == np.float16 and x.dtype == np.float16 else dtype
    total = _reduce(np.add, x, axes, within, keepdims=keepdims)
    return (total / math.prod(x.shape[i] for i in axes)).astype(dtype)


def _matmul(a: Any, b: Any) -> Value:
    a, b = lift(a), lift(b)
    if a.ndim == 1 or b.ndim == 1:  # a vector becomes a matrix, and its axis leaves the result
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

_VIEWS: dict[str, Callable[[np.ndarray, Any], np.ndarray]] = {
    "reshape": lambda a, arg: np.reshape(a, arg, copy=False),
    "transpose": lambda a, arg: np.transpose(a, arg),
    "slice": lambda a, arg: a[thaw(arg)],
    "broadcast": lambda a, arg: np.broadcast_to(a, arg),
}


def apply_view(array: np.ndarray, fn: str, arg: Any) -> np.ndarray:
    """The view of an array that a traced view with this `fn` and `arg` stands for."""
    return _VIEWS[fn](array, arg)


def _dummy(x: Value) -> np.ndarray:
    """An array with the shape and strides that `x` will have, in the memory of one element."""
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


def _view(x: Value, fn: str, arg: Any) -> Value:
    try:
        d = apply_view(_dummy(x), fn, arg)
    except ValueError:
        if fn != "reshape":
            raise
        x = copy(x)  # this reshape is no view
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


def _starts_at_zero(frozen: Key) -> bool:
    return all(
        k is Ellipsis or k is None or (isinstance(k, tuple) and k[1] in (None, 0) and k[3] in (None, 1))
        for k in frozen
    )


def copy(x: Value) -> Value:
    """A contiguous copy of the value."""
    return _make(("copy", id(x)), lambda: Value("copy", x.shape, x.dtype, args=(x,)))


def _freeze(key: Any) -> Key:
    """A hashable form of an index. TypeError for indices other than integers, slices, None and `...`."""
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


def thaw(frozen: Key) -> tuple[Any, ...]:
    """The index of which `_freeze` has made a hashable form."""
    return tuple(slice(*k[1:]) if isinstance(k, tuple) else k for k in frozen)


# --------------------------------------------------------------------------------------------- functions


def _squeeze(x: Value, axis: Axes = None) -> Value:
    axes = {i for i, n in enumerate(x.shape) if n == 1} if axis is None else set(_axes(axis, x.ndim))
    return x.reshape(tuple(n for i, n in enumerate(x.shape) if i not in axes))


def _expand_dims(x: Value, axis: int | Sequence[int]) -> Value:
    given = axis if isinstance(axis, (tuple, list)) else (axis,)
    ndim = x.ndim + len(given)
    axes = {a % ndim for a in given}
    it = iter(x.shape)
    return x.reshape(tuple(1 if i in axes else next(it) for i in range(ndim)))


def _moveaxis(x: Value, source: Any, destination: Any) -> Value:
    pairs = ([source], [destination]) if isinstance(source, int) else (source, destination)
    src, dst = ([a % x.ndim for a in p] for p in pairs)
    order = [i for i in range(x.ndim) if i not in src]
    for d, s in sorted(zip(dst, src)):
        order.insert(d, s)
    return x.transpose(order)


def _concatenate(
    values: Iterable[Any],
    axis: int = 0,
    out: None = None,
    dtype: npt.DTypeLike | None = None,
    casting: str = "same_kind",
) -> Value:
    _only({"out": out, "casting": casting}, "concatenate", out=(None,), casting=("same_kind",))
    parts = [lift(v) if dtype is None else lift(v).astype(dtype) for v in values]
    axis = axis % parts[0].ndim
    if len(parts) == 1:
        return parts[0]
    shape = list(parts[0].shape)
    shape[axis] = sum(v.shape[axis] for v in parts)
    result = np.result_type(*(v.dtype for v in parts))
    key = ("concat", tuple(id(v) for v in parts), axis)
    return _make(key, lambda: Value("concat", shape, result, args=tuple(parts), arg=axis))


def _stack(values: Sequence[Any], axis: int = 0, **kw: Any) -> Value:
    return _concatenate(
        [_expand_dims(lift(v), axis) for v in values], axis % (lift(values[0]).ndim + 1), **kw
    )


def _where(condition: Any, a: Any, b: Any) -> Value:
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


def _clip(x: Any, low: Any = None, high: Any = None, out: None = None, **kw: Any) -> Value:
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


def scatter_slice(g: Any, shape: Dims, key: Any) -> Any:
    """Zeros of `shape` with `[key] = g`, for an array or a Value `g`: the gradient of a basic slice."""
    if not isinstance(g, Value):
        out = np.zeros(shape, np.asarray(g).dtype if isinstance(g, np.ndarray) else np.float32)
        out[key] = g
        return out
    return _scatter((g,), (_freeze(key),), None, shape)


def scatter(slices: list[Value], base: Value | None) -> Value:
    """The sum of several traced `scatter_slice`s of the same shape, and of `base`, in one array."""
    parts = [(g, k) for s in slices for g, k in zip(s.args[s.arg[1] :], s.arg[0])]
    bases = [s.args[0] for s in slices if s.arg[1]] + ([base] if base is not None else [])
    total = bases[0] if bases else None
    for b in bases[1:]:
        total = total + b
    return _scatter(tuple(g for g, _ in parts), tuple(k for _, k in parts), total, slices[0].shape)


def _scatter(gs: tuple[Value, ...], keys: tuple[Key, ...], base: Value | None, shape: Dims) -> Value:
    args = gs if base is None else (base, *gs)
    return _make(
        ("scatter", tuple(id(a) for a in args), tuple(shape), keys, base is None),
        lambda: Value("scatter", shape, gs[0].dtype, args=args, arg=(keys, base is not None)),
    )


def _full_like(x: Value, number: float, dtype: npt.DTypeLike | None = None, **kw: Any) -> Value:
    _only(kw, "full_like", order="KACF", subok=(True, False), shape=(None,))
    return const(number, x.shape, dtype or x.dtype)


def _broadcast_to(x: Value, shape: Any, subok: bool = False) -> Value:
    return _view(x, "broadcast", tuple(int(n) for n in np.atleast_1d(shape)))


def _copied(x: Value, **kw: Any) -> Value:
    _only(kw, "copy", order="KACF", subok=(True, False))
    return copy(x)


def _flip(x: Value, axis: Axes = None) -> Value:
    axes = _axes(axis, x.ndim)
    return x[tuple(slice(None, None, -1) if i in axes else slice(None) for i in range(x.ndim))]


# None of these accepts a keyword that it ignores.
_FUNCTIONS: dict[Callable[..., Any], Callable[..., Any]] = {
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
