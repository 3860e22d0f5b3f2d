"""A Ctrl-C that Python notices late, because another thread received the signal: it arrives exactly once."""

from __future__ import annotations

import sys

PRELUDE = """
suppressMessages(library(mxnet))
invisible(as.array(mx.nd.ones(2)))
reticulate::py_run_string("
import ctypes, threading
from mxr.r.bridge import convert, r_api, registry
# with Python's lock held: giving it up and taking it again makes Python look
c, thread = ctypes.PyDLL(None), ctypes.c_ulong()
interrupt = ctypes.pythonapi.PyErr_SetInterrupt
def tell_another_thread():
    c.pthread_create(ctypes.byref(thread), None, interrupt, None)
    c.pthread_join(thread, None)
@registry.verb('test.tell')
def tell():
    tell_another_thread()
    return 'told'
r_api.evaluate('options',
  r_api.native_symbol(r_api.ffi.cast('void *',
    ctypes.cast(interrupt, ctypes.c_void_p).value)), name='test.interrupt')
")
"""

# As reticulate's handler of SIGINT does: R's code runs, and Python is told.
TOLD = """for (i in 1:3) stopifnot(identical(as.array(mx.nd.array(c(1, 2))), c(1, 2)))"""
CHECKS = {
    "what R has been told already is not told again": ".C(getOption('test.interrupt')); " + TOLD,
    "what comes at the end of Python's turn is not lost": """
        stopped <- tryCatch({ mxnet:::call_python("test.tell"); for (i in 1:100) Sys.sleep(0.01); FALSE },
          interrupt = function(e) TRUE)
        stopifnot(stopped, identical(as.array(mx.nd.array(c(1, 2))), c(1, 2)))
    """,
}
if sys.version_info < (3, 13):  # from here on Python checks at once, and reticulate's own call is interrupted
    CHECKS["nor is what another thread was told"] = (
        "reticulate::py_run_string('tell_another_thread()'); " + TOLD
    )


def test_late_interrupts(check):
    assert check == "ok"
