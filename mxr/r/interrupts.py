"""Ctrl-C: while R works, R's own signal handler is in place; while Python works behind the door, Python's.

Each of the two only stops its own code. So the C-level handler is exchanged at every crossing (a few system calls, one
microsecond), and a Ctrl-C that arrives in Python becomes a KeyboardInterrupt that the door returns as a value.
"""
from __future__ import annotations

import ctypes
import signal
import threading
from _signal import getsignal  # signal.getsignal costs ten times more: it makes an enum of the answer

from rpy2.rinterface_lib import openrlib

_getsig = ctypes.pythonapi.PyOS_getsig
_getsig.argtypes, _getsig.restype = (ctypes.c_int,), ctypes.c_void_p
_setsig = ctypes.pythonapi.PyOS_setsig
_setsig.argtypes, _setsig.restype = (ctypes.c_int, ctypes.c_void_p), ctypes.c_void_p
_SIGINT = int(signal.SIGINT)

_python_handler: int | None = None       # the C function that Python installs
_r_handler: int | None = None            # the one that was in place before: R's, or reticulate's
_previous = signal.default_int_handler   # what Ctrl-C did in Python before mxr
depth = 0                                # how many doors stand open


def _on_interrupt(number, frame):
    if depth:
        raise KeyboardInterrupt
    if _at_the_door(frame):              # too early or too late to raise: R takes it as soon as the door is shut
        openrlib.rlib.R_interrupts_pending = 1
    elif callable(_previous):            # Python works, but not for R: whoever was here first decides
        _previous(number, frame)


def _at_the_door(frame) -> bool:
    while frame is not None:
        if frame.f_globals.get("__name__") == "mxr.r.bridge":
            return True
        frame = frame.f_back
    return False


def prepare() -> None:
    """Make Python's handler known without leaving it in place. Only the main thread can; elsewhere Ctrl-C stays R's."""
    global _python_handler, _previous
    if threading.current_thread() is not threading.main_thread():
        return
    outside = _getsig(_SIGINT)
    previous = signal.signal(_SIGINT, _on_interrupt)
    _previous = previous if previous is not None else _previous
    _python_handler = _getsig(_SIGINT)
    _setsig(_SIGINT, outside)


def enter() -> None:
    """Python's turn."""
    global depth, _r_handler
    if getsignal(_SIGINT) is not _on_interrupt:      # reticulate, when a script loads it, brings its own
        prepare()
    if depth == 0 and _python_handler is not None:
        outside = _getsig(_SIGINT)
        if outside != _python_handler:
            _r_handler = outside
            _setsig(_SIGINT, _python_handler)
    depth += 1


def leave(before: int) -> None:
    """R's turn again; `before` is what `depth` was before `enter`. Calling it twice does no harm."""
    global depth
    depth = before
    if before == 0 and _r_handler is not None:
        _setsig(_SIGINT, _r_handler)
