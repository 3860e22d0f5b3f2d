"""The positions of boxes and edges in a network's drawing: layers of boxes with few crossings (Sugiyama's
method)."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

Edge = tuple[int, int]
_SWEEPS = 8


def ranks(count: int, edges: Iterable[Edge]) -> list[int]:
    """The layer of each box: one below the lowest of its inputs. Edges go from lower to higher box
    numbers."""
    layer = [0] * count
    for a, b in sorted(edges, key=lambda edge: edge[1]):
        layer[b] = max(layer[b], layer[a] + 1)
    starts = {a for a, _ in edges} - {b for _, b in edges}
    for a in starts:  # an input is one layer above its first reader
        layer[a] = min(layer[b] for x, b in edges if x == a) - 1
    return layer


def place(count: int, edges: list[Edge]) -> tuple[list[tuple[float, int]], list[list[tuple[float, int]]]]:
    """The positions (across, layer) of the boxes, and for each edge the positions that it passes.

    Positions in a layer are at least one apart. An edge that passes a layer takes the room of a box there.
    """
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
    """Move each box of a row to the mean position of its neighbours, and sort the row by these positions.
    Boxes that would be less than one apart move as a group."""
    wish = {
        box: sum(across[n] for n in neighbours[box]) / len(neighbours[box])
        if neighbours[box]
        else across[box]
        for box in row
    }
    row.sort(key=lambda box: (wish[box], across[box]))
    groups: list[list] = []  # [position of the first box, boxes]
    for box in row:
        groups.append([wish[box], [box]])
        while len(groups) > 1 and groups[-1][0] < groups[-2][0] + len(groups[-2][1]):
            (left, first), (right, second) = groups[-2:]
            start = (left * len(first) + (right - len(first)) * len(second)) / (len(first) + len(second))
            groups[-2:] = [[start, first + second]]
    for start, boxes in groups:
        for at, box in enumerate(boxes):
            across[box] = start + at
