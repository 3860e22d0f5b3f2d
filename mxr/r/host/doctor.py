"""`mxr doctor`: what is installed, whether the parts fit together, and what to do if they do not."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import sysconfig
from importlib import metadata
from pathlib import Path

import numpy as np

import mxr
from mxr import __version__, config, native
from mxr.operator import MxError
from mxr.r.host import installation as host
from mxr.r.host.stamp import mismatch
from mxr.runtime import onednn, threads

# R code that prints a line for each of: reticulate's version; mxnet's version, folder and stamp; R's
# libraries; the Python that library(mxnet) would use, and why.
PROBE = """
of <- function(p) tryCatch(as.character(packageVersion(p)), error = function(e) "")
where <- system.file(package = "mxnet")
stamp <- file.path(where, "stamp")
failed <- function(e) list(problem = conditionMessage(e))
found <- if (nzchar(where)) tryCatch(mxnet::mx.python(), error = failed)
cat("== probe", of("reticulate"), of("mxnet"), where,
    if (nzchar(where) && file.exists(stamp)) paste(readLines(stamp), collapse = ";") else "",
    paste(.libPaths(), collapse = " "), if (is.null(found$problem)) found$python else "",
    gsub("\n", " ", paste(c(found$why, found$problem), collapse = "")), sep = "\n")
"""
DOOR = 'cat("door:", mxnet:::call_python("bridge.version"))'  # R code
KIND = (  # Python code
    "import numpy, threadpoolctl; print(*{p.get('architecture') for p in threadpoolctl.threadpool_info() if "
    "p['internal_api'] == 'openblas'})"
)


class Report:
    """Prints the lines of the report; `healthy` is whether none of them is bad."""

    healthy = True

    def good(self, what: str, text: str) -> None:
        print(f"  ok  {what:<11} {text}", flush=True)

    def slow(self, what: str, text: str, remedy: str) -> None:
        print(f"  --  {what:<11} {text}\n        -> {remedy}", flush=True)

    def bad(self, what: str, text: str, remedy: str) -> None:
        self.healthy = False
        print(f"  !!  {what:<11} {text}\n        -> {remedy}", flush=True)


def version_of(distribution: str) -> str | None:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdigit())


def libpython() -> Path | None:
    """The shared library of this Python, which R needs to start it."""
    names = [sysconfig.get_config_var(v) or "" for v in ("INSTSONAME", "LDLIBRARY")]
    folders = [
        sysconfig.get_config_var("LIBDIR") or "",
        str(Path(sys.base_prefix) / "lib"),
        f"/usr/lib/{sysconfig.get_config_var('MULTIARCH') or ''}",
    ]
    for folder in folders:
        for name in names:
            path = Path(folder) / name
            if name.endswith((".so", ".dylib")) or ".so." in name:
                if path.exists():
                    return path
    return None


def ask_r(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [host.r_home() / "bin" / "Rscript", "-e", code],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        env={**os.environ, **host.library_environment(), **environment},
        timeout=120,
    )


def main(arguments: list[str]) -> int:
    """The command `mxr doctor`."""
    argparse.ArgumentParser(
        "mxr doctor", description="Say what is installed, whether it fits together, and what to do."
    ).parse_args(arguments)
    return doctor()


def doctor() -> int:
    """Print the report; 0 when everything fits together."""
    report = Report()
    report.good("mxr", f"{__version__} in {Path(mxr.__file__).resolve().parent}")
    check_python(report)
    check_speed(report)
    r = check_r(report)
    if r:
        fits = check_rpy2(report, r)
        installed = check_packages(report)
        if fits and installed:
            check_doors(report)
    print("everything fits together" if report.healthy else "follow the arrows, then run `mxr doctor` again")
    return 0 if report.healthy else 1


def check_python(report: Report) -> None:
    report.good("Python", f"{sys.version.split()[0]} ({sys.executable})")
    library = libpython()
    if library:
        report.good("libpython", str(library))
    else:
        minor = f"{sys.version_info.major}.{sys.version_info.minor}"
        report.bad(
            "libpython",
            "this Python has no shared library, so Rscript cannot start it (`mxr run script.R` can)",
            f"Debian, Ubuntu: apt-get install libpython{minor}; pyenv: "
            f"PYTHON_CONFIGURE_OPTS=--enable-shared pyenv install {minor}",
        )
    report.good("NumPy", f"{np.__version__}, SciPy {version_of('scipy')}, BLAS: {config.blas()}")
    report.good("computing", native.description())
    report.good("oneDNN", onednn.description())


def check_speed(report: Report) -> None:
    """Variables of the environment that make NumPy or mxr slower than they need be."""
    kind = os.environ.get("OPENBLAS_CORETYPE")
    own = openblas_kind() if kind else ""
    if kind and own and own.lower() != kind.lower():
        report.slow(
            "speed",
            f"OPENBLAS_CORETYPE={kind} has NumPy multiply matrices as for another processor than "
            f"this one ({own})",
            "unset OPENBLAS_CORETYPE",
        )
    if threads.workers() < threads.cpus():
        report.slow(
            "speed",
            f"OMP_NUM_THREADS={os.environ.get('OMP_NUM_THREADS')} has mxr use {threads.workers()} of "
            f"{threads.cpus()} processors",
            "unset OMP_NUM_THREADS, unless other programs need them",
        )


def openblas_kind() -> str:
    """The kind of processor that OpenBLAS finds by itself."""
    plain = {k: v for k, v in os.environ.items() if k != "OPENBLAS_CORETYPE"}
    return subprocess.run(
        [sys.executable, "-c", KIND], stdin=subprocess.DEVNULL, capture_output=True, text=True, env=plain
    ).stdout.strip()


def check_r(report: Report) -> tuple[int, ...] | None:
    try:
        home, version = host.r_home(), host.r_version()
        host.load_libr()
    except (MxError, OSError) as error:
        report.bad("R", str(error), "install R 4.2 or newer (Debian, Ubuntu: apt-get install r-base-core)")
        return None
    text = f"{'.'.join(map(str, version))} ({home})"
    if version < (4, 2):
        report.bad("R", text, "install R 4.2 or newer")
        return None
    report.good("R", text)
    return version


def check_rpy2(report: Report, r: tuple[int, ...]) -> bool:
    misfit = host.rpy2_misfit(r)
    if misfit:
        report.bad("rpy2", misfit, host.rpy2_remedy())
        return False
    code = (
        "from mxr.r import host; host.load_libr(); host.import_rpy2(); "
        "from rpy2.rinterface_lib import openrlib as o; print(o.cffi_mode.name)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], stdin=subprocess.DEVNULL, capture_output=True, text=True
    )
    found = version_of("rpy2-rinterface")
    if done.returncode:
        report.bad(
            "rpy2",
            f"{found}: {last_line(done.stderr).removeprefix('mxr.operator.errors.MxError: ')}",
            host.rpy2_remedy(again=True),
        )
        return False
    report.good("rpy2", f"rpy2-rinterface {found}, {done.stdout.strip()} mode")
    return True


def check_packages(report: Report) -> bool:
    """Report what R finds of its packages. Whether mxnet is installed."""
    done = ask_r(PROBE)
    lines = done.stdout.partition("== probe\n")[2].splitlines()
    if done.returncode or len(lines) < 7:
        report.bad("Rscript", last_line(done.stderr), "make `Rscript -e 1` work first")
        return False
    reticulate, package, where, stamp, libraries, python, why = lines[:7]
    report.good("R libraries", libraries)
    check_reticulate(report, reticulate)
    again = f"{sys.executable} -m mxr install-r"
    if not package:
        report.bad("mxnet", "the R package is not installed where R looks for it", again)
        return False
    if differs := mismatch(package, stamp.split(";")):
        report.bad("mxnet", f"{differs.partition(': run')[0]} (it is in {where})", again)
    else:
        report.good("mxnet", f"{package} in {where}")
    if not python:
        report.bad("for R", why, f"{again} (records this Python)")
    elif python != sys.executable:
        report.bad(
            "for R",
            f"R would take the Python {python}, because of {why}; this is {sys.executable}",
            f"{again} (or run the doctor by that Python, or set MXR_PYTHON={sys.executable})",
        )
    else:
        report.good("for R", f"R takes this Python, because of {why}")
    return True


def check_reticulate(report: Report, version: str) -> None:
    """mxnet does not need reticulate. Scripts may use it; then it must work with this Python and this
    NumPy."""
    if not version:
        report.good("reticulate", "not installed, and not needed")
        return
    newer = 'a newer reticulate: install.packages("reticulate") in R'
    if numbers(version) < (1, 33) and sys.version_info >= (3, 12):
        report.slow(
            "reticulate",
            f"{version} cannot work with Python 3.12 and newer (it imports `imp`); mxnet alone can",
            f"for scripts that use reticulate themselves: {newer}, or Python 3.11; others run as they are, "
            "also by `mxr run`",
        )
    elif numbers(version) < (1, 38) and numbers(np.__version__) >= (2,):
        report.slow(
            "reticulate",
            f"{version} does not know NumPy 2: it leaves arrays unconverted in scripts that use it "
            "themselves; mxnet does not go through it",
            f"{newer}, or there `reticulate::py_eval(\"x.tolist()\")`",
        )
    else:
        report.good("reticulate", version)


def check_doors(report: Report) -> None:
    """A call through the door, from both sides."""
    hosted = subprocess.run(
        [sys.executable, "-m", "mxr", "run", "-e", DOOR],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
    )
    for what, done in (("Rscript", ask_r(DOOR)), ("mxr run", hosted)):
        if done.returncode == 0 and f"door: {__version__}" in done.stdout:
            report.good(what, "reaches mxr")
        else:
            report.bad(
                what,
                f"does not reach mxr: {(done.stderr or done.stdout).strip()}",
                "see the lines above; if they are all ok, this is a defect",
            )


def last_line(text: str) -> str:
    return (text.strip().splitlines() or ["it printed no message"])[-1]
