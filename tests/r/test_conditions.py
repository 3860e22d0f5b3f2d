"""Errors in both directions: Python's exceptions as R conditions with the user's call, errors of users'
closures unchanged, and the state after a training that an error has ended."""

from __future__ import annotations

import re

PRELUDE = r"""
suppressMessages(library(mxnet))
a <- mx.nd.ones(c(2, 3)); b <- mx.nd.ones(c(3, 2)); s <- mx.symbol.Variable("x")
ex <- mx.simple.bind(mx.symbol.exp(s), mx.cpu(), "write", x = 3)
call.of <- function(expr) {
  e <- tryCatch({ expr; stop("no error") }, error = identity)
  stopifnot(inherits(e, "mxnet_error"))
  paste(deparse(conditionCall(e)), collapse = "")
}
# what happens around a failure, told from inside and outside
story <- function(fail) {
  told <- character()
  tell <- function(...) told <<- c(told, paste0(...))
  user <- function() { on.exit(tell("on.exit")); fail(); tell("went on") }
  tryCatch(user(), error = function(e) tell("error"), finally = tell("finally"))
  r <- try(user(), silent = TRUE)
  tell(class(r), " ", inherits(attr(r, "condition"), "error"))
  withCallingHandlers(try(user(), silent = TRUE),
    error = function(e)
      tell("calling, in ", sum(sapply(sys.calls(), function(k) identical(k, quote(user()))))))
  tell(withRestarts(withCallingHandlers(user(), error = function(e) invokeRestart("instead", "restarted")),
    instead = identity))
  tell(tryCatch(tryCatch(user(), error = function(e) stop("another")), error = conditionMessage))
  tell(tryCatch(user(), warning = function(w) "warning", message = function(m) "message",
    condition = function(c) "condition"))
  tell(tryCatch({ warning("first"); user() }, error = function(e) "error", warning = function(w) "warning"))
  for (i in 1:3) { if (i == 2) next; try(user(), silent = TRUE) }
  told
}

x <- matrix(sin(1:300), 3); y <- colSums(x)
net <- mx.symbol.BatchNorm(mx.symbol.Variable("data"), name = "bn")
net <- mx.symbol.LinearRegressionOutput(mx.symbol.FullyConnected(net, num.hidden = 1, name = "fc"),
  name = "lro")
train <- function(..., metric = mx.metric.rmse, X = x, optimizer = "adam", batch.end.callback = record) {
  mx.set.seed(1)
  mx.model.FeedForward.create(net, X = X, y = y, num.round = 3, array.batch.size = 20, learning.rate = 0.1,
    eval.metric = metric,
    optimizer = optimizer, array.layout = "colmajor", verbose = FALSE,
    batch.end.callback = batch.end.callback, ...)
}
state <- function() {
  e <- kept$train.execs[[1]]
  lapply(c(e$ref.arg.arrays[c("fc_weight", "fc_bias", "bn_gamma", "bn_beta")], e$ref.aux.arrays), as.array)
}
kept <- NULL; states <- list()
record <- function(iteration, nbatch, env, verbose) {
  kept <<- env; states[[length(states) + 1]] <<- state(); TRUE
}
train(); good <- states; states <- list()

# Train until `seen` batches are done and something fails with `words`; the parameters must be those after
# `left` batches, and the
# executor must go on to the next batch as if nothing had been.
breaks <- function(seen, words, left, ...) {
  states <<- list()
  e <- tryCatch({ train(...); NULL }, error = identity)
  stopifnot(inherits(e, "simpleError"), identical(conditionMessage(e), words),
    identical(length(states), as.integer(seen)))
  stopifnot(identical(state(), good[[left]]))
  exec <- kept$train.execs[[1]]
  mx.exec.forward(exec, is.train = FALSE)
  out <- as.array(exec$ref.outputs[[1]])
  again <- mx.simple.bind(net, mx.cpu(), "null", data = c(3, 20), lro_label = 20)
  mx.exec.update.arg.arrays(again, exec$ref.arg.arrays, match.name = TRUE)
  mx.exec.update.aux.arrays(again, exec$ref.aux.arrays, match.name = TRUE)
  mx.exec.forward(again, is.train = FALSE)
  stopifnot(all(is.finite(out)), identical(out, as.array(again$ref.outputs[[1]])))
}
"""

CALLS = {
    "a + b": "a + b",
    "(a + (b * 2))": "a + (b * 2)",
    "a == b": "a == b",
    "a %/% b": "a%/%b",
    's + "a"': 's + "a"',
    "s + 1:3": "s + 1:3",
    "!s + 'a'": 's + "a"',
    "s$foo": "s$foo",
    "s[[9]]": "s[[9]]",
    "ex$foo": "ex$foo",
    "s$save('/no/file')": 's$save("/no/file")',
    "median(s)": "median(s)",
    "a$foo": "a$foo",
    "as.matrix(mx.nd.ones(3))": "as.matrix(mx.nd.ones(3))",
    "mean(s, axis = 'x')": 'mean(s, axis = "x")',
    "sum(s, na.rm = TRUE)": "sum(..., na.rm = TRUE)",
    "log(s, 'a')": 'log(s, "a")',
    "mxnet::mx.nd.array('a')": 'mxnet::mx.nd.array("a")',
    "Reduce(`+`, list(a, b))": "init + x[[i]]",
    "(function(u, v) u + v)(a, b)": "u + v",
    "sapply(1, function(i) a + b)": "a + b",
    "do.call(`+`, list(a, b))": "... + ...",
    "do.call('mx.nd.dot', list(a, a))": "mx.nd.dot(..., ...)",
    "lapply(list(s), mx.symbol.Activation, act_type = 'no')": "mx.symbol.Activation(",
    "mx.exec.backward(ex)": "mx.exec.backward(ex)",
    "ex$update.arg.arrays(list(x = a), TRUE, FALSE)": "ex$update.arg.arrays(list(x = a), TRUE, FALSE)",
    "s$attributes <- 3": "`$<-`(",
    "train(optimizer = 'lion')": "mx.model.FeedForward.create(",
}

CHECKS = {
    f"call of {code}": f"got <- call.of({code}); if (!startsWith(got, {expected!r})) stop(got)"
    for code, expected in CALLS.items()
} | {
    "handlers see what they see in plain R": """
        plain <- story(function() stop("words"))
        for (fail in list(function() mx.nd.array("text"), function() a + b,
          function() mx.symbol.load.json("{"), function() mxnet:::call_python("no.such.verb")))
          stopifnot(identical(story(fail), plain))
        stopifnot(length(plain) > 10)
    """,
    "a message has no traceback; it is there when asked for": """
        e <- tryCatch(mx.symbol.load.json("{"), error = identity)
        stopifnot(!grepl("Traceback|File \\"|Error:", conditionMessage(e)))
        text <- capture.output(mxr.last.error())
        stopifnot(any(grepl("^Traceback", text)))
    """,
    "warnings become errors when asked to": """
        old <- options(warn = 2); on.exit(options(old))
        e <- tryCatch(mx.symbol.Concat(list(s, s), num.args = 2), error = conditionMessage)
        stopifnot(grepl("(converted from warning)", e, fixed = TRUE))
        e <- tryCatch(mx.model.FeedForward.create(net, X = x, y = y, num.round = 1, array.batch.size = 20,
          verbose = FALSE), error = conditionMessage)
        stopifnot(grepl("(converted from warning)", e, fixed = TRUE))
        # nothing warns
        invisible(train()); capture.output(print(a + a)); as.array(exp(a)); invisible(mx.nd.array(NA))
        1 / mx.nd.zeros(2); log(0 - a)
        stopifnot(identical(tryCatch(train(metric = mx.metric.custom("w",
          function(label, pred) { warning("mine"); 1 })), error = conditionMessage),
          "(converted from warning) mine"))
    """,
    "warnings, messages and output of closures are R's own": """
        m <- mx.metric.custom("w",
          function(label, pred) { warning("mine"); message("said"); cat("printed\\n"); 1 })
        seen <- character()
        see <- function(c, restart) { seen <<- c(seen, conditionMessage(c)); invokeRestart(restart) }
        out <- capture.output(withCallingHandlers(train(metric = m),
          warning = function(w) see(w, "muffleWarning"), message = function(m) see(m, "muffleMessage")))
        stopifnot(sum(seen == "mine") == 15, sum(seen == "said\\n") == 15, sum(out == "printed") == 15)
    """,
    "a callback after a batch fails": """
        breaks(7, "callback words", 7, batch.end.callback = function(i, n, env, verbose) {
          record(i, n, env); if (length(states) == 7) stop("callback words")
        })
    """,
    "a callback after an epoch fails": """
        breaks(5, "epoch words", 5, epoch.end.callback = function(i, n, env, verbose) stop("epoch words"))
    """,
    "a metric fails": """
        breaks(7, "metric words", 8,
          metric = mx.metric.custom("m", function(label, pred) if (length(states) == 7)
            stop("metric words") else 1))
    """,
    "an iterator fails": """
        it <- mx.io.arrayiter(x, y, batch.size = 20, shuffle = FALSE)
        Broken <- function(where, at) {
          count <- 0
          trip <- function(name) {
            if (name == where) count <<- count + 1; if (name == where && count == at) stop("iterator words")
          }
          list(iter.next = function() { trip("iter.next"); it$iter.next() },
            value = function() { trip("value"); it$value() },
               reset = function() { trip("reset"); it$reset() }, num.pad = function() it$num.pad())
        }
        states <<- list(); train(X = it); good <<- states
        for (at in c("value", "iter.next"))
          breaks(3, "iterator words", 3, X = Broken(at, if (at == "value") 5 else 5))
        breaks(5, "iterator words", 5, X = Broken("reset", 2))
        states <<- list(); train(); good <<- states
    """,
    "a value of a wrong shape is an error before anything changes": """
        it <- mx.io.arrayiter(x, y, batch.size = 20); n <- 0
        bad <- list(iter.next = function() it$iter.next(), reset = function() it$reset(),
          num.pad = function() 0,
                    value = function() {
                      n <<- n + 1; v <- it$value(); if (n == 5) v$data <- mx.nd.ones(c(2, 20)); v
                    })
        states <<- list(); train(X = it); want <- states[[3]]; states <<- list()
        e <- tryCatch(train(X = bad), error = identity)
        stopifnot(inherits(e, "mxnet_error"), grepl("c(3, 20)", conditionMessage(e), fixed = TRUE),
          grepl("c(2, 20)", conditionMessage(e), fixed = TRUE))
        stopifnot(identical(state(), want))
    """,
    "an initializer fails": """
        e <- tryCatch(train(initializer = function(name, shape, ctx, allow.unknown = FALSE)
          stop("init words")), error = identity)
        stopifnot(conditionMessage(e) == "init words", inherits(e, "simpleError"))
    """,
    "a learning rate schedule and an optimizer of one's own fail": """
        sgd <- mx.opt.create('sgd', learning.rate = 0.1, lr_scheduler = function(env) if (length(states) == 4)
          stop("schedule words"))
        own <- list(create_exec = function(index, weight_dim, ctx) NULL,
          update = function(index, exec_w, weight, grad) {
          if (length(states) == 4) stop("optimizer words"); weight - 0.1 * grad })
        for (case in list(list(sgd, "schedule words"), list(own, "optimizer words"))) {
          states <<- list()
          e <- tryCatch(train(optimizer = case[[1]]), error = identity)
          if (conditionMessage(e) != case[[2]]) stop(conditionMessage(e))
          stopifnot(identical(state()[1:2], states[[4]][1:2]), length(states) == 4)
        }
    """,
    "what closures give is checked": """
        says <- function(expr, ...) {
          e <- tryCatch({ expr; NULL }, error = identity)
          if (!inherits(e, "mxnet_error"))
            stop("no mxnet_error but ", if (is.null(e)) "nothing" else conditionMessage(e))
          for (text in c(...)) if (!grepl(text, conditionMessage(e), fixed = TRUE))
            stop(conditionMessage(e), " lacks ", text)
        }
        it <- mx.io.arrayiter(x, y, batch.size = 20); m <- train()
        gives <- function(name, value, at = 3) {
          n <- 0; l <- list(iter.next = it$iter.next, value = it$value, reset = it$reset,
            num.pad = it$num.pad)
          whole <- l[[name]]; l[[name]] <- function() { n <<- n + 1; if (n == at) value else whole() }; l
        }
        for (v in list(NULL, NA, "a", list(), c(TRUE, FALSE)))
          says(train(X = gives("iter.next", v)), "iter.next() must give TRUE or FALSE, not")
        for (v in list(NULL, NA, "a", list(), list(mx.nd.ones(2)))) for (at in c(1, 3))
          says(train(X = gives("value", v, at)), "named list of arrays")
        full <- list(data = mx.nd.ones(c(3, 20)), label = mx.nd.ones(20))
        for (at in c(1, 3)) {
          says(train(X = gives("value", full["data"], at)), "has no", "label")
          says(train(X = gives("value", full["label"], at)), "has no data")
                              says(train(X = gives("value", list(data = NULL, label = 1:20), at)),
                                "has no data") }
        for (v in list(NULL, NA, "a", -1, 1:3))
          says(predict(m, gives("num.pad", v, 1)), "num.pad() must give a number of samples, not")
        says(predict(m, gives("num.pad", 1e9, 1)), "num.pad() gives 1e+09, but the batch has 20 samples")
        for (name in c("reset", "value"))
          says(train(X = gives("iter.next", TRUE)[setdiff(c("iter.next", "value", "reset"), name)]),
            paste0("no ", name, "()"))
        for (v in list(NULL, "a", mean))
          says(train(metric = mx.metric.custom("mine", function(label, pred) v)),
            "the metric mine must give one number, not")
        for (v in list(mean, "rmse", 3, list(init = mean)))
          says(train(metric = v), "eval.metric must be a metric")
        for (v in list(3, "x", list(mean))) { says(train(batch.end.callback = v),
          "batch.end.callback must be a function")
          says(train(epoch.end.callback = v), "epoch.end.callback must be a function") }
        for (v in list(3, NULL, "x")) says(train(initializer = v), "the initializer must be a function")
        for (v in list(NA, "a", list(), mean))
          says(train(initializer = function(name, shape, ctx, allow.unknown) v),
            "the initializer must give an NDArray for data, not")
        says(mx.opt.create("sgd", lr_scheduler = 3), "lr_scheduler must be a function")
        says(train(optimizer = mx.opt.create("sgd", lr_scheduler = function(env) env$lr <- "a")),
          "one number in lr, not character")
        for (v in list(NULL, 3, mean, list(), list(update = mean)))
          says(train(optimizer = v), "the optimizer must be a name")
        for (v in list(NA, "a", mx.nd.ones(7)))
          says(train(optimizer = list(create_exec = function(...) NULL, update = function(...) v)),
            "mx.exec.update.arg.arrays: bn_gamma")
    """,
    "an optimizer of one's own as before 2018": """
        steps <- 0
        early <- list(create.state = function(index, weight) weight * 0,
          update = function(index, weight, grad, state) {
            steps <<- steps + 1; state <- state * 0.9 - grad * 0.01
            list(state = state, weight = weight + state) })
        states <<- list(); train(optimizer = early); want <- states; states <<- list()
        own <- list(create_exec = function(index, weight_dim, ctx) {
          state <- mx.nd.zeros(weight_dim)
          function(weight, grad) { state <<- state * 0.9 - grad * 0.01; weight + state }
        },
        update = function(index, exec_w, weight, grad) exec_w(weight, grad))
        train(optimizer = own); stopifnot(identical(states, want), steps == 4 * 15)
        e <- tryCatch(train(optimizer = list(create.state = function(index, weight) NULL,
          update = function(...) 3)), error = identity)
        stopifnot(inherits(e, "mxnet_error"),
          grepl("must give list(state = , weight = ), not numeric", conditionMessage(e), fixed = TRUE))
        states <<- list(); train(); stopifnot(identical(states, good))
    """,
    "training goes on where it was": """
        states <<- list()
        train(); stopifnot(identical(states, good))
    """,
}


def test_condition(check):
    assert check == "ok"


def test_a_script_s_last_words(host):
    """An unhandled error: R's own output, without Python's traceback."""
    done = host(
        "library(mxnet)\na <- mx.nd.ones(2)\nf <- function(v) v + mx.nd.ones(3)\nf(a)\ncat('NOT REACHED')",
    )
    assert (done.status, done.stdout) == (1, "")
    assert done.stderr.startswith("Error in v + mx.nd.ones(3) : \n  `+`: the arrays have shapes 2 and 3;"), (
        done.stderr
    )
    assert "Traceback" not in done.stderr and done.stderr.endswith("Execution halted\n")


def test_the_traceback_is_r_s(host):
    code = r"""
        suppressMessages(library(mxnet))
        deep <- function() stop("the words")
        helper <- function(label, pred) deep()
        x <- matrix(1:20, 2)
        net <- mx.symbol.LinearRegressionOutput(mx.symbol.FullyConnected(mx.symbol.Variable("data"),
          num.hidden = 1))
        mx.model.FeedForward.create(net, X = x, y = 1:10, num.round = 1, array.layout = "colmajor",
          verbose = FALSE, eval.metric = mx.metric.custom("m", helper))
    """
    done = host(code)
    assert done.status == 1
    assert re.fullmatch(
        r"Error in deep\(\) : the words\nCalls: mx.model.FeedForward.create .* -> feval "
        r"-> deep\nExecution halted\n",
        done.stderr,
    ), done.stderr
