"""The commands that install: `mxr install-r` (the R package `mxnet` into an R library, where it records the
path of this Python), `mxr uninstall-r`, and `mxr install-rpy2` (the release of rpy2 that fits this R)."""

from __future__ import annotations

import argparse
import compileall
import os
import shutil
import subprocess
import sys
import tempfile
from importlib import metadata
from pathlib import Path

import mxr
from mxr import __version__
from mxr.operator import MxError
from mxr.r.host.installation import package_source, r_home, r_version, rpy2_for, rpy2_misfit, rpy2_remedy

MODULES = Path(mxr.__file__).resolve().parent


def ask_r(code: str) -> list[str]:
    """The lines that R code prints."""
    done = subprocess.run(
        [r_home() / "bin" / "Rscript", "--vanilla", "-e", code],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    return done.stdout.splitlines()


def default_library() -> Path:
    """The first library that R searches, if it is writable; else R's library for the user's packages."""
    code = (
        "cat(.libPaths()[[1]], strsplit(Sys.getenv('R_LIBS_USER'), .Platform$path.sep)[[1]][1], sep = '\\n')"
    )
    first, user, *_ = [*ask_r(code), "", ""]
    if first and os.access(first, os.W_OK):
        return Path(first)
    if not user or user == "NA":
        raise MxError("R names no library for your own packages: say where to install with --lib DIR")
    return Path(user).expanduser()


def _library(command: str, description: str, arguments: list[str]) -> Path | None:
    parser = argparse.ArgumentParser(f"mxr {command}", description=description)
    parser.add_argument("--lib", type=Path, help="the R library (default: your own)")
    library: Path | None = parser.parse_args(arguments).lib
    return library


def install(arguments: list[str]) -> int:
    """The command `mxr install-r`. Returns its exit status."""
    named = _library(
        "install-r",
        "Install the R package mxnet for this Python, and the rpy2 that fits R unless it is installed.",
        arguments,
    )
    library = (named or default_library()).absolute()
    source = package_source()
    if source is None:
        raise MxError(
            "the sources of the R package are not beside this mxr: install mxr from its wheel, "
            "from its repository, or in place"
        )
    if rpy2_misfit(r_version()):
        install_rpy2([])
    library.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:  # R writes beside the sources, which may not be writable
        copy = shutil.copytree(source, Path(folder, "mxnet"), ignore=shutil.ignore_patterns("*.Rcheck"))
        done = subprocess.run(
            [r_home() / "bin" / "R", "CMD", "INSTALL", "--no-test-load", f"--library={library}", copy],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
    if done.returncode:
        print(done.stdout, file=sys.stderr)
        raise MxError(f"R could not install the package into {library} (its output is above)")
    (library / "mxnet" / "python").write_text(sys.executable + "\n")
    compileall.compile_dir(MODULES, quiet=2)  # where users cannot write, every start would compile again
    print(f"installed the R package mxnet {__version__} into {library}")
    print(f"its Python is {sys.executable}")
    seen = str(library) in [str(Path(p).absolute()) for p in ask_r("cat(.libPaths(), sep = '\\n')")]
    print(
        "library(mxnet) finds it"
        if seen
        else f"R does not look there by itself: R_LIBS={library} Rscript script.R"
    )
    return 0


def uninstall(arguments: list[str]) -> int:
    """The command `mxr uninstall-r`: removes the package from --lib, or from every library that R
    searches."""
    named = _library("uninstall-r", "Remove the R package mxnet.", arguments)
    libraries = [named.absolute()] if named else [Path(p) for p in ask_r("cat(.libPaths(), sep = '\\n')")]
    found = [library for library in libraries if (library / "mxnet" / "DESCRIPTION").exists()]
    if not found:
        raise MxError(f"the R package mxnet is not in {', '.join(map(str, libraries))}")
    for library in found:
        done = subprocess.run(
            [r_home() / "bin" / "R", "CMD", "REMOVE", f"--library={library}", "mxnet"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        if done.returncode or (library / "mxnet").exists():
            raise MxError(
                f"R could not remove the package from {library}: "
                f"{(done.stdout.strip().splitlines() or ['it printed no message'])[-1]}"
            )
        print(f"removed the R package mxnet from {library}")
    return 0


def install_rpy2(arguments: list[str]) -> int:
    """The command `mxr install-rpy2`: installs the rpy2 that fits this R into this Python, unless it is
    installed."""
    parser = argparse.ArgumentParser(
        "mxr install-rpy2", description="Install the rpy2 that fits this R into this Python."
    )
    parser.add_argument(
        "--again",
        action="store_true",
        help="even if its version is right: it may have been compiled for another R",
    )
    again = parser.parse_args(arguments).again
    version = r_version()
    misfit = rpy2_misfit(version)
    r = ".".join(map(str, version))
    if not misfit and not again:
        print(f"rpy2-rinterface {metadata.version('rpy2-rinterface')} fits R {r}")
        return 0
    # no cache: pip may have cached a build for another R
    options = ["--quiet", "--disable-pip-version-check", "--no-cache-dir"]
    options += ["--force-reinstall"] if again else []
    command = [sys.executable, "-m", "pip", "install", *options, *rpy2_for(version)]
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    if done.returncode:
        print(done.stdout, file=sys.stderr)
        raise MxError(
            f"{misfit or 'rpy2 was to be installed again'}, and pip failed to install a release that fits "
            f"(its output is above); to try again: `{rpy2_remedy()}`"
        )
    print(f"installed rpy2-rinterface {_installed('rpy2-rinterface')}, which fits R {r}")
    return 0


def _installed(distribution: str) -> str:
    """The version that pip has just installed, which this process may not see."""
    done = subprocess.run(
        [sys.executable, "-c", f"from importlib.metadata import version; print(version({distribution!r}))"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    return done.stdout.strip()
