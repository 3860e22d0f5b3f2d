"""Errors that cross the border: Python's exceptions as R conditions, and R's conditions as Python exceptions.

To R: every error of mxr's has the class `mxnet_error`, and before it a class of its kind (`CONDITIONS`).
To Python: an error that R code raises is rpy2's `RRuntimeError`, as ever; if mxr raised it, it is also the
class that Python code would have seen (`ParamError`, `ShapeError` ...), and `__cause__` is the Python
exception that it began with.
"""

from __future__ import annotations

from collections.abc import Sequence

from rpy2.rinterface_lib import embedded

from mxr.operator import FileError, MxError, NotImplementedInMxr, ParamError, ShapeError

RRuntimeError: type[Exception] = embedded.RRuntimeError

# The classes of R's conditions, by the exception's; the first that fits. All of them are under mxnet_error.
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
    """An error of R code. `message`, without R's "Error in ..."; `call`, the R call that failed ("" where R
    names none); `conditions`, the classes of R's condition; `traceback`, the R calls that led to it,
    outermost first, where they are known. The text is R's own."""

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
    """An argument is not the kind of thing that is needed (R's class: mxnet_type_error)."""


class RStateError(MxRError):
    """What was asked cannot be done now (R's class: mxnet_state_error)."""


class RFileError(MxRError, FileError):
    """A `FileError` within R code: a file is not there, or cannot be read or written (R's class:
    mxnet_file_error)."""


class RNotImplementedInMxr(MxRError, NotImplementedInMxr):
    """A `NotImplementedInMxr` within R code (R's class: mxnet_not_implemented_error)."""


class RPythonError(MxRError):
    """What a Python function of the user's raised while R called it (R's class: mxnet_python_error): see
    `__cause__`."""


_KINDS: dict[str, type[MxRError]] = {
    "mxnet_shape_error": RShapeError,
    "mxnet_parameter_error": RParamError,
    "mxnet_type_error": RTypeError,
    "mxnet_state_error": RStateError,
    "mxnet_file_error": RFileError,
    "mxnet_not_implemented_error": RNotImplementedInMxr,
    OF_USER: RPythonError,
}

keeps_exceptions = (
    False  # whether Python waits for R: only then is there anybody to give an exception back to
)
_raised: dict[
    int, BaseException
] = {}  # the last exception that went to R, by the number that its condition carries
_count = 0


def conditions(error: BaseException, of_user: bool) -> list[str]:
    """The classes of R's condition for an exception, before mxnet_error. `of_user`: a Python function of
    theirs raised it."""
    found = [name for kind, name in CONDITIONS.items() if isinstance(error, kind)][:1]
    if of_user:
        return [OF_USER, *found]
    return found or ([] if isinstance(error, MxError) else [DEFECT])


def number_of(error: BaseException) -> int:
    """The number under which `exception` finds it back; 0 where nobody will ask."""
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
    """The Python exception for R's condition; `text` is what R prints of it."""
    of_mxr = "mxnet_error" in classes
    kind = next((_KINDS[c] for c in classes if c in _KINDS), MxRError) if of_mxr else RError
    error = kind(text or (f"Error in {call}: {message}" if call else f"Error: {message}"))
    error.message, error.call, error.conditions, error.traceback = (
        message,
        call,
        tuple(classes),
        tuple(traceback),
    )
    error.__cause__ = _raised.pop(number, None)
    if isinstance(error.__cause__, RError) and error.__cause__.message == message:
        error.__cause__ = error.__cause__.__cause__ or error.__cause__
    return error


def type_errors(last_condition) -> None:
    """Have rpy2 raise the exceptions above wherever it raises RRuntimeError. `last_condition()` gives what R
    knows of the last error that mxr raised: (message, call, classes, number), or None."""
    global keeps_exceptions
    keeps_exceptions = True

    def new(cls, *args):
        if cls is RRuntimeError and args and isinstance(args[0], str):
            found = last_condition()
            if found and found[0][:200] in args[0]:
                return exception(*found, text=args[0])
        return super(RRuntimeError, cls).__new__(cls, *args)

    RRuntimeError.__new__ = new  # the class stays itself, for everybody who has imported it
