"""Plain evaluation of a graph, one operator after the other, keeping every value. The executor must agree
with it."""

from __future__ import annotations

import numpy as np

from mxr.engine.imperative import invoke
from mxr.operator import Run


def evaluate(symbol, values: dict, heads: list | None, train: bool = True) -> tuple[list, dict]:
    """(outputs, gradients by argument); `heads` are the head gradients, None for ones."""
    of: dict[tuple[int, int], np.ndarray] = {}
    for n in symbol.nodes():
        if n.op is None:
            of[id(n), 0] = values[n.name]
        else:
            for i, x in enumerate(invoke(n.op, [of[id(m), j] for m, j in n.inputs], n.p, train)):
                of[id(n), i] = x
    outputs = [of[id(n), i] for n, i in symbol.heads]
    grads: dict[tuple[int, int], np.ndarray] = {}
    for k, (n, i) in enumerate(symbol.heads):
        _accumulate(grads, (id(n), i), 1.0 if heads is None else heads[k], of)
    for n in reversed(symbol.nodes()):
        if n.op is not None and (n.op.loss or any((id(n), i) in grads for i in range(n.n_visible))):
            ins, outs = [of[id(m), j] for m, j in n.inputs], [of[id(n), i] for i in range(n.n_outputs)]
            for (m, j), g in zip(
                n.inputs, _gradient(n, ins, outs, [grads.get((id(n), i)) for i in range(n.n_visible)], train)
            ):
                if g is not None:
                    _accumulate(grads, (id(m), j), g, of)
    by_name = {n.name: grads.get((id(n), 0), np.zeros_like(values[n.name])) for n in symbol.arg_nodes()}
    return outputs, by_name


def _accumulate(grads, key, g, of):
    g = np.broadcast_to(np.asarray(g, of[key].dtype), of[key].shape)
    grads[key] = grads[key] + g if key in grads else g


def _gradient(n, ins, outs, gs, train) -> list:
    op = n.op
    with np.errstate(all="ignore"):
        if op.backward:
            if op.loss:
                g = None
            else:
                gs = [np.zeros_like(o) if g is None else g for g, o in zip(gs, outs)]
                g = gs[0] if len(gs) == 1 else tuple(gs)
            result = op.backward(n.p, g, tuple(ins), tuple(outs))
            return list(result) if isinstance(result, (tuple, list)) else [result]
        if op.gradient is None:
            return [None] * len(ins)
        igs = [np.empty_like(x) for x in ins]
        op.gradient(n.p, Run(train), gs, ins, outs, igs)
        return igs
