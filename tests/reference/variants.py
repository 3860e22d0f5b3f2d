"""Samples changed in some way, as mxr and as MXNet compute them."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable

import mxr
from tests.known import listed, settle
from tests.ops import ours
from tests.ops.collect import Case
from tests.reference import oracle
from tests.reference.compare import expected
from tests.reference.progress import Progress


def compare(
    section: str, what: str, variants: Iterable[Case], name: Callable[[Case], str], close: Callable
) -> int:
    """The number of complaints about variants that mxr refuses and MXNet takes, or whose arrays are not
    `close(case, ours, MXNet's)`. Known differences are in `section` of tests/known.toml, by `name(case)`, and
    in [reference] where they are those of every sample."""
    progress, n, found, ran = Progress(f"samples {what}"), 0, {}, set()
    with oracle.Oracle() as mxnet:
        for case in variants:
            ran.add(name(case))
            theirs = {"error": "not asked"}, {}
            # of shapes that the question needs; then MXNet is not asked
            with contextlib.suppress(mxr.MxError):
                theirs = mxnet.ask(
                    arrays={f"in{i}": x for i, x in enumerate(case.inputs)}, **ours.question(case)
                )
            if "error" in theirs[0]:
                continue
            n += 1
            progress(n)
            differing, mine = ours.against(case, theirs)
            differing = {
                k: text
                for k, text in differing.items()
                if f"{case.op.name}: {k.split()[0]}" not in listed("reference")
            }
            if wrong := {
                k: text for k, text in differing.items() if not _agree(close, case, k, mine[1], theirs[1])
            }:
                found.setdefault(
                    name(case), f"{case.id} {case.sample.params} {[x.shape for x in case.inputs]}: {wrong}"
                )
    complaints = settle(section, found, ran.__contains__)
    for text in complaints:
        print(text, flush=True)
    print(f"{n:5} samples {what}, {len(complaints)} differences, {progress.seconds():.0f} s", flush=True)
    return len(complaints)


def _agree(close, case: Case, key: str, mine: dict, theirs: dict) -> bool:
    if key not in mine or (key not in theirs and not key.startswith("add")):
        return False
    wanted = expected(case, key, theirs)
    return wanted is not None and close(case, mine[key], wanted)
