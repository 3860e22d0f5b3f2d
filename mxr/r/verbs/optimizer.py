"""Optimizers, for R: rules, their state for one parameter, and updaters that apply a rule to all parameters of a network."""
from __future__ import annotations

from types import SimpleNamespace

import numpy as np

from mxr.executor import Executor
from mxr.ndarray import NDArray
from mxr.op import MxError, Op, Run, get
from mxr.r.bridge import verb
from mxr.r.verbs.values import array, number_text, shape
from mxr.threads import unbroken


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
    """A rule's state for one parameter."""

    def __init__(self, rule: Rule, like: np.ndarray):
        self.rule, self.states, self.shape = rule, rule.states(like), like.shape

    def update(self, lr: float, weight: np.ndarray, grad: np.ndarray) -> NDArray:
        if weight.shape != self.shape or grad.shape != self.shape:
            raise MxError("the optimizer's weight and gradient must have the shape that its state was made for")
        new = np.empty(self.shape, np.float32)
        with np.errstate(all="ignore"):
            self.rule.update(lr, weight, grad, self.states, new)
        return NDArray(new)


@verb("opt.state")
def state(rule: Rule, dim):
    return State(rule, np.empty(shape(dim), np.float32))


@verb("opt.update")
def update(state: State, lr: float, weight, grad):
    if not isinstance(state, State):
        raise MxError("optimizer$update: the state must come from create_exec or create.state")
    return state.update(float(number_text(lr)), array(weight).data, array(grad).data)


# ---------------------------------------------------------------------------------------------- all parameters

_SMALL = 1 << 14            # parameters with fewer elements are updated together: calls cost more than copies


class Group:
    """Parameters that are updated as one flat array. `indices` are their positions in the network's list of arguments."""

    def __init__(self, rule: Rule, indices: list[int], weights: list[np.ndarray]):
        self.rule, self.indices = rule, indices
        ends = np.cumsum([w.size for w in weights])
        self.parts = [slice(int(end - w.size), int(end)) for end, w in zip(ends, weights)]
        self.weight, self.grad, self.out = (np.zeros(int(ends[-1]), weights[0].dtype) for _ in range(3))
        self.states = rule.states(self.out)
        self.weight_views, self.grad_views, self.out_views = ([flat[part].reshape(w.shape) for part, w in zip(self.parts, weights)]
                                                              for flat in (self.weight, self.grad, self.out))
        self.new = [NDArray(v) for v in self.out_views]

    def update(self, rate: float | dict[int, float], weights: list[np.ndarray], grads: list[np.ndarray]) -> None:
        """Compute the new weights into `new`; `rate` is one for all, or one for every index."""
        for i, w, g in zip(self.indices, self.weight_views, self.grad_views):
            np.copyto(w, weights[i])
            np.copyto(g, grads[i])
        if isinstance(rate, float):
            self.rule.update(rate, self.weight, self.grad, self.states, self.out)
        else:
            for i, part in zip(self.indices, self.parts):
                self.rule.update(rate[i], self.weight[part], self.grad[part], [s[part] for s in self.states], self.out[part])


class Updater:
    """A rule for all parameters of a network; their states are made when they first have a gradient."""

    def __init__(self, rule: Rule):
        self.rule = rule
        self.groups: list[Group] = []
        self.active: list[int] = []
        self.last = (None, 0.0)             # a rate as R gave it, and as six digits

    @unbroken
    def apply(self, lr, weights: list, grads: list) -> None:
        """Compute new weights for every position that has a gradient; `lr` is one rate, or one per such position."""
        active = [i for i, g in enumerate(grads) if g is not None]
        if active != self.active:
            self._regroup(active, weights)
        rate = self._rate(lr, active)
        with np.errstate(all="ignore"):
            for group in self.groups:
                group.update(rate, weights, grads)

    def _rate(self, lr, active: list[int]) -> float | dict[int, float]:
        if isinstance(lr, float):
            if lr != self.last[0]:
                self.last = (lr, float(number_text(lr)))
            return self.last[1]
        rates = {i: float(number_text(r)) for i, r in zip(active, np.ravel(lr))}
        return next(iter(rates.values())) if len(set(rates.values())) == 1 else rates

    def _regroup(self, active: list[int], weights: list) -> None:
        before = {i: [s[part].copy() for s in group.states] for group in self.groups for i, part in zip(group.indices, group.parts)}
        small = [i for i in active if weights[i].size < _SMALL]
        self.groups = [Group(self.rule, part, [weights[i] for i in part])
                       for part in ([small] if small else []) + [[i] for i in active if i not in small]]
        for group in self.groups:
            for i, part in zip(group.indices, group.parts):
                for state, old in zip(group.states, before.get(i, ())):
                    state[part] = old
        self.active = active

    def new_weights(self) -> dict[int, NDArray]:
        return {i: nd for group in self.groups for i, nd in zip(group.indices, group.new)}

    @unbroken
    def train(self, lr, ex: Executor) -> None:
        """Update the weights of an executor from its gradients."""
        weights = [w.data for w in ex.args.values()]
        self.apply(lr, weights, [g if g is None else g.data for g in ex.grads.values()])
        for group in self.groups:
            for i, new in zip(group.indices, group.out_views):
                weights[i][...] = new


@verb("opt.updater")
def updater(rule: Rule, size):
    return Updater(rule)


@verb("opt.step")
def step(updater: Updater, lr, weights, grads):
    """The list of new weights, None where there is no gradient. Copies: the user may keep them."""
    weights, grads = ([None if a is None else array(a).data for a in arrays] for arrays in (weights, grads))
    for w, g in zip(weights, grads):
        if g is not None and (w is None or w.shape != g.shape):
            raise MxError("the updater: every gradient needs a weight of its shape, at the same position")
    if any(weights[i].shape != new.shape for i, new in updater.new_weights().items() if grads[i] is not None):
        raise MxError("the updater's weights must keep the shapes they had in its first call")
    updater.apply(lr, weights, grads)
    new = updater.new_weights()
    return [new[i].copy() if i in new else None for i in range(len(grads))]
