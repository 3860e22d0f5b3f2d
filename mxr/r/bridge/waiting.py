"""Python's other threads go on while R waits, at its prompt or in Sys.sleep(), and while it computes.

Where mxr has started Python or R, R's code runs with the interpreter's lock held: finalizers of reticulate
before 1.40 take that for granted. So the lock is given up, for the time that a thread which wants it may have
it, in the function that R calls while it waits for input or for time to pass, and when it looks for a Ctrl-C.

Not beside a reticulate before 1.40: it has Python call R wherever Python's code runs, and R may be about to
take a Ctrl-C there, which ends the process. (Such a reticulate alone does not let threads go on either.)
"""

from __future__ import annotations

import ctypes
import threading
import time

from mxr.r.bridge import interrupts
from mxr.r.bridge.registry import verb
from mxr.runtime.threads import helpers

EVERY = 5_000  # microseconds of waiting until R calls, where nothing else has asked for it
SELDOM = 0.002  # seconds between two turns, while R computes

_function = ctypes.CFUNCTYPE(None)
_held = False  # whether R's code runs with the lock held
_before = None  # what R called until now, and its address
_address = 0
_last = 0.0


@_function
def _give_way() -> None:
    global _last
    try:
        if _before is not None:
            _before()
        now = time.monotonic()
        if now - _last > SELDOM:
            _last = now
            if threading.active_count() > 1 + helpers():  # ours have nothing to do while R computes
                time.sleep(0)
    except KeyboardInterrupt:  # reticulate's handler tells Python what R hears, too
        pass


def prepare(held: bool) -> None:
    global _held
    _held = held


@verb("bridge.threads")
def threads(run: bool) -> None:
    """Let threads run, or not, from now on."""
    global _before, _address
    polled = ctypes.c_void_p.in_dll(ctypes.PyDLL(None), "R_PolledEvents")
    ours = ctypes.cast(_give_way, ctypes.c_void_p).value
    if run and _held and _before is None and polled.value is not None:
        interrupts.rests(globals())
        _address, _before = polled.value, ctypes.PYFUNCTYPE(None)(polled.value)
        wait = ctypes.c_int.in_dll(ctypes.PyDLL(None), "R_wait_usec")
        wait.value = min(wait.value or EVERY, EVERY)
        polled.value = ours
    elif not run and _before is not None and polled.value == ours:
        polled.value, _before = _address, None
