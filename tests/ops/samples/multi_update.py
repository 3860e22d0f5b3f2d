"""Optimizer steps for several weights."""

from tests.ops.sample import F, S, draw
from tests.ops.samples.update import half, several


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
        F(
            "lrs must hold one value for each weight: 2",
            wrong,
            *[(2, 3)] * (2 * k),
            *([(1,), (2,)] if loaded else []),
        ),
    ]


def multi_adam(low, scale, **more):
    names = {"num_weights": 2, "lrs": (0.1, 0.2), "wds": (0.0, 0.3), "etas": (1.0, 0.5), **more}
    return several(names, 2, 2, low=low, positive=(1,), tail=([scale],))


def multi_adams(low):
    k = 4 + low
    return [
        multi_adam(low, 1.0),
        multi_adam(low, 0.5, clip_gradient=0.2),
        multi_adam(low, 2.0, beta1=0.5, beta2=0.6, epsilon=0.1),
        several({"lrs": (0.1,), "wds": (0.2,), "etas": (1,)}, 1, 2, low=low, positive=(1,), tail=([1.0],)),
        multi_adam(low, 1.0, clip_gradient=0),
        F(
            "etas must hold one value for each weight: 2",
            {"num_weights": 2, "lrs": (1, 1), "wds": (1, 1), "etas": (1,)},
            *[(2, 3)] * (2 * k),
            (1,),
        ),
    ]


def multi_lambs(low):
    def one(n=2, **more):
        return several(
            {
                "num_tensors": n,
                "learning_rates": (0.1, 0.2, 0.3)[:n],
                "wds": (0.0, 0.3, 0.1)[:n],
                "step_count": (1, 5, 100)[:n],
                **more,
            },
            n,
            2,
            low=low,
            positive=(1,),
        )

    k = 4 + low
    return [
        one(),
        one(3, clip_gradient=0.5, rescale_grad=0.3),
        one(1),
        one(bias_correction=False),
        one(lower_bound=1, upper_bound=2),
        one(beta1=0.5, beta2=0.6, epsilon=0.1),
        F(
            "step_count must hold one value for each weight: 2",
            {"num_tensors": 2, "learning_rates": (1, 1), "wds": (1, 1), "step_count": (1,)},
            *[(2, 3)] * (2 * k),
        ),
    ]


POSITIVE = draw(3, low=0.1, high=5.0)

SAMPLES = {
    **{
        f"{'preloaded_' * loaded}multi_{'mp_' * low}sgd_{'mom_' * mom}update": multi_sgd(
            int(mom), low, loaded
        )
        for mom in (False, True)
        for low in (False, True)
        for loaded in (False, True)
    },
    "_multi_adamw_update": multi_adams(False),
    "_multi_mp_adamw_update": multi_adams(True),
    "_multi_lamb_update": multi_lambs(False),
    "_multi_mp_lamb_update": multi_lambs(True),
    "multi_lars": [
        S({"eta": 0.1, "eps": 1e-8}, (3,), POSITIVE, POSITIVE, POSITIVE, grad=False),
        S({"eta": 0.001, "eps": 0.1, "rescale_grad": 0.5}, (3,), POSITIVE, POSITIVE, POSITIVE, grad=False),
        S(
            {"eta": 2, "eps": 0},
            [0.1, 0.2, 0.3],
            [0.0, 1.0, 4.0],
            [1.0, 0.0, 9.0],
            [0.0, 0.1, 0.2],
            grad=False,
        ),
        S({"eta": 1, "eps": 0}, [0.1], [2.0], [3.0], [0.0], grad=False),
        S(
            {"eta": 1, "eps": 1},
            (10,),
            draw(10, low=0.1, high=5.0),
            draw(10, low=0.1, high=5.0),
            (10,),
            grad=False,
        ),
        F("eta is required", {"eps": 1}, (3,), (3,), (3,), (3,)),
    ],
    "multi_sum_sq": [
        S({"num_arrays": 1}, (3, 4), grad=False),
        S({"num_arrays": 3}, (3, 4), (5,), (1,), grad=False),
        S({"num_arrays": 2}, (2, 3, 4), (2, 3, 4), grad=False),
        S({"num_arrays": 2}, [[0.0, 0.0]], [3.0, 4.0], grad=False),
        S({"num_arrays": 1}, (1000, 40), grad=False),
        S({"num_arrays": 1}, half(30, 4, seed=1), grad=False),
        F("num_arrays is required", {}, (3, 4)),
        F("num_arrays", {"num_arrays": 0}),
    ],
    "reset_arrays": [
        S({"num_arrays": 1}, (3, 4), grad=False),
        S({"num_arrays": 3}, (3, 4), (5,), (1,), grad=False),
        S({"num_arrays": 2}, (2, 3, 4), (2, 3, 4), grad=False),
        S({"num_arrays": 1}, [0.0], grad=False),
        S({"num_arrays": 1}, (20, 40), grad=False),
        F("num_arrays is required", {}, (3, 4)),
    ],
}
