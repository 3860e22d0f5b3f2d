"""Samples of mxr/ops/order.py."""

import numpy as np

from tests.ops.sample import F, S, draw

_TIES = draw(3, 12, high=4, ints=True)
_KINDS = ("value", "indices", "mask", "both")

SAMPLES = {
    "topk": [S({"k": 2, "ret_typ": kind}, (3, 5)) for kind in _KINDS]
    + [S({"k": 3, "ret_typ": kind, "axis": 0, "is_ascend": True}, (5, 2, 3)) for kind in _KINDS]
    + [S({"k": 2, "ret_typ": kind, "axis": 1}, (2, 4, 3)) for kind in _KINDS]
    + [S({"k": 4, "ret_typ": kind, "axis": None}, (3, 5)) for kind in _KINDS]
    + [
        S({}, (3, 5)),
        S({"k": 0, "ret_typ": "both"}, (3, 5)),
        S({"k": 3, "ret_typ": "value"}, (2, 100)),
        S({"k": 3, "ret_typ": "both", "is_ascend": True, "axis": 0}, (100, 2)),
        S({"k": 3, "ret_typ": "both"}, _TIES, numeric=False),
        S({"k": 12, "ret_typ": "both", "is_ascend": True}, _TIES, numeric=False),
        S({"k": 1, "ret_typ": "both"}, draw(2, 64, high=4, ints=True), numeric=False),
        S({"k": 2, "ret_typ": "both", "dtype": "int32"}, (3, 5)),
        S({"k": 2, "dtype": "uint8"}, (3, 5)),
        S({"k": 1, "ret_typ": "value"}, (1, 1)),
        S({"k": 2, "ret_typ": "both"}, np.array([[3, 1, 2, 7]], np.int32), grad=False),
        F("more than the 5", {"k": 6}, (3, 5)),
        F("axis 2", {"axis": 2}, (3, 5)),
        F("one of", {"ret_typ": "values"}, (3, 5)),
        F("cannot hold", {"dtype": "uint8"}, (3, 500)),
    ],
    "sort": [
        S({}, (3, 5), grad=False),  # MXNet's gradient fails unless axis is given
        S({"axis": -1}, (3, 5)),
        S({"axis": 0}, (3, 5)),
        S({"axis": 1, "is_ascend": False}, (2, 4, 3)),
        S({"axis": None}, (3, 5)),
        S({"axis": None, "is_ascend": False}, (2, 3, 2)),
        S({"axis": -1, "is_ascend": False}, _TIES, numeric=False),
        S({"axis": 0}, (1,)),
        S({"axis": -1}, (2, 200), numeric=False),
        F("axis 2", {"axis": 2}, (3, 5)),
    ],
    "argsort": [
        S({}, (3, 5)),
        S({"axis": 0}, (3, 5)),
        S({"axis": 1, "is_ascend": False}, (2, 4, 3)),
        S({"axis": None}, (3, 5)),
        S({"is_ascend": False}, _TIES),
        S({"dtype": "int32"}, _TIES),
        S({"axis": 0}, (1,)),
        F("axis -3", {"axis": -3}, (3, 5)),
    ],
    "_np_cumsum": [
        S({}, (2, 3)),
        S({"axis": 0}, (2, 3)),
        S({"axis": 1}, (2, 3, 4)),
        S({"axis": -1}, (2, 3, 4), reference=False, why="MXNet reads beyond the shape"),
        S({"axis": 0}, (1,)),
        S({"axis": 0, "dtype": "float64"}, (3, 2)),
        S({"axis": 1, "dtype": "int32"}, np.array([[1, 2, 3]], np.int32), grad=False),
        F("axis 2", {"axis": 2}, (2, 3)),
    ],
    "_histogram": [
        S({"bin_cnt": 5, "range": (-2, 2)}, (50,)),
        S({"bin_cnt": 4, "range": (0, 4)}, draw(30, high=6, ints=True)),
        S({"bin_cnt": 3, "range": (1, 1)}, [1, 1, 0.2, 2]),
        S({}, (4, 10), [-1.5, -0.5, 0, 2]),
        S({}, [0, 1, 2, 3, 4], [0, 1, 4]),
        S({"bin_cnt": 7, "range": (-0.3, 0.9)}, draw(100, low=-1, high=1)),
        F("both bin_cnt and range", {"bin_cnt": 5}, (50,)),
        F("at least 2 bounds", {}, (50,), (1,)),
    ],
}
