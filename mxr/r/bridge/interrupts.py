"""Ctrl-C: R's signal handler is in place while R code runs, Python's while a verb runs.

Each handler can only stop its own code. So the C-level handler is exchanged at every crossing of the door (a
few system calls, one microsecond). A Ctrl-C during a verb becomes a KeyboardInterrupt, which the door returns
as a value.

Where R is the host, reticulate may have replaced R's handler. Its handler also notifies Python, so Python
drops the signals that it sees during R's turn: R has handled them. Python may notice a signal late, because a
thread that cannot handle signals clears the flag of a pending one. So Python is made to check for signals
whenever the turn changes. Otherwise a signal of R's turn would interrupt the next verb too, and one of
Python's turn could be lost.

Python can raise KeyboardInterrupt between any two instructions. mxr raises it only while a verb runs, and not
within code that must run to its end (`threads.unbroken`, imports, finalizers), nor while R has interrupts
suspended, as a newer reticulate has for a moment twice a second: there it tries again every few milliseconds.
A Ctrl-C between the exchange of the handlers and the verb's first instruction is raised there. One that could
not be raised before the door closes, or that the verb's code has swallowed, goes to R.
"""

from __future__ import annotations

import _thread
import ctypes
import signal
import sys
import threading
import time
import weakref
from _signal import getsignal  # signal.getsignal takes ten times longer: it converts the result to an enum
from types import FrameType
from typing import Any, NoReturn

from rpy2.rinterface_lib import callbacks, ffi_proxy, openrlib

from mxr.r.bridge import crossing
from mxr.runtime.threads import UNBROKEN

_getsig = ctypes.pythonapi.PyOS_getsig
_getsig.argtypes, _getsig.restype = (ctypes.c_int,), ctypes.c_void_p
_setsig = ctypes.pythonapi.PyOS_setsig
_setsig.argtypes, _setsig.restype = (ctypes.c_int, ctypes.c_void_p), ctypes.c_void_p
_notice_signals = ctypes.pythonapi.PyErr_CheckSignals
if crossing.core is not None:  # the same functions, called in a third of the time
    _getsig, _setsig = crossing.core.get_signal, crossing.core.set_signal
    _notice_signals = crossing.core.check_signals
_SIGINT = int(signal.SIGINT)
_IGNORED = int(signal.SIG_IGN)
_RETRY = 0.005  # seconds until a Ctrl-C that could not be raised is tried again

_python_handler: int | None = None  # the C function that Python installs
_r_handler: int | None = None  # the C function that was in place before: R's, or reticulate's
_previous: Any = signal.default_int_handler  # Python's handler before mxr
waiting = False  # a Ctrl-C has come in Python's turn and was not raised yet
raised = False  # a Ctrl-C was raised in a verb, and R has not got it yet
_retried = False  # the next call of `_on_interrupt` comes from `_retry`, not from a signal
_suspended = ctypes.c_int.in_dll(ctypes.PyDLL(None), "R_interrupts_suspended")
PENDING = ctypes.addressof(ctypes.c_int.in_dll(ctypes.PyDLL(None), "R_interrupts_pending"))  # R's own flag
_turn = False  # whether it is Python's turn
_only_python_hears = False  # whether R has no handler, because a Python program has started it
_door: list[dict[str, Any]] = []  # the namespace of the door's module: R's frames end at its functions
_rest: list[
    dict[str, Any]
] = []  # the namespace of the code that R calls while it waits, which drops exceptions
_whole: list[dict[str, Any]] = []  # namespaces of modules whose code must run to its end
depth = 0  # how many calls of the door are running, one within another
in_verb = False  # whether a verb runs


def _on_interrupt(number: int, frame: FrameType | None) -> None:
    """Python's handler of SIGINT."""
    global waiting, _retried
    if _retried:
        _retried = False
        if not waiting:
            return  # it was raised, or R has got it, in the meantime
    if in_verb:
        if not _suspended.value and not _unbroken(frame):
            _raise()
        if not waiting:
            waiting = True
            threading.Thread(target=_retry, daemon=True).start()
    elif _turn:  # before the verb itself: `raise_waiting` raises it; after it: `leave` passes it to R
        waiting = True
    elif _in_turn_of_r(frame):  # R's handler has seen it too, if R has one
        if _only_python_hears:
            give_to_r()
    elif callable(_previous):  # Python code that R has not called: the handler from before mxr decides
        _previous(number, frame)


def _raise() -> NoReturn:
    global waiting, raised
    waiting, raised = False, True
    raise KeyboardInterrupt


def raise_waiting() -> None:
    """At the verb's beginning: raise the Ctrl-C that has come since `enter`."""
    if waiting and not _suspended.value:
        _raise()


def give_to_r() -> None:
    """Mark a Ctrl-C as pending in R, which raises it at its next check."""
    openrlib.rlib.R_interrupts_pending = 1


def protect(door: dict[str, Any], *whole: dict[str, Any]) -> None:
    """Register namespaces (`globals()`): the door's, and those of modules whose code must run to its end."""
    _door[:], _whole[:] = [door], [*whole, vars(weakref)]  # weakref: Python drops what its callbacks raise


def rests(namespace: dict[str, Any]) -> None:
    """Register the namespace of the module that R calls while it waits: a Ctrl-C there is R's."""
    _rest[:] = [namespace]


def _in(frame: FrameType, namespaces: list[dict[str, Any]]) -> bool:
    return any(frame.f_globals is namespace for namespace in namespaces)


def _unbroken(frame: FrameType | None) -> bool:
    """Whether a function that must run to its end, or whose exceptions are dropped, is among the calls since
    the door."""
    while frame is not None and not _in(frame, _door):
        code = frame.f_code
        if code in UNBROKEN or code.co_name == "__del__" or code.co_filename.startswith("<frozen importlib"):
            return True
        if _in(frame, _whole) or _in(frame, _rest) or _polls_events(frame):
            return True
        frame = frame.f_back
    return False


def _polls_events(frame: FrameType) -> bool:
    """Whether R is in rpy2's callback for pending events. rpy2 passes a Ctrl-C there to R, but loses one that
    comes before its `try`."""
    return frame.f_globals is vars(callbacks) and frame.f_code.co_name == "_processevents"


def _in_turn_of_r(frame: FrameType | None) -> bool:
    """Whether R code has called the Python code that runs. rpy2 prints and drops an exception in
    its wrapper of such calls, so a Ctrl-C there is R's too."""
    if frame is not None and frame.f_globals is vars(ffi_proxy):
        return True
    while frame is not None:
        if _in(frame, _door) or _in(frame, _rest) or _polls_events(frame):
            return True
        frame = frame.f_back
    return False


def _retry() -> None:
    """Try the waiting Ctrl-C again until it is raised, or has gone to R."""
    global _retried
    while True:
        time.sleep(_RETRY)
        # Python changes threads at calls and jumps only, so `waiting` stays true until the signal is set
        if not waiting:
            return
        _retried = True
        _thread.interrupt_main()


def prepare() -> None:
    """Install Python's handler, note its C function, and put the former C function back. Only in the main
    thread; in others Ctrl-C stays R's. A Ctrl-C between the two goes where the former function would have
    passed it."""
    global _python_handler, _previous, _only_python_hears, _turn, waiting
    assert _door, "interrupts.protect was not called"
    if threading.current_thread() is not threading.main_thread():
        return
    outside, turn = _getsig(_SIGINT), _turn
    _turn = True  # `_on_interrupt` only notes it
    try:
        previous = signal.signal(_SIGINT, _on_interrupt)
        _previous = previous if previous is not None else _previous
        _python_handler = _getsig(_SIGINT)
        _only_python_hears = outside == _python_handler
        _setsig(_SIGINT, outside)
        _notice_signals()
    finally:
        _turn = turn
    if turn or not waiting:
        return
    waiting = False
    frame = sys._getframe()
    if _only_python_hears and not _in_turn_of_r(frame):
        if callable(_previous):
            _previous(_SIGINT, frame)
    elif outside != _IGNORED:
        give_to_r()


def enter() -> None:
    """Begin Python's turn. KeyboardInterrupt if R has seen a Ctrl-C already."""
    global depth, _r_handler, _turn
    if getsignal(_SIGINT) is not _on_interrupt:  # reticulate installs its own when a script loads it
        prepare()
    if not _turn:
        _notice_signals()
    _turn = True
    if depth == 0 and _python_handler is not None:
        outside = _getsig(_SIGINT)
        if outside not in (_python_handler, _IGNORED):  # a signal that is ignored (nohup) stays ignored
            _r_handler = outside
            _setsig(_SIGINT, _python_handler)
    depth += 1
    if openrlib.rlib.R_interrupts_pending and not _suspended.value:
        raise KeyboardInterrupt


def leave(before: int, interrupted: bool = False) -> None:
    """Begin R's turn. `before` is the value of `depth` before `enter`. R gets a Ctrl-C that ended the verb
    (`interrupted`), or that could not be raised."""
    global depth, _turn, waiting
    depth = before
    if before == 0:
        if _r_handler is not None:
            _setsig(_SIGINT, _r_handler)
        _notice_signals()
        _turn = False
        if waiting:
            waiting, interrupted = False, True
    if interrupted:
        give_to_r()


class turn_of_r:
    """`with turn_of_r():` around R code that a verb calls: R's turn."""

    __slots__ = ("before",)

    def __enter__(self) -> None:
        global in_verb
        self.before, in_verb = depth, False
        leave(0)

    def __exit__(self, *exc: object) -> None:
        global depth, in_verb
        try:
            enter()
        finally:
            depth = self.before
            in_verb = True
        raise_waiting()
