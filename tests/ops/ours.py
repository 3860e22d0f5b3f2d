"""mxr's answer for a sample, in the form of MXNet's answers from tests/reference/worker.py.

An answer is `(meta, arrays)`: `meta` has the symbol's JSON, names, inferred shapes and types; `arrays` has
`out<i>`, `grad<i>` (by input), `add<i>` (the gradient array after two passes under "add"), `aux<i>`, or for
operators that write their inputs `mut<i>`.
"""

from __future__ import annotations

import numpy as np

import mxr
from mxr.engine.ndarray import call
from mxr.graph.infer_shapes import all_shapes
from mxr.operator import known
from tests.ops.collect import Case
from tests.reference.compare import differences
from tests.reference.worker import ADD_START, head_gradient

SEED = 7


def wanted(case: Case) -> list[int]:
    """Positions of the inputs whose gradient is compared."""
    sample, n_args = case.sample, len(case.op.inputs(case.parsed()))
    if not sample.grad or not sample.train:
        return []
    positions = range(min(n_args, len(case.inputs))) if sample.grad is True else sample.grad
    return [i for i in positions if case.inputs[i].dtype.kind == "f"]


def at_once(case: Case) -> bool:
    """Whether the operator is compared imperatively: optimizer steps, and other operators that write their
    inputs."""
    return bool(case.op.mutates) or "update" in case.op.family


def written(case: Case) -> list[int]:
    """Positions of the inputs that the operator writes."""
    return [i for i in case.op.mutates if i < len(case.inputs)]


def question(case: Case) -> dict:
    """The question to the oracle about this sample."""
    if case.sample.reference in ("arrays", "in place"):
        return {
            "ask": "arrays",
            "op": case.op.name,
            "params": question_params(case),
            "inputs": len(case.inputs),
            "train": bool(case.sample.train),
            "seed": SEED,
            "outs": outs(case),
            "into": 0 if case.sample.reference == "in place" else None,
            "grad": [f"v{i}" for i in wanted(case)] if case.op.differentiable else [],
        }
    return {
        "ask": "imperative" if at_once(case) else "sample",
        "op": case.op.name,
        "params": question_params(case),
        "inputs": len(case.inputs),
        "variadic": bool(case.op.variadic),
        "train": bool(case.sample.train),
        "seed": SEED,
        "grad": [f"v{i}" for i in wanted(case)],
        "mutates": written(case),
        "outs": outs(case) if at_once(case) else [],
    }


def outs(case: Case) -> list:
    """Shape and type of every visible output."""
    p = case.parsed()
    n = len(case.op.outputs(p))
    shapes = case.op.infer_shape(p, [x.shape for x in case.inputs], [None] * (n + len(case.op.hidden(p))))[1]
    types = list(case.op.infer_type(p, [x.dtype for x in case.inputs]))
    return [(list(shapes[i]), np.dtype(types[min(i, len(types) - 1)]).name) for i in range(n)]


def question_params(case: Case) -> dict[str, str]:
    params = case.params
    if case.op.variadic and case.op.variadic in case.op.params:
        params.setdefault(case.op.variadic, str(len(case.inputs)))
    return params


def answer(case: Case) -> tuple[dict, dict]:
    """mxr's answer. Raises mxr's exceptions."""
    return imperative(case) if at_once(case) else symbolic(case)


def against(case: Case, theirs: tuple[dict, dict]) -> tuple[dict[str, str], tuple[dict, dict]]:
    """(differences from MXNet's answer, mxr's answer)."""
    try:
        mine = answer(case)
    except Exception as e:
        return {"mxr": f"{type(e).__name__}: {e}"}, ({}, {})
    return differences(case, mine, theirs), mine


def compose(case: Case, n: int | None = None) -> mxr.Symbol:
    n = len(case.inputs) if n is None else n
    return getattr(mxr.sym, case.op.name)(
        *(mxr.sym.Variable(f"v{i}") for i in range(n)), name="op", **case.sample.params
    )


def symbolic(case: Case) -> tuple[dict, dict]:
    values = {f"v{i}": x for i, x in enumerate(case.inputs)}
    symbol = compose(case)
    meta = {
        "json": symbol.tojson(),
        "outputs": symbol.list_outputs(),
        "aux": symbol.list_auxiliary_states(),
        "arguments": symbol.list_arguments(),
    }
    if not case.op.variadic and len(values) > 1:
        meta["auto_json"] = compose(case, 1).tojson()
    shapes = {name: x.shape for name, x in values.items()}
    meta["shapes"] = [list(s) for s in symbol.infer_shape(**shapes)[1].values()]
    if values:
        meta["from_first"] = shapes_from_first(symbol, shapes)
    meta["types"] = [
        t.name for t in symbol.infer_type(**{name: x.dtype for name, x in values.items()})[1].values()
    ]
    names = wanted(case)
    if names and not case.op.differentiable:
        names, meta["no_gradient"] = [], "declared without a gradient"
    run = bind(symbol, values, names, "write")
    mxr.random.seed(SEED)
    arrays = {f"out{i}": x.data.copy() for i, x in enumerate(run.forward(case.sample.train))}
    if names:
        run.backward(heads(run))
        arrays |= {f"grad{i}": run.grads[f"v{i}"].data.copy() for i in names}
    arrays |= {"aux" + k[1:]: a.data.copy() for k, a in run.aux.items()}
    if names:
        run = bind(symbol, values, names, "add")
        mxr.random.seed(SEED)
        for _ in range(2):
            run.forward(True)
            run.backward(heads(run))
        arrays |= {f"add{i}": run.grads[f"v{i}"].data.copy() for i in names}
    return meta, arrays


def shapes_from_first(symbol, shapes) -> dict[str, list]:
    """The shapes that follow from the first input's shape alone: name -> shape."""
    found = all_shapes(symbol, {"v0": shapes["v0"]})
    entries = {n.name: (id(n), 0) for n in symbol.arg_nodes() + symbol.aux_nodes()}
    entries |= {name: (id(n), i) for name, (n, i) in zip(symbol.list_outputs(), symbol.heads)}
    return {name: list(found[entry]) for name, entry in entries.items() if known(found[entry])}


def bind(symbol, values, wanted, request):
    aux = symbol.list_auxiliary_states()
    names = [f"v{i}" for i in wanted]
    return symbol.bind(
        {k: mxr.NDArray(v.copy()) for k, v in values.items() if k not in aux},
        {k: mxr.NDArray(np.full_like(values[k], ADD_START)) for k in names},
        dict.fromkeys(names, request),
        {k: mxr.NDArray(v.copy()) for k, v in values.items() if k in aux},
    )


def heads(run):
    return [head_gradient(i, x.shape, x.dtype) for i, x in enumerate(run.output_list)]


def imperative(case: Case, train: bool | None = None) -> tuple[dict, dict]:
    mxr.random.seed(SEED)
    inputs = [mxr.NDArray(x.copy()) for x in case.inputs]
    outs = call(
        case.op.name,
        inputs,
        dict(case.sample.params),
        train=bool(case.sample.train if train is None else train),
    )
    return {}, {f"out{i}": x.data for i, x in enumerate(outs)} | {
        f"mut{i}": inputs[i].data for i in written(case)
    }
