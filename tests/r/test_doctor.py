"""Messages when something is missing or does not fit: of R, `mxr run`, `mxr doctor` and `mxr install-r`."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pytest

import mxr
from mxr.r.host import doctor
from mxr.r.host import installation as host
from tests.r.hosts import environment, run_code

FIRST_CALL = "library(mxnet); f <- function() mx.symbol.Variable('x'); f()"


def run_mxr(*arguments, **variables):
    return subprocess.run(
        [sys.executable, "-m", "mxr", *arguments],
        env=environment(**variables),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=900,
    )


def says(done, *words):
    """The process failed, and its standard error has all the words and no Python traceback."""
    assert done.returncode == 1, done
    assert "Traceback" not in done.stderr and "mxr.op." not in done.stderr, done.stderr
    for word in words:
        assert word in done.stderr, done.stderr


@pytest.fixture
def library(tmp_path):
    """A copy of the installed R package, with no Python recorded in it."""
    where = next(
        path
        for path in (*map(os.path.abspath, environment()["R_LIBS"].split(os.pathsep)),)
        if os.path.isdir(f"{path}/mxnet")
    )
    shutil.copytree(f"{where}/mxnet", tmp_path / "library" / "mxnet")
    (tmp_path / "library" / "mxnet" / "python").unlink(missing_ok=True)
    return tmp_path / "library"


@pytest.fixture
def other_rpy2(tmp_path):
    """A folder for PYTHONPATH with a wrong rpy2: one that cannot be imported, or one built for a newer R."""

    def make(kind):
        folder = tmp_path / "path" / "rpy2"
        folder.mkdir(parents=True)
        (folder / "__init__.py").write_text("")
        if kind == "newer":
            for part, text in (("situation", ""), ("rinterface_lib", "")):
                (folder / part).mkdir()
                (folder / part / "__init__.py").write_text(text)
            (folder / "rinterface_lib" / "openrlib.py").write_text(
                "raise ImportError('_rinterface_cffi_api.abi3.so: undefined symbol: R_getVar')"
            )
        return os.pathsep.join([str(folder.parent), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)

    return make


# ----------------------------------------------------------------------------------------------- R and Python


@pytest.mark.parametrize("kind, words", [("newer", "does not fit this R"), ("none", "has no rpy2")])
def test_wrong_rpy2(kind, words, other_rpy2):
    path = other_rpy2(kind)
    install_it = f"{sys.executable} -m mxr install-rpy2"
    says(run_code("Rscript", FIRST_CALL, PYTHONPATH=path), words, install_it)
    says(run_mxr("run", "-e", "1", PYTHONPATH=path), words, install_it)
    done = run_mxr("doctor", PYTHONPATH=path)
    assert done.returncode == 1 and words in done.stdout and f"-> {install_it}" in done.stdout, done.stdout


def test_versions_that_differ_are_noticed(library):
    description = library / "mxnet" / "DESCRIPTION"
    code = "library(mxnet); invisible(mx.nd.array(1))"
    subprocess.run(
        [
            host.r_home() / "bin" / "Rscript",
            "-e",
            f"f <- '{library}/mxnet/Meta/package.rds'; p <- readRDS(f); "
            "p$DESCRIPTION[['Version']] <- '0.0.9'; saveRDS(p, f)",
        ],
        check=True,
    )
    description.write_text(description.read_text().replace(f"Version: {mxr.__version__}", "Version: 0.0.9"))
    done = run_code("Rscript", code, R_LIBS=str(library))
    assert (
        "the R package mxnet is 0.0.9, mxr in Python is" in done.stderr and "mxr install-r" in done.stderr
    ), done.stderr


# ----------------------------------------------------------------------------------------- Python looks for R


def test_no_r():
    done = run_mxr("run", "-e", "1", PATH="/nowhere", R_HOME="")
    says(done, "mxr run: R was not found", "r-base-core")
    done = run_mxr("doctor", PATH="/nowhere", R_HOME="")
    assert done.returncode == 1 and "R was not found" in done.stdout, done


def test_a_wrong_r_home():
    says(run_mxr("run", "-e", "1", R_HOME="/no/R"), "/no/R", "unset R_HOME")


def test_no_script():
    says(run_mxr("run", "nothing.R"), "cannot open nothing.R: no such file")
    says(run_mxr("run", "-e"), "-e needs R code")
    says(run_mxr("run", "-x"), "there is no option -x")
    assert run_mxr("rum").returncode == 2 and "mxr run SCRIPT.R" in run_mxr("--help").stdout


# --------------------------------------------------------------------------------------- doctor and install-r


def test_everything_fits_here():
    # follows: run the doctor by that Python
    done = run_mxr("doctor")
    assert done.returncode == 0, done.stdout + done.stderr
    for what in ("R ", "rpy2", "libpython", "NumPy", "computing", "mxnet", "for R", "Rscript", "mxr run"):
        assert f"  ok  {what}" in done.stdout, done.stdout
    assert done.stdout.endswith("everything fits together\n")


def test_the_doctor_names_a_package_installed_for_another_python(library, monkeypatch, capsys):
    monkeypatch.setattr(host, "library_environment", lambda: {"R_LIBS": str(library)})
    for variable in ("MXR_PYTHON", "RETICULATE_PYTHON", "CONDA_PREFIX"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.chdir(library)
    other = library / "other"
    other.mkdir()
    (other / "python").symlink_to(sys.executable)
    (library / "mxnet" / "python").write_text(f"{other}/python\n")
    report = doctor.Report()
    doctor.check_packages(report)
    said = capsys.readouterr().out
    assert not report.healthy and f"R would take the Python {other}/python, because of the record" in said, (
        said
    )


@pytest.mark.parametrize(
    "r, rpy2, healthy",
    [
        ((4, 2, 2), "3.6.5", True),
        ((4, 2, 2), "3.6.7", False),
        ((4, 5, 0), "3.6.5", False),
        ((4, 4, 3), "3.5.17", True),
    ],
)
def test_which_rpy2_fits_which_r(r, rpy2, healthy, monkeypatch, capsys):
    monkeypatch.setattr(host.metadata, "version", lambda distribution: rpy2)
    assert bool(host.rpy2_misfit(r)) is not healthy
    lowest = host.rpy2_for(r)[1].replace(">=", "==").partition("==")[2]
    monkeypatch.setattr(host.metadata, "version", lambda distribution: lowest)
    assert not host.rpy2_misfit(r)


def test_an_old_r_is_refused(monkeypatch, capsys):
    monkeypatch.setattr(host, "r_version", lambda: (4, 1, 3))
    report = doctor.Report()
    assert (
        doctor.check_r(report) is None
        and not report.healthy
        and "install R 4.2 or newer" in capsys.readouterr().out
    )


def test_r_and_python_know_the_same_rpy2():
    versions = [(4, 2, 2), (4, 4, 3), (4, 5, 0), (5, 0, 1)]
    code = "\n".join(
        f"cat(mxnet:::rpy2_for(numeric_version('{'.'.join(map(str, v))}')), '\\n')" for v in versions
    )
    done = run_code("Rscript", "library(mxnet)\n" + code)
    assert [line.split() for line in done.stdout.splitlines()] == [host.rpy2_for(v) for v in versions], done


# Every mismatch that the doctor reports, simulated: the faked value, the report's text, and the remedy that
# it
# names.


class Done:
    def __init__(self, stdout="", returncode=0, stderr=""):
        self.stdout, self.returncode, self.stderr = stdout, returncode, stderr


def packages(
    reticulate="1.41",
    mxnet=None,
    where="/lib/mxnet",
    python=sys.executable,
    stamp="",
    why="the record of the installation",
):
    return Done(
        "\n".join(
            [
                "a profile's words",
                "== probe",
                reticulate,
                mxr.__version__ if mxnet is None else mxnet,
                where,
                stamp,
                "/lib",
                python,
                why,
            ]
        )
    )


def fitting(monkeypatch):
    """A fake environment in which everything fits, without starting anything."""
    monkeypatch.setattr(host, "r_home", lambda: "/usr/lib/R")
    monkeypatch.setattr(host, "r_version", lambda: (4, 2, 2))
    monkeypatch.setattr(host, "load_libr", lambda: None)
    monkeypatch.setattr(doctor, "libpython", lambda: "/usr/lib/libpython.so")
    monkeypatch.setattr(host.metadata, "version", lambda d: "3.6.5")
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
    "R without a shared library": (
        (host, "load_libr", raises(host.RNotFound("built without --enable-R-shlib"))),
        "--enable-R-shlib",
        "r-base-core",
    ),
    "a libR that does not load": (
        (host, "load_libr", raises(OSError("libR.so: wrong ELF class"))),
        "wrong ELF class",
        "r-base-core",
    ),
    "an old R": ((host, "r_version", lambda: (4, 1, 3)), "4.1.3", "install R 4.2 or newer"),
    "no libpython": ((doctor, "libpython", lambda: None), "no shared library", "apt-get install libpython"),
    "no rpy2": (
        (host.metadata, "version", raises(host.metadata.PackageNotFoundError())),
        "missing",
        "mxr install-rpy2",
    ),
    "an rpy2 for a newer R": (
        (host.metadata, "version", lambda d: "3.6.7"),
        "for R 4.5 and newer",
        "mxr install-rpy2",
    ),
    "an rpy2 for an older R": (
        (host, "r_version", lambda: (4, 5, 1)),
        "for R before 4.5",
        "mxr install-rpy2",
    ),
    "an rpy2 that does not load": (
        (
            doctor.subprocess,
            "run",
            lambda *a, **k: Done(returncode=1, stderr="x\nmxr.operator.errors.MxError: no _rinterface"),
        ),
        "no _rinterface",
        "mxr install-rpy2 --again",
    ),
    "an Rscript that does not run": (
        (doctor, "ask_r", lambda code, **e: Done(returncode=1, stderr="Fatal error")),
        "Fatal error",
        "make `Rscript -e 1` work",
    ),
    "no R package": (
        (doctor, "ask_r", lambda code, **e: packages(mxnet="", where="")),
        "not installed where R looks",
        AGAIN,
    ),
    "an R package of another version": (
        (doctor, "ask_r", lambda code, **e: packages(mxnet="0.0.1")),
        "is 0.0.1, mxr in Python is",
        AGAIN,
    ),
    "an R package for another Python": (
        (doctor, "ask_r", lambda code, **e: packages(python="/other/python", why="VIRTUAL_ENV")),
        "R would take the Python /other/python, because of VIRTUAL_ENV",
        "MXR_PYTHON=",
    ),
    "an R package for no Python": (
        (doctor, "ask_r", lambda code, **e: packages(python="", why="no Python was recorded")),
        "no Python was recorded",
        AGAIN,
    ),
    "an edited R package": (
        (doctor, "ask_r", lambda code, **e: packages(stamp="0123 R/model.R;4567 NAMESPACE")),
        "from other files than those of this mxr",
        AGAIN,
    ),
    "an R that does not reach mxr": (
        (
            doctor,
            "ask_r",
            lambda code, **e: packages() if code == doctor.PROBE else Done(stderr="segfault", returncode=139),
        ),
        "does not reach mxr: segfault",
        "this is a defect",
    ),
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
    for what in (
        "mxr",
        "Python",
        "libpython",
        "NumPy",
        "BLAS: ",
        "R ",
        "rpy2",
        "R libraries",
        "reticulate",
        "mxnet",
        "Rscript",
        "mxr run",
    ):
        assert what in report


@pytest.mark.parametrize(
    "own, set_to, slow",
    [
        ("SkylakeX", "Haswell", True),
        ("Haswell", "HASWELL", False),
        ("SkylakeX", None, False),
        # follows: unset OPENBLAS_CORETYPE
        ("", "Haswell", False),
    ],
)
def test_a_blas_for_another_processor(own, set_to, slow, monkeypatch, capsys):
    monkeypatch.delenv("OPENBLAS_CORETYPE", raising=False)
    if set_to:
        monkeypatch.setenv("OPENBLAS_CORETYPE", set_to)
    monkeypatch.setattr(doctor, "openblas_kind", lambda: own)
    monkeypatch.setattr(doctor.threads, "workers", doctor.threads.cpus)
    report = doctor.Report()
    doctor.check_speed(report)
    said = capsys.readouterr().out
    assert report.healthy and (
        (f"OPENBLAS_CORETYPE={set_to}" in said and own in said and "-> unset OPENBLAS_CORETYPE" in said)
        if slow
        else not said
    ), said


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
    assert (
        report.healthy
        and "OMP_NUM_THREADS=1 has mxr use 1 of 4 processors" in said
        and "-> unset OMP_NUM_THREADS" in said
    ), said
    # follows: unset OMP_NUM_THREADS
    monkeypatch.undo()
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    doctor.check_speed(report)
    assert "OMP_NUM_THREADS" not in capsys.readouterr().out


@pytest.mark.parametrize(
    "reticulate, python, numpy, says_, remedy",
    [
        ("1.28", (3, 12, 1), "2.4.6", "cannot work with Python 3.12 and newer", "or Python 3.11"),
        ("1.32", (3, 13, 0), "1.26", "cannot work with Python 3.12 and newer", "mxr run"),
        ("1.28", (3, 11, 7), "2.4.6", "does not know NumPy 2", "install.packages"),
        ("1.41", (3, 13, 0), "2.5.5", "", ""),
        ("", (3, 13, 0), "2.5.5", "not needed", ""),
    ],
)
def test_reticulate_against_python_and_numpy(reticulate, python, numpy, says_, remedy, monkeypatch, capsys):
    fitting(monkeypatch)
    monkeypatch.setattr(doctor.sys, "version_info", python)
    monkeypatch.setattr(doctor.np, "__version__", numpy)
    report = doctor.Report()
    doctor.check_reticulate(report, reticulate)
    said = capsys.readouterr().out
    assert report.healthy and says_ in said and remedy in said and ("  --  " in said) == bool(remedy), said
