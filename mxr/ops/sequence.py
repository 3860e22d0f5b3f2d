"""Batches of sequences of different lengths: masking, taking the last step, reversing."""

import numpy as np

from mxr.operator import MxError, P, ShapeError, op, shape_text, unify

_LENGTH = (
    "Whether the lengths are given as a second input, `sequence_length`; "
    "otherwise all sequences are taken whole."
)
_AXIS = "The axis of time: 0 for data (time, batch, ...), 1 for (batch, time, ...), in C order."


def _inputs(p):
    return ("data", "sequence_length") if p.use_sequence_length else ("data",)


def _check(p, ins, highest=1):
    """The shapes of the inputs, with that of the lengths filled in."""
    data = ins[0]
    if not 0 <= p.axis <= highest:
        raise ShapeError("axis must be 0" + (" or 1" if highest else ""))
    if data is None:
        return ins
    if len(data) < 2:
        raise ShapeError(
            f"the data need at least 2 dimensions, time and batch, not the shape {shape_text(data)}"
        )
    return [data, *(unify(s, (data[1 - p.axis],)) for s in ins[1:])]


def _lengths(ins, longest, shortest, where):
    """The lengths as whole numbers, within bounds."""
    n = ins[1].astype(np.int64)
    if n.min() < shortest or n.max() > longest:
        bad = n.min() if n.min() < shortest else n.max()
        raise MxError(
            f"{where}: sequence_length {bad} is not between {shortest} and {longest}, "
            "the number of time steps"
        )
    return n


@op("SequenceMask")
class SequenceMask:
    """The data with everything after the end of each sequence replaced by `value`.

    `out[t, b, ...] = data[t, b, ...] if t < sequence_length[b], else value`. The gradient is zero where
    values were replaced.
    """

    use_sequence_length: bool = P(False, _LENGTH)
    value: float = P(0.0, "What replaces the data after the end.")
    axis: int = P(0, _AXIS)

    inputs = _inputs
    own_types = ("sequence_length",)

    def infer_shape(p, ins, outs):
        s = unify(ins[0], outs[0])
        return _check(p, [s, *ins[1:]]), [s]

    def forward(p, data, sequence_length=None):
        return data if sequence_length is None else np.where(_inside(p, data, sequence_length), data, p.value)

    def backward(p, g, ins, outs):
        return (np.where(_inside(p, *ins), g, 0.0), None) if len(ins) > 1 else g


def _inside(p, data, lengths):
    """A mask of the steps within each sequence: t + 1 <= length, with t from 0."""
    steps = data.shape[p.axis]
    time = np.arange(1, steps + 1, dtype=np.float32)
    rest = (1,) * (data.ndim - 2)
    if p.axis == 0:
        return lengths.reshape(1, -1, *rest) >= time.reshape(-1, 1, *rest)
    return lengths.reshape(-1, 1, *rest) >= time.reshape(1, -1, *rest)


@op("SequenceLast", keeps=("ins",))
class SequenceLast:
    """The last step of every sequence: `out[b, ...] = data[sequence_length[b] - 1, b, ...]`."""

    use_sequence_length: bool = P(False, _LENGTH)
    axis: int = P(0, _AXIS)

    inputs = _inputs
    own_types = ("sequence_length",)

    def infer_shape(p, ins, outs):
        ins = _check(p, ins)
        return ins, outs if ins[0] is None else [(ins[0][1 - p.axis], *ins[0][2:])]

    def compute(p, run, ins, outs):
        outs[0][...] = ins[0][_last(p, ins)]

    def gradient(p, run, gs, ins, outs, igs):
        if igs[0] is not None:
            igs[0].fill(0)
            igs[0][_last(p, ins)] = gs[0]
        if igs[1:] and igs[1] is not None:
            igs[1].fill(0)


def _last(p, ins):
    steps, batch = ins[0].shape[p.axis], ins[0].shape[1 - p.axis]
    time = _lengths(ins, steps, 1, "SequenceLast") - 1 if len(ins) > 1 else np.full(batch, steps - 1)
    return (time, np.arange(batch)) if p.axis == 0 else (np.arange(batch), time)


@op("SequenceReverse", keeps=("ins",))
class SequenceReverse:
    """Every sequence backwards: `out[t, b, ...] = data[sequence_length[b] - 1 - t, b, ...]`; what comes after
    its end stays."""

    use_sequence_length: bool = P(False, _LENGTH)
    axis: int = P(0, "The axis of time; only 0, for data (time, batch, ...) in C order.")

    inputs = _inputs
    own_types = ("sequence_length",)

    def infer_shape(p, ins, outs):
        s = unify(ins[0], outs[0])
        return _check(p, [s, *ins[1:]], 0), [s]

    def compute(p, run, ins, outs):
        outs[0][...] = ins[0][_reversed(ins)]

    def gradient(p, run, gs, ins, outs, igs):
        if igs[0] is not None:
            # reversing twice changes nothing, so the gradient is reversed alike
            igs[0][...] = gs[0][_reversed(ins)]
        if igs[1:] and igs[1] is not None:
            igs[1].fill(0)


def _reversed(ins):
    if len(ins) == 1:
        return slice(None, None, -1)
    steps, batch = ins[0].shape[:2]
    length, time = _lengths(ins, steps, 0, "SequenceReverse"), np.arange(steps)[:, None]
    return np.where(time < length, length - 1 - time, time), np.arange(batch)
