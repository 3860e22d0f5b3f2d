"""Key-value stores and training over several workers, for R."""

from __future__ import annotations

import ctypes
import zlib

import numpy as np

from mxr.engine import workers as processes
from mxr.engine.distributed import add_up, compare
from mxr.engine.ndarray import NDArray
from mxr.engine.optimizer import Rule
from mxr.engine.workers import Workers
from mxr.operator import ShapeError, shape_text
from mxr.r.bridge import leaving as r_exits
from mxr.r.bridge.convert import RList
from mxr.r.bridge.registry import verb
from mxr.r.verbs.values import array, number_text, pairs


@verb("kv.workers")
def workers():
    """The workers of this run, this one's rank, and how many there are."""
    group = processes.workers()
    if r_exits.r_ends():
        group.leave_later()
    return {"group": group, "rank": group.rank, "size": group.size}


@verb("kv.barrier")
def barrier(group: Workers):
    group.gather(None, "kv$barrier()")


@verb("kv.sum")
def total(group: Workers | None, keys, lists):
    """The sums of arrays, key by key: over the lists, one of each device, and over the workers. New
    arrays."""
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
def first(group: Workers | None, keys, arrays):
    """Copies of worker 0's arrays."""
    copies = [array(v, "kv$init: every element").data.copy() for _, v in pairs(arrays)]
    if group is not None and group.size > 1:
        group.first(copies, "kv$init of " + ", ".join(str(k) for _, k in pairs(keys)))
    return [NDArray(a) for a in copies]


@verb("kv.same")
def same(group: Workers, settings):
    """An error where the workers' settings differ; see `begin`."""
    compare(group, _plain(settings))


@verb("kv.begin")
def begin(group: Workers, params, settings):
    """The start of a training: an error where the workers' settings differ, or their parameters' names and
    shapes; otherwise worker 0's parameters. A setting may be a number, a text, an optimizer's rule, or NA
    where it is not known."""
    items = pairs(params)
    arrays = [array(v, k).data.copy() for k, v in items]
    shapes = {f"the shape of {k}": a.shape for (k, _), a in zip(items, arrays)}
    compare(group, _plain(settings) | shapes)
    group.first(arrays, "the first parameters")
    return RList([NDArray(a) for a in arrays], [k for k, _ in items])


def _plain(settings) -> dict[str, object]:
    """Settings as values that can be sent and compared."""
    plain: dict[str, object] = {}
    for name, value in pairs(settings):
        if isinstance(value, Rule):
            kind = getattr(value, "op", value)
            plain[name] = (
                f"{getattr(kind, 'name', type(kind).__name__)} "
                f"({', '.join(f'{k} {v}' for k, v in value.settings.items())})"
            )
        else:
            known = isinstance(value, (int, float, str)) and value == value
            plain[name] = (value if isinstance(value, str) else number_text(value)) if known else None
    return plain


@verb("kv.round")
def end_of_round(group: Workers, params, ends, iteration: int) -> bool:
    """What all workers do after a round: make sure that they have the same parameters, and agree whether the
    training ends here."""
    items = pairs(params)
    sums = [zlib.crc32(np.ascontiguousarray(array(v).data).view(np.uint8).data) for _, v in items]
    found = group.gather((sums, bool(ends)), f"the end of round {iteration}")
    for rank, (theirs, _) in enumerate(found):
        different = [k for (k, _), a, b in zip(items, found[0][0], theirs) if a != b]
        if different:
            raise group.failure(
                f"after round {iteration} the workers' parameters are not the same any more: worker {rank} "
                f"and worker 0 have different {', '.join(different[:6])}; whatever changes parameters (an "
                "optimizer or a callback of your own) must do it on every worker in the same way"
            )
    return any(end for _, end in found)


@verb("kv.total")
def metric_total(group: Workers, state, what: str):
    """The sum of numbers over all workers."""
    numbers = (
        np.atleast_1d(np.asarray(state, np.float64)) if isinstance(state, (int, float, np.ndarray)) else None
    )
    found = group.gather(numbers, what)
    if any(n is None or n.shape != found[0].shape for n in found):
        raise group.failure(
            "sum.metrics: the states of this metric cannot be summed over the workers; they must be numbers, "
            "equally many"
        )
    return np.sum(found, axis=0)


@verb("kv.counts")
def counts(group: Workers, count: int, what: str):
    """The numbers that the workers give, in the order of their ranks."""
    return np.array(group.gather(int(count), what))


# ------------------------------------------------------------------------------------- the end of the process

_AtExit = ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.c_void_p)
_kept: list = []  # what C calls must not be collected


@verb("kv.leaving")
def leaving(reason: str):
    """R is about to end the process; `reason` is the text of its last error, if there was one. Only the C
    library tells the exit status, and so whether it was that error that ended the script."""
    group = processes.workers()
    if group.size == 1 or not r_exits.r_ends() or _kept:
        return
    libc = ctypes.CDLL(None)
    if not hasattr(libc, "on_exit"):  # not glibc
        group.leave(0)
        return

    # in one line, without the trace of calls behind it; an error that a script has caught may be older than
    # what ends it
    text = " ".join(reason.partition("\nCalls: ")[0].split())

    def leave(status, _):
        group.leave(
            status,
            text if status == 1 else f"exit status {status}" + (f"; its last error: {text}" if text else ""),
        )

    _kept.append(_AtExit(leave))
    libc.on_exit(_kept[0], None)
