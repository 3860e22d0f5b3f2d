"""Elements along one axis, picked by index (take, Embedding, pick ...), and indicators of indices (one_hot
...)."""

import numpy as np

from mxr.operator import (
    DTYPES,
    REQUIRED,
    Dtype,
    MxError,
    P,
    ShapeError,
    axis_of,
    known,
    op,
    shape_text,
    size,
    unify,
)
from mxr.runtime.lazy_scipy import sparsetools

NUMBERS = tuple(d for d in DTYPES if d != "bool")


def positions(index, n, mode="clip"):
    """`index` (floats mostly) as int64 from 0 to n - 1. Fractions are cut off. Indices out of range are
    clipped ("clip"), wrapped around ("wrap"), or an MxError ("raise"), as in MXNet."""
    i = index.astype(np.int64)
    if mode == "clip":
        return np.clip(i, 0, n - 1, out=i)
    if mode == "wrap":
        return np.remainder(i, n, out=i)
    if i.size and (i.min() < 0 or i.max() >= n):
        bad = i.min() if i.min() < 0 else i.max()
        raise MxError(
            f"take: index {bad} is out of range: there are {n} elements, counted from 0; mode = \"clip\" "
            "moves such indices to the nearest element"
        )
    return i


def add_rows(out, rows, values):
    """`out[rows[j]] += values[j]` for every j, in order; rows that occur several times add up. `out` (m, k),
    `values` (n, k), `rows` n indices."""
    if out.dtype == np.float16:
        wide = out.astype(np.float32)
        add_rows(wide, rows, values.astype(np.float32))
        out[...] = wide
        return
    loop = getattr(sparsetools, "csc_matvecs", None)
    if loop is None:
        np.add.at(out, rows.ravel(), values)
        return
    # A sparse matrix S (m, n) with S[rows[j], j] = 1, in CSC form; the loop computes out += S @ values. It is
    # private to SciPy. The public `csc_array @ values` makes a new array of the size of `out` first, and
    # takes 5 to 25 times as long for a batch of words; np.add.at takes 10 to 40 times as long.
    values = np.ascontiguousarray(values, out.dtype)
    (m, k), n = out.shape, len(values)
    column_starts, ones = np.arange(n + 1), np.ones(n, out.dtype)
    loop(m, n, k, column_starts, rows.ravel(), ones, values.ravel(), out.reshape(-1))


class _Embedding:
    """A row of `weight` for every index in `data`: a trainable vector per word, item or category.

    `out[..., :] = weight[data[...], :]`; `data` of shape (a, b) gives (a, b, output_dim). Indices count from
    0. Fractions are cut off; indices below 0 or above input_dim - 1 are moved to the nearest of these. The
    gradient of `weight` is the sum over all places where a row was used; `data` has none.
    """

    input_dim: int = P(REQUIRED, "The number of rows of `weight`, so of different indices.", low=1)
    output_dim: int = P(REQUIRED, "The length of a row.", low=1)
    dtype: Dtype = P("float32", "The element type of `weight`.", one_of=NUMBERS)
    sparse_grad: bool = P(False, "Kept for compatibility; gradients are dense here.", ignored=True)

    inputs = ("data", "weight")
    own_types = ("data",)

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


op("Embedding", keeps=("ins",))(_Embedding)
op("_contrib_SparseEmbedding", keeps=("ins",))(
    type(
        "SparseEmbedding",
        (),
        {
            **vars(_Embedding),
            "__doc__": "`Embedding` under its old name. Its gradient is dense here, "
            "where MXNet has it in sparse storage only.",
        },
    )
)


@op("_contrib_boolean_mask")
class BooleanMask:
    """The rows of `data` (along its first C-order axis; in R: the last dimension) whose `index` is not 0.

    How many there are depends on the values, so the operator works on arrays only: a symbol with it cannot be
    bound, here as in MXNet. In a symbol, multiply by the mask, or pick rows with `take`.
    """

    axis: int = P(0, "the axis, which must be 0", low=0, high=0)

    inputs = ("data", "index")
    own_types = ("index",)

    def infer_shape(p, ins, outs):
        data, index = ins
        if data is not None:
            index = unify(index, data[:1])
        return [data, index], outs

    def forward(p, data, index):
        return data[index != 0]


@op("take", keeps=("ins",))
class Take:
    """Slices of `a` along one axis, picked by index: `out[..., i..., ...] = a[..., indices[i...], ...]`.

    The axis is replaced by the axes of `indices`. Indices count from 0; fractions are cut off. An index out
    of range is moved to the nearest element with `mode` `"clip"`, wrapped around with `"wrap"` (-1 is the
    last element), an error with `"raise"`. The gradient of `a` is the sum over all places where an element
    was used; that of `indices` is zero.
    """

    axis: int = P(0, "The axis along which to pick; negative counts from the last.")
    mode: str = P("clip", "The treatment of indices out of range.", one_of=("clip", "raise", "wrap"))

    inputs = ("a", "indices")
    own_types = ("indices",)

    def infer_shape(p, ins, outs):
        a, indices = ins
        if a is None or indices is None:
            return ins, outs
        axis = axis_of(p.axis, len(a), "axis")
        return ins, [(*a[:axis], *indices, *a[axis + 1 :])]

    def compute(p, run, ins, outs):
        a, indices = ins
        axis = p.axis % a.ndim
        np.take(a, positions(indices, a.shape[axis], p.mode), axis=axis, out=outs[0], mode="clip")

    def gradient(p, run, gs, ins, outs, igs):
        a, indices = ins
        if igs[1] is not None:
            igs[1].fill(0)
        if igs[0] is None:
            return
        axis = p.axis % a.ndim
        n, before, after = a.shape[axis], size(a.shape[:axis]), size(a.shape[axis + 1 :])
        rows = positions(indices, n, p.mode).ravel()
        if before > 1:
            rows = np.arange(before)[:, None] * n + rows
        igs[0].fill(0)
        add_rows(igs[0].reshape(before * n, after), rows, gs[0].reshape(rows.size, after))


@op("batch_take", keeps=())
class BatchTake:
    """One element of every row: `out[i] = a[i, indices[i]]`. Indices out of range are moved to the nearest
    element.

    `pick` does the same, with a gradient and more options.
    """

    inputs = ("a", "indices")
    own_types = ("indices",)

    def infer_shape(p, ins, outs):
        a, indices = ins[0], unify(ins[1], outs[0])
        if a is not None and len(a) < 2:
            raise ShapeError(f"a needs at least 2 dimensions, not the shape {shape_text(a)}")
        if known(a) and known(indices) and size(a[:-1]) != size(indices):
            raise ShapeError(
                f"indices need one number for each row of a: a of shape {shape_text(a)} has "
                f"{size(a[:-1])} rows, indices of shape {shape_text(indices)} have {size(indices)} numbers"
            )
        return [a, indices], [indices]

    def compute(p, run, ins, outs):
        rows = ins[0].reshape(-1, ins[0].shape[-1])
        outs[0].reshape(-1)[...] = rows[np.arange(len(rows)), positions(ins[1], rows.shape[1]).ravel()]


@op("pick", "choose_element_0index", keeps=("ins",))
class Pick:
    """One element along an axis, picked by index: `out[i..., k...] = data[i..., index[i..., k...], k...]`.

    `index` has the shape of the data without the axis, or with size 1 there. Fractions are cut off. Indices
    out of range are moved to the nearest element (`"clip"`) or wrapped around (`"wrap"`). The gradient of
    `index` is zero.
    """

    axis: int = P(-1, "The axis along which to pick; negative counts from the last.", none=True)
    keepdims: bool = P(False, "Keep the axis, with size 1.")
    mode: str = P("clip", "The treatment of indices out of range.", one_of=("clip", "wrap"))

    inputs = ("data", "index")
    own_types = ("index",)

    def infer_shape(p, ins, outs):
        data, index = ins
        if p.axis is None:
            raise ShapeError("axis = None is not supported; name an axis")
        if data is None:
            return ins, outs
        axis = axis_of(p.axis, len(data), "axis")
        kept, less = (*data[:axis], 1, *data[axis + 1 :]), (*data[:axis], *data[axis + 1 :]) or (1,)
        index = unify(index, kept if index is not None and len(index) == len(data) else less)
        return [data, index], [kept if p.keepdims else less]

    def compute(p, run, ins, outs):
        i, axis = _along(p, ins)
        outs[0][...] = np.take_along_axis(ins[0], i, axis).reshape(outs[0].shape)

    def gradient(p, run, gs, ins, outs, igs):
        if igs[0] is not None:
            i, axis = _along(p, ins)
            igs[0].fill(0)
            np.put_along_axis(igs[0], i, gs[0].reshape(i.shape), axis)
        if igs[1] is not None:
            igs[1].fill(0)


def _along(p, ins):
    """(the indices as whole numbers, with size 1 along the axis; the axis)."""
    data, index = ins
    axis = p.axis % data.ndim
    shape = (*data.shape[:axis], 1, *data.shape[axis + 1 :])
    return positions(index, data.shape[axis], p.mode).reshape(shape), axis


@op("fill_element_0index", keeps=())
class FillElement:
    """A matrix with one element of every row replaced: `out = lhs`, but `out[i, rhs[i]] = mhs[i]`.

    A row whose index is out of range is not changed.
    """

    inputs = ("lhs", "mhs", "rhs")
    own_types = ("mhs", "rhs")

    def infer_shape(p, ins, outs):
        lhs = unify(ins[0], outs[0])
        if lhs is None:
            return ins, outs
        if len(lhs) != 2:
            raise ShapeError(f"lhs must be a matrix, not of shape {shape_text(lhs)}")
        return [lhs, unify(ins[1], lhs[:1]), unify(ins[2], lhs[:1])], [lhs]

    def compute(p, run, ins, outs):
        np.copyto(outs[0], ins[0])
        rows, columns = _hits(ins[2], outs[0].shape[1])
        outs[0][rows, columns] = ins[1][rows]


# ------------------------------------------------------------------------------------------ indicators


@op("one_hot", zero_gradient=True)
class OneHot:
    """Indices as indicator vectors: along a new last axis `on_value` at the index and `off_value` elsewhere.

    `out[..., k] = on_value if indices[...] == k, else off_value`, k = 0, ..., depth - 1. Fractions are cut
    off; an index out of range gives a row of `off_value`. In R the new axis is the first dimension.
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
        outs[0].fill(p.off_value)
        outs[0].reshape(-1, p.depth)[_hits(ins[0], p.depth)] = p.on_value


def _hits(index, n):
    """(the rows whose index is within 0 to n - 1, these indices)."""
    index = index.astype(np.int64).ravel()
    rows = np.flatnonzero((index >= 0) & (index < n))
    return rows, index[rows]


@op("_onehot_encode", keeps=())
class OnehotEncode:
    """Indices as indicator vectors, in the shape of `rhs`: `out[i, lhs[i]] = 1`, zero elsewhere.

    An index out of range gives a row of zeros. The values of `rhs` do not matter.
    """

    inputs = ("lhs", "rhs")
    own_types = ("lhs", "rhs")

    def infer_shape(p, ins, outs):
        out = unify(ins[1], outs[0])
        if out is None:
            return ins, outs
        if len(out) != 2:
            raise ShapeError(f"rhs must be a matrix, not of shape {shape_text(out)}")
        return [unify(ins[0], out[:1]), out], [out]

    def compute(p, run, ins, outs):
        outs[0].fill(0)
        outs[0][_hits(ins[0], outs[0].shape[1])] = 1
