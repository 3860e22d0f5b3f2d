"""Small operators of MXNet's contrib: straight-through gradients, indices, comparisons, sums of gradients."""

from __future__ import annotations

import numpy as np

import mxr.ops.join  # noqa: F401  (declares Concat)
from mxr.operator import REQUIRED, MxError, P, Shape, axis_of, op, registry, unify

_CONCAT = registry["Concat"]


@op("_contrib_quadratic")
class Quadratic:
    """`a * x^2 + b * x + c`, element by element."""

    a: float = P(0.0, "the factor of the square")
    b: float = P(0.0, "the factor")
    c: float = P(0.0, "the constant")

    def forward(p, data):
        return p.a * data * data + p.b * data + p.c

    def backward(p, g, ins, outs):
        return g * (2 * p.a * ins[0] + p.b)


@op("_contrib_gradientmultiplier")
class GradientMultiplier:
    """The data, unchanged. Its gradient is multiplied by `scalar`; a negative one reverses it."""

    scalar: float = P(1.0, "the factor of the gradient")
    is_int: bool = P(True, "has no effect")

    def forward(p, data):
        return data

    def backward(p, g, ins, outs):
        return g * p.scalar


@op("_contrib_round_ste")
class RoundSte:
    """The nearest whole number, halves away from 0. The gradient passes unchanged (straight-through)."""

    def forward(p, data):
        return np.trunc(data + np.where(data < 0, -0.5, 0.5).astype(data.dtype))

    def backward(p, g, ins, outs):
        return g


@op("_contrib_sign_ste")
class SignSte:
    """The sign, -1, 0 or 1. The gradient passes unchanged (straight-through)."""

    def forward(p, data):
        return np.sign(data)

    def backward(p, g, ins, outs):
        return g


@op("_grad_add")
class GradAdd:
    """The sum of two gradients, element by element; MXNet writes it into graphs of gradients."""

    inputs = ("lhs", "rhs")

    def forward(p, lhs, rhs):
        return lhs + rhs

    def backward(p, g, ins, outs):
        return g, g


@op("_contrib_arange_like", zero_gradient=True)
class ArangeLike:
    """`start`, `start + step`, ... in the shape of the data, or as long as its `axis`; each number `repeat`
    times."""

    start: float = P(0.0, "the first number")
    step: float = P(1.0, "the difference")
    repeat: int = P(1, "how often each number comes", low=1)
    ctx: str = P("", "has no effect", ignored=True)
    axis: int = P(None, "the axis that gives the length; None: the number of all elements")

    def infer_shape(p, ins, outs):
        if ins[0] is None:
            return ins, outs
        return ins, [ins[0] if p.axis is None else (ins[0][axis_of(p.axis, len(ins[0]), "axis")],)]

    def compute(p, run, ins, outs):
        out = outs[0].reshape(-1)
        start, step = p.start, p.step
        if out.dtype not in (np.float32, np.float64):  # MXNet cuts off their fractions, in half precision too
            start, step = int(start), int(step)
        out[...] = start + (np.arange(out.size) // p.repeat) * step


@op("_contrib_index_array", zero_gradient=True)
class IndexArray:
    """The indices of every element of the data, as whole numbers along a further last C-order axis (in R: the
    first dimension)."""

    axes: Shape = P(None, "the axes to give indices for; all by default")

    infer_type = lambda p, ins: [np.dtype(np.int64)]
    own_types = ("data",)

    def infer_shape(p, ins, outs):
        if ins[0] is None:
            return ins, outs
        return ins, [(*ins[0], len(ins[0]) if p.axes is None else len(p.axes))]

    def compute(p, run, ins, outs):
        n = ins[0].ndim
        axes = range(n) if p.axes is None else [axis_of(a, n, "axes") for a in p.axes]
        grid = np.indices(ins[0].shape)
        for i, axis in enumerate(axes):
            outs[0][..., i] = grid[axis]


@op("_contrib_index_copy", keeps=("ins",))
class IndexCopy:
    """`old_tensor` with the rows `index_vector` (along the first C-order axis) replaced by those of
    `new_tensor`."""

    inputs = ("old_tensor", "index_vector", "new_tensor")
    own_types = ("index_vector",)

    def infer_shape(p, ins, outs):
        old, index, new = unify(ins[0], outs[0]), ins[1], ins[2]
        if old is not None and index is not None:
            new = unify(new, (*index[:1], *old[1:]))
        return [old, index, new], [old]

    def compute(p, run, ins, outs):
        outs[0][...] = ins[0]
        outs[0][_rows_of(ins[1], len(ins[0]))] = ins[2]

    def gradient(p, run, gs, ins, outs, igs):
        at = _rows_of(ins[1], len(ins[0]))
        if igs[0] is not None:
            igs[0][...] = gs[0]
            igs[0][at] = 0
        if igs[1] is not None:
            igs[1][...] = 0
        if igs[2] is not None:
            igs[2][...] = gs[0][at]


def _rows_of(index: np.ndarray, n: int) -> np.ndarray:
    at = index.astype(np.int64).ravel()
    if at.size and (at.min() < 0 or at.max() >= n):
        raise MxError(
            f"index {at.min() if at.min() < 0 else at.max()} is out of range: there are {n} rows, "
            "counted from 0"
        )
    return at


@op("_contrib_allclose", zero_gradient=True)
class AllClose:
    """1 if the elements of two arrays differ by at most `atol + rtol * abs(b)`, else 0."""

    rtol: float = P(1e-5, "the relative difference that is allowed")
    atol: float = P(1e-8, "the absolute difference that is allowed")
    equal_nan: bool = P(True, "two NaN are equal")

    inputs = ("a", "b")
    infer_type = lambda p, ins: [np.dtype(np.uint8)]

    def infer_shape(p, ins, outs):
        s = unify(*ins)
        return [s, s], [()]

    def compute(p, run, ins, outs):
        a, b = ins
        outs[0][...] = np.allclose(a, b, rtol=p.rtol, atol=p.atol, equal_nan=p.equal_nan)


@op("_rnn_param_concat", variadic="num_args")
class RnnParamConcat:
    """Joins parameters of a recurrent layer along the axis `dim`, as `Concat` does."""

    num_args: int = P(REQUIRED, "how many arrays", low=1)
    dim: int = P(1, "the axis")

    infer_shape, forward, backward = _CONCAT.infer_shape, _CONCAT.forward, _CONCAT.backward


@op("_contrib_hawkesll", keeps=("ins",))
class HawkesLl:
    """The log likelihood of marked self-exciting Hawkes processes, sequence by sequence, and the state at its
    end.

    At time t, the intensity of events with mark k is `lda[k] + alpha[k] * beta[k] * sum(exp(-beta[k] * (t -
    t_i)))`, with a sum over the times t_i of earlier events with that mark. `lags` are the times since the
    event before, `marks` the events' marks, `valid_length` the number of events that count, `max_time` the
    end. The gradient goes to `lda`, `alpha` and `beta`.
    """

    inputs = ("lda", "alpha", "beta", "state", "lags", "marks", "valid_length", "max_time")
    outputs = ("output", "out_state")
    own_types = ("marks",)

    def infer_shape(p, ins, outs):
        lda, alpha, beta, state, lags, marks, valid, until = ins
        lda = unify(lda, state, outs[1])
        lags = unify(lags, marks)
        n = (lda and lda[0]) or (lags and lags[0]) or 0
        lda, k = unify(lda, (n, 0)), ((lda and lda[1]) or 0)
        return (
            [
                lda,
                unify(alpha, (k,)),
                unify(beta, (k,)),
                lda,
                lags,
                lags,
                unify(valid, (n,)),
                unify(until, (n,)),
            ],
            [unify(outs[0], (n,)), lda],
        )

    def compute(p, run, ins, outs):
        lda, alpha, beta, state = (x.astype(np.float64) for x in ins[:4])
        for b in range(len(lda)):
            outs[0][b], outs[1][b] = _likelihood(lda[b], alpha, beta, state[b], ins, b)[:2]

    def gradient(p, run, gs, ins, outs, igs):
        lda, alpha, beta, state = (x.astype(np.float64) for x in ins[:4])
        for g in igs:
            if g is not None:
                g[...] = 0
        for b in range(len(lda)):
            for ig, own, row in zip(
                igs[:3], _likelihood(lda[b], alpha, beta, state[b], ins, b)[2:], (b, ..., ...)
            ):
                if ig is not None and gs[0] is not None:
                    ig[row] += gs[0][b] * own


def _likelihood(lda, alpha, beta, state, ins, b: int):
    """(log likelihood, last state, gradients of lda, alpha, beta) of sequence b."""
    lags, marks, count, until = ins[4][b], ins[5][b], int(ins[6][b]), float(ins[7][b])
    # s: the sum of decayed past events of each mark; slope: its derivative with respect to beta
    last, s, slope = np.zeros_like(lda), state.copy(), np.zeros_like(lda)
    t, total = 0.0, 0.0
    g_lda, g_alpha, g_beta = np.zeros_like(lda), np.zeros_like(lda), np.zeros_like(lda)

    def gap(k, now):
        """Subtract the integral of mark k's intensity from its last event to `now`, and move its state
        there."""
        nonlocal total
        d = now - last[k]
        e = np.exp(-beta[k] * d)
        total -= lda[k] * d + alpha[k] * s[k] * (1 - e)
        g_lda[k] -= d
        g_alpha[k] -= s[k] * (1 - e)
        g_beta[k] -= alpha[k] * (slope[k] * (1 - e) + s[k] * d * e)
        slope[k] = slope[k] * e - s[k] * d * e
        s[k] *= e
        last[k] = now

    for i in range(count):
        t += float(lags[i])
        k = int(marks[i])
        gap(k, t)
        rate = lda[k] + alpha[k] * beta[k] * s[k]
        total += np.log(rate)
        g_lda[k] += 1 / rate
        g_alpha[k] += beta[k] * s[k] / rate
        g_beta[k] += alpha[k] * (s[k] + beta[k] * slope[k]) / rate
        s[k] += 1
    for k in range(len(lda)):
        gap(k, until)
    return total, s, g_lda, g_alpha, g_beta
