"""`show_config`: a description of this installation, for users and for bug reports."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version

import numpy as np
import threadpoolctl

from mxr import native
from mxr.runtime import onednn, threads


def show_config() -> None:
    """Print the versions, whether the native core is used and with which vector instructions, the BLAS
    library, oneDNN if it is used, and the number of threads."""
    try:
        own = version("mxr")
    except PackageNotFoundError:
        own = "from a folder that is not installed"
    print(f"mxr {own}")
    print(f"Python {platform.python_version()}, NumPy {np.__version__}, on {platform.machine()}")
    print(f"computing: {native.description()}")
    print(f"BLAS: {blas()}")
    print(f"oneDNN: {onednn.description()}")
    print(f"threads: {threads.workers()} of {threads.cpus()} processors")


def blas() -> str:
    """The BLAS libraries of this process, with their versions."""
    found = [
        f"{p['internal_api']} {p.get('version')} ({p['num_threads']} threads)"
        for p in threadpoolctl.threadpool_info()
        if p["user_api"] == "blas"
    ]
    return ", ".join(found) or "unknown"
