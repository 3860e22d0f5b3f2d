"""Products of matrices: dot, batch_dot, khatri_rao."""
import numpy as np

from mxr.op import P, ShapeError, op, size


def _refuse_sparse(p):
    if p.forward_stype not in (None, "default"):
        raise ShapeError(f'forward_stype = "{p.forward_stype}" asks for a sparse result; mxr has dense arrays only')


_STYPES = ("csr", "default", "row_sparse")


@op("dot")
class Dot:
    """The product of two arrays: the last axis of `lhs` is summed against the first axis of `rhs`.

    `out[i..., k...] = sum over j of lhs[i..., j] * rhs[j, k...]`; for vectors the inner product, as an array of one
    element; for matrices the matrix product. `transpose_a` takes the first axis of `lhs` instead of its last,
    `transpose_b` the last axis of `rhs` instead of its first. In R, where dimensions are reversed, `dot(a, b)`
    of matrices is `b %*% a`.
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
        return np.matmul(_flat(lhs, p.transpose_a, False), _flat(rhs, p.transpose_b, True)).reshape((*left, *right) or (1,))

    def backward(p, g, ins, outs):
        lhs, rhs = (_flat(x, t, r) for x, t, r in zip(ins, (p.transpose_a, p.transpose_b), (False, True)))
        g = g.reshape(lhs.shape[0], rhs.shape[1])
        a = np.matmul(rhs, g.T) if p.transpose_a else np.matmul(g, rhs.T)
        b = np.matmul(g.T, lhs) if p.transpose_b else np.matmul(lhs.T, g)
        return a.reshape(ins[0].shape), b.reshape(ins[1].shape)


def _split(shape, last):
    """The size of the axis that is summed, and the other dimensions."""
    return (shape[-1], shape[:-1]) if last else (shape[0], shape[1:])


def _with(shape, last, n):
    """`shape` with the summed axis set to `n` where it was unknown."""
    return (*shape[:-1], shape[-1] or n) if last else (shape[0] or n, *shape[1:])


def _flat(x, transpose, right):
    """An operand as the matrix that is multiplied, transposed if asked for."""
    last = transpose if right else not transpose
    n, rest = _split(x.shape, last)
    m = x.reshape((size(rest), n) if last else (n, size(rest)))
    return m.T if transpose else m
