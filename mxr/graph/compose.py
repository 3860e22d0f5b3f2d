"""Composing: a node from an operator and its inputs, automatic names, and graphs with variables replaced."""
from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence

from mxr.graph.node import INIT_ATTRS, Entry, Graph, Node
from mxr.operator import MxError, Op, get, suggest, to_text


class Names:
    """Automatic names: one counter per operator, for the whole session."""

    def __init__(self):
        self._count: dict[str, int] = {}

    def next(self, hint: str) -> str:
        n = self._count.get(hint, 0)
        self._count[hint] = n + 1
        return f"{hint}{n}"


names = Names()


def call(op_name: str, args: Sequence[Graph], inputs: Mapping[str, Graph], attrs: dict, name: str | None,
         where: str) -> Node:
    """The node that calls an operator on `args` by position and `inputs` by name; `attrs` as in `symbol.create`."""
    op = get(op_name)
    hidden = {k: v for k, v in attrs.items() if k.startswith("__")}
    attrs = op.plain_names({k: v for k, v in attrs.items() if k not in hidden}, where)
    _check_inputs(op, [*args, *inputs.values()], where)
    heads = [h for s in args for h in s.heads]
    by_name = {k.replace(".", "_"): s.heads[0] for k, s in inputs.items()}
    if op.variadic:                 # names of inputs only order them
        heads += [h for s in inputs.values() for h in s.heads]
        by_name = {}
        attrs.setdefault(op.variadic, len(heads))
    p = op.parse(attrs, where)
    wanted = (*op.inputs(p), *op.aux(p))
    _check_counts(op, p, wanted, heads, by_name, where)
    name = name or names.next(op_name.lower())
    text = {k: v if isinstance(v, str) else to_text(v) for k, v in (attrs | hidden).items()}
    entries = [*heads, *(by_name.get(key) or (_variable(name, key, text), 0) for key in wanted[len(heads):])]
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
            raise MxError(f"{where}: inputs must be symbols, not {type(s).__name__}; parameters go by name, as in key = value")
        if len(s.heads) != 1 and not op.variadic:
            raise MxError(f"{where}: an input has {len(s.heads)} outputs ({', '.join(s.list_outputs()[:4])} ...); pick one")


def _check_counts(op: Op, p, wanted: tuple[str, ...], heads: list[Entry], by_name: Mapping[str, Entry], where: str) -> None:
    """MxError where the inputs by position and by name are not those that the operator takes."""
    numbered = op.variadic in op.params and wanted and wanted[-1][-1].isdigit()    # not UpSampling's data and weight
    if numbered and heads and len(heads) != len(wanted):
        raise MxError(f"{where}: {op.variadic} is {getattr(p, op.variadic)} but {len(heads)} symbols are given")
    if len(heads) > len(wanted):
        raise MxError(f"{where}: takes {len(wanted)} input{'s' * (len(wanted) != 1)} ({', '.join(wanted)}), not {len(heads)}")
    for key in by_name:
        if key in wanted[:len(heads)]:
            raise MxError(f"{where}: {key} is given both by position and by name")
        if key not in wanted:
            raise MxError(f"{where}: has no input {key}" + (suggest(key, wanted) or f"; it has {', '.join(wanted)}"))


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
        copies[id(node)] = Node(node.op, node.name, dict(node.attrs), copy.copy(node.p),
                                [swap.get(id(n)) or (copies[id(n)], i) for n, i in node.inputs])
    return [swap.get(id(n)) or (copies[id(n)], i) for n, i in graph.heads]
