"""Training and prediction, for R: each step of the training loop is one call from R."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from mxr.engine.distributed import GradientSum
from mxr.engine.executor import Executor
from mxr.engine.ndarray import NDArray
from mxr.engine.optimizer import Updater
from mxr.engine.workers import Workers
from mxr.operator import MxError, suggest
from mxr.r.bridge.registry import verb
from mxr.r.verbs.optimizer import rate
from mxr.r.verbs.values import assign, pairs
from mxr.runtime.threads import unbroken


def _feed(ex: Executor, batch: Any) -> None:
    for name, value in pairs(batch):
        target = ex.args.get(name)
        if target is None:
            raise MxError(
                f"the iterator gives {name or 'an array without a name'}, which the network does not have"
                + (suggest(name, ex.args) or f"; its arguments are {', '.join(ex.args)}")
            )
        assign(target, value, f"the argument {name}")


@verb("model.step")
def step(ex: Executor, batch: Any, updater: Updater, lr: Any, sums: GradientSum) -> bool:
    """One training step on a batch: forward, backward, the sum over all workers, update. It is atomic: after
    an interrupt, parameters and auxiliary states are those of before the step. False if another worker has no
    batch left; nothing is updated then."""
    _feed(ex, batch)
    return _atomic([ex], sums, lambda: updater.train(rate(lr), ex))


@verb("model.gradients")
def gradients(executors: Any, sums: GradientSum) -> bool:
    """Forward and backward of every executor. Then every executor gets the sum of the gradients over all
    executors and workers. After an interrupt the auxiliary states are those of before. False if another
    worker has no batch left."""
    return _atomic([ex for _, ex in pairs(executors)], sums, lambda: None)


@verb("model.sums")
def sums(group: Workers | None) -> GradientSum:
    """The object that sums gradients over workers; `group` is None if this process trains alone."""
    return GradientSum(group or Workers())


@verb("model.sum_gradients")
def sum_gradients(executors: Any, sums: GradientSum) -> int:
    """Sum the executors' gradients over all workers; the number of workers that had a batch."""
    return sums.step([ex for _, ex in pairs(executors)])


@verb("model.no_batch")
def no_batch(executors: Any, sums: GradientSum) -> int:
    """Take part in the other workers' step without a batch; the number of workers that had one."""
    return sums.step([ex for _, ex in pairs(executors)], batch=False)


def _atomic(executors: list[Executor], sums: GradientSum, finish: Callable[[], object]) -> bool:
    """Forward, backward, sum and `finish()`. If any of it fails, or a worker has no batch, the auxiliary
    states are restored."""
    aux = [a.data for ex in executors for a in ex.aux.values()]
    before = [a.copy() for a in aux]
    finished: list[bool] = []
    try:
        with sums.group.guard():
            for ex in executors:
                ex.forward_backward()
            if sums.step(executors) < sums.group.size:
                _restore(aux, before)
                return False
        _finish(finish, finished)
        return True
    except BaseException:
        if not finished:
            _restore(aux, before)
        raise


@unbroken
def _finish(finish: Callable[[], object], finished: list[bool]) -> None:
    finish()
    finished.append(True)


@unbroken
def _restore(arrays: Sequence[np.ndarray], before: Sequence[np.ndarray]) -> None:
    for array, old in zip(arrays, before):
        array[...] = old


@verb("model.evaluate")
def evaluate(ex: Executor, batch: Any) -> None:
    _feed(ex, batch)
    ex.forward(False)


@verb("model.predict")
def predict(ex: Executor, batch: Any) -> list[NDArray]:
    """The outputs for a batch."""
    evaluate(ex, batch)
    return [o.copy() for o in ex.output_list]


@verb("model.params")
def params(executors: Any, keep: Any) -> dict[str, dict[str, NDArray]]:
    """Copies of the trained parameters, of the arguments named in `keep`, and of the auxiliary states; each
    is the mean over the executors."""
    executors = [ex for _, ex in pairs(executors)]
    keep = {name for _, name in pairs(keep)}

    def mean(arrays: Sequence[NDArray]) -> NDArray:
        total = arrays[0].data.copy()
        for a in arrays[1:]:
            total += a.data
        return NDArray(total / np.float32(len(arrays)) if len(arrays) > 1 else total)

    first = executors[0]
    return {
        "arg": {
            k: mean([ex.args[k] for ex in executors])
            for k in first.args
            if first.grads[k] is not None or k in keep
        },
        "aux": {k: mean([ex.aux[k] for ex in executors]) for k in first.aux},
    }
