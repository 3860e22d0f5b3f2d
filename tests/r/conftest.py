"""What the tests of this folder share: the two hosts, and checks in R code that run in one process."""

from __future__ import annotations

import pytest

from tests.r.hosts import HOSTS, Host, run_checks


def pytest_generate_tests(metafunc):
    if "check" in metafunc.fixturenames:  # one test for each of the module's CHECKS
        metafunc.parametrize("check", metafunc.module.CHECKS, indirect=True)


@pytest.fixture(params=HOSTS)
def host(request, tmp_path):
    """Each of the two: `host(code, cwd=..., VARIABLE=...)`, as mxr's fixture `rscript`."""
    return Host(request.param, tmp_path)


@pytest.fixture
def rscript(tmp_path):
    return Host("Rscript", tmp_path)


@pytest.fixture(scope="module", params=HOSTS)
def said(request):
    """What each of the module's CHECKS said; those of a host run once, after its PRELUDE."""
    return run_checks(request.param, request.module.PRELUDE, request.module.CHECKS)


@pytest.fixture
def check(request, said):
    """ "ok", or what the check says is wrong."""
    return said[request.param]
