"""Workers: processes that one `mpirun` or `srun` has started, which train one network together.

    group = workers()                   # one worker where nothing has started several
    group.sum_all([gradients])          # in place; every worker gets the same bits

MPI moves the numbers (mpi4py, imported only where there are several workers). What is added here is that
nobody waits for ever:

* Every worker counts the common steps it has been through. Where one waits, it looks every few milliseconds
  for notes from the others.
* A worker that ends sends a note with its reason and its count. Whoever waits for a later step than that
  stops with that reason.
* A worker that has waited for a second tells the others for what. Two that wait in the same step for
  different things stop.
* Workers of the same machine see when another process is gone. A launcher that ends all workers, because one
  has died, does it by SIGTERM, which becomes an error like the others while a worker waits.
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

# How many workers a launcher has started: Open MPI, MPICH and Intel MPI, MVAPICH, Slurm's srun.
_COUNTS = ("OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "MV2_COMM_WORLD_SIZE", "SLURM_STEP_NUM_TASKS")
_SPINS = 200  # looks at a request before the processor is offered to others
_LOOK = 0.02  # seconds between looks at the notes
_SLEEPY = 0.05  # seconds of waiting after which the processor is left alone between looks
_NAP = 5e-5  # seconds it is left alone for
# seconds from the launcher's word to the last look at who has died: it may end this process a second later
_PATIENCE = 0.2
_TELL = 1.0  # seconds of waiting after which the others are told what is waited for
_LINGER = 2.0  # seconds that a failing worker leaves the others to say what they have to say
_NOTE, _SUM = 1, 2  # MPI's tags: of notes; of the first array of a sum


class Workers:
    """One worker: this process alone. `rank` counts workers from 0, `size` is how many there are."""

    rank = 0
    size = 1
    left = False  # whether it takes part no longer

    def gather(self, value: Any, what: str) -> list:
        """The values of all workers, in the order of their ranks. `what` says what for: MxError where workers
        differ in that."""
        return [value]

    def first(self, arrays: Sequence[np.ndarray], what: str) -> None:
        """Give the arrays the values that they have on worker 0, in place."""

    def sum_all(self, arrays: Sequence[np.ndarray], what: str = "a training step") -> None:
        """Give each array the sum over all workers, in place. All workers must have arrays of these sizes:
        see `gather`."""

    def guard(self) -> AbstractContextManager:
        """While it is open, a launcher that ends this process is heard of by an error, in the next thing that
        workers do together."""
        return nullcontext()

    def failure(self, message: str) -> MxError:
        """An error that all workers raise at the same point, so that none needs to hear of it from
        another."""
        return MxError(message)

    def leave_later(self) -> None:
        """Python's exit functions are not the end of this process: its owner will call `leave`, and with the
        exit status."""

    def leave(self, status: int, reason: str = "") -> None:
        """Take part no longer, at the end of this process. `status` other than 0 tells the others that it has
        failed."""


class MpiWorkers(Workers):
    """Several workers, connected by MPI."""

    def __init__(self, mpi: Any):
        world = mpi.COMM_WORLD
        self.rank, self.size = world.rank, world.size
        self._mpi = mpi
        # separate channels: what goes through one is never taken for what goes through another
        self._sums, self._values, self._notes = (world.Dup() for _ in range(3))
        self._step = 0  # how many common steps this worker has been through
        self._what = ""
        self._since = 0.0
        self._spares: dict[int, np.ndarray] = {}
        self._sent: list = []  # notes that MPI may not have delivered yet
        self._gone: dict[
            int, tuple[int, str]
        ] = {}  # workers that have ended: their steps, and why if they have failed
        self._waiting: dict[int, tuple[int, str]] = {}  # workers that wait: for which step, and what
        self._broken = ""
        self._known = False  # whether the others know of this worker's failure
        self._terminated = False  # whether the launcher wants this process to end
        self.left = False
        self._near: dict[int, int] = {}  # workers of this machine, by their processes
        self._where: list = []
        self._where = self.gather((socket.gethostname(), _processes(), os.getpid()), "the start")
        self._near = {
            r: pid
            for r, (*place, pid) in enumerate(self._where)
            if r != self.rank and tuple(place) == tuple(self._where[self.rank][:2])
        }
        atexit.register(self._end_of_python)

    def name(self, rank: int) -> str:
        return "this worker" if rank == self.rank else f"worker {rank}"

    # ---------------------------------------------------------------- what workers do together
    def gather(self, value, what):
        self._begin(what)
        mine = pickle.dumps((what, value))
        head, heads = (
            np.array([zlib.crc32(what.encode()), len(mine)], np.int64),
            np.empty((self.size, 2), np.int64),
        )
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
                raise self.failure(_out_of_step(self.name(rank), theirs, what))
        return [v for _, v in found]

    def first(self, arrays, what):
        kinds = self.gather([(a.shape, str(a.dtype)) for a in arrays], what)
        for rank, kind in enumerate(kinds):
            if kind != kinds[0]:
                raise self.failure(
                    f"{what}: the arrays of worker {rank} have other shapes or types than those of worker 0"
                )
        self._begin(what)
        self._wait([self._values.Ibcast(a, 0) for a in arrays])
        self._step += 1

    def sum_all(self, arrays, what="a training step"):
        self._begin(what)
        if self.size == 2:
            self._exchange(arrays)
        elif len(self._near) == self.size - 1:
            self._wait([self._sums.Iallreduce(self._mpi.IN_PLACE, a) for a in arrays])
        else:
            # Open MPI sums large arrays along a ring only where they are not summed in place; in place it is
            # up and down a tree, which over a network takes three times as long for 4 workers
            spares = [self._spare(i, a) for i, a in enumerate(arrays)]
            self._wait([self._sums.Iallreduce(a, spare) for a, spare in zip(arrays, spares)])
            for a, spare in zip(arrays, spares):
                np.copyto(a, spare)
        self._step += 1

    def _exchange(self, arrays: Sequence[np.ndarray]) -> None:
        """The sum of two workers: each sends its own numbers while the other's arrive, in half the time of an
        Allreduce that goes to one worker and back. Worker 0's come first in the sum on both, so that the bits
        are the same."""
        other = 1 - self.rank
        spares = [self._spare(i, a) for i, a in enumerate(arrays)]
        # over a network in pieces that Open MPI sends at once: of longer ones, both directions may wait for
        # each other
        size = max(a.nbytes for a in arrays) if other in self._near else costs.WORKER_PIECE

        def pieces(array):
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

    def _spare(self, i: int, array: np.ndarray) -> np.ndarray:
        """Memory for what arrives, kept from step to step."""
        found = self._spares.get(i)
        if found is None or found.shape != array.shape or found.dtype != array.dtype:
            found = self._spares[i] = np.empty_like(array)
        return found

    def _begin(self, what: str) -> None:
        if self.left:
            raise MxError("the workers have parted already")
        if self._broken:
            raise MxError(f"the workers cannot go on together: {self._broken}")
        self._what = what

    # ---------------------------------------------------------------- waiting
    def _wait(self, requests: list) -> None:
        if all([r.Test() for r in requests]):  # noqa: C419  (every request is to be tested)
            return
        try:
            with self.guard():
                self._poll(requests)
        except BaseException as error:
            self._sent += requests  # MPI still works on their arrays
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

    def _on_terminate(self, number, frame) -> None:
        self._terminated = True

    def failure(self, message):
        self._known = True
        return MxError(message)

    def _poll(self, requests: list) -> None:
        test: Callable[[list], bool] = self._mpi.Request.Testall
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
                self._tell("waits", self._what)
                told = True

    def _look(self) -> None:
        """Read the notes. MxError if what this worker waits for cannot come any more."""
        self._read()
        for rank, (step, reason) in self._gone.items():
            if step <= self._step:  # it has not been through this step, and never will
                if reason:
                    raise self.failure(f"worker {rank} has stopped: {reason}")
                raise MxError(
                    f"worker {rank} has ended its script, but this worker waits for it in {self._what}"
                )
        for rank, (step, what) in self._waiting.items():
            if step == self._step and what != self._what:
                raise self.failure(_out_of_step(f"worker {rank}", what, self._what))
        dead = self._dead()
        if dead is not None:
            host, _, pid = self._where[dead]
            raise self.failure(
                f"worker {dead} (process {pid} on {host}) has died, and this worker cannot go on without it"
            )
        if self._terminated:
            self._terminated = False  # the next look is the last
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

    def _tell(self, kind: str, text: str) -> None:
        note = (kind, self.rank, self._step, text)
        self._sent += [self._notes.isend(note, r, _NOTE) for r in range(self.size) if r != self.rank]

    def _dead(self) -> int | None:
        """A worker of this machine whose process is gone, and which has not said so."""
        return next((r for r, pid in self._near.items() if r not in self._gone and not _lives(pid)), None)

    # ---------------------------------------------------------------- the end
    def _end_of_python(self) -> None:
        """Where Python owns this process. (Where R owns it, Python is never told of the end:
        mxr.r.verbs.kvstore.)"""
        failed = getattr(sys, "last_value", None)
        self.leave(
            1 if failed is not None else 0, f"{type(failed).__name__}: {failed}" if failed is not None else ""
        )

    def leave_later(self):
        atexit.unregister(self._end_of_python)

    def leave(self, status, reason=""):
        if self.left:
            return
        self.left = True
        if self._mpi.Is_finalized():
            return
        if status == 0 and not self._broken:
            self._tell("ends", "")
            self._mpi.Finalize()  # waits until all have come this far
            return
        reason = reason or self._broken or f"its script was interrupted, or ended, with exit status {status}"
        if not self._known:
            # not by sys.stderr, which may be R's, and R is gone by now
            os.write(
                2, f"worker {self.rank} of {self.size} has failed: {reason}\n".encode("utf-8", "replace")
            )
        self._tell("ends", reason)
        self._linger()
        if status == 0:
            # MPI cannot end well any more, whatever the script made of the error
            self._mpi.COMM_WORLD.Abort(1)

    def _linger(self) -> None:
        """Leave the others time to hear why, and to say so: launchers end all as soon as one has failed."""
        until = time.monotonic() + _LINGER
        while len(self._gone) < self.size - 1 and time.monotonic() < until and self._dead() is None:
            self._read()
            time.sleep(0.01)


def _out_of_step(who: str, theirs: str, ours: str) -> str:
    return f"the workers' scripts differ: {who} is at {theirs}, this worker at {ours}"


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    try:  # a process that nobody has asked after yet is dead too
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (OSError, IndexError):
        return True


def _processes() -> int:
    """The number of the space of process numbers: containers of one host name may have different ones."""
    try:
        return os.stat("/proc/self/ns/pid").st_ino
    except OSError:
        return 0


def launched() -> int:
    """How many workers this process's launcher says it has started; 1 where there is no launcher."""
    return max([int(os.environ[k]) for k in _COUNTS if os.environ.get(k, "").isdigit()], default=1)


_group: Workers | None = None
_connecting = threading.Lock()  # MPI is started once


def workers() -> Workers:
    """The workers of this run. The first call connects them: all of them must make it."""
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
