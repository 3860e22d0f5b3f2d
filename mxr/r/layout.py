"""Python values to R and back, for an R that Python has started. Arrays follow the rule of MXNet's R package.

An array keeps its order in memory, and its dimensions are reversed: shape (2, 3) in Python is dim c(3, 2) in
R. So the NDArray that R makes by `mx.nd.array(x)` has the shape that x has in Python. (rpy2's numpy2ri and
reticulate keep the order of the dimensions instead: docs/testing.md has the table.) Needs a running R.
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

_INTEGERS = (-(2**31) + 1, 2**31 - 1)  # the smallest and the largest of R's; -2^31 is NA
_NUMBERS = (openrlib.rlib.REALSXP, openrlib.rlib.INTSXP, openrlib.rlib.LGLSXP, openrlib.rlib.RAWSXP)


def array(values: Any) -> rinterface.sexp.SexpVector:
    """The R array of an NDArray, a NumPy array or a list of numbers. Its dim is the shape reversed. Integers
    become R's integers if they fit, else doubles; float16 and float32 become doubles, exactly. An array of
    one axis becomes a vector without dim."""
    a = values.data if isinstance(values, NDArray) else np.asarray(values)
    if a.dtype.kind not in "biuf":
        raise MxError(f"r.array: an array of {a.dtype} cannot be given to R; numbers and booleans can")
    made = objects.kept(convert.to_r(a) if a.ndim > 1 else convert.plain_vector(a))
    if a.dtype.kind in "iu" and (not a.size or (_INTEGERS[0] <= a.min() and a.max() <= _INTEGERS[1])):
        made = rinterface.evalr("function(x) { storage.mode(x) <- 'integer'; x }")(made)
    return made


def numpy(x: Any) -> np.ndarray:
    """The NumPy array (a copy) of an R array or vector, or of an NDArray in R. Its shape is the dim reversed.
    Integers with NA, and logicals with NA, become float64 with nan."""
    value = to_python(x)
    if isinstance(value, NDArray):
        return value.asnumpy()
    if value is None or isinstance(value, (str, dict)) or callable(value):
        raise MxError(f"r.numpy: takes an R array, not {type(value).__name__}")
    return np.atleast_1d(np.asarray(value))


def to_r(value: Any) -> Any:
    """The R object of a Python value: None, numbers, texts, lists and dicts of these, arrays (see `array`),
    mxr's objects (handles, not copies), functions. rpy2's R objects are returned unchanged."""
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


def _sequence(values: list[Any] | tuple[Any, ...]) -> Any:
    kinds = {type(v) for v in values}
    if kinds == {str}:
        return rinterface.StrSexpVector(values)
    if (kinds and kinds <= {bool}) or (kinds and kinds <= {int, float, np.float64, np.float32, np.int64}):
        return array(np.array(values))
    return _r_list(values, None)


def _r_list(values: Any, names: list[Any] | None) -> Any:
    made = rinterface.ListSexpVector([to_r(v) for v in values])
    if names is not None:
        if wrong := [n for n in names if not isinstance(n, str)]:
            raise MxError(f"the keys of a dict become names of an R list and must be str, not {wrong[0]!r}")
        made.names = rinterface.StrSexpVector(names)
    return made


class RFunction:
    """An R function: takes Python values and returns a Python value; an R error is raised as
    `mxr.r.RError`."""

    def __init__(self, function: Any, call: Callable[..., Any]) -> None:
        self.function, self._call = function, call

    def __call__(self, *args: Any, **named: Any) -> Any:
        __tracebackhide__ = True
        return self._call(self.function, args, named)

    def __repr__(self) -> str:
        return "<R function>"


def to_python(x: Any, call: Callable[..., Any] | None = None) -> Any:
    """The Python value of an R object.

    NULL: None. A vector of one number or text: that number or text. Other numbers: a NumPy array (a copy, see
    `numpy`). Texts: a list. A list with unique names, or a data frame: a dict; another list: a list. A
    handle: its Symbol, NDArray or Executor. A function: an `RFunction` that is called by `call`. Any other R
    object: rpy2's object.
    """
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
            return x  # a pointer of another package
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
