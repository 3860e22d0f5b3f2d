"""Samples of mxr/ops/index.py."""

import numpy as np

from tests.ops.sample import F, S, draw

# positions below, inside and beyond 0 ... 3, one with a fraction
_WILD = [-5, -1, 0, 3, 4, 9, 2.7, 3]
_ARRAYS_ONLY = "a function of arrays only: MXNet has no symbol of it"
_FIRST = (0,)
_SECOND = (1,)


def _ints(*values):
    return np.array(values, np.int32)


SAMPLES = {
    "Embedding": [
        S({"input_dim": 5, "output_dim": 3}, draw(4, high=5, ints=True), (5, 3), grad=_SECOND),
        S({"input_dim": 5, "output_dim": 3}, draw(2, 6, high=5, ints=True), (5, 3), grad=_SECOND),
        S({"input_dim": 4, "output_dim": 2}, _WILD, (4, 2), grad=_SECOND),
        S({"input_dim": 1, "output_dim": 1}, [0], (1, 1), grad=_SECOND),
        S({"input_dim": 3, "output_dim": 4}, [[[1, 1], [1, 1]]], (3, 4), grad=_SECOND),
        S({"input_dim": 50, "output_dim": 2}, draw(300, high=50, ints=True), (50, 2), grad=_SECOND),
        F("differ", {"input_dim": 5, "output_dim": 3}, (4,), (5, 4)),
        F("input_dim is required", {"output_dim": 3}, (4,), (5, 3)),
        F("at least 1", {"input_dim": 0, "output_dim": 3}, (4,), (5, 3)),
    ],
    "_contrib_SparseEmbedding": [  # its gradient is in sparse storage in MXNet
        S({"input_dim": 5, "output_dim": 3}, draw(4, high=5, ints=True), (5, 3), grad=False),
        S({"input_dim": 5, "output_dim": 3}, draw(2, 6, high=5, ints=True), (5, 3), grad=False),
        S({"input_dim": 4, "output_dim": 2}, _WILD, (4, 2), grad=False),
        S({"input_dim": 1, "output_dim": 1}, [0], (1, 1), grad=False),
        S({"input_dim": 3, "output_dim": 4}, [[[1, 1], [1, 1]]], (3, 4), grad=False),
        F("differ", {"input_dim": 5, "output_dim": 3}, (4,), (5, 4)),
    ],
    "take": [  # MXNet refuses to add to the gradient of the indices
        S({}, (4, 3), [0, 3, 1, 1], grad=_FIRST),
        S({}, (4, 3), _WILD, grad=_FIRST),
        S({"mode": "wrap"}, (4, 3), _WILD, grad=_FIRST),
        S({"mode": "raise"}, (4, 3), [[0, 3], [2, 2]], grad=_FIRST),
        S({"axis": 1}, (2, 4, 3), _WILD, grad=_FIRST),
        S({"axis": -1, "mode": "wrap"}, (2, 3, 4), [_WILD, _WILD], grad=_FIRST),
        S({"axis": 2}, (2, 3, 4), [[3, 0]], grad=_FIRST),
        S({}, (4,), [[1, 2], [3, 3]], grad=_FIRST),
        S({}, (1, 1), [0], grad=_FIRST),
        S({"axis": 1}, (3, 4), _ints(1, 1, 0), grad=_FIRST),
        F("axis 2", {"axis": 2}, (4, 3), (2,)),
        F("one of", {"mode": "cut"}, (4, 3), (2,)),
    ],
    "batch_take": [
        S({}, (3, 4), _ints(0, 3, 1)),
        S({}, (3, 4), _ints(-2, 9, 1)),
        S({}, (1, 1), _ints(0)),
        S({}, (2, 1), _ints(0, 0)),
        S({}, (5, 2), _ints(1, 0, 1, 1, 0)),
        F("3 rows", {}, (3, 4), (4,)),
    ],
    "pick": [
        S({}, (3, 4), [0, 3, 1]),
        S({}, (3, 4), [-1, 9, 1.9]),
        S({"mode": "wrap"}, (3, 4), [-1, 9, 2]),
        S({"axis": 0}, (3, 4), [0, 1, 2, 1]),
        S({"axis": 1}, (2, 3, 4), draw(2, 4, high=3, ints=True)),
        S({"axis": 1, "keepdims": True}, (2, 3, 4), draw(2, 4, high=3, ints=True)),
        S({"axis": -1, "keepdims": True}, (3, 4), draw(3, 1, high=4, ints=True)),
        S({"axis": 0}, (3, 4), draw(1, 4, high=3, ints=True)),
        S({}, (1, 1), [0]),
        S({}, (5,), [3]),
        F("differ", {}, (3, 4), (4,)),
        F("axis 2", {"axis": 2}, (3, 4), (3,)),
        F("axis = None", {"axis": None}, (3, 4), (3,)),
    ],
    "fill_element_0index": [
        *(
            S({}, lhs, lhs[:1], rhs, reference="arrays", why=_ARRAYS_ONLY)
            for lhs, rhs in (
                ((3, 4), [0, 3, 1]),
                ((3, 4), [0, 4, -1]),
                ((1, 1), [0]),
                ((2, 1), [0, 0]),
                ((2, 3), [1.9, -0.5]),
            )
        ),
        F("matrix", {}, (3, 4, 2), (3,), (3,)),
        F("differ", {}, (3, 4), (4,), (3,)),
    ],
    "one_hot": [
        S({"depth": 4}, [0, 3, 1]),
        S({"depth": 4}, _WILD),
        S({"depth": 3, "on_value": 5, "off_value": -1}, draw(2, 3, high=3, ints=True)),
        S({"depth": 3, "dtype": "int32"}, [0, 2]),
        S({"depth": 1}, [0]),
        S({"depth": 3, "dtype": "float64", "on_value": 0.1}, [[1]]),
        F("depth is required", {}, (3,)),
    ],
    "_onehot_encode": [
        *(
            S({}, lhs, rhs, reference="arrays", why=_ARRAYS_ONLY)
            for lhs, rhs in (
                ([0, 3, 1], (3, 4)),
                ([0, 4, -1], (3, 4)),
                ([0], (1, 1)),
                ([0, 0], (2, 1)),
                ([1.9, -0.5], (2, 3)),
            )
        ),
        F("differ", {}, (3,), (4, 4)),
    ],
}
