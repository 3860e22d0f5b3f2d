"""How far long work on files is, for whoever watches: R, at its prompt.

with progress.watched(show):        # show(what, share), at most five times a second
    ...
    progress.report("reading data.csv", done, whole)
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_EVERY = 0.2  # seconds

_show: Callable[[str, float], object] | None = None
_last = 0.0


@contextmanager
def watched(show: Callable[[str, float], object] | None) -> Iterator[None]:
    """Calls `show` with what is reported meanwhile; nobody watches where it is None."""
    global _show, _last
    before, _show, _last = _show, show, time.monotonic()
    try:
        yield
    finally:
        _show = before


def report(what: str, done: int, whole: int) -> None:
    """`done` of `whole` (bytes, lines, images) of what is being done."""
    global _last
    if _show is None or whole <= 0:
        return
    now = time.monotonic()
    if now - _last >= _EVERY:
        _last = now
        _show(what, min(1.0, done / whole))
