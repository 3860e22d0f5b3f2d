"""Reductions as prepared calls: every implementation, against NumPy in double precision."""

import numpy as np
import pytest

from mxr.compiler import reductions
from mxr.runtime import costs

rng = np.random.default_rng(0)


@pytest.mark.parametrize(
    "shape, axes",
    [
        ((7,), (0,)),
        ((5, 4), (1,)),
        ((5, 4), (0,)),
        ((3, 4, 5), (0, 1)),
        ((3, 4, 5), (1, 2)),
        ((3, 4, 5), (1,)),
        ((3, 4, 5), (0, 2)),
        ((5000, 3), (0,)),
        ((2000, 30), (0,)),
        ((1500, 2, 3), (0, 2)),
        ((100, 20), (1,)),
        ((40_000,), (0,)),
    ],
)
@pytest.mark.parametrize("ufunc", [np.add, np.maximum, np.multiply])
@pytest.mark.parametrize("layout", ["contiguous", "strided"])
def test_every_way_is_numpys_result(shape, axes, ufunc, layout):
    x = rng.uniform(0.99, 1.01, shape).astype(np.float32)
    if layout == "strided":
        x = np.repeat(x, 2, axis=-1)[..., ::2]
    out = np.empty(tuple(1 if i in axes else n for i, n in enumerate(shape)), np.float32)
    for call in reductions.calls(ufunc, x, axes, x.dtype, out):
        call()
    np.testing.assert_allclose(
        out,
        ufunc.reduce(x.astype(np.float64), axes, keepdims=True),
        rtol=1e-4 if ufunc is np.multiply else 2e-6,
    )


def test_long_columns_lose_no_digits():
    x = np.full((100_000, 2), 0.1, np.float32)
    out = np.empty((1, 2), np.float32)
    for call in reductions.calls(np.add, x, (0,), x.dtype, out):
        call()
    exact = x.astype(np.float64).sum(axis=0)
    ours, numpys = (float(np.abs(s.ravel() / exact - 1).max()) for s in (out, x.sum(axis=0)))
    assert ours < 1e-5 < 1e-4 < numpys  # NumPy's own sum adds row after row


@pytest.mark.parametrize("block", [32, 100, 1 << 15])
def test_short_rows_by_blocks(block, monkeypatch):
    monkeypatch.setattr(costs, "TURNED_BLOCK", block)
    x = rng.standard_normal((101, 10)).astype(np.float32)
    out = np.empty((101, 1), np.float32)
    for call in reductions.calls(np.maximum, x, (1,), x.dtype, out):
        call()
    assert (out == x.max(axis=1, keepdims=True)).all()
