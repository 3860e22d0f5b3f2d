"""Control flow, in networks that MXNet's Python has saved: loops and branches whose bodies are graphs within
the node."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mxr.engine.bind import bind
from mxr.engine.executor import Executor
from mxr.graph.infer_shapes import all_shapes
from mxr.graph.node import Graph
from mxr.graph.symbol import Symbol
from mxr.operator import REQUIRED, MxError, P, Shape, op, shape_text, unify

_LOCS = "their positions among the body's inputs"


def _given(graph: Graph) -> list[str]:
    """The names of a body's inputs, in order."""
    return [n.name for n in graph.nodes() if n.op is None]


def _inferred(graph: Graph, shapes: list):
    """(shapes of a body's inputs, of its outputs), from those of the inputs that are known."""
    names = _given(graph)
    found = all_shapes(graph, {k: s for k, s in zip(names, shapes) if s is not None})
    inputs = {n.name: found[id(n), 0] for n in graph.nodes() if n.op is None}
    return [inputs[k] for k in names], [found[id(n), i] for n, i in graph.heads]


def _body(graph: Graph, arrays: list[np.ndarray]) -> Executor:
    """An executor of a body on copies of arrays; all floating-point arguments have gradients."""
    names = _given(graph)
    values = {k: np.array(x) for k, x in zip(names, arrays)}
    symbol = Symbol(graph.heads)
    aux = set(symbol.list_auxiliary_states())
    args = {k: v for k, v in values.items() if k not in aux}
    grads = {k: np.zeros_like(v) for k, v in args.items() if v.dtype.kind == "f"}
    return bind(
        symbol, args, grads, {k: "write" if k in grads else "null" for k in args}, {k: values[k] for k in aux}
    )


def _set(ex: Executor, graph: Graph, arrays: list[np.ndarray]) -> None:
    for name, x in zip(_given(graph), arrays):
        (ex.args if name in ex.args else ex.aux)[name][:] = x


def _back(ex: Executor, graph: Graph, heads: list[np.ndarray]) -> list:
    """The gradients of a body's inputs; None for inputs without gradient."""
    ex.backward(heads)
    return [ex.grads[k].data if k in ex.grads and ex.grads[k] is not None else None for k in _given(graph)]


class _Steps:
    """The executors of one node's body, one for each step: each keeps the arrays that its gradient reads."""

    def __init__(self):
        self.made: list[Executor] = []
        self.taken = 0

    def run(self, graph: Graph, arrays: list[np.ndarray], train: bool) -> list[np.ndarray]:
        if self.taken == len(self.made):
            self.made.append(_body(graph, arrays))
        ex = self.made[self.taken]
        _set(ex, graph, arrays)
        self.taken += 1
        return [o.data for o in ex.forward(train)]


def _steps(p, run) -> _Steps:
    return run.own(id(p), _Steps)


def _zeros(gs, outs) -> list[np.ndarray]:
    return [np.zeros_like(y) if g is None else np.array(g) for g, y in zip(gs, outs)]


def _fill(igs, totals) -> None:
    for ig, total in zip(igs, totals):
        if ig is not None:
            ig[...] = total


def _outputs(p):
    return tuple(f"output{i}" for i in range(p.num_outputs)) if p.num_outputs > 1 else ("output",)


@op("_foreach", variadic="num_args", subgraphs=1)
class Foreach:
    """Runs its body over the slices of arrays along their first C-order axis; states go from one step to the
    next.

    Returns the outputs of all steps, stacked, then the last states.
    """

    num_args: int = P(REQUIRED, "the number of the inputs, and one for the body", low=1)
    num_outputs: int = P(REQUIRED, "the number of outputs and states", low=1)
    num_out_data: int = P(REQUIRED, "how many of them are outputs, which are stacked", low=0)
    in_state_locs: Shape = P(REQUIRED, f"the states: {_LOCS}")
    in_data_locs: Shape = P(REQUIRED, f"the slices: {_LOCS}")
    remain_locs: Shape = P(REQUIRED, f"all others: {_LOCS}")

    if TYPE_CHECKING:  # set by mxr/graph/json.py, which reads the network
        subgraphs: list[Graph]

    inputs = lambda p: tuple(f"data{i}" for i in range(p.num_args - 1))
    outputs = _outputs
    own_types = ("*",)

    def infer_shape(p, ins, outs):
        locs = (*p.in_data_locs, *p.in_state_locs, *p.remain_locs)
        inner: list = [None] * len(locs)
        for i, (at, s) in enumerate(zip(locs, ins)):
            inner[at] = s if i >= len(p.in_data_locs) or s is None else s[1:]
        found, results = _inferred(p.subgraphs[0], inner)
        length = next((s[0] for s in ins[: len(p.in_data_locs)] if s), 0)
        new = [
            unify(s, found[at] if i >= len(p.in_data_locs) else found[at] and (length, *found[at]))
            for i, (at, s) in enumerate(zip(locs, ins))
        ]
        return new, [r if r is None or i >= p.num_out_data else (length, *r) for i, r in enumerate(results)]

    def compute(p, run, ins, outs):
        steps, n = _steps(p, run), len(p.in_data_locs)
        steps.taken = 0
        locs, states = (
            (*p.in_data_locs, *p.in_state_locs, *p.remain_locs),
            list(ins[n : n + len(p.in_state_locs)]),
        )
        rest = ins[n + len(states) :]
        for t in range(len(ins[0]) if n else 0):
            values = [*(x[t] for x in ins[:n]), *states, *rest]
            results = steps.run(p.subgraphs[0], [values[locs.index(i)] for i in range(len(locs))], run.train)
            for out, r in zip(outs, results[: p.num_out_data]):
                out[t] = r
            states = results[p.num_out_data :]
        for out, s in zip(outs[p.num_out_data :], states):
            out[...] = s

    def gradient(p, run, gs, ins, outs, igs):
        steps, n, m = _steps(p, run), len(p.in_data_locs), len(p.in_state_locs)
        heads, totals = _zeros(gs, outs), [np.zeros_like(x) for x in ins]
        back = heads[p.num_out_data :]
        for t in reversed(range(steps.taken)):
            found = _back(steps.made[t], p.subgraphs[0], [*(g[t] for g in heads[: p.num_out_data]), *back])
            for total, at in zip(totals[:n], p.in_data_locs):
                total[t] = 0 if found[at] is None else found[at]
            back = [
                np.zeros_like(b) if found[at] is None else found[at].copy()
                for b, at in zip(back, p.in_state_locs)
            ]
            for total, at in zip(totals[n + m :], p.remain_locs):
                total += 0 if found[at] is None else found[at]
        _fill(igs, [*totals[:n], *back, *totals[n + m :]])


@op("_while_loop", variadic="num_args", subgraphs=2)
class WhileLoop:
    """Runs its body while its condition holds, at most `max_iterations` times; variables go from one step to
    the next.

    Returns the outputs of all steps, stacked and filled up with zeros, then the last variables.
    """

    num_args: int = P(REQUIRED, "the number of the inputs, and two for condition and body", low=2)
    num_outputs: int = P(REQUIRED, "the number of outputs and variables", low=1)
    num_out_data: int = P(REQUIRED, "how many of them are outputs, which are stacked", low=0)
    max_iterations: int = P(REQUIRED, "the most steps", low=0)
    cond_input_locs: Shape = P(REQUIRED, "which inputs the condition takes")
    func_input_locs: Shape = P(REQUIRED, "which inputs the body takes")
    func_var_locs: Shape = P(REQUIRED, f"the variables: {_LOCS}")

    if TYPE_CHECKING:  # set by mxr/graph/json.py, which reads the network
        subgraphs: list[Graph]

    inputs = lambda p: tuple(f"data{i}" for i in range(p.num_args - 2))
    outputs = _outputs
    own_types = ("*",)

    def infer_shape(p, ins, outs):
        found, results = _inferred(p.subgraphs[1], [ins[i] for i in p.func_input_locs])
        new = list(ins)
        for i, s in zip(p.func_input_locs, found):
            new[i] = unify(new[i], s)
        return new, [
            r if r is None or i >= p.num_out_data else (p.max_iterations, *r) for i, r in enumerate(results)
        ]

    def compute(p, run, ins, outs):
        steps, current, n = _steps(p, run), list(ins), p.num_out_data
        steps.taken = 0
        condition = run.own(
            (id(p), "condition"), lambda: _body(p.subgraphs[0], [ins[i] for i in p.cond_input_locs])
        )
        for out in outs[:n]:
            out[...] = 0
        for t in range(p.max_iterations):
            _set(condition, p.subgraphs[0], [current[i] for i in p.cond_input_locs])
            if not _holds(condition.forward(run.train)[0].data):
                break
            results = steps.run(p.subgraphs[1], [current[i] for i in p.func_input_locs], run.train)
            for out, r in zip(outs[:n], results):
                out[t] = r
            for at, r in zip(p.func_var_locs, results[n:]):
                current[p.func_input_locs[at]] = r
        for out, at in zip(outs[n:], p.func_var_locs):
            out[...] = current[p.func_input_locs[at]]

    def gradient(p, run, gs, ins, outs, igs):
        steps, n = _steps(p, run), p.num_out_data
        heads, totals = _zeros(gs, outs), [np.zeros_like(x) for x in ins]
        back = heads[n:]
        variables = set(p.func_var_locs)
        for t in reversed(range(steps.taken)):
            found = _back(steps.made[t], p.subgraphs[1], [*(g[t] for g in heads[:n]), *back])
            back = [
                np.zeros_like(b) if found[at] is None else found[at].copy()
                for b, at in zip(back, p.func_var_locs)
            ]
            for at, i in enumerate(p.func_input_locs):
                if at not in variables and found[at] is not None:
                    totals[i] += found[at]
        for b, at in zip(back, p.func_var_locs):
            totals[p.func_input_locs[at]] += b
        _fill(igs, totals)


def _holds(value: np.ndarray) -> bool:
    if value.size != 1:
        raise MxError(f"a condition must return one number, not an array of shape {shape_text(value.shape)}")
    return bool(value.item())


@op("_cond", variadic="num_args", subgraphs=3)
class Cond:
    """Runs one of two bodies: the first if its condition holds, else the second. The gradient is that of the
    body that ran."""

    num_args: int = P(REQUIRED, "the number of the inputs, and three for condition and bodies", low=3)
    num_outputs: int = P(REQUIRED, "the number of outputs of each body", low=1)
    cond_input_locs: Shape = P(REQUIRED, "which inputs the condition takes")
    then_input_locs: Shape = P(REQUIRED, "which inputs the first body takes")
    else_input_locs: Shape = P(REQUIRED, "which inputs the second body takes")

    if TYPE_CHECKING:  # set by mxr/graph/json.py, which reads the network
        subgraphs: list[Graph]

    inputs = lambda p: tuple(f"data{i}" for i in range(p.num_args - 3))
    outputs = _outputs
    own_types = ("*",)

    def infer_shape(p, ins, outs):
        new, results = list(ins), list(outs)
        for graph, locs in zip(p.subgraphs, (p.cond_input_locs, p.then_input_locs, p.else_input_locs)):
            found, made = _inferred(graph, [ins[i] for i in locs])
            for i, s in zip(locs, found):
                new[i] = unify(new[i], s)
            if graph is not p.subgraphs[0]:
                results = [unify(a, b) for a, b in zip(results, made)]
        return new, results

    def compute(p, run, ins, outs):
        condition = run.own(
            (id(p), "condition"), lambda: _body(p.subgraphs[0], [ins[i] for i in p.cond_input_locs])
        )
        _set(condition, p.subgraphs[0], [ins[i] for i in p.cond_input_locs])
        holds = _holds(condition.forward(run.train)[0].data)
        taken = run.own((id(p), "taken"), dict)
        taken["which"] = 1 if holds else 2
        graph, locs = _branch(p, taken)
        steps = run.own((id(p), taken["which"]), _Steps)
        steps.taken = 0
        for out, r in zip(outs, steps.run(graph, [ins[i] for i in locs], run.train)):
            out[...] = r

    def gradient(p, run, gs, ins, outs, igs):
        taken = run.own((id(p), "taken"), dict)
        graph, locs = _branch(p, taken)
        totals = [np.zeros_like(x) for x in ins]
        found = _back(run.own((id(p), taken["which"]), _Steps).made[0], graph, _zeros(gs, outs))
        for i, g in zip(locs, found):
            if g is not None:
                totals[i] += g
        _fill(igs, totals)


def _branch(p, taken):
    return p.subgraphs[taken["which"]], p.then_input_locs if taken["which"] == 1 else p.else_input_locs
