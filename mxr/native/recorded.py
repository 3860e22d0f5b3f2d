"""Recording: element-wise NumPy code that runs repeatedly on the same arrays becomes a step of the native
core. Optimizers' rules use it.

    code = Code(function)           # function(constants, *arrays), in place
    if not code.run(constants, arrays): ...     # not recorded: compute by NumPy

The code is run once on placeholders for the arrays, which record its operations. When its constants change,
as a learning rate does, it is run on placeholders again, which only collect the new numbers.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from mxr.native import active
from mxr.native.steps import FLOAT, Region, Slot, join


class _Refused(Exception):
    """The code has an operation that the core cannot do, or not with the same bits."""


class Scratch:
    """An argument instead of an array whose values are not read after the call."""


class _Tape:
    """The record of one run: the operations' signature and numbers, and with a `region` also its
    instructions."""

    def __init__(self, region: Region | None):
        self.region = region
        self.numbers: list[float] = []
        self.signature: list[Any] = []

    def _slot(self, x: Any) -> Slot | None:
        if isinstance(x, _Placeholder):
            if x.slot is None and self.region is not None:
                raise _Refused("scratch is read before it is written")
            return x.slot
        # with a np.float64, NumPy would compute in double precision
        if type(x) not in (float, int, np.float32) or math.isnan(x):
            raise _Refused(f"an operand of type {type(x).__name__}")
        self.numbers.append(float(x))
        return self.region.number(x, shared=False) if self.region is not None else None

    def note(
        self,
        what: Any,
        operands: Sequence[Any],
        make: Callable[[Region, list, np.ndarray | None], Slot | None],
        target: _Placeholder | None = None,
    ) -> _Placeholder:
        """Record one operation, which `make` adds to the region. The result is `target`, or a new
        placeholder."""
        self.signature.append(what)
        slots = [self._slot(x) for x in operands]
        result = _Placeholder(self, None) if target is None else target
        if self.region is not None:
            result.slot = make(self.region, slots, result.array)
            if result.slot is None:
                raise _Refused(str(what))
        return result


class _Placeholder(NDArrayOperatorsMixin):
    """A placeholder for an array or an intermediate value. `slot` is its place in the region."""

    __slots__ = ("tape", "array", "slot")
    dtype = FLOAT

    def __init__(self, tape: _Tape, array: np.ndarray | None):
        self.tape, self.array, self.slot = tape, array, None
        if array is not None and tape.region is not None:
            self.slot = tape.region.array(array)

    def __array_ufunc__(
        self, ufunc: Any, method: str, *inputs: Any, out: tuple = (None,), dtype: Any = FLOAT, **kw: Any
    ) -> _Placeholder:
        if (
            method != "__call__"
            or kw
            or dtype != FLOAT
            or ufunc.nout != 1
            or not isinstance(out[0], _Placeholder | None)
        ):
            raise _Refused(f"{ufunc.__name__} {method}")
        dtype = ufunc.resolve_dtypes((*[FLOAT] * ufunc.nin, None))[-1]
        if dtype != FLOAT and out[0] is not None:
            raise _Refused(f"{ufunc.__name__} into float32")
        return self.tape.note(
            ufunc,
            inputs,
            lambda region, slots, to: region.apply(ufunc, slots, [FLOAT] * len(slots), dtype, to),
            out[0],
        )

    def __array_function__(
        self, function: Any, types: Any, args: Any, kw: dict[str, Any]
    ) -> _Placeholder | None:
        if function is np.clip and len(args) == 3 and set(kw) <= {"out"}:
            return self.tape.note(
                "limit", args, lambda region, slots, to: region.emit("limit", slots, FLOAT, to), kw.get("out")
            )
        if function is np.copyto and len(args) == 2 and set(kw) <= {"where"}:
            to, x = args
            if kw:
                return self.tape.note(
                    "select",
                    (kw["where"], x, to),
                    lambda region, slots, to: region.emit("select", slots, FLOAT, to),
                    to,
                )
            to[...] = x
            return None
        raise _Refused(function.__name__)

    def __setitem__(self, key: Any, x: Any) -> None:
        if x is not self:  # it is, at the end of `s.a *= 2` and `a[...] *= 2`
            self.tape.note(
                "copy", (x,), lambda region, slots, to: region.emit("copy", slots, FLOAT, to), self
            )

    def __bool__(self) -> bool:
        raise _Refused("a condition on values")


class Code:
    """`function(constants, *arrays)` as one step. The second call with the same arrays makes the step."""

    def __init__(self, function: Callable[..., Any]):
        self._function = function
        self._arrays: tuple = ()
        self._constants: Any = None
        self._step: Any = None
        self._call: Callable[[], object] | None = None
        self._signature: list[Any] = []

    def run(self, constants: Any, arrays: tuple) -> bool:
        """Run the step and return True. Return False, and do nothing, for arrays that are new, and for code
        that the core cannot do with the same bits."""
        if not active():
            return False
        if len(arrays) != len(self._arrays) or any(a is not b for a, b in zip(arrays, self._arrays)):
            self._arrays, self._step, self._call = arrays, None, None
            return False
        if self._step is None:
            self._make(constants)
        elif self._step and constants != self._constants:
            self._change(constants)
        if self._call is None:
            return False
        self._call()
        return True

    def _record(self, constants: Any, region: Region | None) -> _Tape:
        tape = _Tape(region)
        known: dict[int, _Placeholder] = {}  # of each array one, however often it is an argument
        placeholders = [
            _Placeholder(tape, None)
            if isinstance(a, Scratch)
            else known.setdefault(id(a), _Placeholder(tape, a))
            for a in self._arrays
        ]
        self._function(constants, *placeholders)
        return tape

    def _make(self, constants: Any) -> None:
        self._step, self._call = False, None
        arrays = [a for a in self._arrays if not isinstance(a, Scratch)]
        if any(a.dtype != FLOAT or a.shape != arrays[0].shape or not a.flags.c_contiguous for a in arrays):
            return
        region = Region(arrays[0].shape)
        try:
            tape = self._record(constants, region)
        except (_Refused, TypeError):
            return
        step = region.step()
        if step is not None:
            self._step, self._signature, self._constants = step, tape.signature, constants
            (self._call,) = join([step])

    def _change(self, constants: Any) -> None:
        tape = self._record(constants, None)
        if tape.signature != self._signature:  # with these constants, the code has other operations
            self._make(constants)
            return
        self._step.native.set_numbers(np.array(tape.numbers, np.float32).tobytes())
        self._constants = constants
