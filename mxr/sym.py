"""`mxr.sym.*`: one function per operator on symbols; and `Variable`, `Group`, `load`, `load_json`."""

from __future__ import annotations

from collections.abc import Callable

from mxr import ops  # noqa: F401  (declares the operators)
from mxr.engine.functions import GROUPS, symbol_function
from mxr.graph.symbol import Symbol, load, load_json
from mxr.graph.symbol import group as Group
from mxr.graph.symbol import variable as Variable
from mxr.operator import not_here, registry, suggest

var = Variable
__all__ = ["Symbol", "Variable", "var", "Group", "load", "load_json"]


def __getattr__(name: str) -> Callable[..., Symbol]:
    if name not in registry:
        if name in GROUPS:
            raise AttributeError(
                f"mxr.sym has no {name}: operators have one name each here, mxr.sym.{GROUPS[name]}"
            )
        raise AttributeError(
            not_here(name) or f"module 'mxr.sym' has no attribute {name!r}" + suggest(name, registry)
        )
    globals()[name] = function = symbol_function(name)
    return function


def __dir__() -> list[str]:
    return sorted({*__all__, *registry})
