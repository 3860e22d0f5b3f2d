"""Optimizer steps: each computes the new weight from the weight and its gradient, and changes its states in place.

A rule is a function `rule(c, w, g, *states, out, s, t)` of array blocks: `c` holds the parameters, `s` and `t` are scratch. It may
find `out` and `w` to be one array, so it writes `out` last. `_step` declares the operator of a rule, and the one with mixed
precision: a weight and gradient of half precision, and a single-precision copy of the weight that is stepped instead.
"""
from __future__ import annotations

import inspect
from types import SimpleNamespace

import numpy as np

from .. import threads
from ..op import REQUIRED, Floats, P, Shape, ShapeError, op, shape_text, unify

_BLOCK = 1 << 14        # elements worked on at a time: all arrays of a rule stay in the cache
_LEAST = 1 << 16        # elements that are worth a thread
MOST = 60              # weights that one multi_* call can update

_PARAMS = {
    "lr": (float, REQUIRED, "the learning rate"),
    "momentum": (float, 0.0, "how much of the last step is taken again"),
    "beta": (float, 1.0, "the larger, the slower the learning rate of a weight falls"),
    "beta1": (float, 0.9, "how much of the mean gradient one step keeps"),
    "beta2": (float, 0.999, "how much of the mean squared gradient one step keeps"),
    "gamma1": (float, 0.95, "how much of the mean squared gradient one step keeps"),
    "gamma2": (float, 0.9, "how much of the last step is taken again"),
    "epsilon": (float, 1e-8, "a small number that keeps the divisor from zero"),
    "lamda1": (float, 0.01, "the weight of the L1 penalty"),
    "eta": (float, REQUIRED, "the schedule's multiplier of the whole step"),
    "t": (int, REQUIRED, "the number of this step, from 1"),
    "bias_correction": (bool, True, "make up for the states' start at zero"),
    "wd": (float, 0.0, "weight decay: the weight of the L2 penalty"),
    "wd_lh": (float, 0.0, "weight decay outside of the momentum"),
    "rescale_grad": (float, 1.0, "the gradient is multiplied by this first"),
    "clip_gradient": (float, -1.0, "limit the gradient to [-clip_gradient, clip_gradient]; no limit if negative"),
    "clip_grad": (float, -1.0, "limit the gradient to [-clip_grad, clip_grad]; no limit if negative"),
    "clip_weights": (float, -1.0, "limit the new weight to [-clip_weights, clip_weights]; no limit if negative"),
    "lower_bound": (float, -1.0, "the least norm of the weight that counts; no limit if negative"),
    "upper_bound": (float, -1.0, "the largest norm of the weight that counts; no limit if negative"),
    "lazy_update": (bool, True, "of no effect on dense arrays"),
    "lrs": (Floats, REQUIRED, "the learning rate of each weight"),
    "learning_rates": (Floats, REQUIRED, "the learning rate of each weight"),
    "wds": (Floats, REQUIRED, "the weight decay of each weight"),
    "etas": (Floats, REQUIRED, "the schedule's multiplier of each weight's step"),
    "step_count": (Shape, REQUIRED, "the number of this step for each weight, from 1"),
    "num_weights": (int, 1, "how many weights are updated"),
    "num_tensors": (int, 1, "how many weights are updated"),
}


def declaration(name: str, doc: str, params: str, **attributes) -> type:
    """The class of a declaration; `params` like "lr beta1=0.6 wd=" (a default of its own; required)."""
    annotations = {}
    for entry in params.split():
        key, given, default = entry.partition("=")
        kind, usual, text = _PARAMS[key]
        annotations[key] = kind
        value = usual if not given else kind(default) if default else REQUIRED
        attributes[key] = P(value, text, low=1, high=MOST) if key.startswith("num_") else P(value, text)
    return type(name, (), {"__doc__": inspect.cleandoc(doc), "__module__": __name__, "__annotations__": annotations, **attributes})


def constants(p, **more) -> SimpleNamespace:
    """The parameters, numbers rounded to single precision as MXNet keeps them (1 - 0.999 depends on it)."""
    return SimpleNamespace(**{k: float(np.float32(v)) if isinstance(v, float) else v for k, v in {**vars(p), **more}.items()})


def apply(run, rule, c, w, g, states, out) -> None:
    """Run the rule block by block, spread over the threads if there is enough to do."""
    arrays = (w, g, *states, out)
    if not all(a.flags.c_contiguous for a in arrays):
        s, t = run.workspace((2, *w.shape), w.dtype)
        rule(c, *arrays[:-1], out=out, s=s, t=t)
        return
    arrays = [a.reshape(-1) for a in arrays]
    tasks = max(1, min(threads.workers(), w.size // _LEAST))
    scratch = run.workspace((tasks, 2, min(_BLOCK, w.size)), w.dtype)

    def part(k):
        stop = w.size * (k + 1) // tasks
        for a in range(w.size * k // tasks, stop, _BLOCK):
            b = min(a + _BLOCK, stop)
            *ins, o = (x[a:b] for x in arrays)
            rule(c, *ins, out=o, s=scratch[k, 0, :b - a], t=scratch[k, 1, :b - a])

    if tasks == 1:
        part(0)
    else:
        threads.run([lambda k=k: part(k) for k in range(tasks)])


MIXED = """

`weight` and `grad` are of half precision. The step is taken on `weight32`, the same weight in single precision, in place; the result is
its rounded value."""


def _step(name: str | None, states: str, params: str, mixed: str | None = None):
    """Declare the operator of a rule: `states` names the state arrays after weight and grad."""
    inputs = ("weight", "grad", *states.split())

    def declare(rule):
        if name:
            def compute(p, run, ins, outs):
                apply(run, rule, constants(p), ins[0], ins[1], ins[2:], outs[0])

            op(name, mutates=range(2, len(inputs)))(declaration(name, rule.__doc__, params, inputs=inputs, compute=compute))
        if mixed:
            def compute_mixed(p, run, ins, outs):
                apply(run, rule, constants(p), ins[-1], ins[1], ins[2:-1], ins[-1])
                np.copyto(outs[0], ins[-1], casting="unsafe")

            op(mixed, mutates=range(2, len(inputs) + 1))(
                declaration(mixed, inspect.cleandoc(rule.__doc__) + MIXED, params, inputs=(*inputs, "weight32"), compute=compute_mixed))
        return rule
    return declare


# --------------------------------------------------------------------------------------------- what rules share

def _scaled(c, g, s):
    """s = the gradient, rescaled and limited."""
    np.multiply(g, c.rescale_grad, out=s, dtype=s.dtype)
    if c.clip_gradient >= 0:
        np.clip(s, -c.clip_gradient, c.clip_gradient, out=s)


def _decayed(c, w, g, s, t, limit="clip_gradient"):
    """s = the gradient, rescaled, with weight decay added, and then limited."""
    np.multiply(g, c.rescale_grad, out=s, dtype=s.dtype)
    if c.wd:
        np.multiply(w, c.wd, out=t)
        s += t
    bound = getattr(c, limit)
    if bound >= 0:
        np.clip(s, -bound, bound, out=s)


def _follow(mean, x, keep, t):
    """mean = keep * mean + (1 - keep) * x."""
    mean *= keep
    np.multiply(x, 1 - keep, out=t)
    mean += t


def _follow_square(mean, x, keep, t):
    """mean = keep * mean + (1 - keep) * x²."""
    mean *= keep
    np.multiply(x, 1 - keep, out=t)
    t *= x
    mean += t


def _sign(x, out):
    """-1, 0 or 1; 0 for NaN."""
    np.sign(x, out=out)
    np.copyto(out, 0, where=np.isnan(out))


# --------------------------------------------------------------------------------------------- gradient descent

@_step("sgd_update", "", "lr wd rescale_grad clip_gradient lazy_update", mixed="mp_sgd_update")
def sgd(c, w, g, out, s, t):
    """One step of gradient descent. Returns `(1 - lr * wd) * weight - lr * clip(rescale_grad * grad)`.

    The weight decay is not clipped. Use `out` to put the result into the weight.
    """
    _scaled(c, g, s)
    s *= -c.lr
    np.multiply(w, 1 - c.lr * c.wd, out=t)
    np.add(t, s, out=out)


@_step("sgd_mom_update", "mom", "lr momentum wd rescale_grad clip_gradient lazy_update", mixed="mp_sgd_mom_update")
def sgd_mom(c, w, g, mom, out, s, t):
    """One step of gradient descent with momentum:

    `mom = momentum * mom - lr * (clip(rescale_grad * grad) + wd * weight)`, in place; returns `weight + mom`. The weight decay is not
    clipped.
    """
    _scaled(c, g, s)
    s *= c.lr
    mom *= c.momentum
    mom -= s
    if c.wd:
        np.multiply(w, c.lr * c.wd, out=s)
        mom -= s
    np.add(w, mom, out=out)


@_step("nag_mom_update", "mom", "lr momentum wd rescale_grad clip_gradient")
def _nag(c, w, g, mom, out, s, t):
    """One step of Nesterov's accelerated gradient descent.

    With `step = lr * (clip(rescale_grad * grad) + wd * weight)` the state becomes `momentum * mom - step`, in place. Returns
    `weight - momentum * mom + (1 + momentum) * (momentum * mom - step)`, `mom` being the former state.
    """
    _scaled(c, g, s)
    if c.wd:
        np.multiply(w, c.wd, out=t)
        s += t
    s *= c.lr
    mom *= c.momentum
    np.subtract(mom, s, out=s)
    np.multiply(s, 1 + c.momentum, out=t)
    t -= mom
    np.copyto(mom, s)
    np.add(w, t, out=out)


@_step(None, "mom", "lr momentum wd rescale_grad clip_gradient", mixed="mp_nag_mom_update")
def _mixed_nag(c, w, g, mom, out, s, t):
    """One step of Nesterov's accelerated gradient descent.

    With `step = lr * (clip(rescale_grad * grad) + wd * weight)` the result is
    `weight - momentum * mom + (1 + momentum) * (momentum * mom - step)`. The state becomes `momentum * mom - step`, in place, this time
    with the new weight in the step, as MXNet does it.
    """
    _scaled(c, g, s)
    mom *= c.momentum
    np.multiply(w, c.wd, out=t)
    t += s
    t *= -c.lr
    t += mom
    t *= 1 + c.momentum
    t -= mom
    np.add(w, t, out=out)
    np.multiply(out, c.wd, out=t)
    s += t
    s *= c.lr
    mom -= s


@_step("signsgd_update", "", "lr wd rescale_grad clip_gradient")
def _signsgd(c, w, g, out, s, t):
    """One step of gradient descent by the signs alone. Returns `(1 - lr * wd) * weight - lr * sign(grad)`; clipping changes nothing."""
    _sign(g, s)
    s *= c.lr
    np.multiply(w, 1 - c.lr * c.wd, out=t)
    np.subtract(t, s, out=out)


@_step("signum_update", "mom", "lr momentum wd rescale_grad clip_gradient wd_lh")
def _signum(c, w, g, mom, out, s, t):
    """One step by the signs of the momentum:

    `mom = momentum * mom - (1 - momentum) * (clip(rescale_grad * grad) + wd * weight)`, in place; returns
    `(1 - lr * wd_lh) * weight + lr * sign(mom)`.
    """
    _scaled(c, g, s)
    if c.wd:
        np.multiply(w, c.wd, out=t)
        s += t
    s *= 1 - c.momentum
    mom *= c.momentum
    mom -= s
    _sign(mom, s)
    s *= c.lr
    np.multiply(w, 1 - c.lr * c.wd_lh, out=t)
    np.add(t, s, out=out)


# --------------------------------------------------------------------------------------------- adaptive rates

@_step("adam_update", "mean var", "lr beta1 beta2 epsilon wd rescale_grad clip_gradient lazy_update")
def _adam(c, w, g, mean, var, out, s, t):
    """One step of Adam, without the correction for the states' start at zero (optimizers put it into `lr`).

    With `g = clip(rescale_grad * grad + wd * weight)` the states become `mean = beta1 * mean + (1 - beta1) * g` and
    `var = beta2 * var + (1 - beta2) * g^2`, in place. Returns `weight - lr * mean / (sqrt(var) + epsilon)`.
    """
    _decayed(c, w, g, s, t)
    _adam_states(c, s, mean, var, t)
    s *= c.lr
    np.subtract(w, s, out=out)


def _adam_states(c, s, mean, var, t, correct1=1.0, correct2=1.0):
    """Follow the gradient in `s`; then s = mean / (sqrt(var) + epsilon), both divided by their corrections."""
    _follow(mean, s, c.beta1, t)
    _follow_square(var, s, c.beta2, t)
    np.divide(var, correct2, out=t)
    np.sqrt(t, out=t)
    t += c.epsilon
    np.divide(mean, correct1, out=s)
    s /= t


@_step("rmsprop_update", "n", "lr gamma1 epsilon wd rescale_grad clip_gradient clip_weights")
def _rmsprop(c, w, g, n, out, s, t):
    """One step of RMSProp in Tieleman and Hinton's form.

    With `g = clip(rescale_grad * grad + wd * weight)` the state becomes `n = gamma1 * n + (1 - gamma1) * g^2`, in place. Returns
    `weight - lr * g / sqrt(n + epsilon)`, limited by `clip_weights`.
    """
    _decayed(c, w, g, s, t)
    _follow_square(n, s, c.gamma1, t)
    np.add(n, c.epsilon, out=t)
    np.sqrt(t, out=t)
    s /= t
    s *= -c.lr
    _limited_sum(c, w, s, out)


def _limited_sum(c, w, step, out):
    np.add(w, step, out=out)
    if c.clip_weights >= 0:
        np.clip(out, -c.clip_weights, c.clip_weights, out=out)


@_step("rmspropalex_update", "n g delta", "lr gamma1 gamma2 epsilon wd rescale_grad clip_gradient clip_weights")
def _rmspropalex(c, w, grad, n, g, delta, out, s, t):
    """One step of RMSProp in Graves' form.

    With `x = clip(rescale_grad * grad + wd * weight)` the states become `n = gamma1 * n + (1 - gamma1) * x^2`,
    `g = gamma1 * g + (1 - gamma1) * x` and `delta = gamma2 * delta - lr * x / sqrt(n - g^2 + epsilon)`, in place. Returns
    `weight + delta`, limited by `clip_weights`.
    """
    _decayed(c, w, grad, s, t)
    _follow_square(n, s, c.gamma1, t)
    _follow(g, s, c.gamma1, t)
    np.multiply(g, g, out=t)
    np.subtract(n, t, out=t)
    t += c.epsilon
    np.sqrt(t, out=t)
    s /= t
    s *= c.lr
    delta *= c.gamma2
    delta -= s
    _limited_sum(c, w, delta, out)


@_step("ftrl_update", "z n", "lr lamda1 beta wd rescale_grad clip_gradient")
def _ftrl(c, w, g, z, n, out, s, t):
    """One step of FTRL, follow the regularized leader.

    With `g = clip(rescale_grad * grad)` the states become `z = z + g - (sqrt(n + g^2) - sqrt(n)) * weight / lr` and `n = n + g^2`, in
    place. Returns `(sign(z) * lamda1 - z) / ((beta + sqrt(n)) / lr + wd)` where |z| > `lamda1`, and 0 elsewhere.
    """
    _scaled(c, g, s)
    z += s
    s *= s
    np.sqrt(n, out=t)
    n += s
    np.sqrt(n, out=s)
    np.subtract(s, t, out=t)
    t *= w
    t /= c.lr
    z -= t
    s += c.beta
    s /= c.lr
    s += c.wd
    np.clip(z, -c.lamda1, c.lamda1, out=t)      # sign(z) * lamda1 where that matters, z itself where the result is 0
    t -= z
    np.divide(t, s, out=out)


@_step("ftml_update", "d v z", "lr beta1=0.6 beta2 epsilon t wd rescale_grad clip_grad")
def _ftml(c, w, g, d, v, z, out, s, t):
    """One step of FTML, follow the moving leader.

    With `g = clip(rescale_grad * grad + wd * weight)` the states become `v = beta2 * v + (1 - beta2) * g^2`,
    `z = beta1 * z + (1 - beta1) * g - (d' - beta1 * d) * weight` and `d = d'`, in place, where
    `d' = (1 - beta1^t) / lr * (sqrt(v / (1 - beta2^t)) + epsilon)`. Returns `-z / d`.
    """
    _decayed(c, w, g, s, t, "clip_grad")
    _follow_square(v, s, c.beta2, t)
    _follow(z, s, c.beta1, t)
    np.divide(v, 1 - c.beta2 ** c.t, out=s)
    np.sqrt(s, out=s)
    s += c.epsilon
    s *= (1 - c.beta1 ** c.t) / c.lr
    d *= c.beta1
    np.subtract(s, d, out=t)
    t *= w
    z -= t
    np.copyto(d, s)
    np.divide(z, s, out=t)
    np.negative(t, out=out)


# --------------------------------------------------------------------------------------------- AdamW and LAMB

def adamw(c, w, g, mean, var, out, s, t):
    """One step of AdamW: Adam with the weight decay kept out of the states.

    With `g = clip(rescale_grad * grad)` the states become `mean = beta1 * mean + (1 - beta1) * g` and
    `var = beta2 * var + (1 - beta2) * g^2`, in place. Returns `weight - eta * (lr * mean / (sqrt(var) + epsilon) + wd * weight)`.
    `rescale_grad` is an array of one element; if it is 0 or not finite nothing changes.
    """
    _scaled(c, g, s)
    _adam_states(c, s, mean, var, t)
    s *= c.lr
    np.multiply(w, c.wd, out=t)
    s += t
    s *= c.eta
    np.subtract(w, s, out=out)


def usable(scale) -> bool:
    return bool(np.isfinite(scale)) and scale != 0


def _adamw_shape(p, ins, outs):
    s = unify(*ins[:-1], *outs)
    return [s] * (len(ins) - 1) + [ins[-1] or (1,)], [s]


def _declare_adamw(name: str, mixed: bool):
    inputs = ("weight", "grad", "mean", "var", *(("weight32",) if mixed else ()), "rescale_grad")

    def compute(p, run, ins, outs):
        scale = ins[-1].reshape(-1)[0]
        w = ins[4] if mixed else ins[0]
        target = w if mixed else outs[0]
        if not usable(scale):
            np.copyto(outs[0], ins[0])
            return
        apply(run, adamw, constants(p, rescale_grad=float(scale)), w, ins[1], ins[2:4], target)
        if mixed:
            np.copyto(outs[0], w, casting="unsafe")

    doc = inspect.cleandoc(adamw.__doc__) + (MIXED if mixed else "")
    op(name, mutates=range(2, len(inputs) - 1))(
        declaration(name, doc, "lr beta1 beta2 epsilon wd eta clip_gradient", inputs=inputs, compute=compute, infer_shape=_adamw_shape))


_declare_adamw("_adamw_update", mixed=False)
_declare_adamw("_mp_adamw_update", mixed=True)


def lamb_direction(c, w, g, mean, var, out, s, t):
    """The first half of a step of LAMB: the direction of the step.

    With `g = clip(rescale_grad * grad)` the states become `mean = beta1 * mean + (1 - beta1) * g` and
    `var = beta2 * var + (1 - beta2) * g^2`, in place. Returns `mean / (sqrt(var) + epsilon) + wd * weight`, with `bias_correction`
    after dividing `mean` by `1 - beta1^t` and `var` by `1 - beta2^t`.
    """
    _scaled(c, g, s)
    correct = (1 - c.beta1 ** c.t, 1 - c.beta2 ** c.t) if c.bias_correction else ()
    _adam_states(c, s, mean, var, t, *correct)
    np.multiply(w, c.wd, out=t)
    np.add(s, t, out=out)


def _declare_lamb_phase1(name: str, mixed: bool):
    def compute(p, run, ins, outs):
        apply(run, lamb_direction, constants(p), ins[4] if mixed else ins[0], ins[1], ins[2:4], outs[0])

    more = "\n\n`weight` and `grad` are of half precision; the weight is read from `weight32`, its copy in single precision." * mixed
    op(name, mutates=(2, 3))(declaration(
        name, inspect.cleandoc(lamb_direction.__doc__) + more,
        "beta1 beta2 epsilon=1e-6 t bias_correction wd= rescale_grad clip_gradient",
        inputs=("weight", "grad", "mean", "var", *(("weight32",) if mixed else ())), compute=compute,
        **({"infer_type": lambda p, ins: [np.dtype(np.float32)]} if mixed else {})))


_declare_lamb_phase1("lamb_update_phase1", mixed=False)
_declare_lamb_phase1("mp_lamb_update_phase1", mixed=True)


def trust(c, weight_norm, step_norm) -> float:
    """LAMB's factor of the learning rate."""
    if c.lower_bound >= 0:
        weight_norm = max(weight_norm, c.lower_bound)
    if c.upper_bound >= 0:
        weight_norm = min(weight_norm, c.upper_bound)
    return weight_norm / step_norm if weight_norm and step_norm else 1.0


def lamb_step(c, w, g, out, s, t):
    np.multiply(g, c.step, out=s)
    np.subtract(w, s, out=out)


def _lamb_phase2_shape(p, ins, outs):
    for name, shape in (("r1", ins[2]), ("r2", ins[3])):
        if shape is not None and shape[:1] not in ((1,), (0,)):
            raise ShapeError(f"{name} must hold one number, not be of shape {shape_text(shape)}")
    s = unify(*ins[:2], *ins[4:], *outs)
    return [s, s, ins[2] or (1,), ins[3] or (1,), *[s] * len(ins[4:])], [s]


def _declare_lamb_phase2(name: str, mixed: bool):
    """The second half of a step of LAMB. Returns `weight - lr * r1 / r2 * g`.

    `g` is what the first half gave, `r1` the norm of the weight (limited to the bounds) and `r2` the norm of `g`, both arrays of one
    element; where either is 0 the factor `r1 / r2` is left out.
    """
    def compute(p, run, ins, outs):
        c = constants(p)
        c.step = c.lr * trust(c, float(ins[2].flat[0]), float(ins[3].flat[0]))
        w = ins[4] if mixed else ins[0]
        if mixed:
            fresh = run.workspace(w.shape, w.dtype, 1)
            apply(run, lamb_step, c, w, ins[1], (), fresh)
            np.copyto(outs[0], fresh, casting="unsafe")
        else:
            apply(run, lamb_step, c, w, ins[1], (), outs[0])

    more = "\n\nThe weight is read from `weight32`, its copy in single precision, which stays as it is; the result is rounded to half." * mixed
    op(name)(declaration(
        name, inspect.cleandoc(_declare_lamb_phase2.__doc__) + more, "lr lower_bound upper_bound",
        inputs=("weight", "g", "r1", "r2", *(("weight32",) if mixed else ())), compute=compute, infer_shape=_lamb_phase2_shape))


_declare_lamb_phase2("lamb_update_phase2", mixed=False)
_declare_lamb_phase2("mp_lamb_update_phase2", mixed=True)
