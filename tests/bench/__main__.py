"""`make bench`: the same work by mxr and by MXNet 1.9.1, in alternating runs on this machine; writes
docs/performance.md.

Ratios are MXNet's time over ours, pair by pair (median, least, greatest); higher is better.
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
from pathlib import Path

import numpy as np

from tests.reference import oracle

from . import costs, rhosts, workloads

ROOT = Path(__file__).resolve().parents[2]
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
)  # settings that slow an engine down, or hurry it


class Engine:
    """A worker process with one workload loaded."""

    def __init__(self, name: str, npz: str, env=None):
        python = oracle.python() if name == "mxnet" else sys.executable
        self.process = subprocess.Popen(
            [python, str(Path(__file__).with_name("worker.py")), name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT), **(env or {})},
        )
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
    """A worker of each name, loaded with the work."""
    path = os.path.join(folder, "work.npz")
    aux = set(w.symbol.list_auxiliary_states())
    wanted = w.wanted or [k for k in w.symbol.list_arguments() if k not in {*w.shapes, *w.draw}]
    np.savez(
        path,
        symbol=w.symbol.tojson(),
        wanted=np.array(wanted),
        update=w.train,
        apart=w.apart,
        **{("aux:" if k in aux else "arg:") + k: v for k, v in w.arrays().items()},
    )
    return {name: Engine(name, path, env) for name in names}


def measure(w: workloads.Workload, seconds: float, pairs: int, env=None) -> dict:
    """Median step times of both, the ratios of `pairs` alternating runs of about `seconds` each, peak memory,
    and the bound."""
    with tempfile.TemporaryDirectory() as folder:
        both = engines(w, folder, env=env)
        counts = {}
        for name, e in both.items():
            once = max(e.ask(run=3)["seconds"] / 3, 1e-6)
            counts[name] = max(1, int(seconds / once))
            e.ask(run=max(1, counts[name] // 4))
        times = {name: [] for name in both}
        for _ in range(pairs):
            for name, e in both.items():
                times[name].append(e.ask(run=counts[name])["seconds"] / counts[name])
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


HEAD = (
    "| work | mxr | MXNet 1.9.1 | ratio | target | bound | MB mxr | MB MXNet |",
    "|---|---|---|---|---|---|---|---|",
)


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
    """Print a table while it is made."""
    lines = [f"## {title}", "", *head]
    print("\n" + "\n".join(lines), flush=True)
    for line in rows:
        lines.append(line)
        print(line, flush=True)
    return [*lines, ""]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--only", help="measure only work whose name contains this; writes nothing")
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
    oracle.install()
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
        "Forward and backward by two calls",
        HEAD,
        (row(measure(make(), args.seconds, args.pairs)) for make in workloads.APART),
    )
    lines += table(
        "From R", ("| work | measured | target | MXNet's R package |", "|---|---|---|---|"), rhosts.rows()
    )
    lines += table(
        "By batch size", HEAD, (row(measure(make(), args.seconds / 2, 3)) for make in workloads.SCALING)
    )
    lines += table(
        "By threads (`OMP_NUM_THREADS`)",
        ("| work | mxr, 1 | MXNet, 1 | mxr, 2 | MXNet, 2 |", "|---|---|---|---|---|"),
        (threads_row(make(), args.seconds / 2) for make in workloads.THREADS),
    )
    lines += table(
        "Memory over 10 000 steps",
        ("| work | MB after 100 steps | MB after 10 000 more |", "|---|---|---|"),
        (growth_row(make()) for make in workloads.GROWTH),
    )
    lines += table("Tuning numbers (`mxr/runtime/costs.py`)", costs.HEAD, costs.rows())
    document(lines, load, time.time() - started)
    return 0


def document(lines: list[str], load: float, seconds: float) -> None:
    cpu = next(
        (line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")),
        platform.processor(),
    )
    quiet = "" if load < 0.5 else ": it was not quiet, take the times with care"
    (ROOT / "docs" / "performance.md").write_text(
        "\n".join(
            [
                f"""<!-- generated by `make bench`; do not edit -->
# Performance

{cpu}, {len(os.sched_getaffinity(0))} cores, Python {platform.python_version()}, NumPy {np.__version__};
MXNet 1.9.1 with its default threads.
The load of the machine at the start was {load:.1f}{quiet}; everything took {seconds / 60:.0f} minutes.
Both engines run with their own settings: variables of the environment that begin with
{", ".join(TUNING[:-1])} or {TUNING[-1]} are dropped first (some choose slower kernels), but for
`OMP_NUM_THREADS` where the table of threads sets it.

A step is forward and backward and, where there are parameters, an update by sgd with momentum: ours as R's
training loop makes it, with both passes in one call (a table has those of scripts that make two); MXNet's by
one `sgd_mom_update` for each parameter, which there takes less time than one `multi_sgd_mom_update` of all.
Runs alternate; the ratio is MXNet's time over ours (higher is better): the median of the pairs, with the
least and the greatest. The bound is what cannot be avoided: a bare copy of the arrays that are read and
written, or the matrix products of the layers alone, both on all threads. Memory is the peak during steps
above what the process had after importing the engine, arguments and gradients included.
""",
                *lines,
                Path(__file__).with_name("notes.md").read_text(),
            ]
        )
    )


if __name__ == "__main__":
    sys.exit(main())
