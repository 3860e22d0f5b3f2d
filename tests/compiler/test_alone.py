"""Training segments on one thread: the bits that several threads give."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mxr import sym
from mxr.compiler import alone, segments, training
from mxr.runtime import onednn, threads
from tests.compiler.test_segments import (
    GRAPHS,
    any_graph,
    conv,
    norm,
    relu,
    small_work_pays,
    transposed,
)
from tests.compiler.test_training import trained

pytestmark = pytest.mark.skipif(
    onednn.library() is None or onednn.library().most_threads < 2,
    reason="several of OpenMP's threads are not used",
)
__all__ = ["small_work_pays"]


def agree(net, count: int, **shapes) -> list[onednn.Computation]:
    """Both ways of training and of evaluation give the same bits with `count` threads, however many
    processors there are. Returns what made the calls of one thread."""
    found, plan, way = [], training.on_one_thread, ["shared"]

    def call(self: threads.SharedOrAlone) -> None:
        self._shared(math.inf) if way[0] == "shared" else self._alone()

    def planned(*args):
        calls = plan(*args)
        found.extend(computation for computation, _ in calls)
        return calls

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(threads, "_count", count)
        patch.setattr(threads.SharedOrAlone, "__call__", call)
        patch.setattr(training, "on_one_thread", planned)
        ex, _, _ = trained(net, **shapes)
        rng = np.random.default_rng(5)
        heads = [rng.uniform(-1, 1, o.shape).astype(np.float32) for o in ex.output_list]
        state, results = {k: a.asnumpy() for k, a in ex.aux.items()}, []
        for way[0] in "shared", "alone":
            for k, a in state.items():
                ex.aux[k][:] = a
            made = []
            for train in True, False:
                ex.forward(is_train=train)
                made += [(k, o.asnumpy()) for k, o in ex.outputs.items()]
                ex.backward(heads)
                made += [(k, a.asnumpy()) for k, a in (ex.grads | ex.aux).items() if a is not None]
            results.append(made)
    for (name, a), (_, b) in zip(*results, strict=True):
        np.testing.assert_array_equal(a.view(np.int32), b.view(np.int32), err_msg=name)
    return found


@pytest.mark.parametrize("count", [2, 3, 4])
@pytest.mark.parametrize("name", GRAPHS)
def test_same_bits(name, count):
    for samples in 1, 5, 8:
        agree(GRAPHS[name](), count, data=(samples, 16, 10, 10))


@settings(max_examples=15, deadline=None)
@given(any_graph, st.integers(2, 5), st.integers(1, 9))
def test_any_graph(net, count, samples):
    agree(net(), count, data=(samples, 16, 7, 7))


@settings(max_examples=15, deadline=None)
@given(transposed(), st.integers(2, 4), st.integers(1, 6))
def test_any_transposed_convolution(made, count, samples):
    net, size = made
    agree(net, count, data=(samples, *size))


def test_a_usual_network_needs_one_thread():
    """No primitive is left to several threads, whose waiting would cost more than all of the work."""
    x = relu(norm(conv(sym.Variable("data"), 32)))
    x = x + relu(norm(conv(x, 32)))
    found = agree(conv(x, 32), 2, data=(4, 16, 24, 24))
    assert found and all(computation.threads == 1 for computation in found)


def test_what_gives_other_bits_stays_on_several_threads(monkeypatch):
    monkeypatch.setattr(alone, "_same_bits", lambda call, way: False)
    found = agree(conv(relu(conv(sym.Variable("data")))), 2, data=(4, 16, 8, 8))
    assert found and all(computation.threads == 2 for computation in found)


@pytest.mark.parametrize("bias", [False, True])
def test_gradients_by_parts(bias):
    """Equal to rounding to those at once; the trial tells that they are added up in another order."""
    library, n, x, weight, out = onednn.library(), 4, (16, 24, 24), (32, 16, 3, 3), (32, 24, 24)
    geometry = (1, 1), (0, 0), (1, 1), (1, 1)
    with onednn.one_thread():
        whole, part = (
            library.convolution("gw", ((m, *x), weight, (m, *out)), bias, geometry) for m in (n, n // 4)
        )
    layouts = {name: whole.layouts[name] for name in onednn.ARGUMENTS["gw"]}
    layouts |= {"gbias": library.contiguous((32,))} if bias else {}
    call = whole, {name: ("slot", i, layout) for i, (name, layout) in enumerate(layouts.items())}
    parts = alone.ByParts(library, {k: layouts[k] for k in segments.sums(call)}, 4, part)
    assert not alone._same_bits(call, parts) and alone._same_bits(call, whole)
    rng, results = np.random.default_rng(1), []
    arrays = {k: (v, rng.standard_normal(v.nbytes // 4).astype(np.float32)) for k, v in layouts.items()}
    for way in whole, parts:
        scratch = way.layouts["scratch"]
        onednn.run([way.call(**arrays, scratch=(scratch, np.empty(max(1, scratch.nbytes), np.uint8)))])
        results.append([arrays[k][1].copy() for k in segments.sums(call)])
    for a, b in zip(*results, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4)
