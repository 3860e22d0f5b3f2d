"""Shapes and types of all values of a graph, from some, in both directions."""

import numpy as np
import pytest

from mxr import sym
from mxr.graph.infer_shapes import all_shapes, given_shapes, infer_shapes
from mxr.graph.infer_types import all_types, variable_types
from mxr.operator import MxError, ShapeError


def named(symbol, found):
    return {n.output_name(0): found[id(n), 0] for n in symbol.nodes()}


def test_shapes_follow_forwards_and_backwards():
    x = sym.FullyConnected(sym.Variable("data"), num_hidden=4, name="fc")
    net = x + sym.Variable("other")
    forwards = named(net, all_shapes(net, {"data": (2, 3)}))
    assert forwards["fc_weight"] == (4, 3) and forwards["other"] == forwards["fc_output"] == (2, 4)
    net = sym.relu(sym.Variable("x")) + sym.Variable("other")
    assert named(net, all_shapes(net, {"other": (2, 4)}))["x"] == (2, 4)


def test_shapes_that_do_not_follow_are_unknown():
    net = sym.FullyConnected(sym.Variable("data"), num_hidden=4, name="fc")
    assert infer_shapes(net, {}) is None
    assert named(net, all_shapes(net, {}))["fc_weight"] in (None, (4, 0))


def test_shapes_meet_through_many_layers():
    net = sym.Variable("x")
    for _ in range(300):
        net = sym.relu(net)
    net = net + sym.Variable("y", shape=(7, 0))
    args, outs, _ = infer_shapes(net, {"x": (0, 5)})
    assert args == {"x": (7, 5), "y": (7, 5)} and list(outs.values()) == [(7, 5)]


@pytest.mark.parametrize(
    "given, message",
    [
        ({"data": "ab"}, "sequence of whole numbers"),
        ({"data": (1.5, 2)}, "whole numbers"),
        ({"data": 3}, "whole numbers"),
    ],
)
def test_what_is_no_shape(given, message):
    with pytest.raises(MxError, match=message):
        given_shapes(given)


def test_a_contradiction_names_the_node_and_its_inputs():
    net = sym.FullyConnected(sym.Variable("data"), num_hidden=4, name="fc")
    with pytest.raises(ShapeError, match=r"FullyConnected fc: .*\(inputs: data \(2, 3\), weight \(4, 9\)"):
        all_shapes(net, {"data": (2, 3), "fc_weight": (4, 9)})


def test_types_follow_in_both_directions():
    net = sym.Variable("a") + sym.Variable("b")
    assert set(variable_types(net, {"b": "float64"}).values()) == {np.dtype(np.float64)}
    cast = sym.Cast(sym.Variable("a"), dtype="float16") + sym.Variable("b")
    types = named(cast, all_types(cast, variable_types(cast, {"a": "float64"})))
    assert types["a"] == np.float64 and types["b"] == np.float16
