"""The time that R needs: per batch of a training script, and until the first symbol exists in a new R
process."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from pathlib import Path

from tests.r import hosts

from . import workloads

FIRST = 'library(mxnet)\nx <- mx.symbol.Variable("x")\n'


def rows() -> Iterator[str]:
    """The rows of the table, one after the other."""
    boston = [
        float(hosts.succeeds(hosts.run_script("Rscript", Path(__file__).with_name("boston.R"))))
        for _ in range(3)
    ]
    yield (
        f"| custom-loss regression, 500 rounds of 7 batches: time per batch | {_spread(boston, 'ms')} | "
        f"{_under(0.25, 'ms', boston)} | 0.41 ms |"
    )
    fresh = [_seconds(FIRST) for _ in range(6)][1:]
    yield (
        f"| fresh `Rscript`: `library(mxnet)` and the first symbol | {_spread(fresh, 's')} | "
        f"{_under(1.2, 's', fresh)} | |"
    )
    bare = [_seconds("NULL\n") for _ in range(5)]
    yield f"| of this, `Rscript` itself | {_spread(bare, 's')} | | |"


def _under(limit: float, unit: str, values: list[float]) -> str:
    return workloads.goal(f"{limit} {unit}", statistics.median(values) < limit)


def _seconds(code: str) -> float:
    start = time.perf_counter()
    hosts.succeeds(hosts.run_code("Rscript", code))
    return time.perf_counter() - start


def _spread(values: list[float], unit: str) -> str:
    return f"**{statistics.median(values):.2f} {unit}** ({min(values):.2f}-{max(values):.2f})"
