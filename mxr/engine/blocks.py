"""Blocks: arguments, and their gradients, side by side in memory, so that one call can update all of them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from mxr.operator.shapes import Dims
from mxr.runtime import costs, memory


@dataclass
class Block:
    """Arguments of one type in the flat array `weight`, and their gradients in `grad`, both at `parts`.

    `room` is `grad` with one more cache line, for numbers that are sent to other processes with the
    gradients. None if there is no such line.
    """

    names: list[Any]
    weight: np.ndarray
    grad: np.ndarray
    parts: list[Any]
    room: np.ndarray | None = None


Named = dict[Any, np.ndarray]


def side_by_side(
    shapes: Mapping[Any, Dims], types: Mapping[Any, np.dtype]
) -> tuple[list[Block], Named, Named]:
    """(blocks, arguments by name, their gradients by name): zero arrays of these shapes and types. There is
    one block for each type."""
    blocks: list[Block] = []
    weights: Named = {}
    grads: Named = {}
    for dtype in dict.fromkeys(types[k] for k in shapes):
        names = [k for k in shapes if types[k] == dtype]
        step = max(1, costs.CACHE_LINE // dtype.itemsize)  # every array begins at a cache line
        sizes = [math.prod(shapes[k]) for k in names]
        starts = np.cumsum([0, *(-(-size // step) * step for size in sizes)]).tolist()
        room = memory.zeros((starts[-1] + step,), dtype)
        block = Block(
            names,
            memory.zeros((starts[-1],), dtype),
            room[: starts[-1]],
            [slice(a, a + size) for a, size in zip(starts, sizes)],
            room,
        )
        for k, part in zip(names, block.parts):
            weights[k], grads[k] = (flat[part].reshape(shapes[k]) for flat in (block.weight, block.grad))
        blocks.append(block)
    return blocks, weights, grads
