"""Declarations of operators: what `op` reads from a class."""

from __future__ import annotations

import pytest

import mxr
from mxr.extend import P, op
from mxr.operator.registry import registry


class _Scaled:
    scale: float = P(1.0, "a factor")
    shift: float = P(0.0, "a number that is added")

    def forward(p, x):
        return p.scale * x + p.shift

    def backward(p, g, ins, outs):
        return p.scale * g


@pytest.fixture
def declared():
    """Declares operators that are removed after the test."""
    before = set(registry)
    yield op
    for name in set(registry) - before:
        del registry[name]


def test_parameters_and_functions_of_a_base_class_belong_to_the_operator(declared):
    @declared("scaled_twice")
    class Twice(_Scaled):
        """Numbers times a factor, plus a number, twice."""

        times: int = P(2, "how often")
        shift: float = P(0.5, "a number that is added each time")

        def forward(p, x):
            return p.times * (p.scale * x + p.shift)

        def backward(p, g, ins, outs):
            return p.times * p.scale * g

    @declared("scaled_once")
    class Once(_Scaled):
        """Numbers times a factor, plus a number."""

    assert list(Twice.params) == ["scale", "shift", "times"]  # those of the base class first
    assert list(Once.params) == ["scale", "shift"]
    assert (Twice.params["shift"].default, Once.params["shift"].default) == (0.5, 0.0)
    assert Once.inputs(Once.parse({})) == ("x",)
    for symbol, out, gradient in (
        (mxr.sym.scaled_twice(mxr.sym.Variable("x"), scale=3), 7.0, 6.0),
        (mxr.sym.scaled_once(mxr.sym.Variable("x"), scale=3), 3.0, 3.0),
    ):
        ex = symbol.simple_bind(x=(1,))
        ex.args["x"][:] = 1
        ex.forward(True)
        ex.backward()
        print(symbol.list_outputs(), ex.output_list[0].asnumpy(), ex.grads["x"].asnumpy())
        assert ex.output_list[0].asnumpy() == out and ex.grads["x"].asnumpy() == gradient
