"""Ordering and counting: topk, sort, argsort, cumsum, histogram."""

import numpy as np

from mxr.operator import (
    DTYPES,
    Dtype,
    Floats,
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

INDEX_TYPES = tuple(d for d in DTYPES if d not in ("int8", "bool"))
_AXIS = "The axis; negative counts from the last. None: the data are flattened first."


def _last(x, axis):
    """`x` with `axis` moved to the end; flattened if `axis` is None."""
    return x.reshape(-1) if axis is None else np.moveaxis(x, axis, -1)


def _first(x, k, is_ascend):
    """The positions of the first `k` elements along the last axis in sorted order; equal elements keep their
    order."""
    n = x.shape[-1]
    if k == 1:
        return (x.argmin if is_ascend else x.argmax)(axis=-1)[..., None]
    if 8 * k <= n and not np.isnan(x).any():
        # Choose the elements beyond the k-th value, and the first ones equal to it up to k elements. Sorting
        # only these is much cheaper.
        kth = np.partition(x, k - 1 if is_ascend else n - k, -1)[..., k - 1 if is_ascend else n - k, None]
        beyond, equal = (x < kth if is_ascend else x > kth), x == kth
        room = k - beyond.sum(-1, keepdims=True)
        chosen = np.nonzero(beyond | (equal & (equal.cumsum(-1) <= room)))[-1].reshape(*x.shape[:-1], k)
        order = _sorted(np.take_along_axis(x, chosen, -1), is_ascend)
        return np.take_along_axis(chosen, order, -1)
    return _sorted(x, is_ascend)[..., :k]


def _sorted(x, is_ascend):
    """The positions of all elements along the last axis in sorted order; equal elements keep their order."""
    if is_ascend:
        return np.argsort(x, -1, kind="stable")
    return (x.shape[-1] - 1 - np.argsort(x[..., ::-1], -1, kind="stable"))[..., ::-1]


def _check_type(dtype, n):
    """ShapeError unless `dtype` can hold positions up to n - 1."""
    kind = np.dtype(dtype)
    most = 2 ** (np.finfo(kind).nmant + 1) if kind.kind == "f" else np.iinfo(kind).max
    if n - 1 > most:
        raise ShapeError(f'dtype = "{dtype}" cannot hold positions up to {n - 1}; take "int32"')


def _scatter(ig, g, order, axis):
    """ig = the gradient of values that were taken at the positions `order` along `axis`."""
    ig.fill(0)
    np.put_along_axis(_last(ig, axis), order, _last(g, axis), -1)


# ------------------------------------------------------------------------------------------------ sorting


@op("topk", keeps=("outs",))
class TopK:
    """The `k` largest (or smallest) elements along an axis, largest (smallest) first.

    `ret_typ` says what is returned: their `"value"`s, their `"indices"` counted from 0, a `"mask"` of the
    shape of the data with 1 where they are, or `"both"`, values and indices, as two outputs. Among equal
    elements the one that comes first is taken first (MXNet leaves that open for long axes). Values have a
    gradient; indices and masks have gradient zero.
    """

    axis: int = P(-1, _AXIS, none=True)
    k: int = P(1, "How many; below 1: all of them.")
    ret_typ: str = P("indices", "What to return.", one_of=("both", "indices", "mask", "value"))
    is_ascend: bool = P(False, "Take the smallest instead of the largest.")
    dtype: Dtype = P("float32", "The element type of the indices.", one_of=INDEX_TYPES)

    def outputs(p):
        return {"both": ("output0", "output1"), "value": ("output0",)}.get(p.ret_typ, ("output",))

    def hidden(p):
        return ("indices",) if p.ret_typ == "value" else ()

    def infer_shape(p, ins, outs):
        data = ins[0]
        if not known(data):
            return ins, outs
        axis = None if p.axis is None else axis_of(p.axis, len(data), "axis")
        n = size(data) if axis is None else data[axis]
        k = n if p.k < 1 else p.k
        if k > n:
            raise ShapeError(f"k = {k} is more than the {n} elements there are")
        if p.ret_typ in ("indices", "both"):
            _check_type(p.dtype, n)
        if p.ret_typ == "mask":
            return ins, [data]
        return ins, [(k,) if axis is None else (*data[:axis], k, *data[axis + 1 :])] * len(outs)

    def infer_type(p, ins):
        data = ins[0] or np.dtype(np.float32)
        return {
            "indices": [np.dtype(p.dtype)],
            "both": [data, np.dtype(p.dtype)],
            "value": [data, np.dtype(np.int64)],
            "mask": [data],
        }[p.ret_typ]

    def compute(p, run, ins, outs):
        x = _last(ins[0], p.axis)
        order = _first(x, min(p.k, x.shape[-1]) if p.k > 0 else x.shape[-1], p.is_ascend)
        if p.ret_typ == "mask":
            outs[0].fill(0)
            np.put_along_axis(_last(outs[0], p.axis), order, 1, -1)
            return
        if p.ret_typ != "indices":
            _last(outs[0], p.axis)[...] = np.take_along_axis(x, order, -1)
        if p.ret_typ != "value" or len(outs) > 1:
            _last(outs[-1], p.axis)[...] = order

    def gradient(p, run, gs, ins, outs, igs):
        if p.ret_typ in ("indices", "mask") or gs[0] is None:
            igs[0].fill(0)
        else:
            _scatter(igs[0], gs[0], _last(outs[-1], p.axis).astype(np.int64), p.axis)


@op("sort", keeps=())
class Sort:
    """The data sorted along an axis."""

    axis: int = P(-1, _AXIS, none=True)
    is_ascend: bool = P(True, "Smallest first; otherwise largest first.")

    outputs = ("output0",)
    hidden = ("indices",)

    def infer_shape(p, ins, outs):
        return ins, [_whole(p, ins[0])] * 2

    def infer_type(p, ins):
        return [ins[0] or np.dtype(np.float32), np.dtype(np.int64)]

    def compute(p, run, ins, outs):
        x = _last(ins[0], p.axis)
        order = _sorted(x, p.is_ascend)
        _last(outs[0], p.axis)[...] = np.take_along_axis(x, order, -1)
        _last(outs[1], p.axis)[...] = order

    def gradient(p, run, gs, ins, outs, igs):
        _scatter(igs[0], gs[0], _last(outs[1], p.axis), p.axis)


@op("argsort", zero_gradient=True)
class Argsort:
    """The positions, counted from 0, of the elements in sorted order along an axis; equal elements keep their
    order."""

    axis: int = P(-1, _AXIS, none=True)
    is_ascend: bool = P(True, "Smallest first; otherwise largest first.")
    dtype: Dtype = P("float32", "The element type of the positions.", one_of=INDEX_TYPES)

    def infer_shape(p, ins, outs):
        out = _whole(p, ins[0])
        if out is not None:
            _check_type(p.dtype, out[-1 if p.axis is None else p.axis])
        return ins, [out]

    def infer_type(p, ins):
        return [np.dtype(p.dtype)]

    def compute(p, run, ins, outs):
        _last(outs[0], p.axis)[...] = _sorted(_last(ins[0], p.axis), p.is_ascend)


def _whole(p, shape):
    """The shape of a result that has all elements."""
    if shape is None:
        return None
    if p.axis is None:
        return (size(shape),)
    axis_of(p.axis, len(shape), "axis")
    return shape


# -------------------------------------------------------------------------------------------- sums and counts


@op("_np_cumsum", "cumsum", keeps=())
class Cumsum:
    """Running sums along an axis: `out[..., i, ...] = a[..., 0, ...] + ... + a[..., i, ...]`."""

    axis: int = P(None, _AXIS)
    dtype: Dtype = P(
        None,
        "The element type of the result; None: that of the data.",
        one_of=("float16", "float32", "float64", "int32", "int64", "int8"),
    )

    inputs = ("a",)

    def infer_shape(p, ins, outs):
        a = unify(ins[0], *(outs if p.axis is not None else ()))
        return [a], [unify(outs[0], _whole(p, a))]

    def infer_type(p, ins):
        return [np.dtype(p.dtype) if p.dtype else ins[0] or np.dtype(np.float32)]

    def compute(p, run, ins, outs):
        np.cumsum(ins[0], p.axis, outs[0].dtype, outs[0])

    def gradient(p, run, gs, ins, outs, igs):
        g = _last(gs[0], p.axis)[..., ::-1]
        _last(igs[0], p.axis)[..., ::-1] = np.cumsum(g, -1, igs[0].dtype)


@op("_histogram", keeps=())
class Histogram:
    """How many elements lie in each bin: the counts, and the bounds of the bins.

    The bins are given as their increasing bounds `bins`, or as `bin_cnt` bins of equal width over `range`. A
    bin holds its lower bound; the last one its upper bound too. Elements outside all bins are not counted.
    """

    bin_cnt: int = P(None, "The number of bins of equal width.", low=1)
    range: Floats = P(None, "The lowest and the highest bound, with `bin_cnt`.")

    outputs = ("output0", "output1")

    def inputs(p):
        return ("data", "bins") if p.bin_cnt is None else ("data",)

    def infer_shape(p, ins, outs):
        if (p.bin_cnt is None) != (p.range is None) or (
            p.range is not None and (len(p.range) != 2 or p.range[0] > p.range[1])
        ):
            raise ShapeError("give bins, or both bin_cnt and range, from low to high")
        if p.bin_cnt is not None:
            return ins, [(p.bin_cnt,), (p.bin_cnt + 1,)]
        if ins[1] is None:
            return ins, outs
        if len(ins[1]) != 1 or ins[1][0] == 1:
            raise ShapeError(f"bins must be a vector of at least 2 bounds, not of shape {shape_text(ins[1])}")
        return ins, [(ins[1][0] and ins[1][0] - 1,), ins[1]]

    def infer_type(p, ins):
        return [np.dtype(np.int64), ins[0] or np.dtype(np.float32)]

    def compute(p, run, ins, outs):
        counts, bounds = outs
        if p.bin_cnt is None:
            bounds[...] = ins[1]
        else:
            low, high = p.range
            if low == high:
                low, high = low - 0.5, high + 0.5
            i = np.arange(p.bin_cnt + 1)
            bounds[...] = (high * i + (p.bin_cnt - i) * low) / p.bin_cnt
        if (np.diff(bounds) < 0).any():
            raise MxError("_histogram: bins must increase")
        counts[...] = np.histogram(ins[0], bounds)[0]
