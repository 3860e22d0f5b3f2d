"""Fixtures of this folder: the two hosts, and checks in R code that run in one process."""

from __future__ import annotations

import pytest

from tests.r.hosts import HOSTS, Host, run_checks


def pytest_generate_tests(metafunc):
    module = metafunc.module
    if "check" in metafunc.fixturenames:  # one test for each of the module's CHECKS, under each of its HOSTS
        metafunc.parametrize("said", getattr(module, "HOSTS", HOSTS), indirect=True, scope="module")
        metafunc.parametrize("check", module.CHECKS, indirect=True)


@pytest.fixture(params=HOSTS)
def host(request, tmp_path):
    """Each of the two hosts: `host(code, cwd=..., VARIABLE=...)`, like mxr's fixture `rscript`."""
    return Host(request.param, tmp_path)


@pytest.fixture
def rscript(tmp_path):
    return Host("Rscript", tmp_path)


@pytest.fixture(scope="module")
def said(request):
    """The result of each of the module's CHECKS under a host. They run once, after the module's PRELUDE."""
    return run_checks(request.param, request.module.PRELUDE, request.module.CHECKS)


@pytest.fixture
def check(request, said):
    """ "ok", or the check's error."""
    return said[request.param]
