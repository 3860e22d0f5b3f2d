"""The steps of recurrent cells, forward and backward: the arithmetic of plain cells, LSTMs and GRUs.

mxr/ops/kernels/recurrent.py prepares them and has the notation. Every function loops over the steps of a
`cell`; a step is a dozen NumPy calls that write into existing memory. `step` multiplies its argument by the
state's weights: forward into `product` (G, n, size), backward into `back` (n, passed). The arrays of a step
are fields of `PlainStep`, `LstmStep` or `GruStep`: views that are made once, since making a view takes as
long as some of the arithmetic.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import cast

import numpy as np


@dataclass(slots=True)
class PlainStep:
    """The arrays of one step of a plain cell."""

    h_before: np.ndarray  # (n, passed)
    h: np.ndarray  # (n, passed)
    sums: np.ndarray  # (n, size): the sums, and in the same memory the activations, which are h


@dataclass(slots=True)
class LstmStep:
    """The arrays of one step of an LSTM: views of one block of memory with i, f, o, g and the cells
    before."""

    h_before: np.ndarray  # (n, passed)
    h: np.ndarray  # (n, passed)
    gates: np.ndarray  # (4, n, size)
    sigmoids: np.ndarray  # (3, n, size), the gates with a sigmoid: i, f, o
    i: np.ndarray  # (n, size)
    f: np.ndarray  # (n, size)
    o: np.ndarray  # (n, size)
    g: np.ndarray  # (n, size)
    i_f: np.ndarray  # (2, n, size): i and f
    g_c: np.ndarray  # (2, n, size): their factors, g and the cells before
    c_before: np.ndarray  # (n, size)
    c: np.ndarray  # (n, size)
    tanh_c: np.ndarray  # (n, size)


@dataclass(slots=True)
class GruStep:
    """The arrays of one step of a GRU: views of one block of memory with the state's part of the candidate,
    and the gates reset, keep, candidate."""

    h_before: np.ndarray  # (n, size)
    h: np.ndarray  # (n, size)
    reset: np.ndarray  # (n, size)
    keep: np.ndarray  # (n, size)
    candidate: np.ndarray  # (n, size)
    sigmoids: np.ndarray  # (2, n, size): reset and keep
    from_state: np.ndarray  # (n, size), the state's part of the candidate; after the step, times `reset`
    sums: np.ndarray  # (3, n, size): from_state, reset, keep, to which the product with the state is added


# --------------------------------------------------------------------------------------------- forward


def forward_plain(cell, steps, step, product):
    """h = activation(sums + product)."""
    activate = partial(np.maximum, np.zeros((), product.dtype)) if cell.p.mode == "rnn_relu" else np.tanh
    product = product[0]
    for s, live in zip(steps, cell.lives()):
        step(s.h_before)
        np.add(s.sums, product, s.sums)
        activate(s.sums, out=s.sums)
        s.h[...] = s.sums
        if live is not None:
            _hold(live, s.h, s.h_before)


def forward_lstm(cell, steps, step, product):
    """c = f c_before + i g, and h = o tanh(c), times the projection's weights if there are any."""
    p, half = cell.p, np.full((), 0.5, product.dtype)
    terms = cell.scratch((2, *product.shape[1:]), product.dtype, 2)  # i g, and f c_before
    hidden = cell.scratch(terms.shape[1:], product.dtype, 3) if p.projection_size else None
    i_g, f_c = terms
    low, high = (np.fmax, np.fmin) if p.lstm_state_clip_nan else (np.maximum, np.minimum)
    for s, live in zip(steps, cell.lives()):
        step(s.h_before)
        np.add(s.gates, product, s.gates)
        np.tanh(s.gates, s.gates)
        np.multiply(s.sigmoids, half, s.sigmoids)
        np.add(s.sigmoids, half, s.sigmoids)
        np.multiply(s.i_f, s.g_c, terms)
        np.add(f_c, i_g, s.c)
        if p.lstm_state_clip_min is not None:
            high(low(s.c, p.lstm_state_clip_min, out=s.c), p.lstm_state_clip_max, out=s.c)
        np.tanh(s.c, s.tanh_c)
        if hidden is None:
            np.multiply(s.o, s.tanh_c, s.h)
        else:
            np.matmul(np.multiply(s.o, s.tanh_c, hidden), cell.weights[2].T, out=s.h)
        if live is not None:
            _hold(live, s.h, s.h_before)
            _hold(live, s.c, s.c_before)


def forward_gru(cell, steps, step, product):
    """h = candidate + keep (h_before - candidate)."""
    half = np.full((), 0.5, product.dtype)
    for s, live in zip(steps, cell.lives()):
        step(s.h_before)
        np.add(s.sums, product, s.sums)
        np.tanh(s.sigmoids, s.sigmoids)
        np.multiply(s.sigmoids, half, s.sigmoids)
        np.add(s.sigmoids, half, s.sigmoids)
        np.multiply(s.reset, s.from_state, s.from_state)
        np.add(s.candidate, s.from_state, s.candidate)
        np.tanh(s.candidate, s.candidate)
        np.subtract(s.h_before, s.candidate, s.h)
        np.multiply(s.h, s.keep, s.h)
        np.add(s.h, s.candidate, s.h)
        if live is not None:
            _hold(live, s.h, s.h_before)


def _hold(live, new, old):
    """After the end of a sequence the new state is the old one."""
    np.copyto(new, old, where=~live)


FORWARD = {"rnn_relu": forward_plain, "rnn_tanh": forward_plain, "lstm": forward_lstm, "gru": forward_gru}

# --------------------------------------------------------------------------------------------- backward


def backward_plain(cell, dy, dh, step, back, at_sums):
    """The gradients of the sums, (t, n, size). First the activation's derivatives of all steps at once; then,
    step by step, times the gradient of h, which goes through the weights to the step before."""
    m = cell.memory
    a = m.gates[:, 0]
    if cell.p.mode == "rnn_relu":
        np.greater(a, 0, out=at_sums, casting="unsafe")
    else:
        np.multiply(a, a, out=at_sums)
        np.subtract(1, at_sums, out=at_sums)
    for up, d, live in zip(m.steps(dy)[::-1], m.steps(at_sums)[::-1], cell.lives(True)):
        np.add(dh, up, dh)
        np.multiply(dh, d, d)
        step(d)
        if live is None:
            dh[...] = back
        else:  # after the end of a sequence dh passes to the step before unchanged
            np.copyto(dh, back, where=live)
            d *= live


def backward_lstm(cell, dy, dh, dc, step, back, at_sums, project_grad):
    """The gradients of the gates' sums, (t, n, 4 * size), in the order of the weights: i, f, g, o.

    With dh and dc, the gradients of a step's h and c, and ot = o tanh(c), the step computes
        dc  = dc + dh o (1 - tanh(c)²)
        d_o = dh ot (1 - o)               d_i = dc i g (1 - i)
        d_g = dc i (1 - g²)               d_f = dc f c_before (1 - f)
    since the derivative of a sigmoid s is s (1 - s), and that of a tanh t is 1 - t². For the step before, dc
    is dc f, and dh is the product of these gradients and the weights.
    """
    p, m, (t, _, n, size) = cell.p, cell.memory, cell.memory.gates.shape
    one = np.ones((), dy.dtype)

    def memory(slot: int, count: int) -> np.ndarray:
        return cell.scratch((count, n, size), dy.dtype, slot)

    d_gates = memory(4, 4)  # of i, f, g, o
    d_i_f, d_g, d_o = d_gates[:2], d_gates[2], d_gates[3]
    rest = memory(5, 3)  # 1 - i, 1 - f, 1 - o
    rest_i_f, rest_o = rest[:2], rest[2]
    dc_i_f = memory(6, 2)  # dc i, and dc f, the gradient of the cells before
    dc_i, dc_before = dc_i_f
    dc_terms = memory(7, 2)  # dc i g, and dc f c_before
    dc_i_g = dc_terms[0]
    a, b, o_tanh = memory(8, 3)
    dc_before[...] = dc
    # without projection, and within a sequence, h is o tanh(c)
    recompute = p.projection_size or cell.live is not None
    if p.projection_size:
        project_grad[...] = 0
    by_gate = at_sums.reshape(t, n, 4, size).swapaxes(1, 2)
    # the gradients of samples whose sequence has ended: they pass unchanged
    held_h = held_c = cast(np.ndarray, None)
    for up, d, d_by_gate, s, live in zip(
        *(m.steps(part)[::-1] for part in (dy, at_sums, by_gate)), reversed(m.views), cell.lives(True)
    ):
        np.add(dh, up, dh)
        d_ot, ot = dh, s.h  # the gradient of o tanh(c), and o tanh(c)
        if live is not None:
            held_h, held_c = dh * ~live, dc_before * ~live
        if recompute:
            ot = np.multiply(s.o, s.tanh_c, o_tanh)
        if p.projection_size:
            project_grad += np.matmul((dh if live is None else dh * live).T, ot)
            d_ot = np.matmul(dh, cell.weights[2])
        np.subtract(one, s.sigmoids, rest)
        np.multiply(d_ot, ot, a)
        np.multiply(a, rest_o, d_o)
        np.multiply(a, s.tanh_c, a)
        np.multiply(d_ot, s.o, b)
        np.subtract(b, a, b)  # d_ot o (1 - tanh(c)²)
        np.add(dc_before, b, dc)
        if p.lstm_state_clip_min is not None:
            dc *= (s.c > p.lstm_state_clip_min) & (s.c < p.lstm_state_clip_max)
        np.multiply(dc, s.i, dc_i)
        np.multiply(dc, s.f, dc_before)
        np.multiply(dc_i_f, s.g_c, dc_terms)
        np.multiply(dc_terms, rest_i_f, d_i_f)
        np.multiply(dc_i_g, s.g, b)
        np.subtract(dc_i, b, d_g)  # dc i (1 - g²)
        np.copyto(d_by_gate, d_gates)  # faster than writing each gate to its strided place
        if live is None:
            step(d)
            continue
        d *= live
        dc_before *= live
        dc_before += held_c
        step(d)
        np.add(back, held_h, dh)
    dc[...] = dc_before


def backward_gru(cell, dy, dh, step, back, at_state, candidates):
    """The gradients of the gates' sums, (t, n, 3 * size), in the order of the weights: reset, keep, the
    state's part of the candidate. `candidates` (t, n, size) becomes the gradient of the candidate's whole
    sum, with r for reset and z for keep:
        d_candidate = dh (1 - z) (1 - candidate²)
        d_keep      = dh (1 - z) z (h_before - candidate)
        d_state     = d_candidate r
        d_reset     = d_candidate (1 - r) from_state          (from_state is r times the state's part)
    """
    m, (t, _, n, size) = cell.memory, cell.memory.gates.shape
    one = np.ones((), dy.dtype)

    def memory(slot: int, count: int) -> np.ndarray:
        return cell.scratch((count, n, size), dy.dtype, slot)

    d_gates, rest, (a, b) = memory(4, 3), memory(5, 2), memory(6, 2)
    d_reset, d_keep, d_from_state = d_gates
    rest_reset, rest_keep = rest  # 1 - reset, 1 - keep
    by_gate = at_state.reshape(t, n, 3, size).swapaxes(1, 2)
    for up, d, d_candidate, d_by_gate, s, live in zip(
        *(m.steps(part)[::-1] for part in (dy, at_state, candidates, by_gate)),
        reversed(m.views),
        cell.lives(True),
    ):
        np.add(dh, up, dh)
        np.subtract(one, s.sigmoids, rest)
        np.multiply(dh, rest_keep, a)  # the gradient of the candidate
        np.subtract(s.h_before, s.candidate, b)
        np.multiply(b, s.keep, b)
        np.multiply(a, b, d_keep)
        np.multiply(s.candidate, s.candidate, b)
        np.subtract(one, b, b)
        np.multiply(a, b, d_candidate)
        np.multiply(d_candidate, s.reset, d_from_state)
        np.multiply(d_candidate, s.from_state, b)
        np.multiply(b, rest_reset, d_reset)
        keep = s.keep
        if live is not None:
            d_gates *= live
            d_candidate *= live
            keep = np.where(live, keep, one)
        np.copyto(d_by_gate, d_gates)
        step(d)
        np.multiply(dh, keep, dh)
        np.add(dh, back, dh)
