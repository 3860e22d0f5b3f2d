"""What the user is told where something is missing or does not fit: by R, by `mxr run`, by `mxr doctor`, by `mxr install-r`."""
from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib

import pytest

import mxr
from mxr.r.host import doctor, install
from mxr.r.host import installation as host
from tests.r.hosts import environment, run_code

FIRST_CALL = "library(mxnet); f <- function() mx.symbol.Variable('x'); f()"


def run_mxr(*arguments, **variables):
    return subprocess.run([sys.executable, "-m", "mxr", *arguments], env=environment(**variables), stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=900)


def says(done, *words):
    """The process failed, and its standard error has all the words and nothing of Python's inside."""
    assert done.returncode == 1, done
    assert "Traceback" not in done.stderr and "mxr.op." not in done.stderr, done.stderr
    for word in words:
        assert word in done.stderr, done.stderr


@pytest.fixture
def library(tmp_path):
    """A copy of the installed R package, with no Python recorded in it."""
    where = next(path for path in (*map(os.path.abspath, environment()["R_LIBS"].split(os.pathsep)),) if os.path.isdir(f"{path}/mxnet"))
    shutil.copytree(f"{where}/mxnet", tmp_path / "library" / "mxnet")
    (tmp_path / "library" / "mxnet" / "python").unlink(missing_ok=True)
    return tmp_path / "library"


@pytest.fixture
def other_rpy2(tmp_path):
    """A folder for PYTHONPATH whose rpy2 does not fit: one that is as if it were not there, one built for a newer R."""
    def make(kind):
        folder = tmp_path / "path" / "rpy2"
        folder.mkdir(parents=True)
        (folder / "__init__.py").write_text("")
        if kind == "newer":
            for part, text in (("situation", ""), ("rinterface_lib", "")):
                (folder / part).mkdir()
                (folder / part / "__init__.py").write_text(text)
            (folder / "rinterface_lib" / "openrlib.py").write_text("raise ImportError('_rinterface_cffi_api.abi3.so: undefined symbol: R_getVar')")
        return os.pathsep.join([str(folder.parent), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)
    return make


# --------------------------------------------------------------------------------------------------- R looks for Python

def test_no_python_is_known(library, tmp_path):
    done = run_code("Rscript", FIRST_CALL, R_LIBS=str(library), MXR_PYTHON="")
    says(done, "Error in mx.symbol.Variable(", "no Python was recorded", "mxr install-r", "MXR_PYTHON")


def test_the_recorded_python_is_gone(library):
    (library / "mxnet" / "python").write_text("/gone/bin/python\n")
    says(run_code("Rscript", FIRST_CALL, R_LIBS=str(library), MXR_PYTHON=""), "/gone/bin/python", "is gone", "mxr install-r")


def test_mxr_python_does_not_exist():
    says(run_code("Rscript", FIRST_CALL, MXR_PYTHON="/no/python"), "MXR_PYTHON is /no/python, which does not exist")


def test_the_venv_of_a_checkout_is_found(library, tmp_path):
    below = tmp_path / "checkout" / "scripts"
    below.mkdir(parents=True)
    (tmp_path / "checkout" / ".venv" / "bin").mkdir(parents=True)
    (tmp_path / "checkout" / ".venv" / "bin" / "python").write_text("")
    done = run_code("Rscript", "cat(mxnet:::find_python())", R_LIBS=str(library), MXR_PYTHON="", cwd=below)
    assert done.stdout == str(tmp_path / "checkout" / ".venv" / "bin" / "python"), done


def test_the_option_wins_over_the_variable():
    done = run_code("Rscript", "options(MXR_PYTHON = '/optional/python')\n" + FIRST_CALL)
    says(done, "/optional/python, which does not exist")


def test_a_python_without_mxr(tmp_path):
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "other"], check=True)
    python = str(tmp_path / "other" / "bin" / "python")
    says(run_code("Rscript", FIRST_CALL, MXR_PYTHON=python, PYTHONPATH=""), python, "has no package mxr", "MXR_PYTHON")
    running = f"reticulate::use_python('{python}', required = TRUE); reticulate::py_run_string('1')\n"
    says(run_code("Rscript", running + FIRST_CALL, PYTHONPATH=""), python, "which this session has started already", "has no package mxr")


def test_no_reticulate():
    hide = ("ns <- asNamespace('mxnet'); f <- ns$embed_python; environment(f) <- list2env(list(requireNamespace = function(...) FALSE), parent = ns)\n"
            "unlockBinding('embed_python', ns); assign('embed_python', f, ns)\n")
    says(run_code("Rscript", "library(mxnet)\n" + hide + FIRST_CALL), 'install.packages("reticulate")', "mxr run script.R")


def test_the_session_stays_usable_after_a_failed_start():
    code = ("library(mxnet); good <- Sys.getenv('MXR_PYTHON'); Sys.setenv(MXR_PYTHON = '/no/python')\n"
            "stopifnot(inherits(try(mx.nd.array(1:3), silent = TRUE), 'try-error')); Sys.setenv(MXR_PYTHON = good)\n"
            "stopifnot(as.array(mx.nd.array(1:3)) == 1:3)")
    done = run_code("Rscript", code)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("kind, words", [("newer", "does not fit this R"), ("none", "has no rpy2")])
def test_wrong_rpy2(kind, words, other_rpy2):
    path = other_rpy2(kind)
    install_it = " ".join(repr(p) for p in host.rpy2_for(host.r_version()))
    says(run_code("Rscript", FIRST_CALL, PYTHONPATH=path), words, install_it)
    says(run_mxr("run", "-e", "1", PYTHONPATH=path), words, install_it)
    done = run_mxr("doctor", PYTHONPATH=path)
    assert done.returncode == 1 and words in done.stdout and f"-> {sys.executable} -m pip install {install_it}" in done.stdout, done.stdout


def test_versions_that_differ_are_noticed(library):
    description = library / "mxnet" / "DESCRIPTION"
    code = "library(mxnet); invisible(mx.nd.array(1))"
    subprocess.run([host.r_home() / "bin" / "Rscript", "-e", f"f <- '{library}/mxnet/Meta/package.rds'; p <- readRDS(f); "
                    "p$DESCRIPTION[['Version']] <- '0.0.9'; saveRDS(p, f)"], check=True)
    description.write_text(description.read_text().replace(f"Version: {mxr.__version__}", "Version: 0.0.9"))
    done = run_code("Rscript", code, R_LIBS=str(library))
    assert "the R package mxnet is 0.0.9, mxr in Python is" in done.stderr and "mxr install-r" in done.stderr, done.stderr


# ---------------------------------------------------------------------------------------------------- Python looks for R

def test_no_r():
    done = run_mxr("run", "-e", "1", PATH="/nowhere", R_HOME="")
    says(done, "mxr run: R was not found", "r-base-core")
    done = run_mxr("doctor", PATH="/nowhere", R_HOME="")
    assert done.returncode == 1 and "R was not found" in done.stdout, done


def test_a_wrong_r_home():
    says(run_mxr("run", "-e", "1", R_HOME="/no/R"), "/no/R", "unset R_HOME")


def test_no_script():
    says(run_mxr("run", "nothing.R"), "cannot open nothing.R: no such file")
    assert run_mxr("run").returncode == 2 and run_mxr("rum").returncode == 2 and "mxr run SCRIPT.R" in run_mxr("--help").stdout


# -------------------------------------------------------------------------------------------------- doctor and install-r

def test_everything_fits_here():
    done = run_mxr("doctor")
    assert done.returncode == 0, done.stdout + done.stderr
    for what in ("R ", "rpy2", "libpython", "NumPy", "reticulate", "mxnet", "Rscript", "mxr run"):
        assert f"  ok  {what}" in done.stdout, done.stdout
    assert done.stdout.endswith("everything fits together\n")


def test_the_doctor_names_a_package_installed_for_another_python(library, monkeypatch, capsys):
    (library / "mxnet" / "python").write_text("/other/bin/python\n")
    monkeypatch.setattr(host, "library_environment", lambda: {"R_LIBS": str(library)})
    report = doctor.Report()
    doctor.check_packages(report)
    assert not report.healthy and "was installed for /other/bin/python" in capsys.readouterr().out


@pytest.mark.parametrize("r, rpy2, healthy", [((4, 2, 2), "3.6.5", True), ((4, 2, 2), "3.6.7", False), ((4, 5, 0), "3.6.5", False), ((4, 4, 3), "3.5.17", True)])
def test_which_rpy2_fits_which_r(r, rpy2, healthy, monkeypatch, capsys):
    monkeypatch.setattr(doctor, "version_of", lambda distribution: rpy2)
    monkeypatch.setattr(host, "r_version", lambda: r)
    report = doctor.Report()
    doctor.check_rpy2(report, r)
    assert report.healthy is healthy
    if not healthy:
        assert " ".join(map(repr, host.rpy2_for(r))) in capsys.readouterr().out


def test_an_old_r_is_refused(monkeypatch, capsys):
    monkeypatch.setattr(host, "r_version", lambda: (4, 1, 3))
    report = doctor.Report()
    assert doctor.check_r(report) is None and not report.healthy and "install R 4.2 or newer" in capsys.readouterr().out


def test_install_r_records_this_python(tmp_path):
    done = run_mxr("install-r", "--lib", str(tmp_path / "lib"))
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "lib" / "mxnet" / "python").read_text().strip() == sys.executable
    done = run_code("Rscript", "stopifnot(as.array(mxnet::mx.nd.array(1:3)) == 1:3)", R_LIBS=str(tmp_path / "lib"), MXR_PYTHON="")
    assert done.returncode == 0, done.stderr


def test_the_pins_of_the_project_are_those_of_the_doctor():
    with open(install.CHECKOUT / "pyproject.toml", "rb") as file:
        assert tomllib.load(file)["project"]["optional-dependencies"]["r"] == host.rpy2_for((4, 2, 2))


# Every mismatch that the doctor knows, as if it were so: what is faked, what the report says, which remedy it names.

class Done:
    def __init__(self, stdout="", returncode=0, stderr=""):
        self.stdout, self.returncode, self.stderr = stdout, returncode, stderr


def packages(reticulate="1.28", mxnet=None, where="/lib/mxnet", python=sys.executable):
    return Done("\n".join([reticulate, mxr.__version__ if mxnet is None else mxnet, where, python, "/lib", "4"]))


def fitting(monkeypatch):
    """A world in which all is well, without starting anything."""
    monkeypatch.setattr(host, "r_home", lambda: "/usr/lib/R")
    monkeypatch.setattr(host, "r_version", lambda: (4, 2, 2))
    monkeypatch.setattr(host, "load_libr", lambda: None)
    monkeypatch.setattr(doctor, "libpython", lambda: "/usr/lib/libpython.so")
    monkeypatch.setattr(doctor, "version_of", lambda d: "3.6.5")
    good = Done(f"door: {mxr.__version__}")
    monkeypatch.setattr(doctor, "ask_r", lambda code, **e: packages() if code == doctor.PROBE else good)
    monkeypatch.setattr(doctor.subprocess, "run", lambda *a, **k: good if "-e" in a[0] else Done("API"))


def raises(error):
    def function(*a, **k):
        raise error
    return function


AGAIN = f"{sys.executable} -m mxr install-r"
MISMATCHES = {
    "no R": ((host, "r_home", raises(host.RNotFound("R was not found"))), "R was not found", "r-base-core"),
    "R without a shared library": ((host, "load_libr", raises(host.RNotFound("built without --enable-R-shlib"))), "--enable-R-shlib", "r-base-core"),
    "a libR that does not load": ((host, "load_libr", raises(OSError("libR.so: wrong ELF class"))), "wrong ELF class", "r-base-core"),
    "an old R": ((host, "r_version", lambda: (4, 1, 3)), "4.1.3", "install R 4.2 or newer"),
    "no libpython": ((doctor, "libpython", lambda: None), "no shared library", "apt-get install libpython"),
    "no rpy2": ((doctor, "version_of", lambda d: None), "missing", "rpy2-rinterface==3.6.5"),
    "an rpy2 for a newer R": ((doctor, "version_of", lambda d: "3.6.7"), "for R 4.5 and newer", "rpy2-rinterface==3.6.5"),
    "an rpy2 for an older R": ((host, "r_version", lambda: (4, 5, 1)), "for R before 4.5", "rpy2-rinterface>=3.6.7"),
    "an rpy2 that does not load": ((doctor.subprocess, "run", lambda *a, **k: Done(returncode=1, stderr="x\nmxr.operator.errors.MxError: no _rinterface")), "no _rinterface", "--force-reinstall"),
    "an Rscript that does not run": ((doctor, "ask_r", lambda code, **e: Done(returncode=1, stderr="Fatal error")), "Fatal error", "make `Rscript -e 1` work"),
    "no reticulate": ((doctor, "ask_r", lambda code, **e: packages(reticulate="")), "missing: Rscript cannot start Python", 'install.packages("reticulate")'),
    "no R package": ((doctor, "ask_r", lambda code, **e: packages(mxnet="", where="")), "not installed where R looks", AGAIN),
    "an R package of another version": ((doctor, "ask_r", lambda code, **e: packages(mxnet="0.0.1")), "is 0.0.1, mxr is", AGAIN),
    "an R package for another Python": ((doctor, "ask_r", lambda code, **e: packages(python="/other/python")), "was installed for /other/python", "MXR_PYTHON="),
    "an R package for no Python": ((doctor, "ask_r", lambda code, **e: packages(python="")), "was installed for no Python", AGAIN),
    "a door that stays shut": ((doctor, "ask_r", lambda code, **e: packages() if code == doctor.PROBE else Done(stderr="segfault", returncode=139)), "does not reach mxr: segfault", "this is a defect"),
}


@pytest.mark.parametrize("mismatch", MISMATCHES)
def test_mismatch(mismatch, monkeypatch, capsys):
    (where, name, fake), says_, remedy = MISMATCHES[mismatch]
    fitting(monkeypatch)
    assert doctor.doctor() == 0, capsys.readouterr().out
    capsys.readouterr()
    monkeypatch.setattr(where, name, fake)
    assert doctor.doctor() == 1
    report = capsys.readouterr().out
    bad = [(a, b) for a, b in zip(report.splitlines(), report.splitlines()[1:]) if a.startswith("  !!")]
    assert any(says_ in a and b.startswith("        -> ") and remedy in b for a, b in bad), report
    assert report.endswith("follow the arrows, then run `mxr doctor` again\n")


def test_the_report_names_everything(monkeypatch, capsys):
    fitting(monkeypatch)
    doctor.doctor()
    report = capsys.readouterr().out
    for what in ("mxr", "Python", "libpython", "NumPy", "BLAS: ", "R ", "rpy2", "R libraries", "reticulate", "mxnet", "Rscript", "mxr run"):
        assert what in report


@pytest.mark.parametrize("own, set_to, slow", [("SkylakeX", "Haswell", True), ("Haswell", "HASWELL", False), ("SkylakeX", None, False), ("", "Haswell", False)])
def test_a_blas_for_another_processor(own, set_to, slow, monkeypatch, capsys):
    monkeypatch.delenv("OPENBLAS_CORETYPE", raising=False)
    if set_to:
        monkeypatch.setenv("OPENBLAS_CORETYPE", set_to)
    monkeypatch.setattr(doctor, "openblas_kind", lambda: own)
    monkeypatch.setattr(doctor.threads, "workers", doctor.threads.cpus)
    report = doctor.Report()
    doctor.check_speed(report)
    said = capsys.readouterr().out
    assert report.healthy and ((f"OPENBLAS_CORETYPE={set_to}" in said and own in said and "-> unset OPENBLAS_CORETYPE" in said) if slow else not said), said


def test_the_kind_of_processor_does_not_follow_the_variable(monkeypatch):
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Nehalem")
    first = doctor.openblas_kind()
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Haswell")
    assert first == doctor.openblas_kind() and len(first.split()) <= 1


def test_fewer_threads_than_processors(monkeypatch, capsys):
    monkeypatch.delenv("OPENBLAS_CORETYPE", raising=False)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setattr(doctor.threads, "cpus", lambda: 4)
    monkeypatch.setattr(doctor.threads, "workers", lambda: 1)
    report = doctor.Report()
    doctor.check_speed(report)
    said = capsys.readouterr().out
    assert report.healthy and "OMP_NUM_THREADS=1 has mxr use 1 of 4 processors" in said and "-> unset OMP_NUM_THREADS" in said, said
