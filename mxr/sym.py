"""`mxr.sym.*`: one function per operator, and what makes symbols: `Variable`, `Group`, `load`, `load_json`."""
from __future__ import annotations

from . import ops  # noqa: F401  (declares the operators)
from .faces import symbol_function
from .io.symbol_json import load
from .io.symbol_json import loads as load_json
from .op import registry, suggest
from .symbol import Symbol
from .symbol import group as Group
from .symbol import variable as Variable

var = Variable
__all__ = ["Symbol", "Variable", "var", "Group", "load", "load_json"]


def __getattr__(name: str):
    if name not in registry:
        raise AttributeError(f"module 'mxr.sym' has no attribute {name!r}" + suggest(name, registry))
    globals()[name] = function = symbol_function(name)
    return function


def __dir__():
    return sorted({*__all__, *registry})
