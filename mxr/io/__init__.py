"""Files: saved arrays, RecordIO files, and readers of data and images.

May import: runtime, operator, random.
"""

from typing import NoReturn


def __getattr__(name: str) -> NoReturn:
    if name.endswith("Iter"):
        raise AttributeError(
            f"mxr.io has no {name}: mxr does not have MXNet's training interface for Python. Write slices of "
            "NumPy arrays into executor.args[name][:] instead; in R there are mx.io.arrayiter and others"
        )
    raise AttributeError(f"module 'mxr.io' has no attribute {name!r}")
