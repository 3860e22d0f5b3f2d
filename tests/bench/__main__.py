"""`make bench`: the same work by mxr, MXNet 1.9.1, PyTorch and JAX, in alternating runs on this machine.

It writes docs/performance.md.

A whole run takes about 20 minutes on two idle cores. After each part, the page is written to
build/performance.md, and to docs/performance.md when every row has been measured. `--resume` goes on after an
interrupted run; `--try` measures one row of every part in short runs, whether all of it works. With an option
that selects a part, or with `--only`, nothing is written.

One part has every engine limited to AVX2. `--avx2` selects it, or limits the engines of the other parts that
are selected.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import signal
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np

from mxr import native

from . import costs, environment, files, measure, peers, rhosts, workloads

ROOT = Path(__file__).resolve().parents[2]
PAGE, DRAFT = ROOT / "docs" / "performance.md", ROOT / "build" / "performance.md"
MEASURED = ROOT / ".cache" / "bench" / "measured.json"  # rows of a run that has not ended, and their seconds
DURATIONS = ROOT / ".cache" / "bench" / "durations.json"  # seconds of each row in the last run
UNLIMITED = ("r", "costs")  # parts whose work is not, or not only, in the processes of engines

Row = Callable[[], str | Iterable[str]]


@dataclass
class Part:
    """A table. `option` selects it; `rows` has the work of each row by name; `expected` is the usual time of
    a row in seconds, without a former run; `note` is the text before the table."""

    option: str
    title: str
    head: tuple[str, str]
    rows: dict[str, Row]
    expected: float
    note: str = ""
    measured: list[str] = field(default_factory=list)

    def top(self) -> list[str]:
        return [f"## {self.title}", "", *([self.note, ""] if self.note else []), *self.head]

    def lines(self) -> list[str]:
        return [*self.top(), *self.measured, ""]


def limited(row: Row) -> Row:
    """The row with every engine limited to AVX2."""

    def measured() -> list[str]:
        with environment.limited():
            made = row()
            return [made] if isinstance(made, str) else list(made)

    return measured


AVX2_NOTE = """Every engine is limited to AVX2 by variables of its libraries (`tests/bench/environment.py`).
After each row, the kernel tells whether a thread of an engine used registers of AVX-512 all the same, which
would be an error. JAX runs without YNNPACK, which has no such variable; LeNet is faster without it."""


def parts(seconds: float, pairs: int) -> list[Part]:
    """All tables. Runs of large work, and of what is no target, are fewer or shorter."""

    def of(make: Callable, works: list, *how: float) -> dict[str, Row]:
        made = [work() for work in works]
        return {w.name: partial(make, w, *how) for w in made}

    fewer = min(pairs, 3)
    return [
        Part(
            "peers",
            "Losses and small networks",
            measure.MAIN_HEAD,
            of(measure.main_row, workloads.MAIN, seconds, pairs),
            24,
        ),
        Part(
            "networks",
            "Networks of real size",
            measure.NETWORK_HEAD,
            of(measure.network_row, workloads.NETWORKS, seconds, fewer),
            18,
        ),
        Part(
            "avx2",
            "Networks with AVX2 only",
            measure.MIXED_HEAD,
            {
                name: limited(row)
                for name, row in of(measure.network_row, workloads.LIMITED, seconds, fewer, True).items()
            },
            20,
            AVX2_NOTE,
        ),
        Part(
            "files",
            "First pass over files",
            measure.FILE_HEAD,
            {
                name: partial(measure.file_row, name, reader, make, fewer)
                for name, reader, make in files.FILES
            },
            14,
        ),
        Part(
            "apart",
            "Forward and backward by two calls",
            measure.HEAD,
            of(measure.row, workloads.APART, seconds, pairs),
            9,
        ),
        Part(
            "r",
            "From R",
            rhosts.HEAD,
            {"a batch from R": partial(rhosts.boston, pairs), "a new Rscript": partial(rhosts.fresh, pairs)},
            20,
        ),
        Part(
            "scaling",
            "By batch size",
            measure.HEAD,
            of(measure.row, workloads.SCALING, seconds / 2, fewer),
            6,
        ),
        Part(
            "threads",
            "One thread and two (`OMP_NUM_THREADS`)",
            measure.PAIR_HEAD,
            of(measure.pair_row, workloads.MAIN, seconds / 2, pairs),
            10,
        ),
        Part(
            "busy",
            "Beside a busy process",
            measure.BUSY_HEAD,
            of(measure.busy_row, workloads.MAIN, seconds / 2, pairs),
            8,
        ),
        Part(
            "growth",
            "Memory over 10 000 steps",
            measure.GROWTH_HEAD,
            of(measure.growth_row, workloads.GROWTH),
            5,
        ),
        Part(
            "costs",
            "Tuning numbers (`mxr/runtime/costs.py`)",
            costs.HEAD,
            {name: partial(costs.line, name) for name in costs.names()},
            1,
        ),
    ]


class Clock:
    """What a run has done, and how long the rest is going to take: as long as in the last run or as expected,
    and longer if the rows so far took longer."""

    def __init__(self, chosen: list[Part]) -> None:
        former = read_json(DURATIONS)
        self.rest = {
            (p.option, name): former.get(f"{p.option}: {name}", p.expected) for p in chosen for name in p.rows
        }
        self.began, self.spent, self.planned = time.monotonic(), 0.0, 0.0

    def done(self, option: str, name: str, seconds: float | None) -> None:
        """A row is done; `seconds` is None if it was taken over from a former run."""
        planned = self.rest.pop((option, name))
        if seconds is not None:
            self.spent, self.planned = self.spent + seconds, self.planned + planned
        left = sum(self.rest.values()) * (self.spent / self.planned if self.planned else 1)
        text = f"{(time.monotonic() - self.began) / 60:.1f} minutes, {len(self.rest)} rows left"
        about = f"{left / 60:.0f} minutes" if left > 90 else f"{left:.0f} seconds"
        print(f"    [{text}: about {about}]", file=sys.stderr, flush=True)


def read_json(path: Path) -> dict:
    return json.loads(path.read_text()) if path.exists() else {}


def write_json(path: Path, value: dict) -> None:
    """The file has the former value or the new one, even if this process is killed meanwhile."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(path.name + ".new")
    new.write_text(json.dumps(value, indent=1))
    new.replace(path)


def run(
    chosen: list[Part],
    known: dict[str, list],
    keep: Callable[[], None] = lambda: None,
    after: Callable[[], None] = lambda: None,
) -> list[str]:
    """Measure the parts and print their rows. `known` has rows that are there already, and gets each new one
    with its seconds; then `keep` is called, and `after` at the end of a part. A row that fails does not end
    the run; the failures are returned."""
    clock, failures = Clock(chosen), []
    for part in chosen:
        print("\n" + "\n".join(part.top()), flush=True)
        for name, row in part.rows.items():
            key, took = f"{part.option}: {name}", None
            if key not in known:
                started = time.monotonic()
                try:
                    with np.errstate(all="ignore"):
                        made = row()
                        lines = [made] if isinstance(made, str) else list(made)
                except Exception as e:  # whatever goes wrong, the other rows are measured
                    why = " ".join(f"{type(e).__name__}: {e}".split())[:300]
                    failures.append(f"{key}: {why}")
                    lines = [f"| {name} | failed: {why.replace('|', '/')} |"]
                else:
                    took = time.monotonic() - started
                    known[key] = [lines, took]
                    keep()
            else:
                lines = known[key][0]
            part.measured += lines
            print("\n".join(lines), flush=True)
            clock.done(part.option, name, took)
        after()
    return failures


def main() -> int:
    args = arguments()
    environment.clean()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # which ends the engines, too
    trial = getattr(args, "try")
    seconds, pairs = (0.02, 1) if trial else (args.seconds, args.pairs)
    every = parts(seconds, pairs)
    selected = select(args, every, seconds, pairs)
    print(machine(), flush=True)
    if selected and args.avx2:
        print("Every engine is limited to AVX2.", flush=True)
    if "avx512f" not in environment.processor()[1]:  # all other parts have AVX2 only, too
        every = [p for p in every if p.option != "avx2"]
    if trial:
        for p in selected or every:
            p.rows = dict(sorted(p.rows.items(), key=lambda item: TRY.get(item[0], 1))[:1])
    if selected:
        return report(run(selected, {}))
    if trial:
        began = time.time()
        failures = run(every, {})
        document(every, os.getloadavg()[0], time.time() - began, DRAFT)
        return report(failures)
    return whole(every, args.resume, {"seconds": seconds, "pairs": pairs})


def select(args: argparse.Namespace, every: list[Part], seconds: float, pairs: int) -> list[Part]:
    """The parts that are selected, with their rows that are; none for the whole page."""
    chosen = [p for p in every if getattr(args, p.option) not in (None, False)]
    if args.avx2 and len(chosen) > 1:
        chosen = [p for p in chosen if p.option != "avx2"]
    if args.only is not None and not chosen:
        works = (*workloads.MAIN, *workloads.APART, *workloads.SCALING)
        rows = {w.name: partial(measure.row, w, seconds, pairs) for w in (m() for m in works)}
        chosen = [Part("only", "Selected", measure.HEAD, rows, 8)]
    for p in chosen:
        wanted = args.only or (args.costs if p.option == "costs" else "") or ""
        rows = {name: row for name, row in p.rows.items() if wanted in name}
        p.rows = {name: limited(row) for name, row in rows.items()} if args.avx2 else rows
    return chosen


TRY = {  # rows that are tried, instead of the first of their part
    "LSTM, 2 layers, 64 hidden, 32 steps, batch 32": 0,
    "1-d convolutions, 4096 positions, batch 1, step": 0,
    "a new Rscript": 0,
}


def whole(every: list[Part], resume: bool, options: dict[str, float]) -> int:
    """Measure everything and write the page."""
    how = {**options, "machine": machine(), "sources": sources()}
    former = read_json(MEASURED) if resume else {}
    if resume and not former:
        print("there is no interrupted run: every row is measured", flush=True)
    elif former and former["how"] != how:
        changed = ", ".join(k for k in how if former["how"].get(k) != how[k])
        print(f"the interrupted run had other {changed}: every row is measured", flush=True)
        former = {}
    known: dict[str, list] = former.get("rows", {})
    load = max(os.getloadavg()[0], former.get("load", 0))

    def page(path: Path) -> None:
        document(every, load, sum(seconds for _, seconds in known.values()), path)

    try:
        failures = run(
            every,
            known,
            lambda: write_json(MEASURED, {"how": how, "load": load, "rows": known}),
            lambda: page(DRAFT),
        )
    except KeyboardInterrupt:
        print(f"\ninterrupted; `--resume` takes over the {len(known)} rows that are measured", flush=True)
        return 130
    if failures:
        print(f"\n{DRAFT.relative_to(ROOT)} has the page; `--resume` measures again what failed", flush=True)
        return report(failures)
    page(PAGE)
    write_json(DURATIONS, {key: round(seconds, 1) for key, (_, seconds) in known.items()})
    MEASURED.unlink(missing_ok=True)
    return 0


def sources() -> str:
    """A digest of what is measured and of what measures it."""
    digest = hashlib.sha256()
    for folder in ("mxr", "tests/bench"):
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix in (".py", ".c", ".h", ".R"):
                digest.update(path.read_bytes())
    return digest.hexdigest()


def report(failures: list[str]) -> int:
    """The exit status."""
    for failure in failures:
        print(f"failed: {failure}", file=sys.stderr)
    return 1 if failures else 0


OPTIONS = {
    "peers": "losses and small networks beside MXNet, PyTorch and JAX",
    "networks": "the networks of real size",
    "files": "the readers of files",
    "apart": "forward and backward by two calls",
    "r": "what R costs",
    "scaling": "networks by batch size",
    "threads": "one thread beside two",
    "busy": "a step beside a busy process",
    "growth": "memory over many steps",
}


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--only", help="measure only rows whose name contains this")
    for option, what in OPTIONS.items():
        parser.add_argument(f"--{option}", action="store_true", help=f"measure only {what}")
    parser.add_argument(
        "--costs",
        metavar="NAME",
        nargs="?",
        const="",
        help="measure only the tuning numbers whose name contains this",
    )
    parser.add_argument("--try", action="store_true", help="one row of every part, into build/performance.md")
    parser.add_argument("--resume", action="store_true", help="take over the rows of an interrupted run")
    parser.add_argument(
        "--avx2",
        action="store_true",
        help="measure only the networks with AVX2; with other parts: limit the engines of these to AVX2",
    )
    parser.add_argument("--pairs", type=int, default=5, help="alternating runs (default 5)")
    parser.add_argument("--seconds", type=float, default=0.3, help="of each run (default 0.3)")
    args = parser.parse_args()
    if args.avx2:
        for option in UNLIMITED:
            if getattr(args, option) not in (None, False):
                parser.error(f"--avx2 cannot limit what --{option} measures")
        if "avx2" not in environment.processor()[1]:
            parser.error("--avx2: the processor does not have it")
        if "MXR_NATIVE" in os.environ:
            parser.error("--avx2 sets MXR_NATIVE: it must not be set already")
    parts_asked = [*(o for o in OPTIONS if getattr(args, o)), *(["costs"] if args.costs is not None else [])]
    if args.resume and (parts_asked or args.avx2 or args.only is not None or getattr(args, "try")):
        parser.error("--resume goes on with a whole run: it cannot be used with --try, --only or a part")
    return args


def machine() -> str:
    """The processor, its vector instructions, and whether mxr uses its native core."""
    name, flags = environment.processor()
    cpu = name or platform.processor()
    has = [text for flag, text in (("avx2", "AVX2"), ("avx512f", "AVX-512")) if flag in flags] or [
        "neither AVX2 nor AVX-512"
    ]
    return f"{cpu}, with {' and '.join(has)}; mxr: {native.description()}"


def document(every: list[Part], load: float, seconds: float, path: Path) -> None:
    """Write the page with the rows that are measured."""
    torch = peers.PACKAGES["torch"][0].split("==")[1]
    but = "".join(f', except in "{part.title}"' for part in every if part.option == "avx2")
    quiet = "" if load < 0.5 else ": other work ran on it, so the times are less certain"
    path.parent.mkdir(exist_ok=True)
    path.write_text(
        "\n".join(
            [
                f"""<!-- generated by `make bench`; do not edit -->
# Performance

{machine()}.
{len(os.sched_getaffinity(0))} cores, Python {platform.python_version()}, NumPy {np.__version__}.
The load of the machine at the start was {load:.1f}{quiet}; everything took {seconds / 60:.0f} minutes.
All engines have their default threads and settings, and may use all vector instructions of the
processor{but}. Variables of the environment that begin with
{", ".join(environment.TUNING[:-1])} or
{environment.TUNING[-1]} are removed first, because some choose slower kernels; only the table of threads sets
`OMP_NUM_THREADS`.

A step is forward, backward and, if there are parameters, an update by sgd with momentum. mxr makes it as R's
training loop does, with both passes in one call; a table of its own has scripts that make two calls. MXNet
makes one `sgd_mom_update` for each parameter, which takes less time there than one `multi_sgd_mom_update` of
all. Before they are timed, all engines' first loss and gradients are compared.

Runs alternate. Columns of mxr are times; those of the others are their time divided by mxr's: the median of
the pairs, with the least and the greatest. **Above 1 mxr is ahead.** Bold ratios are below their target,
which is 1 where none is given. Two targets are those of MXNet and of PyTorch. The bound is the time of what
every engine must do: a copy of the arrays that are read and written, or the matrix products of the layers, on
all threads. Memory is the peak during steps, above that of the process after importing the engine, with
arguments and gradients; it is bold if MXNet's is less.

PyTorch {torch} (eager, with its fused SGD; and the loss by torch.compile) and JAX (the whole step by one jit,
buffers donated) run on the CPU in environments of their own, from `tests/bench/peers.py`. torch.compile fails
on the LSTM, because of an operator of oneDNN that it cannot call; MXNet fails in the step of the 1-d
convolutions, by a check of its own.
""",
                *[line for part in every if part.measured for line in part.lines()],
                Path(__file__).with_name("notes.md").read_text(),
            ]
        )
    )


if __name__ == "__main__":
    sys.exit(main())
