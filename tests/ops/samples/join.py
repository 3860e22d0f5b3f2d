"""Samples of mxr/ops/join.py."""

from tests.ops.sample import F, S

_X = (2, 3, 4)


def _pad(mode, width, *shape, **more):
    return S({"mode": mode, "pad_width": width, **more}, shape)


SAMPLES = {
    "Concat": [
        S({"num_args": 2}, (2, 3), (2, 5)),
        S({"num_args": 3, "dim": 0}, (2, 3), (1, 3), (4, 3)),
        S({"num_args": 2, "dim": -1}, _X, (2, 3, 1)),
        S({"num_args": 1, "dim": 1}, (2, 3)),
        S({"num_args": 2, "dim": 0}, (1,), (3,)),
        S({"num_args": 4, "dim": 2}, _X, _X, (2, 3, 1), _X),
        F("differ", {"num_args": 2}, (2, 3), (3, 3)),
        F("number", {"num_args": 2}, (2, 3), (2, 3, 1)),
        F("axis 2", {"num_args": 2, "dim": 2}, (2, 3), (2, 3)),
    ],
    "stack": [S({"num_args": 2, "axis": a}, (2, 3), (2, 3)) for a in (0, 1, 2, -1, -3)]
    + [
        S({"num_args": 1}, (3,)),
        S({"num_args": 3, "axis": 1}, (1,), (1,), (1,)),
        F("differ", {"num_args": 2}, (2, 3), (3, 3)),
        F("axis 3", {"num_args": 2, "axis": 3}, (2, 3), (2, 3)),
    ],
    "SliceChannel": [
        S({"num_outputs": 3}, (2, 6)),
        S({"num_outputs": 2, "axis": 0}, (4, 3)),
        S({"num_outputs": 4, "axis": -1}, _X),
        S({"num_outputs": 3, "squeeze_axis": True}, _X),
        S({"num_outputs": 4, "axis": -1, "squeeze_axis": True}, _X),
        S({"num_outputs": 1}, (2, 3)),
        S({"num_outputs": 1, "axis": 1, "squeeze_axis": True}, (2, 1, 3)),
        F("2 equal parts", {"num_outputs": 2}, (2, 3)),
        F("exactly 2 elements", {"num_outputs": 2, "squeeze_axis": True}, (2, 4)),
        F("axis 4", {"num_outputs": 2, "axis": 4}, (2, 4)),
    ],
    "_split_v2": [
        S({"indices": (0, 2, 5), "axis": 0}, (7, 2)),
        S({"indices": (0,), "axis": 1}, (2, 3)),
        S({"indices": (), "sections": 3, "axis": 0}, (6, 2)),
        S({"indices": (), "sections": 4, "axis": 1}, (2, 6)),
        S({"indices": (0, 1, 2), "axis": -1, "squeeze_axis": True}, (2, 3)),
        S({"indices": (0, 1), "axis": 1}, (2, 4, 3)),
        F("parts of sizes", {"indices": (0, 9), "axis": 1}, (2, 4)),
        F("parts of sizes", {"indices": (1, 3), "axis": 1}, (2, 4)),
        F("parts of sizes", {"indices": (0, 1), "axis": 1, "squeeze_axis": True}, (2, 4)),
    ],
    "tile": [
        S({"reps": (2,)}, (3,)),
        S({"reps": (2, 3)}, (2, 2)),
        S({"reps": (2,)}, _X),
        S({"reps": (2, 1, 3)}, (2,)),
        S({"reps": ()}, (2, 3)),
        S({"reps": (1, 1)}, (1, 1)),
        S({"reps": (3, 2)}, (1, 2)),
        F("at least 1", {"reps": (0,)}, (3,)),
    ],
    "repeat": [
        S({"repeats": 2}, (2, 3)),
        S({"repeats": 3, "axis": 0}, (2, 3)),
        S({"repeats": 2, "axis": 1}, _X),
        S({"repeats": 2, "axis": -1}, _X),
        S({"repeats": 1, "axis": 0}, (2,)),
        S({"repeats": 4, "axis": 0}, (1, 2)),
        F("axis 2", {"repeats": 2, "axis": 2}, (2, 3)),
        F("at least 1", {"repeats": -1}, (2, 3)),
    ],
    "Pad": [
        _pad("constant", (0, 0, 0, 0, 1, 2, 3, 0), 1, 2, 3, 4),
        _pad("constant", (0, 0, 0, 0, 1, 1, 1, 1), 2, 1, 1, 1, constant_value=2.5),
        _pad("constant", (0,) * 8, 1, 2, 3, 4),
        _pad("edge", (0, 0, 0, 0, 2, 1, 0, 3), 2, 2, 3, 4),
        _pad("edge", (0, 0, 0, 0, 4, 0, 2, 2), 1, 1, 1, 2),
        _pad("reflect", (0, 0, 0, 0, 2, 1, 1, 3), 2, 1, 3, 4),
        _pad("reflect", (0, 0, 0, 0, 1, 1, 0, 0), 1, 1, 2, 2),
        _pad("constant", (0, 0, 0, 0, 1, 0, 2, 1, 0, 1), 1, 2, 2, 3, 2, constant_value=-1),
        _pad("edge", (0, 0, 0, 0, 1, 2, 2, 1, 0, 1), 1, 2, 2, 3, 2),
        _pad("reflect", (0, 0, 0, 0, 1, 1, 2, 1, 0, 1), 1, 2, 2, 3, 2),
        F("mode is required", {"pad_width": (0,) * 8}, (1, 2, 3, 4)),
        F("4 or 5 dimensions", {"mode": "edge", "pad_width": (0, 0, 1, 1)}, (2, 3)),
        F("first four 0", {"mode": "edge", "pad_width": (0, 0, 1, 1, 1, 1, 1, 1)}, (1, 2, 3, 4)),
        F("narrower", {"mode": "reflect", "pad_width": (0, 0, 0, 0, 3, 1, 1, 1)}, (1, 2, 3, 4)),
    ],
    "Crop": [
        S({"num_args": 1, "h_w": (2, 3)}, (1, 2, 4, 5)),
        S({"num_args": 1, "h_w": (2, 3), "offset": (2, 1)}, (1, 2, 4, 5)),
        S({"num_args": 1, "h_w": (2, 2), "center_crop": True}, (1, 2, 4, 5)),
        S({"num_args": 2}, (2, 1, 4, 5), (1, 3, 2, 2)),
        S({"num_args": 2, "offset": (1, 2)}, (2, 1, 4, 5), (1, 3, 2, 2)),
        S({"num_args": 2, "center_crop": True}, (2, 1, 5, 6), (1, 3, 2, 2)),
        S({"num_args": 1, "h_w": (1, 1)}, (1, 1, 1, 1)),
        F("does not fit", {"num_args": 1, "h_w": (5, 2)}, (1, 2, 4, 5)),
        F("offset", {"num_args": 1, "h_w": (2, 2), "offset": (3, 0)}, (1, 2, 4, 5)),
        F("4 dimensions", {"num_args": 1, "h_w": (2, 2)}, (2, 4, 5)),
    ],
}
