"""Every input of every operator with a value that cannot be an input: the message says that it is an input
and what it takes. And every operator with an unknown name. From Python and from R."""

from __future__ import annotations

import json

import numpy as np
import pytest

import mxr
from mxr.operator import MxError, registry
from mxr.operator.inputs import inputs_of, list_of
from mxr.r.generate.wrappers import REFUSED
from tests.r.hosts import run_code, succeeds

OPERATORS = {name: op for name, op in registry.items() if op.name == name and not op.open}
INPUTS = [(name, key) for name, op in OPERATORS.items() for key in inputs_of(op)]
# A misspelled parameter name, by operator
SLIPS = {name: next(iter(op.params))[:-1] + "qx" for name, op in OPERATORS.items() if op.params}


def said(call, **arguments) -> str:
    with pytest.raises(MxError) as found:
        call(**arguments)
    return str(found.value)


def test_a_symbols_input_takes_a_symbol():
    for name, key in INPUTS:
        for value, kind in (
            (np.ones((2, 5), np.float32), "ndarray"),
            (1, "int"),
            (1.5, "float"),
            ("y", "str"),
            ([1, 2], "list"),
            (True, "bool"),
        ):
            message = said(getattr(mxr.sym, name), **{key: value})
            assert (
                f"{key} is an input and takes a symbol, not {kind}; its values go into arg.params" in message
            )
    assert len(INPUTS) > 500


def test_an_arrays_input_takes_numbers():
    for name, key in INPUTS:
        for value in ("y", ["a"], mxr.sym.Variable("v")):
            message = said(getattr(mxr.nd, name), **{key: value})
            assert f"{key} is an input and must be numbers" in message, message


def test_no_operator_swallows_a_name():
    for name, op in OPERATORS.items():
        for face in (mxr.sym, mxr.nd):
            message = said(getattr(face, name), no_such_argument=1)
            assert "no_such_argument" in message, message
            if name in SLIPS and not op.has_input(SLIPS[name]):
                message = said(getattr(face, name), **{SLIPS[name]: 1})
                assert SLIPS[name] in message and ("did you mean" in message or "; it has" in message), (
                    message
                )


SWEEP = r"""
suppressMessages(library(mxnet))
inputs <- read.csv("inputs.csv")
exported <- getNamespaceExports("mxnet")
s <- mx.symbol.Variable("s")
bad <- character()
count <- 0
check <- function(f, arguments, wanted) {
  count <<- count + 1
  message <- tryCatch({ suppressWarnings(do.call(f, arguments)); "no error" }, error = conditionMessage)
  if (!all(vapply(wanted, grepl, NA, message, fixed = TRUE)))
    bad <<- c(bad, paste0(f, "(", names(arguments), "): ", message))
}
values <- list(numbers = matrix(1, 2, 5), `a number` = 1, text = "y", `TRUE or FALSE` = TRUE,
  texts = c("a", "b"), `a list` = list(s), `a list` = list(1, "a"), `a list` = list(s, s),
  `an NDArray` = mx.nd.ones(2))
# NULL is as good as nothing: the input becomes a variable, as in MXNet
nothing <- function(f, given)
  tryCatch(gsub("[0-9]+", "", arguments(do.call(f, given))), error = conditionMessage)
for (i in seq_len(nrow(inputs))) {
  key <- inputs$input[[i]]
  for (f in intersect(c(paste0("mx.symbol.", inputs$symbol[[i]])), exported)) {
    for (k in seq_along(values))
      check(f, structure(values[k], names = key),
        c(paste(key, "is an input and takes a symbol, not", if (names(values)[[k]] == "a list") "a list"),
          "its values go into arg.params"))
    if (!identical(nothing(f, structure(list(NULL), names = key)), nothing(f, list())))
      bad <- c(bad, paste0(f, "(", key, " = NULL)"))
  }
  for (f in setdiff(intersect(inputs$array[[i]], exported), "mx.nd.slice")) {
    check(f, structure(list("y"), names = key),
      paste(key, "is an input and takes an NDArray, an array or numbers, not text"))
    check(f, structure(list(s), names = key), key)
    for (value in list(list(1, "a"), list("y", "z"), mean))
      check(f, structure(list(value), names = key),
        if (is.list(value)) c(key, "is an input and takes") else "function")
  }
}
for (f in grep("^mx[.](symbol|nd)[.]", exported, value = TRUE)) {
  if (!is.function(get(f)) || !"..." %in% names(formals(get(f))) || f %in% c(OPEN)) next
  check(f, list(no.such.argument = 1), "no.such.argument")
}
cat(count, "calls\n")
if (length(bad)) { cat(length(bad), "bad\n", head(bad, 20), sep = "\n"); quit(status = 1) }
"""


def test_from_r(tmp_path):
    rows = ["symbol,array,input"]
    for name, op in OPERATORS.items():
        if list_of(op):
            continue
        rows += [f"{name},mx.nd.{name.replace('_', '.')},{key}" for key in inputs_of(op)]
    (tmp_path / "inputs.csv").write_text("\n".join(rows) + "\n")
    code = SWEEP.replace("OPEN", ", ".join(json.dumps(f) for f in OPEN_IN_R))
    printed = succeeds(run_code("mxr run", code, cwd=tmp_path))
    assert int(printed.split(" calls")[0].split()[-1]) > 1500, printed


# Functions of R that take inputs under any name, or refuse every call; mx.nd.slice is not the operator
OPEN_IN_R = [
    f"mx.{face}{name}"
    for whole in REFUSED
    for face, name in (
        ("symbol.internal.", whole),
        ("symbol.contrib.", whole.removeprefix("_contrib_")),
        ("nd.contrib.", whole.removeprefix("_contrib_")),
    )
]
OPEN_IN_R += ["mx.symbol.infer.shape", "mx.symbol.Group", "mx.symbol.fun", "mx.nd.fun", "mx.nd.slice"] + [
    f"mx.{face}.{shown}"
    for name, op in registry.items()
    if op.open or op.variadic
    for face in ("symbol", "nd")
    for shown in (name, name.replace("_", "."))
]
