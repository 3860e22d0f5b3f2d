"""Densities of distributions: `random_pdf_*`, with gradients for the samples and the parameters."""

from __future__ import annotations

import inspect
import math

import numpy as np

from mxr.operator import P, ShapeError, op, shape_text, unify
from mxr.runtime.lazy_scipy import special


def _spread(x, sample):
    """A parameter as an array that broadcasts against the samples, whose first axes are the parameter's
    axes."""
    return x.reshape(*x.shape, *(1,) * (len(sample.shape) - len(x.shape)))


def _collect(g, param):
    """The gradient of a parameter: the sum over all samples for which it was used."""
    extra = tuple(range(len(param.shape), len(g.shape)))
    return g.sum(axis=extra) if extra else g


def _pdf_shape(p, ins, outs):
    sample, params = unify(ins[0], *outs), unify(*ins[1:])
    if sample is not None and params is not None:
        if len(params) > len(sample):
            raise ShapeError(
                f"the parameters {shape_text(params)} have more dimensions than the sample "
                f"{shape_text(sample)}"
            )
        params = unify(params, sample[: len(params)])
        sample = unify(sample, (*params, *sample[len(params) :]))
    return [sample, *[params] * len(ins[1:])], [sample]


def _declare(kind: str, params: tuple, text: str, log_density, gradients, density=None):
    """Declare the operator of a distribution. `log_density(x, *params)`; `gradients(x, *params)` are the
    gradients of the log density with respect to the sample (None: zero) and every parameter. `density(x,
    *params)`, if it is not computed as the exponential of the log density: it also has values for negative
    parameters."""

    def forward(p, *ins):
        x = ins[0]
        params = [_spread(v, x) for v in ins[1:]]
        if density and not p.is_log:
            return np.broadcast_to(density(x, *params), x.shape)
        log = log_density(x, *params)
        return np.broadcast_to(log if p.is_log else np.exp(log), x.shape)

    def backward(p, g, ins, outs):
        x = ins[0]
        g = g if p.is_log else g * outs[0]
        own, *rest = gradients(x, *(_spread(v, x) for v in ins[1:]))
        return (0.0 if own is None else g * own, *(_collect(g * r, v) for r, v in zip(rest, ins[1:])))

    names = " and ".join(f"`{n}`" for n in params)
    doc = f"""
        The density of {text}, at every element of `sample`; its logarithm with `is_log`.

        The axes of {names} are the first C-order axes of `sample` (the last ones in R): every element of the
        parameters belongs to the samples at the same position. Returns an array of the shape of `sample`.
        The gradient reaches the parameters, and the sample where the density depends on it smoothly.
        """
    op(f"_random_pdf_{kind}", f"random_pdf_{kind}")(
        type(
            f"random_pdf_{kind}",
            (),
            {
                "__doc__": inspect.cleandoc(doc),
                "__module__": __name__,
                "__annotations__": {"is_log": bool},
                "is_log": P(False, "return the logarithm of the density"),
                "inputs": ("sample", *params),
                "infer_shape": _pdf_shape,
                "forward": forward,
                "backward": backward,
            },
        )
    )


_declare(
    "uniform",
    ("low", "high"),
    "the uniform distribution from `low` to `high` (also returned outside of that range)",
    lambda x, low, high: -np.log(high - low),
    lambda x, low, high: (None, 1 / (high - low), 1 / (low - high)),
    lambda x, low, high: 1 / (high - low),
)

_declare(
    "normal",
    ("mu", "sigma"),
    "the normal distribution with mean `mu` and standard deviation `sigma`",
    lambda x, mu, sigma: -0.5 * np.square((x - mu) / sigma) - np.log(sigma * math.sqrt(2 * math.pi)),
    lambda x, mu, sigma: (
        (mu - x) / np.square(sigma),
        (x - mu) / np.square(sigma),
        (np.square((x - mu) / sigma) - 1) / sigma,
    ),
    lambda x, mu, sigma: np.exp(-0.5 * np.square((x - mu) / sigma)) / (sigma * math.sqrt(2 * math.pi)),
)

_declare(
    "gamma",
    ("alpha", "beta"),
    "the gamma distribution with shape `alpha` and rate `beta` (`random_gamma` takes the scale, 1 / rate)",
    lambda x, a, b: a * np.log(b) + (a - 1) * np.log(x) - b * x - special.gammaln(a),
    lambda x, a, b: ((a - 1) / x - b, np.log(b) + np.log(x) - special.psi(a), a / b - x),
)

_declare(
    "exponential",
    ("lam",),
    "the exponential distribution with rate `lam`",
    lambda x, lam: np.log(lam) - lam * x,
    lambda x, lam: (-lam, 1 / lam - x),
    lambda x, lam: lam * np.exp(-lam * x),
)

_declare(
    "poisson",
    ("lam",),
    "the Poisson distribution with mean `lam`",
    lambda x, lam: x * np.log(lam) - special.gammaln(x + 1) - lam,
    lambda x, lam: (None, x / lam - 1),
)


def _binomial(x, limit, prob):
    return (
        special.gammaln(x + limit)
        - special.gammaln(x + 1)
        - special.gammaln(limit)
        + limit * np.log(prob)
        + x * np.log(1 - prob)
    )


def _binomial_gradients(x, limit, prob):
    return None, special.psi(x + limit) - special.psi(limit) + np.log(prob), limit / prob - x / (1 - prob)


_declare(
    "negative_binomial",
    ("k", "p"),
    "the negative binomial distribution: how many successes there are before the `k`-th failure, "
    "when a trial fails with probability `p`",
    _binomial,
    _binomial_gradients,
)


def _generalized(x, mu, alpha):
    return _binomial(x, 1 / alpha, 1 / (mu * alpha + 1))


def _generalized_gradients(x, mu, alpha):
    d = mu * alpha + 1
    _, g_limit, g_prob = _binomial_gradients(x, 1 / alpha, 1 / d)
    return None, -g_prob * alpha / np.square(d), -g_limit / np.square(alpha) - g_prob * mu / np.square(d)


_declare(
    "generalized_negative_binomial",
    ("mu", "alpha"),
    "the negative binomial distribution with mean `mu` and dispersion `alpha`",
    _generalized,
    _generalized_gradients,
)


@op("_random_pdf_dirichlet", "random_pdf_dirichlet")
class random_pdf_dirichlet:
    """The density of the Dirichlet distribution with concentrations `alpha`, at every vector of `sample`; its
    logarithm with `is_log`.

    The vectors are along the last C-order axis of both (the first one in R). The other axes of `alpha` are
    the first C-order axes of `sample`: every vector of concentrations belongs to the samples at the same
    position. Returns one number per vector of `sample`.
    """

    is_log: bool = P(False, "return the logarithm of the density")

    inputs = ("sample", "alpha")

    def infer_shape(p, ins, outs):
        sample, alpha = ins
        if sample is not None and alpha is not None:
            if len(alpha) > len(sample):
                raise ShapeError(
                    f"alpha {shape_text(alpha)} has more dimensions than the sample {shape_text(sample)}"
                )
            alpha = unify(alpha, (*sample[: len(alpha) - 1], sample[-1]))
        return [sample, alpha], [unify(outs[0], sample and (sample[:-1] or (1,)))]

    def forward(p, sample, alpha):
        a = _concentrations(alpha, sample).astype(np.float64)  # large terms cancel
        log = ((a - 1) * np.log(sample)).sum(axis=-1) + (
            special.gammaln(a.sum(axis=-1)) - special.gammaln(a).sum(axis=-1)
        )
        return (log if p.is_log else np.exp(log)).astype(sample.dtype).reshape(sample.shape[:-1] or (1,))

    def backward(p, g, ins, outs):
        sample, alpha = ins
        a = _concentrations(alpha, sample)
        g = (g if p.is_log else g * outs[0]).reshape(*sample.shape[:-1], 1)
        g_alpha = g * (np.log(sample) + (special.psi(a.sum(axis=-1, keepdims=True)) - special.psi(a)))
        extra = tuple(range(len(alpha.shape) - 1, len(sample.shape) - 1))
        return g * (a - 1) / sample, g_alpha.sum(axis=extra) if extra else g_alpha


def _concentrations(alpha, sample):
    return alpha.reshape(*alpha.shape[:-1], *(1,) * (len(sample.shape) - len(alpha.shape)), alpha.shape[-1])
