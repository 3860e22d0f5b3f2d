"""AdamW and LAMB."""

from tests.ops.sample import F, S, draw
from tests.ops.samples.update import half, mixed, mixed_steps, step

SQUARES = draw(3, 4, low=0.01, high=2.0)
LAMB2 = (
    {"lr": 0.1},
    {"lr": 0.1, "lower_bound": 2},
    {"lr": 0.5, "upper_bound": 0.3},
    {"lr": 0.1, "lower_bound": 0, "upper_bound": 10},
)

SAMPLES = {
    "lamb_update_phase1": [
        step({"t": 1, "wd": 0.0}, 2, positive=(1,)),
        step({"t": 7, "wd": 0.3}, 2, (7,), positive=(1,)),
        step({"t": 1, "wd": 0.1, "bias_correction": False}, 2, positive=(1,)),
        step({"t": 3, "wd": 0.1, "clip_gradient": 0.2, "rescale_grad": 0.5}, 2, (2, 3, 4), positive=(1,)),
        step({"t": 1000, "wd": 0.1, "beta1": 0.5, "beta2": 0.3, "epsilon": 0.1}, 2, positive=(1,)),
        F("wd is required", {"t": 1}, *[(3, 4)] * 4),
        F("t is required", {"wd": 1}, *[(3, 4)] * 4),
    ],
    "lamb_update_phase2": [
        *(S(params, (3, 4), (3, 4), [1.5], [0.7], grad=False) for params in LAMB2),
        S({"lr": 0.1}, (5,), (5,), [0.0], [0.7], grad=False),
        S({"lr": 0.1}, (5,), (5,), [2.0], [0.0], grad=False),
        F("r1 must hold one number", {"lr": 1}, (3, 4), (3, 4), (2,), (1,)),
    ],
    "_adamw_update": [
        S({"lr": 0.1, "eta": 1, **params}, (3, 4), (3, 4), (3, 4), SQUARES, [scale], grad=False)
        for params, scale in (
            ({}, 1.0),
            ({"wd": 0.3}, 0.5),
            ({"wd": 0.3, "clip_gradient": 0.2}, 2.0),
            ({"eta": 0.3, "wd": 0.1}, 1.0),
            ({"beta1": 0.5, "beta2": 0.3, "epsilon": 0.1}, 1.0),
            ({"clip_gradient": 0}, 1.0),
        )
    ]
    + [F("eta is required", {"lr": 1}, *[(3, 4)] * 4, (1,))],
    "_mp_adamw_update": mixed_steps(2, {"eta": 0.3}, positive=(1,), lr=0.1, eta=1, rescale=0.5),
    "mp_lamb_update_phase1": [
        mixed({"t": t, "wd": wd, **more}, 2, positive=(1,))
        for t, wd, more in (
            (1, 0.0, {}),
            (7, 0.3, {}),
            (1, 0.1, {"bias_correction": False}),
            (3, 0.1, {"clip_gradient": 0.2, "rescale_grad": 0.5}),
            (1000, 0.1, {"beta1": 0.5, "beta2": 0.3, "epsilon": 0.1}),
        )
    ]
    + [F("wd is required", {"t": 1}, *[(3, 4)] * 5)],
    "mp_lamb_update_phase2": [
        S(params, half(3, 4, seed=1), (3, 4), [r1], [r2], (3, 4), grad=False)
        for params, r1, r2 in (
            *((p, 1.5, 0.7) for p in LAMB2),
            ({"lr": 0.1}, 0.0, 1.0),
            ({"lr": 0.1}, 1.0, 0.0),
        )
    ]
    + [F("r2 must hold one number", {"lr": 1}, (3, 4), (3, 4), (1,), (3,), (3, 4))],
}
