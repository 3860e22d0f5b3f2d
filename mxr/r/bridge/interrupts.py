"""Ctrl-C: while R works, R's own signal handler is in place; while Python works behind the door, Python's.

Each of the two only stops its own code. So the C-level handler is exchanged at every crossing (a few system
calls, one microsecond), and a Ctrl-C that arrives in Python becomes a KeyboardInterrupt that the door returns
as a value.

Reticulate's handler, which stands in for R's where R is the host, tells Python too: what Python hears of in
R's turn is old. Python may notice a signal late (a thread that cannot handle signals takes back the mark that
there is one), so it is made to look where the turn changes: an old one would be a second interrupt, and one
of Python's own turn would be lost.

A KeyboardInterrupt comes between any two lines of Python. It is raised only while a verb runs, and not in the
middle of code that must not be broken off (`threads.unbroken`, imports, what follows the death of a view):
there it is tried again every few milliseconds. A Ctrl-C that could not be raised before the door shuts is
left to R.
"""

from __future__ import annotations

import _thread
import ctypes
import signal
import threading
import time
from _signal import getsignal  # signal.getsignal costs ten times more: it makes an enum of the answer
from typing import Any

from rpy2.rinterface_lib import callbacks, openrlib

from mxr.r.bridge import crossing
from mxr.runtime.threads import UNBROKEN

_getsig = ctypes.pythonapi.PyOS_getsig
_getsig.argtypes, _getsig.restype = (ctypes.c_int,), ctypes.c_void_p
_setsig = ctypes.pythonapi.PyOS_setsig
_setsig.argtypes, _setsig.restype = (ctypes.c_int, ctypes.c_void_p), ctypes.c_void_p
_notice_signals = ctypes.pythonapi.PyErr_CheckSignals
if crossing.core is not None:  # the same, in a third of the time
    _getsig, _setsig = crossing.core.get_signal, crossing.core.set_signal
    _notice_signals = crossing.core.check_signals
_SIGINT = int(signal.SIGINT)
_IGNORED = int(signal.SIG_IGN)
_AGAIN = 0.005  # seconds after which a Ctrl-C that cannot be raised is tried again

_python_handler: int | None = None  # the C function that Python installs
_r_handler: int | None = None  # the one that was in place before: R's, or reticulate's
_previous: Any = signal.default_int_handler  # what Ctrl-C did in Python before mxr
_waiting = False  # a Ctrl-C has come and was not raised yet
_knocks = 0  # how many of the calls of `_on_interrupt` to come are `_knock`'s
_suspended = ctypes.c_int.in_dll(ctypes.PyDLL(None), "R_interrupts_suspended")
_turn = False  # whether it is Python's
_only_python_hears = False  # whether R has no handler: a Python program has started it
_door: list[dict] = []  # the namespace of the door's module: frames of it are where R's turn ends
_rest: list[dict] = []  # the namespace of the code that R calls while it waits
_whole: list[dict] = []  # namespaces of modules whose code must not be broken off
depth = 0  # how many doors stand open
in_verb = False  # whether a verb runs


def _on_interrupt(number, frame):
    global _waiting, _knocks
    if _knocks:
        _knocks = 0
        if not _waiting:
            return  # R took it in the meantime
    if in_verb and not _suspended.value:
        if not _unbroken(frame):
            _waiting = False
            raise KeyboardInterrupt
        if not _waiting:
            _waiting = True
            threading.Thread(target=_knock, daemon=True).start()
    elif _turn:  # too early or too late to raise: R takes it as soon as the door is shut
        _waiting = True
    elif _at_the_border(frame):  # R has heard of it too, unless it has no handler of its own
        if _only_python_hears:
            openrlib.rlib.R_interrupts_pending = 1
    elif callable(_previous):  # Python works, but not for R: whoever was here first decides
        _previous(number, frame)


def protect(door: dict, *whole: dict) -> None:
    """Tell by their `globals()` which module is the door, and which run to the end once they have begun."""
    _door[:], _whole[:] = [door], whole


def rests(namespace: dict) -> None:
    """The same of the module whose code runs while R waits: a Ctrl-C there is R's."""
    _rest[:] = [namespace]


def _in(frame, namespaces: list[dict]) -> bool:
    return any(frame.f_globals is namespace for namespace in namespaces)


def _unbroken(frame) -> bool:
    while frame is not None and not _in(frame, _door):
        code = frame.f_code
        if code in UNBROKEN or code.co_filename.startswith("<frozen importlib") or _in(frame, _whole):
            return True
        frame = frame.f_back
    return False


def _looks_for_r(frame) -> bool:
    """Whether R has just asked whether there is something to do. rpy2 leaves a Ctrl-C to R there too, but
    loses one that comes before its `try`."""
    return frame.f_globals is vars(callbacks) and frame.f_code.co_name == "_processevents"


def _at_the_border(frame) -> bool:
    while frame is not None:
        if _in(frame, _door) or _in(frame, _rest) or _looks_for_r(frame):
            return True
        frame = frame.f_back
    return False


def _knock() -> None:
    """Try the waiting Ctrl-C again until it is raised, or left to R."""
    global _knocks
    while True:
        time.sleep(_AGAIN)
        if not _waiting:
            return
        _knocks = 1
        _thread.interrupt_main()


def prepare() -> None:
    """Make Python's handler known without leaving it in place. Only the main thread can; elsewhere Ctrl-C
    stays R's."""
    global _python_handler, _previous, _only_python_hears
    assert _door, "interrupts.protect was not called"
    if threading.current_thread() is not threading.main_thread():
        return
    outside = _getsig(_SIGINT)
    previous = signal.signal(_SIGINT, _on_interrupt)
    _previous = previous if previous is not None else _previous
    _python_handler = _getsig(_SIGINT)
    _only_python_hears = outside == _python_handler
    _setsig(_SIGINT, outside)


def enter() -> None:
    """Python's turn. KeyboardInterrupt if R has heard of a Ctrl-C already."""
    global depth, _r_handler, _turn
    if getsignal(_SIGINT) is not _on_interrupt:  # reticulate, when a script loads it, brings its own
        prepare()
    if not _turn:
        _notice_signals()
    _turn = True
    if depth == 0 and _python_handler is not None:
        outside = _getsig(_SIGINT)
        # ignored, as under nohup: so it stays while Python works
        if outside not in (
            _python_handler,
            _IGNORED,
        ):
            _r_handler = outside
            _setsig(_SIGINT, _python_handler)
    depth += 1
    if openrlib.rlib.R_interrupts_pending and not _suspended.value:
        raise KeyboardInterrupt


def leave(before: int, interrupted: bool = False) -> None:
    """R's turn again; `before` is what `depth` was before `enter`. R hears of a Ctrl-C that ended the verb,
    or is left."""
    global depth, _turn, _waiting
    depth = before
    if before == 0:
        if _r_handler is not None:
            _setsig(_SIGINT, _r_handler)
        _notice_signals()
        if _waiting or interrupted:
            _waiting = False
            openrlib.rlib.R_interrupts_pending = 1
        _turn = False


class turn_of_r:
    """`with turn_of_r():` around R code that a verb calls: a Ctrl-C is R's meanwhile, as outside the door."""

    __slots__ = ("before",)

    def __enter__(self):
        global in_verb
        self.before, in_verb = depth, False
        leave(0)

    def __exit__(self, *exc):
        global depth, in_verb
        try:
            enter()
        finally:
            depth = self.before
            in_verb = True
