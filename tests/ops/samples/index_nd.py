"""Samples of mxr/ops/index_nd.py."""

import numpy as np

from tests.ops.sample import F, S


def _ints(*values):
    return np.array(values, np.int32)


SAMPLES = {
    "gather_nd": [
        S({}, (3, 4), [[0, 2, 2], [3, 0, 0]]),
        S({}, (3, 4), [[0, 2, 1, 2]]),
        S({}, (2, 3, 4), [[[0, 1], [1, 1]], [[2, 0], [0, 0]]]),
        S({}, (2, 3, 4), [[1], [2], [3]]),
        S({}, (5,), [[4, 0, 4]]),
        # MXNet's gradient writes outside the array where an index is negative
        S({}, (3, 4), [[-1, -3], [-4, 2]], grad=False),
        S({}, (3, 4), [[1.7, -0.5], [0.2, -1.5]], grad=False),
        S({}, (1, 1), [[0], [0]]),
        S({}, (3, 4), _ints([0, 2], [1, 1])),
        F("indices for 3 axes", {}, (3, 4), (3, 2)),
        F("at least 2 dimensions", {}, (3, 4), (2,)),
    ],
    "scatter_nd": [
        S({"shape": (3, 4)}, (3,), [[0, 2, 1], [3, 0, 0]]),
        S({"shape": (3, 4)}, (2, 4), [[0, 2]]),
        S({"shape": (2, 3, 4)}, (2, 2, 4), [[[0, 1], [1, 0]], [[2, 0], [1, 1]]]),
        S({"shape": (5,)}, (2,), [[4, 0]]),
        S({"shape": (1, 1)}, (1,), [[0], [0]]),
        F("differ", {"shape": (3, 4)}, (2, 3), (1, 2)),
        F("shape is required", {}, (2,), (1, 2)),
    ],
    "_scatter_set_nd": [
        *(
            S(
                {"shape": lhs},
                lhs,
                rhs,
                indices,
                reference="in place",
                why="MXNet runs it only with its first input as its output",
            )
            for lhs, rhs, indices in (
                ((3, 4), (3,), [[0, 2, 1], [3, 0, 0]]),
                ((3, 4), (2, 4), [[0, 2]]),
                ((5,), (2,), [[4, 0]]),
                ((1, 1), (1,), [[0], [0]]),
                ((2, 3, 4), (2, 2, 4), [[[0, 1], [1, 0]], [[2, 0], [1, 1]]]),
            )
        ),
        F("differ", {"shape": (3, 4)}, (3, 5), (2, 4), (1, 2)),
    ],
    "_ravel_multi_index": [
        S({"shape": (3, 4)}, [[0, 2, 1], [3, 0, 2]]),
        S({"shape": (2, 3, 4)}, [[1, 0], [2, 1], [3, 0]]),
        S({"shape": (5,)}, [[4, 0, 1]]),
        S({"shape": (-1, 4)}, [[7, 2], [3, 1]]),
        S({"shape": (1, 1)}, [[0], [0]]),
        F("shape is required", {}, (2, 3)),
        F("differ", {"shape": (3, 4)}, (3, 2)),
    ],
    "_unravel_index": [
        S({"shape": (3, 4)}, [3, 8, 6]),
        S({"shape": (2, 3, 4)}, [23, 4]),
        S({"shape": (5,)}, [4, 0, 1]),
        S({"shape": (-1, 4)}, [31, 9]),
        S({"shape": (1, 1)}, [0]),
        F("shape is required", {}, (3,)),
        F("vector", {"shape": (3, 4)}, (3, 2)),
    ],
}
