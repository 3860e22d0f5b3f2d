"""examples/interop, the project that docs/testing.md shows: it passes outside the checkout, and a broken loss
fails by the node's name."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from tests.testing.test_plugin import run

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "interop"


def test_the_example(tmp_path):
    """And the ten lines at the beginning of the page."""
    folder = shutil.copytree(EXAMPLE, tmp_path / "interop")
    page = (ROOT / "docs" / "testing.md").read_text()
    code = re.search(r"^```\{code-block\} python\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    assert code and len(code[1].splitlines()) <= 11
    (folder / "test_ten_lines.py").write_text(code[1])
    ended, text = run(folder)
    assert len(ended) == 7 and set(ended.values()) == {"PASSED"} and "test_focal" in ended, text
    loss = folder / "focal.R"
    loss.write_text(loss.read_text().replace("(1 - right)^gamma", "(1 - right)^(gamma + 1)"))
    ended, text = run(folder)
    assert {k for k, how in ended.items() if how == "FAILED"} == {
        "test_focal",
        "test_the_port_computes_what_r_computes",
        "test_the_script_gives_the_numbers_that_it_gave",
    }, text
    assert re.search(
        r"R +_power_?scalar\d+ = _power_scalar\(.*, scalar = 3.0\)\n.*Python +_power_?scalar\d+ = "
        r"_power_scalar\(.*, scalar = 2.0\)",
        text,
    ), text
    assert "weight: 3 of 3 numbers" in text


def test_the_page_shows_the_example():
    page = (ROOT / "docs" / "testing.md").read_text()
    for file in ("focal.R", "focal.py", "test_focal.py", "train.R", "test-focal.R", "ci.yml"):
        assert (EXAMPLE / file).read_text().strip() in page, (
            f"docs/testing.md does not show the text of examples/interop/{file}"
        )
