"""`mxr install-r`: the R package `mxnet` into an R library, with the path of this Python recorded in it."""
from __future__ import annotations

import argparse
import compileall
import os
import subprocess
import sys
from pathlib import Path

from mxr.operator import MxError
from mxr.r.host.installation import CHECKOUT, r_home


def default_library() -> Path:
    """The first library that R looks in and that can be written to: else R's own place for the user's packages."""
    code = "cat(.libPaths()[[1]], strsplit(Sys.getenv('R_LIBS_USER'), .Platform$path.sep)[[1]][1], sep = '\\n')"
    done = subprocess.run([r_home() / "bin" / "Rscript", "--vanilla", "-e", code], stdin=subprocess.DEVNULL, capture_output=True, text=True)
    first, user, *_ = [*done.stdout.splitlines(), "", ""]
    if first and os.access(first, os.W_OK):
        return Path(first)
    if not user or user == "NA":
        raise MxError("R names no library for your own packages: say where to install with --lib DIR")
    return Path(user).expanduser()


def install(arguments: list[str]) -> int:
    """The command. Returns its exit status."""
    parser = argparse.ArgumentParser("mxr install-r", description="Install the R package mxnet for this Python.")
    parser.add_argument("--lib", type=Path, help="the library to install into (default: your own R library)")
    library = parser.parse_args(arguments).lib or default_library()
    source = CHECKOUT / "R"
    if not (source / "DESCRIPTION").exists():
        raise MxError("the sources of the R package are not beside this mxr: install mxr from a checkout (pip install -e .)")
    library.mkdir(parents=True, exist_ok=True)
    done = subprocess.run([r_home() / "bin" / "R", "CMD", "INSTALL", "--no-test-load", f"--library={library}", source],
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        print(done.stdout, file=sys.stderr)
        raise MxError(f"R could not install the package into {library} (its words are above)")
    (library / "mxnet" / "python").write_text(sys.executable + "\n")
    compileall.compile_dir(CHECKOUT / "mxr", quiet=2)          # else every start compiles, where Python may not write
    print(f"installed the R package mxnet into {library}, for {sys.executable}")
    return 0
