"""The usage patterns of real R scripts, by section (usage/bN-*.R), under both hosts. Each pattern is one call
of `usage()`; a script fails if any of its patterns does."""

from __future__ import annotations

import re

import pytest

from tests.r.hosts import HERE

SCRIPTS = HERE / "usage"
NAMES = sorted((path.stem for path in SCRIPTS.glob("b*.R")), key=lambda name: int(name[1:].split("-")[0]))


@pytest.mark.parametrize("name", NAMES)
def test_habits(name, host):
    printed = host(SCRIPTS / f"{name}.R", cwd=SCRIPTS).check()
    section = name.split("-")[0]
    habits = (SCRIPTS / f"{name}.R").read_text().count("\nusage(")
    assert re.search(rf"^{section} runs: {habits} habits$", printed, re.MULTILINE), printed


def test_every_section_has_a_script():
    assert [name.split("-")[0] for name in NAMES] == [f"b{i}" for i in range(1, 13)]


def test_a_failing_habit_fails_its_script(rscript, tmp_path):
    (tmp_path / "_check.R").write_text((SCRIPTS / "_check.R").read_text())
    (tmp_path / "b0.R").write_text(
        'source("_check.R")\nusage("wrong", same(1, 2))\nusage("right", same(1, 1))\ndone("b0")\n'
    )
    done = rscript(tmp_path / "b0.R", cwd=tmp_path)
    assert done.status != 0 and "FAILED: wrong" in done.stdout and "1 of 2 habits failed" in done.stderr
