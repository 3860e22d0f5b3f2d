"""Remedies that change the session, the installation or the environment, followed to the letter: what an
error says is done, and then the same code works."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from mxr.r.host import installation
from tests.r.hosts import environment, run_checks, run_code, succeeds
from tests.r.test_doctor import run_mxr
from tests.r.test_which_python import AROUND, FIRST_CALL, library, says

assert library  # a fixture
WORKS = "stopifnot(as.array(mxnet::mx.nd.array(1:3)) == 1:3)"


def test_a_python_is_named_or_recorded(library):
    nowhere = dict.fromkeys(AROUND, "") | {"R_LIBS": str(library), "R_USER_CONFIG_DIR": str(library)}
    says(
        run_code("Rscript", FIRST_CALL, **nowhere),
        "or set MXR_PYTHON=/path/to/python, or make one by mx.install.python()",
    )
    # follows: set MXR_PYTHON=/path/to/python
    # follows: set MXR_PYTHON to a newer one that has mxr
    # follows: set MXR_PYTHON to one that has it
    succeeds(run_code("Rscript", FIRST_CALL, **nowhere | {"MXR_PYTHON": sys.executable}))
    # follows: run `mxr install-r` from the Python that has mxr
    # follows: run `mxr install-r` again
    # follows: say where to install with --lib DIR
    done = run_mxr("install-r", "--lib", str(library))
    assert done.returncode == 0, done.stderr
    assert (library / "mxnet" / "python").read_text().strip() == sys.executable
    succeeds(run_code("Rscript", FIRST_CALL, **nowhere))


def test_a_library_of_ones_own_is_named(tmp_path):
    code = "from mxr.r import session\nprint(session().run('1 + 1'))"

    def session(**variables: str) -> subprocess.CompletedProcess:
        hidden = environment() | {"R_LIBS": "", "R_LIBS_SITE": "", "R_LIBS_USER": str(tmp_path)} | variables
        hide = (
            "from mxr.r.host import installation\n"
            f"installation.LOCAL_LIBRARY = installation.Path({str(tmp_path)!r})\n"
        )
        return subprocess.run(
            [sys.executable, "-c", hide + code], env=hidden, capture_output=True, text=True, timeout=300
        )

    done = session()
    assert "R has no package mxnet: run `mxr install-r`, or name its library by R_LIBS" in done.stderr, done
    # follows: name its library by R_LIBS
    done = session(R_LIBS=installation.library_environment()["R_LIBS"])
    assert done.returncode == 0 and "2" in done.stdout, done


def test_python_cannot_be_started_by_r(tmp_path):
    fake = (
        "ns <- asNamespace('mxnet'); unlockBinding('ask_python', ns); assign('ask_python', function(python) "
        "list(version = '3.11.4', library = '', has_mxr = TRUE), ns)\n"
    )
    script = "library(mxnet)\n" + fake + FIRST_CALL
    says(run_code("Rscript", script), "or run the script by `mxr run script.R`")
    # follows: run the script by `mxr run script.R`
    succeeds(run_code("mxr run", script))


def test_the_package_is_installed_where_it_lacks(tmp_path):
    """The command of the message, with an index that does not reach beyond this machine."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "other"], check=True)
    python = tmp_path / "other" / "bin" / "python"
    done = run_code("Rscript", FIRST_CALL, MXR_PYTHON=str(python), PYTHONPATH="")
    says(done, f"or install it there: {python} -m pip install '")
    # follows: install it there
    root = str(Path(__file__).parents[2])
    (next((tmp_path / "other" / "lib").glob("python*")) / "site-packages" / "here.pth").write_text(
        f"{root}\n{sysconfig.get_path('purelib')}\n"
    )
    succeeds(run_code("Rscript", FIRST_CALL, MXR_PYTHON=str(python), PYTHONPATH=""))


def test_folders_and_homes(tmp_path):
    code = (
        "library(mxnet); dir.create(f <- tempfile()); setwd(f); unlink(f, recursive = TRUE)\n"
        "e <- tryCatch(mx.nd.ones(2), error = conditionMessage)\n"
        "stopifnot(grepl('setwd() to another', e, fixed = TRUE))\n"
        "setwd('/'); stopifnot(as.array(mx.nd.ones(2)) == 1)"
    )
    # follows: setwd() to another
    succeeds(run_code("Rscript", code))
    says(run_mxr("run", "-e", "1", R_HOME="/no/R"), "unset R_HOME, or set it to what `R RHOME` prints")
    # follows: unset R_HOME
    environ = {k: v for k, v in environment().items() if k != "R_HOME"}
    subprocess.run(
        [sys.executable, "-m", "mxr", "run", "-e", "1"],
        env=environ,
        check=True,
        capture_output=True,
        timeout=300,
    )
    # follows: set it to what `R RHOME` prints
    home = subprocess.run(
        ["R", "RHOME"], env=environ, check=True, capture_output=True, text=True
    ).stdout.strip()
    assert run_mxr("run", "-e", "1", R_HOME=home).returncode == 0
    says(run_mxr("run", "-e", "1", R_HOME="", PATH="/nowhere"), "or put it on PATH")
    # follows: put it on PATH
    assert (
        run_mxr("run", "-e", "1", R_HOME="", PATH=f"/nowhere:{Path(home) / 'bin'}:/usr/bin:/bin").returncode
        == 0
    )


CHECKS = {
    # follows: bind the symbol again
    "executor": """
        s <- mx.symbol.exp(mx.symbol.Variable("u")); there <- mx.simple.bind(s, mx.cpu(), u = 3)
        ex <- unserialize(serialize(there, NULL))
        says(ex$outputs, "cannot be saved; symbols, NDArrays and models can: bind the symbol again")
        back <- unserialize(serialize(s, NULL))
        mx.exec.forward(mx.simple.bind(back, mx.cpu(), u = 3), FALSE)""",
    # follows: make it again, and save it again
    "array": """
        foreign <- unclass(stats:::C_rnorm)$address; class(foreign) <- "MXNDArray"
        says(as.array(foreign), "make it again, and save it again")
        file <- tempfile(); saveRDS(mx.nd.ones(2), file); stopifnot(as.array(readRDS(file)) == 1)""",
    # follows: start a new one to use it
    "session": """
        said <- character()
        withCallingHandlers(local({
          install_nothing()
          mx.install.python(tempfile("a/"), source = "mxr.whl", python = "python3")
        }), message = function(m) { said <<- c(said, conditionMessage(m)); invokeRestart("muffleMessage") })
        stopifnot(any(grepl("start a new one to use it", said)))""",
    # follows: mx.install.python: ... give source = (a wheel, the folder of a checkout, or git+https://...)
    # follows: or give python =
    "install": """
        says(mx.install.python(source = NULL), "give source = ")
        install_nothing()
        path <- Sys.getenv("PATH"); Sys.setenv(PATH = "/nowhere"); on.exit(Sys.setenv(PATH = path))
        says(mxnet:::base_python(), "or give python = "); Sys.setenv(PATH = path)
        python <- Sys.getenv("MXR_PYTHON")
        made <- suppressMessages(mx.install.python(tempfile("a/"), source = "mxr.whl", python = python))
        stopifnot(endsWith(made, "bin/python"))""",
}
PRELUDE = """library(mxnet); invisible(mx.nd.ones(1))
says <- function(expr, words) {
  e <- tryCatch({ expr; "no error" }, error = conditionMessage); if (!grepl(words, e, fixed = TRUE)) stop(e)
}
install_nothing <- function() for (name in c("run_program", "record_python")) {
  unlockBinding(name, asNamespace("mxnet")); assign(name, function(...) NULL, asNamespace("mxnet"))
}
"""


@pytest.fixture(scope="module")
def said():
    return run_checks("Rscript", PRELUDE, CHECKS)


@pytest.mark.parametrize("name", CHECKS)
def test_in_a_session(name, said):
    assert said[name] == "ok"


def test_a_table_is_given_to_r():
    code = """
from mxr.r import session
import numpy as np, mxr
class Frame:
    def to_numpy(self): return np.ones((2, 2))
    columns = {"a": 1}
r = session()
try: r["x"] = Frame()
except (mxr.MxError, TypeError) as e: print(e)
r["x"] = Frame().to_numpy(); r["y"] = {"a": [1, 2]}
print(r.run("length(x) + length(y)"))
"""
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment(), capture_output=True, text=True, timeout=300
    )
    # follows: give its .to_numpy(), or a dict of its columns
    assert "give its .to_numpy(), or a dict of its columns" in done.stdout and done.stdout.strip().endswith(
        "5"
    ), done
