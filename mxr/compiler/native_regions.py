"""Lowering regions of element-wise values to steps of the native core (mxr/native). mxr/compiler/regions.py
lowers the others to NumPy calls."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from mxr import native
from mxr.compiler.value import Value, cast, limit, select
from mxr.native.steps import FLOAT, Prepared, Region, Slot, instruction

_BOOL = np.dtype(bool)


def region(
    values: Sequence[Value],
    shape: tuple,
    resolve: Callable[[Value], np.ndarray],
    store: dict[int, np.ndarray],
    sums: Sequence[tuple[Value, np.ndarray]] = (),
) -> Prepared | None:
    """As `regions.program`, but a native step, or None if the core cannot compute all values.

    `sums` are sums of the region's values over the last axes, with the arrays for them.
    """
    if not native.active():
        return None
    lowering = _Lowering(values, shape, resolve, store)
    for v in values:
        if id(v) not in lowering.skipped and not lowering.add(v):
            return None
    for total, out in sums:
        if not lowering.add_sum(total, out):
            return None
    return lowering.region.step()


def sums_rows(v: Value) -> bool:
    """Whether `v` is the sum of an element-wise value over its last axes, so that its region can compute
    it."""
    if v.kind != "reduce" or v.fn is not np.add or v.dtype != FLOAT or v.args[0].kind != "map":
        return False
    shape = v.args[0].shape
    first = min((a for a in v.arg if shape[a] > 1), default=len(shape))
    return all(n == 1 or i in v.arg for i, n in enumerate(shape) if i > first)


def supported(v: Value) -> bool:
    """Whether the core has an instruction for a value."""
    types = [a.dtype for a in v.args if isinstance(a, Value)]
    if v.dtype not in (FLOAT, _BOOL) or any(t not in (FLOAT, _BOOL) for t in types):
        return False
    if v.fn in (cast, select, limit):
        return v.fn is cast or v.dtype == FLOAT
    return isinstance(v.fn, np.ufunc) and instruction(v.fn, loop_types(v), v.dtype) is not None


def loop_types(v: Value) -> tuple[np.dtype, ...]:
    """The types of the operands in the loop of the value's ufunc."""
    types = tuple(
        a.dtype if isinstance(a, Value) else type(a) if type(a) in (int, float) else float for a in v.args
    )
    return v.fn.resolve_dtypes((*types, None))[:-1]


class _Lowering:
    """Adds the values of one region, in order, to a native `Region`."""

    def __init__(
        self,
        values: Sequence[Value],
        shape: tuple[int, ...],
        resolve: Callable[[Value], np.ndarray],
        store: dict[int, np.ndarray],
    ):
        self.region = Region(shape)
        self._resolve, self._store = resolve, store
        self._slots: dict[int, Slot] = {}
        self._inside = {id(v) for v in values}
        self.skipped: set[int] = set()
        self._sigmoids = self._find_sigmoids(values)

    # ---------------------------------------------------------------- operands
    def _operand(self, a: Any) -> Slot | None:
        if not isinstance(a, Value):
            return self.region.number(a)
        if id(a) in self._slots:
            return self._slots[id(a)]
        if id(a) in self._inside:
            return None
        if a.kind == "const" and a.dtype == FLOAT:
            return self.region.number(a.arg)
        slot = self.region.array(self._resolve(a))
        if slot is not None:
            self._slots[id(a)] = slot
        return slot

    # ---------------------------------------------------------------- values
    def add(self, v: Value) -> bool:
        """Add the instructions for one value. False if the core cannot compute it."""
        arguments = (self._sigmoids[id(v)],) if id(v) in self._sigmoids else v.args
        operands = [slot for slot in map(self._operand, arguments) if slot is not None]
        if v.dtype not in (FLOAT, _BOOL) or len(operands) < len(arguments):
            return False
        out = self._store.get(id(v))
        slot: Slot | None
        if id(v) in self._sigmoids:
            slot = self.region.emit("sigmoid", [self.region.as_number(operands[0])], FLOAT, out)
        elif v.fn is cast:
            slot = self.region.convert(operands[0], v.dtype, out)
        elif v.fn is select:
            slot = self._select(v, operands, out)
        elif v.fn is limit:
            exact = v.dtype == FLOAT and not any(isinstance(a, Value) or a != a for a in v.args[1:])
            slot = self.region.emit("limit", operands, FLOAT, out) if exact else None
        elif isinstance(v.fn, np.ufunc):
            slot = self.region.apply(v.fn, operands, loop_types(v), v.dtype, out)
        else:
            slot = None
        if slot is None:
            return False
        self._slots[id(v)] = slot
        return True

    def _select(self, v: Value, operands: list[Slot], out: np.ndarray | None) -> Slot | None:
        if v.dtype != FLOAT or operands[0].number is not None:
            return None
        condition = self.region.as_condition(operands[0])
        return self.region.emit("select", [condition, *map(self.region.as_number, operands[1:])], FLOAT, out)

    def add_sum(self, total: Value, out: np.ndarray) -> bool:
        """Add the instruction for the sum of a value of the region. False if that is impossible."""
        x = total.args[0]
        return self.region.sum(self._slots[id(x)], x.size // total.size, out)

    # ---------------------------------------------------------------- sigmoids
    def _find_sigmoids(self, values: Sequence[Value]) -> dict[int, Value]:
        """The values `1 / (1 + exp(-x))` by id, each with its x. Such a value becomes one instruction if no
        other value reads the intermediate ones, which are then `skipped`."""
        users: dict[int, int] = {}
        for v in values:
            for a in v.args:
                users[id(a)] = users.get(id(a), 0) + 1

        def alone(v: Any, fn: np.ufunc) -> bool:
            return (
                isinstance(v, Value)
                and v.fn is fn
                and id(v) in self._inside
                and id(v) not in self._store
                and users[id(v)] == 1
                and v.dtype == FLOAT
            )

        found = {}
        for v in values:
            if (
                v.fn is not np.divide
                or v.dtype != FLOAT
                or not _is_one(v.args[0])
                or not alone(v.args[1], np.add)
            ):
                continue
            total = v.args[1]
            first, second = total.args
            exponential: Any = second if _is_one(first) else first if _is_one(second) else None
            if alone(exponential, np.exp) and alone(exponential.args[0], np.negative):
                found[id(v)] = exponential.args[0].args[0]
                self.skipped |= {id(total), id(exponential), id(exponential.args[0])}
        return found


def _is_one(x: Any) -> bool:
    return not isinstance(x, Value) and bool(x == 1)
