"""From values (mxr/compiler/value.py) to ordered steps on arrays that are allocated once.

1. A `Program` collects all values that its roots need, and gives each a stage. Element-wise values of the
   same shape and stage form one region (mxr/compiler/regions.py). Views cost nothing. Every other value is
   one prepared call.
2. A value gets memory only if something outside its region reads it. Values whose lifetimes do not overlap
   share memory.
3. The backward pass reads values of the forward pass that are in memory or expensive. It recomputes the
   others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from collections.abc import Set as AbstractSet
from functools import partial
from typing import Any

import numpy as np

from mxr import native
from mxr.compiler import native_regions, reductions, regions
from mxr.compiler.value import Call, Key, Value, apply_view, thaw
from mxr.native import steps as native_steps
from mxr.operator import Run
from mxr.runtime import costs, threads
from mxr.runtime.memory import Buffers, empty


def base(v: Value) -> Value:
    """The value of which `v` is a view, or `v` itself."""
    while v.kind == "view":
        v = v.args[0]
    return v


def operands(v: Value) -> list[Value]:
    """The values that `v` is computed from."""
    return v.arg[0].ins if v.kind == "kernel" else [a for a in v.args if isinstance(a, Value)]


def reached(roots: list[Value], ends: Callable[[Value], bool] = lambda v: False) -> dict[int, Value]:
    """The `roots` and all values that they are computed from, by id. Operands of values for which `ends` is
    true are not followed."""
    found: dict[int, Value] = {}
    stack = list(roots)
    while stack:
        v = stack.pop()
        if id(v) not in found:
            found[id(v)] = v
            if not ends(v):
                stack += operands(v)
    return found


def _reshaped(v: Value) -> Value:
    """The value of which `v` is only a reshape, or `v` itself."""
    while v.kind == "view" and v.fn == "reshape":
        v = v.args[0]
    return v


class Program:
    """The computation of `roots` from arrays that exist: leaves, constants, and values already in memory,
    whose ids are `stored`."""

    def __init__(self, roots: list[Value], stored: AbstractSet[int] = frozenset()):
        self.roots = roots
        self._stored = stored
        self._root_bases = {id(base(r)) for r in roots}
        self.kept: dict[int, Value] = {}  # values that another program reads later
        self.values = self._needed()
        self._users = self._find_users()
        self._stage = self._find_stages()
        self._sums = self._find_sums()

    # ---------------------------------------------------------------- analysis
    def _exists(self, v: Value) -> bool:
        return v.kind in ("leaf", "const") or id(v) in self._stored

    def _needed(self) -> list[Value]:
        """All values to compute, operands before users."""
        found: dict[int, Value] = {}
        stack = list(self.roots)
        while stack:
            v = stack.pop()
            if id(v) not in found and not self._exists(v):
                found[id(v)] = v
                stack += operands(v)
                if v.kind == "kernel":
                    stack += v.arg[0].outs
        return sorted(found.values(), key=lambda v: v.serial)

    def _find_users(self) -> dict[int, list[tuple[Value, Value]]]:
        """By the id of a value that is no view: all `(operand, user)` pairs that read it. The operand is the
        value or a view of it."""
        users: dict[int, list[tuple[Value, Value]]] = {}
        for v in self.values:
            if v.kind != "view":
                for a in operands(v):
                    users.setdefault(id(base(a)), []).append((a, v))
        return users

    def _find_stages(self) -> dict[int, int]:
        """The stage of each value, by id. A value's stage is after those of its operands, except that
        element-wise values of the same shape can be in one stage.

        An element-wise value has the latest possible stage, so that it is in the region of one of its users.
        """
        stage = self._earliest_stages()
        for v in reversed(self.values):
            users = self._users.get(id(v))
            if v.kind == "map" and users and id(v) not in self._root_bases:
                latest = min(stage[id(u)] - (0 if a is v and _fuses(a, u) else 1) for a, u in users)
                stage[id(v)] = max(stage[id(v)], latest)
        return stage

    def _earliest_stages(self) -> dict[int, int]:
        """The earliest possible stage of each value, by id."""
        stage: dict[int, int] = {}
        random = 0  # the stage of the last kernel that draws random numbers
        for v in self.values:
            s = 1
            for a in operands(v):
                if not self._exists(base(a)):
                    same = v.kind == "view" or _fuses(a, v)
                    s = max(s, stage[id(base(a))] + (0 if same else 1))
            if v.kind == "kernel":
                call = v.arg[0]
                s = max([s, *(stage[id(o)] for o in call.outs if id(o) in stage)])
                if call.random and v.arg[1] == 0:  # random numbers are drawn in the graph's order
                    random = s = max(s, random + 1)
            stage[id(v)] = s
        return stage

    def in_memory(self, v: Value) -> bool:
        """Whether a computed value gets memory. All do except views, and element-wise values that only their
        own region reads."""
        if v.kind == "view":
            return False
        if v.kind != "map" or id(v) in self.kept or id(v) in self._root_bases:
            return True
        return any(
            a is not v
            or (id(u) not in self._sums and not (_fuses(a, u) and self._stage[id(u)] == self._stage[id(v)]))
            for a, u in self._users.get(id(v), ())
        )

    def _find_sums(self) -> set[int]:
        """The ids of the sums that are computed in the regions of their operands."""
        if not native.active():
            return set()
        refused = {
            self._region(v) for v in self.values if v.kind == "map" and not native_regions.supported(v)
        }
        computed = {id(v) for v in self.values}
        found: dict[Key, list[Value]] = {}
        for v in self.values:
            if (
                native_regions.sums_rows(v)
                and id(v.args[0]) in computed
                and self._region(v.args[0]) not in refused
            ):
                same = found.setdefault(self._region(v.args[0]), [])
                if len(same) < native.core.MOST_SUMS and (not same or v.size == same[0].size):
                    same.append(v)
        return {id(v) for same in found.values() for v in same}

    def _region(self, v: Value) -> Key:
        """The region of an element-wise value: its stage and shape."""
        return self._stage[id(v)], v.shape

    def keep_for(self, roots: list[Value]) -> None:
        """Add to `kept` the values that the program of other `roots` will read: values in memory, and
        element-wise values that cost less to store than to recompute. That program recomputes all others."""
        computed = {id(v) for v in self.values}
        needed = reached(roots)
        read = {id(r) for r in roots}
        read |= {id(a) for v in needed.values() if id(v) not in computed for a in operands(v)}
        expensive = self._expensive(needed, read)

        def is_kept(v: Value) -> bool:
            return id(v) in computed and (id(v) in expensive or self.in_memory(v))

        self.kept |= {key: v for key, v in reached(roots, is_kept).items() if is_kept(v)}

    def _expensive(self, needed: dict[int, Value], read: set[int]) -> set[int]:
        """Of the element-wise values without memory that another program reads (`read`), the ids of those
        that are worth storing.

        Recomputing a value takes all operations from stored values to it. A large value is stored if they
        take longer than storing and reading it. A small value, which stays in the cache, is always stored.
        """
        cost: dict[int, int] = {}  # cheap operations to recompute a value
        expensive: set[int] = set()
        for v in self.values:
            if id(v) not in needed or v.kind not in ("map", "view") or self.in_memory(v):
                continue
            c = sum(cost.get(id(a), 0) for a in operands(v))
            if v.kind == "map":
                c += 1 if v.fn in regions.CHEAP else costs.STORE_OPERATIONS
                if id(v) in read and (v.size <= costs.CACHED_ELEMENTS or c >= costs.STORE_OPERATIONS):
                    expensive.add(id(v))
                    continue
            cost[id(v)] = c
        return expensive

    @property
    def uses_blas(self) -> bool:
        """Whether a BLAS library might start its own threads: for kernels, and for products above OpenBLAS's
        limits."""
        return any(
            (v.kind == "kernel" and not v.arg[0].foreign)
            or (
                v.kind in ("matmul", "reduce")
                and max(a.size for a in operands(v)) >= costs.BLAS_THREADS_VECTOR
            )
            or (v.kind == "matmul" and v.size * v.args[0].shape[-1] >= costs.BLAS_THREADS_PRODUCT)
            for v in self.values
        )

    def _groups(self) -> list[list[Value]]:
        """The values of each step, in order: a region, the outputs of one kernel call, or a single value."""
        groups: dict[Any, list[Value]] = {}
        for v in self.values:
            if id(v) in self._sums:
                groups[self._region(v.args[0])].append(v)
            elif v.kind != "view":
                step = self._region(v) if v.kind == "map" else id(v.arg[0]) if v.kind == "kernel" else id(v)
                groups.setdefault(step, []).append(v)
        return sorted(groups.values(), key=lambda g: (self._stage[id(g[0])], g[0].kind == "map", g[0].serial))

    # ---------------------------------------------------------------- code
    def compile(
        self,
        arrays: dict[int, np.ndarray],
        variables: Callable[[tuple], np.ndarray],
        buffers: Buffers,
        run: Run,
        targets: Sequence[np.ndarray | None],
    ) -> native_steps.Calls:
        """The steps as functions without arguments.

        `arrays` holds the arrays of stored values by id, and receives those of kept ones. `variables` finds
        the array of a leaf. `targets` are the arrays for the roots. A root without a target (None) gets other
        memory.
        """
        groups = self._groups()
        placed = dict(arrays)
        late = self._place_roots(groups, placed, targets)
        self._place(groups, placed, buffers, {id(base(root)) for root, _ in late})
        arrays.update((k, placed[k]) for k in self.kept)

        def resolve(v: Value) -> np.ndarray:
            if id(v) not in placed:
                if v.kind == "const":
                    return np.broadcast_to(np.asarray(v.arg, v.dtype), v.shape)
                if v.kind == "leaf":
                    return v.arg[1] if v.arg[0] == "array" else variables(v.arg)
                placed[id(v)] = apply_view(resolve(v.args[0]), v.fn, v.arg)
            return placed[id(v)]

        steps = [step for group in groups for step in _steps(group, placed, resolve, run)]
        steps += [_copy(target, resolve(root)) for root, target in late]
        return native_steps.join(steps)

    def _place_roots(
        self,
        groups: list[list[Value]],
        placed: dict[int, np.ndarray],
        targets: Sequence[np.ndarray | None],
    ) -> list[tuple[Value, np.ndarray]]:
        """Place the roots in their targets, so that they are computed there without a copy.

        Gives the pairs `(root, target)` for which that is impossible: the root is copied at the end.
        """
        late = []
        computed = {id(v) for g in groups for v in g}
        for root, target in zip(self.roots, targets):
            origin = _reshaped(root)
            if target is None or np.may_share_memory(target, placed.get(id(origin), ())):
                continue
            if id(origin) in computed and id(origin) not in placed:
                placed[id(origin)] = target.reshape(origin.shape)
            else:
                late.append((root, target))
        return late

    def _place(
        self, groups: list[list[Value]], placed: dict[int, np.ndarray], buffers: Buffers, held: set[int]
    ) -> None:
        """Give memory to all values that need it.

        A buffer is free again after the last step that reads it. The buffer of a value in `held` stays in use
        until the program's end.
        """
        position = {id(v): i for i, g in enumerate(groups) for v in g}
        ends: list[list[int]] = [[] for _ in groups]  # buffers that are free again after each step
        taken: dict[int, tuple[int, Value]] = {}
        pinned = []
        for i, group in enumerate(groups):
            for v in group:
                if id(v) in placed or not self.in_memory(v):
                    continue
                if id(v) in self.kept:
                    placed[id(v)] = empty(v.shape, v.dtype)
                    continue
                b = buffers.take(v.size * v.dtype.itemsize)
                taken[id(v)] = b, v
                if id(v) in held:
                    pinned.append(b)
                else:
                    ends[max((position[id(u)] for _, u in self._users.get(id(v), ())), default=i)].append(b)
            for b in ends[i]:
                buffers.give_back(b)
        for b in pinned:
            buffers.give_back(b)
        for key, (b, v) in taken.items():
            placed[key] = buffers.array(b, v.shape, v.dtype)


def _fuses(a: Value, user: Value) -> bool:
    """Whether `user` can be in the same region as its operand `a`."""
    return a.kind == user.kind == "map" and a.shape == user.shape


def _steps(
    group: list[Value], placed: dict[int, np.ndarray], resolve: Callable[[Value], np.ndarray], run: Run
) -> Sequence[Callable[[], Any]]:
    """The prepared calls for the values of one group. `placed` has their arrays, `resolve` finds those of
    their operands."""
    first = group[0]
    if first.kind == "map":
        maps = [v for v in group if v.kind == "map"]
        sums = [(v, placed[id(v)]) for v in group if v.kind != "map"]
        outs = {id(v): placed[id(v)] for v in maps if id(v) in placed}
        return regions.calls(maps, first.shape, resolve, outs, sums)
    if first.kind == "kernel":
        call: Call = first.arg[0]
        return [call.fn(run, [resolve(a) for a in call.ins], [placed[id(o)] for o in call.outs])]
    return _single(first, [resolve(a) for a in first.args], placed[id(first)])


def _single(v: Value, ins: list[np.ndarray], out: np.ndarray) -> list[Callable[[], Any]]:
    """The prepared calls for a value that is neither element-wise nor an output of a kernel."""
    if v.kind == "reduce":
        return reductions.calls(v.fn, ins[0], v.arg, v.dtype, out)
    if v.kind == "matmul":
        a, b = ins
        return [native_steps.product(a, b, out) or threads.product(a, b, out)]
    if v.kind == "concat":
        return _concatenate(ins, v.arg, out)
    if v.kind == "copy":
        return [_copy(out, ins[0])]
    if v.kind == "scatter":
        keys, has_base = v.arg
        tiled = not has_base and _tiles(keys, v.shape)
        steps = [] if tiled else [_copy(out, ins[0] if has_base else np.zeros((), v.dtype))]
        for key, g in zip(keys, ins[has_base:]):
            part = out[thaw(key)]
            fn: Any = np.copyto if tiled else np.add
            args = (part, g) if tiled else (part, g, part)
            step = native_steps.call(fn, args)
            if step is not None:
                steps.append(step)
            else:
                steps += [partial(f, *arrays) for f, arrays in regions.split_strided(fn, *args)]
        return steps
    raise AssertionError(v.kind)


def _copy(out: np.ndarray, x: np.ndarray) -> Callable[[], Any]:
    return native_steps.call(np.copyto, (out, x)) or partial(np.copyto, out, x)


def _concatenate(ins: list[np.ndarray], axis: int, out: np.ndarray) -> list[Callable[[], Any]]:
    places = np.cumsum([x.shape[axis] for x in ins])[:-1]
    copies = [native_steps.call(np.copyto, (part, x)) for part, x in zip(np.split(out, places, axis), ins)]
    made: list[Callable[[], Any]] = [copy for copy in copies if copy]
    return made if len(made) == len(copies) else [partial(np.concatenate, ins, axis, out)]


def _tiles(keys: Iterable[Key], shape: tuple[int, ...]) -> bool:
    """Whether the slices are all along one axis, and cover `shape` exactly once."""
    cuts: dict[int, list[tuple[int, int]]] = {}
    for key in keys:
        if len(key) > len(shape) or any(not isinstance(k, tuple) or k[3] not in (None, 1) for k in key):
            return False
        partial_axes = [
            (axis, s.indices(n)[:2])
            for axis, (s, n) in enumerate(zip(thaw(key), shape))
            if s.indices(n) != (0, n, 1)
        ]
        if len(partial_axes) != 1:
            return False
        axis, span = partial_axes[0]
        cuts.setdefault(axis, []).append(span)
    if len(cuts) != 1:
        return False
    ((axis, spans),) = cuts.items()
    edge = 0
    for start, stop in sorted(spans):
        if start != edge or stop <= start:
            return False
        edge = stop
    return edge == shape[axis]
