"""oneDNN beside the rest of the process: found or left out, its threads, forks, failures."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

import mxr
from mxr.runtime import costs, onednn

here = pytest.mark.skipif(onednn.library() is None, reason=f"oneDNN is {onednn.description()}")


def bound(filters: int = 32):
    """A convolution that oneDNN computes, bound, with the gradient of its output."""
    net = mxr.sym.Convolution(
        mxr.sym.Variable("data"), kernel=(3, 3), pad=(1, 1), num_filter=filters, name="c"
    )
    ex = net.simple_bind(data=(2, 16, 12, 12))
    rng = np.random.default_rng(5)
    for a in ex.args.values():
        a[:] = rng.standard_normal(a.shape)
    return ex


def results(ex) -> list[bytes]:
    ex.forward(True)
    ex.backward([np.ones(ex.output_list[0].shape, np.float32)])
    return [a.data.tobytes() for a in (*ex.output_list, *ex.grads.values())]


@pytest.fixture
def calls(monkeypatch):
    """The calls that oneDNN has got."""
    found, run = [], onednn.run
    monkeypatch.setattr(onednn, "run", lambda some: (found.extend(some), run(some)))
    return found


@here
def test_the_same_bits_every_time_and_by_the_number_of_workers(calls, monkeypatch):
    monkeypatch.setattr(costs, "WAKE_NS", 1)  # by all workers
    ex = bound()
    first = results(ex)
    assert calls
    assert results(ex) == first == results(bound())


@here
def test_the_callers_openmp_keeps_its_number_of_threads(calls):
    dll = onednn.library().dll
    before = dll.omp_get_max_threads()
    dll.omp_set_num_threads(3)
    try:
        results(bound())
        assert calls and dll.omp_get_max_threads() == 3
    finally:
        dll.omp_set_num_threads(before)


@here
@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_a_forked_process_computes_on(calls, monkeypatch):
    monkeypatch.setattr(costs, "WAKE_NS", 1)
    ex = bound()
    first = results(ex)
    child = os.fork()
    if not child:
        os._exit(0 if results(ex) == first and results(bound()) == first else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert calls and results(ex) == first


@here
def test_what_it_refuses_our_own_code_computes(calls, monkeypatch):
    def refuse(*_):
        raise onednn.Unavailable("not for this shape")

    expected = [np.frombuffer(a, np.float32) for a in results(bound())]
    assert calls
    calls.clear()
    monkeypatch.setattr(onednn.library(), "convolution", refuse)
    for ours, a in zip(results(bound()), expected, strict=True):
        np.testing.assert_allclose(np.frombuffer(ours, np.float32), a, rtol=1e-5, atol=1e-4)
    assert not calls


def test_a_variable_leaves_it_out_and_a_file_that_is_none_is_an_error(monkeypatch, tmp_path, calls):
    monkeypatch.setenv("MXR_ONEDNN", "0")
    results(bound())
    assert not calls and onednn.description() == "not used (MXR_ONEDNN=0)"
    monkeypatch.setenv("MXR_ONEDNN", str(tmp_path / "libdnnl.so.9"))
    with pytest.raises(ImportError, match="libdnnl.so.9"):
        onednn.library()


def test_importing_mxr_does_not_load_it():
    code = "import mxr, sys; sys.exit('dnnl' in open('/proc/self/maps').read())"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_show_config_names_it(capsys):
    mxr.show_config()
    assert f"oneDNN: {onednn.description()}" in capsys.readouterr().out
