"""Loops and branches as MXNet's Python wrote them into JSON: outputs and gradients are MXNet 1.9.1's own
(tests/data/control; nested ones by tests/reference/control_file.py)."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import mxr
from mxr.operator import MxError

DATA = Path(__file__).parents[1] / "data" / "control"
CASES = {k: v for file in sorted(DATA.glob("*.json")) for k, v in json.loads(file.read_text()).items()}


@pytest.fixture(params=sorted(CASES))
def case(request):
    return CASES[request.param]


def bound(case, **more):
    symbol = mxr.sym.load_json(case["json"])
    assert (symbol.list_arguments(), symbol.list_outputs()) == (case["arguments"], case["outputs"])
    ex = symbol.simple_bind(**{k: np.shape(v) for k, v in case["in"].items()}, **more)
    for k, v in case["in"].items():
        ex.args[k][:] = v
    return ex


def heads(ex):
    return [
        np.arange(o.size, dtype=np.float32).reshape(o.shape) / 7 - np.float32(0.3) for o in ex.output_list
    ]


def test_outputs_and_gradients(case):
    ex = bound(case)
    for _ in range(2):
        ex.forward(True)
        ex.backward(heads(ex))
    steps = case["json"].count("_while_loop") and 3
    for o, theirs in zip(ex.output_list, case["out"]):
        end = steps or None  # outputs of steps that a loop did not reach are not set in MXNet
        np.testing.assert_allclose(
            o.asnumpy()[:end], np.asarray(theirs, np.float32)[:end], rtol=1e-5, atol=1e-6
        )
    for k, theirs in case["grad"].items():
        np.testing.assert_allclose(ex.grads[k].asnumpy(), theirs, rtol=1e-5, atol=1e-5)


def test_gradients_add_up(case):
    ex = bound(case, reqs="add")
    for _ in range(2):
        ex.forward(True)
        ex.backward(heads(ex))
    for k, theirs in case["grad"].items():
        np.testing.assert_allclose(ex.grads[k].asnumpy(), 2 * np.asarray(theirs), rtol=1e-5, atol=1e-5)


def test_the_json_is_mxnets_own(case):
    assert mxr.sym.load_json(case["json"]).tojson() == case["json"]


def test_a_branch_is_chosen_at_every_call():
    ex = bound(CASES["cond_then"])
    for a, b, want in (([1, 2], [3, 4], [5, 8]), ([5, 2], [3, 3], [15, 6]), ([0, 0], [1, 1], [1, 1])):
        ex.args["a"][:], ex.args["b"][:] = a, b
        ex.forward(True)
        ex.backward([np.ones(2)])
        assert ex.output_list[0].asnumpy().tolist() == want
        assert ex.grads["a"].asnumpy().tolist() == ([2, 2] if sum(a) < sum(b) else b)


def test_damaged():
    for old, new in (
        ('"subgraphs"', '"graphs"'),
        ('"heads": [[6, 0, 0], [5, 0, 0]]', '"heads": []'),
        ('"heads": [[6, 0, 0], [5, 0, 0]]', '"heads": [[9, 0, 0]]'),
    ):
        assert old in CASES["foreach"]["json"]
        with pytest.raises(MxError):
            mxr.sym.load_json(CASES["foreach"]["json"].replace(old, new))
