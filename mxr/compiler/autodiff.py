"""The values that a symbol computes, and the values of its gradients, by running operators on `Value`s."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, TypeVar

import numpy as np

from mxr.compiler.partition import depends
from mxr.compiler.segments import FLOAT, Segment
from mxr.compiler.training import TrainingSegment
from mxr.compiler.value import Call, Value, const, leaf, lift, scatter
from mxr.graph.node import Graph, Node
from mxr.native.steps import Prepared
from mxr.operator import MxError, Run, spelled

T = TypeVar("T")
Entry = tuple[int, int]  # (id(node), output index)
Binder = Callable[[Run, list[np.ndarray], list[np.ndarray]], Callable[[], Any]]


@contextmanager
def _errors_of(n: Node) -> Iterator[None]:
    """Turn errors in an operator's code into MxErrors that name the operator."""
    try:
        yield
    except (ValueError, TypeError, ArithmeticError, LookupError) as e:
        raise MxError(f"{_called(n)}: its parameters do not fit its inputs: {e}") from e


def _called(n: Node) -> str:
    return f"{n.op.name if n.op else 'variable'} {n.name}"


def trace_forward(
    symbol: Graph,
    shapes: dict[Entry, tuple],
    types: dict[Entry, np.dtype],
    units: Sequence[Node | Segment] = (),
    inference: bool = False,
) -> dict[Entry, Value]:
    """The value of every entry of the graph, with hidden outputs. Segments have their outputs alone.

    `units` are its nodes and segments, inputs before users. In `inference`, an operator that has an
    expression for it is traced as that, without hidden outputs.
    """
    values: dict[Entry, Value] = {}
    for n in units or symbol.nodes():
        if isinstance(n, Segment):
            values |= zip(_outputs(n), _segment(n, values), strict=True)
            continue
        if n.op is None:
            values[id(n), 0] = leaf(("var", n.name), shapes[id(n), 0], types[id(n), 0])
            continue
        ins = [values[id(m), i] for m, i in n.inputs]
        keys = [(id(n), i) for i in range(n.n_outputs)]
        if inference and (inferred := _inferred(n, ins)) is not None:
            values[keys[0]] = inferred
            continue
        if n.op.forward is not None:
            with _errors_of(n):
                result = n.op.forward(n.p, *ins)
            result = result if isinstance(result, (tuple, list)) else (result,)
            outs = [lift(o, shapes[k]) for o, k in zip(result, keys, strict=True)]
        else:
            outs = Call(
                _bind_compute(n),
                ins,
                [shapes[k] for k in keys],
                [types[k] for k in keys],
                n.op.random,
                n.op.name,
                n.op.open,
            ).outs
        for k, o in zip(keys, outs):
            if o.shape != shapes[k]:
                raise AssertionError(f"{n.op.name}: forward gave shape {o.shape}, inferred was {shapes[k]}")
            values[k] = o.astype(types[k])
    return values


def _segment(part: Segment, values: dict[Entry, Value]) -> list[Value]:
    """The outputs of a segment."""
    return Call(part.bind, [values[k] for k in part.inputs], part.shapes, [FLOAT] * len(part.shapes)).outs


def _outputs(part: Segment) -> list[Entry]:
    """The entries of a segment's outputs. The one after its images' is named by the segment itself."""
    return [*part.outputs, (id(part), 0)][: len(part.shapes)]


def _inferred(n: Node, ins: list[Value]) -> Value | None:
    """The output of a node's expression for inference, None if it has none."""
    if n.op is None or n.op.inference is None or n.n_visible > 1:
        return None
    with _errors_of(n):
        out: Value | None = n.op.inference(n.p, *ins)
    return out


class KernelStep(partial):
    """A kernel's prepared call, and its node of the graph."""

    node: Node


def _step(n: Node, call: Callable[[], None]) -> KernelStep | Prepared:
    if isinstance(call, Prepared):  # a step of the native core, which cannot fail and needs no node
        return call
    step = KernelStep(call)
    step.node = n
    return step


def _bind_compute(n: Node) -> Binder:
    """A function that prepares the node's kernel for given arrays."""
    prepare = n.op.prepare if n.op else None
    assert prepare is not None
    return lambda run, ins, outs: _step(n, prepare(n.p, run, ins, outs))


def trace_backward(
    symbol: Graph,
    values: dict[Entry, Value],
    heads: list[Value | None],
    wanted: set[str],
    units: Sequence[Node | Segment] = (),
) -> dict[str, Value]:
    """The gradient of each `wanted` argument, from the gradients of the outputs, `heads` (None is zero).

    Arguments without a gradient are left out. `units`: as for `trace_forward`.
    """
    grads: dict[Entry, list[Value]] = {}  # the contributions from the users of each entry, to be added
    for (n, i), g in zip(symbol.heads, heads):
        if g is not None:
            grads.setdefault((id(n), i), []).append(g)
    needs = depends(symbol, wanted)
    by_name: dict[str, list[Value]] = {}
    for unit in reversed(units or symbol.nodes()):
        if isinstance(unit, TrainingSegment):
            given = [_total(grads.pop(k, [])) for k in unit.outputs]
            for k, gradient in _segment_gradient(unit, given, values):
                grads.setdefault(k, []).append(gradient)
            continue
        assert isinstance(unit, Node)
        n = unit
        if not needs[id(n)]:
            continue
        gs = [_total(grads.pop((id(n), i), [])) for i in range(n.n_visible)]
        if n.op is None:
            if gs[0] is not None:
                by_name.setdefault(n.name, []).append(gs[0])
            continue
        # a loss has a gradient without that of its output, even if it would use it
        needs_head = not (n.op.loss or n.op.ignores_head(n.p))
        if n.op.zero_gradient or (needs_head and all(g is None for g in gs)):
            continue
        for (m, i), g in zip(n.inputs, _node_gradient(n, gs, values, [needs[id(m)] for m, _ in n.inputs])):
            if g is not None and needs[id(m)]:
                grads.setdefault((id(m), i), []).append(_like(values[id(m), i], g, n.op.name))
    return {name: total for name, parts in by_name.items() if (total := _total(parts)) is not None}


def _segment_gradient(
    part: TrainingSegment, heads: list[Value | None], values: dict[Entry, Value]
) -> list[tuple[Entry, Value]]:
    """The gradients of a segment's inputs, from those of its outputs."""
    if not part.wanted or all(g is None for g in heads):
        return []
    given = [g for g in heads if g is not None]

    def bind(run: Run, arrays: list[np.ndarray], results: list[np.ndarray]) -> Callable[[], None]:
        each = iter(arrays[: len(given)])
        found = [None if g is None else next(each) for g in heads]
        return part.bind_gradient(run, found, arrays[len(given) + 1 :], results)

    ins = [*given, values[id(part), 0], *(values[k] for k in part.inputs)]
    outs = [values[k] for k in part.wanted]
    gradient = Call(bind, ins, [v.shape for v in outs], [v.dtype for v in outs])
    return list(zip(part.wanted, gradient.outs, strict=True))


def _like(value: Value, g: Any, operator: str) -> Value:
    """A gradient, which may be a number, with the shape and type of the value."""
    g = lift(g, value.shape)
    if g.shape != value.shape:
        if g.kind != "const":
            raise AssertionError(f"{operator}: backward gave shape {g.shape} for an input of {value.shape}")
        g = const(g.arg, value.shape, value.dtype)
    return g.astype(value.dtype)


def _node_gradient(
    n: Node, gs: list[Value | None], values: dict[Entry, Value], wanted: list[bool]
) -> list[Any]:
    """The gradient of every input of a node, or None, from those of its visible outputs. Gradients of
    expressions may be numbers."""
    ins = [values[id(m), i] for m, i in n.inputs]
    outs = [values[id(n), i] for i in range(n.n_outputs)]
    op = n.op
    assert op is not None
    if op.backward:
        with _errors_of(n):
            result = op.backward(n.p, _head_gradient(n, gs, outs), tuple(ins), tuple(outs))
        result = list(result) if isinstance(result, (tuple, list)) else [result]
        return result + [None] * (len(ins) - len(result))
    if op.gradient is None:
        raise MxError(
            f"{op.name} {n.name} has no gradient in MXNet; put BlockGrad (stop_gradient) around it, "
            f'or bind its inputs with {spelled("grad.req", "reqs")} = "null"'
        )
    return _kernel_gradient(n, gs, ins, outs, wanted)


def _head_gradient(
    n: Node, gs: list[Value | None], outs: list[Value]
) -> Value | tuple[Value | None, ...] | None:
    """The argument `g` of an operator's `backward`.

    For one output it is the output's gradient, for several a tuple, with zeros for outputs that have none. A
    loss gets None, since it ignores the gradient, except with its parameter `out_grad`.
    """
    nothing = all(g is None for g in gs)
    ignored = len(gs) == 1 and not getattr(n.p, "out_grad", False)
    if n.op is not None and n.op.loss and (nothing or ignored):
        return None
    if len(gs) == 1:
        return gs[0]
    return tuple(const(0.0, out.shape) if g is None else g for g, out in zip(gs, outs))


def _kernel_gradient(
    n: Node, gs: list[Value | None], ins: list[Value], outs: list[Value], wanted: list[bool]
) -> list[Value | None]:
    """The outputs of one kernel call: a gradient for each wanted input that is no auxiliary state."""
    op, p = n.op, n.p
    assert op is not None and op.prepare_gradient is not None
    prepare_gradient = op.prepare_gradient
    # The gradient reads hidden outputs, and inputs and visible outputs if it declares so.
    keeps = op.keeps(p)
    read_ins = ins if "ins" in keeps else [None] * len(ins)
    read_outs = outs if "outs" in keeps else [None] * n.n_visible + outs[n.n_visible :]
    reads = (gs, read_ins, read_outs)
    n_in = len(ins) - n.n_aux
    positions = [i for i in range(n_in) if wanted[i]]

    def bind(run: Run, arrays: list[np.ndarray], results: list[np.ndarray]) -> KernelStep | Prepared:
        each = iter(arrays)
        parts = [[None if v is None else next(each) for v in part] for part in reads]
        return _step(n, prepare_gradient(p, run, *parts, _at(positions, results, n_in)))

    gradient = Call(
        bind,
        [v for part in reads for v in part if v is not None],
        [ins[i].shape for i in positions],
        [ins[i].dtype for i in positions],
        False,
        f"{op.name} gradient",
        op.open,
    )
    return _at(positions, gradient.outs, len(ins))


def _at(positions: list[int], items: list[T], length: int) -> list[T | None]:
    """A list of `length` with `items` at `positions` and None elsewhere."""
    found: list[T | None] = [None] * length
    for i, item in zip(positions, items):
        found[i] = item
    return found


def _total(parts: list[Value]) -> Value | None:
    """The sum of gradient contributions. Gradients of slices are added into one array, without an array of
    zeros for each."""
    if not parts:
        return None
    slices = [v for v in parts if v.kind == "scatter"]
    total = None
    for v in parts:
        if v.kind != "scatter":
            total = v if total is None else total + v
    return total if not slices else scatter(slices, total)
