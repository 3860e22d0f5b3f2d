"""Long runs that must not grow: training steps, symbols and arrays made and dropped, executors bound and
dropped. Figures are resident memory."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable

import numpy as np

import mxr

from .faults import network, step


def resident() -> int:
    """Bytes of memory that this process occupies."""
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) << 10 for line in file if line.startswith("VmRSS"))


def grow(what: str, times: int, call: Callable[[], None], warm: int, allowed: int = 4 << 20) -> dict:
    """Call `call` `times` times after `warm` calls; the growth of resident memory over them must stay below
    `allowed`."""
    for _ in range(warm):
        call()
    gc.collect()
    marks, since = [resident()], time.perf_counter()
    for i in range(times):
        call()
        if (i + 1) % max(1, times // 10) == 0:
            marks.append(resident())
    seconds = time.perf_counter() - since
    gc.collect()
    growth = resident() - marks[0]
    assert growth < allowed, f"{what}: resident memory grew by {growth >> 10} KB: {[m >> 10 for m in marks]}"
    return {
        "what": what,
        "times": times,
        "seconds": seconds,
        "start": marks[0],
        "growth": growth,
        "peak": max(marks) - marks[0],
    }


def training(times: int) -> dict:
    ex, _ = network(16, 32)
    return grow("training steps", times, lambda: step(ex), 1000)


def symbols(times: int) -> dict:
    def make():
        x = mxr.sym.Variable("x")
        loss = mxr.sym.MakeLoss(mxr.sym.mean(mxr.sym.square(mxr.sym.FullyConnected(x, num_hidden=3) - x * 2)))
        loss.infer_shape(x=(4, 3))

    return grow("symbols made, inferred and dropped", times, make, 2000)


def arrays(times: int) -> dict:
    def make():
        a = mxr.nd.array(np.ones((50, 200)))
        mxr.nd.sum(a * 2 + a, axis=1)

    return grow("NDArrays made, computed with and dropped", times, make, 1000)


def executors(times: int) -> dict:
    def make():
        ex, _ = network(16, 32, 2)
        step(ex)

    return grow("executors bound, run and dropped", times, make, 200, 8 << 20)


def files(times: int) -> dict:
    import tempfile
    from pathlib import Path

    from mxr.io import readers

    from .targets import IO

    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "x.params")

        def make():
            mxr.nd.save(path, {"a": mxr.nd.ones((50, 50))})
            mxr.nd.load(path)
            reader = readers.create(
                "ImageRecordIter",
                {
                    "path_imgrec": str(IO / "photos.rec"),
                    "data_shape": (3, 8, 8),
                    "batch_size": 2,
                    "preprocess_threads": 2,
                },
            )
            while reader.next():
                pass

        return grow("files saved and loaded, image readers opened and dropped", times, make, 50)


RUNS = ((training, 100_000), (symbols, 100_000), (arrays, 100_000), (executors, 10_000), (files, 2_000))
