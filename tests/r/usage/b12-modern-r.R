# Changes in R since then: `if` rejects conditions longer than one, so all objects that scripts test by
# `class(x) == ...` have one class.
source("_check.R")
fc <- mx.symbol.FullyConnected(mx.symbol.Variable("data"), num_hidden = 1, name = "fc")
net <- mx.symbol.LinearRegressionOutput(fc, name = "out")
train <- function(X, y) mx.model.FeedForward.create(net, X = X, y = y, num.round = 1, array.layout = "rowmajor", verbose = FALSE)

usage("objects have one class each", {
  exec <- mx.simple.bind(net, ctx = mx.cpu(), data = c(2, 3))
  for (thing in list(mx.nd.ones(2), fc, exec, mx.cpu(), mx.metric.rmse, mx.metric.logger$new(), exec$ref.outputs[[1]],
                     train(wave(10, 2), wave(10)), mx.kv.create()))
    same(length(class(thing)), 1)
  if (class(mx.nd.ones(2)) == "MXNDArray" && class(fc) == "Rcpp_MXSymbol" && class(mx.cpu()) == "MXContext") TRUE else stop("classes")
})
usage("data frames: a sentence, or data.matrix", {
  frame <- data.frame(a = wave(10), b = wave(10, k = 2))
  says(mx.nd.array(frame), "data.frame|numbers")
  same(class(train(data.matrix(frame), wave(10))), "MXFeedForwardModel")
})
usage("factors as labels: their codes, as in MXNet, and a sentence", {
  side <- factor(rep(c("R", "M"), 5))
  warned <- NULL
  fitted <- function(y) { mx.set.seed(0); as.array(train(wave(10, 2), y)$arg.params[[1]]) }
  taken <- withCallingHandlers(fitted(side), warning = function(w) {
    warned <<- c(warned, conditionMessage(w))
    invokeRestart("muffleWarning")
  })
  if (!any(grepl("label is a factor: its codes 1 to 2 are taken, as in MXNet", warned))) stop(warned)
  same(taken, fitted(rep(c(2, 1), 5)))
})
usage("texts as labels: a sentence", {
  says(train(wave(10, 2), rep(c("R", "M"), 5)), "numbers|text|character")
})
usage("integers and logicals as data and labels", {
  same(class(train(matrix(1:20, 10), rep(c(TRUE, FALSE), 5))), "MXFeedForwardModel")
  same(class(train(matrix(1:20, 10), 1:10)), "MXFeedForwardModel")
})
usage("errors say which argument they are about", {
  net <- mx.symbol.FullyConnected(mx.symbol.Variable("data"), num_hidden = 3) + mx.symbol.Variable("z")
  says(mx.symbol.FullyConnected(data = sum, num_hidden = 3), "^data: a function cannot be used here")
  says(mx.symbol.FullyConnected(sum, num_hidden = 3), "^element 1: a function cannot be used here")
  says(mx.model.init.params(net, list(z = c(3, 4)), NULL, mx.init.uniform(1), mx.cpu()),
       "z c\\(3, 4\\)\\) do not determine those of data, fullyconnected0_weight")
})
usage("stores print themselves", {
  same(capture.output(print(mx.kv.create()))[1], "<key-value store local> 0 keys")
})
done("b12")
