"""NDArray: an array in C order, float32 unless told otherwise."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from typing import Any

import numpy as np

from mxr.engine.device import Context, checked
from mxr.engine.imperative import invoke
from mxr.operator import MxError, element_type, get, registry, shape_text, suggest
from mxr.operator.arguments import method


class NDArray:
    """A dense array. `data` is its memory, which executors write to in place; it is never replaced by
    another."""

    __slots__ = ("data", "__weakref__")
    __array_priority__ = (
        1000.0  # `number op array` and `numpy array op array` are ours to compute, not NumPy's
    )

    def __init__(self, data: np.ndarray):
        if not isinstance(data, np.ndarray):
            raise MxError(
                f"NDArray: takes a numpy array, not {type(data).__name__}; "
                "mxr.nd.array makes one of numbers and lists"
            )
        self.data = data

    shape = property(lambda self: self.data.shape)
    dtype = property(lambda self: self.data.dtype)
    size = property(lambda self: self.data.size)
    ndim = property(lambda self: self.data.ndim)

    @property
    def context(self) -> Context:
        """The device: the processor."""
        return Context()

    ctx = context

    @property
    def T(self) -> NDArray:
        """A copy with the axes in reverse order."""
        return NDArray(np.ascontiguousarray(self.data.T))

    def astype(self, dtype, copy: bool = True) -> NDArray:
        """The values as another element type; without `copy` the array itself where it has that type."""
        dtype = element_type(dtype, "astype: dtype")
        return self if not copy and dtype == self.dtype else NDArray(self.data.astype(dtype))

    def reshape(self, *shape, **parameters) -> NDArray:
        """A copy of another shape, given as one sequence or as numbers; -1, 0, -2, -3, -4 as in the operator
        Reshape."""
        if shape:
            parameters["shape"] = shape[0] if len(shape) == 1 and not isinstance(shape[0], int) else shape
        return call("Reshape", [self], parameters, where="NDArray.reshape")[0]

    def as_in_context(self, context: Context) -> NDArray:
        """The array itself: there is one device."""
        checked(context, "as_in_context")
        return self

    def wait_to_read(self) -> None:
        """Nothing: everything is computed at once."""

    def tolist(self) -> list:
        """The values as nested lists of Python numbers."""
        return self.data.tolist()

    def __getattr__(self, name: str) -> Callable[..., Any]:
        """Operators as methods: `a.sum(axis=0)`, `a.dot(b)`. Numbers by position are the operator's
        parameters in their order."""
        if name in ("attach_grad", "backward", "grad"):
            raise AttributeError(
                f"an NDArray has no {name}: gradients are an executor's. Bind a symbol: "
                "executor.forward_backward() fills executor.grads"
            )
        if name.startswith("_") or name not in registry:
            raise AttributeError(f"an NDArray has no {name}" + suggest(name, [*dir(NDArray), *registry]))

        def run(arrays: list[NDArray], parameters: dict[str, Any]) -> NDArray | list[NDArray]:
            results = call(name, arrays, parameters, where=f"NDArray.{name}")
            return results[0] if len(results) == 1 else results

        return method(get(name), self, run)

    def asnumpy(self) -> np.ndarray:
        """A copy as a NumPy array."""
        return self.data.copy()

    def __array__(self, dtype=None, copy=None):
        if copy is False:
            return self.data if dtype is None else np.asarray(self.data, dtype, copy=False)
        return self.data.astype(dtype or self.dtype, copy=True)

    def asscalar(self):
        """The only element, as a Python number."""
        if self.size != 1:
            raise MxError(f"asscalar: the array has shape {shape_text(self.shape)}, not one element")
        return self.data.item()

    def copy(self) -> NDArray:
        """Another array of the same values."""
        return NDArray(self.data.copy())

    __copy__ = copy

    def __reduce__(self):
        return NDArray, (self.data,)

    def copyto(self, other: NDArray) -> NDArray:
        """Write the values into `other`, which has the same shape."""
        if not isinstance(other, NDArray):
            raise MxError(f"copyto: other must be an NDArray, not {type(other).__name__}")
        other[:] = self
        return other

    def __setitem__(self, key, value):
        place = self._at(key)
        source = value.data if isinstance(value, NDArray) else numbers(value, "the value")
        try:
            self.data[_plain(key)] = source
        except ValueError:
            raise MxError(
                f"cannot put shape {shape_text(source.shape)} into shape {shape_text(place.shape)}"
                if self.data.flags.writeable
                else "cannot write into this array: its memory is read-only"
            ) from None

    def __getitem__(self, key) -> NDArray:
        return NDArray(self._at(key).copy())

    def _at(self, key) -> np.ndarray:
        try:
            return np.asarray(self.data[_plain(key)])
        except (IndexError, ValueError, TypeError) as e:
            raise MxError(f"an array of shape {shape_text(self.shape)} has no such part: {e}") from None

    def __len__(self):
        return self._first_axis()

    def __iter__(self):
        return (self[i] for i in range(self._first_axis()))

    def _first_axis(self) -> int:
        if not self.ndim:
            raise MxError("an array without axes has no length and no parts; asscalar() gives its number")
        return self.shape[0]

    def __repr__(self):
        return f"{self.data!r}\n<NDArray {'x'.join(map(str, self.shape)) or '()'} {self.dtype}>"

    def _repr_html_(self) -> str:
        """What notebooks show: the values, in a table where there are two axes, and the shape."""
        return html_of(self.data)

    def __bool__(self):
        if self.size > 1:
            raise MxError(
                f"an array of shape {shape_text(self.shape)} is neither true nor false; "
                "compare its asnumpy(), with .any() or .all()"
            )
        return bool(self.size and self.data.item())

    def __float__(self):
        return float(self.asscalar())

    def __int__(self):
        return int(self.asscalar())

    def __add__(self, o):
        return arithmetic("add", self, o)

    def __radd__(self, o):
        return arithmetic("add", o, self)

    def __iadd__(self, o):
        return self._become(self + o)

    def __sub__(self, o):
        return arithmetic("sub", self, o)

    def __rsub__(self, o):
        return arithmetic("sub", o, self)

    def __isub__(self, o):
        return self._become(self - o)

    def __mul__(self, o):
        return arithmetic("mul", self, o)

    def __rmul__(self, o):
        return arithmetic("mul", o, self)

    def __imul__(self, o):
        return self._become(self * o)

    def __truediv__(self, o):
        return arithmetic("div", self, o)

    def __rtruediv__(self, o):
        return arithmetic("div", o, self)

    def __itruediv__(self, o):
        return self._become(self / o)

    def __mod__(self, o):
        return arithmetic("mod", self, o)

    def __rmod__(self, o):
        return arithmetic("mod", o, self)

    def __pow__(self, o):
        return arithmetic("power", self, o)

    def __rpow__(self, o):
        return arithmetic("power", o, self)

    def __neg__(self):
        return arithmetic("mul", self, -1.0)

    def __abs__(self):
        return call("abs", [self], {})[0]

    def __eq__(self, o):
        return NotImplemented if o is None or isinstance(o, str) else arithmetic("equal", self, o)

    def __ne__(self, o):
        return NotImplemented if o is None or isinstance(o, str) else arithmetic("not_equal", self, o)

    def __gt__(self, o):
        return arithmetic("greater", self, o)

    def __ge__(self, o):
        return arithmetic("greater_equal", self, o)

    def __lt__(self, o):
        return arithmetic("lesser", self, o)

    def __le__(self, o):
        return arithmetic("lesser_equal", self, o)

    __hash__ = object.__hash__

    def _become(self, result: NDArray) -> NDArray:
        """`a op= b`: in place, so that an executor's own array stays its own."""
        self[:] = result
        return self


_ROWS, _COLUMNS = 12, 12  # of a table in a notebook; what is left out is dots


def html_of(a: np.ndarray) -> str:
    caption = f"NDArray {'x'.join(map(str, a.shape)) or '()'} {a.dtype}"
    if a.ndim != 2 or not a.size:
        return f"<pre>{escape(str(a))}</pre><small>{caption}</small>"
    rows = [
        [f"{v:.6g}" for v in row[:_COLUMNS]] + ["..."] * (a.shape[1] > _COLUMNS) for row in a[:_ROWS].tolist()
    ]
    rows += [["..."] * len(rows[0])] * (a.shape[0] > _ROWS)
    cells = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table>{cells}</table><small>{caption}</small>"


class Arrays(dict):
    """An executor's arrays by name: their values change, which arrays they are does not."""

    def __missing__(self, name):
        if isinstance(name, int) and -len(self) <= name < len(self):  # `outputs[0]`, as in MXNet's Python
            return list(self.values())[name]
        raise MxError(
            f"the executor has no array {name}" + (suggest(str(name), self) or f"; it has {', '.join(self)}")
        )

    def __setitem__(self, name, value):
        raise MxError(
            f"an executor keeps its own arrays: write the values into {name} by [{name!r}][:] = values"
        )


def _plain(key):
    """An index without NDArrays: their numbers are positions, as in MXNet, unless they are logicals."""
    if isinstance(key, NDArray):
        return key.data if key.dtype == bool else key.data.astype(np.int64)
    return tuple(map(_plain, key)) if isinstance(key, tuple) else key


_MIRROR = {
    "greater": "_lesser_scalar",
    "greater_equal": "_lesser_equal_scalar",
    "lesser": "_greater_scalar",
    "lesser_equal": "_greater_equal_scalar",
    "sub": "_rminus_scalar",
    "div": "_rdiv_scalar",
    "mod": "_rmod_scalar",
    "power": "_rpower_scalar",
}
_SCALAR = {"add": "_plus_scalar", "sub": "_minus_scalar"}


def arithmetic(name: str, a, b) -> NDArray:
    """`a op b` for arrays and numbers; arrays of different shapes broadcast."""
    a, b = _operand(a, b), _operand(b, a)
    if isinstance(a, NDArray) and isinstance(b, NDArray):
        return call("broadcast_" + name, [a, b], {})[0]
    if isinstance(a, NDArray):
        return call(_SCALAR.get(name, f"_{name}_scalar"), [a], {"scalar": float(b)})[0]
    return call(_MIRROR.get(name) or _SCALAR.get(name, f"_{name}_scalar"), [b], {"scalar": float(a)})[0]


def _operand(x, other) -> NDArray | float:
    """One side of `a op b`: an NDArray or a number. Lists and numpy arrays become arrays of the other side's
    type."""
    if isinstance(x, (NDArray, int, float)):
        return x
    if isinstance(x, (np.ndarray, list, tuple)) and np.ndim(x):
        given = numbers(x, "an operand")
        if given.dtype.kind == "f" and other.dtype.kind != "f":
            raise MxError(
                f"an array of {other.dtype} and one of {given.dtype} do not go together; "
                "mxr.nd.Cast gives another type"
            )
        return array(given, other.dtype)
    if not hasattr(x, "__float__") or np.iscomplexobj(x):
        raise MxError(
            f"an NDArray goes with NDArrays, numpy arrays and single numbers, not {type(x).__name__}"
        )
    return float(x)


def numbers(source, what: str = "array: source") -> np.ndarray:
    """Numbers in any form that NumPy takes, as a NumPy array."""
    try:
        found = np.asarray(source)
        if found.dtype.kind == "O" and found.ndim:  # a column of a data frame, integers beyond 64 bits
            found = found.astype(np.float64)
    except (ValueError, TypeError, OverflowError):
        found = None
    if found is None or found.dtype.kind not in "biuf":
        given = (
            f"a numpy array of {source.dtype}" if isinstance(source, np.ndarray) else type(source).__name__
        )
        more = ", ragged or with something else in it" if isinstance(source, (list, tuple)) else ""
        raise MxError(f"{what} must be numbers (a number, a list, a numpy array), not {given}{more}")
    return found


def array(source, dtype=None) -> NDArray:
    """A new NDArray with a copy of the values: of an NDArray's type, else of float32, where `dtype` is not
    given."""
    if dtype is None:
        dtype = source.dtype if isinstance(source, NDArray) else np.float32
    elif dtype is not np.float32:
        dtype = element_type(dtype, "array: dtype")
    return NDArray(
        np.array(source.data if isinstance(source, NDArray) else numbers(source), dtype, order="C")
    )


def call(
    op_name: str,
    inputs: list[NDArray],
    attrs: dict,
    out: NDArray | list[NDArray] | None = None,
    where: str | None = None,
    train: bool = False,
) -> list[NDArray]:
    """The visible outputs of an operator on arrays, written into `out` where given."""
    op = get(op_name)
    attrs = op.plain_names(attrs, where)
    if op.variadic and op.variadic in op.params:
        attrs.setdefault(op.variadic, len(inputs))
    p = op.parse(attrs, where)
    outs = [] if out is None else out if isinstance(out, (list, tuple)) else [out]
    if not all(isinstance(o, NDArray) for o in outs):
        raise MxError(f"{where or op_name}: out must be an NDArray, or a list of one for every output")
    n = len(op.outputs(p))
    if out is not None and len(outs) != n:
        raise MxError(
            f"{where or op_name}: out has {len(outs)} array{'s' * (len(outs) != 1)}, "
            f"the operator {n} output{'s' * (n != 1)}"
        )
    results = invoke(op, [a.data for a in inputs], p, train, [o.shape for o in outs])[:n]
    if out is None:
        return [NDArray(r) for r in results]
    for o, r in zip(outs, results):
        if o.shape != r.shape:
            raise MxError(
                f"{where or op_name}: out has shape {shape_text(o.shape)}, the result {shape_text(r.shape)}"
            )
        o.data[...] = r
    return list(outs)
