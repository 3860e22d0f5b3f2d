"""Training and prediction, for R: each step of the training loop is one call from R."""

from __future__ import annotations

import time
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
from mxr.r.verbs.io import Arrays
from mxr.r.verbs.metric import score
from mxr.r.verbs.optimizer import rate
from mxr.r.verbs.values import assign, pairs
from mxr.runtime.threads import unbroken

_STEPS_SECONDS = 0.1  # how long a call of `model.steps` goes on to further batches


def _feed(ex: Executor, batch: list[tuple[str, Any]]) -> None:
    for name, value in batch:
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
    return _step(ex, pairs(batch), updater, rate(lr), sums)


@verb("model.steps")
def steps(
    ex: Executor,
    source: Arrays,
    first: int,
    fields: dict[str, str],
    updater: Updater,
    lr: Any,
    sums: GradientSum,
    metric: str | None,
    label: str | None,
) -> dict[str, Any]:
    """`model.step` on batch `first` of the source (the first one is 1) and on the following batches, for a
    tenth of a second.

    `fields` has the names of the source's arrays by the network's names. `metric` is the name of a built-in
    metric, which compares the first output with the argument `label`, or with the source's labels if that is
    None. Returns the number of batches, and the metric's values for them.
    """
    rates, end = rate(lr), time.monotonic() + _STEPS_SECONDS
    scores: list[float] = []
    for i in range(first, source.length + 1):
        batch = source.value(i - 1)
        _step(ex, [(name, batch[field]) for name, field in fields.items()], updater, rates, sums)
        if metric is not None:
            target = ex.args.get(label or "", batch["label"])
            scores.append(score(metric, target, ex.output_list[0]))
        if time.monotonic() > end:
            break
    return {"batches": i - first + 1, "scores": np.array(scores) if metric is not None else None}


def _step(
    ex: Executor, batch: list[tuple[str, Any]], updater: Updater, lr: float | list[float], sums: GradientSum
) -> bool:
    _feed(ex, batch)
    return _atomic([ex], sums, lambda: updater.train(lr, ex))


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
    _feed(ex, pairs(batch))
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
