"""Recurrent layers: plain, LSTM and GRU, stacked and in both directions."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from math import prod

import numpy as np

from mxr.native import steps
from mxr.native.steps import Calls
from mxr.operator import REQUIRED, P, ParamError, ShapeError, op, unify
from mxr.ops.kernels import recurrent_native
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


class _Layers:
    """The arrays of an operator's passes, which are the same in every call. `cells` has a list per layer with
    one cell per direction; `inputs` has the input of each layer, `masks` what dropout multiplies them by."""

    def __init__(self, p, run, ins, reserve):
        t, n, values = ins[0].shape
        memory, between, self.masks = _carve(p, t, n, reserve)
        self.p, self.run, self.ins = p, run, ins
        self.live = run.workspace((t, n, 1), bool, "live") if p.use_sequence_length else None
        self.cells = [
            [Cell(p, run, *cell, live=self.live) for cell in zip(*both)]
            for both in zip(_unpack(p, values, ins[1]), memory)
        ]
        x = ins[0] if ins[0].flags.c_contiguous else run.workspace(ins[0].shape, ins[0].dtype, "x")
        self.inputs = [x, *between]

    def begin(self) -> None:
        """What every pass does first."""
        if self.inputs[0] is not self.ins[0]:
            np.copyto(self.inputs[0], self.ins[0])
        if self.live is not None:
            steps = np.arange(len(self.live))[:, None, None]
            np.less(steps, self.ins[-1].reshape(1, -1, 1), out=self.live)

    def of(self, layer: int, states: np.ndarray) -> np.ndarray:
        """A layer's part of `states` (layers * directions, ...)."""
        directions = len(self.cells[0])
        return states[layer * directions : (layer + 1) * directions]


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
        layers = _Layers(p, run, ins, outs[-1])
        return partial(_forward, layers, outs, _native_forward(layers, outs))

    def prepare_gradient(p, run, gs, ins, outs, igs):
        layers = _Layers(p, run, ins, outs[-1])
        grads = None
        if igs[1] is not None:
            grads = _unpack(p, ins[0].shape[2], igs[1])
        native = _NativeBackward.of(layers, gs, outs, igs, grads)
        return native or partial(_backward, layers, gs, outs, igs, grads)


def _native_forward(layers, outs) -> list[Calls] | None:
    """The calls of each layer, if the native core computes the operator."""
    p, ins = layers.p, layers.ins
    if not recurrent_native.supported(p, ins[0]):
        return None
    found: list[Calls] = []
    lstm = p.mode == "lstm"
    for layer, (cells, x) in enumerate(zip(layers.cells, layers.inputs)):
        ends = recurrent_native.Ends(
            layers.of(layer, ins[2]),
            layers.of(layer, ins[3]) if lstm else None,
            layers.of(layer, outs[2]) if lstm and p.state_outputs else None,
        )
        calls = recurrent_native.forward(cells, x, ends)
        if calls is None:
            return None
        found.append(calls)
    return found


def _forward(layers, outs, native):
    layers.begin()
    p, inputs = layers.p, layers.inputs
    states, initial = _heads(p, layers.ins)
    directions, passed, _ = _widths(p)
    for layer, (cells, x, y) in enumerate(zip(layers.cells, inputs, [*inputs[1:], outs[0]])):
        if native:
            for call in native[layer]:
                call()
        for d, cell in enumerate(cells):
            k = layer * directions + d
            if not native:
                cell.forward(x, states[k], initial[k])
            h = cell.memory.h
            y[:, :, d * passed : (d + 1) * passed] = h[:-1] if d else h[1:]
            if p.state_outputs:
                outs[1][k] = h[0 if d else -1]
                if p.mode == "lstm" and not native:
                    outs[2][k] = cell.memory.c[0 if d else -1]
        if layers.live is not None:
            y *= layers.live
        if p.p and layers.run.train and layer < p.num_layers - 1:
            _drop(p, y, layers.masks[layer])


def _backward(layers, gs, outs, igs, grads):
    layers.begin()
    p, run, inputs = layers.p, layers.run, layers.inputs
    x, (directions, passed, _) = inputs[0], _widths(p)
    n = x.shape[1]
    heads = [*gs, None, None][:3]
    dy = np.zeros_like(outs[0]) if heads[0] is None else heads[0]
    later: list[
        Callable
    ] = []  # calls for the weights' gradients of a cell, which run during the steps of the next one
    for layer in reversed(range(p.num_layers)):
        if layers.live is not None:
            dy = dy * layers.live
        dx = None
        for d, cell in enumerate(layers.cells[layer]):
            k = layer * directions + d
            dh = np.zeros((n, passed), x.dtype) if heads[1] is None else heads[1][k].copy()
            dc = np.zeros((n, p.state_size), x.dtype) if heads[2] is None else heads[2][k].copy()
            by_projection = grads[layer][d][2] if grads else np.empty_like(cell.weights[2])
            at_state, at_inputs = cell.backward(
                dy[:, :, d * passed : (d + 1) * passed], dh, dc, by_projection, k % 2, later
            )
            later = (
                cell.weight_gradients(_read(p, inputs, layer), at_state, at_inputs, grads[layer][d])
                if grads
                else []
            )
            if layer or igs[0] is not None:
                share = cell.input_gradient(at_inputs).reshape(inputs[layer].shape)
                dx = share if dx is None else dx + share
            if igs[2] is not None:
                igs[2][k] = dh
            if p.mode == "lstm" and igs[3] is not None:
                igs[3][k] = dc
        dy = dx * layers.masks[layer - 1] if layer and p.p and run.train else dx
    together(later, outs[-1].size)
    if igs[0] is not None:
        igs[0][...] = dy
    if p.use_sequence_length and igs[-1] is not None:
        igs[-1][...] = 0


class _NativeBackward:
    """The backward pass by the native core: `gradients` has the arrays of each layer, `calls` its calls."""

    def __init__(self, layers, gs, outs, igs, grads):
        p, run, x = layers.p, layers.run, layers.inputs[0]
        directions, passed, _ = _widths(p)
        self.layers, self.igs, self.heads = layers, igs, [*gs, None, None][:3]
        self.gradients: list[recurrent_native.Gradients] = []

        def ends(name):
            return [run.workspace((x.shape[1], passed), x.dtype, (name, d)) for d in range(directions)]

        self.top = dy = run.workspace(outs[0].shape, x.dtype, "dy")
        for layer in reversed(range(p.num_layers)):
            read, dx = _read(p, layers.inputs, layer), []
            if layer or igs[0] is not None:
                t, n, values = layers.inputs[layer].shape  # (t, n, values), but the samples are contiguous
                dx = [
                    run.workspace((t, values, n), x.dtype, ("dx", layer % 2, d)).swapaxes(1, 2)
                    for d in range(directions)
                ]
            of_weights = grads and grads[layer]
            self.gradients.insert(
                0, recurrent_native.Gradients(dy, ends("dh"), ends("dc"), read, of_weights, dx)
            )
            dy = dx[0] if dx else dy
        made = [
            recurrent_native.backward(cells, x, g)
            for cells, x, g in zip(layers.cells, layers.inputs, self.gradients)
        ]
        self.calls = [calls for calls in made if calls is not None]
        self.sum_up: list[Callable[[], object]] = []  # the gradient of the inputs, of all directions
        for i, part in enumerate(self.gradients[0].dx if igs[0] is not None else []):
            f, arrays = (np.add, (igs[0], part, igs[0])) if i else (np.copyto, (igs[0], part))
            self.sum_up.append(steps.call(f, arrays) or partial(f, *arrays))

    @classmethod
    def of(cls, layers, gs, outs, igs, grads):
        """None if the core does not compute the operator."""
        p = layers.p
        if not recurrent_native.supported(p, layers.ins[0]):
            return None
        made = cls(layers, gs, outs, igs, grads)
        return made if len(made.calls) == p.num_layers else None

    def __call__(self) -> None:
        layers, igs, p = self.layers, self.igs, self.layers.p
        layers.begin()
        self.top[...] = 0 if self.heads[0] is None else self.heads[0]
        for layer in reversed(range(p.num_layers)):
            g = self.gradients[layer]
            if layer < p.num_layers - 1:
                for more in self.gradients[layer + 1].dx[1:]:
                    g.dy += more
                if p.p and layers.run.train:
                    g.dy *= layers.masks[layer]
            if layers.live is not None:
                g.dy *= layers.live
            for given, arrays in zip(self.heads[1:], (g.dh, g.dc)):
                for d, array in enumerate(arrays):
                    array[...] = 0 if given is None else layers.of(layer, given)[d]
            for call in self.calls[layer]:
                call()
            for to, arrays in zip(igs[2:4], (g.dh, g.dc) if p.mode == "lstm" else (g.dh,)):
                if to is not None:
                    layers.of(layer, to)[...] = arrays
        for call in self.sum_up:
            call()
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
