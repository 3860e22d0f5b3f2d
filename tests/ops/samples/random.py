"""Random numbers, drawn after the same seed by MXNet and by mxr: equal, not just equally distributed.

A fill of more than 64 values draws from several streams; tests/random/test_streams.py has fills that draw
from all of them.
"""

import numpy as np

from tests.ops.sample import F, S, draw


def drawn(params, *inputs, **kw):
    return S(params, *inputs, grad=False, **kw)


def fills(*params, wrong):
    """One sample for every relevant set of parameters, shapes and types, and must-fail samples."""
    first = params[0]
    return [
        *(drawn({**p, "shape": (3, 50)}) for p in params),
        drawn({**first, "shape": (1,)}),
        drawn({**first, "shape": (64,)}),
        drawn({**first, "shape": (5, 13)}),
        drawn({**first, "shape": (2, 3, 4), "dtype": "float64"}),
        drawn({**first, "shape": (300,), "dtype": "float16"}),
        *(F(says, {**p, "shape": (3,)}) for says, p in wrong),
        F("dtype", {"shape": (3,), "dtype": "int32"}),
    ]


def likes(*params, wrong):
    return [
        *(drawn(p, (3, 50)) for p in params),
        drawn(params[0], (1,)),
        drawn(params[0], (2, 3, 4)),
        drawn(params[0], (2000,)),
        *(F(says, p, (3,)) for says, p in wrong),
    ]


def typed(low, high, kind):
    """Parameters of another type; float64 parameters have digits that single precision does not have."""
    return np.random.default_rng(int(1000 * high)).uniform(low, high, 4).astype(kind)


def parts(*params):
    """Parameters as arrays: each of `params` is (low, high) of the values."""

    def arrays(*shape):
        return [draw(*shape, low=low, high=high) for low, high in params]

    return [
        drawn({}, *arrays(5)),
        drawn({"shape": (3,)}, *arrays(2, 4)),
        drawn({"shape": (20, 2)}, *arrays(7)),
        drawn({"shape": (100,), "dtype": "float64"}, *arrays(3)),
        drawn({"shape": 4, "dtype": "float16"}, *arrays(3, 1)),
        drawn({"shape": (1,)}, *arrays(1)),
        *(
            drawn({"shape": (50,), **wanted}, *(typed(low, high, kind) for low, high in params))
            for kind in ("float16", "float64")
            for wanted in ({}, {"dtype": "float16"}, {"dtype": "float64"})
        ),
        F("shape must not contain 0", {"shape": (2, 0)}, *[(3,)] * len(params)),
        *([F("differ", {}, (3,), (4,))] if len(params) == 2 else []),
    ]


PARAMS = {
    "uniform": (
        [{}, {"low": -2, "high": 3.5}, {"low": 1, "high": 1}],
        [("high (1.0) must not be less than low (3.0)", {"low": 3})],
        [(-3.0, 0.0), (0.0, 5.0)],
    ),
    "normal": (
        [{}, {"loc": 3, "scale": 0.5}],
        [("scale must be greater than 0", {"scale": 0})],
        [(-3.0, 3.0), (0.5, 2.0)],
    ),
    "gamma": (
        [{}, {"alpha": 0.3, "beta": 2}, {"alpha": 4.5}],
        [("alpha must be", {"alpha": 0}), ("beta must be", {"beta": -1})],
        [(0.3, 4.0), (0.5, 2.0)],
    ),
    "exponential": ([{}, {"lam": 2.5}], [("lam must be greater than 0", {"lam": 0})], [(0.5, 3.0)]),
    "poisson": (
        [{}, {"lam": 0}, {"lam": 11.5}, {"lam": 40}],
        [("lam must be at least 0", {"lam": -1})],
        [(0.0, 30.0)],
    ),
    "negative_binomial": (
        [{}, {"k": 3, "p": 0.4}, {"k": 10, "p": 0.2}, {"k": 0, "p": 0.5}],
        [("k must be", {"k": -1})],
        [(1.0, 8.0), (0.2, 0.9)],
    ),
    "generalized_negative_binomial": (
        [{}, {"mu": 5, "alpha": 0.3}, {"mu": 5, "alpha": 0}, {"mu": 30, "alpha": 0.1}],
        [("alpha must be", {"alpha": -1})],
        [(0.5, 20.0), (0.1, 1.0)],
    ),
}
PROBABILITIES = np.float32([[0, 0.1, 0.2, 0.3, 0.4], [0.4, 0.3, 0.2, 0.1, 0], [0, 0, 1, 0, 0]])

SAMPLES = {
    **{f"_random_{k}": fills(*p, wrong=w) for k, (p, w, _) in PARAMS.items()},
    **{f"_random_{k}_like": likes(*p, wrong=w) for k, (p, w, _) in PARAMS.items()},
    **{f"_sample_{k}": parts(*a) for k, (_, _, a) in PARAMS.items()},
    "_random_randint": [
        drawn({"low": 0, "high": 10, "shape": (3, 50)}),
        drawn({"low": -5, "high": 100, "shape": (2, 3, 4)}),
        drawn({"low": 0, "high": 2**30, "shape": (70,), "dtype": "int64"}),
        drawn({"low": 3, "high": 4, "shape": (5,)}),
        drawn({"low": -(2**40), "high": 2**40, "shape": (1,), "dtype": "int64"}),
        drawn({"low": 0, "high": 1000, "shape": (2000,)}),
        F("high (3) must be greater than low (3)", {"low": 3, "high": 3, "shape": (2,)}),
        F("high is required", {"low": 3}),
    ],
    "_sample_multinomial": [
        drawn({}, PROBABILITIES),
        drawn({"shape": (4,)}, PROBABILITIES),
        drawn({"shape": (3, 2)}, PROBABILITIES[0]),
        drawn({}, PROBABILITIES[1]),
        drawn({"shape": (50,), "dtype": "float32"}, PROBABILITIES),
        S({"shape": (6,), "get_prob": True}, PROBABILITIES, numeric=False),
        S({"get_prob": True}, PROBABILITIES[0], numeric=False),
        S(
            {"shape": (2, 2), "get_prob": True, "dtype": "uint8"},
            PROBABILITIES.reshape(3, 1, 5),
            numeric=False,
        ),
        F("dtype", {"dtype": "int8"}, (3, 5)),
    ],
    "_shuffle": [
        drawn({}, (5,)),
        drawn({}, (1,)),
        drawn({}, (40, 3)),
        drawn({}, (7, 2, 2)),
        drawn({}, (1000,)),
        drawn({}, (2,)),
        drawn({}, np.arange(30)),
        F("unknown parameter axis", {"axis": 1}, (3, 4)),
    ],
    "_sample_unique_zipfian": [
        drawn({"range_max": 100, "shape": (2, 10)}),
        drawn({"range_max": 10, "shape": (3, 10)}),
        drawn({"range_max": 1, "shape": (1, 1)}),
        drawn({"range_max": 100000, "shape": (4, 50)}),
        drawn({"range_max": 50, "shape": (1100, 3)}),
        F("cannot be drawn", {"range_max": 3, "shape": (2, 4)}),
        F("rows and classes", {"range_max": 3, "shape": (2,)}),
    ],
}
