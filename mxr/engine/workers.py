"""Workers: processes started by one `mpirun` or `srun`, which train one network together.

    group = workers()                   # one worker if there is no such launcher
    group.sum_all([gradients])          # in place; every worker gets the same bits

MPI moves the numbers (mpi4py, which is imported only for several workers). This module adds that no worker
waits for ever:

* Each worker counts the common steps that it has done. While it waits, it reads the other workers' notes
  every few milliseconds.
* A worker that ends sends a note with its reason and its count. A worker that waits for a later step stops
  with that reason.
* A worker that has waited for a second tells the others for what it waits. Two workers that wait in the same
  step for different things stop.
* A worker sees when the process of another worker on the same machine has died. A launcher that ends all
  workers because one has died sends SIGTERM, which becomes an error while a worker waits.
"""

from __future__ import annotations

import _signal
import atexit
import os
import pickle
import signal
import socket
import sys
import threading
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np

from mxr.operator import MxError
from mxr.runtime import costs

# Variables with the number of workers: of Open MPI, MPICH and Intel MPI, MVAPICH, Slurm's srun.
_COUNTS = ("OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "MV2_COMM_WORLD_SIZE", "SLURM_STEP_NUM_TASKS")
_SPINS = 200  # tests of a request before other processes may use the processor
_LOOK = 0.02  # seconds between two readings of the notes
_SLEEPY = 0.05  # seconds of waiting after which a worker sleeps between tests
_NAP = 5e-5  # seconds of such a sleep
# seconds from SIGTERM to the last look for dead workers; the launcher may kill this process a second later
_PATIENCE = 0.2
_TELL = 1.0  # seconds of waiting after which the others are told
_LINGER = 2.0  # seconds that a failing worker waits for the others' notes before it ends
_NOTE, _SUM = 1, 2  # MPI's tags: of notes; of the first array of a sum


class Workers:
    """The workers of a run with only this process. `rank` counts workers from 0; `size` is their number."""

    rank = 0
    size = 1
    left = False  # whether `leave` has been called

    def gather(self, value: Any, what: str) -> list[Any]:
        """The values of all workers, in the order of their ranks. `what` describes the purpose: MxError if
        another worker has another one."""
        return [value]

    def first(self, arrays: Sequence[np.ndarray], what: str) -> None:
        """Copy the values of worker 0's arrays into the arrays of all workers."""

    def sum_all(self, arrays: Sequence[np.ndarray], what: str = "a training step") -> None:
        """Replace the values of each array by the sum over all workers, in place. All workers must have
        arrays of the same sizes, which `gather` can compare before."""

    def guard(self) -> AbstractContextManager[None]:
        """Within the block, SIGTERM from the launcher does not end this process. It becomes an error in the
        next common step."""
        return nullcontext()

    def failure(self, message: str) -> MxError:
        """An error that all workers raise at the same point, so that none needs to tell the others."""
        return MxError(message)

    def leave_later(self) -> None:
        """Do not leave when Python ends: the owner of this process will call `leave` with the exit status."""

    def leave(self, status: int, reason: str = "") -> None:
        """End this worker, at the end of its process. A `status` other than 0 tells the others that it has
        failed."""


class MpiWorkers(Workers):
    """Several workers, connected by MPI."""

    def __init__(self, mpi: Any):
        world = mpi.COMM_WORLD
        self.rank, self.size = world.rank, world.size
        self._mpi = mpi
        # separate communicators, so that messages of one kind are never received as another
        self._sums, self._values, self._notes = (world.Dup() for _ in range(3))
        self._step = 0  # the number of common steps that this worker has done
        self._what = ""  # what it does now
        self._since = 0.0  # when it has begun to wait
        self._spares: dict[int, np.ndarray] = {}
        self._sent: list[Any] = []  # requests that MPI may not have completed yet
        # notes by rank: (steps done, "" or the reason of a failure), (the step, what the worker waits for)
        self._gone: dict[int, tuple[int, str]] = {}
        self._waiting: dict[int, tuple[int, str]] = {}
        self._broken = ""  # the reason why this worker cannot go on
        self._known = False  # whether the others know of this worker's failure
        self._terminated = False  # whether SIGTERM has arrived
        self.left = False
        self._near: dict[int, int] = {}  # process ids of the other workers on this machine, by rank
        self._where: list[Any] = []
        self._where = self.gather((socket.gethostname(), _processes(), os.getpid()), "the start")
        self._near = {
            r: pid
            for r, (*place, pid) in enumerate(self._where)
            if r != self.rank and tuple(place) == tuple(self._where[self.rank][:2])
        }
        atexit.register(self._end_of_python)

    def name(self, rank: int) -> str:
        return "this worker" if rank == self.rank else f"worker {rank}"

    # ---------------------------------------------------------------- common steps
    def gather(self, value: Any, what: str) -> list[Any]:
        self._begin(what)
        mine = pickle.dumps((what, value))
        head = np.array([zlib.crc32(what.encode()), len(mine)], np.int64)
        heads = np.empty((self.size, 2), np.int64)
        self._wait([self._values.Iallgather(head, heads)])
        sizes = heads[:, 1]
        whole = np.empty(int(sizes.sum()), np.uint8)
        starts = np.cumsum(sizes) - sizes
        self._wait(
            [self._values.Iallgatherv(np.frombuffer(mine, np.uint8), [whole, sizes, starts, self._mpi.BYTE])]
        )
        self._step += 1
        found = [pickle.loads(whole[a : a + n].tobytes()) for a, n in zip(starts.tolist(), sizes.tolist())]
        for rank, (theirs, _) in enumerate(found):
            if theirs != what:
                raise self.failure(_mismatch(self.name(rank), theirs, what))
        return [v for _, v in found]

    def first(self, arrays: Sequence[np.ndarray], what: str) -> None:
        kinds = self.gather([(a.shape, str(a.dtype)) for a in arrays], what)
        for rank, kind in enumerate(kinds):
            if kind != kinds[0]:
                raise self.failure(
                    f"{what}: the arrays of worker {rank} have other shapes or types than those of worker 0"
                )
        self._begin(what)
        self._wait([self._values.Ibcast(a, 0) for a in arrays])
        self._step += 1

    def sum_all(self, arrays: Sequence[np.ndarray], what: str = "a training step") -> None:
        self._begin(what)
        if self.size == 2:
            self._exchange(arrays)
        elif len(self._near) == self.size - 1:
            self._wait([self._sums.Iallreduce(self._mpi.IN_PLACE, a) for a in arrays])
        else:
            # Not in place: Open MPI then sums large arrays along a ring. In place it uses a tree, which takes
            # three times as long for 4 workers over a network.
            spares = [self._receive_buffer(i, a) for i, a in enumerate(arrays)]
            self._wait([self._sums.Iallreduce(a, spare) for a, spare in zip(arrays, spares)])
            for a, spare in zip(arrays, spares):
                np.copyto(a, spare)
        self._step += 1

    def _exchange(self, arrays: Sequence[np.ndarray]) -> None:
        """The sum over two workers. Each sends its numbers while it receives the other's, which takes half
        the time of an Allreduce to one worker and back. Both add worker 1's numbers to worker 0's, so that
        they get the same bits."""
        other = 1 - self.rank
        spares = [self._receive_buffer(i, a) for i, a in enumerate(arrays)]
        # Over a network, arrays are sent in pieces that Open MPI sends at once. With longer ones, both
        # workers may wait for each other.
        size = max(a.nbytes for a in arrays) if other in self._near else costs.WORKER_PIECE

        def pieces(array: np.ndarray) -> list[np.ndarray]:
            flat = array.reshape(-1)
            step = max(1, size // array.itemsize)
            return [flat[at : at + step] for at in range(0, array.size, step)]

        requests = [
            self._sums.Irecv(piece, other, _SUM + i)
            for i, spare in enumerate(spares)
            for piece in pieces(spare)
        ]
        self._wait(
            requests
            + [self._sums.Isend(piece, other, _SUM + i) for i, a in enumerate(arrays) for piece in pieces(a)]
        )
        for a, spare in zip(arrays, spares):
            first, second = (a, spare) if self.rank == 0 else (spare, a)
            np.add(first, second, out=a)

    def _receive_buffer(self, i: int, array: np.ndarray) -> np.ndarray:
        """Memory to receive an array, reused in every step."""
        found = self._spares.get(i)
        if found is None or found.shape != array.shape or found.dtype != array.dtype:
            found = self._spares[i] = np.empty_like(array)
        return found

    def _begin(self, what: str) -> None:
        if self.left:
            raise MxError("this worker has left the others already")
        if self._broken:
            raise MxError(f"the workers cannot go on together: {self._broken}")
        self._what = what

    # ---------------------------------------------------------------- waiting
    def _wait(self, requests: list[Any]) -> None:
        if all([r.Test() for r in requests]):  # noqa: C419  (a list, since each request must be tested)
            return
        try:
            with self.guard():
                self._poll(requests)
        except BaseException as error:
            self._sent += requests  # MPI still uses their arrays
            self._broken = self._broken or (
                "it was interrupted" if isinstance(error, KeyboardInterrupt) else str(error)
            )
            if not isinstance(error, (MxError, KeyboardInterrupt)):
                raise MxError(f"MPI: {error}") from error
            raise

    @contextmanager
    def guard(self) -> Iterator[None]:
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = _signal.signal(signal.SIGTERM, self._on_terminate)
        try:
            yield
        finally:
            _signal.signal(signal.SIGTERM, before if before is not None else signal.SIG_DFL)

    def _on_terminate(self, number: int, frame: object) -> None:
        self._terminated = True

    def failure(self, message: str) -> MxError:
        self._known = True
        return MxError(message)

    def _poll(self, requests: list[Any]) -> None:
        test: Callable[[list[Any]], bool] = self._mpi.Request.Testall
        for _ in range(_SPINS):
            if test(requests):
                return
        self._since = now = time.monotonic()
        look, told = now + _LOOK, False
        while not test(requests):
            now = time.monotonic()
            if now < look:
                time.sleep(_NAP) if now > self._since + _SLEEPY else os.sched_yield()
                continue
            look = now + _LOOK
            self._look()
            if not told and now > self._since + _TELL:
                self._notify("waits", self._what)
                told = True

    def _look(self) -> None:
        """Read the notes. MxError if the step that this worker waits for cannot happen any more."""
        self._read()
        for rank, (step, reason) in self._gone.items():
            if step <= self._step:  # it has ended before this step
                if reason:
                    raise self.failure(f"worker {rank} has stopped: {reason}")
                raise MxError(
                    f"worker {rank} has ended its script, but this worker waits for it in {self._what}"
                )
        for rank, (step, what) in self._waiting.items():
            if step == self._step and what != self._what:
                raise self.failure(_mismatch(f"worker {rank}", what, self._what))
        dead = self._dead()
        if dead is not None:
            host, _, pid = self._where[dead]
            raise self.failure(
                f"worker {dead} (process {pid} on {host}) has died, and this worker cannot go on without it"
            )
        if self._terminated:
            self._terminated = False  # for the call of _look below, which is the last
            time.sleep(_PATIENCE)
            self._look()
            raise self.failure(
                "the launcher ends all workers: one on another machine has failed, "
                "or the whole run was cancelled"
            )

    def _read(self) -> None:
        while self._notes.Iprobe(self._mpi.ANY_SOURCE, _NOTE):
            kind, rank, step, text = self._notes.recv(None, self._mpi.ANY_SOURCE, _NOTE)
            (self._waiting if kind == "waits" else self._gone)[rank] = (step, text)

    def _notify(self, kind: str, text: str) -> None:
        note = (kind, self.rank, self._step, text)
        self._sent += [self._notes.isend(note, r, _NOTE) for r in range(self.size) if r != self.rank]

    def _dead(self) -> int | None:
        """A worker on this machine whose process has ended without a note."""
        return next((r for r, pid in self._near.items() if r not in self._gone and not _is_alive(pid)), None)

    # ---------------------------------------------------------------- the end
    def _end_of_python(self) -> None:
        """Leave when Python exits. (In an R process, this is never called: see mxr.r.verbs.kvstore.)"""
        failed = getattr(sys, "last_value", None)
        self.leave(
            1 if failed is not None else 0, f"{type(failed).__name__}: {failed}" if failed is not None else ""
        )

    def leave_later(self) -> None:
        atexit.unregister(self._end_of_python)

    def leave(self, status: int, reason: str = "") -> None:
        if self.left:
            return
        self.left = True
        if self._mpi.Is_finalized():
            return
        if status == 0 and not self._broken:
            self._notify("ends", "")
            self._mpi.Finalize()  # waits for all workers
            return
        reason = reason or self._broken or f"its script was interrupted, or ended, with exit status {status}"
        if not self._known:
            # sys.stderr may be R's, and R has ended
            os.write(
                2, f"worker {self.rank} of {self.size} has failed: {reason}\n".encode("utf-8", "replace")
            )
        self._notify("ends", reason)
        self._await_readers()
        if status == 0:
            # the script has caught the error, but MPI cannot finish normally
            self._mpi.COMM_WORLD.Abort(1)

    def _await_readers(self) -> None:
        """Give the others time to read this worker's reason and to report it: launchers end all workers when
        one has failed."""
        until = time.monotonic() + _LINGER
        while len(self._gone) < self.size - 1 and time.monotonic() < until and self._dead() is None:
            self._read()
            time.sleep(0.01)


def _mismatch(who: str, theirs: str, ours: str) -> str:
    return f"the workers' scripts differ: {who} is at {theirs}, this worker at {ours}"


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    try:  # a process that has ended but whose parent has not read its status counts as dead
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (OSError, IndexError):
        return True


def _processes() -> int:
    """The number of this process's pid namespace. Containers with the same host name may have different
    ones."""
    try:
        return os.stat("/proc/self/ns/pid").st_ino
    except OSError:
        return 0


def launched() -> int:
    """The number of workers that the launcher of this process has started; 1 without a launcher."""
    return max([int(os.environ[k]) for k in _COUNTS if os.environ.get(k, "").isdigit()], default=1)


_group: Workers | None = None
_connecting = threading.Lock()  # so that MPI is initialized once


def workers() -> Workers:
    """The workers of this run. The first call connects them, so all of them must make it."""
    global _group
    with _connecting:
        if _group is None:
            _group = Workers() if launched() <= 1 else _connect()
        return _group


def _connect() -> MpiWorkers:
    try:
        import mpi4py

        fresh = "mpi4py.MPI" not in sys.modules
        if fresh:
            mpi4py.rc.thread_level, mpi4py.rc.finalize = "funneled", False
        from mpi4py import MPI
    except ImportError as error:
        raise MxError(
            f"{launched()} workers were started, and to connect them mpi4py is missing: "
            "pip install 'mxr[mpi]'"
        ) from error
    except RuntimeError as error:  # no MPI library, or one that does not start
        raise MxError(f"MPI does not start: {error}; on Debian: apt-get install openmpi-bin") from error
    if MPI.COMM_WORLD.size != launched():
        raise MxError(
            f"{launched()} workers were started, but MPI finds {MPI.COMM_WORLD.size}: "
            "the launcher and the MPI library do not belong together (srun needs --mpi=pmix or --mpi=pmi2; "
            "mpirun must be that of the library that mpi4py loads)"
        )
    return MpiWorkers(MPI)
