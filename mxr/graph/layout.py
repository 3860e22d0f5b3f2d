"""Where the boxes of a network's drawing stand: layers of boxes, few crossings, edges around boxes
(Sugiyama's method)."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

Edge = tuple[int, int]
_SWEEPS = 8


def ranks(count: int, edges: Iterable[Edge]) -> list[int]:
    """The layer of each box: one below the lowest box that leads to it. Boxes are numbered so that edges go
    upwards in number."""
    layer = [0] * count
    for a, b in sorted(edges, key=lambda edge: edge[1]):
        layer[b] = max(layer[b], layer[a] + 1)
    starts = {a for a, _ in edges} - {b for _, b in edges}
    for a in starts:  # an input stands right above what reads it first
        layer[a] = min(layer[b] for x, b in edges if x == a) - 1
    return layer


def place(count: int, edges: list[Edge]) -> tuple[list[tuple[float, int]], list[list[tuple[float, int]]]]:
    """The place (across, layer) of each box, one apart from its neighbours at least, and of each edge the
    places that it goes through, from box to box. Where an edge passes a layer, it takes room there as a box
    does."""
    layer = ranks(count, edges)
    paths = []
    for start, end in edges:
        between = range(layer[start] + 1, layer[end])
        paths.append([start, *range(len(layer), len(layer) + len(between)), end])
        layer += between
    rows: list[list[int]] = [[] for _ in range(max(layer, default=0) + 1)]
    for box, at in enumerate(layer):
        rows[at].append(box)
    above: dict[int, list[int]] = {box: [] for box in range(len(layer))}
    below: dict[int, list[int]] = {box: [] for box in range(len(layer))}
    for path in paths:
        for a, b in pairwise(path):
            above[b].append(a)
            below[a].append(b)
    across = {box: float(at) for row in rows for at, box in enumerate(row)}
    for sweep in range(_SWEEPS):
        down = sweep % 2 == 0
        for row in rows if down else rows[::-1]:
            _settle(row, across, above if down else below)
    return [(across[box], layer[box]) for box in range(count)], [
        [(across[box], layer[box]) for box in path] for path in paths
    ]


def _settle(row: list[int], across: dict[int, float], neighbours: dict[int, list[int]]) -> None:
    """Move the boxes of a row to the middle of their neighbours, in the order of these middles, one apart at
    least."""
    wish = {
        box: sum(across[n] for n in neighbours[box]) / len(neighbours[box])
        if neighbours[box]
        else across[box]
        for box in row
    }
    row.sort(key=lambda box: (wish[box], across[box]))
    groups: list[list] = []  # [the left end that is wished for, boxes]
    for box in row:
        groups.append([wish[box], [box]])
        while len(groups) > 1 and groups[-1][0] < groups[-2][0] + len(groups[-2][1]):
            (left, first), (right, second) = groups[-2:]
            start = (left * len(first) + (right - len(first)) * len(second)) / (len(first) + len(second))
            groups[-2:] = [[start, first + second]]
    for start, boxes in groups:
        for at, box in enumerate(boxes):
            across[box] = start + at
