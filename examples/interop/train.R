# A script as it was written for MXNet: a logistic regression by the focal loss. observe() writes what CI compares.
library(mxnet)
source("focal.R")
mx.set.seed(1)
x <- matrix(sin(1:60), 3)
y <- as.numeric(colSums(x) > 0)
score <- mx.symbol.FullyConnected(mx.symbol.Variable("data"), num_hidden = 1, name = "fc")
loss <- focal(mx.symbol.sigmoid(mx.symbol.Reshape(score, shape = 0)), mx.symbol.Variable("label"))
model <- mx.model.FeedForward.create(loss, X = x, y = y, num.round = 5, array.batch.size = 20, learning.rate = 0.5,
                                     initializer = mx.init.uniform(0.1), array.layout = "colmajor", verbose = FALSE)
observe("weight", model$arg.params$fc_weight)
observe("bias", model$arg.params$fc_bias)
