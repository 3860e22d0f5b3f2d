"""The asserts: they pass when they should, and a failure names the place."""

from __future__ import annotations

import re

import numpy as np
import pytest

import mxr
from mxr.testing import assert_gradient, assert_same_array, assert_same_loss, assert_same_symbol

FOCAL_R = """
p <- mx.symbol.Variable("p"); y <- mx.symbol.Variable("y")
pt <- y * p + (1 - y) * (1 - p)
mx.symbol.MakeLoss(-1 * (1 - pt) ^ 2 * mx.symbol.log(pt), name = "focal")
"""
INPUTS = {"p": np.random.RandomState(0).uniform(0.1, 0.9, (3, 2)), "y": np.array([[0, 1], [1, 1], [0, 0]])}


def focal(gamma: float = 2, **more) -> mxr.Symbol:
    p, y = mxr.sym.Variable("p"), mxr.sym.Variable("y")
    pt = y * p + (1 - y) * (1 - p)
    return mxr.sym.MakeLoss(-1 * (1 - pt) ** gamma * mxr.sym.log(pt), name="focal", **more)


def test_the_same_loss(r):
    assert_same_loss(FOCAL_R, focal(), INPUTS)
    assert_same_loss(r.run(FOCAL_R), focal(), INPUTS, grads=["p"])
    r.run("again <- mx.symbol.Dropout(mx.symbol.Variable('x'), p = 0.5)")
    assert_same_loss(
        r["again"], mxr.sym.Dropout(mxr.sym.Variable("x"), p=0.5), {"x": np.ones((8, 9))}, seed=3
    )


BROKEN = {  # the mistake in R; the place that the message names
    "another parameter": (
        FOCAL_R.replace("^ 2", "^ 3"),
        [
            "differ in output focal_output: 6 of 6 numbers",
            r"R +_power_?scalar\d+ = _power_scalar\(_rminus_?scalar\d+_output, scalar = 3.0\)",
            r"Python +_power_?scalar\d+ = _power_scalar\(_rminus_?scalar\d+_output, scalar = 2.0\)",
            "their inputs agree; scalar is 3.0 in R, 2.0 in Python",
            r"\[2, 1\]  0\.0139\d+ +\[0, 1\]  0\.0427",
        ],
    ),
    "another operator": (
        FOCAL_R.replace("(1 - p)", "(1 + p)"),
        [
            r"R +_plusscalar\d+ = _plus_scalar\(p\)",
            r"Python +_rminus_?scalar\d+ = _rminus_scalar\(p\)",
            "they are different operators",
        ],
    ),
    "the same nodes in another order": (
        FOCAL_R.replace("y * p + (1 - y) * (1 - p)", "(1 - y) * (1 - p) + y * p * 1.5"),
        [r"R +_mulscalar\d+|_mul_scalar\d+|_plus\d+"],
    ),
    "another gradient": (
        FOCAL_R.replace('name = "focal"', 'name = "focal", grad.scale = 2'),
        [
            "the losses agree, but the gradients of y differ",
            r"R +focal = MakeLoss\(_mul\d+_output, grad_scale = 2.0\)",
            "grad_scale is 2.0 in R, the default in Python",
            "gradient that it gives to",
        ],
    ),
    "a gradient cut off": (
        FOCAL_R.replace("mx.symbol.log(pt)", "mx.symbol.log(mx.symbol.BlockGrad(pt))"),
        ["the losses agree, but the gradients of y differ", r"backward, they differ from this node on"],
    ),
    "other arguments": (
        FOCAL_R.replace('"y"', '"label"'),
        ["different arguments: R's label, p; Python's y, p"],
    ),
    "other dimensions": (
        'mx.symbol.MakeLoss(mx.symbol.sum(mx.symbol.Variable("p") + mx.symbol.Variable("y"), axis = 1), '
        'name = "focal")',
        ["R has 3, Python shape \\(3, 2\\)"],
    ),
}


@pytest.mark.parametrize("mistake", BROKEN)
def test_a_broken_loss_names_the_node(r, mistake):
    code, words = BROKEN[mistake]
    with pytest.raises(AssertionError) as failed:
        assert_same_loss(code, focal(), INPUTS)
    for word in words:
        assert re.search(word, str(failed.value)), str(failed.value)


def test_wrong_calls_of_assert_same_loss(r):
    for inputs, words in (
        ({"p": [1]}, "inputs lacks y"),
        (INPUTS | {"z": 1}, "inputs has z"),
        (INPUTS | {"p": ["a"]}, "p must be numbers"),
    ):
        with pytest.raises(mxr.MxError, match=words):
            assert_same_loss(FOCAL_R, focal(), inputs)
    with pytest.raises(mxr.MxError, match="grads has q"):
        assert_same_loss(FOCAL_R, focal(), INPUTS, grads=["q"])
    with pytest.raises(mxr.MxError, match="R's loss is no symbol, but int"):
        assert_same_loss("3L", focal(), INPUTS)


def test_symbols(r):
    assert_same_symbol(focal(), focal())
    assert_same_symbol(FOCAL_R, focal())
    x = mxr.sym.Variable("x")
    assert_same_symbol(
        mxr.sym.FullyConnected(x, num_hidden=3), mxr.sym.FullyConnected(x, num_hidden=3, no_bias=False)
    )
    shared = mxr.sym.exp(x)
    fc = mxr.sym.FullyConnected
    for a, b, words in (
        (focal(3), focal(), "scalar differs"),
        (mxr.sym.exp(x), mxr.sym.log(x), "different operators"),
        (mxr.sym.exp(x), mxr.sym.exp(mxr.sym.Variable("z")), "different variables"),
        (mxr.sym.exp(x, name="a"), mxr.sym.exp(x), "different names"),
        (fc(x, num_hidden=3, name="a"), fc(x, num_hidden=3, name="b"), "different names"),
        (shared + shared, mxr.sym.exp(x) + mxr.sym.exp(x), "uses exp\\d+ twice"),
        (mxr.sym.Group([shared, x]), shared, "has 2 outputs"),
        (mxr.sym.concat(x, x), mxr.sym.concat(x, x, x), "2 and 3 inputs"),
        (
            mxr.sym.SliceChannel(x, num_outputs=2)[0],
            mxr.sym.SliceChannel(x, num_outputs=2)[1],
            "output 0 and output 1",
        ),
        (mxr.sym.Variable("x", lr_mult=2), x, "__lr_mult__"),
    ):
        with pytest.raises(AssertionError, match=words):
            assert_same_symbol(a, b)


def test_arrays(r):
    assert_same_array(r.run("as.array(mx.nd.array(matrix(1:6, 2)))"), [[1, 2], [3, 4], [5, 6]])
    assert_same_array(mxr.nd.array([1, np.nan]), np.array([1, np.nan]))
    assert_same_array(1.0, 1.0 + 1e-9)
    with pytest.raises(AssertionError, match=r"actual has shape \(2,\), expected shape \(2, 1\)"):
        assert_same_array([1, 2], [[1], [2]])
    with pytest.raises(
        AssertionError,
        match=r"1 of 2 numbers .*largest difference is 1\n.*actual +expected\n +\[1\]  3 +\[1\]  2",
    ):
        assert_same_array([1, 3], [1, 2])
    from rpy2 import rinterface

    with pytest.raises(AssertionError, match=r"\[1, 3\]  5 +\[2, 0\]  4"):
        assert_same_array(rinterface.evalr("matrix(c(1, 2, 3, 4, 5, 6), 2)"), [[1, 2], [3, 4], [4, 6]])
    with pytest.raises(mxr.MxError, match="must be numbers"):
        assert_same_array(["a"], [1])


def test_gradients():
    assert_gradient(focal(), INPUTS)
    assert_gradient(focal(grad_scale=3, normalization="batch"), INPUTS, wrt=["p"])
    x = mxr.sym.Variable("x")
    values = {"x": np.random.RandomState(1).uniform(0.2, 2, (4, 3))}
    assert_gradient(mxr.sym.MakeLoss(mxr.sym.BlockGrad(mxr.sym.exp(x)) * x), values)
    assert_gradient(mxr.sym.MakeLoss(mxr.sym.relu(x - 1), normalization="valid", valid_thresh=0.1), values)
    with pytest.raises(
        AssertionError,
        match="the gradient of x is not that of the loss: in a random direction the gradient gives",
    ):
        assert_gradient(
            mxr.sym.MakeLoss(mxr.sym.IdentityAttachKLSparseReg(mxr.sym.sigmoid(x), penalty=1, name="kl")),
            values | {"kl_moving_avg": np.full(3, 0.5)},
            wrt=["x"],
        )
    for loss, words in (
        (mxr.sym.SoftmaxOutput(x), "SoftmaxOutput .* defines a gradient"),
        (mxr.sym.MakeLoss(mxr.sym.MakeLoss(x)), "can be tested only if it is an output"),
        (mxr.sym.Dropout(x), "is random"),
    ):
        with pytest.raises(mxr.MxError, match=words):
            assert_gradient(
                loss, {"x": values["x"], **{k: np.ones(4) for k in loss.list_arguments() if k != "x"}}
            )


def test_gradients_of_r_code(r):
    assert_gradient(FOCAL_R, INPUTS)
