"""R's own thread, to which the other threads' calls go: Python's main thread, where R was started there.

R belongs to one thread. Its check of the C stack is for that thread's stack; while R sleeps, its handler of
Ctrl-C jumps on the stack of the thread that gets the signal, which is the main one; and packages such as
later ask whether they run where R was started.

The main thread may be anywhere when another one asks: in a loop, in `thread.join()`, asleep. So it is woken
by a signal, SIGURG, which is ignored where nobody has asked for it, and works for the other thread between
two lines of its own code. It does so only where it is not itself in R or in rpy2: there, the other waits
until it has come out.
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

_KNOCK = signal.SIGURG
_FIRST, _MOST = 0.002, 0.05  # seconds until the next knock: twice as long each time
# seconds without an answer after which the main thread counts as deaf (it runs a loop of C's, a GUI's)
_PATIENCE = 1.0
_BUSY = ("rpy2.", "mxr.r.")  # modules whose code may have R in its hands


class _Asked:
    """A call that another thread has asked for, and what became of it."""

    def __init__(self, work: Callable[[], Any]):
        self.work = work
        self.value: Any = None
        self.error: BaseException | None = KeyboardInterrupt()  # that it did not even begin
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
    """The main thread as the one that calls R, made there. `call(work)` from anywhere."""

    def __init__(self) -> None:
        self._asked: deque[_Asked] = deque()
        self._depth = 0  # calls in which the main thread is
        self._former: Any = None
        self.serves = threading.current_thread() is threading.main_thread() and hasattr(
            signal, "pthread_kill"
        )
        if self.serves:
            self._former = signal.signal(_KNOCK, self._on_knock)
            self.ident = threading.get_ident()

    def call(self, work: Callable[[], T]) -> T:
        """The value of `work()`, which runs in R's thread; its error is raised here."""
        __tracebackhide__ = True
        if not self.serves:
            return work()
        if threading.get_ident() == self.ident:
            return self._mine(work)
        return self._ask(work)

    def _mine(self, work: Callable[[], T]) -> T:
        __tracebackhide__ = True
        self._depth += 1
        try:
            return work()
        finally:
            self._depth -= 1
            if self._asked and not self._depth:
                self._serve()

    def _ask(self, work: Callable[[], T]) -> T:
        __tracebackhide__ = True
        asked = _Asked(work)
        self._asked.append(asked)
        pause, idle = _FIRST, 0.0
        while not asked.done.is_set():
            if not self._depth and signal.getsignal(_KNOCK) == self._on_knock:
                signal.pthread_kill(self.ident, _KNOCK)
            if asked.done.wait(pause):
                break
            idle = 0.0 if self._in_r() else idle + pause
            pause = min(2 * pause, _MOST)
            if idle > _PATIENCE and self._withdrawn(asked):
                return work()  # as before there was a queue: under the lock of the process
        if asked.error is not None:
            raise asked.error
        return asked.value

    def _withdrawn(self, asked: _Asked) -> bool:
        try:
            self._asked.remove(asked)
        except ValueError:  # it is at work
            return False
        return True

    def _in_r(self) -> bool:
        return bool(self._depth) or _busy(sys._current_frames().get(self.ident))

    def _on_knock(self, number: int, frame: FrameType | None) -> None:
        if not self._asked:
            if callable(self._former):
                self._former(number, frame)
        elif not self._depth and not _busy(frame):
            self._serve()

    def _serve(self) -> None:
        """Work off what was asked for. A Ctrl-C meanwhile ends the other thread's call, and is the main
        thread's too."""
        self._depth += 1
        try:
            while self._asked:
                try:
                    asked = self._asked.popleft()
                except IndexError:  # withdrawn
                    break
                asked.run()
                if isinstance(asked.error, KeyboardInterrupt):
                    raise KeyboardInterrupt
        finally:
            self._depth -= 1


def _busy(frame: FrameType | None) -> bool:
    """Whether one of the calls in which the main thread is could have R in its hands."""
    while frame is not None:
        if str(frame.f_globals.get("__name__", "")).startswith(_BUSY):
            return True
        frame = frame.f_back
    return False


_own: OwnThread | None = None


def begin() -> None:
    """This thread starts R."""
    global _own
    _own = _own or OwnThread()


def call(work: Callable[[], T]) -> T:
    """The value of `work()` in R's own thread; without one, here."""
    __tracebackhide__ = True
    return _own.call(work) if _own else work()


def is_here() -> bool:
    """Whether a call would run in this very thread."""
    return _own is None or not _own.serves or threading.get_ident() == _own.ident
