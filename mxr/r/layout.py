"""Values between Python and an R that Python has started: one rule for arrays, that of MXNet's R package.

An array keeps its memory, and its dimensions are read backwards: shape (2, 3) in Python is dim c(3, 2) in R.
So `mx.nd.array(x)` in R has in Python the shape that x had there. (rpy2's numpy2ri and reticulate keep the
indices instead: docs/testing.md has the table.) Needs a running R.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from rpy2 import rinterface
from rpy2.rinterface_lib import conversion as low
from rpy2.rinterface_lib import openrlib

from mxr.engine.executor import Executor
from mxr.engine.ndarray import NDArray
from mxr.graph.symbol import Symbol
from mxr.operator import MxError
from mxr.r import objects
from mxr.r.bridge import convert, texts

_INTEGERS = (-(2**31) + 1, 2**31 - 1)
_NUMBERS = (openrlib.rlib.REALSXP, openrlib.rlib.INTSXP, openrlib.rlib.LGLSXP, openrlib.rlib.RAWSXP)


def array(values: Any) -> rinterface.sexp.SexpVector:
    """The R array of an NDArray, a NumPy array or a list of numbers: its dim is the shape backwards. Whole
    numbers become R's integers where they fit; float16 and float32 become doubles, exactly. An array of one
    axis becomes a vector without dim."""
    a = values.data if isinstance(values, NDArray) else np.asarray(values)
    if a.dtype.kind not in "biuf":
        raise MxError(f"r.array: an array of {a.dtype} cannot be given to R; numbers and logicals can")
    made = objects.kept(convert.to_r(a) if a.ndim > 1 else convert.plain_vector(a))
    if a.dtype.kind in "iu" and (not a.size or (_INTEGERS[0] <= a.min() and a.max() <= _INTEGERS[1])):
        made = rinterface.evalr("function(x) { storage.mode(x) <- 'integer'; x }")(made)
    return made


def numpy(x: Any) -> np.ndarray:
    """The NumPy array (a copy) of an R array or vector, or of an NDArray in R: its shape is the dim
    backwards. Integers with NA, and logicals with NA, become float64 with nan."""
    value = to_python(x)
    if isinstance(value, NDArray):
        return value.asnumpy()
    if value is None or isinstance(value, (str, dict)) or callable(value):
        raise MxError(f"r.numpy: takes an R array, not {type(value).__name__}")
    return np.atleast_1d(np.asarray(value))


def to_r(value: Any) -> Any:
    """The R object of a Python value: None, numbers, texts, lists and dicts of these, arrays (see `array`),
    mxr's objects (R's handles of them, not copies), functions; R's own objects stay what they are."""
    if value is None:
        return rinterface.NULL
    if isinstance(value, rinterface.sexp.Sexp) or hasattr(value, "__sexp__"):
        return value
    if isinstance(value, (Symbol, NDArray, Executor)):
        return objects.to_r(value)
    if isinstance(value, (str, bool, int, float, np.generic)):
        return objects.kept(convert.to_r(value))
    if isinstance(value, np.ndarray):
        return array(value)
    if isinstance(value, Mapping):
        return _r_list(list(value.values()), list(value))
    if isinstance(value, (list, tuple)):
        return _sequence(value)
    if isinstance(value, RFunction):
        return value.function
    if callable(value):
        return objects.function(value, to_python, to_r)
    raise MxError(
        f"a {type(value).__name__} cannot be given to R; numbers, texts, arrays, lists, "
        "dicts and functions can"
        + (": give its .to_numpy(), or a dict of its columns" if hasattr(value, "to_numpy") else "")
    )


def _sequence(values: list | tuple) -> Any:
    kinds = {type(v) for v in values}
    if kinds == {str}:
        return rinterface.StrSexpVector(values)
    if (kinds and kinds <= {bool}) or (kinds and kinds <= {int, float, np.float64, np.float32, np.int64}):
        return array(np.array(values))
    return _r_list(values, None)


def _r_list(values: Any, names: list | None) -> Any:
    made = rinterface.ListSexpVector([to_r(v) for v in values])
    if names is not None:
        if not all(isinstance(n, str) for n in names):
            raise MxError("the names of a list in R are texts")
        made.names = rinterface.StrSexpVector(names)
    return made


class RFunction:
    """An R function: called with Python values it gives a Python value; what goes wrong is an exception
    (`mxr.r.RError`)."""

    def __init__(self, function: Any, call: Callable[..., Any]):
        self.function, self._call = function, call

    def __call__(self, *args: Any, **named: Any) -> Any:
        __tracebackhide__ = True
        return self._call(self.function, args, named)

    def __repr__(self) -> str:
        return "<R function>"


def to_python(x: Any, call: Callable[..., Any] | None = None) -> Any:
    """The Python value of an R object: NULL is None; a vector of one number or text is that; longer ones and
    arrays are NumPy arrays (a copy, see `numpy`), texts a list; a named list or a data frame is a dict,
    another list a list; symbols, NDArrays and executors are themselves. What Python has nothing for stays
    rpy2's object. `call` is how R's functions are called."""
    sexp = getattr(x, "__sexp__", None)
    if sexp is None:
        return x
    cdata, kind = sexp._cdata, sexp._cdata.sxpinfo.type
    if kind in _NUMBERS and "factor" not in texts.class_of(cdata):
        value = convert.to_python(cdata)
        return np.array(value) if isinstance(value, np.ndarray) else value
    if kind in (openrlib.rlib.NILSXP, openrlib.rlib.STRSXP, openrlib.rlib.EXTPTRSXP):
        try:
            return convert.to_python(cdata)
        except MxError:
            return x  # another package's pointer
    if kind == openrlib.rlib.VECSXP:
        names = texts.names_of(cdata)
        values = [
            to_python(low._cdata_to_rinterface(openrlib.rlib.VECTOR_ELT(cdata, i)), call)
            for i in range(openrlib.rlib.Rf_xlength(cdata))
        ]
        return (
            dict(zip(names, values))
            if names and "" not in names and len(set(names)) == len(names)
            else values
        )
    if kind in (openrlib.rlib.CLOSXP, openrlib.rlib.BUILTINSXP, openrlib.rlib.SPECIALSXP) and call:
        return RFunction(x, call)
    return x
