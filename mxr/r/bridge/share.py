"""How mxr's objects get into Python code that reticulate runs: R's `r_to_py` methods put one here by
`bridge.share`, and reticulate fetches it by `take()`."""

from __future__ import annotations

from typing import Any

from mxr.r.bridge.registry import verb

_shared: list[Any] = []


@verb("bridge.same")
def same(x: Any) -> Any:
    """R's handle of an object that R holds through reticulate: `convert` has unwrapped it already."""
    return x


@verb("bridge.share")
def share(x: Any) -> None:
    _shared[:] = [x]


def take() -> Any:
    return _shared.pop()
