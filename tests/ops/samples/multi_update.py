"""Optimizer steps for several weights."""
from tests.ops.sample import F, S, draw
from tests.ops.samples.update import half, multi_adams, multi_lambs, multi_sgd

POSITIVE = draw(3, low=0.1, high=5.0)

SAMPLES = {
    **{f"{'preloaded_' * loaded}multi_{'mp_' * low}sgd_{'mom_' * mom}update": multi_sgd(int(mom), low, loaded)
       for mom in (False, True) for low in (False, True) for loaded in (False, True)},
    "_multi_adamw_update": multi_adams(False),
    "_multi_mp_adamw_update": multi_adams(True),
    "_multi_lamb_update": multi_lambs(False),
    "_multi_mp_lamb_update": multi_lambs(True),
    "multi_lars": [
        S({"eta": 0.1, "eps": 1e-8}, (3,), POSITIVE, POSITIVE, POSITIVE, grad=False),
        S({"eta": 0.001, "eps": 0.1, "rescale_grad": 0.5}, (3,), POSITIVE, POSITIVE, POSITIVE, grad=False),
        S({"eta": 2, "eps": 0}, [0.1, 0.2, 0.3], [0.0, 1.0, 4.0], [1.0, 0.0, 9.0], [0.0, 0.1, 0.2], grad=False),
        S({"eta": 1, "eps": 0}, [0.1], [2.0], [3.0], [0.0], grad=False),
        S({"eta": 1, "eps": 1}, (10,), draw(10, low=0.1, high=5.0), draw(10, low=0.1, high=5.0), (10,), grad=False),
        F("eta is required", {"eps": 1}, (3,), (3,), (3,), (3,)),
    ],
    "multi_sum_sq": [
        S({"num_arrays": 1}, (3, 4), grad=False), S({"num_arrays": 3}, (3, 4), (5,), (1,), grad=False),
        S({"num_arrays": 2}, (2, 3, 4), (2, 3, 4), grad=False), S({"num_arrays": 2}, [[0.0, 0.0]], [3.0, 4.0], grad=False),
        S({"num_arrays": 1}, (1000, 40), grad=False), S({"num_arrays": 1}, half(30, 4, seed=1), grad=False), F("num_arrays is required", {}, (3, 4)),
        F("num_arrays", {"num_arrays": 0}),
    ],
    "reset_arrays": [
        S({"num_arrays": 1}, (3, 4), grad=False), S({"num_arrays": 3}, (3, 4), (5,), (1,), grad=False),
        S({"num_arrays": 2}, (2, 3, 4), (2, 3, 4), grad=False), S({"num_arrays": 1}, [0.0], grad=False),
        S({"num_arrays": 1}, (20, 40), grad=False), F("num_arrays is required", {}, (3, 4)),
    ],
}
