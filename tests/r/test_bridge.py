"""Calls between R and Python, under both hosts: values, handles, errors, interrupts, and state that must not
change."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import tempfile
import textwrap
import threading
import time

import pytest

from tests.r.hosts import HOSTS, command, environment, run_checks

# Verbs for these tests only, defined through reticulate, which finds the running Python under either host.
PRELUDE = r"""
suppressMessages(library(mxnet))
call <- mxnet:::call_python
invisible(call("bridge.live"))
reticulate::py_run_string("
import time
import numpy as np
from mxr import MxError, NDArray
from mxr.r.bridge import convert
from mxr.r.bridge.registry import verb
class Box:
    '''Something that R may hold.'''
Box.__module__ = 'mxr.tests'
store = []
@verb('test.same')
def same(x): return x
@verb('test.same3')
def same3(a, b, c): return None
@verb('test.repr')
def show(*args, **named): return repr(args) + repr(named)
@verb('test.shape')
def shape(x): return [f'{x.dtype} {x.shape} {x.flags.c_contiguous} {x.flags.writeable}', x.astype(np.float32)]
@verb('test.box')
def box(n=0): return NDArray(np.empty(int(n) // 4, np.float32)) if n else Box()
@verb('test.boxes')
def boxes(n): return {'a': [Box() for _ in range(n)], 'b': None}
@verb('test.keep')
def keep(x): store.append(x)
@verb('test.kept')
def kept(): return store[-1] * 1
@verb('test.fail')
def fail(kind):
    missing = lambda m: FileNotFoundError(2, 'No such file', m)
    raise {'user': MxError, 'bug': KeyError, 'file': missing}[kind]('words')
@verb('test.halfway')
def halfway(): return {'a': np.zeros(3), 'b': [np.zeros(2), object()]}
@verb('test.nested')
def nested(n):
    x = None
    for _ in range(n): x = [x]
    return x
@verb('test.work')
def work(seconds):
    end = time.time() + seconds
    while time.time() < end: pass
")
"""


def printed(host, code, **options):
    return host(PRELUDE + code, **options).check()


VALUES = {
    "NULL": "None",
    "TRUE": "True",
    "NA": "nan",
    "3L": "3",
    "NA_integer_": "nan",
    "2.5": "2.5",
    "'text'": "'text'",
    "'\\u00e9'": "'é'",
    "NA_character_": "None",
    "c('a', NA)": "['a', None]",
    "character(0)": "[]",
    "list(a = 1, b = list('x', TRUE))": "{'a': 1.0, 'b': RList(['x', True], ['', ''])}",
    "list(a = 1, a = 2)": "RList([1.0, 2.0], ['a', 'a'])",
    "list(1, b = 2)": "RList([1.0, 2.0], ['', 'b'])",
    "list()": "RList([], [])",
    "c(1, 2)": "array([1., 2.])",
    "1:2": "array([1, 2], dtype=int32)",
    "c(1L, NA)": "array([ 1., nan])",
    "c(TRUE, FALSE)": "array([ True, False])",
    "array(5, 1)": "array([5.])",
    "matrix(1:6, 2)": "array([[1, 2],\n       [3, 4],\n       [5, 6]], dtype=int32)",
    "numeric(0)": "array([], dtype=float64)",
    "as.raw(1:2)": "array([1, 2], dtype=uint8)",
    "quote(name)": "'name'",
}
REFUSED = {
    "factor('a')": "as.integer(f) - 1",
    "iris": "data.matrix",
    "mean": "a function cannot",
    "globalenv()": "an environment cannot",
    "1i": "complex",
    "quote(a + b)": "a call cannot",
}


def test_r_values_arrive_as_python_values(host):
    lines = [f"cat(call('test.repr', {r}), '\\n----\\n')" for r in VALUES]
    lines += [
        f"cat(tryCatch(call('test.same', {r}), mxnet_error = conditionMessage), '\\n----\\n')"
        for r in REFUSED
    ]
    got = printed(host, "\n".join(lines)).split(" \n----\n")
    assert dict(zip(VALUES, got)) == {r: f"({python},){{}}" for r, python in VALUES.items()}
    for said, remedy in zip(got[len(VALUES) :], REFUSED.values()):
        assert remedy in said


# Each runs in a process with the others, in the order given; a failing `stopifnot` fails the test of that
# name.
CHECKS = {
    "the door's part in C is used, unless it is turned off": """
        used <- reticulate::py_eval("__import__('mxr.r.bridge.crossing', fromlist=['core']).core is not None")
        stopifnot(used == (Sys.getenv("MXR_NATIVE") != "0"))
    """,
    "named arguments stay named": """
        stopifnot(call("test.repr", 1L, b = "x", 2L) == "(1, 2){'b': 'x'}")
    """,
    "values come back as they were": """
        values <- list(NULL, TRUE, 3L, 2.5, "text", "\\u00e9", c("a", NA), list(a = 1, b = list("x", TRUE)),
          list(1, b = 2), list(),
          array(c(1, 2), 2), matrix(as.double(1:6), 2), array(as.double(1:24), 2:4), array(0, c(0, 3)),
          array(c(NA, 1, Inf), 3), matrix(c(TRUE, FALSE), 1))
        for (v in values) if (!identical(call("test.same", v), v))
          stop(deparse(v), " became ", deparse(call("test.same", v)))
        # an array keeps its one dimension
        stopifnot(identical(call("test.same", c(1, 2)), array(c(1, 2), 2)))
    """,
    "arrays arrive as read-only views with reversed dims": """
        x <- array(as.double(1:24), c(2, 3, 4)); r <- call("test.shape", x)
        stopifnot(r[[1]] == "float64 (4, 3, 2) True False", identical(r[[2]], x))
    """,
    "a view that Python keeps survives R's collector": """
        call("test.keep", as.double(1:1e6)); for (i in 1:3) { x <- runif(1e6); gc() }
        stopifnot(identical(call("test.kept"), array(as.double(1:1e6), 1e6)))
        x <- c(1, 2, 3); call("test.keep", x); x[1] <- 100; stopifnot(call("test.kept")[1] == 1)
    """,
    "four million numbers cross faster than R copies half a million one by one": """
        x <- matrix(runif(4e6), 2000); one.by.one <- numeric(5e5); best <- c(99, 99, 99)
        for (i in 1:5) {
          best[1] <- min(best[1], system.time(a <- mx.nd.array(x), FALSE)[[3]])
          best[2] <- min(best[2], system.time(y <- as.array(a), FALSE)[[3]])
          best[3] <- min(best[3], system.time(for (j in 1:5e5) one.by.one[[j]] <- x[[j]], FALSE)[[3]])
          if (all(best[1:2] <= best[3])) break
        }
        stopifnot(max(abs(x - y)) < 1e-7)
        if (any(best[1:2] > best[3])) stop(paste(best, collapse = ", "), " seconds")
    """,
    "a crossing costs about what a plain call of reticulate's does": """
        a <- call("test.box"); b <- call("test.box"); theirs <- reticulate::py_eval("lambda a, b, c: None")
        best <- c(99, 99)
        for (i in 1:5) {
          best[1] <- min(best[1], system.time(for (j in 1:1000) call("test.same3", a, b, TRUE), FALSE)[[3]])
          best[2] <- min(best[2], system.time(for (j in 1:1000) theirs(1, 2, TRUE), FALSE)[[3]])
          if (best[1] <= 4 * best[2]) break
        }
        if (best[1] > 4 * best[2]) stop(paste(best * 1000, collapse = " and "), " microseconds")
    """,
    "handles are released when R no longer needs them": """
        gc(); call("bridge.live")
        before <- call("bridge.live"); held <- call("test.boxes", 10L)
        stopifnot(call("bridge.live") == before + 10, class(held$a[[1]]) == "MXHandle", is.null(held$b),
          "b" %in% names(held))
        first <- held$a[[1]]; rm(held); gc(); call("bridge.live")
        stopifnot(call("bridge.live") == before + 1,
          identical(call("test.repr", first), call("test.repr", first)))
        for (i in 1:5000) call("test.box"); gc(); call("bridge.live")
        stopifnot(call("bridge.live") <= before + 2)
    """,
    "R collects when big arrays pile up": """
        before <- call("bridge.live"); for (i in 1:40) call("test.box", 2^27)    # 5 GB that R does not see
        stopifnot(call("bridge.live") < before + 20)
        gc(); before <- call("bridge.live"); for (i in 1:10) mx.nd.zeros(2^25)    # 1.3 GB
        stopifnot(call("bridge.live") < before + 8)
    """,
    "reticulate's finalizers run behind the door": """
        for (i in 1:50) reticulate::py_eval("[1, 2]", convert = FALSE)           # dropped at once
        for (i in 1:4) call("test.box", 2^30)                                     # Python has R collect
    """,
    "a handle that was saved is made anew, as it was when it was saved": """
        file <- tempfile(); a <- mx.nd.array(1:3); saveRDS(a, file); b <- readRDS(file)
        stopifnot(identical(as.array(b), as.array(a)), identical(as.array(b + b), as.array(a * 2)))
        live <- call("bridge.live"); again <- unserialize(serialize(b, NULL)); rm(b)
        stopifnot(identical(as.array(again), as.array(a)), identical(dim(readRDS(file)), 3L))
        s <- mx.symbol.exp(mx.symbol.Variable("x"), name = "e")
        t <- unserialize(serialize(s, NULL, ascii = TRUE))
        stopifnot(identical(s$as.json(), t$as.json()), identical(outputs(t), "e_output"))
    """,
    "executors and damaged objects are refused": """
        ex <- mx.simple.bind(mx.symbol.Variable("x"), ctx = mx.cpu(), x = 2)
        e <- unserialize(serialize(ex, NULL))
        stopifnot(grepl("this executor belongs to another R session",
          tryCatch(e$outputs, error = conditionMessage)))
        bytes <- serialize(mx.nd.array(1:3), NULL); at <- grepRaw("mxr 1 A", bytes)
        bytes[at + 20] <- as.raw(0)
        stopifnot(grepl("damaged", tryCatch(as.array(unserialize(bytes)), error = conditionMessage)))
    """,
    "lists that are nested too deep are an error": """
        x <- NULL; for (i in 1:20000) x <- list(x)
        stopifnot(inherits(try(call("test.same", x), silent = TRUE), "try-error"))
        stopifnot(inherits(try(call("test.nested", 20000L), silent = TRUE), "try-error"))
        x <- NULL; for (i in 1:100) x <- list(x)
        stopifnot(identical(call("test.same", x), x), identical(call("test.nested", 100L), x))
    """,
    "errors are conditions and the session goes on": """
        e <- tryCatch(call("test.fail", "user"), error = identity)
        stopifnot(identical(class(e), c("mxnet_error", "error", "condition")), conditionMessage(e) == "words")
        said <- function(...) tryCatch(call(...), mxnet_error = conditionMessage)
        stopifnot(said("test.fail", "file") == "No such file: words")
        stopifnot(grepl("^a defect in mxr, not in your script: KeyError: 'words'.*mxr.last.error",
          said("test.fail", "bug")))
        stopifnot(grepl("run `mxr install-r` again", said("no.such.verb")))
        for (i in 1:300) try(call("test.halfway"), silent = TRUE)
        stopifnot(call("test.same", 1) == 1)
        text <- capture.output(mxr.last.error())
        stopifnot(any(grepl("^Traceback", text)), any(grepl("object cannot be given to R", text)))
    """,
    "the error's call is the user's": """
        x <- mx.symbol.Variable("x")
        said <- function(expr) deparse(conditionCall(tryCatch(expr, error = identity)))
        stopifnot(said(mx.symbol.Activation(x, act_type = "no")) ==
          'mx.symbol.Activation(x, act_type = "no")')
        stopifnot(startsWith(said(do.call(mx.symbol.Activation, list(x, act_type = "no"))),
          "mx.symbol.Activation("))
        stopifnot(startsWith(said(lapply(list(x), mx.symbol.Activation, act_type = "no")),
          "mx.symbol.Activation("))
        stopifnot(said(lapply(1, function(s) mx.symbol.Activation(x, act_type = "never"))) ==
          'mx.symbol.Activation(x, act_type = "never")')
    """,
}


def test_door(check):
    assert check == "ok"


def test_door_without_its_part_in_c():
    said = run_checks("Rscript", PRELUDE, CHECKS, MXR_NATIVE="0")
    assert said == dict.fromkeys(CHECKS, "ok")


# -------------------------------------------------------------------------------------- as a user's R session


def test_both_hosts_are_rscript(tmp_path):
    script = tmp_path / "script.R"
    script.write_text("""
        print(commandArgs(TRUE)); print(commandArgs()); print(interactive()); print(sys.nframe())
        cat(readLines(file("stdin")), "\\n")
        message("a message"); warning("a warning")
        f <- function() stop("the end"); f()
    """)
    seen = [
        subprocess.run(
            [*command(h), script, "a", "b c", "--d=1"],
            env=environment(),
            input="in\nput\n",
            capture_output=True,
            text=True,
        )
        for h in HOSTS
    ]
    for field in ("returncode", "stdout", "stderr"):
        assert getattr(seen[0], field) == getattr(seen[1], field)
    assert seen[0].returncode == 1 and "Error in f() : the end" in seen[0].stderr


@pytest.mark.parametrize(
    "code, status", [("invisible(mx.nd.array(1)); quit(status = 7)", 7), ("mx.symbol.Activation(1)", 1)]
)
def test_exit_status(host, code, status):
    done = host("library(mxnet)\n" + code)
    assert done.status == status, done.stderr
    assert "Traceback" not in done.stderr


def test_nothing_of_the_session_changes(host):
    code = """
        before <- Sys.getenv(); options(digits = 5); old <- options(); set.seed(1); seed <- .Random.seed
        dir <- getwd()
        tmp <- tempdir(); search.before <- c(search(), "package:mxnet")
        library(mxnet); x <- mxnet:::call_python("bridge.live")
        after <- Sys.getenv(); changed <- setdiff(names(after), names(before))
        same <- intersect(names(after), names(before))
        cat(c(changed, same[after[same] != before[same]]), "\\n")
        cat(names(which(!mapply(identical, old, options()[names(old)]))), "\\n")
        stopifnot(setequal(search(), search.before), identical(seed, .Random.seed), getwd() == dir,
          tempdir() == tmp, dir.exists(tmp))
    """
    variables, options_changed = host(code).check().split("\n")[:2]
    # tells reticulate, if it is loaded later, which Python runs here
    assert set(variables.split()) <= {"PYTHON_SESSION_INITIALIZED"}, variables
    assert options_changed.split() == []


def test_python_s_own_output_stays_silent(host):
    done = host("suppressMessages(library(mxnet)); x <- mx.nd.array(1:3); y <- mx.symbol.Variable('x')")
    assert (done.status, done.stdout, done.stderr) == (0, "", ""), done.stdout + done.stderr


def test_loading_the_package_does_not_start_python(rscript):
    done = rscript(
        "library(mxnet); cat('reticulate' %in% loadedNamespaces(), file.exists('/proc/self/maps') && "
        "any(grepl('libpython', readLines('/proc/self/maps'))))",
    )
    assert done.check() == "FALSE FALSE"


def test_r_starts_in_a_notebook_as_rpy2_does_it():
    code = (
        "from mxr.r import host\nhost.start()\nimport rpy2.rinterface as "
        "ri\nri.baseenv['eval'](ri.parse('suppressMessages(library(mxnet)); "
        "stopifnot(all(as.array(mx.nd.array(1:3)) == 1:3))'))\ntry:\n    "
        "ri.baseenv['eval'](ri.parse('mx.symbol.Activation(1)'))\nexcept ri.embedded.RRuntimeError as e:\n   "
        " print('error:', e)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], env=environment(), capture_output=True, text=True)
    assert done.returncode == 0 and "error:" in done.stdout, done.stderr


def test_a_matrix_printed_in_a_notebook_is_one_output():
    code = """
        import io, sys
        kernel = type("OutStream", (io.StringIO,), {"__module__": "ipykernel.iostream", "flushes": 0})
        def flush(self):
            self.flushes += 1
        kernel.flush = flush
        out = sys.stdout = kernel()
        from mxr.r import host
        host.start()
        import rpy2.robjects
        rpy2.robjects.r("print(matrix(1:4, 2))")
        print(out.flushes, repr(out.getvalue()), file=sys.__stdout__)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], env=environment(), capture_output=True, text=True
    )
    printed = "     [,1] [,2]\n[1,]    1    3\n[2,]    2    4\n"
    assert done.stdout == f"0 {printed!r}\n", done.stderr


# ----------------------------------------------------------------------------------------------------- Ctrl-C

INTERRUPTED = {
    "in Python": 'call("test.work", 1e6)',
    "in R": "{ i <- 0; while (TRUE) i <- i + 1 }",
    "at the door": 'while (TRUE) call("bridge.live")',
}


@pytest.mark.parametrize("where", INTERRUPTED)
def test_ctrl_c_is_an_r_interrupt(host, where):
    code = (
        PRELUDE
        + f"""
        for (round in 1:3) {{
          cat(tryCatch({{ cat("ready\\n"); {INTERRUPTED[where]}; "went on" }},
            interrupt = function(e) "interrupted"), "\\n")
        }}
        stopifnot(call("test.same", 1) == 1)
        cat("ready\\n"); {INTERRUPTED[where]}
        cat("NOT REACHED\\n")
    """
    )
    out, status = press_ctrl_c(host, code)
    assert re.findall("interrupted|went on|NOT REACHED|Traceback", out) == ["interrupted"] * 3, out
    assert status != 0


def press_ctrl_c(host, code):
    """Send SIGINT each time the script prints that it is ready. Returns its output and its exit status."""
    with tempfile.NamedTemporaryFile("w", suffix=".R") as script:
        script.write(code)
        script.flush()
        process = subprocess.Popen(
            [*command(host), script.name],
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        too_long = threading.Timer(600, process.kill)
        too_long.start()
        words = []
        for line in process.stdout:
            words.append(line)
            if line == "ready\n":
                time.sleep(0.3)
                process.send_signal(signal.SIGINT)
        too_long.cancel()
        return "".join(words), process.wait(600)
