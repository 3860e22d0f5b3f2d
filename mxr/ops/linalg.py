"""Linear algebra on matrices in the last two axes; further axes in front are batches."""

from __future__ import annotations

import numpy as np

from mxr.operator import P, ShapeError, axis_of, known, op, shape_text, unify
from mxr.ops.kernels.linalg import (
    checked,
    keep_triangle,
    matrices,
    mirrored,
    scalar_shape,
    solve_triangular,
    square,
    square_shape,
    transposed,
    triangle,
)
from mxr.runtime import lazy_scipy

# --------------------------------------------------------------------------------------------- products


def _rows_second_last(p, x):
    axis = axis_of(p.axis, x.ndim, "axis")
    return x if axis == x.ndim - 2 else x.swapaxes(axis, -2)


def _product_shape(p, ins, outs):
    a, b = matrices(ins[0]), matrices(ins[1], "B")
    if a is None or b is None:
        return ins, outs
    if len(a) != len(b):
        raise ShapeError(f"A {shape_text(a)} and B {shape_text(b)} must have equally many dimensions")
    axis = axis_of(p.axis, len(a), "axis")
    if axis == len(a) - 1:
        raise ShapeError("axis: the rows cannot be along the last axis, the columns are")
    (rows, k), (k2, columns) = (
        s[::-1] if t else s for s, t in (((a[axis], a[-1]), p.transpose_a), ((b[axis], b[-1]), p.transpose_b))
    )
    if k and k2 and k != k2:
        raise ShapeError(
            f"A {shape_text(a)} and B {shape_text(b)} cannot be multiplied: {k} columns and {k2} rows"
        )
    rest = unify(*((*s[:axis], *s[axis + 1 : -1]) for s in (a, b)))
    out = unify((*rest[:axis], rows, *rest[axis:], columns), *outs, *ins[2:])
    return [a, b, *[out] * len(ins[2:])], [out]


def _product(p, a, b):
    a, b = _rows_second_last(p, a), _rows_second_last(p, b)
    c = np.matmul(transposed(a) if p.transpose_a else a, transposed(b) if p.transpose_b else b)
    return _rows_second_last(p, c if p.alpha == 1 else c * p.alpha)


def _product_gradients(p, g, a, b):
    g, a, b = (_rows_second_last(p, x) for x in (g * p.alpha, a, b))
    op_a, op_b = transposed(a) if p.transpose_a else a, transposed(b) if p.transpose_b else b
    ga, gb = np.matmul(g, transposed(op_b)), np.matmul(transposed(op_a), g)
    return _rows_second_last(p, transposed(ga) if p.transpose_a else ga), _rows_second_last(
        p, transposed(gb) if p.transpose_b else gb
    )


@op("_linalg_gemm", "linalg_gemm")
class linalg_gemm:
    """A product of matrices plus a third: `alpha * op(A) op(B) + beta * C`, where op transposes or not.

    All three have the same dimensions in front of the last two, one product for each. With `axis` the rows
    are along that C-order axis (columns are always along the last one), as if the axis were swapped with the
    last but one before and after.
    """

    transpose_a: bool = P(False, "use A transposed")
    transpose_b: bool = P(False, "use B transposed")
    alpha: float = P(1.0, "the factor of the product")
    beta: float = P(1.0, "the factor of C")
    axis: int = P(-2, "the axis of the rows (C order, negative from the end)")
    infer_shape = _product_shape

    def forward(p, A, B, C):
        return _product(p, A, B) + (C if p.beta == 1 else C * p.beta)

    def backward(p, g, ins, outs):
        return (*_product_gradients(p, g, *ins[:2]), g * p.beta)


@op("_linalg_gemm2", "linalg_gemm2")
class linalg_gemm2:
    """A product of matrices, `alpha * op(A) op(B)`, where op transposes or not.

    Both have the same dimensions in front of the last two, one product for each. With `axis` the rows are
    along that C-order axis (columns are always along the last one), as if the axis were swapped with the last
    but one before and after.
    """

    transpose_a: bool = P(False, "use A transposed")
    transpose_b: bool = P(False, "use B transposed")
    alpha: float = P(1.0, "the factor of the product")
    axis: int = P(-2, "the axis of the rows (C order, negative from the end)")
    infer_shape = _product_shape

    def forward(p, A, B):
        return _product(p, A, B)

    def backward(p, g, ins, outs):
        return _product_gradients(p, g, *ins)


@op("_linalg_syrk", "linalg_syrk")
class linalg_syrk:
    """A matrix times its transpose: `alpha * A A'`, or `alpha * A' A` with `transpose`. The result is
    symmetric."""

    transpose: bool = P(False, "A' A instead of A A'")
    alpha: float = P(1.0, "the factor of the product")

    def infer_shape(p, ins, outs):
        a, out = matrices(ins[0]), square(outs[0], "the result")
        if a is not None:
            n = a[-1] if p.transpose else a[-2]
            out = unify(out, (*a[:-2], n, n))
        return [a], [out]

    def forward(p, A):
        return (np.matmul(transposed(A), A) if p.transpose else np.matmul(A, transposed(A))) * p.alpha

    def backward(p, g, ins, outs):
        g = (g + transposed(g)) * p.alpha
        return np.matmul(ins[0], g) if p.transpose else np.matmul(g, ins[0])


# ---------------------------------------------------------------------------------------- triangular matrices


def _triangular_shape(p, ins, outs):
    a, b = square(ins[0]), unify(matrices(ins[1], "B"), *outs)
    side = -1 if p.rightside else -2
    if a is not None and b is not None:
        if len(a) != len(b):
            raise ShapeError(f"A {shape_text(a)} and B {shape_text(b)} must have equally many dimensions")
        if a[-1] and b[side] and a[-1] != b[side]:
            raise ShapeError(
                f"A {shape_text(a)} does not fit B {shape_text(b)} on the "
                f"{'right' if p.rightside else 'left'}"
            )
    if a is not None:
        b = unify(b, (*a[:-2], *((0, a[-1]) if p.rightside else (a[-1], 0))))
    if b is not None:
        a = unify(a, (*b[:-2], b[side], b[side]))
    return [a, b], [b]


@op("_linalg_trmm", "linalg_trmm")
class linalg_trmm:
    """A product with a triangular matrix: `alpha * op(A) B`, or `alpha * B op(A)` with `rightside`, where op
    transposes or not.

    Of A only the lower triangle (the upper one without `lower`) is used, and only it gets a gradient.
    """

    transpose: bool = P(False, "use A transposed")
    rightside: bool = P(False, "A on the right of B")
    lower: bool = P(True, "A is lower triangular; otherwise upper")
    alpha: float = P(1.0, "the factor of the product")
    infer_shape = _triangular_shape

    def forward(p, A, B):
        a = keep_triangle(A, p.lower)
        a = transposed(a) if p.transpose else a
        return (np.matmul(B, a) if p.rightside else np.matmul(a, B)) * p.alpha

    def backward(p, g, ins, outs):
        a, b = keep_triangle(ins[0], p.lower), ins[1]
        g = g * p.alpha
        ga = np.matmul(transposed(b), g) if p.rightside else np.matmul(g, transposed(b))
        back = a if p.transpose else transposed(a)
        return keep_triangle(transposed(ga) if p.transpose else ga, p.lower), np.matmul(
            g, back
        ) if p.rightside else np.matmul(back, g)


@op("_linalg_trsm", "linalg_trsm")
class linalg_trsm:
    """Solves a system with a triangular matrix: the X with `op(A) X = alpha * B`, or `X op(A) = alpha * B`
    with `rightside`, where op transposes or not.

    Of A only the lower triangle (the upper one without `lower`) is used, and only it gets a gradient.
    """

    transpose: bool = P(False, "use A transposed")
    rightside: bool = P(False, "A on the right of X")
    lower: bool = P(True, "A is lower triangular; otherwise upper")
    alpha: float = P(1.0, "the factor of B")

    inputs = ("A", "B")
    infer_shape = _triangular_shape

    def compute(p, run, ins, outs):
        solve_triangular(ins[0], ins[1], outs[0], p.lower, p.transpose, p.rightside, p.alpha)

    def gradient(p, run, gs, ins, outs, igs):
        a, x = ins[0], outs[0]
        gb = run.workspace(x.shape, x.dtype) if igs[1] is None else igs[1]
        solve_triangular(a, gs[0], gb, p.lower, not p.transpose, p.rightside, p.alpha)
        if igs[0] is not None:
            ga = np.matmul(transposed(x), gb) if p.rightside else np.matmul(gb, transposed(x))
            igs[0][...] = keep_triangle(
                (transposed(ga) if p.transpose else ga) * np.divide(-1.0, p.alpha, dtype=a.dtype), p.lower
            )


# --------------------------------------------------------------------------------------------- Cholesky


@op("_linalg_potrf", "linalg_potrf", keeps=("outs",))
class linalg_potrf:
    """Cholesky factorisation of symmetric, positive definite matrices: the lower triangular B with
    `A = B B'`.

    Without `lower` it is the upper triangular B with `A = B' B`. Only that triangle of A is used; the
    gradient is symmetric. A matrix that is not positive definite is an error.
    """

    lower: bool = P(True, "return the lower triangular factor; otherwise the upper one")

    inputs = ("A",)
    infer_shape = square_shape

    def compute(p, run, ins, outs):
        a = ins[0] if p.lower else transposed(ins[0])
        b = checked(lambda: np.linalg.cholesky(a), "linalg_potrf", "A must be positive definite")
        outs[0][...] = b if p.lower else transposed(b)

    def gradient(p, run, gs, ins, outs, igs):
        b, g = outs[0], gs[0]
        m = np.matmul(transposed(b), g) if p.lower else np.matmul(g, transposed(b))
        igs[0][...] = mirrored(m, p.lower)
        solve_triangular(b, igs[0], igs[0], p.lower, transpose=p.lower)
        solve_triangular(b, igs[0], igs[0], p.lower, transpose=not p.lower, right=True, alpha=0.5)


@op("_linalg_potri", "linalg_potri")
class linalg_potri:
    """The inverse of symmetric, positive definite matrices from their Cholesky factors: `(A A')^-1` for the
    lower triangular A that `linalg_potrf` gives, `(A' A)^-1` for an upper triangular one without `lower`.

    Only that triangle of A is used, and only it gets a gradient. Working with the factor (`linalg_trsm`) is
    faster and more exact.
    """

    lower: bool = P(True, "A is lower triangular; otherwise upper")

    inputs = ("A",)
    infer_shape = square_shape

    def compute(p, run, ins, outs):
        inverse = run.workspace(ins[0].shape, ins[0].dtype)
        inverse[...] = np.eye(ins[0].shape[-1])
        solve_triangular(ins[0], inverse, inverse, p.lower)
        np.matmul(
            *((transposed(inverse), inverse) if p.lower else (inverse, transposed(inverse))), out=outs[0]
        )

    def gradient(p, run, gs, ins, outs, igs):
        both = gs[0] + transposed(gs[0])
        m = np.matmul(outs[0], both) if p.lower else np.matmul(both, outs[0])
        solve_triangular(ins[0], m, m, p.lower, transpose=True, right=p.lower, alpha=-1.0)
        igs[0][...] = keep_triangle(m, p.lower)


# --------------------------------------------------------------------------------------- other factorisations


@op("_linalg_gelqf", "linalg_gelqf", keeps=("outs",))
class linalg_gelqf:
    """LQ factorisation of matrices with at least as many columns as rows (in C order): `A = L Q`, Q having
    orthonormal rows and L being lower triangular.

    Returns Q, of the shape of A, and L. The matrices must have full rank for a gradient.
    """

    inputs = ("A",)
    outputs = ("output0", "output1")

    def infer_shape(p, ins, outs):
        a, lower = unify(matrices(ins[0]), outs[0]), square(outs[1], "L")
        if a is not None:
            if known(a) and a[-2] > a[-1]:
                raise ShapeError(f"A {shape_text(a)} has more rows than columns (in C order)")
            lower = unify(lower, (*a[:-1], a[-2]))
        return [a], [a, lower]

    def infer_type(p, ins):
        return [ins[0] or np.dtype(np.float32)] * 2

    def compute(p, run, ins, outs):
        q, r = np.linalg.qr(transposed(ins[0]))
        outs[0][...] = transposed(q)
        outs[1][...] = transposed(r)

    def gradient(p, run, gs, ins, outs, igs):
        q, lower = outs
        gq = 0 if gs[0] is None else gs[0]
        m = np.zeros_like(lower) if gs[1] is None else np.matmul(transposed(lower), gs[1])
        if gs[0] is not None:
            m = m - np.matmul(gq, transposed(q))
        igs[0][...] = gq + np.matmul(mirrored(m), q)
        solve_triangular(lower, igs[0], igs[0], lower=True, transpose=True)


@op("_linalg_syevd", "linalg_syevd", keeps=("outs",))
class linalg_syevd:
    """Eigenvalues and eigenvectors of symmetric matrices: `A = U' diag(L) U`.

    Returns U, whose rows are the eigenvectors (in each the element largest in size is positive), and L, the
    eigenvalues in ascending order. Only the lower triangle of A is used. The gradient is not defined where
    eigenvalues coincide.
    """

    inputs = ("A",)
    outputs = ("output0", "output1")

    def infer_shape(p, ins, outs):
        a = square(unify(ins[0], outs[0]))
        return [a], [a, unify(outs[1], a and a[:-1])]

    def compute(p, run, ins, outs):
        outs[1][...], v = checked(
            lambda: np.linalg.eigh(ins[0], UPLO="L"), "linalg_syevd", "the eigenvalues of A do not converge"
        )
        u = transposed(v)
        largest = np.take_along_axis(u, np.abs(u).argmax(axis=-1)[..., None], axis=-1)
        outs[0][...] = np.where(largest < 0, -u, u)

    def gradient(p, run, gs, ins, outs, igs):
        u, values = outs
        n = u.shape[-1]
        y = np.zeros_like(u)
        if gs[0] is not None:
            x = np.matmul(gs[0], transposed(u))
            gap = values[..., :, None] - values[..., None, :]
            gap = np.maximum(gap, 1e-30 if gap.dtype == np.float32 else 1e-100)
            y = np.where(triangle(n, True) & ~np.eye(n, dtype=bool), (x - transposed(x)) / (2 * gap), 0)
            y = y + transposed(y)
        if gs[1] is not None:
            y = y + np.where(np.eye(n, dtype=bool), gs[1][..., None], 0)
        np.matmul(np.matmul(transposed(u), y), u, out=igs[0])


# ----------------------------------------------------------------------------------- inverse and determinants


@op("_linalg_inverse", "linalg_inverse", keeps=("outs",))
class linalg_inverse:
    """The inverse of square matrices. A singular one is an error."""

    inputs = ("A",)
    infer_shape = square_shape

    def compute(p, run, ins, outs):
        outs[0][...] = checked(
            lambda: np.linalg.inv(ins[0]), "linalg_inverse", "A has no inverse, it is singular"
        )

    def gradient(p, run, gs, ins, outs, igs):
        b = transposed(outs[0])
        np.matmul(np.matmul(b, gs[0]), -b, out=igs[0])


def _determinant_shape(p, ins, outs):
    """Shapes of operators whose hidden outputs are the LU factors and the row exchanges."""
    a = square(unify(ins[0], outs[-2]))
    s = unify(*outs[:-2], scalar_shape(a))
    return [a], [*[s] * len(outs[:-2]), a, a and a[:-1]]


def _determinant_type(visible):
    def infer_type(p, ins):
        a = ins[0] or np.dtype(np.float32)
        return [*[a] * visible, a, np.dtype(np.int32)]

    return infer_type


def _log_determinant(a, lu, pivot):
    """Factor; the sign of every determinant, and the logarithm of its absolute value."""
    (getrf,) = lazy_scipy.linalg.get_lapack_funcs(("getrf",), (a,))
    n = a.shape[-1]
    for x, factors, rows in zip(a.reshape(-1, n, n), lu.reshape(-1, n, n), pivot.reshape(-1, n)):
        factors[...], rows[...], _ = getrf(x)
    diagonal = np.diagonal(lu, axis1=-2, axis2=-1)
    exchanges = (pivot != np.arange(n)).sum(axis=-1)
    with np.errstate(divide="ignore"):
        return np.sign(diagonal).prod(axis=-1) * (1 - 2 * (exchanges % 2)), np.log(np.abs(diagonal)).sum(
            axis=-1
        )


def _inverse_gradient(lu, pivot, factor, regular, out):
    """out = factor inv(a)', and 0 for singular matrices."""
    (getri,) = lazy_scipy.linalg.get_lapack_funcs(("getri",), (lu,))
    n = lu.shape[-1]
    for factors, rows, f, good, x in zip(
        lu.reshape(-1, n, n), pivot.reshape(-1, n), factor.flat, regular.flat, out.reshape(-1, n, n)
    ):
        x[...] = getri(factors, rows)[0].T * f if good else 0


@op("_linalg_det", "linalg_det", keeps=("outs",))
class linalg_det:
    """The determinants of square matrices: one number per matrix, an array of one element for a single
    matrix. Singular matrices get a gradient of zero."""

    inputs = ("A",)
    outputs = ("output0",)
    hidden = ("lu", "pivot")
    infer_shape = _determinant_shape
    infer_type = _determinant_type(1)

    def compute(p, run, ins, outs):
        out, lu, pivot = outs
        sign, log = _log_determinant(ins[0], lu, pivot)
        out[...] = (sign * np.exp(log)).reshape(out.shape)

    def gradient(p, run, gs, ins, outs, igs):
        out, lu, pivot = outs
        _inverse_gradient(lu, pivot, gs[0] * out, out != 0, igs[0])


@op("_linalg_slogdet", "linalg_slogdet", keeps=("outs",))
class linalg_slogdet:
    """The signs of the determinants of square matrices, and the logarithms of their absolute values: two
    outputs of one number per matrix, arrays of one for a single matrix.

    A singular matrix has the sign 0 and the logarithm -Inf, and a gradient of zero. The sign has no gradient.
    """

    inputs = ("A",)
    outputs = ("output0", "output1")
    hidden = ("lu", "pivot")
    infer_shape = _determinant_shape
    infer_type = _determinant_type(2)

    def compute(p, run, ins, outs):
        *visible, lu, pivot = outs
        for out, x in zip(visible, _log_determinant(ins[0], lu, pivot)):
            out[...] = x.reshape(out.shape)

    def gradient(p, run, gs, ins, outs, igs):
        sign, _, lu, pivot = outs
        if gs[1] is None:
            igs[0][...] = 0
        else:
            _inverse_gradient(lu, pivot, gs[1], sign != 0, igs[0])
