"""Picking elements by index, and putting them back: take, Embedding, pick, gather_nd, one_hot and their relatives."""
import numpy as np
from scipy.sparse import _sparsetools

from mxr.op import DTYPES, REQUIRED, Dtype, MxError, P, op, unify

NUMBERS = tuple(d for d in DTYPES if d != "bool")


def positions(index, n, mode="clip"):
    """`index`, floats mostly, as whole numbers from 0 to n - 1: cut off, clipped or wrapped around as MXNet does."""
    i = index.astype(np.int64)
    if mode == "clip":
        return np.clip(i, 0, n - 1, out=i)
    if mode == "wrap":
        return np.remainder(i, n, out=i)
    if i.size and (i.min() < 0 or i.max() >= n):
        bad = i.min() if i.min() < 0 else i.max()
        raise MxError(f"index {bad} is out of range: there are {n} elements")
    return i


def add_rows(out, rows, values):
    """`out[rows[j]] += values[j]` for every j in order, for matrices; equal rows add up."""
    if out.dtype == np.float16:
        wide = out.astype(np.float32)
        add_rows(wide, rows, values.astype(np.float32))
        out[...] = wide
        return
    values = np.ascontiguousarray(values, out.dtype)
    count = len(values)
    # a sparse matrix with one 1 per column, times the values: the one compiled loop of SciPy that does just this
    _sparsetools.csc_matvecs(out.shape[0], count, out.shape[1], np.arange(count + 1), rows.ravel(),
                             np.ones(count, out.dtype), values.ravel(), out.reshape(-1))


@op("Embedding", keeps=("ins",))
class Embedding:
    """A row of `weight` for every index in `data`: a trainable vector per word, item or category.

    `out[..., :] = weight[data[...], :]`; `data` of shape (a, b) gives (a, b, output_dim). Indices count from 0; fractions
    are cut off, and what is below 0 or above input_dim - 1 is moved to the nearest of these. The gradient of `weight` sums
    over all places where a row was used; `data` has none.
    """
    input_dim: int = P(REQUIRED, "The number of rows of `weight`: how many different indices there are.", low=1)
    output_dim: int = P(REQUIRED, "The length of a row.", low=1)
    dtype: Dtype = P("float32", "The element type of `weight`.", one_of=NUMBERS)
    sparse_grad: bool = P(False, "Kept for compatibility; gradients are dense here.", ignored=True)

    inputs = ("data", "weight")

    def infer_shape(p, ins, outs):
        data, out = ins[0], outs[0]
        if data is not None:
            out = unify(out, (*data, p.output_dim))
        return [out and out[:-1], unify(ins[1], (p.input_dim, p.output_dim))], [out]

    def infer_type(p, ins):
        return [ins[1] or np.dtype(p.dtype)]

    def compute(p, run, ins, outs):
        data, weight = ins
        np.take(weight, positions(data, p.input_dim), axis=0, out=outs[0], mode="clip")

    def gradient(p, run, gs, ins, outs, igs):
        if igs[0] is not None:
            igs[0].fill(0)
        if igs[1] is not None:
            igs[1].fill(0)
            if gs[0] is not None:
                add_rows(igs[1], positions(ins[0], p.input_dim), gs[0].reshape(-1, p.output_dim))


@op("one_hot", zero_gradient=True)
class OneHot:
    """Indices as indicator vectors: along a new last axis `on_value` at the index and `off_value` elsewhere.

    `out[..., k] = on_value if indices[...] == k, else off_value`, k = 0, ..., depth - 1. Fractions are cut off; an index that
    is out of range gives a row of `off_value`. In R the new axis is the first dimension.
    """
    depth: int = P(REQUIRED, "The length of the new axis.", low=1)
    on_value: float = P(1.0, "The value at the index.")
    off_value: float = P(0.0, "The value everywhere else.")
    dtype: Dtype = P("float32", "The element type of the result.", one_of=NUMBERS)

    inputs = ("indices",)

    def infer_shape(p, ins, outs):
        if outs[0] is not None:
            ins = [unify(ins[0], outs[0][:-1])]
        return ins, outs if ins[0] is None else [(*ins[0], p.depth)]

    def infer_type(p, ins):
        return [np.dtype(p.dtype)]

    def compute(p, run, ins, outs):
        index = ins[0].astype(np.int64).ravel()
        out = outs[0].reshape(index.size, p.depth)
        out.fill(p.off_value)
        rows = np.flatnonzero((index >= 0) & (index < p.depth))
        out[rows, index[rows]] = p.on_value
