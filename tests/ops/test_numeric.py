"""One-direction numeric gradients: (f(x + h d) - f(x - h d)) / 2h against the gradient times d."""

import numpy as np
import pytest

import mxr
from mxr.operator import canonical
from tests.known import settle
from tests.ops import ours
from tests.ops.collect import cases

STEP = 1e-4


def checked(op):
    return op.differentiable and not op.loss and not op.zero_gradient and not op.mutates


@pytest.mark.parametrize("name", [op.name for op in canonical() if checked(op)])
def test_gradient(name):
    found = {}
    for case in cases(op=name):
        if case.sample.numeric and ours.wanted(case):
            analytic, numeric, noise = directional(case)
            if not abs(analytic - numeric) <= 1e-3 * max(1, abs(analytic), abs(numeric)) + noise:
                found[case.id] = f"{case.sample.params}: gradient {analytic:.6g}, numerically {numeric:.6g}"
    complaints = settle("numeric", found, ran=lambda id: id.split("[")[0] == name)
    assert not complaints, "\n".join(complaints)


def directional(case) -> tuple[float, float, float]:
    """The derivative of sum(head * output) in a random direction: from the gradients, numerically, and the
    latter's rounding error."""
    wide = [x.astype(np.float64) if x.dtype == np.float32 else x for x in case.inputs]
    values = {f"v{i}": x for i, x in enumerate(wide)}
    symbol = ours.compose(case)
    run = ours.bind(symbol, values, ours.wanted(case), "write")
    forward(run)
    heads = ours.heads(run)
    run.backward(heads)
    rng = np.random.RandomState(3)
    direction = {}
    for k, g in run.grads.items():
        # an input whose gradient is zero everywhere may be an index: MXNet's answer checks that one
        if g is not None and g.data.any():
            direction[k] = rng.standard_normal(g.shape)
    analytic = sum(float((run.grads[k].data.astype(np.float64) * d).sum()) for k, d in direction.items())
    single = any(x.data.dtype == np.float32 for x in run.output_list)
    step = 1e-2 if single else STEP
    sums = []
    for sign in (1, -1):
        for k, d in direction.items():
            run.args[k].data[...] = values[k] + sign * step * d
        forward(run)
        sums.append(sum(float((h.astype(np.float64) * x.data).sum()) for h, x in zip(heads, run.output_list)))
    size = max(sum(float(np.abs(h * x.data).sum()) for h, x in zip(heads, run.output_list)), 1)
    return analytic, (sums[0] - sums[1]) / (2 * step), size * (3e-6 if single else 1e-9) / step


def forward(run):
    mxr.random.seed(ours.SEED)
    run.forward(True)
