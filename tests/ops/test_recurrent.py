"""Recurrent layers: properties that one small run does not show (tests/ops/samples/rnn.py has small runs)."""

import numpy as np
import pytest

from mxr import sym
from mxr.ops.kernels import recurrent
from mxr.runtime import costs, threads

MODES = ("rnn_relu", "rnn_tanh", "gru", "lstm")


def bound(mode, t=6, n=3, inputs=4, **params):
    """An executor with drawn arguments, and drawn gradients at its outputs."""
    net = sym.RNN(
        sym.Variable("data"), mode=mode, state_size=5, num_layers=2, state_outputs=True, name="rnn", **params
    )
    ex = net.simple_bind("write", data=(t, n, inputs))
    fill(ex, 0)
    return ex, [np.random.default_rng(1).standard_normal(o.shape, np.float32) for o in ex.output_list]


def fill(ex, seed):
    rng = np.random.default_rng(seed)
    for a in ex.args.values():
        a[:] = rng.uniform(-0.5, 0.5, a.shape)


def results(ex, heads):
    """Outputs and gradients of a step, copied."""
    ex.forward(True)
    ex.backward(heads)
    return [a.data.copy() for a in (*ex.output_list, *ex.grads.values())]


def same(left, right):
    return all(np.array_equal(a, b) for a, b in zip(left, right, strict=True))


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("bidirectional", [False, True])
def test_a_used_executor_computes_the_same_as_a_new_one(mode, bidirectional):
    used, heads = bound(mode, bidirectional=bidirectional)
    first = results(used, heads)
    assert same(first, results(used, heads))  # a step does not change the next one
    fill(used, 2)
    fresh, _ = bound(mode, bidirectional=bidirectional)
    fill(fresh, 2)
    second = results(used, heads)
    assert same(second, results(fresh, heads)) and not same(first, second)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    "limits",
    [
        {"SEQUENCE_BLOCK": 1},
        {"SEQUENCE_BLOCK": 4 * 5 * 3 * 4},
        {"SEQUENCE_SHARED_FLOPS": 0},
        {"STEPWISE_SAMPLES": 1},
        {"STEPWISE_SAMPLES": 1, "SEQUENCE_SHARED_FLOPS": 0},
        {"STEP_SHARED_FLOPS": 0},
        {"STEPWISE_SAMPLES": 1, "SEQUENCE_BESIDE_FLOPS": 0, "CELL_SHARED_VALUES": 0},
        {"CELL_SHARED_VALUES": 0, "WEIGHT_PART_ROWS": 2},
        {"STEP_SAMPLES_FLOPS": 0, "WORKER_SAMPLES": 1, "CELL_SHARED_VALUES": 0, "WEIGHT_PART_ROWS": 2},
    ],
)
def test_how_the_work_is_divided_does_not_show(mode, limits, monkeypatch):
    """Blocks of one step and of four (six steps are no multiple of four); products and gradients that all
    threads share."""
    whole = results(*bound(mode, bidirectional=True))
    for name, value in limits.items():
        monkeypatch.setattr(costs, name, value)
    for a, b in zip(whole, results(*bound(mode, bidirectional=True))):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("mode", MODES)
def test_workers_with_different_samples_stop_at_the_end_of_their_sequences(mode, monkeypatch):
    def run():
        ex, heads = bound(mode, bidirectional=True, use_sequence_length=True)
        ex.args["rnn_sequence_length"][:] = [6, 2, 4]
        return results(ex, heads)

    whole = run()
    monkeypatch.setattr(costs, "STEP_SAMPLES_FLOPS", 0)
    monkeypatch.setattr(costs, "WORKER_SAMPLES", 1)
    monkeypatch.setattr(threads, "workers", lambda: 2)
    for a, b in zip(whole, run(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def test_shut_gates_keep_the_cells():
    """Input gates at 0 and forget gates at 1 keep the cells bit for bit, and stop the gradient."""
    ex, heads = bound("lstm")
    parameters, gradient = ex.args["rnn_parameters"].data, ex.grads["rnn_parameters"].data
    biases = parameters[-4 * 4 * 5 :].reshape(4, 4, 5)  # of input and state in both layers, by gate
    biases[:, 0], biases[:, 1] = -100, 100
    everything = results(ex, heads)
    assert np.array_equal(ex.output_list[2].data, ex.args["rnn_state_cell"].data)
    assert all(np.isfinite(a).all() for a in everything)
    by_gate = gradient[: 4 * 5 * 4].reshape(4, 5, 4)  # the first layer's weights of the input
    assert not by_gate[:3].any() and by_gate[3].any()


@pytest.mark.parametrize("mode", MODES)
def test_two_blocks_of_input_do_not_share_scratch_memory(mode, monkeypatch):
    """Few samples and a sequence of exactly two blocks, long enough for several threads: the same bits as
    with one."""
    t, n, size = 32, 16, 64
    monkeypatch.setattr(costs, "SEQUENCE_BLOCK", t // 2 * n * size * recurrent.GATES[mode])
    ex = sym.RNN(sym.Variable("data"), state_size=size, num_layers=1, mode=mode, name="rnn").simple_bind(
        "null", data=(t, n, 400)
    )
    fill(ex, 3)
    found = []
    for few in (t * n * size * 4, *[0] * 100):
        monkeypatch.setattr(costs, "CELL_SHARED_VALUES", few)
        ex.forward()
        found.append(ex.output_list[0].asnumpy().tobytes())
    assert len(set(found)) == 1
