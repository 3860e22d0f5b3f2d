"""`mxr doctor`: what is installed, whether the parts fit together, and what to do where they do not."""
from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from importlib import metadata
from pathlib import Path

import numpy as np

import mxr
from mxr import __version__
from mxr.operator import MxError
from mxr.r.host import installation as host
from mxr.runtime import threads

PROBE = """
of <- function(p) tryCatch(as.character(packageVersion(p)), error = function(e) "")
where <- system.file(package = "mxnet")
record <- file.path(where, "python")
cat(of("reticulate"), of("mxnet"), where, if (nzchar(where) && file.exists(record)) readLines(record, 1) else "",
    paste(.libPaths(), collapse = " "), R.version$major, sep = "\\n")
"""
DOOR = 'cat("door:", mxnet:::mx.call("bridge.version"))'


KIND = "import numpy, threadpoolctl; print(*{p.get('architecture') for p in threadpoolctl.threadpool_info() if p['internal_api'] == 'openblas'})"


class Report:
    """Lines as they are found out, and whether any of them is bad."""
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
    folders = [sysconfig.get_config_var("LIBDIR") or "", str(Path(sys.base_prefix) / "lib"),
               f"/usr/lib/{sysconfig.get_config_var('MULTIARCH') or ''}"]
    for folder in folders:
        for name in names:
            path = Path(folder) / name
            if name.endswith((".so", ".dylib")) or ".so." in name:
                if path.exists():
                    return path
    return None


def ask_r(code: str, **environment) -> subprocess.CompletedProcess:
    return subprocess.run([host.r_home() / "bin" / "Rscript", "-e", code], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          env={**os.environ, **host.library_environment(), **environment}, timeout=120)


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
        report.bad("libpython", "this Python has no shared library, so Rscript cannot start it (`mxr run script.R` can)",
                   f"Debian, Ubuntu: apt-get install libpython{minor}; pyenv: PYTHON_CONFIGURE_OPTS=--enable-shared pyenv install {minor}")
    report.good("NumPy", f"{np.__version__}, SciPy {version_of('scipy')}, BLAS: {blas()}")


def blas() -> str:
    try:
        from threadpoolctl import threadpool_info
        found = [f"{p['internal_api']} {p.get('version')} ({p['num_threads']} threads)" for p in threadpool_info() if p["user_api"] == "blas"]
        return ", ".join(found) or "unknown"
    except ImportError:
        return "unknown (threadpoolctl is missing)"


def check_speed(report: Report) -> None:
    """Variables of the environment that hold NumPy or mxr back; everything works with them."""
    kind = os.environ.get("OPENBLAS_CORETYPE")
    own = openblas_kind() if kind else ""
    if own and own.lower() != kind.lower():
        report.slow("speed", f"OPENBLAS_CORETYPE={kind} has NumPy multiply matrices as for another processor than this one ({own})",
                    "unset OPENBLAS_CORETYPE")
    if threads.workers() < threads.cpus():
        report.slow("speed", f"OMP_NUM_THREADS={os.environ.get('OMP_NUM_THREADS')} has mxr use {threads.workers()} of {threads.cpus()} processors",
                    "unset OMP_NUM_THREADS, unless other programs need them")


def openblas_kind() -> str:
    """The kind of processor that OpenBLAS finds by itself."""
    plain = {k: v for k, v in os.environ.items() if k != "OPENBLAS_CORETYPE"}
    return subprocess.run([sys.executable, "-c", KIND], stdin=subprocess.DEVNULL, capture_output=True, text=True, env=plain).stdout.strip()


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
    found = version_of("rpy2-rinterface") or version_of("rpy2")
    if found is None:
        report.bad("rpy2", "missing", host.rpy2_remedy())
        return False
    needs_r45 = numbers(found) >= (3, 6, 6)
    if needs_r45 != (r >= (4, 5)):
        report.bad("rpy2", f"rpy2-rinterface {found} is for R {'4.5 and newer' if needs_r45 else 'before 4.5'}", host.rpy2_remedy())
        return False
    code = "from mxr.r import host; host.load_libr(); host.import_rpy2(); from rpy2.rinterface_lib import openrlib as o; print(o.cffi_mode.name)"
    done = subprocess.run([sys.executable, "-c", code], stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode:
        report.bad("rpy2", f"{found}: {last_line(done.stderr).removeprefix('mxr.operator.errors.MxError: ')}", host.rpy2_remedy() + " --force-reinstall --no-cache-dir")
        return False
    report.good("rpy2", f"rpy2-rinterface {found}, {done.stdout.strip()} mode")
    return True


def check_packages(report: Report) -> bool:
    done = ask_r(PROBE)
    if done.returncode:
        report.bad("Rscript", last_line(done.stderr), "make `Rscript -e 1` work first")
        return False
    reticulate, package, where, python, libraries, *_ = done.stdout.splitlines()
    report.good("R libraries", libraries)
    if reticulate:
        report.good("reticulate", reticulate)
    else:
        report.bad("reticulate", "missing: Rscript cannot start Python (`mxr run script.R` can)",
                   'install.packages("reticulate") in R (Debian, Ubuntu: apt-get install r-cran-reticulate)')
    again = f"{sys.executable} -m mxr install-r"
    if not package:
        report.bad("mxnet", "the R package is not installed where R looks for it", again)
        return False
    if package != __version__:
        report.bad("mxnet", f"the R package in {where} is {package}, mxr is {__version__}", again)
    elif python != sys.executable:
        report.bad("mxnet", f"the R package in {where} was installed for {python or 'no Python'}, this is {sys.executable}",
                   f"{again} (or run the doctor by that Python, or set MXR_PYTHON={sys.executable})")
    else:
        report.good("mxnet", f"{package} in {where}, for this Python")
    return bool(reticulate)


def check_doors(report: Report) -> None:
    """A call through the door, from both sides."""
    hosted = subprocess.run([sys.executable, "-m", "mxr", "run", "-e", DOOR], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)
    for what, done in (("Rscript", ask_r(DOOR)), ("mxr run", hosted)):
        if done.returncode == 0 and f"door: {__version__}" in done.stdout:
            report.good(what, "reaches mxr")
        else:
            report.bad(what, f"does not reach mxr: {(done.stderr or done.stdout).strip()}", "see the lines above; if they are all ok, this is a defect")


def last_line(text: str) -> str:
    return (text.strip().splitlines() or ["no words"])[-1]
