# Every error names the function, the argument and the remedy, carries the user's call, and leaves the session usable.
d <- mx.symbol.Variable("data")
net <- mx.symbol.FullyConnected(d, num.hidden = 3, name = "fc")
sum2 <- mx.symbol.Variable("a") + mx.symbol.Variable("b")
exec <- mx.simple.bind(net, mx.cpu(), "write", data = c(5, 2))

says <- function(expr, call, ...) {
  error <- tryCatch({ expr; NULL }, error = identity)
  expect_s3_class(error, "mxnet_error")
  expect_equal(deparse(conditionCall(error)[[1]]), call)
  for (text in c(...)) expect_match(conditionMessage(error), text, fixed = TRUE)
}

test_that("parameters", {
  says(mx.symbol.MakeLoss(net, grad.scal = 1), "mx.symbol.MakeLoss", "grad.scal", 'did you mean "grad.scale"?')
  says(mx.symbol.Activation(net, act.type = "rellu"), "mx.symbol.Activation", "act_type", '"relu"', "rellu")
  says(mx.symbol.Convolution(d, num.filter = 3), "mx.symbol.Convolution", "kernel is required")
  says(mx.symbol.MakeLoss(net, grad.scale = "big"), "mx.symbol.MakeLoss", "must be a number", "big")
  says(mx.symbol.MakeLoss(3), "mx.symbol.MakeLoss", "a number goes by name")
  says(mx.nd.Activation(mx.nd.ones(2), act_tpe = "relu"), "mx.nd.Activation", "did you mean \"act_type\"?")
})

test_that("shapes, in R's order", {
  says(mx.symbol.infer.shape(sum2, a = c(2, 3), b = c(3, 2)), "mx.symbol.infer.shape", "elemwise_add", "c(2, 3)", "c(3, 2)")
  says(mx.simple.bind(sum2, ctx = mx.cpu(), a = c(2, 3), b = c(3, 2)), "mx.simple.bind", "c(2, 3)", "c(3, 2)")
  says(mx.simple.bind(net, ctx = mx.cpu()), "mx.simple.bind", "data", "give it by name")
  says(mx.simple.bind(net, ctx = mx.cpu(), dta = c(2, 3)), "mx.simple.bind", 'did you mean "data"?')
  expect_null(mx.symbol.infer.shape(sum2, a = c(2, 0)))
})

test_that("updates", {
  says(mx.exec.update.arg.arrays(exec, list(data = mx.nd.zeros(c(2, 2))), match.name = TRUE), "mx.exec.update.arg.arrays", "data", "c(5, 2)", "c(2, 2)")
  says(mx.exec.update.arg.arrays(exec, list(dat = mx.nd.zeros(c(5, 2))), match.name = TRUE), "mx.exec.update.arg.arrays", "dat", 'did you mean "data"?')
  says(mx.exec.update.arg.arrays(exec, list(mx.nd.zeros(c(5, 2)))), "mx.exec.update.arg.arrays", "1 arrays for 3", "match.name")
  says(mx.exec.update.arg.arrays(exec, list(mx.nd.zeros(c(5, 2)), NULL, NULL)), "mx.exec.update.arg.arrays", "skip.null")
  says(mx.exec.update.grad.arrays(exec, list(data = mx.nd.zeros(c(5, 2))), match.name = TRUE), "mx.exec.update.grad.arrays", "no gradient")
})

test_that("files", {
  says(mx.nd.load("nope.params"), "mx.nd.load", "nope.params", "No such file")
  says(mx.model.load("nope", 1), "mx.model.load", "nope-symbol.json")
  f <- tempfile()
  mx.nd.save(list(a = mx.nd.ones(c(10, 10))), f)
  writeBin(readBin(f, "raw", 100), f)
  says(mx.nd.load(f), "mx.nd.load", "too early")
  writeLines("{\"nodes\": [", f)
  says(mx.symbol.load(f), "mx.symbol.load", "not symbol JSON")
  says(mx.io.CSVIter(data.csv = "no.csv", data.shape = 3, batch.size = 2), "mx.io.CSVIter", "no.csv")
})

test_that("arrays", {
  says(mx.nd.array("abc"), "mx.nd.array", "character")
  says(mx.nd.array(data.frame(a = 1)), "mx.nd.array", "data.frame")
  says(mx.nd.slice(mx.nd.ones(c(2, 3)), 1, 9), "mx.nd.slice", "3 elements")
  expect_error(mx.nd.ones(c(2, 3)) + mx.nd.ones(c(3, 2)), "c(2, 3) and c(3, 2)", fixed = TRUE)
  expect_error(d + 1:3, "single number")
})

test_that("optimizers", {
  says(mx.opt.create("adadelta", learning.rate = 0.1), "mx.opt.create", "unknown argument learning.rate")
  soft <- mx.symbol.SoftmaxOutput(net)
  says(mx.model.FeedForward.create(soft, X = matrix(1, 5, 6), y = rep(0, 6), array.layout = "colmajor", rescale.grad = 1, verbose = FALSE),
       "mx.model.FeedForward.create", "rescale.grad", 'mx.opt.create("sgd"')
})

test_that("training", {
  x <- matrix(1, 5, 6)
  says(mx.model.FeedForward.create(net, X = x, array.layout = "colmajor"), "mx.model.FeedForward.create", "y is needed")
  says(mx.model.FeedForward.create(net, X = x, y = 1:7, array.layout = "colmajor"), "mx.model.FeedForward.create", "6 samples", "label 7")
  says(mx.model.FeedForward.create(net, X = matrix(1, 5, 5), y = 1:5), "mx.model.FeedForward.create", "array.layout")
  says(mx.opt.create("lion"), "mx.opt.create", "lion", "adam")
  says(mx.model.FeedForward.create(net, X = x, y = list(1:6, 1:6), array.layout = "colmajor"), "mx.model.FeedForward.create", "output.names")
  says(mx.callback.early.stop(mx.metric.logger$new()), "mx.callback.early.stop", "train.metric must be one number")
  says(mx.io.extract(x, "label"), "mx.io.extract", "iter.next()")
})

test_that("the session goes on", {
  mx.exec.forward(exec)
  expect_equal(dim(exec$ref.outputs$fc_output), c(3L, 2L))
})

test_that("mx.gpu warns once", {
  suppressWarnings(mx.gpu())
  expect_silent(context <- mx.gpu(1))
  expect_equal(context$device, "cpu")
})

test_that("predictions", {
  conv <- mx.symbol.Convolution(d, kernel = c(3, 3), num.filter = 2, name = "conv")
  model <- structure(list(symbol = conv, arg.params = list(conv_weight = mx.nd.ones(c(3, 3, 1, 2)), conv_bias = mx.nd.zeros(2)),
                          aux.params = list()), class = "MXFeedForwardModel")
  says(predict(model, matrix(1, 36, 5)), "predict", "36 x 5", "dim(X) <- c(width, height, channels, samples)")
  says(predict(model, 1:5), "predict", "as.array(X)", "as.matrix(X)")
})

# Classes for tryCatch, each under mxnet_error; docs/testing.md lists them.
kinds <- c("mxnet_type_error", "mxnet_parameter_error", "mxnet_shape_error", "mxnet_not_implemented_error", "mxnet_file_error",
           "mxnet_state_error", "mxnet_start_error", "mxnet_python_error")

test_that("an error of this package has the class of its kind", {
  kind.of <- function(expr) class(tryCatch({ expr; stop("no error") }, error = identity))
  is.a <- function(kind, expr) expect_identical(kind.of(expr), c(kind, "mxnet_error", "error", "condition"))
  is.a("mxnet_type_error", mx.nd.array("a"))
  is.a("mxnet_type_error", mx.symbol.Variable(3))
  is.a("mxnet_type_error", mx.model.FeedForward.create(3, X = matrix(1:4, 2), y = 1:2))
  is.a("mxnet_parameter_error", mx.opt.create("lion"))
  is.a("mxnet_parameter_error", mx.operator.register("x", function(inputs) 1, arrays = "Python"))
  is.a("mxnet_parameter_error", mx.symbol.FullyConnected(d))
  is.a("mxnet_shape_error", mx.nd.ones(2) + mx.nd.ones(3))
  is.a("mxnet_shape_error", mx.io.arrayiter(matrix(1:6, 2), 1:4))
  is.a("mxnet_shape_error", as.matrix(mx.nd.ones(3)))
  is.a("mxnet_not_implemented_error", mx.kv.create("dist_async"))
  is.a("mxnet_file_error", mx.check.script("no.such.file.R"))
  is.a("mxnet_file_error", mx.nd.load("no.such.file"))
  is.a("mxnet_state_error", mx.io.arrayiter(matrix(1:6, 2), 1:3)$value())
})

test_that("all code raises errors by these functions", {
  space <- asNamespace("mxnet")
  raising <- c("raise_error", paste0("stop_", c(sub("mxnet_(.*)_error", "\\1", setdiff(kinds, c("mxnet_start_error", "mxnet_python_error"))), "bridge")))
  expect_true(all(vapply(raising, function(name) is.function(space[[name]]), NA)))
  calls <- function(code) {           # the names of all functions called anywhere in `code`
    if (is.function(code)) return(c(calls(formals(code)), calls(body(code))))
    if (is.call(code)) return(c(if (is.name(code[[1]])) as.character(code[[1]]) else calls(code[[1]]), unlist(lapply(as.list(code)[-1], calls))))
    if (is.pairlist(code) || is.list(code)) unlist(lapply(as.list(code), calls))
  }
  methods <- function(class) mget(setdiff(methods::getRefClass(class, where = space)$methods(), methods::getRefClass("envRefClass")$methods()),
                                  methods::getRefClass(class, where = space)@refMethods, ifnotfound = list(NULL))
  code <- c(Filter(is.function, as.list(space, all.names = TRUE)),
            unlist(lapply(sub("[.]__C__(.*)", "\\1", ls(space, all.names = TRUE, pattern = "^[.]__C__.*Iter$|logger")), function(class) tryCatch(methods(class), error = function(e) NULL))))
  by <- function(names) names(code)[vapply(code, function(f) any(calls(f) %in% names), NA)]
  # of_one_size passes an error on. The errors of the other two are caught while a script is checked.
  expect_setequal(by("stop"), c("raise_error", "of_one_size", "cannot_run", "time_of_training"))
  expect_setequal(by(c("stopifnot", "stop_user")), character())       # stop_user was a function without a class
  expect_setequal(by("match.arg"), "mx.operator.register")           # it catches the error itself
  expect_true(all(c("raise_failure", "python_function", "raise_interrupt") %in% by("raise_error")))
  classless <- function(code) {       # calls of raise_error without a class
    if (is.function(code)) return(classless(body(code)))
    if (!is.call(code)) return(FALSE)
    identical(code[[1]], quote(raise_error)) && !"kinds" %in% names(code) || any(vapply(as.list(code), function(part) is.call(part) && classless(part), NA))
  }
  expect_setequal(names(code)[vapply(code, classless, NA)], character())
  expect_gt(length(by(raising)), 60)
})
