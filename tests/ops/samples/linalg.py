"""Linear algebra. Matrices that are factored or inverted are made well-conditioned."""

import numpy as np

from tests.ops.sample import F, S


def matrices(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


def f32(x):
    return np.ascontiguousarray(x, np.float32)


def positive(*shape, seed=0):
    """Symmetric, positive definite."""
    x = matrices(*shape, seed=seed)
    return f32(x @ x.swapaxes(-1, -2) / shape[-1] + np.eye(shape[-1]))


def triangular(*shape, seed=0, lower=True):
    """A triangle with a strong diagonal; the other triangle has values that must not be read."""
    x = matrices(*shape, seed=seed) / 2
    other = np.triu(np.full(shape, 7.0), 1) if lower else np.tril(np.full(shape, 7.0), -1)
    return f32((np.tril(x, -1) if lower else np.triu(x, 1)) + (1.5 + np.abs(x)) * np.eye(shape[-1]) + other)


def regular(*shape, seed=0):
    return f32(matrices(*shape, seed=seed) / 2 + 2 * np.eye(shape[-1]))


def doubles(x):
    return np.asarray(x, np.float64)


def products(*c):
    """Samples of a product; `c` makes the third operand."""

    def third(*shape):
        return [shape] if c else []

    more = {"beta": -0.5} if c else {}
    return [
        S({}, (2, 3), (3, 4), *third(2, 4)),
        S({"transpose_a": True, "alpha": 2.5}, (3, 2), (3, 4), *third(2, 4)),
        S({"transpose_b": True, **more}, (2, 3), (4, 3), *third(2, 4)),
        S({"transpose_a": True, "transpose_b": True, "alpha": -1}, (5, 3, 2), (5, 4, 3), *third(5, 2, 4)),
        S({"axis": 1}, (2, 3, 5, 4), (2, 4, 5, 6), *third(2, 3, 5, 6)),
        S({"axis": 0, "transpose_a": True}, (4, 5, 3), (4, 5, 6), *third(3, 5, 6)),
        S({"axis": -3, "transpose_b": True}, (2, 3, 5, 4), (2, 6, 5, 4), *third(2, 3, 5, 6)),
        S({}, (1, 1), (1, 1), *third(1, 1)),
        S({"alpha": 0, **more}, (2, 1, 3), (2, 3, 1), *third(2, 1, 1)),
        S(
            {"alpha": 0.1},
            doubles(matrices(3, 4)),
            doubles(matrices(4, 2)),
            *([doubles(matrices(3, 2))] if c else []),
        ),
        F("cannot be multiplied", {}, (2, 3), (4, 5), *third(2, 5)),
        F("equally many dimensions", {}, (2, 3), (2, 3, 5), *third(2, 5)),
        F("axis", {"axis": 1}, (2, 3), (3, 4), *third(2, 4)),
        F("matrices", {}, (3,), (3,), *third(3)),
    ]


def triangles(op):
    return [
        S(
            {"lower": lower, "transpose": transpose, "rightside": right, "alpha": alpha},
            triangular(*batch, 3, 3, lower=lower),
            (*batch, 2, 3) if right else (*batch, 3, 2),
        )
        for lower in (True, False)
        for transpose in (False, True)
        for right in (False, True)
        for alpha, batch in ((1, ()), (-0.7, (2,)))
    ] + [
        S({}, triangular(2, 2, 4, 4), (2, 2, 4, 1)),
        S({}, triangular(1, 1), (1, 1)),
        S({"alpha": 0.0}, triangular(3, 3), (3, 2), numeric=False),
        S({"alpha": 2}, doubles(triangular(3, 3)), doubles(matrices(3, 2))),
        F("does not fit", {}, (3, 3), (2, 3)),
        F("does not fit", {"rightside": True}, (3, 3), (3, 2)),
        F("square", {}, (3, 4), (4, 2)),
        F("equally many", {}, (3, 3), (2, 3, 3)),
    ]


RANK1 = f32([[1.0, 2.0], [2.0, 4.0]])
BATCH = f32(np.stack([regular(3, 3, seed=1), np.ones((3, 3)), -regular(3, 3, seed=2)]))


FRAGILE = {
    "reference": "arrays",
    "why": "MXNet's backward pass of a bound determinant corrupts its memory: it crashes or hangs",
}


def determinants():
    values = [
        regular(3, 3),
        regular(2, 4, 4),
        f32([[0.0, 1.0], [1.0, 0.0]]),
        f32([[-2.5]]),
        regular(2, 3, 2, 2),
        doubles(regular(5, 5)),
    ]
    singular = [RANK1, f32([BATCH[0], np.zeros((3, 3)), BATCH[2]])]
    return [
        *(S({}, x, grad=False) for x in (*values, *singular)),
        *(S({}, x, **FRAGILE) for x in values),
        *(S({}, x, numeric=False, **FRAGILE) for x in singular),
        F("square", {}, (3, 4)),
        F("matrices", {}, (3,)),
    ]


SAMPLES = {
    "_linalg_gemm": products("C"),
    "_linalg_gemm2": products(),
    "_linalg_syrk": [
        S({}, (2, 3)),
        S({"transpose": True}, (2, 3)),
        S({"alpha": -0.5}, (4, 2, 3)),
        S({"alpha": 2, "transpose": True}, (2, 2, 3, 2)),
        S({}, (1, 1)),
        S({}, doubles(matrices(2, 3))),
        F("matrices", {}, (3,)),
    ],
    "_linalg_trmm": triangles("trmm"),
    "_linalg_trsm": triangles("trsm"),
    "_linalg_potrf": [
        S({}, positive(3, 3), numeric=False),
        S({}, positive(2, 4, 4), numeric=False),
        S({}, f32([[4.0]])),
        S({"lower": False}, positive(3, 3), numeric=False),
        S({"lower": False}, positive(2, 2, 3, 3), numeric=False),
        S({}, doubles(positive(5, 5)), numeric=False),
        F("square", {}, (3, 4)),
        F("matrices", {}, (3,)),
    ],
    "_linalg_potri": [
        S({}, triangular(3, 3)),
        S({}, triangular(2, 4, 4)),
        S({}, f32([[2.0]])),
        S({"lower": False}, triangular(3, 3, lower=False)),
        S({"lower": False}, triangular(2, 2, 3, 3, lower=False)),
        S({}, doubles(triangular(5, 5))),
        F("square", {}, (3, 4)),
    ],
    "_linalg_gelqf": [
        S({}, f32(matrices(2, 4))),
        S({}, regular(3, 3)),
        S({}, f32(matrices(2, 3, 5))),
        S({}, f32([[3.0, 4.0]])),
        S({}, f32([[-2.0]])),
        S({}, doubles(matrices(2, 2, 2, 4))),
        F("more rows than columns", {}, (4, 3)),
        F("matrices", {}, (3,)),
    ],
    "_linalg_syevd": [
        S(
            {},
            positive(3, 3),
            numeric=False,
            rtol=1e-4,
            why="eigenvectors depend on differences of eigenvalues",
        ),
        S(
            {},
            positive(2, 4, 4),
            numeric=False,
            rtol=2e-4,
            atol=2e-5,
            why="eigenvectors depend on differences of eigenvalues",
        ),
        S({}, f32([[3.0]]), numeric=False),
        S({}, f32([[2.0, 0.0], [0.0, -1.0]]), numeric=False),
        S({}, doubles(positive(5, 5)), numeric=False),
        F("square", {}, (3, 4)),
    ],
    "_linalg_inverse": [
        S({}, regular(3, 3)),
        S({}, regular(2, 4, 4)),
        S({}, f32([[0.0, 1.0], [2.0, 0.0]])),
        S({}, f32([[-4.0]])),
        S({}, doubles(regular(2, 2, 3, 3))),
        F("square", {}, (3, 4)),
        F("matrices", {}, (3,)),
    ],
    "_linalg_det": determinants(),
    "_linalg_slogdet": determinants(),
}
