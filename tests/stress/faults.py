"""Faults injected on purpose, many times: saving cut short, forked children, interrupts. Every function
raises if anything went wrong, and returns figures: what was injected, how often, what happened."""

from __future__ import annotations

import errno
import gc
import os
import random
import resource
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np

import mxr
from mxr.io import im2rec, params, readers

IO = Path(__file__).parent.parent / "data" / "io"
_SAVING = """
import sys, numpy as np
from mxr.io import params
print(flush=True)
for value in range(1, 10**9):
    params.save(sys.argv[1],
      {"x": np.full(500_000, value, np.float32), "y": np.full(500_000, value, np.float32)})
"""


def killed_while_saving(times: int) -> dict:
    """SIGKILL at random moments of repeated saving: the file has one complete state, the last or the one
    before."""
    rng, left = random.Random(7), 0
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.params"
        params.save(path, {"x": np.zeros(500_000, np.float32), "y": np.zeros(500_000, np.float32)})
        for _ in range(times):
            child = subprocess.Popen([sys.executable, "-c", _SAVING, str(path)], stdout=subprocess.PIPE)
            child.stdout.readline()
            time.sleep(rng.uniform(0, 0.05))
            child.kill()
            child.wait()
            x, y = params.load(path).values()
            assert x.size == y.size == 500_000 and (x == x[0]).all() and (y == x[0]).all(), (
                "a mixture was saved"
            )
            left += len(list(Path(folder).iterdir())) - 1
            for other in Path(folder).iterdir():
                if other != path:
                    other.unlink()
    return {
        "injected": "SIGKILL while saving",
        "times": times,
        "result": f"file whole every time ({left} kills hit a write; its temporary file stays)",
    }


@contextmanager
def small_disk(kilobytes: int):
    """A folder on a file system of that size, or None if this process may not mount one."""
    with tempfile.TemporaryDirectory() as folder:
        done = (
            subprocess.run(
                ["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs", folder], capture_output=True
            )
            if shutil.which("mount")
            else None
        )
        if done is None or done.returncode:
            yield None
            return
        try:
            yield Path(folder)
        finally:
            subprocess.run(["umount", folder], check=True)


@contextmanager
def file_limit(size: int):
    """No file may become longer than `size`."""
    former, handler = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, former[1]))
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, former)
        signal.signal(signal.SIGXFSZ, handler)


@contextmanager
def only_room(folder: Path, size: int):
    """The disk that `folder` is on has only `size` bytes left (rounded up to its blocks)."""
    filler = folder / "filler"
    with open(filler, "wb", 0) as file, suppress(OSError):
        while True:
            file.write(bytes(4096))
    os.truncate(filler, max(0, filler.stat().st_size - size))
    try:
        yield
    finally:
        filler.unlink()


def disk_full(times: int) -> list[dict]:
    """Writes that fail half way, by a limit on the size of files and on a full disk: an MxError, the old file
    unchanged, no temporary file left."""
    rng = random.Random(8)
    symbol = mxr.sym.FullyConnected(mxr.sym.Variable("data"), num_hidden=3, name="f" * 9000)
    arrays = {"x": np.ones(20_000, np.float32)}
    images = tempfile.NamedTemporaryFile("w", suffix=".lst")
    images.write(f"0\t1\t{IO / 'images.ubyte'}\n" * 400)
    images.flush()
    saves = {
        "m.params": lambda p: params.save(p, arrays),
        "m.json": lambda p: symbol.save(str(p)),
        "m.rec": lambda p: im2rec.im2rec(images.name, "", str(p), unchanged=1),
    }

    def refused(folder: Path, fault, error: int) -> int:
        old = {}
        for name, save in saves.items():
            save(folder / name)
            old[name] = (folder / name).read_bytes()
        for _ in range(times):
            for name, save in saves.items():
                with fault(folder, rng.randrange(len(old[name]) - 4096)):
                    try:
                        save(folder / name)
                        raise AssertionError("the save reported success")
                    except mxr.MxError as e:
                        assert name in str(e) and os.strerror(error) in str(e), str(e)
                assert (folder / name).read_bytes() == old[name]
                assert len(os.listdir(folder)) == len(saves), "a temporary file was left"
        return len(saves) * times

    good = "an error with the file and the reason every time; old file whole, nothing left"
    with tempfile.TemporaryDirectory() as folder:
        rows = [
            {
                "injected": "write refused half way while saving",
                "times": refused(Path(folder), lambda _, size: file_limit(size), errno.EFBIG),
                "result": good,
            }
        ]
    with small_disk(512) as disk:
        if disk:
            rows.append(
                {
                    "injected": "disk full while saving (a tmpfs)",
                    "times": refused(disk, only_room, errno.ENOSPC),
                    "result": good,
                }
            )
    return rows


# ------------------------------------------------------------------------------------- a network for the rest


def network(width: int = 64, batch: int = 256, layers: int = 3) -> tuple[mxr.Executor, dict]:
    """A bound network with fixed numbers, large enough that its steps use threads."""
    x = mxr.sym.Variable("data")
    for i in range(layers):
        x = mxr.sym.Activation(mxr.sym.FullyConnected(x, num_hidden=width, name=f"fc{i}"), act_type="tanh")
    loss = mxr.sym.MakeLoss(mxr.sym.mean(mxr.sym.square(x - mxr.sym.Variable("label"))), name="loss")
    ex = loss.simple_bind(
        {k: "null" if k in ("data", "label") else "write" for k in loss.list_arguments()},
        data=(batch, width),
        label=(batch, width),
    )
    rng = np.random.RandomState(3)
    for array in ex.args.values():
        array.data[...] = rng.uniform(-0.2, 0.2, array.shape)
    return ex, {k: v.data.copy() for k, v in ex.args.items()}


def step(ex: mxr.Executor, rate: float = 0.05) -> None:
    """One step of gradient descent."""
    ex.forward(is_train=True)
    ex.backward()
    for name in ex.wanted:
        ex.args[name].data[...] -= rate * ex.grads[name].data


def numbers(ex: mxr.Executor, start: dict) -> bytes:
    """Outputs and gradients of one pass from the weights `start`, as bytes: equal bytes, equal numbers."""
    for name, value in start.items():
        ex.args[name].data[...] = value
    ex.forward(is_train=True)
    ex.backward()
    return b"".join(a.data.tobytes() for a in (*ex.output_list, *(ex.grads[k] for k in ex.wanted)))


def forked(times: int, limit: float = 200.0) -> dict:
    """Children forked after threads have worked: they compute with the parent's executor, bind their own, and
    continue reading images."""
    ex, start = network(256, 512)
    right = numbers(ex, start)
    images = readers.create(
        "ImageRecordIter", {"path_imgrec": str(IO / "photos.rec"), "data_shape": (3, 8, 8), "batch_size": 2}
    )
    images.next()
    outcomes: Counter = Counter()
    for _ in range(times):
        child = os.fork()
        if child == 0:
            code = 1
            try:
                same = numbers(ex, start) == right and numbers(*network(256, 512)) == right
                images.reset()
                code = 0 if same and images.next() else 2
            finally:
                os._exit(code)
        since = time.monotonic()
        while not (done := os.waitpid(child, os.WNOHANG))[0]:
            if time.monotonic() - since > limit:
                os.kill(child, signal.SIGKILL)
                os.waitpid(child, 0)
                raise AssertionError("a forked child hangs")
            time.sleep(0.002)
        outcomes[os.waitstatus_to_exitcode(done[1])] += 1
    assert numbers(ex, start) == right
    assert outcomes == {0: times}, f"exit codes of the children: {dict(outcomes)}"
    return {
        "injected": "fork after threads have worked",
        "times": times,
        "result": "children computed the parent's numbers, bound, trained and read images",
    }


def _interrupted(work, delay: float) -> float | None:
    """Run `work` and send this process a SIGINT after `delay`; seconds until it stopped, None if it had ended
    before."""

    def send():
        sent.append(time.perf_counter())
        os.kill(os.getpid(), signal.SIGINT)

    def dropped(unraisable):
        """Python drops exceptions in a weak reference's callback, interrupts too: a user would press Ctrl-C
        again."""
        if issubclass(unraisable.exc_type, KeyboardInterrupt):
            threading.Timer(0.01, send).start()
        else:
            hook(unraisable)

    sent: list[float] = []
    hook, sys.unraisablehook = sys.unraisablehook, dropped
    # a shell's background process ignores it
    former = signal.signal(signal.SIGINT, signal.default_int_handler)
    # Hypothesis leaves one behind; Python drops interrupts that are raised in it
    watchers, gc.callbacks[:] = (
        gc.callbacks[:],
        [],
    )
    timer = threading.Timer(delay, send)
    try:
        timer.start()
        work()
        timer.join()
        time.sleep(0.01)  # the interrupt arrives after the work
        raise AssertionError("the interrupt was lost")
    except KeyboardInterrupt:
        return time.perf_counter() - sent[-1]
    finally:
        timer.cancel()
        sys.unraisablehook = hook
        gc.callbacks[:] = watchers
        signal.signal(signal.SIGINT, former)


def interrupts(times: int) -> list[dict]:
    """SIGINT at random moments of forward, training, binding and reading: the work stops at once, and the
    next step gives the right numbers."""
    rng = random.Random(9)
    ex, start = network(256, 2048)
    right = numbers(ex, start)

    def forever(call):
        def work():
            while True:
                call()

        return work

    def bind():
        numbers(*network(64, 64))

    csv = {"data_csv": "", "data_shape": (50,), "batch_size": 100}
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "long.csv"
        path.write_text((",".join(map(str, range(50))) + "\n") * 20_000)
        csv["data_csv"] = str(path)
        args = {
            "path_imgrec": str(IO / "images.rec"),
            "data_shape": (3, 24, 24),
            "batch_size": 4,
            "round_batch": False,
            "preprocess_threads": 2,
        }
        images = readers.create("ImageRecordIter", args)

        def read_images():
            if not images.next():
                images.reset()

        for what, call in (
            ("forward", lambda: ex.forward(is_train=True)),
            ("training", lambda: step(ex)),
            ("binding and tracing", bind),
            ("reading CSV", lambda: readers.create("CSVIter", csv)),
            ("reading images", read_images),
        ):
            took = []
            for _ in range(times):
                took.append(_interrupted(forever(call), rng.uniform(0.001, 0.15)))
                assert numbers(ex, start) == right, f"wrong numbers after an interrupt of {what}"
            # a busy machine
            while statistics.median_low(took) > 0.5 and len(took) < times + 20:
                took.append(_interrupted(forever(call), 0.1))
            assert statistics.median_low(took) < 0.5, f"interrupts of {what} took {took} s"
            rows.append(
                {
                    "injected": f"SIGINT during {what}",
                    "times": times,
                    "result": f"stopped within {max(took) * 1000:.0f} ms, next step right bit for bit",
                }
            )
        images.reset()
        assert _samples(images) == _samples(readers.create("ImageRecordIter", args)), "images were lost"
    return rows


def _samples(images) -> list[bytes]:
    return [images.value["data"].tobytes() for _ in iter(images.next, False)]
