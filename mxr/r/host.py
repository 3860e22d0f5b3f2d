"""Finding R, starting it or joining the one that runs, whoever of the two was here first."""
from __future__ import annotations

import ctypes
import os
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


def _import_rpy2():
    """rpy2's low level, without the two R processes that it would start to ask for the environment (it is right already)."""
    try:
        import rpy2.situation as situation
    except ImportError:
        raise MxError(f"the Python at {sys.executable} has no rpy2: install it with `{sys.executable} -m pip install "
                      "rpy2==3.6.4 rpy2-rinterface==3.6.5` (R 4.5 and newer: rpy2>=3.6.4 rpy2-rinterface>=3.6.7)") from None
    os.environ.setdefault("R_HOME", str(r_home()))
    if hasattr(situation, "r_ld_library_path_from_subprocess"):
        situation.r_ld_library_path_from_subprocess = lambda home: ""
    try:
        from rpy2 import rinterface
    except (ImportError, OSError) as error:
        raise MxError(f"rpy2 does not fit this R: {error}. R before 4.5 needs rpy2==3.6.4 and rpy2-rinterface==3.6.5, newer R "
                      f"needs rpy2-rinterface>=3.6.7 (`{sys.executable} -m pip install ...`); `mxr doctor` tells more") from None
    if hasattr(rinterface, "_setrenvvars"):
        rinterface._setrenvvars = lambda action_map: None
    return rinterface


def join() -> None:
    """Make rpy2 use the R that runs in this process, and open the door for it. Leaves signals and the environment as they were."""
    import atexit

    from mxr.r import interrupts
    environment = dict(os.environ)
    with interrupts.kept(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        os.environ["R_SESSION_INITIALIZED"] = f'PID={os.getpid()}:NAME="mxr"'
        rinterface = _import_rpy2()
        rinterface.initr()
        atexit.unregister(rinterface.endr)          # R is not ours to end
        interrupts.prepare()
        for name in set(os.environ) - set(environment):
            del os.environ[name]
        os.environ.update(environment)
        from mxr.r import bridge
        bridge.connect()
