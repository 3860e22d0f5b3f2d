"""Training and prediction, for R: what the training loop does per batch, in one crossing."""
from __future__ import annotations

import numpy as np

from mxr.engine.executor import Executor
from mxr.engine.ndarray import NDArray
from mxr.engine.optimizer import Updater
from mxr.operator import MxError, suggest
from mxr.r.bridge.registry import verb
from mxr.r.verbs.optimizer import rate
from mxr.r.verbs.values import assign, pairs
from mxr.runtime.threads import unbroken


def _feed(ex: Executor, batch) -> None:
    for name, value in pairs(batch):
        target = ex.args.get(name)
        if target is None:
            raise MxError(f"the iterator gives {name or 'an array without a name'}, which the network does not have"
                          + (suggest(name, ex.args) or f"; its arguments are {', '.join(ex.args)}"))
        assign(target, value, f"the argument {name}")


@verb("model.step")
def step(ex: Executor, batch, updater: Updater, lr):
    """One training step on a batch: forward, backward, update. All of it happens, or none: what an interrupt leaves are the
    parameters and auxiliary states of the step before."""
    _feed(ex, batch)
    _whole([ex], lambda: updater.train(rate(lr), ex))


@verb("model.both_ways")
def both_ways(executors):
    """Forward and backward of every executor; auxiliary states stay as they were if that is broken off."""
    _whole([ex for _, ex in pairs(executors)], lambda: None)


def _whole(executors: list[Executor], finish) -> None:
    """Forward, backward, and `finish`, or the auxiliary states of before."""
    aux = [a.data for ex in executors for a in ex.aux.values()]
    before = [a.copy() for a in aux]
    finished = []
    try:
        for ex in executors:
            ex.forward_backward()
        _finish(finish, finished)
    except BaseException:
        if not finished:
            _restore(aux, before)
        raise


@unbroken
def _finish(finish, finished: list) -> None:
    finish()
    finished.append(True)


@unbroken
def _restore(arrays, before) -> None:
    for array, old in zip(arrays, before):
        array[...] = old


@verb("model.evaluate")
def evaluate(ex: Executor, batch):
    _feed(ex, batch)
    ex.forward(False)


@verb("model.predict")
def predict(ex: Executor, batch):
    """The outputs for a batch."""
    evaluate(ex, batch)
    return [o.copy() for o in ex.output_list]


@verb("model.sum_gradients")
def sum_gradients(executors):
    """Give every executor the sum of all executors' gradients."""
    executors = [ex for _, ex in pairs(executors)]
    for name, grad in executors[0].grads.items():
        if grad is not None:
            total = np.sum([ex.grads[name].data for ex in executors], axis=0)
            for ex in executors:
                ex.grads[name].data[...] = total


@verb("model.params")
def params(executors, keep):
    """Copies of the trained parameters (and those in `keep`) and of the auxiliary states, averaged over the executors."""
    executors = [ex for _, ex in pairs(executors)]
    keep = {name for _, name in pairs(keep)}

    def mean(arrays):
        total = arrays[0].data.copy()
        for a in arrays[1:]:
            total += a.data
        return NDArray(total / np.float32(len(arrays)) if len(arrays) > 1 else total)
    first = executors[0]
    return {"arg": {k: mean([ex.args[k] for ex in executors]) for k in first.args if first.grads[k] is not None or k in keep},
            "aux": {k: mean([ex.aux[k] for ex in executors]) for k in first.aux}}
