"""No Ctrl-C is lost: SIGINT comes before each single instruction between R and the verb's code, in both
directions, and each time R gets exactly one interrupt."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from mxr.r.host import CHECKOUT
from tests.r.hosts import command, environment

SIGINT = Path(__file__).parent / "sigint"  # its module defines the verbs below

PRELUDE = r"""
suppressMessages(library(mxnet))
call <- mxnet:::call_python
invisible(call("bridge.live"))
own <- function(code) mxnet:::callable_by_python(function() code, "own", 0L)
rest <- function() Sys.sleep(1e-5)                         # R looks for a Ctrl-C here
stopped <- function(code) tryCatch({ code; rest(); "went on" }, interrupt = function(e) "stopped")
calm <- function() tryCatch({ rest(); call("bridge.live"); rest(); "calm" }, interrupt = function(e) "twice")
"""

POINTS = r"""
if (RETICULATE) reticulate::py_run_string("pass")          # it has handlers of its own
invisible(call("test.disarm"))
back <- own(NULL)
works <- list(verb = quote(call("test.work")), error = quote(try(call("test.fail"), silent = TRUE)),
              back = quote(call("test.back", back)), taken = quote(call("test.work")))
for (name in names(works)) {
  n <- if (name %in% c("error", "back")) begun - 2 else 0  # until there it is as for "verb"
  repeat {
    n <- n + 1
    # Python 3.13 reports a function's instructions from its second call on, and anew after an exception
    if (TWICE) { call("test.arm", 0, name == "taken"); eval(works[[name]]) }
    said <- stopped({ call("test.arm", n, name == "taken"); eval(works[[name]]) })
    again <- calm()
    state <- call("test.disarm")
    if (!state$came) break
    if (name == "verb" && !state$begun) begun <- n
    # what comes before the verb stops it before its end
    if (said != "stopped" || again != "calm" || (state$ended && !state$begun))
      cat("LOST", name, n, state$where, said, again, if (state$ended) "ended", if (state$begun) "begun", "\n")
  }
  cat("points of", name, n - 1, said, again, "\n")
}
"""

DURING = [
    "interrupts are suspended for a moment",
    "R's events are polled",
    "a finalizer runs",
    "a finalizer of weakref runs",
    "the code swallows exceptions",
    "R has called the door within Python's turn",
]


def run(host, code, folder, **more):
    (folder / "script.R").write_text(PRELUDE + code)
    program = command(host) if host != "Python" else [sys.executable, "-c", START]
    path = os.pathsep.join([str(SIGINT), str(CHECKOUT)])
    done = subprocess.run(
        [*program, folder / "script.R"],
        env=environment(PYTHONPATH=path, **more),
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


START = """
import sys
from mxr.r import host
host.start()
import rpy2.robjects
rpy2.robjects.r["source"](sys.argv[1])
"""


# a reticulate before 1.40 needs Python's lock, which R code does not have where rpy2 has started R
@pytest.mark.parametrize(
    "host, handlers",
    [
        ("Rscript", "R's"),
        ("Rscript", "reticulate's"),
        ("mxr run", "R's"),
        ("mxr run", "reticulate's"),
        ("Python", "Python's"),
    ],
)
def test_at_every_instruction(host, handlers, tmp_path, **more):
    settings = {"RETICULATE": handlers == "reticulate's", "TWICE": sys.version_info >= (3, 12)}
    assigned = "".join(f"{name} <- {str(value).upper()}\n" for name, value in settings.items())
    out = run(host, assigned + POINTS, tmp_path, **more)
    points = re.findall(r"^points of \w+ (\d+) went on calm", out, re.MULTILINE)
    assert "LOST" not in out and len(points) == 4 and min(map(int, points)) > 100, out


def test_at_every_instruction_without_the_part_in_c(tmp_path):
    test_at_every_instruction("Rscript", "R's", tmp_path, MXR_NATIVE="0")


@pytest.mark.parametrize("host", ["Rscript", "mxr run", "Python"])
def test_while(host, tmp_path):
    during = (
        DURING if host != "Python" else [what for what in DURING if "polled" not in what]
    )  # rpy2 does that
    asked = "".join(
        f"""
        said <- stopped(call("test.during", "{what}", own(call("bridge.live"))))
        again <- calm()
        cat("{what}:", said, again, if (call("test.disarm")$ended) "late", "\n")
        """
        for what in during
    )
    said = dict(re.findall("(.*): (.*?) *\n", run(host, asked, tmp_path)))
    # what the verb's code has swallowed can only be given to R at the verb's end
    assert said == {what: "stopped calm" + " late" * ("swallows" in what) for what in during}
