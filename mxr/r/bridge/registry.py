"""The registry of verbs: the Python functions that R may call, by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])

verbs: dict[str, Callable[..., Any]] = {}


def verb(name: str) -> Callable[[F], F]:
    """Register a function under the name that R calls it by. Its arguments are what `convert.to_python` makes
    of R's; its result goes through `convert.to_r`."""

    def register(function: F) -> F:
        if name in verbs:
            raise AssertionError(f"verb {name} is declared twice")
        verbs[name] = function
        return function

    return register
