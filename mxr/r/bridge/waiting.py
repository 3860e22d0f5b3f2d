"""Lets Python's other threads run while R waits, at its prompt or in Sys.sleep(), and while R computes.

Where mxr has started Python or R, R code runs with the interpreter's lock held, because finalizers of
reticulate before 1.40 rely on that. So the lock is released for a moment in the function that R calls while
it waits for input or for time to pass, and while it checks for a Ctrl-C.

Not beside a reticulate before 1.40: it makes Python call R from any Python code. If R is about to handle a
Ctrl-C then, the process crashes. (Such a reticulate alone does not let threads run either.)
"""

from __future__ import annotations

import ctypes
import threading
import time
from collections.abc import Callable

from mxr.r.bridge import interrupts
from mxr.r.bridge.registry import verb
from mxr.runtime.threads import helpers

POLL_EVERY = 5_000  # microseconds between R's calls while it waits, unless another package has set fewer
RELEASE_EVERY = 0.002  # seconds between two releases of the lock

_held = False  # whether R code runs with the lock held
_before: Callable[[], None] | None = None  # the function that R called before
_address = 0  # of that function
_last = 0.0


def _release_lock() -> None:
    global _last
    try:
        if _before is not None:
            _before()
        now = time.monotonic()
        if now - _last > RELEASE_EVERY:
            _last = now
            if threading.active_count() > 1 + helpers():  # mxr's own threads are idle while R code runs
                time.sleep(0)
    except KeyboardInterrupt:  # reticulate's handler notifies both R and Python of a Ctrl-C; R handles it
        pass


_for_r = ctypes.CFUNCTYPE(None)(_release_lock)


def prepare(held: bool) -> None:
    global _held
    _held = held


@verb("bridge.threads")
def threads(run: bool) -> None:
    """Whether other threads run from now on."""
    global _before, _address
    polled = ctypes.c_void_p.in_dll(ctypes.PyDLL(None), "R_PolledEvents")
    ours = ctypes.cast(_for_r, ctypes.c_void_p).value
    if run and _held and _before is None and polled.value is not None:
        interrupts.rests(globals())
        _address, _before = polled.value, ctypes.PYFUNCTYPE(None)(polled.value)
        wait = ctypes.c_int.in_dll(ctypes.PyDLL(None), "R_wait_usec")
        wait.value = min(wait.value or POLL_EVERY, POLL_EVERY)
        polled.value = ours
    elif not run and _before is not None and polled.value == ours:
        polled.value, _before = _address, None
