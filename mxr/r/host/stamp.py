"""Whether the R package that runs fits this mxr: its version, and the R code that it was installed from.

Every installation of the R package records the MD5 sums of its R files (R/configure). They are compared with
the files beside this mxr."""

from __future__ import annotations

import hashlib
from pathlib import Path

from mxr import __version__
from mxr.r.bridge.registry import verb
from mxr.r.host.installation import package_source


@verb("bridge.open")
def opened(version: str, stamp: str | list[str]) -> str | None:
    """R's first call. Returns the text of a warning for R, or None."""
    return mismatch(version, [stamp] if isinstance(stamp, str) else stamp) or None


def mismatch(version: str, stamp: list[str]) -> str:
    """The text of a warning, or "". `stamp`: lines "sum file"."""
    if version != __version__:
        return f"the R package mxnet is {version}, mxr in Python is {__version__}: run `mxr install-r`"
    package = package_source()
    if package is None or not any(stamp):
        return ""
    pairs = [line.split(" ", 1) for line in stamp if line]
    then = {file: found for found, file in pairs}
    now = sums(package)
    changed = sorted(name for name in then.keys() | now.keys() if then.get(name) != now.get(name))
    if not changed:
        return ""
    files = ", ".join(changed[:3]) + (f" and {len(changed) - 3} more" if len(changed) > 3 else "")
    return (
        f"the R package mxnet was installed from other files than those of this mxr ({files}): "
        "run `mxr install-r`"
    )


def sums(package: Path) -> dict[str, str]:
    files = [package / "NAMESPACE", *(f for f in (package / "R").iterdir() if f.suffix in (".R", ".r"))]
    return {
        str(f.relative_to(package)): hashlib.md5(f.read_bytes(), usedforsecurity=False).hexdigest()
        for f in files
    }
