"""The errors that a user can cause, and the suggestions in their messages."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class MxError(Exception):
    """Any failure that a user can cause. The message is written for them: function, argument, remedy."""


class ParamError(MxError):
    """A parameter is unknown, missing, or has a value that the operator does not take."""


class ShapeError(MxError):
    """Shapes that contradict each other. `shapes` in the message are rendered by `shape_text`, so R sees R
    order."""


class FileError(MxError):
    """A file cannot be read or written: the system says why."""


class NotImplementedInMxr(MxError):
    """An operator or option of MXNet that mxr does not have (listed in docs/coverage.md)."""


def suggest(word: str, words: Iterable[str]) -> str:
    """`; did you mean "x"?` for the nearest of `words`, or nothing."""
    near = difflib.get_close_matches(word, list(words), 1, 0.6)
    return f'; did you mean "{near[0]}"?' if near else ""
