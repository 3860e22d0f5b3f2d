"""Symbolic arrays: what NumPy code records when it runs on them, and how that is executed."""

import inspect

import numpy as np
import pytest

from mxr.compiler import value
from mxr.compiler.program import Program
from mxr.compiler.value import Value, const, leaf, scatter_slice, tape
from mxr.operator import Run
from mxr.runtime import costs
from mxr.runtime.memory import Buffers

rng = np.random.default_rng(0)


def execute(expression, *arrays):
    """`expression` traced on leaves, compiled and run once."""
    arrays = [np.asarray(a) for a in arrays]
    with tape():
        roots = expression(*(leaf(("var", i), a.shape, a.dtype) for i, a in enumerate(arrays)))
    roots = list(roots) if isinstance(roots, tuple) else [roots]
    targets = [np.full(r.shape, 77, r.dtype) for r in roots]
    program = Program(roots)
    with np.errstate(all="ignore"):
        for step in program.compile({}, lambda key: arrays[key[1]], Buffers(), Run(), targets):
            step()
    return targets, program


EXPRESSIONS = {
    "chain": lambda x, y: np.exp(-np.abs(x)) * y + x / (1 + y * y),
    "comparison": lambda x, y: (x > y).astype(np.float32) * x + np.where(x > 0, x, y),
    "where_scalar": lambda x, y: np.where(x >= y, 1.0, y),
    "reductions": lambda x, y: (x * y).sum(axis=1) + np.max(x, axis=1) - y.min(axis=-1) * np.mean(x),
    "keepdims": lambda x, y: x - x.max(axis=0, keepdims=True) + np.prod(y, axis=(0, 1), keepdims=True),
    "matmul": lambda x, y: np.matmul(x, y.T) + 1,
    "vector_matmul": lambda x, y: np.matmul(x, y[0]),
    "views": lambda x, y: (x.T + 1).reshape(-1)[3:9] * y[1:2, :6].reshape(6),
    "reshape_of_transpose": lambda x, y: x.T.reshape(5, -1) - y.swapaxes(0, 1).reshape(5, -1),
    "reversed": lambda x, y: x[:, ::-1] + np.flip(y, 0),
    "concat": lambda x, y: np.concatenate([x, np.sqrt(np.abs(y)), x * 2], axis=1),
    "stack": lambda x, y: np.stack([x, y], axis=1),
    "broadcast": lambda x, y: np.broadcast_to(x[:, :1], x.shape) + y[:1],
    "shared": lambda x, y: (np.tanh(x) + np.tanh(x)) * np.tanh(x) - y,
    "clip": lambda x, y: np.clip(x, -0.5, 0.5) + np.square(y) ** 2,
    "bool_sum": lambda x, y: (x > 0).astype(np.float32).sum(axis=0) * y,
    "scatter": lambda x, y: scatter_slice(x[:, 1:3], (4, 6), (slice(0, 4), slice(2, 4))) + y,
    "two": lambda x, y: (x + y, x - y),
    "leaf_is_root": lambda x, y: (x, x.T, const(3.0, (2, 2))),
}


@pytest.mark.parametrize("name", EXPRESSIONS)
@pytest.mark.parametrize("shape", [(4, 6), (5, 5), (1, 20)])
def test_executing_a_trace_is_running_the_code(name, shape):
    expression = EXPRESSIONS[name]
    x, y = (rng.standard_normal(shape).astype(np.float32) for _ in "xy")
    try:
        want = expression(x, y)
    except (ValueError, IndexError) as e:  # NumPy refuses this shape, and so does the trace
        with pytest.raises(type(e)):
            execute(expression, x, y)
        return
    want = want if isinstance(want, tuple) else (want,)
    got, _ = execute(expression, x, y)
    for g, w in zip(got, want, strict=True):
        if isinstance(w, Value):
            w = np.full(w.shape, w.arg)
        np.testing.assert_allclose(g, w, rtol=2e-6, atol=2e-6)
        assert g.dtype == np.float32


@pytest.mark.parametrize("shape", [(100, 10), (5000, 12), (33, 1, 3), (7, 9, 2, 4), (100, 33)])
@pytest.mark.parametrize("reduce", [np.max, np.min, np.sum, np.prod])
def test_reductions_of_short_rows(shape, reduce):
    x = rng.standard_normal(shape).astype(np.float32)
    x.flat[3], x.flat[-1] = np.nan, np.inf
    (got,), _ = execute(lambda a: reduce(a, axis=-1), x)
    want = reduce(x.astype(np.float64) if reduce is np.sum else x, axis=-1)
    np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    "shape, axes",
    [((5000, 12), 0), ((4097, 130), 0), ((70, 60, 31), (0, 1)), ((1500, 3, 20), 0), ((40_000, 1), 0)],
)
def test_sums_of_long_columns_keep_their_digits(shape, axes):
    x = (1 + rng.random(shape)).astype(np.float32)
    (got, of_a_view), _ = execute(lambda a: (a.sum(axis=axes), a[::-1].sum(axis=axes)), x)
    want = x.sum(axis=axes, dtype=np.float64)
    np.testing.assert_allclose(got, want, rtol=5e-7)
    np.testing.assert_allclose(of_a_view, want, rtol=5e-6)


def test_equal_calls_are_one_value():
    with tape():
        x = leaf(("var", 0), (3,))
        assert np.exp(x) is np.exp(x) and x.reshape(3, 1) is x.reshape(3, 1) and (x + 1) is (x + 1)
        assert np.exp(x) is not np.log(x)


def test_numbers_fold():
    with tape():
        x, ones = leaf(("var", 0), (3, 4)), const(1.0, (3, 4))
        assert ones * x is x and x / 1 is x and np.negative(-x) is x
        assert (ones * 2 + 3).arg == 5.0 and ones.sum(axis=1).arg == 4.0 and ones.sum(axis=1).shape == (3,)
        assert (x**2) is np.square(x)


def test_looking_at_a_value_is_refused():
    x = leaf(("var", 0), (3,))
    for look in (
        lambda: bool(x > 0),
        lambda: float(x),
        lambda: x[np.array([0, 1])],
        lambda: np.sort(x),
        lambda: np.modf(x),
    ):
        with pytest.raises(TypeError, match="traced operator|kernel"):
            look()


def test_a_chain_is_one_step_without_intermediate_arrays():
    _, program = execute(
        lambda x: np.exp(np.sqrt(np.abs(x) + 1)) * 2, rng.standard_normal((50, 50)).astype("f4")
    )
    assert sum(program.in_memory(v) for v in program.values) == 1 and len(program._groups()) == 1


def test_memory_is_shared_between_values_with_disjoint_lifetimes():
    def layers(x, w):
        for _ in range(20):
            x = np.matmul(np.tanh(x), w)
        return x

    buffers = Buffers()
    x, w = rng.standard_normal((30, 30)).astype("f4"), np.eye(30, dtype="f4")
    with tape():
        root = layers(leaf(("var", 0), x.shape), leaf(("var", 1), w.shape))
    out = np.empty((30, 30), np.float32)
    for step in Program([root]).compile({}, lambda key: (x, w)[key[1]], buffers, Run(), [out]):
        step()
    np.testing.assert_allclose(out, layers(x, w), rtol=1e-5)
    assert len(buffers._buffers) <= 3


@pytest.mark.parametrize("shape", [(3, 5, 7, 2), (300, 400), (70000,), (5, 1, 40000), (2, 3, 50000)])
def test_blocks_and_strides_give_the_same(shape, monkeypatch):
    monkeypatch.setattr(costs, "WAKE_NS", 50)
    monkeypatch.setattr(costs, "LOCK_NS", 0)
    wide = rng.standard_normal((*shape[:-1], shape[-1] * 3)).astype("f4")
    row = rng.standard_normal((*(1,) * (len(shape) - 1), shape[-1])).astype("f4")

    def expression(a, r):
        n = a.shape[-1] // 3
        part = a[..., n : 2 * n]
        return np.where(part > 0, np.exp(-part), part * r) + a[..., ::3] * (part > r).astype(np.float32)

    got, _ = execute(expression, wide, row)
    np.testing.assert_allclose(got[0], expression(wide, row), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("dtype", ["i4", "f4", "f8"])
def test_a_choice_between_temporaries(dtype):
    c, a, b = (rng.integers(0, 9, (40, 30)).astype(dtype) for _ in range(3))
    outs, _ = execute(lambda c, a, b: np.where(c > 4, a * a, b + a) + a, c, a, b)
    np.testing.assert_array_equal(outs[0], np.where(c > 4, a * a, b + a) + a)


@pytest.mark.parametrize("n", [7, 700, 200_001])
def test_several_results_of_one_region(n):
    x, y = (rng.standard_normal(n).astype("f4") for _ in range(2))

    def several(x, y):
        a = np.tanh(x) * y
        b = np.exp(x * 0.3 - y * 0.2)
        first = a * b + np.sqrt(np.abs(a - b))
        second = np.where(first > 0, a * 2.0, np.exp(b) * y)
        return first, second, (second - a) * (first + b) - x * y

    outs, _ = execute(several, x, y)
    for out, expected in zip(outs, several(x, y)):
        np.testing.assert_allclose(out, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("n", [7, 200_001])
def test_a_result_may_alias_an_operand(n):
    """As gradients that accumulate do."""
    x, g = (rng.standard_normal(n).astype("f4") for _ in range(2))
    expected = g + np.tanh(x) * np.exp(x) * 2.0
    with tape():
        leaves = [leaf(("var", i), a.shape, a.dtype) for i, a in enumerate((x, g))]
        root = leaves[1] + np.tanh(leaves[0]) * np.exp(leaves[0]) * 2.0
    for step in Program([root]).compile({}, lambda key: (x, g)[key[1]], Buffers(), Run(), [g]):
        step()
    np.testing.assert_allclose(g, expected, rtol=1e-5, atol=1e-6)


X = np.array([[1.5, -2.25, 3], [0.5, 4, -100]], np.float32)
VALUES = {
    "dtype": [np.float64, np.int32, np.float16],
    "initial": [2.0, -3],
    "where": [X > 0, np.array([True, False, True])],
    "keepdims": [True, False],
    "out": [None, np.empty(3, np.float32)],
    "order": ["C", "F", "A", "K"],
    "casting": ["unsafe", "safe"],
    "subok": [True, False],
    "copy": [True, None],
    "axis": [0, 1, -1, (0, 1)],
    "min": [-1.0],
    "max": [2.0],
    "a_min": [0],
    "shape": [(6,), (2, 3)],
    "axes": [(1, 0), (0, 1)],
}
BASE = {
    np.expand_dims: {"axis": 0},
    np.broadcast_to: {"shape": (2, 2, 3)},
    np.moveaxis: {"source": 0, "destination": 1},
    np.full_like: {"fill_value": 2.5},
    np.swapaxes: {"axis1": 0, "axis2": 1},
    np.reshape: {"shape": (3, 2)},
}


def keywords(function) -> list[str]:
    try:
        return list(inspect.signature(function).parameters)
    except ValueError:  # NumPy 2.1 does not tell for these, which are in C
        return {np.concatenate: ["axis", "dtype", "casting", "out"], np.where: []}[function]


def keyword_cases():
    for function in value._FUNCTIONS.keys() - {np.size, np.ndim, np.shape}:  # these return no arrays
        for key in keywords(function):
            for v in VALUES.get(key, []):
                yield (
                    function,
                    (
                        lambda x, f=function, k=key, v=v: f(
                            [x, x] if f in (np.concatenate, np.stack) else x, **{**BASE.get(f, {}), k: v}
                        )
                    ),
                    f"{key}={v!r}",
                )
    for ufunc in (np.add, np.multiply, np.divide, np.maximum, np.exp, np.floor, np.greater, np.matmul):
        for key, v in [
            ("dtype", np.float64),
            ("dtype", np.float16),
            ("dtype", bool),
            ("out", np.empty((2, 3), np.float32)),
            ("casting", "unsafe"),
            ("axis", 0),
        ]:

            def call(x, u=ufunc, k=key, v=v):
                return u(*[x.T if i and u is np.matmul else x for i in range(u.nin)], **{k: v})

            yield ufunc, call, f"{key}={v!r}"
    for method in ("sum", "prod", "max", "min", "mean", "astype", "reshape", "ravel", "clip", "squeeze"):
        first = {"astype": (np.float64,), "reshape": (3, 2), "clip": (-1, 2)}.get(method, ())
        for key in ("dtype", "initial", "where", "keepdims", "out", "order", "casting", "copy", "axis"):
            for v in VALUES[key]:
                yield (
                    method,
                    (lambda x, m=method, a=first, k=key, v=v: getattr(x, m)(*a, **{k: v})),
                    f"{key}={v!r}",
                )


def test_no_keyword_is_dropped_while_tracing():
    """Every keyword of every function that can be traced gives NumPy's result, or an error."""
    worked, wrong = 0, []
    for function, call, text in keyword_cases():
        for x in (X, np.maximum(X, 0).astype(np.uint8), X.astype(np.int8), X.astype(np.float16)):
            try:
                with np.errstate(all="ignore"):
                    want = np.array(call(x.copy()))
            except (TypeError, ValueError, OverflowError):
                continue  # not NumPy's either
            try:
                got = execute(call, x)[0][0]
            except (TypeError, ValueError, OverflowError):
                continue
            worked += 1
            if got.dtype != want.dtype or not np.allclose(got, want, 1e-3, equal_nan=True):
                wrong.append(
                    f"{getattr(function, '__name__', function)} {text} of {x.dtype}: "
                    f"{got.dtype} {got.tolist()}, not {want.dtype} {want.tolist()}"
                )
    assert not wrong, "\n".join(wrong)
    assert worked > 250


@pytest.mark.parametrize(
    "call",
    [
        lambda v: np.mean(v, where=X > 0),
        lambda v: np.add(v, 1, where=X > 0),
        lambda v: np.sum(v, where=X > 0),
        lambda v: np.reshape(v, (3, 2), order="F"),
        lambda v: np.max(v, out=np.empty(())),
        lambda v: np.concatenate([v, v], casting="unsafe"),
        lambda v: v.ravel(order="F"),
    ],
)
def test_functions_that_cannot_be_traced_are_errors(call):
    with pytest.raises(TypeError, match="a traced operator called"):
        execute(call, X)
