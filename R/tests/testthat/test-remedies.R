# Every remedy in a message works if it is followed exactly: a mistake, words of its message, and the remedy.
mx.set.seed(1)
x <- matrix(rnorm(60), 3)
y <- colSums(x)
images <- array(rnorm(6 * 5 * 5), c(6, 5, 5, 1))
s <- mx.symbol.Variable("u")
t2 <- mx.symbol.Variable("v")
fc <- mx.symbol.FullyConnected(mx.symbol.Variable("data"), num.hidden = 1, name = "fc")
lro <- mx.symbol.LinearRegressionOutput(fc, name = "lro")
two <- mx.symbol.LinearRegressionOutput(mx.symbol.FullyConnected(mx.symbol.Variable("data"), num.hidden = 2, name = "fc2"), name = "lro")
flatten <- mx.symbol.LinearRegressionOutput(mx.symbol.FullyConnected(mx.symbol.Flatten(mx.symbol.Variable("data")), num.hidden = 1, name = "fc"), name = "lro")
train <- function(...) {
  given <- list(...)
  all <- list(symbol = lro, X = x, y = y, num.round = 1, array.batch.size = 2, array.layout = "colmajor", verbose = FALSE)
  all[names(given)] <- given
  suppressWarnings(do.call(mx.model.FeedForward.create, all))
}
custom <- function(pred, label = mx.symbol.Variable("label")) mx.symbol.MakeLoss(mx.symbol.mean(mx.symbol.square(pred - label)))
on <- function(symbol, ...) {
  exec <- mx.simple.bind(symbol, mx.cpu(), "null", ...)
  mx.exec.forward(exec, FALSE)
}

test_that("remedies work", {
  follows <- function(mistake, words, remedy) {
    error <- tryCatch({ suppressWarnings(force(mistake)); NULL }, error = identity)
    expect_false(is.null(error), info = words)
    said <- conditionMessage(error)
    expect_match(said, words, fixed = TRUE)
    expect_no_match <- function(pattern) expect_false(grepl(pattern, said), info = said)
    expect_no_match("externalptr|not subsettable|unused argument|a defect in mxr")
    expect_error(force(remedy), NA, info = words)
  }
  # layouts
  follows(train(symbol = flatten, X = images, y = 1:6), "aperm(data, c(2, 3, 4, 1))", train(symbol = flatten, X = aperm(images, c(2, 3, 4, 1)), y = 1:6))
  follows(mx.io.arrayiter(t(x), y), "t(data)", mx.io.arrayiter(t(t(x)), y))
  follows(mx.io.arrayiter(t(x), cbind(y, y)), "t(data) and t(label)", mx.io.arrayiter(t(t(x)), t(cbind(y, y))))
  follows(mx.io.arrayiter(x, cbind(y, y)), "t(label)", mx.io.arrayiter(x, t(cbind(y, y))))
  follows(mx.io.arrayiter(x, cbind(y)), "as.vector(label)", mx.io.arrayiter(x, as.vector(cbind(y))))
  follows(train(array.layout = "rowmajor"), 'array.layout = "colmajor"', train(array.layout = "colmajor"))
  follows(train(X = t(x)), 'array.layout = "rowmajor"', train(X = t(x), array.layout = "rowmajor"))
  follows(train(symbol = two, X = t(x), y = cbind(y, y), array.layout = "rowmajor"), "t(label)", train(symbol = two, X = t(x), y = t(cbind(y, y)), array.layout = "rowmajor"))
  expect_s3_class(train(symbol = two, X = t(x), y = rbind(y, y), array.layout = "auto"), "MXFeedForwardModel")
  # containers
  follows(train(X = as.data.frame(x)), "data.matrix()", train(X = data.matrix(as.data.frame(x))))
  follows(train(y = data.frame(y)), "x[[1]]", train(y = data.frame(y)[[1]]))
  follows(train(eval.data = list(data = x, label = data.frame(y))), "x[[1]]", train(eval.data = list(data = x, label = data.frame(y)[[1]])))
  follows(train(eval.data = data.frame(y)), "list(data = , label = )", train(eval.data = list(data = x, label = y)))
  follows(train(X = x[0, ]), "no samples, or no features", train(X = x[1, , drop = FALSE]))
  if (requireNamespace("Matrix", quietly = TRUE)) {
    for (m in list(Matrix::Matrix(x), Matrix::Matrix(x * (x > 0), sparse = TRUE)))
      follows(train(X = m), "as.matrix(X)", train(X = as.matrix(m)))
    follows(mx.nd.array(Matrix::Matrix(x)), "as.matrix()", mx.nd.array(as.matrix(Matrix::Matrix(x))))
  }
  # initializers and parameters
  follows(train(initializer = mx.init.normal), "mx.init.normal(0.01)", train(initializer = mx.init.normal(0.01)))
  follows(train(initializer = mx.init.uniform), "mx.init.uniform(0.01)", train(initializer = mx.init.uniform(0.01)))
  follows(train(initializer = mx.init.Xavier), "mx.init.Xavier()", train(initializer = mx.init.Xavier()))
  more <- list(fc_weight = mx.nd.ones(c(3, 1)), fc_bias = mx.nd.ones(1), last_weight = mx.nd.ones(2))
  follows(train(arg.params = more), "allow.extra.params = TRUE", train(arg.params = more, allow.extra.params = TRUE))
  # iterators that derive from nothing, and their last batches
  Own <- setRefClass("Own", fields = list(at = "numeric", last = "numeric", x = "matrix", y = "numeric"), methods = list(
    iter.next = function() { at <<- at + 1; at <= 2 }, reset = function() { at <<- 0 },
    value = function() { k <- seq_len(if (at == 2) last else 10); list(data = mx.nd.array(.self$x[, k]), label = mx.nd.array(.self$y[k])) }))
  follows(train(X = Own$new(at = 0, last = 5, x = x, y = y), y = NULL), "fill the last one up", train(X = Own$new(at = 0, last = 10, x = x, y = y), y = NULL))
  Poor <- setRefClass("Poor", fields = list(at = "numeric"), methods = list(iter.next = function() FALSE))
  follows(train(X = Poor$new(at = 0), y = NULL), "value()", train(X = Own$new(at = 0, last = 10, x = x, y = y), y = NULL))
  # symbols are not vectors
  follows(s[1], "mx.symbol.slice_axis(s, axis = 0, begin = 0, end = 1)", on(mx.symbol.slice_axis(s, axis = 0, begin = 0, end = 1), u = 3))
  follows(pmax(s, t2), "mx.symbol.broadcast_maximum", on(mx.symbol.broadcast_maximum(s, t2), u = 3, v = 3))
  follows(pmin(s, 1), "broadcast_minimum", on(mx.symbol.broadcast_minimum(s, t2), u = 3, v = 1))
  follows(ifelse(s > t2, s, t2), "mx.symbol.where(condition, x, y)", on(mx.symbol.where(s > t2, s, t2), u = 3, v = 3))
  follows(rev(s), "mx.symbol.reverse(s, axis = 0)", on(mx.symbol.reverse(s, axis = 0), u = 3))
  follows(sort(s), "mx.symbol.sort(s, axis = 0)", on(mx.symbol.sort(s, axis = 0), u = 3))
  follows(rep(s, 2), "mx.symbol.repeat", on(mx.symbol.repeat(s, repeats = 2), u = 3))
  follows(s - mx.nd.ones(3), 'mx.symbol.Variable("name")', on(s - mx.symbol.Variable("name"), u = 3, name = 3))
  follows(mx.nd.ones(3) * s, 'mx.symbol.Variable("name")', on(mx.symbol.Variable("name") * s, u = 3, name = 3))
  # inputs are symbols
  follows(mx.symbol.FullyConnected(s, weight = matrix(1, 2, 5), num.hidden = 2), "weight is an input and takes a symbol", mx.symbol.FullyConnected(s, weight = t2, num.hidden = 2))
  follows(mx.symbol.FullyConnected(s, bias = 1, num.hidden = 2, no.bias = TRUE), "bias is an input", mx.symbol.FullyConnected(s, bias = t2, num.hidden = 2))
  follows(mx.symbol.LinearRegressionOutput(s, label = "y"), "label is an input and takes a symbol", mx.symbol.LinearRegressionOutput(s, label = t2))
  follows(mx.symbol.FullyConnected(data = 1, num.hidden = 2), "data is an input", mx.symbol.FullyConnected(data = s, num.hidden = 2))
  follows(mx.symbol.BatchNorm(s, moving.mean = 1), "moving.mean is an input", mx.symbol.BatchNorm(s, moving_mean = t2))
  # a column and a vector
  follows(train(symbol = custom(fc)), "mx.symbol.Reshape(fc, shape = 0)", train(symbol = custom(mx.symbol.Reshape(fc, shape = 0))))
  follows(train(symbol = custom(fc)), "as a column", train(symbol = custom(fc), y = matrix(y, 1)))
  expect_null(mx.symbol.Variable("a")$infer.shape())
})

test_that("problems about which MXNet is silent give one warning", {
  assign("warned", NULL, envir = mxnet:::.MXNetEnv)
  run <- function(...) mx.model.FeedForward.create(lro, X = x, y = y, array.batch.size = 10, array.layout = "colmajor", verbose = FALSE, learning.rate = 0.01, ...)
  rounds <- 0
  count <- function(iteration, nbatch, env, verbose) { rounds <<- rounds + 1; TRUE }
  expect_warning(run(num.round = 0, epoch.end.callback = count), "2 rounds, counted backwards")
  expect_equal(rounds, 2)
  expect_silent(run(begin.round = 3, num.round = 1))
  assign("warned", NULL, envir = mxnet:::.MXNetEnv)
  expect_warning(run(begin.round = 3, num.round = 1), "3 rounds, counted backwards")
  soft <- mx.symbol.SoftmaxOutput(mx.symbol.FullyConnected(mx.symbol.Variable("data"), num.hidden = 4), name = "softmax")
  classify <- function(classes) {
    mx.model.FeedForward.create(soft, X = x, y = classes, array.batch.size = 10, array.layout = "colmajor", verbose = FALSE, learning.rate = 0.01, num.round = 1)
  }
  expect_silent(classify(rep(0:3, 5)))
  expect_warning(classify(rep(1:4, 5)), "class 4 is never learned; give y - 1")
  expect_silent(classify(rep(1:4, 5)))
  norm <- mx.symbol.BatchNorm(mx.symbol.Variable("data"), name = "bn")
  model <- structure(list(symbol = norm, arg.params = list(bn_gamma = mx.nd.ones(3), bn_beta = mx.nd.zeros(3)), aux.params = list()), class = "MXFeedForwardModel")
  expect_warning(predict(model, x, array.layout = "colmajor"), "bn_moving_mean, bn_moving_var in aux.params; zeros")
})
