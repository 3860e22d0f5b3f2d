"""Drawings of graphs: the parts that are drawn, which R's graphics use too, and SVG for notebooks."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from typing import Any

from mxr.graph.infer_shapes import all_shapes, given_shapes
from mxr.graph.layout import place
from mxr.graph.node import Graph, Node
from mxr.operator import r_order

_COLORS = {
    "FullyConnected": "#fb8072",
    "Convolution": "#fb8072",
    "Deconvolution": "#fb8072",
    "Activation": "#ffffb3",
    "LeakyReLU": "#ffffb3",
    "BatchNorm": "#bebada",
    "Pooling": "#80b1d3",
    "Flatten": "#fdb462",
    "Reshape": "#fdb462",
    "Concat": "#fdb462",
}
_SHOWN = ("num_hidden", "num_filter", "act_type", "pool_type", "kernel", "stride")


def parts(
    symbol: Graph, given: dict[str, Any]
) -> tuple[list[Node], dict[int, Node], Callable[[Node, int], str]]:
    """(operators in order, the variables that are drawn, function (node, output) -> "2x100" or "").

    Of an operator's inputs, the first and one named `rhs` are drawn, such as the label of a loss. Weights are
    not.
    """
    sizes = all_shapes(symbol, given) if given else {}
    nodes, drawn = [], []
    for n in symbol.nodes():
        if n.op is not None:
            nodes.append(n)
            pairs = zip(n.op.inputs(n.p), n.inputs)
            drawn += [m for at, (name, (m, _)) in enumerate(pairs) if at == 0 or name == "rhs"]
    inputs = {id(m): m for m in [*drawn, *(n for n, _ in symbol.heads)] if m.op is None}

    def size(n: Node, k: int) -> str:
        s = sizes.get((id(n), k))
        return _size_text(s) if s else ""

    return nodes, inputs, size


def details(n: Node) -> str:
    values = (getattr(n.p, k) for k in _SHOWN if k in n.attrs)
    return ", ".join(_size_text(v) if isinstance(v, tuple) else str(v) for v in values)


def _size_text(shape: tuple[int, ...]) -> str:
    """A shape for the picture: in R's order during a call from R, else in C order."""
    return "x".join(str(d or "?") for d in (reversed(shape) if r_order.get() else shape))


def color(n: Node) -> str:
    if n.op is None:
        return "#8dd3c7"
    return "#b3de69" if n.op.loss else _COLORS.get(n.op.name, "#fccde5")


_MOST = 400  # operators; larger networks are shown as text
_ACROSS, _DOWN = 170, 84  # pixels between the centres of boxes, and between layers
_WIDTH, _LINE = 150, 14  # pixels of a box, and of a line of text


def svg(symbol: Graph, shapes: dict[str, Any] | None = None) -> str | None:
    """The network as an SVG picture: inputs as ovals, operators as boxes, and on the edges the shapes that
    follow from `shapes`. None if the network is too large for a readable picture."""
    nodes, inputs, size = parts(symbol, given_shapes(shapes or {}))
    if len(nodes) > _MOST:
        return None
    boxes = [n for n in symbol.nodes() if n.op is not None or id(n) in inputs]
    number = {id(n): i for i, n in enumerate(boxes)}
    edges = [
        (number[id(m)], number[id(n)], size(m, k)) for n in nodes for m, k in n.inputs if id(m) in number
    ]
    places, paths = place(len(boxes), [(a, b) for a, b, _ in edges])
    least = min((x for path in [places, *paths] for x, _ in path), default=0.0)

    def at(x: float, layer: float) -> tuple[float, float]:
        return round((x - least + 0.5) * _ACROSS, 1), round((layer + 0.5) * _DOWN, 1)

    found = []
    for path, (*_, text) in zip(paths, edges, strict=True):
        points = [at(*p) for p in path]
        found.append(
            f'<polyline points="{" ".join(f"{x},{y}" for x, y in points)}" fill="none" stroke="#555"/>'
        )
        if text:
            (x, y), (u, v) = points[0], points[1]
            found.append(
                f'<text x="{(x + u) / 2 + 4}" y="{(y + v) / 2}" fill="#555" '
                f'font-size="10">{escape(text)}</text>'
            )
    width = height = 0.0
    for n, spot in zip(boxes, places, strict=True):
        x, y = at(*spot)
        width, height = max(width, x + _ACROSS / 2), max(height, y + _DOWN / 2)
        lines = [n.name] if n.op is None else [text for text in (n.op.name, n.name, details(n)) if text]
        high = _LINE * len(lines) + 12
        round_ = high / 2 if n.op is None else 3
        found.append(
            f'<rect x="{x - _WIDTH / 2}" y="{y - high / 2}" width="{_WIDTH}" height="{high}" rx="{round_}" '
            f'fill="{color(n)}" stroke="#333"/>'
        )
        found += [
            f'<text x="{x}" y="{y + (i - (len(lines) - 1) / 2) * _LINE + 4}" '
            f'text-anchor="middle">{escape(line[:24])}</text>'
            for i, line in enumerate(lines)
        ]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:g}" height="{height:g}" '
        'font-family="sans-serif" font-size="12">' + "".join(found) + "</svg>"
    )
