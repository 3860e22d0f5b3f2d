"""The time that R needs: per batch of a training script and of a loop of its own, beside the same steps from
Python; and until the first symbol exists in a new R process."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from tests.r import hosts

from . import workloads

HERE = Path(__file__).parent
FIRST = 'library(mxnet)\nx <- mx.symbol.Variable("x")\n'


HEAD = ("| work | measured | target | MXNet's R package |", "|---|---|---|---|")


def fresh(rounds: int) -> Iterator[str]:
    """A new process."""
    fresh = [_seconds(FIRST) for _ in range(rounds + 1)][1:]
    yield (
        f"| fresh `Rscript`: `library(mxnet)` and the first symbol | {_spread(fresh, 's')} | "
        f"{_under(1.2, 's', fresh)} | |"
    )
    bare = [_seconds("NULL\n") for _ in range(rounds)]
    yield f"| of this, `Rscript` itself | {_spread(bare, 's')} | | |"


def boston(rounds: int) -> Iterator[str]:
    """Times a batch from R beside those of the same steps from Python, in alternating runs."""
    in_r, in_python = [], []
    for _ in range(rounds):
        in_r.append(hosts.succeeds(hosts.run_script("Rscript", HERE / "boston.R")).split())
        asked = [sys.executable, str(HERE / "boston.py")]
        in_python.append(subprocess.run(asked, check=True, capture_output=True, text=True).stdout.split())
    rows = (("training, 7 batches a round", 2.5, "0.41 ms"), ("a loop of one's own with an updater", 4, ""))
    for (what, limit, mxnet), r, python in zip(rows, zip(*in_r), zip(*in_python)):
        r, python = (min(map(float, times)) for times in (r, python))
        yield (
            f"| custom-loss regression, {what}: a batch | **{r:.0f} us**, from Python {python:.0f} us | "
            f"{workloads.goal(f'{limit} times', r <= limit * python)} ({r / python:.1f}) | {mxnet} |"
        )


def _under(limit: float, unit: str, values: list[float]) -> str:
    return workloads.goal(f"{limit} {unit}", statistics.median(values) < limit)


def _seconds(code: str) -> float:
    start = time.perf_counter()
    hosts.succeeds(hosts.run_code("Rscript", code))
    return time.perf_counter() - start


def _spread(values: list[float], unit: str) -> str:
    return f"**{statistics.median(values):.2f} {unit}** ({min(values):.2f}-{max(values):.2f})"
