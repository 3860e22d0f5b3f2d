"""Inference of element types: from the given ones to all values of a graph, in both directions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from mxr.graph.infer_shapes import TYPE_NAMES, check_given, parts
from mxr.graph.node import Graph, Node
from mxr.operator import MxError, element_type

Types = dict[tuple[int, int], np.dtype]  # by (id(node), output index)


def infer_types(symbol: Graph, given: Mapping[str, Any]) -> tuple[dict[str, np.dtype], ...]:
    """(argument, output, auxiliary types) as dicts of NumPy dtypes. For types that are not `given`, see
    `variable_types`."""
    types = all_types(symbol, variable_types(symbol, given))
    check_types(symbol, types)
    return tuple({name: types[entry] for name, entry in part} for part in parts(symbol))


def declared_types(symbol: Graph) -> dict[str, str]:
    """The types that variables declare by their attribute `__dtype__`, by name."""
    return {n.name: t for n in symbol.nodes() if n.op is None and (t := _declared_type(n))}


def variable_types(symbol: Graph, given: Mapping[str, Any]) -> dict[str, np.dtype]:
    """The types of variables, by name: the `given` type, else the declared one, else an inferred one.

    Types are inferred from the rule of most operators that all inputs and the output have one type. Variables
    of unknown type are left out.
    """
    nodes = symbol.nodes()
    variables = {n.name: n for n in nodes if n.op is None}
    check_given(given, variables)
    known_types = declared_types(symbol) | {
        name: element_type(t, f"the type of {name}") for name, t in given.items()
    }
    types = {
        (id(n), 0): np.dtype(known_types[n.name]) for n in nodes if n.op is None and n.name in known_types
    }
    changed = len(known_types) < len(variables)
    while changed:
        before = len(types)
        for sweep in (nodes, nodes[::-1]):
            for n in sweep:
                if n.op is not None:
                    _spread(n, types)
        changed = len(types) > before
    return {n.name: types[id(n), 0] for n in nodes if n.op is None and (id(n), 0) in types}


_PROBES = (np.dtype(np.float64), np.dtype(np.float32))


def _spread(n: Node, types: Types) -> None:
    """Infer unknown types of one node's inputs and outputs from the known ones.

    Calling the operator's rule with two different types shows which outputs have the type of the inputs.
    """
    assert n.op is not None
    of_probes = [list(n.op.infer_type(n.p, [t] * len(n.inputs))) for t in _PROBES]
    follow = []  # the outputs that have the type of the inputs
    for i in range(n.n_outputs):
        pair = tuple(np.dtype(outs[min(i, len(outs) - 1)]) for outs in of_probes)
        if pair == _PROBES:
            follow.append((id(n), i))
        elif pair[0] == pair[1]:
            types.setdefault((id(n), i), pair[0])
    t = next((types[k] for k in (*_joined(n, None).values(), *follow) if k in types), None)
    if t is not None:
        for k in (*_joined(n, t).values(), *follow):
            types.setdefault(k, t)


def _joined(n: Node, t: np.dtype | None) -> dict[str, tuple[int, int]]:
    """The inputs of a node that must have the same type, which is `t` if that is known, by name.

    Operators of optimizer updates mix precisions.
    """
    assert n.op is not None
    own = n.op.own_types(t)
    if "*" in own or n.op.family.endswith("update"):
        return {}
    return {name: (id(m), i) for name, (m, i) in zip(n.input_names, n.inputs) if name not in own}


def check_types(symbol: Graph, types: Types) -> None:
    """MxError if inputs of an operator that must have the same type have different ones."""
    for n in symbol.nodes():
        if n.op is not None:
            t = next((types[k] for k in _joined(n, None).values()), None)
            joined = {name: types[k] for name, k in _joined(n, t).items()}
            if len(set(joined.values())) > 1:
                raise MxError(
                    f"{n.op.name} {n.name}: its inputs have different element types "
                    f"({', '.join(f'{name} {t}' for name, t in joined.items())}); "
                    "declare one type for their variables, or Cast"
                )


def all_types(symbol: Graph, given: Mapping[str, Any]) -> dict[tuple[int, int], np.dtype]:
    """The element type of every entry. Variables that are not given are float32, even if they declare another
    type: MXNet's R package binds them so."""
    types = {}
    for n in symbol.nodes():
        if n.op is None:
            types[id(n), 0] = np.dtype(given.get(n.name, "float32"))
            continue
        try:
            outs = list(n.op.infer_type(n.p, [types[id(m), i] for m, i in n.inputs]))
        except MxError as e:
            raise type(e)(f"{n.op.name} {n.name}: {e}") from None
        for i in range(n.n_outputs):
            types[id(n), i] = np.dtype(outs[min(i, len(outs) - 1)])
    return types


def _declared_type(n: Node) -> str | None:
    """The type that a variable's attribute `__dtype__` declares, by MXNet's number of the type."""
    text = n.attrs.get("__dtype__", "-1").strip()
    if text != "-1" and text not in TYPE_NAMES:
        raise MxError(
            f"variable {n.name}: attribute __dtype__ is {text[:100]!r}, which is no type; these are: "
            + ", ".join(f"{number} {name}" for number, name in TYPE_NAMES.items())
        )
    return TYPE_NAMES.get(text)
