"""R's own thread: Python's main thread, if that has started R. It runs the R calls of all other threads.

R belongs to one thread. Its check of the C stack is for that thread's stack. While R sleeps, its handler of
Ctrl-C jumps on the stack of the thread that gets the signal, which is the main thread. And packages such as
later test whether they run in the thread that started R.

When another thread has a call, the main thread may be anywhere: in a loop, in `thread.join()`, asleep. So the
other thread queues the call and sends the main thread a signal, SIGURG, which processes ignore by default.
The signal's handler runs the call between two instructions of the main thread's own code; but if the main
thread is itself in R or in rpy2, the call waits until it has left them.
"""

from __future__ import annotations

import signal
import sys
import threading
from collections import deque
from collections.abc import Callable
from types import FrameType
from typing import Any, TypeVar

T = TypeVar("T")

_SIGNAL = signal.SIGURG
_FIRST, _MOST = 0.002, 0.05  # seconds until the signal is sent again: the first time, and at most
# seconds after which the main thread counts as blocked in C code (a GUI's loop), where Python's signal
# handlers do not run
_PATIENCE = 1.0
_BUSY = ("rpy2.", "mxr.r.")  # modules whose code may be in the middle of a call of R


class _Call:
    """A call that another thread has queued, and its result."""

    def __init__(self, work: Callable[[], Any]) -> None:
        self.work = work
        self.value: Any = None
        self.error: BaseException | None = KeyboardInterrupt()  # stays if an interrupt comes before `run`
        self.done = threading.Event()

    def run(self) -> None:
        try:
            self.value = self.work()
            self.error = None
        except BaseException as error:
            self.error = error
        finally:
            self.done.set()


class OwnThread:
    """Made in the thread that starts R. `call(work)` from any thread runs `work` in that thread, if it is the
    main thread; else in the calling thread."""

    def __init__(self) -> None:
        self._queue: deque[_Call] = deque()
        self._depth = 0  # how many calls the main thread is running, one within another
        self._former: Any = None
        self.serves = threading.current_thread() is threading.main_thread() and hasattr(
            signal, "pthread_kill"
        )
        if self.serves:
            self._former = signal.signal(_SIGNAL, self._on_signal)
            self.ident = threading.get_ident()

    def call(self, work: Callable[[], T]) -> T:
        """The value of `work()`, which runs in R's thread; its exception is raised in the calling thread."""
        __tracebackhide__ = True
        if not self.serves:
            return work()
        if threading.get_ident() == self.ident:
            return self._call_here(work)
        return self._call_there(work)

    def _call_here(self, work: Callable[[], T]) -> T:
        __tracebackhide__ = True
        self._depth += 1
        try:
            return work()
        finally:
            self._depth -= 1
            if self._queue and not self._depth:
                self._serve()

    def _call_there(self, work: Callable[[], T]) -> T:
        __tracebackhide__ = True
        call = _Call(work)
        self._queue.append(call)
        pause, idle = _FIRST, 0.0
        while not call.done.is_set():
            if not self._depth and signal.getsignal(_SIGNAL) == self._on_signal:
                signal.pthread_kill(self.ident, _SIGNAL)
            if call.done.wait(pause):
                break
            idle = 0.0 if self._in_r() else idle + pause
            pause = min(2 * pause, _MOST)
            if idle > _PATIENCE and self._withdrawn(call):
                return work()  # in this thread; the session's lock keeps the others out of R
        if call.error is not None:
            raise call.error
        value: T = call.value
        return value

    def _withdrawn(self, call: _Call) -> bool:
        try:
            self._queue.remove(call)
        except ValueError:  # the main thread is running it
            return False
        return True

    def _in_r(self) -> bool:
        return bool(self._depth) or _busy(sys._current_frames().get(self.ident))

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if not self._queue:
            if callable(self._former):
                self._former(number, frame)
        elif not self._depth and not _busy(frame):
            self._serve()

    def _serve(self) -> None:
        """Run the queued calls. A Ctrl-C during one raises KeyboardInterrupt in its thread and in the main
        thread."""
        self._depth += 1
        try:
            while self._queue:
                try:
                    call = self._queue.popleft()
                except IndexError:  # its thread has withdrawn it
                    break
                call.run()
                if isinstance(call.error, KeyboardInterrupt):
                    raise KeyboardInterrupt
        finally:
            self._depth -= 1


def _busy(frame: FrameType | None) -> bool:
    """Whether a function of rpy2 or of mxr.r is among the running calls."""
    while frame is not None:
        if str(frame.f_globals.get("__name__", "")).startswith(_BUSY):
            return True
        frame = frame.f_back
    return False


_own: OwnThread | None = None


def begin() -> None:
    """Note that this thread starts R."""
    global _own
    _own = _own or OwnThread()


def call(work: Callable[[], T]) -> T:
    """The value of `work()`, which runs in R's own thread, or in this one if R has none."""
    __tracebackhide__ = True
    return _own.call(work) if _own else work()


def is_here() -> bool:
    """Whether `call` would run its work in this thread."""
    return _own is None or not _own.serves or threading.get_ident() == _own.ident
