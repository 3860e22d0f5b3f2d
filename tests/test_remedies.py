"""Every remedy in a message appears in a test. Those that do not are listed in tests/data/remedies.txt, which
may only get shorter: a new remedy needs a test that follows it (R/tests/testthat/test-remedies.R)."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
LISTED = ROOT / "tests" / "data" / "remedies.txt"
# The verb that begins a remedy, and the beginning of its object
REMEDY = re.compile(r"\b(?:use|give|pass|say|install|call|put|set) (?:it )?(?:as )?(?=[\w.`$\[\"']{3})")
R_TEXT = re.compile(r'"((?:[^"\\]|\\.)*)"')
R_MESSAGE = re.compile(r"\b(?:stop_\w+|raise_error|warning|warn_once|stop)\(")


def messages_of_r(path: Path) -> list[str]:
    """The texts in the calls that stop or warn."""
    found, source = [], path.read_text()
    for match in R_MESSAGE.finditer(source):
        depth, end = 0, match.end() - 1
        while end < len(source) and (depth or end == match.end() - 1):
            depth += {"(": 1, ")": -1}.get(source[end], 0)
            end += 1
        found += [re.sub(r"\\(.)", r"\1", text) for text in R_TEXT.findall(source[match.start() : end])]
    return found


def messages_of_python(path: Path) -> list[str]:
    """The texts in the errors that are raised."""
    found = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Raise) and node.exc is not None:
            values = [n.value for n in ast.walk(node.exc) if isinstance(n, ast.Constant)]
            found += [v for v in values if isinstance(v, str)]
    return found


def remedies() -> set[str]:
    """The words of every remedy, after the verb, up to the next punctuation mark."""
    by_hand = [path for path in (ROOT / "R" / "R").glob("*.R") if "generated" not in path.name]
    texts = [t for path in by_hand for t in messages_of_r(path)]
    texts += [t for path in (ROOT / "mxr").rglob("*.py") for t in messages_of_python(path)]
    found = set()
    for text in texts:
        for match in REMEDY.finditer(text):
            found.add(re.split(r"[,;:(]| or | for ", text[match.end() :])[0].strip()[:60])
    return found


def test_every_remedy_is_met_in_a_test():
    ours = (ROOT / "tests").rglob("*.py")
    places = [*(ROOT / "R" / "tests").rglob("*.R"), *(ROOT / "tests").rglob("*.R"), *ours]
    tests = "\n".join(path.read_text() for path in places if path != Path(__file__))
    tests = re.sub(r"\\+(.)", r"\1", tests)
    unmet = {r for r in remedies() if r not in tests}
    listed = set(LISTED.read_text().splitlines()[1:])
    assert unmet - listed == set(), "no test meets these remedies"
    assert listed - unmet == set(), "met, or gone: take them out of the list"


def test_the_search_finds_remedies():
    found = remedies()
    assert len(found) > 50
    assert any("as.array" in r for r in found) and any("output.names" in r for r in found)
