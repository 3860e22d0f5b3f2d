"""Optimizers, for R: rules, their state for one parameter, and updaters that apply a rule to all parameters of a network."""
from __future__ import annotations

from types import SimpleNamespace

import numpy as np

from mxr.executor import Executor
from mxr.ndarray import NDArray
from mxr.op import MxError, Op, Run, get
from mxr.r.bridge import verb
from mxr.r.verbs.values import array, number_text, shape


class Rule:
    """How one optimizer changes a weight. `settings` are rounded to six digits, as MXNet's R package writes them."""

    def __init__(self, settings: dict):
        self.settings = {k: number_text(v) for k, v in settings.items()}
        self.s = SimpleNamespace(**{k: np.float32(v) for k, v in self.settings.items()})

    def states(self, like: np.ndarray) -> list[np.ndarray]:
        """Zero-filled state for a weight."""
        return [np.zeros_like(like) for _ in range(self.n_states)]

    def update(self, lr: float, weight, grad, states, out) -> None:
        """Write the new weight into `out` and bring `states` up to date."""
        raise NotImplementedError


class OperatorRule(Rule):
    """A rule that is an update operator."""

    def __init__(self, op: str, settings: dict):
        super().__init__(settings)
        self.op: Op = get(op)
        self.p = self.op.parse({"lr": "0.01", **self.settings}, op)
        self.n_states = len(self.op.inputs(self.p)) - 2
        self.run = Run()

    def update(self, lr, weight, grad, states, out):
        self.p.lr = lr
        if self.op.is_expression:
            out[...] = self.op.forward(self.p, weight, grad, *states)
        else:
            self.op.compute(self.p, self.run, [weight, grad, *states], [out])


class GraphRule(Rule):
    """A rule that MXNet's R package writes as a graph: single precision, operation by operation."""

    def update(self, lr, weight, grad, states, out):
        g = grad * self.s.rescale_grad
        if self.s.clip_gradient >= 0:
            g = np.clip(g, -self.s.clip_gradient, self.s.clip_gradient)
        out[...] = self.new_weight(np.float32(lr), weight, g, *states)


class AdaGrad(GraphRule):
    n_states = 1

    def new_weight(self, lr, w, g, history):
        history += g * g
        return w - (g / np.sqrt(history + self.s.epsilon) + w * self.s.wd) * lr


class AdaDelta(GraphRule):
    n_states = 2

    def new_weight(self, lr, w, g, acc_g, acc_delta):
        s, rest = self.s, np.float32(number_text(1 - float(self.settings["rho"])))
        acc_g[...] = acc_g * s.rho + (g * g) * rest
        delta = np.sqrt(acc_delta + s.epsilon) / np.sqrt(acc_g + s.epsilon) * g
        acc_delta[...] = acc_delta * s.rho + (delta * delta) * rest
        return w - delta - w * s.wd


class Nesterov(GraphRule):
    @property
    def n_states(self):
        return int(self.s.momentum != 0)

    def new_weight(self, lr, w, g, momentum=None):
        s = self.s
        if momentum is None:
            return w - (g + w * s.wd) * lr
        momentum[...] = momentum * s.momentum + g + w * s.wd
        return w - (momentum * s.momentum + g) * lr


_GRAPHS = {"adagrad": AdaGrad, "adadelta": AdaDelta, "nag": Nesterov}


@verb("opt.rule")
def rule(kind: str, settings: dict):
    if kind in _GRAPHS:
        return _GRAPHS[kind](settings)
    if kind == "sgd" and settings["momentum"]:
        return OperatorRule("sgd_mom_update", settings)
    if kind == "sgd":
        settings.pop("momentum")
    return OperatorRule(f"{kind}_update", settings)


# ---------------------------------------------------------------------------------------------- one parameter

class State:
    """A rule's state for one parameter, and the array that receives its new weight."""

    def __init__(self, rule: Rule, like: np.ndarray):
        self.rule, self.states, self.out = rule, rule.states(like), NDArray(np.empty_like(like))

    def update(self, lr: float, weight: np.ndarray, grad: np.ndarray) -> NDArray:
        if weight.shape != self.out.shape or grad.shape != self.out.shape:
            raise MxError("the optimizer's weight and gradient must have the shape that its state was made for")
        with np.errstate(all="ignore"):
            self.rule.update(lr, weight, grad, self.states, self.out.data)
        return self.out


@verb("opt.state")
def state(rule: Rule, dim):
    return State(rule, np.empty(shape(dim), np.float32))


@verb("opt.update")
def update(state: State, lr: float, weight, grad):
    if not isinstance(state, State):
        raise MxError("optimizer$update: the state must come from create_exec or create.state")
    return state.update(float(number_text(lr)), array(weight).data, array(grad).data)


# ---------------------------------------------------------------------------------------------- all parameters

class Updater:
    """A rule for all parameters of a network; their states are made when they first have a gradient."""

    def __init__(self, rule: Rule):
        self.rule = rule
        self.slots: dict[int, State] = {}

    def apply(self, lr, weights: list, grads: list) -> list[State]:
        """New weights for every position that has a gradient; `lr` is one rate, or one per such position."""
        active = [i for i, g in enumerate(grads) if g is not None]
        rates = np.ravel(lr)
        rates = [float(number_text(r)) for r in (np.repeat(rates, len(active)) if rates.size == 1 else rates)]
        done = []
        for i, rate in zip(active, rates):
            weight = array(weights[i]).data
            slot = self.slots.get(i)
            if slot is None:
                slot = self.slots[i] = State(self.rule, weight)
            slot.update(rate, weight, array(grads[i]).data)
            done.append(slot)
        return done

    def train(self, lr, ex: Executor) -> None:
        """Update the weights of an executor from its gradients."""
        weights = list(ex.args.values())
        grads = list(ex.grads.values())
        for slot, weight in zip(self.apply(lr, weights, grads), (w for w, g in zip(weights, grads) if g is not None)):
            weight.data[...] = slot.out.data


@verb("opt.updater")
def updater(rule: Rule, size):
    return Updater(rule)


@verb("opt.step")
def step(updater: Updater, lr, weights, grads):
    """The list of new weights, None where there is no gradient; None altogether when they are the arrays given out before."""
    grads = list(grads)
    known = len(updater.slots)
    updater.apply(lr, list(weights), grads)
    if len(updater.slots) == known:
        return None
    return [updater.slots[i].out if g is not None else None for i, g in enumerate(grads)]
