"""Key-value stores and training over several workers, for R."""

from __future__ import annotations

import ctypes
import math
import zlib
from typing import Any

import numpy as np

from mxr.engine import workers as processes
from mxr.engine.distributed import add_up, compare
from mxr.engine.ndarray import NDArray
from mxr.engine.optimizer import OperatorRule, Rule
from mxr.engine.workers import Workers
from mxr.operator import ShapeError, shape_text
from mxr.r.bridge import leaving as r_exits
from mxr.r.bridge.convert import RList
from mxr.r.bridge.registry import verb
from mxr.r.verbs.values import array, number_text, pairs


@verb("kv.workers")
def workers() -> dict[str, Any]:
    """The workers of this run, this worker's rank, and their number."""
    group = processes.workers()
    if r_exits.r_ends():
        group.leave_later()
    return {"group": group, "rank": group.rank, "size": group.size}


@verb("kv.barrier")
def barrier(group: Workers) -> None:
    group.gather(None, "kv$barrier()")


@verb("kv.sum")
def total(group: Workers | None, keys: Any, lists: Any) -> list[NDArray]:
    """New arrays, one for each key: the sums over the devices (one list of arrays each) and over the
    workers."""
    names = [str(k) for _, k in pairs(keys)]
    devices = [[array(v, "kv$push: every element") for _, v in pairs(given)] for _, given in pairs(lists)]
    for arrays in devices:
        for name, a, b in zip(names, devices[0], arrays):
            if a.shape != b.shape:
                raise ShapeError(
                    f"kv$push: the arrays of key {name} have the shapes {shape_text(a.shape)} and "
                    f"{shape_text(b.shape)}"
                )
    first, *others = [[a.data for a in arrays] for arrays in devices]
    sums = [a.copy() for a in first]
    add_up(sums, others)
    if group is not None and group.size > 1:
        group.gather(
            None, "kv$push of " + ", ".join(f"{k} ({shape_text(a.shape)})" for k, a in zip(names, sums))
        )
        flat = np.concatenate([a.reshape(-1) for a in sums])
        group.sum_all([flat], "kv$push")
        ends = np.cumsum([a.size for a in sums])[:-1]
        sums = [part.reshape(a.shape) for part, a in zip(np.split(flat, ends), sums)]
    return [NDArray(a) for a in sums]


@verb("kv.first")
def first(group: Workers | None, keys: Any, arrays: Any) -> list[NDArray]:
    """Copies of worker 0's arrays."""
    copies = [array(v, "kv$init: every element").data.copy() for _, v in pairs(arrays)]
    if group is not None and group.size > 1:
        group.first(copies, "kv$init of " + ", ".join(str(k) for _, k in pairs(keys)))
    return [NDArray(a) for a in copies]


@verb("kv.same")
def same(group: Workers, settings: Any) -> None:
    """MxError if the workers' settings differ; see `begin`."""
    compare(group, _plain(settings))


@verb("kv.begin")
def begin(group: Workers, params: Any, settings: Any) -> RList:
    """The start of a training: worker 0's parameters. MxError if the workers' settings differ, or the names
    or shapes of their parameters. A setting is a number, a text or an optimizer's rule; NA if unknown."""
    items = pairs(params)
    arrays = [array(v, k).data.copy() for k, v in items]
    shapes = {f"the shape of {k}": a.shape for (k, _), a in zip(items, arrays)}
    compare(group, _plain(settings) | shapes)
    group.first(arrays, "the first parameters")
    return RList([NDArray(a) for a in arrays], [k for k, _ in items])


def _plain(settings: Any) -> dict[str, object]:
    """Settings as values that can be sent and compared; None for unknown ones."""
    plain: dict[str, object] = {}
    for name, value in pairs(settings):
        if isinstance(value, Rule):
            kind = value.op.name if isinstance(value, OperatorRule) else type(value).__name__
            plain[name] = f"{kind} ({', '.join(f'{k} {v}' for k, v in value.settings.items())})"
        elif isinstance(value, str):
            plain[name] = value
        elif isinstance(value, (int, float)) and not math.isnan(value):
            plain[name] = number_text(value)
        else:
            plain[name] = None  # unknown
    return plain


@verb("kv.round")
def end_of_round(group: Workers, params: Any, ends: Any, iteration: int) -> bool:
    """Called by all workers after a round. MxError if their parameters differ. Whether any of them ends the
    training."""
    items = pairs(params)
    sums = [zlib.crc32(np.ascontiguousarray(array(v).data).view(np.uint8).data) for _, v in items]
    found = group.gather((sums, bool(ends)), f"the end of round {iteration}")
    for rank, (theirs, _) in enumerate(found):
        different = [k for (k, _), a, b in zip(items, found[0][0], theirs) if a != b]
        if different:
            raise group.failure(
                f"after round {iteration} the workers' parameters are not the same any more: worker {rank} "
                f"and worker 0 have different {', '.join(different[:6])}; an optimizer or "
                "callback of yours that changes parameters must change them in the same way on every worker"
            )
    return any(end for _, end in found)


@verb("kv.total")
def metric_total(group: Workers, state: Any, what: str) -> np.ndarray:
    """The sum of a metric's state, numbers, over all workers."""
    numbers = (
        np.atleast_1d(np.asarray(state, np.float64)) if isinstance(state, (int, float, np.ndarray)) else None
    )
    found = group.gather(numbers, what)
    if any(n is None or n.shape != found[0].shape for n in found):
        raise group.failure(
            "sum.metrics: the states of this metric cannot be summed over the workers; they must be numbers, "
            "as many on every worker"
        )
    total: np.ndarray = np.sum(found, axis=0)
    return total


@verb("kv.counts")
def counts(group: Workers, count: int, what: str) -> np.ndarray:
    """The workers' counts, in the order of their ranks."""
    return np.array(group.gather(int(count), what))


# ------------------------------------------------------------------------------------- the end of the process

_AtExit = ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.c_void_p)
_kept: list[Any] = []  # the function that C calls at exit: must not be freed


@verb("kv.leaving")
def leaving(reason: str) -> None:
    """Called when R is about to end the process; `reason` is the text of R's last error, or "". Whether that
    error ended the script shows only in the exit status, which C's `on_exit` passes on."""
    group = processes.workers()
    if group.size == 1 or not r_exits.r_ends() or _kept:
        return
    libc = ctypes.CDLL(None)
    if not hasattr(libc, "on_exit"):  # not glibc
        group.leave(0)
        return

    # one line, without R's traceback
    text = " ".join(reason.partition("\nCalls: ")[0].split())

    def leave(status: int, _: int | None) -> None:
        # with another status than 1 the last error may be one that the script has caught
        group.leave(
            status,
            text if status == 1 else f"exit status {status}" + (f"; its last error: {text}" if text else ""),
        )

    _kept.append(_AtExit(leave))
    libc.on_exit(_kept[0], None)
