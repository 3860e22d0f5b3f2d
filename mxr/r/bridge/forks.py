"""Children that R forks (parallel::mclapply): Python is told before and after, as by os.fork. Else a thread
that waited for the interpreter's lock when the process was forked, and is not there in the child, would be
waited for for ever.

C's own list of what to call around a fork does it, with Python's C functions themselves, since no Python code
may run in a child before they have. They must not run twice, so os.fork takes them off the list. R's code
runs either with the interpreter's lock held (where mxr has started one of the two), or without it (rpy2,
reticulate since 1.40): then it is taken before and given up after.
"""

from __future__ import annotations

import ctypes
import os
import sys

_c, _python = ctypes.CDLL(None), ctypes.pythonapi
_ours = ctypes.create_string_buffer(1)  # its address tells our entries in C's list from others
_held = True
_prepared = False
_by_r = False  # whether the fork that is going on is one of R's


def prepare(held: bool) -> None:
    """Set it up; `held`: whether R's code runs with the interpreter's lock held."""
    global _held, _prepared
    if _prepared:
        return
    _held, _prepared = held, True
    if hasattr(_c, "__register_atfork"):
        _enter()
        os.register_at_fork(before=_before, after_in_parent=_after, after_in_child=_after)
    elif sys.version_info < (
        3,
        13,
    ):  # not glibc: nothing can be taken off the list, and until 3.12 the child's part may run twice
        _c.pthread_atfork(None, None, _pointer(_python.PyOS_AfterFork_Child))


def _pointer(function) -> ctypes.c_void_p:
    return ctypes.cast(function, ctypes.c_void_p)


@ctypes.CFUNCTYPE(None)
def _r_forks() -> None:
    global _by_r
    _by_r = True


def _enter() -> None:
    """Into the list: what is to be done before a fork is done from its end, what comes after from its
    beginning."""

    def enter(before, parent, child):
        _c["__register_atfork"](before, parent, child, ctypes.byref(_ours))

    enter(
        *map(_pointer, (_python.PyOS_BeforeFork, _python.PyOS_AfterFork_Parent, _python.PyOS_AfterFork_Child))
    )
    enter(_pointer(_r_forks), None, None)
    if not _held:
        give_up = _pointer(_python.PyEval_SaveThread)
        enter(_pointer(_python.PyGILState_Ensure), give_up, give_up)


def _before() -> None:
    if not _by_r:
        # what a library that is unloaded calls: takes its entries off
        _c["__cxa_finalize"](ctypes.byref(_ours))


def _after() -> None:
    global _by_r
    if not _by_r:
        _enter()
    _by_r = False
