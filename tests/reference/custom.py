"""Operators written in Python (custom_operators.py): the same classes under mxr and under MXNet, in networks
that are trained for a few steps."""

from __future__ import annotations

import numpy as np

import mxr
from tests.reference import oracle
from tests.reference.custom_operators import register
from tests.reference.worker import ADD_START, head_gradient

sym = mxr.sym


def dense(x, n: int, name: str):
    return sym.FullyConnected(x, num_hidden=n, name=name)


def networks() -> dict[str, mxr.Symbol]:
    """Inputs: data (8, 5), label."""
    data, label = sym.Variable("data"), sym.Variable("label")
    hidden = sym.Custom(dense(data, 6, "fc1"), op_type="bell", name="hidden")
    wing = sym.Custom(dense(data, 3, "fc1"), label, op_type="wing", w=0.7)
    spread = sym.Custom(dense(data, 3, "fc1"), op_type="spread", name="spread")
    whole = sym.Cast(sym.Custom(dense(data, 3, "fc1") * 3, op_type="whole"), dtype="float32")
    return {
        "tempered after bell": sym.Custom(
            dense(hidden, 3, "fc2"), label, op_type="tempered", temperature=2.5
        ),
        "wing before MakeLoss": sym.MakeLoss(sym.mean(wing, axis=1)),
        "wing's own gradient": wing,
        "spread, both outputs": sym.Group([spread[0], spread[1]]),
        "spread, one output": sym.sum(spread[1], axis=0),
        "whole, of another type": sym.tanh(whole * 0.3),
    }


def compare() -> int:
    """Train every network, and call every operator at once. The number of those that differ."""
    register(mxr)
    bad, n = 0, 0
    with oracle.Oracle() as mxnet:
        mxnet.ask("register", {})
        cases = [
            (f"{name}, {request}", lambda s=symbol, r=request: trained(mxnet, s, r))
            for name, symbol in networks().items()
            for request in ("write", "add")
        ]
        cases += [(f"{op} at once", lambda op=op, p=p: at_once(mxnet, op, p)) for op, p in AT_ONCE.items()]
        for name, difference in cases:
            n += 1
            if text := difference():
                bad += 1
                print(f"custom operator {name}: {text}", flush=True)
    print(f"{n:5} networks with operators in Python, {bad} differences", flush=True)
    return bad


def trained(mxnet: oracle.Oracle, symbol: mxr.Symbol, request: str, steps: int = 10, rate=0.01) -> str | None:
    shapes = {"data": (8, 5)} | ({"label": (8, 3)} if "wing" in symbol.tojson() else {})
    arg_shapes, _, aux_shapes = symbol.infer_shape(**shapes)
    rng = np.random.RandomState(5)
    values = {k: rng.standard_normal(s).astype("f4") for k, s in zip(symbol.list_arguments(), arg_shapes)}
    if len(values.get("label", np.zeros((1, 1))).shape) == 1:
        values["label"] = rng.randint(0, 3, 8).astype("f4")
    states = {k: np.zeros(s, "f4") for k, s in zip(symbol.list_auxiliary_states(), aux_shapes)}
    wanted = [k for k in values if k not in ("data", "label")]
    meta, theirs = mxnet.ask(
        "steps",
        values | states,
        json=symbol.tojson(),
        grad=wanted,
        request=request,
        steps=steps,
        rate=rate,
    )
    if "error" in meta:
        return f"MXNet: {meta['error']}"
    grads = {k: np.full_like(values[k], ADD_START) for k in wanted}
    requests = {k: request if k in wanted else "null" for k in values}
    run = symbol.bind({k: v.copy() for k, v in values.items()}, grads, requests, states)
    for _ in range(steps):
        outs = [x.asnumpy() for x in run.forward(True)]
        run.backward([head_gradient(i, x.shape, x.dtype) for i, x in enumerate(outs)])
        for k in wanted:
            run.args[k][:] = run.args[k] - rate * run.grads[k]
    mine = {f"out_{i}": x for i, x in enumerate(outs)}
    mine |= {f"grad_{k}": run.grads[k].asnumpy() for k in wanted}
    mine |= {f"end_{k}": run.args[k].asnumpy() for k in wanted}
    mine |= {f"aux_{k}": run.aux[k].asnumpy() for k in states}
    mine |= {f"plain_{i}": x.asnumpy() for i, x in enumerate(run.forward(False))}
    return difference(mine, theirs)


AT_ONCE = {"bell": {}, "wing": {"w": 0.7}, "whole": {}}


def at_once(mxnet: oracle.Oracle, op: str, params: dict) -> str | None:
    rng = np.random.RandomState(6)
    shapes = {"bell": [(4, 3), (3,)], "wing": [(4, 3), (4, 3)], "whole": [(4, 3)]}[op]
    values = {f"in{i}": rng.standard_normal(s).astype("f4") for i, s in enumerate(shapes)}
    meta, theirs = mxnet.ask("custom", values, op=op, params=params)
    if "error" in meta:
        return f"MXNet: {meta['error']}"
    out = mxr.nd.Custom(*map(mxr.nd.array, values.values()), op_type=op, **params)
    return difference({"out": out.asnumpy()}, theirs)


def difference(mine: dict[str, np.ndarray], theirs: dict[str, np.ndarray]) -> str | None:
    if mine.keys() != theirs.keys():
        return f"{sorted(mine)}, in MXNet {sorted(theirs)}"
    for key, b in theirs.items():
        a = mine[key]
        if a.shape != b.shape or a.dtype != b.dtype or not np.allclose(a, b, 1e-4, 1e-5):
            return f"{key}: {a.dtype} {a.ravel()[:4]}, in MXNet {b.dtype} {b.ravel()[:4]}"
    return None
