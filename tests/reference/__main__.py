"""python -m tests.reference [install | compare | record | shapes | types | types-enlarged | enlarged |
graphs | custom | scripts | files | registry] [--family conv] [--op Pooling]

(nothing)  all of this against MXNet 1.9.1: every sample, shapes from part of them, other types, larger
           arrays, 500 random graphs, operators in Python, whole networks, models through files, the list of
           operators; exit status 1 if anything differs
install    put MXNet 1.9.1 into .reference, or check that $MXR_REFERENCE_PYTHON has it
compare    the samples (of one family, of one operator)
shapes     what follows from some of the samples' shapes
types      the first samples, in every other element type that MXNet takes
types-enlarged
           expression operators in every element type, on larger arrays
enlarged   the samples on arrays many times as large
graphs     the random graphs
custom     operators written in Python: the same classes under mxr and MXNet
scripts    SSD, Faster R-CNN and U-net at published widths, trained in R for three steps
files      models that mxr saves, loaded, run and saved again by MXNet
registry   whether docs/coverage.md counts what MXNet has registered
record     the samples, and keep MXNet's answers in tests/reference/answers for `make test`
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed

from mxr.operator import canonical
from tests.known import listed, settle
from tests.ops import ours
from tests.ops.collect import cases
from tests.ops.sample import F
from tests.reference import answers, custom, dtypes, enlarged, files, graphs, oracle, partial, scripts
from tests.reference.compare import adds, essential, largest, settled


def compare(what: str, family: str | None, op: str | None) -> int:
    """Every sample: mxr against MXNet. The number of complaints."""
    started, n, complaints = time.time(), 0, 0
    families = [family] if family else sorted({op.family for op in canonical()})
    for name in families:
        kept, figures, texts = one_family(name, op)
        for text in texts:
            print(text, flush=True)
        n, complaints = n + len(kept), complaints + len(texts)
        if kept:
            print(f"{name:12} {len(kept):5} samples, {time.time() - started:4.0f} s", flush=True)
        if what == "record":
            answers.save(name, kept)
            remember(name, figures)
    if what == "record" and not family:
        answers.forget_all_but(families)
    print(f"{n} samples compared, {complaints} differences, {time.time() - started:.0f} s")
    return complaints


def one_family(family: str, op: str | None) -> tuple[dict, dict, list[str]]:
    """(MXNet's answers by hash, figures by operator, complaints)."""
    kept, figures, found = {}, {}, {}
    adding = (
        {o.name for o in canonical() if o.family == family and o.name in listed("add")} if not op else set()
    )
    with oracle.Oracle() as mxnet, oracle.Oracle(environment=oracle.ONEDNN) as onednn:
        for case in cases(family=family, op=op):
            differing = found.setdefault(case.op.name, {})
            if not case.sample.reference:
                continue
            engine = onednn if case.sample.reference == "onednn" else mxnet
            theirs = engine.ask(
                arrays={f"in{i}": x for i, x in enumerate(case.inputs)}, **ours.question(case)
            )
            if "error" in theirs[0]:
                differing[case.id] = {"MXNet": theirs[0]["error"]}
                continue
            differing[case.id], mine = ours.against(case, theirs)
            if not adds(theirs[1], 1e-4):
                adding.discard(case.op.name)
            kept[answers.key(case)] = essential(case, theirs)
            figure = figures.setdefault(case.op.name, {"samples": 0, "largest": 0.0})
            figure["samples"] += 1
            figure["largest"] = max(figure["largest"], largest(mine[1], theirs[1]))
        complaints = must_fail(mxnet, family, op)
    complaints += [
        f"{name}: is listed in tests/known.toml [add], but MXNet adds: strike it off"
        for name in sorted(adding)
    ]
    for name, differing in found.items():
        complaints += settled(name, differing)
    return kept, figures, complaints


def registry_of_mxnet() -> int:
    """Whether tests/data/registry.txt, which docs/coverage.md counts, is MXNet's registry. The number of
    names that differ."""
    with oracle.Oracle() as mxnet:
        theirs = set(mxnet.ask("names", {})[0]["names"])
    kept = set((oracle.ROOT / "tests" / "data" / "registry.txt").read_text().split())
    for name in sorted(theirs ^ kept):
        print(f"{name}: {'is not in' if name in theirs else 'is only in'} tests/data/registry.txt")
    print(f"{len(theirs):5} names in MXNet's registry, {len(theirs ^ kept)} differences", flush=True)
    return len(theirs ^ kept)


def must_fail(mxnet, family: str, op: str | None) -> list[str]:
    """Must-fail samples that MXNet computes. (mxr rejects parameters that an operator does not have; MXNet
    ignores most of them.)"""
    found, ran = {}, set()
    for case in cases(F, family, op):
        ran.add(case.id)
        theirs, outs = mxnet.ask("fails", {}, op=case.op.name, params=case.params, shapes=case.sample.shapes)
        if "error" not in theirs and "unknown parameter" not in "".join(case.sample.says):
            found[case.id] = (
                f"{case.sample.params} {case.sample.shapes}: MXNet takes it and returns "
                f"{[x.shape for x in outs.values()]}"
            )
    return settle("accepted", found, ran.__contains__)


def remember(family: str, figures: dict) -> None:
    """The figures that docs/coverage.md shows: per operator, samples compared and the largest difference."""
    old = json.loads(answers.LARGEST.read_text()) if answers.LARGEST.exists() else {}
    here = {op.name for op in canonical() if op.family == family}
    known = {op.name for op in canonical()}
    merged = {k: v for k, v in old.items() if k in known - here}
    merged |= {
        k: {"samples": v["samples"], "largest": float(f"{v['largest']:.1e}")} for k, v in figures.items()
    }
    lines = ",\n".join(f"{json.dumps(k)}: {json.dumps(v)}" for k, v in sorted(merged.items()))
    answers.LARGEST.write_text("{\n" + lines + "\n}\n")


PARTS: dict[str, Callable[[str | None, str | None], int]] = {
    "enlarged": enlarged.compare,
    "types-enlarged": dtypes.compare_enlarged,
    "scripts": lambda family, op: scripts.compare(),
    "types": dtypes.compare,
    "compare": lambda family, op: compare("compare", family, op),
    "shapes": partial.compare,
    "graphs": lambda family, op: graphs.compare(),
    "custom": lambda family, op: custom.compare(),
    "files": lambda family, op: files.compare(),
    "registry": lambda family, op: registry_of_mxnet(),
}


def everything(more: list[str]) -> int:
    """All parts, the longest first, two at a time in processes of their own. How many did not end well."""

    def run(part: str) -> tuple[str, int, float]:
        started = time.time()
        done = subprocess.run([sys.executable, "-m", "tests.reference", part, *more])
        return part, done.returncode, time.time() - started

    bad = 0
    with ThreadPoolExecutor(2) as pool:
        for done in as_completed([pool.submit(run, part) for part in PARTS]):
            part, status, seconds = done.result()
            print(f"== {part}: {'differs' if status else 'agrees'}, {seconds:.0f} s", flush=True)
            bad += bool(status)
    return bad


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.reference",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "what", nargs="?", default="all", choices=["all", "install", "record", *sorted(PARTS)]
    )
    parser.add_argument("--family", help="only operators declared in mxr/ops/FAMILY.py")
    parser.add_argument("--op", help="only this operator")
    args = parser.parse_args()
    if args.what == "record" and args.op:
        parser.error("answers are kept by family: record with --family, or everything")
    oracle.install()
    if args.what == "install":
        return 0
    if args.what == "record":
        return bool(compare("record", args.family, None))
    if args.what == "all":
        started = time.time()
        only = [f"--{k}={v}" for k, v in (("family", args.family), ("op", args.op)) if v]
        bad = everything(only)
        print(f"{len(PARTS)} parts, {bad} differ from MXNet, {time.time() - started:.0f} s", flush=True)
        return bool(bad)
    return bool(PARTS[args.what](args.family, args.op))


if __name__ == "__main__":
    sys.exit(main())
