"""`mxr check`: reads an R script, without running it, and reports which calls work (R's mx.check.script)."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

from mxr.r.host.installation import library_environment, r_home

# exit status: 0 where nothing is missing, 1 where something is, 2 where the script cannot be read
_CODE = """
arguments <- commandArgs(TRUE)
result <- tryCatch(mxnet::mx.check.script(arguments[[2]], json = arguments[[1]] == "json"),
                   error = function(e) { message(conditionMessage(e)); quit(status = 2) })
if (arguments[[1]] != "json") print(result, all = arguments[[1]] == "all")
quit(status = attr(result, "status"))
"""


def check(arguments: list[str]) -> int:
    """The command. Returns its exit status."""
    parser = argparse.ArgumentParser(
        "mxr check", description="Read a script, without running it: what works, differs, is missing."
    )
    parser.add_argument("script", type=Path)
    shown = parser.add_mutually_exclusive_group()
    shown.add_argument("--json", action="store_true", help="for other programs")
    shown.add_argument("--all", action="store_true", help="every call of mxnet, not only what to look at")
    given = parser.parse_args(arguments)
    if not given.script.is_file():
        print(f"mxr check: cannot open {given.script}: no such file", file=sys.stderr)
        return 2
    form = "json" if given.json else "all" if given.all else "text"
    environment = {**os.environ, **library_environment(), "MXR_PYTHON": sys.executable}
    return subprocess.run(
        [r_home() / "bin" / "Rscript", "-e", _CODE, form, given.script],
        env=environment,
        stdin=subprocess.DEVNULL,
    ).returncode
