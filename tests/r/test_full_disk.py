"""Saving to a full disk from R: an error with the file and the reason, the old file unchanged, no temporary
file left."""

from __future__ import annotations

import errno
import os
import subprocess
from pathlib import Path

import pytest

from tests.r.hosts import HOSTS, command, environment, succeeds
from tests.stress.faults import small_disk

SCRIPT = r"""
suppressMessages(library(mxnet))
folder <- commandArgs(TRUE)[1]; reason <- commandArgs(TRUE)[2]
at <- function(name) file.path(folder, name)
net <- function(name) mx.symbol.FullyConnected(mx.symbol.Variable("data"), num.hidden = 1, name = name)
model <- function(name, n)
  list(symbol = net(name), arg.params = list(w = mx.nd.ones(c(n, 10))), aux.params = list())
pictures <- function(n) {
  list <- file.path(tempdir(), "pictures.lst"); writeLines(rep(paste0("0\t1\t", list), n), list); list
}
long <- strrep("n", 1e5)
saves <- list(
  "model-symbol.json" = function(big)
    mx.model.save(if (big) model(long, 1) else model("fc", 1), at("model"), 1),
  "model-0001.params" = function(big)
    mx.model.save(if (big) model("fc", 1e4) else model("fc", 1), at("model"), 1),
  "symbol.json" = function(big) mx.symbol.save(net(if (big) long else "fc"), at("symbol.json")),
  "method.json" = function(big) net(if (big) long else "fc")$save(at("method.json")),
  "arrays.params" = function(big) mx.nd.save(list(w = mx.nd.ones(if (big) 1e5 else 2)), at("arrays.params")),
  "images.rec" = function(big) im2rec(pictures(if (big) 200 else 2), "", at("images.rec"), unchanged = 1))
for (save in saves) save(FALSE)
contents <- function()
  lapply(sapply(list.files(folder, all.files = TRUE, no.. = TRUE, full.names = TRUE), identity),
    function(f) readBin(f, "raw", 1e6))
before <- contents()
stopifnot(length(before) == 6)
for (name in names(saves)) for (again in 1:3) {
  e <- tryCatch({ saves[[name]](TRUE); NULL }, error = identity)
  stopifnot(inherits(e, "mxnet_error"), grepl(name, conditionMessage(e), fixed = TRUE),
    grepl(reason, conditionMessage(e), fixed = TRUE), identical(contents(), before))
}
for (save in saves) save(FALSE)
stopifnot(identical(contents(), before),
  identical(as.array(mx.model.load(at("model"), 1)$arg.params$w), matrix(1, 1, 10)))
cat("all whole")
"""


@pytest.mark.parametrize("host", HOSTS)
def test_saving_onto_a_full_disk(host, tmp_path):
    """A tmpfs of 64 KB; if it cannot be mounted, a limit on the size of files."""
    (tmp_path / "script.R").write_text(SCRIPT)
    with small_disk(64) as disk:
        reason = os.strerror(errno.ENOSPC if disk else errno.EFBIG)
        folder = disk or Path(tmp_path, "files")
        folder.mkdir(exist_ok=True)
        limit = "" if disk else "trap '' XFSZ; ulimit -f 64; "
        done = subprocess.run(
            [
                "bash",
                "-c",
                limit + 'exec "$@"',
                "bash",
                *command(host),
                tmp_path / "script.R",
                folder,
                reason,
            ],
            env=environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=100,
        )
    assert succeeds(done) == "all whole"
