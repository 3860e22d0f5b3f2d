"""Optimizer steps. A few elements are enough: every case of clipping, decay, ties and zeros is among them."""

import numpy as np

from tests.ops.sample import F, S, draw


def half(*shape, seed):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float16)


def step(params, n_states, shape=(3, 4), positive=(), gradient=None, **kw):
    """Weight, gradient and states; the states at `positive` (0 is the first) are squares' means."""
    states = [draw(*shape, low=0.01, high=2.0) if i in positive else shape for i in range(n_states)]
    return S(params, shape, shape if gradient is None else gradient, *states, grad=False, **kw)


def steps(n_states, *more, positive=(), lr=0.1, large=None, **required):
    """The samples that every rule has, then its own."""
    base = {"lr": lr, **required}
    return [
        step(base, n_states, positive=positive),
        step({**base, "wd": 0.3, "rescale_grad": 0.5}, n_states, (7,), positive),
        step({**base, "wd": 0.3, "clip_gradient": 0.2}, n_states, (2, 3, 4), positive),
        step({**base, "clip_gradient": 0}, n_states, (5,), positive),
        step({**base, "wd": 0.1, "rescale_grad": 0}, n_states, (1,), positive),
        step({**base, "wd": 0.01}, n_states, (100,), positive, **(large or {})),
        *(step({**base, **params}, n_states, positive=positive) for params in more),
        F("lr is required", required, *[(3, 4)] * (n_states + 2)),
        F("differ", base, (3, 4), (3, 5), *[(3, 4)] * n_states),
    ]


def mixed(params, n_states, shape=(3, 4), positive=(), rescale=False, **kw):
    w = half(*shape, seed=1)
    states = [draw(*shape, low=0.01, high=2.0) if i in positive else shape for i in range(n_states)]
    return S(
        params,
        w,
        half(*shape, seed=2),
        *states,
        w.astype(np.float32) + np.float32(1e-4),
        *([[rescale]] if rescale else []),
        grad=False,
        **kw,
    )


def mixed_steps(n_states, *more, positive=(), **base):
    own = {k: v for k, v in base.items() if k != "rescale"}
    scale = base.get("rescale", False)
    return [
        mixed({**own, **params}, n_states, shape, positive, scale)
        for params, shape in (
            ({}, (3, 4)),
            ({"wd": 0.3}, (7,)),
            ({"wd": 0.3, "clip_gradient": 0.2}, (2, 3, 4)),
            ({"clip_gradient": 0}, (5,)),
            ({"wd": 0.01}, (1,)),
            *((m, (3, 4)) for m in more),
        )
    ] + [F("differ", own, (3, 4), (3, 5), *[(3, 4)] * (n_states + 1), *([(1,)] if scale else []))]


def several(params, n, states, *, low=False, tail=(), positive=(), kinds=((3, 4), (5,), (2, 1, 3)), **kw):
    """The inputs of n weights one after the other, then `tail`."""
    inputs = []
    for i in range(n):
        shape = kinds[i % len(kinds)]
        if low:
            w = half(*shape, seed=3 * i)
            inputs += [w, half(*shape, seed=3 * i + 1)]
        else:
            inputs += [shape, shape]
        inputs += [draw(*shape, low=0.01, high=2.0) if k in positive else shape for k in range(states)]
        inputs += [w.astype(np.float32) + np.float32(1e-4)] if low else []
    return S(params, *inputs, *tail, grad=False, **kw)


MOMENTUM = ({"momentum": 0.9}, {"momentum": 0.9, "wd": 0.2, "clip_gradient": 0.5}, {"momentum": 1})
ZEROS = [[0.0, -0.0, 1.0, -1.0]]

SAMPLES = {
    "sgd_update": steps(0, {"lazy_update": False}),
    "sgd_mom_update": steps(1, *MOMENTUM),
    "nag_mom_update": steps(1, *MOMENTUM),
    "signsgd_update": [*steps(0), S({"lr": 0.1}, ZEROS, ZEROS, grad=False)],
    "signum_update": [
        *steps(1, *MOMENTUM, {"momentum": 0.5, "wd_lh": 0.3}),
        S({"lr": 0.1}, ZEROS, ZEROS, ZEROS, grad=False),
    ],
    "adam_update": steps(
        2, {"beta1": 0.5, "beta2": 0.3, "epsilon": 0.1}, {"wd": 3, "clip_gradient": 0.1}, positive=(1,)
    ),
    "rmsprop_update": steps(
        1, {"gamma1": 0.3, "epsilon": 0.1}, {"clip_weights": 0.5}, {"clip_weights": 0}, positive=(0,)
    ),
    "rmspropalex_update": [
        S(
            {"lr": 0.1, **params},
            shape,
            shape,
            draw(*shape, low=3.0, high=4.0),
            shape if i else (3, 4),
            shape,
            grad=False,
        )
        for i, (params, shape) in enumerate(
            (
                ({"epsilon": 10}, (3, 4)),
                ({"wd": 0.3, "rescale_grad": 0.5, "epsilon": 10}, (7,)),
                ({"wd": 0.3, "clip_gradient": 0.2, "epsilon": 10}, (2, 3, 4)),
                ({"gamma1": 0.3, "gamma2": 0.1, "epsilon": 10}, (5,)),
                ({"clip_weights": 0.5, "epsilon": 10}, (5,)),
                ({"clip_gradient": 0, "epsilon": 10}, (1,)),
            )
        )
    ]
    + [
        S(
            {"lr": 0.1},
            (3, 4),
            (3, 4),
            draw(3, 4, low=2.0, high=3.0),
            draw(3, 4, low=-1.0, high=1.0),
            (3, 4),
            grad=False,
        ),
        F("lr is required", {}, *[(3, 4)] * 5),
    ],
    "ftrl_update": [
        *steps(2, {"lamda1": 0.5}, {"beta": 0.1, "lamda1": 0}, {"lamda1": 10}, positive=(1,)),
        S({"lr": 0.1, "lamda1": 1}, ZEROS, [[0.0, 0.0, 0.0, 0.0]], ZEROS, [[0.0, 1.0, 2.0, 3.0]], grad=False),
    ],
    "ftml_update": [
        s
        for s in steps(
            3,
            {"beta1": 0.1, "beta2": 0.3, "epsilon": 0.1},
            {"t": 100},
            positive=(0, 1),
            t=3,
            large={"atol": 2e-5, "why": "the terms of z are much larger than their sum"},
        )
        if isinstance(s, F) or "clip_gradient" not in s.params
    ]
    + [
        step({"lr": 0.1, "t": 2, "wd": 0.3, "clip_grad": 0.2}, 3, positive=(0, 1)),
        step({"lr": 0.1, "t": 1, "clip_grad": 0}, 3, (4,), positive=(0, 1)),
        step({"lr": 0, "t": 1}, 3, (4,), positive=(0, 1)),
    ],
    "mp_sgd_update": mixed_steps(0, {"rescale_grad": 0.5}, lr=0.1),
    "mp_sgd_mom_update": mixed_steps(1, *MOMENTUM, lr=0.1),
    "mp_nag_mom_update": mixed_steps(1, *MOMENTUM, lr=0.1),
}
