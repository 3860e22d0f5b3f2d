"""Finds R, starts it, or joins an R that runs in this process already.

`installation`: what is installed; `attach`: R runs already; `embed`: Python starts R; `own_thread`: R's
thread; `stamp`: whether the R package fits; `install`, `doctor`, `check`: the commands. May import:
everything else in r.
"""

from mxr.r.host.attach import join
from mxr.r.host.embed import run, start
from mxr.r.host.installation import (
    CHECKOUT,
    LOCAL_LIBRARY,
    RNotFound,
    import_rpy2,
    library_environment,
    load_libr,
    r_home,
    r_version,
    rpy2_for,
    rpy2_misfit,
    rpy2_remedy,
)

__all__ = [
    "CHECKOUT",
    "LOCAL_LIBRARY",
    "RNotFound",
    "import_rpy2",
    "join",
    "library_environment",
    "load_libr",
    "r_home",
    "r_version",
    "rpy2_for",
    "rpy2_misfit",
    "rpy2_remedy",
    "run",
    "start",
]
