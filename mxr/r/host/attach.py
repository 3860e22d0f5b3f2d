"""Joining the R that runs in this process already."""

from __future__ import annotations

import os

from mxr.r.host.installation import import_rpy2


def join(held: bool, ends: bool) -> None:
    """Open the door for the R that runs in this process. Signal handlers and the environment stay unchanged.

    `held`: whether R code runs with the interpreter's lock held. `ends`: whether mxr must call Python's exit
    functions when R ends the process.
    """
    environment = dict(os.environ)
    import_rpy2()
    for name in set(os.environ) - set(environment):
        del os.environ[name]
    os.environ.update(environment)
    # These modules need rpy2's C library, and that needs R's library: both are loaded only now.
    import mxr.r.verbs  # noqa: F401  (registers the verbs)
    from mxr.r.bridge import door, forks, interrupts, leaving, output, waiting
    from mxr.r.host import stamp  # noqa: F401  (registers a verb)

    interrupts.prepare()
    output.prepare()
    forks.prepare(held)
    waiting.prepare(held)
    if ends:
        leaving.prepare()
    door.connect()
