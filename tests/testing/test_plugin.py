"""The plugin as a user's project has it: run by pytest in a process of its own, outside the checkout."""

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


def run(folder, *arguments, **variables) -> tuple[dict[str, str], str]:
    """How every test ended, by its name, and all that pytest said."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-rA", "-p", "no:cacheprovider", "--tb=short", *arguments],
        cwd=folder,
        env={**os.environ, **variables},
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


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["alone", "xdist"])
def test_everything(project, workers):
    ended, text = run(project, *workers)
    assert {k for k, how in ended.items() if how == "PASSED"} == PASS, text
    assert {k for k, how in ended.items() if how == "FAILED"} == FAIL, text
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
        "there is no golden file .*--r-record",
    ):
        assert re.search(words, text), f"{words} is not in:\n{text}"


def test_recording(project):
    ended, text = run(project, "--r-record", "-k", "test_golden")
    assert ended == {"test_golden": "PASSED"}, text
    ended, text = run(project, "-k", "test_golden")
    assert ended == {"test_golden": "PASSED"}, text
    (project / "golden.jsonl").unlink()


def test_without_r(project, tmp_path):
    ended, text = run(project, PATH=str(tmp_path), R_HOME="")
    assert ended == {"test_golden": "FAILED"} and text.count("R cannot be used here: R was not found") >= 2, (
        text
    )
    ended, text = run(project, "--r-required", "-k", "threads or sums", PATH=str(tmp_path), R_HOME="")
    assert set(ended) == {"test_threads", "sums"} and "R is required (--r-required)" in text, text
    ended, text = run(project, "-k", "threads", f"--r-home={tmp_path / 'none'}")
    assert ended == {} and re.search("R cannot be used here: R's home folder .* does not exist", text), text


def test_a_library_by_option(project, tmp_path):
    (tmp_path / "library").mkdir()
    (project / "test_library.py").write_text(
        "def test_library(r, rscript):\n"
        "    assert r.run('.libPaths()[[1]]') == rscript('cat(.libPaths()[[1]])').stdout\n"
        "    assert r.run('basename(.libPaths()[[1]])') == 'library'\n"
    )
    ended, text = run(project, f"--r-library={tmp_path / 'library'}", "test_library.py")
    assert ended == {"test_library": "PASSED"}, text


def test_unused_it_loads_nothing(tmp_path):
    """Its cost where it is not used (`make bench` does not measure it: docs/testing.md says how)."""
    (tmp_path / "test_nothing.py").write_text(
        "import sys\ndef test_nothing():\n    assert 'pytest_mxr' in sys.modules\n"
        "    assert not {m for m in sys.modules if m.split('.')[0] in ('mxr', 'numpy', 'rpy2')}\n"
    )
    ended, text = run(tmp_path, "-p", "no:hypothesispytest")
    assert ended == {"test_nothing": "PASSED"}, text
