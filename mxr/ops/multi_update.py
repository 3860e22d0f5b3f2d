"""Optimizer steps for several weights in one call, and what goes with them: norms, layer-wise rates,
resetting."""

from __future__ import annotations

import inspect
import math

import numpy as np

from mxr.operator import REQUIRED, P, ParamError, ShapeError, op, size, unify
from mxr.ops import lamb_update, update
from mxr.ops.shared.updates import MIXED, MOST, apply, constants, declaration


def _declare(
    name: str,
    doc: str,
    params: str,
    states: str,
    step,
    *,
    mixed=False,
    tail=(),
    per_weight=(),
    count="num_weights",
):
    """Declare `name`: the inputs are weight, grad, the states (and weight32 if mixed) of every weight, then
    `tail`.

    `step(p, run, i, weight, w, g, states, out, tail)` takes the step of weight i, on `w`, which is `weight`
    in full precision; `per_weight` names the parameters with a value for each.
    """
    parts = ("weight", "grad", *states.split(), *(("weight32",) if mixed else ()))
    k = len(parts)

    def inputs(p):
        return (*(f"{part}_{i}" for i in range(getattr(p, count)) for part in parts), *tail)

    def outputs(p):
        n = getattr(p, count)
        return ("output",) if n == 1 else tuple(f"output{i}" for i in range(n))

    def infer_shape(p, ins, outs):
        n = getattr(p, count)
        for key in per_weight:
            if len(getattr(p, key)) != n:
                raise ParamError(
                    f"{name}: {key} must hold one value for each weight: {n}, not {len(getattr(p, key))}"
                )
        shapes = [unify(*ins[i * k : (i + 1) * k], outs[i]) for i in range(n)]
        tails = [(1 if t == "rescale_grad" else n,) if s is None else s for t, s in zip(tail, ins[n * k :])]
        for t, s in zip(tail, tails):
            if t != "rescale_grad" and 0 not in s and size(s) != n:
                raise ShapeError(f"{t} must hold one value for each weight: {n}, not {size(s)}")
        return [s for s in shapes for _ in range(k)] + tails, shapes

    def infer_type(p, ins):
        return [ins[i * k] or np.dtype(np.float32) for i in range(getattr(p, count))]

    def compute(p, run, ins, outs):
        n = getattr(p, count)
        if tail == ("rescale_grad",) and not lamb_update.usable(ins[-1].flat[0]):
            for i, out in enumerate(outs):
                np.copyto(out, ins[i * k])
            return
        for i, out in enumerate(outs):
            weight, g, *state = ins[i * k : (i + 1) * k]
            w = state.pop() if mixed else weight
            step(p, run, i, weight, w, g, state, w if mixed else out, ins[n * k :])
            if mixed:
                np.copyto(out, w, casting="unsafe")

    text = inspect.cleandoc(doc) + (MIXED if mixed else "")
    op(name, mutates=[i for i in range(MOST * k) if i % k >= 2])(
        declaration(
            __name__,
            name,
            text,
            f"{params} {count}",
            inputs=inputs,
            outputs=outputs,
            infer_shape=infer_shape,
            infer_type=infer_type,
            compute=compute,
        )
    )


# ------------------------------------------------------------------------------------------- gradient descent


def _sgd_step(p, run, i, weight, w, g, states, out, tail):
    lr, wd = (float(t.flat[i]) for t in tail) if tail else (p.lrs[i], p.wds[i])
    apply(run, update.sgd_mom if states else update.sgd, constants(p, lr=lr, wd=wd), w, g, states, out)


_SGD = """
    One step of gradient descent{momentum} for several weights: what `{single}` does for one, with a learning
    rate and a weight decay for each.

    The inputs are the arrays of the first weight ({arrays}), then those of the second, and so on{tail}.
    Returns the new weights{states}.
    """

for _mom in (False, True):
    for _mixed in (False, True):
        for _loaded in (False, True):
            _name = f"{'mp_' * _mixed}sgd_{'mom_' * _mom}update"
            _declare(
                ("preloaded_" * _loaded) + "multi_" + _name,
                _SGD.format(
                    momentum=" with momentum" * _mom,
                    single=_name,
                    states="; the states change in place" * _mom,
                    arrays="weight, grad" + ", mom" * _mom + ", weight32" * _mixed,
                    tail=", and last the learning rates and the weight decays, one array each" * _loaded,
                ),
                ("" if _loaded else "lrs wds ") + "momentum " * _mom + "rescale_grad clip_gradient",
                "mom" * _mom,
                _sgd_step,
                mixed=_mixed,
                tail=("lrs", "wds") * _loaded,
                per_weight=() if _loaded else ("lrs", "wds"),
            )


# --------------------------------------------------------------------------------------------- AdamW and LAMB


def _adamw_step(p, run, i, weight, w, g, states, out, tail):
    c = constants(p, lr=p.lrs[i], wd=p.wds[i], eta=p.etas[i], rescale_grad=float(tail[0].flat[0]))
    apply(run, lamb_update.adamw, c, w, g, states, out)


def _sum_of_squares(x) -> float:
    x = x.reshape(-1)
    if x.dtype == np.float16:  # MXNet squares in half precision and adds up in single
        return float((x * x).sum(dtype=np.float32))
    return float(np.dot(x, x))


def _lamb_update(p, run, i, weight, w, g, states, out, tail):
    c = constants(p, lr=p.learning_rates[i], wd=p.wds[i], t=p.step_count[i])
    direction = run.workspace(w.shape, w.dtype, 1)
    apply(run, lamb_update.lamb_direction, c, w, g, states, direction)
    c.step = c.lr * lamb_update.trust(
        c, math.sqrt(_sum_of_squares(weight)), math.sqrt(_sum_of_squares(direction))
    )
    apply(run, lamb_update.lamb_step, c, w, direction, (), out)


for _mixed in (False, True):
    _arrays = "weight, grad, mean, var" + ", weight32" * _mixed
    _declare(
        f"_multi_{'mp_' * _mixed}adamw_update",
        f"""
        One step of AdamW for several weights: what `_{'mp_' * _mixed}adamw_update` does for one, with a
        learning rate, a weight decay and a multiplier for each.

        The inputs are the arrays of the first weight ({_arrays}), then those of the second, and so on, and
        last `rescale_grad`, one number for all; if it is 0 or not finite nothing changes. Returns the new
        weights; the states change in place.
        """,
        "lrs beta1 beta2 epsilon wds etas clip_gradient",
        "mean var",
        _adamw_step,
        mixed=_mixed,
        tail=("rescale_grad",),
        per_weight=("lrs", "wds", "etas"),
    )
    _declare(
        f"_multi_{'mp_' * _mixed}lamb_update",
        f"""
        One step of LAMB for several weights: `lamb_update_phase1`, the norms of the weight and of its result,
        and `lamb_update_phase2`.

        The inputs are the arrays of the first weight ({_arrays}), then those of the second, and so on.
        Returns the new weights; the states change in place.
        """,
        "learning_rates beta1 beta2 epsilon=1e-6 wds rescale_grad lower_bound upper_bound clip_gradient "
        "bias_correction step_count",
        "mean var",
        _lamb_update,
        mixed=_mixed,
        per_weight=("learning_rates", "wds", "step_count"),
        count="num_tensors",
    )


@op("multi_lars")
class multi_lars:
    """Layer-wise adaptive rates (LARS): the learning rate of each of several weights.

    Returns `lrs * eta * |w| / (|g| * rescale_grad + wds * |w| + eps)`, `|w|` and `|g|` being the square roots
    of `weights_sum_sq` and `grads_sum_sq`; where either is 0, `lrs` as it is. `multi_sum_sq` gives the sums.
    """

    eta: float = P(REQUIRED, "the trust coefficient")
    eps: float = P(REQUIRED, "a small number that keeps the divisor from zero")
    rescale_grad: float = P(1.0, "the gradient is multiplied by this")

    def forward(p, lrs, weights_sum_sq, grads_sum_sq, wds):
        w, g = np.sqrt(weights_sum_sq), np.sqrt(grads_sum_sq)
        usable = (w > 0) & (grads_sum_sq > 0)
        return np.where(usable, lrs * p.eta * w / (g * p.rescale_grad + wds * w + p.eps), lrs)


def _array_names(p):
    return tuple(f"array_{i}" for i in range(p.num_arrays))


@op("multi_sum_sq")
class multi_sum_sq:
    """The sum of the squares of each of several arrays, as one array of `num_arrays` numbers."""

    num_arrays: int = P(REQUIRED, "how many arrays there are", low=1)

    inputs = _array_names

    def infer_shape(p, ins, outs):
        return ins, [unify(outs[0], (p.num_arrays,))]

    def infer_type(p, ins):
        return [np.dtype(np.float32)]

    def compute(p, run, ins, outs):
        for i, x in enumerate(ins):
            outs[0][i] = _sum_of_squares(x)


@op("reset_arrays", mutates=range(1000))
class reset_arrays:
    """Fill several arrays with zeros, in place. Returns nothing."""

    num_arrays: int = P(REQUIRED, "how many arrays there are", low=1)

    inputs = _array_names
    outputs = ()

    def infer_shape(p, ins, outs):
        return ins, []

    def compute(p, run, ins, outs):
        for x in ins:
            x[...] = 0
