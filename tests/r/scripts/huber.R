# Fuel consumption of cars, some of them written down wrongly: pseudo-Huber loss through FeedForward.create on plain
# matrices; predictions from the layer below the loss.
require(mxnet)
source("_check.R")
begin("huber")

x <- scale(as.matrix(mtcars[, c("disp", "hp", "wt", "qsec")]))
y <- as.numeric(scale(mtcars$mpg))
y[c(3, 17)] <- y[c(3, 17)] + 6
test <- seq(4, 32, by = 4)

data <- mx.symbol.Variable("data")
label <- mx.symbol.Variable("label")
fc1 <- mx.symbol.FullyConnected(data, num_hidden = 6, name = "fc1")
tanh1 <- mx.symbol.Activation(fc1, act_type = "tanh", name = "tanh1")
fc2 <- mx.symbol.FullyConnected(tanh1, num_hidden = 1, name = "fc2")

delta <- 0.7
a <- mx.symbol.Reshape(fc2, shape = 0) - label
huber <- mx.symbol.MakeLoss(delta^2 * (mx.symbol.sqrt(1 + mx.symbol.square(a / delta)) - 1), name = "huber")

demo.metric.loss <- mx.metric.custom("loss", function(label, pred) {
  res <- mean(as.array(pred))
  return(res)
})

logger <- mx.metric.logger$new()
running <- NULL
keep.running <- function(iteration, nbatch, env) {
  running <<- c(running, env$metric$get(env$train.metric)$value)
  return(TRUE)
}

given(loss = huber, x = t(x[-test, ]), y = y[-test], test.x = t(x[test, ]), test.y = y[test], all = t(x))
mx.set.seed(7)
model <- mx.model.FeedForward.create(huber, X = x[-test, ], y = y[-test], ctx = mx.cpu(), num.round = 8,
                                     eval.data = list(data = x[test, ], label = y[test]),
                                     array.batch.size = 8, array.layout = "rowmajor",
                                     optimizer = "sgd", learning.rate = 0.2, momentum = 0.9, wd = 0.0005,
                                     initializer = mx.init.normal(0.4), eval.metric = demo.metric.loss,
                                     batch.end.callback = keep.running,
                                     epoch.end.callback = mx.callback.log.train.metric(1, logger))
agree("running", running)
agree("train", logger$train)
agree("eval", logger$eval)
agree("end", model$arg.params)

inner <- internals(model$symbol)
fit <- list(symbol = inner[[match("fc2_output", outputs(inner))]], arg.params = model$arg.params, aux.params = model$aux.params)
class(fit) <- "MXFeedForwardModel"
preds <- predict(fit, x, array.layout = "rowmajor", array.batch.size = 5)
agree("pred", preds)
done()
