"""mxr.optimizer: step for step the weights that MXNet's own Python optimizers gave
(tests/reference/python_optimizers.py)."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import mxr

MXNET = json.loads((Path(__file__).parents[1] / "data" / "python_optimizers.json").read_text())
IDS = [f"{case['kind']} {case['settings']}" for case in MXNET["cases"]]


@pytest.mark.parametrize("case", MXNET["cases"], ids=IDS)
def test_as_in_mxnet(case):
    weight = mxr.nd.array(MXNET["weight"])
    update = mxr.optimizer.get_updater(mxr.optimizer.create(case["kind"], **case["settings"]))
    for grad, expected in zip(MXNET["grads"], case["weights"], strict=True):
        update(0, mxr.nd.array(grad), weight)
        np.testing.assert_allclose(weight.data.ravel(), expected, rtol=2e-6, atol=1e-7)


@pytest.mark.parametrize("case", MXNET["cases"], ids=IDS)
def test_a_whole_executor(case):
    x, w, b = map(mxr.sym.Variable, "xwb")
    executor = mxr.sym.MakeLoss(mxr.sym.broadcast_mul(x, w) + b).simple_bind(
        x=(3, 2), w=(3, 2), b=(3, 2), reqs={"w": "write", "b": "write"}
    )
    for name in "wb":
        executor.args[name][:] = MXNET["weight"]
    optimizer = mxr.optimizer.create(case["kind"], **case["settings"])
    for grad, expected in zip(MXNET["grads"], case["weights"], strict=True):
        executor.args["x"][:] = grad
        executor.forward_backward()
        executor.grads["b"][:] = executor.grads["w"]
        optimizer.step(executor)
        for name in "wb":
            np.testing.assert_allclose(executor.args[name].data.ravel(), expected, rtol=2e-6, atol=1e-7)


def test_rates():
    seen = []
    optimizer = mxr.optimizer.SGD(lr_scheduler=lambda n: seen.append(n) or 0.1 / (1 + n))
    weight = mxr.nd.zeros((2,))
    state = optimizer.create_state("w", weight)
    for _ in range(3):
        optimizer.update("w", weight, mxr.nd.ones((2,)), state)
    np.testing.assert_allclose(weight.data, -sum(0.1 / (1 + n) for n in (1, 2, 3)), rtol=1e-6)
    assert seen == [1, 2, 3]
    with pytest.raises(mxr.MxError, match="lr_scheduler decides"):
        optimizer.set_learning_rate(1)
    other = mxr.optimizer.create("adam")
    assert other.learning_rate == 0.001
    other.set_learning_rate(0.5)
    assert other.learning_rate == 0.5 and mxr.optimizer.create(other) is other


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: mxr.optimizer.create("adm"), 'no optimizer adm; did you mean "adam"'),
        (lambda: mxr.optimizer.SGD(moment=1), 'moment; did you mean "momentum"'),
        (lambda: mxr.optimizer.Adam(beta1="a"), "beta1 must be a number, not 'a'"),
        (lambda: mxr.optimizer.SGD(float("nan")), "learning_rate must be a number"),
        (
            lambda: mxr.optimizer.SGD().update(0, mxr.nd.ones(3), mxr.nd.ones(2), []),
            r"weight 0 has shape \(3,\), its gradient \(2,\)",
        ),
    ],
)
def test_mistakes(call, words):
    with pytest.raises(mxr.MxError, match=words):
        call()
