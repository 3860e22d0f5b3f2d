"""R values to Python (`to_python`) and back (`to_r`). R's dim is NumPy's shape reversed: this file does that.

It calls R's own C functions (mxr/r/bridge/r_api.py): the Python classes of rpy2 take ten times longer per
value. `to_r` returns an unprotected R object, as R's C functions do: the caller protects it before the next
allocation.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from mxr.operator import MxError, shape_text
from mxr.r.bridge import handles, r_api, saved
from mxr.r.bridge.missing import NA, NA_INTEGER, is_na, without_na
from mxr.r.bridge.protection import protect, unprotect
from mxr.r.bridge.r_api import NIL, R, Sexp, address, ffi
from mxr.r.bridge.texts import CLASS, NAMES, class_of, names_of, strings, text

DIM, _LEVELS = map(r_api.symbol, ("dim", "levels"))


class RList:
    """An R list whose elements are not all named, or not uniquely: `values`, and `names` ("" where there is
    none)."""

    __slots__ = ("values", "names")

    def __init__(self, values: Iterable[Any], names: Iterable[str] | None = None) -> None:
        self.values = list(values)
        self.names = list(names) if names is not None else [""] * len(self.values)

    def __len__(self) -> int:
        return len(self.values)

    def __iter__(self) -> Iterator[Any]:
        return iter(self.values)

    def __getitem__(self, i: int) -> Any:
        return self.values[i]

    def __repr__(self) -> str:
        return f"RList({self.values!r}, {self.names!r})"


class Dims(tuple[int, ...]):
    """A C-order shape that becomes an integer vector in R's order (`to_r`)."""


def shape_from_r(value: Any) -> tuple[int, ...] | None:
    """R's `dim` (a converted number or vector) as a C-order shape; None for NULL."""
    if value is None:
        return None
    dims = np.atleast_1d(value)
    if dims.ndim > 1 or dims.dtype.kind not in "iufb" or not np.isfinite(dims).all():
        raise MxError("a shape must be whole numbers")
    return tuple(int(n) for n in reversed(dims))


# ------------------------------------------------------------------------------------------------ R to Python

dead_views: list[Sexp] = []  # preserved R vectors whose views are gone


def _view(x: Sexp, pointer: Any, n: int, dtype: np.dtype) -> np.ndarray:
    """The memory of an R vector as a read-only array that keeps the vector alive."""
    r_api.preserve(x)
    owned = ffi.gc(pointer, lambda _, x=x: dead_views.append(x))
    array = np.frombuffer(ffi.buffer(owned, n * dtype.itemsize), dtype)
    array.flags.writeable = False
    return array


def forget_views() -> None:
    """Release the R vectors whose views are gone. Called at the door: an array may be freed on any thread,
    where R must not be called."""
    while dead_views:
        R.R_ReleaseObject(dead_views.pop())
    saved.forget()


def shape_of(x: Sexp) -> tuple[int, ...] | None:
    """The C-order shape of an R array; None for a vector without dim."""
    dim = R.Rf_getAttrib(x, DIM) if x.attrib != NIL else NIL
    if dim == NIL:
        return None
    return tuple(R.INTEGER_ELT(dim, i) for i in reversed(range(R.Rf_xlength(dim))))


def _shaped(x: Sexp, array: np.ndarray) -> np.ndarray:
    """`array` with the dimensions of the R vector x."""
    shape = shape_of(x)
    return array if shape is None else array.reshape(shape)


def _check_double(x: Sexp) -> None:
    if "integer64" in class_of(x):  # the bits of 64-bit integers, stored as doubles (package bit64)
        raise MxError("numbers of class integer64 cannot be used here: give as.numeric(x)")


def _check_plain(x: Sexp) -> None:
    if R.Rf_getAttrib(x, _LEVELS) != NIL:
        raise MxError(
            "a factor has no numbers that MXNet could use: give as.numeric(as.character(f)) for its labels, "
            "or as.integer(f) - 1 for 0-based classes"
        )


def _is_scalar(x: Sexp, n: int) -> bool:
    return n == 1 and bool(R.Rf_getAttrib(x, DIM) == NIL)


_FLOAT64, _INT32, _UINT8 = np.dtype(np.float64), np.dtype(np.int32), np.dtype(np.uint8)


def _double(x: Sexp) -> float | np.ndarray:
    if x.attrib != NIL:
        _check_double(x)
    n = R.Rf_xlength(x)
    if _is_scalar(x, n):
        value = R.REAL_ELT(x, 0)
        return NA if value != value and is_na(value) else float(value)
    return _shaped(x, _view(x, r_api.doubles(x), n, _FLOAT64) if n else np.empty(0))


def _integer(x: Sexp) -> int | float | np.ndarray:
    _check_plain(x)
    n = R.Rf_xlength(x)
    if _is_scalar(x, n):
        value = int(R.INTEGER_ELT(x, 0))
        return NA if value == NA_INTEGER else value
    return _shaped(x, without_na(_view(x, r_api.integers(x), n, _INT32)) if n else np.empty(0, np.int32))


def _logical(x: Sexp) -> bool | float | np.ndarray:
    n = R.Rf_xlength(x)
    if _is_scalar(x, n):
        value = R.LOGICAL_ELT(x, 0)
        return NA if value == NA_INTEGER else bool(value)
    array = without_na(_view(x, r_api.logicals(x), n, _INT32)) if n else np.empty(0, np.int32)
    return _shaped(x, array if array.dtype == _FLOAT64 else array != 0)


def _raw(x: Sexp) -> np.ndarray:
    n = R.Rf_xlength(x)
    return _shaped(x, _view(x, r_api.raws(x), n, _UINT8)) if n else np.empty(0, np.uint8)


def _character(x: Sexp) -> str | list[str | None] | None:
    n = R.Rf_xlength(x)
    if _is_scalar(x, n):
        return text(r_api.string(x, 0))
    return [text(r_api.string(x, i)) for i in range(n)]


# class of an R list -> the function that makes its Python value (filled by mxr.r.bridge.functions)
readers: dict[str | None, Callable[[Sexp], Any]] = {}


def _list(x: Sexp) -> Any:
    kinds = class_of(x) if x.attrib != NIL else []
    if kinds and kinds[0] in readers:
        return readers[kinds[0]](x)
    if "data.frame" in kinds:
        raise MxError(
            "a data.frame is not an array: give data.matrix(df), "
            "or as.matrix(df) when all columns are numbers"
        )
    values, names = elements(x, unnamed="element")
    if names is not None and "" not in names and len(set(names)) == len(names):
        return dict(zip(names, values))
    return RList(values, names)


def elements(x: Sexp, unnamed: str = "") -> tuple[list[Any], list[str] | None]:
    """(values, names or None) of an R list. An MxError starts with the element it is about: the element's
    name, or `unnamed` and its number."""
    names, values = names_of(x), list[Any]()
    try:
        for i in range(R.Rf_xlength(x)):
            values.append(to_python(R.VECTOR_ELT(x, i)))
    except MxError as e:
        name = names[len(values)] if names else ""
        name = name or (unnamed and f"{unnamed} {len(values) + 1}")
        raise MxError(f"{name}: {e}" if name else str(e)) from None
    return values, names


_IN: dict[int, Callable[[Sexp], Any]] = {
    R.NILSXP: lambda x: None,
    R.REALSXP: _double,
    R.INTSXP: _integer,
    R.LGLSXP: _logical,
    R.STRSXP: _character,
    R.VECSXP: _list,
    R.EXTPTRSXP: handles.held,
    R.RAWSXP: _raw,
    R.SYMSXP: lambda x: text(R.PRINTNAME(x)),
}
_PY_OBJECT, _PYOBJ = map(r_api.symbol, ("py_object", "pyobj"))


def _of_reticulate(x: Sexp) -> Any:
    """The Python object that reticulate's R object stands for: an environment with a pointer, or a function
    that has such an environment as an attribute. MxError if `x` is neither."""
    place = R.Rf_getAttrib(x, _PY_OBJECT) if x.sxpinfo.type == R.CLOSXP else x
    if place.sxpinfo.type != R.ENVSXP or "python.builtin.object" not in class_of(x):
        raise MxError(_refused(x))
    pointer = r_api.variable(place, _PYOBJ)
    number = address(R.R_ExternalPtrAddr(pointer)) if pointer.sxpinfo.type == R.EXTPTRSXP else 0
    if not number:
        raise MxError("this Python object belongs to another R session: make it again")
    return ctypes.cast(number, ctypes.py_object).value


_IN |= {R.ENVSXP: _of_reticulate, R.CLOSXP: _of_reticulate}
_OTHER = {
    R.CLOSXP: "a function",
    R.ENVSXP: "an environment",
    R.CPLXSXP: "a complex vector",
    R.S4SXP: "an S4 object",
    R.LANGSXP: "a call",
    R.BUILTINSXP: "a function",
    R.SPECIALSXP: "a function",
}


def to_python(x: Sexp) -> Any:
    """The Python value of an R object. Arrays are read-only views of R's memory, in C order. MxError, which
    names the kind, for R objects that have no Python value (functions, environments, calls ...)."""
    kind = x.sxpinfo.type
    convert = _IN.get(kind)
    if convert is None:
        raise MxError(_refused(x))
    return convert(x)


def _refused(x: Sexp) -> str:
    return (
        f"{_OTHER.get(x.sxpinfo.type, 'this kind of R object')} cannot be used here; give a number, "
        "a vector, an array, text, or an MXNet object"
    )


# ------------------------------------------------------------------------------------------------ Python to R


def _array(a: np.ndarray) -> Sexp:
    """A new R array: logical for booleans, else double."""
    if a.dtype.kind in "OSUMmVc":
        raise TypeError(f"an array of {a.dtype} cannot be given to R")
    logical = a.dtype == np.bool_
    vector = protect(r_api.allocate(R.LGLSXP if logical else R.REALSXP, a.size))
    if a.size:
        pointer, dtype = (r_api.logicals(vector), _INT32) if logical else (r_api.doubles(vector), _FLOAT64)
        np.frombuffer(ffi.buffer(pointer, a.size * dtype.itemsize), dtype).reshape(a.shape)[...] = a
    if a.ndim:
        _set_dim(vector, a.shape)
    unprotect(1)
    return vector


def _set_dim(vector: Sexp, shape: Sequence[int]) -> None:
    """Give a vector R's dim. One of 2^31 elements or more stays without: R's dims are 32-bit integers."""
    if max(shape) < 2**31:
        dim = protect(_integers(reversed(shape)))
        r_api.set_attribute(vector, DIM, dim)
        unprotect(1)
    elif len(shape) > 1:
        raise MxError(
            f"an array of dimensions {shape_text(shape)} cannot be an R array, "
            "whose dimensions end at 2^31 - 1; cut it by mx.nd.slice"
        )


def _dims(values: Iterable[int]) -> Sexp:
    """Dimensions as integers; as doubles where one is too large, like R's length() of long vectors."""
    values = list(values)
    return _integers(values) if max(values, default=0) < 2**31 else plain_vector(np.array(values, np.float64))


def _integers(values: Iterable[int]) -> Sexp:
    values = list(values)
    vector = r_api.allocate(R.INTSXP, len(values))
    pointer = r_api.integers(vector)
    for i, v in enumerate(values):
        pointer[i] = v
    return vector


def _scalar_logical(v: bool) -> Sexp:
    vector = r_api.allocate(R.LGLSXP, 1)
    R.SET_LOGICAL_ELT(vector, 0, v)
    return vector


def _int(v: int) -> Sexp:
    return _integers((v,)) if -NA_INTEGER > v > NA_INTEGER else r_api.scalar_real(float(v))


def _sequence(values: Sequence[Any]) -> Sexp:
    kinds = {type(v) for v in values}
    if str in kinds and kinds <= {str, type(None)}:
        return strings(values)
    if kinds == {bool}:
        return plain_vector(np.array(values, bool))
    if kinds == {int} and all(abs(v) < 2**31 for v in values):
        return _integers(values)
    if kinds and kinds <= {int, float}:
        return plain_vector(np.array(values, np.float64))
    return _plain_list(values)


def plain_vector(a: np.ndarray) -> Sexp:
    """An R vector without dim."""
    vector = protect(_array(a))
    r_api.set_attribute(vector, DIM, NIL)
    unprotect(1)
    return vector


def _plain_list(values: Sequence[Any], names: Sequence[str] | None = None) -> Sexp:
    vector = protect(r_api.allocate(R.VECSXP, len(values)))
    for i, v in enumerate(values):
        R.SET_VECTOR_ELT(vector, i, to_r(v))
    if names is not None:
        labels = protect(strings(names))
        r_api.set_attribute(vector, NAMES, labels)
        unprotect(1)
    unprotect(1)
    return vector


def classed(fields: dict[str, Any], kind: str) -> Sexp:
    """A named R list with a class attribute."""
    vector = protect(to_r(fields))
    name = protect(strings([kind]))
    r_api.set_attribute(vector, CLASS, name)
    unprotect(2)
    return vector


def _bytes(data: bytes) -> Sexp:
    vector = r_api.allocate(R.RAWSXP, len(data))
    ffi.memmove(r_api.raws(vector), data, len(data))
    return vector


_OUT: dict[type, Callable[[Any], Sexp]] = {
    type(None): lambda v: NIL,
    type(NA): r_api.scalar_real,
    bool: _scalar_logical,
    int: _int,
    float: r_api.scalar_real,
    str: lambda v: strings([v]),
    np.ndarray: _array,
    list: _sequence,
    tuple: _sequence,
    Dims: lambda v: _dims(reversed(v)),
    dict: lambda v: _plain_list(list(v.values()), list(v)),
    bytes: _bytes,
    RList: lambda v: _plain_list(v.values, v.names if any(v.names) else None),
}


def to_r(value: Any) -> Sexp:
    """The R object of a Python value, unprotected: numbers, text, arrays (as doubles, or logicals; dims
    reversed), lists, dicts; mxr's objects as handles. TypeError for anything else."""
    convert = _OUT.get(type(value))
    if convert is not None:
        return convert(value)
    if isinstance(value, np.generic):
        return to_r(value.item())
    for kind in (dict, list, tuple, str, np.ndarray):
        if isinstance(value, kind):
            return _OUT[kind](value)
    return handles.handle(value)
