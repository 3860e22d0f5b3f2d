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
within code that must run to its end (`threads.unbroken`, imports, finalizers of views): there it tries again
every few milliseconds. A Ctrl-C that could not be raised before the door closes goes to R.
"""

from __future__ import annotations

import _thread
import ctypes
import signal
import threading
import time
from _signal import getsignal  # signal.getsignal takes ten times longer: it converts the result to an enum
from types import FrameType
from typing import Any

from rpy2.rinterface_lib import callbacks, ffi_proxy

from mxr.r.bridge import crossing
from mxr.runtime.threads import UNBROKEN

_getsig = ctypes.pythonapi.PyOS_getsig
_getsig.argtypes, _getsig.restype = (ctypes.c_int,), ctypes.c_void_p
_setsig = ctypes.pythonapi.PyOS_setsig
_setsig.argtypes, _setsig.restype = (ctypes.c_int, ctypes.c_void_p), ctypes.c_void_p
_notice_signals = ctypes.pythonapi.PyErr_CheckSignals
_SIGINT = int(signal.SIGINT)
_IGNORED = int(signal.SIG_IGN)


def _exchange(number: int, function: int) -> int | bool | None:
    """Install the C function that handles a signal. Returns the former function, None for the default action;
    or False, and changes nothing, if it was the same function, or if the signal is ignored (nohup)."""
    former: int | None = _getsig(number)
    if former in (function, _IGNORED):
        return False
    _setsig(number, function)
    return former


if crossing.core is not None:  # the same functions, called in a third of the time
    _getsig, _setsig = crossing.core.get_signal, crossing.core.set_signal
    _exchange, _notice_signals = crossing.core.exchange_signal, crossing.core.check_signals
_RETRY = 0.005  # seconds until a Ctrl-C that could not be raised is tried again

_python_handler: int | None = None  # the C function that Python installs
_r_handler: int | None = None  # the C function that was in place before: R's, or reticulate's
_previous: Any = signal.default_int_handler  # Python's handler before mxr
_waiting = False  # a Ctrl-C has come and was not raised yet
_retried = False  # the next call of `_on_interrupt` comes from `_retry`, not from a signal
_suspended = ctypes.c_int.in_dll(ctypes.PyDLL(None), "R_interrupts_suspended")
_pending = ctypes.c_int.in_dll(ctypes.PyDLL(None), "R_interrupts_pending")
_turn = False  # whether it is Python's turn
_only_python_hears = False  # whether R has no handler, because a Python program has started it
_door: list[dict[str, Any]] = []  # the namespace of the door's module: R's frames end at its functions
_rest: list[dict[str, Any]] = []  # the namespace of the code that R calls while it waits
_whole: list[dict[str, Any]] = []  # namespaces of modules whose code must run to its end
depth = 0  # how many calls of the door are running, one within another
in_verb = False  # whether a verb runs


def _on_interrupt(number: int, frame: FrameType | None) -> None:
    """Python's handler of SIGINT."""
    global _waiting, _retried
    if _retried:
        _retried = False
        if not _waiting:
            return  # R has got the Ctrl-C in the meantime
    if in_verb and not _suspended.value:
        if not _unbroken(frame):
            _waiting = False
            raise KeyboardInterrupt
        if not _waiting:
            _waiting = True
            threading.Thread(target=_retry, daemon=True).start()
    elif _turn:  # before or after the verb itself: `leave` passes it to R
        _waiting = True
    elif _in_turn_of_r(frame):  # R's handler has seen it too, if R has one
        if _only_python_hears:
            _pending.value = 1
    elif callable(_previous):  # Python code that R has not called: the handler from before mxr decides
        _previous(number, frame)


def protect(door: dict[str, Any], *whole: dict[str, Any]) -> None:
    """Register namespaces (`globals()`): the door's, and those of modules whose code must run to its end."""
    _door[:], _whole[:] = [door], whole


def rests(namespace: dict[str, Any]) -> None:
    """Register the namespace of the module that R calls while it waits: a Ctrl-C there is R's."""
    _rest[:] = [namespace]


def _in(frame: FrameType, namespaces: list[dict[str, Any]]) -> bool:
    return any(frame.f_globals is namespace for namespace in namespaces)


def _unbroken(frame: FrameType | None) -> bool:
    """Whether a function that must run to its end is among the calls since the door."""
    while frame is not None and not _in(frame, _door):
        code = frame.f_code
        if code in UNBROKEN or code.co_filename.startswith("<frozen importlib") or _in(frame, _whole):
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
        if not _waiting:
            return
        _retried = True
        _thread.interrupt_main()


def prepare() -> None:
    """Install Python's handler, note its C function, and put the former C function back. Only in the main
    thread; in others Ctrl-C stays R's."""
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
    """Begin Python's turn. KeyboardInterrupt if R has seen a Ctrl-C already."""
    global depth, _r_handler, _turn
    if getsignal(_SIGINT) is not _on_interrupt:  # reticulate installs its own when a script loads it
        prepare()
    if not _turn:
        _notice_signals()
    _turn = True
    if depth == 0 and _python_handler is not None:
        outside = _exchange(_SIGINT, _python_handler)
        if outside is not False:
            _r_handler = outside
    depth += 1
    if _pending.value and not _suspended.value:
        raise KeyboardInterrupt


def leave(before: int, interrupted: bool = False) -> None:
    """Begin R's turn. `before` is the value of `depth` before `enter`. R gets a Ctrl-C that ended the verb
    (`interrupted`), or that could not be raised."""
    global depth, _turn, _waiting
    depth = before
    if before == 0:
        if _r_handler is not None:
            _setsig(_SIGINT, _r_handler)
        _notice_signals()
        if _waiting or interrupted:
            _waiting = False
            _pending.value = 1
        _turn = False


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
