"""mxr's objects on their way to a Python that reticulate drives: R's `r_to_py` methods put one here, and
reticulate takes it."""

from __future__ import annotations

from typing import Any

from mxr.r.bridge.registry import verb

_shared: list[Any] = []


@verb("bridge.same")
def same(x: Any) -> Any:
    """The object behind what reticulate holds, as R's handle of it."""
    return x


@verb("bridge.share")
def share(x: Any) -> None:
    _shared[:] = [x]


def take() -> Any:
    return _shared.pop()
