"""Symbols, for R."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from mxr.graph import symbol as core
from mxr.graph.compose import names
from mxr.graph.infer_shapes import all_shapes
from mxr.graph.node import Node
from mxr.graph.symbol import Symbol
from mxr.graph.work import work
from mxr.operator import MxError, get, known, registry
from mxr.r.bridge.convert import Dims
from mxr.r.bridge.registry import verb
from mxr.r.verbs.values import file_name, number_text, pairs, shapes, split
from mxr.runtime.speed import speed

# The fixed cost of a step of R's training loop with a metric, and of each operator in it. Unit: iterations of
# an empty loop in Python
_STEP, _CALL = 15_000, 200

# The names of RNN's states in R: those of MXNet 1.0 to 1.5. MXNet 1.6 renamed them.
STATE_NAMES = {"state_output": "state", "statecell_output": "state_cell"}


def output_names(symbol: Symbol) -> list[str]:
    """The names of a symbol's outputs in R."""

    def name(node: Node, index: int) -> str:
        part = node.op and node.op.name == "RNN" and STATE_NAMES.get(node.op.outputs(node.p)[index])
        return f"{node.name}_{part}" if part else node.output_name(index)

    return [name(n, i) for n, i in symbol.heads]


@verb("symbol.create")
def create(op_name: str, arguments: Any) -> Symbol:
    """Call an operator on the arguments of an R call: symbols are inputs, `name` is the name, all others are
    parameters."""
    op = get(op_name)
    where = op_name if op_name.startswith("_") else f"mx.symbol.{op_name}"
    name = None
    rest = []
    for key, value in pairs(arguments):
        if key == "name":
            if not isinstance(value, str):
                raise MxError(f"{where}: name must be text")
            name = value
        else:
            rest.append((key, value))
    positional, named, params = split(op, rest, where, lambda v: isinstance(v, Symbol))
    return core.create(op_name, positional, named, params, name, where)


@verb("operators.ignored")
def ignored() -> dict[str, list[str]]:
    """The parameters without effect, such as those for a GPU, by operator."""
    return {
        name: found
        for name, op in registry.items()
        if (found := [k for k, p in op.params.items() if p.ignored])
    }


@verb("symbol.names")
def automatic_names(kept: Any = None) -> dict[str, int]:
    """The next numbers of automatic names, by their prefix. `kept`: numbers to set first."""
    if kept is not None:
        names.restore({hint: int(number) for hint, number in pairs(kept)})
    return names.state()


@verb("symbol.work")
def symbol_work(symbol: Symbol, given: Any) -> dict[str, float] | None:
    """The work of one training step with these shapes: multiplications in matrix products, elements computed,
    and an estimate of the seconds on this machine. None if the given shapes do not determine all others."""
    shapes_of = all_shapes(symbol, dict(shapes(given, "the estimate")))
    if not all(known(shapes_of[id(n), i]) for n in symbol.nodes() for i in range(n.n_outputs)):
        return None
    w, s = work(symbol, shapes_of), speed()
    passes = 3  # forward, gradients of the inputs, gradients of the weights
    seconds = passes * (w.products / s.products + w.elements / s.elements)
    seconds += (_STEP + _CALL * w.calls) / s.turns
    inputs = sum(math.prod(shapes_of[id(n), 0] or ()) for n in symbol.nodes() if n.op is None)
    return {"products": w.products, "elements": w.elements, "inputs": inputs, "seconds": seconds}


@verb("symbol.variable")
def variable(name: str) -> Symbol:
    return core.variable(name)


@verb("symbol.group")
def group(symbols: Any) -> Symbol:
    return core.group(v for _, v in pairs(symbols))


@verb("symbol.apply")
def apply(symbol: Symbol, arguments: Any) -> Symbol:
    inputs = dict(pairs(arguments))
    name = inputs.pop("name", None)
    if "" in inputs:
        raise MxError(
            "mx.apply: every symbol needs the name of the variable that it replaces, as in data = net"
        )
    return symbol.compose(name, **inputs)


@verb("symbol.infer_shape")
def infer_shape(symbol: Symbol, given: Any) -> dict[str, Any] | None:
    result = symbol.infer_shape(**shapes(given, "infer.shape"))
    if result is None:
        return None
    args, outs, aux = result
    names = dict(zip(symbol.list_outputs(), output_names(symbol)))
    outs = {names[name]: shape for name, shape in outs.items()}
    return {
        f"{part}.shapes": {name: Dims(s) for name, s in found.items()}
        for part, found in (("arg", args), ("out", outs), ("aux", aux))
    }


@verb("symbol.undetermined")
def undetermined(symbol: Symbol, given: Any) -> list[str]:
    """The arguments and auxiliary states whose shapes do not follow from the given ones."""
    found = all_shapes(symbol, dict(shapes(given, "infer.shape")))
    return [n.name for n in (*symbol.arg_nodes(), *symbol.aux_nodes()) if not known(found[id(n), 0])]


@verb("symbol.output")
def output(symbol: Symbol, index: Any) -> Symbol:
    if isinstance(index, str):
        names = output_names(symbol)
        return symbol[names.index(index)] if names.count(index) == 1 else symbol[index]
    if index is None or np.size(index) == 0:
        some = output_names(symbol)[-8:]
        raise MxError(
            "the index is empty: give the name or number of an output; the symbol has "
            f"{'... ' if len(symbol) > 8 else ''}{', '.join(some)}"
        )
    if not isinstance(index, (int, float)) or not float(index).is_integer() or not 1 <= index <= len(symbol):
        what = number_text(index) if isinstance(index, (int, float)) else "of that kind"
        raise MxError(
            f"a symbol with {len(symbol)} output{'s' * (len(symbol) != 1)} has no output {what}; "
            "outputs count from 1"
        )
    return symbol[int(index) - 1]


@verb("symbol.arguments")
def arguments(symbol: Symbol) -> list[str]:
    return symbol.list_arguments()


@verb("symbol.outputs")
def outputs(symbol: Symbol) -> list[str]:
    return output_names(symbol)


@verb("symbol.auxiliary.states")
def auxiliary_states(symbol: Symbol) -> list[str]:
    return symbol.list_auxiliary_states()


@verb("symbol.attributes")
def attributes(symbol: Symbol) -> dict[str, str]:
    return symbol.attrs


@verb("symbol.set_attributes")
def set_attributes(symbol: Symbol, values: Any) -> None:
    for key, value in pairs(values):
        if not key or not isinstance(value, str):
            raise MxError("attributes must be a named list of texts")
    symbol.set_attr(**dict(pairs(values)))


@verb("symbol.internals")
def internals(symbol: Symbol) -> Symbol:
    return symbol.get_internals()


@verb("symbol.children")
def children(symbol: Symbol) -> Symbol | None:
    return symbol.get_children()


@verb("symbol.json")
def json(symbol: Symbol) -> str:
    return symbol.tojson()


@verb("symbol.save")
def save(symbol: Symbol, path: str) -> None:
    symbol.save(file_name(path))


@verb("symbol.load")
def load(path: str) -> Symbol:
    return core.load(file_name(path))


@verb("symbol.load_json")
def load_json(text: str) -> Symbol:
    return core.load_json(text)


@verb("symbol.debug")
def debug(symbol: Symbol) -> str:
    """One line per node: operator, name, inputs, attributes."""
    return core.debug_text(symbol, output_names(symbol))


@verb("symbol.ends_in")
def ends_in(symbol: Symbol) -> str | None:
    """The operator of the first output."""
    node = symbol.heads[0][0]
    return node.op.name if node.op else None


@verb("symbol.ignored_label")
def ignored_label(symbol: Symbol) -> list[float]:
    """The label of the samples that the first output's operator leaves out, if it leaves any out."""
    p = symbol.heads[0][0].p
    return [p.ignore_label] if getattr(p, "use_ignore", False) else []
