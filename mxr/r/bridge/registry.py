"""The registry of verbs: what R may ask for, by name."""

from __future__ import annotations

from collections.abc import Callable

verbs: dict[str, Callable] = {}


def verb(name: str) -> Callable:
    """Register a function under the name that R calls it by. Arguments and result: see
    mxr.r.bridge.convert."""

    def register(function: Callable) -> Callable:
        if name in verbs:
            raise AssertionError(f"verb {name} is declared twice")
        verbs[name] = function
        return function

    return register
