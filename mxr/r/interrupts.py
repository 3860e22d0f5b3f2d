"""Ctrl-C: while R works, R's own signal handler is in place; while Python works behind the door, Python's.

Each of the two only stops its own code. So the C-level handler is exchanged at every crossing (two system calls, one
microsecond), and a Ctrl-C that arrives in Python becomes a KeyboardInterrupt that the door returns as a value.
"""
from __future__ import annotations

import ctypes
import signal
import threading

_getsig = ctypes.pythonapi.PyOS_getsig
_getsig.argtypes, _getsig.restype = (ctypes.c_int,), ctypes.c_void_p
_setsig = ctypes.pythonapi.PyOS_setsig
_setsig.argtypes, _setsig.restype = (ctypes.c_int, ctypes.c_void_p), ctypes.c_void_p
_SIGINT = int(signal.SIGINT)

_python_handler: int | None = None       # the C function that Python installs
_previous = signal.default_int_handler   # what Ctrl-C did in Python before mxr
_in_python = False


def _on_interrupt(number, frame):
    if _in_python:
        raise KeyboardInterrupt
    if callable(_previous):              # the signal came outside the door: whoever was here first decides
        _previous(number, frame)


def prepare() -> None:
    """Make Python's handler known without leaving it in place. Only the main thread can; elsewhere Ctrl-C stays R's."""
    global _python_handler, _previous
    if threading.current_thread() is not threading.main_thread() or _python_handler is not None:
        return
    outside = _getsig(_SIGINT)
    previous = signal.getsignal(signal.SIGINT)
    _previous = previous if previous is not None else _previous
    signal.signal(signal.SIGINT, _on_interrupt)
    _python_handler = _getsig(_SIGINT)
    _setsig(_SIGINT, outside)


def enter():
    """Python's turn: returns what `leave` needs."""
    global _in_python
    outside = (_in_python, None if _python_handler is None else _setsig(_SIGINT, _python_handler))
    _in_python = True
    return outside


def leave(outside) -> None:
    """R's turn again. May be called twice."""
    global _in_python
    _in_python, handler = outside
    if handler is not None:
        _setsig(_SIGINT, handler)
