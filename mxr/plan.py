"""From a symbol with shapes to two flat lists of prepared calls, forward and backward, on arrays allocated once.

1. `trace_forward` and `trace_backward` run every operator's own code on symbolic arrays (mxr/trace.py).
2. `Program` orders what is needed into steps: element-wise values of one shape and stage form one fused region
   (mxr/fused.py); views cost nothing; everything else is one call.
3. Memory: a value is stored only if something outside its region reads it. Storage is shared between values that do not live
   at the same time. The backward pass computes element-wise values again from what is stored rather than keep them all.
"""
from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import numpy as np

from . import fused
from .op import MxError, Run, shape_text
from .symbol import Node, Symbol
from .trace import Call, Value, _thaw, apply_view, cast, const, kernel, leaf, lift, scatter

Entry = tuple[int, int]


# --------------------------------------------------------------------------------------------- tracing

def trace_forward(symbol: Symbol, shapes: dict[Entry, tuple], types: dict[Entry, np.dtype]) -> dict[Entry, Value]:
    """The value of every entry of the graph, hidden outputs included."""
    values: dict[Entry, Value] = {}
    for n in symbol.nodes():
        if n.op is None:
            values[id(n), 0] = leaf(("var", n.name), shapes[id(n), 0], types[id(n), 0])
            continue
        ins = [values[id(m), i] for m, i in n.inputs]
        keys = [(id(n), i) for i in range(n.n_outputs)]
        if n.op.is_expression:
            outs = n.op.forward(n.p, *ins)
            outs = outs if isinstance(outs, (tuple, list)) else (outs,)
            outs = [lift(o, shapes[k]) for o, k in zip(outs, keys, strict=True)]
        else:
            outs = kernel(_bind_compute(n), ins, [shapes[k] for k in keys], [types[k] for k in keys], n.op.random, n.op.name)
        for k, o in zip(keys, outs):
            if o.shape != shapes[k]:
                raise AssertionError(f"{n.op.name}: forward gave shape {o.shape}, inferred was {shapes[k]}")
            values[k] = o.astype(types[k])
    return values


def _bind_compute(n: Node):
    return lambda run, ins, outs: partial(n.op.compute, n.p, run, ins, outs)


def trace_backward(symbol: Symbol, values: dict[Entry, Value], heads: list[Value | None], wanted: set[str]) -> dict[str, Value]:
    """The gradient of every wanted argument, given the gradients of the outputs (None: zero). Arguments without one are left out."""
    grads: dict[Entry, list[Value]] = {}
    for (n, i), g in zip(symbol.heads, heads):
        if g is not None:
            grads.setdefault((id(n), i), []).append(g)
    nodes = symbol.nodes()
    needs: dict[int, bool] = {}
    for n in nodes:
        needs[id(n)] = n.name in wanted if n.op is None else any(needs[id(m)] for m, _ in n.inputs)
    by_name: dict[str, list[Value]] = {}
    for n in reversed(nodes):
        if not needs[id(n)]:
            continue
        gs = [_total(grads.pop((id(n), i), [])) for i in range(n.n_visible)]
        if n.op is None:
            if gs[0] is not None:
                by_name.setdefault(n.name, []).append(gs[0])
            continue
        if n.op.zero_gradient or (not n.op.loss and all(g is None for g in gs)):
            continue
        for (m, i), g in zip(n.inputs, _node_gradient(n, gs, values, [needs[id(m)] for m, _ in n.inputs])):
            if g is not None and needs[id(m)]:
                like = values[id(m), i]
                g = lift(g, like.shape)
                if g.shape != like.shape:
                    if g.kind != "const":
                        raise AssertionError(f"{n.op.name}: backward gave shape {g.shape} for an input of {like.shape}")
                    g = const(g.arg, like.shape, like.dtype)
                grads.setdefault((id(m), i), []).append(g.astype(like.dtype))
    return {name: _total(parts) for name, parts in by_name.items()}


def _node_gradient(n: Node, gs, values, wanted) -> list:
    op, p = n.op, n.p
    ins = [values[id(m), i] for m, i in n.inputs]
    outs = [values[id(n), i] for i in range(n.n_outputs)]
    n_in = len(ins) - n.n_aux
    if op.backward:
        if op.loss and all(g is None for g in gs):
            g = None
        elif len(gs) == 1:
            g = gs[0]
        else:
            g = tuple(const(0.0, values[id(n), i].shape) if g is None else g for i, g in enumerate(gs))
        result = op.backward(p, None if op.loss and len(gs) == 1 and not getattr(p, "out_grad", False) else g, tuple(ins), tuple(outs))
        result = list(result) if isinstance(result, (tuple, list)) else [result]
        return result + [None] * (len(ins) - len(result))
    if op.gradient is None:
        raise MxError(f"{op.name} {n.name} has no gradient in MXNet; put BlockGrad (stop_gradient) around it, "
                      'or bind its inputs with grad.req = "null"')
    keep_ins = ins if "ins" in op.keeps else [None] * len(ins)
    keep_outs = outs if "outs" in op.keeps else outs[:n.n_visible] and [None] * n.n_visible + outs[n.n_visible:]
    slots = [i for i in range(n_in) if wanted[i]]

    def bind(run, arrays, results):
        it = iter(arrays)
        parts = [[None if v is None else next(it) for v in part] for part in (gs, keep_ins, keep_outs)]
        igs = [None] * n_in
        for i, r in zip(slots, results):
            igs[i] = r
        return partial(op.gradient, p, run, *parts, igs)

    reads = [v for part in (gs, keep_ins, keep_outs) for v in part if v is not None]
    results = kernel(bind, reads, [ins[i].shape for i in slots], [ins[i].dtype for i in slots], False, f"{op.name} gradient")
    out: list = [None] * len(ins)
    for i, r in zip(slots, results):
        out[i] = r
    return out


def _total(parts: list[Value]) -> Value | None:
    """The sum of gradient contributions; slices are added into one array instead of each being blown up to full size."""
    if not parts:
        return None
    slices = [v for v in parts if v.kind == "scatter"]
    total = None
    for v in parts:
        if v.kind != "scatter":
            total = v if total is None else total + v
    return total if not slices else scatter(slices, total)


# --------------------------------------------------------------------------------------------- programs

class Memory:
    """Storage shared by the intermediate values of an executor's programs: a list of buffers, lent by size."""

    def __init__(self):
        self.sizes: list[int] = []
        self.free: list[int] = []
        self.buffers: list[np.ndarray | None] = []

    def take(self, nbytes: int) -> int:
        """The free buffer that fits best, grown if too small."""
        if self.free:
            fits = [b for b in self.free if self.sizes[b] >= nbytes]
            b = min(fits, key=lambda b: self.sizes[b]) if fits else max(self.free, key=lambda b: self.sizes[b])
            if self.buffers[b] is None or fits:     # a buffer that exists already cannot grow
                self.free.remove(b)
                self.sizes[b] = max(self.sizes[b], nbytes)
                return b
        self.sizes.append(nbytes)
        self.buffers.append(None)
        return len(self.sizes) - 1

    def array(self, b: int, shape, dtype) -> np.ndarray:
        if self.buffers[b] is None:
            self.buffers[b] = np.empty(self.sizes[b], np.uint8)
        dtype = np.dtype(dtype)
        return self.buffers[b][:math.prod(shape) * dtype.itemsize].view(dtype).reshape(shape)


def _base(v: Value) -> Value:
    while v.kind == "view":
        v = v.args[0]
    return v


def _reshaped(v: Value) -> Value:
    """What `v` is a mere reshape of."""
    while v.kind == "view" and v.fn == "reshape":
        v = v.args[0]
    return v


def _operands(v: Value):
    return v.arg[0].ins if v.kind == "kernel" else [a for a in v.args if isinstance(a, Value)]


class Program:
    """Ordered steps that compute some roots from arrays that exist. `needed` first, `compile` once memory is decided."""

    def __init__(self, roots: list[Value], stored: set[int] = frozenset()):
        """`stored`: ids of values that are in memory when the program starts."""
        self.roots, self.stored = roots, stored
        self.values = self._needed()
        self.stage = self._stages()
        self.users = self._users()
        self.kept: dict[int, Value] = {}        # values that must survive the program (the backward pass reads them)

    def _exists(self, v: Value) -> bool:
        return v.kind in ("leaf", "const") or id(v) in self.stored

    def _needed(self) -> list[Value]:
        found: dict[int, Value] = {}
        stack = list(self.roots)
        while stack:
            v = stack.pop()
            if id(v) in found or self._exists(v):
                continue
            found[id(v)] = v
            stack += _operands(v)
            if v.kind == "kernel":
                stack += v.arg[0].outs
        return sorted(found.values(), key=lambda v: v.serial)

    def _stages(self) -> dict[int, int]:
        """When each value can be computed: element-wise values of one shape share a stage wherever they can."""
        stage: dict[int, int] = {}
        random = 0
        for v in self.values:
            s = 1
            for a in _operands(v):
                b = _base(a)
                if self._exists(b):
                    continue
                s = max(s, stage[id(b)] + (not (v.kind == a.kind == "map" and v.shape == a.shape) and v.kind != "view"))
            if v.kind == "kernel":
                call = v.arg[0]
                s = max([s, *(stage[id(o)] for o in call.outs if id(o) in stage)])
                if call.random and v.arg[1] == 0:       # draws happen in graph order
                    random = s = max(s, random + 1)
            stage[id(v)] = s
        users: dict[int, list[tuple[Value, Value]]] = {}
        for v in self.values:
            for a in _operands(v):
                users.setdefault(id(_base(a)), []).append((a, v))
        roots = {id(_base(r)) for r in self.roots}
        for v in reversed(self.values):     # element-wise values as late as possible: beside their first user
            if v.kind == "map" and id(v) not in roots and users.get(id(v)):
                stage[id(v)] = max(stage[id(v)], min(
                    stage[id(u)] - (not (a is v and u.kind == "map" and u.shape == v.shape)) for a, u in users[id(v)]
                    if u.kind != "view") if any(u.kind != "view" for _, u in users[id(v)]) else 0)
        return stage

    def _users(self) -> dict[int, list[Value]]:
        """For the base of every operand: the values that read it (through whatever views)."""
        users: dict[int, list[Value]] = {}
        for v in self.values:
            if v.kind == "view":
                continue
            for a in _operands(v):
                users.setdefault(id(_base(a)), []).append(v)
        return users

    def in_memory(self, v: Value) -> bool:
        """Whether the computed value gets memory (a map that only its own region reads does not)."""
        if v.kind == "view":
            return False
        if v.kind != "map" or id(v) in self.kept or any(_base(r) is v for r in self.roots):
            return True
        return any(u.kind != "map" or u.shape != v.shape or self.stage[id(u)] != self.stage[id(v)]
                   or not any(a is v for a in u.args) or any(_base(a) is v and a is not v for a in u.args if isinstance(a, Value))
                   for u in self.users.get(id(v), ()))

    def materialised(self) -> set[int]:
        root_ids = {id(_base(r)) for r in self.roots}
        return {id(v) for v in self.values if id(v) in root_ids or self.in_memory(v)}

    # ---------------------------------------------------------------- code
    def compile(self, arrays: dict[int, np.ndarray], variables: Callable[[tuple], np.ndarray], memory: Memory, run: Run,
                targets: list[np.ndarray | None]) -> list[Callable[[], None]]:
        """The steps. `arrays` maps ids of stored values to their memory and receives the kept ones; `targets` are where the
        roots go (None: wherever)."""
        groups: dict = {}
        for v in self.values:
            if v.kind == "view":
                continue
            key = ((self.stage[id(v)], 1, v.shape) if v.kind == "map" else
                   (self.stage[id(v)], 0, id(v.arg[0])) if v.kind == "kernel" else (self.stage[id(v)], 0, id(v)))
            groups.setdefault(key, []).append(v)
        order = sorted(groups.values(), key=lambda g: (self.stage[id(g[0])], g[0].kind == "map", g[0].serial))
        position = {id(v): i for i, g in enumerate(order) for v in g}
        last = {k: max((position[id(u)] for u in us), default=-1) for k, us in self.users.items()}

        local: dict[int, np.ndarray] = dict(arrays)
        finish = []
        for root, target in zip(self.roots, targets):
            if target is None:
                continue
            base = _reshaped(root)
            if id(base) in position and id(base) not in local:      # computed right where it is wanted
                local[id(base)] = target.reshape(base.shape)
            else:
                finish.append((root, target))
        pinned = {id(_base(r)) for r, _ in finish} | {id(_base(r)) for r in self.roots}
        wanted = self.materialised()

        def resolve(v: Value) -> np.ndarray:
            if id(v) in local:
                return local[id(v)]
            if v.kind == "const":
                return np.broadcast_to(np.asarray(v.arg, v.dtype), v.shape)
            if v.kind == "leaf":
                return v.arg[1] if v.arg[0] == "array" else variables(v.arg)
            local[id(v)] = apply_view(resolve(v.args[0]), v.fn, v.arg)
            return local[id(v)]

        # decide the memory of everything first: a buffer may still grow while nothing has been allocated
        lent: dict[int, int] = {}
        owned: list[int] = []
        for i, group in enumerate(order):
            for v in group:
                if id(v) not in wanted or id(v) in local:
                    continue
                nbytes = math.prod(v.shape) * v.dtype.itemsize
                if id(v) in self.kept:
                    arrays[id(v)] = local[id(v)] = np.empty(v.shape, v.dtype)
                    continue
                lent[id(v)] = memory.take(nbytes)
                if id(v) in pinned:
                    owned.append(lent[id(v)])
            for v in {id(x): x for g in (order[i],) for u in g for a in [*_operands(u), u] for x in [_base(a)]}.values():
                if id(v) in lent and id(v) not in pinned and last.get(id(v), position[id(v)]) <= i:
                    if lent[id(v)] not in memory.free:
                        memory.free.append(lent[id(v)])
        memory.free += [b for b in owned if b not in memory.free]
        by_id = {id(v): v for v in self.values}
        for k, b in lent.items():
            local[k] = memory.array(b, by_id[k].shape, by_id[k].dtype)
        for k in self.kept:
            if k in local:
                arrays[k] = local[k]

        steps: list[Callable[[], None]] = []
        for group in order:
            first = group[0]
            if first.kind == "map":
                store = {id(v): local[id(v)] for v in group if id(v) in wanted}
                steps.append(fused.program(group, first.shape, resolve, store))
            else:
                steps += _single(first, [local.get(id(o)) for o in first.arg[0].outs] if first.kind == "kernel" else
                                 [local[id(first)]], resolve, run)
        for root, target in finish:
            steps.append(partial(np.copyto, target, resolve(root)))
        return steps


def _single(v: Value, outs, resolve, run) -> list[Callable[[], None]]:
    """The prepared calls that compute one value that is not element-wise."""
    out = outs[0]
    if v.kind == "kernel":
        call: Call = v.arg[0]
        return [call.fn(run, [resolve(a) for a in call.ins], outs)]
    ins = [resolve(a) for a in v.args]
    if v.kind == "reduce":
        return [partial(v.fn.reduce, ins[0], v.arg, v.dtype, out, True)]
    if v.kind == "matmul":
        return [partial(np.matmul, *ins, out)]
    if v.kind == "concat":
        return [partial(np.concatenate, ins, v.arg, out)]
    if v.kind == "copy":
        return [partial(np.copyto, out, ins[0])]
    if v.kind == "scatter":
        keys, has_base = v.arg
        tiled = not has_base and _tiles(keys, v.shape)
        steps = [] if tiled else [partial(np.copyto, out, ins[0] if has_base else v.dtype.type(0))]
        for key, g in zip(keys, ins[has_base:]):
            part = out[_thaw(key)]
            calls = fused.split_strided(np.copyto, part, g) if tiled else fused.split_strided(np.add, part, g, part)
            steps += [partial(fn, *args) for fn, args in calls]
        return steps
    raise AssertionError(v.kind)


def _tiles(keys, shape) -> bool:
    """Whether the slices cover `shape` exactly once, cut along one axis."""
    cuts: dict[int, list] = {}
    for key in keys:
        if len(key) > len(shape) or any(not isinstance(k, tuple) or k[3] not in (None, 1) for k in key):
            return False
        partial_axes = [(axis, s.indices(n)[:2]) for axis, (s, n) in enumerate(zip(_thaw(key), shape)) if s.indices(n) != (0, n, 1)]
        if len(partial_axes) != 1:
            return False
        axis, span = partial_axes[0]
        cuts.setdefault(axis, []).append(span)
    if len(cuts) != 1:
        return False
    (axis, spans), = cuts.items()
    edge = 0
    for start, stop in sorted(spans):
        if start != edge or stop <= start:
            return False
        edge = stop
    return edge == shape[axis]


__all__ = ["Program", "Memory", "trace_forward", "trace_backward", "cast", "shape_text"]
