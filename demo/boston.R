# A regression on Boston housing with a custom loss: an expression that ends in MakeLoss. The script is written as for
# MXNet's own R package. Run it by `make demo`, or by R_LIBS=.rlib Rscript demo/boston.R
library(mxnet)
data(BostonHousing, package = "mlbench")

BostonHousing$chas <- as.numeric(as.character(BostonHousing$chas))
boston <- scale(data.matrix(BostonHousing))
held.out <- seq(1, nrow(boston), 5)
train.x <- boston[-held.out, -14]
train.y <- boston[-held.out, 14]
test.x <- boston[held.out, -14]
test.y <- boston[held.out, 14]

data <- mx.symbol.Variable("data")
label <- mx.symbol.Variable("label")
fc1 <- mx.symbol.FullyConnected(data, num_hidden = 14, name = "fc1")
tanh1 <- mx.symbol.Activation(fc1, act_type = "tanh", name = "tanh1")
fc2 <- mx.symbol.FullyConnected(tanh1, num_hidden = 1, name = "fc2")

# the loss: the pseudo-Huber function of the residual, quadratic near zero, linear far away
residual <- mx.symbol.Reshape(fc2, shape = 0) - label
lro <- mx.symbol.MakeLoss(mx.symbol.sqrt(1 + mx.symbol.square(residual)) - 1, name = "lro")

mx.set.seed(0)
model <- mx.model.FeedForward.create(
  lro, X = train.x, y = train.y, ctx = mx.cpu(), num.round = 50, array.batch.size = 20, array.layout = "rowmajor",
  optimizer = "sgd", learning.rate = 0.05, momentum = 0.9,
  initializer = mx.init.uniform(0.5),
  eval.metric = mx.metric.custom("loss", function(label, pred) mean(as.array(pred))))

# the model's output is the loss; the prediction is an inner output of it
inner <- internals(model$symbol)
regression <- structure(class = "MXFeedForwardModel", list(
  symbol = inner[[match("fc2_output", outputs(inner))]], arg.params = model$arg.params, aux.params = model$aux.params))
predicted <- predict(regression, test.x, array.layout = "rowmajor")

mxnet.said <- scan("demo/boston-mxnet-1.9.1.txt", comment.char = "#", quiet = TRUE)
cat(sprintf("\nmean squared error on the %d houses held out (in variances of the price)\n", length(test.y)))
cat(sprintf("  here:          %.7f\n  MXNet 1.9.1:   %.7f\n", mean((test.y - predicted[1, ])^2), mxnet.said))
