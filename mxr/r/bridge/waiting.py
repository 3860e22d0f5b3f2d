"""Python's other threads go on while R waits, at its prompt or in Sys.sleep().

Where mxr has started Python or R, R's code runs with the interpreter's lock held: finalizers of reticulate before 1.40 take that for granted. So
the lock is given up where R calls nobody: from the function that it calls regularly while it waits for input or for time to pass.
"""
from __future__ import annotations

import ctypes
import threading
import time

from mxr.r.bridge import interrupts

EVERY = 10_000            # microseconds of waiting until R calls, where nothing else has asked for it; as tcltk does
TURN = 0.01               # seconds that the threads then have

_r = ctypes.PyDLL(None)
_function = ctypes.CFUNCTYPE(None)
_before = None            # what R called until now


@_function
def _give_way() -> None:
    _before()
    try:
        if threading.active_count() > 1:
            time.sleep(TURN)
    except KeyboardInterrupt:              # reticulate's handler tells Python what R hears, too
        pass


def prepare() -> None:
    global _before
    if _before is None:
        polled, wait = ctypes.c_void_p.in_dll(_r, "R_PolledEvents"), ctypes.c_int.in_dll(_r, "R_wait_usec")
        interrupts.rests(globals())
        _before = ctypes.PYFUNCTYPE(None)(polled.value)
        polled.value = ctypes.cast(_give_way, ctypes.c_void_p).value
        wait.value = min(wait.value or EVERY, EVERY)
