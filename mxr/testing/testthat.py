"""testthat files as pytest items: one for each `test_that("name", ...)`.

A file is run once, by one Rscript, before its first item. Tests whose names are computed cannot be found in
the text; the item `(others)` of the file reports them.
"""

from __future__ import annotations

import json
import re
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mxr.testing import plugin
from mxr.testing.scripts import Ran, RScript

_NAME = re.compile(
    r"""^[ \t]*(?:testthat::)?test_that\(\s*(?:desc\s*=\s*)?"""
    r"""(?P<quote>["'])(?P<name>(?:\\.|(?!(?P=quote)).)*)(?P=quote)""",
    re.MULTILINE,
)
OTHERS = "(others)"

# Writes a JSON line for each test: its name, and the kind and message of each expectation that is no success.
_RUN = r"""
quoted <- function(x) {
  x <- gsub("\\", "\\\\", enc2utf8(paste(x, collapse = "\n")), fixed = TRUE)
  for (pair in list(c("\"", "\\\""), c("\n", "\\n"), c("\t", "\\t"), c("\r", "\\r"))) {
    x <- gsub(pair[1], pair[2], x, fixed = TRUE)
  }
  paste0("\"", gsub("[[:cntrl:]]", "?", x), "\"")
}
arguments <- commandArgs(TRUE)
results <- testthat::test_file(arguments[[1]], reporter = "silent", stop_on_failure = FALSE)
kind <- function(e) sub("^expectation_", "", class(e)[[1]])
lines <- vapply(results, function(test) {
  bad <- Filter(function(e) kind(e) != "success", test$results)
  where <- function(e) if (is.null(e$srcref)) "" else paste0("line ", e$srcref[[1]], ": ")
  said <- vapply(bad, FUN.VALUE = "", function(e) {
    paste0("[", quoted(kind(e)), ",", quoted(paste0(where(e), conditionMessage(e))), "]")
  })
  paste0("{\"name\":", quoted(test$test), ",\"bad\":[", paste(said, collapse = ","),
         "],\"n\":", length(test$results), "}")
}, "")
writeLines(lines, arguments[[2]], useBytes = TRUE)
"""


class TestthatFile(pytest.File):
    """A file of R tests."""

    _results: list[dict[str, Any]] | None = None
    _ended: Ran | None = None

    def collect(self) -> Iterator[pytest.Item]:
        text = self.path.read_text(encoding="utf-8")
        names = [re.sub(r"\\(.)", r"\1", m["name"]) for m in _NAME.finditer(text)]
        self.names = list(dict.fromkeys(names))
        computed = len(re.findall(r"\b(?:test_that|it|describe)\(", text)) > len(names)
        for name in [*self.names, *[OTHERS] * computed]:
            yield TestthatItem.from_parent(self, name=name)

    def results(self) -> list[dict[str, Any]]:
        """testthat's results for all tests of the file, which is run at the first call."""
        if self._results is None:
            plugin.skip_without_r(self.config)
            with tempfile.TemporaryDirectory() as folder:
                out = Path(folder, "results.jsonl")
                try:
                    self._ended = RScript(self.path.parent, plugin.libraries(self.config))(
                        _RUN, str(self.path), str(out), timeout=1800
                    )
                except subprocess.TimeoutExpired as late:
                    self._ended = Ran(1, str(late.stdout or ""), f"{late}")
                self._results = (
                    [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
                    if out.exists()
                    else []
                )
        if not self._results and self._ended and self._ended.status:
            raise TestthatFailed(f"{self.path.name} did not run:\n{self._ended.stdout}{self._ended.stderr}")
        return self._results


class TestthatFailed(Exception):
    """Expectations of an R test have failed. The message has those of testthat."""


class TestthatItem(pytest.Item):
    """One `test_that`."""

    parent: TestthatFile

    def runtest(self) -> None:
        every = self.parent.results()
        mine = [
            t
            for t in every
            if (t["name"] not in self.parent.names if self.name == OTHERS else t["name"] == self.name)
        ]
        bad = [
            (kind, f"{t['name']}: {text}" if self.name == OTHERS else text)
            for t in mine
            for kind, text in t["bad"]
        ]
        failed = [text for kind, text in bad if kind in ("failure", "error")]
        if failed:
            raise TestthatFailed("\n".join(failed))
        skipped = [text for kind, text in bad if kind == "skip"]
        if skipped:
            pytest.skip("; ".join(skipped))
        warned = [text for kind, text in bad if kind == "warning"]
        if warned:
            self.add_report_section("call", "R warnings", "\n".join(warned) + "\n")
        if self.name != OTHERS and not mine:
            raise TestthatFailed("testthat did not run this test: is it inside code that does not run?")

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        return (
            str(excinfo.value)
            if isinstance(excinfo.value, TestthatFailed)
            else super().repr_failure(excinfo, style)
        )

    def reportinfo(self) -> tuple[Path, int | None, str]:
        return self.path, None, f"test_that: {self.name}"
