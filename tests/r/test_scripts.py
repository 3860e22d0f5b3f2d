"""Custom-loss scripts as users write them, under one of the hosts in turn. Each compares its losses and
weights with those that MXNet 1.9.1 computed from the same symbols and arrays: see scripts/_check.R and
scripts/expected.py."""

from __future__ import annotations

import json
import re
import shutil

import pytest

from tests.r.hosts import HERE, in_turn
from tests.r.scripts.__main__ import NAMES, SMALL

SCRIPTS = HERE / "scripts"


@pytest.mark.parametrize(("name", "host"), in_turn(NAMES), indirect=["host"])
def test_script(name, host):
    printed = host(SCRIPTS / f"{name}.R", cwd=SCRIPTS, **SMALL).check()
    assert re.search(rf"^{name} agrees with MXNet in \d+ results, \d+ numbers$", printed, re.MULTILINE), (
        printed
    )


def test_all_scripts_have_expected_values():
    assert len(NAMES) >= 10
    assert sorted(path.stem for path in (SCRIPTS / "expected").glob("*.json")) == NAMES


@pytest.mark.parametrize("name", [name for name in NAMES if name != "inception"])  # which does not train
def test_enough_is_compared(name):
    """Twenty steps at least, and the weights at their end."""
    expected = json.loads((SCRIPTS / "expected" / f"{name}.json").read_text())
    assert "do not edit" in expected["generated"]
    losses = [v for k, v in expected["values"].items() if k.startswith(("losses", "running"))]
    assert losses and all(len(v) >= 20 for v in losses)
    assert any(k.startswith("end.") for k in expected["values"])


def test_a_wrong_number_is_noticed(rscript, tmp_path):
    copy = shutil.copytree(SCRIPTS, tmp_path / "scripts")
    file = copy / "expected" / "quantile.json"
    line = next(x for x in file.read_text().splitlines() if '"losses"' in x)
    before = json.loads("{" + line.strip().rstrip(",") + "}")["losses"]
    after = [x * 1.001 if k == 13 else x for k, x in enumerate(before)]
    file.write_text(file.read_text().replace(json.dumps(before), json.dumps(after)))
    assert json.loads(file.read_text())["values"]["losses"] == after
    done = rscript(copy / "quantile.R", cwd=copy)
    assert done.status != 0
    assert "losses differs from MXNet in 1 of 30 values, first in number 14" in done.stderr
