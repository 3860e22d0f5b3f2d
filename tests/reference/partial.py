"""Shapes that follow from some of the others, in both directions: mxr against MXNet's `infer_shape_partial`,
on symbols that mxr wrote."""

from __future__ import annotations

from collections.abc import Iterator

import mxr
from mxr.graph.infer_shapes import all_shapes
from tests.known import settle
from tests.ops import ours
from tests.ops.collect import Case, cases
from tests.reference import oracle
from tests.reference.progress import Progress

Known = tuple[list, list | None]  # the shape of every input, and of the output; None where it is not given


def compare(family: str | None = None, op: str | None = None) -> int:
    """Every sample with some of its shapes left out. The number of complaints."""
    progress, n, found, ran = Progress("questions about shapes"), 0, {}, set()
    with oracle.Oracle() as mxnet:
        for case in cases(family=family, op=op):
            if case.sample.reference is not True or ours.at_once(case):
                continue
            ran.add(case.op.name)
            for ins, out in questions(case):
                n += 1
                progress(n)
                if text := difference(mxnet, case, ins, out):
                    found.setdefault(case.op.name, f"{case.sample.params} inputs {ins} output {out}: {text}")
    complaints = settle("partial", found, ran.__contains__)
    for text in complaints:
        print(text, flush=True)
    print(
        f"{n:5} questions about shapes, {len(complaints)} differences, {progress.seconds():.0f} s",
        flush=True,
    )
    return len(complaints)


def questions(case: Case) -> Iterator[Known]:
    """The output alone; all but one input, with the output and without; the output beside inputs whose first
    dimension is unknown."""
    ins = [list(x.shape) for x in case.inputs]
    outs = ours.outs(case)
    out = outs[0][0] if len(outs) == 1 and not case.op.aux(case.parsed()) else None
    for i in range(len(ins)):
        yield [None if j == i else s for j, s in enumerate(ins)], None
    if out:
        yield [None] * len(ins), out
        for i in range(len(ins) if len(ins) > 1 else 0):
            yield [None if j == i else s for j, s in enumerate(ins)], out
        yield [[0, *s[1:]] for s in ins], out


def difference(mxnet, case: Case, ins: list, out: list | None) -> str | None:
    """Shapes that MXNet infers and mxr does not, or infers differently."""
    symbol, given = ours.compose(case), {f"v{i}": s for i, s in enumerate(ins) if s is not None}
    if out is not None:  # something else fixes the shape of the output
        symbol, given["out"] = mxr.sym.elemwise_add(symbol, mxr.sym.Variable("out"), name="sum"), out
    meta, _ = mxnet.ask("partial", {}, json=symbol.tojson(), shapes=given)
    if "error" in meta:
        return (
            None if "infer_shape" in meta["error"] or "Error in operator" in meta["error"] else meta["error"]
        )
    try:
        shapes = all_shapes(symbol, given)
    except mxr.MxError as e:
        return f"{e}; in MXNet {meta['shapes']}"
    mine = {n.name: shapes[id(n), 0] for n in symbol.arg_nodes() + symbol.aux_nodes()}
    mine |= {name: shapes[id(n), i] for name, (n, i) in zip(symbol.list_outputs(), symbol.heads)}
    for name, shape in meta["shapes"].items():
        have = mine.get(name, ())
        if shape and 0 not in shape and (have is None or list(have) != shape):
            return f"{name} {have}, in MXNet {shape}"
    return None
