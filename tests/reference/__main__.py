"""python -m tests.reference [install | compare] [--family conv] [--op Pooling] [--quiet]

compare   every sample: mxr against MXNet 1.9.1 (needs it: `install`, or $MXR_REFERENCE_PYTHON)
install   put MXNet 1.9.1 into .reference
"""
from __future__ import annotations

import argparse
import sys
import time
import traceback

from tests.ops import ours
from tests.ops.collect import cases
from tests.reference import oracle
from tests.reference.compare import differences


def compare(args) -> int:
    started, n, bad, skipped, family = time.time(), 0, 0, 0, None
    with oracle.Oracle() as mxnet:
        for case in cases(family=args.family, op=args.op):
            if case.op.family != family:
                family = case.op.family
            if not case.sample.reference:
                skipped += 1
                continue
            n += 1
            found = one(mxnet, case)
            bad += bool(found)
            for what, text in found.items():
                print(f"{case.id} {case.sample.params}\n    {what}: {text}", flush=True)
            if n % 200 == 0:
                print(f"... {n} samples, {time.time() - started:.0f} s", flush=True)
    print(f"{n} samples compared, {bad} differ, {skipped} not compared, {time.time() - started:.0f} s")
    return bad


def one(mxnet, case) -> dict[str, str]:
    """The differences of one sample."""
    try:
        theirs = mxnet.ask(arrays={f"in{i}": x for i, x in enumerate(case.inputs)}, **ours.question(case))
    except Exception as e:
        return {"sample": f"cannot be asked: {type(e).__name__}: {e}"}
    if "error" in theirs[0]:
        return {"MXNet": theirs[0]["error"]}
    try:
        mine = ours.answer(case)
    except Exception as e:
        last = traceback.extract_tb(e.__traceback__)[-1]
        return {"mxr": f"{type(e).__name__}: {e} ({last.filename.rsplit('/', 1)[-1]}:{last.lineno})"}
    return differences(case, mine, theirs)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.reference", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="?", default="compare", choices=["install", "compare"])
    parser.add_argument("--family", help="only operators declared in mxr/ops/FAMILY.py")
    parser.add_argument("--op", help="only this operator")
    args = parser.parse_args()
    oracle.install()
    return 0 if args.what == "install" else bool(compare(args))


if __name__ == "__main__":
    sys.exit(main())
