"""The floors of the code: imports only go down, no folder has a circle inside, and the map names every file.

Imports inside functions, and those for type checkers only, count as well.
"""

from __future__ import annotations

import ast
import re
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FLOORS = (
    "runtime",
    "native",
    "operator",
    "random",
    "io",
    "graph",
    "compiler",
    "engine",
    "ops",
    "faces",
    "r",
    "testing",
    "command",
)
FACES = {"mxr", "mxr.nd", "mxr.sym"}  # what users import: above the operators, below R
R_FLOORS = ("bridge", "verbs", "objects", "generate", "host")


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(name: str, source: str, modules: set[str]) -> set[str]:
    """The modules of mxr that a source imports, at any place."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {a.name for a in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{name} imports relatively; write the whole name"
            base = node.module or ""
            found |= {f"{base}.{a.name}" if f"{base}.{a.name}" in modules else base for a in node.names}
    return {m for m in found if m in modules} - {name}


def sources() -> dict[str, Path]:
    return {module_name(p): p for p in sorted((ROOT / "mxr").rglob("*.py"))}


def floor(module: str) -> int:
    if module == "mxr.__main__":
        return FLOORS.index("command")
    if module in FACES or (module.count(".") == 1 and module.split(".")[1] not in FLOORS):
        return FLOORS.index("faces")
    return FLOORS.index(module.split(".")[1])


@cache
def arrows() -> dict[str, set[str]]:
    """The imports of every module."""
    files = sources()
    return {name: imports(name, path.read_text(), set(files)) for name, path in files.items()}


def with_line(module: str, line: str) -> dict[str, set[str]]:
    """The imports, if the module had this line too."""
    found = arrows()
    return found | {module: found[module] | imports(module, line, set(found))}


def wrong(found: dict[str, set[str]]) -> list[str]:
    """Imports that go up: between the floors, and between the folders of r."""

    def room(module: str) -> int:
        part = module.split(".")[2] if module.count(".") > 1 else ""
        return R_FLOORS.index(part) if part in R_FLOORS else len(R_FLOORS)

    up = [f"{a} imports {b}" for a, others in found.items() for b in sorted(others) if floor(b) > floor(a)]
    inside = [
        f"{a} imports {b}"
        for a, others in found.items()
        for b in sorted(others)
        if a.startswith("mxr.r.") and b.startswith("mxr.r.") and room(b) > room(a)
    ]
    return up + inside


def circle(found: dict[str, set[str]]) -> list[str]:
    """The modules of an import circle, or nothing. A package's `__init__` that imports its own modules does
    not count."""
    graph = {a: {b for b in others if not a.startswith(b + ".")} for a, others in found.items()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return error.args[1]
    return []


def test_imports_only_go_down():
    assert wrong(arrows()) == []


def test_no_circles():
    assert circle(arrows()) == []


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("mxr.graph.node", "from mxr.engine import bind"),
        ("mxr.operator.shapes", "def f():\n    import mxr.graph.symbol"),
        ("mxr.io.readers.base", "def f():\n    from mxr.ops import conv"),
        ("mxr.r.bridge.door", "import mxr.r.verbs"),
        ("mxr.engine.executor", "if TYPE_CHECKING:\n    from mxr.r.bridge import convert"),
    ],
)
def test_an_import_the_wrong_way_is_found(module, line):
    assert any(w.startswith(f"{module} imports") for w in wrong(with_line(module, line)))


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("mxr.graph.node", "from mxr.graph import symbol"),
        ("mxr.io.readers.base", "def f():\n    from mxr.io.readers import csv"),
        ("mxr.compiler.value", "from mxr.compiler.program import Program"),
    ],
)
def test_a_circle_is_found(module, line):
    assert module in circle(with_line(module, line))


def test_every_folder_says_what_it_may_import():
    for package in sorted(p for p in (ROOT / "mxr").rglob("__init__.py")):
        text = ast.get_docstring(ast.parse(package.read_text()))
        assert text, f"{package} does not say what is inside"


def test_the_map_names_every_file():
    """In the section of its floor, by its path from there."""
    text = (ROOT / "docs" / "how-it-works.md").read_text()
    sections = dict(re.findall(r"^### [^`\n]*`mxr/(\w*)/?`(.*?)(?=^##)", text, re.MULTILINE | re.DOTALL))
    missing = []
    for path in sources().values():
        inside = path.relative_to(ROOT / "mxr")
        room, name = (
            (inside.parts[0], "/".join(inside.parts[1:])) if len(inside.parts) > 1 else ("", inside.name)
        )
        if inside.name != "__init__.py" and f"`{name}`" not in sections.get(room, ""):
            missing.append(str(inside))
    in_r = re.search(r"^### `R/R/`(.*?)^##", text, re.MULTILINE | re.DOTALL)[1]
    missing += [str(p) for p in (ROOT / "R" / "R").glob("*.R") if f"`{p.name}`" not in in_r]
    in_c = [*(ROOT / "mxr").rglob("*.c"), ROOT / "mxr" / "native" / "vectors.h"]
    missing += [str(p) for p in in_c if not re.search(rf"`(bridge/)?{re.escape(p.name)}`", text)]
    named = [name for name in re.findall(r"`([\w.-]+\.R)`", in_r) if not (ROOT / "R" / "R" / name).exists()]
    assert missing == [] and named == []
