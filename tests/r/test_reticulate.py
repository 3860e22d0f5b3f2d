"""Objects that a script makes by `reticulate::import("mxr")` are this package's own, under both hosts."""

from __future__ import annotations

PRELUDE = r"""
suppressMessages(library(mxnet))
Sys.setenv(RETICULATE_PYTHON = Sys.getenv("MXR_PYTHON"))
mxr <- reticulate::import("mxr")
plain <- reticulate::import("mxr", convert = FALSE)
message_of <- function(expr) tryCatch({ expr; "no error" }, error = conditionMessage)
"""
CHECKS = {
    "symbols are accepted": """
        x <- mxr$sym$Variable("x")
        loss <- mx.symbol.MakeLoss(mx.symbol.square(x) + mxr$sym$exp(x), name = "l")
        stopifnot(is.mx.symbol(x), identical(arguments(loss), "x"), identical(outputs(loss), "l_output"))
        ex <- mx.simple.bind(loss, x = 3, grad.req = "write")
        mx.exec.update.arg.arrays(ex, list(x = mx.nd.array(c(0, 1, 2))), match.name = TRUE)
        mx.exec.forward(ex); mx.exec.backward(ex)
        stopifnot(all.equal(as.numeric(as.array(ex$ref.grad.arrays$x)), 2 * 0:2 + exp(0:2), tolerance = 1e-6))
    """,
    "symbols that reticulate has not converted are accepted": """
        x <- plain$sym$Variable("x")
        stopifnot(inherits(x, "python.builtin.object"), identical(arguments(x), "x"))
        stopifnot(identical(arguments(mx.symbol.square(x)), "x"),
          identical(arguments(reticulate::py_to_r(x)), "x"))
        e <- reticulate::py_to_r(x); stopifnot(identical(arguments(e + 1), "x"))
    """,
    "R's symbols and arrays are taken by Python": """
        s <- mxr$sym$square(mx.symbol.Variable("y"))
        stopifnot(is.mx.symbol(s), identical(arguments(s), "y"))
        stopifnot(identical(as.numeric(as.array(mxr$nd$square(mx.nd.array(1:3)))), c(1, 4, 9)))
        a <- mx.nd.array(matrix(1:6, 2))
        stopifnot(identical(as.integer(reticulate::py_eval("lambda a: list(a.shape)")(a)), c(3L, 2L)))
    """,
    "an executor": """
        ex <- reticulate::py_to_r(plain$sym$square(plain$sym$Variable("x"))$bind(list(x = mx.nd.array(1:3))))
        mx.exec.forward(ex)
        stopifnot(identical(as.numeric(as.array(ex$ref.outputs[[1]])), c(1, 4, 9)))
    """,
    # follows: make it again
    "an object of another session": """
        x <- plain$sym$Variable("x"); other <- unserialize(serialize(x, NULL))
        said <- message_of(mx.symbol.square(other))
        stopifnot(grepl("belongs to another R session: make it again", said, fixed = TRUE))
        x <- plain$sym$Variable("x"); stopifnot(is.mx.symbol(mx.symbol.square(x)))
    """,
    "other Python objects and R functions are refused in a sentence": """
        stopifnot(grepl("inputs go by position|only inputs", message_of(mx.symbol.square(plain$sym))),
                  grepl("a function cannot be used here", message_of(mx.symbol.square(function(x) x))),
                  grepl("an environment cannot be used here", message_of(mx.symbol.square(globalenv()))))
    """,
}


def test_reticulate(check):
    assert check == "ok"
