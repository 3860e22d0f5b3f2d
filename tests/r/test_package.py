"""The R package: generated files are up to date, exports are MXNet's, and its own tests pass under both
hosts."""

from __future__ import annotations

import re
from pathlib import Path

from mxr.operator import canonical, registry
from mxr.r.generate import numbers, wrappers
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


def test_methods_have_the_arguments_of_their_generics(rscript):
    """What `R CMD check` compares."""
    printed = rscript('tools::checkS3methods("mxnet"); tools::checkReplaceFuns("mxnet")').check()
    assert printed == ""


def test_it_loads_without_the_packages_that_r_attaches(rscript):
    code = "library(mxnet); cat(search()[2:3], as.array(mx.nd.array(1:3) + 1))"
    assert rscript(code, R_DEFAULT_PACKAGES="NULL").check() == "package:mxnet Autoloads 2 3 4"


# The longest files. They test R code, and messages; other files see that messages arrive under both hosts.
UNDER_RSCRIPT_ONLY = {"arguments", "check-script", "remedies", "silent", "vectors"}


def test_testthat(host):
    folder = HERE.parents[1] / "R" / "tests" / "testthat"
    files = {path.stem.removeprefix("test-") for path in folder.glob("test-*.R")}
    if host.name != "Rscript":
        files -= UNDER_RSCRIPT_ONLY
    code = (
        f'library(testthat)\nlibrary(mxnet)\ntest_dir("{folder}", "^({"|".join(files)})$", '
        'reporter = "summary", stop_on_failure = TRUE)\n'
    )
    assert set(re.findall(r"^([\w-]+): ", host(code).check(), re.MULTILINE)) == files


def test_every_help_page_leads_on_and_shows_an_example():
    """Words to search for, pages to look at next, and an example, on every page."""
    pages = {path.name: path.read_text() for path in (HERE.parents[1] / "R" / "man").glob("*.Rd")}
    assert len(pages) > 300
    for tag in ("concept", "seealso", "examples"):
        assert [name for name, text in pages.items() if f"\\{tag}{{" not in text] == []
    known = {alias for text in pages.values() for alias in re.findall(r"\\alias\{([^}]*)\}", text)}
    links = {link for text in pages.values() for link in re.findall(r"\\link\{([^}]*)\}", text)}
    assert links <= known


def test_a_search_for_loss_finds_every_loss(rscript):
    losses = {
        op.name
        for op in registry.values()
        if not op.name.startswith("_") and (op.loss or op.family in ("loss", "ctc"))
    }
    code = """
library(mxnet)
found <- help.search("loss", package = "mxnet")$matches
cat(paste("topic", unique(found$Topic)), sep = "\\n")
for (topic in c("mxnet", "mxnet-package", "mx.symbol.MakeLoss"))
  stopifnot(length(help((topic), package = "mxnet")) == 1)
"""
    topics = set(re.findall(r"topic (\S+)", rscript(code).check()))
    assert len(losses) > 8
    assert {f"mx.symbol.{name}" for name in losses} <= topics


# Runs the R files of examples that are its arguments, and prints "## page" before what an example prints.
RUN_EXAMPLES = """
suppressMessages(library(mxnet))
pdf(NULL)
for (file in commandArgs(TRUE)) {
  cat("##", basename(file), "\\n")
  source(file, local = new.env(), print.eval = TRUE, width.cutoff = 500)
}
"""

# The pages whose example prints no number or truth value, and why
WITHOUT_NUMBERS = {
    "arguments": "gives names",
    "ctx": "gives the name of a device",
    "mx.callback.save.checkpoint": "writes files",
    "mx.install.python": "downloads, so that it is not run",
    "mx.symbol.contrib": "operators that are not here",
    "mx.callback.log.speedometer": "gives messages",
    "mx.python": "prints the path of a Python",
}


def examples(folder: Path) -> list[str]:
    """Writes the R code of every help page's example into a file of the folder, and gives their paths."""
    for path in sorted((HERE.parents[1] / "R" / "man").glob("*.Rd")):
        code = re.search(r"\n\\examples\{\n(.*?)\n\}\n(?=\\|$)", path.read_text(), re.DOTALL)[1]
        code = re.sub(r"\\dontrun\{.*\}", "", code).replace("\\%", "%").replace("\\\\", "\\")
        (folder / path.stem).write_text(code + "\n")
    return sorted(map(str, folder.iterdir()))


def test_every_example_runs_and_prints_values(rscript, tmp_path):
    """On every help page the example prints at least one number that is not the index of a line, TRUE, or
    FALSE."""
    printed = rscript(RUN_EXAMPLES, *examples(tmp_path)).check()
    without = set()
    for part in printed.split("## ")[1:]:
        name, _, shown = part.partition("\n")
        assert "NaN" not in shown, name
        lines = [re.sub(r'^ *\[[\d,]+\]|"[^"]*"', "", line) for line in shown.split("\n")]
        if not re.search(r"(?<![\w.])-?\d+(\.\d+)?(?![\w.])|TRUE|FALSE", "\n".join(lines)):
            without.add(name.strip())
    assert without == set(WITHOUT_NUMBERS)


def test_examples_of_operators_show_numbers():
    """Every operator's page has a result of the operator, or an example written by hand."""
    for op in canonical():
        names = wrappers.exported(op) or wrappers.contrib(op)
        by_hand = any((wrappers.EXAMPLES / f"{name}.R").exists() for name in names)
        if names and not by_hand:
            code = wrappers.example(op)
            assert "as.array(" in code or "as.array)" in code, op.name
    tables = set(numbers.ARGUMENTS) | set(numbers.GRADIENTS)
    first = {(wrappers.exported(op) or wrappers.contrib(op) or [""])[0] for op in canonical()}
    assert tables <= first
    assert not set(numbers.ARGUMENTS) & set(numbers.GRADIENTS)
    assert set(numbers.ARGUMENTS) >= numbers.SEVERAL
    assert set(numbers.NOTES) <= tables
