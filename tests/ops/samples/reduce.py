import numpy as np

from tests.ops.sample import F, S, draw

INF, NAN = np.inf, np.nan
TIES = draw(3, 6, 2, grid=(-1, 0, 1, 2))
SPECIAL = [[1, 3, 3], [NAN, 2, 5], [5, NAN, 2], [2, 1, NAN], [INF, 1, 4], [INF, -INF, 0], [0, 0, 2]]


def reduction(special=SPECIAL):
    x = draw(2, 3, 4, low=0.5, high=2)
    return [
        S({}, x),
        S({"axis": 1}, x),
        S({"axis": -1, "keepdims": True}, x),
        S({"axis": (0, 2)}, x),
        S({"axis": (2, 0), "exclude": True}, x),
        S({"axis": (-1, 1), "keepdims": True}, x),
        S({"axis": (0, 1, 2)}, x),
        S({"axis": (0, 1, 2), "exclude": True}, x),
        S({"axis": 0, "exclude": True, "keepdims": True}, x),
        S({"axis": ()}, x),
        S({"keepdims": True}, x),
        S({"axis": 1}, draw(2, 1, 3, low=0.5, high=2)),
        S({"axis": 0}, draw(5, low=0.5, high=2)),
        S({"axis": (1,)}, TIES, numeric=False),
        S({"axis": 1}, special, numeric=False),
        S({"axis": 0}, special, numeric=False),
        S({"axis": 1}, np.array([[1, 2, 4], [5, 5, 0]], np.int32), grad=False),
        F("out of range", {"axis": 3}, (2, 3)),
        F("out of range", {"axis": (-3,)}, (2, 3)),
        F("twice", {"axis": (1, -1)}, (2, 3)),
        F("axis must be", {"axis": "rows"}, (2, 3)),
        F("did you mean", {"keep.dims": True}, (2, 3)),
    ]


def position():
    return [
        S({"axis": 1}, (3, 5), numeric=False),
        S({"axis": -1, "keepdims": True}, (2, 3, 4), numeric=False),
        S({}, (3, 4), numeric=False),
        S({"keepdims": True}, (2, 3), numeric=False),
        S({"axis": 0}, (5,), numeric=False),
        S({"axis": 1}, TIES, numeric=False),
        S({"axis": 1}, SPECIAL, numeric=False),
        S({"axis": 1}, (2, 1, 3), numeric=False),
        F("out of range", {"axis": 2}, (2, 3)),
    ]


SAMPLES = {
    **{name: reduction() for name in ("sum", "mean", "prod", "nanprod", "max", "min")},
    "nansum": reduction(SPECIAL[:4]),  # MXNet's compensated summation turns an infinity into NaN here
    "_square_sum": [
        S({**p}, (2, 3, 4), reference=False, why="MXNet has it for sparse arrays only")
        for p in (
            {},
            {"axis": 1},
            {"axis": (0, -1)},
            {"axis": 1, "keepdims": True},
            {"axis": 1, "exclude": True},
        )
    ],
    "norm": [
        S({}, (2, 3)),
        S({"axis": 1}, (2, 3, 4)),
        S({"ord": 1}, (2, 3)),
        S({"ord": 1, "axis": (0, -1)}, (2, 3, 4)),
        S({"axis": (1, 2), "keepdims": True}, (2, 3, 4)),
        S({"axis": ()}, (4,)),
        S({"axis": 1}, [[1, 2, 0], [0, 0, 0], [NAN, 1, 2]], numeric=False),
        S({"ord": 1, "axis": 1}, [[1, -2, 0], [0, 0, 0], [NAN, 1, INF]], numeric=False),
        S({}, [[1e30, 1e30], [0, 1]], numeric=False),
        S({"axis": 0}, [[1e-30, 1e30], [1e-30, 1]], numeric=False),
        S({"axis": 1}, (3, 1)),
        S({"out_dtype": "float64"}, (2, 3), grad=False, reference=False, why="MXNet fails on it"),
        F("ord must be", {"ord": 3}, (2,)),
        F("out of range", {"axis": 2}, (2, 3)),
        F("twice", {"axis": (0, 0)}, (2, 3)),
    ],
    "moments": [
        S({"axes": (0,)}, (3, 4)),
        S({"axes": (0, 2), "keepdims": True}, (2, 3, 4)),
        S({"axes": (-1,)}, (2, 3)),
        S({"axes": (0, 1)}, (2, 3)),
        S({"axes": (1,)}, (2, 1, 3), numeric=False),
        S({"axes": (0,)}, (5,)),
        S({"axes": (1,)}, [[1, 1, 1], [1e4, 1, 2], [NAN, 1, 2]], numeric=False),
        F("axes is empty", {}, (2, 3)),
        F("out of range", {"axes": (2,)}, (2, 3)),
    ],
    "argmax": position(),
    "argmin": position(),
    "argmax_channel": [
        S({}, (3, 5), grad=False),
        S({}, (2, 3, 4), grad=False),
        S({}, (4, 1), grad=False),
        S({}, TIES, grad=False),
        S({}, SPECIAL, grad=False),
        F("no second C-order dimension", {}, (3,)),
    ],
}
