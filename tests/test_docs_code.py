"""The code in the README and in the pages of docs/ runs, and the README prints what it says."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from docs.tools import links
from docs.tools.cookbook import code_blocks
from tests.r.hosts import environment, run_code, succeeds

ROOT = Path(__file__).parents[1]
GENERATED = {"operators.md", "coverage.md", "performance.md"}
PAGES = {
    str(p.relative_to(ROOT)): p.read_text()
    for p in (
        ROOT / "README.md",
        *sorted((ROOT / "docs").glob("*.md")),
        *sorted((ROOT / "docs" / "python").glob("*.md")),
    )
    if p.name not in GENERATED
}


def pages_with(language: str) -> list[str]:
    return [name for name, text in PAGES.items() if code_blocks(text, language)]


@pytest.mark.parametrize("page", pages_with("r"))
def test_r_code_runs(page, tmp_path):
    assert succeeds(run_code("Rscript", "\n".join(code_blocks(PAGES[page], "r")), cwd=tmp_path))


@pytest.mark.parametrize("page", pages_with("python"))
def test_python_code_runs(page, tmp_path):
    code = "\n".join(code_blocks(PAGES[page], "python"))
    succeeds(
        subprocess.run(
            [sys.executable, "-c", code],
            cwd=tmp_path,
            env=environment(),
            capture_output=True,
            text=True,
            timeout=300,
        )
    )


def test_the_pages_have_code():
    assert {"README.md", "docs/index.md"} <= set(pages_with("r")) and "docs/python.md" in pages_with("python")


def test_readme_prints_what_it_says(tmp_path):
    """The same words and rows; numbers to three digits, as processors differ in the last ones."""
    said = succeeds(
        run_code("Rscript", "\n".join(code_blocks(PAGES["README.md"], "r")), cwd=tmp_path)
    ).split()
    shown = "\n".join(code_blocks(PAGES["README.md"], "text")).split()
    assert len(said) == len(shown) > 30
    for ours, theirs in zip(said, shown, strict=True):
        if re.fullmatch(r"[-\d.]+", theirs):
            assert float(ours) == pytest.approx(
                float(theirs), rel=1e-2, abs=0.11 if float(theirs) > 10 else 1e-3
            )
        else:
            assert ours == theirs


def test_broken_links_are_found(tmp_path):
    (tmp_path / "a.html").write_text(
        '<a href="b.html#x">b</a><a href="c.html">c</a><a href="#here">h</a><h1 id="here"></h1>'
        '<script src="https://example.org/x.js"></script>'
    )
    (tmp_path / "b.html").write_text("<h1 id='y'></h1>")
    assert sorted(links.broken(tmp_path)) == [
        "a.html links to b.html#x, which has no such place",
        "a.html links to c.html, which does not exist",
        "a.html loads https://example.org/x.js",
    ]


def test_pages_of_the_repository_link_to_what_exists():
    for name, text in PAGES.items():
        for target in re.findall(
            r"\]\(([^)#\s]+)(?:#[^)]*)?\)", re.sub(r"^```.*?^```", "", text, flags=re.M | re.S)
        ):
            # these two folders are made for the site
            if not re.match(r"https?:", target) and not target.startswith(("vignettes/", "r/")):
                assert (ROOT / name).parent.joinpath(target).exists(), f"{name}: no file {target}"
