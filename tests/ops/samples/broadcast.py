import numpy as np

from tests.ops.sample import F, S, draw

INF, NAN = np.inf, np.nan
GRID, SPECIAL = (-2, -1, 0, 1, 2.5), (0, 1, -1.5, INF, -INF, NAN)


def pairs(name):
    low, high = (0.3, 2) if name == "power" else (-2, 2)
    numeric = name not in KINKS

    def d(*shape):
        return draw(*shape, low=low, high=high)

    return [
        S({}, d(2, 3), d(2, 3), numeric=numeric),
        S({}, d(2, 3), d(1, 3), numeric=numeric),
        S({}, d(2, 1, 3), d(4, 1), numeric=numeric),
        S({}, d(1, 1), d(2, 3), numeric=numeric),
        S({}, d(3), d(2, 3), numeric=numeric),
        S(
            {},
            d(
                1,
            ),
            d(2, 1, 2, 2),
            numeric=numeric,
        ),
        S({}, d(2, 3, 4), d(2, 1, 1), numeric=numeric),
        S({}, draw(4, 8, grid=GRID), draw(4, 1, grid=GRID), numeric=False),
        S({}, draw(6, 9, grid=SPECIAL), draw(6, 9, grid=SPECIAL), numeric=False),
        F(("cannot be broadcast", "3 and 2 differ"), {}, (2, 3), (2, 2)),
        F("unknown parameter", {"axis": 1}, (2,), (2,)),
    ]


KINKS = {
    "mod",
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
SAMPLES = {
    f"broadcast_{name}": pairs(name)
    for name in ("add", "sub", "mul", "div", "power", "maximum", "minimum", "hypot", *sorted(KINKS))
}
SAMPLES |= {
    "broadcast_to": [
        S({"shape": (2, 3)}, (1, 3)),
        S({"shape": (2, 3)}, (2, 3)),
        S({"shape": (4, 0, 2)}, (1, 3, 1)),
        S({"shape": (5,)}, (1,)),
        S({"shape": (2, 2, 2, 2)}, (1, 1, 2, 1)),
        S({"shape": (0, 3)}, [[INF], [NAN]], numeric=False),
        F("only dimensions of size 1", {"shape": (2, 3)}, (2, 2)),
        F("numbers of dimensions", {"shape": (2, 3)}, (3,)),
    ],
    "broadcast_axis": [
        S({"axis": (0,), "size": (4,)}, (1, 3)),
        S({"axis": (1, 2), "size": (3, 2)}, (2, 1, 1)),
        S({"axis": 1, "size": 5}, (2, 1, 3)),
        S({}, (2, 3)),
        S({"axis": (2, 0), "size": (2, 1)}, (1, 3, 1)),
        F("only dimensions of size 1", {"axis": (1,), "size": (4,)}, (1, 3)),
        F("one size for each axis", {"axis": (0, 1), "size": (4,)}, (1, 1)),
        F("out of range", {"axis": (3,), "size": (4,)}, (1, 3)),
    ],
    "broadcast_like": [
        S({}, (1, 3), (2, 3)),
        S({}, (2, 1, 1), (2, 3, 4)),
        S({}, (2, 3), (2, 3)),
        S({"lhs_axes": (0, 2), "rhs_axes": (0, 1)}, (1, 2, 1), (5, 6)),
        S({"lhs_axes": (-1,), "rhs_axes": (-2,)}, (3, 1), (4, 2)),
        S({}, (1,), (4,)),
        F("numbers of dimensions", {}, (3,), (2, 3)),
        F("equally many", {"lhs_axes": (0,), "rhs_axes": (0, 1)}, (1, 1), (2, 2)),
        F("only dimensions of size 1", {"lhs_axes": (0,), "rhs_axes": (0,)}, (2, 1), (3, 2)),
    ],
}
