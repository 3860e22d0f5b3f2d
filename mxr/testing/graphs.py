"""Comparing two graphs: corresponding nodes, descriptions of nodes, and graphs with replaced parts."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

import numpy as np

from mxr.engine.executor import Executor
from mxr.engine.ndarray import NDArray
from mxr.graph.node import Entry, Graph, Node
from mxr.graph.symbol import Symbol
from mxr.operator import Shape
from mxr.testing.arrays import Side

Key = tuple[int, int]  # of an entry: the node's id, and the number of the output


def key(entry: Entry) -> Key:
    return id(entry[0]), entry[1]


def automatic(node: Node) -> bool:
    """Whether a node has an automatic name: the operator's name and a number."""
    if node.op is None:
        return False
    return any(
        re.fullmatch(re.escape(name.lower()) + r"\d+", node.name) for name in (node.op.name, *node.op.aliases)
    )


def aligned(a: Graph, b: Graph) -> list[tuple[Entry, Entry]]:
    """Pairs of corresponding entries: the outputs, and the inputs of corresponding nodes that have equally
    many inputs. Inputs come before users."""
    found: list[tuple[Entry, Entry]] = []
    seen: set[tuple[Key, Key]] = set()
    stack: list[tuple[Entry, Entry, bool]] = [(x, y, False) for x, y in reversed(list(zip(a.heads, b.heads)))]
    while stack:
        x, y, inputs_done = stack.pop()
        if inputs_done:
            found.append((x, y))
            continue
        if (key(x), key(y)) in seen:
            continue
        seen.add((key(x), key(y)))
        stack.append((x, y, True))
        if len(x[0].inputs) == len(y[0].inputs):
            stack += [(i, j, False) for i, j in reversed(list(zip(x[0].inputs, y[0].inputs)))]
    return found


def parameters(node: Node) -> dict[str, object]:
    """The parameters of a node that differ from their defaults, and its attributes `__key__`."""
    hidden: dict[str, object] = {k: v for k, v in node.attrs.items() if k.startswith("__")}
    # a variable's other attributes are those of an operator, which MXNet copies to its inputs
    if node.op is None:
        return hidden
    return {
        k: getattr(node.p, k)
        for k, p in node.op.params.items()
        if p.default != getattr(node.p, k) and k != node.op.variadic
    } | hidden


def describe(node: Node, side: Side) -> str:
    """A node as a call: `power0 = _power_scalar(x, scalar = 2)`."""
    if node.op is None:
        return f"the variable {node.name}{''.join(f', {k} = {v}' for k, v in parameters(node).items())}"

    def shown(name: str, value: object) -> str:
        if (
            side.in_r
            and node.op is not None
            and name in node.op.params
            and node.op.params[name].type is Shape
            and isinstance(value, tuple)
        ):
            return f"c({', '.join(map(str, reversed(value)))})"
        return repr(value) if not isinstance(value, str) else f'"{value}"'

    inputs = [m.output_name(i) for m, i in node.inputs]
    settings = [f"{k} = {shown(k, v)}" for k, v in parameters(node).items()]
    return f"{node.name} = {node.op.name}({', '.join(inputs + settings)})"


def values(symbol: Symbol, inputs: Mapping[str, np.ndarray]) -> dict[Key, np.ndarray]:
    """All values of a graph in training mode."""
    inside = symbol.get_internals()
    outputs = bound(inside, inputs, ()).forward(True)
    return {key(entry): out.asnumpy() for entry, out in zip(inside.heads, outputs)}


def bound(
    symbol: Symbol,
    inputs: Mapping[str, np.ndarray],
    wanted: tuple[str, ...] | list[str],
    dtype: type = np.float32,
) -> Executor:
    """An executor on copies of the inputs, with gradients of the `wanted` ones."""
    arrays = {k: NDArray(np.array(v, dtype, order="C")) for k, v in inputs.items()}
    args, aux = (
        {k: arrays[k] for k in names} for names in (symbol.list_arguments(), symbol.list_auxiliary_states())
    )
    grads = {k: NDArray(np.zeros(args[k].shape, dtype)) for k in wanted}
    executor: Executor = symbol.bind(args, grads, {k: "write" if k in grads else "null" for k in args}, aux)
    return executor


def replaced(symbol: Symbol, swap: Mapping[Key, Entry]) -> Symbol:
    """A copy of the graph in which some entries are replaced."""
    copies: dict[int, Node] = {}

    def entry(old: Entry) -> Entry:
        return swap.get(key(old)) or (copies[id(old[0])], old[1])

    for node in symbol.nodes():
        copies[id(node)] = (
            node
            if node.op is None
            else Node(node.op, node.name, dict(node.attrs), node.p, map(entry, node.inputs))
        )
    return Symbol(map(entry, symbol.heads))


def gradient_at(
    symbol: Symbol, entry: Entry, inputs: Mapping[str, np.ndarray], value: np.ndarray
) -> np.ndarray:
    """The gradient of the outputs with respect to one value inside the graph."""
    name = "gradient_here"
    cut = replaced(symbol, {key(entry): (Node(None, name, {}), 0)})
    names = {*cut.list_arguments(), *cut.list_auxiliary_states()}
    if name not in names:
        return np.zeros_like(value)
    run = bound(cut, {k: v for k, v in {**inputs, name: value}.items() if k in names}, (name,))
    run.forward(True)
    run.backward()
    gradient: np.ndarray = run.grads[name].asnumpy()
    return gradient


def users(symbol: Symbol, entry: Entry) -> list[Node]:
    """The nodes that have an entry as an input."""
    return [n for n in symbol.nodes() if any(key(i) == key(entry) for i in n.inputs)]


def first(
    pairs: list[tuple[Entry, Entry]], differ: Callable[[Entry, Entry], bool]
) -> tuple[Entry, Entry] | None:
    return next((pair for pair in pairs if differ(*pair)), None)
