"""The steps of recurrent cells, forward and back: the arithmetic of plain cells, LSTMs and GRUs (mxr/ops/kernels/recurrent.py has what surrounds it).

Every function goes through all steps of a `cell`, each step a dozen calls that write into memory made before. `step` multiplies
its argument by the state's weights: forward into `product` (G, n, size), back into `back` (n, passed).
"""
from __future__ import annotations

from functools import partial

import numpy as np

# --------------------------------------------------------------------------------------------- forward

def forward_plain(cell, steps, step, product):
    activate = partial(np.maximum, np.zeros((), product.dtype)) if cell.p.mode == "rnn_relu" else np.tanh
    product = product[0]
    for (old, h, _, a, _), live in zip(steps, cell.lives()):
        step(old)
        np.add(a, product, a)
        activate(a, out=a)
        h[...] = a
        if live is not None:
            _hold(live, h, old)


def forward_lstm(cell, steps, step, product):
    p, half = cell.p, np.full((), 0.5, product.dtype)
    shares = cell.scratch((2, *product.shape[1:]), product.dtype, 2)
    share_i, share_f = shares
    hidden = cell.scratch(share_i.shape, product.dtype, 3) if p.projection_size else None
    low, high = (np.fmax, np.fmin) if p.lstm_state_clip_nan else (np.maximum, np.minimum)
    for (old_h, h, a, _, _, o, _, sigmoids, tanh, i_f, g_c, c), live in zip(steps, cell.lives()):
        step(old_h)
        np.add(a, product, a)
        np.tanh(a, a)
        np.multiply(sigmoids, half, sigmoids)
        np.add(sigmoids, half, sigmoids)
        np.multiply(i_f, g_c, shares)
        np.add(share_f, share_i, c)
        if p.lstm_state_clip_min is not None:
            high(low(c, p.lstm_state_clip_min, out=c), p.lstm_state_clip_max, out=c)
        np.tanh(c, tanh)
        if hidden is None:
            np.multiply(o, tanh, h)
        else:
            np.matmul(np.multiply(o, tanh, hidden), cell.weights[2].T, out=h)
        if live is not None:
            _hold(live, h, old_h)
            _hold(live, c, g_c[1])


def forward_gru(cell, steps, step, product):
    half = np.full((), 0.5, product.dtype)
    for (old, h, _, reset, keep, candidate, sigmoids, inner, sums), live in zip(steps, cell.lives()):
        step(old)
        np.add(sums, product, sums)
        np.tanh(sigmoids, sigmoids)
        np.multiply(sigmoids, half, sigmoids)
        np.add(sigmoids, half, sigmoids)
        np.multiply(reset, inner, inner)
        np.add(candidate, inner, candidate)
        np.tanh(candidate, candidate)
        np.subtract(old, candidate, h)
        np.multiply(h, keep, h)
        np.add(h, candidate, h)
        if live is not None:
            _hold(live, h, old)


def _hold(live, new, old):
    np.copyto(new, old, where=~live)


FORWARD = {"rnn_relu": forward_plain, "rnn_tanh": forward_plain, "lstm": forward_lstm, "gru": forward_gru}

# --------------------------------------------------------------------------------------------- backward

def backward_plain(cell, dy, dh, step, back, at_sums):
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
        else:       # where the sequence has ended the state was just held
            np.copyto(dh, back, where=live)
            d *= live


def backward_lstm(cell, dy, dh, dc, step, back, at_sums, project_grad):
    p, m, (t, _, n, size) = cell.p, cell.memory, cell.memory.gates.shape
    one, held = np.ones((), dy.dtype), None
    d_gates, rest, x, y, (a, b, whole) = (cell.scratch((k, n, size), dy.dtype, slot) for slot, k in enumerate((4, 3, 2, 2, 3), 4))
    d_if, (_, _, d_g, d_o), rest_if, rest_o, (x_i, x_f), y_i = d_gates[:2], d_gates, rest[:2], rest[2], x, y[0]
    x_f[...] = dc
    recompute = p.projection_size or cell.live is not None      # else what the output gate let through is the new state
    if p.projection_size:
        project_grad[...] = 0
    by_gate = at_sums.reshape(t, n, 4, size).swapaxes(1, 2)
    for up, d, d_by_gate, (_, h, _, i, f, o, g, sigmoids, tanh, _, g_c, c), live in zip(
            *(m.steps(part)[::-1] for part in (dy, at_sums, by_gate)), reversed(m.views), cell.lives(True)):
        np.add(dh, up, dh)
        at_h = dh
        if live is not None:
            held = dh * ~live, x_f * ~live
        if recompute:
            h = np.multiply(o, tanh, whole)
        if p.projection_size:
            project_grad += np.matmul((dh if live is None else dh * live).T, h)
            at_h = np.matmul(dh, cell.weights[2])
        np.subtract(one, sigmoids, rest)
        np.multiply(at_h, h, a)
        np.multiply(a, rest_o, d_o)
        np.multiply(a, tanh, a)
        np.multiply(at_h, o, b)
        np.subtract(b, a, b)
        np.add(x_f, b, dc)
        if p.lstm_state_clip_min is not None:
            dc *= (c > p.lstm_state_clip_min) & (c < p.lstm_state_clip_max)
        np.multiply(dc, i, x_i)
        np.multiply(dc, f, x_f)
        np.multiply(x, g_c, y)
        np.multiply(y, rest_if, d_if)
        np.multiply(y_i, g, b)
        np.subtract(x_i, b, d_g)
        np.copyto(d_by_gate, d_gates)       # one copy takes less time than results in places apart
        if live is None:
            step(d)
            continue
        d *= live
        x_f *= live
        x_f += held[1]
        step(d)
        np.add(back, held[0], dh)
    dc[...] = x_f


def backward_gru(cell, dy, dh, step, back, at_state, candidates):
    m, (t, _, n, size) = cell.memory, cell.memory.gates.shape
    one = np.ones((), dy.dtype)
    d_gates, rest, (a, b) = (cell.scratch((k, n, size), dy.dtype, slot) for slot, k in enumerate((3, 2, 2), 4))
    (d_r, d_z, d_share), (rest_r, rest_z) = d_gates, rest
    by_gate = at_state.reshape(t, n, 3, size).swapaxes(1, 2)
    for up, d, d_n, d_by_gate, (old, _, _, r, z, candidate, sigmoids, share, _), live in zip(
            *(m.steps(part)[::-1] for part in (dy, at_state, candidates, by_gate)), reversed(m.views), cell.lives(True)):
        np.add(dh, up, dh)
        np.subtract(one, sigmoids, rest)
        np.multiply(dh, rest_z, a)
        np.subtract(old, candidate, b)
        np.multiply(b, z, b)
        np.multiply(a, b, d_z)
        np.multiply(candidate, candidate, b)
        np.subtract(one, b, b)
        np.multiply(a, b, d_n)
        np.multiply(d_n, r, d_share)
        np.multiply(d_n, share, b)
        np.multiply(b, rest_r, d_r)
        if live is not None:
            d_gates *= live
            d_n *= live
            z = np.where(live, z, one)
        np.copyto(d_by_gate, d_gates)
        step(d)
        np.multiply(dh, z, dh)
        np.add(dh, back, dh)
