"""Makes the documentation site: `python -m docs.tools.site [TARGET]` (build/site by default), which
`make docs` calls.

Pages come from docs/, from the R package (vignettes and help pages) and from the recipes of the cookbook; the
R code of all of these is run. The pages are gathered in build/docs, where Sphinx reads them. Any warning of
Sphinx and any broken link is a failure.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import mxr.sym  # noqa: F401  (declares the operators)
from docs.tools import cookbook, links
from mxr.operator import canonical
from mxr.r.generate.wrappers import names_of

ROOT = cookbook.ROOT
GATHERED = ROOT / "build" / "docs"


def gather(target: Path) -> None:
    """All pages of the site as Markdown."""
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(
        ROOT / "docs", target, ignore=shutil.ignore_patterns("tools", "*.py", "__pycache__", "numbers.json")
    )
    shutil.copy(ROOT / "docs" / "conf.py", target)
    start = target / "index.md"
    text = start.read_text()
    # pages that are in no toctree of the front page
    more = sorted(
        p.stem
        for p in target.glob("*.md")
        if p != start and not re.search(rf"^{re.escape(p.stem)}$", text, re.M)
    )
    if more:
        start.write_text(text + "\n```{toctree}\n:hidden:\n:caption: More\n\n" + "\n".join(more) + "\n```\n")
    subprocess.run(
        ["Rscript", str(ROOT / "docs" / "tools" / "site.R"), str(ROOT / "R"), str(target)],
        check=True,
        stdin=subprocess.DEVNULL,
    )
    (target / "r" / "index.md").write_text(r_index(target / "r"))
    with tempfile.TemporaryDirectory() as folder:
        numbers = dict(cookbook.run(cookbook.recipes(), Path(folder), ["Rscript"]))
        for recipe in cookbook.recipes():
            shutil.copy(Path(folder, f"{recipe.name}.svg"), target / "cookbook")
            page = target / "cookbook" / f"{recipe.name}.md"
            page.write_text(illustrated(page.read_text(), recipe, numbers[recipe.name]))
    index = target / "cookbook" / "index.md"
    contents = "\n".join(r.name for r in cookbook.recipes())
    index.write_text(f"{index.read_text()}\n```{{toctree}}\n:hidden:\n\n{contents}\n```\n")


def illustrated(text: str, recipe: cookbook.Recipe, numbers: cookbook.Numbers) -> str:
    """A recipe's page with its picture and its numbers."""
    picture = f"\n![Value and gradient: {recipe.title}]({recipe.name}.svg)\n\n## It learns"
    rows = [
        f"| {what.replace('|', '-')} | {ours:.5g} | {theirs:.5g} |"
        for what, ours, theirs in zip(numbers["what"], numbers["mxr"], numbers["R"], strict=True)
    ]
    demo = f'\nIn R, this page is `demo("{recipe.name}", package = "mxnet")`.\n'
    table = ["", f"| | mxr | {numbers['model'][0]} |", "|---|---|---|", *rows, "", demo]
    text = re.sub(r"\A---\n.*?\n---\n", "", text, flags=re.S)
    return text.replace("\n## It learns", picture) + "\n".join(table)


def r_index(folder: Path) -> str:
    """The list of R's help pages: the package's own functions, then the operators by family."""
    titles = {
        path.stem: re.search(r"^# \S+: (.+)$", path.read_text(), re.M)[1]  # type: ignore[index]
        for path in sorted(folder.glob("*.md"))
    }
    families: dict[str, list[str]] = {}
    for op in canonical():
        page = next((f"mx.symbol.{n}" for n in names_of(op) if f"mx.symbol.{n}" in titles), None)
        if page:
            families.setdefault(op.family, []).append(page)
    of_operators = {page for pages in families.values() for page in pages}
    first = [name for name in titles if name not in of_operators]
    parts = [
        "# R reference\n",
        "The help pages of the R package, with what their examples print. In R, "
        "`?mx.symbol.MakeLoss` shows one, `help.search(\"loss\")` finds some.\n",
        "## Functions\n",
        *rows(first, titles),
    ]
    for family, pages in sorted(families.items()):
        parts += [f"\n## Operators: {family.replace('_', ' ')}\n", *rows(sorted(set(pages)), titles)]
    return "\n".join(parts) + "\n"


def rows(names: list[str], titles: dict[str, str]) -> list[str]:
    return ["| | |", "|---|---|", *(f"| [`{name}`]({name}.md) | {titles[name]} |" for name in names)]


def main(arguments: list[str]) -> int:
    target = Path(arguments[0] if arguments else ROOT / "build" / "site")
    gather(GATHERED)
    shutil.rmtree(target, ignore_errors=True)
    subprocess.run(
        [
            sys.executable,
            "-m",
            "sphinx",
            "-q",
            "-W",
            "--keep-going",
            "-j",
            "2",
            "-d",
            str(ROOT / "build" / "doctrees"),
            "-b",
            "html",
            str(GATHERED),
            str(target),
        ],
        check=True,
    )
    failed = links.main([str(target)])
    print(json.dumps({"site": str(target), "pages": len(list(target.rglob("*.html")))}))
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
