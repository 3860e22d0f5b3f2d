"""Writes scripts/expected anew: `python -m tests.r.scripts [FOLDER]` runs the scripts under Rscript to save
what they start from, then expected.py under the reference (see tests/reference/oracle.py)."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from tests.r.hosts import run_script, succeeds
from tests.reference import oracle

HERE = Path(__file__).resolve().parent


def record(out: Path) -> None:
    """Write the expected values of every script into the folder `out`."""
    oracle.install()
    with tempfile.TemporaryDirectory() as given:
        for script in sorted(HERE.glob("[a-z]*.R")):
            print(f"saving what {script.stem} starts from", flush=True)
            succeeds(run_script("Rscript", script.name, cwd=HERE, MXR_GIVEN=given))
        subprocess.run([oracle.python(), "-W", "ignore", HERE / "expected.py", given, out], check=True)


if __name__ == "__main__":
    record(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE / "expected")
