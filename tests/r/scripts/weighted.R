# Weighted squared error: the weights are a third field of an iterator that is a reference class around an mx.io.arrayiter;
# FeedForward.create is told which fields are inputs.
library(mxnet)
source("_check.R")
begin("weighted")

train <- as.matrix(quakes[1:60, ])
x <- t(scale(train[, c("lat", "long", "depth", "stations")]))
y <- as.numeric(scale(train[, "mag"]))
w <- train[, "stations"] / mean(train[, "stations"])

# the label of the inner iterator holds two rows: the magnitude, and how well it is known
WeightedIter <- setRefClass("WeightedIter",
                            fields = c("iter", "data", "label", "batch.size"),
                            contains = "Rcpp_MXArrayDataIter",
                            methods = list(
                              initialize = function(iter, data, label, batch.size) {
                                .self$iter <- mx.io.arrayiter(data = data, label = label, batch.size = batch.size, shuffle = TRUE)
                                .self
                              },
                              value = function() {
                                val <- .self$iter$value()
                                both <- as.array(val$label)
                                list(data = val$data, importance = mx.nd.array(both[2, ]), label = mx.nd.array(both[1, ]))
                              },
                              iter.next = function() {
                                .self$iter$iter.next()
                              },
                              reset = function() {
                                .self$iter$reset()
                              },
                              num.pad = function() {
                                .self$iter$num.pad()
                              },
                              finalize = function() {
                                .self$iter$finalize()
                              }))

mx.set.seed(11)
train.iter <- WeightedIter$new(iter = NULL, data = x, label = rbind(y, w), batch.size = 16)

data <- mx.symbol.Variable("data")
label <- mx.symbol.Variable("label")
importance <- mx.symbol.Variable("importance")
fc1 <- mx.symbol.FullyConnected(data, num_hidden = 10, name = "fc1")
act1 <- mx.symbol.Activation(fc1, act_type = "sigmoid", name = "act1")
fc2 <- mx.symbol.FullyConnected(act1, num_hidden = 1, name = "fc2")
wmse <- mx.symbol.MakeLoss(mx.symbol.square(mx.symbol.Reshape(fc2, shape = 0) - label) * importance, name = "wmse")

given(loss = wmse, data = x, label = rbind(y, w))
losses <- NULL
model <- mx.model.FeedForward.create(symbol = wmse, X = train.iter, ctx = list(mx.cpu()), num.round = 6,
                                     input.names = c("data", "importance"), output.names = "label",
                                     optimizer = mx.opt.create("nag", learning.rate = 0.02, momentum = 0.7, wd = 0.01,
                                                               rescale.grad = 1 / 16, clip_gradient = 0.5),
                                     initializer = mx.init.uniform(0.8), verbose = FALSE,
                                     eval.metric = mx.metric.custom("wmse", function(real, pred) {
                                       losses <<- c(losses, mean(as.array(pred)))
                                       mx.nd.mean(pred)
                                     }))
agree("losses", losses)
agree("end", model$arg.params)
done()
