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
        step({**base, "wd": 0.01}, n_states, (40000,), positive, **(large or {})),
        *(step({**base, **params}, n_states, positive=positive) for params in more),
        F("lr is required", required, *[(3, 4)] * (n_states + 2)),
        F("differ", base, (3, 4), (3, 5), *[(3, 4)] * n_states),
    ]


def mixed(params, n_states, shape=(3, 4), positive=(), rescale=False, **kw):
    w = half(*shape, seed=1)
    states = [draw(*shape, low=0.01, high=2.0) if i in positive else shape for i in range(n_states)]
    return S(params, w, half(*shape, seed=2), *states, w.astype(np.float32) + np.float32(1e-4), *([[rescale]] if rescale else []),
             grad=False, **kw)


def mixed_steps(n_states, *more, positive=(), **base):
    own = {k: v for k, v in base.items() if k != "rescale"}
    scale = base.get("rescale", False)
    return [mixed({**own, **params}, n_states, shape, positive, scale) for params, shape in (
        ({}, (3, 4)), ({"wd": 0.3}, (7,)), ({"wd": 0.3, "clip_gradient": 0.2}, (2, 3, 4)), ({"clip_gradient": 0}, (5,)),
        ({"wd": 0.01}, (1,)), *((m, (3, 4)) for m in more))] + [
        F("differ", own, (3, 4), (3, 5), *[(3, 4)] * (n_states + 1), *([(1,)] if scale else []))]


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


def multi_sgd(states, low, loaded):
    def one(n, lrs, wds, **params):
        if loaded:
            return several({"num_weights": n, **params}, n, states, low=low, tail=(list(lrs), list(wds)))
        return several({"num_weights": n, "lrs": lrs, "wds": wds, **params}, n, states, low=low)
    k = 2 + states + low
    wrong = {"num_weights": 2} if loaded else {"num_weights": 2, "lrs": (0.1,), "wds": (0, 0)}
    momentum = {"momentum": 0.9} if states else {}
    return [
        one(1, (0.1,), (0.0,)),
        one(3, (0.1, 0.2, 0.3), (0.0, 0.1, 0.5), **momentum),
        one(2, (0.1, 0.2), (0.3, 0.1), clip_gradient=0.3, **momentum),
        one(2, (0.1, 0.2), (0.3, 0.1), rescale_grad=0.25, **momentum),
        one(5, (0.5,) * 5, (0.01,) * 5, clip_gradient=0),
        F("lrs must hold one value for each weight: 2", wrong, *[(2, 3)] * (2 * k), *([(1,), (2,)] if loaded else [])),
    ]


def multi_adam(low, scale, **more):
    names = {"num_weights": 2, "lrs": (0.1, 0.2), "wds": (0.0, 0.3), "etas": (1.0, 0.5), **more}
    return several(names, 2, 2, low=low, positive=(1,), tail=([scale],))


def multi_adams(low):
    k = 4 + low
    return [
        multi_adam(low, 1.0), multi_adam(low, 0.5, clip_gradient=0.2), multi_adam(low, 2.0, beta1=0.5, beta2=0.6, epsilon=0.1),
        several({"lrs": (0.1,), "wds": (0.2,), "etas": (1,)}, 1, 2, low=low, positive=(1,), tail=([1.0],)),
        multi_adam(low, 1.0, clip_gradient=0),
        F("etas must hold one value for each weight: 2", {"num_weights": 2, "lrs": (1, 1), "wds": (1, 1), "etas": (1,)},
          *[(2, 3)] * (2 * k), (1,)),
    ]


def multi_lambs(low):
    def one(n=2, **more):
        return several({"num_tensors": n, "learning_rates": (0.1, 0.2, 0.3)[:n], "wds": (0.0, 0.3, 0.1)[:n],
                        "step_count": (1, 5, 100)[:n], **more}, n, 2, low=low, positive=(1,))
    k = 4 + low
    return [
        one(), one(3, clip_gradient=0.5, rescale_grad=0.3), one(1), one(bias_correction=False), one(lower_bound=1, upper_bound=2),
        one(beta1=0.5, beta2=0.6, epsilon=0.1),
        F("step_count must hold one value for each weight: 2",
          {"num_tensors": 2, "learning_rates": (1, 1), "wds": (1, 1), "step_count": (1,)}, *[(2, 3)] * (2 * k)),
    ]


MOMENTUM = ({"momentum": 0.9}, {"momentum": 0.9, "wd": 0.2, "clip_gradient": 0.5}, {"momentum": 1})
ZEROS = [[0.0, -0.0, 1.0, -1.0]]
SQUARES = draw(3, 4, low=0.01, high=2.0)
LAMB2 = ({"lr": 0.1}, {"lr": 0.1, "lower_bound": 2}, {"lr": 0.5, "upper_bound": 0.3}, {"lr": 0.1, "lower_bound": 0, "upper_bound": 10})

SAMPLES = {
    "sgd_update": steps(0, {"lazy_update": False}),
    "sgd_mom_update": steps(1, *MOMENTUM),
    "nag_mom_update": steps(1, *MOMENTUM),
    "signsgd_update": [*steps(0), S({"lr": 0.1}, ZEROS, ZEROS, grad=False)],
    "signum_update": [*steps(1, *MOMENTUM, {"momentum": 0.5, "wd_lh": 0.3}), S({"lr": 0.1}, ZEROS, ZEROS, ZEROS, grad=False)],
    "adam_update": steps(2, {"beta1": 0.5, "beta2": 0.3, "epsilon": 0.1}, {"wd": 3, "clip_gradient": 0.1}, positive=(1,)),
    "rmsprop_update": steps(1, {"gamma1": 0.3, "epsilon": 0.1}, {"clip_weights": 0.5}, {"clip_weights": 0}, positive=(0,)),
    "rmspropalex_update": [
        S({"lr": 0.1, **params}, shape, shape, draw(*shape, low=3.0, high=4.0), shape if i else (3, 4), shape, grad=False)
        for i, (params, shape) in enumerate((
            ({"epsilon": 10}, (3, 4)), ({"wd": 0.3, "rescale_grad": 0.5, "epsilon": 10}, (7,)),
            ({"wd": 0.3, "clip_gradient": 0.2, "epsilon": 10}, (2, 3, 4)),
            ({"gamma1": 0.3, "gamma2": 0.1, "epsilon": 10}, (5,)), ({"clip_weights": 0.5, "epsilon": 10}, (5,)),
            ({"clip_gradient": 0, "epsilon": 10}, (1,))))] + [
        S({"lr": 0.1}, (3, 4), (3, 4), draw(3, 4, low=2.0, high=3.0), draw(3, 4, low=-1.0, high=1.0), (3, 4), grad=False),
        F("lr is required", {}, *[(3, 4)] * 5)],
    "ftrl_update": [*steps(2, {"lamda1": 0.5}, {"beta": 0.1, "lamda1": 0}, {"lamda1": 10}, positive=(1,)),
                    S({"lr": 0.1, "lamda1": 1}, ZEROS, [[0.0, 0.0, 0.0, 0.0]], ZEROS, [[0.0, 1.0, 2.0, 3.0]], grad=False)],
    "ftml_update": [s for s in steps(3, {"beta1": 0.1, "beta2": 0.3, "epsilon": 0.1}, {"t": 100}, positive=(0, 1), t=3,
                                large={"atol": 2e-5, "why": "the terms of z are much larger than their sum"})
                    if isinstance(s, F) or "clip_gradient" not in s.params] + [
        step({"lr": 0.1, "t": 2, "wd": 0.3, "clip_grad": 0.2}, 3, positive=(0, 1)),
        step({"lr": 0.1, "t": 1, "clip_grad": 0}, 3, (4,), positive=(0, 1))],
    "lamb_update_phase1": [
        step({"t": 1, "wd": 0.0}, 2, positive=(1,)), step({"t": 7, "wd": 0.3}, 2, (7,), positive=(1,)),
        step({"t": 1, "wd": 0.1, "bias_correction": False}, 2, positive=(1,)),
        step({"t": 3, "wd": 0.1, "clip_gradient": 0.2, "rescale_grad": 0.5}, 2, (2, 3, 4), positive=(1,)),
        step({"t": 1000, "wd": 0.1, "beta1": 0.5, "beta2": 0.3, "epsilon": 0.1}, 2, positive=(1,)),
        F("wd is required", {"t": 1}, *[(3, 4)] * 4), F("t is required", {"wd": 1}, *[(3, 4)] * 4)],
    "lamb_update_phase2": [
        *(S(params, (3, 4), (3, 4), [1.5], [0.7], grad=False) for params in LAMB2),
        S({"lr": 0.1}, (5,), (5,), [0.0], [0.7], grad=False), S({"lr": 0.1}, (5,), (5,), [2.0], [0.0], grad=False),
        F("r1 must hold one number", {"lr": 1}, (3, 4), (3, 4), (2,), (1,))],
    "_adamw_update": [
        S({"lr": 0.1, "eta": 1, **params}, (3, 4), (3, 4), (3, 4), SQUARES, [scale], grad=False)
        for params, scale in (({}, 1.0), ({"wd": 0.3}, 0.5), ({"wd": 0.3, "clip_gradient": 0.2}, 2.0), ({"eta": 0.3, "wd": 0.1}, 1.0),
                              ({"beta1": 0.5, "beta2": 0.3, "epsilon": 0.1}, 1.0), ({"clip_gradient": 0}, 1.0))] + [
        F("eta is required", {"lr": 1}, *[(3, 4)] * 4, (1,))],
    "mp_sgd_update": mixed_steps(0, {"rescale_grad": 0.5}, lr=0.1),
    "mp_sgd_mom_update": mixed_steps(1, *MOMENTUM, lr=0.1),
    "mp_nag_mom_update": mixed_steps(1, *MOMENTUM, lr=0.1),
    "_mp_adamw_update": mixed_steps(2, {"eta": 0.3}, positive=(1,), lr=0.1, eta=1, rescale=0.5),
    "mp_lamb_update_phase1": [mixed({"t": t, "wd": wd, **more}, 2, positive=(1,)) for t, wd, more in (
        (1, 0.0, {}), (7, 0.3, {}), (1, 0.1, {"bias_correction": False}), (3, 0.1, {"clip_gradient": 0.2, "rescale_grad": 0.5}),
        (1000, 0.1, {"beta1": 0.5, "beta2": 0.3, "epsilon": 0.1}))] + [F("wd is required", {"t": 1}, *[(3, 4)] * 5)],
    "mp_lamb_update_phase2": [S(params, half(3, 4, seed=1), (3, 4), [r1], [r2], (3, 4), grad=False) for params, r1, r2 in (
        *((p, 1.5, 0.7) for p in LAMB2), ({"lr": 0.1}, 0.0, 1.0), ({"lr": 0.1}, 1.0, 0.0))] + [
        F("r2 must hold one number", {"lr": 1}, (3, 4), (3, 4), (1,), (3,), (3, 4))],
}
