"""The one door between R and Python.

R's `call_python(verb, ...)` arrives here as one list; the verb is a Python function registered by
`@verb("name")`. What it returns goes back as R values. Nothing is ever raised through the door: errors and
interrupts come back as a list of class "mxr.failure", which R turns into conditions (R/R/conditions.R).

    @verb("exec.forward")
    def exec_forward(executor, is_train): ...

The door is a C function pointer that R calls by `.Call`. A call takes 2 microseconds with the door's part in
C (crossing.py), and 10 without it. `rpy2.rinterface.rternalize` takes 30: it wraps every argument in a class,
and turns an unexpected exception into NULL.
"""

from __future__ import annotations

import traceback
import warnings
from collections.abc import Callable
from types import TracebackType
from typing import Any

from mxr import __version__
from mxr.engine.ndarray import NDArray
from mxr.operator import MxError, r_order
from mxr.r.bridge import (  # noqa: F401  (share registers verbs)
    convert,
    crossing,
    failures,
    handles,
    interrupts,
    missing,
    output,
    protection,
    r_api,
    saved,
    share,
    texts,
)
from mxr.r.bridge.convert import dead_views
from mxr.r.bridge.missing import NA_STRING
from mxr.r.bridge.r_api import NIL, Sexp, address, ffi
from mxr.r.bridge.registry import verb, verbs
from mxr.r.bridge.saved import written

interrupts.protect(globals(), *map(vars, (convert, handles, missing, protection, saved, texts)))
_doors: list[Any] = []  # the function pointer: if Python freed it while R holds it, the process would crash
_NIL = address(NIL)


def _read(request: int) -> tuple[str, list[Any], dict[str, Any]]:
    """The verb, its arguments by position and by name. An error names the argument."""
    arguments, names = convert.elements(ffi.cast("SEXP", request))
    name, *positional = arguments
    if names is None:
        return name, positional, {}
    named = {n: a for n, a in zip(names[1:], positional) if n}
    return name, [a for a, n in zip(positional, names[1:]) if not n], named


def _in_python(at: int) -> Any:
    """The Python value of the R object at that address."""
    return convert.to_python(ffi.cast("SEXP", at))


def _in_r(value: Any) -> int:
    """The address of the R object, unprotected."""
    return address(convert.to_r(value))


_read_quickly: Callable[[int], tuple[str, list[Any], dict[str, Any]]] = _read
_result: Callable[[Any], int] = _in_r
if crossing.core is not None:  # `request` leaves what it does not convert to `_read`
    _read_quickly, _result = crossing.core.request, crossing.core.result


def _call(request: int) -> int:
    """Look the verb up, convert, call, convert back."""
    try:
        name, positional, named = _read_quickly(request)
    except Exception:
        name, positional, named = _read(request)
    function = verbs.get(name)
    if function is None:
        raise MxError(
            f"the R package and the Python package do not fit together: Python has no {name}; "
            "run `mxr install-r` again"
        )
    outer, interrupts.in_verb = interrupts.in_verb, True  # from here on a Ctrl-C raises KeyboardInterrupt
    try:
        if interrupts.waiting:  # it came after `enter`
            interrupts.raise_waiting()
        result = function(*positional, **named)
    except (AttributeError, TypeError):
        _check_kinds(function, positional, named)
        raise
    finally:
        interrupts.in_verb = outer
    try:
        return _result(result)
    except TypeError:  # the verb may have returned an attribute of an object of the wrong class
        _check_kinds(function, positional, named)
        raise


def _check_kinds(function: Callable[..., Any], positional: list[Any], named: dict[str, Any]) -> None:
    """After a verb failed: MxError if an argument is not of the class of mxr's (Symbol, Executor ...) that
    the verb's annotation names. R code can set any class attribute on any object."""
    import inspect
    import typing

    hints = typing.get_type_hints(function)
    for name, value in inspect.signature(function).bind_partial(*positional, **named).arguments.items():
        kind = hints.get(name)
        if isinstance(kind, type) and kind.__module__.startswith("mxr.") and not isinstance(value, kind):
            raise MxError(
                f"{name} must be an object of MXNet's class {kind.__name__}, and is none, "
                "although its class attribute says so"
            ) from None


def _door(request: int, freed: int) -> int:
    """The function that R calls, by addresses. `request` is list(verb, ...). `freed` is the chain of handles
    that R no longer needs; at the first call, the R function that makes such chains."""
    protected, depth = protection.depth(), interrupts.depth
    reader = None if r_order.get() else r_order.set(True)
    try:
        interrupts.enter()
        if dead_views or written:
            convert.forget_views()
        output.check()
        if failures.reserve is None:
            failures.keep_reserve()
        if freed != _NIL:
            handles.take_freed(ffi.cast("SEXP", freed))
        value = _call(request)
        # a Ctrl-C that was raised, and does not arrive here, was swallowed by the verb's code
        swallowed, interrupts.raised = interrupts.raised, False
        interrupts.leave(depth, swallowed)
        return value
    except BaseException as error:
        protection.unwind(protected)
        value = address(failures.report(error))
        interrupted, interrupts.raised = isinstance(error, KeyboardInterrupt) or interrupts.raised, False
        interrupts.leave(depth, interrupted)
        return value
    finally:
        if reader is not None:
            r_order.reset(reader)


def connect() -> None:
    """Give R the door, as option `mxr.door`. R must be running, and the verbs registered
    (mxr.r.host.attach)."""
    if _doors:
        return
    # NumPy's warnings of overflow and division by zero: R computes on without a word, and so does mxr
    warnings.filterwarnings("ignore", module=r"mxr\.")
    last_resort, interrupted = failures.prepare()  # the values that R gets if `_door` itself raises
    if crossing.core is not None:
        values = map(address, (NIL, NA_STRING, texts.NAMES, texts.CLASS, last_resort, interrupted))
        ours = [handles.objects, convert.RList, _door, _in_python, _in_r, NDArray, handles.made]
        at = crossing.connect([*values, interrupts.PENDING], ours)
        _doors.append(ffi.cast("void *", at))
    else:

        def failed(kind: type[BaseException], error: BaseException, trace: TracebackType) -> Sexp:
            """As `door` in crossing.c does it."""
            if not isinstance(error, KeyboardInterrupt):
                traceback.print_exception(error)
                return last_resort
            interrupts.give_to_r()
            return interrupted

        _doors.append(ffi.callback("SEXP(SEXP, SEXP)", _through_cffi, error=last_resort, onerror=failed))
    r_api.evaluate("options", r_api.native_symbol(_doors[-1]), name="mxr.door")


def _through_cffi(request: Sexp, freed: Sexp) -> Sexp:
    return ffi.cast("SEXP", _door(address(request), address(freed)))


@verb("bridge.live")
def live() -> int:
    """How many Python objects R holds."""
    return handles.count()


@verb("bridge.version")
def version() -> str:
    return __version__
