"""What this installation computes with, for people and for reports of faults."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version

import numpy as np
import threadpoolctl

from mxr import native
from mxr.runtime import onednn, threads


def show_config() -> None:
    """Print the versions, and what computes: the native core with which vector instructions, or NumPy alone;
    the BLAS library; oneDNN, where it is installed; and how many threads work."""
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
