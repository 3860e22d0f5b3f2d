"""Exceptions as values for R. Reporting must not fail itself: the R script would go on with NULL.

`report(error)` makes a list of class "mxr.failure", which R turns into a condition (R/R/conditions.R). It
finds a text for any exception; if the list itself cannot be made, R gets one that `prepare` has made before.
"""

from __future__ import annotations

import gc
import traceback
from collections.abc import Callable

from mxr.operator import MxError
from mxr.r.bridge import convert, errors, protection, r_api
from mxr.r.bridge.r_api import NIL, Sexp
from mxr.r.bridge.registry import verb

_LONGEST = 100_000  # characters of a message; R prints the first 8192 at most
_CLASS = "mxr.failure"
_last_error: traceback.TracebackException | None = None
_RESERVE_BYTES = 4 << 20
reserve: bytearray | None = None  # memory that is freed for a report of MemoryError
_last_resort = NIL  # the reports that `prepare` has made: of an error, and of a Ctrl-C
_interrupted = NIL


def prepare() -> tuple[Sexp, Sexp]:
    """Make the reports of an error and of a Ctrl-C that R gets when no other can be made. R preserves them,
    and they are immutable."""
    global _last_resort, _interrupted
    if _last_resort == NIL:
        fields = {
            "kind": "error",
            "message": "something failed, and the error could not be described (not enough memory, perhaps); "
            "mxr.last.error() may show more",
            "class": "MemoryError",
        }
        _last_resort = r_api.preserve(convert.classed(fields, _CLASS))
        _interrupted = r_api.preserve(_whole(KeyboardInterrupt(), False))
        r_api.freeze(_last_resort)
        r_api.freeze(_interrupted)
        keep_reserve()
    return _last_resort, _interrupted


def report(error: BaseException, of_user: bool = False) -> Sexp:
    """An exception as a value for R, unprotected. `of_user`: a Python function that the user gave to R raised
    it. Never raises."""
    depth = protection.depth()
    if isinstance(error, MemoryError):
        _make_room(error)
    attempts: tuple[Callable[[], Sexp], ...] = (lambda: _whole(error, of_user), lambda: _short(error))
    for attempt in attempts:
        try:
            return attempt()
        except BaseException:  # MemoryError, KeyboardInterrupt, an exception of a method of `error`
            protection.unwind(depth)
    return _last_resort


def _make_room(error: MemoryError) -> None:
    """Free the reserve, and the local variables of the code that failed. If R had no memory for the report,
    it would jump over Python's frames."""
    global reserve
    reserve = None
    try:
        _remember(error)
        traceback.clear_frames(error.__traceback__)
        error.__traceback__ = None
        gc.collect()
    except BaseException:
        pass


def keep_reserve() -> None:
    """Set memory aside for the next report of a MemoryError."""
    global reserve
    if reserve is None:
        try:
            reserve = bytearray(_RESERVE_BYTES)
        except MemoryError:
            pass  # the next call tries again


def _whole(error: BaseException, of_user: bool) -> Sexp:
    if isinstance(error, KeyboardInterrupt):
        return convert.classed({"kind": "interrupt", "message": "interrupted"}, _CLASS)
    if not isinstance(error, MemoryError):  # `_make_room` has remembered that, and cleared its traceback
        _remember(error)
    text = plain(_words(error)) or f"{plain(type(error).__name__)} without a message"
    if isinstance(error, MxError):
        kind, message = "error", text
    elif isinstance(error, OSError) and error.filename is not None:
        kind, message = "error", plain(f"{error.strerror or type(error).__name__}: {error.filename}")
    elif isinstance(error, MemoryError):
        kind, message = "error", f"not enough memory: {text}"
    else:
        kind = "error" if of_user else "defect"
        message = f"{plain(type(error).__name__)}: {text}"
    fields = {
        "kind": kind,
        "message": message,
        "class": plain(type(error).__name__),
        "conditions": errors.conditions(error, of_user),
        "number": errors.number_of(error),
    }
    return convert.classed(fields, _CLASS)


def _short(error: BaseException) -> Sexp:
    name = plain(type(error).__name__)
    return convert.classed(
        {"kind": "defect", "message": f"{name}, which cannot be described", "class": name}, _CLASS
    )


def _words(error: BaseException) -> str:
    """The exception's message; a replacement if its `__str__` raises."""
    try:
        return str(error)
    except MemoryError:
        raise
    except BaseException as e:
        return f"its message cannot be made ({type(e).__name__})"


def plain(text: str) -> str:
    """A text that R can hold and print: at most `_LONGEST` characters, no zero characters, no lone
    surrogates."""
    start = text[:_LONGEST]
    try:
        # surrogates stand for bytes of a file name that Python could not decode
        data = start.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        data = start.encode("utf-8", "backslashreplace")
    shown = data.decode("utf-8", "backslashreplace").replace("\0", "\\0")
    if max(len(text), len(shown)) <= _LONGEST:
        return shown
    return f"{shown[:_LONGEST]} ... (the whole has {len(text)} characters)"


def _remember(error: BaseException) -> None:
    """Keep the traceback for `mxr.last.error()`, as text: without the frames' variables."""
    global _last_error
    _last_error = None  # if the next line fails, no traceback is better than that of an older error
    try:
        _last_error = traceback.TracebackException.from_exception(error, lookup_lines=False)
    except MemoryError:
        raise
    except BaseException:
        pass  # an exception whose attributes raise


@verb("bridge.last.traceback")
def last_traceback() -> str:
    """Python's traceback of the last error, for `mxr.last.error()`."""
    if _last_error is None:
        return ""
    try:
        return plain("".join(_last_error.format()))
    except Exception as e:  # an exception whose attributes have types that Python does not expect
        where = "".join(_last_error.stack.format())
        return plain(f"{where}an exception that cannot be shown ({type(e).__name__}: {_words(e)})")
