"""Rows that are added to a matrix by index."""

import numpy as np
import pytest

from mxr.ops import index
from mxr.ops.index import add_rows
from mxr.runtime.lazy_scipy import _Lazy


@pytest.mark.parametrize(
    "module", ["scipy.sparse._sparsetools", "scipy.sparse._no_such_part", "scipy.sparse"]
)
@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", "i4"])
def test_rows_add_up_with_and_without_scipys_loop(module, dtype, monkeypatch):
    monkeypatch.setattr(index, "sparsetools", _Lazy(module))
    out = np.ones((4, 3), dtype)
    add_rows(out, np.array([[2, 0], [2, 2]]), np.arange(12).reshape(4, 3).astype(dtype)[:, ::-1])
    assert out.tolist() == [[6, 5, 4], [1, 1, 1], [1 + 2 + 8 + 11, 1 + 1 + 7 + 10, 1 + 0 + 6 + 9], [1, 1, 1]]
