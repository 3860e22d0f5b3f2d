"""From a symbol to the values it computes, and from those to the values of its gradients: operators' own code
on symbolic arrays."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import contextmanager
from functools import partial

import numpy as np

from mxr.compiler.value import Value, const, kernel, leaf, lift, scatter
from mxr.graph.node import Graph, Node
from mxr.native.steps import Prepared
from mxr.operator import MxError

Entry = tuple[int, int]  # (id(node), output index)


@contextmanager
def _of(n: Node):
    """Errors of an operator's own code as MxErrors that name the operator."""
    try:
        yield
    except (ValueError, TypeError, ArithmeticError, LookupError) as e:
        raise MxError(f"{_called(n)}: its parameters do not fit its inputs: {e}") from e


def _called(n: Node) -> str:
    return f"{n.op.name if n.op else 'variable'} {n.name}"


def trace_forward(
    symbol: Graph, shapes: dict[Entry, tuple], types: dict[Entry, np.dtype], inference: bool = False
) -> dict[Entry, Value]:
    """The value of every entry of the graph, hidden outputs included. For `inference`, operators that have an
    expression for it are that, without hidden outputs."""
    values: dict[Entry, Value] = {}
    for n in symbol.nodes():
        if n.op is None:
            values[id(n), 0] = leaf(("var", n.name), shapes[id(n), 0], types[id(n), 0])
            continue
        ins = [values[id(m), i] for m, i in n.inputs]
        keys = [(id(n), i) for i in range(n.n_outputs)]
        if inference and (out := _inferred(n, ins)) is not None:
            values[keys[0]] = out
            continue
        if n.op.forward is not None:
            with _of(n):
                outs = n.op.forward(n.p, *ins)
            outs = outs if isinstance(outs, (tuple, list)) else (outs,)
            outs = [lift(o, shapes[k]) for o, k in zip(outs, keys, strict=True)]
        else:
            outs = kernel(
                _bind_compute(n),
                ins,
                [shapes[k] for k in keys],
                [types[k] for k in keys],
                n.op.random,
                n.op.name,
                n.op.open,
            )
        for k, o in zip(keys, outs):
            if o.shape != shapes[k]:
                raise AssertionError(f"{n.op.name}: forward gave shape {o.shape}, inferred was {shapes[k]}")
            values[k] = o.astype(types[k])
    return values


def _inferred(n: Node, ins: list[Value]) -> Value | None:
    """The output of a node's own expression for inference, None where it has none."""
    if n.op is None or n.op.inference is None or n.n_visible > 1:
        return None
    with _of(n):
        out: Value | None = n.op.inference(n.p, *ins)
    return out


class KernelStep(partial):
    """A kernel's prepared call, and the node of the graph that it works for."""

    node: Node


def _step(n: Node, call: Callable[[], None]) -> KernelStep | Prepared:
    if isinstance(call, Prepared):  # for the native core, which cannot fail
        return call
    step = KernelStep(call)
    step.node = n
    return step


def _bind_compute(n: Node):
    prepare = n.op.prepare if n.op else None
    assert prepare is not None
    return lambda run, ins, outs: _step(n, prepare(n.p, run, ins, outs))


def trace_backward(
    symbol: Graph, values: dict[Entry, Value], heads: list[Value | None], wanted: set[str]
) -> dict[str, Value]:
    """The gradient of every wanted argument, given the gradients of the outputs (None: zero). Arguments
    without one are left out."""
    grads: dict[Entry, list[Value]] = {}
    for (n, i), g in zip(symbol.heads, heads):
        if g is not None:
            grads.setdefault((id(n), i), []).append(g)
    nodes = symbol.nodes()
    needs: dict[int, bool] = {}
    for n in nodes:
        needs[id(n)] = n.name in wanted if n.op is None else any(needs[id(m)] for m, _ in n.inputs)
    by_name: dict[str, list[Value]] = {}
    for n in reversed(nodes):
        if not needs[id(n)]:
            continue
        gs = [_total(grads.pop((id(n), i), [])) for i in range(n.n_visible)]
        if n.op is None:
            if gs[0] is not None:
                by_name.setdefault(n.name, []).append(gs[0])
            continue
        if n.op.zero_gradient or (not (n.op.loss or n.op.ignores_head(n.p)) and all(g is None for g in gs)):
            continue
        for (m, i), g in zip(n.inputs, _node_gradient(n, gs, values, [needs[id(m)] for m, _ in n.inputs])):
            if g is not None and needs[id(m)]:
                like = values[id(m), i]
                g = lift(g, like.shape)
                if g.shape != like.shape:
                    if g.kind != "const":
                        raise AssertionError(
                            f"{n.op.name}: backward gave shape {g.shape} for an input of {like.shape}"
                        )
                    g = const(g.arg, like.shape, like.dtype)
                grads.setdefault((id(m), i), []).append(g.astype(like.dtype))
    return {name: total for name, parts in by_name.items() if (total := _total(parts)) is not None}


def _node_gradient(n: Node, gs: list[Value | None], values: dict[Entry, Value], wanted: list[bool]) -> list:
    """The gradient of every input of a node, None where there is none, from those of its visible outputs."""
    ins = [values[id(m), i] for m, i in n.inputs]
    outs = [values[id(n), i] for i in range(n.n_outputs)]
    op = n.op
    assert op is not None
    if op.backward:
        with _of(n):
            result = op.backward(n.p, _head_gradient(n, gs, outs), tuple(ins), tuple(outs))
        result = list(result) if isinstance(result, (tuple, list)) else [result]
        return result + [None] * (len(ins) - len(result))
    if op.gradient is None:
        raise MxError(
            f"{op.name} {n.name} has no gradient in MXNet; put BlockGrad (stop_gradient) around it, "
            'or bind its inputs with grad.req = "null"'
        )
    return _kernel_gradient(n, gs, ins, outs, wanted)


def _head_gradient(n: Node, gs: list[Value | None], outs: list[Value]):
    """What an operator's `backward` gets of the gradients of its outputs: the one there is, or a tuple of
    several, zeros where nothing comes from above. None for a loss, which ignores it, unless it is asked by
    `out_grad` to multiply with it."""
    nothing = all(g is None for g in gs)
    if n.op is not None and n.op.loss and (nothing or (len(gs) == 1 and not getattr(n.p, "out_grad", False))):
        return None
    if len(gs) == 1:
        return gs[0]
    return tuple(const(0.0, out.shape) if g is None else g for g, out in zip(gs, outs))


def _kernel_gradient(
    n: Node, gs: list[Value | None], ins: list[Value], outs: list[Value], wanted: list[bool]
) -> list:
    """The outputs of one kernel call: a gradient for every input that is wanted and no auxiliary state."""
    op, p = n.op, n.p
    assert op is not None and op.prepare_gradient is not None
    prepare_gradient = op.prepare_gradient
    keeps = op.keeps(p)  # the gradient always reads hidden outputs, and of the others what it declares
    kept_ins = ins if "ins" in keeps else [None] * len(ins)
    kept_outs = outs if "outs" in keeps else [None] * n.n_visible + outs[n.n_visible :]
    reads = (gs, kept_ins, kept_outs)
    n_in = len(ins) - n.n_aux
    slots = [i for i in range(n_in) if wanted[i]]

    def bind(run, arrays, results):
        each = iter(arrays)
        parts = [[None if v is None else next(each) for v in part] for part in reads]
        targets = [None] * n_in
        for i, r in zip(slots, results):
            targets[i] = r
        return _step(n, prepare_gradient(p, run, *parts, targets))

    results = kernel(
        bind,
        [v for part in reads for v in part if v is not None],
        [ins[i].shape for i in slots],
        [ins[i].dtype for i in slots],
        False,
        f"{op.name} gradient",
        op.open,
    )
    gradients: list = [None] * len(ins)
    for i, r in zip(slots, results):
        gradients[i] = r
    return gradients


def _total(parts: list[Value]) -> Value | None:
    """The sum of gradient contributions; slices are added into one array instead of each being blown up to
    full size."""
    if not parts:
        return None
    slices = [v for v in parts if v.kind == "scatter"]
    total = None
    for v in parts:
        if v.kind != "scatter":
            total = v if total is None else total + v
    return total if not slices else scatter(slices, total)
