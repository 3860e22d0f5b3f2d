"""Making steps of the native core from arrays and NumPy's functions, and joining steps to programs.

Functions return None if the core cannot do the work: for element types other than float32 and bool, and for
functions that it does not have. The caller then prepares calls of NumPy.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from itertools import groupby
from time import perf_counter_ns
from typing import Any

import numpy as np

from mxr.native import active, blas, core
from mxr.runtime import costs, threads

# fmt: off
EXPENSIVE = {
    "exp", "expm1", "log", "log1p", "log2", "log10", "tanh", "sigmoid", "erf", "sin", "cos", "power", "hypot",
}
DIVISIONS = {"divide", "sqrt", "reciprocal"}
# Functions of float32 to float32. Where the name is the same, it is not repeated.
_ARITHMETIC: dict[Any, str] = {f: f.__name__ for f in (
    np.add, np.subtract, np.multiply, np.divide, np.maximum, np.minimum, np.fmax, np.fmin, np.power, np.hypot,
    np.negative, np.absolute, np.square, np.sqrt, np.reciprocal, np.sign,
    np.floor, np.ceil, np.trunc, np.rint,
    np.exp, np.expm1, np.log, np.log1p, np.log2, np.log10, np.tanh, np.sin, np.cos,
)} | {np.positive: "copy", np.fabs: "absolute"}
# Functions of float32 to bool.
_COMPARISONS: dict[Any, str] = {f: f.__name__ for f in (
    np.greater, np.greater_equal, np.less, np.less_equal, np.equal, np.not_equal,
    np.isnan, np.isinf, np.isfinite,
)}
# Functions of bool to bool.
_CONDITIONS: dict[Any, str] = {
    np.logical_and: "both",   np.bitwise_and: "both",   np.multiply: "both",  np.minimum: "both",
    np.logical_or: "either",  np.bitwise_or: "either",  np.add: "either",     np.maximum: "either",
    np.logical_xor: "differ", np.bitwise_xor: "differ", np.not_equal: "differ",
    np.logical_not: "not",    np.invert: "not",
}
# fmt: on

FLOAT, BOOL = np.dtype(np.float32), np.dtype(bool)
_NUMBER = {name: i for i, name in enumerate(core.INSTRUCTIONS.split())} if core is not None else {}
_KINDS = ("region", "product", "tiled", "columns", "softmax")  # of steps, in the core's order


def instruction(fn: Any, types: Sequence[Any], dtype: np.dtype) -> str | None:
    """The instruction for a NumPy function, with operands of `types` and a result of `dtype`, or None."""
    kinds = {np.dtype(t) for t in types}
    if kinds == {FLOAT} and dtype == FLOAT:
        return "erf" if fn is _erf() else _ARITHMETIC.get(fn)
    if dtype == BOOL and kinds == {FLOAT}:
        return _COMPARISONS.get(fn) or (_CONDITIONS.get(fn) if fn not in _ARITHMETIC else None)
    return _CONDITIONS.get(fn) if dtype == BOOL and kinds == {BOOL} else None


class Slot:
    """What an instruction reads or writes: a register, an array, or a number. `dtype` is float32 or bool."""

    __slots__ = ("array", "number", "dtype", "index")
    array: Any  # None for a register and a number

    def __init__(self, dtype: np.dtype, array: np.ndarray | None = None, number: float | None = None):
        self.dtype, self.array, self.number = dtype, array, number
        self.index = -1


class Region:
    """Collects the instructions of a region, whose values all have one shape, and makes its step."""

    def __init__(self, shape: tuple[int, ...]):
        self.shape, self.count = shape, math.prod(shape)
        self._code: list[tuple[str, Slot | int, tuple[Slot, ...]]] = []
        self._arrays: dict[int, tuple[Slot, Slot]] = {}  # by id: the array, and the slot to read it from
        self._numbers: dict[str | int, Slot] = {}
        self._results: list[np.ndarray] = []
        self._row, self._largest = 1, False
        self.nanoseconds = 0.0

    # ---------------------------------------------------------------- operands
    def array(self, a: np.ndarray) -> Slot | None:
        """The slot to read an array that has the region's shape or is broadcast to it."""
        known = self._arrays.get(id(a))
        if known is None:
            if a.dtype not in (FLOAT, BOOL):
                return None
            memory = Slot(a.dtype, a)
            known = self._arrays[id(a)] = (memory, memory)
            if not self._direct(a) and not self._single(a):
                known = self._arrays[id(a)] = (memory, self._emit_to(Slot(a.dtype), "load", [memory]))
        return known[1]

    def number(self, x: float, shared: bool = True) -> Slot:
        """A number, as float32. Equal `shared` numbers have one slot. `set_numbers` replaces those that are
        not shared, in the order of these calls."""
        key = float(np.float32(x))
        return self._numbers.setdefault(repr(key) if shared else len(self._numbers), Slot(FLOAT, number=key))

    def _direct(self, a: np.ndarray) -> bool:
        return a.dtype == FLOAT and a.size == self.count and a.flags.c_contiguous and a.flags.aligned

    def _single(self, a: np.ndarray) -> bool:
        """Whether instructions can use an array as a number."""
        return a.size == 1 and a.dtype == FLOAT and not self._direct(a)

    def _is_number(self, x: Slot) -> bool:
        return x.number is not None or (x.array is not None and self._single(x.array))

    # ---------------------------------------------------------------- instructions
    def _emit(self, op: str, to: Slot | int, *operands: Slot) -> None:
        self._code.append((op, to, operands))
        self.nanoseconds += self.count * (
            costs.NATIVE_EXPENSIVE_NS
            if op in EXPENSIVE
            else costs.NATIVE_DIVISION_NS
            if op in DIVISIONS
            else costs.NATIVE_OPERATION_NS
        )

    def _emit_to(self, to: Slot, op: str, operands: Sequence[Slot]) -> Slot:
        self._emit(op, to, *operands)
        return to

    def _solid(self, x: Slot) -> Slot:
        """`x`, filled into a register if it is a number, for instructions that take no numbers."""
        return self._emit_to(Slot(FLOAT), "fill", [x]) if self._is_number(x) else x

    def emit(
        self, op: str, operands: Sequence[Slot], dtype: np.dtype = FLOAT, out: np.ndarray | None = None
    ) -> Slot:
        """Add an instruction and return its result, which is also written into `out` if that is given."""
        operands = list(operands)
        if op in ("select", "limit") or len(operands) == 1 or all(map(self._is_number, operands)):
            operands[0] = self._solid(operands[0])
        if out is None:
            return self._emit_to(Slot(dtype), op, operands)
        memory = Slot(dtype, out)
        # a large array goes through a register, from which it is stored without the caches
        streamed = out.nbytes >= costs.NATIVE_STREAM_BYTES and id(out) not in self._arrays
        if self._direct(out) and not streamed:
            self._arrays[id(out)] = (memory, memory)
            return self._emit_to(memory, op, operands)
        result = self._emit_to(Slot(dtype), op, operands)
        self._arrays[id(out)] = (memory, result)
        self._emit("store", memory, result)
        return result

    def as_number(self, x: Slot) -> Slot:
        return self.emit("as_number", [x]) if x.dtype == BOOL else x

    def as_condition(self, x: Slot) -> Slot:
        return self.emit("as_condition", [x], BOOL) if x.dtype != BOOL else x

    def apply(
        self,
        fn: Any,
        operands: Sequence[Slot],
        types: Sequence[Any],
        dtype: np.dtype,
        out: np.ndarray | None = None,
    ) -> Slot | None:
        """As `emit`, for a NumPy function with operands of `types` and a result of `dtype`. None if there is
        no instruction for it."""
        op = instruction(fn, types, dtype)
        if op is None:
            return None
        combines = fn in _CONDITIONS and fn not in _COMPARISONS
        conditions = (combines and dtype == BOOL) or {np.dtype(t) for t in types} == {BOOL}
        if conditions and any(x.number is not None for x in operands):
            return None
        return self.emit(
            op, [self.as_condition(x) if conditions else self.as_number(x) for x in operands], dtype, out
        )

    def convert(self, x: Slot, dtype: np.dtype, out: np.ndarray | None = None) -> Slot | None:
        """`x` converted to a type, or copied. None if that is impossible."""
        if dtype not in (FLOAT, BOOL) or x.dtype not in (FLOAT, BOOL):
            return None
        op = "copy" if x.dtype == dtype else "as_number" if dtype == FLOAT else "as_condition"
        return self.emit(op, [x], dtype, out)

    def sum(self, x: Slot, row: int, out: np.ndarray, largest: bool = False) -> bool:
        """Write the sums of each `row` elements of `x`, or their largest values, into the contiguous `out`.
        False if this region cannot do it."""
        if (
            (self._results and (row, largest) != (self._row, self._largest))
            or len(self._results) == core.MOST_SUMS
            or not out.flags.c_contiguous
            or x.number is not None
        ):
            return False
        self._row, self._largest = row, largest
        self._results.append(out)
        self._emit("reduce", len(self._results) - 1, self._solid(x))
        self.nanoseconds += self.count / row * costs.NATIVE_ROW_NS
        return True

    # ---------------------------------------------------------------- the step
    def step(self) -> Prepared | None:
        """The native step, or None if it would need too many registers or axes."""
        registers = self._allocate()
        memories = self._memories()
        layout = self._layout(memories)
        block = self._block(registers)
        if layout is None or block < min(costs.NATIVE_LEAST_BLOCK, self.count):
            return None
        numbers = list(self._numbers.values())
        for i, slot in enumerate([*memories, *numbers]):
            slot.index = registers + i
        code = [self._encoded(op, to, operands, registers) for op, to, operands in self._code]
        chunk = self._chunk(block)
        read = [m.array for m in memories if id(m.array) not in self._written]
        written = [m.array for m in memories[len(read) :]]
        reduced = (len(self._results), self._row, self._largest)
        return _prepared(
            "region",
            read,
            [*written, *self._results],
            (self.count, block, chunk, registers, len(memories), *reduced, *layout),
            self.nanoseconds,
            -(-self.count // chunk),
            np.array(code, np.int32).tobytes(),
            np.array([n.number for n in numbers], np.float32).tobytes(),
            len(self._results) * -(-self.count // chunk) if self._row > chunk else 0,
        )

    def _encoded(
        self, op: str, to: Slot | int, operands: tuple[Slot, ...], registers: int
    ) -> tuple[int, ...]:
        """The instruction in the core's form (`Code` in core.c)."""
        slots = (*operands, *[operands[0]] * (3 - len(operands)))
        is_number = list(map(self._is_number, slots))
        first = len(operands) - 2  # the first operand that may be a number
        variant = is_number[first] + 2 * is_number[first + 1] if first >= 0 else 0
        target = to if isinstance(to, int) else to.index - registers if op == "store" else to.index
        a, b, c = (x.index - registers if op == "load" else x.index for x in slots)
        results = [to] if isinstance(to, Slot) else []
        whole = all(x.array is None or self._single(x.array) for x in slots) and not any(
            x.array is not None for x in results
        )
        return _NUMBER[op], variant, target, a, b, c, whole, sum(n << i for i, n in enumerate(is_number))

    def _memories(self) -> list[Slot]:
        """The slots of all arrays, one for each array; those that are written come last. If an array has
        several slots, all instructions now use the first of them."""
        found: dict[int, Slot] = {}
        self._written: set[int] = set()

        def the_one(x: Slot) -> Slot:
            if x.array is None:
                return x
            return found.setdefault(id(x.array), x)

        code = []
        for op, to, operands in self._code:
            if isinstance(to, Slot) and to.array is not None:
                to = the_one(to)
                self._written.add(id(to.array))
            code.append((op, to, tuple(map(the_one, operands))))
        self._code = code
        return sorted(found.values(), key=lambda x: id(x.array) in self._written)

    def _allocate(self) -> int:
        """Give each result a register, which is free again after the last use. Return the number of
        registers."""
        last: dict[int, int] = {}
        for i, (_, _, operands) in enumerate(self._code):
            for x in operands:
                last[id(x)] = i
        free: list[int] = []
        count = 0
        for i, (_, to, operands) in enumerate(self._code):
            # loops read an element before they write it, so a result may take the register of an operand
            for x in dict.fromkeys(operands):
                if x.array is None and x.number is None and last[id(x)] == i:
                    free.append(x.index)
            if isinstance(to, Slot) and to.array is None and to.index < 0:
                if free:
                    to.index = free.pop()
                else:
                    to.index, count = count, count + 1
                if id(to) not in last:
                    free.append(to.index)
        return count

    def _layout(self, memories: list[Slot]) -> list[int] | None:
        """The shape with as few axes as strided operands allow, and the operands, in the core's form. None if
        there are too many axes."""
        arrays = [m.array for m in memories]
        strided = [i for i, a in enumerate(arrays) if not self._direct(a) and not self._single(a)]
        if any(arrays[i].ndim > len(self.shape) for i in strided):
            return None
        strides = {i: np.broadcast_to(arrays[i], self.shape).strides for i in strided}
        axes: list[tuple[int, list[int]]] = []
        for axis, n in enumerate(self.shape):
            steps = [s[axis] for s in strides.values()]
            if n == 1:
                continue
            if axes and all(outer == inner * n for outer, inner in zip(axes[-1][1], steps)):
                axes[-1] = axes[-1][0] * n, steps
            else:
                axes.append((n, steps))
        if len(axes) > core.AXES:
            return None
        axes = axes or [(1, [0] * len(strides))]
        padding = [0] * (core.AXES - len(axes))
        layout = [len(axes), *(n for n, _ in axes), *padding]
        for i, a in enumerate(arrays):
            own = [s[strided.index(i)] if i in strides else 0 for _, s in axes]
            layout += [a.itemsize, self._direct(a), *own, *padding]
        return layout

    def _block(self, registers: int) -> int:
        """The number of elements of a block, for this number of registers. Without registers it can be large,
        and it has whole rows unless there is only one."""
        least = costs.NATIVE_LEAST_BLOCK
        if not registers and self._results:
            row = self._row if self._row < self.count else 1
            return row * max(1, 4 * costs.NATIVE_BLOCK // row)
        room: int = core.SCRATCH // max(1, registers)
        whole: int = max(core.WIDTH, _rounded_up(self.count, core.WIDTH))
        return min(costs.NATIVE_BLOCK, room // least * least, whole)

    def _chunk(self, block: int) -> int:
        """The number of elements that a thread takes at a time."""
        if not self.count:
            return block
        chunk = _chunk(self.count, self.nanoseconds / self.count, block)
        if self._results:
            if self._row <= chunk:
                chunk = max(1, chunk // self._row) * self._row
            elif self._row != self.count:
                chunk = self._row
        return chunk


def _rounded_up(n: int, unit: int) -> int:
    return -(-n // unit) * unit


def _chunk(count: int, each: float, unit: int = 1) -> int:
    """How many of `count` items, which take `each` nanoseconds, a thread takes at a time: a multiple of
    `unit`. All of them if they are too few for two threads."""
    if count * each <= 2 * costs.NATIVE_CHUNK_NS:
        return _rounded_up(count, unit)
    chunk = max(1, round(costs.NATIVE_CHUNK_NS / each / unit)) * unit
    return max(chunk, _rounded_up(-(-count // core.MOST_CHUNKS), unit))


def _prepared(
    kind: str,
    inputs: list[np.ndarray],
    outputs: list[np.ndarray],
    sizes: Sequence[int],
    nanoseconds: float,
    chunks: int,
    code: bytes = b"",
    numbers: bytes = b"",
    partial: int = 0,
) -> Prepared:
    """A step of the core. `sizes` are the fields of its struct in core.c."""
    packed = np.array(sizes, np.intp).tobytes()
    native = core.step(_KINDS.index(kind), inputs, outputs, packed, code, numbers, chunks, partial)
    return Prepared(native, nanoseconds, chunks > 1)


def _erf() -> Any:
    """SciPy's erf, or False if SciPy is not loaded, in which case no value can have it."""
    return getattr(sys.modules.get("scipy.special"), "erf", False)


# --------------------------------------------------------------------------------------------- other steps


def product(a: np.ndarray, b: np.ndarray, out: np.ndarray, add: bool = False) -> Prepared | None:
    """`out` = a b, or with `add` `out` += a b, for matrices or batches of matrices as in np.matmul."""
    if not (
        active()
        and blas.found()
        and 2 <= out.ndim <= 3
        and all(x.dtype == FLOAT for x in (a, b, out))
        and out.size
        and a.shape[-1]
    ):
        return None
    (m, k), n = a.shape[-2:], b.shape[-1]
    layouts = [layout for layout in map(_matrix, (a, b, out)) if layout is not None]
    if len(layouts) < 3 or layouts[2][1] or not (a.ndim <= out.ndim >= b.ndim):
        return None
    (lda, turned_a), (ldb, turned_b), (ldc, _) = layouts
    batch = out.shape[0] if out.ndim == 3 else 1
    steps = [x.strides[0] // 4 if x.ndim == 3 and x.shape[0] > 1 else 0 for x in (a, b, out)]
    work = 2 * m * n * k * batch * costs.FLOP_NS
    rows, columns, chunk, last = m, n, batch, (m, n)
    if work >= costs.NATIVE_CUT_PRODUCT_NS and threads.workers() > 1:  # into two parts
        half = _rounded_up(-(-max(m, n) // 2), costs.BLAS_PANEL)
        if out.ndim == 3:
            chunk = -(-batch // 2)
        elif max(m, n) > half:
            batch, chunk = 2, 1
            if n > m:
                columns, last = half, (m, n - half)
                steps = [0, half * (ldb if turned_b else 1), half]
            else:
                rows, last = half, (m - half, n)
                steps = [half * (1 if turned_a else lda), 0, half * ldc]
    sizes = (rows, columns, k, lda, ldb, ldc, turned_a, turned_b, add, batch, chunk, *steps, *last)
    return _prepared("product", [a, b], [out], sizes, work, -(-batch // chunk))


def tiled(
    a: np.ndarray, b: np.ndarray, out: np.ndarray, add: bool = False, start: np.ndarray | None = None
) -> Prepared | None:
    """`out` (m, n) = a b, where a is (m, k) and b is (k, n), or the sum of the products of `parts` matrices,
    (parts, m, k) and (parts, k, n). Or several products with one a: `out` is (times, m, n), b (times, k, n).
    With `add`, `out` += a b; `start` (m,) is added to all columns.

    The core computes it by its own code, which copies neither a nor `out`. So it is faster than BLAS for few
    columns, and for sums of small products."""
    if not (active() and all(x.dtype == FLOAT for x in (a, b, out)) and out.size and a.size):
        return None
    times, parts = (len(out), 1) if out.ndim == 3 else (1, len(a) if a.ndim == 3 else 1)
    m, k, n = *a.shape[-2:], out.shape[-1]
    (a_part, row, column), (b_outer, *b_inner), (c_next, c_row, c_column) = (
        (0,) * (3 - x.ndim) + tuple(s // 4 for s in x.strides) for x in (a, b, out)
    )
    if k == 1 or m == 1:  # the distance to the next element of one is any number
        row, column = (row, 1) if k == 1 else (1, column)
    if 1 not in (row, column) or (n > 1 and c_column != 1):
        return None
    b_apart = (*b_inner, b_outer if parts > 1 else 0, b_outer if times > 1 else 0)
    work = 2 * times * parts * m * k * n * costs.FLOP_NS
    shared = work >= costs.NATIVE_CUT_PRODUCT_NS and threads.workers() > 1 and m >= 2 * core.TILE_ROWS
    chunk = _rounded_up(-(-m // 2), core.TILE_ROWS) if shared else m
    sizes = (times, m, n, k, parts, row, column, a_part, *b_apart, c_row, c_next, add, chunk)
    inputs = [a, b] if start is None else [a, b, start]
    return _prepared("tiled", inputs, [out], sizes, work, -(-m // chunk))


def _matrix(x: np.ndarray) -> tuple[int, bool] | None:
    """BLAS's form of a matrix: (elements from one row to the next, False), or (elements from one column to
    the next, True). None if neither rows nor columns are contiguous."""
    rows, columns = x.shape[-2:]
    down, right = (s // 4 if n > 1 else 0 for n, s in zip(x.shape[-2:], x.strides[-2:]))
    if any(s % 4 for s in x.strides) or min(x.strides[-2:]) < 0 or not x.flags.aligned:
        return None
    if right in (0, 1) and (columns == 1 or right == 1) and (rows == 1 or down >= columns):
        return max(down, columns), False
    if down in (0, 1) and (rows == 1 or down == 1) and (columns == 1 or right >= rows):
        return max(right, rows), True
    return None


def reduction(ufunc: Any, x: np.ndarray, axes: tuple[int, ...], out: np.ndarray) -> Prepared | None:
    """`ufunc.reduce` over neighbouring axes of a contiguous array."""
    if not (
        active()
        and ufunc in (np.add, np.maximum)
        and x.dtype == out.dtype == FLOAT
        and x.size
        and axes
        and x.flags.c_contiguous
        and out.flags.c_contiguous
    ):
        return None
    counted = [a for a in axes if x.shape[a] > 1]
    first, last = (counted[0], counted[-1]) if counted else (axes[0], axes[0])
    if any(x.shape[a] > 1 and a not in axes for a in range(first, last)):
        return None
    outer, rows, inner = (
        math.prod(x.shape[:first]),
        math.prod(x.shape[first : last + 1]),
        math.prod(x.shape[last + 1 :]),
    )
    largest = ufunc is np.maximum
    if inner == 1:
        region = Region((outer, rows))
        slot = region.array(x)
        return region.step() if slot is not None and region.sum(slot, rows, out, largest) else None
    strip = min(inner, 512)  # columns that the core computes together
    each = rows * (strip * costs.SUM_NS + costs.NATIVE_ROW_NS)
    strips = outer * -(-inner // 512)
    chunk = _chunk(strips, each)
    sizes = (outer, rows, inner, largest, chunk)
    return _prepared("columns", [x], [out], sizes, strips * each, -(-strips // chunk))


def softmax(x: np.ndarray, out: np.ndarray) -> Prepared | None:
    """The softmax of the rows of a matrix; `out` may be `x`."""
    if not (
        active()
        and x.ndim == 2
        and x.dtype == out.dtype == FLOAT
        and x.size
        and x.flags.c_contiguous
        and out.flags.c_contiguous
    ):
        return None
    rows, classes = x.shape
    each = classes * costs.SOFTMAX_NS + 4 * costs.NATIVE_ROW_NS
    chunk = _chunk(rows, each)
    return _prepared("softmax", [x], [out], (rows, classes, chunk), rows * each, -(-rows // chunk))


class Repeated:
    """Steps that are repeated, in chunks: the same in every repetition, on arrays whose addresses move by a
    constant distance from one repetition to the next, and by another from one chunk to the next. `make(k)`
    makes the steps of repetition `k` of `times`."""

    def __init__(self, make: Callable[[int], Sequence[Prepared | None]], times: int, chunk: int):
        self.chunk, self.times = chunk, times
        made = [_all(make(0))]
        for k in (1, chunk):
            made.append(_all(make(k)) if k < times else made[0])
        self._made = [steps for steps in made if steps is not None]

    def part(self, number: int) -> Prepared | None:
        """The step that does a chunk of the repetitions. None if one of the steps is None."""
        if len(self._made) < 3:
            return None
        times = min(self.chunk, self.times - number * self.chunk)
        nanoseconds = times * sum(step.nanoseconds for step in self._made[0])
        return Prepared(core.list(*map(_native, self._made), number, times, False), nanoseconds, False)


def side_by_side(lists: Sequence[Sequence[Prepared]]) -> Prepared:
    """Independent lists of steps as one step, which several threads may share."""
    made = [_list(_native(steps)) for steps in lists]
    nanoseconds = sum(step.nanoseconds for steps in lists for step in steps)
    return Prepared(_list(made, independent=True), nanoseconds, len(lists) > 1)


def _list(native: list[Any], independent: bool = False) -> Any:
    """The core's steps, once, one after the other or in any order."""
    return core.list(native, native, native, 0, 1, independent)


def _all(steps: Sequence[Prepared | None]) -> list[Prepared] | None:
    made = [step for step in steps if step is not None]
    return made if len(made) == len(steps) else None


def _native(steps: Sequence[Prepared]) -> list[Any]:
    return [step.native for step in steps]


def call(fn: Any, args: Sequence[Any]) -> Prepared | None:
    """A prepared call of NumPy, `fn(*inputs, out)` or `np.copyto(out, x)`, as a step."""
    if not active() or not all(isinstance(a, np.ndarray) for a in args):
        return None
    if fn in (np.dot, np.matmul) and len(args) == 3:
        return product(*args) if fn is np.matmul or all(a.ndim == 2 for a in args) else None
    if fn is np.copyto and len(args) == 2:
        out, ins = args[0], args[1:]
    elif isinstance(fn, np.ufunc) and len(args) == fn.nin + 1 and fn.nout == 1:
        out, ins = args[-1], args[:-1]
    else:
        return None
    if out.dtype not in (FLOAT, BOOL):
        return None
    region = Region(out.shape)
    slots = [slot for slot in map(region.array, ins) if slot is not None]
    if len(slots) < len(ins):
        return None
    if fn is np.copyto:
        done = region.convert(slots[0], out.dtype, out)
    else:
        done = region.apply(fn, slots, [a.dtype for a in ins], out.dtype, out)
    return region.step() if done is not None else None


# --------------------------------------------------------------------------------------------- running steps


class Prepared:
    """A step; calling it runs it. `nanoseconds` is an estimate of its time, and `shared` says whether several
    threads can share it."""

    __slots__ = ("native", "nanoseconds", "shared")

    def __init__(self, native: Any, nanoseconds: float, shared: bool):
        self.native, self.nanoseconds, self.shared = native, nanoseconds, shared

    def __call__(self) -> None:
        self.native()


class Calls(list):
    """Functions without arguments, to be called one after the other. `native`: all are steps of the native
    core."""

    native = False


def join(steps: Sequence[Callable[[], object]]) -> Calls:
    """The steps, where consecutive steps of the core become one call. It uses other threads if there is
    enough work."""
    joined = Calls()
    for is_native, group in groupby(steps, key=lambda s: isinstance(s, Prepared)):
        some: list[Any] = list(group)
        joined += map(_program, _parts(some)) if is_native else some
    joined.native = all(isinstance(s, Prepared) for s in steps)
    return joined


def _parts(steps: Iterable[Prepared]) -> list[list[Prepared]]:
    """The steps in parts of at most NATIVE_LONGEST_NS, since a Ctrl-C has to wait for the end of a part."""
    parts: list[list[Prepared]] = []
    nanoseconds = math.inf
    for step in steps:
        nanoseconds += step.nanoseconds
        if nanoseconds > costs.NATIVE_LONGEST_NS:
            parts.append([])
            nanoseconds = step.nanoseconds
        parts[-1].append(step)
    return parts


def _program(prepared: list[Prepared]) -> Callable[[], object]:
    program = _list(_native(prepared))
    alone: Callable[[], object] = program
    nanoseconds = sum(p.nanoseconds for p in prepared if p.shared)
    if nanoseconds < 2 * costs.WAKE_NS or threads.workers() < 2:
        return alone
    if nanoseconds > costs.NATIVE_COMPARED_NS:
        return partial(threads.share, program.lead, program.help, spread=True)
    return Faster(partial(threads.share, program.lead, program.help), alone)


class Faster:
    """Two functions that do the same work, on several threads or on one. Calling this calls the faster one.

    Which one is faster depends on the machine and on other processes, so both are timed again after 1, 3,
    7 ... calls. The time from one call to the next counts, because arrays that another processor has written
    make the work after the call slower.
    """

    __slots__ = ("_calls", "_alone", "_left", "_unmeasured", "_took", "_start")
    _TIMED = 4  # calls of each that are timed; the least time counts
    _MOST_UNMEASURED = 255  # calls between two comparisons, at most

    def __init__(self, shared: Callable[[], object], alone: Callable[[], object]):
        self._calls, self._alone, self._unmeasured = [shared, alone], alone, 0  # the faster one first
        self._begin()

    def __call__(self) -> None:
        self._left -= 1
        if self._left >= 2 * self._TIMED:
            self._calls[0]()
        else:
            self._compare()

    def _begin(self) -> None:
        self._left = self._unmeasured + 2 * self._TIMED
        self._start: int | None = None
        self._took = [math.inf, math.inf]

    def _compare(self) -> None:
        start = perf_counter_ns()
        if self._start is not None:  # the time of the call before
            before = int(self._left + 1 < self._TIMED)
            self._took[before] = min(self._took[before], start - self._start)
        self._start = start
        self._calls[int(self._left < self._TIMED)]()
        if self._left:
            return
        first, second = (
            took if call is self._alone else took * costs.SHARED_GAIN
            for took, call in zip(self._took, self._calls)
        )
        if second < first:
            self._calls.reverse()
            self._unmeasured = 0
        else:
            self._unmeasured = min(2 * self._unmeasured + 1, self._MOST_UNMEASURED)
        self._begin()
