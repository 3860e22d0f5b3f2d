"""SoftmaxOutput in blocks and on several workers."""

import numpy as np
import pytest

from mxr import sym
from mxr.runtime import costs


@pytest.mark.parametrize(
    "shape, multi",
    [
        ((7, 5), False),
        ((40, 3), False),
        ((3, 50), False),
        ((2, 5, 9), True),
        ((1, 4, 3, 7), True),
        ((3, 2, 5), False),
        ((6, 4), True),
    ],
)
@pytest.mark.parametrize("block", [1, 12, 1 << 17])
def test_softmax_does_not_depend_on_its_blocks(shape, multi, block, monkeypatch):
    monkeypatch.setattr(costs, "SOFTMAX_BLOCK", block)
    monkeypatch.setattr(costs, "SOFTMAX_NS", 1e9)  # as if it took long enough to use every thread
    x = np.random.default_rng(0).standard_normal(shape, np.float32)
    ex = sym.SoftmaxOutput(sym.Variable("x"), sym.Variable("y"), multi_output=multi).simple_bind(
        "write", x=shape
    )
    ex.args["x"][:] = x
    ex.forward(True)
    ex.backward()
    classes = x.reshape(*shape[:2], -1) if multi else x.reshape(len(x), -1)
    e = np.exp(classes.astype(np.float64))
    wanted = (e / e.sum(axis=1, keepdims=True)).reshape(shape)
    np.testing.assert_allclose(ex.output_list[0].data, wanted, rtol=1e-5)
    labels = np.zeros_like(classes)
    labels[:, 0] = 1  # all labels are 0
    scale = np.prod(shape[2:]) if multi else 1
    np.testing.assert_allclose(
        ex.grads["x"].data, (wanted - labels.reshape(shape)) / scale, rtol=1e-4, atol=1e-6
    )
