"""R inside this Python, for tests and notebooks: runs R code, and returns its values, warnings and errors.

    r = mxr.r.session()
    r["x"] = np.arange(6.0).reshape(2, 3)           # in R: dim c(3, 2)
    r.run("y <- as.array(mx.nd.square(mx.nd.array(x)))")
    r["y"]                                          # shape (2, 3)

The first call starts R. Any thread may call it: R does one thing at a time, and if Python's main thread
started R, always in that thread (mxr.r.host.own_thread).
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeVar

from mxr.operator import MxError
from mxr.r import host
from mxr.r.host import own_thread

T = TypeVar("T")


class RUnavailable(MxError):
    """R cannot be used here: it is missing, does not fit rpy2, or lacks the package mxnet. The message says
    what to do."""


def _print(text: str) -> None:
    print(text, end="")


@dataclass
class Captured:
    """What R code printed: `output`, one text; `messages`, those of message(), and `warnings`, in order."""

    output: str = ""
    messages: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


class Session:
    """R with a new environment, whose parent is R's global environment. `r.run(code)` evaluates code
    there; `r["x"]`, `r["x"] = value` and `"x" in r` read and write its variables. Values: mxr.r.layout.
    `said` collects what R code prints, its messages and warnings."""

    def __init__(self, process: _Process) -> None:
        self._process = process
        self._captured: list[Captured] = []
        self.said = Captured()
        self.environment = process.call(process.environment)

    def run(self, code: str) -> Any:
        """Run R code; the value of its last expression. RError if it fails, or a subclass (RParamError ...)
        if mxr raised the error."""
        __tracebackhide__ = True  # so that pytest shows the line of the test
        return self._evaluated(code, None, False)

    def source(self, path: str | os.PathLike[str], chdir: bool = False) -> Any:
        """Run the R script at `path`; the value of its last expression. `chdir`: with the script's folder as
        the working directory."""
        __tracebackhide__ = True
        if not Path(path).is_file():
            raise MxError(f"r.source: there is no file {path}")
        return self._evaluated(None, str(Path(path).resolve()), chdir)

    def _evaluated(self, code: str | None, file: str | None, chdir: bool) -> Any:
        __tracebackhide__ = True
        return self._in_r(lambda: self._process.evaluate(code, file, self.environment, chdir))

    def _apply(self, function: Any, args: Sequence[Any], named: dict[str, Any]) -> Any:
        __tracebackhide__ = True
        return self._in_r(lambda: self._process.apply(function, args, named))

    def _in_r(self, call: Callable[[], Any]) -> Any:
        """`call()` in R's thread, as `_result` returns it; its output is printed by the calling thread."""
        __tracebackhide__ = True
        if own_thread.is_here():
            return self._process.call(self._result, call, _print)
        texts: list[str] = []
        try:
            return self._process.call(self._result, call, texts.append)
        finally:
            _print("".join(texts))  # not in the main thread, which may be within a `print` of its own

    def _result(self, call: Callable[[], Any], show: Callable[[str], None]) -> Any:
        """The value in the report that `call()` returns; an error in it is raised. `show` gets what R
        prints."""
        __tracebackhide__ = True
        from mxr.r import layout, objects
        from mxr.r.bridge import errors

        with self._collected(show):
            report = call()
        how, value, calls, messages, warnings = report
        for said in (self.said, *self._captured):
            said.messages += [m.removesuffix("\n") for m in messages]
            said.warnings += list(warnings)
        if how[0] == "value":
            return layout.to_python(value, self._apply)
        if how[0] == "interrupt":
            raise KeyboardInterrupt
        error = errors.exception(*objects.condition(value), traceback=list(calls))
        if calls:
            error.add_note("R traceback:\n" + "\n".join(f"  {i + 1}: {call}" for i, call in enumerate(calls)))
        raise error

    @contextmanager
    def capture(self) -> Iterator[Captured]:
        """Within `with r.capture() as said:`, what R code prints goes to `said` and not to the console."""
        mine = Captured()
        self._captured.append(mine)
        try:
            yield mine
        finally:
            self._captured.remove(mine)

    @contextmanager
    def _collected(self, show: Callable[[str], None]) -> Iterator[None]:
        """R's output within the block goes to `said`, and to the captures or else to `show`."""

        def write(text: str) -> None:
            for said in (self.said, *self._captured):
                said.output += text
            if not self._captured:
                show(text)

        with self._process.printing_to(write):
            yield

    def __getitem__(self, name: str) -> Any:
        def get() -> Any:
            from mxr.r import layout

            if not self._process.exists(name, self.environment):
                raise KeyError(f"R has no variable {name}")
            return layout.to_python(self._process.get(name, self.environment), self._apply)

        return self._process.call(get)

    def __setitem__(self, name: str, value: Any) -> None:
        def put() -> None:
            from mxr.r import layout

            self._process.assign(name, layout.to_r(value), self.environment)

        self._process.call(put)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self._process.call(self._process.exists, name, self.environment)

    def __repr__(self) -> str:
        return f"<R {'.'.join(map(str, self._process.version))}>"


class _Process:
    """The R of this process, and the R functions that all sessions use."""

    def __init__(self, libraries: Sequence[str]) -> None:
        self._lock = threading.RLock()
        self._printing: list[Callable[[str], None]] = []
        self.version = host.r_version()
        if libraries:
            os.environ["R_LIBS"] = os.pathsep.join([*libraries, *filter(None, [os.environ.get("R_LIBS")])])
        self._stack: Callable[[], AbstractContextManager[None]] = nullcontext
        with self._lock:
            self._begin()
        from mxr.r.bridge import stack

        self._stack = stack.checked

    def call(self, function: Callable[..., T], *args: Any) -> T:
        """`function(*args)` in R's own thread, once no other thread is in R."""
        __tracebackhide__ = True

        def work() -> T:
            __tracebackhide__ = True
            with self._lock, self._stack():
                return function(*args)

        return own_thread.call(work)

    def _begin(self) -> None:
        host.start()
        from rpy2 import rinterface
        from rpy2.rinterface_lib import callbacks

        from mxr.r.objects import immortal

        def evalr(code: str) -> Any:
            return immortal(rinterface.evalr(code))

        if not evalr("requireNamespace('mxnet', quietly = TRUE)")[0]:
            raise RUnavailable("R has no package mxnet: run `mxr install-r`, or name its library by R_LIBS")
        self._functions = {
            name: evalr(f"asNamespace('mxnet')${name}")
            for name in ("evaluate_for_python", "apply_for_python")
        }
        if any(f is rinterface.NULL for f in self._functions.values()):
            raise RUnavailable(
                "R's package mxnet and this mxr do not fit together: run `mxr install-r` again"
            )
        evalr("suppressPackageStartupMessages(library(mxnet))")
        self._new = evalr("function() new.env(parent = globalenv())")
        self.get, self._exists, self.assign = map(
            evalr,
            (
                "function(name, envir) get(name, envir)",
                "function(name, envir) exists(name, envir)",
                "function(name, value, envir) { assign(name, value, envir); NULL }",
            ),
        )
        printed = callbacks.consolewrite_print
        callbacks.consolewrite_print = lambda text: (self._printing[-1] if self._printing else printed)(text)

    def environment(self) -> Any:
        return self._new()

    def exists(self, name: str, environment: Any) -> bool:
        return bool(self._exists(name, environment)[0])

    def evaluate(self, code: str | None, file: str | None, environment: Any, chdir: bool) -> Any:
        from mxr.r import layout

        return self._functions["evaluate_for_python"](
            layout.to_r(code), layout.to_r(file), environment, chdir
        )

    def apply(self, function: Any, args: Sequence[Any], named: dict[str, Any]) -> Any:
        from rpy2 import rinterface

        from mxr.r import layout

        values = rinterface.ListSexpVector([layout.to_r(v) for v in (*args, *named.values())])
        values.names = rinterface.StrSexpVector(["" for _ in args] + list(named))
        return self._functions["apply_for_python"](function, values)

    @contextmanager
    def printing_to(self, write: Callable[[str], None]) -> Iterator[None]:
        self._printing.append(write)
        try:
            yield
        finally:
            self._printing.remove(write)


_process: _Process | None = None
_failed: RUnavailable | None = None
_starting = threading.Lock()


def session(libraries: Sequence[str] = ()) -> Session:
    """A session with a new environment. The first call starts R; `libraries` are R libraries to search before
    R's own. RUnavailable if R cannot be used here."""
    global _process, _failed
    with _starting:
        if _process is None and _failed is None:
            try:
                _process = _Process(libraries)
            except (MxError, OSError) as error:
                _failed = error if isinstance(error, RUnavailable) else RUnavailable(str(error))
    if _process is None:
        assert _failed is not None
        raise RUnavailable(str(_failed)) from _failed
    return Session(_process)


def unavailable() -> str | None:
    """Why R cannot be used here, or None. Does not start R, so a missing package mxnet is found only by
    `session`."""
    try:
        host.r_home()
    except MxError as error:
        return str(error)
    if find_spec("rpy2") is None:
        return "this Python has no rpy2: " + host.rpy2_remedy()
    return None
