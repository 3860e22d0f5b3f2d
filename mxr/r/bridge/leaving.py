"""The end of R, which ends the process: Python's exit functions are called, and its output is written out, as
at the end of Python."""

from __future__ import annotations

import atexit
import os
import sys
import threading
import traceback

from mxr.r.bridge.registry import verb

_pid = 0


def prepare() -> None:
    """Have it done by this process (not by the children that it forks). What Python prints appears at once,
    among R's output."""
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
    wait = threading._shutdown  # type: ignore[attr-defined]  # in no stub
    for last in (wait, atexit._run_exitfuncs, _flush):  # waits for threads, as Python does
        try:
            last()
        except BaseException:
            traceback.print_exc()


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        if stream is not None and not stream.closed:
            stream.flush()
