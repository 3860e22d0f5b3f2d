"""Writes scripts/expected: `python -m tests.r.scripts [FOLDER]` runs the scripts under Rscript to save their
initial values, then expected.py under the reference (see tests/reference/oracle.py)."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from tests.r.hosts import run_script, succeeds
from tests.reference import oracle

HERE = Path(__file__).resolve().parent
NAMES = sorted(path.stem for path in HERE.glob("[a-z]*.R"))
# Networks whose width is a parameter (_steps.R) are kept with the 32nd part of their published channels.
SMALL = {"MXR_WIDTH": "0.03125", "MXR_STEPS": "20"}


def record(out: Path | str, names: list[str] = NAMES, **variables: str) -> None:
    """Write what MXNet makes of the scripts `names` into the folder `out`; `variables` are for them."""
    oracle.install()
    with tempfile.TemporaryDirectory() as given:
        for name in names:
            print(f"saving the initial values of {name}", flush=True)
            succeeds(run_script("Rscript", f"{name}.R", cwd=HERE, MXR_GIVEN=given, **SMALL | variables))
        subprocess.run(
            [oracle.python(), "-W", "ignore", HERE / "expected.py", given, out],
            check=True,
        )


if __name__ == "__main__":
    record(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE / "expected")
