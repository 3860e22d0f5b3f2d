"""Random graphs of pointwise, broadcasting, reducing and reshaping operators, with shared nodes and several
losses."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

import mxr

LIMIT = 30.0  # values beyond it are brought back by tanh, so that rounding errors stay small
UNARY = {
    "relu": None,
    "sigmoid": 1,
    "tanh": 1,
    "softsign": 1,
    "sin": 1,
    "cos": 1,
    "arctan": 1.6,
    "erf": 1,
    "abs": None,
    "negative": None,
    "square": lambda b: b * b,
    "exp": lambda b: np.exp(min(b, 9.0)),
    "floor": lambda b: b + 1,
    "sign": 1,
    "BlockGrad": None,
    "_copy": None,
    "Flatten": None,
    "log1p": "positive",
    "sqrt": "positive",
    "reciprocal": "positive",
    "log": "positive",
}
SCALAR = {
    "_plus_scalar": 1.5,
    "_minus_scalar": 0.5,
    "_rminus_scalar": 2,
    "_mul_scalar": -1.25,
    "_div_scalar": 2,
    "_maximum_scalar": 0.25,
    "_minimum_scalar": -0.125,
    "_power_scalar": 2,
    "_greater_scalar": 0.0625,
    "_hypot_scalar": 1.5,
    "smooth_l1": 1,
}
SAME = {
    "elemwise_add": sum,
    "elemwise_sub": sum,
    "elemwise_mul": np.prod,
    "_maximum": max,
    "_minimum": max,
    "_hypot": sum,
}
BROADCAST = {
    "broadcast_div": "positive",
    "broadcast_hypot": sum,
    "broadcast_add": sum,
    "broadcast_sub": sum,
    "broadcast_mul": np.prod,
    "broadcast_maximum": max,
    "broadcast_minimum": max,
}
REDUCE = ("sum", "mean", "max", "min", "norm")


@dataclass
class Graph:
    symbol: mxr.Symbol
    values: dict[str, np.ndarray]
    wanted: list[str]


@dataclass
class Part:
    """A node under construction: its symbol, shape, and a bound on its absolute values."""

    symbol: mxr.Symbol
    shape: tuple
    bound: float


def from_seed(seed: int, most: int = 40) -> Graph:
    rng = random.Random(seed)
    return build(rng.randrange, 3 + rng.randrange(most - 3), seed)


def build(choose: Callable[[int], int], n_nodes: int, seed: int, dims=(1, 2, 3, 4), dtype="float32") -> Graph:
    """A graph of about `n_nodes` operators on arrays of up to three of `dims`; `choose(n)` decides everything
    (0 <= choice < n), `seed` draws the values."""
    builder = _Builder(choose, seed, dims, dtype)
    while builder.n < n_nodes:
        builder.step()
    return builder.finish()


class _Builder:
    def __init__(self, choose, seed, dims, dtype):
        self.choose, self.rng, self.dtype, self.n = choose, np.random.RandomState(seed % 2**32), dtype, 0
        self.base = tuple(self.one_of(dims) for _ in range(1 + choose(3)))
        self.values: dict[str, np.ndarray] = {}
        self.parts = [self.variable() for _ in range(1 + choose(3))]
        self.used: set[int] = set()

    def one_of(self, items):
        items = list(items)
        return items[self.choose(len(items))]

    def variable(self, shape=None) -> Part:
        if shape is None:
            shape = tuple(d if self.choose(4) else 1 for d in self.base)
        name = f"x{len(self.values)}"
        self.values[name] = self.rng.standard_normal(shape).astype(self.dtype)
        return Part(mxr.sym.Variable(name), shape, 4.0)

    def pick(self) -> Part:
        """Mostly a node that nothing uses yet (so that graphs hang together), sometimes any (so that nodes
        are shared)."""
        return self.use(self.parts)

    def use(self, parts: list[Part]) -> Part:
        fresh = [p for p in parts if id(p) not in self.used]
        part = self.one_of(fresh if fresh and self.choose(4) else parts)
        self.used.add(id(part))
        return part

    def add(self, op: str, inputs: list[Part], bound: float, **params) -> Part:
        self.n += 1
        symbol = getattr(mxr.sym, op)(*(x.symbol for x in inputs), name=f"n{self.n}", **params)
        shape = next(
            iter(symbol.infer_shape(**{k: self.values[k].shape for k in symbol.list_arguments()})[1].values())
        )
        part = Part(symbol, tuple(shape), float(bound))
        if part.bound > LIMIT:
            return self.add("tanh", [part], 1.0)
        self.parts.append(part)
        return part

    def step(self):
        self.one_of(
            [
                self.unary,
                self.unary,
                self.scalar,
                self.same,
                self.broadcast,
                self.broadcast,
                self.reduce,
                self.view,
                self.join,
            ]
        )()

    def unary(self):
        x = self.pick()
        op = self.one_of(UNARY)
        rule = UNARY[op]
        if rule == "positive":
            x, rule = self.positive(x), 5.0
        self.add(op, [x], x.bound if rule is None else rule(x.bound) if callable(rule) else rule)

    def positive(self, x: Part) -> Part:
        """A node with values of at least 0.5, away from singularities."""
        return self.add(
            "_plus_scalar", [self.add("square", [x], x.bound**2)], min(x.bound**2, LIMIT) + 0.5, scalar=0.5
        )

    def scalar(self):
        x, op = self.pick(), self.one_of(SCALAR)
        self.add(op, [x], x.bound**2 if op == "_power_scalar" else 1.25 * x.bound + 2, scalar=SCALAR[op])

    def same(self):
        x, op = self.pick(), self.one_of(SAME)
        others = [p for p in self.parts if p.shape == x.shape] or [self.variable(x.shape)]
        y = self.use(others)
        # the condition is an argument: a computed one may change by rounding
        if self.choose(6) == 0:
            self.add("where", [self.variable(x.shape), x, y], max(x.bound, y.bound))
        else:
            self.add(op, [x, y], SAME[op]([x.bound, y.bound]))

    def broadcast(self):
        x, op = self.pick(), self.one_of(BROADCAST)
        fits = [
            p
            for p in self.parts
            if len(p.shape) == len(x.shape) and all(a == b or 1 in (a, b) for a, b in zip(p.shape, x.shape))
        ]
        y = (
            self.use(fits)
            if self.choose(4)
            else self.variable(tuple(d if self.choose(2) else 1 for d in x.shape))
        )
        if BROADCAST[op] == "positive":
            self.add(op, [x, self.positive(y)], 2 * x.bound)
        else:
            self.add(op, [x, y], BROADCAST[op]([x.bound, y.bound]))

    def reduce(self):
        x, op = self.pick(), self.one_of(REDUCE)
        n = len(x.shape)
        params = self.one_of(
            [{}, *({"axis": i} for i in range(n)), {"axis": (0, -1)} if n > 1 else {"axis": (0,)}]
        )
        if params and op != "norm" and self.choose(3) == 0:
            params["exclude"] = True
        if self.choose(2):
            params["keepdims"] = True
        if op == "norm":  # its gradient has a singularity at zero
            x = self.positive(x)
        self.add(op, [x], x.bound * (np.prod(x.shape) if op in ("sum", "norm") else 1), **params)

    def view(self):
        x = self.pick()
        op = self.one_of(["transpose", "Reshape", "expand_dims", "slice_axis", "SwapAxis", "reverse"])
        n = len(x.shape)
        params = {
            "transpose": {},
            "Reshape": {"shape": (-1,)},
            "expand_dims": {"axis": self.choose(n + 1)},
            "SwapAxis": {"dim1": 0, "dim2": n - 1},
            "slice_axis": {"axis": 0, "begin": 0, "end": 1 + self.choose(x.shape[0])},
            "reverse": {"axis": (self.choose(n),)},
        }[op]
        if op != "expand_dims" or n < 4:
            self.add(op, [x], x.bound, **params)

    def join(self):
        x = self.pick()
        axis = self.choose(len(x.shape))
        fits = [
            p
            for p in self.parts
            if p.shape[:axis] == x.shape[:axis]
            and p.shape[axis + 1 :] == x.shape[axis + 1 :]
            and len(p.shape) == len(x.shape)
        ]
        y = self.use(fits)
        self.add("Concat", [x, y], max(x.bound, y.bound), dim=axis, num_args=2)

    def finish(self) -> Graph:
        """Every node that nothing uses becomes a head, most of them losses."""
        heads = [p for p in self.parts if id(p) not in self.used][-6:] or [self.parts[-1]]
        losses = []
        for i, p in enumerate(heads):
            kind = self.choose(4)
            if kind:
                params = (
                    {},
                    {"grad_scale": 0.5},
                    {"normalization": "batch"},
                    {"normalization": "valid", "valid_thresh": 0.125},
                )[kind]
                losses.append(mxr.sym.MakeLoss(p.symbol, name=f"loss{i}", **params))
            else:
                losses.append(p.symbol)
        symbol = mxr.sym.Group(losses)
        used = symbol.list_arguments()
        return Graph(symbol, {k: self.values[k] for k in used}, [k for k in used if self.choose(5)])
