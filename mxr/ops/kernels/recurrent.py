"""Recurrent cells: one layer in one direction, forward over a sequence and backward. The arithmetic of a
single step is in mxr/ops/kernels/recurrent_steps.py.

Notation of shapes: t steps, n samples, G gates, `size` values in a cell's state, `passed` values in the
output h of a step (fewer than `size` with a projection). The arrays of one step are contiguous, gate by gate.
Whatever does not depend on the step before is computed for many steps at once: the products with the input,
and the gradients of the weights.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import repeat
from typing import Any

import numpy as np

from mxr.operator import Run
from mxr.ops.kernels import recurrent_steps
from mxr.ops.kernels.recurrent_steps import GruStep, LstmStep, PlainStep
from mxr.runtime import costs, threads

GATES = {"rnn_relu": 1, "rnn_tanh": 1, "lstm": 4, "gru": 3}
# The gates in the order of their memory: their number among the weights, and the factor of their sums. Gates
# with a sigmoid come first: an LSTM's weights are in the order i, f, g, o, its gates in memory in the order
# i, f, o, g. sigmoid(x) = 1/2 + tanh(x / 2) / 2: with the factor 1/2, one call of tanh computes all gates.
_ORDER = {
    "rnn_relu": ((0, 1),),
    "rnn_tanh": ((0, 1),),
    "lstm": ((0, 0.5), (1, 0.5), (3, 0.5), (2, 1)),
    "gru": ((0, 0.5), (1, 0.5), (2, 1)),
}


@dataclass
class Memory:
    """Arrays that a cell keeps for its gradient, in the order of time. `h` has one step more than the
    sequence, for the initial state. A row of an LSTM holds a step's gates and its cells before the step;
    there is one row more, for the last cells. A row of a GRU holds r times the state's part of the candidate,
    then the gates."""

    # (t, G, n, size), after the activations; gru: (t, G + 1, n, size), lstm: (t + 1, G + 1, n, size)
    rows: np.ndarray
    h: np.ndarray  # (t + 1, n, passed)
    inner: np.ndarray  # (t, n, size), lstm: tanh of the cells
    mode: str
    reverse: bool  # the cell computes from the last step to the first

    @staticmethod
    def shapes(p, t: int, n: int) -> tuple:
        size, lstm, more = p.state_size, p.mode == "lstm", p.mode in ("lstm", "gru")
        return (
            (t + lstm, GATES[p.mode] + more, n, size),
            (t + 1, n, p.projection_size or size),
            (t * lstm, n, size),
        )

    @property
    def gates(self) -> np.ndarray:
        """(t, G, n, size)"""
        if self.mode == "lstm":
            return (self.rows[1:] if self.reverse else self.rows[:-1])[:, :-1]
        return self.rows[:, 1:] if self.mode == "gru" else self.rows

    @property
    def c(self) -> np.ndarray:
        """(t + 1, n, size), the cells of an lstm."""
        return self.rows[:, -1]

    def steps(self, a: np.ndarray) -> np.ndarray:
        """An array over time, in the order of computation."""
        return a[::-1] if self.reverse else a

    def states(self, a: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(the states before, the states after) each step, in the order of computation."""
        return (a[:0:-1], a[-2::-1]) if self.reverse else (a[:-1], a[1:])

    @cached_property
    def parts(self) -> list[tuple[slice, Memory]]:
        """(samples, their memory) for each worker. One part only, unless a step is so large that several
        workers gain more than they lose by waiting for Python's lock."""
        _, gates, n, size = self.gates.shape
        large = 2 * n * gates * size * self.h.shape[2] >= costs.STEP_SAMPLES_FLOPS
        count = max(1, min(threads.workers(), n // costs.WORKER_SAMPLES)) if large else 1
        samples = [slice(*cut) for cut in threads.cuts(n, count)]
        return [
            (s, Memory(self.rows[:, :, s], self.h[:, s], self.inner[:, s], self.mode, self.reverse))
            for s in samples
        ]

    @cached_property
    def views(self) -> list[PlainStep] | list[LstmStep] | list[GruStep]:
        """The arrays of each step, in the order of computation."""
        before, after = self.states(self.h)
        if self.mode == "lstm":
            gates = zip(
                self.steps(self.gates),
                self.states(self.rows)[0],
                self.states(self.c)[1],
                self.steps(self.inner),
            )
            return [
                LstmStep(old, h, a, a[:-1], a[0], a[1], a[2], a[3], row[:2], row[3:], row[4], c, tanh)
                for old, h, (a, row, c, tanh) in zip(before, after, gates)
            ]
        if self.mode == "gru":
            return [
                GruStep(old, h, row[1], row[2], row[3], row[1:-1], row[0], row[:-1])
                for old, h, row in zip(before, after, self.steps(self.rows))
            ]
        return [PlainStep(old, h, a[0]) for old, h, a in zip(before, after, self.steps(self.gates))]


@dataclass
class Cell:
    """A cell with its weights and memory. `weights`: of the input (G * size, inputs), of the state (G * size,
    passed), of the projection (passed, size), and the biases of input and state. `live` (t, n, 1) is False
    after the end of a sequence, where the state does not change; None if all sequences have t steps."""

    p: Any
    run: Run
    weights: list
    memory: Memory
    live: np.ndarray | None = None
    number: int = 0  # of the worker whose samples these are

    def parts(self) -> list[tuple[slice, Cell]]:
        """(samples, a cell for them) for each worker. One part with a projection, since its gradient is a sum
        over all samples."""
        if self.p.projection_size or len(self.memory.parts) == 1:
            return [(slice(None), self)]
        return [
            (s, Cell(self.p, self.run, self.weights, m, None if self.live is None else self.live[:, s], k))
            for k, (s, m) in enumerate(self.memory.parts)
        ]

    def scratch(self, shape, dtype, slot: int) -> np.ndarray:
        """Scratch memory of this worker."""
        return self.run.workspace(shape, dtype, (self.number, slot))

    def lives(self, back: bool = False) -> Iterator:
        """`live` of each step, in the order of computation, or in the opposite order (`back`)."""
        if self.live is None:
            return repeat(None)
        return iter(self.live[::-1] if self.memory.reverse != back else self.live)

    # ------------------------------------------------------------------------------------- forward
    def forward(self, x, h0, c0) -> None:
        """Run over x (t, n, inputs) from the state h0 (n, passed) and, for an lstm, the cells c0
        (n, size)."""
        m, mode = self.memory, self.p.mode
        wx, wh, _, bx, bh = self.weights
        bias = bx + bh
        if mode == "gru":
            candidate = slice(-self.p.state_size, None)
            bias[candidate], m.rows[:, 0] = bx[candidate], bh[candidate]
        by_step = (
            len(h0) >= costs.STEPWISE_SAMPLES
            and len(h0) * x.shape[2] * self.p.state_size <= costs.BLAS_SMALL_PRODUCT
        )
        wx, wh, bias = (
            self._by_gate(wx, "C" if by_step else "F"),
            self._by_gate(wh, "C", turn=mode == "gru"),
            self._by_gate(bias),
        )
        m.states(m.h)[0][0] = h0
        if mode == "lstm":
            m.states(m.c)[0][0] = c0
        sums, beside = self._sums(x, wx, bias, by_step)
        parts = self.parts()
        if len(parts) == 1:
            together([self._loop(self._steps(sums), wh), *beside], m.gates.size)
            return
        for _, made in sums:
            made()
        threads.run([cell._loop(cell.memory.views, wh) for _, cell in parts])

    def _loop(self, steps, wh) -> Callable:
        """The function that computes `steps`."""
        product = self.scratch(self.memory.gates.shape[1:], wh.dtype, 1)
        return partial(recurrent_steps.FORWARD[self.p.mode], self, steps, _step(wh, product), product)

    def _by_gate(self, w: np.ndarray, layout: str = "F", turn: bool = False) -> np.ndarray:
        """Weights (G * size, inputs) or biases as (G, inputs, size), in the order of the gates in memory,
        times their factors; `turn`: the last gate first. Layout "C" is contiguous: for weights that every
        step uses, that is worth the copy."""
        order = _ORDER[self.p.mode]
        if turn:
            order = order[-1:] + order[:-1]
        w = w.reshape(len(order), self.p.state_size, -1).transpose(0, 2, 1)
        out = np.empty(w.shape, w.dtype) if layout == "C" else np.empty_like(w)
        for (k, scale), part in zip(order, out):
            np.multiply(w[k], scale, part)
        return out

    def _sums(
        self, x, wx, bias, by_step: bool
    ) -> tuple[list[tuple[slice, threads.Once]], list[threads.Once]]:
        """The part of the gates' sums that comes from input and biases, written to the gates' memory. Returns
        calls with the slices of steps that they compute, in one product, or in one for each step (`by_step`);
        and those of the calls that another worker should make during the first steps."""
        m, (t, gates, n, size) = self.memory, self.memory.gates.shape
        work, bias = 2 * m.gates.size * x.shape[2], np.repeat(bias, n, axis=1)

        def make(at, slot=0):
            part, inputs = (m.steps(m.steps(a)[at]) for a in (m.gates, x))
            if by_step:
                sums = part
                _product(inputs[:, None], wx, part)
            else:
                sums = self.run.workspace((gates, len(part), n, size), x.dtype, ("sums", slot))
                _product(inputs.reshape(-1, x.shape[2]), wx, sums.reshape(gates, -1, size))
                sums = sums.swapaxes(0, 1)
            np.add(sums, bias, part)

        block = max(
            1, costs.SEQUENCE_BLOCK // m.gates[0].size, 0 if by_step else costs.SEQUENCE_BLOCK_ROWS // n
        )

        def make_blocks(start, stop):
            for i in range(start, stop, block):
                make(slice(i, min(i + block, stop)), start)

        if work >= costs.SEQUENCE_SHARED_FLOPS:
            all_blocks = partial(threads.map_blocks, make_blocks, t) if t > 1 else partial(make, slice(0, t))
            return [(slice(0, t), threads.Once(all_blocks))], []
        ahead = work >= costs.SEQUENCE_BESIDE_FLOPS and t >= 4
        edges = [0, t // 4, t] if ahead else [*range(0, t, block), t]
        sums = [
            (at, threads.Once(partial(make, at, ahead and at.start))) for at in map(slice, edges, edges[1:])
        ]
        return sums, [made for _, made in sums[1:]] if ahead else []

    def _steps(self, sums) -> Iterator[tuple]:
        """The arrays of each step, once its `sums` are computed."""
        for at, made in sums:
            made.wait()
            yield from self.memory.views[at]

    # ------------------------------------------------------------------------------------- backward
    def backward(
        self, dy, dh, dc, project_grad, slot: int, beside: list[Callable]
    ) -> tuple[np.ndarray, list[np.ndarray]]:
        """The gradients of the gates' sums, (t * n, G * size): of the part that comes from the state, and of
        the part that comes from the input. The second is a list of one or two arrays, which are the matrix's
        columns from left to right.

        `dy` (t, n, passed) is the gradient of h in every step. `dh` and `dc` are the gradients of the last
        state and cells, and become those of the initial ones, in place. The projection's gradient is written
        to `project_grad`. The results are in the workspace's slot `slot` (0 or 1). `beside` are calls that
        other workers make during the steps.
        """
        mode, (t, gates, n, size) = self.p.mode, self.memory.gates.shape
        at_state = self.run.workspace((t, n, gates * size), dy.dtype, 2 * slot)
        at_inputs = [at_state]
        if mode == "gru":
            at_inputs = [at_state[:, :, :-size], self.run.workspace((t, n, size), dy.dtype, 2 * slot + 1)]
        loops = []
        for at, cell in self.parts():
            d, up, at_sums = dh[at], dy[:, at], at_state[:, at]
            back = d if mode == "lstm" and self.live is None else np.empty_like(d)
            step = _step(self.weights[1], back)
            if mode == "lstm":
                loops.append(
                    partial(
                        recurrent_steps.backward_lstm, cell, up, d, dc[at], step, back, at_sums, project_grad
                    )
                )
            elif mode == "gru":
                loops.append(
                    partial(
                        recurrent_steps.backward_gru, cell, up, d, step, back, at_sums, at_inputs[1][:, at]
                    )
                )
            else:
                loops.append(partial(recurrent_steps.backward_plain, cell, up, d, step, back, at_sums))
        # the products of its steps use all workers, so that nothing can run beside it
        if len(loops) == 1 and 2 * at_state[0].size * dh.shape[1] >= costs.STEP_SHARED_FLOPS:
            loops.pop()()
        together([*loops, *beside], at_state.size)
        return at_state.reshape(t * n, -1), [a.reshape(t * n, -1) for a in at_inputs]

    def weight_gradients(self, x, at_state, at_inputs, grads) -> list[Callable]:
        """Independent calls that compute `grads`, arrays like `weights`, from the results of `backward`."""
        m = self.memory
        x, old = (a.reshape(len(at_state), -1) for a in (x, m.h[1:] if m.reverse else m.h[:-1]))
        calls = _in_parts(at_state, old, grads[1])
        for a, rows in _side_by_side(at_inputs):
            calls += _in_parts(a, x, grads[0][rows])
        return [*calls, partial(_bias_gradients, at_state, at_inputs, grads)]

    def input_gradient(self, at_inputs) -> np.ndarray:
        """The gradient of the input, (t * n, inputs), from the results of `backward`."""
        wx, products = self.weights[0], []
        for a, rows in _side_by_side(at_inputs):
            products.append(np.empty((len(a), wx.shape[1]), a.dtype))
            threads.product(a, wx[rows], products[-1])()
        for more in products[1:]:
            np.add(products[0], more, products[0])
        return products[0]


def _bias_gradients(at_state, at_inputs, grads) -> None:
    ones = np.ones(len(at_state), at_state.dtype)
    grads[3][...] = np.dot(ones, at_state, grads[4])  # faster than np.sum
    for a, rows in list(_side_by_side(at_inputs))[1:]:  # the first is a part of `at_state`
        np.dot(ones, a, grads[3][rows])


def _side_by_side(arrays) -> Iterator[tuple[np.ndarray, slice]]:
    """(matrix, its columns in the wider matrix) for matrices that stand side by side in a wider one."""
    stop = 0
    for a in arrays:
        start, stop = stop, stop + a.shape[1]
        yield a, slice(start, stop)


def _in_parts(a, values, out) -> list[Callable]:
    """Independent calls that compute out = a.T @ values, each of them some rows of `out`."""
    parts = max(1, min(threads.workers(), len(out) // costs.WEIGHT_PART_ROWS))
    # np.dot would copy a part of a transposed matrix first
    return [partial(np.matmul, a.T[i:j], values, out[i:j]) for i, j in threads.cuts(len(out), parts)]


def together(calls: list[Callable], values: int) -> None:
    """Make independent calls: in several threads if their number of values is large enough for that."""
    if len(calls) > 1 and values > costs.CELL_SHARED_VALUES:
        threads.run(calls)
    else:
        for call in calls:
            call()


def _product(a, b, out) -> None:
    """out = a @ b. In this thread unless it is very large: the steps that follow find `out` in its cache."""
    if 2 * out.size * a.shape[-1] < costs.SEQUENCE_SHARED_FLOPS:
        np.matmul(a, b, out)
    else:
        threads.product(a, b, out)()


def _step(weights, out) -> Callable:
    """A function that computes out = (its argument) @ weights, by all workers if that is large."""
    if weights.ndim == 3 and len(weights) == 1:
        weights, out = weights[0], out[0]
    if 2 * out.size * weights.shape[-2] < costs.STEP_SHARED_FLOPS:
        multiply = np.dot if out.ndim == 2 else np.matmul  # np.dot has less overhead
        return lambda a: multiply(a, weights, out)
    return lambda a: threads.product(a, weights, out)()
