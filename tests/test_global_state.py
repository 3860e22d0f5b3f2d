"""State that the modules of mxr keep for the whole process, found in their source: each one is in the list
below, with the reason why it is safe with several threads."""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).parents[1] / "mxr"
CHANGES = {
    "append",
    "add",
    "update",
    "pop",
    "popitem",
    "setdefault",
    "clear",
    "remove",
    "extend",
    "insert",
    "discard",
    "appendleft",
    "popleft",
}

# Why each may be there. tests/runtime/test_several_threads.py tests the threads, locks and forks among them.
KNOWN = {
    "compiler/regions.py:_filled_blocks": "constants share a block: two threads make equal ones",
    "compiler/value.py:_current": "the tape: a threading.local",
    "compiler/value.py:_result_types": "a table of NumPy's answers: computed twice, they are equal",
    "engine/workers.py:_group": "the group of MPI: made under a lock",
    "io/images/pixels.py:_cell_weights": "functools: a table that depends on its argument only",
    "io/readers/base.py:parameters": "functools: a table that depends on its class only",
    "native/blas.py:found": "functools: the same answer every time",
    "operator/custom.py:_props": "operators that users register, one assignment each",
    "operator/registry.py:registry": "filled while mxr is imported; a user's operator is one assignment",
    "ops/shared/updates.py:_rounded": "functools: depends on its arguments only, and is bounded",
    "optimizer.py:_BY_NAME": "optimizers that users register, one assignment each",
    "r/verbs/optimizer.py:_rounded": "functools: depends on its argument only, and is bounded",
    "random/samplers.py:_log_factorials": "a table, read once into a local name and replaced as a whole",
    "random/samplers.py:_lgammaf": "functools: the same answer every time",
    "random/streams.py:_source": "replaced as a whole; draws hold `lock`",
    "random/streams.py:lock": "the lock of the draws; a forked child gets a new one",
    "runtime/onednn.py:_crowd": "functools: one thread for a process, made again in a child",
    "runtime/onednn.py:_found": "functools: the same answer every time; a library made twice is two engines",
    "runtime/progress.py:_last": "when a line of progress was shown: only what is shown depends on it",
    "runtime/progress.py:_show": "who shows progress: only what is shown depends on it",
    "runtime/speed.py:speed": "functools: this machine's speed; measured twice at most",
    "runtime/threads.py:UNBROKEN": "filled by decorators while mxr is imported",
    "runtime/threads.py:_inside": "counts the threads in `single_blas`, under `_turn`",
    "runtime/threads.py:_making": "a lock; a forked child gets a new one",
    "runtime/threads.py:_pool": "made under `_making`; a forked child gets a new one",
    "runtime/threads.py:_turn": "a lock; a forked child gets a new one",
    "testing/current.py:_of_test": "the R session of the running test: a process runs one test at a time",
}
# R has one thread. What belongs to it is used by that thread only: mxr.r.host.own_thread sends the others'
# calls there.
OF_R = (
    "r/bridge/",
    "r/host/own_thread.py:_own",
    "r/objects.py:_asking",
    "r/sessions.py:",
    "r/verbs/kvstore.py:_kept",
)


def root_name(node: ast.AST) -> str | None:
    while isinstance(node, (ast.Attribute, ast.Subscript)):
        node = node.value
    return node.id if isinstance(node, ast.Name) else None


def targets(node: ast.AST) -> list[ast.expr]:
    if isinstance(node, (ast.Assign, ast.Delete)):
        return list(node.targets)
    return [node.target] if isinstance(node, (ast.AugAssign, ast.AnnAssign)) else []


def kept(source: str) -> set[str]:
    """Names of a module that its functions change: by `global`, by assignment to an element or an attribute,
    by a method that changes a container; and functions with a cache."""
    tree = ast.parse(source)
    module = {
        n.id for node in tree.body for t in targets(node) for n in ast.walk(t) if isinstance(n, ast.Name)
    }
    found = set()
    for function in ast.walk(tree):
        if not isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            continue
        for decorator in getattr(function, "decorator_list", []):
            if ast.unparse(decorator).partition("(")[0].rpartition(".")[2] in ("cache", "lru_cache"):
                found.add(function.name)
        own = {a.arg for a in ast.walk(function.args) if isinstance(a, ast.arg)}
        own |= {n.id for n in ast.walk(function) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
        globals_ = {n for node in ast.walk(function) if isinstance(node, ast.Global) for n in node.names}
        found |= globals_
        for node in ast.walk(function):
            changed = [root_name(t) for t in targets(node) if not isinstance(t, (ast.Name, ast.Tuple))]
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr in CHANGES
            ):
                changed.append(root_name(node.func.value))
            found |= {n for n in changed if n in module and n not in own - globals_}
    return found


def everything() -> set[str]:
    return {
        f"{path.relative_to(ROOT)}:{name}"
        for path in sorted(ROOT.rglob("*.py"))
        for name in kept(path.read_text())
    }


def test_every_global_state_is_known():
    found = {name for name in everything() if not name.startswith(OF_R)}
    assert found - set(KNOWN) == set(), "not in the list: say how it works with several threads"
    assert set(KNOWN) - found == set(), "in the list, but not in the code"


def test_the_search_finds_changed_state():
    source = """
import functools
table, count, names, plain, box = {}, 0, [], {1: 2}, object()
def a():
    global count
    count += 1
def b(x): table[x] = 1
def c(x): names.append(x)
def d(x):
    plain = {}
    plain[x] = 1
def e(): box.inner.field = 2
@functools.lru_cache
def f(x): return x
"""
    assert kept(source) == {"count", "table", "names", "box", "f"}
