"""Running R scripts by Rscript in another process, as users do."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mxr.operator import MxError
from mxr.r import host
from mxr.testing import golden

_OBSERVED = 'source(Sys.getenv("MXR_OBSERVE_R")); source(commandArgs(TRUE)[[1]], echo = FALSE)'


@dataclass(frozen=True)
class Ran:
    """The result of a script: its exit `status`, `stdout`, `stderr`, and the values that it has `observed`
    (see `RScript.observe`)."""

    status: int
    stdout: str
    stderr: str
    observed: Mapping[str, dict[str, Any]] = field(default_factory=dict)

    def check(self) -> str:
        """The standard output. AssertionError with all output if the status is not 0."""
        __tracebackhide__ = True
        if self.status:
            raise AssertionError(
                f"the R script ended with status {self.status}\n---- stdout\n{self.stdout}\n---- "
                f"stderr\n{self.stderr}"
            )
        return self.stdout


class RScript:
    """`rscript("script.R", "argument")` runs a script, and `rscript(code)` runs code, by Rscript with the
    package mxnet and this Python. Relative paths start at `folder`, which is also the working directory."""

    def __init__(self, folder: Path, libraries: tuple[str, ...] = (), program: tuple[str, ...] = ()):
        self.folder, self.libraries = folder, libraries
        self.program = program or (str(host.r_home() / "bin" / "Rscript"),)

    def __call__(
        self,
        script: str | os.PathLike,
        *arguments: str,
        cwd: str | os.PathLike | None = None,
        timeout: float = 600,
        **variables: str,
    ) -> Ran:
        """Run the script to its end, with `variables` added to the environment. subprocess.TimeoutExpired
        after `timeout` seconds."""
        return self._run(script, [], arguments, cwd, timeout, variables)

    def observe(
        self,
        script: str | os.PathLike,
        *arguments: str,
        cwd: str | os.PathLike | None = None,
        timeout: float = 600,
        **variables: str,
    ) -> Ran:
        """Run a script that calls `observe("name", value)`. The result's `observed` has these values, in the
        form of golden files. AssertionError if the status is not 0."""
        __tracebackhide__ = True
        with tempfile.TemporaryDirectory() as folder:
            out = Path(folder, "observed.jsonl")
            done = self._run(
                script,
                ["-e", _OBSERVED],
                arguments,
                cwd,
                timeout,
                {**variables, "PROBE_OUT": str(out), "MXR_OBSERVE_R": str(golden.OBSERVE_R)},
            )
            done.check()
            return Ran(done.status, done.stdout, done.stderr, golden.read(out) if out.exists() else {})

    def _run(
        self,
        script: str | os.PathLike,
        before: list[str],
        arguments: tuple[str, ...],
        cwd: str | os.PathLike | None,
        timeout: float,
        variables: Mapping[str, str],
    ) -> Ran:
        with tempfile.TemporaryDirectory() as folder:
            file = self._file(script, Path(folder))
            done = subprocess.run(
                [*self.program, *before, str(file), *arguments],
                cwd=cwd or self.folder,
                timeout=timeout,
                env=self.environment(variables),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
            )
        return Ran(done.returncode, done.stdout, done.stderr)

    def _file(self, script: str | os.PathLike, folder: Path) -> Path:
        if isinstance(script, os.PathLike) or ("\n" not in script and script.endswith((".R", ".r"))):
            file = self.folder / script
            if not file.is_file():
                raise MxError(f"rscript: there is no file {file}")
            return file
        file = folder / "script.R"
        file.write_text(script, encoding="utf-8")
        return file

    def environment(self, variables: Mapping[str, str]) -> dict[str, str]:
        found = {**os.environ, **host.library_environment(), "MXR_PYTHON": sys.executable, **variables}
        if self.libraries:
            found["R_LIBS"] = os.pathsep.join([*self.libraries, *filter(None, [found.get("R_LIBS")])])
        return found
