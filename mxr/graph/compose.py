"""Composing: calling an operator, which makes a node; automatic names; replacing variables of a graph."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Iterator, Mapping, Sequence

from mxr.graph.node import INIT_ATTRS, Entry, Graph, Node
from mxr.operator import MxError, Op, get, input_names, match_inputs, to_text


class Names:
    """Automatic names: one counter per operator, shared by all threads of the session."""

    def __init__(self) -> None:
        self._counters: dict[str, Iterator[int]] = {}

    def next(self, hint: str) -> str:
        counter = self._counters.get(hint)
        if counter is None:
            counter = self._counters.setdefault(hint, itertools.count())
        # `next` and `setdefault` are atomic: two threads never get the same number
        return f"{hint}{next(counter)}"

    def state(self) -> dict[str, int]:
        """The next number of each counter, for `restore`."""
        return {hint: next(copy.copy(counter)) for hint, counter in self._counters.items()}

    def restore(self, state: Mapping[str, int]) -> None:
        """Set all counters to a former state."""
        self._counters = {hint: itertools.count(number) for hint, number in state.items()}


names = Names()


def call(
    op_name: str,
    args: Sequence[Graph],
    inputs: Mapping[str, Graph],
    attrs: dict,
    name: str | None,
    where: str,
) -> Node:
    """A node that calls an operator with `args` by position and `inputs` by name. For `attrs`, see
    `symbol.create`."""
    op = get(op_name)
    hidden = {k: v for k, v in attrs.items() if k.startswith("__")}
    attrs = op.plain_names({k: v for k, v in attrs.items() if k not in hidden}, where)
    _check_inputs(op, [*args, *inputs.values()], where)
    positional = [h for s in args for h in s.heads]
    named = {k: s.heads[0] for k, s in inputs.items()}
    if op.variadic:  # the inputs' names are ignored, only their order counts
        positional += [h for s in inputs.values() for h in s.heads]
        named = {}
        attrs.setdefault(op.variadic, len(positional))
    p = op.parse(attrs, where)
    given = match_inputs(op, p, positional, named, where)
    name = name or names.next(op_name.lower())
    text = {k: v if isinstance(v, str) else to_text(v) for k, v in (attrs | hidden).items()}
    wanted = input_names(op, p)
    entries = [given.get(key) or (_variable(name, key, text), 0) for key in wanted]
    for key, (node, _) in zip(wanted, entries, strict=True):
        if (op.name, key) in INIT_ATTRS and node.op is None:
            node.attrs.setdefault("__init__", INIT_ATTRS[op.name, key])
    return Node(op, name, text, p, entries)


def _variable(name: str, key: str, text: dict[str, str]) -> Node:
    """A new variable for a missing input. As in MXNet, it has a copy of the operator's attributes."""
    return Node(None, f"{name}_{key}", dict(text))


def _check_inputs(op: Op, given: list[Graph], where: str) -> None:
    for s in given:
        if not isinstance(s, Graph):
            raise MxError(
                f"{where}: inputs must be symbols, not {type(s).__name__}; parameters go by name, "
                "as in key = value"
            )
        if len(s.heads) != 1 and not op.variadic:
            raise MxError(
                f"{where}: an input has {len(s.heads)} outputs ({', '.join(s.list_outputs()[:4])} ...); "
                "pick one"
            )


def substituted(graph: Graph, by_name: Mapping[str, Entry]) -> list[Entry]:
    """The heads of a copy of the graph, in which the variables of these names are replaced. Other variables
    are not copied."""
    swap: dict[int, Entry] = {}
    copies: dict[int, Node] = {}
    for node in graph.nodes():
        if node.op is None:
            if node.name in by_name:
                swap[id(node)] = by_name[node.name]
            else:
                copies[id(node)] = node
            continue
        copies[id(node)] = Node(
            node.op,
            node.name,
            dict(node.attrs),
            copy.copy(node.p),
            [swap.get(id(n)) or (copies[id(n)], i) for n, i in node.inputs],
        )
    return [swap.get(id(n)) or (copies[id(n)], i) for n, i in graph.heads]
