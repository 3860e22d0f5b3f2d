"""Every instruction against NumPy: special values, the whole range, alignments, strides, lengths, block
borders."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy import special

from mxr.native import steps
from mxr.native.steps import BOOL, FLOAT, Region
from mxr.runtime import costs

SPECIAL = np.array(
    [
        0.0,
        -0.0,
        1,
        -1,
        0.5,
        -0.5,
        2,
        -2,
        3,
        -3,
        np.inf,
        -np.inf,
        np.nan,
        1e-45,
        -1e-45,
        1.1754942e-38,
        -1.1754942e-38,
        1.17549435e-38,
        3.4028235e38,
        -3.4028235e38,
        1e-7,
        -1e-7,
        2e-8,
        1.0000001,
        0.99999994,
        88.72283,
        88.722839,
        88.73,
        -87.33655,
        -103.97,
        -103.98,
        -17.4,
        16777216,
        16777217,
        8388609,
        -8388607,
        1e30,
        np.pi,
        np.pi / 2,
        9.02,
        -9.1,
        0.93,
        3.9,
        4.1,
        1e6,
        1.1e6,
        -7e8,
        2.5,
        -2.5,
    ],
    np.float32,
)
EXACT = {
    np.add,
    np.subtract,
    np.multiply,
    np.divide,
    np.maximum,
    np.minimum,
    np.fmax,
    np.fmin,
    np.negative,
    np.positive,
    np.absolute,
    np.fabs,
    np.square,
    np.sqrt,
    np.reciprocal,
    np.sign,
    np.floor,
    np.ceil,
    np.trunc,
    np.rint,
}
FUNCTIONS = [*steps._ARITHMETIC, special.erf]
SETTINGS = settings(
    max_examples=25, deadline=None, database=None, suppress_health_check=list(HealthCheck), derandomize=True
)


def result(fn, *arrays, dtype=FLOAT, block=None):
    """The core's result, by `apply`."""
    out = np.empty(np.broadcast_shapes(*(a.shape for a in arrays)), dtype)
    region = Region(out.shape)
    slots = [region.array(a) for a in arrays]
    assert region.apply(fn, slots, [a.dtype for a in arrays], dtype, out) is not None
    region.step()()
    return out


def range_of_floats(count=60_000):
    """Floats of every exponent and sign, many of usual magnitude, and special values."""
    rng = np.random.default_rng(7)
    patterns = rng.integers(0, 2**32, count, dtype=np.uint64).astype(np.uint32).view(np.float32)
    patterns = np.where(np.isnan(patterns), np.float32(np.nan), patterns)  # no signalling ones
    return np.concatenate([SPECIAL, patterns, rng.normal(0, 1, count), rng.uniform(-100, 100, count)]).astype(
        np.float32
    )


def in_ulp(mine, exact):
    """The largest distance from the exact values, in units of the last place; where these are no numbers, or
    none that is finite in single precision, the distance is 0 for the same, else infinite."""
    with np.errstate(all="ignore"):
        rounded = exact.astype(np.float32)
        finite = np.isfinite(rounded)
        distance = np.abs(mine.astype(np.float64) - exact)[finite] / np.spacing(
            np.abs(rounded[finite])
        ).astype(np.float64)
    same = (mine[~finite] == rounded[~finite]) | (np.isnan(mine[~finite]) & np.isnan(rounded[~finite]))
    return np.inf if not same.all() else distance.max(initial=0)


def doubles(fn, *arrays):
    with np.errstate(all="ignore"):
        return fn(*(a.astype(np.float64) for a in arrays))


@pytest.mark.parametrize("fn", [f for f in FUNCTIONS if f.nin == 1], ids=lambda f: f.__name__)
def test_functions_of_one_number(vectors, fn):
    x = range_of_floats()
    mine = result(fn, x)
    with np.errstate(all="ignore"):
        numpys = fn(x)
    if fn in EXACT:
        np.testing.assert_array_equal(mine, numpys)
    else:
        assert in_ulp(mine, doubles(fn, x)) <= 4
    zero = (mine == 0) & (numpys == 0)
    np.testing.assert_array_equal(np.signbit(mine[zero]), np.signbit(numpys[zero]))


@pytest.mark.parametrize("name", ["exp", "log", "sigmoid"])
def test_the_bits_do_not_depend_on_special_values_nearby(vectors, name):
    """Pieces of an array without special values have loops of their own."""
    rng = np.random.default_rng(5)
    x = rng.uniform(-87, 87, 65_536) if name != "log" else np.exp(rng.uniform(-87, 88, 65_536))
    x = np.concatenate([x, rng.uniform(0.01, 2, 65_536)]).astype(np.float32)

    def of(x):
        region, out = Region(x.shape), np.empty_like(x)
        region.emit(name, [region.array(x)], FLOAT, out)
        region.step()()
        return out

    exact = {"exp": np.exp, "log": np.log, "sigmoid": lambda v: 1 / (1 + np.exp(-v))}[name]
    assert in_ulp(of(x), doubles(exact, x)) <= 4
    beside = x.copy()
    beside[::64] = np.resize(SPECIAL, len(beside[::64]))
    same = np.arange(len(x)) % 64 != 0
    np.testing.assert_array_equal(of(beside)[same], of(x)[same])


@pytest.mark.parametrize("fn", [f for f in FUNCTIONS if f.nin == 2], ids=lambda f: f.__name__)
def test_functions_of_two_numbers(vectors, fn):
    rng = np.random.default_rng(3)
    a, b = (x.ravel().copy() for x in np.meshgrid(SPECIAL, SPECIAL))
    a, b = (
        np.concatenate([a, np.exp(3 * rng.normal(size=20_000))]),
        np.concatenate([b, 5 * rng.normal(size=20_000)]),
    )
    a, b = a.astype(np.float32), b.astype(np.float32)
    mine = result(fn, a, b)
    with np.errstate(all="ignore"):
        numpys = fn(a, b)
    if fn in EXACT:
        np.testing.assert_array_equal(mine, numpys)
    else:
        assert in_ulp(mine, doubles(fn, a, b)) <= 4
    np.testing.assert_array_equal(np.isnan(mine), np.isnan(numpys))
    if fn in (np.power, np.divide, np.multiply):
        known = ~np.isnan(mine)
        np.testing.assert_array_equal(np.signbit(mine[known]), np.signbit(numpys[known]))


def test_sigmoid(vectors):
    """To the last places of `1 / (1 + exp(-x))` in single precision, with its infinities: not more exact, but
    the same function."""
    x = range_of_floats()
    out = np.empty_like(x)
    region = Region(x.shape)
    region.emit("sigmoid", [region.array(x)], FLOAT, out)
    region.step()()
    with np.errstate(all="ignore"):
        e = np.exp(-x.astype(np.float64)).astype(np.float32)
        numpys = 1 / (1 + e)
    np.testing.assert_allclose(out, numpys, 5e-7, 0)


@pytest.mark.parametrize("fn", steps._COMPARISONS, ids=lambda f: f.__name__)
def test_comparisons(vectors, fn):
    a, b = (x.ravel().copy() for x in np.meshgrid(SPECIAL, SPECIAL))
    arrays = (a, b)[: fn.nin]
    np.testing.assert_array_equal(result(fn, *arrays, dtype=BOOL), fn(*arrays))


@pytest.mark.parametrize(
    "fn",
    [
        np.logical_and,
        np.logical_or,
        np.logical_xor,
        np.logical_not,
        np.bitwise_and,
        np.bitwise_or,
        np.bitwise_xor,
        np.invert,
        np.multiply,
        np.add,
        np.maximum,
        np.minimum,
        np.not_equal,
    ],
    ids=lambda f: f.__name__,
)
@pytest.mark.parametrize("dtype", [BOOL, FLOAT], ids=str)
def test_conditions(vectors, fn, dtype):
    if dtype == FLOAT and not fn.__name__.startswith("logical"):
        a = b = np.zeros(3, BOOL)  # such functions of conditions only
    else:
        a, b = (x.ravel().astype(dtype) for x in np.meshgrid(SPECIAL, SPECIAL))
    arrays = (a, b)[: fn.nin]
    np.testing.assert_array_equal(result(fn, *arrays, dtype=BOOL), fn(*arrays))


def test_select_and_limit(vectors):
    x = range_of_floats(5000)
    y = x[::-1].copy()
    out, limited, chosen = (np.empty_like(x) for _ in range(3))
    region = Region(x.shape)
    mine, other = region.array(x), region.array(y)
    region.emit(
        "select", [region.apply(np.greater, [mine, other], [FLOAT] * 2, BOOL), mine, other], FLOAT, out
    )
    region.emit("limit", [mine, region.number(-1), region.number(2)], FLOAT, limited)
    region.emit(
        "select",
        [region.apply(np.isnan, [mine], [FLOAT], BOOL), region.number(7), region.number(8)],
        FLOAT,
        chosen,
    )
    region.step()()
    np.testing.assert_array_equal(out, np.where(x > y, x, y))
    np.testing.assert_array_equal(limited, np.clip(x, -1, 2))
    np.testing.assert_array_equal(chosen, np.where(np.isnan(x), np.float32(7), np.float32(8)))


@pytest.mark.parametrize("fn", [np.add, np.power, np.exp, np.sin], ids=lambda f: f.__name__)
def test_lengths_and_alignments(vectors, fn):
    """Lengths 0 to 100 and around block sizes, at any alignment. An element's bits do not depend on its
    position."""
    rng = np.random.default_rng(1)
    data = rng.uniform(0.1, 3, (2, 3 * costs.NATIVE_BLOCK + 40)).astype(np.float32)
    whole = result(fn, *data[: fn.nin])
    for n in (
        *range(101),
        costs.NATIVE_BLOCK - 1,
        costs.NATIVE_BLOCK,
        costs.NATIVE_BLOCK + 1,
        3 * costs.NATIVE_BLOCK + 17,
    ):
        for start in (0, 1, 5):
            part = data[: fn.nin, start : start + n]
            np.testing.assert_array_equal(result(fn, *part), whole[start : start + n])


@st.composite
def strided(draw, shape, dtype=np.float32):
    """An array that can be broadcast to `shape`: a slice of a larger one, transposed, reversed, of length 1,
    or with missing axes."""
    own = [1 if draw(st.integers(0, 4)) == 0 else n for n in shape]
    own = own[draw(st.integers(0, len(own))) if draw(st.integers(0, 3)) == 0 else 0 :]
    order = draw(st.permutations(range(len(own))))
    steps_, extra = (
        [draw(st.sampled_from([1, 1, 2, -1])) for _ in own],
        [draw(st.integers(0, 2)) for _ in own],
    )
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    large = rng.uniform(-2, 2, [own[i] * abs(steps_[i]) + extra[i] for i in order])
    large = (large > 0 if dtype is bool else large.astype(dtype)).transpose(np.argsort(order))
    cut = tuple(slice(None, None, s) for s in steps_)
    return large[cut][tuple(slice(0, n) for n in own)]


SHAPES = st.lists(st.integers(1, 7), min_size=1, max_size=4).map(tuple) | st.sampled_from(
    [(3, 1000), (70, 31), (2, 2100), (700, 3), (1500, 2), (40, 50, 4)]
)


@SETTINGS
@given(st.data(), SHAPES)
def test_strided_operands(data, shape):
    a, b = data.draw(strided(shape)), data.draw(strided(shape))
    condition = data.draw(strided(shape, bool))
    outs = [
        np.full([2 * n for n in shape], 9, dtype)[tuple(slice(0, 2 * n, 2) for n in shape)]
        for dtype in (FLOAT, BOOL)
    ]
    solid = np.empty(shape, np.float32)
    region = Region(shape)
    x, y, c = (region.array(v) for v in (a, b, condition))
    total = region.apply(np.add, [x, y], [FLOAT] * 2, FLOAT, outs[0])
    region.apply(np.less, [x, y], [FLOAT] * 2, BOOL, outs[1])
    region.emit("select", [region.as_condition(c), total, y], FLOAT, solid)
    region.step()()
    np.testing.assert_array_equal(outs[0], a + b + np.zeros(shape, np.float32))
    np.testing.assert_array_equal(outs[1], np.broadcast_to(a < b, shape))
    np.testing.assert_array_equal(solid, np.broadcast_to(np.where(condition, a + b, b), shape))


def test_more_axes_than_the_core_has():
    a = np.zeros((2, 3) * 5, np.float32).transpose()
    region = Region(a.shape)
    region.convert(region.array(a), FLOAT, np.empty(a.shape, np.float32))
    assert region.step() is None


def test_many_registers(vectors):
    """Blocks shrink with the number of registers; beyond that there is no step."""
    x = np.linspace(0, 1, 5000, dtype=np.float32)
    for terms, possible in ((100, True), (400, False)):
        region, out = Region(x.shape), np.empty_like(x)
        held = [region.emit("multiply", [region.array(x), region.number(k)]) for k in range(terms)]
        total = held[0]
        for h in reversed(held[1:]):
            total = region.emit("add", [total, h])
        region.emit("copy", [total], FLOAT, out)
        step = region.step()
        assert (step is not None) == possible
        if possible:
            step()
            np.testing.assert_allclose(out, x * (terms * (terms - 1) / 2), 1e-5)


def test_no_other_types():
    region = Region((3,))
    for dtype in (np.float64, np.float16, np.int32, np.int64, np.uint8):
        assert region.array(np.zeros(3, dtype)) is None
    assert steps.call(np.add, (np.zeros(3), np.zeros(3), np.zeros(3))) is None


@pytest.mark.parametrize("length", [1, 2, 3, 4, 5, 15, 16, 17])
@pytest.mark.parametrize("dtype", [FLOAT, BOOL], ids=str)
def test_short_rows(length, dtype):
    """Rows of a larger array, read and written, in blocks that begin and end inside a row."""
    x = (np.random.default_rng(length).uniform(-1, 1, (700, 3, length + 1)) > 0).astype(dtype)
    for columns in (slice(0, length), slice(None, length * 2, 2)):
        ins, room = x[..., columns], np.ones((700, 3, length + 2), dtype)
        out = room[..., : ins.shape[-1]]
        region = Region(ins.shape)
        region.convert(region.array(ins), dtype, out)
        region.step()()
        np.testing.assert_array_equal(out, ins)
        assert (room[..., ins.shape[-1] :] == 1).all()
