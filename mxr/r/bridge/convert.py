"""R values to Python and back: the only code that knows that R's dims are NumPy's shape reversed.

It works on R's own C functions (mxr/r/r_api.py): the Python classes of rpy2 cost ten times more per value.
In: `to_python(sexp)`. Out: `to_r(value)`, whose result is unprotected, as R's C functions do it.
"""
from __future__ import annotations

import ctypes
import struct

import numpy as np

from mxr.operator import MxError, shape_text
from mxr.r.bridge import r_api
from mxr.r.bridge.r_api import NIL, R, address, ffi
from mxr.runtime import costs

_DIM, _NAMES, _CLASS, _LEVELS = map(r_api.symbol, ("dim", "names", "class", "levels"))
_NA_INT = -2 ** 31
_NA_STRING = R.R_NaString


_protected = 0                 # how many values of ours stand on R's protection stack


def _protect(x):
    global _protected
    _protected += 1
    return R.Rf_protect(x)


def _unprotect(n: int) -> None:
    global _protected
    _protected -= n
    R.Rf_unprotect(n)


def protection() -> int:
    return _protected


def unwind(depth: int) -> None:
    """After an exception: take from R's protection stack what was put there since `protection()` was `depth`."""
    if _protected > depth:
        _unprotect(_protected - depth)


class RList:
    """An R list whose elements are not all named, or not uniquely: `values`, and `names` ("" where there is none)."""
    __slots__ = ("values", "names")

    def __init__(self, values, names=None):
        self.values, self.names = list(values), list(names) if names is not None else [""] * len(values)

    def __len__(self):
        return len(self.values)

    def __iter__(self):
        return iter(self.values)

    def __getitem__(self, i):
        return self.values[i]

    def __repr__(self):
        return f"RList({self.values!r}, {self.names!r})"


class Dims(tuple):
    """A shape on its way to R: becomes an integer vector in R's order."""


def shape_from_r(value) -> tuple[int, ...] | None:
    """R's `dim` (a converted number or vector) as a C-order shape."""
    if value is None:
        return None
    dims = np.atleast_1d(value)
    if dims.ndim > 1 or dims.dtype.kind not in "iufb" or not np.isfinite(dims).all():
        raise MxError("a shape must be whole numbers")
    return tuple(int(n) for n in reversed(dims))


# ------------------------------------------------------------------------------------------------------- handles
# A Python object in R is an external pointer whose address is a number. R never follows the address; a pointer that
# was saved and loaded again in another session has address 0, so it cannot be mistaken for a living one.

_objects: dict[int, object] = {}
_next = 1
_R_CLASSES = {"Symbol": "Rcpp_MXSymbol", "NDArray": "MXNDArray", "Executor": "Rcpp_MXExecutor"}
_WORDS = {"Rcpp_MXSymbol": "symbol", "MXNDArray": "NDArray", "Rcpp_MXExecutor": "executor"}
_class_vectors: dict[type, object] = {}
_finalizer = None              # R's closure that queues a pointer which R no longer needs
_made_bytes, _gc_at = 0, costs.COLLECT_BYTES


def take_freed(x) -> None:
    """R's function that it wants called with every handle that it no longer needs, or a chain
    list(pointer, list(pointer, ... NULL)) of such handles, whose objects are now forgotten."""
    global _finalizer
    if x.sxpinfo.type == R.CLOSXP:
        _finalizer = r_api.preserve(x)
        return
    while x != NIL:
        _objects.pop(address(R.R_ExternalPtrAddr(R.VECTOR_ELT(x, 0))), None)
        x = R.VECTOR_ELT(x, 1)


def _class_vector(kind: type):
    vector = _class_vectors.get(kind)
    if vector is None:
        ours = [c for c in kind.__mro__ if c.__module__.split(".")[0] == "mxr"]
        if not ours:
            raise TypeError(f"a {kind.__module__}.{kind.__qualname__} cannot be given to R")
        names = [_R_CLASSES[c.__name__] for c in ours if c.__name__ in _R_CLASSES]
        vector = _class_vectors[kind] = r_api.preserve(_strings((names or ["MXHandle"])[:1]))
    return vector


def _handle(value):
    """A new external pointer for `value`; R's collector is called when the arrays behind such pointers pile up."""
    global _next, _made_bytes, _gc_at
    vector = _class_vector(type(value))
    _made_bytes += getattr(value, "nbytes", 0)
    if _made_bytes > _gc_at:
        _made_bytes = 0
        r_api.collect()
        _gc_at = max(costs.COLLECT_BYTES, sum(getattr(o, "nbytes", 0) for o in _objects.values()))
    pointer = _protect(r_api.external(_next))
    r_api.set_attribute(pointer, _CLASS, vector)
    if _finalizer is not None:
        r_api.finalize(pointer, _finalizer)
    _unprotect(1)
    _objects[_next] = value
    _next += 1
    return pointer


def _from_handle(x):
    value = _objects.get(address(R.R_ExternalPtrAddr(x)))
    if value is None:
        what = _WORDS.get((class_of(x) or [""])[0], "object")
        raise MxError(f"this {what} belongs to another R session; save models and arrays with "
                      "mx.model.save, mx.symbol.save and mx.nd.save, or as R objects by mx.serialize, not with save or saveRDS as they are")
    return value


def native_symbol(callback):
    """A C function pointer as R's `.Call` takes it."""
    return r_api.external(address(callback), r_api.symbol("native symbol"))


# ------------------------------------------------------------------------------------------------------- R to Python

NA = type("_NA", (float,), {"__doc__": "R's NA, where one number was given: not a number, as in arrays, but known from NaN."})("nan")
_dead: list = []               # R vectors that no array looks at any more


def _view(x, pointer, n, dtype):
    """The memory of an R vector as a read-only array that keeps the vector alive."""
    r_api.preserve(x)
    owned = ffi.gc(pointer, lambda _, x=x: _dead.append(x))
    array = np.frombuffer(ffi.buffer(owned, n * dtype.itemsize), dtype)
    array.flags.writeable = False
    return array


def forget_views() -> None:
    """Give R back the vectors that no array looks at any more (an array may die anywhere; R is called only at the door)."""
    while _dead:
        R.R_ReleaseObject(_dead.pop())


def _shaped(x, array):
    dim = R.Rf_getAttrib(x, _DIM)
    if dim == NIL:
        return array
    return array.reshape([R.INTEGER_ELT(dim, i) for i in reversed(range(R.Rf_xlength(dim)))])


def class_of(x) -> list[str]:
    value = R.Rf_getAttrib(x, _CLASS)
    return [] if value == NIL else [_text(r_api.string(value, i)) for i in range(R.Rf_xlength(value))]


def _check_double(x):
    if "integer64" in class_of(x):              # R keeps their bits in doubles
        raise MxError("numbers of class integer64 cannot be used here: give as.numeric(x)")


def _check_plain(x):
    if R.Rf_getAttrib(x, _LEVELS) != NIL:
        raise MxError("a factor has no numbers that MXNet could use: give as.numeric(as.character(f)) for its labels, "
                      "or as.integer(f) - 1 for 0-based classes")


def _text(charsxp):
    return None if charsxp == _NA_STRING else ffi.string(r_api.utf8(charsxp)).decode("utf-8", "replace")


def _is_scalar(x, n):
    return n == 1 and R.Rf_getAttrib(x, _DIM) == NIL


def _is_na(value: float) -> bool:
    """Whether a NaN is R's NA: R marks it in the lower half of its bits."""
    return struct.unpack("<Q", struct.pack("<d", value))[0] & 0xFFFFFFFF == 1954


_FLOAT64, _INT32, _UINT8 = np.dtype(np.float64), np.dtype(np.int32), np.dtype(np.uint8)


def _double(x):
    if x.attrib != NIL:
        _check_double(x)
    n = R.Rf_xlength(x)
    if _is_scalar(x, n):
        value = R.REAL_ELT(x, 0)
        return value if value == value or not _is_na(value) else NA
    return _shaped(x, _view(x, r_api.doubles(x), n, _FLOAT64) if n else np.empty(0))


def _integer(x):
    _check_plain(x)
    n = R.Rf_xlength(x)
    if _is_scalar(x, n):
        value = R.INTEGER_ELT(x, 0)
        return NA if value == _NA_INT else value
    return _shaped(x, _without_na(_view(x, r_api.integers(x), n, _INT32)) if n else np.empty(0, np.int32))


def _logical(x):
    n = R.Rf_xlength(x)
    if _is_scalar(x, n):
        value = R.LOGICAL_ELT(x, 0)
        return NA if value == _NA_INT else bool(value)
    array = _without_na(_view(x, r_api.logicals(x), n, _INT32)) if n else np.empty(0, np.int32)
    return _shaped(x, array if array.dtype == _FLOAT64 else array != 0)


def _without_na(array):
    if array.min() != _NA_INT:
        return array
    return np.where(array == _NA_INT, np.nan, array)


def _raw(x):
    return _shaped(x, _view(x, r_api.raws(x), R.Rf_xlength(x), _UINT8)) if R.Rf_xlength(x) else np.empty(0, np.uint8)


def _character(x):
    n = R.Rf_xlength(x)
    if _is_scalar(x, n):
        return _text(r_api.string(x, 0))
    return [_text(r_api.string(x, i)) for i in range(n)]


def names_of(x):
    names = R.Rf_getAttrib(x, _NAMES)
    return None if names == NIL else [_text(r_api.string(names, i)) or "" for i in range(R.Rf_xlength(x))]


def _list(x):
    if "data.frame" in class_of(x):
        raise MxError("a data.frame is not an array: give data.matrix(df), or as.matrix(df) when all columns are numbers")
    values, names = elements(x, unnamed="element")
    if names is not None and "" not in names and len(set(names)) == len(names):
        return dict(zip(names, values))
    return RList(values, names)


def elements(x, unnamed: str = ""):
    """(values, names or None) of an R list. An error says which one it is about: its name, or `unnamed` and its
    number."""
    names, values = names_of(x), []
    try:
        for i in range(R.Rf_xlength(x)):
            values.append(to_python(R.VECTOR_ELT(x, i)))
    except MxError as e:
        name = names[len(values)] if names else ""
        name = name or (unnamed and f"{unnamed} {len(values) + 1}")
        raise MxError(f"{name}: {e}" if name else str(e)) from None
    return values, names


_IN = {R.NILSXP: lambda x: None, R.REALSXP: _double, R.INTSXP: _integer, R.LGLSXP: _logical, R.STRSXP: _character,
       R.VECSXP: _list, R.EXTPTRSXP: _from_handle, R.RAWSXP: _raw,
       R.SYMSXP: lambda x: _text(R.PRINTNAME(x))}
_PY_OBJECT, _PYOBJ = map(r_api.symbol, ("py_object", "pyobj"))


def _of_reticulate(x):
    """A Python object as reticulate holds it: an environment with a pointer, or a function that has such an environment as an
    attribute. MxError where it is none."""
    place = R.Rf_getAttrib(x, _PY_OBJECT) if x.sxpinfo.type == R.CLOSXP else x
    if place.sxpinfo.type != R.ENVSXP or "python.builtin.object" not in class_of(x):
        raise MxError(_refused(x))
    pointer = r_api.variable(place, _PYOBJ)
    number = address(R.R_ExternalPtrAddr(pointer)) if pointer.sxpinfo.type == R.EXTPTRSXP else 0
    if not number:
        raise MxError("this Python object belongs to another R session: make it anew")
    return ctypes.cast(number, ctypes.py_object).value


_IN |= {R.ENVSXP: _of_reticulate, R.CLOSXP: _of_reticulate}
_OTHER = {R.CLOSXP: "a function", R.ENVSXP: "an environment", R.CPLXSXP: "a complex vector", R.S4SXP: "an S4 object",
          R.LANGSXP: "a call", R.BUILTINSXP: "a function", R.SPECIALSXP: "a function"}


def to_python(x):
    """The Python value of an R object; arrays are read-only views of R's memory in C order. MxError names what cannot be."""
    kind = x.sxpinfo.type
    convert = _IN.get(kind)
    if convert is None:
        raise MxError(_refused(x))
    return convert(x)


def _refused(x) -> str:
    return (f"{_OTHER.get(x.sxpinfo.type, 'this kind of R object')} cannot be used here; give a number, a vector, an array, "
            "text, or an MXNet object")


# ------------------------------------------------------------------------------------------------------- Python to R

def _strings(values):
    vector = _protect(r_api.allocate(R.STRSXP, len(values)))
    for i, text in enumerate(values):
        R.SET_STRING_ELT(vector, i, _NA_STRING if text is None else r_api.char(text))
    _unprotect(1)
    return vector


def _array(a: np.ndarray):
    if a.dtype.kind in "OSUMmVc":
        raise TypeError(f"an array of {a.dtype} cannot be given to R")
    logical = a.dtype == np.bool_
    vector = _protect(r_api.allocate(R.LGLSXP if logical else R.REALSXP, a.size))
    if a.size:
        pointer, dtype = (r_api.logicals(vector), _INT32) if logical else (r_api.doubles(vector), _FLOAT64)
        np.frombuffer(ffi.buffer(pointer, a.size * dtype.itemsize), dtype).reshape(a.shape)[...] = a
    if a.ndim:
        _set_dim(vector, a.shape)
    _unprotect(1)
    return vector


def _set_dim(vector, shape) -> None:
    """A long vector stays one; longer dimensions of matrices R does not have."""
    if max(shape) < 2 ** 31:
        dim = _protect(_integers(reversed(shape)))
        r_api.set_attribute(vector, _DIM, dim)
        _unprotect(1)
    elif len(shape) > 1:
        raise MxError(f"an array of dimensions {shape_text(shape)} cannot be an R array, whose dimensions end at 2^31 - 1; cut it by mx.nd.slice")


def _dims(values):
    """Dimensions of an NDArray; those of long ones are doubles, as R's own length() of them."""
    values = list(values)
    return _integers(values) if max(values, default=0) < 2 ** 31 else plain_vector(np.array(values, np.float64))


def _integers(values):
    values = list(values)
    vector = r_api.allocate(R.INTSXP, len(values))
    pointer = r_api.integers(vector)
    for i, v in enumerate(values):
        pointer[i] = v
    return vector


def _scalar_logical(v):
    vector = r_api.allocate(R.LGLSXP, 1)
    R.SET_LOGICAL_ELT(vector, 0, v)
    return vector


def _int(v):
    return _integers((v,)) if -_NA_INT > v > _NA_INT else r_api.scalar_real(float(v))


def _sequence(values):
    kinds = {type(v) for v in values}
    if str in kinds and kinds <= {str, type(None)}:
        return _strings(values)
    if kinds == {bool}:
        return plain_vector(np.array(values, bool))
    if kinds == {int} and all(abs(v) < 2 ** 31 for v in values):
        return _integers(values)
    if kinds and kinds <= {int, float}:
        return plain_vector(np.array(values, np.float64))
    return _plain_list(values)


def plain_vector(a: np.ndarray):
    """An R vector without dim."""
    vector = _protect(_array(a))
    r_api.set_attribute(vector, _DIM, NIL)
    _unprotect(1)
    return vector


def _plain_list(values, names=None):
    vector = _protect(r_api.allocate(R.VECSXP, len(values)))
    for i, v in enumerate(values):
        R.SET_VECTOR_ELT(vector, i, to_r(v))
    if names is not None:
        strings = _protect(_strings(names))
        r_api.set_attribute(vector, _NAMES, strings)
        _unprotect(1)
    _unprotect(1)
    return vector


def classed(fields: dict, kind: str):
    """A named R list with a class attribute."""
    vector = _protect(to_r(fields))
    name = _protect(_strings([kind]))
    r_api.set_attribute(vector, _CLASS, name)
    _unprotect(2)
    return vector


_OUT = {type(None): lambda v: NIL, type(NA): r_api.scalar_real, bool: _scalar_logical, int: _int, float: r_api.scalar_real, str: lambda v: _strings([v]),
        np.ndarray: _array, list: _sequence, tuple: _sequence, Dims: lambda v: _dims(reversed(v)),
        dict: lambda v: _plain_list(list(v.values()), list(v)), bytes: lambda v: _bytes(v),
        RList: lambda v: _plain_list(v.values, v.names if any(v.names) else None)}


def _bytes(data: bytes):
    vector = r_api.allocate(R.RAWSXP, len(data))
    ffi.memmove(r_api.raws(vector), data, len(data))
    return vector


def to_r(value):
    """The R object for a Python value: numbers, text, arrays (as doubles, dims reversed), lists, dicts, mxr's objects."""
    convert = _OUT.get(type(value))
    if convert is not None:
        return convert(value)
    if isinstance(value, np.generic):
        return to_r(value.item())
    for kind in (dict, list, tuple, str, np.ndarray):
        if isinstance(value, kind):
            return _OUT[kind](value)
    return _handle(value)
