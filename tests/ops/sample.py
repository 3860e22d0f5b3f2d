"""Samples: the inputs and parameters that every operator is tested with.

`tests/ops/samples/<family>.py` holds `SAMPLES = {"Operator": [S(...), F(...), ...]}`; the templates in
tests/ops and the comparison with MXNet (tests/reference) run over all of them.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field

import numpy as np


def draw(*shape, low=None, high=None, ints=False, seed=None, grid=None):
    """A lazily drawn input: standard normal float32, or uniform in [low, high), or whole numbers there, or
    draws from `grid`."""
    return Draw(tuple(shape), low, high, ints, seed, grid)


@dataclass(frozen=True)
class Draw:
    shape: tuple
    low: float | None = None
    high: float | None = None
    ints: bool = False
    seed: int | None = None
    grid: tuple | None = None

    def array(self, key: str) -> np.ndarray:
        rng = np.random.default_rng(zlib.crc32(key.encode()) if self.seed is None else self.seed)
        if self.grid is not None:
            return rng.choice(np.asarray(self.grid, np.float32), self.shape).astype(np.float32)
        if self.ints:
            return rng.integers(self.low or 0, self.high, self.shape).astype(np.float32)
        if self.low is not None:
            return rng.uniform(self.low, self.high, self.shape).astype(np.float32)
        return rng.standard_normal(self.shape).astype(np.float32)


class S:
    """One sample: `S({"axis": 1}, (2, 3), draw(2, high=5, ints=True), array, ...)`.

    Inputs in the operator's order, auxiliary states last: a shape (tuple: standard normal), a `draw`, or an
    array / nested list (float32 unless it is an ndarray of another type). `grad=False`: compare the forward
    only. `grad=(0, 2)`: gradients of those inputs only. `train`: the mode of the forward pass.
    `numeric=False`: no numeric gradient check (kinks). `rtol`/`atol` other than the default need a `why`.
    `reference=False` (with `why`): MXNet cannot run this sample (it crashes, or never ends);
    `reference="onednn"` (with `why`): only its oneDNN kernels can; `"arrays"`: it can do so with arrays only,
    not with a bound symbol; `"in place"`: with arrays, and its first input as its output. Gradients are
    compared in training mode only.
    """

    def __init__(
        self,
        params=None,
        *inputs,
        grad=True,
        train=True,
        numeric=True,
        rtol=1e-5,
        atol=1e-6,
        why="",
        reference: bool | str = True,
    ):
        self.params, self.inputs = dict(params or {}), inputs
        self.grad, self.train, self.numeric, self.reference = grad, train, numeric, reference
        self.rtol, self.atol, self.why = rtol, atol, why
        if (rtol, atol) != (1e-5, 1e-6) or reference is not True:
            assert why, "a looser tolerance, or no comparison, needs a reason"

    def arrays(self, op: str) -> list[np.ndarray]:
        """The inputs as arrays; the same ones in every process."""
        out = []
        for i, x in enumerate(self.inputs):
            if isinstance(x, tuple):
                x = Draw(x)
            if isinstance(x, Draw):
                x = x.array(f"{op} {sorted(self.params.items())} {i}")
            out.append(x if isinstance(x, np.ndarray) else np.asarray(x, np.float32))
        return out


@dataclass
class F:
    """A must-fail sample: composing, shape inference or running raises an `MxError` whose message contains
    every text of `says`."""

    says: tuple
    params: dict = field(default_factory=dict)
    shapes: tuple = ()

    def __init__(self, says, params=None, *shapes):
        self.says = (says,) if isinstance(says, str) else tuple(says)
        self.params, self.shapes = dict(params or {}), shapes
