"""Every operator has samples; every must-fail sample fails with its message."""

from collections import Counter

import numpy as np
import pytest

import mxr
from mxr.engine.ndarray import call
from mxr.operator import canonical, registry
from tests.ops import ours
from tests.ops.collect import cases, sample_lists, written_lists
from tests.ops.sample import F, S

OPERATORS = [op.name for op in canonical()]


@pytest.mark.parametrize(
    "name", [o.name for o in canonical() if not (o.open or o.subgraphs or o.name == "_contrib_boolean_mask")]
)  # those: tests/faces/test_custom.py, test_control.py, test_index.py
def test_has_samples(name):
    op = registry[name]
    n = sum(isinstance(s, S) for s in sample_lists().get(name, []))
    varies = bool(op.params) or op.variadic or any(op.inputs(case.parsed()) for case in cases(op=name))
    least = 5 if varies or not n else 1
    assert n >= least, f"{name} has {n} samples; tests/ops/samples/{op.family}.py must have at least {least}"


def test_sample_lists_belong_to_operators():
    lists = list(written_lists())
    strays = [f"{file}: {name}" for file, name, _ in lists if name not in registry]
    counts = Counter(registry[name].name for _, name, _ in lists if name in registry)
    assert not strays and max(counts.values()) == 1, (strays, [k for k, v in counts.items() if v > 1])


@pytest.mark.parametrize(
    "name", [n for n in OPERATORS if any(isinstance(s, F) for s in sample_lists().get(n, []))]
)
def test_must_fail(name):
    for case in cases(F, op=name):
        with pytest.raises(mxr.MxError) as e:
            attempt(case)
        missing = [text for text in case.sample.says if text not in str(e.value)]
        assert not missing, f"{case.id}: the message is {e.value!s}\nand lacks {missing}"


def attempt(case):
    """Compose, infer, bind, run: whatever comes first fails."""
    shapes = case.sample.shapes
    if ours.at_once(case):
        call(case.op.name, [mxr.NDArray(np.zeros(s, np.float32)) for s in shapes], dict(case.sample.params))
        return
    symbol = getattr(mxr.sym, case.op.name)(
        *(mxr.sym.Variable(f"v{i}") for i in range(len(shapes))), name="op", **case.sample.params
    )
    given = {f"v{i}": s for i, s in enumerate(shapes) if s is not None}
    symbol.infer_shape(**given)
    run = symbol.simple_bind("write", **given)
    run.forward(True)
    run.backward()
