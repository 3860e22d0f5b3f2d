"""Several threads at once: state of the process is counted or locked, state of a thread is separate."""

import os
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
import threadpoolctl

import mxr
from mxr.graph.compose import names
from mxr.operator import r_order, shape_text
from mxr.random import samplers, streams
from mxr.runtime import costs, threads


@pytest.fixture
def impatient():
    """Threads take turns after every few instructions."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def together(*tasks):
    """Run each task in its own thread; raise the exception of the first that failed."""
    errors, start = [], threading.Barrier(len(tasks))

    def thread(task):
        start.wait()
        try:
            task()
        except BaseException as e:
            errors.append(e)

    running = [threading.Thread(target=thread, args=(t,), daemon=True) for t in tasks]
    for t in running:
        t.start()
    for t in running:
        t.join(60)
        assert not t.is_alive(), "a thread hangs"
    if errors:
        raise errors[0]


def network(n: int):
    """A custom loss of a small network; its numbers are whole, so that sums do not depend on their order."""
    data = mxr.sym.Variable("data")
    net = mxr.sym.FullyConnected(data, num_hidden=n, name="fc")
    for _ in range(3):
        net = mxr.sym._maximum_scalar(net, scalar=0) * n - net
    return mxr.sym.MakeLoss(mxr.sym.mean(mxr.sym.square(net - n)))


def trained(n: int):
    """Loss and gradient after one step."""
    run = network(n).simple_bind("write", data=(n, n))
    for i, (_, a) in enumerate(sorted(run.args.items())):
        a[:] = (np.arange(a.size).reshape(a.shape) + i) % 3 - 1
    loss = run.forward_backward()[0].asnumpy()
    run.backward()
    return loss, run.grads["fc_weight"].asnumpy()


def test_threads_bind_and_train_at_once(impatient):
    sizes = (3, 4, 5, 6)
    alone = {n: trained(n) for n in sizes}

    def several(n):
        for _ in range(12):
            for mine, right in zip(trained(n), alone[n]):
                np.testing.assert_array_equal(mine, right)

    together(*[lambda n=n: several(n) for n in sizes])


def test_threads_predict_at_once(impatient, monkeypatch):
    """Each for one image, on all processors: one at a time has them."""
    monkeypatch.setattr(costs, "TEAM_NS", 1)
    net = mxr.sym.Variable("data")
    for i in range(2):
        net = mxr.sym.Convolution(net, kernel=(3, 3), pad=(1, 1), num_filter=16, name=f"c{i}")

    def predicted(n, times=8):
        run = net.simple_bind(dict.fromkeys(net.list_arguments(), "null"), data=(1, 16, n, n))
        for _, a in sorted(run.args.items()):
            a[:] = np.arange(a.size).reshape(a.shape) % 7 - 3
        return [run.forward()[0].asnumpy() for _ in range(times)]

    alone = {n: predicted(n, 1)[0] for n in (8, 9, 10)}

    def several(n):
        for found in predicted(n):
            np.testing.assert_array_equal(found, alone[n])

    together(*[lambda n=n: several(n) for n in alone])


def test_a_tape_is_its_threads_own():
    from mxr.compiler import value

    seen, inside, looked = [], threading.Event(), threading.Event()

    def recording():
        with value.tape():
            inside.set()
            looked.wait(10)

    def beside():
        inside.wait(10)
        seen.append(value.leaf("x", (2,)) is value.leaf("x", (2,)))  # merged only on a tape
        looked.set()

    together(recording, beside)
    assert seen == [False]


def blas_threads() -> set[int]:
    return {
        lib.num_threads
        for lib in threadpoolctl.ThreadpoolController().lib_controllers
        if lib.user_api == "blas"
    }


def test_single_blas_lasts_until_its_last_user_ends():
    """In a process of its own: the number of BLAS threads is the process's, and other tests set it too."""
    code = f"from {__name__} import one_user_leaves_early; one_user_leaves_early()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


def one_user_leaves_early():
    libraries = threads._started().blas
    before = [b.get_num_threads() for b in libraries]
    for b in libraries:
        threads._set_threads(b, 2)
    try:
        first, left, both = threading.Event(), threading.Event(), []

        def leaves_early():
            with threads.single_blas():
                first.set()
                time.sleep(0.05)
            left.set()

        def stays():
            first.wait(10)
            with threads.single_blas():
                left.wait(10)
                both.append(blas_threads())

        together(leaves_early, stays)
        assert both == [{1}] and blas_threads() == {2}
    finally:
        for b, n in zip(libraries, before):
            threads._set_threads(b, n)


def test_no_two_symbols_get_one_name(impatient):
    found = []
    together(*[lambda: found.extend([names.next("threads") for _ in range(2000)])] * 4)
    assert len(set(found)) == 8000


def test_the_reader_of_messages_is_the_threads_own():
    seen = []
    before = r_order.set(True)
    try:
        together(lambda: seen.append(shape_text((2, 3))))
        assert shape_text((2, 3)) == "c(3, 2)" and seen == ["(2, 3)"]
    finally:
        r_order.reset(before)
    assert shape_text((2, 3)) == "(2, 3)"


def test_a_table_that_another_thread_shortens(monkeypatch):
    """The table of factorials is replaced between a thread's reads of its length and of its values."""
    real = samplers._log_gamma

    def overtaken(x):
        monkeypatch.setattr(samplers, "_log_gamma", real)
        samplers._log_factorial(np.array([3.0]))
        return real(x)

    monkeypatch.setattr(samplers, "_log_factorials", np.empty(0, np.float32))
    monkeypatch.setattr(samplers, "_log_gamma", overtaken)
    assert samplers._log_factorial(np.array([50.0])) == pytest.approx(148.47777, rel=1e-5)

    class Late(np.ndarray):
        """The long table, whose length is read just before it is replaced by a short one."""

        def __len__(self):
            samplers._log_factorials = np.zeros(1, np.float32)
            return self.size

    samplers._log_factorials = real(np.arange(1, 200)).view(Late)
    assert samplers._log_factorial(np.array([50.0])) == pytest.approx(148.47777, rel=1e-5)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_a_fork_while_another_thread_draws_and_computes():
    """The child of a fork draws and multiplies, although a thread that does not exist in it held every
    lock."""
    held, end = threading.Event(), threading.Event()

    def holder():
        with streams.lock, threads.single_blas(), threads._turn:
            held.set()
            end.wait(30)

    thread = threading.Thread(target=holder, daemon=True)
    thread.start()
    held.wait(10)
    child = os.fork()
    if not child:
        signal.alarm(20)  # a child that waits forever is ended
        good = mxr.random.uniform((3,)).shape == (3,)
        threads.run([lambda: None] * 4)
        trained(3)
        os._exit(0 if good else 1)
    try:
        assert os.waitpid(child, 0)[1] == 0
    finally:
        end.set()
        thread.join(10)
