"""`make bench`: the same work by mxr and by MXNet 1.9.1, in alternating runs on this machine; writes
docs/performance.md.

Ratios are MXNet's time divided by mxr's, pair by pair (median, least, greatest); higher is better.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import numpy as np

from mxr import native
from tests.reference import oracle

from . import costs, files, peers, rhosts, workloads

ROOT = Path(__file__).resolve().parents[2]
# settings that make an engine slower or faster
TUNING = (
    "OPENBLAS_",
    "GOTO_",
    "MKL_",
    "MKLDNN_",
    "DNNL_",
    "ONEDNN_",
    "OMP_",
    "GOMP_",
    "KMP_",
    "MXNET_",
)


class Engine:
    """A worker process, with one workload loaded if there is one."""

    def __init__(self, name: str, npz: str = "", env=None):
        python = {
            "mxnet": oracle.python,
            "mxr": lambda: sys.executable,
            "jax": lambda: peers.install("jax"),
        }.get(name, lambda: peers.install("torch"))()
        self.process = subprocess.Popen(
            [python, str(Path(__file__).with_name("worker.py")), name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT), **(env or {})},
        )
        if npz:
            self.ask(load=npz)

    def ask(self, **command) -> dict:
        self.process.stdin.write(json.dumps(command) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"the {self.process.args[-1]} worker died")
        return json.loads(line)

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def engines(w: workloads.Workload, folder: str, names=("mxr", "mxnet"), env=None) -> dict[str, Engine]:
    """A worker process for each engine, with the workload loaded."""
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
    return {name: Engine(name, path, env) for name in names}


def alternate(running: dict[str, Engine], seconds: float, rounds: int) -> dict[str, list[float]]:
    """Step times of engines that run alternately, each for about `seconds` per round."""
    counts = {}
    for name, e in running.items():
        once = max(e.ask(run=3)["seconds"] / 3, 1e-6)
        counts[name] = max(1, int(seconds / once))
        e.ask(run=max(1, counts[name] // 4))
    times: dict[str, list[float]] = {name: [] for name in running}
    for _ in range(rounds):
        for name, e in running.items():
            times[name].append(e.ask(run=counts[name])["seconds"] / counts[name])
    return times


def measure(w: workloads.Workload, seconds: float, pairs: int, env=None) -> dict:
    """Median step times of both, the ratios of `pairs` alternating runs of about `seconds` each, peak memory,
    and the bound."""
    with tempfile.TemporaryDirectory() as folder:
        both = engines(w, folder, env=env)
        times = alternate(both, seconds, pairs)
        peak = {name: e.ask(memory=True)["peak"] for name, e in both.items()}
        if w.copies:
            bound = both["mxr"].ask(copies=w.copies)["seconds"]
        else:
            bound = both["mxr"].ask(products=w.products())["seconds"]
        for e in both.values():
            e.close()
    ratios = [b / a for a, b in zip(times["mxr"], times["mxnet"])]
    return {
        "name": w.name,
        "target": w.target,
        **{name: statistics.median(t) for name, t in times.items()},
        "bound": bound,
        "ratio": statistics.median(ratios),
        "low": min(ratios),
        "high": max(ratios),
        "peak": peak,
    }


PEERS = {"mxnet": "MXNet 1.9.1", "torch": "PyTorch", "compile": "torch.compile", "jax": "JAX (jit)"}
PEER_HEAD = (f"| work | mxr | {' | '.join(PEERS.values())} |", "|---" * (2 + len(PEERS)) + "|")


def peer_row(
    w: workloads.Workload, seconds: float, rounds: int, settings: dict[str, dict] | None = None
) -> str:
    """All engines in one alternating run: mxr's time, and each peer's time divided by it (median, least,
    greatest)."""
    with tempfile.TemporaryDirectory() as folder:
        running, failed = {}, set()
        for name in ("mxr", *PEERS):
            try:
                running |= engines(w, folder, (name,), (settings or {}).get(name))
            except RuntimeError:
                failed.add(name)
        agree(running, folder, w)
        times = alternate(running, seconds, rounds)
        for e in running.values():
            e.close()
    cells = [_time(statistics.median(times["mxr"]))]
    for name in PEERS:
        if name in failed:
            cells.append("does not run")
            continue
        cells.append(_ratio(times, name))
    return f"| {w.name} | {' | '.join(cells)} |"


NETWORK_HEAD = (
    "| work | mxr | MXNet 1.9.1 | PyTorch | MB mxr | MB MXNet |",
    "|---|---|---|---|---|---|",
)


def network_row(w: workloads.Workload, seconds: float, rounds: int) -> str:
    """A network by mxr, MXNet and PyTorch in one run: our time, theirs over ours, and the peak of memory.

    MXNet 1.9.1 fails in the step of the 1-d convolutions, with "Check failed: !is_view".
    """
    with tempfile.TemporaryDirectory() as folder:
        running = {}
        for name in ("mxr", "mxnet", "torch"):
            with suppress(RuntimeError):
                running |= engines(w, folder, (name,))
        agree(running, folder, w)
        times = alternate(running, seconds, rounds)
        peak = {name: f"{e.ask(memory=True)['peak']:.0f}" for name, e in running.items()}
        for e in running.values():
            e.close()
    ratios = {name: _ratio(times, name) if name in times else "does not run" for name in ("mxnet", "torch")}
    return (
        f"| {w.name} | {_time(statistics.median(times['mxr']))} | {ratios['mxnet']} | "
        f"{ratios['torch']} | {peak['mxr']} | {peak.get('mxnet', '')} |"
    )


def agree(running: dict[str, Engine], folder: str, w: workloads.Workload) -> None:
    """Raise unless all engines computed the same loss and gradients in their first step."""
    found = {}
    for name, e in running.items():
        e.ask(results=os.path.join(folder, f"{name}.npz"))
        with np.load(os.path.join(folder, f"{name}.npz")) as z:
            # SoftmaxOutput returns probabilities, a loss of peers.py its value
            probabilities = "softmax_label" in w.draw and w.peer not in workloads.networks.ALL
            found[name] = {k: z[k] for k in z.files if k != "out" or not probabilities}
    # through many layers, rounding grows: of a network of real size, the probabilities and the last layer
    last = [k for k in found["mxr"] if k != "out"][-2:] if w.peer in workloads.networks.ALL else ()
    for name, arrays in found.items():
        for k, ours in found["mxr"].items():
            if last and k not in ("out", *last):
                continue
            scale = float(np.abs(ours).max())
            if w.peer == "residual" and k not in ("out", "grad:fc_weight", "grad:fc_bias"):
                # of 2.6 million arguments of relu, a few are so near zero that rounding decides their sign
                difference = np.linalg.norm(arrays[k].reshape(ours.shape) - ours)
                assert difference < 0.01 * np.linalg.norm(ours), f"{w.name}: {k} of {name}"
                continue
            np.testing.assert_allclose(
                arrays[k].reshape(ours.shape), ours, 1e-3, 1e-4 * scale, err_msg=f"{w.name}: {k} of {name}"
            )


def file_row(name: str, reader: str, make, rounds: int) -> str:
    """A file read by mxr and by MXNet in turns, after a pass in which their data are compared."""
    running = {engine: Engine(engine) for engine in ("mxr", "mxnet")}
    times: dict[str, list[float]] = {engine: [] for engine in running}
    with tempfile.TemporaryDirectory() as folder:
        given = make(Path(folder))
        totals = [e.ask(read=(reader, given, True))["total"] for e in running.values()]
        np.testing.assert_allclose(*totals, rtol=1e-6, err_msg=name)
        for _ in range(rounds):
            for engine, e in running.items():
                times[engine].append(e.ask(read=(reader, given, False))["seconds"])
    for e in running.values():
        e.close()
    ours, theirs = (_time(statistics.median(t)) for t in times.values())
    return f"| {name} | {ours} | {theirs} | {_ratio(times, 'mxnet')} |"


def _ratio(times: dict[str, list[float]], name: str) -> str:
    """A peer's times over ours."""
    ratios = [b / a for a, b in zip(times["mxr"], times[name])]
    ratio = statistics.median(ratios)
    bold = "**" * (ratio < 1)
    return f"{bold}{ratio:.2f}{bold} ({min(ratios):.2f}-{max(ratios):.2f})"


HEAD = (
    "| work | mxr | MXNet 1.9.1 | ratio | target | bound | MB mxr | MB MXNet |",
    "|---|---|---|---|---|---|---|---|",
)
R_HEAD = ("| work | measured | target | MXNet's R package |", "|---|---|---|---|")


def row(r: dict) -> str:
    mxr, mxnet = r["peak"]["mxr"], r["peak"]["mxnet"]
    return (
        f"| {r['name']} | {_time(r['mxr'])} | {_time(r['mxnet'])} | **{r['ratio']:.2f}** "
        f"({r['low']:.2f}-{r['high']:.2f}) | "
        f"{workloads.goal(format(r['target'], 'g'), r['ratio'] >= r['target'])} | {_time(r['bound'])} | "
        f"{mxr:.1f}{' **over 1.2 times**' if mxr > 1.2 * mxnet else ''} | {mxnet:.1f} |"
    )


def _time(s: float) -> str:
    return f"{s * 1e6:.1f} us" if s < 1e-3 else f"{s * 1e3:.2f} ms"


def threads_row(w: workloads.Workload, seconds: float) -> str:
    cells = []
    for n in ("1", "2"):
        r = measure(w, seconds, 3, {"OMP_NUM_THREADS": n})
        cells += [_time(r["mxr"]), _time(r["mxnet"])]
    return f"| {w.name} | {' | '.join(cells)} |"


PAIR_HEAD = ("| work | one thread | two threads | one : two | target |", "|---|---|---|---|---|")
BUSY_HEAD = ("| work | idle | beside a busy process | busy : idle | target |", "|---|---|---|---|---|")
NOISE = 0.03  # the difference of two runs of the same code on an idle machine


def pair_row(w: workloads.Workload, seconds: float, rounds: int) -> str:
    """mxr on one thread and on two, in turns."""
    with tempfile.TemporaryDirectory() as folder:
        running = {n: engines(w, folder, ("mxr",), {"OMP_NUM_THREADS": n})["mxr"] for n in ("1", "2")}
        times = alternate(running, seconds, rounds)
        for e in running.values():
            e.close()
    ratios = [one / two for one, two in zip(times["1"], times["2"])]
    met = statistics.median(ratios) >= 1 - NOISE
    return _pair(w, (times["1"], times["2"]), ratios, workloads.goal("two not slower", met))


def busy_row(w: workloads.Workload, seconds: float, rounds: int) -> str:
    """A step's median time by mxr with its default threads, alone and beside a process that always computes,
    in turns."""
    idle, busy = [], []
    with tempfile.TemporaryDirectory() as folder:
        e = engines(w, folder, ("mxr",))["mxr"]
        count = max(5, int(seconds / max(e.ask(steps=5)["median"], 1e-6)))
        e.ask(steps=count)
        for _ in range(rounds):
            idle.append(e.ask(steps=count)["median"])
            other = subprocess.Popen([sys.executable, "-c", "while True: pass"])
            try:
                time.sleep(0.2)  # until it has started
                busy.append(e.ask(steps=count)["median"])
            finally:
                other.kill()
                other.wait()
        e.close()
    ratios = [beside / alone for alone, beside in zip(idle, busy)]
    return _pair(w, (idle, busy), ratios, workloads.goal("1.5", statistics.median(ratios) <= 1.5))


def _pair(w: workloads.Workload, columns: tuple[list[float], ...], ratios: list[float], goal: str) -> str:
    cells = " | ".join(_time(statistics.median(times)) for times in columns)
    spread = f"**{statistics.median(ratios):.2f}** ({min(ratios):.2f}-{max(ratios):.2f})"
    return f"| {w.name} | {cells} | {spread} | {goal} |"


def growth_row(w: workloads.Workload, steps=10_000) -> str:
    """Memory after 100 steps, and after 10 000 more."""
    with tempfile.TemporaryDirectory() as folder:
        e = engines(w, folder, ("mxr",))["mxr"]
        e.ask(run=100)
        before = e.ask(memory=True)["now"]
        e.ask(run=steps)
        after = e.ask(memory=True)["now"]
        e.close()
    return f"| {w.name} | {before:.2f} | {after:.2f} |"


def table(title: str, head, rows) -> list[str]:
    """Print the rows of a table as they are measured."""
    lines = [f"## {title}", "", *head]
    print("\n" + "\n".join(lines), flush=True)
    for line in rows:
        lines.append(line)
        print(line, flush=True)
    return [*lines, ""]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--only", help="measure only work whose name contains this; writes nothing")
    parser.add_argument(
        "--peers", action="store_true", help="measure only the table with PyTorch and JAX; writes nothing"
    )
    parser.add_argument("--r", action="store_true", help="measure only what R costs; writes nothing")
    parser.add_argument(
        "--networks", action="store_true", help="measure only the networks of real size; writes nothing"
    )
    parser.add_argument(
        "--files", action="store_true", help="measure only the readers of files; writes nothing"
    )
    parser.add_argument(
        "--threads", action="store_true", help="measure only one thread beside two; writes nothing"
    )
    parser.add_argument(
        "--busy", action="store_true", help="measure only a step beside a busy process; writes nothing"
    )
    parser.add_argument("--pairs", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=0.4)
    parser.add_argument(
        "--costs",
        metavar="NAME",
        nargs="?",
        const="",
        help="measure only the tuning numbers whose name contains this",
    )
    args = parser.parse_args()
    for name in [name for name in os.environ if name.startswith(TUNING)]:
        del os.environ[name]
    if args.costs is not None:
        table("Tuning numbers (mxr/runtime/costs.py)", costs.HEAD, costs.rows(args.costs))
        return 0
    print(machine(), flush=True)
    if args.r:
        table("From R", R_HEAD, rhosts.rows())
        return 0
    if args.threads:
        pairs_table(args)
    if args.busy:
        busy_table(args)
    if args.threads or args.busy:
        return 0
    oracle.install()
    if args.peers:
        table(
            "Beside PyTorch and JAX",
            PEER_HEAD,
            (peer_row(w, args.seconds, args.pairs) for w in beside(args.only or "")),
        )
        return 0
    if args.networks:
        some = [w for w in (make() for make in workloads.NETWORKS) if (args.only or "") in w.name]
        table(
            "Networks of real size",
            NETWORK_HEAD,
            (network_row(w, args.seconds, args.pairs) for w in some),
        )
        return 0
    if args.files:
        some_files = [f for f in files.FILES if (args.only or "") in f[0]]
        table("First pass over files", files.HEAD, (file_row(*f, args.pairs) for f in some_files))
        return 0
    if args.only is not None:
        made = (make() for make in (*workloads.MAIN, *workloads.APART, *workloads.SCALING))
        table(
            "Selected", HEAD, (row(measure(w, args.seconds, args.pairs)) for w in made if args.only in w.name)
        )
        return 0
    started, load = time.time(), os.getloadavg()[0]
    lines = table(
        "Against MXNet", HEAD, (row(measure(make(), args.seconds, args.pairs)) for make in workloads.MAIN)
    )
    lines += table(
        "Beside PyTorch and JAX", PEER_HEAD, (peer_row(w, args.seconds, args.pairs) for w in beside())
    )
    lines += table(
        "Networks of real size",
        NETWORK_HEAD,
        (network_row(make(), args.seconds, 3) for make in workloads.NETWORKS),
    )
    lines += table("First pass over files", files.HEAD, (file_row(*f, 3) for f in files.FILES))
    lines += table(
        "Forward and backward by two calls",
        HEAD,
        (row(measure(make(), args.seconds, args.pairs)) for make in workloads.APART),
    )
    lines += table("From R", R_HEAD, rhosts.rows())
    lines += table(
        "By batch size", HEAD, (row(measure(make(), args.seconds / 2, 3)) for make in workloads.SCALING)
    )
    lines += table(
        "By threads (`OMP_NUM_THREADS`)",
        ("| work | mxr, 1 | MXNet, 1 | mxr, 2 | MXNet, 2 |", "|---|---|---|---|---|"),
        (threads_row(make(), args.seconds / 2) for make in workloads.THREADS),
    )
    lines += pairs_table(args)
    lines += busy_table(args)
    lines += table(
        "Memory over 10 000 steps",
        ("| work | MB after 100 steps | MB after 10 000 more |", "|---|---|---|"),
        (growth_row(make()) for make in workloads.GROWTH),
    )
    lines += table("Tuning numbers (`mxr/runtime/costs.py`)", costs.HEAD, costs.rows())
    document(lines, load, time.time() - started)
    return 0


def pairs_table(args: argparse.Namespace) -> list[str]:
    rows = (pair_row(w, args.seconds, args.pairs) for w in beside(args.only or ""))
    return table("One thread and two", PAIR_HEAD, rows)


def busy_table(args: argparse.Namespace) -> list[str]:
    rows = (busy_row(w, args.seconds, args.pairs) for w in beside(args.only or ""))
    return table("Beside a busy process", BUSY_HEAD, rows)


def beside(only: str = "") -> list[workloads.Workload]:
    """The workloads that PyTorch and JAX also have."""
    return [w for w in (make() for make in workloads.MAIN) if only in w.name]


def machine() -> str:
    """The processor, its vector instructions, and whether mxr uses its native core."""
    with open("/proc/cpuinfo") as f:
        info = dict(line.rstrip("\n").replace("\t", "").split(":", 1) for line in f if ":" in line)
    cpu = info.get("model name", platform.processor()).strip()
    flags = info.get("flags", "").split()
    has = [text for flag, text in (("avx2", "AVX2"), ("avx512f", "AVX-512")) if flag in flags] or [
        "neither AVX2 nor AVX-512"
    ]
    return f"{cpu}, with {' and '.join(has)}; mxr: {native.description()}"


def document(lines: list[str], load: float, seconds: float) -> None:
    torch = peers.PACKAGES["torch"][0].split("==")[1]
    quiet = "" if load < 0.5 else ": other work ran on it, so the times are less certain"
    (ROOT / "docs" / "performance.md").write_text(
        "\n".join(
            [
                f"""<!-- generated by `make bench`; do not edit -->
# Performance

{machine()}. {len(os.sched_getaffinity(0))} cores, Python {platform.python_version()}, NumPy {np.__version__};
MXNet 1.9.1 with its default threads.
The load of the machine at the start was {load:.1f}{quiet}; everything took {seconds / 60:.0f} minutes.
Both engines run with their own settings. Variables of the environment that begin with
{", ".join(TUNING[:-1])} or {TUNING[-1]} are removed first, because some choose slower kernels; only the table
of threads sets `OMP_NUM_THREADS`.

A step is forward, backward and, if there are parameters, an update by sgd with momentum. mxr makes it as R's
training loop does, with both passes in one call; a table of its own has scripts that make two calls. MXNet
makes one `sgd_mom_update` for each parameter, which takes less time there than one `multi_sgd_mom_update` of
all. Runs alternate. The ratio is MXNet's time divided by mxr's (higher is better): the median of the pairs,
with the least and the greatest. The bound is the time of what every engine must do: a copy of the arrays that
are read and written, or the matrix products of the layers, on all threads. Memory is the peak during steps,
above that of the process after importing the engine. Arguments and gradients are included.

PyTorch {torch} (eager, with its fused SGD; and the loss by torch.compile) and JAX (the whole step by one jit,
buffers donated) run on the CPU in environments of their own; their losses are in `tests/bench/peers.py`.
Before they are timed, all engines' first loss and gradients are compared. Numbers in that table are a peer's
time over ours: above 1 we are ahead.
""",
                *lines,
                Path(__file__).with_name("notes.md").read_text(),
            ]
        )
    )


if __name__ == "__main__":
    sys.exit(main())
