# Braking distances: three quantiles at once, each a separate head with the pinball loss. Layers are functions
# that are
# chained; the optimizer is used as before 2018, by create.state and update.
library(mxnet)
source("_check.R")
begin("quantile")

x <- mx.nd.array(matrix((cars$speed - 15) / 5, nrow = 1))
y <- mx.nd.array((cars$dist - 40) / 25)
tau <- c(lower = 0.1, median = 0.5, upper = 0.9)

dense <- function(n, name) function(x) mx.symbol.FullyConnected(x, num.hidden = n, name = name)
activate <- function(type) function(x) mx.symbol.Activation(x, act.type = type)
flow <- function(x, ...) Reduce(function(value, f) f(value), list(...), x)

data <- mx.symbol.Variable("data")
label <- mx.symbol.Variable("label")
trunk <- flow(data, dense(12, "fc1"), activate("softrelu"), dense(6, "fc2"), activate("tanh"))
heads <- lapply(names(tau), function(q) flow(trunk, dense(1, paste0("q.", q))))

my_loss <- 0
for (k in seq_along(tau)) {
  error <- label - mx.symbol.Reshape(heads[[k]], shape = 0)
  my_loss <- my_loss + mx.symbol.broadcast_maximum(tau[[k]] * error, (tau[[k]] - 1) * error)
}
loss <- mx.symbol.MakeLoss(mx.symbol.mean(my_loss, axis = 0, keepdims = TRUE), name = "pinball")
quantiles <- mx.symbol.concat(data = heads, num.args = 3, dim = 1, name = "quantiles")

mx.set.seed(42)
init <- mxnet:::mx.model.init.params(loss, list(data = dim(x)), NULL, mx.init.Xavier("uniform", "avg", 3), mx.cpu())
given(loss = loss, quantiles = quantiles, data = x, label = y, weights = init$arg.params)
agree("start", init$arg.params)

exec <- mx.simple.bind(symbol = loss, ctx = mx.ctx.default(), data = dim(x), grad.req = "write")
mx.exec.update.arg.arrays(exec, c(list(data = x, label = y), init$arg.params), match.name = TRUE)

opt <- mx.opt.create("sgd", learning.rate = 0.1, momentum = 0.8)
trained <- names(Filter(Negate(is.null), exec$ref.grad.arrays))
states <- lapply(seq_along(trained), function(i) opt$create.state(i, exec$ref.arg.arrays[[trained[i]]]))
losses <- sapply(1:30, function(step) {
  mx.exec.forward(exec, is.train = T)
  mx.exec.backward(exec)
  new <- list()
  for (i in seq_along(trained)) {
    result <- opt$update(i, exec$ref.arg.arrays[[trained[i]]], exec$ref.grad.arrays[[trained[i]]], states[[i]])
    new[[trained[i]]] <- result$weight
    states[[i]] <<- result$state
  }
  mx.exec.update.arg.arrays(exec, new, match.name = T)
  as.array(exec$ref.outputs[[1]])
})
agree("losses", losses)
agree("end", exec$ref.arg.arrays[trained])

model <- structure(list(symbol = quantiles, arg.params = exec$arg.arrays[trained], aux.params = list()),
                   class = "MXFeedForwardModel")
agree("quantiles", predict(model, matrix(c(-2, -1, 0, 1, 2), 1), array.layout = "colmajor"))
done()
