"""The custom-loss scripts, under both hosts: each compares itself with what MXNet computed (see scripts/expected.py)."""
from __future__ import annotations

import pytest

from tests.r.hosts import HERE, HOSTS, run_script, succeeds

SCRIPTS = HERE / "scripts"
NAMES = sorted(path.stem for path in SCRIPTS.glob("[a-z]*.R"))


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("name", NAMES)
def test_script(name, host):
    printed = succeeds(run_script(host, f"{name}.R", cwd=SCRIPTS))
    assert "comparisons with MXNet agree" in printed


def test_there_are_ten():
    assert len(NAMES) == 10
