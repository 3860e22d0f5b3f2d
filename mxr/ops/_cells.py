"""The arithmetic of recurrent cells: one layer in one direction, forward over a sequence and back.

Notation of shapes: t steps, n samples, G gates, `size` values in a state, of which `passed` are passed on (fewer with a projection).
What a step works on lies together, gate by gate, so that its operations run over contiguous memory. What does not depend on the step
before is done for the whole sequence at once: the products with the input, the slopes of the gates, the gradients of the weights.
"""
from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import repeat

import numpy as np

from .. import threads
from ..op import Run

GATES = {"rnn_relu": 1, "rnn_tanh": 1, "lstm": 4, "gru": 3}
# The gates' sums are scaled so that one call makes all of them 1 / (1 + exp(sum)): tanh(x) = 2 / (1 + exp(-2 x)) - 1.
_SCALES = {"lstm": (-1, -1, -2, -1), "gru": (-1, -1, 1)}
_LARGE = 4_000_000      # floating point operations of a step's product from which all workers share it
_VERY_LARGE = 100_000_000   # of a product for the whole sequence, likewise
_FEW = 1 << 15          # values of all gates below which a cell's work is not divided
_ROWS = 256             # of a product with many terms: fewer do not take less time
_BLOCK = 1 << 17        # values worked on at a time where order does not matter: what fits the cache, and outweighs the calls


@dataclass
class Memory:
    """What a cell leaves for its gradient, in the order of time. `h` and `c` have one step more than the sequence: the initial state."""
    gates: np.ndarray       # (t, G, n, size), after the activations
    h: np.ndarray           # (t + 1, n, passed)
    c: np.ndarray           # (t + 1, n, size); lstm
    inner: np.ndarray       # (t, n, size); lstm: tanh of the cells, gru: the state's part of the candidate

    @staticmethod
    def shapes(p, t: int, n: int) -> tuple:
        size, kept, lstm = p.state_size, p.mode in ("lstm", "gru"), p.mode == "lstm"
        return (t, GATES[p.mode], n, size), (t + 1, n, p.projection_size or size), ((t + 1) * lstm, n, size), (t * kept, n, size)


@dataclass
class Cell:
    """A cell at work. `weights`: of the input (G * size, inputs), of the state (G * size, passed), of the projection (passed, size),
    and the biases of input and state. `live` (t, n, 1) is False after the end of a sequence, where the state stays as it is."""
    p: object
    run: Run
    weights: list
    memory: Memory
    reverse: bool
    live: np.ndarray | None

    # ------------------------------------------------------------------------------------- order
    def steps(self, a: np.ndarray) -> np.ndarray:
        """An array over time in the order of computing."""
        return a[::-1] if self.reverse else a

    def states(self, a: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The states before and after each step, in the order of computing."""
        return (a[:0:-1], a[-2::-1]) if self.reverse else (a[:-1], a[1:])

    def lives(self, back: slice | None = None) -> Iterator:
        """`live` of each step in the order of computing; or of the steps `back`, in the opposite order."""
        if self.live is None:
            return repeat(None)
        return iter(self.steps(self.live) if back is None else self.steps(self.live[back])[::-1])

    # ------------------------------------------------------------------------------------- forward
    def forward(self, x, h0, c0) -> None:
        """Run over x (t, n, inputs) from the state h0 (n, passed) and, for an lstm, the cells c0 (n, size)."""
        m, run, mode = self.memory, self.run, self.p.mode
        t, gates, n, size = m.gates.shape
        wx, wh, bx, bh = (w.reshape(gates, size, -1).transpose(0, 2, 1) for w in (*self.weights[:2], *self.weights[3:]))
        bias = bx + bh
        if mode == "gru":
            bias[2] = bx[2]
        scale = np.array(_SCALES.get(mode, 1), x.dtype).reshape(-1, 1, 1)
        sums = run.workspace((gates, t, n, size), x.dtype)
        _product(x.reshape(t * n, -1), wx * scale, sums.reshape(gates, t * n, size))
        sums += (bias * scale)[:, None]
        sums = self.steps(sums.swapaxes(0, 1))
        self.states(m.h)[0][0] = h0
        product = run.workspace((gates, n, size), x.dtype, 1)
        step = _step(np.multiply(wh, scale, order="C"), product)
        if mode == "lstm":
            self.states(m.c)[0][0] = c0
            self._forward_lstm(sums, step, product)
        elif mode == "gru":
            self._forward_gru(sums, step, product, bh[2])
        else:
            self._forward_plain(sums, step, product)

    def _forward_plain(self, sums, step, product):
        activate = partial(np.maximum, np.zeros((), sums.dtype)) if self.p.mode == "rnn_relu" else np.tanh
        for total, a, old, h, live in zip(sums, self.steps(self.memory.gates), *self.states(self.memory.h), self.lives()):
            step(old)
            np.add(total, product, a)
            activate(a, a)
            h[...] = a[0]
            _hold(live, h, old)

    def _forward_lstm(self, sums, step, product):
        p, m = self.p, self.memory
        one, top = np.ones((), sums.dtype), np.array([1, 1, 2, 1], sums.dtype).reshape(4, 1, 1)
        share = self.run.workspace(m.inner.shape[1:], sums.dtype, 2)
        hidden = self.run.workspace(share.shape, sums.dtype, 3) if p.projection_size else None
        low, high = (np.fmax, np.fmin) if p.lstm_state_clip_nan else (np.maximum, np.minimum)
        gates = self.steps(m.gates)
        for total, a, (i, f, g, o), old_h, h, old_c, c, tanh, live in zip(
                sums, gates, gates, *self.states(m.h), *self.states(m.c), self.steps(m.inner), self.lives()):
            step(old_h)
            np.add(total, product, a)
            _sigmoid(a, one, top)
            np.subtract(g, one, g)
            np.multiply(f, old_c, c)
            np.multiply(i, g, share)
            np.add(c, share, c)
            if p.lstm_state_clip_min is not None:
                high(low(c, p.lstm_state_clip_min, out=c), p.lstm_state_clip_max, out=c)
            np.tanh(c, tanh)
            if hidden is None:
                np.multiply(o, tanh, h)
            else:
                np.matmul(np.multiply(o, tanh, hidden), self.weights[2].T, out=h)
            _hold(live, h, old_h)
            _hold(live, c, old_c)

    def _forward_gru(self, sums, step, product, bias):
        m, one = self.memory, np.ones((), sums.dtype)
        share = self.run.workspace(m.inner.shape[1:], sums.dtype, 2)
        gates = self.steps(m.gates)
        for total, both, (reset, keep, candidate), inner, old, h, live in zip(
                sums, gates[:, :2], gates, self.steps(m.inner), *self.states(m.h), self.lives()):
            step(old)
            np.add(product[2], bias, inner)
            np.add(total[:2], product[:2], both)
            _sigmoid(both, one, one)
            np.multiply(reset, inner, share)
            np.add(total[2], share, candidate)
            np.tanh(candidate, candidate)
            np.subtract(old, candidate, h)
            np.multiply(h, keep, h)
            np.add(h, candidate, h)
            _hold(live, h, old)

    # ------------------------------------------------------------------------------------- backward
    def backward(self, dy, dh, dc, project_grad, slot: int, beside: list[Callable]) -> tuple[np.ndarray, np.ndarray]:
        """The gradients at the sums that go into the gates, (t * n, G * size), and at the part of these sums that comes from the state.

        `dy` (t, n, passed) is the gradient of the states in every step; `dh` and `dc`, those of the last state and cell, become those of
        the initial ones. That of the projection goes to `project_grad`. What is returned lies in place `slot` (0 or 1) of the workspace.
        `beside` are calls that other workers make meanwhile.
        """
        mode, (t, gates, n, size) = self.p.mode, self.memory.gates.shape
        at_sums = self.run.workspace((t, n, gates * size), dy.dtype, 2 * slot)
        at_state = self.run.workspace(at_sums.shape, dy.dtype, 2 * slot + 1) if mode == "gru" else at_sums
        back = dh if mode == "lstm" and self.live is None else np.empty_like(dh)
        step = _step(self.weights[1], back)
        if mode == "lstm":
            loop = partial(self._backward_lstm, dy, dh, dc, step, back, at_sums, project_grad)
        elif mode == "gru":
            loop = partial(self._backward_gru, dy, dh, step, back, at_sums, at_state)
        else:
            loop = partial(self._backward_plain, dy, dh, step, back, at_sums)
        if 2 * at_sums[0].size * back.shape[1] < _LARGE:
            together([loop, *beside], at_sums.size)
        else:
            loop()
            together(beside, at_sums.size)
        flat = at_sums.reshape(t * n, -1)
        return flat, flat if at_state is at_sums else at_state.reshape(t * n, -1)

    def weight_gradients(self, x, at_sums, at_state, grads) -> list[Callable]:
        """Calls that fill `grads`, laid out as `weights`, from what `backward` returned; in parts that can run at once."""
        old = self.memory.h[1:] if self.reverse else self.memory.h[:-1]
        calls = []
        for a, values, out in ((at_sums, x, grads[0]), (at_state, old, grads[1])):
            values, parts = values.reshape(len(a), -1), max(1, min(threads.workers(), len(out) // _ROWS))
            edges = [len(out) * i // parts for i in range(parts + 1)]
            calls += [partial(np.dot, a.T[i:j], values, out[i:j]) for i, j in zip(edges, edges[1:])]

        def biases():
            np.sum(at_sums, axis=0, out=grads[3])
            grads[4][...] = grads[3] if at_state is at_sums else at_state.sum(axis=0)
        return [*calls, biases]

    def input_gradient(self, at_sums) -> np.ndarray:
        """The gradient at the input, (t * n, inputs), from what `backward` returned."""
        wx = self.weights[0]
        out = np.empty((len(at_sums), wx.shape[1]), at_sums.dtype)
        _product(at_sums, wx, out)
        return out

    def _backward_plain(self, dy, dh, step, back, at_sums):
        m = self.memory
        a = m.gates[:, 0]
        if self.p.mode == "rnn_relu":
            np.greater(a, 0, out=at_sums, casting="unsafe")
        else:
            np.multiply(a, a, out=at_sums)
            np.subtract(1, at_sums, out=at_sums)
        for up, d, live in zip(self.steps(dy)[::-1], self.steps(at_sums)[::-1], self.lives(slice(None))):
            np.add(dh, up, dh)
            np.multiply(dh, d, d)
            step(d)
            _pass_on(live, dh, back, d)

    def _backward_lstm(self, dy, dh, dc, step, back, at_sums, project_grad):
        p, project, (t, _, n, size) = self.p, self.weights[2], self.memory.gates.shape
        by_gate = at_sums.reshape(t, n, 4, size).swapaxes(1, 2)
        part, up, held = np.empty_like(dc), dh, None
        if p.projection_size:
            project_grad[...] = 0
        for at, *slopes in self._slopes_lstm():
            ordered = (self.steps(a)[::-1] for a in (dy[at], at_sums[at], by_gate[at, :3], by_gate[at, 3], *slopes))
            for above, d, d_cell, d_out, by_sums, by_out, by_cell, forget, hidden, live in zip(*ordered, self.lives(at)):
                np.add(dh, above, dh)
                if live is not None:
                    held = dh * ~live, dc * ~live
                if p.projection_size:
                    project_grad += np.matmul((dh if live is None else dh * live).T, hidden)
                    up = np.matmul(dh, project)
                np.multiply(up, by_cell, part)
                np.add(part, dc, part)
                np.multiply(by_sums, part, d_cell)
                np.multiply(by_out, up, d_out)
                np.multiply(part, forget, dc)
                if live is None:
                    step(d)
                    continue
                d *= live
                dc *= live
                dc += held[1]
                step(d)
                np.add(back, held[0], dh)

    def _slopes_lstm(self) -> Iterator:
        """For blocks of steps, from the last to the first: a slice of the time, the slopes of the cell by the sums of i, f and g,
        of the output by that of o, of the output by the cell, of the cell by the one before; and the state before the projection."""
        p, m, one = self.p, self.memory, np.ones((), self.memory.gates.dtype)
        (old_c, new_c), t = map(self.steps, self.states(m.c)), len(m.gates)     # in the order of time
        block = max(1, _BLOCK // m.gates[0].size)
        all_d = self.run.workspace((block, *m.gates.shape[1:]), one.dtype, 4)
        shares, slopes = (self.run.workspace((block, *m.inner.shape[1:]), one.dtype, k) for k in (5, 6))
        starts = range(0, t, block)
        for at in (slice(i, i + block) for i in (starts if self.reverse else starts[::-1])):
            a, tanh, h = m.gates[at], m.inner[at], self.steps(self.states(m.h)[1])[at]
            i, f, g, o = a.swapaxes(0, 1)
            d, share, by_cell = all_d[:len(a)], shares[:len(a)], slopes[:len(a)]
            if p.projection_size or self.live is not None:
                h = o * tanh
            np.subtract(one, a, d)
            np.multiply(i, g, share)
            np.multiply(d[:, 0], share, d[:, 0])
            np.multiply(g, share, share)
            np.subtract(i, share, d[:, 2])
            np.multiply(f, old_c[at], share)
            np.multiply(d[:, 1], share, d[:, 1])
            np.multiply(d[:, 3], h, d[:, 3])
            np.multiply(h, tanh, by_cell)
            np.subtract(o, by_cell, by_cell)
            if p.lstm_state_clip_min is not None:
                free = (new_c[at] > p.lstm_state_clip_min) & (new_c[at] < p.lstm_state_clip_max)
                f = f * free
                d[:, :3] *= free[:, None]
            yield at, d[:, :3], d[:, 3], by_cell, f, h

    def _backward_gru(self, dy, dh, step, back, at_sums, at_state):
        m = self.memory
        t, _, n, size = m.gates.shape
        reset, keep, candidate = m.gates.swapaxes(0, 1)
        old = m.h[1:] if self.reverse else m.h[:-1]
        at_sums, at_state = at_sums.reshape(t, n, 3, size), at_state.reshape(t, n, 3, size)
        by_reset, by_keep, by_candidate = (at_sums[:, :, k] for k in range(3))      # the slopes first
        rest = 1 - keep
        np.multiply(rest, 1 - candidate * candidate, by_candidate)
        np.multiply((old - candidate) * keep, rest, by_keep)
        np.multiply(m.inner * reset, 1 - reset, by_reset)
        ordered = (self.steps(a)[::-1] for a in (dy, at_sums, at_state, reset, keep))
        for up, d, s, r, z, live in zip(*ordered, self.lives(slice(None))):
            np.add(dh, up, dh)
            np.multiply(d[:, 1:], dh[:, None], d[:, 1:])
            np.multiply(d[:, 0], d[:, 2], d[:, 0])
            s[:, :2] = d[:, :2]
            np.multiply(d[:, 2], r, s[:, 2])
            step(s.reshape(n, 3 * size))
            back += dh * z
            _pass_on(live, dh, back, d, s)


def together(calls: list[Callable], values: int) -> None:
    """Make calls that work on so many values: at once, unless that takes longer than they do."""
    if len(calls) > 1 and values > _FEW:
        threads.run(calls)
    else:
        for call in calls:
            call()


def _product(a, b, out) -> None:
    """a b into `out`; where it is not very large, in this thread's cache, as the steps come next."""
    if 2 * out.size * a.shape[1] < _VERY_LARGE:
        np.matmul(a, b, out)
    else:
        threads.product(a, b, out)()


def _step(weights, out) -> Callable:
    """The product of its argument and the weights into `out`; all workers share it where it is large."""
    if weights.ndim == 3 and len(weights) == 1:
        weights, out = weights[0], out[0]
    if 2 * out.size * weights.shape[-2] < _LARGE:
        multiply = np.dot if out.ndim == 2 else np.matmul       # np.dot has less overhead
        return lambda a: multiply(a, weights, out)
    return lambda a: threads.product(a, weights, out)()


def _sigmoid(a, one, top):
    """top / (1 + exp(a)), in place."""
    np.exp(a, a)
    np.add(a, one, a)
    np.divide(top, a, a)        # np.reciprocal takes longer


def _hold(live, new, old):
    if live is not None:
        np.copyto(new, old, where=~live)


def _pass_on(live, total, to_old, *at_sums):
    """Replace the gradient at the state by the one at the state before; where the sequence has ended the state was just held."""
    if live is None:
        total[...] = to_old
        return
    np.copyto(total, to_old, where=live)
    for a in at_sums:
        a *= live.reshape(live.shape + (1,) * (a.ndim - live.ndim))
