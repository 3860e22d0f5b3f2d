"""The implementation of the pytest plugin. pytest_mxr.py, which pytest loads in every run, imports it on
first use."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mxr.operator import MxError
from mxr.r import sessions
from mxr.testing import current
from mxr.testing import golden as files
from mxr.testing.scripts import RScript

_KEEP = (
    "function() { before <- options(); folder <- getwd(); function() { options(before); setwd(folder); "
    "NULL } }"
)


def skip_without_r(config: pytest.Config) -> None:
    """Skip the test if R cannot be used, or fail it with --r-required."""
    why = sessions.unavailable()
    if why:
        no_r(config, why)


def no_r(config: pytest.Config, why: str) -> None:
    """Skip or fail a test that needs R, because R cannot be used."""
    if config.getoption("r_required"):
        pytest.fail(f"R is required (--r-required), and cannot be used: {why}", pytrace=False)
    pytest.skip(f"R cannot be used here: {why}")


def libraries(config: pytest.Config) -> tuple[str, ...]:
    return tuple(os.path.abspath(folder) for folder in config.getoption("r_library") or ())


def session_of(config: pytest.Config) -> sessions.Session:
    skip_without_r(config)
    try:
        return sessions.session()  # finds --r-library by R_LIBS, which pytest_configure has set
    except sessions.RUnavailable as error:
        no_r(config, str(error))
        raise


def r(request: pytest.FixtureRequest) -> Iterator[sessions.Session]:
    session = session_of(request.config)
    restore = session.run(_KEEP)()
    current.begin(session)
    try:
        for mark in reversed(list(request.node.iter_markers("r"))):
            _prepare(session, mark, request.path.parent)
        yield session
    finally:
        current.end(session)
        restore()


def report_r_output(item: pytest.Item, session: object) -> None:
    """Add R's messages and warnings to the report of a test."""
    if isinstance(session, sessions.Session):
        for name, text in (("R messages", session.said.messages), ("R warnings", session.said.warnings)):
            if text:
                item.add_report_section("call", name, "\n".join(text) + "\n")


def _prepare(session: sessions.Session, mark: pytest.Mark, folder: Path) -> None:
    """`@pytest.mark.r("code", ..., source="file.R", package="name")`."""
    unknown = set(mark.kwargs) - {"source", "package"}
    if unknown:
        raise MxError(f"@pytest.mark.r takes R code, source= and package=, not {', '.join(sorted(unknown))}")
    package = mark.kwargs.get("package")
    if package:
        if not session.run(
            f"suppressWarnings(suppressPackageStartupMessages(require('{package}', quietly = TRUE, "
            "character.only = TRUE)))"
        ):
            pytest.skip(f"R has no package {package}")
    if "source" in mark.kwargs:
        session.source(folder / mark.kwargs["source"])
    for code in mark.args:
        session.run(code)


def rscript(request: pytest.FixtureRequest) -> RScript:
    skip_without_r(request.config)
    return RScript(request.path.parent, libraries(request.config))


class Golden:
    """`golden("file.jsonl", loss=..., grad=...)` compares numbers with those of a file in the test's folder.

    With `pytest --r-record`, it writes the file instead. `golden("file.jsonl", ran)` takes the observations
    of `rscript.observe`.
    """

    def __init__(self, folder: Path, recording: bool):
        self.folder, self.recording = folder, recording

    def __call__(
        self,
        path: str | os.PathLike,
        values: Any = None,
        /,
        rtol: float = files.RTOL,
        atol: float = files.ATOL,
        **named: Any,
    ) -> None:
        __tracebackhide__ = True
        file = self.folder / path
        found = dict(values.observed) if hasattr(values, "observed") else files.observations(values or {})
        found |= files.observations(named)
        if self.recording:
            files.write(file, found)
            return
        files.check(file, found, rtol, atol)


def golden(request: pytest.FixtureRequest) -> Golden:
    return Golden(request.path.parent, bool(request.config.getoption("r_record")))
