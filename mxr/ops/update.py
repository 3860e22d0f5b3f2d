"""Optimizer steps: each computes the new weight from the weight and its gradient, and changes its states in
place."""

from __future__ import annotations

import numpy as np

from mxr.ops.shared.updates import adam_states, decayed, follow, follow_square, scaled, sign, step

# ------------------------------------------------------------------------------------------- gradient descent


@step("sgd_update", "", "lr wd rescale_grad clip_gradient lazy_update", mixed="mp_sgd_update")
def sgd(c, w, g, out, s, t):
    """One step of gradient descent. Returns `(1 - lr * wd) * weight - lr * clip(rescale_grad * grad)`.

    The weight decay is not clipped. Use `out` to put the result into the weight.
    """
    scaled(c, g, s)
    s *= -c.lr
    np.multiply(w, 1 - c.lr * c.wd, out=t)
    np.add(t, s, out=out)


@step(
    "sgd_mom_update",
    "mom",
    "lr momentum wd rescale_grad clip_gradient lazy_update",
    mixed="mp_sgd_mom_update",
)
def sgd_mom(c, w, g, mom, out, s, t):
    """One step of gradient descent with momentum:

    `mom = momentum * mom - lr * (clip(rescale_grad * grad) + wd * weight)`, in place; returns `weight + mom`.
    The weight decay is not clipped.
    """
    scaled(c, g, s)
    s *= c.lr
    mom *= c.momentum
    mom -= s
    if c.wd:
        np.multiply(w, c.lr * c.wd, out=s)
        mom -= s
    np.add(w, mom, out=out)


@step("nag_mom_update", "mom", "lr momentum wd rescale_grad clip_gradient")
def _nag(c, w, g, mom, out, s, t):
    """One step of Nesterov's accelerated gradient descent.

    With `step = lr * (clip(rescale_grad * grad) + wd * weight)` the state becomes `momentum * mom - step`, in
    place. Returns `weight - momentum * mom + (1 + momentum) * (momentum * mom - step)`, `mom` being the
    former state.
    """
    scaled(c, g, s)
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


@step(None, "mom", "lr momentum wd rescale_grad clip_gradient", mixed="mp_nag_mom_update")
def _mixed_nag(c, w, g, mom, out, s, t):
    """One step of Nesterov's accelerated gradient descent.

    With `step = lr * (clip(rescale_grad * grad) + wd * weight)` the result is
    `weight - momentum * mom + (1 + momentum) * (momentum * mom - step)`. The state becomes `momentum * mom -
    step`, in place, this time with the new weight in the step, as MXNet does it.
    """
    scaled(c, g, s)
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


@step("signsgd_update", "", "lr wd rescale_grad clip_gradient")
def _signsgd(c, w, g, out, s, t):
    """One step of gradient descent by the gradient's signs. Returns `(1 - lr * wd) * weight - lr *
    sign(grad)`; `clip_gradient` has no effect."""
    sign(g, s)
    s *= c.lr
    np.multiply(w, 1 - c.lr * c.wd, out=t)
    np.subtract(t, s, out=out)


@step("signum_update", "mom", "lr momentum wd rescale_grad clip_gradient wd_lh")
def _signum(c, w, g, mom, out, s, t):
    """One step of gradient descent by the momentum's signs:

    `mom = momentum * mom - (1 - momentum) * (clip(rescale_grad * grad) + wd * weight)`, in place; returns
    `(1 - lr * wd_lh) * weight + lr * sign(mom)`.
    """
    scaled(c, g, s)
    if c.wd:
        np.multiply(w, c.wd, out=t)
        s += t
    s *= 1 - c.momentum
    mom *= c.momentum
    mom -= s
    sign(mom, s)
    s *= c.lr
    np.multiply(w, 1 - c.lr * c.wd_lh, out=t)
    np.add(t, s, out=out)


# --------------------------------------------------------------------------------------------- adaptive rates


@step("adam_update", "mean var", "lr beta1 beta2 epsilon wd rescale_grad clip_gradient lazy_update")
def _adam(c, w, g, mean, var, out, s, t):
    """One step of Adam, without the correction for the states' start at zero (optimizers put it into `lr`).

    With `g = clip(rescale_grad * grad + wd * weight)` the states become
    `mean = beta1 * mean + (1 - beta1) * g` and `var = beta2 * var + (1 - beta2) * g^2`, in place. Returns
    `weight - lr * mean / (sqrt(var) + epsilon)`.
    """
    decayed(c, w, g, s, t)
    adam_states(c, s, mean, var, t)
    s *= c.lr
    np.subtract(w, s, out=out)


@step("rmsprop_update", "n", "lr gamma1 epsilon wd rescale_grad clip_gradient clip_weights")
def _rmsprop(c, w, g, n, out, s, t):
    """One step of RMSProp in Tieleman and Hinton's form.

    With `g = clip(rescale_grad * grad + wd * weight)` the state becomes
    `n = gamma1 * n + (1 - gamma1) * g^2`, in place. Returns `weight - lr * g / sqrt(n + epsilon)`, limited by
    `clip_weights`.
    """
    decayed(c, w, g, s, t)
    follow_square(n, s, c.gamma1, t)
    np.add(n, c.epsilon, out=t)
    np.sqrt(t, out=t)
    s /= t
    s *= -c.lr
    _limited_sum(c, w, s, out)


def _limited_sum(c, w, step, out):
    np.add(w, step, out=out)
    if c.clip_weights >= 0:
        np.clip(out, -c.clip_weights, c.clip_weights, out=out)


@step(
    "rmspropalex_update", "n g delta", "lr gamma1 gamma2 epsilon wd rescale_grad clip_gradient clip_weights"
)
def _rmspropalex(c, w, grad, n, g, delta, out, s, t):
    """One step of RMSProp in Graves' form.

    With `x = clip(rescale_grad * grad + wd * weight)` the states become
    `n = gamma1 * n + (1 - gamma1) * x^2`, `g = gamma1 * g + (1 - gamma1) * x` and
    `delta = gamma2 * delta - lr * x / sqrt(n - g^2 + epsilon)`, in place. Returns `weight + delta`, limited
    by `clip_weights`.
    """
    decayed(c, w, grad, s, t)
    follow_square(n, s, c.gamma1, t)
    follow(g, s, c.gamma1, t)
    np.multiply(g, g, out=t)
    np.subtract(n, t, out=t)
    t += c.epsilon
    np.sqrt(t, out=t)
    s /= t
    s *= c.lr
    delta *= c.gamma2
    delta -= s
    _limited_sum(c, w, delta, out)


@step("ftrl_update", "z n", "lr lamda1 beta wd rescale_grad clip_gradient")
def _ftrl(c, w, g, z, n, out, s, t):
    """One step of FTRL, follow the regularized leader.

    With `g = clip(rescale_grad * grad)` the states become
    `z = z + g - (sqrt(n + g^2) - sqrt(n)) * weight / lr` and `n = n + g^2`, in place. Returns
    `(sign(z) * lamda1 - z) / ((beta + sqrt(n)) / lr + wd)` where |z| > `lamda1`, and 0 elsewhere.
    """
    scaled(c, g, s)
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
    # sign(z) * lamda1 where that matters, z itself where the result is 0
    np.clip(z, -c.lamda1, c.lamda1, out=t)
    t -= z
    np.divide(t, s, out=out)


@step("ftml_update", "d v z", "lr beta1=0.6 beta2 epsilon t wd rescale_grad clip_grad")
def _ftml(c, w, g, d, v, z, out, s, t):
    """One step of FTML, follow the moving leader.

    With `g = clip(rescale_grad * grad + wd * weight)` the states become `v = beta2 * v + (1 - beta2) * g^2`,
    `z = beta1 * z + (1 - beta1) * g - (d' - beta1 * d) * weight` and `d = d'`, in place, where
    `d' = (1 - beta1^t) / lr * (sqrt(v / (1 - beta2^t)) + epsilon)`. Returns `-z / d`.
    """
    decayed(c, w, g, s, t, "clip_grad")
    follow_square(v, s, c.beta2, t)
    follow(z, s, c.beta1, t)
    np.divide(v, 1 - c.beta2**c.t, out=s)
    np.sqrt(s, out=s)
    s += c.epsilon
    s *= np.divide(1 - c.beta1**c.t, c.lr)  # infinite where a schedule has come to zero
    d *= c.beta1
    np.subtract(s, d, out=t)
    t *= w
    z -= t
    np.copyto(d, s)
    np.divide(z, s, out=t)
    np.negative(t, out=out)
