"""`make bench`: the same work by mxr and by MXNet 1.9.1, in alternating runs on this machine; writes docs/performance.md.

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

from . import workloads

ROOT = Path(__file__).resolve().parents[2]
REFERENCE = os.environ.get("MXR_REFERENCE_PYTHON") or str(ROOT / ".reference" / "bin" / "python")


class Engine:
    """A worker process with one workload loaded."""

    def __init__(self, name: str, npz: str, env=None):
        python = REFERENCE if name == "mxnet" else sys.executable
        self.process = subprocess.Popen([python, str(Path(__file__).with_name("worker.py")), name], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                                        env={**os.environ, "PYTHONPATH": str(ROOT), **(env or {})})
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


def write(w: workloads.Workload, path: str) -> None:
    arrays = w.arrays()
    aux = set(w.symbol.list_auxiliary_states())
    inputs = {*w.shapes, *w.draw}
    wanted = w.wanted or [k for k in w.symbol.list_arguments() if k not in inputs]
    np.savez(path, symbol=w.symbol.tojson(), wanted=np.array(wanted), update=w.train,
             **{("aux:" if k in aux else "arg:") + k: v for k, v in arrays.items()})


def measure(w: workloads.Workload, seconds: float, pairs: int, env=None) -> dict:
    """Median step times of both, and the ratios of `pairs` alternating runs of about `seconds` each."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "work.npz")
        write(w, path)
        engines = {name: Engine(name, path, env) for name in ("mxr", "mxnet")}
        counts = {}
        for name, e in engines.items():
            once = max(e.ask(run=3)["seconds"] / 3, 1e-6)
            counts[name] = max(1, int(seconds / once))
            e.ask(run=max(1, counts[name] // 4))
        times = {name: [] for name in engines}
        peak = {}
        for _ in range(pairs):
            for name, e in engines.items():
                answer = e.ask(run=counts[name])
                times[name].append(answer["seconds"] / counts[name])
                peak[name] = answer["peak_kb"] / 1024
        for e in engines.values():
            e.close()
    ratios = [b / a for a, b in zip(times["mxr"], times["mxnet"])]
    return {"name": w.name, "target": w.target, "mxr": statistics.median(times["mxr"]), "mxnet": statistics.median(times["mxnet"]),
            "ratio": statistics.median(ratios), "low": min(ratios), "high": max(ratios), "peak": peak}


def row(r: dict) -> str:
    return (f"| {r['name']} | {_time(r['mxr'])} | {_time(r['mxnet'])} | **{r['ratio']:.2f}** ({r['low']:.2f}-{r['high']:.2f}) | "
            f"{r['target']:g} | {r['peak']['mxr']:.0f} | {r['peak']['mxnet']:.0f} |")


def _time(s: float) -> str:
    return f"{s * 1e6:.1f} us" if s < 1e-3 else f"{s * 1e3:.2f} ms"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--only", default="", help="measure only workloads whose name contains this; writes nothing")
    parser.add_argument("--pairs", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=0.6)
    parser.add_argument("--scaling", action="store_true", help="only the batch-size table")
    args = parser.parse_args()
    if not os.path.exists(REFERENCE):
        print("MXNet's environment is missing: run `make reference` once, or set MXR_REFERENCE_PYTHON", file=sys.stderr)
        return 2
    head = ("| work | mxr | MXNet 1.9.1 | ratio | target | peak MB mxr | peak MB MXNet |\n|---|---|---|---|---|---|---|")
    lines = [head]
    print(head, flush=True)
    for w in [] if args.scaling else workloads.main_table():
        if args.only in w.name:
            lines.append(row(measure(w, args.seconds, args.pairs)))
            print(lines[-1], flush=True)
    if args.only:
        return 0
    scaling = [f"{head}"]
    print("\nBy batch size\n" + head, flush=True)
    for w in workloads.scaling():
        scaling.append(row(measure(w, args.seconds / 2, 3)))
        print(scaling[-1], flush=True)
    document(lines, scaling)
    return 0


def document(lines, scaling) -> None:
    cpu = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), platform.processor())
    (ROOT / "docs" / "performance.md").write_text(f"""<!-- generated by `make bench`; do not edit -->
# Performance

Measured on {time.strftime('%Y-%m-%d')}: {cpu}, {len(os.sched_getaffinity(0))} cores, Python {platform.python_version()}, NumPy {np.__version__};
MXNet 1.9.1 with its default threads. Alternating runs; the ratio is MXNet's time over ours (higher is better), median of the
pairs with the least and the greatest in brackets. A step is forward and backward, and where there are parameters an sgd update with
momentum. Peak memory is that of the whole process.

{chr(10).join(lines)}

## By batch size

{chr(10).join(scaling)}
""")


if __name__ == "__main__":
    sys.exit(main())
