"""R inside this Python: `start` for a notebook or a test, `run` for a script."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
import warnings
from pathlib import Path

from mxr.operator import MxError
from mxr.r.host import attach, own_thread
from mxr.r.host.installation import import_rpy2, library_environment, load_libr, r_home


def start() -> None:
    """Start R in this Python (a notebook, a test) as rpy2 starts it, and open the door. Afterwards
    `rpy2.robjects.r(...)` and the %%R magic run scripts with library(mxnet); mxr.r.objects converts what they
    and Python pass to each other."""
    load_libr()
    import_rpy2()
    own_thread.begin()
    os.environ.update(library_environment())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from rpy2 import rinterface

        rinterface.initr()
    attach.join(held=False, ends=False)
    from mxr.r import objects  # imports rpy2.robjects, which needs a running R

    objects.prepare()


RUN_HELP = """\
usage: mxr run [options of R] script.R [arguments]
       mxr run [options of R] -e 'R code' [-e 'more'] [arguments]
       mxr run [options of R]

Runs a script as Rscript would, in an R inside this Python. The script `-` is standard input. Options of R
come before the script, as for Rscript: --vanilla (reads no settings of the user), --no-environ ...
With neither script nor -e: R's prompt, with mxnet attached.
"""


def run(arguments: list[str]) -> int:
    """Run `script.R [args]` or `-e code` in an R inside this process, as Rscript would; with neither, R's
    prompt with the package attached. Returns only after --help: R ends the process."""
    if arguments and arguments[0] in ("--help", "-h"):
        print(RUN_HELP, end="")
        return 0
    front, rest = _front_end(list(arguments))
    prompt = "-e" not in front and not any(word.startswith("--file=") for word in front)
    home, library = r_home(), load_libr()
    import_rpy2()  # before R makes its temporary folder, since this may fail
    os.environ.update(library_environment())
    os.environ.update(_front_end_environment(home))
    # tells reticulate that this process is a Python already
    os.environ["PYTHON_SESSION_INITIALIZED"] = f"current_pid={os.getpid()}:sys.executable={sys.executable}"
    words = [str(home / "bin" / "exec" / "R"), *front, *(["--args", *rest] if rest else [])]
    argv = (ctypes.c_char_p * (len(words) + 1))(*map(os.fsencode, words), None)
    library.Rf_initialize_R(len(words), argv)
    library.setup_Rmainloop()
    attach.join(held=True, ends=True)
    if sys.stdout:  # none where the caller closed it
        sys.stdout.flush()
    if prompt:
        _attach_package()
    library.run_Rmainloop()
    return 0


_RSCRIPT = ("--no-echo", "--no-restore")  # what Rscript passes
_PROMPT = ("--quiet", "--no-save", "--no-restore")


def _front_end(rest: list[str]) -> tuple[list[str], list[str]]:
    """R's arguments before its `--args`, and those after. A space becomes ~+~, as in R's own front end; R
    restores it."""
    options: list[str] = []
    while rest and rest[0].startswith("--"):
        options.append(rest.pop(0))
    code: list[str] = []
    while rest and rest[0] == "-e" and len(rest) > 1:
        code += ["-e", rest[1].replace(" ", "~+~")]
        rest = rest[2:]
    if code:
        return [*_RSCRIPT, *options, *code], rest
    if not rest:
        return [*_PROMPT, *options], rest
    script = rest.pop(0)
    if script.startswith("-") and script != "-":
        raise MxError("-e needs R code after it" if script == "-e" else f"there is no option {script}")
    if Path(script).is_dir() or not (script == "-" or Path(script).exists()):
        raise MxError(
            f"cannot open {script}: {'it is a folder' if Path(script).is_dir() else 'no such file'}"
        )
    return [*_RSCRIPT, *options, f"--file={script}".replace(" ", "~+~")], rest


def _attach_package() -> None:
    """library(mxnet), at the prompt."""
    from mxr.r.bridge import r_api
    from mxr.r.bridge.convert import to_r

    if r_api.evaluate("library", to_r("mxnet")) is None:
        print(
            f"mxr run: the R package is not where R looks: `{sys.executable} -m mxr install-r` installs it",
            file=sys.stderr,
        )


def _front_end_environment(home: Path) -> dict[str, str]:
    """The variables that R's shell script `R` sets before it starts R itself."""
    names = ("R_SHARE_DIR", "R_INCLUDE_DIR", "R_DOC_DIR")
    done = subprocess.run(
        [home / "bin" / "R", "CMD", "env"], stdin=subprocess.DEVNULL, capture_output=True, text=True
    )
    pairs = (line.partition("=")[::2] for line in done.stdout.splitlines())
    return {"R_HOME": str(home), **{name: value for name, value in pairs if name in names}}
