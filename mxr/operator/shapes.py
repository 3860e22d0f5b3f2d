"""Shapes: unifying them, showing them in messages, and checking that arrays fit into memory.

A shape is a tuple in C order, with 0 for an unknown dimension. None is a shape of unknown rank.
"""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Iterable, Sequence
from contextvars import ContextVar
from typing import Any, TypeGuard, overload

from mxr.operator.errors import MxError, ShapeError

Dims = tuple[int, ...]  # in C order


def known(shape: Dims | None) -> TypeGuard[Dims]:
    """Whether the shape is complete."""
    return shape is not None and 0 not in shape


@overload
def unify(*shapes: Dims) -> Dims: ...
@overload
def unify(*shapes: Dims | None) -> Dims | None: ...
def unify(*shapes: Dims | None) -> Dims | None:
    """The shape that all `shapes` describe, with unknown dimensions filled from each other; None if all are
    None. ShapeError if they contradict each other."""
    result: Dims | None = None
    for s in shapes:
        if s is None:
            continue
        if result is None:
            result = tuple(s)
            continue
        if len(s) != len(result):
            raise ShapeError(
                f"shapes {shape_text(result)} and {shape_text(s)} have different numbers of dimensions"
            )
        if any(a and b and a != b for a, b in zip(result, s)):
            raise ShapeError(f"shapes {shape_text(result)} and {shape_text(s)} differ")
        result = tuple(a or b for a, b in zip(result, s))
    return result


def same_shape(
    p: Any, ins: Sequence[Dims | None], outs: Sequence[Dims | None]
) -> tuple[list[Dims | None], list[Dims | None]]:
    """Shape rule of element-wise operators: every input and output has one shape."""
    s = unify(*ins, *outs)
    return [s] * len(ins), [s] * len(outs)


_MEMORY = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") if hasattr(os, "sysconf") else sys.maxsize
_LARGEST = 2**60  # NumPy's limit for the other dimensions of an empty array
# Whether messages are for R, whose dims are in reversed order. mxr.r.bridge.door sets it during each call
# from R, for that thread only.
r_order: ContextVar[bool] = ContextVar("r_order", default=False)


def spelled(r: str, python: str) -> str:
    """What a message calls something: `r` when R is the reader, `python` otherwise."""
    return r if r_order.get() else python


def shape_text(shape: Sequence[int] | None) -> str:
    """A shape for a message: `(2, 3)` in Python, `c(3, 2)` in R, `?` for unknown dimensions."""
    if shape is None:
        return "?"
    parts = [str(n) if n else "?" for n in shape]
    if r_order.get():
        return parts[0] if len(parts) == 1 else f"c({', '.join(reversed(parts))})"
    return "(" + ", ".join(parts) + ("," if len(parts) == 1 else "") + ")"


def size(shape: Iterable[int]) -> int:
    return math.prod(shape)


def affordable(shape: Dims, itemsize: int = 4) -> None:
    """MxError if an array is larger than the machine's memory. (Linux allocates any amount, and kills the
    process that uses it.)"""
    nbytes = size(shape) * itemsize
    if min(shape, default=0) < 0 or (not nbytes and max(shape) > _LARGEST):
        raise MxError(f"an array cannot have the shape {shape_text(shape)}")
    if nbytes > _MEMORY:
        raise MxError(
            f"an array of shape {shape_text(shape)} needs {nbytes / 2**30:.3g} GB of memory; "
            f"this machine has {_MEMORY / 2**30:.3g}"
        )


def axis_of(axis: int, ndim: int, where: str) -> int:
    """A possibly negative axis as 0 <= axis < ndim; ShapeError otherwise."""
    if not -ndim <= axis < ndim:
        raise ShapeError(f"{where}: axis {axis} is out of range for {ndim} dimensions")
    return axis % ndim
