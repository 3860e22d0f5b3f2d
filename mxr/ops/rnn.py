"""Recurrent layers: plain, LSTM and GRU, stacked and in both directions."""
from __future__ import annotations

from dataclasses import dataclass
from math import prod

import numpy as np

from .. import random as streams
from .. import threads
from ..op import REQUIRED, P, ParamError, ShapeError, op, unify

_GATES = {"rnn_relu": 1, "rnn_tanh": 1, "lstm": 4, "gru": 3}


# --------------------------------------------------------------------------------------------- the packed parameters

def _widths(p) -> tuple[int, int, int]:
    """(directions, size of what a layer passes on, number of gates)."""
    return 2 if p.bidirectional else 1, p.projection_size or p.state_size, _GATES[p.mode]


def _cell_shapes(p, inputs: int):
    """Shapes of one cell's weights: from the input, from the state, and of the projection."""
    _, passed, gates = _widths(p)
    rows = gates * p.state_size
    return (rows, inputs), (rows, passed), (passed if p.projection_size else 0, p.state_size)


def _layer_inputs(p, inputs: int) -> list[int]:
    directions, passed, _ = _widths(p)
    return [inputs] + [directions * passed] * (p.num_layers - 1)


def _parameter_count(p, inputs: int) -> int:
    directions, _, gates = _widths(p)
    weights = sum(prod(s) for n in _layer_inputs(p, inputs) for s in _cell_shapes(p, n))
    return directions * (weights + p.num_layers * 2 * gates * p.state_size)


def _unpack(p, inputs: int, vector: np.ndarray):
    """Views of the parameter vector, per layer and direction: (input weights, state weights, projection, input bias, state bias).

    All weights come first, layer by layer and direction by direction; all biases follow in the same order.
    """
    directions, _, gates = _widths(p)
    at, cells = 0, []

    def take(shape):
        nonlocal at
        part = vector[at:at + prod(shape)].reshape(shape)
        at += prod(shape)
        return part
    for n in _layer_inputs(p, inputs):
        for _ in range(directions):
            cells.append([take(s) for s in _cell_shapes(p, n)])
    for cell in cells:
        cell += [take((gates * p.state_size,)), take((gates * p.state_size,))]
    return [cells[i:i + directions] for i in range(0, len(cells), directions)]


# --------------------------------------------------------------------------------------------- what the forward pass remembers

@dataclass
class _Memory:
    """What one cell leaves for its gradient. `h` and `c` have one step more than the sequence: the initial state."""
    gates: np.ndarray       # (t, n, gates * size), after the activations
    h: np.ndarray           # (t + 1, n, passed)
    c: np.ndarray           # (t + 1, n, size); lstm
    inner: np.ndarray       # (t, n, size); lstm: tanh of the cells, gru: the state's part of the candidate


def _memory_shapes(p, t, n):
    _, passed, gates = _widths(p)
    size, lstm = p.state_size, p.mode == "lstm"
    return ((t, n, gates * size), (t + 1, n, passed), (t + 1 if lstm else 0, n, size), (t if p.mode in ("lstm", "gru") else 0, n, size))


def _layout(p, t, n):
    """Shapes of everything in the reserve: the memory of each cell, then between layers the input of the next and its mask."""
    directions, passed, _ = _widths(p)
    between = (t, n, directions * passed)
    return [*_memory_shapes(p, t, n) * (directions * p.num_layers), *[between] * (2 * (p.num_layers - 1))]


def _carve(p, t, n, reserve):
    """The reserve as ([[memory of a cell] per layer], [input of layer 1, 2 ...], [their masks])."""
    directions, at, arrays = _widths(p)[0], 0, []
    for shape in _layout(p, t, n):
        arrays.append(reserve[at:at + prod(shape)].reshape(shape))
        at += prod(shape)
    cells = [_Memory(*arrays[4 * i:4 * i + 4]) for i in range(directions * p.num_layers)]
    rest = arrays[4 * len(cells):]
    return [cells[i:i + directions] for i in range(0, len(cells), directions)], rest[::2], rest[1::2]


def _steps(t: int, reverse: bool):
    """(time, index of the state before, index of the state after) in the order of computing. States lie in the order of time."""
    return ((i, i + 1, i) for i in reversed(range(t))) if reverse else ((i, i, i + 1) for i in range(t))


# --------------------------------------------------------------------------------------------- forward, one cell

def _forward(p, m: _Memory, weights, x, h0, c0, reverse, live):
    """Run a cell over x (t, n, inputs); `live` (t, n, 1) is False after the end of a sequence, where the state stays as it is."""
    wx, wh, project, bx, bh = weights
    t, n = x.shape[:2]
    first = t if reverse else 0
    m.h[first] = h0
    if p.mode == "lstm":
        m.c[first] = c0
    if p.mode == "gru":
        threads.product(x.reshape(t * n, -1), wx.T, m.gates.reshape(t * n, -1))()
        m.gates += bx
        _forward_gru(m, p.state_size, wh.T, bh, _steps(t, reverse), live)
        return
    if p.mode == "lstm":
        wx, wh, bias = _scaled(p.state_size, wx, wh, bx + bh)
    else:
        bias = bx + bh
    threads.product(x.reshape(t * n, -1), wx.T, m.gates.reshape(t * n, -1))()
    m.gates += bias
    if p.mode == "lstm":
        _forward_lstm(p, m, wh.T, project, _steps(t, reverse), live)
    else:
        _forward_plain(p.mode, m, wh.T, _steps(t, reverse), live)


def _hold(live, t, new, old):
    if live is not None:
        np.copyto(new, old, where=~live[t])


def _forward_plain(mode, m, wh, steps, live):
    for t, before, after in steps:
        a = m.gates[t]
        a += np.matmul(m.h[before], wh)
        if mode == "rnn_relu":
            np.maximum(a, 0, out=a)
        else:
            np.tanh(a, out=a)
        m.h[after] = a
        _hold(live, t, m.h[after], m.h[before])


def _scaled(size, *parts):
    """The gates' rows times -1, those of g times -2: all gates are then 1 / (1 + exp(sum)), as tanh(x) = 2 / (1 + exp(-2 x)) - 1."""
    scale = np.repeat(np.array([-1, -1, -2, -1], parts[0].dtype), size)
    return [part * (scale if part.ndim == 1 else scale[:, None]) for part in parts]


def _forward_lstm(p, m, wh, project, steps, live):
    size = p.state_size
    wh = np.ascontiguousarray(wh)
    product, share = np.empty(m.gates.shape[1:], wh.dtype), np.empty(m.inner.shape[1:], wh.dtype)
    hidden = np.empty_like(share) if p.projection_size else None
    for t, before, after in steps:
        a = m.gates[t]
        np.matmul(m.h[before], wh, out=product)
        a += product
        np.exp(a, out=a)
        a += 1
        np.reciprocal(a, out=a)
        g = a[:, 2 * size:3 * size]
        g *= 2
        g -= 1
        c = m.c[after]
        np.multiply(a[:, size:2 * size], m.c[before], out=c)
        np.multiply(a[:, :size], g, out=share)
        c += share
        if p.lstm_state_clip_min is not None:
            low, high = (np.fmax, np.fmin) if p.lstm_state_clip_nan else (np.maximum, np.minimum)
            high(low(c, p.lstm_state_clip_min, out=c), p.lstm_state_clip_max, out=c)
        np.tanh(c, out=m.inner[t])
        if hidden is None:
            np.multiply(a[:, 3 * size:], m.inner[t], out=m.h[after])
        else:
            np.multiply(a[:, 3 * size:], m.inner[t], out=hidden)
            np.matmul(hidden, project.T, out=m.h[after])
        _hold(live, t, m.h[after], m.h[before])
        _hold(live, t, c, m.c[before])


def _forward_gru(m, size, wh, bh, steps, live):
    wh = np.ascontiguousarray(wh)
    product = np.empty(m.gates.shape[1:], wh.dtype)
    for t, before, after in steps:
        a, h = m.gates[t], m.h[after]
        np.matmul(m.h[before], wh, out=product)
        product += bh
        m.inner[t] = product[:, 2 * size:]
        gates = a[:, :2 * size]
        gates += product[:, :2 * size]
        gates *= 0.5
        np.tanh(gates, out=gates)
        gates *= 0.5
        gates += 0.5
        candidate, keep = a[:, 2 * size:], a[:, size:2 * size]
        candidate += a[:, :size] * m.inner[t]
        np.tanh(candidate, out=candidate)
        np.subtract(m.h[before], candidate, out=h)
        h *= keep
        h += candidate
        _hold(live, t, h, m.h[before])


# --------------------------------------------------------------------------------------------- backward, one cell

def _backward(p, m: _Memory, weights, x, dy, dh, dc, reverse, live, grads):
    """The gradient at x, at the initial state and at the initial cell; those of the weights are added to `grads`.

    `dy` (t, n, passed) is the gradient of the states in every step, `dh` and `dc` those of the last state and cell (they are changed).
    """
    wx, wh, project, _, _ = weights
    t, n = x.shape[:2]
    da = np.empty_like(m.gates)         # at the sums that go into the gates
    dstate = da                         # at the part of the sums that comes from the state
    steps = list(_steps(t, reverse))[::-1]
    old_h = m.h[1:] if reverse else m.h[:-1]
    if p.mode == "lstm":
        _backward_lstm(p, m, wh, project, m.c[1:] if reverse else m.c[:-1], m.c[:-1] if reverse else m.c[1:],
                       dy, dh, dc, steps, live, da, grads[2])
    elif p.mode == "gru":
        dstate = np.empty_like(m.gates)
        _backward_gru(m, p.state_size, wh, old_h, dy, dh, steps, live, da, dstate)
    else:
        slope = (m.gates > 0).astype(da.dtype) if p.mode == "rnn_relu" else 1 - m.gates * m.gates
        for i, _, _ in steps:
            dh += dy[i]
            np.multiply(dh, slope[i], out=da[i])
            _pass_on(live, i, dh, np.matmul(da[i], wh), da[i])
    flat, flat_state = da.reshape(t * n, -1), dstate.reshape(t * n, -1)
    grads[0] += _product(flat.T, x.reshape(t * n, -1))
    grads[1] += _product(flat_state.T, old_h.reshape(t * n, -1))
    grads[3] += flat.sum(axis=0)
    grads[4] += grads[3] if dstate is da else flat_state.sum(axis=0)
    return _product(flat, wx).reshape(x.shape)


def _product(a, b):
    out = np.empty((a.shape[0], b.shape[1]), a.dtype)
    threads.product(a, b, out)()
    return out


def _pass_on(live, t, total, to_old, *at_sums):
    """Replace the gradient at the state by the one at the state before; where the sequence has ended the state was just held."""
    if live is None:
        total[...] = to_old
        return
    np.copyto(total, to_old, where=live[t])
    for a in at_sums:
        a *= live[t]


def _backward_lstm(p, m, wh, project, old_c, new_c, dy, dh, dc, steps, live, da, gproject):
    size = p.state_size
    i, f, g, o = (m.gates[:, :, k * size:(k + 1) * size] for k in range(4))
    np.subtract(1, m.gates, out=da)     # first the slopes of the cell (of the output, for o) by the gates' sums
    da *= m.gates
    da4 = da.reshape(*da.shape[:2], 4, size)
    np.subtract(1, g * g, out=da4[:, :, 2])
    for k, other in enumerate((g, old_c, i, m.inner)):
        da4[:, :, k] *= other
    by_cell = o * (1 - m.inner * m.inner)
    if p.lstm_state_clip_min is not None:
        free = (new_c > p.lstm_state_clip_min) & (new_c < p.lstm_state_clip_max)
        f = f * free
        da4[:, :, :3] *= free[:, :, None]
    hidden = m.inner * o if p.projection_size else None
    part, held = np.empty_like(dc), None
    for t, _, _ in steps:
        dh += dy[t]
        up = dh
        if live is not None:
            held = dh * ~live[t], dc * ~live[t]
        if hidden is not None:
            head = dh if live is None else dh * live[t]
            gproject += np.matmul(head.T, hidden[t])
            up = np.matmul(dh, project)
        np.multiply(up, by_cell[t], out=part)
        part += dc
        da4[t, :, :3] *= part[:, None]
        da4[t, :, 3] *= up
        np.multiply(part, f[t], out=dc)
        if held is None:
            np.matmul(da[t], wh, out=dh)
            continue
        da[t] *= live[t]
        dc *= live[t]
        dc += held[1]
        np.add(np.matmul(da[t], wh), held[0], out=dh)


def _backward_gru(m, size, wh, old_h, dy, dh, steps, live, da, dstate):
    r, z, candidate = (m.gates[:, :, k * size:(k + 1) * size] for k in range(3))
    by_candidate = (1 - z) * (1 - candidate * candidate)
    by_keep = (old_h - candidate) * z * (1 - z)
    by_reset = m.inner * r * (1 - r)
    for t, _, _ in steps:
        dh += dy[t]
        a, b = da[t], dstate[t]
        np.multiply(dh, by_candidate[t], out=a[:, 2 * size:])
        np.multiply(dh, by_keep[t], out=a[:, size:2 * size])
        np.multiply(a[:, 2 * size:], by_reset[t], out=a[:, :size])
        b[:, :2 * size] = a[:, :2 * size]
        np.multiply(a[:, 2 * size:], r[t], out=b[:, 2 * size:])
        back = np.matmul(b, wh)
        back += dh * z[t]
        _pass_on(live, t, dh, back, a, b)


# --------------------------------------------------------------------------------------------- the operator

def _check(p) -> None:
    if p.num_layers < 1 or p.state_size < 1:
        raise ParamError("num_layers and state_size must be at least 1")
    if p.projection_size is not None and (p.mode != "lstm" or not 1 <= p.projection_size <= p.state_size):
        raise ParamError('projection_size is for mode "lstm", and at least 1 and at most state_size')
    low, high = p.lstm_state_clip_min, p.lstm_state_clip_max
    if (low is None) != (high is None) or (low is not None and (p.mode != "lstm" or high < low)):
        raise ParamError('lstm_state_clip_min and lstm_state_clip_max go together, in this order, and with mode "lstm"')
    if p.p >= 1:
        raise ParamError("p must be less than 1")


def _live(p, t, ins):
    """Which steps of which sequence count, (t, n, 1), or None if all do."""
    if not p.use_sequence_length:
        return None
    return np.arange(t)[:, None, None] < ins[-1].reshape(1, -1, 1)


def _heads(p, ins):
    """The initial states and cells, (layer * directions, n, size); no cells unless lstm."""
    return ins[2], ins[3] if p.mode == "lstm" else [None] * len(ins[2])


@op("RNN", random=True)
class RNN:
    """Recurrent layers over a sequence, all steps and layers in one operator.

    With input x and state h, a cell computes `h' = relu(Wx x + bx + Wh h + bh)` (`rnn_relu`), the same with tanh (`rnn_tanh`), an LSTM
    (gates i, f, g, o in this order: `c' = f c + i g`, `h' = o tanh(c')`) or a GRU (gates r, z, n: `n = tanh(Wx x + bx + r (Wh h + bh))`,
    `h' = (1 - z) n + z h`). Layers are stacked; with `bidirectional` each layer runs in both directions and passes both states on.
    `parameters` holds the weights of all layers (per layer and direction: input weights, state weights, then the projection if there is
    one), followed by all biases (input, state).

    The data is (steps, samples, values) in C order. Returns (steps, samples, state size times directions); with `state_outputs` also the
    last states (layers times directions, samples, state size) and, for an LSTM, the last cells.
    """
    state_size: int = P(REQUIRED, "number of values in the state of a layer")
    num_layers: int = P(REQUIRED, "number of stacked layers")
    bidirectional: bool = P(False, "run every layer in both directions")
    mode: str = P(REQUIRED, "the kind of cell", one_of=("gru", "lstm", "rnn_relu", "rnn_tanh"))
    p: float = P(0.0, "fraction of the values between layers that training drops", low=0, high=1)
    state_outputs: bool = P(False, "return the last states as well")
    projection_size: int = P(None, "LSTM only: number of values that the state is projected to")
    lstm_state_clip_min: float = P(None, "LSTM only: the least value of a cell")
    lstm_state_clip_max: float = P(None, "LSTM only: the largest value of a cell")
    lstm_state_clip_nan: bool = P(False, "clip NaN in a cell too")
    use_sequence_length: bool = P(False, "take a further input with the number of steps of each sample")

    inputs = lambda p: ("data", "parameters", "state", *(("state_cell",) if p.mode == "lstm" else ()),
                        *(("sequence_length",) if p.use_sequence_length else ()))
    outputs = lambda p: ("output", *(("state_output", *(("statecell_output",) if p.mode == "lstm" else ())) if p.state_outputs else ()))
    hidden = ("_reserve",)
    infer_type = lambda p, ins: [ins[0] or np.dtype(np.float32)]

    def infer_shape(p, ins, outs):
        _check(p)
        data = ins[0]
        directions, passed, _ = _widths(p)
        if data is not None and len(data) != 3:
            raise ShapeError(f"data must have 3 axes (steps, samples, values in C order), not {len(data)}")
        out = unify(outs[0], data and (*data[:2], directions * passed))
        t, n, values = (data[0] or out[0], data[1] or out[1], data[2]) if data else (0, 0, 0)
        layers = directions * p.num_layers
        state, cell = (layers, n, passed), (layers, n, p.state_size)
        shapes = [(t, n, values) if data else None, (_parameter_count(p, values) if values else 0,), state]
        shapes += [cell] if p.mode == "lstm" else []
        shapes += [(n,)] if p.use_sequence_length else []
        reserve = (sum(prod(s) for s in _layout(p, t, n)) if t and n else 0,)
        last = [state, cell][:len(outs) - 2]
        return [unify(a, b) for a, b in zip(ins, shapes)], [out, *(unify(a, b) for a, b in zip(outs[1:], last)), reserve]

    def compute(p, run, ins, outs):
        x = np.ascontiguousarray(ins[0])
        t, n, values = x.shape
        live, (states, initial) = _live(p, t, ins), _heads(p, ins)
        memory, between, masks = _carve(p, t, n, outs[-1])
        directions, passed, _ = _widths(p)
        cells = _unpack(p, values, ins[1])
        for layer, (mems, weights) in enumerate(zip(memory, cells)):
            y = outs[0] if layer == p.num_layers - 1 else between[layer]
            for d, (m, w) in enumerate(zip(mems, weights)):
                k = layer * directions + d
                _forward(p, m, w, x, states[k], initial[k], d == 1, live)
                y[:, :, d * passed:(d + 1) * passed] = m.h[:-1] if d else m.h[1:]
                if p.state_outputs:
                    outs[1][k] = m.h[0 if d else t]
                    if p.mode == "lstm":
                        outs[2][k] = m.c[0 if d else t]
            if live is not None:
                y *= live
            if p.p and run.train and layer < p.num_layers - 1:
                _drop(p, y, masks[layer])
            x = y

    def gradient(p, run, gs, ins, outs, igs):
        x = np.ascontiguousarray(ins[0])
        t, n, values = x.shape
        live, directions, passed = _live(p, t, ins), *_widths(p)[:2]
        memory, between, masks = _carve(p, t, n, outs[-1])
        packed = np.zeros_like(ins[1])
        cells, grads = _unpack(p, values, ins[1]), _unpack(p, values, packed)
        heads = [g if g is not None else None for g in (*gs, None, None)][:3]
        dy = np.zeros_like(outs[0]) if heads[0] is None else heads[0]
        for layer in reversed(range(p.num_layers)):
            if live is not None:
                dy = dy * live
            below, dx = x if layer == 0 else between[layer - 1], 0
            for d in range(directions):
                k = layer * directions + d
                dh = np.zeros((n, passed), x.dtype) if heads[1] is None else heads[1][k].copy()
                dc = np.zeros((n, p.state_size), x.dtype) if heads[2] is None else heads[2][k].copy()
                dx = dx + _backward(p, memory[layer][d], cells[layer][d], below, dy[:, :, d * passed:(d + 1) * passed],
                                    dh, dc, d == 1, live, grads[layer][d])
                if igs[2] is not None:
                    igs[2][k] = dh
                if p.mode == "lstm" and igs[3] is not None:
                    igs[3][k] = dc
            dy = dx * masks[layer - 1] if layer and p.p and run.train else dx
        if igs[0] is not None:
            igs[0][...] = dy
        if igs[1] is not None:
            igs[1][...] = packed
        if p.use_sequence_length and igs[-1] is not None:
            igs[-1][...] = 0


def _drop(p, y, mask):
    """Drop values between layers, with MXNet's own draws."""
    with streams.lock:
        draws = streams.unit(streams.engine().take(y.size))
    keep = np.float32(1) - np.float32(p.p)
    np.multiply(draws.reshape(y.shape) >= np.float32(p.p), 1 / keep, out=mask, casting="unsafe")
    y *= mask
