"""Composing: a node from an operator and its inputs, automatic names, and graphs with variables replaced."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Iterator, Mapping, Sequence

from mxr.graph.node import INIT_ATTRS, Entry, Graph, Node
from mxr.operator import MxError, Op, get, input_names, match_inputs, to_text


class Names:
    """Automatic names: one counter per operator, for the whole session and all of its threads."""

    def __init__(self) -> None:
        self._counters: dict[str, Iterator[int]] = {}

    def next(self, hint: str) -> str:
        counter = self._counters.get(hint)
        if counter is None:
            counter = self._counters.setdefault(hint, itertools.count())
        # `next` and `setdefault` are one step each: no two threads get one number
        return f"{hint}{next(counter)}"

    def kept(self) -> dict[str, int]:
        """The numbers that come next."""
        return {hint: next(copy.copy(counter)) for hint, counter in self._counters.items()}

    def restore(self, kept: Mapping[str, int]) -> None:
        """Go on from the numbers of an earlier time."""
        self._counters = {hint: itertools.count(number) for hint, number in kept.items()}


names = Names()


def call(
    op_name: str,
    args: Sequence[Graph],
    inputs: Mapping[str, Graph],
    attrs: dict,
    name: str | None,
    where: str,
) -> Node:
    """The node that calls an operator on `args` by position and `inputs` by name; `attrs` as in
    `symbol.create`."""
    op = get(op_name)
    hidden = {k: v for k, v in attrs.items() if k.startswith("__")}
    attrs = op.plain_names({k: v for k, v in attrs.items() if k not in hidden}, where)
    _check_inputs(op, [*args, *inputs.values()], where)
    positional = [h for s in args for h in s.heads]
    named = {k: s.heads[0] for k, s in inputs.items()}
    if op.variadic:  # names of inputs only order them
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
    """The variable that stands for a missing input: MXNet copies the operator's parameters onto it."""
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
    """The heads of a copy in which variables are replaced, by name. Other variables stay the same nodes."""
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
