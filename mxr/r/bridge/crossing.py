"""The door's part in C (crossing.c), if there was a compiler to build it. A call with a few handles takes a
third of the time. Without it, or with MXR_NATIVE=0, convert.py and handles.py do the same work. The C code
also calls them for values that it does not convert itself.
"""

from __future__ import annotations

import ctypes
import os
from contextlib import suppress
from importlib import import_module
from typing import Any

core: Any = None
if os.environ.get("MXR_NATIVE") != "0":
    with suppress(ImportError):
        core = import_module("mxr.r.bridge._crossing")
if core is not None:
    _library = ctypes.PyDLL(None)
    if not all(hasattr(_library, name) for name in core.NAMES):  # an R without some of these functions
        core = None


def connect(values: list[int], ours: list[Any]) -> int:
    """Set what the C code uses (see `connect` in crossing.c). Returns the address of the function that R
    calls."""
    addresses = [ctypes.cast(getattr(_library, name), ctypes.c_void_p).value for name in core.NAMES]
    address: int = core.connect(addresses, values, ours)
    return address
