"""Recurrent layers: properties that one small run does not show (tests/ops/samples/rnn.py has small runs)."""

import numpy as np
import pytest

from mxr import native, sym
from mxr.ops.kernels import recurrent, recurrent_native
from mxr.random import streams
from mxr.runtime import costs, threads

MODES = ("rnn_relu", "rnn_tanh", "gru", "lstm")


@pytest.fixture
def by_numpy(monkeypatch):
    """Without the native core."""
    monkeypatch.setattr(recurrent_native, "supported", lambda p, x: False)


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
def test_how_the_work_is_divided_does_not_show(mode, limits, monkeypatch, by_numpy):
    """Blocks of one step and of four (six steps are no multiple of four); products and gradients that all
    threads share."""
    whole = results(*bound(mode, bidirectional=True))
    for name, value in limits.items():
        monkeypatch.setattr(costs, name, value)
    for a, b in zip(whole, results(*bound(mode, bidirectional=True))):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("mode", MODES)
def test_workers_with_different_samples_stop_at_the_end_of_their_sequences(mode, monkeypatch, by_numpy):
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


@pytest.mark.skipif(not native.active(), reason="the native core is turned off")
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    "shape",
    [
        {},
        {"bidirectional": True, "use_sequence_length": True},
        {"t": 1, "n": 1, "inputs": 1},
        {"n": 17, "inputs": 33, "use_sequence_length": True},
        {"n": 1, "bidirectional": True, "p": 0.3},
    ],
    ids=str,
)
@pytest.mark.parametrize("columns, chunk", [(1, 256), (1, 4), (10**9, 6)], ids=["tiles", "chunks", "BLAS"])
@pytest.mark.parametrize("shares", [1, 3])
def test_the_native_core_computes_what_numpy_does(mode, shape, columns, chunk, shares, monkeypatch):
    """Outputs, last states and all gradients, with the core's own products and those of BLAS, with the
    sequence in one chunk and in several, and with the samples in one share and in three."""
    monkeypatch.setattr(costs, "NATIVE_TILED_COLUMNS", columns)
    monkeypatch.setattr(costs, "NATIVE_CHUNK_SAMPLES", chunk)
    monkeypatch.setattr(costs, "WORKER_SAMPLES", 1)
    monkeypatch.setattr(costs, "WAKE_NS", 0 if shares > 1 else costs.WAKE_NS)
    monkeypatch.setattr(threads, "workers", lambda: shares * (1 + shape.get("bidirectional", False)))

    def run():
        streams.seed(3)
        ex, heads = bound(mode, **shape)
        if "use_sequence_length" in shape:
            n = len(ex.args["rnn_sequence_length"].data)
            ex.args["rnn_sequence_length"][:] = np.arange(n) % 6 + 1
        return results(ex, heads)

    native_results = run()
    monkeypatch.setattr(recurrent_native, "supported", lambda p, x: False)
    for a, b in zip(native_results, run(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=2e-6)


@pytest.mark.skipif(not native.active(), reason="the native core is turned off")
@pytest.mark.parametrize(
    "params", [{"projection_size": 3}, {"lstm_state_clip_min": -0.1, "lstm_state_clip_max": 0.1}], ids=str
)
def test_what_the_native_core_does_not_compute_is_left_to_numpy(params, monkeypatch):
    ex, heads = bound("lstm", **params)
    found = results(ex, heads)
    monkeypatch.setattr(recurrent_native, "forward", None)
    ex, heads = bound("lstm", **params)
    assert same(found, results(ex, heads))


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
def test_two_blocks_of_input_do_not_share_scratch_memory(mode, monkeypatch, by_numpy):
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
