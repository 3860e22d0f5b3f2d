"""Inferred shapes and types are those of the results; calling on arrays and binding give the same values."""

import numpy as np
import pytest

import mxr
from mxr.engine.imperative import invoke
from mxr.operator import canonical
from tests.ops import ours
from tests.ops.collect import cases

OPERATORS = [op.name for op in canonical()]


@pytest.mark.parametrize("name", OPERATORS)
def test_inferred_is_real(name):
    for case in cases(op=name):
        op, p, values = case.op, case.parsed(), case.inputs
        n = len(op.outputs(p)) + len(op.hidden(p))
        ins, outs = op.infer_shape(p, [x.shape for x in values], [None] * n)
        assert [tuple(s) for s in ins] == [x.shape for x in values], case.id
        assert len(outs) == n and all(s is not None for s in outs), case.id
        types = list(op.infer_type(p, [x.dtype for x in values]))
        if op.is_expression:
            with np.errstate(all="ignore"):
                real = op.forward(p, *values)
            real = real if isinstance(real, (tuple, list)) else (real,)
            assert [np.shape(x) for x in real if np.ndim(x)] == [
                tuple(s) for x, s in zip(real, outs) if np.ndim(x)
            ], case.id
        mxr.random.seed(ours.SEED)
        real = invoke(op, [x.copy() for x in values], p, bool(case.sample.train))
        assert [x.shape for x in real] == [tuple(s) for s in outs], case.id
        assert [x.dtype for x in real] == [np.dtype(types[min(i, len(types) - 1)]) for i in range(n)], case.id


@pytest.mark.parametrize("name", OPERATORS)
def test_at_once_is_bound(name):
    for case in cases(op=name):
        if ours.at_once(case):
            continue
        bound = ours.answer(case)[1]
        for key, x in ours.imperative(case)[1].items():
            np.testing.assert_allclose(
                x.astype(np.float64), bound[key].astype(np.float64), 1e-6, 1e-7, err_msg=f"{case.id} {key}"
            )
            assert x.dtype == bound[key].dtype, case.id


X = mxr.sym.Variable("x")


@pytest.mark.parametrize(
    "symbol, out, x",
    [
        (mxr.sym.cumsum(X, axis=0), (2, 3), (2, 3)),
        (mxr.sym.tanh(X), (2, 3), (2, 3)),
        (mxr.sym._split_v2(mxr.sym.Variable("x", shape=(0, 3)), indices=(0,), axis=1), (2, 3), (2, 3)),
        (mxr.sym.transpose(X, axes=(1, 0)), (2, 3), (3, 2)),
    ],
)
def test_input_from_output(symbol, out, x):
    args, _, _ = (symbol + mxr.sym.Variable("out")).infer_shape(out=out)
    assert args["x"] == x


def test_size_of_anything():
    assert (mxr.sym.size_array(X) + mxr.sym.Variable("n")).infer_shape(x=(2, 3))[0]["n"] == (1,)


def test_partly_known_label():
    args, outs, _ = mxr.sym.SoftmaxOutput(
        X, mxr.sym.Variable("y", shape=(0, 0)), multi_output=True
    ).infer_shape(x=(6, 1, 1), y=(6, 1))
    assert args["y"] == (6, 1)
