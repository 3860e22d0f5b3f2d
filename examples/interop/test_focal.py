import mxr as mx
import numpy as np
import pytest
from focal import focal
from mxr.testing import assert_gradient, assert_same_array, assert_same_loss, assert_same_symbol

P, Y = mx.sym.Variable("p"), mx.sym.Variable("y")
INPUTS = {"p": np.random.RandomState(0).uniform(0.1, 0.9, (3, 2)), "y": np.array([[0, 1], [1, 1], [0, 0]])}
IN_R = 'focal(mx.symbol.Variable("p"), mx.symbol.Variable("y"))'


@pytest.mark.r(source="focal.R")
def test_the_port_computes_what_r_computes(r):
    assert_same_loss(IN_R, focal(P, Y), INPUTS)
    assert_same_symbol(IN_R, focal(P, Y))


def test_its_gradient_is_that_of_the_loss():
    assert_gradient(focal(P, Y), INPUTS)


@pytest.mark.r(source="focal.R")
def test_values_cross(r):
    r["p"], r["y"] = INPUTS["p"], INPUTS["y"]           # shape (3, 2) here, dim c(2, 3) in R
    assert r.run("dim(p)").tolist() == [2, 3]
    assert_same_array(r.run("-(1 - abs(1 - y - p))^2"), -(1 - np.abs(1 - INPUTS["y"] - INPUTS["p"])) ** 2)


@pytest.mark.r(source="focal.R")
def test_a_wrong_call_is_an_error_of_mxr(r):
    with pytest.raises(mx.ParamError, match="num_hidden is required") as failed:
        r.run("focal(mx.symbol.FullyConnected(mx.symbol.Variable('x')), mx.symbol.Variable('y'))")
    assert failed.value.call.startswith("mx.symbol.FullyConnected(")


def test_the_script_gives_the_numbers_that_it_gave(rscript, golden):
    golden("train.jsonl", rscript.observe("train.R"))
