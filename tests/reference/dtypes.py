"""Element types other than float32: every operator on its samples' arrays in each of them, wherever MXNet
takes them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from tests.ops.collect import Case, cases
from tests.ops.sample import S
from tests.reference import enlarged, variants
from tests.reference.compare import array_difference

TYPES = ("float64", "float16", "int32", "int64", "int8", "uint8")
EACH = 2  # samples of an operator
MOST = 20_000  # the largest number of elements of an enlarged sample
# the tolerance of half precision, relative to the largest value: MXNet accumulates in half precision
HALF = 2e-2


def compare(family: str | None = None, op: str | None = None) -> int:
    """The number of operators that reject types that MXNet takes, or that differ."""
    return variants.compare("types", "in other types", converted(family, op), lambda case: case.id, close)


def converted(family: str | None, op: str | None) -> Iterator[Case]:
    """The first samples of every operator, all their inputs converted to each type; named "operator type"."""
    return in_each_type(cases(family=family, op=op))


def compare_enlarged(family: str | None = None, op: str | None = None) -> int:
    """As `compare`, on arrays many times as large, of every expression operator: what a region of the program
    cuts into blocks, in every type. (tests/ops/test_eager_and_bound.py holds that both ways of calling one
    agree.)"""
    return variants.compare(
        "types_enlarged",
        "in other types, enlarged",
        in_each_type(
            case
            for case in enlarged.enlarged(family, op)
            if case.op.is_expression and sum(x.size for x in case.inputs) <= MOST
        ),
        lambda case: case.id,
        close,
    )


def in_each_type(samples: Iterable[Case]) -> Iterator[Case]:
    taken: dict[str, int] = {}
    for case in samples:
        sample, inputs = case.sample, case.inputs
        if (
            sample.reference is not True
            or not inputs
            or any(x.dtype != np.float32 or not np.isfinite(x).all() for x in inputs)
        ):
            continue
        taken[case.op.name] = taken.get(case.op.name, 0) + 1
        if taken[case.op.name] > EACH:
            continue
        for kind in TYPES:
            with np.errstate(all="ignore"):
                arrays = [(np.abs(x) if kind == "uint8" else x).astype(kind) for x in inputs]
            yield Case(
                case.op,
                S(sample.params, *arrays, grad=sample.grad, train=sample.train),
                f"{case.op.name} {kind}",
            )


def close(case: Case, a: np.ndarray, b: np.ndarray) -> bool:
    """Whether arrays are equal except for rounding."""
    tolerance = HALF if case.id.endswith("float16") else 1e-5
    largest = float(np.abs(b).max(initial=0)) if b.dtype.kind == "f" else 0.0
    return not array_difference(a, b, tolerance, tolerance * max(1.0, largest))
