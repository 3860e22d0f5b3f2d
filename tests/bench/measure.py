"""Rows of the tables: the same work by several engines in alternating runs.

A ratio is a peer's time divided by mxr's, run by run (median, least, greatest); higher is better.
"""

from __future__ import annotations

import functools
import json
import os
import select
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from tests.reference import oracle

from . import environment, peers, workloads

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 300  # seconds without an answer, after which an engine is given up


@functools.cache
def interpreter(engine: str) -> str:
    """The Python of an engine's environment, which is made if it is missing."""
    if engine == "mxr":
        return sys.executable
    if engine == "mxnet":
        oracle.install()
        return str(oracle.python())
    return str(peers.install("jax" if engine == "jax" else "torch"))


class EngineError(Exception):
    """A worker process has ended or does not answer."""


class Engine:
    """A worker process."""

    def __init__(self, name: str, env: dict[str, str] | None = None) -> None:
        self.name = name
        self.process = subprocess.Popen(
            [interpreter(name), str(Path(__file__).with_name("worker.py")), name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT), **environment.of(name), **(env or {})},
        )

    def tell(self, **command: Any) -> None:
        """Send a command; `hear` waits for its answer."""
        try:
            print(json.dumps(command), file=self.process.stdin, flush=True)
        except BrokenPipeError:
            pass  # `hear` finds no answer

    def hear(self) -> dict:
        assert self.process.stdout
        ready, _, _ = select.select([self.process.stdout], [], [], PATIENCE)
        line = self.process.stdout.readline() if ready else ""
        if not line:
            self.close()
            raise EngineError(f"the {self.name} worker {'died' if ready else 'does not answer'}")
        return json.loads(line)

    def ask(self, **command: Any) -> dict:
        self.tell(**command)
        return self.hear()

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            assert pipe
            try:
                pipe.close()
            except BrokenPipeError:
                pass


class Running(dict[str, Engine]):
    """Engines by name; they end with the block. If they are limited to AVX2, it raises unless they kept to
    that."""

    def __init__(self, names: Iterable[str], env: dict[str, str] | None = None) -> None:
        super().__init__({name: Engine(name, env) for name in names})
        self.limited = environment.is_limited()

    def __enter__(self) -> Running:
        return self

    def __exit__(self, error: type[BaseException] | None, *_: object) -> None:
        try:
            if self.limited and error is None:
                beyond = [name for name, e in self.items() if e.ask(avx512=True)["used"]]
                if beyond:
                    raise AssertionError(f"limited to AVX2, but AVX-512 was used by {', '.join(beyond)}")
        finally:
            for e in self.values():
                e.close()

    def load(self, path: str) -> None:
        """Load the work of a file. The peers do it at the same time, since some compile for long; those that
        fail are left out. mxr comes after them: in its first steps it compares one thread and two."""
        others = [name for name in self if name != "mxr"]
        for name in others:
            self[name].tell(load=path)
        for name in others:
            try:
                self[name].hear()
            except EngineError:
                del self[name]
        self["mxr"].ask(load=path)


def save(w: workloads.Workload, folder: str) -> str:
    """The file that engines load: the symbol and the values of all arrays."""
    path = os.path.join(folder, "work.npz")
    aux = set(w.symbol.list_auxiliary_states())
    wanted = (
        w.wanted
        if w.wanted is not None
        else [k for k in w.symbol.list_arguments() if k not in {*w.shapes, *w.draw}]
    )
    np.savez(
        path,
        symbol=w.symbol.tojson(),
        wanted=np.array(wanted),
        update=w.train,
        apart=w.apart,
        predict=w.predict,
        peer=w.peer,
        **{("aux:" if k in aux else "arg:") + k: v for k, v in w.arrays().items()},
    )
    return path


def alternate(running: dict[str, Engine], seconds: float, rounds: int) -> dict[str, list[float]]:
    """Step times of engines that run alternately, each for about `seconds` per round, or for one step."""
    counts = {}
    for name, e in running.items():
        once = e.ask(run=1)["seconds"]
        if once < seconds:  # the first step says little if it is short
            once = max(e.ask(run=3)["seconds"] / 3, 1e-6)
            e.ask(run=max(1, int(seconds / once / 4)))
        counts[name] = max(1, int(seconds / once))
    times: dict[str, list[float]] = {name: [] for name in running}
    for _ in range(rounds):
        for name, e in running.items():
            times[name].append(e.ask(run=counts[name])["seconds"] / counts[name])
    return times


def agree(running: Running, folder: str, w: workloads.Workload) -> None:
    """Raise unless all engines computed the same loss and gradients in their first step."""
    network = w.peer in workloads.networks.ALL
    # SoftmaxOutput returns probabilities, and so does a network; a loss of peers.py returns its value
    compare_out = network or "softmax_label" not in w.draw
    names = [k for k in w.symbol.list_arguments() if k not in {*w.shapes, *w.draw}]
    last = names[-2:]
    # through many layers, rounding grows: of a network of real size, the probabilities and the last layer
    wanted = (last if network else w.wanted or names) if not w.predict else []
    found: dict[str, dict[str, np.ndarray]] = {}
    for name, e in running.items():
        path = os.path.join(folder, f"{name}.npz")
        e.ask(results=path, names=list(wanted))
        with np.load(path) as z:
            found[name] = {k: z[k] for k in z.files if k != "out" or compare_out}
    largest = max(float(np.abs(a).max()) for k, a in found["mxr"].items())
    for name, arrays in found.items():
        for k, ours in found["mxr"].items():
            theirs = arrays[k].reshape(ours.shape)
            if w.peer == "residual" and k not in [f"grad:{k}" for k in last]:
                # of 2.6 million arguments of relu, a few are so near zero that rounding decides their sign
                if np.linalg.norm(theirs - ours) > 0.01 * np.linalg.norm(ours):
                    raise AssertionError(f"{w.name}: {k} of {name} differs")
                continue
            # Cox: the bias of the score has no gradient, only rounding of the others' size
            scale = max(float(np.abs(ours).max()), 0.01 * largest)
            np.testing.assert_allclose(theirs, ours, 1e-3, 1e-4 * scale, err_msg=f"{w.name}: {k} of {name}")


# ------------------------------------------------------------------------------------------- cells of a table


def seconds_text(s: float) -> str:
    return f"{s * 1e6:.1f} us" if s < 1e-3 else f"{s * 1e3:.2f} ms"


def spread(ratios: list[float], target: float = 0) -> str:
    """The median with the least and the greatest, bold if the median is less than the target."""
    ratio = statistics.median(ratios)
    bold = "**" * (ratio < target)
    return f"{bold}{ratio:.2f}{bold} ({min(ratios):.2f}-{max(ratios):.2f})"


def ratios(times: dict[str, list[float]], name: str) -> list[float]:
    """A peer's times over ours."""
    return [theirs / ours for ours, theirs in zip(times["mxr"], times[name])]


def against(times: dict[str, list[float]], name: str, target: float) -> str:
    return spread(ratios(times, name), target) if name in times else "does not run"


def target_cell(times: dict[str, list[float]], targets: dict[str, float]) -> str:
    """The targets, and whether all of them are met."""
    met = all(statistics.median(ratios(times, k)) >= t for k, t in targets.items() if k in times)
    return workloads.goal(", ".join(f"{t:g}" for t in targets.values()), met)


def peaks(running: Running) -> tuple[str, str]:
    """Peak memory of mxr and of MXNet, MB; ours bold if it is greater."""
    ours, theirs = (
        running[name].ask(memory=True)["peak"] if name in running else None for name in ("mxr", "mxnet")
    )
    bold = "**" * (theirs is not None and ours > theirs)
    return f"{bold}{ours:.1f}{bold}", "" if theirs is None else f"{theirs:.1f}"


def bound(running: Running, w: workloads.Workload) -> float:
    """The time of what every engine must do: copies of the arrays, or the matrix products."""
    asked = {"copies": w.copies} if w.copies else {"products": w.products()}
    return running["mxr"].ask(**asked)["seconds"]


# -------------------------------------------------------------------------------------------------- the rows

ALL_PEERS = ("mxnet", "torch", "compile", "jax")
MAIN_HEAD = (
    "| work | mxr | MXNet 1.9.1 | target | PyTorch | torch.compile | JAX (jit) | bound | MB mxr | MB MXNet |",
    "|---" * 10 + "|",
)


def main_row(w: workloads.Workload, seconds: float, rounds: int, peers: tuple[str, ...] = ALL_PEERS) -> str:
    """A loss or a small network by all engines in one run."""
    with tempfile.TemporaryDirectory() as folder, Running(("mxr", *peers)) as running:
        running.load(save(w, folder))
        agree(running, folder, w)
        times = alternate(running, seconds, rounds)
        memory, least = peaks(running), bound(running, w)
    ours = statistics.median(times["mxr"])
    limit = f", {ours / least:.1f} times it; {workloads.goal(f'{w.within:g}', ours <= w.within * least)}"
    theirs = [against(times, name, 1) for name in peers[1:]]
    cells = [
        w.name,
        seconds_text(ours),
        against(times, "mxnet", w.target),
        target_cell(times, {"mxnet": w.target}),
        *theirs,
        f"{seconds_text(least)}{limit if w.within else ''}",
        *memory,
    ]
    return f"| {' | '.join(cells)} |"


HEAD = (
    "| work | mxr | MXNet 1.9.1 | target | bound | MB mxr | MB MXNet |",
    "|---" * 7 + "|",
)


def row(w: workloads.Workload, seconds: float, rounds: int) -> str:
    """Work by mxr and by MXNet."""
    return main_row(w, seconds, rounds, ("mxnet",))


NETWORK_HEAD = (
    "| work | mxr | MXNet 1.9.1 | PyTorch | targets | MB mxr | MB MXNet |",
    "|---" * 7 + "|",
)
# with the small networks, which JAX has too
MIXED_HEAD = (
    "| work | mxr | MXNet 1.9.1 | PyTorch | JAX (jit) | targets | MB mxr | MB MXNet |",
    "|---" * 8 + "|",
)


def network_row(w: workloads.Workload, seconds: float, rounds: int, mixed: bool = False) -> str:
    """A network by mxr, MXNet and PyTorch in one run: our time, theirs over ours, and the peak of memory.
    With `mixed` there is a column for JAX, which only the small networks of `workloads.MAIN` use.

    MXNet 1.9.1 fails in the step of the 1-d convolutions, with "Check failed: !is_view".
    """
    real, small = w.peer in workloads.networks.NETWORKS, w.peer not in workloads.networks.ALL
    targets = {"mxnet": w.target, "torch": 0.85 if real else 1.0} | ({"jax": 1.0} if small else {})
    with tempfile.TemporaryDirectory() as folder, Running(("mxr", *targets)) as running:
        running.load(save(w, folder))
        agree(running, folder, w)
        times = alternate(running, seconds, rounds)
        memory = peaks(running)
    theirs = [against(times, name, target) for name, target in targets.items()]
    if mixed and not small:
        theirs.append("")
    cells = [
        w.name,
        seconds_text(statistics.median(times["mxr"])),
        *theirs,
        target_cell(times, targets),
        *memory,
    ]
    return f"| {' | '.join(cells)} |"


FILE_HEAD = ("| file | mxr | MXNet 1.9.1 | ratio | target |", "|---" * 5 + "|")


def file_row(name: str, reader: str, make: Any, rounds: int) -> str:
    """A file read by mxr and by MXNet in turns, after a pass in which their data are compared."""
    with tempfile.TemporaryDirectory() as folder, Running(("mxr", "mxnet")) as running:
        times: dict[str, list[float]] = {engine: [] for engine in running}
        given = make(Path(folder))
        totals = [e.ask(read=(reader, given, True))["total"] for e in running.values()]
        np.testing.assert_allclose(*totals, rtol=1e-6, err_msg=name)
        for _ in range(rounds):
            for engine, e in running.items():
                times[engine].append(e.ask(read=(reader, given, False))["seconds"])
    medians = [seconds_text(statistics.median(t)) for t in times.values()]
    cells = [name, *medians, against(times, "mxnet", 1), target_cell(times, {"mxnet": 1})]
    return f"| {' | '.join(cells)} |"


PAIR_HEAD = (
    "| work | mxr, one thread | two threads | one : two | target | MXNet, one thread | two threads |",
    "|---" * 7 + "|",
)
# ends also if this process is killed
BUSY = "import os\nparent = os.getppid()\nwhile os.getppid() == parent:\n    sum(range(1000000))\n"
BUSY_HEAD = ("| work | idle | beside a busy process | busy : idle | target |", "|---" * 5 + "|")
NOISE = 0.03  # the difference of two runs of the same code on an idle machine


def pair_row(w: workloads.Workload, seconds: float, rounds: int) -> str:
    """mxr and MXNet with one thread and with two, in turns."""
    names = ("mxr", "mxnet")
    one, two = ({"OMP_NUM_THREADS": n} for n in ("1", "2"))
    with tempfile.TemporaryDirectory() as folder, Running(names, one) as first, Running(names, two) as second:
        path = save(w, folder)
        for running in (first, second):
            running.load(path)
        both = {f"{k} {n}": e for n, r in ((1, first), (2, second)) for k, e in r.items()}
        times = alternate(both, seconds, rounds)
    gains = [a / b for a, b in zip(times["mxr 1"], times["mxr 2"])]
    met = statistics.median(gains) >= 1 - NOISE
    medians = {
        k: seconds_text(statistics.median(times[k])) if k in times else "does not run"
        for k in ("mxr 1", "mxr 2", "mxnet 1", "mxnet 2")
    }
    ours, theirs = list(medians.values())[:2], list(medians.values())[2:]
    return f"| {' | '.join([w.name, *ours, spread(gains), workloads.goal('two not slower', met), *theirs])} |"


def busy_row(w: workloads.Workload, seconds: float, rounds: int) -> str:
    """A step's median time by mxr with its default threads, alone and beside a process that always computes,
    in turns."""
    idle, busy = [], []
    with tempfile.TemporaryDirectory() as folder, Running(("mxr",)) as running:
        running.load(save(w, folder))
        e = running["mxr"]
        count = max(5, int(seconds / max(e.ask(steps=5)["median"], 1e-6)))
        e.ask(steps=count)
        for _ in range(rounds):
            idle.append(e.ask(steps=count)["median"])
            other = subprocess.Popen([sys.executable, "-c", BUSY])
            try:
                time.sleep(0.2)  # until it has started
                busy.append(e.ask(steps=count)["median"])
            finally:
                other.kill()
                other.wait()
    slower = [beside / alone for alone, beside in zip(idle, busy)]
    medians = [seconds_text(statistics.median(t)) for t in (idle, busy)]
    goal = workloads.goal("1.5", statistics.median(slower) <= 1.5)
    return f"| {' | '.join([w.name, *medians, spread(slower), goal])} |"


GROWTH_HEAD = ("| work | MB after 100 steps | MB after 10 000 more |", "|---" * 3 + "|")


def growth_row(w: workloads.Workload, steps: int = 10_000) -> str:
    """Memory after 100 steps, and after 10 000 more."""
    with tempfile.TemporaryDirectory() as folder, Running(("mxr",)) as running:
        running.load(save(w, folder))
        e = running["mxr"]
        e.ask(run=100)
        before = e.ask(memory=True)["now"]
        e.ask(run=steps)
        after = e.ask(memory=True)["now"]
    return f"| {w.name} | {before:.2f} | {after:.2f} |"
