"""Golden files: written by Python and by R in one format, that of the probes; every difference is found."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest

import mxr
from mxr.testing import assert_golden, compare, read, record
from tests.r.hosts import HERE

VALUES = {
    "matrix": np.arange(6.0).reshape(2, 3) / 7,
    "number": 3,
    "yes": True,
    "text": "a\"b\\ü\n",
    "texts": ["a", "b"],
    "nothing": None,
    "odd": np.array([np.nan, np.inf, -np.inf]),
    "parts": {"a": mxr.nd.ones((2,)), "b": [1.5, "x"]},
}


def test_round_trip(tmp_path):
    file = tmp_path / "sub" / "golden.jsonl"
    record(file, VALUES, more=1)
    assert_golden(file, VALUES, more=1)
    assert read(file)["matrix"]["dim"] == [3, 2]  # R's
    assert [k for k in read(file) if k.startswith("parts")] == ["parts$a", "parts$b$1", "parts$b$2"]


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        (
            "matrix",
            VALUES["matrix"] * 1.01,
            "matrix: 5 of 6 numbers, the first at 2: 0.144285714, not 0.142857143",
        ),
        ("matrix", VALUES["matrix"].T, "matrix: dim [2, 3], not [3, 2]"),
        ("number", "3", "number: kind chr, not num"),
        ("yes", False, "yes: ['false']"),
        ("odd", np.array([0, np.inf, -np.inf]), "odd: 1 of 3"),
        ("odd", np.array([np.nan, np.inf, np.inf]), "odd: 1 of 3"),
        ("new", 1, "new: not in the golden file"),
        ("text", None, "text: kind null"),
    ],
)
def test_differences(tmp_path, name, value, words):
    file = tmp_path / "golden.jsonl"
    record(file, VALUES)
    with pytest.raises(AssertionError) as failed:
        assert_golden(file, VALUES | {name: value})
    assert words in str(failed.value) and "1 observations differ" in str(failed.value)


def test_tolerance_and_missing_values(tmp_path):
    file = tmp_path / "golden.jsonl"
    record(file, VALUES)
    assert_golden(file, VALUES | {"number": 3 + 2e-4})
    assert len(compare(read(file), {})) == len(read(file))
    with pytest.raises(AssertionError, match="no golden file .* record"):
        assert_golden(tmp_path / "none.jsonl", VALUES)
    (tmp_path / "bad.jsonl").write_text('{"name": "x"}\n')
    with pytest.raises(mxr.MxError, match="line 1, is no observation"):
        read(tmp_path / "bad.jsonl")
    with pytest.raises(mxr.MxError, match="nothing to record"):
        record(file)
    with pytest.raises(mxr.MxError, match="an observation is"):
        record(file, x=object())


def test_r_writes_what_python_reads(rscript, tmp_path):
    ran = rscript.observe(r"""
        library(mxnet)
        observe("matrix", matrix(0:5 / 7, 3)); observe("number", 3); observe("yes", TRUE)
        observe("text", "a\"b\\\u00fc\n")
        observe("texts", c("a", "b")); observe("nothing", NULL); observe("odd", c(NaN, Inf, -Inf))
        observe("parts", list(a = mx.nd.ones(2), b = list(1.5, "x")))""")
    record(tmp_path / "golden.jsonl", VALUES)
    assert compare(read(tmp_path / "golden.jsonl"), ran.observed) == []
    assert list(read(tmp_path / "golden.jsonl")) == list(ran.observed)
    with pytest.raises(AssertionError, match="ended with status 1(.|\n)*went wrong"):
        rscript.observe("stop('it went wrong')\n")


def test_the_probes_are_golden_files(tmp_path):
    """Both comparisons, the probes' own and mxr's, report the same for one wrong number."""
    file = HERE / "probes" / "golden" / "optimizers.jsonl"
    golden = read(file)
    assert len(golden) > 20 and compare(golden, golden) == []
    wrong = {
        k: {**v, "value": [str(float(v["value"][0]) + 1), *v["value"][1:]]} if v["kind"] == "num" else v
        for k, v in golden.items()
    }
    out = tmp_path / "wrong.jsonl"
    out.write_text("".join(json.dumps({"name": k, **v}) + "\n" for k, v in wrong.items()))
    theirs = subprocess.run(
        [sys.executable, HERE / "probes" / "compare.py", file, out], capture_output=True, text=True
    ).stdout
    assert (
        theirs.count(" numbers, first at 0")
        == len(compare(golden, wrong))
        == sum(v["kind"] == "num" for v in golden.values())
    )
