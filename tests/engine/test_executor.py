"""Executors: gradients, requests, head gradients, sharing of memory."""

import numpy as np
import pytest

import mxr
from mxr import sym
from mxr.operator import MxError

rng = np.random.default_rng(0)


def bound(symbol, reqs="write", **arrays):
    ex = symbol.simple_bind(reqs, **{k: np.shape(v) for k, v in arrays.items()})
    for k, v in arrays.items():
        ex.args[k][:] = np.asarray(v, np.float32)
    return ex


def test_makeloss_ignores_head_gradients_and_scales():
    ex = bound(sym.MakeLoss(sym.square(sym.Variable("x")), grad_scale=3), x=[1, 2, 3])
    ex.forward(True)
    ex.backward([np.full(3, 7, np.float32)])
    assert ex.output_list[0].data.tolist() == [1, 4, 9] and ex.grads["x"].data.tolist() == [6, 12, 18]


def test_add_accumulates_and_write_replaces():
    for req, want in (("add", [6, 12]), ("write", [2, 4])):
        ex = bound(sym.MakeLoss(sym.square(sym.Variable("x"))), req, x=[1, 2])
        for _ in range(3):
            ex.forward(True)
            ex.backward()
        assert ex.grads["x"].data.tolist() == want


def test_both_passes_in_one_call():
    for req, want in (("add", [6, 12]), ("write", [2, 4])):
        ex = bound(sym.MakeLoss(sym.square(sym.Variable("x"))), req, x=[1, 2])
        for _ in range(3):
            assert ex.forward_backward()[0].data.tolist() == [1, 4]
        assert ex.grads["x"].data.tolist() == want
    with pytest.raises(MxError, match="no argument has a gradient"):
        bound(sym.MakeLoss(sym.Variable("x")), "null", x=[1]).forward_backward()


def test_head_gradients_of_a_plain_output():
    x, y = sym.Variable("x"), sym.Variable("y")
    ex = bound(x * y, x=[1, 2], y=[3, 4])
    ex.forward(True)
    ex.backward()
    assert ex.grads["x"].data.tolist() == [3, 4]
    ex.backward([np.array([10, 100], np.float32)])
    assert ex.grads["x"].data.tolist() == [30, 400] and ex.grads["y"].data.tolist() == [10, 200]
    with pytest.raises(MxError, match="head gradient"):
        ex.backward([np.zeros(3, np.float32)])


def test_a_loss_inside_a_loss_keeps_its_own_gradient():
    """SoftmaxOutput below MakeLoss, and even below BlockGrad, passes (p - label) on, as in MXNet."""
    x, label = sym.Variable("x"), sym.Variable("label")
    inner = sym.SoftmaxOutput(x, label)
    values = rng.normal(size=(2, 3))
    p = np.exp(values) / np.exp(values).sum(1, keepdims=True)
    want = p - np.eye(3)[[1, 2]]
    for outer in (sym.MakeLoss(sym.log(inner) * 5), sym.BlockGrad(inner)):
        ex = bound(outer, {"x": "write"}, x=values, label=[1, 2])
        ex.forward(True)
        ex.backward()
        np.testing.assert_allclose(ex.grads["x"].data, want, atol=1e-6)


def test_equal_gradients_have_separate_arrays():
    x, y = sym.Variable("x"), sym.Variable("y")
    ex = bound(sym.MakeLoss(x + y), x=[1, 2], y=[3, 4])
    ex.forward(True)
    ex.backward()
    ex.grads["x"][:] = 5
    assert ex.grads["y"].data.tolist() == [1, 1]


def test_outputs_are_not_the_arguments_memory():
    x = sym.Variable("x")
    ex = bound(sym.Group([sym.identity(x), sym.Reshape(x, shape=(-1,)), x]), x=[[1, 2]])
    ex.forward()
    ex.args["x"][:] = 9
    assert all(o.data.ravel().tolist() == [1, 2] for o in ex.output_list)


def test_one_name_collects_all_gradients():
    ex = bound(sym.MakeLoss(sym.Variable("x") * sym.Variable("x")), x=[1, 2])
    ex.forward(True)
    ex.backward()
    assert ex.grads["x"].data.tolist() == [2, 4]


def test_unreached_arguments_get_zero():
    x, y = sym.Variable("x"), sym.Variable("y")
    ex = bound(sym.MakeLoss(x + sym.BlockGrad(y)), x=[1], y=[2])
    ex.grads["y"][:] = 7
    ex.forward(True)
    ex.backward()
    assert ex.grads["y"].data.tolist() == [0]


def test_slices_of_one_array_add_up():
    x = sym.Variable("x")
    parts = [sym.slice_axis(x, axis=1, begin=i, end=i + 2) * float(i + 1) for i in range(3)]
    ex = bound(sym.MakeLoss(parts[0] + parts[1] + parts[2]), x=np.zeros((2, 4)))
    ex.forward(True)
    ex.backward()
    assert ex.grads["x"].data.tolist() == [[1, 3, 5, 3]] * 2


def test_large_arrays_are_blocked_and_threaded_to_the_same_numbers():
    x, b = sym.Variable("x"), sym.Variable("b")
    loss = sym.MakeLoss(
        sym.broadcast_mul(sym.exp(0 - sym.square(x)), b) + sym.transpose(sym.sqrt(sym.abs(x)), axes=(1, 0))
    )
    data, row = rng.normal(size=(700, 700)).astype("f4"), rng.normal(size=(1, 700)).astype("f4")
    ex = bound(loss, x=data, b=row)
    ex.forward(True)
    ex.backward()
    np.testing.assert_allclose(
        ex.output_list[0].data, np.exp(-(data**2)) * row + np.sqrt(abs(data)).T, rtol=1e-5, atol=1e-6
    )
    np.testing.assert_allclose(
        ex.grads["x"].data,
        -2 * data * np.exp(-(data**2)) * row + np.sign(data) * 0.5 / np.sqrt(abs(data)),
        rtol=1e-4,
        atol=1e-5,
    )
    np.testing.assert_allclose(ex.grads["b"].data, np.exp(-(data**2)).sum(0, keepdims=True), rtol=1e-4)


def test_binding_errors_name_the_argument():
    s = sym.MakeLoss(sym.Variable("x") + sym.Variable("y"))
    with pytest.raises(MxError, match="do not determine the shape of x, y"):
        s.simple_bind()
    with pytest.raises(mxr.ShapeError, match=r"\(3,\) and \(2,\) differ|\(2,\) and \(3,\) differ"):
        s.simple_bind(x=(2,), y=(3,))
    with pytest.raises(MxError, match="lacks y"):
        s.bind({"x": np.zeros(2, "f4")})
    with pytest.raises(MxError, match="must be one of null"):
        s.simple_bind("wrte", x=(2,))
    ex = s.simple_bind("null", x=(2,))
    with pytest.raises(MxError, match="run forward first"):
        ex.backward()
    ex.forward()
    with pytest.raises(MxError, match="no argument has a gradient"):
        ex.backward()


def test_repeated_steps_allocate_nothing():
    import tracemalloc

    x = sym.Variable("x")
    net = sym.MakeLoss(sym.square(sym.FullyConnected(x, num_hidden=8, name="fc")))
    ex = bound(net, x=rng.normal(size=(16, 4)))
    for _ in range(3):
        ex.forward(True)
        ex.backward()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    for _ in range(500):
        ex.forward(True)
        ex.backward()
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert grown < 10_000


def test_types_that_an_operator_does_not_take():
    values = {
        "x": np.zeros((2, 3), np.int32),
        **{k: np.zeros(3, np.int32) for k in ("gamma", "beta", "mean", "var")},
    }
    symbol = mxr.sym.BatchNorm(*map(mxr.sym.Variable, values), name="bn")
    run = symbol.bind(
        {k: mxr.NDArray(values[k]) for k in ("x", "gamma", "beta")},
        aux={k: mxr.NDArray(values[k]) for k in ("mean", "var")},
    )
    with pytest.raises(
        mxr.MxError, match=r"BatchNorm bn \(data int32, gamma int32.* does not take such arrays"
    ):
        run.forward(True)
    pooled = mxr.sym.Pooling(mxr.sym.Variable("x"), kernel=(2, 2), name="pool").simple_bind(
        "null", x=(1, 1, 4, 4)
    )
    pooled.forward()
    # a kernel that is prepared
    assert pooled._operator_of(pooled._forward_steps[0]) == "Pooling pool (data float32)"
    with pytest.raises(mxr.MxError, match=r"sgd_update does not take such arrays.*weight int32"):
        mxr.nd.sgd_update(mxr.NDArray(np.ones(3, np.int32)), mxr.NDArray(np.ones(3, np.int32)), lr=0.1)
