"""Densities."""

import numpy as np

from tests.ops.sample import F, S, draw


def densities(sample, *params, counts=False, outside=False):
    """`sample` and `params` are (low, high) of the values; `counts`: samples are whole numbers, and have no
    gradient; `outside`: parameters that no distribution has give what the formula gives."""

    def x(*shape):
        return (
            draw(*shape, low=int(sample[0]), high=int(sample[1]), ints=True)
            if counts
            else draw(*shape, low=sample[0], high=sample[1])
        )

    def arrays(*shape):
        return [draw(*shape, low=low, high=high) for low, high in params]

    def one(p, xs, ps):
        return S(p, x(*xs), *arrays(*ps), numeric=not counts, **LOOSE)

    n = len(params)
    outside = (
        [
            S(
                {"is_log": log},
                x(3, 2),
                *([[-0.5, -1.0, -2.0], [-1.5, -1.25, -3.0]][:n]),
                numeric=False,
                **LOOSE,
            )
            for log in (False, True)
        ]
        if outside
        else []
    )
    return [
        *outside,
        one({}, (3,), (3,)),
        one({"is_log": True}, (3, 4), (3,)),
        one({}, (2, 3, 4), (2, 3)),
        one({}, (2, 3, 4), (2,)),
        one({"is_log": True}, (2, 3, 4), (2, 3, 4)),
        one({}, (1, 20), (1,)),
        one({"is_log": True}, (1,), (1,)),
        F("more dimensions", {}, (3,), *[(3, 4)] * n),
        F("differ", {}, (3, 4), *[(4,)] * n),
    ]


LOOSE = {"rtol": 5e-5, "atol": 5e-6, "why": "MXNet's digamma and lgamma are single-precision ones"}


def simplex(*shape, seed=0):
    x = np.random.default_rng(seed).random(shape) + 0.1
    return (x / x.sum(axis=-1, keepdims=True)).astype(np.float32)


SAMPLES = {
    "_random_pdf_uniform": densities((0.0, 1.0), (-2.0, 0.0), (1.0, 3.0), outside=True),
    "_random_pdf_normal": densities((-2.0, 2.0), (-1.0, 1.0), (0.5, 2.0), outside=True),
    "_random_pdf_gamma": densities((0.2, 4.0), (0.5, 4.0), (0.5, 2.0)),
    "_random_pdf_exponential": densities((0.0, 4.0), (0.5, 2.0), outside=True),
    "_random_pdf_poisson": densities((0, 10), (0.5, 8.0), counts=True),
    "_random_pdf_negative_binomial": densities((0, 10), (1.0, 8.0), (0.2, 0.8), counts=True),
    "_random_pdf_generalized_negative_binomial": densities((0, 10), (1.0, 8.0), (0.2, 2.0), counts=True),
    "_random_pdf_dirichlet": [
        S({"is_log": log}, simplex(*xs), draw(*alpha, low=0.5, high=4.0), numeric=False, **LOOSE)
        for xs, alpha in (
            ((4,), (4,)),
            ((3, 4), (3, 4)),
            ((2, 3, 4), (2, 4)),
            ((2, 3, 5, 4), (2, 3, 4)),
            ((1, 2), (1, 2)),
        )
        for log in (False, True)
    ]
    + [F("more dimensions", {}, (3,), (3, 3)), F("differ", {}, (3, 4), (3, 5))],
}
