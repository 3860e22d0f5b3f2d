"""R with unusual settings, and values that are not numbers as arguments that must be numbers."""

import os
import subprocess

import pytest

from .hosts import HOSTS, command, environment, run_code

MISTAKES = {
    'mx.nd.zeros("a")': "mx.nd.zeros: shape must be dimensions (whole numbers), not character",
    "mx.nd.ones(factor(3))": "mx.nd.ones: shape must be dimensions (whole numbers), not factor",
    'mx.runif("a")': "mx.runif: shape must be dimensions (whole numbers), not character",
    "mx.rnorm(NULL)": "mx.rnorm: shape must be dimensions (whole numbers), not NULL",
    "mx.nd.array(matrix(1i))": "src.array must be numbers (an array, matrix or vector), "
    "not an array of complex",
    "mx.symbol.Variable(NA_character_)": "name must be one text",
    "mx.symbol.MakeLoss(x, grad.scale = NA)": "mx.symbol.MakeLoss: grad_scale is NA",
    "mx.symbol.MakeLoss(x, grad.scale = NA_real_)": "mx.symbol.MakeLoss: grad_scale is NA",
    "mx.symbol.FullyConnected(x, num_hidden = NA_integer_)": "num_hidden is NA",
    'mx.init.uniform("a")': "mx.init.uniform: scale must be one number, not character",
    "mx.init.normal(c(1, 2))": "mx.init.normal: sd must be one number, not numeric of length 2",
    "mx.init.Xavier(magnitude = NA)": "mx.init.Xavier: magnitude must be one number, not NA",
    'mx.lr_scheduler.FactorScheduler("a", 1)': "step must be numbers of updates, not character",
    'mx.lr_scheduler.MultiFactorScheduler(1:2, "b")': "factor_val must be one number, not character",
    'mx.metric.custom("m", 3)': "feval must be a function of (label, pred), not numeric",
    "mx.io.arrayiter(matrix(1, 2, 4), 1:4, batch.size = NA)": "mx.io.arrayiter: batch.size must be "
    "one number, not NA",
    'train(num.round = "ten")': "num.round must be one number",
    "train(num.round = NA)": "num.round must be one number",
    'train(array.batch.size = "a")': "array.batch.size must be one number",
}


def test_values_that_are_not_numbers_are_errors_without_warnings():
    calls = ", ".join(MISTAKES)
    done = run_code(
        "Rscript",
        f"""
        options(warn = 2)
        library(mxnet)
        x <- mx.symbol.Variable("x")
        train <- function(...)
          mx.model.FeedForward.create(mx.symbol.LinearRegressionOutput(mx.symbol.Variable("data")),
            X = matrix(1, 2, 4), y = matrix(1, 2, 4),
            array.layout = "colmajor", verbose = FALSE, ...)
        for (call in expression({calls}))
          cat(tryCatch({{ eval(call); "no error" }}, error = conditionMessage), "\\n")
        cat("NaN: ", mx.symbol.MakeLoss(x, grad.scale = NaN, name = "l")$attributes$grad_scale, "\\n",
          sep = "")
    """,
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    for line, (call, says) in zip(lines, MISTAKES.items()):
        assert says in line, (call, line)
    assert len(lines) == len(MISTAKES) + 1 and lines[-1].lower() == "nan: nan"


@pytest.mark.parametrize("host", HOSTS)
def test_a_deleted_working_directory(host, tmp_path):
    gone = tmp_path / "gone"
    gone.mkdir()
    code = "library(mxnet); a <- try(mx.nd.ones(2)); setwd('/'); cat(as.array(mx.nd.ones(2)), '\\n')"
    done = subprocess.run(
        ["bash", "-c", 'rmdir "$PWD"; exec "$@"', "-", *command(host), "-e", code],
        cwd=gone,
        env=environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert (done.returncode, done.stdout) == (0, "1 1 \n"), done
    assert ("the working directory does not exist any more" in done.stderr) == (host == "Rscript")


@pytest.mark.parametrize("host", HOSTS)
def test_detached_and_attached_again(host):
    done = run_code(
        host,
        """
        library(mxnet)
        a <- mx.nd.array(1:3)
        for (round in 1:2) {
          detach("package:mxnet", unload = TRUE)
          gc(FALSE)
          library(mxnet)
          stopifnot(as.array(a + 1) == 2:4, inherits(try(mx.nd.zeros("a"), silent = TRUE), "try-error"))
        }
        rm(a)
        invisible(gc(FALSE))
        cat(mxnet:::call_python("bridge.live"), "\\n")
    """,
    )
    assert done.returncode == 0, done.stderr


def test_environments_that_lack_things(tmp_path):
    """No HOME, TMPDIR or R_LIBS_USER, and a folder with spaces and letters beyond ASCII."""
    folder = tmp_path / "with a space and é"
    folder.mkdir()
    kept = {k: v for k, v in environment().items() if k in ("PATH", "R_LIBS", "MXR_PYTHON", "LC_ALL")}
    code = (
        "library(mxnet); mx.nd.save(list(w = mx.nd.ones(2)), 'é.nd'); cat(as.array(mx.nd.load('é.nd')$w), "
        "file.exists('é.nd'), '\\n')"
    )
    for variables in (kept, {**kept, "HOME": "/nowhere", "TMPDIR": "/nowhere", "R_LIBS_USER": ""}):
        for host in HOSTS:
            done = subprocess.run(
                [*command(host), "-e", code],
                cwd=folder,
                env=variables,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=900,
            )
            assert (done.returncode, done.stdout) == (0, "1 1 TRUE \n"), done
    assert os.listdir(folder) == ["é.nd"]


def test_declared_types_do_not_change_the_arrays_that_r_binds():
    """As MXNet's R package, binds arrays of single precision, even if a symbol from Python declares other
    types."""
    done = run_code(
        "Rscript",
        """
        library(mxnet)
        json <- '{"nodes": [{"op": "null", "name": "x", "attrs": {"__dtype__": "1"}, "inputs": []},
          {"op": "null", "name": "w", "inputs": []},
          {"op": "FullyConnected", "name": "f", "attrs": {"num_hidden": "1", "no_bias": "True"},
            "inputs": [[0, 0, 0], [1, 0, 0]]}],
          "arg_nodes": [0, 1], "heads": [[2, 0, 0]]}'
        ex <- mx.simple.bind(mx.symbol.load.json(json), x = c(2, 3))
        mx.exec.update.arg.arrays(ex, list(x = mx.nd.array(matrix(1 / 3, 2, 3)), w = mx.nd.ones(c(2, 1))),
          match.name = TRUE)
        mx.exec.forward(ex, is.train = FALSE)
        stopifnot(all(as.array(ex$ref.outputs[[1]]) != 2 / 3))
    """,
    )
    assert done.returncode == 0, done.stderr
