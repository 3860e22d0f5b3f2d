"""Gradients of a graph as values: which arguments get one, how contributions are added, and the arguments of
kernels."""

import numpy as np
import pytest

from mxr import MxError, sym
from mxr.compiler.autodiff import KernelStep, trace_backward, trace_forward
from mxr.compiler.value import const, tape
from mxr.graph.infer_shapes import all_shapes
from mxr.graph.infer_types import all_types, variable_types


def traced(symbol, wanted, **shapes):
    """The values of the outputs, and of the wanted gradients, with ones as head gradients."""
    with tape():
        values = trace_forward(
            symbol, all_shapes(symbol, shapes), all_types(symbol, variable_types(symbol, {}))
        )
        heads = [values[id(n), i] for n, i in symbol.heads]
        return heads, trace_backward(
            symbol, values, [const(1.0, h.shape, h.dtype) for h in heads], set(wanted)
        )


def test_only_wanted_and_reachable_values_get_a_gradient():
    a, b, c = map(sym.Variable, "abc")
    _, grads = traced(sym.Group(a * b, sym.BlockGrad(c)), ["a", "c"], a=(3,), b=(3,), c=(3,))
    assert list(grads) == ["a"] and grads["a"].shape == (3,)


def test_contributions_add_up_and_a_gradient_of_ones_costs_nothing():
    a = sym.Variable("a")
    _, grads = traced(a + a + a, ["a"], a=(4,))
    assert grads["a"].kind == "const" and grads["a"].arg == 3
    _, grads = traced(a * a, ["a"], a=(4,))
    assert grads["a"].fn is np.add


def test_slices_are_added_into_one_array():
    a = sym.Variable("a")
    parts = [sym.square(sym.slice_axis(a, axis=0, begin=i, end=i + 1)) for i in range(4)]
    _, grads = traced(sym.Group(*parts), ["a"], a=(4, 2))
    assert grads["a"].kind == "scatter" and len(grads["a"].arg[0]) == 4


def test_a_loss_ignores_its_head_gradient():
    a = sym.Variable("a")
    loss = sym.MakeLoss(sym.square(a), grad_scale=3.0, name="loss")
    plain, scaled = (traced(s, ["a"], a=(5,))[1]["a"] for s in (loss, loss * 100))
    assert repr(plain) == repr(scaled) and plain.args[-1].kind == scaled.args[-1].kind


def test_an_operator_without_gradient_is_named_with_a_remedy():
    a = sym.Variable("a")
    with pytest.raises(
        MxError, match=r"batch_take pick has no gradient in MXNet; put BlockGrad .* around it"
    ):
        traced(sym.batch_take(a, sym.Variable("i"), name="pick"), ["a"], a=(2, 3), i=(2,))


def test_steps_of_kernels_carry_their_node():
    net = sym.Convolution(sym.Variable("data"), kernel=(2, 2), num_filter=1, name="conv")
    ex = net.simple_bind("write", data=(1, 1, 4, 4))
    ex.forward(True)
    ex.backward()
    nodes = [s.node.name for s in ex._forward_steps if isinstance(s, KernelStep)]
    back = [s.node.name for steps in ex._backward_steps.values() for s in steps if isinstance(s, KernelStep)]
    assert nodes == ["conv"] and back == ["conv"]
