"""The command line: mxr run | check | doctor | install-r | uninstall-r | install-rpy2 | gen."""

from __future__ import annotations

import importlib
import sys

HELP = """\
mxr: runs R scripts written for Apache MXNet

  mxr run SCRIPT.R [arguments]   run a script like Rscript, with R inside this Python (see mxr run --help)
  mxr check SCRIPT.R [--json]    read a script or an Rmd without running it, and list what works here, what
                                 differs and what is missing
  mxr doctor                     list what is installed, whether it fits together, and what to do if not
  mxr install-r [--lib DIR]      install the R package `mxnet` for this Python, and the rpy2 that fits R
  mxr uninstall-r [--lib DIR]    remove the R package
  mxr install-rpy2               install the rpy2 that fits this machine's R
  mxr gen [--check]              in a checkout: write (or check) the files generated from the declarations
  mxr --version
"""

# The function of each command. It takes the further arguments and returns the exit status.
COMMANDS = {
    "run": "mxr.r.host.embed:run",
    "check": "mxr.r.host.check:check",
    "doctor": "mxr.r.host.doctor:main",
    "install-r": "mxr.r.host.install:install",
    "uninstall-r": "mxr.r.host.install:uninstall",
    "install-rpy2": "mxr.r.host.install:install_rpy2",
    "gen": "mxr.r.generate.wrappers:main",
}


def main(argv: list[str] | None = None) -> int:
    argv = list(sys.argv[1:] if argv is None else argv)
    command, rest = (argv[0], argv[1:]) if argv else ("help", [])
    from mxr.operator import MxError

    if command in ("help", "-h", "--help"):
        print(HELP, end="")
        return 0
    if command in ("version", "--version", "-V"):
        from mxr import __version__

        print(f"mxr {__version__}")
        return 0
    if command not in COMMANDS:
        print(f"mxr: there is no command {command!r}\n\n{HELP}", end="", file=sys.stderr)
        return 2
    module, _, name = COMMANDS[command].partition(":")
    try:
        code: int = getattr(importlib.import_module(module), name)(rest)
        return code
    except MxError as error:
        print(f"mxr {command}: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
