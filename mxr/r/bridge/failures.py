"""What went wrong, as a value for R. Reporting must not fail itself: R's script would go on with NULL.

`report(error)` makes a list of class "mxr.failure", which R turns into a condition (R/R/conditions.R).
Whatever the exception is, a text for it is found; and where even the list cannot be made, R gets one that was
made beforehand (`prepare`).
"""

from __future__ import annotations

import gc
import traceback

from mxr.operator import MxError
from mxr.r.bridge import convert, errors, protection, r_api
from mxr.r.bridge.r_api import NIL
from mxr.r.bridge.registry import verb

_LONGEST = 100_000  # characters of a message; R prints the first 8192 at most
_CLASS = "mxr.failure"
_last_error: traceback.TracebackException | None = None
_ROOM = 4 << 20  # bytes
_reserve: bytearray | None = None
_last_resort = NIL  # a failure that R has kept since `prepare`


def prepare():
    """Make the report for the case that no other can be made. It is R's to keep and nobody's to change."""
    global _last_resort
    if _last_resort == NIL:
        fields = {
            "kind": "error",
            "message": "something failed, and there was not enough memory, or another hindrance, "
            "to say what; mxr.last.error() may know more",
            "class": "MemoryError",
        }
        _last_resort = r_api.preserve(convert.classed(fields, _CLASS))
        r_api.freeze(_last_resort)
        keep_reserve()
    return _last_resort


def report(error: BaseException, of_user: bool = False):
    """An exception as a value for R; `of_user`: of a Python function that the user gave to R. Never
    raises."""
    depth = protection.depth()
    if isinstance(error, MemoryError):
        _make_room(error)
    for attempt in (lambda: _whole(error, of_user), lambda: _short(error)):
        try:
            return attempt()
        except BaseException:  # out of memory, a Ctrl-C of Python's own, an exception that nobody thought of
            protection.unwind(depth)
    return _last_resort


def _make_room(error: MemoryError) -> None:
    """Let go of what the failed code held, and of a reserve: R leaves its function by a jump, over Python's
    frames, where it cannot have the little that a report takes."""
    global _reserve
    _reserve = None
    try:
        _remember(error)
        traceback.clear_frames(error.__traceback__)
        error.__traceback__ = None
        gc.collect()
    except BaseException:
        pass


def keep_reserve() -> None:
    """Have memory put aside for the next report."""
    global _reserve
    if _reserve is None:
        try:
            _reserve = bytearray(_ROOM)
        except MemoryError:
            pass  # the next call tries again


def _whole(error: BaseException, of_user: bool):
    if isinstance(error, KeyboardInterrupt):
        return convert.classed({"kind": "interrupt", "message": "interrupted"}, _CLASS)
    if not isinstance(error, MemoryError):  # whose traceback is remembered, and gone, already
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


def _short(error: BaseException):
    name = plain(type(error).__name__)
    return convert.classed(
        {"kind": "defect", "message": f"{name}, which cannot be described", "class": name}, _CLASS
    )


def _words(error: BaseException) -> str:
    """The exception's message; what can be said of it where asking for it raises another."""
    try:
        return str(error)
    except MemoryError:
        raise
    except BaseException as e:
        return f"its message cannot be made ({type(e).__name__})"


def plain(text: str) -> str:
    """A text that R can hold and print: not longer than a message, without zero characters and halves of
    characters."""
    start = text[:_LONGEST]
    try:
        data = start.encode("utf-8", "surrogateescape")  # bytes of a file name that Python could not decode
    except UnicodeEncodeError:
        data = start.encode("utf-8", "backslashreplace")
    shown = data.decode("utf-8", "backslashreplace").replace("\0", "\\0")
    if max(len(text), len(shown)) <= _LONGEST:
        return shown
    return f"{shown[:_LONGEST]} ... (the whole has {len(text)} characters)"


def _remember(error: BaseException) -> None:
    """Keep the traceback for `mxr.last.error()`, without the arrays that its frames hold."""
    global _last_error
    _last_error = None  # that of an older error would mislead
    try:
        _last_error = traceback.TracebackException.from_exception(error, lookup_lines=False)
    except MemoryError:
        raise
    except BaseException:
        pass  # an exception whose parts raise when they are looked at


@verb("bridge.last.traceback")
def last_traceback() -> str:
    """Python's traceback of the last error, for `mxr.last.error()`."""
    if _last_error is None:
        return ""
    try:
        return plain("".join(_last_error.format()))
    except Exception as e:  # of an exception with parts that are not what Python expects
        where = "".join(_last_error.stack.format())
        return plain(f"{where}an exception that cannot be shown ({type(e).__name__}: {_words(e)})")
