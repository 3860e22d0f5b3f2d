"""Optimizers: rules, their state for one parameter, and updaters for all parameters of a network.

updater = Updater(rule("sgd", {"momentum": 0.9, "rescale_grad": 0.01}))
executor.forward_backward(); updater.train(0.1, executor)
"""

from __future__ import annotations

from operator import is_
from types import SimpleNamespace
from typing import Any

import numpy as np

from mxr.engine.blocks import Block, side_by_side
from mxr.engine.executor import Executor
from mxr.engine.ndarray import NDArray
from mxr.native.recorded import Code
from mxr.operator import MxError, Op, Run, get
from mxr.runtime import costs
from mxr.runtime.threads import unbroken


class Rule:
    """The update of one weight, or of several in one flat array. `settings` are numbers or their texts."""

    n_states: int  # arrays of state for each weight

    def __init__(self, settings: dict[str, Any]):
        self.settings = settings
        self.s = SimpleNamespace(**{k: np.float32(v) for k, v in settings.items()})

    def states(self, like: np.ndarray) -> list[np.ndarray]:
        """The initial state of a weight: zeros."""
        return [np.zeros_like(like) for _ in range(self.n_states)]

    def update(
        self, lr: Any, weight: np.ndarray, grad: np.ndarray, states: list[np.ndarray], out: np.ndarray
    ) -> None:
        """Write the new weight into `out`, which may be `weight` itself, and update `states` in place."""
        raise NotImplementedError


class OperatorRule(Rule):
    """A rule that is one of MXNet's update operators."""

    def __init__(self, op: str, settings: dict[str, Any]):
        super().__init__(settings)
        self.op: Op = get(op)
        self.p = self.op.parse({"lr": "0.01", **self.settings}, op)
        self.n_states = len(self.op.inputs(self.p)) - 2
        self.run = Run()

    def update(
        self, lr: Any, weight: np.ndarray, grad: np.ndarray, states: list[np.ndarray], out: np.ndarray
    ) -> None:
        self.p.lr = lr
        assert self.op.compute is not None
        self.op.compute(self.p, self.run, [weight, grad, *states], [out])


class GraphRule(Rule):
    """A rule that MXNet's R package writes as a graph: each operation is in single precision.

    Each operation makes a new array, so large weights are updated block by block.
    """

    def __init__(self, settings: dict[str, Any]):
        super().__init__(settings)
        self._recorded = Code(self._step)

    def new_weight(self, lr: Any, w: Any, g: Any, *states: Any) -> Any:
        """The new weight, from the learning rate, the weight, its gradient and its states, which are updated
        in place."""
        raise NotImplementedError

    def update(
        self, lr: Any, weight: np.ndarray, grad: np.ndarray, states: list[np.ndarray], out: np.ndarray
    ) -> None:
        arrays = [out, weight, grad, *states]
        if self._recorded.run(np.float32(lr), tuple(arrays)):
            return
        blocks: list[Any] = [...]
        if out.size > costs.RULE_BLOCK and all(a.flags.c_contiguous for a in arrays):
            arrays = [a.reshape(-1) for a in arrays]
            blocks = [slice(a, a + costs.RULE_BLOCK) for a in range(0, out.size, costs.RULE_BLOCK)]
        for block in blocks:
            self._step(np.float32(lr), *(a[block] for a in arrays))

    def _step(self, lr: Any, new: Any, w: Any, g: Any, *states: Any) -> None:
        g = g * self.s.rescale_grad
        if self.s.clip_gradient >= 0:
            g = np.clip(g, -self.s.clip_gradient, self.s.clip_gradient)
        new[...] = self.new_weight(lr, w, g, *states)


class AdaGrad(GraphRule):
    """The step is divided by the root of the sum of all squared gradients."""

    n_states = 1

    def new_weight(self, lr: Any, w: Any, g: Any, *states: Any) -> Any:
        (history,) = states
        history += g * g
        return w - (g / np.sqrt(history + self.s.epsilon) + w * self.s.wd) * lr


class AdaDelta(GraphRule):
    """The gradient is scaled by the ratio of the root mean squares of past steps and past gradients. The
    learning rate has no effect."""

    n_states = 2

    def new_weight(self, lr: Any, w: Any, g: Any, *states: Any) -> Any:
        acc_g, acc_delta = states
        s, rest = self.s, np.float32(format(1 - float(self.settings["rho"]), "g"))  # the digits that R writes
        acc_g[...] = acc_g * s.rho + (g * g) * rest
        delta = np.sqrt(acc_delta + s.epsilon) / np.sqrt(acc_g + s.epsilon) * g
        acc_delta[...] = acc_delta * s.rho + (delta * delta) * rest
        return w - delta - w * s.wd


class Nesterov(GraphRule):
    """Nesterov's momentum: the step adds the momentum that the gradient leads to."""

    def __init__(self, settings: dict[str, Any]):
        super().__init__(settings)
        self.n_states = int(self.s.momentum != 0)  # without momentum there is no state

    def new_weight(self, lr: Any, w: Any, g: Any, *states: Any) -> Any:
        s = self.s
        if not states:
            return w - (g + w * s.wd) * lr
        (momentum,) = states
        momentum[...] = momentum * s.momentum + g + w * s.wd
        return w - (momentum * s.momentum + g) * lr


_GRAPHS = {"adagrad": AdaGrad, "adadelta": AdaDelta, "nag": Nesterov}


def rule(kind: str, settings: dict[str, Any]) -> Rule:
    """The rule of an optimizer: "sgd", "nag", "adam", "rmsprop", "rmspropalex" (centered), "adagrad" or
    "adadelta"."""
    if kind in _GRAPHS:
        return _GRAPHS[kind](settings)
    if kind == "sgd":
        settings = dict(settings)
        momentum = settings.pop("momentum", 0)
        if float(momentum):
            return OperatorRule("sgd_mom_update", {**settings, "momentum": momentum})
    return OperatorRule(f"{kind}_update", settings)


class State:
    """A rule's state for one parameter."""

    def __init__(self, rule: Rule, shape: tuple[int, ...]):
        self.rule, self.shape, self.states = rule, shape, rule.states(np.empty(shape, np.float32))

    def update(self, lr: Any, weight: np.ndarray, grad: np.ndarray) -> NDArray:
        """The new weight."""
        if weight.shape != self.shape or grad.shape != self.shape:
            raise MxError(
                "the optimizer's weight and gradient must have the shape that its state was made for"
            )
        new = np.empty(self.shape, np.float32)
        with np.errstate(all="ignore"):
            self.rule.update(lr, weight, grad, self.states, new)
        return NDArray(new)


def _rate(lr: Any, active: list[Any]) -> float | dict[Any, float]:
    """The learning rate of all parameters, or, if they differ, the learning rates by parameter."""
    if type(lr) is float:
        return lr
    try:
        rates = [float(r) for r in (lr if np.ndim(lr) else [lr] * len(active))]
    except (TypeError, ValueError):
        raise MxError(
            "the learning rate must be a number, or a list of one for every parameter with a gradient, "
            f"not {lr!r:.60}"
        ) from None
    if len(rates) != len(active):
        raise MxError(f"there are {len(rates)} learning rates for {len(active)} parameters with a gradient")
    return rates[0] if len(set(rates)) == 1 else dict(zip(active, rates))


class Updater:
    """Applies a rule to all parameters of a network. A parameter's state is made at its first gradient.

    `lr` is one learning rate, or a list with one for each parameter that has a gradient.
    """

    def __init__(self, rule: Rule):
        self.rule = rule
        self._layout: list[tuple[list, list]] = []  # names and parts of each block
        self._states: list[list[np.ndarray]] = []  # of each block
        self._resting: dict = {}  # states of parameters that have no gradient at present
        self._own: tuple[list[Block], dict, dict] = [], {}, {}
        self._shapes: dict[int, tuple] = {}
        self._last: list = []  # weights and gradients of the last step, whose shapes have been checked
        self._count = 0  # how many gradients, with None for weights without
        self._active: list[int] = []  # the positions of gradients

    def train(self, lr: float | list[float], ex: Executor) -> None:
        """Update the weights of an executor from its gradients."""
        self._update(lr, ex.blocks, [k for k, g in ex.grads.items() if g is not None])

    def step(self, lr: float | list[float], weights: list, grads: list) -> list[NDArray | None]:
        """The new weights, None for those without a gradient. `weights` and `grads` are not changed."""
        given = [*weights, *grads]
        sizes = len(given), len(grads)
        if sizes != (len(self._last), self._count) or not all(map(is_, given, self._last)):
            self._take(given, weights, grads)
        return self.again(lr)

    @unbroken
    def _take(self, given: list, weights: list, grads: list) -> None:
        """Check other arrays than those of the last step, and make room for their values."""
        active = [i for i, g in enumerate(grads) if g is not None]
        self._check(active, weights, grads)
        if active != self._active:
            self._own = side_by_side(
                {i: weights[i].shape for i in active}, {i: weights[i].dtype for i in active}
            )
        self._active, self._last, self._count = active, given, len(grads)

    def again(self, lr: float | list[float]) -> list[NDArray | None]:
        """`step` with the arrays of the last step, whose values may have changed."""
        blocks, own_weights, own_grads = self._own
        grads_at = len(self._last) - self._count
        for i in self._active:
            np.copyto(own_weights[i], self._last[i])
            np.copyto(own_grads[i], self._last[grads_at + i])
        self._update(lr, blocks, self._active)
        return [NDArray(own_weights[i].copy()) if i in own_weights else None for i in range(self._count)]

    def _check(self, active: list, weights: list, grads: list) -> None:
        for i in active:
            if i >= len(weights) or weights[i] is None or weights[i].shape != grads[i].shape:
                raise MxError("the updater: every gradient needs a weight of its shape, at the same position")
            if self._shapes.setdefault(i, weights[i].shape) != weights[i].shape:
                raise MxError("the updater's weights must keep the shapes they had in its first call")

    @unbroken
    def _update(self, lr: Any, blocks: list[Block], active: list[Any]) -> None:
        layout = [(block.names, block.parts) for block in blocks]
        if layout != self._layout:
            self._arrange(blocks, layout)
        rate = _rate(lr, active)
        with np.errstate(all="ignore"):
            for block, states in zip(blocks, self._states):
                if isinstance(rate, float):
                    self.rule.update(rate, block.weight, block.grad, states, block.weight)
                else:
                    for name, part in zip(block.names, block.parts):
                        weight = block.weight[part]
                        self.rule.update(
                            rate[name], weight, block.grad[part], [s[part] for s in states], weight
                        )

    def _arrange(self, blocks: list[Block], layout: list) -> None:
        """Make states for these blocks, and copy the values of former states."""
        states_of = dict(self._resting)
        for (names, parts), states in zip(self._layout, self._states):
            states_of |= {name: [s[part] for s in states] for name, part in zip(names, parts)}
        self._layout, self._states = layout, [self.rule.states(block.weight) for block in blocks]
        for block, states in zip(blocks, self._states):
            for name, part in zip(block.names, block.parts):
                for state, old in zip(states, states_of.pop(name, ())):
                    state[part] = old.reshape(state[part].shape)
        self._resting = states_of
