"""Lowering reductions to prepared calls. The shape decides which calls are fast and precise."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from mxr.native import steps as native_steps
from mxr.runtime import costs


def calls(
    ufunc: np.ufunc, x: np.ndarray, axes: tuple[int, ...], dtype: np.dtype, out: np.ndarray
) -> list[Callable[[], Any]]:
    """`ufunc.reduce` with keepdims.

    Long float sums over leading axes are made in parts: NumPy adds one row after the other and loses digits.
    """
    step = native_steps.reduction(ufunc, x, axes, out) if x.dtype == dtype else None
    if step is not None:
        return [step]
    rows = x.shape[0]
    reduce: Any = ufunc.reduce
    if x.dtype == dtype and dtype.char in "fd" and x.flags.c_contiguous and out.flags.c_contiguous:
        n, flat = x.size // out.size, out.reshape(-1)
        leading, trailing = axes[-1] == len(axes) - 1, axes[0] == x.ndim - len(axes)
        if ufunc is np.add and trailing and n <= costs.DOT_SUM_ELEMENTS:
            return [partial(np.dot, x.reshape(-1, n), np.ones(n, dtype), flat)]
        if ufunc is np.add and leading and not trailing:
            return _sum_columns(x.reshape(n, -1), flat)
        if trailing and n <= costs.SHORT_ROW < len(flat):
            return _reduce_short(ufunc, x.reshape(-1, n), flat)
    if (
        ufunc is not np.add
        or axes[0] != 0
        or len(axes) == x.ndim
        or rows < costs.LONG_COLUMN
        or dtype.kind != "f"
    ):
        return [partial(reduce, x, axes, dtype, out, True)]
    height = int(rows**0.5)
    whole = rows // height * height
    parts = np.empty((rows // height + (whole < rows), 1, *out.shape[1:]), dtype)
    inner = tuple(a + 1 for a in axes)
    steps = [
        partial(
            ufunc.reduce,
            x[:whole].reshape(rows // height, height, *x.shape[1:]),
            inner,
            dtype,
            parts[: rows // height],
            True,
        )
    ]
    if whole < rows:
        steps.append(partial(ufunc.reduce, x[whole:], axes, dtype, parts[-1], True))
    return steps + [partial(ufunc.reduce, parts, 0, dtype, out, False)]


def _sum_columns(x: np.ndarray, out: np.ndarray) -> list[Callable[[], None]]:
    """Sums over the rows as products with ones, which take a fraction of the time of NumPy's reduction. Long
    columns are added in parts, which loses fewer digits."""
    rows = len(x)
    if x.size <= costs.DOT_SUM_ELEMENTS:
        return [partial(np.dot, np.ones(rows, x.dtype), x, out)]
    height = int(rows**0.5)
    count, rest = divmod(rows, height)
    parts = np.empty((count + (rest > 0), 1, x.shape[1]), x.dtype)
    steps = [
        partial(
            np.matmul,
            np.ones((1, height), x.dtype),
            x[: rows - rest].reshape(count, height, -1),
            parts[:count],
        )
    ]
    if rest:
        steps.append(partial(np.dot, np.ones(rest, x.dtype), x[-rest:], parts[-1, 0]))
    return [*steps, partial(np.dot, np.ones(len(parts), x.dtype), parts[:, 0], out)]


def _reduce_short(ufunc: np.ufunc, x: np.ndarray, out: np.ndarray) -> list[Callable[[], None]]:
    """Reduce the short rows of `x`. Blocks of rows are transposed first, so that NumPy computes with long
    columns."""
    height = min(len(x), costs.TURNED_BLOCK // x.shape[1])
    turned = np.empty((x.shape[1], height), x.dtype)
    steps: list[Callable[[], None]] = []
    for a in range(0, len(x), height):
        rows = x[a : a + height]
        columns = turned[:, : len(rows)]
        steps += [
            partial(np.copyto, columns, rows.T),
            partial(ufunc.reduce, columns, 0, None, out[a : a + height]),
        ]
    return steps
