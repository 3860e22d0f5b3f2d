"""Testing R and Python together: a pytest plugin (fixtures `r`, `rscript`, `golden`), asserts, golden files.
See docs/testing.md.

May import: everything. Modules are imported on first use, since pytest loads the plugin (pytest_mxr.py) in
every run.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mxr.testing.arrays import assert_same_array
    from mxr.testing.golden import assert_golden, compare, observations, read, record
    from mxr.testing.gradients import assert_gradient
    from mxr.testing.losses import assert_same_loss
    from mxr.testing.symbols import assert_same_symbol

__all__ = [
    "assert_golden",
    "assert_gradient",
    "assert_same_array",
    "assert_same_loss",
    "assert_same_symbol",
    "compare",
    "observations",
    "read",
    "record",
]

_PLACES = {
    "assert_same_array": "arrays",
    "assert_gradient": "gradients",
    "assert_same_loss": "losses",
    "assert_same_symbol": "symbols",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'mxr.testing' has no attribute {name!r}")
    return getattr(import_module(f"mxr.testing.{_PLACES.get(name, 'golden')}"), name)
