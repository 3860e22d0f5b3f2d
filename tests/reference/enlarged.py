"""Every sample on arrays many times as large, which are divided into blocks and threads, or have another
layout."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tests.ops.collect import Case, cases
from tests.ops.sample import S
from tests.reference import variants
from tests.reference.compare import array_difference

WAYS = ((0, 97), (-1, 61))  # the axis along which arrays are repeated, and how often
MOST = 400_000  # the largest number of elements of a sample
# left out: random numbers have their own samples; decompositions magnify BLAS's rounding
APART = {
    "random",
    "linalg",
    "linalg_diag",
}


def compare(family: str | None = None, op: str | None = None) -> int:
    """The number of operators that differ from MXNet's by more than the rounding of long sums."""
    return variants.compare("enlarged", "enlarged", enlarged(family, op), lambda case: case.op.name, close)


def enlarged(family: str | None, op: str | None) -> Iterator[Case]:
    """Samples of which every input that is as long as the first along an axis is repeated there, in another
    order; what is not whole numbers is moved a little, so that there are no ties."""
    for case in cases(family=family, op=op):
        inputs = case.inputs
        if (
            case.sample.reference is not True
            or case.op.random
            or case.op.family in APART
            or not inputs
            or any(x.dtype != np.float32 or not x.size or not x.ndim for x in inputs)
        ):
            continue
        for axis, times in WAYS:
            rng = np.random.default_rng(3)
            arrays = [
                _repeated(x, axis, times, rng)
                if x.shape[axis] == inputs[0].shape[axis] and (axis == 0 or x.ndim == inputs[0].ndim)
                else x
                for x in inputs
            ]
            if sum(x.size for x in arrays) <= MOST:
                yield Case(
                    case.op,
                    S(case.sample.params, *arrays, grad=case.sample.grad, train=case.sample.train),
                    f"{case.id} x {times} along {axis}",
                )


def _repeated(x: np.ndarray, axis: int, times: int, rng) -> np.ndarray:
    x = np.take(x, rng.permutation(x.shape[axis] * times) % x.shape[axis], axis=axis)
    return (
        x
        if (x == np.round(x)).all()
        else x + (rng.uniform(-1e-3, 1e-3, x.shape) * (x != np.round(x))).astype(np.float32)
    )


def close(case: Case, a: np.ndarray, b: np.ndarray) -> bool:
    """Whether arrays are equal except for rounding."""
    largest = float(np.abs(b[np.isfinite(b)]).max(initial=0)) if b.dtype.kind == "f" else 0.0
    return not array_difference(a, b, 1e-4, 2e-5 * max(1.0, largest))
