"""Finding R, starting it or joining the one that runs, whoever of the two was here first."""
from __future__ import annotations

import ctypes
import logging
import os
import re
import shutil
import subprocess
import sys
import warnings
from pathlib import Path

from mxr.op import MxError


class RNotFound(MxError):
    """No usable R."""


def r_home() -> Path:
    """R's home folder: R_HOME, or what the R on the path says."""
    home = os.environ.get("R_HOME")
    if not home:
        program = shutil.which("R")
        if program is None:
            raise RNotFound("R was not found: install it (on Debian and Ubuntu: apt-get install r-base-core) or put it on PATH")
        done = subprocess.run([program, "RHOME"], stdin=subprocess.DEVNULL, capture_output=True, text=True)
        home = done.stdout.strip().splitlines()[-1] if done.returncode == 0 and done.stdout.strip() else ""
    if not home or not Path(home).is_dir():
        raise RNotFound(f"R's home folder {home!r} does not exist; unset R_HOME, or set it to what `R RHOME` prints")
    return Path(home)


def r_version() -> tuple[int, ...]:
    """R's version, in its own words."""
    done = subprocess.run([r_home() / "bin" / "R", "--version"], stdin=subprocess.DEVNULL, capture_output=True, text=True)
    found = re.search(r"R version (\d+)\.(\d+)\.(\d+)", done.stdout)
    return tuple(map(int, found.groups())) if found else (0, 0, 0)


def rpy2_for(version: tuple[int, ...]) -> list[str]:
    """The rpy2 that fits an R: 3.6.6 and later of its C part need a function that R has since 4.5."""
    if version >= (4, 5):
        return ["rpy2>=3.6.4", "rpy2-rinterface>=3.6.7"]
    return ["rpy2==3.6.4", "rpy2-rinterface==3.6.5"]


def rpy2_remedy() -> str:
    """The command that installs it."""
    return f"{sys.executable} -m pip install {' '.join(repr(p) for p in rpy2_for(r_version()))}"


def library_environment() -> dict[str, str]:
    """R_LIBS with the checkout's own library behind what the user named, if `make` has made it."""
    from mxr.r.install import LOCAL_LIBRARY
    if not (LOCAL_LIBRARY / "mxnet").is_dir():
        return {}
    return {"R_LIBS": os.pathsep.join([*filter(None, [os.environ.get("R_LIBS")]), str(LOCAL_LIBRARY)])}


def load_libr() -> ctypes.PyDLL:
    """libR in this process, its symbols visible to rpy2, whatever LD_LIBRARY_PATH says."""
    folder = r_home() / "lib"
    suffix = ".dylib" if sys.platform == "darwin" else ".so"
    library = folder / f"libR{suffix}"
    if not library.exists():
        raise RNotFound(f"{library} does not exist: this R was built without --enable-R-shlib; use a packaged R (r-base-core)")
    for name in ("libRblas", "libRlapack"):        # R builds with their own BLAS keep it beside libR
        if (folder / (name + suffix)).exists():
            try:
                ctypes.CDLL(str(folder / (name + suffix)), ctypes.RTLD_GLOBAL)
            except OSError:
                pass
    return ctypes.PyDLL(str(library), ctypes.RTLD_GLOBAL)


def import_rpy2() -> None:
    """rpy2's C library, without the R process that it would start to ask for LD_LIBRARY_PATH (libR is here already)."""
    try:
        import rpy2.situation as situation
    except ImportError:
        raise MxError(f"the Python at {sys.executable} has no rpy2: install it by `{rpy2_remedy()}`") from None
    os.environ.setdefault("R_HOME", str(r_home()))
    if hasattr(situation, "r_ld_library_path_from_subprocess"):
        situation.r_ld_library_path_from_subprocess = lambda home: ""
    log = logging.getLogger("rpy2")
    level, _ = log.level, log.setLevel(logging.CRITICAL)     # it logs what is raised here, in better words
    try:
        from rpy2.rinterface_lib import openrlib  # noqa: F401
    except (ImportError, OSError) as error:
        raise MxError(f"this rpy2 does not fit this R ({error}): install the one that does by `{rpy2_remedy()}`") from None
    finally:
        log.setLevel(level)


def join() -> None:
    """Open the door for the R that runs in this process already. Leaves signals and the environment as they were."""
    environment = dict(os.environ)
    import_rpy2()
    for name in set(os.environ) - set(environment):
        del os.environ[name]
    os.environ.update(environment)
    from mxr.r import bridge, interrupts, output
    interrupts.prepare()
    output.prepare()
    mind_forks()
    bridge.connect()


_minds_forks = False


def mind_forks() -> None:
    """Have Python set itself up anew in children that R forks (parallel::mclapply): a thread that waited for the interpreter's
    lock when the process was forked is not there, and the child would wait for it for ever."""
    global _minds_forks
    libc, after = ctypes.CDLL(None), ctypes.cast(ctypes.pythonapi.PyOS_AfterFork_Child, ctypes.c_void_p)
    if _minds_forks:
        return
    if hasattr(libc, "__register_atfork"):           # what pthread_atfork is in glibc
        libc["__register_atfork"](None, None, after, None)
    else:
        libc.pthread_atfork(None, None, after)
    _minds_forks = True


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
    join()
    from mxr.r import objects
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
    join()
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
