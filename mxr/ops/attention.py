"""Attention of transformers on interleaved projections, for models of GluonNLP."""

from __future__ import annotations

import numpy as np

from mxr.operator import REQUIRED, P, ShapeError, op, shape_text, unify


def _parts(x, heads: int, parts: int):
    """Projections (length, samples, heads * parts * size), interleaved by head, as `parts` arrays
    (samples * heads, length, size)."""
    length, samples, width = x.shape
    split = x.reshape(length, samples * heads, parts, width // (heads * parts))
    return [split[:, :, i].transpose(1, 0, 2) for i in range(parts)]


def _joined(parts):
    """The reverse of `_parts`, as (length, samples * heads, parts, size)."""
    return np.stack([x.transpose(1, 0, 2) for x in parts], axis=2)


def _heads(x, heads: int):
    """(length, samples, heads * size) as (samples * heads, length, size)."""
    length, samples, width = x.shape
    return x.reshape(length, samples * heads, width // heads).transpose(1, 0, 2)


def _check(name: str, shape, divisor: int) -> None:
    if len(shape) != 3:
        raise ShapeError(
            f"{name} must have 3 axes (length, samples, projections), not the shape {shape_text(shape)}"
        )
    if shape[2] % divisor:
        raise ShapeError(
            f"the last axis of {name}, of shape {shape_text(shape)}, must be a multiple of {divisor}, not "
            f"{shape[2]}"
        )


_HEADS = "number of attention heads"


@op("_contrib_interleaved_matmul_selfatt_qk")
class SelfattQk:
    """Scores of self-attention: `Q / sqrt(size) . K^T` of every head, from queries, keys and values
    interleaved in one array.

    The data is (length, samples, heads * 3 * size) in C order; the result (samples * heads, length, length).
    """

    heads: int = P(REQUIRED, _HEADS, low=1)

    inputs = ("queries_keys_values",)

    def infer_shape(p, ins, outs):
        if ins[0] is None:
            return ins, outs
        _check("queries_keys_values", ins[0], 3 * p.heads)
        n, b, _ = ins[0]
        return ins, [unify(outs[0], (b * p.heads, n, n))]

    def forward(p, x):
        q, k, _ = _parts(x, p.heads, 3)
        return np.matmul(q * float(1 / np.sqrt(q.shape[2])), k.transpose(0, 2, 1))

    def backward(p, g, ins, outs):
        q, k, v = _parts(ins[0], p.heads, 3)
        scale = float(1 / np.sqrt(q.shape[2]))
        return _joined(
            [np.matmul(g, k) * scale, np.matmul(g.transpose(0, 2, 1), q) * scale, v * 0.0]
        ).reshape(ins[0].shape)


@op("_contrib_interleaved_matmul_selfatt_valatt")
class SelfattValatt:
    """Values of self-attention weighted by `attention` (samples * heads, length, length), as (length,
    samples, heads * size)."""

    heads: int = P(REQUIRED, _HEADS, low=1)

    inputs = ("queries_keys_values", "attention")

    def infer_shape(p, ins, outs):
        if ins[0] is None:
            return ins, outs
        _check("queries_keys_values", ins[0], 3 * p.heads)
        n, b, width = ins[0]
        return [ins[0], unify(ins[1], (b * p.heads, n, n))], [unify(outs[0], (n, b, width // 3))]

    def forward(p, x, attention):
        v = _parts(x, p.heads, 3)[2]
        return np.matmul(attention, v).transpose(1, 0, 2).reshape(x.shape[0], x.shape[1], x.shape[2] // 3)

    def backward(p, g, ins, outs):
        x, attention = ins
        v = _parts(x, p.heads, 3)[2]
        head = _heads(g, p.heads)
        gv = np.matmul(attention.transpose(0, 2, 1), head)
        return _joined([gv * 0.0, gv * 0.0, gv]).reshape(x.shape), np.matmul(head, v.transpose(0, 2, 1))


@op("_contrib_interleaved_matmul_encdec_qk")
class EncdecQk:
    """Scores of attention between two sequences: `Q / sqrt(size) . K^T` of every head, keys and values
    interleaved in one array.

    `queries` is (length, samples, heads * size), `keys_values` (length of the other, samples, heads * 2 *
    size), in C order; the result (samples * heads, length, length of the other).
    """

    heads: int = P(REQUIRED, _HEADS, low=1)

    inputs = ("queries", "keys_values")

    def infer_shape(p, ins, outs):
        if None in ins:
            return ins, outs
        _check("queries", ins[0], p.heads)
        _check("keys_values", ins[1], 2 * p.heads)
        q = unify(ins[0], (0, ins[1][1], ins[1][2] // 2))
        return [q, ins[1]], [unify(outs[0], (q[1] * p.heads, q[0], ins[1][0]))]

    def forward(p, queries, keys_values):
        q, k = _heads(queries, p.heads), _parts(keys_values, p.heads, 2)[0]
        return np.matmul(q * float(1 / np.sqrt(q.shape[2])), k.transpose(0, 2, 1))

    def backward(p, g, ins, outs):
        q, (k, v) = _heads(ins[0], p.heads), _parts(ins[1], p.heads, 2)
        scale = float(1 / np.sqrt(q.shape[2]))
        gq = (np.matmul(g, k) * scale).transpose(1, 0, 2).reshape(ins[0].shape)
        return gq, _joined([np.matmul(g.transpose(0, 2, 1), q) * scale, v * 0.0]).reshape(ins[1].shape)


@op("_contrib_interleaved_matmul_encdec_valatt")
class EncdecValatt:
    """Values of the other sequence weighted by `attention` (samples * heads, length, length of the other), as
    (length, samples, heads * size)."""

    heads: int = P(REQUIRED, _HEADS, low=1)

    inputs = ("keys_values", "attention")

    def infer_shape(p, ins, outs):
        if None in ins:
            return ins, outs
        _check("keys_values", ins[0], 2 * p.heads)
        n, b, width = ins[0]
        attention = unify(ins[1], (b * p.heads, 0, n))
        return [ins[0], attention], [unify(outs[0], (attention[1], b, width // 2))]

    def forward(p, keys_values, attention):
        v = _parts(keys_values, p.heads, 2)[1]
        out = np.matmul(attention, v).transpose(1, 0, 2)
        return out.reshape(out.shape[0], keys_values.shape[1], keys_values.shape[2] // 2)

    def backward(p, g, ins, outs):
        x, attention = ins
        v = _parts(x, p.heads, 2)[1]
        head = _heads(g, p.heads)
        gv = np.matmul(attention.transpose(0, 2, 1), head)
        return _joined([gv * 0.0, gv]).reshape(x.shape), np.matmul(head, v.transpose(0, 2, 1))


@op("_contrib_div_sqrt_dim")
class DivSqrtDim:
    """The data divided by the square root of the length of its last C-order axis (in R: its first
    dimension)."""

    def forward(p, data):
        root = float(np.sqrt(data.shape[-1]))
        return data / (float(int(root)) if data.dtype.kind in "iu" else root)  # a number of the data's type

    def backward(p, g, ins, outs):
        return g / float(np.sqrt(ins[0].shape[-1]))
