"""Symbols as R shows them: print, summary, drawings; and the output before a loss, for prediction."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from mxr.engine.executor import Executor
from mxr.graph.drawing import color, details, parts
from mxr.graph.infer_shapes import all_shapes
from mxr.graph.layout import place
from mxr.graph.node import Node
from mxr.graph.symbol import Symbol
from mxr.operator import known
from mxr.r.bridge.convert import Dims
from mxr.r.bridge.registry import verb
from mxr.r.verbs.symbol import output_names
from mxr.r.verbs.values import pairs, shapes

# ----------------------------------------------------------------------------------- the result before a loss


@verb("symbol.before_loss")
def before_loss(symbol: Symbol, inputs: Any, params: Any) -> str | None:
    """The output to predict with, in a network whose first output is a MakeLoss. It is the last output that
    lies on all paths from `inputs` to the loss and does not depend on a label (a variable that is neither
    among `inputs` nor `params`). "" if there is none; None if the first output is not a loss."""
    loss = symbol.heads[0][0]
    if loss.op is None or loss.op.name not in ("MakeLoss", "make_loss"):
        return None
    inputs, params = ({v for _, v in pairs(names)} for names in (inputs, params))
    nodes = Symbol([(loss, 0)]).nodes()
    depth = {id(n): i for i, n in enumerate(nodes)}
    tainted: set[int] = set()  # nodes that depend on a label
    gate: dict[int, Node | None] = {}  # a node's immediate dominator: the last node on all paths to it
    for n in nodes:
        if n.op is None:
            if n.name in inputs:
                gate[id(n)] = None
            elif n.name not in params:
                tainted.add(id(n))
            continue
        if any(id(m) in tainted for m, _ in n.inputs):
            tainted.add(id(n))
        if before := [m for m, _ in n.inputs if id(m) in gate]:
            gate[id(n)] = _common(before, gate, depth)
    found = loss if id(loss) in gate and id(loss) in tainted else None
    while found is not None and id(found) in tainted:
        found = gate[id(found)]
    return "" if found is None or found.op is None or found.n_visible > 1 else found.output_name(0)


def _common(nodes: list[Node], gate: Mapping[int, Node | None], depth: Mapping[int, int]) -> Node | None:
    """The last node on all paths to all of `nodes`."""
    first: Node | None
    first, *rest = nodes
    for node in rest:
        other: Node | None = node
        while first is not other:
            if first is None or other is None:
                return None
            if depth[id(first)] > depth[id(other)]:
                first = gate[id(first)]
            else:
                other = gate[id(other)]
    return first


# ------------------------------------------------------------------------------------------ print and summary


@verb("symbol.describe")
def describe(symbol: Symbol) -> str:
    """A few lines for print()."""
    calls = []
    for n in symbol.nodes():
        if n.op is not None:
            settings = [f"{a} = {_setting(getattr(n.p, a, v), v)}" for a, v in n.attrs.items()]
            calls.append(
                f"  {n.name} = {n.op.name}({', '.join([m.output_name(k) for m, k in n.inputs] + settings)})"
            )
    shown = calls if len(calls) <= 30 else [*calls[:14], f"  ... {len(calls) - 28} more ...", *calls[-14:]]
    return "\n".join(
        [
            f"<symbol> outputs: {', '.join(output_names(symbol)[:8])}{' ...' if len(symbol) > 8 else ''}",
            f"arguments: {', '.join(symbol.list_arguments())}",
            *shown,
        ]
    )


def _setting(value: object, text: str) -> str:
    """A parameter's value as R code; `text` is its text in JSON."""
    match value:
        case bool():
            return str(value).upper()
        case str():
            return f'"{value}"'
        case (single,):
            return str(single)
        case tuple():
            return f"c({', '.join(map(str, reversed(value)))})"
    return text


@verb("symbol.layers")
def layers(symbol: Symbol, given: Any, inputs: Any) -> dict[str, list[Any]]:
    """The columns of the table that summary() shows. One row per operator: the shape of its first output, its
    parameters (variables except `inputs` and labels) that no earlier operator uses, and their number of
    elements, NaN if unknown."""
    sizes = all_shapes(symbol, shapes(given, "summary"))
    known_inputs = {v for _, v in pairs(inputs)}
    counted: set[str] = set()
    rows = []
    for n in symbol.nodes():
        if n.op is None:
            continue
        own = [
            m
            for m, _ in n.inputs
            if m.op is None
            and m.name not in counted
            and not m.name.endswith(("data", "label"))
            and (m.name not in known_inputs or m.name.startswith(n.name + "_"))
        ]
        counted |= {m.name for m in own}
        parameters = [sizes[id(m), 0] for m in own]
        rows.append(
            (
                n.name,
                n.op.name,
                Dims(sizes[id(n), 0] or ()),
                ", ".join(dict.fromkeys(m.name for m in own)),
                float(sum(math.prod(s) if known(s) else math.nan for s in parameters)),
            )
        )
    columns = zip(*rows) if rows else [()] * 5
    return dict(zip(("layer", "operator", "shape", "parameters", "count"), map(list, columns)))


@verb("exec.symbol")
def executor_symbol(ex: Executor) -> Symbol:
    return ex.symbol


@verb("exec.requests")
def requests(ex: Executor) -> list[str]:
    return [ex.reqs[k] if ex.grads.get(k) is not None else "null" for k in ex.args]


# ---------------------------------------------------------------------------------------------- drawings


def _parts(symbol: Symbol, given: Any) -> tuple[list[Node], dict[int, Node], Callable[[Node, int], str]]:
    return parts(symbol, shapes(given, "graph.viz"))


@verb("symbol.picture")
def picture(symbol: Symbol, given: Any) -> dict[str, Any]:
    """A drawing for R's graphics: boxes with text, color and position; edges with the points of their paths
    and the shape (R order) of their array, "" if it is unknown."""
    nodes, inputs, size = _parts(symbol, given)
    boxes = [n for n in symbol.nodes() if n.op is not None or id(n) in inputs]
    number = {id(n): i for i, n in enumerate(boxes)}
    edges = [
        (number[id(m)], number[id(n)], size(m, k)) for n in nodes for m, k in n.inputs if id(m) in number
    ]
    places, paths = place(len(boxes), [(a, b) for a, b, _ in edges])
    return {
        "text": [
            "\n".join(filter(None, (n.name,) if n.op is None else (n.op.name, n.name, details(n))))
            for n in boxes
        ],
        "input": [n.op is None for n in boxes],
        "color": [color(n) for n in boxes],
        "x": [x for x, _ in places],
        "y": [y for _, y in places],
        "shape": [shape for *_, shape in edges],
        "paths": [{"x": [x for x, _ in path], "y": [y for _, y in path]} for path in paths],
    }


@verb("symbol.dot")
def dot(symbol: Symbol, given: Any, direction: str, title: str | None = None) -> str:
    """The graph in the Graphviz language: operators, and on the edges the shapes (R order) that are known."""
    nodes, inputs, size = _parts(symbol, given)
    drawn = {id(n) for n in nodes} | set(inputs)
    lines = [
        f"digraph network {{ rankdir = {'LR' if direction == 'LR' else 'TB'}; node [style = filled, "
        "fontname = Helvetica];",
        "  edge [fontname = Helvetica, fontsize = 11, color = gray50, fontcolor = gray50];",
    ]
    if title is not None:
        lines.append(f"  label = {_quoted(title)}; labelloc = t;")
    lines += [f'  {_quoted(m.name)} [shape = oval, fillcolor = "#8dd3c7"];' for m in inputs.values()]
    for n in nodes:
        label = "\\n".join(filter(None, (n.op.name if n.op else "", n.name, details(n))))
        lines.append(
            f'  {_quoted(n.name)} [shape = box, fillcolor = "{color(n)}", label = {_quoted(label)}];'
        )
    for n in nodes:
        for m, k in n.inputs:
            if id(m) in drawn:
                label = f' [label = "{text}"]' if (text := size(m, k)) else ""
                lines.append(f"  {_quoted(m.name)} -> {_quoted(n.name)}{label};")
    return "\n".join([*lines, "}"])


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '\\"') + '"'


@verb("symbol.tree")
def tree(symbol: Symbol, given: Any) -> str:
    """The graph as indented text: outputs first, below each node its inputs. A node that was shown above is
    repeated without its inputs."""
    nodes, inputs, size = _parts(symbol, given)
    shown: set[int] = set()
    lines = []
    drawn = {id(n) for n in nodes} | set(inputs)
    stack = [(n, k, "", "", "") for n, k in reversed(symbol.heads)]
    while stack:
        n, k, lead, corner, below = stack.pop()
        text = n.name if n.op is None else f"{n.name}: {n.op.name}" + (f" ({d})" if (d := details(n)) else "")
        children = [(m, i) for m, i in n.inputs if id(m) in drawn]
        again = bool(children) and id(n) in shown
        lines.append(
            f"{lead}{corner}{text}"
            + (f"  [{s}]" if (s := size(n, k)) else "")
            + ("  (see above)" if again else "")
        )
        shown.add(id(n))
        if not again:
            for at, (m, i) in enumerate(reversed(children)):
                last = at == 0
                stack.append((m, i, lead + below, "`- " if last else "|- ", "   " if last else "|  "))
    return "\n".join(lines)
