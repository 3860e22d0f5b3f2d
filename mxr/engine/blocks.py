"""Blocks: arguments and their gradients side by side in memory, so that one call can update them all."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from mxr.runtime import costs, memory


@dataclass
class Block:
    """Arguments and their gradients, so placed that one call can work on them all: `parts` are their places
    in `weight`, and those of their gradients in `grad`. `room` is `grad` with a line of memory behind it, for
    what is sent along with the gradients to other processes; None where there is no such line."""

    names: list
    weight: np.ndarray
    grad: np.ndarray
    parts: list
    room: np.ndarray | None = None


def side_by_side(shapes: dict, types: dict) -> tuple[list[Block], dict, dict]:
    """Zero arrays for arguments of these shapes and types, and for their gradients, by name; and the blocks
    they lie in, one of each type."""
    blocks, weights, grads = [], {}, {}
    for dtype in dict.fromkeys(types[k] for k in shapes):
        names = [k for k in shapes if types[k] == dtype]
        step = max(1, costs.CACHE_LINE // dtype.itemsize)  # every array begins at a line
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
