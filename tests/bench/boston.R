# The custom-loss regression of MXNet's R tutorial, on numbers of the Boston data's sizes: prints the milliseconds per batch.
suppressMessages(library(mxnet))
set.seed(0)
train.x <- matrix(rnorm(404 * 13), 404)
train.y <- drop(train.x %*% rnorm(13)) + rnorm(404)
data <- mx.symbol.Variable("data")
label <- mx.symbol.Variable("label")
fc1 <- mx.symbol.FullyConnected(data, num_hidden = 14, name = "fc1")
tanh1 <- mx.symbol.Activation(fc1, act_type = "tanh", name = "tanh1")
fc2 <- mx.symbol.FullyConnected(tanh1, num_hidden = 1, name = "fc2")
loss <- mx.symbol.MakeLoss(mx.symbol.square(mx.symbol.Reshape(fc2, shape = 0) - label), name = "loss")
train <- function(rounds) mx.model.FeedForward.create(loss, X = train.x, y = train.y, ctx = mx.cpu(), num.round = rounds,
  optimizer = "rmsprop", array.batch.size = 60, array.layout = "rowmajor", verbose = FALSE)
mx.set.seed(0)
invisible(train(1))
rounds <- 500
cat(system.time(train(rounds))[["elapsed"]] / (rounds * ceiling(404 / 60)) * 1000, "\n")
