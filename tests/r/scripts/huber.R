# Robust regression: the pseudo-Huber loss, trained by FeedForward.create on an iterator; prediction through internals().
source("_check.R")
n <- 50; delta <- 0.5
x <- wave(3, n, k = 1.7); y <- colSums(x * c(2, -1, 0.5)) + ifelse(seq_len(n) %% 11 == 0, 5, 0)

data <- mx.symbol.Variable("data"); label <- mx.symbol.Variable("label")
fc1 <- mx.symbol.FullyConnected(data, num_hidden = 6, name = "fc1")
tanh1 <- mx.symbol.Activation(fc1, act_type = "tanh", name = "tanh1")
fc2 <- mx.symbol.FullyConnected(tanh1, num_hidden = 1, name = "fc2")
residual <- (mx.symbol.Reshape(fc2, shape = 0) - label) / delta
loss <- mx.symbol.MakeLoss(delta^2 * (mx.symbol.sqrt(1 + mx.symbol.square(residual)) - 1), name = "huber")

init <- start.values(loss, list(data = c(3, 20), label = 20))
case("huber", list(net = loss), c(list(x = x, y = array(y, n)), init))

seen <- NULL
model <- mx.model.FeedForward.create(
  symbol = loss, X = mx.io.arrayiter(x, y, batch.size = 20, shuffle = FALSE), ctx = mx.cpu(), num.round = 6,
  optimizer = "sgd", learning.rate = 0.2, momentum = 0.9, wd = 0.001, arg.params = init, verbose = FALSE,
  eval.metric = mx.metric.custom("loss", function(label, pred) mean(pred)),
  epoch.end.callback = function(iteration, nbatch, env, verbose) { seen <<- c(seen, env$metric$get(env$train.metric)$value); TRUE })
expect("epochs", seen); expect("fc1_weight", model$arg.params$fc1_weight); expect("fc2_bias", model$arg.params$fc2_bias)

inner <- internals(model$symbol)
fit <- list(symbol = inner[[match("fc2_output", outputs(inner))]], arg.params = model$arg.params, aux.params = model$aux.params)
class(fit) <- "MXFeedForwardModel"
expect("pred", predict(fit, x, array.layout = "colmajor", array.batch.size = 16)[1, ])
finish()
