x <- wave(3, 40, k = 2.1)
y <- colSums(x * c(1, -1, 2))
train <- function(symbol = line(), X = x, ..., verbose = FALSE) {
  mx.set.seed(1)
  mx.model.FeedForward.create(symbol, X = X, ctx = mx.cpu(), num.round = 3, array.batch.size = 10, learning.rate = 0.1, momentum = 0.9,
                              initializer = mx.init.normal(0.1), array.layout = "colmajor", verbose = verbose, ...)
}
weights <- function(model) as.vector(as.array(model$arg.params$fc_weight))

test_that("metric functions of MXNet before and since 2018 get the arrays that they expect", {
  value <- function(feval, ...) { m <- mx.metric.custom("m", feval, ...); m$get(m$update(mx.nd.array(1:4), mx.nd.array(matrix(2:5, 1)), m$init()))$value }
  expect_equal(value(function(label, pred) mean(abs(label - as.vector(pred)))), 1)
  expect_equal(value(function(real, p) as.array(mx.nd.mean(mx.nd.abs(mx.nd.reshape(real, shape = -1) - mx.nd.reshape(p, shape = -1))))), 1)
  expect_equal(value(function(label, pred) mx.nd.mean(mx.nd.reshape(pred, shape = -1) > label)), 1)
  expect_equal(value(function(label, pred) mean(as.array(pred)) - mean(as.array(label))), 1)
})

test_that("custom metrics work", {
  mine <- structure(list(init = function() 0, update = function(label, pred, state) state + mean(as.array(pred)),
                         get = function(state) list(name = "sum", value = state)), class = "mx.metric")
  expect_message(train(y = y, eval.metric = mine, verbose = TRUE), "Train-sum=")
})

test_that("callbacks of three and four arguments run, and FALSE ends the training", {
  seen <- NULL
  train(y = y, epoch.end.callback = function(iteration, nbatch, env) { seen <<- c(seen, iteration); iteration < 2 })
  expect_equal(seen, 1:2)
  train(y = y, epoch.end.callback = function(iteration, nbatch, env, v) { seen <<- v })
  expect_false(seen)
  train(y = y, batch.end.callback = function(iteration, nbatch, env) { env$tic <- nbatch; seen <<- env$train.execs[[1]]$ref.outputs })
  expect_named(seen, "loss_output")
})

test_that("every kind of iterator trains", {
  reference <- weights(train(X = mx.io.arrayiter(x, y, batch.size = 10)))
  at <- 0
  closures <- list(reset = function() at <<- 0, iter.next = function() { at <<- at + 10; at <= 40 },
                   value = function() list(data = x[, at - 9:0], label = y[at - 9:0]))
  expect_equal(weights(train(X = closures)), reference)
  expect_equal(weights(train(X = structure(closures, class = "Rcpp_MXArrayDataIter"))), reference)
  Mine <- setRefClass("MineIter", fields = "iter", contains = "Rcpp_MXArrayDataIter", methods = list(
    initialize = function(iter) { .self$iter <- iter; .self }, value = function() .self$iter$value(),
    iter.next = function() .self$iter$iter.next(), reset = function() .self$iter$reset(), finalize = function() {}))
  expect_equal(weights(train(X = Mine$new(mx.io.arrayiter(x, y, batch.size = 10)))), reference)
})

test_that("batches that Python takes by itself give the numbers of a loop in R", {
  x <- wave(3, 45, k = 2.1)                                             # the last batch is filled up
  y <- colSums(x * c(1, -1, 2))
  fc <- mx.symbol.FullyConnected(mx.symbol.Variable("data"), num.hidden = 1, name = "fc")
  of <- function(...) {
    model <- train(mx.symbol.LinearRegressionOutput(fc), X = mx.io.arrayiter(x, y, batch.size = 10), eval.metric = mx.metric.rmse,
                   eval.data = list(data = x[, 1:10], label = y[1:10] + 100), ...)
    score <- sqrt(mean((predict(model, x[, 1:10], array.layout = "colmajor") - y[1:10] - 100)^2))
    expect_equal(tail(attr(model, "history")$validation, 1), score, tolerance = 1e-5)
    list(lapply(model$arg.params, as.array), attr(model, "history"))
  }
  seen <- NULL
  in.r <- of(batch.end.callback = function(iteration, nbatch, env) { seen <<- c(seen, nbatch) })
  expect_equal(seen, rep(1:5, 3))
  expect_identical(of(), in.r)
  ended <- NULL
  expect_identical(of(epoch.end.callback = function(iteration, nbatch, env) {
    ended <<- c(ended, env$nbatch, env$train.metric[[1]], env$train.data$num.pad(), as.array(env$train.data$value()$label)[[5]])
  }), in.r)
  expect_equal(ended, rep(c(5, 5, 5, y[[45]]), 3), tolerance = 1e-6)
})

test_that("if a script has replaced functions of an array iterator, they are called for every batch", {
  it <- mx.io.arrayiter(x, y, batch.size = 10)
  plain <- it$value
  asked <- 0
  it$value <- function() { asked <<- asked + 1; plain() }
  expect_equal(weights(train(X = it)), weights(train(X = mx.io.arrayiter(x, y, batch.size = 10))))
  expect_gte(asked, 12)
})

test_that("several devices give the same numbers as one", {
  one <- weights(train(y = y))
  mx.set.seed(1)
  two <- mx.model.FeedForward.create(line(), X = x, y = y, ctx = list(mx.cpu(0), mx.cpu(1)), num.round = 3, array.batch.size = 10, learning.rate = 0.1,
                                     momentum = 0.9, initializer = mx.init.normal(0.1), array.layout = "colmajor", verbose = FALSE)
  expect_equal(weights(two), one, tolerance = 1e-5)
})

test_that("parameters are kept, fixed or extra", {
  start <- list(fc_weight = mx.nd.array(wave(3, 1)), fc_bias = mx.nd.zeros(1))
  fixed <- train(y = y, arg.params = start, fixed.param = "fc_weight")
  expect_equal(weights(fixed), as.vector(wave(3, 1)), tolerance = 1e-6)
  expect_false(as.array(fixed$arg.params$fc_bias) == 0)
  expect_error(train(y = y, arg.params = c(start, list(other = mx.nd.zeros(1)))), "other")
  expect_s3_class(train(y = y, arg.params = c(start, list(other = mx.nd.zeros(1))), allow.extra.params = TRUE), "MXFeedForwardModel")
})

test_that("prediction drops padding, takes hand-made models and ignores surplus parameters", {
  model <- train(y = y)
  inner <- internals(model$symbol)
  fit <- list(symbol = inner[[match("fc_output", outputs(inner))]], arg.params = c(model$arg.params, list(spare = mx.nd.zeros(2))))
  class(fit) <- "MXFeedForwardModel"
  p <- predict(fit, x, array.batch.size = 16, array.layout = "colmajor")
  expect_equal(dim(p), c(1L, 40L))
  expect_equal(p[1, ], as.vector(weights(model) %*% x) + as.vector(as.array(model$arg.params$fc_bias)), tolerance = 1e-5)
  expect_equal(p, predict(model = fit, X = t(x), array.layout = "rowmajor"))
  expect_warning(auto <- predict(fit, t(x)), "rowmajor")
  expect_equal(auto, p)
  expect_equal(mxnet:::predict.MXFeedForwardModel(fit, x, array.layout = "colmajor"), p)
})

test_that("samples in rows train and predict as those in columns, from arrays and NDArrays", {
  for (X in list(x, x > 0, array(1:120, c(3, 40)))) {
    storage <- list(X, t(X), mx.nd.array(t(X)))
    layouts <- c("colmajor", "rowmajor", "rowmajor")
    models <- Map(function(X, layout) {
      mx.set.seed(1)
      mx.model.FeedForward.create(line(), X = X, y = y, num.round = 2, array.batch.size = 9, learning.rate = 1e-4,
                                  array.layout = layout, verbose = FALSE, eval.metric = mx.metric.rmse,
                                  eval.data = list(data = X, label = y))
    }, storage, layouts)
    scores <- lapply(models, function(m) attr(m, "history"))
    predicted <- Map(function(X, layout) predict(models[[1]], X, array.layout = layout, array.batch.size = 9), storage, layouts)
    for (i in 2:3) {
      expect_identical(weights(models[[i]]), weights(models[[1]]))
      expect_identical(scores[[i]], scores[[1]])
      expect_identical(predicted[[i]], predicted[[1]])
    }
  }
  rows <- function(...) mx.model.FeedForward.create(line(), ..., array.layout = "rowmajor", verbose = FALSE)
  expect_error(rows(X = t(x), y = y[-1]), "40 samples (its rows) and label 39", fixed = TRUE)
  expect_error(rows(X = mx.nd.array(x), y = y), "colmajor")
  expect_error(rows(X = array(x, c(3, 1, 40)), y = y), "is for matrices")
  expect_error(predict(train(y = y), array(x, c(3, 1, 40)), array.layout = "rowmajor"), "is for matrices")
  expect_error(mx.io.arrayiter(x, y, batch.size = 1e10), "at most 2147483647")
})

test_that("models go to files and back", {
  model <- train(y = y)
  prefix <- tempfile()
  mx.model.save(model, prefix, 12)
  expect_true(file.exists(paste0(prefix, "-0012.params")))
  expect_equal(weights(mx.model.load(prefix, iteration = 12)), weights(model))
  file <- tempfile()
  saveRDS(mx.serialize(model), file)
  expect_equal(weights(mx.unserialize(readRDS(file))), weights(model))
  expect_equal(predict(readRDS(file), x, array.layout = "colmajor"), predict(model, x, array.layout = "colmajor"))
})

test_that("a network without a label trains on its data", {
  fc <- mx.symbol.FullyConnected(mx.symbol.Variable("data"), num.hidden = 1, name = "fc")
  expect_warning(model <- train(mx.symbol.MakeLoss(mx.symbol.square(fc)), y = y), "y is not used")
  expect_s3_class(model, "MXFeedForwardModel")
})

test_that("nothing is left in the user's environment, and user's functions are not called", {
  before <- ls(globalenv())
  assign("mx.util.filter.null", function(...) stop("called"), envir = globalenv())
  assign("mx.nd.zeros", function(...) stop("called"), envir = globalenv())
  on.exit(rm("mx.util.filter.null", "mx.nd.zeros", envir = globalenv()))
  train(y = y, eval.data = list(data = x, label = y), eval.metric = mx.metric.rmse, epoch.end.callback = mx.callback.early.stop(bad.steps = 1))
  expect_equal(setdiff(ls(globalenv()), before), c("mx.nd.zeros", "mx.util.filter.null"))
})

test_that("if a metric gives several numbers the first counts, with one warning", {
  own <- mx.metric.custom("first of several", function(label, pred) as.array(pred))
  batches <- function() {
    state <- own$update(1, mx.nd.array(c(3, 9)), own$init())
    own$get(own$update(1, mx.nd.array(c(5, 9)), state))$value
  }
  expect_warning(value <- batches(), "2 numbers for a batch, of which the first")
  expect_equal(value, 4)
  expect_silent(batches())
  expect_error(mx.metric.custom("none", function(label, pred) NULL)$update(1, 1, c(0, 0)), "the metric none must give one number, not NULL")
})

test_that("an argument that is not a metric is an error that says so", {
  expect_error(train(y = y, eval.metric = list(mx.metric.mae, mx.metric.rmse)), "must be a metric.* not list of length 2")
  expect_error(train(y = y, eval.metric = function(label, pred) 0), "must be a metric.* not function")
  Count <- setRefClass("Count", fields = list(name = "character"), methods = list(
    init = function() 0, update = function(label, pred, state) state + 1, get = function(state) list(name = name, value = state)))
  for (made in list(Count$new(name = "n"), list2env(mx.metric.mae)))
    expect_message(train(y = y, eval.metric = made, verbose = TRUE), "Train-(n|mae)=")
})

test_that("evaluation batches have the size of the training batches, and padding is not scored", {
  on.batches <- function(data) {
    seen <- NULL
    train(X = mx.io.arrayiter(x, y, batch.size = 8), eval.data = list(data = data, label = numeric(ncol(data))),
          eval.metric = mx.metric.custom("size", function(label, pred) { seen <<- c(seen, length(label)); 0 }))
    seen
  }
  expect_equal(on.batches(x[, 1:30]), rep(c(8, 8, 8, 8, 8, 8, 8, 8, 6), 3))
  expect_equal(on.batches(x[, 1:7]), rep(c(8, 8, 8, 8, 8, 7), 3))
})

test_that("the error for labels in a column says how to transpose them", {
  expect_error(train(y = matrix(y)), "t(label)", fixed = TRUE)
})

test_that("early stopping prints its best score if the loop is verbose", {
  run <- function(verbose) {
    calls <- 0
    train(y = y, verbose = verbose, eval.data = list(data = x, label = y), epoch.end.callback = mx.callback.early.stop(bad.steps = 1),
          eval.metric = mx.metric.custom("rising", function(label, pred) calls <<- calls + 1))
  }
  expect_message(run(TRUE), "Best score=6.5, iteration [1]", fixed = TRUE)
  expect_silent(run(FALSE))
})

test_that("a metric that fails with R arrays gets NDArrays from then on", {
  kinds <- character()
  m <- mx.metric.custom("m", function(label, pred) { kinds <<- c(kinds, class(label)); mean(as.array(label) - as.array(pred)) })
  state <- m$update(mx.nd.array(1:4), mx.nd.array(matrix(2:5, 1)), m$init())
  expect_equal(m$get(m$update(mx.nd.array(1:4), mx.nd.array(matrix(4:7, 1)), state))$value, -2)
  expect_equal(kinds, c("numeric", "MXNDArray", "MXNDArray"))
  failing <- mx.metric.custom("m", function(label, pred) stop("no way for a ", class(label)[[1]]))
  expect_error(failing$update(mx.nd.array(1:4), mx.nd.array(1:4), c(0, 0)), "no way for a numeric")
})

test_that("mx.mlp takes its labels from an iterator", {
  x <- matrix(seq(-1, 1, length.out = 40), 2)
  train <- function(...) {
    mx.set.seed(1)
    mx.mlp(..., hidden_node = 3, out_node = 2, num.round = 2, learning.rate = 0.5, verbose = FALSE)$arg.params
  }
  label <- rep(0:1, 10)
  of_arrays <- train(x, label, array.batch.size = 10, array.layout = "colmajor")
  of_iterator <- train(mx.io.arrayiter(x, label, batch.size = 10, shuffle = FALSE))
  expect_equal(length(of_iterator), length(of_arrays))
  expect_true(all(vapply(of_iterator, function(a) all(is.finite(as.array(a))), NA)))
})
