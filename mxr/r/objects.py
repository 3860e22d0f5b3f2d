"""What a Python program that has started R (`host.start`) and R give each other through rpy2: mxr's objects,
and functions.

    mx = importr("mxnet")
    # the Executor behind R's handle
    ex = python(mx.mx_simple_bind(mxr.sym.square(mxr.sym.Variable("x")), x=3))
    metric = mx.mx_metric_custom("mae", lambda label, pred: abs(np.asarray(label) - pred).mean())
"""

from __future__ import annotations

import ctypes
import types
from collections.abc import Callable
from typing import TypeVar

from rpy2 import rinterface, robjects
from rpy2.rinterface_lib import conversion as low
from rpy2.rinterface_lib import openrlib
from rpy2.robjects import conversion, default_converter

from mxr.engine.executor import Executor
from mxr.engine.ndarray import NDArray
from mxr.graph.symbol import Symbol
from mxr.operator import MxError
from mxr.r.bridge import convert, errors, failures

T = TypeVar("T")


def immortal(x: T) -> T:
    """`x`, which Python never takes away: R may call a Python function after Python has dropped its wrapper,
    which ends the process, and what is dropped while Python ends finds rpy2 gone already."""
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(x))
    return x


def python(handle):
    """The Python object (Symbol, NDArray, Executor ...) behind an R object of the package mxnet."""
    sexp = getattr(handle, "__sexp__", None)
    if sexp is None or sexp._cdata.sxpinfo.type != openrlib.rlib.EXTPTRSXP:
        raise MxError(
            "python: takes a symbol, an NDArray or another object that R got from mxnet, "
            f"not {type(handle).__name__}"
        )
    return convert.to_python(sexp._cdata)


def to_r(value: Symbol | NDArray | Executor):
    """The R object of a Python object of mxr's."""
    return kept(convert.to_r(value))


def kept(x) -> rinterface.sexp.Sexp:
    """A fresh R object as rpy2 holds it."""
    openrlib.rlib.Rf_protect(x)
    try:
        return low._cdata_to_rinterface(x)
    finally:
        openrlib.rlib.Rf_unprotect(1)


def function(f: Callable, to_python: Callable | None = None, to_r: Callable | None = None):
    """An R function that calls `f`: a metric, a callback, an initializer. Arguments and result go through
    rpy2's conversion rules, or through `to_python` and `to_r`; a dot in the name of an argument is an
    underscore. What `f` raises is an R error, a Ctrl-C an interrupt. `f` is kept until Python ends."""

    def call(*args, **named):
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


_VECTORS = {
    bool: rinterface.BoolSexpVector,
    int: rinterface.IntSexpVector,
    float: rinterface.FloatSexpVector,
    str: rinterface.StrSexpVector,
}


def _in_r(value, rules):
    if value is None:
        return rinterface.NULL
    return _VECTORS[type(value)]([value]) if type(value) in _VECTORS else rules.py2rpy(value)


_LAST_CONDITION = "function() if ('mxnet' %in% loadedNamespaces()) asNamespace('mxnet')$last_condition()"
_asking = False


def last_condition() -> tuple[str, str, list[str], int] | None:
    """What R knows of the last error that mxr raised: message, call, classes, and the number of the
    exception."""
    global _asking
    if _asking:  # the question itself fails: another version of the R package
        return None
    _asking = True
    try:
        found = rinterface.evalr(_LAST_CONDITION)()
        return None if found is rinterface.NULL else condition(found)
    except errors.RRuntimeError:
        return None
    finally:
        _asking = False


def condition(fields) -> tuple[str, str, list[str], int]:
    """The same of what R's `condition_fields` gives."""
    message, call, classes, number = fields
    return message[0], call[0], list(classes), int(number[0])


def prepare() -> None:
    """Have rpy2 give R mxr's objects and Python's functions, whatever converters are active, and raise mxr's
    errors as such."""
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
