"""The R package: generated files are up to date, exports are MXNet's, and its own tests pass under both
hosts."""

from __future__ import annotations

import re

from mxr.r.generate import wrappers
from tests.r.hosts import HERE

FORMALS = r"""
library(mxnet)
ns <- asNamespace("mxnet")
for (line in readLines(commandArgs(TRUE)[[1]])) {
  name <- sub(" .*", "", line)
  rest <- sub("^\\S+ ", "", line)
  if (!name %in% getNamespaceExports(ns)) { cat("not exported:", name, "\n"); next }
  if (!startsWith(rest, "function")) next
  want <- formals(eval(parse(text = paste(rest, "NULL"))))
  have <- formals(get(name, ns))[seq_along(want)]
  if (startsWith(name, "mx.symbol.") && identical(names(want), "...")) next
  same <- identical(names(have), names(want)) && identical(lapply(have, deparse), lapply(want, deparse))
  if (!same) cat("formals:", name, "\n")
}
"""

# One formal more than MXNet's, each with its reason
MORE_FORMALS = {
    "mx.nd.BatchNorm.v1": "the auxiliary states, which MXNet cannot be given from R",
    "mx.nd.IdentityAttachKLSparseReg": "the same",
    "mx.nd.linalg.potrf": "lower",
    "mx.nd.linalg.potri": "lower",
}


def test_nothing_generated_is_stale():
    assert wrappers.stale() == []


def test_exports_and_formals_are_those_of_mxnet(rscript):
    printed = rscript(FORMALS, str(HERE / "signatures.txt")).check()
    missing = set(re.findall(r"not exported: (\S+)", printed))
    different = set(re.findall(r"formals: (\S+)", printed))
    assert missing == set()
    # `out` comes after the extra formals
    assert different == set(MORE_FORMALS)


def test_testthat(host):
    folder = HERE.parents[1] / "R" / "tests" / "testthat"
    code = (
        f'library(testthat)\nlibrary(mxnet)\ntest_dir("{folder}", reporter = "summary", '
        'stop_on_failure = TRUE)\n'
    )
    host(code).check()
