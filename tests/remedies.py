"""The remedies that mxr's messages name, found in its code, and those that tests follow to the letter."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
HOLE = "\N{REPLACEMENT CHARACTER}"  # for what a message fills in
VERBS = (
    "add ask bind build call cast change choose close compare compose compute convert count copy "
    "create cut declare draw end fill follow give install keep leave let load look make name open "
    "pass pick put raise read register remove reset run save say see set spell start take train "
    "trust try uninstall unset use wait wrap write"
)
# A clause that tells the reader to do something: an imperative at its beginning; "instead"; a call or an
# argument that "gives" what is needed; a command
CLAUSE = re.compile(
    rf"(?:(?:^|[;:,(.]\s+|\bor |\band |\bthen |\bso )(?:{VERBS.replace(' ', '|')})\b(?!:)|\binstead\b:?"
    r"|[\w.]+\([^()]*\) (?:gives|lists|to another|<-)|[\w.]+ = (?:TRUE|FALSE) (?:leaves|if )"
    r"|apt-get |pip install |\bby `)",
    re.IGNORECASE,
)
END = re.compile(r"[;,:(]\s|\. |, or | or | \(|$")
# not the reader's to do: enumerations, sentences with such a noun as their subject, what MXNet says itself
NO_CLAUSE = re.compile(
    r"(?i)(write|add|end|name|reset|copy|save|run|instead|say|reset\()[,.:]?$|\w+ (must|=|and|in it)\b|\w+="
    rf"|num\.pad\(\) gives|use {HOLE}\.\.n|Start training|add, not|cut at|end {HOLE} do not|end = {HOLE}"
    r"|Say what is installed|by `|create\.state"
)
R_TEXT = re.compile(r"""(["'])((?:(?!\1)[^\\]|\\.)*)\1""", re.DOTALL)
# what a message chooses from: c("a", "b")[[i]], if (x) "a" else "b"; and the classes of a condition
R_CHOICE = re.compile(r"""\bc\((?:"[^"]*",?\s*)+\)|\bif \([^()]*\) "[^"]*" else "[^"]*"|\bkinds = "\w+\"""")
R_MESSAGE = re.compile(r"\b(?:stop_\w+|raise_error|warning|warn_once|stop|message)\(")


def _text(node: ast.AST) -> str:
    """A message as it is written, with HOLE for values."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(_text(v) for v in node.values)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return _text(node.left) + _text(node.right)
    if isinstance(node, ast.IfExp):
        return _text(node.body) + HOLE + _text(node.orelse)
    return HOLE


def _is_text(node: ast.AST) -> bool:
    if isinstance(node, ast.BinOp):
        return isinstance(node.op, ast.Add) and (_is_text(node.left) or _is_text(node.right))
    return isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str))


def _texts(tree: ast.AST) -> Iterator[str]:
    """The longest texts in `tree`."""
    todo = [tree]
    while todo:
        node = todo.pop()
        if _is_text(node):
            yield _text(node)
        else:
            todo.extend(ast.iter_child_nodes(node))


def messages_of_python(path: Path) -> Iterator[str]:
    """The texts of errors and warnings; and those that begin as a message goes on: "; use ..."."""
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        name = ast.unparse(node.func) if isinstance(node, ast.Call) else ""
        if (isinstance(node, ast.Raise) and node.exc is not None) or re.search(
            r"(?i)(error|warn|complain)\w*$", name
        ):
            yield from _texts(node)
    yield from (text for text in _texts(tree) if re.match(r"(; |: |, or )[a-z]", text))
    if path.name in ("refused.py", "doctor.py") or path.parts[-2:] in (
        ("mxr", "__init__.py"),
        ("io", "__init__.py"),
    ):
        yield from _texts(tree)


def messages_of_r(path: Path) -> Iterator[str]:
    """The texts in the calls that stop, warn or tell; each call's are one message. And those that begin as a
    message goes on."""
    source = re.sub(r"(?m)^\s*#.*$", "", path.read_text())
    for match in R_MESSAGE.finditer(source):
        depth, end = 0, match.end() - 1
        while end < len(source) and (depth or end == match.end() - 1):
            depth += {"(": 1, ")": -1}.get(source[end], 0)
            end += 1
        call = R_CHOICE.sub("?", source[match.start() : end])
        pieces, at = [], 0
        for text in R_TEXT.finditer(call):
            if pieces and not re.fullmatch(r"[\s,]*", call[at : text.start()]):
                pieces.append(HOLE)
            pieces.append(re.sub(r"\\(.)", r"\1", text[2]))
            at = text.end()
        yield "".join(pieces)
    for text in R_TEXT.findall(source):  # as in Python
        if re.match(r"(; |: |, or )[a-z]", text[1]):
            yield re.sub(r"\\(.)", r"\1", text[1])


def remedies() -> dict[str, str]:
    """Every clause that tells what to do, and where it is written."""
    found = {}
    files = [*sorted((ROOT / "mxr").rglob("*.py")), *sorted((ROOT / "R" / "R").glob("*.R"))]
    for path in files:
        if "generated" in path.name:
            continue
        for text in (messages_of_python if path.suffix == ".py" else messages_of_r)(path):
            for match in CLAUSE.finditer(text):
                start = match.end() if match[0].startswith(HOLE) else match.start()
                clause = re.sub(r"^[;:,(.\s]*", "", text[start:])
                clause = re.sub(r"^(or|and|then|so) ", "", clause)
                stop = END.search(clause, 4)
                clause = clause[: stop.start()] if stop else clause
                clause = " ".join(clause.split()).rstrip(")." + HOLE)
                if not NO_CLAUSE.match(clause):
                    found.setdefault(clause, str(path.relative_to(ROOT)))
    return found


FOLLOWS = re.compile(r"(?:^\s*follows\(|# follows: )(?:([\"'])((?:\\.|(?!\1).)*)\1|(.*))", re.MULTILINE)


def followed() -> set[str]:
    """The words of messages whose remedies tests follow: the first argument of follows() in R, and the lines
    "# follows: words" in tests. The table of tests/test_remedies.py is added there."""
    files = [
        *(ROOT / "R" / "tests").rglob("*.R"),
        *(ROOT / "tests").rglob("*.R"),
        *(ROOT / "tests").rglob("*.py"),
    ]
    found = set()
    for path in files:
        if path.name not in ("remedies.py", "test_remedies.py"):
            for match in FOLLOWS.finditer(path.read_text()):
                found.add(re.sub(r"\\(.)", r"\1", match[2] or match[3]))
    return found


def is_followed(clause: str, words: set[str]) -> bool:
    """Whether some of the words have the clause, anything in the place of what its message fills in."""
    pattern = re.compile(".*".join(map(re.escape, clause.split(HOLE))))
    return any(pattern.search(text) for text in words)
