"""`mxr check` and mx.check.script: they find that all scripts of the tests, in every style, can run."""

from __future__ import annotations

import json
import re
import subprocess
import sys

import pytest

from tests.r.hosts import HERE, environment, run_code, succeeds

SCRIPTS = [
    *sorted((HERE / "usage").glob("b*.R")),
    *sorted((HERE / "scripts").glob("[a-z]*.R")),
    *sorted((HERE / "probes").glob("[a-z]*.R")),
    *sorted((HERE.parents[1] / "R" / "vignettes").glob("*.Rmd")),
]
# mistakes that a page shows on purpose
MEANT = {("old-scripts.Rmd", "mx.symbol.FullyConnected(num.hiden)")}


def mxr_check(*arguments, cwd=None) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", "mxr", "check", *map(str, arguments)],
        env=environment(),
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
    )


@pytest.fixture(scope="module")
def findings():
    """The findings in each script, from the JSON output."""
    code = "library(mxnet)\nfor (file in commandArgs(TRUE)) mx.check.script(file, json = TRUE)\n"
    text = succeeds(run_code("Rscript", code, *map(str, SCRIPTS)))
    decoder, at, found = json.JSONDecoder(), 0, {}
    for path in SCRIPTS:
        value, at = decoder.raw_decode(text, at)
        found[path.name] = value
        at += 1
    return found


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda p: p.name)
def test_scripts_that_run_lack_nothing(path, findings):
    found = findings[path.name]
    missing = [(path.name, f["what"]) for f in found["findings"] if f["kind"] == "missing"]
    assert set(missing) <= MEANT
    assert sum(f["kind"] == "supported" for f in found["findings"]) > 2
    assert found["status"] == bool(missing)


TRAINING = ("mx.model.FeedForward.create(", "mx.mlp(", "mx.model.buckets(", "mx.exec.backward(")


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda p: p.name)
def test_every_training_has_an_estimate_or_the_reason_why_not(path, findings):
    told = [f for f in findings[path.name]["findings"] if f["kind"] == "time"]
    text = re.sub(r"#.*|`[^`\n]*`", "", path.read_text())
    called = [w for w in TRAINING if re.search(rf"(?<![\w.]){re.escape(w)}", text)]
    assert {w[:-1] for w in called} <= {f["what"] for f in told}
    words = r"(about .+ on this machine \(between|less than (two|three) sec|the time cannot be estimated: )"
    assert [f["message"] for f in told if not re.match(words, f["message"])] == []


def test_most_trainings_of_the_census_can_be_estimated(findings):
    told = [
        f["message"]
        for found in findings.values()
        for f in found["findings"]
        if f["kind"] == "time" and f["what"] in ("mx.model.FeedForward.create", "mx.mlp")
    ]
    unknown = [m for m in told if "cannot be estimated" in m]
    assert len(told) > 30 and len(unknown) < len(told) / 3, unknown


def test_the_command_and_its_exit_status(tmp_path):
    (tmp_path / "good.R").write_text("x <- mx.symbol.Variable('x')\n")
    (tmp_path / "bad.R").write_text("x <- mx.symbol.Nothing('x')\n")
    (tmp_path / "broken.R").write_text("x <- (\n")
    good, bad, broken = (mxr_check(name, cwd=tmp_path) for name in ("good.R", "bad.R", "broken.R"))
    assert (good.returncode, bad.returncode, broken.returncode) == (0, 1, 2), broken.stderr
    assert "1 call of mxnet is supported" in good.stdout and "there is no such function" in bad.stdout
    assert "is not R code that can be read: line 2" in broken.stderr and not broken.stdout
    as_json = mxr_check("--json", "bad.R", cwd=tmp_path)
    assert as_json.returncode == 1 and json.loads(as_json.stdout)["findings"][0]["kind"] == "missing"
    assert mxr_check("nowhere.R", cwd=tmp_path).returncode == 2
