"""Random graphs: the executor against MXNet on whole symbols."""

from __future__ import annotations

import time

import numpy as np

import mxr
from tests.ops.ours import SEED
from tests.properties.graphs import Graph, from_seed
from tests.reference import oracle
from tests.reference.worker import head_gradient


def compare(n: int = 500) -> int:
    """`n` graphs, up to 40 operators each. The number of those that differ."""
    started, bad = time.time(), 0
    with oracle.Oracle() as mxnet:
        for seed in range(n):
            graph = from_seed(seed)
            if text := difference(mxnet, graph):
                bad += 1
                print(f"graph {seed} ({len(graph.symbol.nodes())} nodes): {text}", flush=True)
            if seed % 100 == 99:
                print(f"{seed + 1:5} graphs, {time.time() - started:4.0f} s", flush=True)
    return bad


def difference(mxnet, graph: Graph) -> str | None:
    meta, theirs = mxnet.ask(
        "graph",
        graph.values,
        json=graph.symbol.tojson(),
        grad=graph.wanted,
        request="write",
        train=True,
        seed=SEED,
    )
    if "error" in meta:
        return f"MXNet: {meta['error']}"
    run = graph.symbol.bind(
        {k: mxr.NDArray(v.copy()) for k, v in graph.values.items()},
        {k: mxr.NDArray(np.zeros_like(graph.values[k])) for k in graph.wanted},
        dict.fromkeys(graph.wanted, "write"),
    )
    mine = {f"out_{i}": x.data.copy() for i, x in enumerate(run.forward(True))}
    if graph.wanted:
        run.backward([head_gradient(i, x.shape, x.dtype) for i, x in enumerate(run.output_list)])
        mine |= {f"grad_{k}": run.grads[k].data for k in graph.wanted}
    for key, b in theirs.items():
        a = mine[key]
        # rounding errors grow with the graph and, where terms cancel, are as large as the largest terms make
        # them
        if a.shape != b.shape or not np.allclose(
            a, b, 1e-4, 1e-5 * max(1.0, float(np.abs(b).max(initial=0))), equal_nan=True
        ):
            return f"{key}: {a.ravel()[:4]}, in MXNet {b.ravel()[:4]}"
    return None
