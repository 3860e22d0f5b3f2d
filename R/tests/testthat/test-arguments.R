# Every exported function and every method is called with an argument that it does not have. It must give an error,
# or R's own answer. The functions are taken from the exports; those that accept any argument are listed with the
# reason.
space <- asNamespace("mxnet")
exported <- Filter(function(name) is.function(get(name, space)), getNamespaceExports(space))
has_dots <- function(f) "..." %in% names(formals(f))
grDevices::pdf(NULL)
mx.set.seed(1)
x <- matrix(rnorm(300), 3)
y <- colSums(x)
fc <- mx.symbol.FullyConnected(mx.symbol.Variable("data"), num.hidden = 1, name = "fc")
lro <- mx.symbol.LinearRegressionOutput(fc, name = "lro")
operators <- grep("^mx\\.(nd|symbol|varg)\\.", exported, value = TRUE)
sequences <- list(data = x, label = x)

# A call of each function that has dots, without a mistake in the names of its arguments
calls <- list(
  mx.apply = quote(mx.apply(lro)),
  mx.model.FeedForward.create = quote(mx.model.FeedForward.create(lro, X = x, y = y)),
  mx.mlp = quote(mx.mlp(x, y, out_node = 1, out_activation = "rmse", array.layout = "colmajor")),
  mx.opt.create = quote(mx.opt.create("sgd")),
  mx.simple.bind = quote(mx.simple.bind(lro, mx.cpu(), data = c(3, 2))),
  mx.symbol.infer.shape = quote(mx.symbol.infer.shape(lro, data = c(3, 2))),
  rnn.graph = quote(rnn.graph(1, 4, 3, 3, 2)),
  rnn.graph.unroll = quote(rnn.graph.unroll(1, 4, 3, 3, 2)),
  rnn.unroll = quote(rnn.unroll(1, 4, 3, 3, 2)),
  mx.lstm = quote(mx.lstm(sequences, NULL, 1, 3, 2, 2, 2, 10, 4)),
  mx.gru = quote(mx.gru(sequences, NULL, 1, 3, 2, 2, 2, 10, 4)),
  mx.rnn = quote(mx.rnn(sequences, NULL, 1, 3, 2, 2, 2, 10, 4)))
for (name in grep("^mx\\.io\\..*Iter", exported, value = TRUE)) if (has_dots(get(name))) calls[[name]] <- call(name)
for (name in c("Rcpp_MXArrayDataIter", "Rcpp_MXDataIter", "Rcpp_MXNativeDataIter", "mx.metric.logger")) calls[[name]] <- call(name)

# Functions that take an argument of any name, and why
any.name <- c(
  mx.exec.backward = "gradients of the outputs, in order; their names are the caller's",
  mx.callback.plot = "graphical parameters, which R's graphics check when it draws",
  mx.symbol.Group = "symbols, whose names are the caller's; another value is an error",
  mx.symbol.Custom = "parameters of an operator that a user has written, which checks them",
  mx.nd.Custom = "the same",
  mx.symbol.fun = "inputs of an R function, by its own argument names, which it checks",
  mx.nd.ElementWiseSum = "arrays, which MXNet takes under any name",
  mx.nd.add.n = "the same", mx.nd.stack = "the same", mx.nd.multi.all.finite = "the same")

# A call with no.such.argument = 1 added: the message of its error, or of a warning that names the argument, or NULL
refused <- function(call) {
  call <- as.call(c(as.list(call), list(no.such.argument = 1)))
  named <- NULL
  warned <- function(w) {
    if (grepl("no.such.argument", conditionMessage(w), fixed = TRUE)) named <<- conditionMessage(w)
    invokeRestart("muffleWarning")
  }
  failed <- tryCatch(suppressMessages(withCallingHandlers({ utils::capture.output(eval(call)); NULL }, warning = warned)),
                     error = conditionMessage)
  if (is.null(failed)) named else failed
}

test_that("no exported function takes an argument that it does not have", {
  count <- 0
  for (name in setdiff(exported, names(any.name))) {
    f <- get(name, space)
    if (has_dots(f) && !name %in% c(names(calls), operators)) next              # the last expectations of this test fail
    said <- refused(if (is.null(calls[[name]])) call(name) else calls[[name]])
    # an operator may report its missing inputs first
    expect_true(is.character(said), info = name)
    if (!name %in% operators) expect_match(said, "no.such.argument", info = name)
    count <- count + 1
  }
  expect_gt(count, 800)
  with.dots <- Filter(function(name) has_dots(get(name, space)), exported)
  expect_setequal(setdiff(with.dots, operators), setdiff(c(names(calls), names(any.name)), operators))
  expect_true(all(names(any.name) %in% with.dots))
})

# Methods that print or summarize an object. R's own methods of these generics accept any argument too.
showing <- c("print", "format", "str", "summary", "knit_print")

test_that("no method takes an argument that R's own would not take", {
  methods <- getNamespaceInfo(space, "S3methods")
  with.dots <- which(vapply(methods[, 3], function(name) is.function(get0(name, space)) && has_dots(get(name, space)), NA))
  executor <- mx.simple.bind(lro, mx.cpu(), data = c(3, 2))
  model <- mx.model.FeedForward.create(lro, X = x, y = y, num.round = 1, verbose = FALSE, eval.metric = mx.metric.rmse,
                                       array.layout = "colmajor", optimizer = mx.opt.create("sgd"))
  objects <- list(MXNDArray = mx.nd.array(x), Rcpp_MXSymbol = lro, Rcpp_MXExecutor = executor, MXFeedForwardModel = model,
                  Rcpp_MXArrayDataIter = mx.io.arrayiter(x, y, batch.size = 10))
  count <- 0
  group <- function(generic) if (generic %in% c("Math", "Summary")) methods::getGroupMembers(generic) else generic
  for (row in with.dots) for (generic in group(methods[row, 1])) {
    object <- objects[[methods[row, 2]]]
    if (is.null(object) || generic %in% showing || endsWith(generic, "<-")) next
    more <- switch(generic, predict = list(x), list())
    said <- refused(as.call(c(as.name(generic), list(object), more)))
    plain <- if (is.mx.ndarray(object)) refused(as.call(c(as.name(generic), list(as.array(object)), more)))
    own <- is.mx.ndarray(object) && is.null(plain)
    expect_true(is.character(said) || own, info = paste(generic, methods[row, 2]))
    count <- count + 1
  }
  expect_gt(count, 200)
})

# Functions that may return NULL, and why
may_be_null <- c(
  children = "a variable has no inputs, so NULL is the answer",
  mx.symbol.infer.shape = "NULL is MXNet's answer if the shapes do not determine all others",
  mx.symbol.save = "writes a file", mx.nd.save = "writes a file", mx.model.save = "writes files",
  mx.exec.forward = "computes in the executor", mx.exec.backward = "the same",
  mx.set.seed = "sets the seed", mx.profiler.config = "has no effect, as documented", mx.profiler.state = "the same",
  mx.exec.update.arg.arrays = "changes the executor", mx.exec.update.aux.arrays = "the same", mx.exec.update.grad.arrays = "the same")

test_that("no wrong call gives NULL or an error of mxr's own code", {
  values <- list(none = NULL, missing = NA, text = "no such thing", number = 1, numbers = c(0.5, NA), list = list(), named = list(a = 1),
                 f = mean, symbol = lro, array = mx.nd.ones(c(2, 3)), frame = data.frame(a = 1), name = quote(a))
  not.called <- "mx.install.python"                   # it would install one
  dir.create(wrong <- tempfile("wrong"))
  folder <- setwd(wrong)
  on.exit(setwd(folder))
  count <- 0
  said <- character()
  for (name in setdiff(exported, not.called)) {
    f <- get(name, space)
    required <- setdiff(names(Filter(function(default) is.name(default) && !nzchar(as.character(default)), formals(f))), "...")
    # operators are called with each kind of input in tests/operator/test_wrong_input.py
    kinds <- if (name %in% operators) c("none", "text") else names(values)
    for (kind in kinds) for (n in unique(c(1, max(1, length(required))))) {
      given <- rep(values[kind], n)
      names(given) <- if (length(required) >= n) required[seq_len(n)]
      result <- tryCatch(suppressMessages(suppressWarnings({ utils::capture.output(value <- do.call(name, given, quote = TRUE)); list(value) })), error = identity)
      count <- count + 1
      if (inherits(result, "mxnet_python_error") || inherits(result, "error") && grepl("a defect in mxr", conditionMessage(result)))
        said <- c(said, paste(name, kind, n, conditionMessage(result)))
      if (is.list(result) && !inherits(result, "error") && is.null(result[[1]]) && !name %in% names(may_be_null))
        said <- c(said, paste(name, kind, n, "gave NULL"))
    }
  }
  expect_equal(said, character())
  expect_gt(count, 2500)
  mx.set.seed(1)
})
