"""The plugin in a user's project: run by pytest in a separate process, outside the checkout."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

FILES = {
    "test_it.py": '''
        import threading
        import numpy as np, pytest, mxr

        @pytest.mark.r("z <- 5", source="shared.R")
        def test_marker_runs_code(r):
            assert (r["z"], r["shared"]) == (5, "text")

        def test_environments_are_fresh(r):
            assert "z" not in r and "shared" not in r
            r.run("options(digits = 3); setwd(tempdir())")

        def test_options_are_restored(r):
            assert r.run("getOption('digits')") == 7 and r.run("getwd()") != r.run("tempdir()")

        def test_messages_are_shown(r):
            r.run("message('a message of R'); warning('a warning of R'); print('printed by R')")
            assert 0

        def test_errors_have_rs_traceback(r):
            r.run("f <- function(x) mx.nd.array(x) + mx.nd.array(1:4)")
            r["f"](np.ones(3))

        @pytest.mark.r(package="no.such.package")
        def test_package(r): pass

        def test_script(rscript):
            ran = rscript("script.R", "argument", COLOUR="blue")
            assert (ran.status, ran.stdout) == (3, "1 1 argument blue")
            with pytest.raises(AssertionError, match="status 3"): ran.check()

        def test_golden(golden):
            golden("golden.jsonl", x=np.ones(3))

        def test_threads(r):
            found = []
            def work(): found.append(r.run("sum(as.array(mx.nd.ones(3)))"))
            threads = [threading.Thread(target=work) for _ in range(4)]
            [t.start() for t in threads]; [t.join() for t in threads]
            assert found == [3] * 4
        ''',
    "library_.py": '''
        def test_library(r, rscript):
            assert r.run('.libPaths()[[1]]') == rscript('cat(.libPaths()[[1]])').stdout
            assert r.run('basename(.libPaths()[[1]])') == 'library'
        ''',
    "shared.R": 'shared <- "text"\n',
    "script.R": 'library(mxnet); cat(as.array(mx.nd.ones(2)), commandArgs(TRUE), Sys.getenv("COLOUR")); '
    'quit(status = 3)\n',
    "test-r.R": '''
        library(mxnet)
        test_that("sums", expect_equal(as.numeric(as.array(mx.nd.ones(2) + 3)), c(4, 4)))
        test_that('fails "here"', { expect_equal(1, 2); expect_true(FALSE) })
        test_that("raises", { mx.symbol.FullyConnected(mx.symbol.Variable("x")) })
        test_that("is skipped", { skip("later") })
        for (i in 1:2) test_that(paste("computed", i), expect_equal(i, 1L))
        ''',
}


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    import textwrap

    folder = tmp_path_factory.mktemp("project")
    for name, text in FILES.items():
        (folder / name).write_text(textwrap.dedent(text))
    (folder / "pytest.ini").write_text("[pytest]\nr_files = test-*.R\n")
    return folder


def run(folder, *arguments, alone=True, **variables) -> tuple[dict[str, str], str]:
    """The outcome of every test, by its name, and pytest's output. `alone`: without other plugins that are
    installed here, which take longer to load than these tests to run."""
    only = ("-p", "pytest_mxr") if alone else ()
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-rA", "-p", "no:cacheprovider", "--tb=short", *only, *arguments],
        cwd=folder,
        env={**os.environ, **({"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"} if alone else {}), **variables},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    text = done.stdout + done.stderr
    ended = {
        name: how
        for how, name in re.findall(r"^(PASSED|FAILED|ERROR) \S+?::(.*?)(?: - .*)?$", text, re.MULTILINE)
    }
    return ended, text


PASS = {
    "test_marker_runs_code",
    "test_environments_are_fresh",
    "test_options_are_restored",
    "test_script",
    "test_threads",
    "sums",
}
FAIL = {
    "test_messages_are_shown",
    "test_errors_have_rs_traceback",
    "test_golden",
    'fails "here"',
    "raises",
    "(others)",
}


def failures_are_explained(text: str) -> None:
    for words in (
        "a message of R",
        "a warning of R",
        "printed by R",
        "R traceback:\n.*\n.*Ops.MXNDArray",
        r"RShapeError: .*\+.*shapes 3 and 4",
        "line 4: FALSE is not TRUE",
        "num_hidden is required",
        "computed 2: ",
        "R has no package no.such.package",
        "line 6: .*later",
    ):
        assert re.search(words, text), f"{words} is not in:\n{text}"


def test_everything(project, tmp_path):
    """Alone, with a library by option, and after its golden file was recorded."""
    ended, text = run(project, "--r-record", "-k", "test_golden")
    assert ended == {"test_golden": "PASSED"}, text
    (tmp_path / "library").mkdir()
    ended, text = run(
        project, f"--r-library={tmp_path / 'library'}", "-o", "python_files=test_*.py library_.py"
    )
    (project / "golden.jsonl").unlink()
    assert {k for k, how in ended.items() if how == "PASSED"} == PASS | {"test_golden", "test_library"}, text
    assert {k for k, how in ended.items() if how == "FAILED"} == FAIL - {"test_golden"}, text
    failures_are_explained(text)


def test_everything_by_two_workers(project):
    ended, text = run(project, "-n", "2", alone=False)
    assert {k for k, how in ended.items() if how == "PASSED"} == PASS, text
    assert {k for k, how in ended.items() if how == "FAILED"} == FAIL, text
    failures_are_explained(text)
    assert re.search("there is no golden file .*--r-record", text), text


def test_without_r(project, tmp_path):
    ended, text = run(project, PATH=str(tmp_path), R_HOME="")
    assert ended == {"test_golden": "FAILED"}, text
    assert text.count("R cannot be used here: R was not found") >= 2, text
    ended, text = run(project, "--r-required", "-k", "threads or sums", f"--r-home={tmp_path / 'none'}")
    assert set(ended) == {"test_threads", "sums"}, text
    assert re.search(r"R is required \(--r-required\).*R's home folder .* does not exist", text), text


def test_an_assert_that_is_given_r_code_without_the_fixture(tmp_path):
    """It finds the library of the option, and is skipped if there is no R."""
    (tmp_path / "test_loss.py").write_text(
        "import mxr as mx\nfrom mxr.testing import assert_same_loss\ndef test_loss():\n"
        "    ours = mx.sym.MakeLoss(mx.sym.square(mx.sym.Variable('a')))\n"
        "    assert_same_loss('mx.symbol.MakeLoss(mx.symbol.Variable(\"a\")^2)', ours, {'a': [1.0, 2.0]})\n"
    )
    libraries = [f"--r-library={x}" for x in os.environ.get("R_LIBS", "").split(os.pathsep) if x]
    ended, text = run(tmp_path, *libraries, R_LIBS="")
    assert ended == {"test_loss": "PASSED"}, text
    ended, text = run(tmp_path, PATH=str(tmp_path), R_HOME="")
    assert ended == {} and "SKIPPED" in text and "R cannot be used here: R was not found" in text, text


def test_unused_it_loads_nothing(tmp_path):
    """The time that it takes when it is not used (`make bench` does not measure it; see docs/testing.md)."""
    (tmp_path / "test_nothing.py").write_text(
        "import sys\ndef test_nothing():\n    assert 'pytest_mxr' in sys.modules\n"
        "    assert not {m for m in sys.modules if m.split('.')[0] in ('mxr', 'numpy', 'rpy2')}\n"
    )
    ended, text = run(tmp_path, "-p", "no:hypothesispytest", alone=False)
    assert ended == {"test_nothing": "PASSED"}, text
