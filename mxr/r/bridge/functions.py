"""R functions that R gives to Python: operators and whatever else Python calls back. In R they are made by
`callable_by_python` (R/R/custom.operator.R).

A call takes 10 to 20 microseconds. While R works, a Ctrl-C is R's; an error of the function is an `MxError`
with R's message, whose cause has the calls that led to it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from mxr.engine.ndarray import NDArray
from mxr.operator import MxError, ShapeError, shape_text
from mxr.r.bridge import convert, interrupts, protection, r_api
from mxr.r.bridge.r_api import NIL, R, ffi
from mxr.r.bridge.texts import NAMES, class_of
from mxr.runtime import costs

# calls that Python needs no more; R is told at the next call (a function may die anywhere)
_released: list = []


class RTraceback(Exception):
    """The calls within R that led to an error, as the cause of the MxError."""


class RFunction:
    """An R function as Python calls it; `take` makes something of its result, an R value that is protected
    meanwhile."""

    __slots__ = ("_call", "_alive", "__weakref__")

    def __init__(self, closure, slots: int):
        while _released:
            R.R_ReleaseObject(_released.pop())
        self._call = r_api.call_of(closure, slots)
        self._alive = ffi.gc(self._call, _released.append)

    def __call__(
        self, values: list, take: Callable = convert.to_python, made: Callable = lambda value: value()
    ):
        """`made(value)` for every one of `values` is an argument: a value of Python, or of R, unprotected.
        Without `made`, the values are functions that make them."""
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
                # errors are caught in R; only a Ctrl-C just before or after that gets here
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
                R.SETCAR(cell, NIL)  # R's collector may have it
                cell = R.CDR(cell)
            protection.unwind(depth)


def _fail(failure: dict):
    if failure["kind"] == "interrupt":
        raise KeyboardInterrupt
    trace = failure["calls"] if isinstance(failure["calls"], list) else [failure["calls"]]
    lines = "\n".join(f"  {i}: {c}" for i, c in enumerate(trace, 1) if c)
    raise MxError(failure["message"]) from RTraceback(f"calls within R, the outermost first:\n{lines}")


class RNames:
    """The names of lists that are made again and again, as an R vector that is kept until Python ends."""

    __slots__ = ("vector",)
    _made: dict[tuple, RNames] = {}
    vector: Any

    def __new__(cls, names) -> RNames:
        made = cls._made.get(tuple(names))
        if made is None:
            made = cls._made[tuple(names)] = object.__new__(cls)
            made.vector = r_api.preserve(convert.to_r(list(names) or [""]))
        return made


_dims: dict[tuple, object] = {}


def _dim(shape: tuple):
    """R's `dim` of a shape, made once."""
    dim = _dims.get(shape)
    if dim is None:
        if len(_dims) > 4096:  # a script of thousands of shapes
            for old in _dims.values():
                R.R_ReleaseObject(old)
            _dims.clear()
        dim = _dims[shape] = r_api.preserve(convert.to_r(convert.Dims(shape)))
    return dim


def r_arrays(arrays: list[np.ndarray], names: RNames):
    """A named R list of arrays, unprotected: with `dim`, those of one dimension without."""
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


def _read(x):
    return RFunction(R.VECTOR_ELT(x, 0), R.INTEGER_ELT(R.VECTOR_ELT(x, 1), 0))


convert.readers["mxr.function"] = _read


def numbers_into(x, out: np.ndarray, what: str) -> None:
    """Copy the numbers that an R function returned into `out`. MxError where they are no numbers, of another
    shape, or NA."""
    kind, n = x.sxpinfo.type, R.Rf_xlength(x)
    if kind == R.REALSXP:
        values = np.frombuffer(ffi.buffer(r_api.doubles(x), n * 8), np.float64) if n else np.empty(0)
    elif kind in (R.INTSXP, R.LGLSXP):
        pointer = r_api.integers(x) if kind == R.INTSXP else r_api.logicals(x)
        values = np.frombuffer(ffi.buffer(pointer, n * 4), np.int32) if n else np.empty(0, np.int32)
    elif kind == R.EXTPTRSXP and isinstance(nd := convert.to_python(x), NDArray):
        _check_shape(nd.shape, out, what)
        out[...] = nd.data
        return
    else:
        raise MxError(f"{what} must be numbers, not {KINDS.get(kind, 'something else')}")
    if not n == out.size == 1:
        dim = R.Rf_getAttrib(x, convert.DIM) if x.attrib != NIL else NIL
        _check_shape(
            (n,) if dim == NIL else tuple(R.INTEGER_ELT(dim, i) for i in reversed(range(R.Rf_xlength(dim)))),
            out,
            what,
        )
    if kind == R.REALSXP:
        if (
            n
            and not values.dot(values) >= 0
            and ((values.view(np.int64) & 0xFFFFFFFF == 1954) & np.isnan(values)).any()
        ):
            raise MxError(f"{what} has NA")
    elif n and values.min() == -(2**31):
        raise MxError(f"{what} has NA")
    out[...] = values.reshape(out.shape)


KINDS = {
    R.NILSXP: "NULL",
    R.STRSXP: "text",
    R.VECSXP: "a list",
    R.CLOSXP: "a function",
    R.CPLXSXP: "complex numbers",
    R.ENVSXP: "an environment",
}


def _check_shape(shape: tuple, out: np.ndarray, what: str) -> None:
    if shape != out.shape:
        raise ShapeError(f"{what} must have the dimensions {shape_text(out.shape)}, not {shape_text(shape)}")
