"""Rows that are added to a matrix by index."""

import numpy as np
import pytest

import mxr
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


def test_rows_by_a_mask():
    """The answers are MXNet 1.9.1's. The result's size depends on values, so it works on arrays only."""
    data = mxr.nd.array(np.arange(6).reshape(3, 2))
    mask = mxr.nd._contrib_boolean_mask
    assert mask(data, mxr.nd.array([1, -1, 0.5])).asnumpy().tolist() == [[0, 1], [2, 3], [4, 5]]
    assert mask(data, mxr.nd.array([0, 0, 1], dtype="int64")).asnumpy().tolist() == [[4, 5]]
    none = mask(mxr.nd.array([[1, 2]], dtype="int32"), mxr.nd.array([0]))
    assert none.shape == (0, 2) and none.dtype == np.int32
    with pytest.raises(mxr.MxError, match=r"shapes \(2,\) and \(3,\) differ"):
        mask(data, mxr.nd.array([1, 1]))
    symbol = mxr.sym._contrib_boolean_mask(mxr.sym.Variable("x"), mxr.sym.Variable("m"), name="rows")
    assert mxr.sym.load_json(symbol.tojson()).tojson() == symbol.tojson()
    with pytest.raises(mxr.MxError, match="the shape of rows .* does not follow"):
        symbol.simple_bind(x=(3, 2), m=(3,))
