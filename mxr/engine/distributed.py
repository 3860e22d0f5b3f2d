"""Training on several devices of this process, and with several workers: the sum of all gradients.

The gradients of a network are one array (mxr/engine/blocks.py). So the sum over devices is one addition per
device, and the sum over workers is one Allreduce, both in place. Gradients in separate arrays are copied into
one array first.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mxr.engine.executor import Executor
from mxr.engine.workers import Workers
from mxr.operator import MxError, shape_text
from mxr.runtime import costs, memory


def add_up(targets: Sequence[np.ndarray], others: Sequence[Sequence[np.ndarray]]) -> None:
    """Add the arrays of the other devices to those of the first, in place and in the devices' order."""
    for arrays in others:
        for target, array in zip(targets, arrays):
            np.add(target, array, out=target)


class GradientBuffer:
    """Gradients of one element type as one array, followed by some more numbers.

    The array, `whole`, is summed over the workers. `mark` is the first number after the gradients: each
    worker that has a batch sets it to 1.
    """

    def __init__(self, parts: list[np.ndarray], room: np.ndarray | None):
        self.parts = parts
        size = sum(p.size for p in parts)
        self.in_place = room is not None
        if room is None:
            room = memory.zeros((size + costs.CACHE_LINE // parts[0].dtype.itemsize,), parts[0].dtype)
        self.whole, self.mark = room, room[size : size + 1]
        self._slots = [] if self.in_place else np.split(room[:size], np.cumsum([p.size for p in parts])[:-1])

    def pack(self) -> None:
        for slot, part in zip(self._slots, self.parts):
            slot.reshape(part.shape)[...] = part

    def unpack(self) -> None:
        for slot, part in zip(self._slots, self.parts):
            part[...] = slot.reshape(part.shape)


class GradientSum:
    """The sum of gradients over devices and workers.

    All workers must have the same parameters. Of several networks with these parameters (buckets), workers
    may use different ones in a step.
    """

    def __init__(self, group: Workers):
        self.group = group
        self._names: list[str] = []
        self._buffers: dict[int, tuple[Executor, list[GradientBuffer]]] = {}

    def step(self, executors: list[Executor], batch: bool = True) -> int:
        """Write the sum of all gradients into every executor of every worker. Return the number of workers
        that have a batch: if that is not all of them, the gradients are not valid.

        `batch` False: this worker has no batch left. It adds zeros, and its gradients do not change.
        """
        first, *others = executors
        if batch:
            add_up([b.grad for b in first.blocks], [[b.grad for b in ex.blocks] for ex in others])
        if self.group.size == 1:
            self._copy_to_devices(executors)
            return int(batch)
        buffers = self._buffers_of(first)
        kept = [w.whole.copy() for w in buffers] if not batch else []
        for buffer in buffers:
            if batch:
                buffer.pack()
            else:
                buffer.whole[...] = 0
            buffer.mark[...] = batch
        self.group.sum_all([w.whole for w in buffers])
        count = int(buffers[0].mark[0])
        if count == self.group.size:
            for buffer in buffers:
                buffer.unpack()
            self._copy_to_devices(executors)
        for buffer, old in zip(buffers, kept):
            buffer.whole[...] = old
        return count

    @staticmethod
    def _copy_to_devices(executors: list[Executor]) -> None:
        for ex in executors[1:]:
            for source, target in zip(executors[0].blocks, ex.blocks):
                target.grad[...] = source.grad

    def _buffers_of(self, ex: Executor) -> list[GradientBuffer]:
        if id(ex) not in self._buffers:
            grads = {k: ex.grads[k].data for k in sorted(k for k, g in ex.grads.items() if g is not None)}
            if not grads:
                raise MxError("no parameter has a gradient, so there is nothing to sum over the workers")
            if self._names and self._names != list(grads):
                odd = sorted(set(self._names) ^ set(grads))
                raise MxError(
                    "with several workers the networks of all buckets must train the same parameters; "
                    "these are not in all: " + ", ".join(odd)
                )
            self._names = list(grads)
            if len(ex.blocks) == 1 and ex.blocks[0].room is not None:
                buffers = [GradientBuffer([ex.blocks[0].grad], ex.blocks[0].room)]
            else:
                types = dict.fromkeys(g.dtype for g in grads.values())
                buffers = [GradientBuffer([g for g in grads.values() if g.dtype == t], None) for t in types]
            self._buffers[id(ex)] = ex, buffers
        return self._buffers[id(ex)][1]


def compare(group: Workers, settings: dict[str, object]) -> None:
    """MxError if the workers' settings differ. It names the first one that differs, and each worker's value.

    None is an unknown value, which equals all others. Shapes are tuples.
    """
    found = group.gather(list(settings.items()), "the start of a training")
    tables = [dict(items) for items in found]
    for name in dict.fromkeys(k for table in tables for k in table):
        values = [table.get(name, "nothing") for table in tables]
        if len({v for v in values if v is not None}) > 1:
            texts = [shape_text(v) if isinstance(v, tuple) else str(v) for v in values]
            raise group.failure(
                f"the workers' trainings differ, and cannot be summed: {name} is "
                + ", ".join(f"{text} on worker {rank}" for rank, text in enumerate(texts))
            )
    if any(list(table) != list(tables[0]) for table in tables):
        raise group.failure(
            "the workers' networks have the same parameters in different orders, and cannot be summed"
        )
