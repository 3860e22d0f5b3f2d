"""`mxr.sym.*`: one function per operator, and what makes symbols: `Variable`, `Group`, `load`,
`load_json`."""

from __future__ import annotations

from mxr import ops  # noqa: F401  (declares the operators)
from mxr.engine.functions import symbol_function
from mxr.graph.symbol import Symbol, load, load_json
from mxr.graph.symbol import group as Group
from mxr.graph.symbol import variable as Variable
from mxr.operator import registry, suggest

var = Variable
__all__ = ["Symbol", "Variable", "var", "Group", "load", "load_json"]


def __getattr__(name: str):
    if name not in registry:
        raise AttributeError(f"module 'mxr.sym' has no attribute {name!r}" + suggest(name, registry))
    globals()[name] = function = symbol_function(name)
    return function


def __dir__():
    return sorted({*__all__, *registry})
