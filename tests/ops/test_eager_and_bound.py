"""Every expression operator, in every element type, gives the same result when called on arrays and when
bound.

Its samples are used unchanged, and enlarged, so that sums exceed the range of small types. Whole numbers must
be
equal; others may differ by the order of additions.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

import mxr
from mxr.engine.ndarray import call
from mxr.operator import DTYPES, canonical
from tests.ops.collect import Case, cases
from tests.reference.enlarged import enlarged

EXPRESSIONS = [op.name for op in canonical() if op.is_expression and not op.random]
EACH = 2  # samples of an operator, and as many enlarged ones
MOST = 20_000  # the largest number of elements of a sample
ROUNDING = {"float16": 4e-3, "float32": 1e-5, "float64": 1e-11}


def samples(name: str) -> Iterator[tuple[Case, list[np.ndarray]]]:
    taken = [
        case
        for case in cases(op=name)
        if case.inputs and all(x.dtype == np.float32 and np.isfinite(x).all() for x in case.inputs)
    ][:EACH]
    larger = [case for case in enlarged(None, name) if sum(x.size for x in case.inputs) <= MOST][:EACH]
    for case in [*taken, *larger]:
        yield case, case.inputs


# factors with which sums exceed the type's range
LARGE = {"int8": 50, "uint8": 50, "int32": 5e7, "int64": 5e16}


def converted(x: np.ndarray, kind: str) -> np.ndarray:
    """The sample in another type, with numbers near the type's largest, unless they are classes or
    positions."""
    with np.errstate(all="ignore"):
        return (
            np.asarray(x if (x == np.round(x)).all() else x * LARGE.get(kind, 1), np.float64)
            .astype(np.int64 if kind in LARGE else kind)
            .astype(kind)
        )


def answer(compute) -> tuple[str, list[np.ndarray]]:
    try:
        return "", [np.array(x.data) for x in compute()]
    except mxr.MxError as e:
        return str(e), []


def eager(case: Case, inputs: list[np.ndarray]):
    return call(case.op.name, [mxr.NDArray(x.copy()) for x in inputs], dict(case.sample.params), train=True)


def bound(case: Case, inputs: list[np.ndarray]):
    names = [f"v{i}" for i in range(len(inputs))]
    symbol = getattr(mxr.sym, case.op.name)(*map(mxr.sym.Variable, names), **case.sample.params)
    aux = symbol.list_auxiliary_states()
    arrays = {k: mxr.NDArray(x.copy()) for k, x in zip(names, inputs)}
    run = symbol.bind(
        {k: a for k, a in arrays.items() if k not in aux}, reqs="null", aux={k: arrays[k] for k in aux}
    )
    return run.forward(True)


def difference(a: np.ndarray, b: np.ndarray) -> str:
    if a.dtype != b.dtype or a.shape != b.shape:
        return f"{a.dtype} {a.shape} and {b.dtype} {b.shape}"
    if a.dtype == np.int64:  # `norm` computes them as doubles
        a, b = (
            np.where(
                np.abs(a.astype(np.float64) - b)
                <= 4 * np.spacing(np.abs(a.astype(np.float64))) * (np.abs(a) > 2**53),
                0,
                x,
            )
            for x in (a, b)
        )
    if a.dtype.kind != "f":
        return (
            ""
            if (a == b).all()
            else f"{a.ravel()[(a != b).ravel()][:3]} and {b.ravel()[(a != b).ravel()][:3]}"
        )
    near = ROUNDING[a.dtype.name]
    with np.errstate(all="ignore"):
        largest = np.abs(b[np.isfinite(b)]).max(initial=1e-3).astype(np.float64)
        wrong = ~np.isclose(a.astype(np.float64), b.astype(np.float64), near, near * largest, equal_nan=True)
    return f"{a[wrong][:3]} and {b[wrong][:3]}" if wrong.any() else ""


@pytest.mark.parametrize("name", EXPRESSIONS)
def test_at_once_and_bound(name):
    compared, wrong = 0, []
    for case, inputs in samples(name):
        for kind in DTYPES:
            arrays = [converted(x, kind) for x in inputs]
            (refused, outs), (no, others) = (
                answer(lambda: eager(case, arrays)),
                answer(lambda: bound(case, arrays)),
            )
            compared += 1
            if bool(refused) != bool(no):
                wrong.append(f"{case.id} {kind}: only one of them fails: {refused or no}")
            wrong += [
                f"{case.id} {case.sample.params} {kind}, output {i}: {text}"
                for i, (a, b) in enumerate(zip(outs, others))
                if (text := difference(a, b))
            ]
    assert not wrong, "\n".join(wrong[:20])
    assert compared or not any(case.inputs for case in cases(op=name)), "no sample was compared"
