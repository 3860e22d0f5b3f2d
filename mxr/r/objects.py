"""mxr's objects and Python functions as rpy2's R objects, for Python programs that have started R
(`host.start`).

    mx = importr("mxnet")
    # the Executor behind R's handle
    ex = python(mx.mx_simple_bind(mxr.sym.square(mxr.sym.Variable("x")), x=3))
    metric = mx.mx_metric_custom("mae", lambda label, pred: abs(np.asarray(label) - pred).mean())
"""

from __future__ import annotations

import ctypes
import types
from collections.abc import Callable
from typing import Any, TypeVar

from rpy2 import rinterface, robjects
from rpy2.rinterface_lib import conversion as low
from rpy2.rinterface_lib import openrlib
from rpy2.robjects import conversion, default_converter

from mxr.engine.executor import Executor
from mxr.engine.ndarray import NDArray
from mxr.graph.symbol import Symbol
from mxr.operator import MxError
from mxr.r.bridge import convert, errors, failures
from mxr.r.bridge.r_api import Sexp

T = TypeVar("T")


def immortal(x: T) -> T:
    """`x`, which is never freed. R may call a Python function after its wrapper is freed, which crashes the
    process; and R objects that are freed while Python exits need rpy2, which is unloaded then."""
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(x))
    return x


def python(handle: Any) -> Any:
    """The Python object (Symbol, NDArray, Executor ...) behind an R object of the package mxnet."""
    sexp = getattr(handle, "__sexp__", None)
    if sexp is None or sexp._cdata.sxpinfo.type != openrlib.rlib.EXTPTRSXP:
        raise MxError(
            "python: takes a symbol, an NDArray or another object that R got from mxnet, "
            f"not {type(handle).__name__}"
        )
    return convert.to_python(sexp._cdata)


def to_r(value: Symbol | NDArray | Executor) -> rinterface.sexp.Sexp:
    """R's handle of an object of mxr's."""
    return kept(convert.to_r(value))


def kept(x: Sexp) -> rinterface.sexp.Sexp:
    """A new R object, unprotected so far, as rpy2's object, which protects it."""
    openrlib.rlib.Rf_protect(x)
    try:
        return low._cdata_to_rinterface(x)
    finally:
        openrlib.rlib.Rf_unprotect(1)


def function(
    f: Callable[..., Any],
    to_python: Callable[[Any], Any] | None = None,
    to_r: Callable[[Any], Any] | None = None,
) -> Any:
    """An R function that calls `f`: a metric, a callback, an initializer. Arguments and result are converted
    by rpy2's active rules, or by `to_python` and `to_r`. Dots in names of arguments become underscores. An
    exception of `f` becomes an R error, KeyboardInterrupt an interrupt. `f` is never freed."""

    def call(*args: Any, **named: Any) -> Any:
        try:
            rules = conversion.get_conversion()
            rules = default_converter if rules is conversion.missingconverter else rules
            into = to_python or rules.rpy2py
            value = f(*map(into, args), **{k.replace(".", "_"): into(v) for k, v in named.items()})
            return rinterface.ListSexpVector([to_r(value) if to_r else _in_r(value, rules)])
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt):
                openrlib.rlib.R_interrupts_pending = 1
            return kept(failures.report(error, of_user=True))

    closure = immortal(rinterface.rternalize(call))
    return rinterface.evalr("mxnet:::python_function")(closure)


_VECTORS: dict[type, Any] = {
    bool: rinterface.BoolSexpVector,
    int: rinterface.IntSexpVector,
    float: rinterface.FloatSexpVector,
    str: rinterface.StrSexpVector,
}


def _in_r(value: Any, rules: Any) -> Any:
    if value is None:
        return rinterface.NULL
    return _VECTORS[type(value)]([value]) if type(value) in _VECTORS else rules.py2rpy(value)


_LAST_CONDITION = "function() if ('mxnet' %in% loadedNamespaces()) asNamespace('mxnet')$last_condition()"
_asking = False


def last_condition() -> tuple[str, str, list[str], int] | None:
    """The last error that mxr raised in R: message, call, classes, and the number of the exception; or
    None."""
    global _asking
    if _asking:  # R's own answer has failed: the R package has another version
        return None
    _asking = True
    try:
        found = rinterface.evalr(_LAST_CONDITION)()
        return None if found is rinterface.NULL else condition(found)
    except errors.RRuntimeError:
        return None
    finally:
        _asking = False


def condition(fields: Any) -> tuple[str, str, list[str], int]:
    """Message, call, classes and number from the list that R's `condition_fields` returns."""
    message, call, classes, number = fields
    return message[0], call[0], list(classes), int(number[0])


def prepare() -> None:
    """Have rpy2 convert mxr's objects and Python functions to R, also under the NumPy converter, and raise
    R's errors as `mxr.r.RError` and its subclasses."""
    errors.type_errors(last_condition)
    converters = [default_converter, conversion.get_conversion()]
    try:
        from rpy2.robjects import numpy2ri

        converters.append(numpy2ri.converter)
    except ImportError:
        pass
    for converter in converters:
        for kind in (Symbol, NDArray, Executor):
            converter.py2rpy.register(kind, to_r)
        converter.py2rpy.register(types.FunctionType, lambda f: robjects.functions.Function(function(f)))
