"""The steps of boston.R called from Python, on the same network and optimizer. Prints microseconds per batch,
the least of many short runs: both passes and the update of all parameters in two calls, as the training loop
makes them; and the calls of the script's own loop, one for one."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from mxr import nd, sym
from mxr.engine.executor import Executor
from mxr.engine.optimizer import Updater, rule

rng = np.random.default_rng(0)
SIZE, FEATURES = 60, 13
SETTINGS = {"gamma1": 0.95, "gamma2": 0.9, "epsilon": 1e-4, "wd": 0, "rescale_grad": 1 / SIZE}
BATCHES = [
    {"data": nd.array(rng.standard_normal((SIZE, FEATURES))), "label": nd.array(rng.standard_normal(SIZE))}
    for _ in range(7)
]


def bound() -> tuple[Executor, Updater]:
    hidden = sym.FullyConnected(sym.Variable("data"), num_hidden=14, name="fc1")
    out = sym.FullyConnected(sym.Activation(hidden, act_type="tanh"), num_hidden=1, name="fc2")
    loss = sym.MakeLoss(sym.square(sym.Reshape(out, shape=(0,)) - sym.Variable("label")), name="loss")
    reqs = {k: "null" if k in ("data", "label") else "write" for k in loss.list_arguments()}
    ex = loss.simple_bind(reqs, data=(SIZE, FEATURES), label=(SIZE,))
    for name in ("fc1_weight", "fc2_weight"):
        ex.args[name][:] = rng.uniform(-0.1, 0.1, ex.args[name].shape)
    return ex, Updater(rule("rmspropalex", SETTINGS))


def fused() -> Callable[[], None]:
    ex, updater = bound()

    def run() -> None:
        for batch in BATCHES:
            for name, value in batch.items():
                ex.args[name][:] = value
            ex.forward_backward()
            updater.train(0.002, ex)

    return run


def own() -> Callable[[], None]:
    ex, updater = bound()

    def run() -> None:
        for batch in BATCHES:
            for name, value in batch.items():
                ex.args[name][:] = value
            ex.forward(True)
            ex.backward()
            weights, grads = (
                [None if a is None else a.data for a in arrays.values()] for arrays in (ex.args, ex.grads)
            )
            for name, new in zip(ex.args, updater.step(0.002, weights, grads)):
                if new is not None:
                    ex.args[name][:] = new

    return run


def least(run: Callable[[], None]) -> float:
    """Microseconds for a batch."""
    times = []
    for _ in range(2000):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return min(times) / len(BATCHES) * 1e6


print(least(fused()), least(own()))
