"""Processes that R forks (parallel::mclapply): Python's functions for a fork are called, as os.fork does.

Otherwise the child could wait for ever for a thread that held a lock of Python's at the fork, since the child
does not have that thread.

The functions are Python's own C functions, registered with C's pthread_atfork: no Python code may run in a
child before them. They must not run twice, so os.fork takes them off C's list. R code runs either with the
interpreter's lock held (where mxr has started Python or R), or without it (rpy2, reticulate since 1.40). In
the second case the lock is acquired before the fork, and released after it.
"""

from __future__ import annotations

import ctypes
import os
import sys
from typing import Any, TypeAlias

_c, _python = ctypes.CDLL(None), ctypes.pythonapi
_ours = ctypes.create_string_buffer(1)  # its address marks mxr's entries in C's list
_held = True
_prepared = False
_by_r = False  # whether R forks (and not os.fork)


def prepare(held: bool) -> None:
    """Register the functions. `held`: whether R code runs with the interpreter's lock held."""
    global _held, _prepared
    if _prepared:
        return
    _held, _prepared = held, True
    if hasattr(_c, "__register_atfork"):
        _enter()
        os.register_at_fork(before=_before, after_in_parent=_after, after_in_child=_after)
    elif sys.version_info < (3, 13):
        # Without glibc, entries cannot be taken off the list. The child's function may run twice before 3.13.
        _c.pthread_atfork(None, None, _pointer(_python.PyOS_AfterFork_Child))


def _pointer(function: Any) -> ctypes.c_void_p:
    return ctypes.cast(function, ctypes.c_void_p)


def _note_fork() -> None:
    global _by_r
    _by_r = True


_note_fork_for_c = ctypes.CFUNCTYPE(None)(_note_fork)
_Pointer: TypeAlias = ctypes.c_void_p | None


def _enter() -> None:
    """Put mxr's entries on C's list. C calls the functions for before a fork from the list's end, those for
    after it from the list's beginning."""

    def enter(before: _Pointer, parent: _Pointer, child: _Pointer) -> None:
        _c["__register_atfork"](before, parent, child, ctypes.byref(_ours))

    enter(
        *map(_pointer, (_python.PyOS_BeforeFork, _python.PyOS_AfterFork_Parent, _python.PyOS_AfterFork_Child))
    )
    enter(_pointer(_note_fork_for_c), None, None)
    if not _held:
        release = _pointer(_python.PyEval_SaveThread)
        enter(_pointer(_python.PyGILState_Ensure), release, release)


def _before() -> None:
    if not _by_r:
        # C calls this for a library that is unloaded; it takes the library's entries off the list
        _c["__cxa_finalize"](ctypes.byref(_ours))


def _after() -> None:
    global _by_r
    if not _by_r:
        _enter()
    _by_r = False
