"""Optimizers, for R."""

from __future__ import annotations

import numpy as np

from mxr.engine import optimizer as core
from mxr.engine.ndarray import NDArray
from mxr.engine.optimizer import Rule, State, Updater
from mxr.operator import MxError
from mxr.r.bridge.registry import verb
from mxr.r.verbs.values import array, items, number_text, shape


def rate(lr) -> float | list[float]:
    """One learning rate, or several, rounded to six digits, as MXNet's R package writes them."""
    return (
        float(number_text(lr))
        if isinstance(lr, (int, float))
        else [float(number_text(r)) for r in np.ravel(lr)]
    )


@verb("opt.rule")
def rule(kind: str, settings: dict):
    """`settings` too are rounded to six digits."""
    return core.rule(kind, {k: number_text(v) for k, v in settings.items()})


@verb("opt.state")
def state(rule: Rule, dim):
    return State(rule, shape(dim))


@verb("opt.update")
def update(state: State, lr: float, weight, grad):
    if not isinstance(state, State):
        raise MxError("optimizer$update: the state must come from create_exec or create.state")
    return state.update(rate(lr), array(weight).data, array(grad).data)


@verb("opt.updater")
def updater(rule: Rule):
    return Updater(rule)


@verb("opt.step")
def step(updater: Updater, lr, weights, grads):
    """The list of new weights, None where there is no gradient. Copies: the user may keep them."""
    return updater.step(rate(lr), _data(weights), _data(grads))


def _data(arrays) -> list[np.ndarray | None]:
    return [a.data if type(a) is NDArray else None if a is None else array(a).data for _, a in items(arrays)]
