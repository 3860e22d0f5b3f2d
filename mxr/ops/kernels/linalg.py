"""Helpers of the linear algebra operators: shapes of stacked matrices, triangles, triangular systems."""

from __future__ import annotations

import numpy as np

from mxr.operator import MxError, ShapeError, shape_text, unify
from mxr.runtime import lazy_scipy


def matrices(shape, name="A"):
    if shape is not None and len(shape) < 2:
        raise ShapeError(
            f"{name} must hold matrices, two dimensions at least, not be of shape {shape_text(shape)}"
        )
    return shape


def square(shape, name="A"):
    """`shape`, which must be one of square matrices; an unknown side is filled in from the other."""
    if matrices(shape, name) is None:
        return None
    if shape[-1] and shape[-2] and shape[-1] != shape[-2]:
        raise ShapeError(f"{name} must hold square matrices, not be of shape {shape_text(shape)}")
    n = shape[-1] or shape[-2]
    return (*shape[:-2], n, n)


def square_shape(p, ins, outs):
    s = square(unify(*ins, *outs))
    return [s], [s]


def scalar_shape(s):
    """The shape of one number per matrix; (1,) for a single matrix."""
    return None if s is None else s[:-2] or (1,)


def transposed(x):
    return x.swapaxes(-1, -2)


def triangle(n, lower):
    """A mask of the lower (upper) triangle of an n by n matrix."""
    return np.tri(n, dtype=bool) if lower else np.tri(n, dtype=bool).T


def keep_triangle(x, lower):
    """`x` with the other triangle zero."""
    return np.where(triangle(x.shape[-1], lower), x, 0.0)


def solve_triangular(a, b, out, lower, transpose=False, right=False, alpha=1.0):
    """out = alpha op(a)^-1 b, or alpha b op(a)^-1 (`right`), for triangular `a`, of which only the triangle
    is read. `out` may be `b`."""
    (trsm,) = lazy_scipy.linalg.get_blas_funcs(("trsm",), (a,))
    a = np.ascontiguousarray(a).reshape(-1, *a.shape[-2:])
    b = np.ascontiguousarray(b).reshape(-1, *b.shape[-2:])
    target = out.reshape(-1, *out.shape[-2:])
    for x, y, z in zip(a, b, target):  # BLAS works in column-major order: it takes and returns transposes
        z[...] = trsm(alpha, x.T, y.T, side=0 if right else 1, lower=not lower, trans_a=transpose).T


def mirrored(m, lower=True):
    """The symmetric matrix that has the lower (upper) triangle of `m`."""
    strict = triangle(m.shape[-1], lower) & ~np.eye(m.shape[-1], dtype=bool)
    return np.where(strict, m, transposed(np.where(strict, m, 0))) + np.where(
        np.eye(m.shape[-1], dtype=bool), m, 0
    )


def checked(compute, name, needs):
    """`compute()`; for a matrix that it cannot take, MxError with `needs`, what the operator `name`
    requires."""
    try:
        return compute()
    except np.linalg.LinAlgError:
        raise MxError(f"{name}: {needs}") from None
