"""Helpers of the optimizer steps in update.py, lamb_update.py and multi_update.py.

A rule is a function `rule(c, w, g, *states, out, s, t)` of array blocks. `c` has the parameters; `s` and `t`
are scratch memory. `out` and `w` may be one array, so a rule must not read `w` after it has written `out`.
`step` declares the operator of a rule, and a second one for mixed precision, where weight and gradient are of
half precision and the step is taken on a copy of the weight in single precision.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import lru_cache, partial
from types import SimpleNamespace

import numpy as np

from mxr.native.recorded import Code, Scratch
from mxr.operator import REQUIRED, Floats, P, Shape, op
from mxr.runtime import costs, threads

MOST = 60  # weights that one multi_* call can update

# The parameters of all steps: type, default, text
# fmt: off
_PARAMS = {
    "lr":              (float,  REQUIRED, "the learning rate"),
    "momentum":        (float,  0.0,      "the share of the last step that is added to this one"),
    "beta":            (float,  1.0,      "the larger, the slower the learning rate of a weight falls"),
    "beta1":           (float,  0.9,      "the share of the mean gradient that a step keeps"),
    "beta2":           (float,  0.999,    "the share of the mean squared gradient that a step keeps"),
    "gamma1":          (float,  0.95,     "the share of the mean squared gradient that a step keeps"),
    "gamma2":          (float,  0.9,      "the share of the last step that is added to this one"),
    "epsilon":         (float,  1e-8,     "a small number that keeps the divisor from zero"),
    "lamda1":          (float,  0.01,     "the weight of the L1 penalty"),
    "eta":             (float,  REQUIRED, "the schedule's multiplier of the whole step"),
    "t":               (int,    REQUIRED, "the number of this step, from 1"),
    "bias_correction": (bool,   True,     "correct for the states' start at zero"),
    "wd":              (float,  0.0,      "weight decay: the weight of the L2 penalty"),
    "wd_lh":           (float,  0.0,      "weight decay outside of the momentum"),
    "rescale_grad":    (float,  1.0,      "the gradient is multiplied by this first"),
    "clip_gradient":   (float,  -1.0,     "limit the gradient to [-clip_gradient, clip_gradient]; no limit "
                                          "if negative"),
    "clip_grad":       (float,  -1.0,     "limit the gradient to [-clip_grad, clip_grad]; no limit "
                                          "if negative"),
    "clip_weights":    (float,  -1.0,     "limit the new weight to [-clip_weights, clip_weights]; no limit "
                                          "if negative"),
    "lower_bound":     (float,  -1.0,     "a lower limit of the norm of the weight; no limit if negative"),
    "upper_bound":     (float,  -1.0,     "an upper limit of the norm of the weight; no limit if negative"),
    "lazy_update":     (bool,   True,     "has no effect on dense arrays"),
    "lrs":             (Floats, REQUIRED, "the learning rate of each weight"),
    "learning_rates":  (Floats, REQUIRED, "the learning rate of each weight"),
    "wds":             (Floats, REQUIRED, "the weight decay of each weight"),
    "etas":            (Floats, REQUIRED, "the schedule's multiplier of each weight's step"),
    "step_count":      (Shape,  REQUIRED, "the number of this step for each weight, from 1"),
    "num_weights":     (int,    1,        "the number of weights"),
    "num_tensors":     (int,    1,        "the number of weights"),
}
# fmt: on


def declaration(module: str, name: str, doc: str, params: str, **attributes) -> type:
    """The class of a declaration in `module`. `params` are names of `_PARAMS`, as in "lr beta1=0.6 wd=": "lr"
    has the default of the table, "beta1" another one, and "wd" is required."""
    annotations = {}
    for entry in params.split():
        key, given, default = entry.partition("=")
        kind, usual, text = _PARAMS[key]
        annotations[key] = kind
        value = usual if not given else kind(default) if default else REQUIRED
        attributes[key] = P(value, text, low=1, high=MOST) if key.startswith("num_") else P(value, text)
    return type(
        name,
        (),
        {
            "__doc__": inspect.cleandoc(doc),
            "__module__": module,
            "__annotations__": annotations,
            **attributes,
        },
    )


def constants(p, **more) -> SimpleNamespace:
    """The parameters, with numbers rounded to single precision as in MXNet: 1 - beta2 depends on it."""
    values = {**vars(p), **more}
    return _rounded(tuple(values), tuple(values.values()))


@lru_cache(64)
def _rounded(names, values) -> SimpleNamespace:
    return SimpleNamespace(
        **{k: float(np.float32(v)) if isinstance(v, float) else v for k, v in zip(names, values)}
    )


_SCRATCH = Scratch()


def _on_arrays(rule) -> Callable[..., None]:
    return lambda c, *arrays: rule(c, *arrays[:-3], out=arrays[-3], s=arrays[-2], t=arrays[-1])


def apply(run, rule, c, w, g, states, out) -> None:
    """Run the rule: by the native core, or else in blocks, by several threads if that is faster."""
    arrays = (w, g, *states, out)
    if run.own(("recorded", rule), lambda: Code(_on_arrays(rule))).run(c, (*arrays, _SCRATCH, _SCRATCH)):
        return
    if w.size <= costs.UPDATE_BLOCK or not all(a.flags.c_contiguous for a in arrays):
        s, t = run.workspace((2, *w.shape), w.dtype)
        rule(c, *arrays[:-1], out=out, s=s, t=t)
        return
    arrays = tuple(a.reshape(-1) for a in arrays)
    wake = round(costs.WAKE_NS / costs.UPDATE_NS)
    parts = threads.cuts(w.size, threads.workers() if w.size >= 2 * wake else 1, wake)
    scratch = run.workspace((len(parts), 2, min(costs.UPDATE_BLOCK, w.size)), w.dtype)

    def part(k, start, stop):
        for a in range(start, stop, costs.UPDATE_BLOCK):
            b = min(a + costs.UPDATE_BLOCK, stop)
            *ins, o = (x[a:b] for x in arrays)
            rule(c, *ins, out=o, s=scratch[k, 0, : b - a], t=scratch[k, 1, : b - a])

    if len(parts) == 1:
        part(0, *parts[0])
    else:
        threads.run([partial(part, k, *p) for k, p in enumerate(parts)])


MIXED = """

`weight` and `grad` are of half precision. The step is taken on `weight32`, the same weight in single
precision, in place; the result is its rounded value."""


def step(name: str | None, states: str, params: str, mixed: str | None = None):
    """Declare the operator `name` of a rule, and `mixed`, its form in mixed precision. `states` are the names
    of the state arrays, which come after weight and grad."""
    inputs = ("weight", "grad", *states.split())

    def declare(rule):
        if name:

            def compute(p, run, ins, outs):
                apply(run, rule, constants(p), ins[0], ins[1], ins[2:], outs[0])

            op(name, mutates=range(2, len(inputs)))(
                declaration(rule.__module__, name, rule.__doc__, params, inputs=inputs, compute=compute)
            )
        if mixed:

            def compute_mixed(p, run, ins, outs):
                apply(run, rule, constants(p), ins[-1], ins[1], ins[2:-1], ins[-1])
                np.copyto(outs[0], ins[-1], casting="unsafe")

            op(mixed, mutates=range(2, len(inputs) + 1))(
                declaration(
                    rule.__module__,
                    mixed,
                    inspect.cleandoc(rule.__doc__) + MIXED,
                    params,
                    inputs=(*inputs, "weight32"),
                    compute=compute_mixed,
                )
            )
        return rule

    return declare


# ------------------------------------------------------------------------------------------ parts of rules


def scaled(c, g, s):
    """s = the gradient, rescaled and limited."""
    np.multiply(g, c.rescale_grad, out=s, dtype=s.dtype)
    if c.clip_gradient >= 0:
        np.clip(s, -c.clip_gradient, c.clip_gradient, out=s)


def decayed(c, w, g, s, t, limit="clip_gradient"):
    """s = the gradient, rescaled, with weight decay added, and then limited."""
    np.multiply(g, c.rescale_grad, out=s, dtype=s.dtype)
    if c.wd:
        np.multiply(w, c.wd, out=t)
        s += t
    bound = getattr(c, limit)
    if bound >= 0:
        np.clip(s, -bound, bound, out=s)


def follow(mean, x, keep, t):
    """mean = keep * mean + (1 - keep) * x."""
    mean *= keep
    np.multiply(x, 1 - keep, out=t)
    mean += t


def follow_square(mean, x, keep, t):
    """mean = keep * mean + (1 - keep) * x²."""
    mean *= keep
    np.multiply(x, 1 - keep, out=t)
    t *= x
    mean += t


def sign(x, out):
    """-1, 0 or 1; 0 for NaN."""
    np.sign(x, out=out)
    np.copyto(out, 0, where=np.isnan(out))


def adam_states(c, s, mean, var, t, correct1=1.0, correct2=1.0):
    """Update mean and var by the gradient `s`; then s = (mean / correct1) / (sqrt(var / correct2) +
    epsilon)."""
    follow(mean, s, c.beta1, t)
    follow_square(var, s, c.beta2, t)
    np.divide(var, correct2, out=t)
    np.sqrt(t, out=t)
    t += c.epsilon
    np.divide(mean, correct1, out=s)
    s /= t
