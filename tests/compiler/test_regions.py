"""Regions: element-wise values in blocks, their temporaries, and operands that are gathered or split
first."""

import numpy as np
import pytest

from mxr.compiler import regions
from mxr.compiler.value import leaf, tape
from mxr.runtime import costs, threads

rng = np.random.default_rng(0)


def region(expression, **arrays):
    """The values of an expression, in order, and its result when the region of all of them is run."""
    with tape():
        leaves = {k: leaf(("var", k), a.shape, a.dtype) for k, a in arrays.items()}
        root = expression(**leaves)
    values, stack = {}, [root]
    while stack:
        v = stack.pop()
        if v.kind == "map":
            values[v.serial] = v
            stack += [a for a in v.args if hasattr(a, "kind")]
    out = np.empty(root.shape, root.dtype)
    inner = [values[k] for k in sorted(values)]
    regions.program(inner, root.shape, lambda v: arrays[v.arg[1]], {id(root): out})()
    return inner, out


def test_blocks_cover_a_shape_once_in_order():
    for shape in [(7,), (1000, 300), (3, 5, 100_000), (1, 1, 1), (200_000,)]:
        covered = np.zeros(shape, np.int8)
        first = []
        for key in regions._blocks(shape):
            assert covered[key].size <= 2 * costs.REGION_BLOCK
            covered[key] += 1
            first.append(np.ravel_multi_index([k.start for k in key], shape))
        assert (covered == 1).all() and first == sorted(first)


@pytest.mark.parametrize("workers", [1, 2, 3])
@pytest.mark.parametrize("shape", [(10,), (400, 500), (3, 70_000)])
def test_lanes_and_blocks_give_the_same_bits(workers, shape, monkeypatch):
    monkeypatch.setattr(costs, "WAKE_NS", 1)
    monkeypatch.setattr(costs, "LOCK_NS", 0)
    monkeypatch.setattr(threads, "workers", lambda: workers)
    a, b = (rng.standard_normal(shape).astype(np.float32) for _ in range(2))
    _, out = region(lambda a, b: np.exp(a) * b - np.maximum(a, b), a=a, b=b)
    assert (out == np.exp(a) * b - np.maximum(a, b)).all()


def test_temporaries_are_used_again():
    with tape():
        v = leaf(("var", "a"), (10,))
        values = []
        for _ in range(20):
            v = np.sqrt(v)
            values.append(v)
    temporaries = {}
    out = {id(v): np.empty(10, np.float32)}
    regions._instructions(
        values,
        (10,),
        {id(values[0].args[0]): np.ones(10, np.float32)},
        out,
        temporaries,
    )
    assert len(temporaries) == 1


@pytest.mark.parametrize("runs, gathered", [(1, True), (16, True), (64, False), (200, False)])
def test_short_runs_are_gathered(runs, gathered):
    wide = np.zeros((600, 2 * runs), np.float32)
    assert regions._worth_gathering(wide[:, :runs]) is gathered
    assert not regions._worth_gathering(np.ascontiguousarray(wide[:, :runs]))


@pytest.mark.parametrize("last, calls", [(2, 1), (4, 1), (3, 3), (16, 16), (17, 1)])
def test_a_short_last_axis_is_one_wide_element_or_one_call_for_each_index(last, calls):
    source, target = (
        np.arange(100 * 40, dtype=np.float32).reshape(100, 40)[:, 8 : 8 + last],
        np.zeros((100, last), np.float32),
    )
    found = regions.split_strided(np.copyto, target, source)
    assert len(found) == calls
    for fn, args in found:
        fn(*args)
    assert (target == source).all()


def test_selecting_by_bits_keeps_nan_and_infinity():
    n = costs.SELECT_BITS_ELEMENTS + 88
    a, b = np.full(n, np.nan, np.float32), np.full(n, -np.inf, np.float32)
    c = np.arange(n) % 3 == 0
    _, out = region(lambda a, b, c: np.where(c, a, b), a=a, b=b, c=c)
    assert np.isnan(out[c]).all() and (out[~c] == -np.inf).all()
