"""`assert_same_symbol`: compares two graphs."""

from __future__ import annotations

from typing import Any

from mxr.graph.node import Node
from mxr.graph.symbol import Symbol
from mxr.operator import MxError
from mxr.testing import current
from mxr.testing.arrays import PYTHON, R, Side
from mxr.testing.graphs import automatic, describe, parameters


def assert_same_symbol(actual: Any, expected: Any) -> None:
    """Assert that both are the same expression: the same operators with the same parameters on the same
    inputs, in the same order, with the same outputs. Names must be equal, except automatic ones, such as
    `minus0` and its input `minus0_weight`.

    Each is a Symbol, or R code whose value is one. The AssertionError names the first node that differs.
    """
    __tracebackhide__ = True
    (a, one), (b, other) = (_symbol(actual, "actual"), _symbol(expected, "expected"))
    text = symbol_difference(a, b, one, other)
    if text:
        raise AssertionError(text)


def _symbol(given: Any, name: str) -> tuple[Symbol, Side]:
    if isinstance(given, str):
        given, side = current.session().run(given), R
    else:
        side = Side(name) if isinstance(given, Symbol) else PYTHON
    if not isinstance(given, Symbol):
        raise MxError(
            f"assert_same_symbol: {name} must be a symbol, or R code that gives one, "
            f"not {type(given).__name__}"
        )
    return given, side


def symbol_difference(a: Symbol, b: Symbol, one: Side, other: Side) -> str:
    """A description of the first difference; "" if there is none."""
    if len(a.heads) != len(b.heads):
        return (
            f"{one.name} has {len(a.heads)} outputs ({', '.join(a.list_outputs()[:6])}), "
            f"{other.name} {len(b.heads)}"
        )
    twin: dict[int, Node] = {}
    given: dict[str, str] = {}  # automatic names in `a`, and those of the corresponding nodes in `b`
    stack = [(x, y) for x, y in reversed(list(zip(a.heads, b.heads)))]
    while stack:
        (m, i), (n, j) = stack.pop()
        if id(m) in twin and twin[id(m)] is n and i == j:
            continue
        if id(m) in twin and twin[id(m)] is not n and m.op is not None:
            return (
                f"{one.name} uses {m.name} twice where {other.name} has two nodes, "
                f"{twin[id(m)].name} and {n.name}"
            )
        twin[id(m)] = n
        why = _node_difference(m, n, i, j, given)
        if why:
            return (
                f"the symbols differ at this node ({why}):\n  {one.name:<8} {describe(m, one)}\n  "
                f"{other.name:<8} {describe(n, other)}"
            )
        if m.op is not None and automatic(m) and automatic(n):
            given[m.name] = n.name
        stack += reversed(list(zip(m.inputs, n.inputs)))
    return ""


def _node_difference(m: Node, n: Node, i: int, j: int, given: dict[str, str]) -> str:
    if m.op is not n.op:
        return "different operators"
    if i != j:
        return f"output {i} and output {j}"
    if len(m.inputs) != len(n.inputs):
        return f"{len(m.inputs)} and {len(n.inputs)} inputs"
    if m.op is None:
        made = next(
            (f"{given[owner]}{m.name[len(owner) :]}" for owner in given if m.name.startswith(owner + "_")),
            m.name,
        )
        if n.name not in (made, m.name):
            return "different variables"
    p, q = parameters(m), parameters(n)
    wrong = [k for k in {**p, **q} if p.get(k) != q.get(k)]
    if wrong:
        return f"{', '.join(wrong)} differ{'s' * (len(wrong) == 1)}"
    if m.op is not None and m.name != n.name and not (automatic(m) and automatic(n)):
        return "different names"
    return ""
