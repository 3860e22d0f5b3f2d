"""Optimizers, for R."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from mxr.engine import optimizer as core
from mxr.engine.ndarray import NDArray
from mxr.engine.optimizer import Rule, State, Updater
from mxr.operator import MxError
from mxr.r.bridge.registry import verb
from mxr.r.verbs.values import array, items, number_text, shape


def rate(lr: Any) -> float | list[float]:
    """One learning rate, or several, rounded to six significant digits, as in MXNet's R package."""
    return _rounded(lr) if isinstance(lr, (int, float)) else [_rounded(r) for r in np.ravel(lr).tolist()]


@lru_cache(64)
def _rounded(number: float) -> float:
    return float(number_text(number))


@verb("opt.rule")
def rule(kind: str, settings: dict[str, Any]) -> Rule:
    """An optimizer's rule. `settings` are rounded like `rate`."""
    return core.rule(kind, {k: number_text(v) for k, v in settings.items()})


@verb("opt.state")
def state(rule: Rule, dim: Any) -> State:
    return State(rule, shape(dim))


@verb("opt.update")
def update(state: Any, lr: float, weight: Any, grad: Any) -> NDArray:
    if not isinstance(state, State):
        raise MxError("optimizer$update: the state must come from create_exec or create.state")
    return state.update(rate(lr), array(weight).data, array(grad).data)


@verb("opt.updater")
def updater(rule: Rule) -> Updater:
    return Updater(rule)


@verb("opt.step")
def step(updater: Updater, lr: Any, weights: Any, grads: Any) -> list[NDArray | None]:
    """New arrays with the new weights; None for weights without gradient."""
    return updater.step(rate(lr), _data(weights), _data(grads))


@verb("opt.again")
def again(updater: Updater, lr: Any) -> list[NDArray | None]:
    """`step` with the lists of its last call."""
    return updater.again(rate(lr))


def _data(arrays: Any) -> list[np.ndarray | None]:
    return [a.data if type(a) is NDArray else None if a is None else array(a).data for _, a in items(arrays)]
