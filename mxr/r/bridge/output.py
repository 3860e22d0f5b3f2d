"""R's output: broken pipes, and notebooks.

A broken pipe is standard output of which nobody reads the rest, as in `Rscript script.R | head`. R ends a
script at its first write into a broken pipe: its handler of SIGPIPE raises an R error. Python sets the
signal to ignored when it starts. R's handler cannot be installed again: it is a private C function, and
nothing could read its address before Python ran. (It would also jump over the frames of Python code that
writes into a pipe.) So the door checks standard output instead. Where Python starts R (`mxr run`), R's
handler is in place.
"""

from __future__ import annotations

import ctypes
import select
import signal
import sys
from collections.abc import Callable
from functools import partial

from mxr.operator import MxError
from mxr.r.bridge import crossing

_c = ctypes.PyDLL(None)
_ferror, _clear = _c.ferror, _c.clearerr  # of C's stdout, which R writes to
_ferror.argtypes = _clear.argtypes = (ctypes.c_void_p,)
_stdout = ctypes.c_void_p.in_dll(_c, "__stdoutp" if sys.platform == "darwin" else "stdout")
_interactive = ctypes.c_ubyte.in_dll(_c, "R_Interactive")
_failed: Callable[[], int] = partial(_ferror, _stdout)
if crossing.core is not None:  # called in a tenth of the time
    _failed = crossing.core.output_failed
_watched = False


def prepare() -> None:
    """Watch the output of a script whose R has lost its handler. Not at a prompt, where the user sees the
    output."""
    global _watched
    # the process's real handler: signal.getsignal only returns what Python itself has set
    handler = ctypes.pythonapi.PyOS_getsig(int(signal.SIGPIPE))
    _watched = handler == signal.SIG_IGN and not _interactive.value
    if type(sys.stdout).__module__.startswith("ipykernel"):
        _leave_flushing_to_the_kernel()


def _leave_flushing_to_the_kernel() -> None:
    """R prints a matrix number by number. rpy2 flushes after each, and the kernel makes every flush an output
    of its own, which nbconvert shows on a line of its own. Without rpy2's flush, the kernel sends what has
    accumulated a few times per second."""
    from rpy2.rinterface_lib import callbacks

    if callbacks.consolewrite_print.__module__ == callbacks.__name__:
        callbacks.consolewrite_print = lambda text: print(text, end="")


def check() -> None:
    """MxError if R has written into a broken pipe since the last check."""
    if _watched and _failed():
        _clear(_stdout)
        poll = select.poll()
        poll.register(1, 0)
        if any(event & select.POLLERR for _, event in poll.poll(0)):
            raise MxError("nobody reads the output any more (broken pipe)")
