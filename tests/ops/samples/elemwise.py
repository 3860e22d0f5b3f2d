import numpy as np

from tests.ops.sample import F, S, draw

INF, NAN = np.inf, np.nan
EDGES = [
    [-INF, -3, -2.5, -1.5, -1, -0.75, -0.5, -0.25],
    [-0.0, 0, 0.25, 0.5, 1, 1.5, 2.5, 90],
    [INF, NAN, 2, 3, -2, 0.75, 8388609, 0.49999997],
]


def unary(low=-3, high=3, edges=EDGES, **kw):
    """Ordinary values inside (low, high), in several shapes, and the edge values."""
    return [
        S({}, draw(2, 3, low=low, high=high), **kw),
        S({}, draw(7, low=low, high=high), **kw),
        S({}, draw(1, 1, low=low, high=high), **kw),
        S({}, draw(2, 1, 3, 2, low=low, high=high), **kw),
        S({}, edges, numeric=False),
    ]


def steps():
    """For functions that are constant between jumps, and whose gradient is 0."""
    return [*unary(numeric=False), S({}, np.array([[-2, 0], [1, 3]], np.int32), grad=False, numeric=False)]


def pairs(low=-2, high=2, kinks=False, **kw):
    a, b = draw(2, 3, low=low, high=high), draw(2, 3, low=low, high=high)
    ties = draw(3, 8, grid=(-2, -1, 0, 1, 2.5)), draw(3, 8, grid=(-2, -1, 0, 1, 2.5))
    special = draw(4, 9, grid=(0, 1, -1.5, INF, -INF, NAN)), draw(4, 9, grid=(0, 1, -1.5, INF, -INF, NAN))
    return [
        S({}, a, b, numeric=not kinks),
        S({}, draw(5, low=low, high=high), draw(5, low=low, high=high), numeric=not kinks),
        S({}, draw(1, 2, 1, 3, low=low, high=high), draw(1, 2, 1, 3, low=low, high=high), numeric=not kinks),
        S({}, *ties, numeric=False),
        S({}, *special, numeric=False),
        *kw.get("more", []),
        S({}, np.array([7, -7, 3], np.int32), np.array([2, 2, 3], np.int32), grad=False),
        F("differ", {}, (2, 3), (2, 4)),
        F("dimensions", {}, (2, 3), (3,)),
        F("unknown parameter", {"scalar": 2}, (2,), (2,)),
    ]


SMOOTH = [
    "sin",
    "cos",
    "arctan",
    "sinh",
    "cosh",
    "tanh",
    "arcsinh",
    "degrees",
    "radians",
    "sigmoid",
    "softsign",
    "square",
    "negative",
    "exp",
    "expm1",
    "erf",
]
POSITIVE = ["sqrt", "rsqrt", "log", "log2", "log10"]
STEPS = ["sign", "round", "rint", "ceil", "floor", "trunc", "fix", "logical_not", "zeros_like", "ones_like"]
PAIRS = [
    "elemwise_add",
    "elemwise_sub",
    "elemwise_mul",
    "elemwise_div",
    "_scatter_elemwise_div",
    "_maximum",
    "_minimum",
    "_hypot",
    "_equal",
    "_not_equal",
    "_greater",
    "_greater_equal",
    "_lesser",
    "_lesser_equal",
    "_logical_and",
    "_logical_or",
    "_logical_xor",
]
CONDITIONS = set(PAIRS[8:])

SAMPLES = {
    **{name: unary() for name in SMOOTH},
    **{name: unary(0.2, 4) for name in POSITIVE},
    **{name: steps() for name in STEPS},
    **{name: pairs(kinks=name in CONDITIONS) for name in PAIRS},
    "_mod": pairs(kinks=True),
    "_power": pairs(0.3, 2),
    "abs": unary(),
    "relu": unary(),
    "cbrt": unary(0.2, 4),
    "rcbrt": unary(-4, -0.2),
    "reciprocal": unary(0.3, 3),
    "log1p": unary(-0.8, 3),
    "tan": unary(-1.2, 1.2),
    "arcsin": unary(-0.9, 0.9),
    "arccos": unary(-0.9, 0.9),
    "arccosh": unary(1.2, 4),
    "arctanh": unary(-0.9, 0.9),
    "erfinv": unary(-0.9, 0.9),
    "gamma": unary(0.3, 4),
    "gammaln": unary(0.3, 4),
    "hard_sigmoid": [
        S({}, (2, 3)),
        S({"alpha": 0.5, "beta": 0.1}, (7,)),
        S({"alpha": -0.3}, (1, 1, 4)),
        S({"alpha": 0.0, "beta": 2.0}, (2, 2)),
        S({}, EDGES, numeric=False),
        F("alpha must be a number", {"alpha": "steep"}, (2,)),
    ],
    "smooth_l1": [
        S({}, (2, 3)),
        S({"scalar": 2.0}, (9,)),
        S({"scalar": 0.5}, draw(2, 1, 3, low=-9, high=9)),
        S({"scalar": 0.0}, (2, 2)),
        S({"scalar": 1.0}, EDGES, numeric=False),
        S({"scalar": 2.0}, [-0.25, 0.25, 0.24, -0.26], numeric=False),
        *(
            S({"scalar": s}, np.array([-100, -3, -1, 0, 1, 2, 100], kind), grad=False)
            for s, kind in ((1.5, np.int8), (0.5, np.int32), (2, np.int64), (0.001, np.int8))
        ),
        F("scalar must be a number", {"scalar": "wide"}, (2,)),
    ],
    "clip": [
        S({"a_min": -1.0, "a_max": 1.0}, (2, 3)),
        S({"a_min": 0.0, "a_max": 6.0}, draw(4, 2, 2, low=-4, high=9)),
        S({"a_min": -1.0, "a_max": 1.0}, EDGES, numeric=False),
        S({"a_min": 1.0, "a_max": -1.0}, EDGES, numeric=False),
        S({"a_min": -INF, "a_max": 0.5}, (1, 5)),
        S({"a_min": 1.0, "a_max": 1.0}, [[0.5, 1, 2]], numeric=False),
        S({"a_min": -2.0, "a_max": 2.0}, np.array([-5, 0, 5], np.int32), grad=False),
        S({"a_min": -300.0, "a_max": 2.5}, np.array([0, 5, 200], np.uint8), grad=False),
        S({"a_min": 1.5, "a_max": 300.0}, np.array([0, 5, 200], np.uint8), grad=False),
        F("a_max is required", {"a_min": 0.0}, (2,)),
        F("did you mean", {"a.min": 0, "a.maxx": 1}, (2,)),
    ],
    "add_n": [
        S({"num_args": 1}, (2, 3)),
        S({"num_args": 2}, (2, 3), (2, 3)),
        S({"num_args": 3}, (4,), (4,), (4,)),
        S({"num_args": 4}, (1, 2, 1), (1, 2, 1), (1, 2, 1), (1, 2, 1)),
        S({"num_args": 2}, [INF, NAN, 1], [-INF, 1, 2], numeric=False),
        S({"num_args": 5}, *[(2, 2)] * 5),
        F("differ", {"num_args": 2}, (2, 3), (3, 2)),
    ],
    "where": [
        S({}, draw(2, 3, high=2, ints=True), (2, 3), (2, 3), grad=(0, 1, 2), numeric=False),
        S({}, [1, 0, -2, NAN], (4,), (4,), grad=(1, 2), numeric=False),
        S({}, draw(3, high=2, ints=True), (3, 2), (3, 2), grad=(1, 2)),
        S({}, [1, 0], (2, 1, 3, 2), (2, 1, 3, 2), grad=(1, 2)),
        S({}, [[0], [0.0]], (2, 1), (2, 1), grad=(1, 2)),
        S({}, [1, 0, 1], [NAN, NAN, INF], [1, 2, NAN], grad=(1, 2), numeric=False),
        F("does not fit", {}, (4,), (3, 2), (3, 2)),
        F("differ", {}, (3, 2), (3, 2), (3, 4)),
    ],
    "_copy": [*unary(), S({}, np.array([1, 2], np.int32), grad=False)],
    "BlockGrad": [*unary(numeric=False), F("takes", {}, (2,), (2,))],
    "_identity_with_attr_like_rhs": [
        S({}, (2, 3), (2, 3)),
        S({}, (4,), (4,)),
        S({}, (1, 1), (1, 1)),
        S({}, (2, 1, 3), (2, 1, 3)),
        S({}, EDGES, EDGES, numeric=False),
        F("differ", {}, (2, 3), (3, 2)),
    ],
    "cast_storage": [
        S({"stype": "default"}, (2, 3)),
        S({"stype": "default"}, (4, 1)),
        S({"stype": "default"}, (1, 1)),
        S({"stype": "default"}, (5, 2)),
        S({"stype": "default"}, EDGES, numeric=False),
        F(("stype must be", "default"), {"stype": "csr"}, (2, 2)),
    ],
    "Cast": [
        S({"dtype": "float32"}, (2, 3)),
        S({"dtype": "float64"}, (4,)),
        S({"dtype": "int32"}, [-2.7, -0.5, 0, 0.5, 2.7], numeric=False),
        S({"dtype": "uint8"}, [[0, 1.9], [200, 255]], numeric=False),
        S({"dtype": "float16"}, [1.0001, 70000, 1e-8, NAN], numeric=False),
        S({"dtype": "float32"}, np.array([[1, -2]], np.int32)),
        S({"dtype": "int8"}, draw(1, 2, 1, high=100, ints=True), numeric=False),
        S({"dtype": "int64"}, np.array([2.5, -2.5], np.float64), numeric=False),
        F("dtype is required", {}, (2,)),
        F("dtype must be", {"dtype": "complex"}, (2,)),
    ],
    "amp_cast": [
        S({"dtype": "float32"}, (2, 3)),
        S({"dtype": "float16"}, (4,), numeric=False),
        S({"dtype": "float32"}, (1, 1)),
        S({"dtype": "float32"}, np.array([1.5, 2], np.float16), numeric=False),
        S({"dtype": "float16"}, np.array([1, 2], np.int32), grad=False),
        F("dtype must be", {"dtype": "half"}, (2,)),
    ],
    "amp_multicast": [
        S({"num_outputs": 1}, (2, 3)),
        S({"num_outputs": 2}, (2, 3), (4,)),
        S({"num_outputs": 3}, (1,), (1, 1), (2,)),
        S({"num_outputs": 2}, (2, 2), np.array([1.5, 2], np.float16), numeric=False),
        S({"num_outputs": 2, "cast_narrow": True}, (2, 2), np.array([1.5, 2], np.float16), numeric=False),
        F("num_outputs is required", {}, (2,)),
    ],
    "shape_array": [
        S({}, (2, 3), grad=False),
        S({}, (4,), grad=False),
        S({}, (1, 1, 1), grad=False),
        S({}, (5, 1, 2, 3), grad=False),
        S({}, np.zeros((2, 2), np.int32), grad=False),
        F("unknown parameter", {"axis": 0}, (2,)),
    ],
    "size_array": [
        S({}, (2, 3), grad=False),
        S({}, (4,), grad=False),
        S({}, (1, 1, 1), grad=False),
        S({}, (5, 1, 2, 3), grad=False),
        S({}, np.zeros((2, 2), np.int32), grad=False),
        F("unknown parameter", {"axis": 0}, (2,)),
    ],
    "all_finite": [
        S({}, (2, 3), grad=False),
        S({}, [1, INF], grad=False),
        S({}, [[NAN]], grad=False),
        S({}, [0, 3e38], grad=False),
        S({"init_output": True}, [1, -INF, 0], grad=False),
        F("init_output must be", {"init_output": "maybe"}, (2,)),
    ],
    "multi_all_finite": [
        S({"num_arrays": 1}, (2, 3), grad=False),
        S({"num_arrays": 2}, (2, 3), (4,), grad=False),
        S({"num_arrays": 2}, (2, 3), [1, INF], grad=False),
        S({"num_arrays": 3}, [[NAN]], (1,), (2, 2), grad=False),
        S({"num_arrays": 2, "init_output": True}, [0], [0], grad=False),
        F("at least 1", {"num_arrays": 0}, (2,)),
    ],
}
for _name in ("abs", "sqrt", "exp", "log", "round", "tanh"):
    SAMPLES[_name].append(F("unknown parameter", {"axis": 1}, (2, 3)))
