"""`NDArray`: an array in C order, of float32 by default."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from html import escape
from typing import Any, NoReturn

import numpy as np

from mxr.engine.device import Context, checked
from mxr.engine.imperative import invoke
from mxr.operator import MxError, element_type, get, registry, shape_text, suggest
from mxr.operator.arguments import method


class NDArray:
    """A dense array. `data` is its memory, which executors change in place. It is never replaced.

    `writes` counts how often the values were written, as long as that is known. It is None once the memory
    is outside this class, by `data` or from the start: then any code may write to it.
    """

    __slots__ = ("memory", "writes", "__weakref__")
    __array_priority__ = 1000.0  # NumPy leaves `numpy array op NDArray` to this class

    def __init__(self, data: np.ndarray):
        if not isinstance(data, np.ndarray):
            raise MxError(
                f"NDArray: takes a numpy array, not {type(data).__name__}; "
                "mxr.nd.array makes one of numbers and lists"
            )
        self.memory = data  # for code that only reads
        self.writes: int | None = None

    @classmethod
    def owned(cls, memory: np.ndarray) -> NDArray:
        """An NDArray of memory that nothing else has."""
        made = cls(memory)
        made.writes = 0
        return made

    @property
    def data(self) -> np.ndarray:
        """The memory, to read and to write."""
        self.writes = None
        return self.memory

    def write(self, key: Any, values: Any) -> None:
        """Write values into the part of the memory that NumPy's index `key` takes."""
        self.memory[key] = values
        if self.writes is not None:
            self.writes += 1

    shape = property(lambda self: self.memory.shape)
    dtype = property(lambda self: self.memory.dtype)
    size = property(lambda self: self.memory.size)
    ndim = property(lambda self: self.memory.ndim)

    @property
    def context(self) -> Context:
        """The device: the CPU."""
        return Context()

    ctx = context

    @property
    def T(self) -> NDArray:
        """A copy with the axes in reverse order."""
        return NDArray(np.ascontiguousarray(self.memory.T))

    def astype(self, dtype: Any, copy: bool = True) -> NDArray:
        """The values as another element type. Without `copy`, an array of that type is returned itself."""
        dtype = element_type(dtype, "astype: dtype")
        return self if not copy and dtype == self.dtype else NDArray(self.memory.astype(dtype))

    def reshape(self, *shape: Any, **parameters: Any) -> NDArray:
        """A copy of another shape, given as one sequence or as numbers. 0, -1, -2, -3 and -4 have the meaning
        that they have in the operator Reshape."""
        if shape:
            parameters["shape"] = shape[0] if len(shape) == 1 and not isinstance(shape[0], int) else shape
        return call("Reshape", [self], parameters, where="NDArray.reshape")[0]

    def as_in_context(self, context: Context) -> NDArray:
        """The array itself, since there is one device."""
        checked(context, "as_in_context")
        return self

    def wait_to_read(self) -> None:
        """Do nothing: operators return when they have computed."""

    def tolist(self) -> list[Any]:
        """The values as nested lists of Python numbers."""
        return self.memory.tolist()

    def __getattr__(self, name: str) -> Callable[..., Any]:
        """Operators as methods: `a.sum(axis=0)`, `a.dot(b)`. Numbers by position are parameters, in the
        operator's order."""
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
        return self.memory.copy()

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        if copy is False:
            return self.data if dtype is None else np.asarray(self.data, dtype, copy=False)
        return self.memory.astype(dtype or self.dtype, copy=True)

    def asscalar(self) -> Any:
        """The single element, as a Python number."""
        if self.size != 1:
            raise MxError(f"asscalar: the array has shape {shape_text(self.shape)}, not one element")
        return self.memory.item()

    def copy(self) -> NDArray:
        """A new array with the same values."""
        return NDArray.owned(self.memory.copy())

    __copy__ = copy

    def __reduce__(self) -> tuple[Any, ...]:
        return NDArray, (self.data,)

    def copyto(self, other: NDArray) -> NDArray:
        """Write the values into `other`, which has the same shape."""
        if not isinstance(other, NDArray):
            raise MxError(f"copyto: other must be an NDArray, not {type(other).__name__}")
        other[:] = self
        return other

    def __setitem__(self, key: Any, value: Any) -> None:
        place = self._at(key)
        source = value.memory if isinstance(value, NDArray) else numbers(value, "the value")
        try:
            self.write(_plain(key), source)
        except ValueError:
            raise MxError(
                f"cannot put shape {shape_text(source.shape)} into shape {shape_text(place.shape)}"
                if self.memory.flags.writeable
                else "cannot write into this array: its memory is read-only"
            ) from None

    def __getitem__(self, key: Any) -> NDArray:
        return NDArray(self._at(key).copy())

    def _at(self, key: Any) -> np.ndarray:
        try:
            return np.asarray(self.memory[_plain(key)])
        except (IndexError, ValueError, TypeError) as e:
            raise MxError(f"an array of shape {shape_text(self.shape)} has no such part: {e}") from None

    def __len__(self) -> int:
        return self._first_axis()

    def __iter__(self) -> Iterator[NDArray]:
        return (self[i] for i in range(self._first_axis()))

    def _first_axis(self) -> int:
        if not self.ndim:
            raise MxError("an array without axes has no length and no parts; asscalar() gives its number")
        return self.shape[0]

    def __repr__(self) -> str:
        return f"{self.memory!r}\n<NDArray {'x'.join(map(str, self.shape)) or '()'} {self.dtype}>"

    def _repr_html_(self) -> str:
        """The values for notebooks, as a table if there are two axes, and the shape."""
        return html_of(self.memory)

    def __bool__(self) -> bool:
        if self.size > 1:
            raise MxError(
                f"an array of shape {shape_text(self.shape)} is neither true nor false; "
                "compare its asnumpy(), with .any() or .all()"
            )
        return bool(self.size and self.memory.item())

    def __float__(self) -> float:
        return float(self.asscalar())

    def __int__(self) -> int:
        return int(self.asscalar())

    def __add__(self, o: Any) -> NDArray:
        return arithmetic("add", self, o)

    def __radd__(self, o: Any) -> NDArray:
        return arithmetic("add", o, self)

    def __iadd__(self, o: Any) -> NDArray:
        return self._assign(self + o)

    def __sub__(self, o: Any) -> NDArray:
        return arithmetic("sub", self, o)

    def __rsub__(self, o: Any) -> NDArray:
        return arithmetic("sub", o, self)

    def __isub__(self, o: Any) -> NDArray:
        return self._assign(self - o)

    def __mul__(self, o: Any) -> NDArray:
        return arithmetic("mul", self, o)

    def __rmul__(self, o: Any) -> NDArray:
        return arithmetic("mul", o, self)

    def __imul__(self, o: Any) -> NDArray:
        return self._assign(self * o)

    def __truediv__(self, o: Any) -> NDArray:
        return arithmetic("div", self, o)

    def __rtruediv__(self, o: Any) -> NDArray:
        return arithmetic("div", o, self)

    def __itruediv__(self, o: Any) -> NDArray:
        return self._assign(self / o)

    def __mod__(self, o: Any) -> NDArray:
        return arithmetic("mod", self, o)

    def __rmod__(self, o: Any) -> NDArray:
        return arithmetic("mod", o, self)

    def __pow__(self, o: Any) -> NDArray:
        return arithmetic("power", self, o)

    def __rpow__(self, o: Any) -> NDArray:
        return arithmetic("power", o, self)

    def __neg__(self) -> NDArray:
        return arithmetic("mul", self, -1.0)

    def __abs__(self) -> NDArray:
        return call("abs", [self], {})[0]

    def __eq__(self, o: Any) -> Any:
        return NotImplemented if o is None or isinstance(o, str) else arithmetic("equal", self, o)

    def __ne__(self, o: Any) -> Any:
        return NotImplemented if o is None or isinstance(o, str) else arithmetic("not_equal", self, o)

    def __gt__(self, o: Any) -> NDArray:
        return arithmetic("greater", self, o)

    def __ge__(self, o: Any) -> NDArray:
        return arithmetic("greater_equal", self, o)

    def __lt__(self, o: Any) -> NDArray:
        return arithmetic("lesser", self, o)

    def __le__(self, o: Any) -> NDArray:
        return arithmetic("lesser_equal", self, o)

    __hash__ = object.__hash__

    def _assign(self, result: NDArray) -> NDArray:
        """`a op= b` in place, so that an executor's array stays the executor's."""
        self[:] = result
        return self


_ROWS, _COLUMNS = 12, 12  # of a table in a notebook; dots stand for the rest


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
    """An executor's arrays by name. Their values can be changed, but no array can be replaced."""

    def __missing__(self, name: object) -> Any:
        if isinstance(name, int) and -len(self) <= name < len(self):  # `outputs[0]`, as in MXNet's Python
            return list(self.values())[name]
        raise MxError(
            f"the executor has no array {name}" + (suggest(str(name), self) or f"; it has {', '.join(self)}")
        )

    def __setitem__(self, name: object, value: object) -> NoReturn:
        raise MxError(
            f"an executor keeps its own arrays: write the values into {name} by [{name!r}][:] = values"
        )


def _plain(key: Any) -> Any:
    """An index in which NumPy arrays replace NDArrays: masks of bool, otherwise positions, as in MXNet."""
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


def arithmetic(name: str, a: Any, b: Any) -> NDArray:
    """`a op b` for arrays and numbers. Arrays are broadcast."""
    a, b = _operand(a, b), _operand(b, a)
    if isinstance(a, NDArray) and isinstance(b, NDArray):
        return call("broadcast_" + name, [a, b], {})[0]
    if isinstance(a, NDArray):
        return call(_SCALAR.get(name, f"_{name}_scalar"), [a], {"scalar": float(b)})[0]
    return call(_MIRROR.get(name) or _SCALAR.get(name, f"_{name}_scalar"), [b], {"scalar": float(a)})[0]


def _operand(x: Any, other: Any) -> NDArray | float:
    """An operand of `a op b` as an NDArray or a number. Lists and NumPy arrays are converted to the type of
    the other operand."""
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


def numbers(source: Any, what: str = "array: source") -> np.ndarray:
    """Numbers in any form that NumPy accepts, as a NumPy array. MxError, which begins with `what`, for
    anything else."""
    try:
        found = np.asarray(source)
        if found.dtype.kind == "O" and found.ndim:  # such as a column of a data frame, or large integers
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


def array(source: Any, dtype: Any = None) -> NDArray:
    """A new NDArray with a copy of the values. The default of `dtype` is the type of an NDArray, and float32
    for other sources."""
    if dtype is None:
        dtype = source.dtype if isinstance(source, NDArray) else np.float32
    elif dtype is not np.float32:
        dtype = element_type(dtype, "array: dtype")
    given = source.memory if isinstance(source, NDArray) else numbers(source)
    return NDArray.owned(np.array(given, dtype, order="C"))


def call(
    op_name: str,
    inputs: list[NDArray],
    attrs: dict,
    out: NDArray | list[NDArray] | None = None,
    where: str | None = None,
    train: bool = False,
) -> list[NDArray]:
    """The visible outputs of an operator on arrays. They are written into `out` if that is given."""
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
