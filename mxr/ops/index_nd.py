"""Elements picked by indices for several axes (gather_nd), written to such places (scatter_nd), and flat
indices."""

import numpy as np

from mxr.operator import REQUIRED, MxError, P, Shape, ShapeError, known, op, shape_text, size, unify
from mxr.ops.index import add_rows


def _places(indices, shape, where, backwards=False):
    """The flat index in an array whose first dimensions are `shape`, for each column of indices. `backwards`:
    -1 is the last element."""
    flat = np.zeros(indices.shape[1:], np.int64)
    for axis, (index, n) in enumerate(zip(indices, shape)):
        if index.size:
            low, high = index.min(), index.max()
            if low < (-n if backwards else 0) or high > n - 1:
                bad = high if high > n - 1 else low
                raise MxError(
                    f"{where}: index {bad:g} is out of range: axis {axis} has {n} elements, counted from 0"
                )
        flat = flat * n + np.floor(index).astype(np.int64) % n
    return flat.ravel()


def _rows(x, axes):
    """`x` as a matrix: its first `axes` axes are the rows, the others the columns."""
    return x.reshape(size(x.shape[:axes]), size(x.shape[axes:]))


def _picked(data, indices):
    """The shape of the elements of `data` that `indices` pick (both are shapes)."""
    if len(indices) < 2:
        raise ShapeError(f"indices need at least 2 dimensions, not the shape {shape_text(indices)}")
    if indices[0] > len(data):
        raise ShapeError(f"indices for {indices[0]} axes do not fit data of shape {shape_text(data)}")
    return (*indices[1:], *data[indices[0] :]) if indices[0] else None


@op("gather_nd", keeps=("ins",))
class GatherNd:
    """Elements or slices of the data, picked by indices for its first axes.

    `out[y..., x...] = data[indices[0, y...], ..., indices[m - 1, y...],
    x...]` with m the size of the first C-order axis of `indices` (in R: its last dimension). Negative indices
    count from the end; others out of range are an error. The gradient of the data sums over equal indices;
    that of `indices` is zero.
    """

    inputs = ("data", "indices")
    own_types = ("indices",)

    def infer_shape(p, ins, outs):
        return ins, outs if None in ins else [_picked(*ins)]

    def compute(p, run, ins, outs):
        data, indices = ins
        m = len(indices)
        np.take(
            _rows(data, m),
            _places(indices, data.shape[:m], "gather_nd", True),
            axis=0,
            out=_rows(outs[0], indices.ndim - 1),
            mode="clip",
        )

    def gradient(p, run, gs, ins, outs, igs):
        data, indices = ins
        if igs[1] is not None:
            igs[1].fill(0)
        if igs[0] is not None:
            m = len(indices)
            igs[0].fill(0)
            add_rows(
                _rows(igs[0], m),
                _places(indices, data.shape[:m], "gather_nd", True),
                _rows(gs[0], indices.ndim - 1),
            )


def _scattered(p, data, indices, out):
    if data is not None and indices is not None and known(out):
        data = unify(data, _picked(out, indices))
    return data


@op("scatter_nd", keeps=("ins",))
class ScatterNd:
    """Zeros of shape `shape`, with the data written to the places that `indices` name: the reverse of
    `gather_nd`.

    `out[indices[0, y...], ..., indices[m - 1, y...], x...] = data[y..., x...]`. Of equal indices the last one
    counts; each of them gets the gradient of their place.
    """

    shape: Shape = P(REQUIRED, "The dimensions of the result.")

    inputs = ("data", "indices")
    own_types = ("indices",)

    def infer_shape(p, ins, outs):
        data, indices = ins
        return [_scattered(p, data, indices, p.shape), indices], [tuple(p.shape)]

    def compute(p, run, ins, outs):
        data, indices = ins
        m = len(indices)
        outs[0].fill(0)
        _rows(outs[0], m)[_places(indices, p.shape[:m], "scatter_nd")] = _rows(data, indices.ndim - 1)

    def gradient(p, run, gs, ins, outs, igs):
        indices = ins[1]
        if igs[0] is not None:
            m = len(indices)
            np.take(
                _rows(gs[0], m),
                _places(indices, p.shape[:m], "scatter_nd"),
                axis=0,
                out=_rows(igs[0], indices.ndim - 1),
                mode="clip",
            )
        if igs[1] is not None:
            igs[1].fill(0)


@op("_scatter_set_nd", keeps=())
class ScatterSetNd:
    """`lhs` with the values of `rhs` written to the places that `indices` name, as `scatter_nd` does with
    zeros."""

    shape: Shape = P(REQUIRED, "The dimensions of `lhs`.")

    inputs = ("lhs", "rhs", "indices")
    own_types = ("indices",)

    def infer_shape(p, ins, outs):
        lhs, rhs, indices = ins
        lhs = unify(lhs, outs[0], tuple(p.shape))
        return [lhs, _scattered(p, rhs, indices, lhs), indices], [lhs]

    def compute(p, run, ins, outs):
        lhs, rhs, indices = ins
        m = len(indices)
        np.copyto(outs[0], lhs)
        _rows(outs[0], m)[_places(indices, lhs.shape[:m], "_scatter_set_nd")] = _rows(rhs, indices.ndim - 1)


@op("_ravel_multi_index", "ravel_multi_index", zero_gradient=True)
class RavelMultiIndex:
    """Positions in an array of shape `shape`, from one index per axis to one flat index in C order.

    `out[j] = ((data[0, j] * shape[1] + data[1, j]) * shape[2] + ...)`. Column j of `data` (in R: row j) holds
    the indices of one element.
    """

    shape: Shape = P(None, "The dimensions of the array; the first may be -1.")

    def infer_shape(p, ins, outs):
        ndim = _ndim(p)
        data = unify(ins[0], (ndim, *outs[0]) if outs[0] else (ndim, 0))
        return [data], [data[1:]]

    def compute(p, run, ins, outs):
        flat = np.zeros(ins[0].shape[1], np.int64)
        for n, index in zip(p.shape, ins[0]):
            flat = flat * n + index.astype(np.int64)
        outs[0][...] = flat


@op("_unravel_index", "unravel_index", zero_gradient=True)
class UnravelIndex:
    """Positions in an array of shape `shape`, from one flat index in C order to one index per axis: column j
    of the result (in R: row j) holds the indices of element `data[j]`."""

    shape: Shape = P(None, "The dimensions of the array; the first may be -1.")

    def infer_shape(p, ins, outs):
        ndim = _ndim(p)
        out = unify(outs[0], (ndim, 0))
        if ins[0] is not None and len(ins[0]) != 1:
            raise ShapeError(f"the data must be a vector, not of shape {shape_text(ins[0])}")
        out = unify(out, (ndim, *ins[0]) if ins[0] else (ndim, 0))
        return [out[1:]], [out]

    def compute(p, run, ins, outs):
        flat = ins[0].astype(np.int64)
        for axis in range(len(p.shape) - 1, 0, -1):
            flat, outs[0][axis] = np.divmod(flat, p.shape[axis])
        outs[0][0] = flat


def _ndim(p):
    if not p.shape:
        raise ShapeError("shape is required: give the dimensions of the array that the indices are for")
    return len(p.shape)
