"""Runs R code under both hosts: `Rscript` (R starts Python) and `mxr run` (Python starts R)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from mxr.r.host import library_environment, r_home
from mxr.testing.scripts import Ran, RScript

HERE = Path(__file__).resolve().parent
HOSTS = ("Rscript", "mxr run")


def in_turn(names: Sequence[str]) -> list[tuple[str, str]]:
    """Pairs of a name and a host, which alternates: for scripts whose numbers do not depend on the host."""
    return [(name, HOSTS[i % 2]) for i, name in enumerate(names)]


def environment(**more: str) -> dict[str, str]:
    """The variables of a user's shell, the checkout's R library, and this Python for Rscript."""
    return {**os.environ, **library_environment(), "MXR_PYTHON": sys.executable, "LC_ALL": "C.UTF-8", **more}


def command(host: str) -> list[str]:
    if host == "Rscript":
        return [str(r_home() / "bin" / "Rscript")]
    return [sys.executable, "-m", "mxr", "run"]


class Host(RScript):
    """The fixture `rscript` of mxr.testing, for either host, and in a locale that is the same everywhere."""

    def __init__(self, name: str, folder: Path | str = HERE):
        self.name = name
        super().__init__(Path(folder), program=tuple(command(name)))

    def environment(self, variables: Mapping[str, str]) -> dict[str, str]:
        return super().environment({"LC_ALL": "C.UTF-8", **variables})


def run_script(
    host: str, script: Path | str, *arguments: str, cwd: Path | str | None = None, **options
) -> subprocess.CompletedProcess:
    """Run a script to its end, with any exit status."""
    done = Host(host)(
        Path(cwd or ".", script).resolve(), *arguments, cwd=cwd or ".", **{"timeout": 900} | options
    )
    return subprocess.CompletedProcess([host, script], done.status, done.stdout, done.stderr)


def run_code(host: str, code: str, *arguments: str, **options) -> subprocess.CompletedProcess:
    """Run R code that is given as text."""
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder, "script.R")
        script.write_text(code)
        options.setdefault("cwd", folder)
        return run_script(host, script, *arguments, **options)


def succeeds(done: subprocess.CompletedProcess) -> str:
    """The output of a process that ended with status 0. Fails with all of its output otherwise."""
    return Ran(done.returncode, done.stdout, done.stderr).check()


def run_checks(host: str, prelude: str, bodies: dict[str, str], also=None, **options) -> dict[str, str]:
    """Run R code in pieces, one after the other in one process: "ok" for each, or the error that it ended
    with. `also` gets the whole process."""
    code = "\n".join(
        f'said <- tryCatch({{ local({{ {body} }}); "ok" }}, '
        'error = function(e) paste(deparse(conditionCall(e))[1], '
        f'conditionMessage(e)))\ncat({json.dumps(f"{chr(10)}== {name}{chr(10)}")}, paste(said, '
        'collapse = "\\n"), "\\n", sep = "")'
        for name, body in bodies.items()
    )
    done = run_code(host, prelude + "\n" + code, **options)
    if also:
        also(done)
    parts = (part.partition("\n") for part in done.stdout.split("\n== ")[1:])
    said = {name: text.strip() for name, _, text in parts}
    if done.returncode and said:
        last = list(said)[-1]
        said[last] += f"\nthen the process ended with {done.returncode}: {done.stderr[-800:]}"
    return {
        name: said.get(name, f"it did not run: {done.stdout[-1000:]}{done.stderr[-1000:]}") for name in bodies
    }
