"""Connectionist temporal classification."""

from __future__ import annotations

import numpy as np

from mxr.operator import MxError, P, ShapeError, op, shape_text, unify


def _inputs(p):
    return (
        "data",
        "label",
        *("data_lengths",) * p.use_data_lengths,
        *("label_lengths",) * p.use_label_lengths,
    )


@op("CTCLoss", "ctc_loss", "_contrib_CTCLoss", "_contrib_ctc_loss", keeps=("outs",))
class CTCLoss:
    """Connectionist temporal classification: minus the log-likelihood of a sequence of labels, given scores
    for every step of a longer sequence, over all alignments of the two. Returns one number per sample.

    In C order `data` is (steps, batch, classes), the scores before any softmax, and `label` is
    (batch, labels); in R these are `c(classes, batch, steps)` and `c(labels, batch)`. One class is the blank.
    With `blank_label = "first"` it is class 0, the labels are 1, 2, ..., and a label of 0 ends a sequence
    that is shorter than the others; with "last" it is the last class, the labels are 0, 1, ..., and -1 ends a
    sequence. Or give the lengths: `use_label_lengths` and `use_data_lengths` make `label_lengths` and
    `data_lengths` inputs, vectors with one length per sample.

    A sample with more labels than fit into its steps (two equal labels in a row need a blank between them)
    has a loss of 0 and no gradient, as in MXNet. Only `data` has a gradient.
    """

    use_data_lengths: bool = P(False, "take the number of steps of every sample from `data_lengths`")
    use_label_lengths: bool = P(False, "take the number of labels of every sample from `label_lengths`")
    blank_label: str = P("first", "which class is the blank", one_of=("first", "last"))

    inputs = _inputs
    outputs = ("output0",)
    hidden = ("gradient",)
    own_types = ("label",)

    def infer_shape(p, ins, outs):
        data, label, *lengths = ins
        for name, shape, ndim in (
            ("data", data, 3),
            ("label", label, 2),
            *((n, s, 1) for n, s in zip(_inputs(p)[2:], lengths)),
        ):
            if shape is not None and len(shape) != ndim:
                raise ShapeError(
                    f"{name} must have {ndim} dimension{'s' * (ndim > 1)}, not the shape {shape_text(shape)}"
                )
        batch = unify(outs[0], *lengths, data and data[1:2], label and label[:1])
        if batch is not None:
            data, label = unify(data, (0, *batch, 0)), unify(label, (*batch, 0))
        if data and label and data[0] and label[1] > data[0]:
            raise ShapeError(
                f"label {shape_text(label)} has more labels than data {shape_text(data)} has steps"
            )
        return [data, label, *[batch] * len(lengths)], [batch, unify(outs[1], data)]

    def infer_type(p, ins):
        return [ins[0] or np.dtype(np.float32)] * 2

    def compute(p, run, ins, outs):
        trellis = _Trellis(p, ins)
        trellis.forward()
        outs[0][...] = trellis.loss()
        outs[1][...] = trellis.gradient()

    def gradient(p, run, gs, ins, outs, igs):
        if igs[0] is not None:
            np.multiply(outs[1], gs[0][:, None], out=igs[0])
        for ig in igs[1:]:
            if ig is not None:
                ig[...] = 0


class _Trellis:
    """The forward-backward algorithm over all alignments, for all samples at once, in double precision. All
    values are logarithms of probabilities.

    The states of a sample are its labels with blanks before, between and after them: 2 * labels + 1 states.
    Source: Graves et al. 2006, "Connectionist temporal classification".
    """

    def __init__(self, p, ins):
        data, label, *lengths = ins
        steps, batch, classes = data.shape
        self.blank = 0 if p.blank_label == "first" else classes - 1
        labels = label.astype(np.int64)
        self.steps = np.full(batch, steps)
        if p.use_data_lengths:
            self.steps = lengths.pop(0).astype(np.int64)
        if p.use_label_lengths:
            self.labels = lengths.pop(0).astype(np.int64)
        else:
            ends = labels == (0 if p.blank_label == "first" else -1)
            self.labels = np.where(ends.any(axis=1), ends.argmax(axis=1), labels.shape[1])
        for name, counts, most in (
            ("data_lengths", self.steps, steps),
            ("label_lengths", self.labels, labels.shape[1]),
        ):
            if ((counts < 0) | (counts > most)).any():
                raise MxError(f"CTCLoss: {name} must lie between 0 and {most}")
        inside = np.arange(labels.shape[1]) < self.labels[:, None]
        if ((labels < 0) | (labels >= classes))[inside].any():
            raise MxError(f"CTCLoss: labels must lie between 0 and {classes - 1}, the classes of data")
        labels = np.where(inside, labels, self.blank)
        repeats = ((labels[:, 1:] == labels[:, :-1]) & inside[:, 1:]).sum(axis=1)
        self.possible = (self.labels + repeats <= self.steps) & (self.steps > 0)

        x = data.astype(np.float64)
        x -= x.max(axis=2, keepdims=True)
        self.log_p = x - np.log(np.exp(x).sum(axis=2, keepdims=True))
        self.states = np.full((batch, 2 * labels.shape[1] + 1), self.blank)
        self.states[:, 1::2] = labels
        self.count = 2 * self.labels + 1
        self.jumps = np.zeros(self.states.shape, bool)  # states that may follow the state two before them
        self.jumps[:, 3::2] = (labels[:, 1:] != labels[:, :-1]) & (labels[:, 1:] != self.blank)
        self.emit = np.take_along_axis(
            self.log_p, np.broadcast_to(self.states, (steps, *self.states.shape)), axis=2
        )
        self.emit[:, np.arange(self.states.shape[1]) >= self.count[:, None]] = -np.inf

    def forward(self):
        """alpha[t, n, s]: the probability of all alignments up to step t that end in state s."""
        self.alpha = np.full(self.emit.shape, -np.inf)
        self.alpha[0, :, :2] = self.emit[0, :, :2]
        for t in range(1, len(self.alpha)):
            before = self.alpha[t - 1]
            now = before.copy()
            now[:, 1:] = np.logaddexp(now[:, 1:], before[:, :-1])
            now[:, 2:] = np.logaddexp(now[:, 2:], np.where(self.jumps[:, 2:], before[:, :-2], -np.inf))
            self.alpha[t] = now + self.emit[t]
        n = np.arange(len(self.count))
        last = self.alpha[np.maximum(self.steps, 1) - 1, n]
        other = np.where(self.count > 1, last[n, self.count - 2], -np.inf)
        self.total = np.logaddexp(last[n, self.count - 1], other)

    def loss(self):
        return np.where(self.possible, -self.total, 0.0)

    def gradient(self):
        """The gradient of every sample's loss with respect to the scores."""
        beta = np.full(self.states.shape, -np.inf)
        place = np.arange(self.states.shape[1])
        final = np.where((place >= self.count[:, None] - 2) & (place < self.count[:, None]), 0.0, -np.inf)
        jumps = np.roll(self.jumps, -2, axis=1)
        out = np.exp(self.log_p)
        rows = np.arange(len(self.count))[:, None]
        for t in range(len(self.emit) - 1, -1, -1):
            after = beta
            beta = after.copy()
            beta[:, :-1] = np.logaddexp(beta[:, :-1], after[:, 1:])
            beta[:, :-2] = np.logaddexp(beta[:, :-2], np.where(jumps[:, :-2], after[:, 2:], -np.inf))
            beta = np.where((self.steps == t + 1)[:, None], final, beta)
            # here beta does not contain the probability of step t
            share = np.exp(self.alpha[t] + beta - self.total[:, None])
            np.subtract.at(out[t], (rows, self.states), np.nan_to_num(share, nan=0.0, posinf=0.0))
            beta = beta + self.emit[t]
        skipped = np.arange(len(out))[:, None] >= self.steps
        out[skipped | ~self.possible] = 0
        return out
