"""Lowering regions of element-wise values to NumPy calls: block by block, with all temporaries in the cache,
and with blocks divided among threads."""

from __future__ import annotations

import math
import weakref
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from mxr.compiler import native_regions, reductions
from mxr.compiler.value import Value, cast, limit, select
from mxr.runtime import costs, threads

# fmt: off
CHEAP = {
    np.add, np.subtract, np.multiply, np.divide, np.negative, np.maximum, np.minimum, np.square, np.sqrt,
    np.absolute, np.sign, np.floor, np.ceil, np.trunc, np.rint,
    np.greater, np.greater_equal, np.less, np.less_equal, np.equal, np.not_equal,
    np.logical_and, np.logical_or, np.logical_not,
    cast, select, limit,
}
# fmt: on

# NumPy takes a third positional argument of these only with a warning.
_KEYWORD_OUT: dict[Any, Callable[..., Any]] = {
    np.maximum: lambda a, b, out: np.maximum(a, b, out=out),
    np.minimum: lambda a, b, out: np.minimum(a, b, out=out),
}


def calls(
    values: list[Value],
    shape: tuple,
    resolve: Callable[[Value], np.ndarray],
    store: dict[int, np.ndarray],
    sums: list[tuple[Value, np.ndarray]],
) -> list[Callable[[], Any]]:
    """Functions without arguments that compute a region.

    `values` are the region's values, operands before users. `resolve` returns the array of a value from
    outside the region. `store` maps the id of each value that is read outside the region to the array for it.
    `sums` are sums of the region's values, with the arrays for them.
    """
    step = native_regions.region(values, shape, resolve, store, sums)
    if step is not None:
        return [step]
    store = store | {
        id(v.args[0]): np.empty(shape, v.args[0].dtype) for v, _ in sums if id(v.args[0]) not in store
    }
    steps = [program(values, shape, resolve, store)] if values else []
    for v, out in sums:
        steps += reductions.calls(v.fn, store[id(v.args[0])], v.arg, v.dtype, out)
    return steps


def program(
    values: list[Value], shape: tuple, resolve: Callable[[Value], np.ndarray], store: dict[int, np.ndarray]
) -> Callable[[], None]:
    """As `calls` without sums, by NumPy, as one function."""
    inside = {id(v) for v in values}
    outer: dict[int, np.ndarray] = {}
    for v in values:
        for a in v.args:
            if isinstance(a, Value) and id(a) not in inside and id(a) not in outer:
                outer[id(a)] = resolve(a)
    n = math.prod(shape)
    time = n * costs.OPERATION_NS * sum(1 if v.fn in CHEAP else costs.EXPENSIVE_OPERATIONS for v in values)
    lanes = threads.workers() if time >= max(2 * costs.WAKE_NS, costs.LOCK_NS * len(values)) else 1
    if n <= costs.REGION_BLOCK and lanes == 1:
        outer = {k: np.broadcast_to(a, shape) if a.size > 1 else a for k, a in outer.items()}
        return threads.in_turn(_instructions(values, shape, outer, store, {}))
    flat = all(_flat(a, shape) for a in (*outer.values(), *store.values()))
    if flat:
        outer = {k: a.reshape(-1) if a.size > 1 else a.reshape(()) for k, a in outer.items()}
        store = {k: a.reshape(-1) for k, a in store.items()}
        shape = (n,)
    outer = {k: np.broadcast_to(a, shape) if a.ndim else a for k, a in outer.items()}
    # divided along the first long axis, so that each thread reads a contiguous part of memory
    axis = max(range(len(shape)), key=lambda i: min(shape[i], costs.DIVIDED_AXIS))
    tasks = []
    for a, b in threads.cuts(shape[axis], lanes, costs.WAKE_NS * shape[axis] / time):
        buffers: dict[tuple[np.dtype, int], np.ndarray] = {}
        code: list[tuple] = []
        for block in _blocks((*shape[:axis], b - a, *shape[axis + 1 :])):
            key = (*block[:axis], slice(block[axis].start + a, block[axis].stop + a), *block[axis + 1 :])
            full = {k: x[key] if x.ndim else x for k, x in outer.items()}
            part = {k: x[key] for k, x in store.items()}
            code += _instructions(values, next(iter(part.values())).shape, full, part, buffers)
        tasks.append(threads.in_turn(code))
    if len(tasks) == 1:
        return tasks[0]
    return lambda: threads.run(tasks)


def _flat(a: np.ndarray, shape: tuple[int, ...]) -> bool:
    return a.size == 1 or (a.shape == shape and a.flags.c_contiguous)


def _blocks(shape: tuple[int, ...]) -> Iterator[tuple[slice, ...]]:
    """Indices that cut `shape` into blocks of about REGION_BLOCK elements at most, in memory order."""
    inner = math.prod(shape[1:])
    if inner > costs.REGION_BLOCK and len(shape) > 1:
        for i in range(shape[0]):
            for rest in _blocks(shape[1:]):
                yield (slice(i, i + 1), *rest)
        return
    rows = max(1, costs.REGION_BLOCK // max(inner, 1))
    rows = math.ceil(shape[0] / math.ceil(shape[0] / rows))
    for i in range(0, shape[0], rows):
        yield (slice(i, min(i + rows, shape[0])), *(slice(0, m) for m in shape[1:]))


_WIDE: dict[int, type[np.generic]] = {8: np.int64, 16: np.complex128}  # types by their bytes


def split_strided(fn: Callable[..., Any], *arrays: np.ndarray) -> list[tuple[Callable[..., Any], tuple]]:
    """Calls for `fn(*arrays)`, an element-wise function of arrays of the same shape: (function, arguments).

    NumPy's inner loop is over the last axis. If that is short, there is one call for each of its indices. A
    copy is one call if the axis has the size of a `_WIDE` type, as which it is copied.
    """
    shape = arrays[0].shape
    if (
        len(shape) > 1
        and 1 < shape[-1] <= costs.SHORT_AXIS
        and math.prod(shape[:-1]) > 4 * shape[-1]
        and any(not a.flags.c_contiguous for a in arrays)
    ):
        wide = _WIDE.get(shape[-1] * arrays[0].itemsize)
        if (
            fn is np.copyto
            and wide
            and all(a.strides[-1] == a.itemsize and a.dtype == arrays[0].dtype for a in arrays)
        ):
            views: tuple[np.ndarray, ...] = tuple(a.view(wide)[..., 0] for a in arrays)
            if all(v.flags.aligned for v in views):
                return [(fn, views)]
        return [(fn, tuple(a[..., j] for a in arrays)) for j in range(shape[-1])]
    return [(fn, arrays)]


def _worth_gathering(a: np.ndarray) -> bool:
    """Whether a strided operand has such short contiguous runs that it is faster to copy it first."""
    repeats = any(stride == 0 and n > 1 for n, stride in zip(a.shape, a.strides))
    least = costs.GATHER_REPEATED_ELEMENTS if repeats else costs.GATHER_ELEMENTS
    if a.ndim < 2 or a.size < least or a.flags.c_contiguous:
        return False
    run, step = 1, a.strides[-1]
    for n, stride in zip(reversed(a.shape), reversed(a.strides)):
        if n > 1 and stride != step * run:
            break
        run *= n
    return run < costs.GATHER_RUN


class _Buffers:
    """Memory for the temporaries of one block, all of its shape.

    The buffer that was given back last is taken first, so that few buffers are in use and all stay in the
    cache. `memory` holds them by type and number; all blocks of a thread use it, one after the other.
    """

    def __init__(self, shape: tuple[int, ...], memory: dict[tuple[np.dtype, int], np.ndarray]):
        self._shape, self._size = shape, math.prod(shape)
        self._memory = memory
        self._free: dict[np.dtype, list[np.ndarray]] = {}
        self._made: dict[np.dtype, int] = {}

    def take(self, dtype: np.dtype) -> np.ndarray:
        if self._free.get(dtype):
            return self._free[dtype].pop()
        key = dtype, self._made.get(dtype, 0)
        self._made[dtype] = key[1] + 1
        buffer = self._memory.get(key)
        if buffer is None or buffer.size < self._size:
            self._memory[key] = buffer = np.empty(self._size, dtype)
        return buffer[: self._size].reshape(self._shape)

    def give_back(self, array: np.ndarray) -> None:
        self._free.setdefault(array.dtype, []).append(array)


def _instructions(
    values: list[Value],
    shape: tuple[int, ...],
    outer: dict[int, np.ndarray],
    store: dict[int, np.ndarray],
    memory: dict[tuple[np.dtype, int], np.ndarray],
) -> list[tuple[Callable, tuple]]:
    """`(function, arguments)` pairs that compute `values` on one block of `shape`.

    `outer` has the blocks of values from outside the region, `store` those of values that are read outside.
    All others are in buffers, each of which is free again after the last value that reads it. For `memory`,
    see `_Buffers`.
    """
    last_reader = {id(a): v for v in values for a in v.args if isinstance(a, Value)}
    buffers = _Buffers(shape, memory)
    place = dict(outer)  # the array from which each value is read
    temporary: set[int] = set()  # the values that are in a buffer
    code: list[tuple[Callable, tuple]] = []
    for v in values:
        operands = list({id(a): a for a in v.args if isinstance(a, Value)}.values())
        for a in operands:
            if place[id(a)].shape == shape and id(a) in outer and _worth_gathering(place[id(a)]):
                copy = buffers.take(a.dtype)
                code += split_strided(np.copyto, copy, place[id(a)])
                place[id(a)] = copy
                temporary.add(id(a))
        args: list[Any] = [
            place[id(a)] if isinstance(a, Value) else _number(v.fn, a, dtype, shape)
            for a, dtype in zip(v.args, _loop_types(v))
        ]
        ended = [place[id(a)] for a in operands if id(a) in temporary and last_reader[id(a)] is v]
        # The result may take the buffer of an operand that is not read any more. `select` is the exception,
        # since it writes the result and its mask before it has read all operands.
        in_place = v.fn is not select
        for array in ended if in_place else ():
            buffers.give_back(array)
        out = store.get(id(v))
        if out is None:
            out = buffers.take(v.dtype)
            temporary.add(id(v))
        place[id(v)] = out
        if v.fn is select and v.dtype.itemsize == 4 and out.size >= costs.SELECT_BITS_ELEMENTS:
            mask = buffers.take(np.dtype(np.int32))
            condition, a, b = args
            code += _select_by_bits(condition, a, b, out, mask)
            buffers.give_back(mask)
        else:
            code.append((_KEYWORD_OUT.get(v.fn, v.fn), (*args, out)))
        for array in () if in_place else ended:
            buffers.give_back(array)
    return code


def _number(fn: Callable, number: Any, dtype: Any, shape: tuple[int, ...]) -> np.ndarray:
    """A number as an operand: an array without dimensions, or a full block if that is faster."""
    return _filled(number, dtype, shape) if fn in _KEYWORD_OUT else np.array(number, dtype)


def _select_by_bits(
    condition: np.ndarray, a: np.ndarray, b: np.ndarray, out: np.ndarray, mask: np.ndarray
) -> list[tuple[Callable, tuple]]:
    """`np.where` as `((a ^ b) & mask) ^ b` on the bits: several times faster than a branch per element."""
    a, b, bits = (x.view(np.int32) for x in (a, b, out))
    return [
        (np.copyto, (mask, condition)),
        (np.negative, (mask, mask)),
        (np.bitwise_xor, (a, b, bits)),
        (np.bitwise_and, (bits, mask, bits)),
        (np.bitwise_xor, (bits, b, bits)),
    ]


_filled_blocks: weakref.WeakValueDictionary = weakref.WeakValueDictionary()  # those that programs use


def _filled(number: Any, dtype: Any, shape: tuple[int, ...]) -> np.ndarray:
    """A block filled with a number. `np.maximum` of two arrays is three times as fast as of an array and a
    number."""
    key = repr(number), np.dtype(dtype)
    n = math.prod(shape)
    block = _filled_blocks.get(key)
    if block is None or block.size < n:
        _filled_blocks[key] = block = np.full(n, number, dtype)
    return block[:n].reshape(shape)


def _loop_types(v: Value) -> Sequence[Any]:
    """The type of each operand in the function's loop."""
    if not isinstance(v.fn, np.ufunc):
        return [np.bool_ if i == 0 and v.fn is select else v.dtype for i in range(len(v.args))]
    return native_regions.loop_types(v)
