"""Calling one operator on arrays, for `mxr.nd.*` and R's `mx.nd.*`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from mxr.operator import MxError, Op, Run, ShapeError, affordable, known, shape_text
from mxr.operator.shapes import Dims


def invoke(
    op: Op, inputs: list[np.ndarray], p: Any, train: bool = False, out_shapes: Sequence[Dims] = ()
) -> list[np.ndarray]:
    """All outputs of `op`, hidden ones included, for `inputs`, of which auxiliary states are the last.

    Inputs in `op.mutates` are changed in place. `out_shapes` are shapes of the first outputs, if the caller
    has them; some operators need them.
    """
    names = (*op.inputs(p), *op.aux(p))
    if len(inputs) != len(names):
        raise MxError(
            f"{op.name}: takes {len(names)} input{'s' * (len(names) != 1)} ({', '.join(names)}), "
            f"not {len(inputs)}; parameters go by name"
        )
    n_outputs = len(op.outputs(p)) + len(op.hidden(p))
    try:
        ins, shapes = op.infer_shape(
            p, [a.shape for a in inputs], [*out_shapes, *[None] * n_outputs][:n_outputs]
        )
    except ShapeError as e:
        raise ShapeError(f"{op.name}: {e} (inputs: {_given(names, inputs)})") from None
    for name, a, shape in zip(names, inputs, ins):
        if shape is not None and tuple(shape) != a.shape:
            raise ShapeError(
                f"{op.name}: {name} has shape {shape_text(a.shape)} where {shape_text(shape)} is needed"
            )
    for shape in shapes:
        if known(shape):
            affordable(shape)
    if not op.is_expression and not all(known(s) for s in shapes):
        raise ShapeError(f"{op.name}: the output's shape does not follow from {_given(names, inputs)}")
    types = list(op.infer_type(p, [a.dtype for a in inputs]))
    try:
        return _computed(
            op, inputs, p, train, shapes, [np.dtype(types[min(i, len(types) - 1)]) for i in range(n_outputs)]
        )
    except (TypeError, ValueError, ArithmeticError, LookupError) as e:
        given = ", ".join(f"{n} {a.dtype}" for n, a in zip(names, inputs))
        raise MxError(
            f"{op.name} does not take such arrays: {e} (inputs: {_given(names, inputs)}; {given})"
        ) from e


def _computed(
    op: Op,
    inputs: list[np.ndarray],
    p: Any,
    train: bool,
    shapes: Sequence[Dims | None],
    types: list[np.dtype],
) -> list[np.ndarray]:
    with np.errstate(all="ignore"):
        if op.forward is not None:
            result = op.forward(p, *inputs)
            result = result if isinstance(result, (tuple, list)) else [result]
            return [
                np.array(np.broadcast_to(o, s) if np.ndim(o) == 0 and s else o, t)
                for o, s, t in zip(result, shapes, types)
            ]
        assert op.compute is not None
        outs = [np.empty(s, t) for s, t in zip(shapes, types) if s is not None]
        op.compute(p, Run(train), list(inputs), outs)
    return outs


def _given(names: Iterable[str], inputs: Iterable[np.ndarray]) -> str:
    return ", ".join(f"{n} {shape_text(a.shape)}" for n, a in zip(names, inputs)) or "nothing"
