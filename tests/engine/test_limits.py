"""Extreme sizes and values: deep and wide graphs, long and non-ASCII names, empty arrays, NaN and infinity,
arrays that do not fit in memory."""

import os
import subprocess
import sys
import time
import warnings

import numpy as np
import pytest

import mxr
from mxr import MxError, ShapeError
from mxr.engine import optimizer
from tests.stress import faults

sym = mxr.sym
DEEP, WIDE = 1000, 10_000


# ------------------------------------------------------------------------------------ deep graphs, wide calls


def _deep(layers: int = DEEP):
    x = sym.Variable("data")
    for i in range(layers):
        x = sym.FullyConnected(x, num_hidden=2, name=f"fc{i}") * 0.5 + x
    return sym.MakeLoss(sym.sum(x), name="loss")


def test_a_thousand_layers():
    limit = sys.getrecursionlimit()
    symbol = _deep()
    again = sym.load_json(symbol.tojson())
    assert again.tojson() == symbol.tojson() and len(again.list_arguments()) == 2 * DEEP + 1
    composed = again.compose(data=sym.Variable("x") * 2)
    assert composed.list_arguments()[0] == "x"
    assert (
        composed.infer_shape(x=(3, 2))[1] == {"loss_loss": ()} or composed.infer_shape(x=(3, 2)) is not None
    )
    assert len(symbol.get_internals().list_outputs()) == 5 * DEEP + 3
    ex = symbol.simple_bind(data=(3, 2))
    ex.args["data"][:] = 1
    ex.forward(is_train=True)
    ex.backward()
    assert ex.output_list[0].asnumpy().sum() == 6
    np.testing.assert_array_equal(ex.grads["data"].asnumpy(), 1)
    assert sys.getrecursionlimit() == limit


def test_shapes_go_backwards_through_a_thousand_layers():
    x = y = sym.Variable("x")
    for i in range(DEEP):
        y = sym.elemwise_add(y, sym.Variable(f"v{i}"), name=f"s{i}")
    assert y.infer_shape(**{f"v{DEEP - 1}": (2, 3)})[0]["x"] == (2, 3)
    assert x.list_outputs() == ["x"]


@pytest.mark.parametrize("op", ["add_n", "Concat", "stack", "Group"])
def test_ten_thousand_arguments(op):
    use_arguments(op, 10)  # warm-up: work that is only done once
    took = [min(use_arguments(op, wide) for _ in range(2)) for wide in (WIDE // 10, WIDE)]
    assert took[1] < 40 * took[0], f"time grows faster than the number of arguments: {took}"


def use_arguments(op, wide) -> float:
    """Write, read, bind and run a symbol of many arguments; seconds of processor time."""
    began = time.process_time()
    xs = [sym.Variable(f"x{i}") for i in range(wide)]
    symbol = sym.Group(xs) if op == "Group" else getattr(sym, op)(*xs, name="all")
    assert len(sym.load_json(symbol.tojson()).list_arguments()) == wide
    ex = symbol.simple_bind("null" if op == "Group" else "write", **{f"x{i}": (2, 1) for i in range(wide)})
    for a in ex.args.values():
        a.data[...] = 1
    ex.forward(is_train=True)
    if op != "Group":
        ex.backward()
        assert all(g.data.max() == g.data.min() == 1 for g in ex.grads.values())
    assert sum(o.data.sum() for o in ex.output_list) == 2 * wide
    return time.process_time() - began


# -------------------------------------------------------------------------------------------- names and paths


@pytest.mark.parametrize(
    "name", ["x" * 100_000, "größe", "日本語", "a b\tc\n", "\U0001f600", "naïve:\"quote\"\\"]
)
def test_any_name(name, tmp_path):
    symbol = sym.FullyConnected(sym.Variable(name), num_hidden=1, name=name + "_fc")
    path = tmp_path / "ünï 日本.json"
    symbol.save(str(path))
    again = sym.load(str(path))
    assert again.list_arguments() == symbol.list_arguments() == [name, name + "_fc_weight", name + "_fc_bias"]
    ex = again.simple_bind(**{name: (2, 2)})
    mxr.nd.save(str(tmp_path / "ñ.params"), ex.args)
    assert list(mxr.nd.load(str(tmp_path / "ñ.params"))) == again.list_arguments()
    ex.forward()


# --------------------------------------------------------------------------------------------- sizes


@pytest.mark.parametrize("shape", [(10**9, 10**9), (2**31, 2**31), (2**63, 1), (10**30,), (2**62, 2)])
def test_arrays_that_do_not_fit_in_memory_are_errors(shape):
    x = sym.Variable("x")
    with pytest.raises(MxError, match="memory|large"):
        (x * 2).simple_bind(x=shape)
    with pytest.raises(MxError):
        mxr.nd.zeros(shape)


@pytest.mark.parametrize("shape", [(-1, 2), (2.5,), ("a",), None, (0, 2**62)])
def test_invalid_shapes(shape):
    with pytest.raises(MxError, match="shape"):
        mxr.nd.zeros(shape)


def test_operators_with_enormous_outputs_are_errors():
    x = sym.Variable("data")
    for symbol in (
        sym.FullyConnected(x, num_hidden=10**12),
        sym.tile(x, reps=(10**7, 10**7)),
        sym.one_hot(x, depth=10**15),
        sym.repeat(x, repeats=10**12),
        sym._zeros(shape=(10**9, 10**9)),
        sym.broadcast_to(sym.reshape(x, shape=(1, 8)), shape=(10**15, 8)),
    ):
        with pytest.raises(MxError, match="memory"):
            symbol.simple_bind(**({"data": (4, 2)} if "data" in symbol.list_arguments() else {}))
    with pytest.raises(MxError):
        sym.SliceChannel(x, num_outputs=10**12)
    with pytest.raises(MxError):
        sym.load_json(
            sym.Concat(x, x, name="c").tojson().replace('"num_args": "2"', '"num_args": "1000000000000"')
        )


def test_more_elements_than_32_bits_count():
    n = 2**31 + 16
    x = mxr.nd.zeros((n,), np.uint8)
    x.data[-1] = 1
    assert x.size == n and mxr.nd.slice_axis(x, axis=0, begin=n - 2, end=n).asnumpy().tolist() == [0, 1]
    shapes = (sym.Variable("x") * 2).infer_shape(x=(2**20, 2**12))
    assert next(iter(shapes[1].values())) == (2**20, 2**12)


def test_a_parameter_beyond_the_integers():
    for value in ("1e999", "9" * 5000, float("inf"), float("nan"), 2.5):
        with pytest.raises(MxError):
            sym.sum(sym.Variable("x"), axis=value)


@pytest.mark.parametrize(
    "op",
    [
        "relu",
        "_plus_scalar",
        "Flatten",
        "sum",
        "softmax",
        "FullyConnected",
        "SoftmaxOutput",
        "dot",
        "MakeLoss",
    ],
)
def test_arrays_without_elements(op):
    """Unknown sizes give an error or an empty result, never garbage."""
    x = sym.Variable("data")
    attrs = {"FullyConnected": {"num_hidden": 3}}.get(op, {})
    symbol = sym.dot(x, sym.Variable("w")) if op == "dot" else getattr(sym, op)(x, **attrs)
    with pytest.raises(MxError, match="shape|determine"):
        symbol.simple_bind(data=(0, 4))
    assert mxr.nd.zeros((0, 3)).asnumpy().shape == (0, 3)


def test_single_precision_ends_at_2_to_the_24():
    a = mxr.nd.array([2**24, 2**24 + 1, 2**24 + 2])
    assert a.asnumpy().tolist() == [2**24, 2**24, 2**24 + 2]
    assert mxr.nd.array([2**24 + 1], np.int64).asnumpy().tolist() == [2**24 + 1]


# --------------------------------------------------------------------------------------- values that are none


def test_nan_is_passed_through():
    x = np.array([[1, np.nan, 2], [np.inf, -np.inf, 0]], np.float32)
    assert np.isnan(mxr.nd.relu(mxr.nd.array(x)).asnumpy()).tolist() == [
        [False, True, False],
        [False, False, False],
    ]
    assert np.isnan(mxr.nd.sum(mxr.nd.array(x)).asnumpy()).all()
    ex = sym.MakeLoss(sym.square(sym.Variable("x"))).simple_bind(x=(2, 3))
    ex.args["x"][:] = x
    ex.forward(is_train=True)
    ex.backward()
    np.testing.assert_array_equal(ex.output_list[0].asnumpy(), x * x)
    np.testing.assert_array_equal(ex.grads["x"].asnumpy(), 2 * x)


def test_wrong_classes_do_not_reach_other_memory():
    for label in (np.nan, np.inf, -1, 3, 1e30):
        ex = sym.SoftmaxOutput(sym.Variable("data"), name="s").simple_bind(data=(1, 3), s_label=(1,))
        ex.args["s_label"][:] = label
        ex.forward(is_train=True)
        ex.backward()
        assert ex.grads["data"].shape == (1, 3)
        out = mxr.nd.pick(mxr.nd.array([[1, 2, 3]]), mxr.nd.array([label])).asnumpy()
        assert out.shape == (1,) and out[0] in (1, 2, 3)
        assert mxr.nd.take(mxr.nd.array([1, 2, 3]), mxr.nd.array([label])).asnumpy()[0] in (1, 2, 3)


# ------------------------------------------------------------------------ faults (many more in `make stress`)


def test_killed_while_saving():
    faults.killed_while_saving(2)


def test_disk_full():
    faults.disk_full(10)


def test_working_directory_that_is_gone(tmp_path):
    """In a separate process, which it would otherwise disturb."""
    code = (
        "import os, mxr\nos.mkdir('x'); os.chdir('x'); os.rmdir('../x')\nfor act in (lambda: "
        "mxr.nd.save('y', {'a': mxr.nd.ones((2,))}), lambda: mxr.nd.load('y'), lambda: "
        "mxr.sym.load('y')):\n    try:\n        act()\n    except mxr.MxError as e:\n        print(e)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert done.stdout.splitlines() == [
        "cannot write y: the working directory does not exist any more",
        "cannot read y: No such file or directory",
        "cannot read symbol file y: No such file or directory",
    ], done


def test_folder_that_cannot_be_written(tmp_path):
    with pytest.raises(MxError, match="cannot write .*x.params"):
        mxr.nd.save(str(tmp_path / "missing" / "x.params"), {"a": mxr.nd.zeros((2,))})
    folder = tmp_path / "locked"
    folder.mkdir()
    mxr.nd.save(str(folder / "x.params"), {"a": mxr.nd.ones((2,))})
    folder.chmod(0o500)
    me = os.geteuid()
    try:
        if me == 0:  # root may write anywhere
            os.seteuid(65534)
        with pytest.raises(MxError, match="cannot write .*x.params"):
            mxr.nd.save(str(folder / "x.params"), {"a": mxr.nd.zeros((2,))})
    finally:
        os.seteuid(me)
        folder.chmod(0o700)
    assert mxr.nd.load(str(folder / "x.params"))["a"].asnumpy().tolist() == [1, 1]


def test_special_files_are_not_replaced(tmp_path):
    (tmp_path / "real.params").write_bytes(b"old")
    (tmp_path / "real.params").chmod(0o640)
    (tmp_path / "link.params").symlink_to("real.params")
    mxr.nd.save(str(tmp_path / "link.params"), {"a": mxr.nd.ones((2,))})
    assert (tmp_path / "link.params").is_symlink() and (
        tmp_path / "real.params"
    ).stat().st_mode & 0o777 == 0o640
    assert mxr.nd.load(str(tmp_path / "real.params"))["a"].asnumpy().tolist() == [1, 1]
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    sym.Variable("x").save(str(tmp_path / "pipe"))
    assert sym.load_json(os.read(reader, 10_000).decode()).list_arguments() == ["x"]
    os.close(reader)
    mxr.nd.save(str(tmp_path / ("n" * 255)), {"a": mxr.nd.ones((2,))})
    assert len(list(tmp_path.iterdir())) == 4


@pytest.mark.timeout(900)
def test_forked_children():
    faults.forked(3)


@pytest.mark.timeout(900)
def test_interrupts():
    faults.interrupts(2)


def test_shape_errors_are_sentences():
    with pytest.raises(ShapeError, match="fc.*num_hidden|num_hidden|shape"):
        sym.FullyConnected(sym.Variable("x"), num_hidden=2, name="fc").infer_shape(x=(2, 3), fc_weight=(5, 5))


@pytest.mark.parametrize(
    "make",
    [
        lambda x: x * 1e6 + 1e9,
        lambda x: sym._maximum_scalar(x, scalar=1e10),
        lambda x: sym._full(shape=(3,), value=1e6, dtype="float16"),
    ],
)
def test_constants_beyond_a_type_are_infinite_without_a_warning(make):
    symbol = make(sym.Variable("x"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        run = symbol.bind(
            {k: np.ones(3, np.float16) for k in symbol.list_arguments()},
            {k: np.ones(3, np.float16) for k in symbol.list_arguments()},
        )
        assert np.isinf(run.forward()[0].asnumpy()).all()
        if symbol.list_arguments():
            run.backward()


def test_a_shape_that_nothing_determines_is_an_error():
    with pytest.raises(
        mxr.ShapeError, match=r"bind: the shape of _zeros0 \(_zeros\).*give its parameter shape"
    ):
        sym._zeros(name="_zeros0").bind({})


@pytest.mark.parametrize(
    "lr", [1, np.float32(1), np.float64(1), np.array(1.0), [1], (np.int64(1),), np.array([1.0])]
)
def test_any_number_is_a_learning_rate(lr):
    ex = (sym.Variable("x") * 2).simple_bind("write", x=(2,))
    ex.forward_backward()
    optimizer.Updater(optimizer.rule("sgd", {})).train(lr, ex)
    np.testing.assert_array_equal(ex.args["x"].asnumpy(), [-2, -2])


@pytest.mark.parametrize("lr", ["fast", None, [1.0, 2.0], {}, [None]])
def test_a_learning_rate_must_be_a_number(lr):
    ex = (sym.Variable("x") * 2).simple_bind("write", x=(2,))
    ex.forward_backward()
    with pytest.raises(mxr.MxError, match="learning rate"):
        optimizer.Updater(optimizer.rule("sgd", {})).train(lr, ex)
