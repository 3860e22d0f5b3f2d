"""Which Python R chooses, in which order, the messages about it, and that it can start each of them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tests.r.hosts import HOSTS, environment, run_code, succeeds

FIRST_CALL = "library(mxnet); f <- function() mx.symbol.Variable('x'); f()"
AROUND = ("MXR_PYTHON", "RETICULATE_PYTHON", "VIRTUAL_ENV", "CONDA_PREFIX")
RUNNING = (
    f"reticulate::use_python('{sys.executable}', required = TRUE); invisible(reticulate::py_run_string('1'))"
)
WHICH = "p <- mxnet::mx.python(); cat(p$python, p$why, p$running, sep = '|'); cat('\\n'); print(p)"


def says(done, *words):
    """The process failed, and its standard error has all the words and no Python traceback."""
    assert done.returncode == 1 and "Traceback" not in done.stderr, done
    for word in words:
        assert word in done.stderr, done.stderr


@pytest.fixture
def library(tmp_path):
    """A copy of the installed R package, with no Python recorded in it."""
    where = next(path for path in environment()["R_LIBS"].split(os.pathsep) if os.path.isdir(f"{path}/mxnet"))
    shutil.copytree(f"{where}/mxnet", tmp_path / "library" / "mxnet")
    (tmp_path / "library" / "mxnet" / "python").unlink(missing_ok=True)
    return tmp_path / "library"


def make_environment(folder: Path, with_mxr: bool = True) -> str:
    """A folder like a virtual environment's, whose python is this one (or one that lacks mxr); its python."""
    (folder / "bin").mkdir(parents=True)
    python = folder / "bin" / "python"
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" {"" if with_mxr else "-S"} "$@"\n')
    python.chmod(0o755)
    return str(python)


def which(library, cwd, **variables) -> tuple[str, str, str]:
    """(python, why, everything printed)."""
    said = succeeds(
        run_code(
            "Rscript",
            WHICH,
            cwd=cwd,
            R_LIBS=str(library),
            R_USER_CONFIG_DIR=str(library),
            **dict.fromkeys(AROUND, "") | variables,
        )
    )
    python, why, _ = said.splitlines()[0].split("|")
    return python, why, said


# -------------------------------------------------------------------------------------------------- the order


def test_the_order(library, tmp_path):
    """From the last place to the first: each one has priority over those after it."""
    below = tmp_path / "project" / "scripts"
    below.mkdir(parents=True)
    python, why, said = which(library, below)
    assert python == "NA" and "no Python was recorded" in said and "mx.install.python()" in said, said

    variables: dict[str, str] = {}
    found = make_environment(tmp_path / "project" / ".venv")
    assert which(library, below)[:2] == (found, ".venv")
    for name in ("CONDA_PREFIX", "VIRTUAL_ENV"):
        variables[name] = str(tmp_path / name)
        found = make_environment(tmp_path / name)
        assert which(library, below, **variables)[:2] == (found, name)
    variables["RETICULATE_PYTHON"] = found = make_environment(tmp_path / "reticulate")
    assert which(library, below, **variables)[:2] == (found, "RETICULATE_PYTHON")
    found = make_environment(tmp_path / "recorded")
    (library / "mxnet" / "python").write_text(found + "\n")
    assert which(library, below, **variables)[:2] == (found, "the record of the installation")
    variables["MXR_PYTHON"] = found = make_environment(tmp_path / "asked")
    assert which(library, below, **variables)[:2] == (found, "MXR_PYTHON")


def test_an_environment_without_mxr_is_passed_over(library, tmp_path):
    lacks, has = make_environment(tmp_path / "lacks", with_mxr=False), make_environment(tmp_path / ".venv")
    python, why, said = which(
        library, tmp_path, VIRTUAL_ENV=str(tmp_path / "lacks"), RETICULATE_PYTHON="/no/python", PYTHONPATH=""
    )
    assert (
        (python, why) == (has, ".venv")
        and f"{lacks} has no package mxr" in said
        and "/no/python does not exist" in said
    ), said


def test_the_running_python_comes_before_the_recorded_one(library):
    (library / "mxnet" / "python").write_text("/other/python\n")
    code = f"Sys.unsetenv('RETICULATE_PYTHON'); {RUNNING}\n" + WHICH
    said = succeeds(
        run_code(
            "Rscript",
            code + "\ninvisible(mxnet::mx.nd.ones(2))",
            R_LIBS=str(library),
            **dict.fromkeys(AROUND, ""),
        )
    )
    assert said.startswith(f"{sys.executable}|reticulate in this session|TRUE\n"), said


def test_a_running_python_that_differs_from_the_setting(tmp_path):
    other = make_environment(tmp_path / "other")
    code = RUNNING + "; x <- mxnet::mx.nd.ones(2)"
    done = run_code("Rscript", code, MXR_PYTHON=other)
    assert (
        done.returncode == 0
        and f"MXR_PYTHON is {other}, but this session runs {sys.executable} already" in done.stderr
    ), done.stderr


@pytest.mark.parametrize("host", HOSTS)
def test_after_the_first_call(host):
    said = succeeds(run_code(host, "x <- mxnet::mx.nd.ones(2)\n" + WHICH))
    assert said.startswith(f"{sys.executable}|") and "|TRUE\n" in said, said


# --------------------------------------------------------------------------------------------- what cannot be


def test_no_python_is_known(library, tmp_path):
    says(
        run_code(
            "Rscript",
            FIRST_CALL,
            R_LIBS=str(library),
            R_USER_CONFIG_DIR=str(library),
            **dict.fromkeys(AROUND, ""),
        ),
        "Error in mx.symbol.Variable(",
        "no Python was recorded",
        "mxr install-r",
        "MXR_PYTHON",
        "mx.install.python()",
    )


def test_the_repository_that_the_package_was_installed_from(tmp_path):
    """What remotes records in the package's description, as a requirement that pip accepts."""
    checkout = tmp_path / "checkout"
    (checkout / "mxr").mkdir(parents=True)
    (checkout / "pyproject.toml").touch()
    fields = {
        "RemoteUsername='u', RemoteRepo='mxr', RemoteSha='abc'": {
            "github": "mxr @ git+https://github.com/u/mxr@abc",
            "gitlab', RemoteHost='lab.example": "mxr @ git+https://lab.example/u/mxr@abc",
            "gitlab": "mxr @ git+https://gitlab.com/u/mxr@abc",
            "cran": "",
        },
        "RemoteUrl='https://example.org/mxr.git', RemoteSha='abc'": {
            "git": "mxr @ git+https://example.org/mxr.git@abc",
            "git2r": "mxr @ git+https://example.org/mxr.git@abc",
            "xgit": "mxr @ git+https://example.org/mxr.git@abc",
        },
        "RemoteUrl='git@example.org:u/mxr.git'": {"git": "mxr @ git+ssh://git@example.org/u/mxr.git"},
        "RemoteUrl='/srv/mxr', RemoteSha='abc'": {"git": "git+file:///srv/mxr@abc"},
        "RemoteUrl='file:///srv/mxr', RemoteSha='abc'": {"git": "git+file:///srv/mxr@abc"},
        f"RemoteUrl='{checkout}/R'": {"local": str(checkout)},
        f"RemoteUrl='{tmp_path}'": {"local": ""},
    }
    cases = [
        (f"list(RemoteType='{kind}', {of})", wanted) for of in fields for kind, wanted in fields[of].items()
    ]
    code = "".join(f"cat(mxnet:::repository_source({described}), '\n', sep='');" for described, _ in cases)
    assert succeeds(run_code("Rscript", code)).splitlines() == [wanted for _, wanted in cases]
    for _, wanted in cases:
        assert not wanted.startswith("mxr @") or Requirement(wanted).url


def test_the_recorded_python_is_gone(library):
    (library / "mxnet" / "python").write_text("/gone/bin/python\n")
    says(
        run_code("Rscript", FIRST_CALL, R_LIBS=str(library), **dict.fromkeys(AROUND, "")),
        "/gone/bin/python",
        "is gone",
        "mxr install-r",
    )


def test_mxr_python_does_not_exist():
    says(
        run_code("Rscript", FIRST_CALL, MXR_PYTHON="/no/python"),
        "MXR_PYTHON is /no/python, which does not exist",
    )
    says(
        run_code("Rscript", "options(MXR_PYTHON = '/optional/python')\n" + FIRST_CALL),
        "/optional/python, which does not exist",
    )


def test_what_is_no_python(tmp_path):
    (tmp_path / "python").write_text("#!/bin/sh\necho no such thing >&2; exit 3\n")
    (tmp_path / "python").chmod(0o755)
    says(
        run_code("Rscript", FIRST_CALL, MXR_PYTHON=str(tmp_path / "python")), "does not start: no such thing"
    )


@pytest.mark.parametrize(
    "fake, words",
    [
        (dict(version="3.9.2"), ["is 3.9.2, and mxr needs 3.11"]),
        (dict(library=""), ["has no shared library", "apt-get install libpython3.11", "mxr run script.R"]),
        (dict(library="/no/libpython.so"), ["/no/libpython.so"]),
    ],
)
def test_pythons_that_r_cannot_start(fake, words):
    about = dict(version="3.11.4", library="/lib/libpython3.11.so", has_mxr=True) | fake
    r = ", ".join(f"{k} = {'TRUE' if v is True else repr(v)}" for k, v in about.items())
    hide = (
        "ns <- asNamespace('mxnet'); unlockBinding('ask_python', ns); assign('ask_python', "
        f"function(python) list({r}), ns)\n"
    )
    says(run_code("Rscript", "library(mxnet)\n" + hide + FIRST_CALL), *words)


def test_a_python_without_mxr(tmp_path):
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "other"], check=True)
    python = str(tmp_path / "other" / "bin" / "python")
    says(
        run_code("Rscript", FIRST_CALL, MXR_PYTHON=python, PYTHONPATH=""),
        python,
        "has no package mxr",
        "MXR_PYTHON",
    )
    running = f"reticulate::use_python('{python}', required = TRUE); reticulate::py_run_string('1')\n"
    says(
        run_code("Rscript", running + FIRST_CALL, PYTHONPATH=""),
        python,
        "which this session has started already",
        "has no package mxr",
    )


def test_a_python_program_that_has_not_let_mxr_in():
    """rpy2's own start: an error message and a clean exit; the remedy in the message works in the same
    session."""
    # follows: call `from mxr.r import host; host.start()` there first
    begin = "from rpy2.robjects.packages import importr\nimport rpy2.robjects as ro\nmx = importr('mxnet')\n"
    fails = begin + "try:\n    mx.mx_nd_ones(3)\nexcept Exception as e:\n    print(e)\n"
    helps = "from mxr.r import host\nhost.start()\nprint(ro.r('sum(as.array(mx.nd.ones(3)))')[0])\n"
    done = subprocess.run(
        [sys.executable, "-c", fails + helps], env=environment(), capture_output=True, text=True, timeout=100
    )
    assert (
        done.returncode == 0 and "host.start()` there first" in done.stdout and done.stdout.endswith("3.0\n")
    ), done
    done = subprocess.run(
        [sys.executable, "-c", fails], env=environment(), capture_output=True, text=True, timeout=100
    )
    assert done.returncode == 0 and "undefined symbol" not in done.stdout + done.stderr, done
    early = (
        "import mxr\ntry:\n    from mxr.r import objects\nexcept mxr.MxError as e:\n    print(e)\n"
        "from mxr.r import host\nhost.start()\nfrom mxr.r import objects\nprint(objects.python.__name__)"
    )
    done = subprocess.run(
        [sys.executable, "-c", early], env=environment(), capture_output=True, text=True, timeout=100
    )
    assert (
        done.returncode == 0 and "host.start()` first" in done.stdout and done.stdout.endswith("\npython\n")
    ), done


def test_the_session_stays_usable_after_a_failed_start():
    code = (
        "library(mxnet); good <- Sys.getenv('MXR_PYTHON'); Sys.setenv(MXR_PYTHON = "
        "'/no/python')\nstopifnot(inherits(try(mx.nd.array(1:3), silent = TRUE), 'try-error')); "
        "Sys.setenv(MXR_PYTHON = good)\nstopifnot(as.array(mx.nd.array(1:3)) == 1:3)"
    )
    succeeds(run_code("Rscript", code))


# --------------------------------------------------------------------------------- Python as R has started it

# Runs Python code that is not mxr's: by mxr's own R function, or by reticulate if that is loaded.
RUN = "suppressMessages(library(mxnet)); invisible(mx.nd.ones(1)); run <- mxnet:::run_python\n"


def test_python_is_its_own_environment():
    code = (
        RUN
        + """
        stopifnot(!"reticulate" %in% loadedNamespaces())
        run("
import json, os, sys, sysconfig, multiprocessing, subprocess
there = json.loads(subprocess.run([sys.executable, '-c',
  'import json, sys; print(json.dumps([sys.prefix, sys.base_prefix]))'],
  capture_output=True, text=True).stdout)
assert there == [sys.prefix, sys.base_prefix], there
assert os.path.dirname(os.__file__).startswith(sys.base_prefix) and 'site' in sys.modules
with multiprocessing.get_context('spawn').Pool(1) as pool:
    assert pool.map(len, ['abc']) == [3]
assert sys.stdout.encoding.lower() == 'utf-8'
print(sys.executable)
")"""
    )
    assert succeeds(run_code("Rscript", code)) == f"{sys.executable}\n"


def test_a_python_that_finds_its_name_on_path(tmp_path):
    """As for future Pythons, in which the name cannot be set in another way."""
    before = (
        "library(mxnet); ns <- asNamespace('mxnet'); unlockBinding('python_has', ns); assign('python_has', "
        "function(name) FALSE, ns)\npath <- Sys.getenv('PATH'); invisible(mx.nd.ones(1)); "
        "stopifnot(identical(path, Sys.getenv('PATH')))\nmxnet:::run_python('import sys; print(sys.prefix)')"
    )
    assert succeeds(run_code("Rscript", before)) == f"{sys.prefix}\n"


def test_reticulate_loaded_afterwards_sees_the_same_python():
    code = (
        RUN
        + """
        run("import mxr; mark = 'ours'; import numpy; array = numpy.arange(3.0)")
        library(reticulate)
        stopifnot(identical(py_eval("mark"), "ours"), identical(py_config()$python, Sys.getenv("MXR_PYTHON")))
        stopifnot(identical(py_eval("array.tolist()"), c(0, 1, 2)),
          identical(import("mxr")$`__name__`, "mxr"))
        f <- py_eval("lambda g: g(3)"); stopifnot(f(function(x) x + 1) == 4)
        e <- tryCatch(py_run_string("1/0"), error = conditionMessage)
        stopifnot(grepl("ZeroDivisionError", e))
        for (i in 1:300) x <- py_eval("[1]", convert = FALSE); invisible(gc())
        stopifnot(sum(as.array(mx.nd.ones(2) + 1)) == 4)
        cat("one Python")"""
    )
    assert succeeds(run_code("Rscript", code)) == "one Python"


THREADS = """
import atexit, threading, time
count = [0]
def work():
    while True:
        time.sleep(0.002)
        count[0] += 1
def late():
    time.sleep(0.3)
    print('thread')
threading.Thread(target=work, daemon=True).start()
atexit.register(lambda: print('exit function'))
def counted(): return count[0]
def start_late(): threading.Thread(target=late).start()
def say(): print('Python')
"""
VERBS = """
from mxr.r.bridge.registry import verb
verb('test.count')(counted), verb('test.late')(start_late), verb('test.say')(say)
"""


@pytest.mark.parametrize("host", HOSTS)
def test_threads_output_and_exit_functions(host, tmp_path):
    (tmp_path / "threads_for_test.py").write_text(THREADS + VERBS)
    begin = "suppressMessages(library(mxnet)); invisible(mx.nd.ones(1))\n" + (
        "mxnet:::run_python('import threads_for_test')\n"
        if host == "Rscript"
        else "invisible(mxnet:::call_python('test.import', 'threads_for_test'))\n"
    )
    code = (
        begin
        + """
        call <- function(...) invisible(mxnet:::call_python(...))
        ran <- function(work) { before <- call("test.count"); work; call("test.count") - before }
        if ((n <- ran(Sys.sleep(0.5))) < 20) stop("while R waits: ", n)
        if ((n <- ran({ end <- Sys.time() + 0.5; while (Sys.time() < end) for (i in 1:100) i })) < 20)
          stop("while R computes: ", n)
        cat("R one\n"); call("test.say"); cat("R two\n"); call("test.late")"""
    )
    if host == "Rscript":
        done = run_code(
            host,
            code,
            PYTHONPATH=os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep),
        )
    else:  # a Python program that runs a script by mxr's own command
        program = (
            "import sys\nimport importlib\nfrom mxr.__main__ import main\nfrom mxr.r.bridge.registry import "
            f"verb\nsys.path.insert(0, {str(tmp_path)!r})\nverb('test.import')(lambda name: "
            "importlib.import_module(name) and None)\nmain(['run', 'script.R'])"
        )
        (tmp_path / "script.R").write_text(code)
        done = subprocess.run(
            [sys.executable, "-c", program],
            cwd=tmp_path,
            env=environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=100,
        )
    assert succeeds(done).splitlines() == ["R one", "Python", "R two", "thread", "exit function"]


IGNORED = """
import signal, subprocess, sys, time
process = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
                           preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN))
for line in process.stdout:
    print(line, end="")
    if line == "ready\\n":
        time.sleep(0.2)
        process.send_signal(signal.SIGINT)
"""


@pytest.mark.parametrize("host", HOSTS)
def test_sigint_is_ignored_if_plain_r_ignores_it(host, tmp_path):
    """`nohup Rscript script.R &`: R's reaction to a Ctrl-C then depends on its version."""
    from tests.r.hosts import command

    work = (
        "end <- Sys.time() + 1; tryCatch({ cat('ready\\n'); while (Sys.time() < end) WORK; "
        "cat('went on\\n') }, interrupt = function(e) cat('stopped\\n'))\n"
    )
    (tmp_path / "plain.R").write_text(work.replace("WORK", "1"))
    (tmp_path / "script.R").write_text(
        "suppressMessages(library(mxnet)); a <- mx.nd.ones(c(300, 300))\n"
        + work.replace("WORK", "1")
        + work.replace("WORK", "for (i in 1:20) mx.nd.dot(a, a)")
    )

    def run(words, script):
        return subprocess.run(
            [sys.executable, "-c", IGNORED, *words, tmp_path / script],
            env=environment(),
            capture_output=True,
            text=True,
            timeout=100,
        ).stdout

    plain = run(command("Rscript"), "plain.R")
    assert plain in ("ready\nstopped\n", "ready\nwent on\n") and run(command(host), "script.R") == plain * 2
