"""The long runs in R, under both hosts; the short ones are in tests/r."""

from __future__ import annotations

import re
import time

from tests.r import test_bridge, test_interrupts, test_limits_r, test_processes
from tests.r.hosts import HOSTS, run_checks, run_code

# Checks of the door that measure time, or count handles that are not freed yet. If R's garbage collector runs
# all the time, they mean nothing.
NOT_TORTURED = ("a crossing costs", "four million", "R collects when", "handles are released")


def memory(host: str, count: int):
    """Objects made and dropped: the growth of resident memory, measured by the check."""
    for name, body in test_limits_r.LONG.items():
        scale = count / 100_000
        body = re.sub(
            r"growth\((1e\d|10),",
            lambda m: (
                f"growth({max(20, float(m[1]) * scale) if m[1] != '10' else max(2, round(10 * scale))},"
            ),
            body,
        )
        since = time.perf_counter()
        done = []
        said = run_checks(
            host,
            test_limits_r.PRELUDE + "invisible(call('bridge.live'))\n" + test_limits_r.VERBS,
            {name: body.replace('cat("grown by"', 'message("grown by"')},
            timeout=7200,
            also=done.append,
        )
        grown = re.search(r"grown by(-?[\d.e-]+)", done[0].stderr)
        yield (
            name,
            "",
            said[name]
            if not grown and said[name] != "ok"
            else "2^31 + 10 elements both ways, cut at 2^31"
            if not grown
            else f"memory grew by {float(grown[1]):.1f} MB"
            if grown and said[name] == "ok"
            else said[name],
            said[name] == "ok",
            since,
        )


def interrupts(host: str, count: int):
    since, times = time.perf_counter(), max(10, count // 50)
    took, words = test_interrupts.interrupted(host, times, seed=1)
    good = words.endswith("all right\n")
    yield (
        "SIGINT at random times of a training",
        times,
        "each one interrupt; parameters of a whole step; right numbers after it" if good else words[-300:],
        good,
        since,
    )
    slowest = max(took, key=took.get)
    yield (
        "SIGINT in " + ", ".join(took),
        2 * len(took),
        f"the slowest to stop: {slowest}, {took[slowest] * 1000:.0f} ms",
        took[slowest] < 0.5,
        since,
    )


def forks(host: str, count: int):
    since, rounds = time.perf_counter(), max(2, count // 1000)
    done = run_code(host, test_processes.FORKS.replace("1:6", f"1:{rounds}"), timeout=3600)
    good = done.stdout == "parent goes on\n"
    yield (
        "parallel::mclapply, training in children",
        4 * rounds,
        "the parent's numbers; none hung" if good else done.stderr[-300:],
        good,
        since,
    )


def torture(host: str, count: int):
    """R's garbage collector at every n-th allocation, during the tests of the door and of its values."""
    step = 50
    checks = {
        name: f"gctorture2({step}); on.exit(gctorture2(0)); {body}"
        for name, body in test_bridge.CHECKS.items()
        if not any(word in name for word in NOT_TORTURED)
    }
    since = time.perf_counter()
    said = run_checks(host, test_bridge.PRELUDE, checks, timeout=7200)
    bad = {k: v for k, v in said.items() if v != "ok"}
    yield (
        f"gctorture2({step}) over the tests of the door",
        len(checks),
        str(bad)[:300] if bad else "all pass",
        not bad,
        since,
    )
    since = time.perf_counter()
    name = "R's garbage collector at many allocations"
    said = run_checks(
        host,
        test_limits_r.PRELUDE + "invisible(call('bridge.live'))\n" + test_limits_r.VERBS,
        {name: test_limits_r.CHECKS[name].replace("gctorture2(40)", "gctorture(TRUE)")},
        timeout=7200,
    )
    yield (
        "gctorture(TRUE): arrays, symbols, an executor, errors, lists across the door",
        1,
        "right" if said[name] == "ok" else said[name],
        said[name] == "ok",
        since,
    )


def lines(count: int, parts=(memory, interrupts, forks, torture)):
    yield "| what | host | times | what happened | time |\n|---|---|--:|---|--:|"
    for part in parts:
        for host in HOSTS:
            for what, times, result, good, since in part(host, count):
                yield (
                    f"| {what} | {host} | {times} | {result if good else 'FAILED: ' + result} | "
                    f"{time.perf_counter() - since:.0f} s |",
                    not good,
                )
