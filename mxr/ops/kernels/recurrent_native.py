"""Recurrent layers by the native core: all steps of a layer, forward or backward, are one call without
Python's lock.

The notation of shapes is that of mxr/ops/kernels/recurrent.py. Here the arrays of a step are transposed: a
state is (size, n), sums of gates are (G * size, n). So the products with the few samples of a step read the
weights where they are. Gates are in the order of the weights. Whole sequences, which are the inputs and
outputs of layers, are not transposed.

The samples of a layer may be divided into shares, for which threads run all steps without meeting. A loop is
one share in one direction.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import Any

import numpy as np

from mxr import native
from mxr.native import blas, core, steps
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
    return _joined([loop.forward() for loop in loops], [])


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
    after: Steps = []
    for direction in range(len(cells)):
        after += _sum_up([loop for loop in loops if loop.direction == direction])
    return _joined([loop.backward() for loop in loops], after)


def _joined(loops: list[list[Steps]], after: Steps) -> Calls | None:
    """The calls of all loops, each a list of parts, side by side. A call is so short that a Ctrl-C, which has
    to wait for its end, is answered soon."""
    made = [[[step for step in part if step is not None] for part in loop] for loop in loops]
    found = [step for step in after if step is not None]
    if [[len(part) for part in loop] for loop in loops] != [[len(part) for part in loop] for loop in made]:
        return None
    if len(found) < len(after):
        return None
    if len(loops) == 1:
        return steps.join([*chain(*made[0]), *found])
    together: list[list[Prepared]] = [[] for _ in loops]
    calls: list[Prepared] = []
    for parts in zip(*made):
        for steps_of, part in zip(together, parts):
            steps_of += part
        if sum(step.nanoseconds for step in chain(*together)) > costs.NATIVE_LONGEST_NS / 2:
            calls.append(steps.side_by_side(together))
            together = [[] for _ in loops]
    return steps.join([*calls, *([steps.side_by_side(together)] if together[0] else []), *found])


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
    _, _, _, of_x_bias, of_bias = g.weights[first.direction]
    made: Steps = [
        steps.call(np.add, (to, part, to))
        for loop in loops[1:]
        for to, part in ((first.by_x, loop.by_x), (first.by_h, loop.by_h))
    ]
    sums = [loop.bias_sums for loop in loops]
    totals = [first.scratch(f"total {i}", len(part)) for i, part in enumerate(sums)]
    made += [_sum_rows(part, total) for part, total in zip(sums, totals)]
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
        self.from_state = self.from_input = [self._rows(0, self.parts, 0)]

    def _rows(self, first: int, count: int, to: int) -> tuple[slice, slice]:
        size = self.size
        return slice(first * size, (first + count) * size), slice(to * size, (to + count) * size)

    def scratch(self, name: str, *shape: int) -> np.ndarray:
        """Scratch memory of this loop."""
        array: np.ndarray = self.cell.run.workspace(
            shape, np.float32, ("native", name, self.direction, self.share)
        )
        return array

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

    @cached_property
    def chunk(self) -> int:
        """The number of steps whose products with the inputs and gradients of weights are computed together,
        while what they need is in the cache."""
        weights = self.wx.size + self.wh.size
        samples = max(costs.NATIVE_CHUNK_SAMPLES, weights // costs.NATIVE_CHUNK_WEIGHTS)
        return min(self.t, max(1, samples // self.n))

    @cached_property
    def chunks(self) -> list[tuple[int, int]]:
        """(first, behind the last) of the steps of each chunk."""
        return [(i, min(i + self.chunk, self.t)) for i in range(0, self.t, self.chunk)]

    def in_time(self, start: int, stop: int) -> slice:
        """The places in the sequence of some steps."""
        return slice(self.t - stop, self.t - start) if self.memory.reverse else slice(start, stop)

    def sequence(self, a: np.ndarray, start: int, stop: int) -> np.ndarray:
        """Some steps of a sequence (t, n, values), for this loop's samples."""
        return a[self.in_time(start, stop), self.samples]

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
    def sums(self) -> np.ndarray:
        """(t, G * size, n): the sums of the gates, where their activations will be."""
        return self.activations.reshape(self.t, -1, self.n)

    @cached_property
    def bias(self) -> np.ndarray:
        """(G * size,)"""
        return self.scratch("bias", self.gates * self.size)

    def forward(self) -> list[Steps]:
        loop = steps.Repeated(self.step_forward, self.t, self.chunk)
        chunks = [[*self.inputs(*chunk), loop.part(i)] for i, chunk in enumerate(self.chunks)]
        return [self.begin(), *chunks, self.end()]

    def begin(self) -> Steps:
        h0 = self.ends.states[self.direction, self.samples]
        return [
            steps.call(np.copyto, (self.h, h0.T)),
            steps.call(np.copyto, (self.h_before[self.at(0), self.samples], h0)),
            steps.call(np.add, (self.bx, self.bh, self.bias)),
        ]

    def inputs(self, start: int, stop: int) -> Steps:
        """The part of the gates' sums that comes from the inputs and biases, for some steps."""
        x = self.sequence(self.x, start, stop).swapaxes(1, 2)
        copy, sums = self.scratch("x", *x.shape), self.sums[start:stop]
        return [
            steps.call(np.copyto, (copy, x)),
            *_product(self.wx, copy, sums[::-1] if self.memory.reverse else sums, start=self.bias),
        ]

    def end(self) -> Steps:
        return []

    def products(self, k: int) -> Steps:
        """Adds the state's part to the sums of the gates of step `k`."""
        return _product(self.wh, self.h, self.sums[k], add=True)

    def store_state(self, r: _Region, k: int, op: str, operands: list[Slot]) -> None:
        """The state after step `k` is the result of `op`, unless the sequence has ended."""
        live = self.is_live(k)
        if live is None:
            h = r.emit(op, operands, out=self.h)
        else:
            h = r.emit("select", [r[live], r.emit(op, operands), r[self.h]], out=self.h)
        r.store(h, self.transposed(self.h_after, k))

    def step_forward(self, k: int) -> Steps:
        raise NotImplementedError

    # ---------------------------------------------------------------------------------- backward

    @cached_property
    def dh(self) -> np.ndarray:
        return self.scratch("dh", self.size, self.n)

    @cached_property
    def chunk_d(self) -> np.ndarray:
        """(chunk, parts * size, n): a chunk's gradients of the sums, in the order of time."""
        return self.scratch("d", self.chunk, self.parts * self.size, self.n)

    def d(self, k: int) -> np.ndarray:
        """(parts * size, n): the gradients of the sums of step `k`."""
        i = (self.t - 1 - k) % self.chunk
        return self.chunk_d[i if self.memory.reverse else self.chunk - 1 - i]

    @cached_property
    def bias_sums(self) -> np.ndarray:
        return self.scratch("bias", self.parts * self.size, self.n)

    def share_of(self, number: int, like: np.ndarray) -> np.ndarray:
        """Where this share's part of a gradient of weights goes. The first share has the gradient itself."""
        if self.share:
            return self.scratch(f"gradient {number}", *like.shape)
        return self.gradients.weights[self.direction][number] if self.gradients.weights else like

    @cached_property
    def by_x(self) -> np.ndarray:
        return self.share_of(0, self.wx)

    @cached_property
    def by_h(self) -> np.ndarray:
        return self.share_of(1, self.wh)

    def backward(self) -> list[Steps]:
        loop = steps.Repeated(self.step_backward, self.t, self.chunk)
        chunks = [
            [loop.part(i), *self.sequence_gradients(self.t - stop, self.t - start)]
            for i, (start, stop) in enumerate(self.chunks)
        ]
        return [self.begin_backward(), *chunks, self.end_backward()]

    def begin_backward(self) -> Steps:
        made = [steps.call(np.copyto, (self.dh, self.gradients.dh[self.direction][self.samples].T))]
        return [*made, _zero(self.bias_sums)] if self.gradients.weights else made

    def end_backward(self) -> Steps:
        return [steps.call(np.copyto, (self.gradients.dh[self.direction][self.samples], self.dh.T))]

    def sequence_gradients(self, start: int, stop: int) -> Steps:
        """The gradients of weights and inputs, of some steps."""
        g, made = self.gradients, []
        d = self.chunk_d[: stop - start] if self.memory.reverse else self.chunk_d[start - stop :]
        if g.weights:
            h, read = (self.sequence(a, start, stop) for a in (self.h_before, g.read))
            add = stop < self.t
            made += [steps.tiled(d[:, rows], h, self.by_h[to], add) for rows, to in self.from_state]
            made += [steps.tiled(d[:, rows], read, self.by_x[to], add) for rows, to in self.from_input]
        if g.dx:
            dx = self.sequence(g.dx[self.direction], start, stop).swapaxes(1, 2)
            for i, (rows, of) in enumerate(self.from_input):
                made += _product(self.wx[of].T, d[:, rows], dx, add=i > 0)
        return made

    def gradient_region(self, k: int) -> tuple[_Region, Slot]:
        """(the region of step `k`, the gradient of its h)."""
        r = _Region((self.size, self.n))
        directions = slice(self.direction * self.size, (self.direction + 1) * self.size)
        return r, r.add(r[self.dh], r[self.transposed(self.gradients.dy[:, :, directions], k)])

    def store_gradient(
        self, r: _Region, k: int, part: int, live: np.ndarray | None, op: str, operands: list[Slot]
    ) -> Slot:
        """A part of `d` is the result of `op`, or 0 where the sequence has ended. Returns it."""
        rows = slice(part * self.size, (part + 1) * self.size)
        if live is not None:
            op, operands = "multiply", [r.emit(op, operands), r.emit("as_number", [r[live]])]
        found = r.emit(op, operands, out=self.d(k)[rows])
        if self.gradients.weights:
            r.emit("add", [r[self.bias_sums[rows]], found], out=self.bias_sums[rows])
        return found

    def carry(self, r: _Region, dh: Slot, live: np.ndarray | None) -> bool:
        """Store what of a step's gradient of h goes to the step before unchanged. False if there is none."""
        if live is not None:  # after the end of a sequence, all of it
            r.emit("select", [r[live], r.number(0), dh], out=self.dh)
        return live is not None

    def gradient_products(self, k: int, carried: bool) -> Steps:
        """The products that compute the gradient of the state before."""
        d, made = self.d(k), []
        for i, (rows, of) in enumerate(self.from_state):
            made += _product(self.wh[of].T, d[rows], self.dh, add=carried or i > 0)
        return made

    def step_backward(self, k: int) -> Steps:
        raise NotImplementedError


class _PlainLoop(_Loop):
    def step_forward(self, k: int) -> Steps:
        (a,) = self.activations[k]
        r = _Region((self.size, self.n))
        total = r[a]
        if self.cell.p.mode == "rnn_relu":
            h = r.emit("maximum", [total, r.number(0)], out=a)
        else:
            h = r.emit("tanh", [total], out=a)
        self.store_state(r, k, "copy", [h])
        return [*self.products(k), r.step()]

    def step_backward(self, k: int) -> Steps:
        k = self.t - 1 - k
        r, dh = self.gradient_region(k)
        a, live = r[self.activations[k, 0]], self.is_live(k)
        if self.cell.p.mode == "rnn_relu":
            slope = r.emit("as_number", [r.emit("greater", [a, r.number(0)], np.dtype(bool))])
            self.store_gradient(r, k, 0, live, "multiply", [dh, slope])
        else:
            self.store_gradient(r, k, 0, live, "subtract", [dh, r.mul(dh, r.mul(a, a))])
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
        gates = list(self.activations[k])
        r = _Region((self.size, self.n))
        before = r[self.c[k]]
        i = r.emit("sigmoid", [r[gates[0]]], out=gates[0])
        f_c = r.mul(r.emit("sigmoid", [r[gates[1]]], out=gates[1]), before)
        i_g = r.mul(i, r.emit("tanh", [r[gates[2]]], out=gates[2]))
        live = self.is_live(k)
        c = r.emit("add", [f_c, i_g], out=self.c[k + 1] if live is None else None)
        tanh_c = r.emit("tanh", [c], out=self.tanh_c[k])
        if live is not None:
            r.emit("select", [r[live], c, before], out=self.c[k + 1])
        o = r.emit("sigmoid", [r[gates[3]]], out=gates[3])
        self.store_state(r, k, "multiply", [o, tanh_c])
        return [*self.products(k), r.step()]

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
        self.store_gradient(r, k, 3, live, "subtract", [a, r.mul(a, o)])
        dc = r.add(dc_after, r.emit("subtract", [r.mul(dh, o), r.mul(a, tanh_c)]))
        dc_i = r.mul(dc, i)
        dc_f = r.emit("multiply", [dc, f], out=self.dc if live is None else None)
        dc_i_g = r.mul(dc_i, g)
        self.store_gradient(r, k, 0, live, "subtract", [dc_i_g, r.mul(dc_i_g, i)])
        self.store_gradient(r, k, 2, live, "subtract", [dc_i, r.mul(dc_i_g, g)])
        dc_f_c = r.mul(dc_f, r[self.c[k]])
        self.store_gradient(r, k, 1, live, "subtract", [dc_f_c, r.mul(dc_f_c, f)])
        if live is not None:
            r.emit("select", [r[live], dc_f, dc_after], out=self.dc)
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

    def begin(self) -> Steps:
        candidate = slice(2 * self.size, None)  # its state's bias is not a part of its sum
        return [*super().begin(), steps.call(np.copyto, (self.bias[candidate], self.bx[candidate]))]

    def products(self, k: int) -> Steps:
        two = 2 * self.size
        return [
            *_product(self.wh[:two], self.h, self.sums[k, :two], add=True),
            *_product(self.wh[two:], self.h, self.states_part[k], start=self.bh[two:]),
        ]

    def step_forward(self, k: int) -> Steps:
        gates = list(self.activations[k])
        r = _Region((self.size, self.n))
        reset, keep = (r.emit("sigmoid", [r[a]], out=a) for a in gates[:2])
        of_state = r.mul(reset, r[self.states_part[k]])
        candidate = r.emit("tanh", [r.add(r[gates[2]], of_state)], out=gates[2])
        change = r.mul(keep, r.emit("subtract", [r[self.h], candidate]))
        self.store_state(r, k, "add", [change, candidate])
        return [*self.products(k), r.step()]

    def step_backward(self, k: int) -> Steps:
        k = self.t - 1 - k
        r, dh = self.gradient_region(k)
        reset, keep, candidate = (r[a] for a in self.activations[k])
        live, before = self.is_live(k), r[self.transposed(self.h_before, k)]
        kept = r.mul(dh, keep)
        d = r.emit("subtract", [dh, kept])
        if live is not None:
            kept = r.emit("select", [r[live], kept, dh])
        difference = r.emit("subtract", [before, candidate])
        self.store_gradient(r, k, 2, live, "multiply", [r.mul(d, keep), difference])
        square = r.mul(candidate, candidate)
        d = self.store_gradient(r, k, 3, live, "subtract", [d, r.mul(d, square)])
        d_state = self.store_gradient(r, k, 0, None, "multiply", [d, reset])
        d_reset = r.mul(d_state, r[self.states_part[k]])
        self.store_gradient(r, k, 1, None, "subtract", [d_reset, r.mul(d_reset, reset)])
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

    def store(self, x: Slot, out: np.ndarray) -> None:
        """Write a value into strided memory."""
        self._emit("store", Slot(x.dtype, out), x)


def _product(
    a: np.ndarray, b: np.ndarray, out: np.ndarray, add: bool = False, start: np.ndarray | None = None
) -> Steps:
    """The product of matrices, as in `steps.tiled`. For very few samples BLAS is faster."""
    if out.shape[-1] >= costs.NATIVE_TILED_COLUMNS and out.shape[-2] >= core.TILE_ROWS:
        return [steps.tiled(a, b, out, add, start)]
    first = [] if start is None else [steps.call(np.copyto, (out, start[:, None]))]
    return [*first, steps.product(a, b, out, add or bool(first))]


def _zero(a: np.ndarray) -> Prepared | None:
    r = Region(a.shape)
    r.emit("copy", [r.number(0)], out=a)
    return r.step()


def _sum_rows(a: np.ndarray, out: np.ndarray) -> Prepared | None:
    """The sums of the rows of a matrix."""
    r = Region(a.shape)
    slot = r.array(a)
    return r.step() if slot is not None and r.sum(slot, a.shape[1], out) else None
