"""A Python program that starts R by rpy2: what it and R's package mxnet give each other."""
import os
import subprocess
import sys
import textwrap

import pytest

BEGIN = """
    from mxr.r import host; host.start()
    import gc
    import numpy as np
    import rpy2.robjects as ro
    from rpy2.rinterface_lib.embedded import RRuntimeError
    from rpy2.robjects import default_converter, numpy2ri
    from rpy2.robjects.conversion import localconverter
    from rpy2.robjects.packages import importr
    import mxr
    from mxr.r import objects
    mx = importr("mxnet")

    def says(call, *words):
        try:
            call()
        except RRuntimeError as e:
            assert all(w in str(e) for w in words), e
        else:
            raise AssertionError("no error")

    ro.r('''
      mx.set.seed(1)
      x <- matrix(seq(-1, 1, length.out = 80), 2)
      y <- x[1, ] - 2 * x[2, ]
      net <- mx.symbol.LinearRegressionOutput(mx.symbol.FullyConnected(mx.symbol.Variable("data"), num_hidden = 1), mx.symbol.Variable("label"))
      train <- function(...) mx.model.FeedForward.create(net, X = x, y = y, num.round = 2, array.batch.size = 20, array.layout = "colmajor",
                                                         verbose = FALSE, ...)''')
    train = ro.globalenv["train"]
"""


def run(code: str) -> subprocess.CompletedProcess:
    """Without R_LIBS: `host.start` finds the checkout's own library."""
    variables = {k: v for k, v in os.environ.items() if k != "R_LIBS"} | {"LC_ALL": "C.UTF-8"}
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(BEGIN) + textwrap.dedent(code)], env=variables, stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stderr
    return done


def test_names_and_values_by_rpy2():
    run("""
        x = mx.mx_symbol_Variable("x")
        for named in ({"grad_scale": 2, "valid_thresh": 0.5}, {"grad.scale": np.float64(2).item(), "valid.thresh": 0.5}):
            loss = mx.mx_symbol_MakeLoss(mx.mx_symbol_square(x), name="l", **named)
            assert objects.python(loss).attrs == {"grad_scale": "2", "valid_thresh": "0.5"}
        says(lambda: mx.mx_symbol_MakeLoss(x, grad_scal=2), 'did you mean "grad_scale"')
        back = ro.r("function(v) as.array(mx.nd.array(v))")
        with localconverter(default_converter + numpy2ri.converter):
            for a in (np.arange(6.0).reshape(2, 3), np.asfortranarray(np.arange(6.0).reshape(2, 3)), np.arange(24.0).reshape(4, 6)[::2, ::2],
                      np.arange(6, dtype="f4").reshape(1, 2, 3), np.arange(6).reshape(2, 3), np.ones((2, 3), bool), np.zeros((0, 3)),
                      np.array([np.nan, np.inf, -np.inf])):
                np.testing.assert_array_equal(back(a), a)
            says(lambda: back(np.array([1j])), "not an array of complex")
            assert tuple(ro.r("dim")(mxr.nd.ones((2, 3)))) == (3, 2)
    """)


def test_mxrs_objects_go_both_ways():
    run("""
        x = mxr.sym.Variable("x")
        assert list(ro.r("arguments")(mxr.sym.square(x))) == ["x"]
        ex = objects.python(mx.mx_simple_bind(mxr.sym.square(x), x=3))
        assert isinstance(ex, mxr.Executor)
        ex.args["x"][:] = [1, 2, 3]
        assert list(ro.r("function(ex) { mx.exec.forward(ex, is.train = FALSE); as.array(ex$ref.outputs[[1]]) }")(ex)) == [1, 4, 9]
        assert ex.output_list[0].asnumpy().tolist() == [1, 4, 9]
        array = mxr.nd.array([1, 2])
        assert objects.python(objects.to_r(array)) is array
        for wrong in (3, ro.FloatVector([1]), None):
            try:
                objects.python(wrong)
            except mxr.MxError as e:
                assert "another object that R got from mxnet" in str(e)
            else:
                raise AssertionError(wrong)
    """)


def test_functions_of_python_in_r():
    run("""
        seen = []
        def metric(label, pred):
            seen.append(np.shape(label))
            return float(np.mean((np.asarray(label) - np.asarray(pred)) ** 2))
        def callback(iteration, nbatch, env, verbose=True):
            assert "model" in env.keys()
            return iteration[0] < 1
        def initializer(name, shape, ctx, allow_unknown=True):
            return mxr.nd.full(tuple(int(n) for n in shape)[::-1], 0.5)
        train(**{"eval.metric": mx.mx_metric_custom("mse", metric), "epoch.end.callback": callback, "initializer": initializer})
        assert len(seen) > 0
        keep = ro.r("function(f) { force(f); function(...) f(...) }")(lambda v: v[0] + 1)
        gc.collect()
        assert keep(ro.FloatVector([1]))[0] == 2
        for value in (None, True, 3, 0.5, "a"):
            assert ro.r("function(f, kind) class(f()) == kind")(lambda: value, {"NoneType": "NULL", "bool": "logical", "int": "integer",
                                                                   "float": "numeric", "str": "character"}[type(value).__name__])[0]
    """)


def test_errors_cross_every_border():
    done = run("""
        def broken(*args, **named):
            raise ValueError("the Python function broke")
        def broken_in_r(*args, **named):
            return mx.mx_symbol_FullyConnected(mx.mx_symbol_Variable("x"))
        for f, words in ((broken, "ValueError: the Python function broke"), (broken_in_r, "num_hidden is required")):
            for how in ({"eval.metric": mx.mx_metric_custom("m", f)}, {"epoch.end.callback": f}, {"initializer": f}):
                says(lambda: train(**how), words)
        ro.globalenv["broken"] = broken
        assert list(ro.r("tryCatch(broken(), error = function(e) c(class(e)[1:2], conditionMessage(e)))")) == [
            "mxnet_python_error", "mxnet_error", "ValueError: the Python function broke"]
        assert "in broken" in "".join(ro.r("capture.output(mxr.last.error())"))
        def interrupted():
            raise KeyboardInterrupt
        ro.globalenv["interrupted"] = interrupted
        assert ro.r("tryCatch(interrupted(), interrupt = function(e) 'interrupt')")[0] == "interrupt"
        assert ro.r("sum(as.array(mx.nd.ones(3)))")[0] == 3
    """)
    assert "defect" not in done.stderr


def test_from_another_thread():
    run("""
        import threading
        results = []
        def work():
            with localconverter(default_converter):
                train()
                says(lambda: ro.r("mx.symbol.FullyConnected(mx.symbol.Variable('x'))"), "num_hidden is required")
                results.append(ro.r("sum(as.array(mx.nd.ones(3)))")[0])
        thread = threading.Thread(target=work); thread.start(); thread.join()
        assert results == [3]
    """)


def test_in_ipython():
    pytest.importorskip("IPython")
    run("""
        from IPython.core.interactiveshell import InteractiveShell
        shell = InteractiveShell.instance()
        def cell(code):
            result = shell.run_cell(code)
            result.raise_error()
        shell.user_ns["x"] = np.array([1.0, 2.0, 3.0])
        cell("%load_ext rpy2.ipython")
        cell("%%R -i x -o y\\ny <- as.array(mx.nd.square(mx.nd.array(x)))")
        assert shell.user_ns["y"].tolist() == [1, 4, 9]
        shell.user_ns["array"] = mxr.nd.ones((2, 3))
        cell("%R -i array -o d d <- dim(array)")
        assert list(shell.user_ns["d"]) == [3, 2]
    """)
