"""A pool of threads that all kernels share. BLAS runs on one thread while the pool is in use.

`workers()` is the number of tasks that can run at once, `run` runs a list of tasks, and `map_blocks` cuts a
range into tasks. Results do not depend on timing if tasks write to disjoint memory: a task does not see which
worker runs it, and BLAS is single-threaded inside a task.
"""

from __future__ import annotations

import ctypes
import itertools
import math
import os
import sys
import threading
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import nullcontext, suppress
from functools import partial
from queue import SimpleQueue
from time import perf_counter_ns
from types import CodeType
from typing import Any, TypeVar

import numpy as np

from mxr.runtime import costs

Function = TypeVar("Function", bound=Callable[..., Any])
UNBROKEN: set[CodeType] = set()  # the code of all `unbroken` functions


def unbroken(function: Function) -> Function:
    """Mark a short function that a Ctrl-C from R must not break off: mxr.r.bridge.interrupts waits for its
    end."""
    UNBROKEN.add(function.__code__)
    return function


def workers() -> int:
    """The number of tasks that run at once: the CPUs that this process may use, or OMP_NUM_THREADS if that is
    smaller. Processes that mpirun or another launcher has started on this machine divide its CPUs."""
    return _count


def run(tasks: Sequence[Callable[[], object]]) -> None:
    """Call each task once, on several workers, and return when all are done. The overhead is 10 to 40
    microseconds.

    The calling thread is one of the workers. Inside a task, `run` calls its tasks one after the other. After
    a failure no further task begins. When those that run have ended, the exception of the first failed task
    in list order is raised.
    """
    if _inside.active:
        for task in tasks:
            task()
        return
    with single_blas(), _turn:
        _started().run(tasks)


def share(lead: Callable[[], object], help: Callable[[], object], spread: bool = False) -> None:
    """Call `lead` on this thread, and `help` on the other workers. Return when `lead` returns: a worker may
    still be in `help`, or begin it later.

    So `lead` itself has to wait for work that `help` has begun, and `help` must touch nothing once `lead` has
    ended. Then a worker that has no CPU, beside a busy process, is not waited for.

    With `spread` workers wake on other CPUs than the caller's, which takes a few microseconds more. If all
    CPUs are busy, the system may wake a worker on the caller's CPU: then both threads share that one, and
    another process has one for itself.
    """
    if _inside.active:
        lead()
        return
    with single_blas(), _turn:
        _started().share(lead, help, spread)


class single_blas:
    """`with single_blas():` BLAS runs on the calling thread only.

    The threads of BLAS libraries wait by spinning. That costs more than it gains for small matrices, and very
    much on a busy machine. So large products are cut into parts for `run` instead.
    """

    @unbroken
    def __enter__(self) -> None:
        _blas.hold()

    @unbroken
    def __exit__(self, *exc: object) -> None:
        _blas.release()


def map_blocks(fn: Callable[[int, int], object], n: int, least: int = 1, blocks: int | None = None) -> None:
    """Call `fn(start, stop)` on consecutive blocks of range(n): one per worker, or `blocks` of them, each of
    at least `least` elements."""
    count = max(1, min(blocks or _count, n // max(1, least)))
    if count == 1:
        run([lambda: fn(0, n)])
        return
    run([partial(fn, a, b) for a, b in cuts(n, count)])


def cuts(n: int, parts: int, ahead: float = 0, step: int = 1) -> list[tuple[int, int]]:
    """range(n) as at most `parts` pieces `(start, stop)` of about equal length, cut at multiples of `step`.

    The first piece is longer by `ahead`. It is for the calling thread, which begins while the others wake up.
    If it ends last, it need not sleep and wake up itself.
    """
    ahead = min(ahead, n)
    edges = [0, *(min(n, step * round((ahead + (n - ahead) * i / parts) / step)) for i in range(1, parts)), n]
    return [(a, b) for a, b in itertools.pairwise(edges) if a < b]


def in_turn(code: list[tuple]) -> Callable[[], None]:
    """A task that calls `(function, arguments)` pairs one after the other."""

    def task() -> None:
        for fn, args in code:
            fn(*args)

    return task


class Once:
    """A call that is made once: by a worker that gets it as a task, or by `wait` if no worker has begun."""

    def __init__(self, call: Callable[[], object]):
        self._call, self._taken, self._done = call, threading.Lock(), threading.Event()

    def __call__(self) -> None:
        if self._taken.acquire(blocking=False):
            try:
                self._call()
            finally:
                self._done.set()

    def wait(self) -> None:
        self()
        self._done.wait()


class TooSlow(Exception):
    """Work that was given a deadline has not ended by then."""


class SharedOrAlone:
    """The same work in two ways: by threads that wait for each other, `shared(deadline)`, or `alone()`. A
    call takes the faster way.

    If another process needs one of the processors, threads that wait for each other take many times as long
    as one. So each call of `shared` gets the time at which `alone` would have ended, of `perf_counter_ns`.
    It raises TooSlow soon after that, and `alone` does the work again. The first call that saves nothing ends
    the use of `shared`. It is tried again after so many calls of `alone` that these take four times as long
    as what was lost; after failures in a row eight times, and so on up to 32 times.

    `guess`: nanoseconds that `alone` takes, if that is expensive to prepare. Then `alone` waits for a call of
    `shared` that takes longer than this, or much longer than the fastest call before: until there is a busy
    process.
    """

    __slots__ = (
        "_shared",
        "_alone",
        "_guess",
        "_left",
        "_usual",
        "_saved",
        "_spent",
        "_patience",
    )
    _LONG = 200  # times as long as `alone`: after as much time in `shared`, `alone` is timed again
    _PATIENCE = 4, 32
    _SLOW = 1.5  # times as long as one thread would take, if it took the time of all threads

    def __init__(
        self,
        shared: Callable[[float], object],
        alone: Callable[[], object],
        guess: float = math.inf,
    ):
        self._shared, self._alone, self._patience = shared, alone, self._PATIENCE[0]
        self._begin_alone(2)  # the first call may find nothing in the caches
        self._guess = guess

    def _begin_alone(self, calls: int) -> None:
        self._left, self._usual = calls, math.inf  # calls of `alone` until the next trial, their least time
        self._saved, self._spent = 0.0, 0  # by `shared`, and in it: nanoseconds

    def __call__(self) -> None:
        start = perf_counter_ns()
        if self._guess < math.inf:
            try:
                self._shared(start + self._guess)
                took = perf_counter_ns() - start
                self._guess = min(self._guess, self._SLOW * workers() * took)
                return
            except TooSlow:
                self._guess = math.inf
                start = perf_counter_ns()
        if self._left > 0:
            self._alone()
            self._usual = min(self._usual, perf_counter_ns() - start)
            self._left -= 1
            return
        try:
            self._shared(start + self._usual)
            took = perf_counter_ns() - start
            saved = self._usual - costs.SHARED_GAIN * took
        except TooSlow:
            self._alone()
            took = perf_counter_ns() - start
            saved = self._usual - took
        self._saved += saved
        self._spent += took
        if saved <= 0 or self._spent > self._LONG * self._usual:
            calls = max(1, math.ceil(-self._saved * self._patience / self._usual))
            less, most = self._PATIENCE
            self._patience = less if self._saved > 0 else min(2 * self._patience, most)
            self._begin_alone(calls)


def product(a: np.ndarray, b: np.ndarray, out: np.ndarray) -> Callable[[], None]:
    """`np.matmul(a, b, out)` as a call, cut into one part per worker if it is large. Call it inside
    `single_blas`."""
    axis = 0 if out.ndim > 2 else int(out.shape[1] > out.shape[0])
    n, step, work = out.shape[axis], 1 if out.ndim > 2 else costs.BLAS_PANEL, 2 * out.size * a.shape[-1]
    wake = costs.WAKE_NS / costs.FLOP_NS
    parts = cuts(n, workers(), wake * n / work + step, step) if work >= 2 * wake else []
    if len(parts) < 2:
        return _whole(a, b, out)
    tasks = []
    for part in (slice(*p) for p in parts):
        if out.ndim > 2:
            left = a[part] if a.ndim == out.ndim and a.shape[0] > 1 else a
            right = b[part] if b.ndim == out.ndim and b.shape[0] > 1 else b
            tasks.append(partial(np.matmul, left, right, out[part]))
        elif axis == 0:
            tasks.append(partial(np.matmul, a[part], b, out[part]))
        else:
            tasks.append(partial(np.matmul, a, b[:, part], out[:, part]))
    return partial(run, tasks)


def _whole(a: np.ndarray, b: np.ndarray, out: np.ndarray) -> Callable[[], None]:
    if not (a.ndim == b.ndim == 2 and a.dtype == b.dtype == out.dtype and out.flags.c_contiguous):
        return partial(np.matmul, a, b, out)
    few = len(a) <= min(costs.TURNED_PRODUCT_ROWS, out.shape[1] // 2)
    if not (few and out.size * a.shape[1] > costs.BLAS_SMALL_PRODUCT and b.T.flags.c_contiguous):
        return partial(np.dot, a, b, out)  # less overhead than matmul
    turned = np.empty(out.shape[::-1], out.dtype)

    def call() -> None:
        np.dot(b.T, a.T, turned)
        np.copyto(out, turned.T)

    return call


def helpers() -> int:
    """The number of threads in the pool, without the calling one. They sleep except during a `run`."""
    return len(_pool.helpers) if _pool is not None else 0


def blas_libraries() -> list[str]:
    """The files of the BLAS libraries that this process has loaded."""
    return [lib.filepath for lib in _started().blas]


# --------------------------------------------------------------------------------------------- the pool


def cpus() -> int:
    """The CPUs that this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on macOS and Windows
        return os.cpu_count() or 1


def _current_cpu_function() -> Callable[[], int]:
    """A function that gives the CPU that the calling thread is on. It gives -1 if threads cannot choose their
    CPUs."""
    try:
        function: Callable[[], int] = ctypes.PyDLL(None).sched_getcpu
        os.sched_getaffinity(0)
    except (OSError, AttributeError, TypeError):  # macOS and Windows
        return lambda: -1
    return function


# Variables with the number of processes on this machine: of Open MPI, MPICH and Intel MPI, MVAPICH.
_NEIGHBOURS = ("OMPI_COMM_WORLD_LOCAL_SIZE", "MPI_LOCALNRANKS", "MV2_COMM_WORLD_LOCAL_SIZE")


def _wanted() -> int:
    asked = os.environ.get("OMP_NUM_THREADS", "").split(",")[0]
    if asked.isdigit():
        return max(1, min(cpus(), int(asked)))
    if cpus() < (os.cpu_count() or 1):  # the launcher has divided the CPUs already
        return cpus()
    return max(
        1, cpus() // max([int(n) for n in map(os.environ.get, _NEIGHBOURS) if n and n.isdigit()], default=1)
    )


class _Inside(threading.local):
    active = False


class _Blas:
    """Counts the open `single_blas` blocks of all threads: a library's number of threads is per process. The
    first block sets it to one, the last one restores it."""

    def __init__(self) -> None:
        self._lock, self._holders = threading.Lock(), 0
        self._former: list[tuple[Any, int]] = []

    def hold(self) -> None:
        libraries = _started().blas
        with self._lock:
            self._holders += 1
            for blas in libraries:
                n = blas.get_num_threads()
                if n != 1:  # for the first holder, and for a library loaded after that
                    self._former.append((blas, n))
                    _set_threads(blas, 1)

    def release(self) -> None:
        with self._lock:
            self._holders = max(0, self._holders - 1)  # may be 0 already, in a child forked inside the block
            if not self._holders:
                self._restore()

    def _restore(self) -> None:
        while self._former:
            blas, n = self._former[-1]
            _set_threads(blas, n)
            self._former.pop()

    def after_fork(self) -> None:
        """In the child, whose other threads do not exist: no holders."""
        self._lock, self._holders = threading.Lock(), 0
        self._restore()


def _set_threads(blas: Any, n: int) -> None:
    """Set a library's number of threads. In threadpoolctl 3.8, the public function works only in the first
    thread that has called it."""
    getattr(blas, "_real_set_num_threads", blas.set_num_threads)(n)


class _Job:
    """The tasks of one `run` that no worker has taken yet, and the exceptions of the others. `waited`: the
    caller waits for the tasks that workers have taken."""

    def __init__(self, tasks: Sequence[Callable[[], object]], waited: bool = True):
        self.todo, self.waited = deque(enumerate(tasks)), waited
        self.errors: list[tuple[int, BaseException]] = []

    def work(self) -> None:
        _inside.active = True
        try:
            while True:
                try:
                    i, task = self.todo.popleft()
                except IndexError:
                    return
                try:
                    task()
                except BaseException as e:
                    self.errors.append((i, e))
                    self.todo.clear()
        finally:
            _inside.active = False


class _Helper:
    """One thread of the pool. It holds `busy` while it works for a `run`, which waits for its last task."""

    def __init__(self, number: int):
        self.jobs: SimpleQueue[_Job] = SimpleQueue()
        self.busy = threading.Lock()
        self.cpus: set[int] = set()  # that the thread may use once it has woken, if it may not use all now
        thread = threading.Thread(target=self._loop, name=f"mxr-{number}", daemon=True)
        thread.start()
        self.id = thread.native_id or 0

    def _loop(self) -> None:
        np.seterr(all="ignore")  # NumPy's settings are per thread
        while True:
            job = self.jobs.get()
            if self.cpus:
                cpus, self.cpus = self.cpus, set()
                self.spread(cpus)
            with self.busy if job.waited else nullcontext():
                job.work()
            del job  # its closures hold arrays

    def spread(self, cpus: set[int]) -> None:
        """Keep the thread on these CPUs."""
        with suppress(OSError):  # not permitted
            os.sched_setaffinity(self.id, cpus)


class _Pool:
    def __init__(self, size: int):
        self.find_blas()
        self.helpers = [_Helper(i) for i in range(1, size)]

    def find_blas(self) -> None:
        """Look for the BLAS libraries: NumPy's, and SciPy's after its linear algebra has been loaded."""
        import threadpoolctl

        self.blas = [
            lib for lib in threadpoolctl.ThreadpoolController().lib_controllers if lib.user_api == "blas"
        ]
        self.with_scipy = _SCIPY_BLAS in sys.modules

    def run(self, tasks: Sequence[Callable[[], object]]) -> None:
        job = _Job(tasks)
        try:
            for helper in self.helpers[: len(tasks) - 1]:
                helper.jobs.put(job)
            job.work()
        finally:
            self._settle(job)
        if job.errors:
            raise min(job.errors, key=lambda e: e[0])[1]

    def share(self, lead: Callable[[], object], help: Callable[[], object], spread: bool) -> None:
        job = _Job([help] * len(self.helpers), waited=False)
        cpu = _current_cpu() if spread else -1
        cpus = os.sched_getaffinity(0) if cpu >= 0 else set()
        try:
            for helper in self.helpers:
                if len(cpus) > 1:
                    helper.spread(cpus - {cpu})
                    helper.cpus = cpus  # after the line above: the helper may read it at any time
                helper.jobs.put(job)
            lead()
        finally:
            job.todo.clear()

    @unbroken
    def _settle(self, job: _Job) -> None:
        """Wait until no helper works, even if interrupted: the arrays that tasks write belong to the
        caller."""
        job.todo.clear()
        interrupt = None
        for helper in self.helpers:
            while True:
                try:
                    with helper.busy:
                        break
                except KeyboardInterrupt as e:
                    interrupt = e
        if interrupt:
            raise interrupt


def _started() -> _Pool:
    global _pool
    pool = _pool
    if pool is None or (not pool.with_scipy and _SCIPY_BLAS in sys.modules):
        with _making:
            if _pool is None:
                _pool = _Pool(_count)
            elif not _pool.with_scipy:
                _pool.find_blas()
            pool = _pool
    return pool


def _after_fork() -> None:
    """Threads do not survive a fork: the child makes its own pool when it needs one."""
    global _pool, _turn, _making
    _pool, _turn, _making = None, threading.Lock(), threading.Lock()
    _blas.after_fork()


_current_cpu = _current_cpu_function()
_SCIPY_BLAS = "scipy.linalg._fblas"
_count = _wanted()
_pool: _Pool | None = None
_turn = threading.Lock()  # held during a `run`: one at a time uses the pool
_making = threading.Lock()  # held while the pool is made
_blas = _Blas()
_inside = _Inside()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
