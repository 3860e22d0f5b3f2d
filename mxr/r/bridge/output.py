"""Output that nobody reads any more, as in `Rscript script.R | head`.

R ends a script at its first write into such a pipe: its handler of SIGPIPE raises an error. Python, as it
starts, has the signal ignored, and R's handler cannot be given back: it is a private function of R's, and
until Python runs there is nothing that could ask for it. A handler that raises an R error would also jump
over the frames of Python code that writes into a pipe. So the door looks instead. Where Python starts R
(`mxr run`), R's handler is in place.
"""

from __future__ import annotations

import ctypes
import select
import signal
import sys

from mxr.operator import MxError

_c = ctypes.PyDLL(None)
_failed, _forget = _c.ferror, _c.clearerr  # of what C has written: R writes by C's functions
_failed.argtypes = _forget.argtypes = (ctypes.c_void_p,)
_stdout = ctypes.c_void_p.in_dll(_c, "__stdoutp" if sys.platform == "darwin" else "stdout")
_interactive = ctypes.c_ubyte.in_dll(_c, "R_Interactive")
_watched = False


def prepare() -> None:
    """Watch the output of a script whose R has lost its handler. At a prompt the user sees what becomes of
    the output."""
    global _watched
    # the process's own, not the one that Python believes in
    handler = ctypes.pythonapi.PyOS_getsig(int(signal.SIGPIPE))
    _watched = handler == signal.SIG_IGN and not _interactive.value


def check() -> None:
    """MxError if R has written since the last time where nobody reads."""
    if _watched and _failed(_stdout):
        _forget(_stdout)
        poll = select.poll()
        poll.register(1, 0)
        if any(event & select.POLLERR for _, event in poll.poll(0)):
            raise MxError("nobody reads the output any more (broken pipe)")
