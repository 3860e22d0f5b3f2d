"""The long runs, with figures: `python -m tests.stress [--only fuzz|faults|soak|r|silent] [--rows ...]
[--count 100000] [--write]`; `--write` puts them into docs/reliability.md."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from . import faults, fuzz, r, silent, soak
from .targets import TARGETS

PAGE = Path(__file__).parent.parent.parent / "docs" / "reliability.md"


def fuzzed(count: int):
    yield (
        "| loader | damaged files | loaded | refused with a sentence | anything else | slowest | memory grew "
        "by | time |\n|---|--:|--:|--:|--:|--:|--:|--:|"
    )
    for name in TARGETS:
        found = fuzz.limited(name, count)
        for finding in found["findings"]:
            print("   ", name, *finding, file=sys.stderr)
        yield (
            (
                f"| {name} | {found['inputs']} | {found['loaded']} | {found['refused']} | "
                f"{len(found['findings'])} | {found['slowest'][0] * 1000:.0f} ms | "
                f"{found['grown'] / 2**20:.0f} MB | {found['seconds']:.0f} s |"
            ),
            bool(found["findings"]),
        )


def faulty(count: int):
    yield "| injected | times | what happened |\n|---|--:|---|"
    for run, times in (
        (faults.killed_while_saving, 200),
        (faults.disk_full, 1000),
        (faults.forked, 200),
        (faults.interrupts, 100),
    ):
        try:
            rows = run(max(2, times * count // 100_000))
            for row in rows if isinstance(rows, list) else [rows]:
                yield f"| {row['injected']} | {row['times']} | {row['result']} |", False
        except AssertionError as e:
            yield f"| {run.__name__} | {times} | FAILED: {e} |", True


def soaked(count: int):
    yield "| what | times | resident memory at the start | grew by | time |\n|---|--:|--:|--:|--:|"
    for run, times in soak.RUNS:
        try:
            row = run(max(10, times * count // 100_000))
            yield (
                f"| {row['what']} | {row['times']} | {row['start'] / 2**20:.0f} MB | "
                f"{row['growth'] / 1024:.0f} KB | {row['seconds']:.0f} s |",
                False,
            )
        except AssertionError as e:
            yield f"| {run.__name__} | {times} | FAILED: {e} |||", True


PARTS = {"fuzz": fuzzed, "faults": faulty, "soak": soaked, "r": r.lines, "silent": silent.rows}


def main() -> int:
    parser = argparse.ArgumentParser(prog="tests.stress", description=__doc__)
    parser.add_argument("--only", choices=PARTS)
    parser.add_argument(
        "--count",
        type=int,
        default=100_000,
        help="damaged files for each loader; the other runs in proportion",
    )
    parser.add_argument("--write", action="store_true")
    parser.add_argument(
        "--rows",
        nargs="+",
        default=[],
        choices=[run.__name__ for run, *_ in silent.RUNS],
        help="only these rows of `silent`; the others stay",
    )
    args = parser.parse_args()
    began, failed = time.perf_counter(), False
    for name, part in PARTS.items():
        if args.only not in (None, name):
            continue
        lines = []
        more = (args.rows, _table(name)) if name == "silent" else ()
        for line in part(args.count, *more):
            text, bad = line if isinstance(line, tuple) else (line, False)
            failed |= bad
            lines.append(text)
            print(text, flush=True)
            if args.write:
                _write(name, "\n".join(lines))
        print()
    print(f"{'FAILED' if failed else 'passed'} in {(time.perf_counter() - began) / 60:.1f} minutes")
    return failed


def _table(name: str) -> str:
    """The table between its marks in docs/reliability.md."""
    return PAGE.read_text().partition(f"<!-- {name} -->\n")[2].partition("<!-- end -->")[0]


def _write(name: str, table: str) -> None:
    """Put a table between its marks in docs/reliability.md."""
    text = PAGE.read_text()
    before, mark, rest = text.partition(f"<!-- {name} -->\n")
    _, end, after = rest.partition("<!-- end -->")
    assert mark and end, f"{PAGE} has no place for {name}"
    PAGE.write_text(before + mark + table + "\n" + end + after)


if __name__ == "__main__":
    sys.exit(main())
