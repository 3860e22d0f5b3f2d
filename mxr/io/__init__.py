"""Files: parameters, records, and readers of data and images.

May import: runtime, operator, random.
"""

from typing import NoReturn


def __getattr__(name: str) -> NoReturn:
    if name.endswith("Iter"):
        raise AttributeError(
            f"mxr.io has no {name} (MXNet's training interface for Python is no part of it); instead: slices "
            "of NumPy arrays, written into executor.args[name][:]; from R: mx.io.arrayiter and others"
        )
    raise AttributeError(f"module 'mxr.io' has no attribute {name!r}")
