"""Threads that call R: R's own thread runs all of their calls, also while it does other work."""

from __future__ import annotations

import ctypes
import os
import signal
import threading
import time

import pytest

import mxr.r

MAIN = threading.main_thread()


def in_main() -> bool:
    return threading.current_thread() is MAIN


def asked_from_elsewhere(work, meanwhile=lambda thread: thread.join()):
    """The result or exception of `work()` in another thread, while the main thread does something else."""
    found: list = []

    def ask():
        try:
            found.append(work())
        except BaseException as error:
            found.append(error)

    thread = threading.Thread(target=ask)
    thread.start()
    meanwhile(thread)
    thread.join(60)
    assert not thread.is_alive(), "the thread waits for ever"
    return found[0]


def loop(thread):
    while thread.is_alive():
        pass


MEANWHILE = {
    "join": lambda thread: thread.join(),
    "sleep": lambda thread: time.sleep(0.3),
    "loop": loop,
    "in R": lambda thread: mxr.r.session().run("Sys.sleep(0.3)"),
    "in rpy2": lambda thread: __import__("rpy2.robjects").robjects.r("Sys.sleep(0.3)"),
}


@pytest.mark.parametrize("what", MEANWHILE)
def test_calls_go_to_r_s_own_thread(r, what):
    r["in.main"] = in_main
    assert asked_from_elsewhere(lambda: (r.run("in.main()"), in_main()), MEANWHILE[what]) == (True, False)


def test_many_threads_get_their_own_answers(r):
    answers: dict[int, list] = {}

    def ask(number):
        mine = mxr.r.session()
        mine["n"] = number
        for k in range(10):
            try:
                answers.setdefault(number, []).append(
                    mine.run(f"if ({k} == 5) stop('words of ', n); n * 100 + {k}")
                )
            except mxr.r.RError as error:
                answers[number].append(error.message)

    threads = [threading.Thread(target=ask, args=[i]) for i in range(8)]
    for thread in threads:
        thread.start()
    for k in range(20):
        assert r.run(f"{k} + 1") == k + 1  # the main thread runs too
    for thread in threads:
        thread.join()
    assert answers == {i: [f"words of {i}" if k == 5 else i * 100 + k for k in range(10)] for i in range(8)}


def test_endless_recursion_in_another_thread_is_an_error(r):
    error = asked_from_elsewhere(lambda: r.run("f <- function(n) f(n + 1); f(1)"))
    assert isinstance(error, mxr.r.RError) and r.run("1 + 1") == 2


def test_r_output_is_printed_by_the_calling_thread(r, capsys):
    with r.capture() as said:
        asked_from_elsewhere(lambda: r.run("print('captured')"))
    asked_from_elsewhere(lambda: r.run("print('printed')"))
    assert said.output == '[1] "captured"\n' and capsys.readouterr().out == '[1] "printed"\n'


def test_ctrl_c_during_a_call_ends_it_and_reaches_the_main_thread(r):
    """R sleeps for another thread: R's handler of Ctrl-C jumps on the stack of the main thread, so R must run
    there."""
    former = signal.signal(signal.SIGINT, signal.default_int_handler)
    found: list = []

    def ask():
        try:
            r.run("Sys.sleep(20)")
        except BaseException as error:
            found.append(error)

    thread = threading.Thread(target=ask)
    timer = threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT))
    try:
        with pytest.raises(KeyboardInterrupt):
            timer.start()
            thread.start()  # the main thread may already run a call here
            thread.join()
        thread.join(10)
    finally:
        timer.cancel()
        signal.signal(signal.SIGINT, former)
    assert [type(e) for e in found] == [KeyboardInterrupt] and r.run("sum(as.array(mx.nd.ones(3)))") == 3


def test_a_busy_main_thread_does_not_stop_the_others(r):
    """In C code that does not return to Python, such as a GUI's loop: the call then runs in the calling
    thread."""
    c, lock = ctypes.CDLL(None), ctypes.create_string_buffer(64)
    deaf = threading.Event()
    r["in.main"] = in_main

    def work():
        deaf.wait()
        time.sleep(0.3)
        try:
            return r.run("in.main()")
        finally:
            c.pthread_mutex_unlock(lock)

    assert c.pthread_mutex_lock(lock) == 0
    assert asked_from_elsewhere(work, lambda thread: (deaf.set(), c.pthread_mutex_lock(lock))) is False
    assert asked_from_elsewhere(lambda: r.run("in.main()")) is True
