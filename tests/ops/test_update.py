"""Optimizer steps on arrays larger than a block and divided among threads: the same numbers as on small
pieces."""

import numpy as np
import pytest

from mxr.operator import Run, get

N = 300_001


@pytest.mark.parametrize(
    ("name", "states"), [("sgd_update", 0), ("sgd_mom_update", 1), ("adam_update", 2), ("ftrl_update", 2)]
)
def test_blocks_and_threads_change_nothing(name, states):
    rng = np.random.default_rng(1)
    arrays = [rng.random(N, dtype=np.float32) for _ in range(2 + states)]
    op = get(name)
    p = op.parse({"lr": 0.1, "wd": 0.01, "clip_gradient": 0.5})
    whole, pieces = ([x.copy() for x in arrays] for _ in range(2))
    out, expected = np.empty((2, N), np.float32)
    op.compute(p, Run(), whole, [out])
    for a in range(0, N, 1000):
        op.compute(p, Run(), [x[a : a + 1000] for x in pieces], [expected[a : a + 1000]])
    assert (out == expected).all()
    assert all((x == y).all() for x, y in zip(whole, pieces))


def test_the_weight_may_be_updated_in_place():
    rng = np.random.default_rng(2)
    for name, states in (
        ("sgd_update", 0),
        ("nag_mom_update", 1),
        ("rmsprop_update", 1),
        ("rmspropalex_update", 3),
        ("adam_update", 2),
        ("ftrl_update", 2),
        ("ftml_update", 3),
        ("signum_update", 1),
        ("lamb_update_phase1", 2),
    ):
        op = get(name)
        p = op.parse(
            {k: v for k, v in {"lr": 0.1, "wd": 0.01, "t": 2, "epsilon": 2}.items() if k in op.params}
        )
        arrays = [rng.random((3, 4), dtype=np.float32) for _ in range(2 + states)]
        apart = np.empty((3, 4), np.float32)
        op.compute(p, Run(), [x.copy() for x in arrays], [apart])
        op.compute(p, Run(), arrays, [arrays[0]])
        assert np.array_equal(arrays[0], apart, equal_nan=True), name


def test_strided_arrays():
    x = np.random.default_rng(3).random((4, 4, 8), dtype=np.float32)
    op = get("adam_update")
    p = op.parse({"lr": 0.1})
    out, expected = np.empty((2, 4, 4), np.float32)
    op.compute(p, Run(), [np.ascontiguousarray(x[..., i]) for i in range(4)], [expected])
    op.compute(p, Run(), [x[..., i].T.copy().T for i in range(4)], [out])
    assert np.allclose(out, expected, rtol=1e-6)
