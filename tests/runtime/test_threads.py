"""The shared pool: every task once, nested runs, errors, blocks that cover the range, the same bits with any
timing."""

import os
import threading
import warnings

import numpy as np
import pytest
import scipy.linalg.blas  # noqa: F401  (SciPy's library may be there already, of other tests: then the pool must know it too)
import threadpoolctl

import mxr
from mxr.ops.kernels import steps
from mxr.runtime import threads


def test_every_task_runs_once():
    done = []
    threads.run([lambda i=i: done.append(i) for i in range(50)])
    assert sorted(done) == list(range(50))
    threads.run([])


def test_a_task_may_run_tasks():
    done = []
    threads.run(
        [lambda i=i: threads.run([lambda j=j: done.append((i, j)) for j in range(3)]) for i in range(4)]
    )
    assert sorted(done) == [(i, j) for i in range(4) for j in range(3)]


@pytest.fixture
def one_helper(monkeypatch):
    """A pool of two threads, however many CPUs there are."""
    pool = threads._Pool(2)
    monkeypatch.setattr(threads, "_pool", pool)
    return pool.helpers[0]


def test_a_worker_that_helps_is_not_waited_for(one_helper):
    begun, go_on, ended = threading.Event(), threading.Event(), threading.Event()

    def help():
        begun.set()
        assert go_on.wait(60)
        ended.set()

    threads.share(lambda: begun.wait(60), help)
    assert begun.is_set() and not ended.is_set()
    done = []
    threads.share(lambda: done.append(0), lambda: None)  # the helper is still busy
    threads.run([lambda: done.append(1), lambda: done.append(2)])
    assert done == [0, 1, 2] and not ended.is_set()
    go_on.set()
    assert ended.wait(60)


def test_the_error_of_the_leading_function_is_raised(one_helper):
    def fail():
        raise ValueError("leader")

    with pytest.raises(ValueError, match="leader"):
        threads.share(fail, lambda: None)
    done = []
    threads.run([lambda: threads.share(lambda: done.append(1), lambda: done.append(2))])
    assert done == [1]  # inside a task, nobody helps


@pytest.mark.skipif(threads._current_cpu() < 0 or threads.cpus() < 2, reason="no two CPUs to choose from")
def test_helpers_wake_on_other_cpus_than_the_callers(one_helper, monkeypatch):
    mine, used, spread = os.sched_getaffinity(0), [], one_helper.spread
    monkeypatch.setattr(one_helper, "spread", lambda cpus: (spread(cpus), used.append(cpus)))
    try:
        for cpu in sorted(mine)[:2]:
            os.sched_setaffinity(0, {cpu})  # the caller stays there
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(os, "sched_getaffinity", lambda thread: mine)
                woken = threading.Event()
                threads.share(lambda: woken.wait(60), woken.set, spread=True)
            assert used[-2:] == [mine - {cpu}, mine] and not one_helper.cpus
            assert os.sched_getaffinity(one_helper.id) == mine
    finally:
        os.sched_setaffinity(0, mine)


def test_the_first_error_is_raised_and_the_pool_goes_on():
    def fail(text):
        raise ValueError(text)

    with pytest.raises(ValueError, match="first"):
        threads.run([lambda: fail("first")])
    done = []
    threads.run([lambda: done.append(1)] * 4)
    assert done == [1] * 4


@pytest.mark.parametrize(
    "n, least, blocks", [(0, 1, None), (1, 1, 4), (10, 3, 4), (100, 1, 7), (5, 10, None)]
)
def test_blocks_cover_the_range(n, least, blocks):
    seen = []
    threads.map_blocks(lambda a, b: seen.append((a, b)), n, least, blocks)
    assert sorted(i for a, b in seen for i in range(a, b)) == list(range(n))


@pytest.mark.parametrize(
    "n, parts, ahead, step",
    [
        (0, 2, 0, 1),
        (1, 3, 5, 1),
        (100, 2, 0, 1),
        (128, 2, 12.8, 16),
        (784, 4, 78, 16),
        (31, 2, 0.6, 1),
        (100, 2, 900, 16),
    ],
)
def test_pieces_cover_the_range_and_the_first_is_longer(n, parts, ahead, step):
    pieces = threads.cuts(n, parts, ahead, step)
    assert [i for a, b in pieces for i in range(a, b)] == list(range(n)) and len(pieces) <= parts
    assert all(a % step == 0 for a, _ in pieces)
    lengths = [b - a for a, b in pieces]
    assert not lengths or (
        lengths[0] + step > max(lengths)
        and (len(pieces) < 2 or lengths[0] + step >= lengths[1] + min(ahead, n - step))
    )


@pytest.mark.parametrize(
    "a, b",
    [
        ((100, 784), (784, 128)),
        ((301, 500), (500, 77)),
        ((3, 120, 150), (3, 150, 170)),
        ((500, 300), (4, 300, 90)),
        ((4000, 1500), (1500, 1)),
    ],
)
def test_products_in_pieces_are_the_product(a, b, monkeypatch):
    rng = np.random.default_rng(3)
    a, b = (rng.standard_normal(shape, np.float32) for shape in (a, b))
    whole = np.matmul(a, b)
    for count in (1, 2, 3):
        monkeypatch.setattr(threads, "_count", count)
        for left, right in (
            (a, b),
            (a.swapaxes(-1, -2).copy().swapaxes(-1, -2), b.swapaxes(-1, -2).copy().swapaxes(-1, -2)),
        ):
            out = np.full(whole.shape, np.nan, np.float32)
            call = threads.product(left, right, out)
            assert (call.func is threads.run) == (count > 1)
            call()
            np.testing.assert_allclose(out, whole, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("rows", [1, 9, 40, 64, 65])
def test_few_rows_times_a_transposed_weight(rows):
    rng = np.random.default_rng(4)
    a, w, out = (
        rng.standard_normal((rows, 300), np.float32),
        rng.standard_normal((150, 300), np.float32),
        np.empty((rows, 150), np.float32),
    )
    threads.product(a, w.T, out)()
    np.testing.assert_allclose(out, a.astype(np.float64) @ w.T, rtol=1e-4, atol=1e-4)


def test_what_is_made_once():
    made = []
    once = threads.Once(lambda: made.append(threading.current_thread()))
    threads.run([once.wait, once])
    once.wait()
    assert len(made) == 1
    fails = threads.Once(lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        threads.run([fails.wait, fails])


def blas():
    return {
        lib["filepath"]: lib["num_threads"]
        for lib in threadpoolctl.threadpool_info()
        if lib["user_api"] == "blas"
    }


def test_blas_is_single_threaded_inside_and_as_before_outside():
    before, inside = blas(), []
    threads.run([lambda: inside.append(blas())])
    assert set(inside[0].values()) <= {1} and blas() == before


def test_blas_is_single_threaded_in_one_convolution(monkeypatch):
    before, inside = blas(), []
    monkeypatch.setattr(steps.Steps, "call", lambda steps: lambda: inside.append(blas()))
    mxr.nd.Convolution(
        mxr.nd.ones((1, 3, 8, 8)), mxr.nd.ones((4, 3, 3, 3)), kernel=(3, 3), num_filter=4, no_bias=True
    )
    assert set(inside[0].values()) <= {1} and blas() == before


def test_no_worker_warns_of_infinite_results():
    together = threading.Barrier(threads.workers())

    def task():
        together.wait(10)  # so that every worker gets one
        np.log(np.zeros(3, np.float32))

    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("error")
        threads.run([task] * threads.workers())


def test_convolutions_are_the_same_bits_every_time():
    data = mxr.sym.Variable("data")
    net = mxr.sym.Pooling(
        mxr.sym.Convolution(data, kernel=(3, 3), pad=(1, 1), num_filter=5, name="c"),
        kernel=(2, 2),
        stride=(2, 2),
    )
    results = []
    for _ in range(3):
        run = net.simple_bind({"data": "write", "c_weight": "write", "c_bias": "write"}, data=(13, 4, 12, 12))
        rng = np.random.default_rng(1)
        for a in run.args.values():
            a.data[...] = rng.standard_normal(a.shape)
        run.forward(True)
        run.backward([np.ones((13, 5, 6, 6), np.float32)])
        results.append(b"".join(a.data.tobytes() for a in (*run.outputs.values(), *run.grads.values())))
    assert len(set(results)) == 1


@pytest.mark.parametrize(
    "variables, want",
    [
        ({}, 8),
        ({"OMPI_COMM_WORLD_LOCAL_SIZE": "4"}, 2),
        ({"MPI_LOCALNRANKS": "16"}, 1),
        ({"OMPI_COMM_WORLD_LOCAL_SIZE": "4", "OMP_NUM_THREADS": "3"}, 3),
    ],
)
def test_processes_of_a_launcher_share_the_cpus(variables, want, monkeypatch):
    for name in (*threads._NEIGHBOURS, "OMP_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(threads, "cpus", lambda: 8)
    monkeypatch.setattr(threads.os, "cpu_count", lambda: 8)
    assert threads._wanted() == want


def test_cpus_that_the_launcher_has_divided(monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setenv("OMPI_COMM_WORLD_LOCAL_SIZE", "2")
    monkeypatch.setattr(threads, "cpus", lambda: 4)
    monkeypatch.setattr(threads.os, "cpu_count", lambda: 8)
    assert threads._wanted() == 4


class Clock:
    """Ways of work that take the time of `cost`; `shared` has parts, between which it looks at the clock."""

    def __init__(self, monkeypatch, shared, alone, *guess):
        self.now, self.calls, self.cost = 0, [0, 0], [shared, alone]
        monkeypatch.setattr(threads, "perf_counter_ns", lambda: self.now)
        self.either = threads.SharedOrAlone(self.shared, self.alone, *guess)

    def shared(self, deadline):
        self.calls[0] += 1
        cost = self.cost[0](self.calls[0]) if callable(self.cost[0]) else self.cost[0]
        for _ in range(10):
            if self.now > deadline:
                raise threads.TooSlow
            self.now += cost

    def alone(self):
        self.calls[1] += 1
        self.now += self.cost[1]

    def counted(self, n):
        self.calls[:] = 0, 0
        for _ in range(n):
            self.either()
            self.now += 1000  # other work between the calls
        return self.calls


def test_the_faster_way_is_used_and_a_slow_one_ends_at_once(monkeypatch):
    clock = Clock(monkeypatch, 6, 100)
    assert clock.counted(2) == [0, 2]
    assert clock.counted(1000)[1] < 5
    clock.cost[0] = 500  # another process has come
    assert clock.counted(10_000)[0] < 75 and clock.calls[1] >= 10_000
    clock.cost[0] = 6  # it has gone
    assert clock.counted(1000)[1] < 600
    assert clock.counted(1000)[1] < 5


def test_a_way_that_is_fast_only_now_and_then_is_not_used(monkeypatch):
    clock = Clock(monkeypatch, lambda call: 5 if call % 3 else 300, 100)
    begin = clock.now
    clock.counted(10_000)
    assert clock.now - begin < 10_000 * (1000 + 1.04 * 100)


def test_what_is_expensive_to_prepare_waits_for_a_slow_call(monkeypatch):
    monkeypatch.setattr(threads, "_count", 2)
    clock = Clock(monkeypatch, 6, 100, 200)
    assert clock.counted(1000) == [1000, 0]
    clock.cost[0] = 60  # another process has come
    assert clock.counted(2) == [1, 2]
    clock = Clock(monkeypatch, 60, 100, 200)  # it has been there from the beginning
    assert clock.counted(2) == [1, 2]


def test_a_call_that_fails_does_not_count():
    calls = []

    def alone():
        calls.append("alone")
        if len(calls) < 4:
            raise ValueError("no")

    either = threads.SharedOrAlone(lambda deadline: calls.append("shared"), alone)
    for _ in range(3):
        with pytest.raises(ValueError):
            either()
    for _ in range(3):
        either()
    assert calls == ["alone"] * 5 + ["shared"]
