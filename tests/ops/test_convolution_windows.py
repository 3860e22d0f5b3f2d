"""Convolution and pooling against explicit sums, in every division and layout of the work: samples as
outermost or innermost axis, one thread and several, one block and many, contiguous arrays and others; with
oneDNN and without; and calls that are prepared once."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import mxr
from mxr.operator import Run, get
from mxr.ops.kernels import primitives, steps, windows
from mxr.runtime import costs, onednn, threads


def positions(out, kernel, stride, dilate, pad, size):
    """(window, offset, position of the input) wherever a window meets the input."""
    for o in itertools.product(*map(range, out)):
        for k in itertools.product(*map(range, kernel)):
            at = tuple(a * s + b * d - q for a, b, s, d, q in zip(o, k, stride, dilate, pad))
            if all(0 <= a < n for a, n in zip(at, size)):
                yield o, k, at


def written_out(x, weight, g, stride, dilate, pad, groups):
    """The output of a convolution and the gradients of its data and weight, in double precision."""
    x, weight, g = (a.astype(np.float64) for a in (x, weight, g))
    out, gx, gw = np.zeros_like(g), np.zeros_like(x), np.zeros_like(weight)
    channels, filters = x.shape[1] // groups, len(weight) // groups
    for o, k, at in positions(g.shape[2:], weight.shape[2:], stride, dilate, pad, x.shape[2:]):
        for i in range(groups):
            c, f = slice(i * channels, (i + 1) * channels), slice(i * filters, (i + 1) * filters)
            part, matrix, slope = (
                x[(slice(None), c, *at)],
                weight[(f, slice(None), *k)],
                g[(slice(None), f, *o)],
            )
            out[(slice(None), f, *o)] += part @ matrix.T
            gx[(slice(None), c, *at)] += slope @ matrix
            gw[(f, slice(None), *k)] += slope.T @ part
    return out, gx, gw


def check(ex, out, gx, gw, g) -> None:
    """The outputs and gradients of a layer with a bias are equal to these, where g is the gradient of its
    output."""
    bias = [*ex.args.values()][2].data.reshape(-1, *(1 for _ in g.shape[2:]))
    sums = g.sum(axis=(0, *range(2, g.ndim)), dtype=float)
    for ours, exact in zip((*ex.output_list, *ex.grads.values()), (out + bias, gx, gw, sums), strict=True):
        np.testing.assert_allclose(ours.data, exact, rtol=1e-5, atol=1e-5 * np.abs(exact).max())


@pytest.fixture
def by_onednn(monkeypatch):
    """Everything that it can compute, oneDNN computes; yields the calls that it has got."""
    if onednn.library() is None:
        pytest.skip(f"oneDNN is {onednn.description()}")
    calls, run = [], onednn.run
    monkeypatch.setattr(primitives, "pays", lambda *_: True)
    monkeypatch.setattr(
        onednn, "run", lambda some, *more, **when: (calls.extend(some), run(some, *more, **when))
    )
    return calls


@pytest.fixture(params=["at once", "by workers"])
def cut_onednn(request, monkeypatch, by_onednn):
    """How oneDNN's work is cut: one part, or parts and blocks of single samples."""
    if request.param == "by workers":
        monkeypatch.setattr(costs, "WAKE_NS", 1)
        monkeypatch.setattr(costs, "PRIMITIVE_BLOCK", 1)
    return by_onednn


@pytest.fixture(params=["at once", "by workers", "in blocks", "sample by sample"])
def cut(request, monkeypatch):
    """How the work is divided, without oneDNN."""
    monkeypatch.setenv("MXR_ONEDNN", "0")
    if request.param in ("by workers", "in blocks"):
        monkeypatch.setattr(costs, "WAKE_NS", 1)
    if request.param == "sample by sample":
        monkeypatch.setattr(costs, "COLUMNS_BLOCK", 1)
    if request.param == "in blocks":
        monkeypatch.setattr(costs, "COLUMNS_BLOCK", 3000)
        monkeypatch.setattr(costs, "POOL_BLOCK", 100)


# samples, channels, size, filters, kernel, stride, dilate, pad, groups
CONVOLUTIONS = [
    (9, 3, (8, 8), 4, (5, 5), (1, 1), (1, 1), (0, 0), 1),  # small images: samples are the innermost axis
    (9, 4, (8, 7), 6, (3, 3), (1, 1), (1, 1), (1, 1), 2),
    (
        9,
        2,
        (9, 8),
        40,
        (3, 3),
        (1, 1),
        (1, 1),
        (0, 0),
        1,
    ),  # many filters: the gradients of columns are scattered
    (7, 3, (6, 6), 4, (3, 3), (2, 2), (1, 1), (1, 1), 1),
    (2, 2, (20, 21), 3, (3, 3), (1, 1), (2, 2), (2, 1), 1),  # few samples: samples are the outermost axis
    (3, 2, (15, 14), 4, (4, 3), (3, 2), (1, 1), (1, 2), 2),
    (5, 4, (9,), 6, (3,), (2,), (2,), (2,), 2),
    (5, 2, (5, 6, 4), 3, (3, 2, 3), (1, 2, 1), (1, 1, 1), (1, 0, 1), 1),
    (6, 4, (5, 5), 6, (1, 1), (1, 1), (1, 1), (0, 0), 2),  # the columns are the input
    (6, 4, (5, 5), 6, (1, 1), (2, 2), (1, 1), (0, 0), 1),
    (6, 4, (2, 2), 6, (1, 1), (1, 1), (1, 1), (0, 0), 1),  # more filters than positions
    (6, 4, (3, 3), 12, (3, 3), (1, 1), (1, 1), (1, 1), 1),
    (2, 6, (24, 20), 6, (3, 3), (1, 1), (1, 1), (1, 1), 2),  # products are added up over the first axis
    (2, 6, (24, 20), 5, (3, 5), (1, 2), (2, 1), (3, 2), 1),
    (9, 6, (5, 6), 6, (3, 3), (1, 1), (1, 1), (2, 2), 1),  # more outputs than inputs
    (2, 6, (6, 7, 9), 6, (3, 2, 3), (1, 1, 1), (1, 1, 1), (1, 1, 1), 1),
    (3, 5, (1, 30), 6, (1, 7), (1, 1), (1, 1), (0, 3), 1),  # kernels of one row
    (3, 4, (3, 30), 6, (1, 5), (1, 1), (1, 2), (0, 4), 2),
    (9, 5, (4,), 6, (7,), (1,), (1,), (3,), 1),  # reaching beyond the row on both sides
    (5, 4, (8, 6), 3, (2, 2), (2, 2), (1, 1), (0, 0), 1),  # windows that cover the input without overlap
    (5, 4, (10, 9), 3, (2, 2), (3, 3), (3, 3), (0, 0), 1),  # windows that overlap despite their stride
    (3, 4, (9, 9), 4, (1, 1), (1, 1), (1, 1), (0, 0), 4),  # one number times another
]


@pytest.mark.parametrize("case", CONVOLUTIONS, ids=str)
def test_convolution_equals_its_formula(case, cut):
    check_convolution(case)


@pytest.mark.parametrize("case", CONVOLUTIONS, ids=str)
def test_convolution_by_onednn_equals_its_formula(case, cut_onednn):
    check_convolution(case)
    assert cut_onednn


def check_convolution(case):
    stride, dilate, pad, groups = case[5:]
    for ex, x, weight, g in runs(mxr.sym.Convolution, case, 3):
        out, gx, gw = written_out(x, weight, g, stride, dilate, pad, groups)
        check(ex, out, gx, gw, g)


def runs(operator, case, seed, **more):
    """(executor, input, weight, head gradient) after each of two passes of an operator."""
    n, channels, size, filters, kernel, stride, dilate, pad, groups = case
    rng = np.random.default_rng(seed)
    net = operator(
        mxr.sym.Variable("data"),
        kernel=kernel,
        stride=stride,
        dilate=dilate,
        pad=pad,
        num_filter=filters,
        num_group=groups,
        name="c",
        **more,
    )
    ex = net.simple_bind(data=(n, channels, *size))
    for a in ex.args.values():
        a.data[...] = rng.standard_normal(a.shape)
    g = rng.standard_normal(ex.output_list[0].shape).astype(np.float32)
    x, weight, _ = (a.data for a in ex.args.values())
    for _ in range(2):  # the second time, the calls prepared the first time get other values
        x[...] = x[::-1].copy()
        ex.forward(True)
        ex.backward([g])
        yield ex, x, weight, g


# samples, channels, size, filters, kernel, stride, dilate, pad, groups
DECONVOLUTIONS = [
    (5, 4, (6, 5), 6, (2, 2), (2, 2), (1, 1), (0, 0), 2),  # the windows cover the output without overlap
    (5, 4, (6, 5), 3, (2, 2), (3, 3), (1, 1), (0, 0), 1),  # and leave gaps
    (3, 3, (5, 4), 2, (4, 4), (2, 2), (1, 1), (1, 1), 1),
    (2, 6, (12, 14), 6, (3, 3), (1, 1), (1, 1), (1, 1), 1),
    (3, 4, (1, 20), 5, (1, 5), (1, 1), (1, 1), (0, 2), 1),
    (6, 4, (5, 5), 6, (1, 1), (1, 1), (1, 1), (0, 0), 2),
    (5, 4, (6, 5), 3, (2, 2), (3, 3), (3, 3), (0, 0), 1),  # windows that overlap in the gaps
]


@pytest.mark.parametrize("case", DECONVOLUTIONS, ids=str)
def test_deconvolution_is_the_gradient_of_a_convolution(case, cut):
    check_deconvolution(case)


@pytest.mark.parametrize("case", DECONVOLUTIONS, ids=str)
def test_deconvolution_by_onednn_is_the_gradient_of_a_convolution(case, cut_onednn):
    check_deconvolution(case)
    assert cut_onednn


def check_deconvolution(case):
    stride, dilate, pad, groups = case[5:]
    for ex, x, weight, g in runs(mxr.sym.Deconvolution, case, 7, no_bias=False):
        gx, out, gw = written_out(g, weight, x, stride, dilate, pad, groups)
        check(ex, out, gx, gw, g)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.data())
def test_onednn_and_our_own_code_agree(data):
    """Over shapes, strides, padding, dilation and groups: the output and both gradients, to rounding."""
    if onednn.library() is None:
        pytest.skip(f"oneDNN is {onednn.description()}")
    axes, n, groups = (data.draw(st.integers(1, most)) for most in (3, 3, 3))

    def each(low, high):
        return tuple(data.draw(st.integers(low, high)) for _ in range(axes))

    kernel, stride, dilate, pad, more = each(1, 4), each(1, 3), each(1, 2), each(0, 3), each(0, 9 - 2 * axes)
    channels, filters = (groups * data.draw(st.integers(1, 20)) for _ in range(2))
    size = tuple(max(1, d * (k - 1) + 1 - 2 * p) + m for k, d, p, m in zip(kernel, dilate, pad, more))
    out = tuple(
        (m + 2 * p - d * (k - 1) - 1) // s + 1 for m, p, d, k, s in zip(size, pad, dilate, kernel, stride)
    )
    w = windows.Windows(size, out, kernel, stride, dilate, pad, groups)
    rng = np.random.default_rng(1)
    x, weight, g, bias = (
        rng.standard_normal(shape).astype(np.float32)
        for shape in (
            (n, channels, *size),
            (filters, channels // groups, *kernel),
            (n, filters, *out),
            (filters,),
        )
    )

    def computed(fn):
        results = [np.full_like(a, np.nan) for a in (g, x, weight)]
        work = steps.Steps(Run())
        done = fn(work, w, weight, x=x, out=results[0], bias=bias)
        done = fn(work, w, weight, x=x, g=g, gx=results[1], gw=results[2]) and done
        work.call()()
        return done, results

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(primitives, "pays", lambda *_: True)
        done, theirs = computed(primitives.by_primitives)
        patch.setenv("MXR_ONEDNN", "0")
        _, ours = computed(windows.convolve)
    for a, b in zip(theirs if done else [], ours):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5 * np.abs(b).max())


@pytest.mark.parametrize(
    "kernel, stride, pad",
    [
        ((2, 2), (2, 2), (0, 0)),
        ((7, 2), (7, 2), (0, 0)),
        ((3, 2), (3, 2), (1, 0)),
        ((3, 3), (2, 2), (1, 1)),
        ((2, 1), (3, 2), (1, 0)),
        ((7, 6), (1, 1), (0, 0)),
    ],
)
def test_the_gradient_of_max_pooling_goes_to_the_first_maximum(kernel, stride, pad, cut):
    x = np.random.default_rng(4).integers(0, 3, (5, 3, 7, 6)).astype(np.float32)  # with many equal values
    x[0, 0] = x[1, 0, 0, 0] = np.nan
    ex = mxr.sym.Pooling(
        mxr.sym.Variable("data"), kernel=kernel, stride=stride, pad=pad, pool_type="max"
    ).simple_bind(data=x.shape)
    ex.args["data"].data[...] = x
    ex.forward(True)
    out = ex.output_list[0].data
    g = np.random.default_rng(5).integers(1, 9, out.shape).astype(np.float32)
    g[1, 1] = np.inf
    ex.backward([g])
    expected, best = np.zeros_like(x), np.full(out.shape, -np.inf, np.float32)
    place = {}
    for o, _, at in positions(out.shape[2:], kernel, stride, (1, 1), pad, x.shape[2:]):
        for i in np.ndindex(*x.shape[:2]):
            if x[(*i, *at)] > best[(*i, *o)]:
                best[(*i, *o)], place[(*i, *o)] = x[(*i, *at)], (*i, *at)
    for o, at in place.items():
        expected[at] += g[o]
    seen = np.isfinite(best)
    np.testing.assert_array_equal(out[seen], best[seen])
    np.testing.assert_array_equal(ex.grads["data"].data, expected)


@pytest.mark.parametrize(
    "name, params, shapes",
    [
        (
            "Convolution",
            {"kernel": (3, 3), "num_filter": 4, "pad": (1, 1)},
            [(6, 3, 5, 5), (4, 3, 3, 3), (4,)],
        ),
        ("Convolution", {"kernel": (1, 1), "num_filter": 4}, [(6, 3, 5, 5), (4, 3, 1, 1), (4,)]),
        (
            "Deconvolution",
            {"kernel": (3, 3), "num_filter": 4, "stride": (2, 2)},
            [(6, 3, 5, 5), (3, 4, 3, 3)],
        ),
        ("Pooling", {"kernel": (2, 2), "stride": (2, 2)}, [(6, 3, 5, 5)]),
        ("Pooling", {"kernel": (3, 2), "pool_type": "avg", "pad": (1, 1)}, [(6, 3, 5, 5)]),
        ("Pooling_v1", {"kernel": (2, 2), "pad": (1, 1)}, [(6, 3, 5, 5)]),
        ("UpSampling", {"scale": 2, "sample_type": "nearest", "num_args": 1}, [(6, 3, 5, 5)]),
    ],
    ids=str,
)
def test_arrays_need_not_be_contiguous(name, params, shapes):
    op, rng = get(name), np.random.default_rng(6)
    p = op.parse(params)
    count = len(op.outputs(p)) + len(op.hidden(p))
    outs = [np.empty(s, np.float32) for s in op.infer_shape(p, shapes, [None] * count)[1]]
    ins = [rng.standard_normal(s).astype(np.float32) for s in shapes]
    g = rng.standard_normal(outs[0].shape).astype(np.float32)
    igs = [np.empty_like(x) for x in ins]
    apart = lambda a: np.stack([a, a], axis=-1)[..., 0]
    strided = [[apart(a) for a in arrays] for arrays in (ins, outs, igs)]
    op.compute(p, Run(), ins, outs)
    op.gradient(p, Run(), [g], ins, outs, igs)
    op.compute(p, Run(), strided[0], strided[1])
    op.gradient(p, Run(), [apart(g)], strided[0], strided[1], strided[2])
    for plain, other in zip((*outs[:1], *igs), (*strided[1][:1], *strided[2])):
        np.testing.assert_array_equal(other, plain)


def test_a_prepared_call_follows_its_scratch_memory():
    op, run = get("Convolution"), Run()
    rng = np.random.default_rng(7)
    calls, results = [], []
    for n in (2, 40):  # the second needs more scratch memory than the first found
        x, weight = (
            rng.standard_normal((n, 3, 8, 8)).astype(np.float32),
            rng.standard_normal((4, 3, 3, 3)).astype(np.float32),
        )
        out, expected = np.empty((n, 4, 6, 6), np.float32), np.empty((n, 4, 6, 6), np.float32)
        p = op.parse({"kernel": (3, 3), "num_filter": 4, "no_bias": True})
        op.compute(p, Run(), [x, weight], [expected])
        calls.append(op.prepare(p, run, [x, weight], [out]))
        results.append((out, expected))
    for _ in range(2):
        for call, (out, expected) in zip(calls, results):
            out[...] = 0
            call()
            np.testing.assert_array_equal(out, expected)
    small, large = calls
    assert small.moved == large.moved == run.moved  # both use the same, larger memory by now


def test_every_worker_gets_a_part_of_large_work():
    work = steps.Steps(Run())
    parts = [(lane.number, a, b) for lane, a, b in work.ranges(10, 1e9)]
    assert [p[0] for p in parts] == list(range(min(threads.workers(), 10)))
    assert [i for _, a, b in parts for i in range(a, b)] == list(range(10))
    assert len(list(work.ranges(10, 1))) == 1
