"""R functions that Python calls back, such as the operators that scripts write. In R they are made by
`callable_by_python` (R/R/custom.operator.R).

A call takes 10 to 20 microseconds. During the call R handles a Ctrl-C. An error of the function is an
`MxError` with R's message; its cause (`RTraceback`) has R's traceback.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NoReturn

import numpy as np

from mxr.engine.ndarray import NDArray
from mxr.operator import MxError, ShapeError, shape_text
from mxr.r.bridge import convert, interrupts, protection, r_api
from mxr.r.bridge.missing import NA_BITS, NA_INTEGER
from mxr.r.bridge.r_api import NIL, R, Sexp, ffi
from mxr.r.bridge.texts import NAMES, class_of, strings
from mxr.runtime import costs

# Calls of RFunctions that are gone. They are released at the next `RFunction()`: Python may collect one on
# any thread, where R must not be called.
_released: list[Sexp] = []


class RTraceback(Exception):
    """The calls within R that led to an error, as the cause of the MxError."""


class RFunction:
    """An R function that Python can call. It keeps one R call object with `slots` arguments, and fills them
    at each call."""

    __slots__ = ("_call", "_alive", "__weakref__")

    def __init__(self, closure: Sexp, slots: int) -> None:
        while _released:
            R.R_ReleaseObject(_released.pop())
        self._call = r_api.call_of(closure, slots)
        self._alive = ffi.gc(self._call, _released.append)

    def __call__(
        self,
        values: Sequence[Any],
        take: Callable[[Sexp], Any] = convert.to_python,
        made: Callable[[Any], Any] = lambda value: value(),
    ) -> Any:
        """Call the R function with the arguments `made(value)`, one for each of `values`, and return
        `take(result)`; the result is protected during `take`. `made` returns a Python value, or an R object,
        unprotected. By default `values` are functions without arguments that make the R function's
        arguments."""
        depth, first = protection.depth(), R.CDR(self._call)
        try:
            cell = first
            for what in values:
                value = made(what)
                R.SETCAR(cell, value if isinstance(value, ffi.CData) else convert.to_r(value))
                cell = R.CDR(cell)
            with interrupts.turn_of_r():
                result = r_api.evaluate_call(self._call)
            if result is None:
                # R code catches errors and interrupts; only a Ctrl-C just before or after it ends the call
                raise KeyboardInterrupt
            protection.protect(result)
            if (
                result.sxpinfo.type == R.VECSXP
                and result.attrib != NIL
                and class_of(result)[:1] == ["mxr.failure"]
            ):
                _fail(convert.to_python(result))
            return take(result)
        finally:
            cell = first
            for _ in values:
                R.SETCAR(cell, NIL)  # so that R can collect the argument
                cell = R.CDR(cell)
            protection.unwind(depth)


def _fail(failure: dict[str, Any]) -> NoReturn:
    if failure["kind"] == "interrupt":
        raise KeyboardInterrupt
    trace = failure["calls"] if isinstance(failure["calls"], list) else [failure["calls"]]
    lines = "\n".join(f"  {i}: {c}" for i, c in enumerate(trace, 1) if c)
    raise MxError(failure["message"]) from RTraceback(f"calls within R, the outermost first:\n{lines}")


class RNames:
    """Names of a list as an R vector: one object for equal names, which lives until Python ends."""

    __slots__ = ("vector",)
    _made: dict[tuple[str, ...], RNames] = {}
    vector: Sexp

    def __new__(cls, names: Iterable[str]) -> RNames:
        made = cls._made.get(tuple(names))
        if made is None:
            made = cls._made[tuple(names)] = object.__new__(cls)
            made.vector = r_api.preserve(strings(list(names)))
        return made


_dims: dict[tuple[int, ...], Sexp] = {}


def _dim(shape: tuple[int, ...]) -> Sexp:
    """R's `dim` of a shape, from a cache."""
    dim = _dims.get(shape)
    if dim is None:
        if len(_dims) > 4096:  # a script with thousands of shapes: start again
            for old in _dims.values():
                R.R_ReleaseObject(old)
            _dims.clear()
        dim = _dims[shape] = r_api.preserve(convert.to_r(convert.Dims(shape)))
    return dim


def r_arrays(arrays: Sequence[np.ndarray], names: RNames) -> Sexp:
    """A named R list of arrays, unprotected. Arrays of one dimension are vectors without `dim`."""
    result = protection.protect(r_api.allocate(R.VECSXP, len(arrays)))
    for i, x in enumerate(arrays):
        n = x.size
        if n < costs.GUARDED_NUMBERS:
            vector = r_api.allocate(R.REALSXP, n)
            R.SET_VECTOR_ELT(result, i, vector)
            if n:
                np.frombuffer(ffi.buffer(r_api.doubles(vector), n * 8), np.float64).reshape(x.shape)[...] = x
            if x.ndim > 1:
                r_api.set_attribute(vector, convert.DIM, _dim(x.shape))
        else:
            R.SET_VECTOR_ELT(result, i, convert.to_r(x) if x.ndim > 1 else convert.plain_vector(x))
    r_api.set_attribute(result, NAMES, names.vector)
    protection.unwind(protection.depth() - 1)
    return result


def _read(x: Sexp) -> RFunction:
    return RFunction(R.VECTOR_ELT(x, 0), R.INTEGER_ELT(R.VECTOR_ELT(x, 1), 0))


convert.readers["mxr.function"] = _read


def numbers_into(x: Sexp, out: np.ndarray, what: str) -> None:
    """Copy the numbers that an R function returned into `out`. MxError, which starts with `what`, if they are
    not numbers, have another shape, or contain NA."""
    kind = x.sxpinfo.type
    if kind == R.EXTPTRSXP and isinstance(nd := convert.to_python(x), NDArray):
        _check_shape(nd.shape, out, what)
        out[...] = nd.data
        return
    values = _numbers(x, what)
    if not values.size == out.size == 1:
        shape = convert.shape_of(x)
        _check_shape(values.shape if shape is None else shape, out, what)
    if _has_na(values):
        raise MxError(f"{what} has NA")
    out[...] = values.reshape(out.shape)


def _numbers(x: Sexp, what: str) -> np.ndarray:
    """The memory of an R vector of doubles, integers or logicals, as float64 or int32."""
    kind, n = x.sxpinfo.type, R.Rf_xlength(x)
    if kind == R.REALSXP:
        return np.frombuffer(ffi.buffer(r_api.doubles(x), n * 8), np.float64) if n else np.empty(0)
    if kind in (R.INTSXP, R.LGLSXP):
        pointer = r_api.integers(x) if kind == R.INTSXP else r_api.logicals(x)
        return np.frombuffer(ffi.buffer(pointer, n * 4), np.int32) if n else np.empty(0, np.int32)
    raise MxError(f"{what} must be numbers, not {KINDS.get(kind, 'something else')}")


def _has_na(values: np.ndarray) -> bool:
    """Whether numbers from R contain NA. Sums of squares are at least 0 unless an element is NaN: the
    elements are looked at only then."""
    if not values.size:
        return False
    if values.dtype == np.int32:
        return bool(values.min() == NA_INTEGER)
    if values.dot(values) >= 0:
        return False
    return bool(((values.view(np.int64) & 0xFFFFFFFF == NA_BITS) & np.isnan(values)).any())


KINDS = {
    R.NILSXP: "NULL",
    R.STRSXP: "text",
    R.VECSXP: "a list",
    R.CLOSXP: "a function",
    R.CPLXSXP: "complex numbers",
    R.ENVSXP: "an environment",
}


def _check_shape(shape: tuple[int, ...], out: np.ndarray, what: str) -> None:
    if shape != out.shape:
        raise ShapeError(f"{what} must have the dimensions {shape_text(out.shape)}, not {shape_text(shape)}")
