"""Raises SIGINT before one chosen instruction of the door between R and Python. Python imports this module
when it starts, if its folder is in PYTHONPATH.

`raise` is called by C code alone: between it and the chosen instruction no Python code runs that could notice
the signal. So Python notices it where it would in life.
"""

import ctypes
import signal
import sys
import time
import weakref
from functools import partial

from mxr.r.bridge.registry import verb

ARGUMENTS = (ctypes.c_int, ctypes.py_object, ctypes.py_object, ctypes.py_object)


def tracer(name, following=None):
    """A trace function that calls the C function `name` with SIGINT. The frame's next one is `following`."""
    function = ctypes.PyDLL(None)[name]
    function.argtypes, function.restype = ARGUMENTS, {0: following, int(signal.SIGINT): following}.get
    return partial(function, int(signal.SIGINT))


ignore_it = tracer("abs")
raise_it = tracer("raise", ignore_it)
followed = set()  # the code of the functions whose instructions count
left = 0  # instructions until SIGINT, in this call of the door
armed = 0  # in the next call
began = ended = fired = began_before = False
where = ""


def follow(frame, event, arg):
    """Python's trace function: called at each call of a function."""
    global left, armed
    if frame.f_back and frame.f_back.f_trace is raise_it:  # the chosen instruction is this function's first
        frame.f_back.f_trace = ignore_it
        raise_it(frame, event, arg)  # noticed here, as at the beginning of any function
        return None
    if frame.f_code in followed:
        if frame.f_code.co_name == "_door":
            left, armed = armed, 0
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        return count(frame, event, arg)


def count(frame, event, arg):
    """The trace function of the functions that are followed, before each of their instructions."""
    global left, fired, began_before, where
    if event in ("call", "opcode") and left > 0:
        left -= 1
        if left == 0:
            fired, began_before = True, began
            outer = frame.f_back
            while outer:
                if outer.f_trace is not None:
                    outer.f_trace = ignore_it
                outer = outer.f_back
            where = f"{frame.f_code.co_name}, line {frame.f_lineno}"
            return raise_it
    return count


@verb("test.arm")
def arm(n, theirs=False):
    """SIGINT comes before the n-th instruction of the door from now on. `theirs`: as if another package had
    just installed its handler in Python."""
    from mxr.r.bridge import door, functions, interrupts

    global armed, began, ended, fired
    turn = interrupts.turn_of_r
    followed.update(
        f.__code__
        for f in (
            door._door,
            door._call,
            interrupts.enter,
            interrupts.leave,
            interrupts.prepare,
            interrupts.raise_waiting,
            turn.__enter__,
            turn.__exit__,
            functions.RFunction.__call__,
        )
    )
    if theirs:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    armed, began, ended, fired = int(n), False, False, False
    sys._getframe().f_trace_opcodes = True  # Python 3.12 and newer look for one such frame in `settrace`
    sys.settrace(follow)


@verb("test.disarm")
def disarm():
    """Whether SIGINT came; whether the verb had begun then; whether it ended; the line before."""
    return {"came": fired, "begun": began_before, "ended": ended, "where": where}


def some_work():
    """A second, if SIGINT has come: a conversion, which has to end first, delays an interrupt by 5 ms."""
    global ended
    end = time.monotonic() + 1
    while fired and time.monotonic() < end:
        pass
    ended = True


@verb("test.work")
def work():
    global began
    began = True
    some_work()


@verb("test.fail")
def fail():
    work()
    raise ValueError("words")


@verb("test.back")
def back(f):
    """Python calls R."""
    global began
    f([])
    began = True
    some_work()


def interrupt():
    """SIGINT, for the tests of what a verb's own code may be doing then."""
    global fired
    fired = True
    signal.raise_signal(signal.SIGINT)


class Finalized:
    def __del__(self):
        interrupt()


@verb("test.during")
def during(what, f=None):
    """A Ctrl-C that must not be raised where it comes."""
    from mxr.r.bridge import r_api, waiting

    global ended, fired
    ended = fired = False
    if what == "interrupts are suspended for a moment":  # as in reticulate's polling of R's events
        suspended = ctypes.c_int.in_dll(ctypes.PyDLL(None), "R_interrupts_suspended")
        suspended.value = 1
        interrupt()
        suspended.value = 0
    elif what == "R's events are polled":
        former, waiting._before = waiting._before, interrupt
        waiting._release_lock()
        waiting._before = former
    elif what == "a finalizer runs":
        Finalized()
    elif what == "a finalizer of weakref runs":
        weakref.finalize(type("Thing", (), {})(), interrupt)
    elif what == "the code swallows exceptions":
        try:
            interrupt()
            some_work()
        except BaseException:
            ended = True
            return
    elif what == "R has called the door within Python's turn":
        r_api.evaluate_call(f._call)
        interrupt()
    some_work()
