"""Comparing arrays, with messages that show differences in each language's order of dimensions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from mxr.engine.ndarray import NDArray, numbers

_SHOWN = 8  # differences in a message


@dataclass(frozen=True)
class Side:
    """One of the two sides of a comparison: its name in messages, and whether it is R's, with dimensions
    reversed and indices from 1."""

    name: str
    in_r: bool = False

    def shape(self, shape: tuple[int, ...]) -> str:
        if self.in_r:
            return str(shape[0]) if len(shape) == 1 else f"dim c({', '.join(map(str, reversed(shape)))})"
        return f"shape {shape}"

    def place(self, index: tuple[int, ...]) -> str:
        if self.in_r:
            return f"[{', '.join(str(i + 1) for i in reversed(index))}]"
        return f"[{', '.join(map(str, index))}]"


R, PYTHON = Side("R", True), Side("Python")


def assert_same_array(actual: Any, expected: Any, rtol: float = 1e-5, atol: float = 1e-6) -> None:
    """Assert equal shapes, and |actual - expected| <= atol + rtol * |expected| for all numbers; nan equals
    nan.

    Both may be NDArrays, NumPy arrays, numbers, lists of numbers, or rpy2's R arrays, whose dimensions are
    reversed. The AssertionError shows different numbers side by side, R's with R's indices.
    """
    __tracebackhide__ = True
    sides = tuple(
        Side(name, hasattr(x, "__sexp__")) for name, x in (("actual", actual), ("expected", expected))
    )
    text = difference(as_numpy(actual, "actual"), as_numpy(expected, "expected"), rtol, atol, sides)
    if text:
        raise AssertionError(f"the arrays differ: {text}")


def as_numpy(x: Any, what: str) -> np.ndarray:
    if isinstance(x, NDArray):
        return x.data
    if hasattr(x, "__sexp__"):
        from mxr.r.layout import numpy

        return numpy(x)
    return numbers(x, f"assert_same_array: {what}")


def close(a: np.ndarray, b: np.ndarray, rtol: float, atol: float) -> bool:
    return a.shape == b.shape and bool(_same(a, b, rtol, atol).all())


def _same(a: np.ndarray, b: np.ndarray, rtol: float, atol: float) -> np.ndarray:
    return np.isclose(a.astype(np.float64), b.astype(np.float64), rtol, atol, equal_nan=True)


def difference(a: np.ndarray, b: np.ndarray, rtol: float, atol: float, sides: tuple[Side, ...]) -> str:
    """A description of the differences of two arrays, in a few lines; "" if there are none."""
    one, other = sides
    if a.shape != b.shape:
        return f"{one.name} has {one.shape(a.shape)}, {other.name} {other.shape(b.shape)}"
    wrong = np.argwhere(~np.atleast_1d(_same(a, b, rtol, atol)))
    if not len(wrong):
        return ""
    a, b = np.atleast_1d(a), np.atleast_1d(b)
    with np.errstate(all="ignore"):
        largest = np.nanmax(np.abs(a.astype(np.float64) - b.astype(np.float64)), initial=0)
    rows = [
        (f"{one.place(tuple(i))}  {a[tuple(i)]:.7g}", f"{other.place(tuple(i))}  {b[tuple(i)]:.7g}")
        for i in wrong[:_SHOWN]
    ]
    width = max(len(one.name), *(len(left) for left, _ in rows))
    lines = [
        f"{len(wrong)} of {a.size} numbers (rtol {rtol:g}, atol {atol:g}); "
        f"the largest difference is {largest:.4g}",
        f"    {one.name:<{width}}   {other.name}",
    ]
    lines += [f"    {left:<{width}}   {right}" for left, right in rows]
    return "\n".join(lines + [f"    ... and {len(wrong) - _SHOWN} more"] * (len(wrong) > _SHOWN))
