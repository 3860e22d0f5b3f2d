"""Extreme values in R: empty, huge, missing, misnamed; which values may be changed; freed memory; R's garbage
collector at every allocation."""

from __future__ import annotations

# Values cross the same door under both hosts (test_bridge.py).
HOSTS = ("Rscript",)

PRELUDE = r"""
suppressMessages(library(mxnet))
call <- mxnet:::call_python
says <- function(expr, ...) {
  e <- tryCatch({ expr; NULL }, error = identity)
  if (!inherits(e, "mxnet_error"))
    stop("no mxnet_error but ", if (is.null(e)) "nothing" else conditionMessage(e))
  for (text in c(...)) if (!grepl(text, conditionMessage(e), fixed = TRUE))
    stop(conditionMessage(e), " lacks ", text)
}
net <- mx.symbol.LinearRegressionOutput(mx.symbol.FullyConnected(mx.symbol.Variable("data"), num.hidden = 1,
  name = "fc"), name = "lro")
train <- function(X, y, ...)
  mx.model.FeedForward.create(net, X = X, y = y, num.round = 1, array.batch.size = 5,
    array.layout = "rowmajor", verbose = FALSE,
    learning.rate = 0.1, ...)
resident <- function() {
  invisible(gc()); invisible(call("bridge.live"))
  as.numeric(strsplit(readLines("/proc/self/statm"), " ")[[1]][2]) * 4096
}
# The growth of resident memory, in MB, over `times` runs of the code: four times the smallest of its
# quarters, because heaps grow by steps.
growth <- function(times, code) {
  code <- substitute(code); frame <- parent.frame()
  run <- function(n) { for (i in seq_len(n)) eval(code, frame); resident() }
  seen <- c(run(times / 10), vapply(1:4, function(quarter) run(ceiling(times / 4)), 0))
  4 * min(diff(seen)) / 2^20
}
"""

CHECKS = {
    "empty arrays are refused, or are empty": """
        for (empty in list(numeric(0), integer(0), matrix(0, 0, 3), array(0, c(2, 0, 1)))) {
          r <- tryCatch(as.array(mx.nd.array(empty)), mxnet_error = conditionMessage)
          stopifnot(is.character(r) && nzchar(r) || length(r) == 0)
        }
        says(train(matrix(0, 0, 3), numeric(0)))
        says(mx.nd.zeros(integer(0)), "shape"); says(mx.nd.zeros(-1), "shape")
        says(mx.symbol.Group(), "symbols"); says(mx.nd.array(NULL))
        says(mx.symbol.Variable(character(0)), "name"); says(mx.symbol.Variable(NULL), "name")
    """,
    "more than there is memory for": """
        says(mx.nd.zeros(c(1e6, 1e6)), "memory"); says(mx.nd.ones(2^40), "memory")
    """,
    "numbers beyond single precision": """
        stopifnot(identical(as.array(mx.nd.array(c(2^24, 2^24 + 1, 1e300, -1e300, 1e-300))),
          c(2^24, 2^24, Inf, -Inf, 0)))
        stopifnot(identical(as.array(mx.nd.array(16777217L)), 16777216))
        stopifnot(identical(as.array(mx.nd.array(.Machine$integer.max)), 2^31))
    """,
    "NA, NaN and Inf": """
        v <- as.array(mx.nd.array(c(NA, NaN, Inf, -Inf, 1)))
        stopifnot(is.nan(v[1:2]), identical(v[3:5], c(Inf, -Inf, 1)))
        v <- as.array(mx.nd.array(c(NA, 1L))); stopifnot(is.nan(v[1]), v[2] == 1)
        v <- as.array(mx.nd.array(c(NA, TRUE))); stopifnot(is.nan(v[1]), v[2] == 1)
        v <- as.array(mx.nd.array(c(NA, 1)) + 1); stopifnot(is.nan(v[1]), v[2] == 2)
        # as in MXNet: NaN spreads
        m <- train(matrix(c(NA, 1:14), 5), 1:5); stopifnot(any(is.nan(as.array(m$arg.params$fc_weight))))
        says(mx.nd.zeros(NA), "shape"); says(mx.nd.zeros(c(2, NaN)), "shape"); says(mx.nd.zeros(Inf), "shape")
        says(mx.symbol.FullyConnected(net, num.hidden = NA))
        says(mx.symbol.FullyConnected(net, num.hidden = NaN), "num_hidden")
        ex <- mx.simple.bind(net, mx.cpu(), "write", data = c(2, 5))
        says(mx.exec.forward(ex, is.train = NA), "is.train must be TRUE or FALSE")
        says(mx.exec.update.arg.arrays(ex, list(), match.name = NA), "match.name must be")
        says(mx.exec.update.arg.arrays(ex, list(data = NA), match.name = TRUE), "data has shape")
        says(mx.symbol.FullyConnected(net, num.hidden = 1, no.bias = NA), "no_bias")
        says(mx.nd.sum(mx.nd.ones(2), keepdims = NA), "keepdims")
        says(mx.symbol.Variable(NA), "name"); says(mx.symbol.Variable(NA_character_), "name")
    """,
    "factors and data frames": """
        says(mx.nd.array(factor(c("a", "b"))), "factor"); says(mx.nd.array(iris), "data.matrix")
        says(train(iris[, 1:4], 1:150), "data frame", "data.matrix")
        says(mx.io.arrayiter(iris[, 1:4], 1:150), "data.matrix")
        says(mx.io.arrayiter(iris$Species, 1:150), "factor", "as.integer")
        says(mx.nd.array(list(1, 2)), "list"); says(mx.nd.array("1"), "character")
        says(mx.nd.array(1i), "complex"); says(mx.nd.array(mean), "function")
        says(mx.nd.array(as.Date("2020-01-01")), "Date")
        says(mx.symbol.Variable(factor("a")), "name")
        ex <- mx.simple.bind(net, mx.cpu(), "write", data = c(2, 5))
        says(mx.exec.update.arg.arrays(ex, list(data = iris), match.name = TRUE), "data.matrix")
    """,
    "values that are no numbers, paths, shapes or seeds": """
        big <- structure(5e-324, class = "integer64"); a <- mx.nd.ones(3); d <- mx.symbol.Variable("data")
        says(mx.nd.array(big), "integer64", "as.numeric"); says(mx.nd.exp(big), "integer64", "as.numeric")
        says(train(matrix(1, 5, 2), structure(rep(5e-324, 5), class = "integer64")), "integer64")
        for (v in list(NULL, NA, 3, c("a", "b"), mean, iris)) { says(mx.nd.load(v),
          "mx.nd.load: filename must be one text"); says(mx.nd.save(a, v), "must be one text")
          says(mx.symbol.load(v), "must be one text")
                                                               says(mx.symbol.save(d, v), "must be one text")
                                                               says(d$save(v), "must be one text") }
        for (v in list(NULL, "1", 1:2, numeric(0), list(1), matrix(1, 1, 2))) { says(mx.nd.slice(a, 0, v),
          "begin and end"); says(mx.nd.slice(a, v, 2), "begin and end") }
        for (v in list(NA_real_, 1e300, Inf, "1", 1:2, NULL)) says(mx.set.seed(v), "seed must be one number")
        for (v in list(matrix(1:4, 2), c(1, NA), c(1L, NA), Inf))
          says(mx.simple.bind(d * 2, mx.cpu(), "write", data = v), "shape")
        for (v in list(c(1L, NA), c(NA, 1), c(Inf, 1)))
          says(mx.symbol.Convolution(d, kernel = v, num.filter = 1), "kernel must be whole numbers")
        for (v in list(mean, globalenv(), 3, NULL)) says(mx.symbol.load.json(v), "json.str must be text")
        m <- train(matrix(1:10, 5), 1:5)
        for (v in list(mean, list(1, 2), globalenv(), NULL,
          quote(x))) {
            says(predict(m, v, array.layout = "rowmajor"), "X must be"); says(train(v, 1:5), "X must be")
          }
        file <- tempfile(); says(mx.nd.save(list(a = a, b = NULL), file), "NULL"); mx.nd.save(list(), file)
        stopifnot(length(mx.nd.load(file)) == 0)
    """,
    "names that are not ASCII": """
        long <- paste(rep("n", 5e3), collapse = "")
        for (name in c("é", "データ", "a b", "\\U0001F600", "x\\"y\\\\z", "l\\nn", long)) {
          s <- mx.symbol.FullyConnected(mx.symbol.Variable(name), num.hidden = 2, name = paste0(name, "fc"))
          stopifnot(arguments(s)[1] == name, outputs(s) == paste0(name, "fc_output"))
          again <- mx.symbol.load.json(s$as.json()); stopifnot(identical(arguments(again), arguments(s)))
          ex <- do.call(mx.simple.bind, c(list(s, mx.cpu(), "write"), structure(list(c(3, 4)), names = name)))
          mx.exec.forward(ex); stopifnot(identical(names(ex$ref.arg.arrays), arguments(s)))
        }
        latin <- iconv("caf\\u00e9", "UTF-8", "latin1")
        stopifnot(arguments(mx.symbol.Variable(latin)) == "caf\\u00e9")
        bytes <- rawToChar(as.raw(c(0x61, 0xff, 0x62))); Encoding(bytes) <- "bytes"
        says(mx.symbol.Variable(bytes), "bytes", "iconv")
        json <- paste('{"nodes": [{"op": "null", "name": "a\\\\u0000b", "inputs": []}],',
          '"arg_nodes": [0], "heads": [[0, 0]]}')
        says(mx.symbol.load.json(json)$arguments, "zero character")
        stopifnot(arguments(mx.symbol.Variable("x")) == "x")
    """,
    "paths that are not ASCII": """
        dir <- file.path(tempdir(), "données 数据 '\\"x")
        dir.create(dir); old <- setwd(dir); on.exit(setwd(old))
        mx.nd.save(list("é" = mx.nd.ones(2)), "poids é.params")
        stopifnot(names(mx.nd.load("poids é.params")) == "é", file.exists(file.path(dir, "poids é.params")))
        mx.model.save(train(matrix(1:30, 10), 1:10), "modèle", 1)
        m <- mx.model.load(file.path(dir, "modèle"), 1)
        stopifnot(identical(sort(names(m$arg.params)), c("fc_bias", "fc_weight")))
        write.table(matrix(1:6, 3), "donn\\u00e9es.csv", sep = ",", row.names = FALSE, col.names = FALSE)
        it <- mx.io.CSVIter(data.csv = "donn\\u00e9es.csv", data.shape = 2, batch.size = 3)
        stopifnot(it$iter.next(), all(as.array(it$value()$data) == t(matrix(1:6, 3))))
        says(mx.nd.load("pas là"), "pas là", "No such file")
    """,
    "ten thousand arguments": """
        vars <- lapply(sprintf("v%05d", 1:10000), mx.symbol.Variable)
        g <- mx.symbol.Group(vars); stopifnot(length(arguments(g)) == 10000, length(outputs(g)) == 10000)
        total <- do.call(mx.symbol.add_n, vars); stopifnot(length(arguments(total)) == 10000)
        shapes <- structure(rep(list(2), 10000), names = arguments(total))
        ex <- do.call(mx.simple.bind, c(list(total, mx.cpu(), "write"), shapes))
        mx.exec.update.arg.arrays(ex, lapply(ex$ref.arg.arrays, function(a) mx.nd.ones(2)), match.name = TRUE)
        mx.exec.forward(ex); stopifnot(identical(as.array(ex$ref.outputs[[1]]), c(1e4, 1e4)))
        mx.exec.backward(ex)
        stopifnot(all(vapply(ex$ref.grad.arrays[c(1, 5000, 10000)], function(g) all(as.array(g) == 1), NA)))
        stopifnot(length(mx.symbol.load.json(total$as.json())$arguments) == 10000)
    """,
    "variables of one name": """
        two <- mx.symbol.Variable("x") + mx.symbol.Variable("x") * 2
        ex <- mx.simple.bind(two, mx.cpu(), "write", x = 2)
        mx.exec.update.arg.arrays(ex, list(x = c(1, 2)), match.name = TRUE); mx.exec.forward(ex)
        stopifnot(as.array(ex$ref.outputs[[1]]) == c(3, 6))
        d <- mx.symbol.Variable("data")
        fc <- function(d, n) mx.symbol.FullyConnected(d, num.hidden = n, name = "fc")
        says(mx.simple.bind(fc(fc(d, 4), 5), mx.cpu(), "write", data = c(3, 2)), "c(3, 4) and c(?, 5) differ",
          "fc_weight and fc_bias are the same arrays", "different names")
        bad <- mx.symbol.broadcast_add(mx.symbol.BatchNorm(d, moving.mean = mx.symbol.Variable("m"),
          name = "bn"), mx.symbol.Reshape(mx.symbol.Variable("m"), shape = c(1, 1, 3, 1)))
        says(mx.simple.bind(bad, mx.cpu(), "write", data = c(4, 4, 3, 2)), "name m",
          "auxiliary state of BatchNorm bn")
        says(mx.symbol.infer.shape(bad, data = c(4, 4, 3, 2)), "name m")
    """,
    "a thousand layers": """
        s <- mx.symbol.Variable("data"); for (i in 1:1000) s <- mx.symbol.Activation(s, act.type = "relu") + 1
        ex <- mx.simple.bind(s, mx.cpu(), "write", data = 3); mx.exec.forward(ex)
        stopifnot(all(as.array(ex$ref.outputs[[1]]) == 1000))
        for (i in 1:3000) s <- s * 1
        again <- mx.symbol.load.json(s$as.json())
        stopifnot(length(outputs(internals(again))) == length(outputs(internals(s))))
    """,
    "R's values never change": """
        x <- matrix(c(1, 2, 3, 4, 5, 6), 2); keep <- x + 0; n <- 1:6; flags <- c(TRUE, FALSE)
        a <- mx.nd.array(x); a <- a * 2 + x
        ex <- mx.simple.bind(mx.symbol.exp(mx.symbol.Variable("x")), mx.cpu(), "write", x = c(2, 3))
        mx.exec.update.arg.arrays(ex, list(x = x), match.name = TRUE); mx.exec.forward(ex)
        mx.exec.backward(ex)
        mx.nd.sgd.update(weight = mx.nd.array(x), grad = mx.nd.array(x), lr = 1)
        mx.nd.sgd.update(weight = x, grad = x, lr = 1); mx.nd.adam.update(x, x, x, x, lr = 1)
        it <- mx.io.arrayiter(x, 1:3, batch.size = 2, shuffle = TRUE); it$iter.next(); v <- it$value()
        out <- as.array(ex$ref.outputs[[1]]); outkeep <- out + 0
        mx.exec.update.arg.arrays(ex, list(x = x * 0), match.name = TRUE); mx.exec.forward(ex)
        stopifnot(identical(x, keep), identical(n, 1:6), identical(flags, c(TRUE, FALSE)),
          identical(out, outkeep), !identical(as.array(ex$ref.outputs[[1]]), out))
    """,
    "NDArrays given to R never change, but ref.*": """
        a <- mx.nd.array(c(1, 2, 3)); keep <- as.array(a)
        ex <- mx.simple.bind(mx.symbol.MakeLoss(mx.symbol.square(mx.symbol.Variable("x"))), mx.cpu(), "write",
          x = 3)
        mx.exec.update.arg.arrays(ex, list(x = a), match.name = TRUE); mx.exec.forward(ex)
        mx.exec.backward(ex)
        copies <- list(ex$arg.arrays$x, ex$grad.arrays$x, ex$outputs[[1]]); before <- lapply(copies, as.array)
        live <- list(ex$ref.arg.arrays$x, ex$ref.grad.arrays$x, ex$ref.outputs[[1]])
        mx.exec.update.arg.arrays(ex, list(x = a * 5), match.name = TRUE); mx.exec.forward(ex)
        mx.exec.backward(ex)
        stopifnot(identical(lapply(copies, as.array), before), identical(as.array(a), keep))
        stopifnot(identical(as.array(live[[1]]), 5 * keep), identical(as.array(live[[2]]), 10 * keep))
        b <- mx.nd.copyto(a, mx.cpu()); s <- mx.nd.slice(a, 0, 2); r <- mx.nd.Reshape(a, shape = c(3, 1))
        f <- mx.nd.Flatten(mx.nd.array(matrix(1:4, 2)))
        stopifnot(all(as.array(mx.nd.sgd.update(weight = a, grad = mx.nd.ones(3), lr = 1)) == keep - 1))
        stopifnot(identical(as.array(b), keep), identical(as.array(s), keep[1:2]),
          identical(c(as.array(r)), keep))
        m <- train(matrix(1:30, 10), 1:10); w <- as.array(m$arg.params$fc_weight)
        m2 <- train(matrix(1:30, 10), 1:10, arg.params = m$arg.params, aux.params = list())
        stopifnot(identical(as.array(m$arg.params$fc_weight), w))
        p <- predict(m, matrix(1:30, 10), array.layout = "rowmajor")
        stopifnot(identical(as.array(m$arg.params$fc_weight), w))
        it <- mx.io.arrayiter(matrix(1:8, 2), 1:4, batch.size = 2); it$iter.next(); v <- it$value()
        old <- lapply(v, as.array); it$iter.next(); it$value()
        stopifnot(identical(lapply(v, as.array), old))
    """,
    "objects of R that pretend to be MXNet's": """
        forged <- list(structure(list(), class = "Rcpp_MXSymbol"),
          structure(list(a = 1), class = "Rcpp_MXSymbol"), structure("x",
            class = "Rcpp_MXSymbol"), structure(1:3, class = "Rcpp_MXSymbol"))
        for (s in forged) {
          says(arguments(s), "class Symbol"); says(print(s), "class Symbol")
          says(s$as.json(), "class Symbol")
        }
        for (e in list(structure(list(a = 1), class = "Rcpp_MXExecutor"),
          structure(1, class = "Rcpp_MXExecutor"))) {
            says(mx.exec.forward(e), "class Executor"); says(e$ref.outputs, "class Executor")
          }
        foreign <- unclass(stats:::C_rnorm)$address; class(foreign) <- "MXNDArray"
        says(as.array(foreign), "another R session")
        says(predict(structure(list(symbol = 1, arg.params = 2), class = "MXFeedForwardModel"),
          matrix(1:10, 5)), "symbol")
        says(mx.unserialize(list(is.serialized = TRUE, symbol_json = "{", arg.params = list(),
          aux.params = list())), "symbol JSON")
    """,
    "arrays that metrics, updaters and optimizers get or return can be kept": """
        kept <- list()
        keep <- function(label, pred)
          kept[[length(kept) + 1]] <<- list(label, pred, as.array(label), as.array(pred))
        own <- list(init = function() 0, update = function(label, pred, state) { keep(label, pred); 0 },
          get = function(state) list(name = "own", value = state))
        x <- matrix(sin(1:40), 20); y <- 1:20
        for (metric in list(own, mx.metric.custom_nd("own", function(label, pred) { keep(label, pred); 1 })))
          for (ctx in list(mx.cpu(), list(mx.cpu(), mx.cpu(1)))) train(x, y, eval.metric = metric, ctx = ctx)
        stopifnot(length(kept) == 2 * (4 + 8),
          vapply(kept, function(k) is.mx.ndarray(k[[2]]) && identical(as.array(k[[1]]), k[[3]]) &&
            identical(as.array(k[[2]]), k[[4]]), NA))
        ex <- mx.simple.bind(mx.symbol.square(mx.symbol.Variable("x")), mx.cpu(), "write", x = 3)
        mx.exec.update.arg.arrays(ex, list(x = 1:3), match.name = TRUE)
        step <- function() { mx.exec.forward(ex); mx.exec.backward(ex, mx.nd.ones(3)) }; step()
        plus <- +ex$ref.outputs[[1]]; stopifnot(identical(as.array(plus), c(1, 4, 9)))
        updater <- mx.opt.get.updater(mx.opt.create("adam", learning.rate = 0.1), ex$ref.arg.arrays)
        opt <- mx.opt.create("sgd", learning.rate = 0.1); state <- opt$create_exec(1, 3, mx.cpu())
        new <- list()
        for (i in 1:3) {
          step(); w <- updater(ex$ref.arg.arrays, ex$ref.grad.arrays)
          o <- opt$update(1, state, w[[1]], mx.nd.ones(3))
                                        new[[i]] <- list(w[[1]], o, as.array(w[[1]]), as.array(o))
                                        mx.exec.update.arg.arrays(ex, w, skip.null = TRUE) }
        stopifnot(vapply(new, function(k) identical(as.array(k[[1]]), k[[3]]) &&
          identical(as.array(k[[2]]), k[[4]]), NA), anyDuplicated(lapply(new, `[[`, 3)) == 0)
        stopifnot(identical(as.array(plus), c(1, 4, 9)))
    """,
    "memory comes back: symbols": 'g <- growth(1000, mx.symbol.FullyConnected(mx.symbol.Variable("d"), '
    'num.hidden = 3) + 1); if (g > 8) stop(g, " MB")',
    "memory comes back: arrays": 'g <- growth(1000, mx.nd.array(1:1000) * 2); if (g > 8) stop(g, " MB")',
    "memory comes back: executors": """
        g <- growth(100, {
          ex <- mx.simple.bind(net, mx.cpu(), "write", data = c(20, 50)); mx.exec.forward(ex)
          mx.exec.backward(ex); ex$ref.grad.arrays
        }); if (g > 8) stop(g, " MB")
    """,
    "memory comes back: training": """
        x <- matrix(runif(100), 20); it <- mx.io.arrayiter(t(x), 1:20, batch.size = 5)
        g <- growth(10,
          mx.model.FeedForward.create(net, X = it, num.round = 20, verbose = FALSE, learning.rate = 1e-4,
            eval.metric = mx.metric.rmse)); if (g > 8) stop(g, " MB")
    """,
    "memory comes back: errors": 'g <- growth(1000, try(mx.nd.array(1:1000) + mx.nd.ones(3), '
    'silent = TRUE)); if (g > 8) stop(g, " MB")',
    "R's garbage collector at many allocations": """
        gctorture2(40); on.exit(gctorture2(0))
        a <- mx.nd.array(matrix(c(1, 2, 3, 4), 2)); b <- as.array(a * a + 1)
        s <- mx.symbol.FullyConnected(mx.symbol.Variable("data"), num.hidden = 2, name = "f")
        ex <- mx.simple.bind(s, mx.cpu(), "write", data = c(2, 2))
        mx.exec.update.arg.arrays(ex, list(data = a, f_weight = a, f_bias = c(1, 1)), match.name = TRUE)
        mx.exec.forward(ex)
        e <- tryCatch(a + mx.nd.ones(7), error = conditionMessage)
        back <- call("test.same",
          list(a = 1, b = list("x", TRUE, c("p", NA)), c = array(1:8, c(2, 2, 2)), 1:3))
        out <- as.array(ex$ref.outputs[[1]]); names <- names(ex$ref.arg.arrays)
        gctorture2(0)
        stopifnot(identical(b, matrix(c(2, 5, 10, 17), 2)),
          identical(out, t(matrix(c(1, 2, 3, 4), 2)) %*% matrix(c(1, 2, 3, 4), 2) + 1),
                  identical(names, c("data", "f_weight", "f_bias")), grepl("shapes c(2, 2) and 7", e,
                    fixed = TRUE),
                  identical(back$b[[3]], c("p", NA)), identical(back$c, array(as.double(1:8), c(2, 2, 2))))
    """,
}
# Checks that take minutes, for tests/stress.
LONG = {
    "long vectors": """
        r <- raw(2^31 + 10); stopifnot(call("test.size", r) == 2^31 + 10); rm(r); invisible(gc())
        a <- mx.nd.zeros(2^31 + 10); stopifnot(length(a) == 2^31 + 10, dim(a) == 2^31 + 10)
        b <- mx.nd.slice(a, 2^31, 2^31 + 5); stopifnot(length(b) == 5)
    """,
    "100 000 symbols": """
        g <- growth(1e5, mx.symbol.FullyConnected(mx.symbol.Variable("d"), num.hidden = 3) + 1)
        cat("grown by", g, "MB\\n"); if (g > 8) stop(g, " MB")
    """,
    "100 000 arrays": """
        g <- growth(1e5, mx.nd.array(1:1000) * 2); cat("grown by", g, "MB\\n"); if (g > 8) stop(g, " MB")
    """,
    "10 000 executors": """
        g <- growth(1e4, {
          ex <- mx.simple.bind(net, mx.cpu(), "write", data = c(20, 50)); mx.exec.forward(ex)
          mx.exec.backward(ex); ex$ref.grad.arrays
        })
        cat("grown by", g, "MB\\n"); if (g > 8) stop(g, " MB")
    """,
    "100 000 training steps": """
        x <- matrix(runif(100), 20); it <- mx.io.arrayiter(t(x), 1:20, batch.size = 5)
        g <- growth(10,
          mx.model.FeedForward.create(net, X = it, num.round = 2500, verbose = FALSE, learning.rate = 1e-4,
            eval.metric = mx.metric.rmse,
            batch.end.callback = function(i, n, env, verbose) TRUE))
        cat("grown by", g, "MB\\n"); if (g > 8) stop(g, " MB")
    """,
    "100 000 errors": 'g <- growth(1e5, try(mx.nd.array(1:10) + mx.nd.ones(3), silent = TRUE)); '
    'cat("grown by", g, "MB\\n"); if (g > 8) stop(g, " MB")',
}
VERBS = """
reticulate::py_run_string("
from mxr.r.bridge.registry import verb
@verb('test.size')
def size(x): return float(x.size)
@verb('test.same')
def same(x): return x
")
"""


PRELUDE += "invisible(call('bridge.live'))\n" + VERBS


def test_limit(check):
    assert check == "ok"
