"""The comparison finds differences that are made on purpose."""

import dataclasses

import numpy as np
import pytest

import mxr
from tests import known
from tests.ops import ours
from tests.ops.collect import cases
from tests.properties import naive
from tests.reference import answers
from tests.reference.compare import array_difference, differences


def tanh_case():
    case = next(cases(op="tanh"))
    return case, answers.load(case.op.family)[answers.key(case)]


def test_agrees_unchanged():
    case, theirs = tanh_case()
    assert ours.against(case, theirs)[0] == {}


@pytest.mark.parametrize("part", ["out0", "grad0"])
def test_a_wrong_array_is_noticed(part):
    case, (meta, arrays) = tanh_case()
    mine = ours.answer(case)
    assert part in differences(case, mine, (meta, arrays | {part: arrays[part] * np.float32(1.0001)}))
    assert part in differences(
        case, (mine[0], {k: x for k, x in mine[1].items() if k != part}), (meta, arrays)
    )


def test_wrong_sums_under_add_are_noticed():
    case, theirs = tanh_case()
    meta, arrays = ours.answer(case)
    assert "add0" in differences(case, (meta, arrays | {"add0": arrays["grad0"]}), theirs)


@pytest.mark.parametrize("fact", ["json", "outputs", "shapes", "types"])
def test_wrong_metadata_is_detected(fact):
    case, theirs = tanh_case()
    meta, arrays = ours.answer(case)
    wrong = meta["json"].replace("tanh", "sinh") if fact == "json" else ["else"]
    assert fact in differences(case, (meta | {fact: wrong}, arrays), theirs)


def test_a_changed_sample_has_no_answer():
    case, _ = tanh_case()
    changed = dataclasses.replace(case)
    vars(changed)["inputs"] = [case.inputs[0] + np.float32(1)]
    assert answers.key(changed) not in answers.load(case.op.family)


def test_nan_and_type():
    nan = np.array([np.nan, np.inf], np.float32)
    assert array_difference(nan, nan, 1e-5, 1e-6) is None
    assert array_difference(nan, -nan, 1e-5, 1e-6)
    assert array_difference(nan, nan.astype(np.float64), 1e-5, 1e-6)


def test_known_differences_must_shrink(monkeypatch):
    monkeypatch.setattr(known, "listed", lambda section: {"a": "because"})
    assert known.settle("any", {"a": "differs"}) == []
    assert known.settle("any", {"a": "differs", "b": "differs too"}) == ["b: differs too"]
    assert "strike it off" in known.settle("any", {})[0]
    assert known.settle("any", {}, ran=lambda id: False) == []


def test_plain_evaluation_differentiates():
    """The plain evaluation of random graphs, checked by a known derivative: d(sum of x * tanh(x))."""
    x = mxr.sym.Variable("x")
    value = np.array([[0.5, -1.0, 2.0]], np.float32)
    outputs, gradients = naive.evaluate(mxr.sym.sum(x * mxr.sym.tanh(x)), {"x": value}, None)
    t = np.tanh(value)
    np.testing.assert_allclose(outputs[0], (value * t).sum(keepdims=True)[0], 1e-6)
    np.testing.assert_allclose(gradients["x"], t + value * (1 - t * t), 1e-6)
