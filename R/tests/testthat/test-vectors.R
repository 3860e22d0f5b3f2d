# R's functions for vectors, called with symbols, NDArrays, executors and iterators. Objects that have numbers give
# R's own answer. Others give an error with a remedy that works. Only calls that R does not dispatch end in an
# internal error of R.
x <- matrix(c(4, 1, 2, 3), 2)
y <- matrix(c(1, 5, 2, 2), 2)
nd <- mx.nd.array(x)
nd2 <- mx.nd.array(y)
s <- mx.symbol.Variable("v")
s2 <- mx.symbol.Variable("v2")
executor <- mx.simple.bind(mx.symbol.exp(mx.symbol.Variable("u")), mx.cpu(), "write", u = 3)
iterator <- mx.io.arrayiter(matrix(1:14, 2, 7), 1:7, batch.size = 3)

# calls with `x`, and with `x` and `y`
group <- function(...) unlist(lapply(c(...), methods::getGroupMembers))
one <- c(group("Math", "Summary"), "round", "signif", "Re", "Im", "Mod", "Conj", "!", "-", "+", "crossprod", "tcrossprod", "var",
         "sd", "mean", "median", "quantile", "mad", "IQR", "fivenum", "scale", "rowSums", "colSums", "rowMeans", "colMeans", "aperm", "t",
         "solve", "det", "determinant", "diag", "qr", "svd", "chol", "eigen", "norm", "cbind", "rbind", "length", "dim", "nrow", "ncol",
         "NROW", "NCOL", "is.na", "is.nan", "is.finite", "is.infinite", "anyNA", "as.numeric", "as.integer", "as.logical",
         "as.character", "as.vector", "as.matrix", "as.array", "as.list", "as.data.frame", "as.factor", "factor", "data.matrix", "head",
         "tail", "rev", "sort", "order", "rank", "unique", "duplicated", "anyDuplicated", "table", "which.max", "which.min", "diff",
         "paste", "paste0", "toString", "prettyNum", "array", "matrix", "tabulate", "isSymmetric", "max.col", "dnorm", "pnorm", "plogis",
         "qlogis", "fft", "hist", "density", "na.omit", "complete.cases", "lower.tri", "row", "col", "factorial", "is.unsorted", "rle",
         "zapsmall", "dist", "proportions", "addmargins", "expand.grid", "cat", "nchar", "formatC", "prcomp", "cov",
         "cor", "seq_along", "t.test", "ts", "marginSums", "cov2cor", "rcond", "diffinv")
two <- c(group("Arith", "Compare", "Logic"), "%*%", "crossprod", "outer", "%o%", "kronecker", "cor", "cov", "solve", "cbind", "rbind",
         "pmax", "pmin", "%in%", "match", "union", "setdiff", "is.element", "split", "weighted.mean", "atan2", "choose", "beta", "sum", "max",
         "min", "range", "paste", "ave", "t.test", "xor")
calls <- c(lapply(one, function(f) call(f, quote(x))), lapply(two, function(f) call(f, quote(x), quote(y))),
           lapply(c("+", "*", "^", "<", "pmax", "sum", "max", "rep", "%in%", "head", "cut", "log", "round"), function(f) call(f, quote(x), 2)),
           lapply(c("-", "/", "pmin", "sum", "max", "%in%", "cbind", "outer"), function(f) call(f, 2, quote(x))),
           as.list(quote(list(x[1], x[[1]], x[x > 2], x[1, ], apply(x, 1, sum), sapply(x, identity), lapply(x, identity), vapply(x, sum, 0),
             Map(sum, x), mapply(sum, x), Reduce(sum, x), Filter(sum, x), sweep(x, 1, 1), tapply(x, c(1, 1, 2, 2), sum), rep_len(x, 3),
             ifelse(x > 1, 5, 6), ifelse(x > 1, x, 0), replace(x, 1, 2), sprintf("%f", x), findInterval(x, 1:3), append(1, sum(x)),
             if (x > 1) 1 else 2, if (x) 1, while (x > 1) break, for (e in x) e, subset(x, c(TRUE, FALSE)),
             which(x > 1), all(x > 0), any(x > 3), stopifnot(x > 0), ecdf(x)(2), is.na(x)[1], sum(x > 1), mean(x > 1), jitter(x, amount = 0))))[-1],
           as.list(quote(list(`[<-`(x, 1, 2), `[[<-`(x, 1, 2), `dim<-`(x, 4), `dimnames<-`(x, NULL), `names<-`(x, "a"), `length<-`(x, 2),
                              `levels<-`(x, "a"))))[-1])
# Calls that R does not dispatch, so that they end in R's own errors: conditions, loops, and C functions that read
# R's memory. Matrix products have methods since R 4.3.
unseen <- c("if", "while", "for", "which", "which.max", "which.min", "%in%", "match", "atan2", "choose", "beta", "dnorm", "pnorm", "plogis",
            "qlogis", "fft", "norm", "cat", "nchar", "formatC", "complete.cases", "var", "rle", "solve", "sum", "max",
            if (getRversion() < "4.3.0") c("%*%", "crossprod", "tcrossprod"), if (getRversion() >= "4.4.0") "rcond")
second <- c("solve", "sum", "max")              # of these: not dispatched if their first argument is an R vector
head_of <- function(call) deparse(call[[1]], backtick = FALSE)[[1]]
unseen_in <- function(call) head_of(call) %in% unseen && !(head_of(call) %in% second && !is.numeric(call[[2]]))
outcome <- function(call, x, y) {
  tryCatch(suppressWarnings({ utils::capture.output(value <- eval(call)); list(value = value) }), error = identity)
}
grDevices::pdf(NULL)

test_that("NDArrays give R's own answers", {
  plain <- function(v) if (is.mx.ndarray(v)) as.array(v) else v
  text <- function(call) paste(deparse(call), collapse = " ")
  for (call in calls) {
    got <- outcome(call, nd, nd2)
    if (inherits(got, "mxnet_error")) {
      expect_match(conditionMessage(got), "as.array|mx.nd.", info = text(call))
    } else if (inherits(got, "error")) {
      expect_true(unseen_in(call), info = paste(text(call), conditionMessage(got)))
    } else {
      right <- tryCatch(suppressWarnings(eval(call, list(x = x, y = y))), error = identity)
      # the results of these contain the call
      if (head_of(call) %in% c("hist", "density", "prcomp", "t.test")) {        
        right <- unclass(right)[1:2]
        got$value <- unclass(got$value)[1:2]
      }
      value <- plain(got$value)
      if (is.logical(right) && is.numeric(value)) right <- right + 0                      # comparisons of NDArrays give 0 and 1
      expect_equal(value, right, tolerance = 1e-6, ignore_attr = head_of(call) == "expand.grid", info = text(call))
    }
  }
  expect_error(rowSums(nd), "rowSums() reads R's own arrays; give it as.array(x)", fixed = TRUE)
  expect_equal(rowSums(as.array(nd)), rowSums(x))
  expect_error(pmax(nd, nd2), "use mx.nd.broadcast.maximum(a, b)", fixed = TRUE)
  expect_error(pmin(nd, nd2), "use mx.nd.broadcast.minimum(a, b)", fixed = TRUE)
  for (larger in list(pmax, function(...) do.call(pmax, list(...)), function(...) do.call("pmax", list(...))))
    expect_error(larger(nd, nd2), "use mx.nd.broadcast.maximum(a, b)", fixed = TRUE)
  expect_equal(as.array(mx.nd.broadcast.maximum(nd, nd2)), pmax(x, y))
  expect_equal(as.array(mx.nd.broadcast.minimum(nd, nd2)), pmin(x, y))
  expect_error(nd[nd > 1], "give as.array(i), or as.array(i) == 1", fixed = TRUE)
  i <- nd > 1
  expect_equal(nd[as.array(i) == 1], x[x > 1])
  expect_error(nd[1] <- 2, "change a copy from as.array() and make an NDArray of it with mx.nd.array()", fixed = TRUE)
  expect_error(dim(nd) <- 4, "use mx.nd.reshape(x, shape = c(4))", fixed = TRUE)
  expect_equal(as.array(mx.nd.reshape(nd, shape = c(4))), as.vector(x))
  expect_equal(dim(nd), c(2, 2))
})

test_that("symbols give the same as R, or an error with a remedy that works", {
  condition <- mx.symbol.Variable("condition")
  used <- list()
  for (call in calls) {
    text <- paste(deparse(call), collapse = " ")
    got <- outcome(call, s, s2)
    if (inherits(got, "mxnet_error")) {
      said <- conditionMessage(got)
      expect_match(said, "needs numbers, and a symbol has none before it is bound; use |goes with a symbol or a single number|rounded to whole", info = text)
      if (grepl("; use ", said)) used[[sub(".*; use ", "", said)]] <- text
      shown <- conditionCall(got)[[1]]
      if (is.name(shown) && !head_of(call) %in% c("ecdf(x)", "[", "kronecker", "Map", "Filter", "mapply", "ifelse", "sapply", "stopifnot", "as.numeric")) expect_equal(as.character(shown), head_of(call), info = text)
    } else if (inherits(got, "error")) {
      expect_true(unseen_in(call), info = paste(text, conditionMessage(got)))
    } else if (is.mx.symbol(got$value)) {
      given <- list(v = x, v2 = y)[arguments(got$value)]
      right <- tryCatch(suppressWarnings(eval(call, list(x = x, y = y))), error = identity)
      if (head_of(call) %in% c("aperm", "t")) right <- t(x)
      if (head_of(call) == "%/%") right <- x %% y                                         # as in MXNet
      if (head_of(call) %in% c("proportions", "[[")) next                                            # x / sum(x) needs a broadcast; an output
      right <- as.vector(right) + 0
      value <- as.vector(do.call(value.of, c(list(got$value), given)))
      expect_equal(ifelse(is.nan(value), NaN, value), right, tolerance = 1e-5, info = text)
    } else {
      expect_true(head_of(call) %in% c("length", "dim", "NROW", "NCOL", "seq_along", "append", "all", "any", "mean"), info = text)
    }
  }
  expect_gt(length(used), 25)
  # every remedy, including those of functions that are not called here
  remedies <- unique(c(names(used), mxnet:::symbol_instead))
  a <- x1 <- mx.symbol.Variable("a")
  b <- y1 <- mx.symbol.Variable("b")
  where <- list(s = mx.symbol.Variable("data"), a = a, b = b, condition = condition, x = x1, y = y1, executor = executor)
  followed <- 0
  for (remedy in unlist(strsplit(remedies, " or (?=mx)", perl = TRUE))) {
    remedy <- sub(", or s\\[\\[i\\]\\].*| for each .*| after mx.*", "", remedy)
    value <- eval(parse(text = remedy), where)
    if (is.mx.symbol(value)) {
      square <- grepl("linalg|diag|argsort|dot", remedy)
      shape <- if (grepl("expand_dims", remedy)) 3 else if (square) c(2, 2) else c(2, 3)
      if (grepl("slice_axis\\(s|split", remedy)) shape <- c(3, 4)
      shapes <- lapply(structure(arguments(value), names = arguments(value)), function(n) shape)
      exec <- do.call(mx.simple.bind, c(list(value, mx.cpu(), "null"), shapes))
      for (n in names(shapes)) mx.exec.update.arg.arrays(exec, structure(list(array(c(2, 1, 0, 3), shapes[[n]])), names = n), match.name = TRUE)
      mx.exec.forward(exec, FALSE)
    }
    followed <- followed + 1
  }
  expect_gt(followed, 35)
})

test_that("errors of executors and iterators say where their numbers are", {
  for (call in calls) for (object in list(executor, iterator)) {
    text <- paste(deparse(call), collapse = " ")
    got <- outcome(call, object, object)
    if (inherits(got, "mxnet_error")) {
      expect_match(conditionMessage(got), "use as.array.executor.ref.outputs..1...|use mx.io.extract.iterator, .data..|has no ", info = text)
    } else if (inherits(got, "error")) {
      expect_true(unseen_in(call), info = paste(text, conditionMessage(got)))
    } else {
      expect_true(head_of(call) %in% c("length", "dim", "NROW", "NCOL", "seq_along"), info = paste(text, deparse(got$value)[[1]]))
    }
  }
  expect_equal(dim(as.array(executor$ref.outputs[[1]])), NULL)
  expect_equal(dim(mx.io.extract(iterator, "data")), c(2, 7))
  expect_equal(length(iterator), 3)
  expect_error(iterator$nexxt(), "an iterator has no nexxt; it has iter.next")
})

test_that("products of matrices, where R has methods for them", {
  product <- function(generic, x, y) {
    method <- mxnet:::matrix_product
    environment(method) <- list2env(list(.Generic = generic), parent = environment(method))
    method(x, y)
  }
  expect_equal(as.array(product("%*%", nd, y)), x %*% y, tolerance = 1e-6)
  expect_equal(as.array(product("crossprod", x, nd2)), crossprod(x, y), tolerance = 1e-6)
  expect_error(product("%*%", s, nd), "mx.symbol.dot(a, b)", fixed = TRUE)
})

test_that("a variable whose name abbreviates an argument is an error", {
  e <- mx.symbol.exp(mx.symbol.Variable("s"), name = "e")
  expect_error(mx.simple.bind(e, mx.cpu(), "write", s = 3), "give symbol = in full")
  expect_equal(names(mx.simple.bind(symbol = e, mx.cpu(), "write", s = 3)$arg.arrays), "s")
  expect_error(mx.symbol.infer.shape(e, s = 3), "give symbol = in full")
  expect_equal(mx.symbol.infer.shape(symbol = e, s = 3)$out.shapes, list(e_output = 3L))
  g <- mx.symbol.exp(mx.symbol.Variable("g"))
  expect_error(mx.simple.bind(g, ctx = mx.cpu(), g = 3), "give grad.req = in full")
  expect_equal(names(mx.simple.bind(g, ctx = mx.cpu(), grad.req = "null", g = 3)$arg.arrays), "g")
  ex <- mx.symbol.exp(mx.symbol.Variable("x"))
  expect_error(mx.apply(ex, x = e), "symbol$apply(list(x = ...))", fixed = TRUE)
  expect_equal(arguments(ex$apply(list(x = e))), "s")
})
