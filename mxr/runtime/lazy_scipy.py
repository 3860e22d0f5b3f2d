"""Parts of SciPy that are imported on first use: importing all of them takes longer than starting R."""

from __future__ import annotations

from importlib import import_module
from typing import Any


class _Lazy:
    def __init__(self, name: str):
        self._name = name

    def __getattr__(self, attribute: str) -> Any:
        try:
            value = getattr(import_module(self._name), attribute)
        except ImportError as e:  # a private module, which other versions of SciPy may not have
            raise AttributeError(f"{self._name} has no {attribute}: {e}") from e
        setattr(self, attribute, value)
        return value


special, linalg, sparsetools = map(_Lazy, ("scipy.special", "scipy.linalg", "scipy.sparse._sparsetools"))
