"""The command line: mxr run | check | doctor | install-r | gen."""
from __future__ import annotations

import sys

HELP = """\
mxr: runs R scripts written for Apache MXNet

  mxr run SCRIPT.R [arguments]   run a script as Rscript would, R inside this Python   (also: mxr run -e 'R code')
  mxr check SCRIPT.R [--json]    read a script or an Rmd, without running it: what works here, what differs, what is missing
  mxr doctor                     what is installed, whether it fits together, and what to do where it does not
  mxr install-r [--lib DIR]      install the R package `mxnet`, for this Python
  mxr gen [--check]              write (or check) what is generated from the operator declarations
"""


def main(argv: list[str] | None = None) -> int:
    argv = list(sys.argv[1:] if argv is None else argv)
    command, rest = (argv[0], argv[1:]) if argv else ("help", [])
    from mxr.operator import MxError
    try:
        if command == "run" and rest:
            from mxr.r.host import run
            return run(rest)
        if command == "check" and rest:
            from mxr.r.host.check import check
            return check(rest)
        if command == "doctor":
            from mxr.r.host.doctor import doctor
            return doctor()
        if command == "install-r":
            from mxr.r.host.install import install
            return install(rest)
        if command == "gen":
            from mxr.r.generate.wrappers import main as gen
            return gen(rest)
    except MxError as error:
        print(f"mxr {command}: {error}", file=sys.stderr)
        return 1
    if command in ("help", "-h", "--help"):
        print(HELP, end="")
        return 0
    print(f"mxr: {f'{command} needs a script' if command in ('run', 'check') else f'there is no command {command!r}'}\n\n{HELP}", end="", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
