"""Updaters: all parameters in few calls, with the numbers of one call each."""

import numpy as np
import pytest

from mxr import sym
from mxr.engine.optimizer import State, Updater, rule
from mxr.operator import MxError, Run, get
from mxr.runtime.costs import CACHE_LINE

RULES = {
    "sgd": {},
    "sgd with momentum": {"momentum": 0.9},
    "nag": {"momentum": 0.5},
    "adam": {"beta1": 0.8, "beta2": 0.9, "epsilon": 1e-6},
    "rmsprop": {"gamma1": 0.9, "epsilon": 1e-4},
    "rmspropalex": {"gamma1": 0.9, "gamma2": 0.8, "epsilon": 1e-4},
    "adagrad": {"epsilon": 1e-6},
    "adadelta": {"rho": 0.9, "epsilon": 1e-5},
}
SHAPES = {"a": (3, 5), "b": (1,), "c": (2, 3, 4), "d": (17,)}


def make(name):
    return rule(name.split()[0], {**RULES[name], "wd": 0.01, "rescale_grad": 0.5, "clip_gradient": 0.4})


def network(reqs="write"):
    variables = [sym.Variable(name) for name in SHAPES]
    return sym.Group([sym.sum(v * v) for v in variables]).simple_bind(reqs, **SHAPES)


def filled(ex, seed=0):
    rng = np.random.default_rng(seed)
    for a in ex.args.values():
        a[:] = rng.standard_normal(a.shape)
    ex.forward(True)
    ex.backward()
    return {name: a.asnumpy() for name, a in ex.args.items()}


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("rates", [0.1, [0.1, 0.2, 0.3, 0.4]], ids=["one rate", "four rates"])
def test_training_updates_each_weight_as_if_alone(name, rates):
    ex, updater = network(), Updater(make(name))
    weights = filled(ex)
    alone = {k: State(make(name), w.shape) for k, w in weights.items()}
    for _ in range(3):
        for i, k in enumerate(weights):
            rate = rates if isinstance(rates, float) else rates[i]
            weights[k] = alone[k].update(rate, weights[k], ex.grads[k].asnumpy()).asnumpy()
        updater.train(rates, ex)
        for k, w in weights.items():
            np.testing.assert_array_equal(ex.args[k].asnumpy(), w, err_msg=k)
        ex.forward(True)
        ex.backward()


def test_a_bound_network_is_one_block_and_its_arrays_begin_at_cache_lines():
    ex = network({"a": "write", "b": "write", "c": "null", "d": "add"})
    (block,) = ex.blocks
    assert block.names == ["a", "b", "d"]
    for name, part in zip(block.names, block.parts):
        assert np.shares_memory(block.weight[part], ex.args[name].data)
        assert np.shares_memory(block.grad[part], ex.grads[name].data)
    assert not np.shares_memory(block.weight, ex.args["c"].data)
    for array in (*ex.args.values(), *(g for g in ex.grads.values() if g is not None), *ex.outputs.values()):
        assert array.data.ctypes.data % CACHE_LINE == 0


def test_given_arrays_are_trained_in_place():
    x = np.ones((4, 6), np.float32)[:, ::2]
    ex = sym.sum(sym.square(sym.Variable("x"))).bind({"x": x}, {"x": np.zeros((4, 3), np.float32)})
    ex.forward(True)
    ex.backward()
    Updater(rule("sgd", {})).train(0.25, ex)
    assert (x == 0.5).all()


def test_a_parameter_whose_gradient_begins_later_does_not_affect_the_others():
    updater, plain = (
        Updater(make("sgd with momentum")),
        {k: State(make("sgd with momentum"), s) for k, s in SHAPES.items()},
    )
    rng = np.random.default_rng(3)
    weights = [rng.standard_normal(s).astype(np.float32) for s in SHAPES.values()]
    expected = list(weights)
    for given in ([0, 2], [0, 1, 2], [1, 3], [0, 1, 2, 3]):
        grads = [
            rng.standard_normal(s).astype(np.float32) if i in given else None
            for i, s in enumerate(SHAPES.values())
        ]
        before = [w.copy() for w in weights]
        new = updater.step(0.1, weights, grads)
        assert [i for i, a in enumerate(new) if a is not None] == given
        assert all((w == b).all() for w, b in zip(weights, before))
        for i in given:
            expected[i] = plain[list(SHAPES)[i]].update(0.1, expected[i], grads[i]).asnumpy()
            np.testing.assert_array_equal(new[i].asnumpy(), expected[i])
            weights[i] = new[i].asnumpy()


@pytest.mark.parametrize("name", RULES)
def test_large_weights_go_piece_by_piece(name):
    rng = np.random.default_rng(4)
    weight, *grads = rng.standard_normal((3, 100, 2003)).astype(np.float32)
    flat, strided = State(make(name), weight.shape), State(make(name), weight.shape)
    strided.states = [np.asfortranarray(s) for s in strided.states]
    a = b = weight
    for g in grads:
        a, b = flat.update(0.1, a, g).asnumpy(), strided.update(0.1, np.asfortranarray(b), g).asnumpy()
        np.testing.assert_array_equal(a, b)


def test_results_of_step_do_not_change_later():
    updater = Updater(rule("sgd", {}))
    w = [np.ones(3, np.float32)]
    first = updater.step(0.1, w, w)[0]
    updater.step(0.5, w, w)
    assert first.asnumpy() == pytest.approx(0.9)


def test_element_types_have_blocks_of_their_own():
    weights, grads = (
        [np.ones(3, np.float64), np.ones(2, np.float32)],
        [np.full(3, 1 / 3), np.ones(2, np.float32)],
    )
    new = Updater(rule("sgd", {})).step(1.0, weights, grads)
    assert [a.dtype for a in new] == [np.float64, np.float32]
    assert new[0].asnumpy() == pytest.approx(2 / 3, rel=1e-12)


def test_errors():
    updater = Updater(rule("sgd", {}))
    one, two = np.ones(1, np.float32), np.ones(2, np.float32)
    for weights in ([None], [two]):
        with pytest.raises(MxError, match="every gradient needs a weight of its shape, at the same position"):
            updater.step(0.1, weights, [one])
    updater.step(0.1, [one, one], [one, None])
    for weights, grads in (([two, one], [two, None]), ([one, two], [one, two])):
        updater.step(0.1, [one, one], [None, one])
        with pytest.raises(MxError, match="must keep the shapes they had in its first call"):
            updater.step(0.1, weights, grads)
    with pytest.raises(MxError, match="the shape that its state was made for"):
        State(rule("sgd", {}), (3,)).update(0.1, one, one)


def test_the_rule_of_a_momentum_of_zero_is_plain_sgd():
    w, g, out = np.ones(3, np.float32), np.full(3, 0.5, np.float32), np.empty(3, np.float32)
    rule("sgd", {"momentum": "0", "wd": "0.1"}).update(0.1, w, g, [], out)
    expected = np.empty(3, np.float32)
    op = get("sgd_update")
    op.compute(op.parse({"lr": 0.1, "wd": 0.1}), Run(), [w, g], [expected])
    assert (out == expected).all()
