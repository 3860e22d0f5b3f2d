# Weighted squared error: the weights are a third field of an iterator class written in R.
source("_check.R")
n <- 28
x <- wave(4, n, k = 1.1); y <- colSums(x * c(1, 0, -1, 2)); w <- 1 + abs(wave(n, k = 3))

WeightedIter <- setRefClass("WeightedIter", fields = c("at", "size"), contains = "Rcpp_MXArrayDataIter",
  methods = list(
    initialize = function(size = 7) { .self$at <- 0; .self$size <- size; .self },
    reset = function() .self$at <- 0,
    iter.next = function() { if (.self$at + .self$size > n) return(FALSE); .self$at <- .self$at + .self$size; TRUE },
    value = function() { i <- .self$at - .self$size + seq_len(.self$size); list(data = x[, i], weights = w[i], label = y[i]) },
    finalize = function() {}))

data <- mx.symbol.Variable("data"); label <- mx.symbol.Variable("label"); weights <- mx.symbol.Variable("weights")
fc1 <- mx.symbol.FullyConnected(data, num_hidden = 5, name = "fc1"); act <- mx.symbol.Activation(fc1, act_type = "sigmoid", name = "act")
fc2 <- mx.symbol.FullyConnected(act, num_hidden = 1, name = "fc2")
mse <- mx.symbol.MakeLoss(mx.symbol.square(mx.symbol.Reshape(fc2, shape = 0) - label) * weights, name = "wmse")

init <- start.values(mse, list(data = c(4, 7), label = 7, weights = 7))
case("weighted", list(net = mse), c(list(x = x, y = array(y, n), w = array(w, n)), init))

logger <- mx.metric.logger$new()
model <- mx.model.FeedForward.create(mse, X = WeightedIter$new(7), ctx = mx.cpu(), num.round = 5,
  optimizer = mx.opt.create("sgd", learning.rate = 0.05, momentum = 0.5, rescale.grad = 0.25, clip_gradient = 2), arg.params = init,
  input.names = c("data", "weights"), output.names = "label", verbose = FALSE,
  eval.metric = mx.metric.custom("loss", function(real, pred) as.array(mx.nd.mean(pred))),
  epoch.end.callback = mx.callback.log.train.metric(1, logger))
expect("epochs", logger$train); expect("fc1_weight", model$arg.params$fc1_weight); expect("fc2_weight", model$arg.params$fc2_weight)
finish()
