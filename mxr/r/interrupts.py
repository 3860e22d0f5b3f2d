"""Ctrl-C: while R works, R's own signal handler is in place; while Python works behind the door, Python's.

Each of the two only stops its own code. So the C-level handler is exchanged at every crossing (two system calls, half
a microsecond), and a Ctrl-C that arrives in Python becomes a KeyboardInterrupt that the door returns as a value.
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

_python_c_handler: int | None = None
_previous = signal.default_int_handler


class _PythonTurn:
    """Context: Python works for R. Re-entrant."""
    depth = 0
    _outer: list = []

    def __enter__(self):
        if _python_c_handler is not None:
            self._outer.append(_setsig(_SIGINT, _python_c_handler))
        self.depth += 1

    def __exit__(self, *_):
        self.depth -= 1
        if _python_c_handler is not None:
            _setsig(_SIGINT, self._outer.pop())


python_turn = _PythonTurn()


def _on_interrupt(number, frame):
    if python_turn.depth:
        raise KeyboardInterrupt
    if callable(_previous):                 # the signal came outside: whoever was here first decides
        _previous(number, frame)


class kept:
    """Context: whatever runs inside, the C-level SIGINT handler is afterwards what it was before."""

    def __enter__(self):
        self.handler = _getsig(_SIGINT)

    def __exit__(self, *_):
        _setsig(_SIGINT, self.handler)


def prepare() -> None:
    """Make Python's handler known without leaving it in place. Only the main thread can; elsewhere Ctrl-C stays R's."""
    global _python_c_handler, _previous
    if threading.current_thread() is not threading.main_thread() or _python_c_handler is not None:
        return
    with kept():
        previous = signal.getsignal(signal.SIGINT)
        _previous = previous if previous is not None else _previous
        signal.signal(signal.SIGINT, _on_interrupt)
        _python_c_handler = _getsig(_SIGINT)
