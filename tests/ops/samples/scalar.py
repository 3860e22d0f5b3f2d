import numpy as np

from tests.ops.sample import F, S, draw

INF, NAN = np.inf, np.nan
EDGES = [-INF, -5.5, -2, -1.5, -1, -0.0, 0, 0.5, 1, 2, 5, INF, NAN]
NUMBERS = (0.0, 1.0, 2.0, -1.5)
KINKS = {
    "mod",
    "rmod",
    "equal",
    "not_equal",
    "greater",
    "greater_equal",
    "lesser",
    "lesser_equal",
    "logical_and",
    "logical_or",
    "logical_xor",
}
BASES = {"power": (0.3, 3), "rpower": (-2, 2), "rdiv": (0.3, 3)}


def scalar(name):
    low, high = BASES.get(name, (-2, 2))
    numeric = name not in KINKS
    ints = (
        []
        if name in ("rpower", "rdiv", "hypot", "rmod")
        else [
            S({"scalar": 3.0}, np.array([[-4, 3], [7, 0]], np.int32), grad=False),
            S({"scalar": 2.5, "is_int": False}, np.array([-4, 3], np.int32), grad=False),
        ]
    )
    return [
        S({"scalar": 2.5}, draw(2, 3, low=low, high=high), numeric=numeric),
        S({}, draw(4, low=low, high=high), numeric=numeric),
        S({"scalar": 3.0}, draw(1, 2, 1, low=low, high=high), numeric=numeric),
        S({"scalar": 0.7}, draw(2, 1, 3, 2, low=low, high=high), numeric=numeric),
        *(S({"scalar": s}, EDGES, numeric=False) for s in NUMBERS),
        *ints,
        F("scalar must be a number", {"scalar": "two"}, (2,)),
        F("unknown parameter", {"number": 2}, (2,)),
    ]


SAMPLES = {
    f"_{name}_scalar": scalar(name)
    for name in (
        "plus",
        "minus",
        "rminus",
        "mul",
        "div",
        "rdiv",
        "mod",
        "rmod",
        "power",
        "rpower",
        "maximum",
        "minimum",
        "hypot",
        "equal",
        "not_equal",
        "greater",
        "greater_equal",
        "lesser",
        "lesser_equal",
        "logical_and",
        "logical_or",
        "logical_xor",
        "scatter_plus",
        "scatter_minus",
    )
}
for _name in (
    "plus",
    "minus",
    "rminus",
    "mul",
    "maximum",
    "minimum",
    "equal",
    "greater_equal",
    "lesser",
    "logical_and",
):
    SAMPLES[f"_{_name}_scalar"] += [
        S({"scalar": s}, np.array([0, 1, 5, 100], kind), grad=False)
        for s in (-1.0, 1.5, 300.0)
        for kind in (np.uint8, np.int8)
    ]
SAMPLES["_power_scalar"] += [
    S({"scalar": s}, EDGES, numeric=False) for s in (-1.0, 0.5, -0.5, 3.0, 1.5, -2.0)
]
