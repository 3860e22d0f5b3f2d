"""Ctrl-C, by real SIGINTs: whatever runs stops at once, and the session goes on with the right numbers."""
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
net <- mx.symbol.LinearRegressionOutput(mx.symbol.FullyConnected(net, num.hidden = 1, name = "fc2"), name = "lro")
train <- function(rounds, X = x, ...) mx.model.FeedForward.create(net, X = X, y = y, num.round = rounds, array.batch.size = 20, array.layout = "colmajor",
                                                                  verbose = FALSE, optimizer = mx.opt.create("sgd", learning.rate = 0.01), ...)
values <- function(arrays) lapply(arrays, as.array)
state <- function(env) { e <- env$train.execs[[1]]; values(c(e$ref.arg.arrays[!names(e$ref.arg.arrays) %in% c("data", "lro_label")], e$ref.aux.arrays)) }
last <- kept <- NULL
record <- function(i, n, env, verbose) { s <- state(env); suspendInterrupts({ kept <<- env; last <<- s }) }

# What an interrupted training left are the parameters of its last batch, or of the one after it (when the interrupt came between the
# step and the callback).
check.state <- function() {
  now <- state(kept)
  devices <- length(kept$train.execs)
  weights <- setdiff(kept$arg_names, c("data", "lro_label"))
  if (devices == 2 && !identical(values(kept$train.execs[[2]]$ref.arg.arrays[weights]), now[weights])) stop("the devices differ")
  same <- if (devices == 2) weights else names(now)       # with two devices the auxiliary states may be one forward pass ahead
  if (identical(now[same], last[same])) return("as before")
  v <- kept$dlist
  one <- local({ n <- 0; list(iter.next = function() (n <<- n + 1) == 1, value = function() v, reset = function() n <<- 0, num.pad = function() 0) })
  aux <- startsWith(names(last), "bn_moving")
  m <- train(1, X = one, arg.params = lapply(last[!aux], mx.nd.array), aux.params = lapply(last[aux], mx.nd.array), ctx = lapply(seq_len(devices), mx.cpu))
  after <- values(c(m$arg.params, m$aux.params))[names(now)]
  if (!identical(after[same], now[same])) stop("half a step was done: ", paste(names(now)[!mapply(identical, now, after)], collapse = " "))
  "one step on"
}
result <- function() { mx.set.seed(1); m <- train(2); values(c(m$arg.params, m$aux.params)) }
want <- result()
invisible(train(1, batch.end.callback = record))

wide <- mx.symbol.Variable("data")
for (i in 1:60) wide <- mx.symbol.FullyConnected(wide, num.hidden = 1500, no.bias = TRUE)
wide <- mx.simple.bind(wide, mx.cpu(), "null", data = c(1500, 300))
deep <- mx.symbol.Variable("data"); for (i in 1:400) deep <- mx.symbol.Activation(deep, act.type = "tanh")
csv <- tempfile(); write.table(matrix(1:20000, 2000), csv, sep = ",", row.names = FALSE, col.names = FALSE)
reader <- mx.io.CSVIter(data.csv = csv, data.shape = 10, batch.size = 100)
"""

WORK = {
    "forward": "mx.exec.forward(wide)",
    "binding and planning": "repeat mx.exec.forward(mx.simple.bind(deep, mx.cpu(), 'null', data = c(10, 10)))",
    "array functions": "a <- mx.nd.ones(c(200, 200)); repeat a <- mx.nd.dot(a, a) * 0.005",
    "training": "train(1e6)",
    "training with callbacks": "train(1e6, batch.end.callback = record, eval.metric = mx.metric.rmse)",
    "a callback": "train(1, batch.end.callback = function(i, n, env, verbose) { record(i, n, env); repeat 1 })",
    "a metric that sleeps": "train(1, eval.metric = mx.metric.custom('m', function(label, pred) Sys.sleep(60)))",
    "reading data": "repeat { reader$reset(); while (reader$iter.next()) reader$value() }",
    "a loop of R": "repeat 1",
}

ROUNDS = """
for (name in names(work)) for (round in 1:2) {
  said <- tryCatch({ cat("ready", name, "\\n"); eval(work[[name]]); "went on" }, interrupt = function(e) "stopped")
  cat(said, "\\n")
}
cat(check.state(), "\\n")
for (i in 1:RANDOM) {
  said <- tryCatch({ cat("randomly\\n"); train(1e6, batch.end.callback = record, eval.metric = if (i %% 2) mx.metric.rmse, ctx = if (i %% 3 == 0) list(mx.cpu(), mx.cpu(1))); "went on" },
                   interrupt = function(e) "stopped")
  if (said != "stopped") stop(said)
  check.state()
}
stopifnot(identical(result(), want))
cat("all right\\n")
"""


def interrupted(host: str, times: int, seed: int = 0) -> tuple[dict[str, float], str]:
    """Run WORK and `times` trainings that are interrupted at random times: seconds until each stopped, and all that was printed."""
    rng = random.Random(seed)
    works = ", ".join(f'"{name}" = quote({{ {code} }})' for name, code in WORK.items())
    code = PRELUDE + f"work <- list({works})\n" + ROUNDS.replace("RANDOM", str(times))
    took: dict[str, float] = {}
    words, name, sent = [], "", 0.0
    with tempfile.NamedTemporaryFile("w", suffix=".R") as script:
        script.write(code)
        script.flush()
        process = subprocess.Popen([*command(host), script.name], env=environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=subprocess.STDOUT, text=True)
        too_long = threading.Timer(120 + times, process.kill)
        too_long.start()
        for line in process.stdout:
            words.append(line)
            if line.startswith("ready "):
                name = line[6:].strip()
                time.sleep(0.3)
                sent = time.monotonic()
                process.send_signal(signal.SIGINT)
            elif line == "stopped \n":
                took[name] = min(took.get(name, 99), time.monotonic() - sent)
            elif line == "randomly\n":
                time.sleep(rng.uniform(0, 0.1) ** 2 * 10)
                process.send_signal(signal.SIGINT)
        too_long.cancel()
        process.wait(60)
    return took, "".join(words)


@pytest.mark.parametrize("host", HOSTS)
def test_everything_stops_at_once_and_goes_on(host):
    took, words = interrupted(host, 30)
    assert set(took) == set(WORK) and words.endswith("all right\n"), words
    assert {name: t for name, t in took.items() if t > 0.5} == {}


class Terminal:
    """An interactive R behind a pseudo-terminal."""

    def __init__(self):
        self.process, self.screen = None, ""
        pid, self.file = pty.fork()
        if pid == 0:
            os.execve(str(r_home() / "bin" / "R"), ["R", "--quiet", "--no-save", "--no-restore"], environment(TERM="dumb"))
        self.pid = pid

    def type(self, text: str) -> None:
        os.write(self.file, text.encode())

    def expect(self, pattern: str, seconds: float = 60) -> str:
        """Read until the pattern appears; what was printed up to its end."""
        end = time.monotonic() + seconds
        while not (found := re.search(pattern, self.screen)):
            ready = select.select([self.file], [], [], max(0, end - time.monotonic()))[0]
            assert ready, f"{pattern!r} did not appear in {seconds} s after\n{self.screen}"
            self.screen += os.read(self.file, 65536).decode(errors="replace").replace("\r", "")
        text, self.screen = self.screen[:found.end()], self.screen[found.end():]
        return text

    def run(self, code: str) -> str:
        """Type a line; what it printed, up to the next prompt."""
        self.type(code + "\n")
        return self.expect(r"(^|\n)> $").split("\n", 1)[1][:-2]

    def close(self) -> int:
        self.type("q('no', 5)\n")
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


def test_an_interactive_session():
    r = Terminal()
    r.expect("> $")
    with tempfile.NamedTemporaryFile("w", suffix=".R") as script:
        script.write(PRELUDE)
        script.flush()
        r.run(f"source('{script.name}')")
    r.type("\x03")                                                # at the prompt
    r.expect("\n> $", 5)
    for name in ("forward", "training with callbacks", "array functions", "a loop of R", "a metric that sleeps"):
        r.type(f"{WORK[name]}\n")
        time.sleep(0.7)
        best = time.monotonic()
        r.type("\x03")
        r.expect("\n> $", 5)
        assert time.monotonic() - best < 1, name
        assert "3" in r.run("1 + 2"), name
    assert "TRUE" in r.run("identical(result(), want)")
    assert re.search("as before|one step on", r.run("check.state()"))
    assert "Error in mx.nd.ones(2) + mx.nd.ones(3) :" in r.run("mx.nd.ones(2) + mx.nd.ones(3)")
    assert "mine" in r.run("train(1, batch.end.callback = function(...) stop('mine'))")
    frames = r.run("traceback()")
    assert "stop(\"mine\")" in frames and "mx.model.FeedForward.create(" in frames
    assert "6" in r.run("sum(as.array(mx.nd.array(1:3)))")
    assert r.close() == 5
