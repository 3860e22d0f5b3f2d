"""Joining the R that runs in this process already."""
from __future__ import annotations

import ctypes
import os

from mxr.r.host.installation import import_rpy2


def join() -> None:
    """Open the door for the R that runs in this process already. Leaves signals and the environment as they were."""
    environment = dict(os.environ)
    import_rpy2()
    for name in set(os.environ) - set(environment):
        del os.environ[name]
    os.environ.update(environment)
    # These need rpy2's C library, and that needs R's: only now are both here.
    import mxr.r.verbs  # noqa: F401  (registers what R may ask for)
    from mxr.r.bridge import door, interrupts, output
    interrupts.prepare()
    output.prepare()
    mind_forks()
    door.connect()


_minds_forks = False


def mind_forks() -> None:
    """Have Python set itself up anew in children that R forks (parallel::mclapply): a thread that waited for the interpreter's
    lock when the process was forked is not there, and the child would wait for it for ever."""
    global _minds_forks
    libc, after = ctypes.CDLL(None), ctypes.cast(ctypes.pythonapi.PyOS_AfterFork_Child, ctypes.c_void_p)
    if _minds_forks:
        return
    if hasattr(libc, "__register_atfork"):           # what pthread_atfork is in glibc
        libc["__register_atfork"](None, None, after, None)
    else:
        libc.pthread_atfork(None, None, after)
    _minds_forks = True
