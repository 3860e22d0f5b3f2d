"""R: the only folder that imports rpy2. `import mxr` does not import it; `import mxr.r` does not start R.

For users: `session()` (R in this Python), `array` and `numpy` (arrays to R and back, as MXNet's R package
converts them), `to_r` and `to_python`, `python` (the object behind R's handle), `RError` and its subclasses.
May import: everything below. Inside, from the bottom: bridge, verbs, objects and layout, host, sessions;
generate needs no R.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mxr.r.bridge.errors import (
        MxRError,
        RError,
        RFileError,
        RNotImplementedInMxr,
        RParamError,
        RPythonError,
        RShapeError,
        RStateError,
        RTypeError,
    )
    from mxr.r.layout import array, numpy, to_python, to_r
    from mxr.r.objects import python
    from mxr.r.sessions import RUnavailable, Session, session

__all__ = [
    "MxRError",
    "RError",
    "RFileError",
    "RNotImplementedInMxr",
    "RParamError",
    "RPythonError",
    "RShapeError",
    "RStateError",
    "RTypeError",
    "RUnavailable",
    "Session",
    "array",
    "numpy",
    "python",
    "session",
    "to_python",
    "to_r",
]

_OF_SESSION = ("RUnavailable", "Session", "session")
_OF_LAYOUT = ("array", "numpy", "to_python", "to_r")


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'mxr.r' has no attribute {name!r}")
    if name in _OF_SESSION:
        import mxr.r.sessions as sessions

        return getattr(sessions, name)
    from mxr.r import host

    host.load_libr()
    host.import_rpy2()
    import mxr.r.bridge.errors as errors  # needs R's library in this process

    if name in _OF_LAYOUT:
        import mxr.r.layout as layout

        return getattr(layout, name)
    if name == "python":
        import mxr.r.objects as objects

        return objects.python
    return getattr(errors, name)
