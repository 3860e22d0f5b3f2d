"""Recurrent layers: plain, LSTM and GRU, stacked and in both directions."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import chain
from math import prod

import numpy as np

from mxr.operator import REQUIRED, P, ParamError, ShapeError, op, unify
from mxr.ops.kernels.recurrent import GATES, Cell, Memory, together
from mxr.random import streams

# -------------------------------------------------------------------------------------- the packed parameters


def _widths(p) -> tuple[int, int, int]:
    """(directions, size of what a layer passes on, number of gates)."""
    return 2 if p.bidirectional else 1, p.projection_size or p.state_size, GATES[p.mode]


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
    """Views of the parameter vector, per layer and direction: (input weights, state weights, projection,
    input bias, state bias).

    All weights come first, layer by layer and direction by direction; all biases follow in the same order.
    """
    directions, _, gates = _widths(p)
    at, cells = 0, []

    def take(shape):
        nonlocal at
        part = vector[at : at + prod(shape)].reshape(shape)
        at += prod(shape)
        return part

    for n in _layer_inputs(p, inputs):
        for _ in range(directions):
            cells.append([take(s) for s in _cell_shapes(p, n)])
    for cell in cells:
        cell += [take((gates * p.state_size,)), take((gates * p.state_size,))]
    return [cells[i : i + directions] for i in range(0, len(cells), directions)]


def _layout(p, t, n):
    """Shapes of everything in the reserve: the memory of each cell, then between layers the input of the next
    and its mask."""
    directions, passed, _ = _widths(p)
    between = (t, n, directions * passed)
    return [*Memory.shapes(p, t, n) * (directions * p.num_layers), *[between] * (2 * (p.num_layers - 1))]


def _carve(p, t, n, reserve):
    """The reserve as ([[memory of a cell] per layer], [input of layer 1, 2 ...], [their masks])."""
    directions, at, arrays = _widths(p)[0], 0, []
    for shape in _layout(p, t, n):
        arrays.append(reserve[at : at + prod(shape)].reshape(shape))
        at += prod(shape)
    cells = [
        Memory(arrays[3 * i], arrays[3 * i + 1], arrays[3 * i + 2], p.mode, i % directions == 1)
        for i in range(directions * p.num_layers)
    ]
    rest = arrays[3 * len(cells) :]
    return [cells[i : i + directions] for i in range(0, len(cells), directions)], rest[::2], rest[1::2]


def _cells(p, run, ins, reserve):
    """([[cell] per layer], [input of layer 1, 2 ...], [their masks])"""
    t, n, values = ins[0].shape
    memory, between, masks = _carve(p, t, n, reserve)
    return (
        [[Cell(p, run, *cell) for cell in zip(*both)] for both in zip(_unpack(p, values, ins[1]), memory)],
        between,
        masks,
    )


def _inputs(p, layers, between, ins) -> list[np.ndarray]:
    """The input of each layer. Also sets the cells' `live`, from the sequences' lengths."""
    x = np.ascontiguousarray(ins[0])
    if p.use_sequence_length:
        live = np.arange(len(x))[:, None, None] < ins[-1].reshape(1, -1, 1)
        for cell in chain(*layers):
            cell.live = live
    return [x, *between]


# --------------------------------------------------------------------------------------------- the operator


def _check(p) -> None:
    if p.num_layers < 1 or p.state_size < 1:
        raise ParamError("num_layers and state_size must be at least 1")
    if p.projection_size is not None and (p.mode != "lstm" or not 1 <= p.projection_size <= p.state_size):
        raise ParamError('projection_size is for mode "lstm", and at least 1 and at most state_size')
    low, high = p.lstm_state_clip_min, p.lstm_state_clip_max
    if (low is None) != (high is None) or (low is not None and (p.mode != "lstm" or high < low)):
        raise ParamError(
            'lstm_state_clip_min and lstm_state_clip_max go together, in this order, and with mode "lstm"'
        )
    if p.p >= 1:
        raise ParamError("p must be less than 1")


def _heads(p, ins):
    """The initial states and cells, (layer * directions, n, size); no cells unless lstm."""
    return ins[2], ins[3] if p.mode == "lstm" else [None] * len(ins[2])


@op("RNN", random=True)
class RNN:
    """Recurrent layers over a sequence, all steps and layers in one operator.

    With input x and state h, a cell computes `h' = relu(Wx x + bx + Wh h + bh)` (`rnn_relu`), the same with
    tanh (`rnn_tanh`), an LSTM (gates i, f, g, o in this order: `c' = f c + i g`, `h' = o tanh(c')`) or a GRU
    (gates r, z, n: `n = tanh(Wx x + bx + r (Wh h + bh))`, `h' = (1 - z) n + z h`). Layers are stacked; with
    `bidirectional` each layer runs in both directions and passes both states on. `parameters` holds the
    weights of all layers (per layer and direction: input weights, state weights, then the projection if there
    is one), followed by all biases (input, state).

    The gradient is MXNet's: with `rnn_tanh` and `rnn_relu`, and three or more layers, the gradient of the
    middle layers' input weights is computed from the layer's output in the place of its input.

    The data is (steps, samples, values) in C order. Returns (steps, samples, state size times directions);
    with `state_outputs` also the last states (layers times directions, samples, state size) and, for an LSTM,
    the last cells.
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

    inputs = lambda p: (
        "data",
        "parameters",
        "state",
        *(("state_cell",) if p.mode == "lstm" else ()),
        *(("sequence_length",) if p.use_sequence_length else ()),
    )
    outputs = lambda p: (
        "output",
        *(("state_output", *(("statecell_output",) if p.mode == "lstm" else ())) if p.state_outputs else ()),
    )
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
        last = [state, cell][: len(outs) - 2]
        return [unify(a, b) for a, b in zip(ins, shapes)], [
            out,
            *(unify(a, b) for a, b in zip(outs[1:], last)),
            reserve,
        ]

    def prepare(p, run, ins, outs):
        return partial(_forward, p, run, ins, outs, *_cells(p, run, ins, outs[-1]))

    def prepare_gradient(p, run, gs, ins, outs, igs):
        grads = _unpack(p, ins[0].shape[2], np.empty_like(ins[1]) if igs[1] is None else igs[1])
        return partial(_backward, p, run, gs, ins, outs, igs, grads, *_cells(p, run, ins, outs[-1]))


def _forward(p, run, ins, outs, layers, between, masks):
    inputs = _inputs(p, layers, between, ins)
    states, initial = _heads(p, ins)
    directions, passed, _ = _widths(p)
    for layer, (cells, x, y) in enumerate(zip(layers, inputs, [*inputs[1:], outs[0]])):
        for d, cell in enumerate(cells):
            k = layer * directions + d
            cell.forward(x, states[k], initial[k])
            h = cell.memory.h
            y[:, :, d * passed : (d + 1) * passed] = h[:-1] if d else h[1:]
            if p.state_outputs:
                outs[1][k] = h[0 if d else -1]
                if p.mode == "lstm":
                    outs[2][k] = cell.memory.c[0 if d else -1]
        if cell.live is not None:
            y *= cell.live
        if p.p and run.train and layer < p.num_layers - 1:
            _drop(p, y, masks[layer])


def _backward(p, run, gs, ins, outs, igs, grads, layers, between, masks):
    inputs = _inputs(p, layers, between, ins)
    x, (directions, passed, _) = inputs[0], _widths(p)
    n = x.shape[1]
    heads = [*gs, None, None][:3]
    dy = np.zeros_like(outs[0]) if heads[0] is None else heads[0]
    later: list[
        Callable
    ] = []  # calls for the weights' gradients of a cell, which run during the steps of the next one
    for layer in reversed(range(p.num_layers)):
        if layers[0][0].live is not None:
            dy = dy * layers[0][0].live
        dx = None
        for d, cell in enumerate(layers[layer]):
            k = layer * directions + d
            dh = np.zeros((n, passed), x.dtype) if heads[1] is None else heads[1][k].copy()
            dc = np.zeros((n, p.state_size), x.dtype) if heads[2] is None else heads[2][k].copy()
            at_state, at_inputs = cell.backward(
                dy[:, :, d * passed : (d + 1) * passed], dh, dc, grads[layer][d][2], k % 2, later
            )
            later = (
                []
                if igs[1] is None
                else cell.weight_gradients(_read(p, inputs, layer), at_state, at_inputs, grads[layer][d])
            )
            if layer or igs[0] is not None:
                share = cell.input_gradient(at_inputs).reshape(inputs[layer].shape)
                dx = share if dx is None else dx + share
            if igs[2] is not None:
                igs[2][k] = dh
            if p.mode == "lstm" and igs[3] is not None:
                igs[3][k] = dc
        dy = dx * masks[layer - 1] if layer and p.p and run.train else dx
    together(later, outs[-1].size)
    if igs[0] is not None:
        igs[0][...] = dy
    if p.use_sequence_length and igs[-1] is not None:
        igs[-1][...] = 0


def _read(p, inputs, layer):
    """The array that the gradient of a layer's input weights uses as the layer's input. As in MXNet, for the
    middle layers of plain cells it is the layer's output."""
    return inputs[layer + 1 if p.mode.startswith("rnn") and 0 < layer < p.num_layers - 1 else layer]


def _drop(p, y, mask):
    """Drop values between layers, with MXNet's own draws."""
    with streams.lock:
        draws = streams.unit(streams.engine().take(y.size))
    keep = np.float32(1) - np.float32(p.p)
    np.multiply(draws.reshape(y.shape) >= np.float32(p.p), 1 / keep, out=mask, casting="unsafe")
    y *= mask
