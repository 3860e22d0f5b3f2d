"""R's check of the C stack, for the thread that calls R.

rpy2 turns the check off, so that R can be called from any thread; endless recursion then ends the process. So
each call tells R which stack it is on. Where the stack is not known (no glibc), the check stays off.
"""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_c = ctypes.CDLL(None)
_limit = ctypes.c_size_t.in_dll(_c, "R_CStackLimit")
_start = ctypes.c_size_t.in_dll(_c, "R_CStackStart")
_USED = 0.9  # the part of a stack that R may use: R itself takes 0.95, Python needs more for what R calls
_mine = threading.local()
_depth = 0


def _stack() -> tuple[int, int] | None:
    """Where this thread's stack begins (its highest address), and its size in bytes."""
    if not hasattr(_mine, "stack"):
        _mine.stack = _found()
    return _mine.stack


def _found() -> tuple[int, int] | None:
    if not hasattr(_c, "pthread_getattr_np"):
        return None
    attributes, low, size = ctypes.create_string_buffer(256), ctypes.c_void_p(), ctypes.c_size_t()
    _c.pthread_self.restype = ctypes.c_void_p
    if _c.pthread_getattr_np(ctypes.c_void_p(_c.pthread_self()), attributes):
        return None
    failed = _c.pthread_attr_getstack(attributes, ctypes.byref(low), ctypes.byref(size))
    _c.pthread_attr_destroy(attributes)
    return None if failed or not low.value else (low.value + size.value, size.value)


@contextmanager
def checked() -> Iterator[None]:
    """R checks this thread's stack inside; only one thread may be inside, though it may be so again."""
    global _depth
    stack = _stack()
    if stack is None or _depth:
        yield
        return
    before = _limit.value, _start.value
    _depth += 1
    _start.value, _limit.value = stack[0], int(stack[1] * _USED)
    try:
        yield
    finally:
        _depth -= 1
        _limit.value, _start.value = before
