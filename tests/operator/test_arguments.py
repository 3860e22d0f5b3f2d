"""Matching the arguments of a call to the inputs of an operator."""

import pytest

from mxr.operator import MxError, get, match_inputs

FC = get("FullyConnected")
P = FC.parse({"num_hidden": 3})
NO_BIAS = FC.parse({"num_hidden": 3, "no_bias": True})
CONCAT = get("Concat")


def test_positions_and_names_in_the_operators_order():
    assert match_inputs(FC, P, ["x"], {"bias": "b", "weight": "w"}, "fc") == {
        "data": "x",
        "weight": "w",
        "bias": "b",
    }
    assert list(match_inputs(FC, P, [], {"bias": "b", "data": "x"}, "fc")) == ["data", "bias"]


def test_positions_fill_the_inputs_without_names_as_in_r():
    assert match_inputs(FC, P, ["w", "b"], {"data": "x"}, "fc", fill_gaps=True) == {
        "data": "x",
        "weight": "w",
        "bias": "b",
    }


@pytest.mark.parametrize(
    "p, positional, named, options, message",
    [
        (P, ["x"], {"data": "y"}, {}, "fc: data is given both by position and by name"),
        (P, ["x", "w", "b", "c"], {}, {}, r"fc: takes 3 inputs \(data, weight, bias\), not 4"),
        (
            P,
            ["x", "w", "b"],
            {"data": "y"},
            {"fill_gaps": True},
            r"fc: takes 3 inputs \(data, weight, bias\), not 4",
        ),
        (P, [], {"wieght": "w"}, {}, 'fc: has no input wieght; did you mean "weight"'),
        (P, [], {"zzz": "w"}, {}, "fc: has no input zzz; it has data, weight, bias, num_hidden"),
        (NO_BIAS, [], {"bias": "b"}, {}, "fc: takes no bias with these parameters; it takes data, weight"),
        (
            P,
            ["x"],
            {"bias": "b"},
            {"complete": True},
            "fc: the input weight is missing; it takes data, weight, bias",
        ),
        (P, [], {"no.such": 1, "no_such": 2}, {}, "fc: an input is given twice"),
    ],
)
def test_mismatches_are_named(p, positional, named, options, message):
    with pytest.raises(MxError, match=message):
        match_inputs(FC, p, positional, named, "fc", **options)


def test_a_count_that_contradicts_the_inputs():
    with pytest.raises(MxError, match="num_args is 3 but 2 inputs are given"):
        match_inputs(CONCAT, CONCAT.parse({"num_args": 3}), ["a", "b"], {}, "concat")
    # symbols become variables
    assert match_inputs(CONCAT, CONCAT.parse({"num_args": 3}), [], {}, "concat") == {}
