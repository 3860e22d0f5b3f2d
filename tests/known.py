"""The list of known differences, tests/known.toml: each has its reason, and must be removed when it is gone.

[section]
"id" = "reason"
"""

from __future__ import annotations

import functools
import tomllib
from pathlib import Path

LIST = Path(__file__).with_name("known.toml")


@functools.cache
def sections() -> dict[str, dict[str, str]]:
    """The whole list: section -> id -> reason."""
    return tomllib.loads(LIST.read_text())


def listed(section: str) -> dict[str, str]:
    """id -> reason of everything in a section."""
    return sections().get(section, {})


def settle(section: str, found: dict[str, str], ran=lambda id: True) -> list[str]:
    """Complaints: differences that are found and not listed, and differences that are listed, were run, and
    are not found."""
    known = listed(section)
    news = [f"{id}: {text}" for id, text in found.items() if id not in known]
    gone = [
        f"{id}: is listed in tests/known.toml [{section}] but there is no difference any more: strike it off"
        for id in known
        if ran(id) and id not in found
    ]
    return news + gone
