"""`mxr.sym.*`: one function per operator on symbols; and `Variable`, `Group`, `load`, `load_json`."""

from __future__ import annotations

from collections.abc import Callable

from mxr import ops  # noqa: F401  (declares the operators)
from mxr.engine.functions import no_function, symbol_function
from mxr.graph.symbol import Symbol, load, load_json
from mxr.graph.symbol import group as Group
from mxr.graph.symbol import variable as Variable
from mxr.operator import registry

var = Variable
__all__ = ["Symbol", "Variable", "var", "Group", "load", "load_json"]


def __getattr__(name: str) -> Callable[..., Symbol]:
    if name not in registry:
        raise no_function("mxr.sym", name)
    globals()[name] = function = symbol_function(name)
    return function


def __dir__() -> list[str]:
    return sorted({*__all__, *registry})
