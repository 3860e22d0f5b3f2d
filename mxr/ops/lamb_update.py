"""Optimizer steps with decoupled weight decay: AdamW and LAMB."""

from __future__ import annotations

import inspect

import numpy as np

from mxr.operator import ShapeError, op, shape_text, unify
from mxr.ops.shared.updates import MIXED, adam_states, apply, constants, declaration, scaled


def adamw(c, w, g, mean, var, out, s, t):
    """One step of AdamW: Adam with decoupled weight decay, which does not enter the states.

    With `g = clip(rescale_grad * grad)` the states become `mean = beta1 * mean + (1 - beta1) * g` and
    `var = beta2 * var + (1 - beta2) * g^2`, in place. Returns `weight - eta * (lr * mean / (sqrt(var) +
    epsilon) + wd * weight)`. `rescale_grad` is an array of one element; if it is 0 or not finite nothing
    changes.
    """
    scaled(c, g, s)
    adam_states(c, s, mean, var, t)
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

    doc = inspect.cleandoc(str(adamw.__doc__)) + (MIXED if mixed else "")
    op(name, mutates=range(2, len(inputs) - 1))(
        declaration(
            __name__,
            name,
            doc,
            "lr beta1 beta2 epsilon wd eta clip_gradient",
            inputs=inputs,
            compute=compute,
            infer_shape=_adamw_shape,
        )
    )


_declare_adamw("_adamw_update", mixed=False)
_declare_adamw("_mp_adamw_update", mixed=True)


def lamb_direction(c, w, g, mean, var, out, s, t):
    """The first half of a step of LAMB: the direction of the step.

    With `g = clip(rescale_grad * grad)` the states become `mean = beta1 * mean + (1 - beta1) * g` and
    `var = beta2 * var + (1 - beta2) * g^2`, in place. Returns `mean / (sqrt(var) + epsilon) + wd * weight`,
    with `bias_correction` after dividing `mean` by `1 - beta1^t` and `var` by `1 - beta2^t`.
    """
    scaled(c, g, s)
    correct = (1 - c.beta1**c.t, 1 - c.beta2**c.t) if c.bias_correction else ()
    adam_states(c, s, mean, var, t, *correct)
    np.multiply(w, c.wd, out=t)
    np.add(s, t, out=out)


def _declare_lamb_phase1(name: str, mixed: bool):
    def compute(p, run, ins, outs):
        apply(run, lamb_direction, constants(p), ins[4] if mixed else ins[0], ins[1], ins[2:4], outs[0])

    more = (
        "\n\n`weight` and `grad` are of half precision; the weight is read from `weight32`, "
        "its copy in single precision." * mixed
    )
    op(name, mutates=(2, 3))(
        declaration(
            __name__,
            name,
            inspect.cleandoc(str(lamb_direction.__doc__)) + more,
            "beta1 beta2 epsilon=1e-6 t bias_correction wd= rescale_grad clip_gradient",
            inputs=("weight", "grad", "mean", "var", *(("weight32",) if mixed else ())),
            compute=compute,
            **({"infer_type": lambda p, ins: [np.dtype(np.float32)]} if mixed else {}),
        )
    )


_declare_lamb_phase1("lamb_update_phase1", mixed=False)
_declare_lamb_phase1("mp_lamb_update_phase1", mixed=True)


def trust(c, weight_norm, step_norm) -> float:
    """LAMB's factor of the learning rate: the norm of the weight over that of the step, or 1 if either is
    0."""
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

    `g` is what the first half gave, `r1` the norm of the weight (limited to the bounds) and `r2` the norm of
    `g`, both arrays of one element; where either is 0 the factor `r1 / r2` is left out.
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

    more = (
        "\n\nThe weight is read from `weight32`, its copy in single precision, which stays as it is; "
        "the result is rounded to half." * mixed
    )
    op(name)(
        declaration(
            __name__,
            name,
            inspect.cleandoc(str(_declare_lamb_phase2.__doc__)) + more,
            "lr lower_bound upper_bound",
            inputs=("weight", "g", "r1", "r2", *(("weight32",) if mixed else ())),
            compute=compute,
            infer_shape=_lamb_phase2_shape,
        )
    )


_declare_lamb_phase2("lamb_update_phase2", mixed=False)
_declare_lamb_phase2("mp_lamb_update_phase2", mixed=True)
