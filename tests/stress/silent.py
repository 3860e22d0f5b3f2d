"""What must not go wrong in silence, counted: threads, the door's reports, operators at once and bound,
remedies of messages."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

import tests.remedies
from mxr.operator import DTYPES
from tests import test_remedies as python_remedies
from tests.ops import test_eager_and_bound as pairs
from tests.r import test_door_faults as door
from tests.r.hosts import HOSTS, run_checks, run_code, succeeds
from tests.runtime import test_several_threads as several

REMEDIES = Path(__file__).parents[2] / "R" / "tests" / "testthat" / "test-remedies.R"


def threads(times: int) -> list[tuple[str, int, str]]:
    """Networks of several sizes, bound and trained by four threads that take turns after every few
    instructions."""
    alone = {n: several.trained(n) for n in (3, 4, 5, 6)}

    def work(n: int) -> None:
        for _ in range(times // 4):
            for mine, right in zip(several.trained(n), alone[n], strict=True):
                np.testing.assert_array_equal(mine, right)

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        several.together(*[lambda n=n: work(n) for n in alone])
    finally:
        sys.setswitchinterval(before)
    return [("four threads bind and train at once", times // 4 * 4, "the numbers of one thread, bit for bit")]


def door_faults(times: int) -> list[tuple[str, int, str]]:
    """Exceptions of every kind with every text, raised behind the door; every tenth time some piece of the
    memory for the report cannot be had, every thousandth time there is no memory at all."""
    rows = []
    for host in HOSTS:
        body = (
            f'for (i in 1:{times}) if (i %% 1000 == 0) failed("test.exhaust", 0) else '
            'if (i %% 10 == 0) failed("test.starve", i %/% 10 %% 20) else failed("test.any", i)'
        )
        said = run_checks(
            host,
            door.PRELUDE,
            {"any": body, "odd": door.CHECKS["odd exceptions"], "memory": door.CHECKS["no memory at all"]},
        )
        assert set(said.values()) == {"ok"}, said
        rows.append(
            (
                f"exceptions of any class and text behind the door, every tenth without memory, {host}",
                times,
                "each one R error, with a text that R can print",
            )
        )
    return rows


def at_once_and_bound(times: int) -> list[tuple[str, int, str]]:
    """Every expression operator, in every type, on samples as they are and enlarged."""
    count = 0
    for name in pairs.EXPRESSIONS:
        count += len(list(pairs.samples(name))) * len(DTYPES)
        pairs.test_at_once_and_bound(name)
    return [
        (
            f"{len(pairs.EXPRESSIONS)} expression operators on arrays and bound, {len(DTYPES)} element types",
            count,
            "equal whole numbers; others but for the order of additions",
        )
    ]


def remedies(times: int) -> list[tuple[str, int, str]]:
    """Messages that name a remedy: the mistake is made, the remedy followed."""
    words = tests.remedies.followed()
    code = (
        f'library(testthat)\nsuppressMessages(library(mxnet))\ntest_file("{REMEDIES}", reporter = "summary", '
        'stop_on_failure = TRUE)\n'
    )
    succeeds(run_code("mxr run", code))
    for said, mistake, remedy in python_remedies.CASES:
        python_remedies.follows(said, mistake, remedy)
    count = len(words | {case[0] for case in (*python_remedies.CASES, *python_remedies.FILES)})
    return [("remedies of messages, followed to the letter", count, "all work")]


# a run, how often, and words that its rows have
RUNS: list[tuple[Callable[[int], list[tuple[str, int, str]]], int, str]] = [
    (threads, 4000, "threads bind"),
    (door_faults, 60_000, "behind the door"),
    (at_once_and_bound, 1, "expression operators"),
    (remedies, 1, "remedies of messages"),
]


def rows(count: int, chosen: Sequence[str] = (), before: str = ""):
    """The lines of the table. With names of runs `chosen`, the others' lines are those of `before`."""
    yield "| what | times | what happened | time |\n|---|--:|---|--:|"
    for run, times, words in RUNS:
        if chosen and run.__name__ not in chosen:
            yield from ((line, False) for line in before.splitlines() if words in line)
            continue
        started = time.time()
        try:
            for what, n, result in run(max(8, times * count // 100_000)):
                yield f"| {what} | {n} | {result} | {time.time() - started:.0f} s |", False
        except AssertionError as e:
            yield f"| {run.__name__} | {times} | FAILED: {e} | {time.time() - started:.0f} s |", True
