"""Products, reductions, softmax and sums against NumPy; the same bits with several threads; and which core
runs."""

import itertools
import math
import os
import subprocess
import sys

import numpy as np
import pytest

import mxr
from mxr import native
from mxr.engine.optimizer import Updater, rule
from mxr.native import blas, steps
from mxr.native.steps import FLOAT, Region
from mxr.runtime import costs, threads


def random(*shape):
    return np.random.default_rng(sum(shape)).uniform(-1, 1, shape).astype(np.float32)


def test_blas_is_found():
    assert blas.found()


@pytest.mark.parametrize(
    "m, k, n", [(1, 1, 1), (3, 4, 5), (1, 7, 3), (6, 1, 2), (100, 784, 128), (64, 20, 32), (300, 200, 150)]
)
@pytest.mark.parametrize("add", [False, True])
def test_products(m, k, n, add):
    for a in (random(m, k), random(k, m).T, random(m, 2 * k)[:, :k]):
        for b in (random(k, n), random(n, k).T):
            for out in (random(m, n), random(m, 2 * n)[:, :n]):
                before = out.copy()
                steps.product(a, b, out, add)()
                np.testing.assert_allclose(out, a @ b + (before if add else 0), 1e-4, 1e-4)


@pytest.mark.parametrize(
    "m, k, n", [(8, 5, 3), (33, 7, 2), (2, 9, 49), (64, 3, 64), (101, 20, 100), (17, 4, 200)]
)
@pytest.mark.parametrize("stack", [0, 1, 5])
def test_products_in_two_parts(m, k, n, stack, monkeypatch):
    """Products are cut along rows, columns or the matrices of a stack."""
    monkeypatch.setattr(threads, "workers", lambda: 2)
    shape = (stack,) if stack else ()
    a, b, found = random(*shape, m, k), random(*shape, k, n), []
    for limit in (math.inf, 0):
        monkeypatch.setattr(costs, "NATIVE_CUT_PRODUCT_NS", limit)
        for left in (a, np.ascontiguousarray(a.swapaxes(-1, -2)).swapaxes(-1, -2)):
            out = np.full((*shape, m, n), np.nan, np.float32)
            step = steps.product(left, b, out)
            step()
            assert step.shared == (
                limit == 0 and (stack > 1 or (stack == 0 and max(m, n) > costs.BLAS_PANEL))
            )
            np.testing.assert_allclose(out, a @ b, 1e-5, 1e-6)
            found.append(out)
    np.testing.assert_array_equal(found[0], found[2])
    np.testing.assert_array_equal(found[1], found[3])


@pytest.mark.parametrize("m", [5, 12, 50, 263])
@pytest.mark.parametrize("n", [1, 17, 33])
@pytest.mark.parametrize("k, parts, times", [(1, 1, 1), (3, 7, 1), (300, 2, 1), (20, 1, 3)])
def test_tiled_products(vectors, m, n, k, parts, times, monkeypatch):
    """Sums of products, and products of one matrix with several; by one thread and by two."""
    monkeypatch.setattr(threads, "workers", lambda: 2)
    # matrices as rows and as columns side by side, with unused elements between them
    lefts = [random(parts, m, k + 1)[:, :, :-1], random(parts, k, m + 1).swapaxes(1, 2)[:, :-1]]
    rights = [random(parts * times, k, n + 1)[:, :, :-1], random(parts * times, n, k).swapaxes(1, 2)]
    for limit, a, b, add in itertools.product((math.inf, 0), lefts, rights, (False, True)):
        monkeypatch.setattr(costs, "NATIVE_CUT_PRODUCT_NS", limit)
        around = random(times, m, n + 2)
        out, before, start = around[:, :, 1:-1], around.copy(), random(m)
        expected = (a @ b).reshape(times, parts, m, n).sum(1) if times == 1 else a @ b
        expected = expected + (before[:, :, 1:-1] if add else start[:, None])
        step = steps.tiled(a[0] if times > 1 else a, b, out if times > 1 else out[0], add, start)
        assert step.shared == (limit == 0 and m > 24)
        step()
        np.testing.assert_allclose(out, expected, 1e-4, 1e-4)
        np.testing.assert_array_equal(around[:, :, [0, -1]], before[:, :, [0, -1]])


@pytest.mark.parametrize("shape", [(4, 4), (5, 7), (3, 33), (100, 3), (130, 32), (2, 70, 41), (2, 3, 40, 6)])
def test_transposed_copies(shape):
    """From and to transposed memory, with unused elements around it, across the borders of blocks."""
    rows, columns = shape[-2:]
    for values in (random(*shape), random(2, *shape)[:, ..., ::-1][1]):
        around = random(*shape[:-2], columns + 1, rows + 2)
        before, turned = around.copy(), around[..., :-1, 1:-1].swapaxes(-1, -2)
        steps.call(np.copyto, (turned, values))()
        np.testing.assert_array_equal(turned, values)
        np.testing.assert_array_equal(around[..., -1, :], before[..., -1, :])
        np.testing.assert_array_equal(around[..., [0, -1]], before[..., [0, -1]])
        back = np.zeros(shape, np.float32)
        steps.call(np.copyto, (back, turned))()
        np.testing.assert_array_equal(back, values)


def test_products_that_are_not_tiled():
    out = np.empty((3, 3), np.float32)
    assert steps.tiled(random(3, 6)[:, ::2], random(3, 3), out) is None
    assert steps.tiled(random(3, 3), random(3, 3), out.T) is None
    assert steps.tiled(random(3, 3), random(3, 3).astype(np.float64), out) is None
    assert steps.tiled(np.empty((3, 0), np.float32), np.empty((0, 3), np.float32), out) is None


def test_stacks_of_products():
    a, b, out = random(5, 3, 4), random(5, 4, 2), np.empty((5, 3, 2), np.float32)
    steps.product(a, b, out)()
    np.testing.assert_allclose(out, a @ b, 1e-5, 1e-6)
    steps.product(a, b[0], out)()
    np.testing.assert_allclose(out, a @ b[0], 1e-5, 1e-6)


def _powers(a, values):
    """A function that makes the steps of values[k + 1] = tanh(a values[k]), whose product is in memory that
    all repetitions share."""
    product = np.empty_like(values[0])

    def make(k):
        return [steps.product(a, values[k], product), steps.call(np.tanh, (product, values[k + 1]))]

    return make


def _repeated(make, times, chunk):
    loop = steps.Repeated(make, times, chunk)
    return [loop.part(i) for i in range(-(-times // chunk))]


@pytest.mark.parametrize("times", [1, 2, 7])
@pytest.mark.parametrize("chunk", [1, 2, 3, 10])
def test_repeated_steps(times, chunk):
    """Two loops, the second one over strided memory, in chunks."""
    both = [(random(5, 5), np.zeros((times + 1, 5, 3), np.float32)) for _ in range(2)]
    both[1] = both[1][0], np.zeros((5, times + 1, 4), np.float32).swapaxes(0, 1)[:, :, :3]
    for _, values in both:
        values[0] = random(5, 3)
    made = [_repeated(_powers(*one), times, chunk) for one in both]
    assert all(len(parts) == -(-times // chunk) for parts in made)
    step = steps.side_by_side(made)
    for _ in range(2):  # afterwards, all arrays are where they were
        step()
        for a, values in both:
            expected = values[0]
            for k in range(times):
                expected = np.tanh(a @ expected)
                np.testing.assert_allclose(values[k + 1], expected, 1e-5, 1e-6)
        for _, values in both:
            values[1:] = 0


def test_an_array_that_moves_back_with_each_chunk():
    x, out, total = random(7, 5), np.zeros((3, 5), np.float32), np.zeros((3, 5), np.float32)
    loop = steps.Repeated(lambda k: [steps.call(np.copyto, (out[k % 3], x[k]))], 7, 3)
    for number, stop in enumerate((3, 6, 7)):
        loop.part(number)()
        total[: stop - 3 * number] = x[3 * number : stop]
        np.testing.assert_array_equal(out, total)


def test_repeated_sums():
    """A loop of regions with sums, and of softmaxes, which read what the repetition before has written."""
    x, totals = np.zeros((6, 4, 5), np.float32), np.zeros((6, 4, 1), np.float32)
    x[0] = random(4, 5)

    def make(k):
        region = Region((4, 5))
        assert region.sum(region.array(x[k + 1]), 5, totals[k])
        return [steps.softmax(x[k], x[k + 1]), region.step()]

    (step,) = _repeated(make, 5, 5)
    for _ in range(2):
        totals[...] = x[1:] = 0
        step()
        np.testing.assert_allclose(totals[:5], 1, 1e-6)
        assert not totals[5].any()
        e = np.exp(x[:-1] - x[:-1].max(2, keepdims=True))
        np.testing.assert_allclose(x[1:], e / e.sum(2, keepdims=True), 1e-5)


def test_loops_side_by_side_give_the_same_bits(monkeypatch):
    monkeypatch.setattr(threads, "workers", lambda: 2)
    monkeypatch.setattr(costs, "NATIVE_COMPARED_NS", 0)  # always shared
    found = []
    for wake in (math.inf, 0):  # on one thread, on two
        monkeypatch.setattr(costs, "WAKE_NS", wake)
        all_values = [np.zeros((41, 30, 8), np.float32) for _ in range(2)]
        for i, values in enumerate(all_values):
            values[0] = random(30, 8) + np.float32(i)
        loops = [_powers(random(30, 30), values) for values in all_values]
        parts = [_repeated(loop, 40, 9) for loop in loops]
        for call in steps.join([steps.side_by_side(parts)]):
            call()
        found.append(b"".join(values.tobytes() for values in all_values))
    assert found[0] == found[1]


def test_steps_that_are_not_repeated():
    x, out = random(4, 8), np.empty((4, 8), np.float32)
    assert steps.Repeated(lambda k: [None], 3, 2).part(0) is None
    product, region = steps.product(x, x.T, np.empty((4, 4), np.float32)), steps.call(np.tanh, (x, out))
    for other in ([region.native], []):
        with pytest.raises((ValueError, IndexError)):
            native.core.list([product.native], other, [product.native], 0, 2, False)


def test_products_that_blas_does_not_take():
    out = np.empty((3, 3), np.float32)
    assert steps.product(random(3, 6)[:, ::2], random(3, 3), out) is None
    assert steps.product(random(3, 3), random(3, 3), out.T) is None
    assert steps.product(random(3, 3).astype(np.float64), random(3, 3), out) is None
    assert steps.product(np.empty((3, 0), np.float32), np.empty((0, 3), np.float32), out) is None


@pytest.mark.parametrize(
    "shape, axes",
    [
        ((7,), (0,)),
        ((100,), (0,)),
        ((300_001,), (0,)),
        ((5, 9), (0,)),
        ((5, 9), (1,)),
        ((3, 5000), (1,)),
        ((2000, 3), (0,)),
        ((2000, 700), (0,)),
        ((4, 30, 50), (1,)),
        ((4, 30, 50), (0, 1)),
        ((4, 30, 50), (1, 2)),
        ((4, 1, 50), (0, 1, 2)),
        ((200, 4000), (1,)),
    ],
)
@pytest.mark.parametrize("ufunc", [np.add, np.maximum], ids=lambda f: f.__name__)
def test_reductions(vectors, ufunc, shape, axes):
    x = random(*shape)
    out = np.empty([1 if i in axes else n for i, n in enumerate(shape)], np.float32)
    step = steps.reduction(ufunc, x, axes, out)
    step()
    exact = ufunc.reduce(x.astype(np.float64), axes, keepdims=True)
    # of what was added up
    np.testing.assert_allclose(out, exact, 1e-6, 2e-8 * x.size / out.size if ufunc is np.add else 0)
    x.reshape(-1)[x.size // 2] = np.nan
    step()
    np.testing.assert_array_equal(np.isnan(out), np.isnan(ufunc.reduce(x, axes, keepdims=True)))


def test_reductions_that_numpy_makes():
    x = random(4, 5, 6)
    assert steps.reduction(np.add, x, (0, 2), np.empty((1, 5, 1), np.float32)) is None
    assert steps.reduction(np.multiply, x, (0,), np.empty((1, 5, 6), np.float32)) is None
    assert steps.reduction(np.add, x.T, (0,), np.empty((1, 5, 4), np.float32)) is None


@pytest.mark.parametrize(
    "row, rows", [(1, 100), (3, 1000), (10, 50), (2048, 3), (5000, 7), (100_000, 1), (3001, 40)]
)
def test_sums_in_a_region(vectors, row, rows):
    x = random(rows, row)
    out, other, squares = (np.empty((rows, 1), np.float32) for _ in range(3))
    region = Region(x.shape)
    square = region.emit("square", [region.array(x)])
    assert region.sum(square, row, out) and region.sum(region.array(x), row, other)
    assert not region.sum(square, row + 1, squares)
    region.step()()
    np.testing.assert_allclose(out[:, 0], np.square(x.astype(np.float64)).sum(1), 1e-5)
    np.testing.assert_allclose(other[:, 0], x.astype(np.float64).sum(1), 1e-5, 1e-4)


@pytest.mark.parametrize("shape", [(1, 1), (100, 10), (3, 31), (7, 33), (2, 5000), (5000, 17)])
def test_softmax(vectors, shape):
    x = 5 * random(*shape)
    x[0, -1] = 200
    out = np.empty_like(x)
    steps.softmax(x, out)()
    e = np.exp(x.astype(np.float64) - x.max(1, keepdims=True))
    np.testing.assert_allclose(out, e / e.sum(1, keepdims=True), 1e-6, 1e-37)
    steps.softmax(x, x)()
    np.testing.assert_array_equal(x, out)


def test_shared_steps_give_the_same_bits(vectors):
    """The same bits, whichever thread takes a chunk, in every run."""
    x, w = random(200_000), random(300, 400)
    outs = [
        np.empty_like(x),
        np.empty((1,), np.float32),
        np.empty((300, 300), np.float32),
        np.empty((1, 400), np.float32),
        np.empty_like(w),
    ]
    region = Region(x.shape)
    e = region.emit("exp", [region.array(x)], FLOAT, outs[0])
    region.sum(e, x.size, outs[1])
    made = [
        region.step(),
        steps.product(w, w.T, outs[2]),
        steps.reduction(np.add, w, (0,), outs[3]),
        steps.softmax(w, outs[4]),
    ]
    program = native.core.list(*[[m.native for m in made]] * 3, 0, 1, False)
    program()
    alone = [o.copy() for o in outs]
    for _ in range(200):
        for o in outs:
            o[...] = np.nan
        threads.share(program.lead, program.help)
        for o, a in zip(outs, alone):
            np.testing.assert_array_equal(o, a)


def test_the_faster_of_two_functions_is_called():
    clock, calls, cost = [0], [0, 0], [10, 7]

    def function(i):
        def call():
            calls[i] += 1
            clock[0] += cost[i]

        return call

    def counted(n):
        calls[:] = 0, 0
        for _ in range(n):
            faster()
        return calls

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(steps, "perf_counter_ns", lambda: clock[0])
        faster = steps.Faster(function(0), function(1))
        assert counted(8) == [4, 4]
        assert counted(3000)[0] < 100  # the second one is faster
        cost[0] = 1
        assert counted(3000)[1] < 400  # now the first one is
        assert counted(3000)[1] < 100


def test_large_results_are_streamed(vectors, monkeypatch):
    """The same values, at any alignment, if they do not go through the caches."""
    x = random(20_011)
    room = np.zeros(x.size + 4, np.float32)
    for limit in (1, 1 << 30):
        monkeypatch.setattr(costs, "NATIVE_STREAM_BYTES", limit)
        for start in (0, 1, 4):
            room[...] = -1
            out = room[start : start + x.size]
            region = Region(x.shape)
            region.emit(
                "add",
                [region.emit("square", [region.array(x)], FLOAT, out), region.number(1)],
                FLOAT,
                y := x * 0,
            )
            region.step()()
            np.testing.assert_array_equal(out, x * x)
            np.testing.assert_array_equal(y, x * x + 1)
            assert (np.delete(room, np.arange(start, start + x.size)) == -1).all()


def test_help_returns_if_nothing_runs():
    out = np.empty(3, np.float32)
    step = steps.call(np.negative, (out, out)).native
    program = native.core.list([step], [step], [step], 0, 1, False)
    program.help()


def test_numbers_can_change():
    x, out = random(40), np.empty(40, np.float32)
    region = Region(x.shape)
    region.emit("multiply", [region.array(x), region.number(2, shared=False)], FLOAT, out)
    step = region.step()
    step()
    np.testing.assert_array_equal(out, x * 2)
    step.native.set_numbers(np.array([3], np.float32).tobytes())
    step()
    np.testing.assert_array_equal(out, x * 3)
    with pytest.raises(ValueError):
        step.native.set_numbers(bytes(8))


OPTIMIZERS = {
    "sgd": {"momentum": 0.9, "wd": 0.01},
    "adam": {"wd": 0.1, "clip_gradient": 0.5},
    "rmsprop": {},
    "rmspropalex": {},
    "adagrad": {"epsilon": 1e-8, "wd": 0.01},
    "adadelta": {"rho": 0.9, "epsilon": 1e-5, "wd": 0.01},
    "nag": {"momentum": 0.9, "wd": 0.01},
}


@pytest.mark.parametrize("kind", OPTIMIZERS)
def test_optimizers_give_numpys_bits(kind, monkeypatch, vectors):
    """Steps use no function that the core rounds differently; learning rates change without a new step."""
    settings = {"rescale_grad": 0.5, "clip_gradient": -1, "wd": 0.0, **OPTIMIZERS[kind]}
    results = []
    for active in (vectors, ""):
        monkeypatch.setattr(native, "vectors", active)
        net = mxr.sym.FullyConnected(mxr.sym.Variable("data"), num_hidden=37, name="fc")
        ex = mxr.sym.MakeLoss(net).simple_bind(data=(5, 11))
        updater = Updater(rule(kind, settings))
        for k, a in enumerate(ex.args.values()):
            a[:] = random(*a.shape) + k
        for lr in (0.1, 0.1, 0.1, 0.05, 0.02, 0.02):
            for g in ex.grads.values():
                if g is not None:
                    g[:] = random(*g.shape)
            updater.train(lr, ex)
        results.append({k: a.asnumpy() for k, a in ex.args.items()})
    for k in results[0]:
        np.testing.assert_array_equal(results[0][k], results[1][k])


def choose(value, expression="print(native.vectors)"):
    code = f"from mxr import native; {expression}"
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env={**os.environ, "MXR_NATIVE": value}
    )


def chosen(*arguments) -> str:
    done = choose(*arguments)
    assert done.returncode == 0, done
    return done.stdout.strip()


def test_mxr_native():
    assert chosen("0") == ""
    assert "MXR_NATIVE=0" in chosen("0", "print(native.description())")
    assert chosen("plain") == "plain"
    assert chosen("") in native.VECTORS
    wrong = choose("fast")
    assert wrong.returncode and "MXR_NATIVE=fast: it must be one of 0, avx512, avx2, plain" in wrong.stderr


def test_a_core_from_other_sources_is_an_error():
    code = """
import sys, types
sys.modules["mxr.native._core"] = other = types.ModuleType("_core")
other.INTERFACE = 1
try:
    import mxr
except ImportError as e:
    sys.exit("built from other sources" not in str(e))
sys.exit("no error")
"""
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
