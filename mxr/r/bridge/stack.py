"""R's check of the C stack, for the thread that calls R.

rpy2 turns the check off, so that R can be called from any thread; infinite recursion then crashes the
process. So each call tells R the address and size of its thread's stack. Where these are not known (no
glibc), the check stays off.
"""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_c = ctypes.CDLL(None)
_limit = ctypes.c_size_t.in_dll(_c, "R_CStackLimit")
_start = ctypes.c_size_t.in_dll(_c, "R_CStackStart")
_USED = 0.9  # the share of the stack that R may use: less than R's own 0.95, since R calls Python functions
_local = threading.local()
_depth = 0


def _stack() -> tuple[int, int] | None:
    """This thread's stack: its highest address, and its size in bytes."""
    if not hasattr(_local, "stack"):
        _local.stack = _found()
    found: tuple[int, int] | None = _local.stack
    return found


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
    """R checks this thread's stack within the block. Only one thread may be in such a block at a time; it may
    enter another one within."""
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
