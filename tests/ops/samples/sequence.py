"""Samples of mxr/ops/sequence.py."""

from tests.ops.sample import F, S

_ON = {"use_sequence_length": True}
# MXNet leaves the gradient array of the lengths as it was
_DATA = (0,)

SAMPLES = {
    "SequenceMask": [
        S({}, (3, 2)),
        S(
            {},
            (3, 2, 4),
        ),
        S(_ON, (4, 3, 2), [1, 4, 2], grad=_DATA),
        S({**_ON, "value": -1.5}, (4, 3), [0, 4, 3], grad=_DATA),
        S({**_ON, "axis": 1}, (3, 4, 2), [1, 0, 2], grad=_DATA),
        S({**_ON, "axis": 1, "value": 1e9}, (2, 5), [5, 2.7], grad=_DATA),
        S(_ON, (1, 1), [1], grad=_DATA),
        S(_ON, (2, 3, 1, 2), [9, 1, 2], grad=_DATA),
        F("axis must be 0 or 1", {"axis": 2}, (2, 3, 4)),
        F("at least 2 dimensions", {}, (3,)),
        F("differ", _ON, (4, 3), (4,)),
    ],
    "SequenceLast": [
        S({}, (3, 2)),
        S({}, (3, 2, 4)),
        S({"axis": 1}, (3, 2, 4)),
        S(_ON, (4, 3, 2), [1, 4, 2], grad=_DATA),
        S({**_ON, "axis": 1}, (3, 4, 2, 2), [1, 3, 2], grad=_DATA),
        S(_ON, (1, 1), [1], grad=_DATA),
        S(_ON, (4, 3), [1, 2.9, 2], grad=_DATA),
        F("axis must be 0 or 1", {"axis": 2}, (2, 3, 4)),
        F("differ", _ON, (4, 3), (4,)),
    ],
    "SequenceReverse": [
        S({}, (3, 2)),
        S({}, (3, 2, 4)),
        S(_ON, (4, 3, 2), [1, 4, 2], grad=_DATA),
        S(_ON, (4, 3), [0, 4, 3], grad=_DATA),
        S(_ON, (1, 1), [1], grad=_DATA),
        S(_ON, (5, 2, 2, 1), [3, 5], grad=_DATA),
        F("axis must be 0", {"axis": 1}, (2, 3, 4)),
        F("at least 2 dimensions", {}, (3,)),
    ],
}
