"""Programs: which values are computed together, which get memory, and which the forward pass keeps for the
backward pass."""

import numpy as np

from mxr import native
from mxr.compiler.program import Program, reached
from mxr.compiler.value import leaf, tape
from mxr.operator import Run
from mxr.runtime import costs
from mxr.runtime.memory import Buffers

LARGE = 1 << 16


def var(name, *shape):
    return leaf(("var", name), shape)


def run(program, targets, stored=None, **arrays):
    with np.errstate(all="ignore"):
        steps = program.compile(
            {} if stored is None else stored, lambda key: arrays[key[1]], Buffers(), Run(), targets
        )
        for step in steps:
            step()
    return steps


def test_element_wise_values_of_one_shape_are_one_step():
    with tape():
        a, b = var("a", 5), var("b", 5)
        root = np.exp(a) * b - np.sqrt(b)
    out, x = np.empty(5, np.float32), np.linspace(1, 2, 5, dtype=np.float32)
    assert len(run(Program([root]), [out], a=x, b=x)) == 1
    np.testing.assert_allclose(out, np.exp(x) * x - np.sqrt(x), rtol=1e-6)


def test_values_read_only_in_their_region_get_no_memory():
    with tape():
        a = var("a", 5)
        inner = np.exp(a)
        program = Program([(inner * 2).sum()])
    assert not program.in_memory(inner)
    with tape():
        a = var("a", 5)
        inner = np.exp(a)
        program = Program([inner + inner.sum()])  # two stages read it
    assert program.in_memory(inner)


def test_a_result_is_computed_in_its_target_and_a_view_of_it_copied(monkeypatch):
    monkeypatch.setattr(native, "vectors", "")  # the native core makes one call of both steps
    with tape():
        a = var("a", 2, 3)
        root = a + 1
        program = Program([root, root.T])
    out, turned = np.empty((2, 3), np.float32), np.empty((3, 2), np.float32)
    x = np.arange(6, dtype=np.float32).reshape(2, 3)
    assert len(run(program, [out, turned], a=x)) == 2
    assert (out == x + 1).all() and (turned == (x + 1).T).all()


def kept(n, make):
    """The function names of `make`'s intermediate values that the forward pass keeps for a backward pass that
    reads them."""
    with tape():
        a = var("a", n)
        inner = make(a)
        forward, backward = Program([inner + 1]), [inner * a]
        forward.keep_for(backward)
    return {v.fn.__name__ for v in forward.kept.values()}


def test_expensive_values_are_kept_and_cheap_ones_recomputed():
    assert kept(LARGE, np.exp) == {"exp"}
    assert kept(LARGE, np.square) == set()
    assert kept(costs.CACHED_ELEMENTS, np.square) == {"square"}  # small: storing costs nothing


def test_many_cheap_functions_are_worth_storing(monkeypatch):
    assert kept(LARGE, lambda a: (a + 1) * a) == set()
    monkeypatch.setattr(costs, "STORE_OPERATIONS", 2)
    assert kept(LARGE, lambda a: (a + 1) * a) == {"multiply"}


def test_a_backward_program_takes_what_was_kept():
    with tape():
        a = var("a", 40_000)
        inner = np.exp(a)
        forward, root = Program([inner.sum()]), inner * 3
        forward.keep_for([root])
    stored, x = {}, np.linspace(0, 1, 40_000, dtype=np.float32)
    run(forward, [np.empty((), np.float32)], stored, a=x)
    out = np.empty(40_000, np.float32)
    backward = Program([root], set(stored))
    assert [v.fn for v in backward.values] == [np.multiply]
    run(backward, [out], stored, a=x)
    np.testing.assert_allclose(out, np.exp(x) * 3, rtol=1e-6)


def test_reached_stops_at_the_given_ends():
    with tape():
        a = var("a", 3)
        b = np.exp(a)
        c = b * 2
    assert set(reached([c])) == {id(a), id(b), id(c)}
    assert set(reached([c], lambda v: v is b)) == {id(b), id(c)}
