"""Recurrent layers by the native core: all steps of a layer, forward or backward, are one call without
Python's lock.

The notation of shapes is that of mxr/ops/kernels/recurrent.py. Here the arrays of a step are transposed: a
state is (size, n), sums of gates are (G * size, n). For the few samples of a step, BLAS multiplies weights
with a transposed state fastest, and it reads the weights where they are. Gates are in the order of the
weights. Whole sequences, which are the inputs and outputs of layers, are not transposed.

The samples of a layer may be divided into shares, for which threads run all steps without meeting. A loop is
one share in one direction.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import Any

import numpy as np

from mxr import native
from mxr.native import blas, steps
from mxr.native.steps import Calls, Prepared, Region, Slot
from mxr.runtime import costs, threads

Steps = list[Prepared | None]


def supported(p: Any, x: np.ndarray) -> bool:
    """Whether the native core computes this operator. It has no projections and does not clip cells."""
    return bool(
        native.active()
        and x.dtype == np.float32
        and x.size
        and not p.projection_size
        and p.lstm_state_clip_min is None
        and blas.found()
    )


@dataclass
class Ends:
    """A layer's initial states and cells, (directions, n, size), and where its last cells go. The cells are
    None unless the layer is an LSTM, the last ones also if nothing uses them."""

    states: np.ndarray
    cells: np.ndarray | None
    last_cells: np.ndarray | None


def forward(cells: Sequence[Any], x: np.ndarray, ends: Ends) -> Calls | None:
    """The calls that compute a layer from its inputs (t, n, inputs): `cells` has one cell per direction."""
    loops = _loops(cells, x)
    for loop in loops:
        loop.ends = ends
    before = list(chain(*(loop.sums() for loop in loops if loop.share == 0)))
    before += chain(*(loop.begin() for loop in loops))
    after: Steps = list(chain(*(loop.end() for loop in loops)))
    return _joined(before, [loop.step_forward for loop in loops], after, len(x))


@dataclass
class Gradients:
    """The arrays of a layer's backward pass. Lists have one item per direction."""

    dy: np.ndarray  # (t, n, directions * size): the gradient of the outputs
    dh: list[np.ndarray]  # (n, size): the gradients of the last states; afterwards, of the initial ones
    dc: list[np.ndarray]  # (n, size): the same for cells
    read: np.ndarray  # (t, n, inputs): taken for the inputs by the gradient of the input weights
    weights: list[Any] | None  # gradients like the cells' weights
    dx: list[np.ndarray]  # (t, n, inputs): each direction's part of the inputs' gradient; empty if unused


def backward(cells: Sequence[Any], x: np.ndarray, g: Gradients) -> Calls | None:
    """The calls that compute a layer's gradients. They use the memory of the forward pass."""
    loops = _loops(cells, x)
    for loop in loops:
        loop.gradients = g
    before = chain(*(loop.begin_backward() for loop in loops))
    after: Steps = list(chain(*(loop.end_backward() for loop in loops)))
    for direction in range(len(cells)):
        after += _sum_up([loop for loop in loops if loop.direction == direction])
    return _joined(list(before), [loop.step_backward for loop in loops], after, len(x))


def _joined(before: Steps, loops: list[Callable[[int], Steps]], after: Steps, times: int) -> Calls | None:
    repeated = steps.repeat(loops, times)
    needed: Steps = [*before, *(repeated or ()), *after]
    made = [step for step in needed if step is not None]
    return steps.join(made) if repeated and len(made) == len(needed) else None


def _loops(cells: Sequence[Any], x: np.ndarray) -> list[_Loop]:
    t, n, _ = x.shape
    _, gates, _, size = cells[0].memory.gates.shape
    work = 2 * t * n * gates * size * size * costs.FLOP_NS
    count = max(1, min(threads.workers() // len(cells), n // costs.WORKER_SAMPLES))
    shares = threads.cuts(n, count if work >= 4 * costs.WAKE_NS else 1)
    kind = {"lstm": _LstmLoop, "gru": _GruLoop}.get(cells[0].p.mode, _PlainLoop)
    return [
        kind(cell, d, share, slice(*samples), x)
        for d, cell in enumerate(cells)
        for share, samples in enumerate(shares)
    ]


def _sum_up(loops: list[_Loop]) -> Steps:
    """The gradients of the weights of a direction, from what its shares have computed."""
    first, g = loops[0], loops[0].gradients
    if g.weights is None:
        return []
    by_x, by_h, _, of_x_bias, of_bias = g.weights[first.direction]
    d, read = first.d_all, g.read.reshape(-1, g.read.shape[2])
    if d is None:
        made: Steps = [
            steps.call(np.add, (to, part, to))
            for loop in loops[1:]
            for to, part in ((by_x, loop.by_x), (by_h, loop.by_h))
        ]
        sums = [loop.bias_sums for loop in loops]
        totals = [first.scratch(f"total {i}", len(part)) for i, part in enumerate(sums)]
        made += [_sum_rows(part, total) for part, total in zip(sums, totals)]
    else:
        h = first.h_before.reshape(-1, first.size)
        made = [steps.product(d[:, rows].T, h, by_h[to]) for rows, to in first.from_state]
        made += [steps.product(d[:, rows].T, read, by_x[to]) for rows, to in first.from_input]
        padded = first.padded("sums", d.shape[1])
        totals = [first.scratch("total", padded.shape[1])]
        made.append(steps.reduction(np.add, padded, (0,), totals[0]))
    made += [steps.call(np.add, (totals[0], more, totals[0])) for more in totals[1:]]
    for bias, parts in ((of_bias, first.from_state), (of_x_bias, first.from_input)):
        made += [steps.call(np.copyto, (bias[to], totals[0][rows])) for rows, to in parts]
    return made


# ------------------------------------------------------------------------------------- the steps of a loop


class _Loop:
    """One direction for some samples. The arrays that are not kept for the gradient are scratch memory."""

    parts = 1  # of the gradients that a step computes, each (size, n)
    # (rows of these gradients, rows of the weights) for the state's weights, and for the inputs'
    from_state: list[tuple[slice, slice]]
    from_input: list[tuple[slice, slice]]
    gradients: Gradients
    ends: Ends

    def __init__(self, cell: Any, direction: int, share: int, samples: slice, x: np.ndarray):
        self.cell, self.direction, self.share, self.samples, self.x = cell, direction, share, samples, x
        self.memory, self.live = cell.memory, cell.live
        self.t, self.gates, _, self.size = cell.memory.gates.shape
        self.n = samples.stop - samples.start
        self.wx, self.wh, _, self.bx, self.bh = cell.weights
        product = self.n * self.gates * self.size * max(x.shape[2], self.size)
        self.by_step = product <= costs.NATIVE_STEP_PRODUCT
        self.from_state = self.from_input = [self._rows(0, self.parts, 0)]

    def _rows(self, first: int, count: int, to: int) -> tuple[slice, slice]:
        size = self.size
        return slice(first * size, (first + count) * size), slice(to * size, (to + count) * size)

    def scratch(self, name: str, *shape: int, shared: bool = False) -> np.ndarray:
        """Scratch memory of this loop, or of all shares of a direction."""
        key = ("native", name, self.direction, -1 if shared else self.share)
        array: np.ndarray = self.cell.run.workspace(shape, np.float32, key)
        return array

    def padded(self, name: str, columns: int) -> np.ndarray:
        """Scratch memory (t * n, more than `columns`) of all shares. Rows are not a multiple of a page apart,
        which would make their first elements compete for the same places of the cache."""
        rows = self.x.shape[0] * self.x.shape[1]
        return self.scratch(name, rows, columns + costs.CACHE_LINE // 4, shared=True)

    def sequence(self, name: str, columns: int) -> np.ndarray:
        """The same, (t * n, columns)."""
        return self.padded(name, columns)[:, :columns]

    def kept(self, array: np.ndarray, *shape: int, after: int = 0) -> np.ndarray:
        """The part for this loop's samples of memory that is kept for the gradient, (*shape, n): after the
        arrays of the samples before, and after `after` numbers per sample."""
        count = int(np.prod(shape))
        flat = array.reshape(-1)
        start = after * self.x.shape[1] + count * self.samples.start
        return flat[start : start + count * self.n].reshape(*shape, self.n)

    def at(self, k: int) -> int:
        """The place in the sequence of step `k` in the order of computation."""
        return self.t - 1 - k if self.memory.reverse else k

    def of_sequence(self, a: np.ndarray, k: int) -> np.ndarray:
        """The part of step `k` of an array (t * n, columns), transposed."""
        start = self.at(k) * self.x.shape[1]
        return a[start + self.samples.start : start + self.samples.stop].T

    def transposed(self, a: np.ndarray, k: int) -> np.ndarray:
        """Step `k` of a sequence (t, n, size), transposed."""
        view: np.ndarray = a[self.at(k), self.samples].T
        return view

    @cached_property
    def h_before(self) -> np.ndarray:
        """(t, n, size): the state before each step."""
        h: np.ndarray = self.memory.h
        return h[1:] if self.memory.reverse else h[:-1]

    @cached_property
    def h_after(self) -> np.ndarray:
        h: np.ndarray = self.memory.h
        return h[:-1] if self.memory.reverse else h[1:]

    @cached_property
    def activations(self) -> np.ndarray:
        """(t, G, size, n)"""
        return self.kept(self.memory.rows, self.t, self.gates, self.size)

    def is_live(self, k: int) -> np.ndarray | None:
        """(1, n): whether the sequences have not ended at step `k`; None if all have the same length."""
        return None if self.live is None else self.transposed(self.live, k)

    # ---------------------------------------------------------------------------------- forward

    @cached_property
    def h(self) -> np.ndarray:
        return self.scratch("h", self.size, self.n)

    @cached_property
    def bias(self) -> np.ndarray:
        """(G, size, n)"""
        return self.scratch("bias", self.gates, self.size, self.n)

    @cached_property
    def all_sums(self) -> np.ndarray:
        return self.sequence("sums", self.gates * self.size)

    def sums(self) -> Steps:
        """The part of the gates' sums that comes from the inputs, unless each step computes its own."""
        x = self.x.reshape(-1, self.x.shape[2])
        return [] if self.by_step else [steps.product(x, self.wx.T, self.all_sums)]

    def begin(self) -> Steps:
        rows, h0 = self.bias.reshape(-1, self.n), self.ends.states[self.direction, self.samples]
        return [
            steps.call(np.copyto, (self.h, h0.T)),
            steps.call(np.copyto, (self.h_before[self.at(0), self.samples], h0)),
            steps.call(np.add, (self.bx[:, None], self.bh[:, None], rows)),
        ]

    def end(self) -> Steps:
        return []

    def products(self, k: int, into: np.ndarray) -> Steps:
        """The sums of the gates' inputs of step `k`, without biases, into (G * size, n). Unless each step
        computes its own, the inputs' part is in `all_sums`."""
        if not self.by_step:
            return [_product(self.wh, self.h, into)]
        x = self.scratch("x", self.x.shape[2], self.n)
        return [
            steps.call(np.copyto, (x, self.transposed(self.x, k))),
            _product(self.wx, x, into),
            _product(self.wh, self.h, into, add=True),
        ]

    def product_memory(self, k: int, gates: np.ndarray) -> np.ndarray:
        """Where `products` writes: to the gates, which are then computed in-place, or to scratch memory."""
        if self.by_step:
            return gates.reshape(-1, self.n)
        return self.scratch("product", self.gates * self.size, self.n)

    def gate_sums(self, r: _Region, k: int, product: np.ndarray) -> Callable[[int], Slot]:
        """A function of the number of a gate: its sum."""
        from_x = None if self.by_step else self.of_sequence(self.all_sums, k)
        parts = product.reshape(self.gates, self.size, self.n)

        def total(gate: int) -> Slot:
            found = r.add(r[parts[gate]], r[self.bias[gate]])
            if from_x is None:
                return found
            return r.add(found, r[from_x[gate * self.size : (gate + 1) * self.size]])

        return total

    def store_state(self, r: _Region, h: Slot, k: int) -> None:
        live = self.is_live(k)
        r.emit("copy", [h if live is None else r.emit("select", [r[live], h, r[self.h]])], out=self.h)
        r.emit("copy", [r[self.h]], out=self.transposed(self.h_after, k))

    def step_forward(self, k: int) -> Steps:
        raise NotImplementedError

    # ---------------------------------------------------------------------------------- backward

    @cached_property
    def dh(self) -> np.ndarray:
        return self.scratch("dh", self.size, self.n)

    @cached_property
    def d(self) -> np.ndarray:
        """(parts * size, n): a step's gradients of the sums."""
        return self.scratch("d", self.parts * self.size, self.n)

    @cached_property
    def d_all(self) -> np.ndarray | None:
        """The same for all steps and shares, unless each step computes its part of the weights' gradients."""
        return None if self.by_step else self.sequence("sums", self.parts * self.size)

    @cached_property
    def bias_sums(self) -> np.ndarray:
        return self.scratch("bias", self.parts * self.size, self.n)

    @cached_property
    def by_x(self) -> np.ndarray:
        """This share's part of the gradient of the input weights."""
        if self.share and self.gradients.weights:
            return self.scratch("by x", *self.wx.shape)
        return self.gradients.weights[self.direction][0] if self.gradients.weights else self.wx

    @cached_property
    def by_h(self) -> np.ndarray:
        if self.share and self.gradients.weights:
            return self.scratch("by h", *self.wh.shape)
        return self.gradients.weights[self.direction][1] if self.gradients.weights else self.wh

    def begin_backward(self) -> Steps:
        made = [steps.call(np.copyto, (self.dh, self.gradients.dh[self.direction][self.samples].T))]
        if self.by_step and self.gradients.weights:
            made += [_zero(a) for a in (self.by_x, self.by_h, self.bias_sums)]
        return made

    def end_backward(self) -> Steps:
        g = self.gradients
        made = [steps.call(np.copyto, (g.dh[self.direction][self.samples], self.dh.T))]
        if g.dx and self.d_all is not None and self.share == 0:
            dx = g.dx[self.direction].reshape(-1, self.x.shape[2])
            made += [
                steps.product(self.d_all[:, rows], self.wx[of], dx, add=i > 0)
                for i, (rows, of) in enumerate(self.from_input)
            ]
        return made

    def gradient_region(self, k: int) -> tuple[_Region, Slot]:
        """(the region of step `k`, the gradient of its h)."""
        r = _Region((self.size, self.n))
        directions = slice(self.direction * self.size, (self.direction + 1) * self.size)
        return r, r.add(r[self.dh], r[self.transposed(self.gradients.dy[:, :, directions], k)])

    def store_gradient(self, r: _Region, part: int, value: Slot, live: np.ndarray | None, k: int) -> Slot:
        """Store a part of `d`, and return it."""
        rows = slice(part * self.size, (part + 1) * self.size)
        to = self.d[rows]
        if live is not None:
            value = r.mul(value, r.emit("as_number", [r[live]]))
        found = r.emit("copy", [value], out=to)
        if self.d_all is not None:
            r.emit("copy", [found], out=self.of_sequence(self.d_all, k)[rows])
        elif self.gradients.weights:
            total = self.bias_sums[rows]
            r.emit("add", [r[total], found], out=total)
        return found

    def carry(self, r: _Region, dh: Slot, live: np.ndarray | None) -> bool:
        """Store what of a step's gradient of h goes to the step before unchanged. False if there is none."""
        if live is not None:  # after the end of a sequence, all of it
            r.emit("select", [r[live], r.number(0), dh], out=self.dh)
        return live is not None

    def gradient_products(self, k: int, carried: bool) -> Steps:
        """The products of a step's gradients: for the state before, and if each step computes them, for the
        weights and the inputs."""
        g, x_t = self.gradients, self.transposed(self.x, k)
        made = [
            _product(self.wh[of].T, self.d[rows], self.dh, add=carried or i > 0)
            for i, (rows, of) in enumerate(self.from_state)
        ]
        if self.by_step and g.weights:
            h, read = self.transposed(self.h_before, k).T, self.transposed(g.read, k).T
            made += [_product(self.d[rows], h, self.by_h[to], add=True) for rows, to in self.from_state]
            made += [_product(self.d[rows], read, self.by_x[to], add=True) for rows, to in self.from_input]
        if self.by_step and g.dx:
            dx = self.scratch("x", *x_t.shape)
            made += [
                _product(self.wx[of].T, self.d[rows], dx, add=i > 0)
                for i, (rows, of) in enumerate(self.from_input)
            ]
            made.append(steps.call(np.copyto, (self.transposed(g.dx[self.direction], k), dx)))
        return made

    def step_backward(self, k: int) -> Steps:
        raise NotImplementedError


class _PlainLoop(_Loop):
    def step_forward(self, k: int) -> Steps:
        (a,) = gates = self.activations[k]
        product = self.product_memory(k, gates)
        r = _Region((self.size, self.n))
        total = self.gate_sums(r, k, product)(0)
        if self.cell.p.mode == "rnn_relu":
            self.store_state(r, r.emit("maximum", [total, r.number(0)], out=a), k)
        else:
            self.store_state(r, r.emit("tanh", [total], out=a), k)
        return [*self.products(k, product), r.step()]

    def step_backward(self, k: int) -> Steps:
        k = self.t - 1 - k
        r, dh = self.gradient_region(k)
        a, live = r[self.activations[k, 0]], self.is_live(k)
        if self.cell.p.mode == "rnn_relu":
            d = r.mul(dh, r.emit("as_number", [r.emit("greater", [a, r.number(0)], np.dtype(bool))]))
        else:
            d = r.minus_times(dh, r.mul(a, a))
        self.store_gradient(r, 0, d, live, k)
        carried = self.carry(r, dh, live)
        return [r.step(), *self.gradient_products(k, carried)]


class _LstmLoop(_Loop):
    """The gates are i, f, g, o. The formulas are in recurrent_steps.backward_lstm."""

    parts = 4

    @cached_property
    def c(self) -> np.ndarray:
        """(t + 1, size, n): the cells, in the order of computation."""
        return self.kept(self.memory.rows, self.t + 1, self.size, after=self.t * self.gates * self.size)

    @cached_property
    def tanh_c(self) -> np.ndarray:
        return self.kept(self.memory.inner, self.t, self.size)

    def begin(self) -> Steps:
        assert self.ends.cells is not None
        c0 = self.ends.cells[self.direction, self.samples]
        return [*super().begin(), steps.call(np.copyto, (self.c[0], c0.T))]

    def end(self) -> Steps:
        last = self.ends.last_cells
        if last is None:
            return []
        return [steps.call(np.copyto, (last[self.direction, self.samples], self.c[self.t].T))]

    def step_forward(self, k: int) -> Steps:
        gates = self.activations[k]
        product = self.product_memory(k, gates)
        r = _Region((self.size, self.n))
        total, before = self.gate_sums(r, k, product), r[self.c[k]]
        i = r.emit("sigmoid", [total(0)], out=gates[0])
        f_c = r.mul(r.emit("sigmoid", [total(1)], out=gates[1]), before)
        c = r.add(f_c, r.mul(i, r.emit("tanh", [total(2)], out=gates[2])))
        tanh_c = r.emit("tanh", [c], out=self.tanh_c[k])
        live = self.is_live(k)
        if live is not None:
            c = r.emit("select", [r[live], c, before])
        r.emit("copy", [c], out=self.c[k + 1])
        o = r.emit("sigmoid", [total(3)], out=gates[3])
        self.store_state(r, r.mul(o, tanh_c), k)
        return [*self.products(k, product), r.step()]

    @cached_property
    def dc(self) -> np.ndarray:
        return self.scratch("dc", self.size, self.n)

    def begin_backward(self) -> Steps:
        dc = self.gradients.dc[self.direction][self.samples]
        return [*super().begin_backward(), steps.call(np.copyto, (self.dc, dc.T))]

    def end_backward(self) -> Steps:
        dc = self.gradients.dc[self.direction][self.samples]
        return [*super().end_backward(), steps.call(np.copyto, (dc, self.dc.T))]

    def step_backward(self, k: int) -> Steps:
        k = self.t - 1 - k
        r, dh = self.gradient_region(k)
        i, f, g, o = (r[a] for a in self.activations[k])
        tanh_c, dc_after, live = r[self.tanh_c[k]], r[self.dc], self.is_live(k)
        a = r.mul(r.mul(dh, tanh_c), o)
        self.store_gradient(r, 3, r.minus_times(a, o), live, k)
        dc = r.add(dc_after, r.emit("subtract", [r.mul(dh, o), r.mul(a, tanh_c)]))
        dc_i, dc_f = r.mul(dc, i), r.mul(dc, f)
        dc_i_g = r.mul(dc_i, g)
        self.store_gradient(r, 0, r.minus_times(dc_i_g, i), live, k)
        self.store_gradient(r, 2, r.emit("subtract", [dc_i, r.mul(dc_i_g, g)]), live, k)
        self.store_gradient(r, 1, r.minus_times(r.mul(dc_f, r[self.c[k]]), f), live, k)
        if live is not None:
            dc_f = r.emit("select", [r[live], dc_f, dc_after])
        r.emit("copy", [dc_f], out=self.dc)
        carried = self.carry(r, dh, live)
        return [r.step(), *self.gradient_products(k, carried)]


class _GruLoop(_Loop):
    """The gates are reset, keep and the candidate. The gradients of a step are those of the state's part of
    the candidate, of reset and keep, and of the candidate's sum; see recurrent_steps.backward_gru."""

    parts = 4

    def __init__(self, *args: Any):
        super().__init__(*args)
        self.from_state = [self._rows(1, 2, 0), self._rows(0, 1, 2)]
        self.from_input = [self._rows(1, 3, 0)]

    @cached_property
    def states_part(self) -> np.ndarray:
        """(t, size, n): the state's part of the candidate."""
        return self.kept(self.memory.rows, self.t, self.size, after=self.t * self.gates * self.size)

    @cached_property
    def state_bias(self) -> np.ndarray:
        return self.scratch("state bias", self.size, self.n)

    def begin(self) -> Steps:
        candidate = slice(2 * self.size, None)
        made = super().begin()
        return [
            *made,
            steps.call(np.copyto, (self.bias[2], self.bx[candidate, None])),
            steps.call(np.copyto, (self.state_bias, self.bh[candidate, None])),
        ]

    def products(self, k: int, into: np.ndarray) -> Steps:
        if not self.by_step:
            return super().products(k, into)
        two = 2 * self.size
        *made, _ = super().products(k, into)
        return [
            *made,
            _product(self.wh[:two], self.h, into[:two], add=True),
            _product(self.wh[two:], self.h, self.states_part[k]),
        ]

    def step_forward(self, k: int) -> Steps:
        gates, own = self.activations[k], self.states_part[k]
        product = self.product_memory(k, gates)
        r = _Region((self.size, self.n))
        total = self.gate_sums(r, k, product)
        reset = r.emit("sigmoid", [total(0)], out=gates[0])
        keep = r.emit("sigmoid", [total(1)], out=gates[1])
        of_state = own if self.by_step else product[2 * self.size :]
        of_state = r.emit("add", [r[of_state], r[self.state_bias]], out=own)
        if self.by_step:
            of_input = total(2)
        else:
            of_input = r.add(r[self.bias[2]], r[self.of_sequence(self.all_sums, k)[2 * self.size :]])
        candidate = r.emit("tanh", [r.add(of_input, r.mul(reset, of_state))], out=gates[2])
        change = r.mul(keep, r.emit("subtract", [r[self.h], candidate]))
        self.store_state(r, r.add(change, candidate), k)
        return [*self.products(k, product), r.step()]

    def step_backward(self, k: int) -> Steps:
        k = self.t - 1 - k
        r, dh = self.gradient_region(k)
        reset, keep, candidate = (r[a] for a in self.activations[k])
        live, before = self.is_live(k), r[self.transposed(self.h_before, k)]
        kept = r.mul(dh, keep)
        d = r.emit("subtract", [dh, kept])
        self.store_gradient(r, 2, r.mul(r.mul(d, keep), r.emit("subtract", [before, candidate])), live, k)
        d = self.store_gradient(r, 3, r.minus_times(d, r.mul(candidate, candidate)), live, k)
        d_state = self.store_gradient(r, 0, r.mul(d, reset), None, k)
        self.store_gradient(r, 1, r.minus_times(r.mul(d_state, r[self.states_part[k]]), reset), None, k)
        if live is not None:
            kept = r.emit("select", [r[live], kept, dh])
        r.emit("copy", [kept], out=self.dh)
        return [r.step(), *self.gradient_products(k, True)]


class _Region(Region):
    """A region with shorter names. `r[array]` reads an array."""

    def __getitem__(self, a: np.ndarray) -> Slot:
        slot = self.array(a)
        assert slot is not None, "float32 and bool only"
        return slot

    def add(self, a: Slot, b: Slot) -> Slot:
        return self.emit("add", [a, b])

    def mul(self, a: Slot, b: Slot) -> Slot:
        return self.emit("multiply", [a, b])

    def minus_times(self, a: Slot, b: Slot) -> Slot:
        """a - a b"""
        return self.emit("subtract", [a, self.mul(a, b)])


def _product(a: np.ndarray, b: np.ndarray, out: np.ndarray, add: bool = False) -> Prepared | None:
    """The product of matrices, in parts of some rows that are so small that BLAS does not copy the operands,
    if there are not too many of these parts."""
    (m, k), n = a.shape, b.shape[1]
    for count in (1, 2, 3, 4, 6, 8, 12, 16):
        if m % (count * costs.BLAS_PANEL) == 0 and m * k * n <= count * costs.BLAS_SMALL_PRODUCT:
            return steps.product(a.reshape(count, m // count, k), b, out.reshape(count, m // count, n), add)
    return steps.product(a, b, out, add)


def _zero(a: np.ndarray) -> Prepared | None:
    r = Region(a.shape)
    r.emit("copy", [r.number(0)], out=a)
    return r.step()


def _sum_rows(a: np.ndarray, out: np.ndarray) -> Prepared | None:
    """The sums of the rows of a matrix."""
    r = Region(a.shape)
    slot = r.array(a)
    return r.step() if slot is not None and r.sum(slot, a.shape[1], out) else None
