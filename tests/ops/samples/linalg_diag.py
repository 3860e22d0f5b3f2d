"""Samples of diagonals and triangles."""

from tests.ops.sample import F, S
from tests.ops.samples.linalg import doubles, f32, matrices, positive


def takes(lower):
    more = [{"lower": False}, {"lower": True}] if lower else [{}, {"offset": 0}]
    return [
        *(S(m, (4, 4)) for m in more),
        S({"offset": 1}, (4, 4)),
        S({"offset": -2}, (2, 4, 4)),
        S({"offset": 3}, (2, 3, 4, 4)),
        S({}, (1, 1)),
        S({"offset": -1}, (1, 2, 2)),
        S({}, doubles(matrices(3, 3))),
        F("offset 4", {"offset": 4}, (4, 4)),
        F("square", {}, (3, 4)),
        F("matrices", {}, (3,)),
    ]


def makes(lower, n):
    more = [{"lower": False}, {"lower": True}] if lower else [{}, {"offset": 0}]
    return [
        *(S(m, (n,)) for m in more),
        S({"offset": 1}, (n,)),
        S({"offset": -2}, (2, n)),
        S({"offset": 3}, (2, 3, n)),
        S({}, (1,)),
        S({"offset": -1}, (1, 1)),
        S({}, doubles(matrices(2, n))),
    ]


SAMPLES = {
    "_linalg_sumlogdiag": [
        S({}, positive(3, 3)),
        S({}, positive(2, 4, 4)),
        S({}, positive(2, 3, 2, 2)),
        S({}, f32([[2.0]])),
        S({}, f32([[0.0, 5.0], [5.0, -1.0]]), numeric=False),
        S({}, doubles(positive(2, 2))),
        F("square", {}, (3, 4)),
        F("matrices", {}, (3,)),
    ],
    "_linalg_extractdiag": takes(False),
    "_linalg_extracttrian": takes(True),
    "_linalg_makediag": makes(False, 4),
    "_linalg_maketrian": [*makes(True, 6), F("1, 3, 6, 10", {}, (4,)), F("1, 3, 6, 10", {}, (2, 5))],
}
