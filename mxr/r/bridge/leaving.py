"""The end of the process where R ends it: waits for Python's threads, calls its exit functions, flushes its
output, as Python does at its own end."""

from __future__ import annotations

import atexit
import os
import sys
import threading
import traceback

from mxr.r.bridge.registry import verb

_pid = 0


def prepare() -> None:
    """Do so at the end of this process (not of children that it forks). From now on Python's output appears
    line by line, so that it is in order with R's."""
    global _pid
    _pid = os.getpid()
    if sys.stdout is not None and hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(line_buffering=True)


def r_ends() -> bool:
    """Whether the end of R is the end of this process."""
    return os.getpid() == _pid


@verb("host.leave")
def leave() -> None:
    if not r_ends():
        return
    wait_for_threads = threading._shutdown  # type: ignore[attr-defined]  # in no stub
    for last in (wait_for_threads, atexit._run_exitfuncs, _flush):
        try:
            last()
        except BaseException:
            traceback.print_exc()


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        if stream is not None and not stream.closed:
            stream.flush()
