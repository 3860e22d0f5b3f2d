"""oneDNN beside the rest of the process: found or left out, its threads, forks, failures."""

from __future__ import annotations

import hashlib
import math
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

import mxr
from mxr.compiler import training
from mxr.runtime import costs, onednn, threads

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
    monkeypatch.setattr(
        onednn, "run", lambda some, *more, **when: (found.extend(some), run(some, *more, **when))
    )
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


def computing(monkeypatch, what: str):
    """A call that predicts or trains with one image on several of OpenMP's threads, and gives the bits'
    digest. Its threads have begun and ended once."""

    def way(self: threads.SharedOrAlone) -> None:
        self._alone() if what == "train, sleepy" else self._shared(math.inf)

    # several threads, which sleep, for what one thread would do as well
    monkeypatch.setattr(training, "on_one_thread", lambda library, samples, calls, *_: calls)
    monkeypatch.setattr(costs, "TEAM_NS", 1)
    monkeypatch.setattr(threads.SharedOrAlone, "__call__", way)
    net = mxr.sym.Variable("data")
    for i in range(3):
        net = mxr.sym.Convolution(net, kernel=(3, 3), pad=(1, 1), num_filter=32, name=f"c{i}")
    reqs = dict.fromkeys(net.list_arguments(), "null" if what == "predict" else "write")
    ex = net.simple_bind(reqs, data=(1, 16, 12, 12))
    rng = np.random.default_rng(5)
    for a in ex.args.values():
        a[:] = rng.standard_normal(a.shape)

    def compute() -> str:
        ex.forward() if what == "predict" else ex.forward_backward()
        found = [a for a in (*ex.output_list, *ex.grads.values()) if a is not None]
        return hashlib.sha256(b"".join(a.asnumpy().tobytes() for a in found)).hexdigest()

    compute()
    return compute


WAYS = "predict", "train", "train, sleepy"


@pytest.fixture
def teams(monkeypatch):
    """The numbers of threads of all calls."""
    found, run = [], onednn.run

    def seen(calls, *more, **when):
        found.extend(call.threads for call in calls)
        run(calls, *more, **when)

    monkeypatch.setattr(onednn, "run", seen)
    return found


shares = pytest.mark.skipif(
    onednn.library() is None or onednn.library().most_threads < 2,
    reason="several of OpenMP's threads are not used",
)


@shares
@pytest.mark.skipif(not os.path.isdir("/proc/self/task"), reason="threads cannot be counted here")
@pytest.mark.parametrize("what", WAYS)
def test_no_thread_of_openmps_stays(what, monkeypatch, teams):
    dll = onednn.library().dll
    before = dll.omp_get_max_threads()
    threads.run([lambda: None] * threads.workers())  # ours stay
    known = set(os.listdir("/proc/self/task"))
    compute = computing(monkeypatch, what)
    first = compute()
    known |= {str(thread.native_id) for thread in threading.enumerate() if thread.name == "mxr-openmp"}
    for _ in range(5):
        assert compute() == first
        end = time.monotonic() + 30  # they are told to end, and need a processor for it
        while not known.issuperset(os.listdir("/proc/self/task")):
            assert time.monotonic() < end
            time.sleep(0.001)
    assert max(teams) > 1 and dll.omp_get_max_threads() == before


@shares
def test_both_ways_to_wait_give_the_same_bits(monkeypatch, teams):
    results = []
    for what in ("train", "train, sleepy"):
        with monkeypatch.context() as m:
            results.append(computing(m, what)())
    assert max(teams) > 1 and results[0] == results[1]


@shares
@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
@pytest.mark.parametrize("what", WAYS)
def test_a_process_forked_after_several_threads_uses_them_too(what, monkeypatch, teams):
    compute = computing(monkeypatch, what)
    first = compute()
    assert max(teams) > 1
    child = os.fork()
    if not child:
        signal.alarm(60)  # a team whose threads are missing waits forever
        os._exit(0 if compute() == first and compute() == first else 1)
    assert os.waitpid(child, 0)[1] == 0
    queue = multiprocessing.get_context("fork").SimpleQueue()
    other = multiprocessing.get_context("fork").Process(target=lambda: queue.put(compute()))
    other.start()
    other.join(60)
    assert other.exitcode == 0 and queue.get() == first == compute()


class Work:
    """A call that is no primitive's."""

    def __init__(self, work, threads=1):
        self.work, self.threads = work, threads

    def __call__(self):
        self.work()


@here
def test_a_run_ends_at_its_deadline():
    made = []
    works = lambda: made.append(1), lambda: time.sleep(0.02), lambda: made.append(2)
    calls = [Work(work) for work in works]
    with pytest.raises(threads.TooSlow):
        onednn.run(calls, deadline=time.perf_counter_ns() + 10_000_000)
    onednn.run(calls)
    assert made == [1, 1, 2]


@shares
def test_each_call_gets_its_number_of_threads():
    library, found = onednn.library(), []
    before, most = library.threads, library.most_threads
    wanted = [1, most, most, 1, most]
    onednn.run([Work(lambda: found.append(library.threads), n) for n in wanted])
    assert found == wanted and library.threads == before


@here
def test_primitives_are_kept_by_their_number_of_threads():
    library, x, w = onednn.library(), (1, 16, 12, 12), (32, 16, 3, 3)
    given = "out", (x, w, (1, 32, 12, 12)), False, ((1, 1), (0, 0), (1, 1), (1, 1))
    with onednn.one_thread():
        one = library.convolution(*given)
        assert library.convolution(*given) is one
    with onednn.on_threads(library.most_threads):
        several = library.convolution(*given)
        assert library.convolution(*given) is several
    assert (several is one) == (library.most_threads == 1)


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


@pytest.mark.parametrize(
    "work",
    [
        "pass",
        "x = mxr.sym.relu(mxr.sym.FullyConnected(mxr.sym.Variable('data'), num_hidden=2)); "
        "(x + x).simple_bind(data=(1, 2)).forward_backward()",
    ],
)
def test_without_convolutions_it_is_not_loaded(work):
    code = f"import mxr, sys; {work}; sys.exit('dnnl' in open('/proc/self/maps').read())"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_show_config_names_it(capsys):
    mxr.show_config()
    assert f"oneDNN: {onednn.description()}" in capsys.readouterr().out
