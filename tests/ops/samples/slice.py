"""Samples of mxr/ops/slice.py."""

from tests.ops.sample import F, S

_X = (4, 5, 6)

SAMPLES = {
    "slice": [
        S({"begin": (1,), "end": (3,)}, _X),
        S({"begin": (0, 1), "end": (2, 4)}, _X),
        S({"begin": (None, 1), "end": (None, None)}, _X),
        S({"begin": (-3, -2, -1), "end": (-1, None, None)}, _X),
        S({"begin": (0, 0, 0), "end": (4, 5, 6), "step": (2, 3, 4)}, _X),
        S({"begin": (3, None), "end": (0, None), "step": (-1, -2)}, _X),
        S({"begin": (None, None, None), "end": (None, None, None), "step": (-1, None, -2)}, _X),
        S({"begin": (1,), "end": (100,)}, _X),
        S({"begin": (-100,), "end": (2,)}, _X),
        S({"begin": (100,), "end": (0,), "step": (-2,)}, (5,)),
        S({"begin": (-1,), "end": (-100,), "step": (-1,)}, (5,)),
        S({"begin": (0,), "end": (1,)}, (1,)),
        S({"begin": (2, 1), "end": (3, 2)}, (3, 2, 1)),
        F("takes nothing", {"begin": (3,), "end": (1,)}, _X),
        F("step 1 is 0", {"begin": (0,), "end": (1,), "step": (0,)}, _X),
        F("same length", {"begin": (0, 1), "end": (1,)}, _X),
        F("4 entries", {"begin": (0,) * 4, "end": (1,) * 4}, _X),
        F("begin is required", {"end": (1,)}, _X),
    ],
    "slice_axis": [
        S({"axis": 0, "begin": 1, "end": 3}, _X),
        S({"axis": 1, "begin": 0, "end": None}, _X),
        S({"axis": -1, "begin": -3, "end": -1}, _X),
        S({"axis": -2, "begin": 4, "end": 5}, _X),
        S({"axis": 0, "begin": 0, "end": 1}, (1,)),
        S({"axis": 2, "begin": -6, "end": None}, _X),
        F("no part", {"axis": 0, "begin": 3, "end": 3}, _X),
        F("no part", {"axis": 0, "begin": 0, "end": 9}, _X),
        F("axis 3", {"axis": 3, "begin": 0, "end": 1}, _X),
        F("end is required", {"axis": 0, "begin": 0}, _X),
    ],
    "slice_like": [
        S({}, _X, (2, 3, 1)),
        S({"axes": (1,)}, _X, (9, 2, 9)),
        S({"axes": (0, -1)}, _X, (3, 8, 2)),
        S({"axes": (0,)}, _X, (3, 8)),
        S({}, (1,), (1,)),
        S({}, (3, 2), (3, 2)),
        F("6 are needed", {}, (4, 5), (4, 6)),
        F("number of dimensions", {}, (4, 5), (4,)),
    ],
    "_slice_assign": [
        S({"begin": (1, 0), "end": (3, 5)}, (4, 5), (2, 5)),
        S({"begin": (1,), "end": (2,)}, (4, 5), (1, 5)),
        S({"begin": (0, 1), "end": (4, 5), "step": (2, 2)}, (4, 5), (2, 2)),
        S({"begin": (None, 4), "end": (None, 1), "step": (1, -1)}, (4, 5), (4, 3)),
        S({"begin": (-2,), "end": (None,)}, (4,), (2,)),
        F("differ", {"begin": (1, 0), "end": (3, 5)}, (4, 5), (3, 5)),
    ],
    "_slice_assign_scalar": [
        S({"scalar": 2.5, "begin": (1, 0), "end": (3, 5)}, (4, 5)),
        S({"begin": (1,), "end": (2,)}, (4, 5)),
        S({"scalar": -1, "begin": (0, 1), "end": (4, 5), "step": (2, 2)}, (4, 5)),
        S({"scalar": 7, "begin": (None, 4), "end": (None, 1), "step": (1, -1)}, (4, 5)),
        S({"scalar": 1, "begin": (-2,), "end": (None,)}, (4,)),
        F("takes nothing", {"begin": (3,), "end": (1,)}, (4, 5)),
    ],
}
