"""Diagonals and triangles of matrices in the last two axes: extracted, and written into new matrices."""

from __future__ import annotations

import math

import numpy as np

from mxr.operator import P, ShapeError, op, shape_text, unify
from mxr.ops.kernels.linalg import scalar_shape, square


@op("_linalg_sumlogdiag", "linalg_sumlogdiag")
class linalg_sumlogdiag:
    """The sum of the logarithms of the diagonal elements of square matrices: one number per matrix, an array
    of one for a single matrix. For a Cholesky factor it is half the logarithm of the determinant."""

    def infer_shape(p, ins, outs):
        a = square(ins[0])
        return [a], [unify(outs[0], scalar_shape(a))]

    def forward(p, A):
        n = A.shape[-1]
        return (
            np.log(A.reshape(*A.shape[:-2], n * n)[..., :: n + 1]).sum(axis=-1).reshape(scalar_shape(A.shape))
        )

    def backward(p, g, ins, outs):
        (a,) = ins
        return np.where(np.eye(a.shape[-1], dtype=bool), g.reshape(*a.shape[:-2], 1, 1) / a, 0.0)


def _diagonal(n, offset):
    """The flat indices of a diagonal's elements in an n by n matrix."""
    k = np.arange(n - abs(offset))
    return (k + max(-offset, 0)) * n + k + max(offset, 0)


def _triangle_places(n, offset, lower):
    """The flat indices of a triangle's elements in an n by n matrix: row by row for a lower triangle, column
    by column for an upper one."""
    rows, columns = np.tril_indices(n - abs(offset))
    rows = rows + abs(offset)
    return columns * n + rows if offset > 0 or (offset == 0 and not lower) else rows * n + columns


def _size_of_triangle(count):
    """The side of the triangle with `count` elements; ShapeError if there is none."""
    n = (math.isqrt(8 * count + 1) - 1) // 2
    if n * (n + 1) // 2 != count:
        raise ShapeError(f"a triangle cannot have {count} elements: 1, 3, 6, 10, ... are possible")
    return n


def _extract(places):
    """(compute, gradient) of an operator that extracts elements of square matrices; `places(p, n)` are their
    flat indices."""

    def compute(p, run, ins, outs):
        n = ins[0].shape[-1]
        np.take(ins[0].reshape(*ins[0].shape[:-2], n * n), places(p, n), axis=-1, out=outs[0], mode="clip")

    def gradient(p, run, gs, ins, outs, igs):
        n = igs[0].shape[-1]
        igs[0][...] = 0
        igs[0].reshape(*igs[0].shape[:-2], n * n)[..., places(p, n)] = gs[0]

    return compute, gradient


def _make(places):
    """(compute, gradient) of an operator that writes elements into square matrices of zeros: those of the
    operator that extracts them, exchanged."""
    take, put = _extract(places)

    def compute(p, run, ins, outs):
        put(p, run, ins, None, None, outs)

    def gradient(p, run, gs, ins, outs, igs):
        take(p, run, gs, igs)

    return compute, gradient


def _taken_shape(count):
    def infer_shape(p, ins, outs):
        a, out = square(ins[0]), outs[0]
        if a is not None and a[-1]:
            n = a[-1] - abs(p.offset)
            if n < 1:
                raise ShapeError(f"offset {p.offset} is outside of the matrices of shape {shape_text(a)}")
            out = unify(out, (*a[:-2], count(n)))
        return [a], [out]

    return infer_shape


def _made_shape(side):
    def infer_shape(p, ins, outs):
        a, out = ins[0], square(outs[0], "the result")
        if a is not None and a[-1]:
            n = side(a[-1]) + abs(p.offset)
            out = unify(out, (*a[:-1], n, n))
        return [a], [out]

    return infer_shape


def _diagonals(p, n):
    return _diagonal(n, p.offset)


def _triangles(p, n):
    return _triangle_places(n, p.offset, p.lower)


@op("_linalg_extractdiag", "linalg_extractdiag", keeps=())
class linalg_extractdiag:
    """The diagonals of square matrices, as vectors along the last axis (in C order)."""

    offset: int = P(0, "which diagonal: above the main one if positive, below it if negative")

    inputs = ("A",)
    infer_shape = _taken_shape(lambda n: n)
    compute, gradient = _extract(_diagonals)


@op("_linalg_makediag", "linalg_makediag", keeps=())
class linalg_makediag:
    """Square matrices of zeros with the vectors along the last axis (in C order) of A on a diagonal."""

    offset: int = P(0, "which diagonal: above the main one if positive, below it if negative")

    inputs = ("A",)
    infer_shape = _made_shape(lambda n: n)
    compute, gradient = _make(_diagonals)


@op("_linalg_extracttrian", "linalg_extracttrian", keeps=())
class linalg_extracttrian:
    """The triangles of square matrices, as vectors along the last axis (in C order): row by row for a lower
    triangle, column by column for an upper one. The triangle begins at the diagonal `offset`; above the main
    one it is the upper triangle, below it the lower."""

    offset: int = P(
        0, "the diagonal that bounds the triangle: above the main one if positive, below it if negative"
    )
    lower: bool = P(True, "the lower triangle, or else the upper one, when `offset` is 0")

    inputs = ("A",)
    infer_shape = _taken_shape(lambda n: n * (n + 1) // 2)
    compute, gradient = _extract(_triangles)


@op("_linalg_maketrian", "linalg_maketrian", keeps=())
class linalg_maketrian:
    """Square matrices of zeros with the vectors along the last axis (in C order) of A in a triangle: the
    reverse of `linalg_extracttrian`. The vectors have 1, 3, 6, 10, ... elements."""

    offset: int = P(
        0, "the diagonal that bounds the triangle: above the main one if positive, below it if negative"
    )
    lower: bool = P(True, "the lower triangle, or else the upper one, when `offset` is 0")

    inputs = ("A",)
    infer_shape = _made_shape(_size_of_triangle)
    compute, gradient = _make(_triangles)
