"""Matrices: products (dot, batch_dot, khatri_rao) and diagonals."""

import numpy as np

from mxr.compiler.value import scatter_slice
from mxr.operator import REQUIRED, P, ShapeError, axis_of, op, size, unify


def _refuse_sparse(p):
    if p.forward_stype not in (None, "default"):
        raise ShapeError(
            f'forward_stype = "{p.forward_stype}" is a sparse result; mxr has dense arrays only: leave it out'
        )


_STYPES = ("csr", "default", "row_sparse")


@op("dot")
class Dot:
    """The product of two arrays: the last axis of `lhs` is summed against the first axis of `rhs`.

    `out[i..., k...] = sum over j of lhs[i..., j] * rhs[j, k...]`; for vectors the inner product, as an array
    of one element; for matrices the matrix product. `transpose_a` takes the first axis of `lhs` instead of
    its last, `transpose_b` the last axis of `rhs` instead of its first. In R, where dimensions are reversed,
    `dot(a, b)` of matrices is `b %*% a`.
    """

    transpose_a: bool = P(False, "Sum over the first axis of `lhs`.")
    transpose_b: bool = P(False, "Sum over the last axis of `rhs`.")
    forward_stype: str = P(None, "The storage of the result; only dense arrays exist here.", one_of=_STYPES)

    def infer_shape(p, ins, outs):
        _refuse_sparse(p)
        lhs, rhs = ins
        if lhs is None or rhs is None:
            return ins, outs
        if len(lhs) == len(rhs) == 1 and (p.transpose_a or p.transpose_b):
            raise ShapeError("vectors cannot be transposed")
        (a, left), (b, right) = _split(lhs, not p.transpose_a), _split(rhs, p.transpose_b)
        if a and b and a != b:
            raise ShapeError(f"an axis of size {a} cannot be summed against one of size {b}")
        return [_with(lhs, not p.transpose_a, b), _with(rhs, p.transpose_b, a)], [(*left, *right) or (1,)]

    def forward(p, lhs, rhs):
        (_, left), (_, right) = _split(lhs.shape, not p.transpose_a), _split(rhs.shape, p.transpose_b)
        return np.matmul(_flat(lhs, p.transpose_a, False), _flat(rhs, p.transpose_b, True)).reshape(
            (*left, *right) or (1,)
        )

    def backward(p, g, ins, outs):
        lhs, rhs = (_flat(x, t, r) for x, t, r in zip(ins, (p.transpose_a, p.transpose_b), (False, True)))
        g = g.reshape(lhs.shape[0], rhs.shape[1])
        a = np.matmul(rhs, g.T) if p.transpose_a else np.matmul(g, rhs.T)
        b = np.matmul(g.T, lhs) if p.transpose_b else np.matmul(lhs.T, g)
        return a.reshape(ins[0].shape), b.reshape(ins[1].shape)


def _split(shape, last):
    """(the size of the summed axis, the other dimensions)."""
    return (shape[-1], shape[:-1]) if last else (shape[0], shape[1:])


def _with(shape, last, n):
    """`shape` with the summed axis set to `n` if it is unknown."""
    return (*shape[:-1], shape[-1] or n) if last else (shape[0] or n, *shape[1:])


def _flat(x, transpose, right):
    """An operand as the matrix that is multiplied; transposed with `transpose`."""
    last = transpose if right else not transpose
    n, rest = _split(x.shape, last)
    m = x.reshape((size(rest), n) if last else (n, size(rest)))
    return m.T if transpose else m


@op("batch_dot")
class BatchDot:
    """The matrix products of two batches: `out[b...] = lhs[b...] times rhs[b...]`, matrices in the last two
    C-order axes.

    All dimensions before the last two must agree. `transpose_a`, `transpose_b` transpose every matrix first.
    """

    transpose_a: bool = P(False, "Transpose the matrices of `lhs`.")
    transpose_b: bool = P(False, "Transpose the matrices of `rhs`.")
    forward_stype: str = P(None, "The storage of the result; only dense arrays exist here.", one_of=_STYPES)

    def infer_shape(p, ins, outs):
        _refuse_sparse(p)
        lhs, rhs = ins
        if lhs is None or rhs is None:
            return ins, outs
        if len(lhs) != len(rhs) or len(lhs) < 3:
            raise ShapeError("both inputs must have the same number of dimensions, at least 3")
        batch = unify(lhs[:-2], rhs[:-2])
        m, k = lhs[:-3:-1] if p.transpose_a else lhs[-2:]
        k2, n = rhs[:-3:-1] if p.transpose_b else rhs[-2:]
        if k and k2 and k != k2:
            raise ShapeError(f"matrices with {k} columns cannot be multiplied with matrices of {k2} rows")
        k = k or k2
        return [
            (*batch, *((k, m) if p.transpose_a else (m, k))),
            (*batch, *((n, k) if p.transpose_b else (k, n))),
        ], [(*batch, m, n)]

    def forward(p, lhs, rhs):
        return np.matmul(_turned(lhs, p.transpose_a), _turned(rhs, p.transpose_b))

    def backward(p, g, ins, outs):
        lhs, rhs = _turned(ins[0], p.transpose_a), _turned(ins[1], p.transpose_b)
        a = np.matmul(rhs, _turned(g)) if p.transpose_a else np.matmul(g, _turned(rhs))
        b = np.matmul(_turned(g), lhs) if p.transpose_b else np.matmul(_turned(lhs), g)
        return a, b


def _turned(x, transpose=True):
    return x.swapaxes(-1, -2) if transpose else x


@op("khatri_rao", variadic="num_args")
class KhatriRao:
    """The column-wise Kronecker product of matrices with equal numbers of columns.

    Column k of the result is the Kronecker product of the columns k of all inputs; it has as many rows as the
    product of their numbers of rows. It has no gradient in MXNet.
    """

    num_args: int = P(REQUIRED, "The number of matrices; filled in from the call.", low=1)

    def infer_shape(p, ins, outs):
        if None in ins:
            return ins, outs
        if any(len(s) != 2 for s in ins):
            raise ShapeError("all inputs must be matrices")
        columns = unify(*((0, s[1]) for s in ins))[1]
        return [(s[0], columns) for s in ins], [(size(s[0] for s in ins), columns)]

    def forward(p, *data):
        out, *rest = data
        for x in rest:
            out = (out[:, None, :] * x[None, :, :]).reshape(out.shape[0] * x.shape[0], x.shape[1])
        return out


@op("diag")
class Diag:
    """The diagonal of the matrices in two axes of the data; for a vector, the matrix that has it as its
    diagonal.

    `out[..., i] = data[..., i, ..., i + k, ...]` with i along `axis1` and i + k along `axis2` (i - k and i
    where k is negative); the diagonal becomes the last axis. A vector of length n gives a square matrix of
    size n + |k|, zero elsewhere.
    """

    k: int = P(0, "The diagonal: 0 the main one, positive above it, negative below it.")
    axis1: int = P(0, "The axis of the rows.")
    axis2: int = P(1, "The axis of the columns.")

    def infer_shape(p, ins, outs):
        data = ins[0]
        if data is None or 0 in data:
            return ins, outs
        if len(data) == 1:
            return ins, [(data[0] + abs(p.k),) * 2]
        order = _diagonal_last(p, len(data))
        h, w = data[order[-2]], data[order[-1]]
        n = _diagonal(h, w, p.k)[1]
        if n < 1:
            raise ShapeError(f"a matrix of {h} rows and {w} columns has no diagonal {p.k}")
        return ins, [(*(data[a] for a in order[:-2]), n)]

    def forward(p, data):
        if data.ndim == 1:
            return _make_diagonal(data, (), (data.shape[0] + abs(p.k),) * 2, p.k)
        return _take_diagonal(data.transpose(_diagonal_last(p, data.ndim)), p.k)

    def backward(p, g, ins, outs):
        x = ins[0]
        if x.ndim == 1:
            return _take_diagonal(g, p.k)
        order = _diagonal_last(p, x.ndim)
        shape = tuple(x.shape[a] for a in order)
        return _make_diagonal(g, shape[:-2], shape[-2:], p.k).transpose(
            [order.index(a) for a in range(x.ndim)]
        )


def _diagonal_last(p, ndim):
    a, b = axis_of(p.axis1, ndim, "axis1"), axis_of(p.axis2, ndim, "axis2")
    if a == b:
        raise ShapeError("axis1 and axis2 must be two different axes")
    return (*(i for i in range(ndim) if i not in (a, b)), a, b)


def _diagonal(h, w, k):
    """The slice of the flattened matrix that is its diagonal `k`, and its length."""
    n = min(h, w - k) if k >= 0 else min(h + k, w)
    first = k if k >= 0 else -k * w
    return slice(first, first + (n - 1) * (w + 1) + 1, w + 1), n


def _take_diagonal(x, k):
    *batch, h, w = x.shape
    return x.reshape(*batch, h * w)[..., _diagonal(h, w, k)[0]]


def _make_diagonal(g, batch, matrix, k):
    h, w = matrix
    return scatter_slice(g, (*batch, h * w), (..., _diagonal(h, w, k)[0])).reshape(*batch, h, w)
