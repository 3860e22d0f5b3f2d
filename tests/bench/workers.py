"""The speed of several workers, and the time of a step on a network:
`python -m tests.bench.workers [steps|sums|networks|overlap|paper]`.

steps     two workers of one thread each beside one process with two threads and one with one: the same
          network and the same samples in a step
sums      Allreduce on this machine by size: shared memory, and TCP on loopback
paper     what the formula gives for 2 to 1024 workers
overlap   the most that overlapping the sum with computing could gain: on this machine, and between namespaces
          (as root)
networks  the same between network namespaces whose links `tc ... tbf` limits, beside the formula (as root;
          needs iproute2)

docs/distributed.md explains the formula and has the numbers of one run.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
MPIRUN = ["mpirun", "--allow-run-as-root", "--oversubscribe"]
QUEUE = "100ms"  # how long the queue of a link may become
SIZES = (1, 1 << 10, 1 << 14, 1 << 17, 1 << 19)  # numbers of four bytes


# ---------------------------------------------------------------- what a worker does


def work(kind: str, *words: str) -> None:
    """Runs on every worker; worker 0 prints one line of JSON."""
    from mxr.engine.workers import workers

    group = workers()
    result = {"step": _step, "sum": _sum, "overlap": _overlap}[kind](group, *words)
    if group.rank == 0:
        print(json.dumps(result), flush=True)
    group.leave(0)


def _step(group, name: str, batch: str, runs: str) -> dict:
    """Milliseconds of a step with `batch` samples on this worker, and of its sum over the workers."""
    from mxr.engine.distributed import GradientSum
    from mxr.engine.optimizer import Updater, rule

    ex = _executor(name, int(batch))
    updater, sums = Updater(rule("sgd", {"momentum": 0.9, "rescale_grad": 0.01})), GradientSum(group)
    summed = [0.0]

    def step():
        ex.forward_backward()
        if group.size > 1:
            before = time.perf_counter()
            sums.step([ex])
            summed[0] += time.perf_counter() - before
        updater.train(1e-3, ex)

    for _ in range(5):
        step()
    group.gather(None, "the start")
    summed[0], before = 0.0, time.perf_counter()
    for _ in range(int(runs)):
        step()
    total = time.perf_counter() - before
    return {
        "step": total / int(runs) * 1e3,
        "sum": summed[0] / int(runs) * 1e3,
        "numbers": sum(b.grad.size for b in ex.blocks),
    }


def _overlap(group, name: str, batch: str, runs: str) -> dict:
    """Milliseconds of a step whose sum comes after computing, and of one whose sum runs during the whole
    step.

    The second sums an array of the same size that was ready before the step, so no real overlap can do
    better: real gradients become ready one after the other. Both are measured in turn.
    """
    import mpi4py.MPI as mpi

    ex = _executor(name, int(batch))
    comm = mpi.COMM_WORLD.Dup()
    sent = [np.ones(block.grad.size, np.float32) for block in ex.blocks]
    found = [np.empty_like(a) for a in sent]
    times: dict[bool, list[float]] = {False: [], True: []}
    for i in range(2 * int(runs) + 4):
        early = bool(i % 2)
        comm.Barrier()
        before = time.perf_counter()
        if not early:
            ex.forward_backward()
        requests = [comm.Iallreduce(a, b) for a, b in zip(sent, found)]
        if early:
            ex.forward_backward()
        mpi.Request.Waitall(requests)
        times[early].append(time.perf_counter() - before)
    slowest = {k: np.max(group.gather(v[2:], "the times"), axis=0) for k, v in times.items()}
    return {"after": float(np.median(slowest[False])) * 1e3, "during": float(np.median(slowest[True])) * 1e3}


def _executor(name: str, batch: int):
    from tests.bench import workloads

    w = getattr(workloads, name)(batch)
    arrays = w.arrays()
    names = w.symbol.list_arguments()
    fixed = {*w.shapes, *w.draw, "rnn_state", "rnn_state_cell"}
    ex = w.symbol.simple_bind(
        {k: "null" if k in fixed else "write" for k in names}, **{k: arrays[k].shape for k in names}
    )
    for k, a in ex.args.items():
        a[:] = arrays[k]
    return ex


def _sum(group, size: str, runs: str) -> dict:
    array = np.zeros(int(size), np.float32)
    for _ in range(3):
        group.sum_all([array])
    times = []
    for _ in range(int(runs)):
        group.gather(None, "the start")
        before = time.perf_counter()
        group.sum_all([array])
        times.append(time.perf_counter() - before)
    slowest = np.max(group.gather(times, "the times"), axis=0)
    return {"seconds": float(np.median(slowest))}


# ---------------------------------------------------------------- running them


def run(count: int, *words: str, launcher: list[str] | None = None, **variables: str) -> dict:
    start = [] if count == 1 else [*(launcher or MPIRUN), "-n", str(count)]
    done = subprocess.run(
        [*start, sys.executable, "-m", "tests.bench.workers", "work", *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), **variables},
    )
    line = next((x for x in done.stdout.splitlines() if x.startswith("{")), None)
    if line is None:
        raise RuntimeError(done.stderr[-2000:])
    return json.loads(line)


def steps(rounds: int = 5) -> None:
    """Alternating runs; the median of each, and the median of the ratios."""
    print(
        "| network | samples in a step | one process, one thread | one process, "
        "two threads | two workers | of it the sum, with waiting | two threads : two workers |"
    )
    print("|---|---|---|---|---|---|---|")
    for name, batch, runs in (("mlp", 200, 300), ("lenet", 200, 12), ("lstm", 64, 30)):
        found: dict[str, list] = {"one": [], "two": [], "workers": []}
        for _ in range(rounds):
            found["one"].append(run(1, "step", name, str(batch), str(runs), OMP_NUM_THREADS="1"))
            found["two"].append(run(1, "step", name, str(batch), str(runs), OMP_NUM_THREADS="2"))
            found["workers"].append(run(2, "step", name, str(batch // 2), str(runs), OMP_NUM_THREADS="1"))
        one, two, several = ([r["step"] for r in found[k]] for k in found)
        ratios = sorted(a / b for a, b in zip(two, several))
        share = statistics.median(r["sum"] for r in found["workers"])
        print(
            f"| {name} ({found['workers'][0]['numbers']:,} parameters) | {batch} | "
            f"{statistics.median(one):.2f} ms | {statistics.median(two):.2f} ms | "
            f"{statistics.median(several):.2f} ms | {share:.2f} ms | {statistics.median(ratios):.2f} "
            f"({ratios[0]:.2f} to {ratios[-1]:.2f}) |",
            flush=True,
        )


def sums() -> None:
    print(
        "| bytes | 2 workers, shared memory | 2 workers, TCP on loopback | 4 workers, "
        "shared memory | 4 workers, TCP |\n|---|---|---|---|---|"
    )
    tcp = [*MPIRUN, "--mca", "btl", "self,tcp", "--mca", "btl_tcp_if_include", "lo"]
    for size in SIZES:
        cells = [
            run(n, "sum", str(size), "30", launcher=how)["seconds"] for n in (2, 4) for how in (None, tcp)
        ]
        print(f"| {4 * size:,} | " + " | ".join(f"{s * 1e6:,.0f} us" for s in cells) + " |", flush=True)


# ---------------------------------------------------------------- networks of namespaces


def ring(workers: int, nbytes: int, latency: float, bandwidth: float) -> float:
    """Seconds of a ring Allreduce: 2 (N - 1) messages one after the other, of a part of 1 / N each.
    `bandwidth` in bytes a second."""
    return 2 * (workers - 1) * (latency + nbytes / workers / bandwidth)


def tree(workers: int, nbytes: int, latency: float, bandwidth: float) -> float:
    """Seconds of a sum up a binomial tree and back down: 2 log2(N) messages of the whole."""
    return 2 * math.ceil(math.log2(workers)) * (latency + nbytes / bandwidth)


def _remove_hosts(count: int) -> None:
    """The links by name: those of a deleted namespace would go only a moment later."""
    for words in [
        *(["link", "del", f"mxrv{i}"] for i in range(count)),
        ["link", "del", "mxrsw"],
        *(["netns", "del", f"m{i}"] for i in range(count)),
    ]:
        subprocess.run(["ip", *words], capture_output=True)


@contextlib.contextmanager
def hosts(count: int, rate: str):
    """Network namespaces m0, m1 ... on one switch, each limited to send at `rate`. Yields the launcher of one
    worker on each."""

    def do(*words: str) -> None:
        subprocess.run(words, check=True, capture_output=True)

    with tempfile.TemporaryDirectory() as folder:
        # bytes per tick of the kernel (4 ms); with fewer, the ticks would limit the rate
        burst = {"100mbit": "64kb", "1gbit": "640kb"}[rate]
        agent = Path(folder, "agent.sh")
        agent.write_text(
            '#!/bin/sh\n# HOST COMMAND ...: what ssh is for mpirun\nwhile [ "${1#-}" != "$1" ]; do shift; '
            'done\nhost=$1; shift\nexec ip netns exec "$host" unshare --uts sh -c "hostname $host; $*"\n'
        )
        agent.chmod(0o755)
        _remove_hosts(count)  # left by a run that was killed
        try:
            do("ip", "link", "add", "mxrsw", "type", "bridge")
            do("ip", "link", "set", "mxrsw", "up")
            for i in range(count):
                do("ip", "netns", "add", f"m{i}")
                do("ip", "link", "add", f"mxrv{i}", "type", "veth", "peer", "name", "eth0", "netns", f"m{i}")
                do("ip", "link", "set", f"mxrv{i}", "master", "mxrsw", "up")
                do("ip", "-n", f"m{i}", "addr", "add", f"10.77.0.{i + 1}/24", "dev", "eth0")
                do("ip", "-n", f"m{i}", "link", "set", "eth0", "up")
                do("ip", "-n", f"m{i}", "link", "set", "lo", "up")
                tc = ("ip", "netns", "exec", f"m{i}", "tc", "qdisc", "add", "dev", "eth0")
                do(*tc, "root", "handle", "1:", "tbf", "rate", rate, "burst", burst, "latency", QUEUE)
            names = ",".join(f"m{i}" for i in range(count))
            mpirun = [
                "mpirun",
                "--allow-run-as-root",
                "--bind-to",
                "none",
                "--mca",
                "plm_rsh_agent",
                str(agent),
                "--mca",
                "btl",
                "self,tcp",
                "--mca",
                "btl_tcp_if_include",
                "10.77.0.0/24",
                "--mca",
                "oob_tcp_if_include",
                "10.77.0.0/24",
                "-host",
                names,
                "-x",
                "PYTHONPATH",
            ]
            yield [
                "ip",
                "netns",
                "exec",
                "m0",
                "unshare",
                "--uts",
                "sh",
                "-c",
                f'hostname m0; exec {" ".join(mpirun)} "$@"',
                "sh",
            ]
        finally:
            _remove_hosts(count)


def networks() -> None:
    print(
        "| link | workers | bytes | measured | ring | tree | measured : "
        "better of the two |\n|---|---|---|---|---|---|---|"
    )
    for rate, bits in (("100mbit", 1e8), ("1gbit", 1e9)):
        for count in (2, 4):
            with hosts(count, rate) as launcher:
                small = run(count, "sum", "1", "60", launcher=launcher)["seconds"]
                latency = small / (2 * math.ceil(math.log2(count)))
                for size in SIZES[1:]:
                    nbytes, bandwidth = 4 * size, bits / 8 * 1448 / 1514  # the payload's share of a frame
                    took = run(count, "sum", str(size), "9", launcher=launcher)["seconds"]
                    a, b = ring(count, nbytes, latency, bandwidth), tree(count, nbytes, latency, bandwidth)
                    print(
                        f"| {rate} | {count} | {nbytes:,} | {took * 1e3:.2f} ms | {a * 1e3:.2f} ms | "
                        f"{b * 1e3:.2f} ms | {took / min(a, b):.2f} |",
                        flush=True,
                    )
                print(
                    f"| {rate} | {count} | 4 | {small * 1e3:.3f} ms | (latency {latency * 1e6:.0f} us a "
                    "message) | | |",
                    flush=True,
                )


def overlap() -> None:
    print(
        "| network | link of 2 workers | sum after computing | sum during all of it | after : "
        "during |\n|---|---|---|---|---|"
    )
    rows = (("mlp", 100, 60), ("lenet", 100, 12), ("lstm", 32, 30))
    threads = {"OMP_NUM_THREADS": "1"}

    def row(name: str, link: str, found: dict) -> None:
        after, during = found["after"], found["during"]
        print(f"| {name} | {link} | {after:.2f} ms | {during:.2f} ms | {after / during:.2f} |", flush=True)

    for name, batch, runs in rows:
        row(name, "shared memory", run(2, "overlap", name, str(batch), str(runs), **threads))
    for rate in ("100mbit", "1gbit"):
        with hosts(2, rate) as launcher:
            for name, batch, runs in rows:
                row(name, rate, run(2, "overlap", name, str(batch), str(runs), launcher=launcher, **threads))


# Seconds a message and bytes a second, as published. docs/distributed.md names the sources.
LINKS = {"1 Gbit": (23.6e-6, 0.1182e9), "10 Gbit": (8.9e-6, 0.95e9), "100 Gbit": (1.93e-6, 11.6e9)}
# Parameters, and seconds of a step of one worker with one thread, measured by `steps` (half of its samples).
COSTS = {
    "MLP, batch 100": (109_386, 0.54e-3),
    "LeNet, batch 100": (431_080, 42e-3),
    "LSTM, batch 32": (67_860, 8.7e-3),
}


def paper() -> None:
    """The share of a step that is computing, by the formula, without overlap. Every worker has its own
    batch."""
    counts = (2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)
    print("| network | link | " + " | ".join(map(str, counts)) + " |\n|---|---|" + "---|" * len(counts))
    for name, (numbers, compute) in COSTS.items():
        for link, (latency, bandwidth) in LINKS.items():
            sums = [
                min(ring(n, 4 * numbers, latency, bandwidth), tree(n, 4 * numbers, latency, bandwidth))
                for n in counts
            ]
            print(f"| {name} | {link} | " + " | ".join(f"{compute / (compute + s):.0%}" for s in sums) + " |")


if __name__ == "__main__":
    if sys.argv[1:2] == ["work"]:
        work(*sys.argv[2:])
    else:
        for part in sys.argv[1:] or ("steps", "sums", "networks", "overlap", "paper"):
            {"steps": steps, "sums": sums, "networks": networks, "overlap": overlap, "paper": paper}[part]()
