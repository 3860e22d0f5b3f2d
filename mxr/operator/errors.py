"""The exceptions for errors of users, and the suggestions in their messages."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class MxError(Exception):
    """Any failure that a user can cause. The message names the function, the argument and the remedy."""


class ParamError(MxError):
    """A parameter is unknown, missing, or has a value that the operator does not take."""


class ShapeError(MxError):
    """Shapes contradict each other. Messages show shapes by `shape_text`, so that R sees them in R's
    order."""


class FileError(MxError):
    """The operating system cannot read or write a file. The message has its reason."""


class NotImplementedInMxr(MxError):
    """An operator or option of MXNet that mxr does not have (listed in docs/coverage.md)."""


def suggest(word: str, words: Iterable[str]) -> str:
    """`; did you mean "x"?` for the nearest of `words`, or nothing."""
    near = difflib.get_close_matches(word, list(words), 1, 0.6)
    return f'; did you mean "{near[0]}"?' if near else ""
