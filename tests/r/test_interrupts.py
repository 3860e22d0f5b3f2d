"""Ctrl-C, by real SIGINTs: running work stops at once, and the session continues with the right numbers."""

from __future__ import annotations

import os
import pty
import random
import re
import select
import signal
import subprocess
import tempfile
import threading
import time

import pytest

from mxr.r.host import r_home
from tests.r.hosts import HOSTS, command, environment

PRELUDE = r"""
suppressMessages(library(mxnet))
x <- matrix(sin(1:3000), 5); y <- colSums(x)
net <- mx.symbol.BatchNorm(mx.symbol.Variable("data"), name = "bn")
net <- mx.symbol.Activation(mx.symbol.FullyConnected(net, num.hidden = 30, name = "fc1"), act.type = "tanh")
net <- mx.symbol.LinearRegressionOutput(mx.symbol.FullyConnected(net, num.hidden = 1, name = "fc2"),
  name = "lro")
train <- function(rounds, X = x, ...)
  mx.model.FeedForward.create(net, X = X, y = y, num.round = rounds, array.batch.size = 20,
    array.layout = "colmajor",
    verbose = FALSE, optimizer = mx.opt.create("sgd", learning.rate = 0.01), ...)
values <- function(arrays) lapply(arrays, as.array)
state <- function(env) {
  e <- env$train.execs[[1]]
  values(c(e$ref.arg.arrays[!names(e$ref.arg.arrays) %in% c("data", "lro_label")], e$ref.aux.arrays))
}
last <- kept <- NULL
record <- function(i, n, env, verbose) { s <- state(env); suspendInterrupts({ kept <<- env; last <<- s }) }

# What an interrupted training left are the parameters of its last batch, or of the one after it (when the
# interrupt came between the
# step and the callback).
check.state <- function() {
  now <- state(kept)
  devices <- length(kept$train.execs)
  weights <- setdiff(kept$arg_names, c("data", "lro_label"))
  if (devices == 2 && !identical(values(kept$train.execs[[2]]$ref.arg.arrays[weights]), now[weights]))
    stop("the devices differ")
  # with two devices the auxiliary states may be one forward pass ahead
  same <- if (devices == 2) weights else names(now)
  if (identical(now[same], last[same])) return("as before")
  v <- kept$dlist
  one <- local({
    n <- 0; list(iter.next = function() (n <<- n + 1) == 1, value = function() v, reset = function() n <<- 0,
      num.pad = function() 0)
  })
  aux <- startsWith(names(last), "bn_moving")
  m <- train(1, X = one, arg.params = lapply(last[!aux], mx.nd.array),
    aux.params = lapply(last[aux], mx.nd.array), ctx = lapply(seq_len(devices), mx.cpu))
  after <- values(c(m$arg.params, m$aux.params))[names(now)]
  if (!identical(after[same], now[same]))
    stop("half a step was done: ", paste(names(now)[!mapply(identical, now, after)], collapse = " "))
  "one step on"
}
result <- function() { mx.set.seed(1); m <- train(2); values(c(m$arg.params, m$aux.params)) }
want <- result()
invisible(train(1, batch.end.callback = record))

wide <- mx.symbol.Variable("data")
for (i in 1:60) wide <- mx.symbol.FullyConnected(wide, num.hidden = 1500, no.bias = TRUE)
wide <- mx.simple.bind(wide, mx.cpu(), "null", data = c(1500, 300))
deep <- mx.symbol.Variable("data"); for (i in 1:400) deep <- mx.symbol.Activation(deep, act.type = "tanh")
mx.operator.register("own", forward = function(inputs) inputs$data,
  backward = function(output.grads) output.grads[[1]])
mx.operator.register("endless", forward = function(inputs) repeat 1)
own <- mx.simple.bind(mx.symbol.Custom(mx.symbol.Variable("data"), op.type = "own"), mx.cpu(), "null",
  data = 3)
endless <- mx.simple.bind(mx.symbol.Custom(mx.symbol.Variable("data"), op.type = "endless"), mx.cpu(), "null",
  data = 3)
csv <- tempfile(); write.table(matrix(1:20000, 2000), csv, sep = ",", row.names = FALSE, col.names = FALSE)
reader <- mx.io.CSVIter(data.csv = csv, data.shape = 10, batch.size = 100)
"""

# None of these ends on any machine, so a Ctrl-C always interrupts it.
WORK = {
    "forward": "repeat mx.exec.forward(wide)",
    "binding and planning": """
        repeat mx.exec.forward(mx.simple.bind(deep, mx.cpu(), 'null', data = c(10, 10)))
    """,
    "array functions": "a <- mx.nd.ones(c(200, 200)); repeat a <- mx.nd.dot(a, a) * 0.005",
    "training": "train(1e6)",
    "training with callbacks": "train(1e6, batch.end.callback = record, eval.metric = mx.metric.rmse)",
    "a callback": """
        train(1e6, batch.end.callback = function(i, n, env, verbose) { record(i, n, env); repeat 1 })
    """,
    "a metric that sleeps": """
        train(1e6, eval.metric = mx.metric.custom('m', function(label, pred) Sys.sleep(60)))
    """,
    "an operator written in R": "mx.exec.forward(endless)",
    "calls of an operator written in R": "repeat mx.exec.forward(own)",
    "reading data": "repeat { reader$reset(); while (reader$iter.next()) reader$value() }",
    "a loop of R": "repeat 1",
}

# The test tells the script, on standard input, whether to run the work again.
ROUNDS = """
answers <- file("stdin", "r")
for (name in names(work)) repeat {
  said <- tryCatch({ cat("ready", name, "\\n"); eval(work[[name]]); "went on" },
    interrupt = function(e) "stopped")
  cat(said, "\\n")
  if (readLines(answers, 1) != "again") break
}
cat(check.state(), "\\n")
for (i in 1:RANDOM) {
  said <- tryCatch({
    cat("randomly\\n")
    train(1e6, batch.end.callback = record, eval.metric = if (i %% 2) mx.metric.rmse, ctx = if (i %% 3 == 0)
      list(mx.cpu(), mx.cpu(1))); "went on"
  },
  interrupt = function(e) "stopped")
  if (said != "stopped") stop(said)
  check.state()
}
stopifnot(identical(result(), want))
cat("all right\\n")
"""


AT_ONCE = 0.5  # seconds
ROUNDS_MOST = 10  # on a busy machine the first tries may take longer


def enough(took: list[float]) -> bool:
    """Whether a work has been interrupted often enough: twice, and once at once if the machine can."""
    return (len(took) >= 2 and min(took) < AT_ONCE) or len(took) >= ROUNDS_MOST


def interrupted(host: str, times: int, seed: int = 0) -> tuple[dict[str, float], str]:
    """Run WORK and `times` trainings that are interrupted at random times: the least seconds until each
    stopped, and all that was printed."""
    rng = random.Random(seed)
    works = ", ".join(f'"{name}" = quote({{ {code} }})' for name, code in WORK.items())
    code = PRELUDE + f"work <- list({works})\n" + ROUNDS.replace("RANDOM", str(times))
    took: dict[str, list[float]] = {}
    words, name, sent = [], "", 0.0
    with tempfile.NamedTemporaryFile("w", suffix=".R") as script:
        script.write(code)
        script.flush()
        process = subprocess.Popen(
            [*command(host), script.name],
            env=environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        too_long = threading.Timer(600 + 5 * times, process.kill)  # it hangs
        too_long.start()
        for line in process.stdout:
            words.append(line)
            if line.startswith("ready "):
                name = line[6:].strip()
                time.sleep(0.3)
                sent = time.monotonic()
                process.send_signal(signal.SIGINT)
            elif line == "stopped \n":
                took.setdefault(name, []).append(time.monotonic() - sent)
                process.stdin.write("next\n" if enough(took[name]) else "again\n")
                process.stdin.flush()
            elif line == "randomly\n":
                time.sleep(rng.uniform(0, 0.1) ** 2 * 10)
                process.send_signal(signal.SIGINT)
        too_long.cancel()
        process.stdin.close()
        process.wait(60)
    return {name: min(each) for name, each in took.items()}, "".join(words)


@pytest.mark.parametrize("host", HOSTS)
def test_work_stops_at_once_and_the_session_continues(host):
    took, words = interrupted(host, 30)
    assert set(took) == set(WORK) and words.endswith("all right\n"), words
    assert {name: t for name, t in took.items() if t > AT_ONCE} == {}


PATIENCE = 300  # seconds after which a terminal without an answer hangs


class Terminal:
    """An interactive R behind a pseudo-terminal. A prompt alone proves nothing, because an old one looks like
    a new one. So every command is followed by one that prints a unique mark, which its echo does not
    contain."""

    def __enter__(self):
        self.screen, self.marks = "", 0
        self.pid, self.file = pty.fork()
        if self.pid == 0:
            os.execve(
                str(r_home() / "bin" / "R"),
                ["R", "--quiet", "--no-save", "--no-restore"],
                environment(TERM="dumb"),
            )
        return self

    def __exit__(self, *_):
        if self.pid:  # after a failed test R may compute forever
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        os.close(self.file)

    def type(self, text: str) -> None:
        os.write(self.file, text.encode())

    def expect(self, pattern: str) -> str:
        """Read until the pattern appears; what was printed before it."""
        end = time.monotonic() + PATIENCE
        while not (found := re.search(pattern, self.screen)):
            ready = select.select([self.file], [], [], max(0, end - time.monotonic()))[0]
            assert ready, f"{pattern!r} did not appear in {PATIENCE} s after\n{self.screen}"
            self.screen += os.read(self.file, 65536).decode(errors="replace").replace("\r", "")
        text, self.screen = self.screen[: found.start()], self.screen[found.end() :]
        return text

    def mark(self) -> tuple[str, str]:
        """Code that prints a mark, and what to expect."""
        self.marks += 1
        return f"cat(sprintf('<mark %d>\\n', {self.marks}))", f"<mark {self.marks}>\n"

    def run(self, code: str) -> str:
        """Type a line. Returns the output, echo included, until R waits for the next line."""
        print_it, mark = self.mark()
        self.type(f"{code}\n{print_it}\n")
        said = self.expect(mark)
        self.expect("> $")
        return said

    def interrupt(self, work: str) -> float:
        """Start work that does not end, and press Ctrl-C during it. Returns the seconds until R waits for the
        next line."""
        print_it, mark = self.mark()
        self.type(f"{{ {print_it}; {work} }}\n")
        self.expect(mark)
        time.sleep(0.3)
        assert not self.screen and not select.select([self.file], [], [], 0)[0], f"{work} did not go on"
        pressed = time.monotonic()
        self.type("\x03")
        self.expect("> $")
        return time.monotonic() - pressed

    def quit(self) -> int:
        self.type("q('no', 5)\n")
        pid, self.pid = self.pid, 0
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def test_an_interactive_session(tmp_path):
    (tmp_path / "prelude.R").write_text(PRELUDE)
    with Terminal() as r:
        r.expect("> $")
        r.run(f"source('{tmp_path}/prelude.R')")
        r.run("options(mxnet.progress = FALSE)")
        r.type("\x03")  # at the prompt
        r.expect("> $")
        assert "[1] 3" in r.run("1 + 2")
        for name in (
            "forward",
            "training with callbacks",
            "array functions",
            "a loop of R",
            "a metric that sleeps",
        ):
            took = []
            while not enough(took):
                took.append(r.interrupt(WORK[name]))
                assert "[1] 3" in r.run("1 + 2"), name
            assert min(took) < AT_ONCE, (name, took)
        assert "[1] TRUE" in r.run("identical(result(), want)")
        assert re.search("as before|one step on", r.run("check.state()"))
        assert "Error in mx.nd.ones(2) + mx.nd.ones(3) :" in r.run("mx.nd.ones(2) + mx.nd.ones(3)")
        assert " : mine\n" in r.run("train(1, batch.end.callback = function(...) stop('mi', 'ne'))")
        frames = r.run("traceback()")
        assert "stop(\"mi\", \"ne\")" in frames and "mx.model.FeedForward.create(" in frames
        assert "[1] 6" in r.run("sum(as.array(mx.nd.array(1:3)))")
        assert r.quit() == 5
