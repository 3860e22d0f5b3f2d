"""Optimizers with the interface of MXNet's Python package: `create`, a class for each, `get_updater`; and
`step` for a whole executor.

    optimizer = mxr.optimizer.create("adam", learning_rate=0.01, rescale_grad=1 / batch_size)
    executor.forward_backward()
    optimizer.step(executor)

Rules and defaults are those of MXNet's Python package. R scripts get those of MXNet's R package, which differ
(no bias correction in adam, other defaults). All optimizers multiply gradients by `rescale_grad`, and then
clip them to [-clip_gradient, clip_gradient].
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import numpy as np

from mxr.engine.executor import Executor
from mxr.engine.ndarray import NDArray
from mxr.engine.optimizer import GraphRule, Rule, Updater, rule
from mxr.operator import MxError, ParamError, suggest

__all__ = [
    "SGD",
    "NAG",
    "Adam",
    "RMSProp",
    "AdaGrad",
    "AdaDelta",
    "Optimizer",
    "create",
    "get_updater",
    "register",
]


class Optimizer:
    """One rule for all parameters of a network.

    `learning_rate` is a number; its default is 0.01 in most classes. `lr_scheduler`, if given, is a function
    from the number of updates so far to the learning rate. `wd` is the weight decay. For `rescale_grad` and
    `clip_gradient` (None: no limit) see the module, for further settings the class.
    """

    settings: ClassVar[Mapping[str, Any]] = {}  # the class's further settings, with their defaults
    rate: ClassVar[float] = 0.01

    def __init__(
        self,
        learning_rate: float | None = None,
        wd: float = 0.0,
        rescale_grad: float = 1.0,
        clip_gradient: float | None = None,
        lr_scheduler: Callable[[int], float] | None = None,
        **settings: Any,
    ):
        where = f"optimizer.{type(self).__name__}"
        for name in settings:
            if name not in self.settings:
                common = ("learning_rate", "wd", "rescale_grad", "clip_gradient", "lr_scheduler")
                known = [*self.settings, *common]
                raise ParamError(
                    f"{where}: there is no setting {name}"
                    + (suggest(name, known) or f"; it has {', '.join(known)}")
                )
        self.lr = self.rate if learning_rate is None else learning_rate
        self.lr_scheduler, self.wd = lr_scheduler, wd
        self.rescale_grad, self.clip_gradient = rescale_grad, clip_gradient
        self.own = {**self.settings, **settings}
        checked = {"learning_rate": self.lr, "wd": wd, "rescale_grad": rescale_grad, **self.own}
        for name, value in checked.items():
            if value is not None and (
                not isinstance(value, (int, float, np.number)) or not math.isfinite(value)
            ):
                raise ParamError(f"{where}: {name} must be a number, not {value!r}")
        self._counts: dict[Any, int] = {}
        self._made: Rule | None = None
        self._updaters: dict[int, tuple[Executor, Updater]] = {}

    @property
    def learning_rate(self) -> float:
        """The learning rate of the next update."""
        return float(
            self.lr_scheduler(max(self._counts.values(), default=0)) if self.lr_scheduler else self.lr
        )

    def set_learning_rate(self, lr: float) -> None:
        if self.lr_scheduler:
            raise MxError("optimizer: its lr_scheduler decides the learning rate")
        self.lr = lr

    def _rule(self) -> Rule:
        if self._made is None:
            common = {
                "wd": self.wd,
                "rescale_grad": self.rescale_grad,
                "clip_gradient": -1.0 if self.clip_gradient is None else self.clip_gradient,
            }
            self._made = self._make({**common, **{k: v for k, v in self.own.items() if v is not None}})
        return self._made

    def _make(self, settings: dict[str, Any]) -> Rule:
        return rule(type(self).__name__.lower(), settings)

    def _factor(self, count: int) -> float:
        """The factor of the learning rate in update number `count` of a parameter."""
        return 1.0

    def _next_rate(self, index: Any) -> float:
        self._counts[index] = self._counts.get(index, 0) + 1
        return self.learning_rate * self._factor(self._counts[index])

    def create_state(self, index: Any, weight: NDArray) -> list[NDArray]:
        """The initial state of a weight: zeros."""
        return [NDArray(s) for s in self._rule().states(weight.data)]

    def update(self, index: Any, weight: NDArray, grad: NDArray, state: list[NDArray]) -> None:
        """Update `weight` and `state` in place. `index` is any name of the parameter."""
        if weight.shape != grad.shape:
            raise MxError(
                f"optimizer: the weight {index} has shape {weight.shape}, its gradient {grad.shape}"
            )
        with np.errstate(all="ignore"):
            self._rule().update(
                self._next_rate(index), weight.data, grad.data, [s.data for s in state], weight.data
            )

    def step(self, executor: Executor) -> None:
        """Update all arguments of an executor that have a gradient, from their current gradients."""
        executor_, updater = self._updaters.setdefault(id(executor), (executor, Updater(self._rule())))
        updater.train(self._next_rate(id(executor_)), executor_)


class SGD(Optimizer):
    """Stochastic gradient descent. `momentum` (0)."""

    settings = {"momentum": 0.0}


class _NagInPlace(GraphRule):
    """MXNet's nag_mom_update, as its optimizer calls it: in place, so that the momentum gets the weight decay
    of the new weight."""

    n_states = 1

    def new_weight(self, lr: Any, w: Any, g: Any, *states: Any) -> Any:
        s = self.s
        (momentum,) = states
        momentum *= s.momentum
        new = w - momentum + (momentum - lr * (g + s.wd * w)) * (np.float32(1) + s.momentum)
        momentum -= lr * (g + s.wd * new)
        return new


class NAG(Optimizer):
    """Nesterov's accelerated gradient. `momentum` (0)."""

    settings = {"momentum": 0.0}

    def _make(self, settings: dict[str, Any]) -> Rule:
        return _NagInPlace(settings) if settings["momentum"] else rule("sgd", settings)


class Adam(Optimizer):
    """Adam, with correction of the bias of the first steps. `learning_rate` 0.001, `beta1` (0.9), `beta2`
    (0.999), `epsilon` (1e-8)."""

    settings = {"beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8}
    rate = 0.001

    def _factor(self, count: int) -> float:
        beta1, beta2 = float(self.own["beta1"]), float(self.own["beta2"])
        return math.sqrt(1 - beta2**count) / (1 - beta1**count)


class RMSProp(Optimizer):
    """RMSProp, in Graves' form with `centered=True`. `learning_rate` 0.001, `gamma1` (0.9), `gamma2` (0.9),
    `epsilon` (1e-8), `centered` (False), `clip_weights` (None: no limit of the weights)."""

    settings = {"gamma1": 0.9, "gamma2": 0.9, "epsilon": 1e-8, "centered": False, "clip_weights": None}
    rate = 0.001

    def _make(self, settings: dict[str, Any]) -> Rule:
        centered = settings.pop("centered")
        if not centered:
            settings.pop("gamma2")
        return rule("rmspropalex" if centered else "rmsprop", settings)


class AdaGrad(Optimizer):
    """AdaGrad. `eps` (1e-7)."""

    settings = {"eps": 1e-7}

    def _make(self, settings: dict[str, Any]) -> Rule:
        return rule(
            "adagrad", {**{k: v for k, v in settings.items() if k != "eps"}, "epsilon": settings["eps"]}
        )


class AdaDelta(Optimizer):
    """AdaDelta, in which the learning rate has no effect. `rho` (0.9), `epsilon` (1e-5)."""

    settings = {"rho": 0.9, "epsilon": 1e-5}


_BY_NAME: dict[str, type[Optimizer]] = {
    c.__name__.lower(): c for c in (SGD, NAG, Adam, RMSProp, AdaGrad, AdaDelta)
}


def register(kind: type[Optimizer]) -> type[Optimizer]:
    """Register a class for `create`, under its name in lower case."""
    _BY_NAME[kind.__name__.lower()] = kind
    return kind


def create(name: str | Optimizer, learning_rate: float | None = None, **settings: Any) -> Optimizer:
    """The optimizer of a name: "sgd", "nag", "adam", "rmsprop", "adagrad", "adadelta" or a registered one.
    For settings, see its class."""
    if isinstance(name, Optimizer):
        return name
    kind = _BY_NAME.get(str(name).lower())
    if kind is None:
        raise MxError(
            f"optimizer.create: there is no optimizer {name}"
            + (suggest(str(name), _BY_NAME) or f"; there are {', '.join(_BY_NAME)}")
        )
    return kind(learning_rate, **settings)


def get_updater(optimizer: Optimizer) -> Callable[[Any, NDArray, NDArray], None]:
    """A function `(index, grad, weight)` that updates the weight in place. It holds the state of each
    index."""
    states: dict[Any, list[NDArray]] = {}

    def update(index: Any, grad: NDArray, weight: NDArray) -> None:
        if index not in states:
            states[index] = optimizer.create_state(index, weight)
        optimizer.update(index, weight, grad, states[index])

    return update
