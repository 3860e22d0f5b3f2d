"""The pytest plugin of mxr. Where mxr is installed, pytest loads it in every run, so modules of mxr are
imported only when a test uses them. See docs/testing.md."""

from __future__ import annotations

import fnmatch
import os

import pytest

MARK = (
    'r("R code", source="file.R", package="name"): a test that needs R (skipped without R); '
    'the fixture `r` runs the code and the file'
)


def pytest_addoption(parser):
    group = parser.getgroup("mxr", "R and Python in one test (mxr)")
    group.addoption("--r-home", metavar="DIR", help="the R to use: its home folder, as `R RHOME` prints it")
    group.addoption(
        "--r-library",
        metavar="DIR",
        action="append",
        help="a library of R packages, searched before R's own (repeatable)",
    )
    group.addoption(
        "--r-required",
        action="store_true",
        help="if there is no R, tests that need it fail instead of being skipped",
    )
    group.addoption(
        "--r-record", action="store_true", help="write golden files instead of comparing with them"
    )
    parser.addini(
        "r_files", "testthat files to collect, as patterns of file names: test-*.R", type="args", default=[]
    )


def pytest_configure(config):
    config.addinivalue_line("markers", MARK)
    if config.getoption("r_home"):
        os.environ["R_HOME"] = os.path.abspath(config.getoption("r_home"))
    if config.getoption("r_library"):
        # in the environment, so that asserts with R code find them without the fixture `r`
        folders = [os.path.abspath(folder) for folder in config.getoption("r_library")]
        before = os.environ.get("R_LIBS", "").split(os.pathsep)
        os.environ["R_LIBS"] = os.pathsep.join([*folders, *(x for x in before if x and x not in folders)])


def pytest_collect_file(file_path, parent):
    if file_path.suffix.lower() != ".r":
        return None
    patterns = parent.config.getini("r_files")
    if any(fnmatch.fnmatch(file_path.name, p) for p in patterns) or parent.session.isinitpath(file_path):
        from mxr.testing.testthat import TestthatFile

        return TestthatFile.from_parent(parent, path=file_path)
    return None


def pytest_runtest_setup(item):
    if item.get_closest_marker("r"):
        from mxr.testing.plugin import skip_without_r

        skip_without_r(item.config)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_makereport(item, call):
    if call.excinfo is not None and call.excinfo.typename == "RUnavailable":
        # an assert with R code, in a test without the fixture `r`, and there is no R
        from mxr.testing.plugin import no_r

        why = str(call.excinfo.value)
        call.excinfo = pytest.CallInfo.from_call(lambda: no_r(item.config, why), call.when).excinfo
    session = getattr(item, "funcargs", {}).get("r")
    if call.when == "call" and session is not None:
        from mxr.testing.plugin import report_r_output

        report_r_output(item, session)


@pytest.fixture
def r(request):
    """R inside this process, with an environment for this test: `r.run("code")`, `r["x"]`, `r["x"] = array`,
    `r.source(path)`, `with r.capture() as said:`."""
    from mxr.testing import plugin

    yield from plugin.r(request)


@pytest.fixture
def rscript(request):
    """`rscript("script.R")` or `rscript(code)`: runs Rscript in a process; the result has `.status`,
    `.stdout`, `.stderr`, `.check()`."""
    from mxr.testing import plugin

    return plugin.rscript(request)


@pytest.fixture
def golden(request):
    """`golden("file.jsonl", loss=array)`: compares numbers with those in the file, which `pytest --r-record`
    writes."""
    from mxr.testing import plugin

    return plugin.golden(request)
