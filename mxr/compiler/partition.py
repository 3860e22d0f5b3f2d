"""Graph partitioning: finds the segments that oneDNN computes in its own layouts."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import replace
from math import prod

import numpy as np

from mxr.compiler.images import Entry, Image, Source
from mxr.compiler.segments import FLOAT, Segment
from mxr.compiler.training import TrainingSegment
from mxr.graph.node import Graph, Node
from mxr.operator.shapes import Dims


def divide(
    graph: Graph,
    shapes: dict[Entry, Dims],
    types: dict[Entry, np.dtype],
    wanted: Collection[str] = (),
) -> list[Node | Segment]:
    """The nodes of a graph, some of them in segments; inputs before users. Segments are for inference, or for
    training if some arguments have a gradient (`wanted`)."""
    nodes = graph.nodes()
    if not any(n.op is not None and n.op.segment for n in nodes):
        return list(nodes)
    found = _Partition(graph, shapes, types, wanted)
    for n in nodes:
        found.place(n)
    return _in_order(nodes, found.segments())


class _Partition:
    """Assigns nodes to groups, which become segments. A group must not depend on itself by way of a node
    outside."""

    def __init__(
        self,
        graph: Graph,
        shapes: dict[Entry, Dims],
        types: dict[Entry, np.dtype],
        wanted: Collection[str],
    ):
        self._graph, self._shapes, self._types, self._wanted = graph, shapes, types, wanted
        self._depend = depends(graph, wanted) if wanted else {}
        read = [(id(m), i) for n in graph.nodes() for m, i in n.inputs] + [(id(n), i) for n, i in graph.heads]
        self._uses = Counter(read)
        self._images: dict[int, Image] = {}  # by id(node): what it computes, if it is in a group
        self._nodes: dict[int, list[Node]] = {}  # by group, which the id of its first node names
        self._group: dict[int, int] = {}  # by id(node)
        self._above: dict[int, set[int]] = {}  # by id(node) outside, and by group: groups that it depends on

    def place(self, n: Node) -> None:
        """Put a node, whose inputs have been placed, into a group, or leave it outside."""
        inputs = [id(m) for m, _ in n.inputs]
        groups = {self._group[m] for m in inputs if m in self._group}
        if self._can_be_in(n):
            above = set().union(*(self._above[m] for m in inputs if m not in self._group))
            for joins in (groups, set()) if groups else (groups,):
                around = above | {g for g in groups if g not in joins}
                if joins & self._closed(around.union(*(self._above[g] for g in joins))):
                    continue
                image = self._image(n, joins)
                if image is not None:
                    self._join(n, image, joins, around)
                    return
        self._above[id(n)] = groups.union(*(self._above[m] for m in inputs if m not in self._group))

    def _can_be_in(self, n: Node) -> bool:
        """Whether the node's operator can be in segments, on single precision, and only its first output is
        read."""
        return (
            n.op is not None
            and n.op.segment is not None
            and all(self._types[id(m), i] == FLOAT and i == 0 for m, i in n.inputs)
            and self._types[id(n), 0] == FLOAT
            and not any(self._uses[id(n), i] for i in range(1, n.n_outputs))
            and prod(self._shapes[id(n), 0]) > 0
        )

    def _closed(self, groups: set[int]) -> set[int]:
        """The groups, and all that these depend on."""
        found, new = set(groups), set(groups)
        while new:
            new = set().union(*(self._above[g] for g in new)) - found
            found |= new
        return found

    def _image(self, n: Node, joins: set[int]) -> Image | None:
        assert n.op is not None and n.op.segment is not None
        ins = [
            self._images[id(m)]
            if self._group.get(id(m)) in joins
            else Source(
                self._shapes[id(m), i],
                (id(m), i),
                m.name if m.op is None else None,
                training=bool(self._wanted),
            )
            for m, i in n.inputs
        ]
        image: Image | None = n.op.segment(n.p, self._shapes[id(n), 0], *ins)
        return image and replace(image, uses=self._uses[id(n), 0])

    def _join(self, n: Node, image: Image, joins: set[int], above: set[int]) -> None:
        nodes = [*itertools.chain(*(self._nodes.pop(g) for g in joins)), n]
        group = id(nodes[0])
        for m in nodes:
            self._group[id(m)] = group
        above = above.union(*(self._above.pop(g) for g in joins))
        for key, groups in self._above.items():  # the groups have one name now
            if groups & joins:
                self._above[key] = groups - joins | {group}
        self._nodes[group], self._above[group], self._images[id(n)] = nodes, above, image

    def segments(self) -> list[Segment]:
        """The groups that pay, and that oneDNN can compute."""
        found = []
        for nodes in self._nodes.values():
            inside = {id(n) for n in nodes}
            read = [(m, i) for n in self._graph.nodes() if id(n) not in inside for m, i in n.inputs]
            outside = {id(n) for n, _ in (*read, *self._graph.heads)}
            ends = [n for n in nodes if id(n) in outside]
            images = [self._images[id(n)] for n in ends]
            segment = self._segment(nodes, images, [(id(n), 0) for n in ends])
            if segment.pays():
                found.append(segment)
        return found

    def _segment(self, nodes: list[Node], images: list[Image], outputs: list[Entry]) -> Segment:
        if not self._wanted:
            return Segment(nodes, images, outputs)
        wanted = {(id(m), i) for n in nodes for m, i in n.inputs if self._depend[id(m)]}
        return TrainingSegment(nodes, images, outputs, wanted)


def depends(graph: Graph, names: Collection[str]) -> dict[int, bool]:
    """By id(node): whether it depends on variables of these names."""
    found: dict[int, bool] = {}
    for n in graph.nodes():
        found[id(n)] = n.name in names if n.op is None else any(found[id(m)] for m, _ in n.inputs)
    return found


def _in_order(nodes: Iterable[Node], segments: list[Segment]) -> list[Node | Segment]:
    """Nodes, with segments in place of theirs, so that inputs come before users."""
    whole: dict[int, Node | Segment] = {id(n): s for s in segments for n in s.nodes}
    order: dict[int, Node | Segment] = {}
    for n in nodes:
        stack = [whole.get(id(n), n)]
        while stack:
            unit = stack[-1]
            missing = [
                whole.get(id(m), m)
                for inner in (unit.nodes if isinstance(unit, Segment) else [unit])
                for m, _ in inner.inputs
            ]
            missing = [m for m in missing if m is not unit and id(m) not in order]
            if missing:
                stack.extend(missing)
            else:
                order[id(stack.pop())] = unit
    return list(order.values())
