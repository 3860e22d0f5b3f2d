"""Segments against the ordinary program: the same numbers, for any graph, whatever is written in between."""

from __future__ import annotations

import math
from functools import partial
from itertools import count

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import mxr
from mxr import nd, sym
from mxr.compiler import segments
from mxr.compiler.partition import divide
from mxr.engine import executor
from mxr.runtime import costs, onednn, threads

pytestmark = pytest.mark.skipif(onednn.library() is None, reason=f"oneDNN is {onednn.description()}")


@pytest.fixture(autouse=True)
def small_work_pays(monkeypatch):
    monkeypatch.setattr(costs, "PRIMITIVE_LEAST_NS", 1)
    monkeypatch.setattr(costs, "WAKE_NS", 1)  # by all workers
    monkeypatch.setattr(costs, "TEAM_NS", 1)


def bound(net, **shapes):
    """An executor for inference, with random parameters."""
    names = net.list_arguments()
    ex = net.simple_bind(dict.fromkeys(names, "null"), **shapes)
    rng = np.random.default_rng(3)
    for name, a in (ex.args | ex.aux).items():
        low, high = (
            (0.5, 1.5) if name.endswith(("var", "gamma")) else (-0.15, 0.15) if a.ndim > 2 else (-1, 1)
        )
        a[:] = rng.uniform(low, high, a.shape)
    return ex


def ordinary(net, ex, monkeypatch):
    """The outputs by the ordinary program, from the executor's values."""
    with monkeypatch.context() as m:
        m.setattr(executor, "divide", lambda graph, shapes, types: graph.nodes())
        other = net.simple_bind(
            dict.fromkeys(net.list_arguments(), "null"), **{k: a.shape for k, a in ex.args.items()}
        )
        other.copy_params_from(ex.args, ex.aux)
        return [o.asnumpy() for o in other.forward()]


def agree(net, ex, monkeypatch):
    expected = ordinary(net, ex, monkeypatch)
    for _ in range(2):  # the second call uses the stored weights
        for a, b in zip(ex.forward(), expected, strict=True):
            np.testing.assert_allclose(a.asnumpy(), b, rtol=1e-4, atol=1e-5 * max(1, np.abs(b).max()))


def found(ex) -> list[segments.Segment]:
    parts = divide(ex.symbol, ex._shapes, ex._types)
    return [part for part in parts if isinstance(part, segments.Segment)]


_names = count()


def conv(x, filters=16, kernel=(3, 3), name=None, **parameters):
    parameters = {"pad": tuple(k // 2 for k in kernel)} | parameters
    return sym.Convolution(
        x, num_filter=filters, kernel=kernel, name=name or f"conv{next(_names)}", **parameters
    )


def deconv(x, filters, kernel, **parameters):
    return sym.Deconvolution(x, num_filter=filters, kernel=kernel, name=f"up{next(_names)}", **parameters)


def norm(x, **parameters):
    return sym.BatchNorm(x, fix_gamma=False, name=f"norm{next(_names)}", **parameters)


def relu(x):
    return sym.Activation(x, act_type="relu")


def residual():
    x = relu(norm(conv(sym.Variable("data"), 32)))
    y = relu(norm(conv(relu(norm(conv(x, 32))), 32)) + x)
    short = norm(conv(y, 48, (1, 1), stride=(2, 2)))
    return relu(norm(conv(y, 48, stride=(2, 2), no_bias=True)) + short)


def read_again():
    """A shortcut, and a convolution, that something else reads later."""
    x = conv(sym.Variable("data"))
    y = relu(conv(x) + x)
    return sym.Group([y + conv(y), x, relu(x)])


def inception():
    x = relu(conv(sym.Variable("data"), 32))
    pool = sym.Pooling(x, kernel=(3, 3), stride=(1, 1), pad=(1, 1), pool_type="avg")
    return relu(conv(sym.Concat(conv(x, 16, (1, 1)), relu(conv(x, 48)), conv(pool, 32), x, dim=1)))


def unet():
    """Transposed convolutions, with and without a bias, read by a concatenation and by more."""
    x = relu(norm(conv(sym.Variable("data"), 32)))
    low = relu(conv(sym.Pooling(x, kernel=(2, 2), stride=(2, 2), pool_type="max"), 64))
    up = deconv(low, 32, (2, 2), stride=(2, 2), no_bias=False)
    y = relu(norm(conv(sym.Concat(up, x, dim=1), 32)))
    return sym.Group([norm(deconv(y, 16, (4, 4), stride=(2, 2), pad=(1, 1))), relu(up), conv(up)])


def around():
    """What leaves a segment and comes back must not be in it: a graph without circles stays one."""
    x = relu(conv(sym.Variable("data")))
    outside = sym.exp(0.01 * x)
    up = sym.Deconvolution(conv(x), kernel=(2, 2), stride=(1, 1), num_filter=16, name="up", adj=(0, 0))
    up = sym.slice_axis(sym.slice_axis(up, axis=2, begin=0, end=10), axis=3, begin=0, end=10)
    return relu(conv(sym.Concat(conv(outside) + x, up, x, dim=1)))


def shared():
    """Two convolutions with one weight; a weight that is computed."""
    w, v = sym.Variable("w", shape=(16, 16, 3, 3)), sym.Variable("v", shape=(16, 16, 3, 3))
    x = conv(sym.Variable("data"), weight=w, no_bias=True)
    return conv(relu(conv(x, weight=w, no_bias=True)), weight=sym.tanh(v), no_bias=True)


def pools():
    x = relu(conv(sym.Variable("data")))
    windows = ((2, 2), (2, 2), (0, 0)), ((3, 3), (2, 2), (1, 1)), ((3, 2), (3, 1), (1, 0))
    kinds = [
        {"pool_type": how, "kernel": kernel, "stride": stride, "pad": pad, "pooling_convention": round_}
        for how in ("max", "avg")
        for kernel, stride, pad in windows
        for round_ in ("valid", "full")
    ]
    kinds += [{"global_pool": True, "kernel": (1, 1), "pool_type": how} for how in ("max", "avg")]
    kinds += [{"kernel": (3, 3), "pad": (1, 1), "pool_type": "avg", "count_include_pad": False}]
    return sym.Group([conv(sym.Pooling(x, **kind)) for kind in kinds])


GRAPHS = {
    "residual": residual,
    "read again": read_again,
    "inception": inception,
    "around": around,
    "unet": unet,
    "shared": shared,
    "pools": pools,
    "depthwise": lambda: relu(norm(conv(relu(conv(sym.Variable("data"), 32)), 32, num_group=32))),
    "groups": lambda: relu(norm(conv(relu(conv(sym.Variable("data"), 32)), 64, num_group=2))),
    "dilated": lambda: conv(relu(conv(sym.Variable("data"), dilate=(2, 2), pad=(2, 2))), stride=(2, 3)),
    "gamma": lambda: sym.BatchNorm(conv(sym.Variable("data")), name="norm"),  # held at 1
    "twice": lambda: relu(conv(sym.Variable("data"))) + relu(conv(sym.Variable("data"))),
}


@pytest.mark.parametrize("samples", [1, 4, 5])
@pytest.mark.parametrize("name", GRAPHS)
def test_same_numbers(name, samples, monkeypatch):
    net = GRAPHS[name]()
    ex = bound(net, data=(samples, 16, 10, 10))
    assert found(ex)
    agree(net, ex, monkeypatch)


@pytest.mark.parametrize("size", [(20,), (6, 7, 8)])
def test_signals_and_volumes(size, monkeypatch):
    three = (3,) * len(size)
    x = relu(norm(conv(sym.Variable("data"), kernel=three)))
    net = relu(conv(sym.Pooling(x, kernel=three, stride=(2,) * len(size), pool_type="max"), kernel=three) * 1)
    ex = bound(net, data=(2, 16, *size))
    assert found(ex)
    agree(net, ex, monkeypatch)


def made(steps):
    """The network of some steps, whose inputs are earlier values."""
    values = [sym.Variable("data")]
    for what, i, j in steps:
        a, b = values[-1 - i % len(values)], values[-1 - j % len(values)]
        values.append(
            {
                "c": lambda a=a: conv(a),
                "n": lambda a=a: norm(a),
                "r": lambda a=a: relu(a),
                "a": lambda a=a, b=b: a + b,
                "j": lambda a=a, b=b: conv(sym.Concat(a, b, dim=1), 16, (1, 1)),
                "p": lambda a=a: sym.Pooling(a, kernel=(3, 3), pad=(1, 1), pool_type="max"),
                "x": lambda a=a: sym.tanh(a),  # not in a segment
                "s": lambda a=a: 0.5 * a,
            }[what]()
        )
    used = set().union(*({n.name for n, _ in v.heads[0][0].inputs} for v in values))
    return sym.Group([v for v in values if v.heads[0][0].name not in used])


_step = st.tuples(st.sampled_from("cccnrajpxs"), st.integers(0, 9), st.integers(0, 9))
any_graph = st.lists(_step, max_size=14).map(lambda steps: partial(made, steps))


@settings(max_examples=25, deadline=None)
@given(any_graph)
def test_any_graph(net):
    net = net()
    with pytest.MonkeyPatch.context() as m:
        ex = bound(net, data=(1, 16, 6, 6))
        agree(net, ex, m)


@st.composite
def transposed(draw):
    """A network with a transposed convolution, and the shape of its data without the samples."""
    axes = draw(st.integers(1, 3))
    along = st.tuples(*[st.integers(1, 3)] * axes)
    kernel, stride = draw(along), draw(along)
    dilate = draw(along) if axes < 3 else (1,) * axes
    pad, adj = ([draw(st.integers(0, most - 1)) for most in around] for around in (kernel, stride))
    least = [1 + max(0, -(-(2 * q - d * (k - 1)) // s)) for q, d, k, s in zip(pad, dilate, kernel, stride)]
    size = [draw(st.integers(n, 6)) for n in least]
    groups = draw(st.sampled_from([1, 1, 2, 8]))
    channels, filters = (8 * draw(st.integers(1, 4)) for _ in range(2))
    x = conv(sym.Variable("data"), channels, (1,) * axes)
    x = deconv(
        x, filters, kernel, stride=stride, dilate=dilate, pad=pad, adj=adj, num_group=groups,
        no_bias=draw(st.booleans()),
    )  # fmt: skip
    return relu(conv(x, 16, (1,) * axes)), (16, *size)


@settings(max_examples=40, deadline=None)
@given(transposed(), st.integers(1, 3))
def test_any_transposed_convolution(made, samples):
    net, size = made
    with pytest.MonkeyPatch.context() as patch:
        agree(net, bound(net, data=(samples, *size)), patch)
        same_bits(ways(net, patch, data=(1, *size)))


# ------------------------------------------------------------------------------------- stored weights


def by_memory(a, value):
    a.data[...] = value


def by_view(a, value, kept={}):  # noqa: B006  (the view of an earlier call)
    view = kept.setdefault(id(a), a.data.reshape(-1))
    view[...] = np.asarray(value).reshape(-1)


WRITES = {
    "all": lambda a, value: a.__setitem__(slice(None), value),
    "one element": lambda a, value: a.__setitem__((0,) * a.ndim, value.flat[0]),
    "plus": lambda a, value: a.__iadd__(nd.array(value)),
    "copyto": lambda a, value: nd.array(value).copyto(a),
    "an operator's out": lambda a, value: mxr.nd.sin(nd.array(value), out=a),
    "NumPy": by_memory,
    "a NumPy view": by_view,
    "np.asarray": lambda a, value: np.asarray(a, copy=False).__setitem__(Ellipsis, value),
}


@pytest.mark.parametrize("write", WRITES)
def test_what_is_written_counts(write, monkeypatch):
    """Arguments and states of all kinds, in every way, also after calls that used the stored weights."""
    net = residual()
    ex = bound(net, data=(1, 16, 8, 8))
    agree(net, ex, monkeypatch)
    some = list((ex.args | ex.aux).items())[list(WRITES).index(write) % 4 :: 4]
    for i, (name, a) in enumerate(some):
        before = ex.forward()[0].asnumpy()
        value = np.random.default_rng(i).uniform(0.01, 0.05, a.shape)
        WRITES[write](a, value)
        changed = np.abs(ex.forward()[0].asnumpy() - before).max() > 0
        assert changed or write == "one element", name  # which a rectifier may hide
        agree(net, ex, monkeypatch)


def test_arguments_are_read_only_if_others_have_their_memory(monkeypatch):
    """Counts of writes are enough for an executor's own arrays. Memory that went outside needs a digest."""
    digests = []
    digest = mxr.native.digest
    monkeypatch.setattr(mxr.native, "digest", lambda arrays: (digests.append(1), digest(arrays))[1])
    net = residual()
    ex = bound(net, data=(1, 16, 8, 8))

    def taken() -> int:
        digests.clear()
        ex.forward()
        return len(digests)

    assert taken()  # when the weights are stored
    ex.args["data"][:] = 0.5
    assert not taken()
    ex.args["data"].data[...] = 0.25  # no parameter
    assert not taken()
    next(iter(ex.aux.values()))[:] = 0.5
    assert taken() and not taken()
    ex.forward(True)  # another program, which may set gamma
    assert taken() and not taken()
    weight = next(a for name, a in ex.args.items() if name.endswith("weight"))
    memory = weight.data
    assert taken() and taken()
    memory *= 2
    agree(net, ex, monkeypatch)


def test_executors_that_share_arrays(monkeypatch):
    """One trains, or sets gamma to 1; the other predicts with what it wrote."""
    x = conv(sym.Variable("data"), name="conv")
    predicts = sym.BatchNorm(x, fix_gamma=False, name="norm")
    rng = np.random.default_rng(1)
    shapes, _, states = predicts.infer_shape(data=(2, 16, 8, 8))
    args = {k: nd.array(rng.uniform(0.5, 1, s)) for k, s in zip(predicts.list_arguments(), shapes)}
    aux = {k: nd.array(rng.uniform(0.5, 1, s)) for k, s in zip(predicts.list_auxiliary_states(), states)}
    ex = predicts.bind(args, aux=aux, reqs="null")
    agree(predicts, ex, monkeypatch)
    sym.BatchNorm(x, fix_gamma=True, name="norm").bind(args, aux=aux, reqs="null").forward()
    assert (args["norm_gamma"].asnumpy() == 1).all()
    agree(predicts, ex, monkeypatch)
    grads = {k: nd.zeros(a.shape) for k, a in args.items()}
    trains = predicts.bind(args, grads, aux=aux)
    for _ in range(2):
        trains.forward_backward()
        agree(predicts, ex, monkeypatch)
        for k, a in args.items():
            a -= grads[k] * 0.01
        agree(predicts, ex, monkeypatch)


def test_weights_are_stored(monkeypatch):
    """As long as nothing is written, weights are not brought into oneDNN's layout again."""
    folds = []
    fold = segments._Bound._fold
    monkeypatch.setattr(segments._Bound, "_fold", lambda self: (folds.append(1), fold(self)))
    ex = bound(residual(), data=(1, 16, 8, 8))
    for _ in range(3):
        ex.args["data"][:] = np.random.default_rng(0).standard_normal((1, 16, 8, 8))
        ex.forward()
    assert len(folds) == 1


def test_digests():
    """Any change of a few elements changes the digest; so does their order, and the length."""
    if not mxr.native.active():
        assert mxr.native.digest([np.zeros(3, np.float32)]) is None
        return
    rng = np.random.default_rng(0)
    a = rng.standard_normal(1000).astype(np.float32)
    arrays = [a, -a, a[:500], a[:999], *(np.zeros(n, np.float32) for n in range(200))]
    for i in range(0, 1000, 7):
        b, c, d = a.copy(), a.copy(), a.copy()
        b[i] = np.nextafter(b[i], np.float32(9))
        c[[i, i - 64]] = c[[i - 64, i]]  # in one lane
        d[[i, i - 64]] *= -1
        arrays += [b, c, d]
    seen = [mxr.native.digest([b]) for b in arrays]
    seen += [mxr.native.digest([a[:500], a[500:]]), mxr.native.digest([a[500:], a[:500]])]
    assert len(set(seen)) == len(seen)


@pytest.mark.parametrize("where", ["data", "conv_weight", "norm_gamma", "norm_moving_var"])
@pytest.mark.parametrize("number", [np.nan, np.inf])
def test_what_is_not_finite_stays(where, number, monkeypatch):
    """oneDNN's rectifiers would turn it into zeros."""
    x = sym.BatchNorm(conv(sym.Variable("data"), name="conv"), fix_gamma=False, name="norm")
    net = sym.Pooling(relu(x), kernel=(2, 2), stride=(2, 2), pool_type="max")
    ex = bound(net, data=(2, 16, 8, 8))
    agree(net, ex, monkeypatch)
    array = (ex.args | ex.aux)[where]
    before = array.asnumpy()
    array[(0,) * array.ndim] = number
    expected = ordinary(net, ex, monkeypatch)[0]
    np.testing.assert_allclose(ex.forward()[0].asnumpy(), expected, rtol=1e-4, atol=1e-5)
    assert np.isnan(number) <= np.isnan(expected).any()
    array[:] = before
    agree(net, ex, monkeypatch)


def test_gamma_is_set_to_one():
    """As by batch normalization on its own: saved models show it."""
    ex = bound(GRAPHS["gamma"](), data=(1, 16, 8, 8))
    assert found(ex)
    ex.forward()
    assert (ex.args["norm_gamma"].asnumpy() == 1).all()


def test_the_same_bits_by_the_number_of_workers(monkeypatch):
    ex = bound(residual(), data=(4, 16, 8, 8))
    first = ex.forward()[0].asnumpy()
    assert ex.forward()[0].asnumpy().tobytes() == first.tobytes()
    monkeypatch.setattr(threads, "_count", 1)
    again = bound(residual(), data=(4, 16, 8, 8))
    np.testing.assert_allclose(again.forward()[0].asnumpy(), first, rtol=1e-5, atol=1e-6)


# ------------------------------------------------------------------------ fewer samples than processors

shares = pytest.mark.skipif(
    onednn.library() is None or onednn.library().most_threads < 2,
    reason="several of OpenMP's threads are not used",
)


def ways(net, patch, **shapes):
    """Of each segment: the outputs, and the calls with several of OpenMP's threads and without. After a call
    of the executor, so that the weights are there."""
    made, bind = [], segments._Bound.__init__

    def record(self, segment, run, ways, ins, outs):
        bind(self, segment, run, ways, ins, outs)
        if isinstance(self._products, threads.SharedOrAlone):
            made.append((outs, partial(self._products._shared, math.inf), self._products._alone))

    patch.setattr(segments._Bound, "__init__", record)
    bound(net, **shapes).forward()
    return made


def same_bits(made) -> None:
    for outs, *calls in made:
        found = []
        for call in calls:
            for out in outs:
                out[...] = np.nan
            call()
            found.append([out.tobytes() for out in outs])
        assert found[0] == found[1]


@shares
@pytest.mark.parametrize("name", GRAPHS)
def test_one_image_gives_the_same_bits_on_several_threads(name, monkeypatch):
    made = ways(GRAPHS[name](), monkeypatch, data=(1, 16, 10, 10))
    assert made
    same_bits(made)


@shares
@settings(max_examples=60, deadline=None)
@given(st.data())
def test_any_convolution_gives_the_same_bits_on_several_threads(data):
    """Also with more threads, and with several samples on more threads than these."""
    axes = data.draw(st.integers(1, 3))
    along = st.tuples(*[st.integers(1, 3)] * axes)
    kernel, stride, dilate = (data.draw(along) for _ in range(3))
    pad = tuple(data.draw(st.integers(0, k // 2)) for k in kernel)
    size = tuple(data.draw(st.integers((k - 1) * d + 1, 20)) for k, d in zip(kernel, dilate))
    channels, filters = (8 * data.draw(st.integers(1, 9)) for _ in range(2))
    groups = data.draw(st.sampled_from([1, 1, 2, channels]))
    count = data.draw(st.integers(2, 4))
    x = sym.Variable("data")
    given = {"pad": (0,) * axes, "kernel": (1,) * axes}
    x = relu(conv(x, channels, **given)) if data.draw(st.booleans()) else x
    x = conv(
        x, filters * groups if groups < channels else groups, kernel, pad=pad, stride=stride, dilate=dilate,
        num_group=groups,
    )  # fmt: skip
    net = conv(relu(norm(x)), filters, **given)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(threads, "_count", count)
        samples = data.draw(st.integers(1, count - 1))
        same_bits(ways(net, patch, data=(samples, channels, *size)))


@shares
def test_several_threads_are_not_used_where_they_would_change_bits_or_stay(monkeypatch):
    shape, library = (1, 16, 10, 10), onednn.library()
    assert ways(residual(), monkeypatch, data=shape)
    assert not ways(residual(), monkeypatch, data=(threads.workers(), *shape[1:]))
    with monkeypatch.context() as patch:  # oneDNN has only products of matrices for it
        patch.setattr(segments, "_DIVIDES_OUTPUTS", "none")
        assert not ways(residual(), patch, data=shape)
    with monkeypatch.context() as patch:  # another OpenMP than GNU's
        patch.setattr(library, "_ends_threads", False)
        assert not ways(residual(), patch, data=shape)
    monkeypatch.setattr(threads, "_count", 1)
    assert not ways(residual(), monkeypatch, data=shape)


@shares
def test_both_ways_have_one_memory(monkeypatch):
    """For the images between their calls, and for the weights."""
    made = []
    empty = segments.memory.empty
    monkeypatch.setattr(segments.memory, "empty", lambda *a: (made.append(a), empty(*a))[1])
    assert ways(residual(), monkeypatch, data=(1, 16, 10, 10))
    with_both = sum(n[0] for n, _ in made)
    made.clear()
    monkeypatch.setattr(threads, "_count", 1)
    assert not ways(residual(), monkeypatch, data=(1, 16, 10, 10))
    assert with_both < 1.2 * sum(n[0] for n, _ in made)
