"""The door's part in C (crossing.c), where there was a compiler. Crossing with a few handles takes a third of
the time. MXR_NATIVE=0 leaves it out; then convert.py and handles.py do the same, which the C code asks for
everything that it does not know.
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
    if not all(hasattr(_library, name) for name in core.NAMES):  # an R that has not all of these functions
        core = None


def connect(values: list[int], ours: list[Any]) -> int:
    """Tell the C code where things are (see crossing.c). The address of what R is to call."""
    addresses = [ctypes.cast(getattr(_library, name), ctypes.c_void_p).value for name in core.NAMES]
    address: int = core.connect(addresses, values, ours)
    return address
