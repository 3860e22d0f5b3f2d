"""What is installed: R, the rpy2 that fits it, the libraries of this checkout."""

from __future__ import annotations

import contextlib
import ctypes
import logging
import os
import re
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path

from mxr.operator import MxError

CHECKOUT = Path(__file__).resolve().parents[3]
LOCAL_LIBRARY = CHECKOUT / ".rlib"  # made by `make`


def package_source() -> Path | None:
    """The sources of the R package: those of the checkout, or of the wheel, beside the Python modules; or
    None."""
    places = (CHECKOUT / "R", Path(__file__).resolve().parents[1] / "package")
    return next((p for p in places if (p / "DESCRIPTION").exists()), None)


class RNotFound(MxError):
    """No usable R."""


def r_home() -> Path:
    """R's home folder: R_HOME, or what the R on PATH prints."""
    home = os.environ.get("R_HOME")
    if not home:
        program = shutil.which("R")
        if program is None:
            raise RNotFound(
                "R was not found: install it (on Debian and Ubuntu: "
                "apt-get install r-base-core) or put it on PATH"
            )
        done = subprocess.run([program, "RHOME"], stdin=subprocess.DEVNULL, capture_output=True, text=True)
        home = done.stdout.strip().splitlines()[-1] if done.returncode == 0 and done.stdout.strip() else ""
    if not home or not Path(home).is_dir():
        raise RNotFound(
            f"R's home folder {home!r} does not exist; unset R_HOME, or set it to what `R RHOME` prints"
        )
    return Path(home)


def r_version() -> tuple[int, ...]:
    """R's version, as `R --version` prints it; (0, 0, 0) if it prints none."""
    done = subprocess.run(
        [r_home() / "bin" / "R", "--version"], stdin=subprocess.DEVNULL, capture_output=True, text=True
    )
    found = re.search(r"R version (\d+)\.(\d+)\.(\d+)", done.stdout)
    return tuple(map(int, found.groups())) if found else (0, 0, 0)


def rpy2_for(version: tuple[int, ...]) -> list[str]:
    """The rpy2 that fits an R: rpy2-rinterface 3.6.6 and later need a C function that R has since 4.5."""
    if version >= (4, 5):
        return ["rpy2>=3.6.4", "rpy2-rinterface>=3.6.7"]
    return ["rpy2==3.6.4", "rpy2-rinterface==3.6.5"]


def rpy2_misfit(version: tuple[int, ...]) -> str:
    """Why the rpy2 of this Python does not fit an R; "" if it fits."""
    found = {}
    for distribution in ("rpy2", "rpy2-rinterface"):
        with contextlib.suppress(metadata.PackageNotFoundError):
            found[distribution] = metadata.version(distribution)
    if "rpy2" not in found:
        return "rpy2 is missing"
    rinterface = found.get("rpy2-rinterface", found["rpy2"])
    needs_r45 = tuple(int(part) for part in rinterface.split(".") if part.isdigit()) >= (3, 6, 6)
    if needs_r45 != (version >= (4, 5)):
        return f"rpy2-rinterface {rinterface} is for R {'4.5 and newer' if needs_r45 else 'before 4.5'}"
    return ""


def rpy2_remedy(again: bool = False) -> str:
    """The command that installs the rpy2 that fits; `again`: even if its version is right."""
    return f"{sys.executable} -m mxr install-rpy2{' --again' if again else ''}"


def library_environment() -> dict[str, str]:
    """R_LIBS with the checkout's own library after the user's libraries; {} if `make` has not made it."""
    if not (LOCAL_LIBRARY / "mxnet").is_dir():
        return {}
    return {"R_LIBS": os.pathsep.join([*filter(None, [os.environ.get("R_LIBS")]), str(LOCAL_LIBRARY)])}


def load_libr() -> ctypes.PyDLL:
    """Load libR into this process, so that rpy2 finds its symbols without LD_LIBRARY_PATH."""
    folder = r_home() / "lib"
    suffix = ".dylib" if sys.platform == "darwin" else ".so"
    library = folder / f"libR{suffix}"
    if not library.exists():
        raise RNotFound(
            f"{library} does not exist: this R was built without --enable-R-shlib; "
            "use a packaged R (r-base-core)"
        )
    for name in ("libRblas", "libRlapack"):  # R builds with their own BLAS keep it beside libR
        if (folder / (name + suffix)).exists():
            try:
                ctypes.CDLL(str(folder / (name + suffix)), ctypes.RTLD_GLOBAL)
            except OSError:
                pass
    return ctypes.PyDLL(str(library), ctypes.RTLD_GLOBAL)


def import_rpy2() -> None:
    """Import rpy2's C library, without the R process that it would start to find LD_LIBRARY_PATH (libR is
    loaded already)."""
    try:
        import rpy2.situation as situation
    except ImportError:
        raise MxError(
            f"the Python at {sys.executable} has no rpy2: install it by `{rpy2_remedy()}`"
        ) from None
    os.environ.setdefault("R_HOME", str(r_home()))
    if hasattr(situation, "r_ld_library_path_from_subprocess"):
        situation.r_ld_library_path_from_subprocess = lambda r_home: ""
    log = logging.getLogger("rpy2")
    level = log.level
    log.setLevel(logging.CRITICAL)  # it would log the failure that is raised below
    try:
        from rpy2.rinterface_lib import openrlib  # noqa: F401
    except (ImportError, OSError) as error:
        raise MxError(
            f"this rpy2 does not fit this R ({error}): install the one that does by "
            f"`{rpy2_remedy(again=True)}`"
        ) from None
    finally:
        log.setLevel(level)
