"""Training segments against the ordinary program: the same outputs, gradients and statistics."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mxr import sym
from mxr.compiler.training import TrainingSegment
from mxr.engine import executor
from mxr.runtime import onednn, threads
from tests.compiler.test_segments import (
    GRAPHS,
    agree,
    any_graph,
    bound,
    conv,
    deconv,
    norm,
    relu,
    residual,
    small_work_pays,
    transposed,
)

pytestmark = pytest.mark.skipif(onednn.library() is None, reason=f"oneDNN is {onednn.description()}")
__all__ = ["small_work_pays"]


def trained(net, reqs="write", **shapes):
    """Two executors of one symbol with the same random parameters: by segments, and the ordinary program.
    And the segments."""
    found = []
    divide = executor.divide

    def kept(*args):
        found.append(divide(*args))
        return found[-1]

    pair = []
    for way in (kept, lambda *args: []):
        with pytest.MonkeyPatch.context() as m:
            m.setattr(executor, "divide", way)
            pair.append(net.simple_bind(reqs, **shapes))
    rng = np.random.default_rng(3)
    for ex in pair[0].args, pair[0].aux:
        for name, a in ex.items():
            positive = name.endswith(("var", "gamma"))
            low, high = (
                (0.5, 1.5) if positive else (-0.15, 0.15) if a.ndim > 2 and name != "data" else (-1, 1)
            )
            a[:] = rng.uniform(low, high, a.shape)
    pair[1].copy_params_from(pair[0].args, pair[0].aux)
    return *pair, [part for units in found for part in units if isinstance(part, TrainingSegment)]


def close(arrays, expected):
    """Equal to rounding. Sums that would be zero without rounding are compared with what was added up."""
    pairs = {k: (arrays[k].asnumpy(), b.asnumpy()) for k, b in expected.items() if b is not None}
    largest = max([1.0, *(np.abs(b).max() for _, b in pairs.values())])
    for k, (a, b) in pairs.items():
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=5e-5 * largest, err_msg=k)


def same(ex, other):
    """Steps of training by both ways of calling, and evaluation: equal in everything that they write."""
    rng = np.random.default_rng(5)
    heads = [rng.uniform(-1, 1, o.shape).astype(np.float32) for o in ex.output_list]
    for step in range(3):
        for e in (ex, other):
            if step == 1:
                e.forward_backward()
            else:
                e.forward(is_train=step != 2)
                e.backward(heads)
        for kind in ("outputs", "grads", "aux"):
            close(getattr(ex, kind), getattr(other, kind))


@pytest.mark.parametrize("samples", [1, 3])
@pytest.mark.parametrize("name", GRAPHS)
def test_same_numbers(name, samples):
    net = GRAPHS[name]()
    ex, other, found = trained(net, data=(samples, 16, 10, 10))
    assert found
    same(ex, other)


@pytest.mark.parametrize("size", [(20,), (6, 7, 8)])
def test_signals_and_volumes(size):
    three = (3,) * len(size)
    x = relu(norm(conv(sym.Variable("data"), kernel=three)))
    net = relu(conv(sym.Pooling(x, kernel=three, stride=(2,) * len(size), pool_type="max"), kernel=three) * 1)
    ex, other, found = trained(net, data=(2, 16, *size))
    assert found
    same(ex, other)


@settings(max_examples=25, deadline=None)
@given(any_graph)
def test_any_graph(net):
    ex, other, _ = trained(net(), data=(1, 16, 6, 6))
    same(ex, other)


@settings(max_examples=25, deadline=None)
@given(transposed(), st.integers(1, 3))
def test_any_transposed_convolution(made, samples):
    net, size = made
    ex, other, _ = trained(net, data=(samples, *size))
    same(ex, other)


@pytest.mark.parametrize("reqs", ["write", "add"])
def test_what_several_layers_share(reqs):
    """Two images through the same layers: weights, biases, scales and moving statistics of one name."""
    names = "weight", "bias", "gamma", "beta", "moving_mean", "moving_var"
    v = {name: sym.Variable(name) for name in names}

    def branch(x):
        x = conv(x, 16, weight=v["weight"], bias=v["bias"])
        x = relu(
            norm(
                x, gamma=v["gamma"], beta=v["beta"], moving_mean=v["moving_mean"], moving_var=v["moving_var"]
            )
        )
        return conv(relu(conv(x, 16, weight=v["weight"], bias=v["bias"])))

    net = branch(sym.Variable("data")) - branch(sym.Variable("other"))
    ex, other, found = trained(net, reqs, data=(3, 16, 9, 9), other=(3, 16, 9, 9))
    assert found
    same(ex, other)


def test_enlarging():
    """As in a U-net: everything is one segment."""
    x = relu(norm(conv(sym.Variable("data"), 32)))
    y = relu(conv(sym.Pooling(x, kernel=(2, 2), stride=(2, 2), pool_type="max"), 64))
    ex, other, found = trained(
        relu(conv(sym.Concat(deconv(y, 32, (2, 2), stride=(2, 2)), x, dim=1))), data=(2, 16, 8, 8)
    )
    assert len(found) == 1
    same(ex, other)


@pytest.mark.parametrize("kind", ["BatchNorm", "BatchNorm_v1", "_contrib_SyncBatchNorm"])
@pytest.mark.parametrize("given", [False, True])
@pytest.mark.parametrize("fixed", [False, True])
def test_normalizations(kind, given, fixed):
    """The batch's statistics or the moving ones; gamma learned, or set to 1."""
    x = conv(sym.Variable("data"))
    more = {"key": "a"} if "Sync" in kind else {}
    x = getattr(sym, kind)(
        x, use_global_stats=given, fix_gamma=fixed, momentum=0.7, eps=0.01, name="norm", **more
    )
    ex, other, found = trained(relu(conv(relu(x))), data=(2, 16, 8, 8))
    assert found
    same(ex, other)
    assert (ex.args["norm_gamma"].asnumpy() == 1).all() == fixed


def test_what_has_gradients():
    """Some parameters alone, added to what is there; the data; nothing before a blocked gradient."""
    net = residual()
    names = net.list_arguments()
    for reqs in (
        dict.fromkeys(names, "add"),
        {n: "write" if n == "data" else "null" for n in names},
        {n: "write" if n.endswith("beta") else "null" for n in names},
        {n: "write" if n.endswith("bias") else "null" for n in names},
        {n: "write" if i > len(names) // 2 and n != "data" else "null" for i, n in enumerate(names)},
    ):
        ex, other, found = trained(net, reqs, data=(2, 16, 8, 8))
        assert found
        same(ex, other)
    x = relu(norm(conv(sym.Variable("data"))))
    ex, other, _ = trained(sym.Group([sym.BlockGrad(conv(x)), conv(x), relu(x)]), data=(2, 16, 8, 8))
    same(ex, other)


def test_gradients_twice():
    """Of one forward pass, and without head gradients."""
    ex, other, _ = trained(sym.MakeLoss(sym.mean(residual())), data=(2, 16, 8, 8))
    for e in (ex, other):
        e.forward(is_train=True)
        e.backward()
        e.backward()
    close(ex.grads, other.grads)


def test_networks_with_dropout_and_dense_layers():
    x = relu(norm(conv(sym.Variable("data"))))
    x = sym.Dropout(conv(sym.Dropout(x, p=0)), p=0)
    net = sym.SoftmaxOutput(sym.FullyConnected(sym.Flatten(x), num_hidden=5, name="fc"), name="softmax")
    ex, other, found = trained(net, data=(4, 16, 8, 8))
    assert found
    same(ex, other)


@pytest.mark.parametrize("where", ["data", "conv_weight", "norm_gamma", "last_weight", "last_bias"])
@pytest.mark.parametrize("number", [np.nan, np.inf])
@pytest.mark.parametrize("at_once", [False, True])
def test_what_is_not_finite_stays(where, number, at_once):
    """oneDNN's rectifiers would turn it into zeros."""
    x = sym.BatchNorm(conv(sym.Variable("data"), name="conv"), fix_gamma=False, name="norm")
    net = relu(conv(sym.Pooling(relu(x), kernel=(2, 2), stride=(2, 2), pool_type="max"), name="last"))
    ex, other, found = trained(net, data=(2, 16, 8, 8))
    assert found
    same(ex, other)
    for e in (ex, other):
        array = e.args[where]
        array[(0,) * array.ndim] = number
        if at_once:
            e.forward_backward()
        else:
            e.forward(is_train=True)
            e.backward()
    for a, b in zip((*ex.output_list, *ex.grads.values()), (*other.output_list, *other.grads.values())):
        np.testing.assert_allclose(a.asnumpy(), b.asnumpy(), rtol=2e-3, atol=1e-4)


def test_without_openmps_threads_ours_divide_the_work(monkeypatch):
    monkeypatch.setattr(threads, "_count", 2)
    for most in (1, 2):
        monkeypatch.setattr(onednn.Library, "most_threads", most)
        assert len(trained(residual(), data=(2, 16, 8, 8))[2]) == most - 1


def test_trained_arrays_predict(monkeypatch):
    """An executor for inference sees what another one trains."""
    net = residual()
    ex = bound(net, data=(2, 16, 8, 8))
    grads = {k: a.copy() for k, a in ex.args.items()}
    trains = net.bind(ex.args, grads, aux=ex.aux)
    for _ in range(2):
        trains.forward_backward()
        for k, a in ex.args.items():
            a -= grads[k] * 0.01
        agree(net, ex, monkeypatch)


def test_the_same_bits():
    """Of two executors, and of one that is asked again."""
    net = sym.MakeLoss(sym.mean(residual()))
    shape = {"data": (2, 16, 8, 8)}
    results = []
    for _ in range(2):
        ex = trained(net, **shape)[0]
        for _ in range(2):
            ex.forward_backward()
            results.append(b"".join(g.asnumpy().tobytes() for g in ex.grads.values()))
    assert len(set(results)) == 1
