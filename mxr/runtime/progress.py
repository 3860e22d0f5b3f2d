"""Progress of long work on files. R's console shows it.

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
    """Within the block, `report` calls `show`. With None, reports are ignored."""
    global _show, _last
    before, _show, _last = _show, show, time.monotonic()
    try:
        yield
    finally:
        _show = before


def report(what: str, done: int, whole: int) -> None:
    """Report that `done` of `whole` bytes, lines or images are done. `what` describes the work."""
    global _last
    if _show is None or whole <= 0:
        return
    now = time.monotonic()
    if now - _last >= _EVERY:
        _last = now
        _show(what, min(1.0, done / whole))
