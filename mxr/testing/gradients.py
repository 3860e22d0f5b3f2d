"""`assert_gradient`: compares a loss's gradient with differences of the loss, in a random direction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mxr.engine.ndarray import NDArray, numbers
from mxr.graph.node import Entry, Node
from mxr.graph.symbol import Symbol
from mxr.operator import MxError, suggest
from mxr.testing import current, graphs

_LOSSES = ("MakeLoss", "make_loss")


def assert_gradient(
    loss: str | Symbol,
    inputs: Mapping[str, Any],
    wrt: Sequence[str] | None = None,
    step: float = 1e-5,
    rtol: float = 1e-4,
    atol: float = 1e-7,
    seed: int = 0,
) -> None:
    """Assert that the gradient of a loss is the derivative of its value f.

    (f(x + h d) - f(x - h d)) / 2h must be the gradient times d, for each input x with a random direction d,
    in double precision. f is the sum of all outputs, multiplied by MakeLoss's factor of the gradient.

    `loss`: a Symbol, or R code whose value is one. `inputs`: an array for each argument and auxiliary state,
    by name. `wrt`: the arguments to test (default: all). Inputs of `BlockGrad` are held constant. The assert
    is not for layers that define another gradient (SoftmaxOutput, the regression outputs ...), nor for points
    where the loss is not differentiable (abs, relu, max).

    The AssertionError has the input and the two numbers.
    """
    __tracebackhide__ = True
    symbol = current.session().run(loss) if isinstance(loss, str) else loss
    if not isinstance(symbol, Symbol):
        raise MxError(
            f"assert_gradient: loss must be a symbol, or R code that gives one, not {type(symbol).__name__}"
        )
    values = {
        k: np.array(
            v.data if isinstance(v, NDArray) else numbers(v, f"assert_gradient: {k}"), np.float64, ndmin=1
        )
        for k, v in inputs.items()
    }
    names = symbol.list_arguments()
    missing = [n for n in names + symbol.list_auxiliary_states() if n not in values]
    if missing:
        raise MxError(f"assert_gradient: inputs lacks {', '.join(missing)}")
    wanted = list(names if wrt is None else wrt)
    for name in wanted:
        if name not in names:
            raise MxError(f"assert_gradient: wrt has {name}, which is no argument" + suggest(name, names))
    text = gradient_difference(
        symbol, {k: values[k] for k in names + symbol.list_auxiliary_states()}, wanted, step, rtol, atol, seed
    )
    if text:
        raise AssertionError(text)


def gradient_difference(
    symbol: Symbol,
    values: dict[str, np.ndarray],
    wanted: list[str],
    step: float,
    rtol: float,
    atol: float,
    seed: int,
) -> str:
    _check(symbol)
    run = graphs.bound(symbol, values, wanted, np.float64)
    run.forward(True)
    run.backward()
    analytic = {k: run.grads[k].asnumpy() for k in wanted}
    still, values = _held_constant(symbol, values)
    rng = np.random.RandomState(seed)
    for name in wanted:
        direction = rng.standard_normal(values[name].shape)
        at = [
            _objective(still, values | {name: values[name] + sign * step * direction}, symbol)
            for sign in (1, -1)
        ]
        numeric = (at[0] - at[1]) / (2 * step)
        given = float((analytic[name] * direction).sum())
        noise = 1e-15 * max(map(abs, at)) / step
        if not abs(given - numeric) <= atol + rtol * abs(numeric) + noise:
            return (
                f"the gradient of {name} is not that of the loss: in a random direction the gradient gives "
                f"{given:.8g}, the loss itself {numeric:.8g} (step {step:g}, rtol {rtol:g}, atol {atol:g})"
            )
    return ""


def _check(symbol: Symbol) -> None:
    heads = {id(n) for n, _ in symbol.heads}
    for n in symbol.nodes():
        if n.op is not None and n.op.loss and (n.op.name not in _LOSSES or id(n) not in heads):
            raise MxError(
                f"assert_gradient: {n.op.name} {n.name} defines a gradient that is not that of its output"
                + ("; a MakeLoss can be tested only if it is an output" if n.op.name in _LOSSES else "")
            )
        if n.op is not None and n.op.random:
            raise MxError(
                f"assert_gradient: {n.op.name} {n.name} is random, "
                "so the loss is not a function of its inputs"
            )


def _held_constant(symbol: Symbol, values: dict[str, np.ndarray]) -> tuple[Symbol, dict[str, np.ndarray]]:
    """The loss in which variables replace the outputs of BlockGrad, and the inputs with the values of these
    variables."""
    blocks = [n for n in symbol.nodes() if n.op is not None and n.op.name == "BlockGrad"]
    if not blocks:
        return symbol, values
    outputs = graphs.bound(
        Symbol((n, 0) for n in blocks),
        {k: v for k, v in values.items() if k in _names(Symbol((n, 0) for n in blocks))},
        (),
        np.float64,
    ).forward(True)
    swap: dict[graphs.Key, Entry] = {
        (id(n), 0): (Node(None, f"held_constant_{i}", {}), 0) for i, n in enumerate(blocks)
    }
    return graphs.replaced(symbol, swap), values | {
        f"held_constant_{i}": out.asnumpy() for i, out in enumerate(outputs)
    }


def _names(symbol: Symbol) -> list[str]:
    return symbol.list_arguments() + symbol.list_auxiliary_states()


def _objective(symbol: Symbol, values: dict[str, np.ndarray], original: Symbol) -> float:
    """The sum of the outputs, each multiplied by MakeLoss's factor of the gradient."""
    names = _names(symbol)
    outputs = graphs.bound(symbol, {k: v for k, v in values.items() if k in names}, (), np.float64).forward(
        True
    )
    return sum(_scale(n, out.data) * float(out.data.sum()) for (n, _), out in zip(original.heads, outputs))


def _scale(node: Node, out: np.ndarray) -> float:
    """MakeLoss's factor of the gradient: grad_scale, divided by the batch size or the number of valid
    elements."""
    if node.op is None or node.op.name not in _LOSSES or "grad_scale" not in node.op.params:
        return 1.0
    p = node.p
    by = {"null": 1, "batch": out.shape[0], "valid": max(1, int((out > p.valid_thresh).sum()))}[
        p.normalization
    ]
    scale: float = p.grad_scale / by
    return scale
