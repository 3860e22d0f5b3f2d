"""`assert_same_loss`: compares outputs and gradients of a loss in R and one in Python, and finds the node
where they begin to differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

import mxr.random
from mxr.engine.ndarray import NDArray, numbers
from mxr.graph.node import Entry, Node
from mxr.graph.symbol import Symbol
from mxr.operator import MxError, suggest
from mxr.testing import current, graphs
from mxr.testing.arrays import PYTHON, R, Side, close, difference

_MOST = 300  # nodes; gradients inside larger graphs are not compared, since each takes an executor

# Runs the loss through MXNet's R functions, as a script does.
_IN_R = """
function(symbol, args, aux, requests, seed) {
  mx.set.seed(seed)
  arrays <- function(values) lapply(values, mx.nd.array)
  exec <- mxnet:::mx.symbol.bind(symbol, mx.cpu(), arrays(args), arrays(aux), requests)
  mx.exec.forward(exec, is.train = TRUE)
  if (any(requests != "null")) mx.exec.backward(exec)
  back <- function(arrays) lapply(Filter(Negate(is.null), arrays), as.array)
  list(outputs = unname(back(exec$ref.outputs)), grads = back(exec$ref.grad.arrays))
}
"""


@dataclass
class _Loss:
    """One of the two losses, and its results."""

    symbol: Symbol
    side: Side
    outputs: list[np.ndarray]
    grads: dict[str, np.ndarray]


def assert_same_loss(
    r_loss: str | Symbol,
    python_loss: Symbol,
    inputs: Mapping[str, Any],
    grads: bool | Sequence[str] = True,
    rtol: float = 1e-5,
    atol: float = 1e-6,
    seed: int = 0,
) -> None:
    """Assert that a loss in R and a loss in Python have the same outputs and the same gradients.

    `r_loss`: R code, evaluated in the test's environment, or a symbol that R made (`r["loss"]`). It runs
    through MXNet's R functions. `python_loss`: a Symbol, which runs in Python. `inputs`: an array for each
    argument and auxiliary state, by name, with shapes in Python's order; both losses get float32. `grads`:
    True for the gradients of all arguments, a list of names, or False. `seed`: of random operators, such as
    Dropout.

    The AssertionError names the output or gradient that differs and the first node where the graphs differ,
    and shows its values side by side, R's with R's indices (dimensions reversed, from 1).
    """
    __tracebackhide__ = True
    if isinstance(r_loss, str):
        r_loss = current.session().run(r_loss)
    for what, given in (("R's loss", r_loss), ("python_loss", python_loss)):
        if not isinstance(given, Symbol):
            raise MxError(f"assert_same_loss: {what} is no symbol, but {type(given).__name__}")
    assert isinstance(r_loss, Symbol)
    text = loss_difference(r_loss, python_loss, inputs, grads, rtol, atol, seed)
    if text:
        raise AssertionError(text)


def loss_difference(
    r_loss: Symbol,
    python_loss: Symbol,
    inputs: Mapping[str, Any],
    grads: bool | Sequence[str],
    rtol: float,
    atol: float,
    seed: int,
) -> str:
    """A description of the difference; "" if there is none."""
    names = [s.list_arguments() + s.list_auxiliary_states() for s in (r_loss, python_loss)]
    if set(names[0]) != set(names[1]):
        return (
            f"the losses have different arguments: R's {', '.join(names[0])}; Python's {', '.join(names[1])}"
        )
    arrays = _checked(inputs, names[0])
    wanted = r_loss.list_arguments() if grads is True else list(grads or ())
    for name in wanted:
        if name not in names[0]:
            raise MxError(
                f"assert_same_loss: grads has {name}, which is no argument" + suggest(name, names[0])
            )
    r_run = _in_r(r_loss, arrays, wanted, seed)
    python_run = _in_python(python_loss, arrays, wanted, seed)
    return _outputs(r_run, python_run, arrays, rtol, atol, seed) or _gradients(
        r_run, python_run, arrays, rtol, atol
    )


def _checked(inputs: Mapping[str, Any], names: list[str]) -> dict[str, np.ndarray]:
    for name in inputs:
        if name not in names:
            raise MxError(
                f"assert_same_loss: inputs has {name}, which the losses do not have"
                + (suggest(name, names) or f"; they have {', '.join(names)}")
            )
    missing = [n for n in names if n not in inputs]
    if missing:
        raise MxError(f"assert_same_loss: inputs lacks {', '.join(missing)}")
    return {
        k: np.array(
            v.data if isinstance(v, NDArray) else numbers(v, f"assert_same_loss: {k}"), np.float32, ndmin=1
        )
        for k, v in inputs.items()
    }


def _in_r(symbol: Symbol, arrays: dict[str, np.ndarray], wanted: list[str], seed: int) -> _Loss:
    args, aux = (
        {k: arrays[k] for k in names} for names in (symbol.list_arguments(), symbol.list_auxiliary_states())
    )
    requests = ["write" if k in wanted else "null" for k in args]
    found = current.session().run(_IN_R)(symbol, args, aux, requests, seed)
    shapes = symbol.infer_shape(**{k: v.shape for k, v in arrays.items()})
    outputs = [
        np.reshape(o, s)
        for o, s in zip(found["outputs"], [] if shapes is None else shapes[1].values(), strict=True)
    ]
    return _Loss(
        symbol, R, outputs, {k: np.reshape(v, arrays[k].shape) for k, v in dict(found["grads"] or {}).items()}
    )


def _in_python(symbol: Symbol, arrays: dict[str, np.ndarray], wanted: list[str], seed: int) -> _Loss:
    mxr.random.seed(seed)
    run = graphs.bound(symbol, arrays, wanted)
    outputs = [o.asnumpy() for o in run.forward(True)]
    if wanted:
        run.backward()
    return _Loss(symbol, PYTHON, outputs, {k: g.asnumpy() for k, g in run.grads.items() if g is not None})


def _outputs(
    r_run: _Loss, python_run: _Loss, arrays: dict[str, np.ndarray], rtol: float, atol: float, seed: int
) -> str:
    if len(r_run.outputs) != len(python_run.outputs):
        return f"R's loss has {len(r_run.outputs)} outputs, Python's {len(python_run.outputs)}"
    for name, a, b in zip(python_run.symbol.list_outputs(), r_run.outputs, python_run.outputs):
        text = difference(a, b, rtol, atol, (R, PYTHON))
        if text:
            return "\n".join(
                [
                    f"the losses differ in output {name}: {text}",
                    *_where(r_run, python_run, arrays, rtol, atol, seed),
                ]
            )
    return ""


def _where(
    r_run: _Loss, python_run: _Loss, arrays: dict[str, np.ndarray], rtol: float, atol: float, seed: int
) -> list[str]:
    """Lines about the first node whose value the other graph does not have."""
    found = []
    for loss in (r_run, python_run):
        mxr.random.seed(seed)
        found.append(graphs.values(loss.symbol, arrays))
    a, b = found

    def differ(x: Entry, y: Entry) -> bool:
        return not close(a[graphs.key(x)], b[graphs.key(y)], rtol, atol)

    def new(x: Entry, y: Entry) -> bool:
        return differ(x, y) and not any(close(a[graphs.key(x)], v, rtol, atol) for v in b.values())

    pairs = graphs.aligned(r_run.symbol, python_run.symbol)
    pair = graphs.first(pairs, new) or graphs.first(pairs, differ)
    if pair is None:
        return [
            "Run in Python, the two graphs have the same values, but R computed other ones. "
            "That is a defect of mxr's bridge to R."
        ]
    (m, i), (n, j) = pair
    lines = [
        "they differ from this node on:",
        f"  R       {graphs.describe(m, R)}",
        f"  Python  {graphs.describe(n, PYTHON)}",
    ]
    if hint := _hint(
        m, n, all(not differ(x, y) for x, y in zip(m.inputs, n.inputs)) and len(m.inputs) == len(n.inputs)
    ):
        lines.append(f"  {hint}")
    return [*lines, "  its value: " + difference(a[id(m), i], b[id(n), j], rtol, atol, (R, PYTHON))]


def _hint(m: Node, n: Node, inputs_agree: bool) -> str:
    said = ["their inputs agree"] if inputs_agree and m.inputs else []
    if m.op is not n.op:
        said.append("they are different operators")
    else:
        p, q = graphs.parameters(m), graphs.parameters(n)
        said += [
            f"{k} is {p.get(k, 'the default')} in R, {q.get(k, 'the default')} in Python"
            for k in {**p, **q}
            if p.get(k) != q.get(k)
        ]
    return "; ".join(said)


def _gradients(
    r_run: _Loss, python_run: _Loss, arrays: dict[str, np.ndarray], rtol: float, atol: float
) -> str:
    for name, a in r_run.grads.items():
        text = difference(a, python_run.grads[name], rtol, atol, (R, PYTHON))
        if text:
            return "\n".join(
                [
                    f"the losses agree, but the gradients of {name} differ: {text}",
                    *_where_back(r_run, python_run, arrays, rtol, atol),
                ]
            )
    return ""


def _where_back(
    r_run: _Loss, python_run: _Loss, arrays: dict[str, np.ndarray], rtol: float, atol: float
) -> list[str]:
    """Lines about the node nearest to the outputs whose inputs get different gradients."""
    pairs = graphs.aligned(r_run.symbol, python_run.symbol)[::-1]
    heads = {graphs.key(h) for h in r_run.symbol.heads}
    pairs = [(x, y) for x, y in pairs if graphs.key(x) not in heads]
    if len(pairs) > _MOST:
        return [f"(the graphs are too large to find the node: {len(pairs)} values, at most {_MOST})"]
    a, b = graphs.values(r_run.symbol, arrays), graphs.values(python_run.symbol, arrays)
    for x, y in pairs:
        ga = graphs.gradient_at(r_run.symbol, x, arrays, a[graphs.key(x)])
        gb = graphs.gradient_at(python_run.symbol, y, arrays, b[graphs.key(y)])
        text = difference(ga, gb, rtol, atol, (R, PYTHON))
        if text:
            above = (graphs.users(r_run.symbol, x), graphs.users(python_run.symbol, y))
            lines = ["backward, they differ from this node on:"]
            lines += [
                f"  {side.name:<8}{graphs.describe(n, side)}"
                for side, nodes in zip((R, PYTHON), above)
                for n in nodes[:4]
            ]
            if len(above[0]) == len(above[1]) == 1 and (hint := _hint(above[0][0], above[1][0], False)):
                lines.append(f"  {hint}")
            return [
                *lines,
                f"  the gradient that it gives to {x[0].output_name(x[1])} (R), "
                f"{y[0].output_name(y[1])} (Python): {text}",
            ]
    return []
