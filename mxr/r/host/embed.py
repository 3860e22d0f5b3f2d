"""R inside this Python: `start` for a notebook or a test, `run` for a script."""
from __future__ import annotations

import ctypes
import os
import subprocess
import sys
import warnings
from pathlib import Path

from mxr.operator import MxError
from mxr.r.host import attach
from mxr.r.host.installation import import_rpy2, library_environment, load_libr, r_home


def start() -> None:
    """Start R in this Python (a notebook, a test) as rpy2 does it, and open the door. Afterwards `rpy2.robjects.r(...)`
    or the %%R magic run scripts that say library(mxnet); what they and Python give each other is in mxr.r.objects."""
    load_libr()
    import_rpy2()
    os.environ.update(library_environment())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from rpy2 import rinterface
        rinterface.initr()
    attach.join(held=False, ends=False)
    from mxr.r import objects  # needs rpy2.robjects, which needs the R that runs now
    objects.prepare()


def run(arguments: list[str]) -> int:
    """Run `script.R [args]` (or `-e code`) in an R inside this process, as Rscript would. Does not return: R ends the process."""
    front, rest = list(_RSCRIPT), list(arguments)
    while rest and rest[0] == "-e" and len(rest) > 1:
        front += ["-e", rest[1].replace(" ", "~+~")]
        rest = rest[2:]
    if "-e" not in front:
        if Path(rest[0]).is_dir() or not (rest[0] == "-" or Path(rest[0]).exists()):
            raise MxError(f"cannot open {rest[0]}: {'it is a folder' if Path(rest[0]).is_dir() else 'no such file'}")
        front.append(f"--file={rest.pop(0)}".replace(" ", "~+~"))      # as R's front end does, for R to undo
    home, library = r_home(), load_libr()
    import_rpy2()                                # may fail: before R has made its temporary folder
    os.environ.update(library_environment())
    os.environ.update(_front_end_environment(home))
    os.environ["PYTHON_SESSION_INITIALIZED"] = f"current_pid={os.getpid()}:sys.executable={sys.executable}"   # for reticulate
    words = [str(home / "bin" / "exec" / "R"), *front, *(["--args", *rest] if rest else [])]
    argv = (ctypes.c_char_p * (len(words) + 1))(*map(os.fsencode, words), None)
    library.Rf_initialize_R(len(words), argv)
    library.setup_Rmainloop()
    attach.join(held=True, ends=True)
    if sys.stdout:                               # none where the caller closed it
        sys.stdout.flush()
    library.run_Rmainloop()
    return 0


_RSCRIPT = ("--no-echo", "--no-restore")     # what Rscript passes


def _front_end_environment(home: Path) -> dict[str, str]:
    """The variables that R's shell front end sets before it starts R itself."""
    names = ("R_SHARE_DIR", "R_INCLUDE_DIR", "R_DOC_DIR")
    done = subprocess.run([home / "bin" / "R", "CMD", "env"], stdin=subprocess.DEVNULL, capture_output=True, text=True)
    pairs = (line.partition("=")[::2] for line in done.stdout.splitlines())
    return {"R_HOME": str(home), **{name: value for name, value in pairs if name in names}}
