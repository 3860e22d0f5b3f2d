"""A Python program that starts R by rpy2: objects passed between it and R's package mxnet, by rpy2's own
functions and by mxr.r.session."""

from __future__ import annotations

import gc
import importlib
import os
import signal
import subprocess
import sys
import threading
import types

import numpy as np
import pytest

import mxr
from mxr.testing import assert_same_array

PREPARE = """
mx.set.seed(1)
x <- matrix(seq(-1, 1, length.out = 80), 2)
y <- x[1, ] - 2 * x[2, ]
net <- mx.symbol.LinearRegressionOutput(mx.symbol.FullyConnected(mx.symbol.Variable("data"), num_hidden = 1),
  mx.symbol.Variable("label"))
train <- function(...) mx.model.FeedForward.create(net, X = x, y = y, num.round = 2, array.batch.size = 20,
  array.layout = "colmajor",
  verbose = FALSE, ...)
"""


@pytest.fixture
def ro(r):
    """rpy2.robjects, with R started."""
    import rpy2.robjects

    return rpy2.robjects


@pytest.fixture
def mx(ro):
    from rpy2.robjects.packages import importr

    return importr("mxnet")


def says(call, *words):
    from mxr.r import RError

    with pytest.raises(RError) as failed:
        call()
    assert all(w in str(failed.value) for w in words), failed.value
    return failed.value


def test_names_and_values_by_rpy2(ro, mx):
    from rpy2.robjects import default_converter, numpy2ri
    from rpy2.robjects.conversion import localconverter

    from mxr.r import python

    x = mx.mx_symbol_Variable("x")
    for named in (
        {"grad_scale": 2, "valid_thresh": 0.5},
        {"grad.scale": np.float64(2).item(), "valid.thresh": 0.5},
    ):
        assert python(mx.mx_symbol_MakeLoss(mx.mx_symbol_square(x), name="l", **named)).attrs == {
            "grad_scale": "2",
            "valid_thresh": "0.5",
        }
    says(lambda: mx.mx_symbol_MakeLoss(x, grad_scal=2), 'did you mean "grad_scale"')
    back = ro.r("function(v) as.array(mx.nd.array(v))")
    with localconverter(default_converter + numpy2ri.converter):
        for a in (
            np.arange(6.0).reshape(2, 3),
            np.asfortranarray(np.arange(6.0).reshape(2, 3)),
            np.arange(24.0).reshape(4, 6)[::2, ::2],
            np.arange(6, dtype="f4").reshape(1, 2, 3),
            np.arange(6).reshape(2, 3),
            np.ones((2, 3), bool),
            np.zeros((0, 3)),
            np.array([np.nan, np.inf, -np.inf]),
        ):
            np.testing.assert_array_equal(back(a), a)
        says(lambda: back(np.array([1j])), "not an array of complex")
        assert tuple(ro.r("dim")(mxr.nd.ones((2, 3)))) == (3, 2)


def test_mxrs_objects_go_both_ways(ro, mx):
    from mxr.r import python, to_r

    x = mxr.sym.Variable("x")
    assert list(ro.r("arguments")(mxr.sym.square(x))) == ["x"]
    ex = python(mx.mx_simple_bind(mxr.sym.square(x), x=3))
    assert isinstance(ex, mxr.Executor)
    ex.args["x"][:] = [1, 2, 3]
    assert list(
        ro.r("function(ex) { mx.exec.forward(ex, is.train = FALSE); as.array(ex$ref.outputs[[1]]) }")(ex)
    ) == [1, 4, 9]
    assert ex.outputs[0].asnumpy().tolist() == [1, 4, 9]
    array = mxr.nd.array([1, 2])
    assert python(to_r(array)) is array
    for wrong in (3, ro.FloatVector([1]), None):
        with pytest.raises(mxr.MxError, match="another object that R got from mxnet"):
            python(wrong)


def test_functions_of_python_in_r(r, ro, mx):
    seen = []

    def metric(label, pred):
        seen.append(np.shape(label))
        return float(np.mean((np.asarray(label) - np.asarray(pred)) ** 2))

    def callback(iteration, nbatch, env, verbose=True):
        assert "model" in env.keys()  # noqa: SIM118  (an R environment)
        return iteration[0] < 1

    def initializer(name, shape, ctx, allow_unknown=True):
        return mxr.nd.full(tuple(int(n) for n in shape)[::-1], 0.5)

    r.run(PREPARE)
    train = ro.functions.Function(r["train"].function)
    train(
        **{
            "eval.metric": mx.mx_metric_custom("mse", metric),
            "epoch.end.callback": callback,
            "initializer": initializer,
        }
    )
    assert len(seen) > 0
    keep = ro.r("function(f) { force(f); function(...) f(...) }")(lambda v: v[0] + 1)
    gc.collect()
    assert keep(ro.FloatVector([1]))[0] == 2
    for value, kind in (
        (None, "NULL"),
        (True, "logical"),
        (3, "integer"),
        (0.5, "numeric"),
        ("a", "character"),
    ):
        assert ro.r("function(f) class(f())")(lambda value=value: value)[0] == kind


def test_errors_cross_every_border(r, ro, mx):
    def broken(*args, **named):
        raise ValueError("the Python function broke")

    def broken_in_r(*args, **named):
        return mx.mx_symbol_FullyConnected(mx.mx_symbol_Variable("x"))

    r.run(PREPARE)
    train = ro.functions.Function(r["train"].function)
    for f, words, cause in (
        (broken, "ValueError: the Python function broke", ValueError),
        (broken_in_r, "num_hidden is required", mxr.ParamError),
    ):
        for how in (
            {"eval.metric": mx.mx_metric_custom("m", f)},
            {"epoch.end.callback": f},
            {"initializer": f},
        ):
            error = says(lambda how=how: train(**how), words)
            assert isinstance(error, mxr.MxError) and isinstance(error.__cause__, cause)
    r["broken"] = broken
    assert r.run("tryCatch(broken(), error = function(e) c(class(e), conditionMessage(e)))") == [
        "mxnet_python_error",
        "mxnet_error",
        "error",
        "condition",
        "ValueError: the Python function broke",
    ]
    assert "in broken" in "".join(r.run("capture.output(mxr.last.error())"))

    def interrupted():
        raise KeyboardInterrupt

    r["interrupted"] = interrupted
    assert r.run("tryCatch(interrupted(), interrupt = function(e) 'interrupt')") == "interrupt"
    with pytest.raises(KeyboardInterrupt):
        r.run("interrupted()")
    assert r.run("sum(as.array(mx.nd.ones(3)))") == 3


@pytest.mark.parametrize(
    ("code", "kind", "condition", "call"),
    [
        (
            "mx.symbol.FullyConnected(mx.symbol.Variable('x'))",
            mxr.ParamError,
            "mxnet_parameter_error",
            'mx.symbol.FullyConnected(mx.symbol.Variable("x"))',
        ),
        (
            "mx.nd.array(matrix(1:6, 2)) + mx.nd.array(matrix(1:6, 3))",
            mxr.ShapeError,
            "mxnet_shape_error",
            "mx.nd.array(matrix(1:6, 2)) + mx.nd.array(matrix(1:6, 3))",
        ),
        ("mx.nd.load('none')", mxr.FileError, "mxnet_file_error", 'mx.nd.load("none")'),
        ("mx.nd.array('a')", TypeError, "mxnet_type_error", "mx.nd.array(\"a\")"),
        ("mx.symbol.load.json('{')", mxr.MxError, "mxnet_error", 'mx.symbol.load.json("{")'),
        ("f <- function() stop('plain'); f()", Exception, "simpleError", "f()"),
    ],
)
def test_kinds_of_errors(r, ro, code, kind, condition, call):
    """The same by mxr's session and by rpy2's own functions, for errors that mxr raised."""
    with pytest.raises(kind) as failed:
        r.run(code)
    assert (failed.value.conditions[0], failed.value.call) == (condition, call)
    assert isinstance(failed.value, mxr.MxError) == (kind is not Exception)
    assert r.run(f"tryCatch({{ {code} }}, error = function(e) class(e)[[1]])") == condition
    if kind is not Exception:
        error = says(lambda: ro.r(code), failed.value.message)
        assert type(error) is type(failed.value) and (error.call, error.conditions) == (
            failed.value.call,
            failed.value.conditions,
        )
        # errors of R's own checks have no Python exception as their cause
        assert error.__cause__ is None if kind is TypeError else isinstance(error.__cause__, mxr.MxError)


def test_shapes_in_the_order_of_the_caller(r):
    r.run("a <- mx.nd.array(matrix(1:6, 2)); b <- mx.nd.array(matrix(1:6, 3))")
    with pytest.raises(mxr.ShapeError, match=r"c\(2, 3\) and c\(3, 2\)"):
        r.run("a + b")
    with pytest.raises(mxr.ShapeError, match=r"\(3, 2\) and \(2, 3\)"):
        r["a"] + r["b"]
    assert "(2, 3)" in repr(mxr.sym.exp(mxr.sym.Variable("x")).simple_bind(x=(2, 3)))


def test_values_of_sessions(r):
    for value in (None, True, 3, 2.5, "text", ["a", "b"], {"a": 1.5, "b": ["x", "y"]}, [1.5, "x"]):
        r["v"] = value
        assert r["v"] == value
    for a in (
        np.arange(6.0).reshape(2, 3),
        np.arange(24.0).reshape(4, 6)[::2, ::2],
        np.asfortranarray(np.ones((2, 3, 4))),
        np.ones((2, 3), bool),
        np.array([np.nan, np.inf]),
        np.arange(6).reshape(3, 2),
    ):
        r["a"] = a
        assert_same_array(r["a"], a, rtol=0, atol=0)
        assert r["a"].dtype.kind == a.dtype.kind and np.atleast_1d(
            r.run("if (is.null(dim(a))) length(a) else dim(a)")
        ).tolist() == list(a.shape[::-1])
    assert (
        r.run("c(1L, NA)").tolist()[0] == 1
        and np.isnan(r.run("c(1L, NA)")[1])
        and r.run("data.frame(n = 1:2, s = c('a', 'b'))")["s"] == ["a", "b"]
    )
    assert r.run("function(x, by = 2) x * by")(3, by=4) == 12
    with pytest.raises(KeyError, match="no variable nothing"):
        r["nothing"]
    with pytest.raises(mxr.MxError, match="a set cannot be given to R"):
        r["v"] = {1}
    with r.capture() as said:
        r.run("print(1); message('m'); warning('w')")
    assert (said.output, said.messages, said.warnings) == ("[1] 1\n", ["m"], ["w"])


def test_endless_recursion_is_an_error(r):
    for code in (
        "f <- function(n) f(n + 1); f(1)",
        "f <- function(x) tryCatch(f(x + 1), warning = identity); f(1)",
    ):
        with pytest.raises(Exception, match="infinite recursion|C stack"):
            r.run(code)
    assert r.run("1 + 1") == 2


@pytest.mark.parametrize("code", ["Sys.sleep(20)", "x <- mx.nd.ones(c(50, 50)); repeat x <- x * 1"])
def test_ctrl_c_while_r_works(r, code):
    # a shell's background process ignores it
    former = signal.signal(signal.SIGINT, signal.default_int_handler)
    timer = threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            r.run(code)
    finally:
        timer.cancel()
        signal.signal(signal.SIGINT, former)
    assert r.run("sum(as.array(mx.nd.ones(3)))") == 3


def test_ctrl_c_as_rpy2_is_called_is_left_to_r(ro):
    """What is raised in rpy2's own wrapper of a function that R calls is printed and forgotten."""
    from rpy2.rinterface_lib import ffi_proxy

    from mxr.r.bridge import interrupts

    inside = types.FunctionType((lambda frame: frame()).__code__, vars(ffi_proxy))
    assert interrupts._in_turn_of_r(inside(sys._getframe))
    assert not interrupts._in_turn_of_r(sys._getframe())


@pytest.mark.parametrize("name", ["convert", "handles", "missing", "protection", "saved", "texts"])
def test_no_conversion_is_broken_off(ro, name):
    """A Ctrl-C between two lines that count the entries of R's protection stack would leave the count
    wrong."""
    from mxr.r.bridge import interrupts

    module = importlib.import_module(f"mxr.r.bridge.{name}")
    inside = types.FunctionType((lambda frame: frame()).__code__, vars(module))
    assert interrupts._unbroken(inside(sys._getframe))
    assert not interrupts._unbroken(sys._getframe())


def test_from_another_thread(r, ro):
    from rpy2.robjects import default_converter
    from rpy2.robjects.conversion import localconverter

    results = []

    def work():
        with localconverter(default_converter):
            says(lambda: ro.r("mx.symbol.FullyConnected(mx.symbol.Variable('x'))"), "num_hidden is required")
            results.append(ro.r("sum(as.array(mx.nd.ones(3)))")[0])
        r.run(PREPARE + "train()")

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert results == [3] and "train" in r


def test_in_ipython(r):
    shell_class = pytest.importorskip("IPython.core.interactiveshell").InteractiveShell
    shell = shell_class.instance()

    def cell(code):
        shell.run_cell(code).raise_error()

    shell.user_ns["x"] = np.array([1.0, 2.0, 3.0])
    cell("%load_ext rpy2.ipython")
    cell("%%R -i x -o y\ny <- as.array(mx.nd.square(mx.nd.array(x)))")
    assert shell.user_ns["y"].tolist() == [1, 4, 9]
    shell.user_ns["array"] = mxr.nd.ones((2, 3))
    cell("%R -i array -o d d <- dim(array)")
    assert list(shell.user_ns["d"]) == [3, 2]


def test_start_finds_the_checkouts_library():
    code = (
        "from mxr.r import host; host.start()\nimport rpy2.robjects as "
        "ro\nro.r('library(mxnet)')\nprint(ro.r('sum(as.array(mx.nd.ones(3)))')[0])"
    )
    variables = {k: v for k, v in os.environ.items() if k != "R_LIBS"} | {"LC_ALL": "C.UTF-8"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=variables, stdin=subprocess.DEVNULL, capture_output=True, text=True
    )
    assert (done.returncode, done.stdout) == (0, "3.0\n"), done.stderr
