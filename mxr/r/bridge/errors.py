"""Python's exceptions as R conditions, and R's conditions as Python exceptions.

To R: every error of mxr's has the class `mxnet_error`, and before it a class of its kind (`CONDITIONS`). To
Python: an error of R code is rpy2's `RRuntimeError`, as without mxr. If mxr raised the error, the exception
is also of the class that Python code would have seen (`ParamError`, `ShapeError` ...), and its `__cause__` is
mxr's own exception.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from rpy2.rinterface_lib import embedded

from mxr.operator import FileError, MxError, NotImplementedInMxr, ParamError, ShapeError

if TYPE_CHECKING:  # rpy2 has no types

    class RRuntimeError(Exception):
        """rpy2's error of R code."""
else:
    RRuntimeError = embedded.RRuntimeError

# The class of R's condition for an exception: the first that fits. mxnet_error follows it in R.
CONDITIONS: dict[type[BaseException], str] = {
    ShapeError: "mxnet_shape_error",
    ParamError: "mxnet_parameter_error",
    NotImplementedInMxr: "mxnet_not_implemented_error",
    MemoryError: "mxnet_memory_error",
    FileError: "mxnet_file_error",
    OSError: "mxnet_file_error",
}
OF_USER, DEFECT = "mxnet_python_error", "mxnet_defect"


class RError(RRuntimeError):
    """An error of R code; str() is R's own text. `message`: that text without "Error in ..."; `call`: the R
    call that failed, or ""; `conditions`: the classes of R's condition; `traceback`: the R calls that led to
    it, outermost first, or ()."""

    message: str = ""
    call: str = ""
    conditions: tuple[str, ...] = ()
    traceback: tuple[str, ...] = ()


class MxRError(RError, MxError):
    """An error that mxr raised within R code."""


class RParamError(MxRError, ParamError):
    """A `ParamError` within R code (R's class: mxnet_parameter_error)."""


class RShapeError(MxRError, ShapeError):
    """A `ShapeError` within R code (R's class: mxnet_shape_error). Shapes in the message are in R's order."""


class RTypeError(MxRError, TypeError):
    """An argument has the wrong type (R's class: mxnet_type_error)."""


class RStateError(MxRError):
    """An object is not in a state in which this can be done (R's class: mxnet_state_error)."""


class RFileError(MxRError, FileError):
    """A `FileError` within R code: a file is missing, or cannot be read or written (R's class:
    mxnet_file_error)."""


class RNotImplementedInMxr(MxRError, NotImplementedInMxr):
    """A `NotImplementedInMxr` within R code (R's class: mxnet_not_implemented_error)."""


class RPythonError(MxRError):
    """A Python function of the user raised an exception, its `__cause__`, while R called it (R's class:
    mxnet_python_error)."""


_KINDS: dict[str, type[MxRError]] = {
    "mxnet_shape_error": RShapeError,
    "mxnet_parameter_error": RParamError,
    "mxnet_type_error": RTypeError,
    "mxnet_state_error": RStateError,
    "mxnet_file_error": RFileError,
    "mxnet_not_implemented_error": RNotImplementedInMxr,
    OF_USER: RPythonError,
}

# Whether Python code waits for R, and so can get an exception back.
keeps_exceptions = False
# The last exception that went to R, by the number that R's condition carries.
_raised: dict[int, BaseException] = {}
_count = 0


def conditions(error: BaseException, of_user: bool) -> list[str]:
    """The classes of R's condition for an exception, those before mxnet_error. `of_user`: a Python function
    of the user raised it."""
    found = [name for kind, name in CONDITIONS.items() if isinstance(error, kind)][:1]
    if of_user:
        return [OF_USER, *found]
    return found or ([] if isinstance(error, MxError) else [DEFECT])


def number_of(error: BaseException) -> int:
    """The number by which `exception` finds `error` again; 0 if no Python code waits for it."""
    global _count
    if not keeps_exceptions:
        return 0
    _count += 1
    _raised.clear()
    _raised[_count] = error
    return _count


def exception(
    message: str,
    call: str,
    classes: Sequence[str],
    number: int = 0,
    text: str = "",
    traceback: Sequence[str] = (),
) -> RError:
    """The Python exception for an R condition. `number`: the number of mxr's own exception, if there was one;
    `text`: what R prints of the error."""
    of_mxr = "mxnet_error" in classes
    kind = next((_KINDS[c] for c in classes if c in _KINDS), MxRError) if of_mxr else RError
    error = kind(text or (f"Error in {call}: {message}" if call else f"Error: {message}"))
    error.message, error.call = message, call
    error.conditions, error.traceback = tuple(classes), tuple(traceback)
    error.__cause__ = _raised.pop(number, None)
    if isinstance(error.__cause__, RError) and error.__cause__.message == message:  # R code called by R code
        error.__cause__ = error.__cause__.__cause__ or error.__cause__
    return error


def type_errors(last_condition: Callable[[], tuple[str, str, list[str], int] | None]) -> None:
    """Have rpy2 raise the exceptions above instead of RRuntimeError. `last_condition()` returns the last
    error that mxr raised in R: (message, call, classes, number), or None."""
    global keeps_exceptions
    keeps_exceptions = True

    def new(cls: type[Exception], *args: Any) -> Exception:
        if cls is RRuntimeError and args and isinstance(args[0], str):
            found = last_condition()
            if found and found[0][:200] in args[0]:
                message, call, classes, number = found
                return exception(message, call, classes, number, text=args[0])
        made: Exception = super(RRuntimeError, cls).__new__(cls, *args)  # type: ignore[misc]
        return made

    # rpy2's class is changed, not replaced: modules have imported it already
    RRuntimeError.__new__ = new  # type: ignore[method-assign, assignment]
