"""The steps of recurrent cells, forward and back: the arithmetic of plain cells, LSTMs and GRUs.

What surrounds the steps is in mxr/ops/kernels/recurrent.py. Every function goes through all steps of a
`cell`, each step a dozen calls that write into memory made before. `step` multiplies its argument by the
state's weights: forward into `product` (G, n, size), back into `back` (n, passed). A step's memory is known
by names (`PlainStep`, `LstmStep`, `GruStep`): views that are made once, as making one takes as long as some
of the arithmetic.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np


@dataclass(slots=True)
class PlainStep:
    """What one step works on. Sums become activations in place."""

    h_before: np.ndarray  # (n, passed)
    h: np.ndarray  # (n, passed)
    sums: np.ndarray  # (n, size), activated: the state


@dataclass(slots=True)
class LstmStep:
    """What one step of an LSTM works on. The gates lie in memory as i, f, o, g, then the cells before."""

    h_before: np.ndarray  # (n, passed)
    h: np.ndarray  # (n, passed)
    gates: np.ndarray  # (4, n, size)
    sigmoids: np.ndarray  # (3, n, size), the gates with a sigmoid: i, f, o
    i: np.ndarray  # (n, size), and so all that follow but for pairs, (2, n, size)
    f: np.ndarray
    o: np.ndarray
    g: np.ndarray
    i_f: np.ndarray  # i and f
    g_c: np.ndarray  # what these are multiplied by: g and the cells before
    c_before: np.ndarray
    c: np.ndarray
    tanh_c: np.ndarray


@dataclass(slots=True)
class GruStep:
    """What one step of a GRU works on. In memory, before the gates reset, keep and candidate, lies the
    state's part of the candidate."""

    h_before: np.ndarray  # (n, size), and so all that follow but for several together
    h: np.ndarray
    reset: np.ndarray
    keep: np.ndarray
    candidate: np.ndarray
    sigmoids: np.ndarray  # (2, n, size): reset and keep
    from_state: np.ndarray  # the state's part of the candidate; times `reset` once that is known
    sums: np.ndarray  # (3, n, size), what begins as sums with a part from the state: that part, reset, keep


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
    """c = f c_before + i g, and h = o tanh(c), projected where there is a projection."""
    p, half = cell.p, np.full((), 0.5, product.dtype)
    shares = cell.scratch((2, *product.shape[1:]), product.dtype, 2)
    share_i, share_f = shares
    hidden = cell.scratch(share_i.shape, product.dtype, 3) if p.projection_size else None
    low, high = (np.fmax, np.fmin) if p.lstm_state_clip_nan else (np.maximum, np.minimum)
    for s, live in zip(steps, cell.lives()):
        step(s.h_before)
        np.add(s.gates, product, s.gates)
        np.tanh(s.gates, s.gates)
        np.multiply(s.sigmoids, half, s.sigmoids)
        np.add(s.sigmoids, half, s.sigmoids)
        np.multiply(s.i_f, s.g_c, shares)
        np.add(share_f, share_i, s.c)
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
    """Where a sequence has ended the state stays as it was."""
    np.copyto(new, old, where=~live)


FORWARD = {"rnn_relu": forward_plain, "rnn_tanh": forward_plain, "lstm": forward_lstm, "gru": forward_gru}

# --------------------------------------------------------------------------------------------- backward


def backward_plain(cell, dy, dh, step, back, at_sums):
    """The slopes of all steps at once; then step by step the gradient at the sums, and through the weights
    that of the state."""
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
        else:  # where the sequence has ended the state was just held
            np.copyto(dh, back, where=live)
            d *= live


def backward_lstm(cell, dy, dh, dc, step, back, at_sums, project_grad):
    """The gradients at the sums, which are in the order of the weights: i, f, g, o. The slope of a sigmoid s
    is s (1 - s), of a tanh t it is 1 - t²."""
    p, m, (t, _, n, size) = cell.p, cell.memory, cell.memory.gates.shape
    one = np.ones((), dy.dtype)

    def memory(slot: int, count: int) -> np.ndarray:
        return cell.scratch((count, n, size), dy.dtype, slot)

    d_gates = memory(4, 4)
    d_i_f, d_g, d_o = d_gates[:2], d_gates[2], d_gates[3]
    rest = memory(5, 3)  # 1 - i, 1 - f, 1 - o
    rest_i_f, rest_o = rest[:2], rest[2]
    dc_i_f = memory(6, 2)  # dc i, and dc f, which is the gradient of the cells before
    dc_i, dc_before = dc_i_f
    along = memory(7, 2)  # dc i g, and dc f c_before
    along_i = along[0]
    a, b, whole = memory(8, 3)
    dc_before[...] = dc
    # else what the output gate let through is the new state
    recompute = p.projection_size or cell.live is not None
    if p.projection_size:
        project_grad[...] = 0
    by_gate = at_sums.reshape(t, n, 4, size).swapaxes(1, 2)
    held_h = held_c = None
    for up, d, d_by_gate, s, live in zip(
        *(m.steps(part)[::-1] for part in (dy, at_sums, by_gate)), reversed(m.views), cell.lives(True)
    ):
        np.add(dh, up, dh)
        at_h, h = dh, s.h
        if live is not None:
            held_h, held_c = dh * ~live, dc_before * ~live
        if recompute:
            h = np.multiply(s.o, s.tanh_c, whole)
        if p.projection_size:
            project_grad += np.matmul((dh if live is None else dh * live).T, h)
            at_h = np.matmul(dh, cell.weights[2])
        np.subtract(one, s.sigmoids, rest)
        np.multiply(at_h, h, a)  # dh o tanh(c)
        np.multiply(a, rest_o, d_o)
        np.multiply(a, s.tanh_c, a)
        np.multiply(at_h, s.o, b)
        np.subtract(b, a, b)  # dh o (1 - tanh(c)²)
        np.add(dc_before, b, dc)
        if p.lstm_state_clip_min is not None:
            dc *= (s.c > p.lstm_state_clip_min) & (s.c < p.lstm_state_clip_max)
        np.multiply(dc, s.i, dc_i)
        np.multiply(dc, s.f, dc_before)
        np.multiply(dc_i_f, s.g_c, along)
        np.multiply(along, rest_i_f, d_i_f)
        np.multiply(along_i, s.g, b)
        np.subtract(dc_i, b, d_g)  # dc i (1 - g²)
        np.copyto(d_by_gate, d_gates)  # one copy takes less time than results in places apart
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
    """The gradients at the sums, in the order of the weights: reset, keep, the state's part of the candidate.
    `candidates` are those at the candidate's sums themselves."""
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
