# Three quantiles at once: the pinball loss, by broadcasting a constant vector of levels.
source("_check.R")
n <- 30; tau <- c(0.1, 0.5, 0.9)
x <- wave(2, n, k = 2.3); y <- x[1, ] + 0.5 * sin(seq_len(n) * 5)

data <- mx.symbol.Variable("data"); label <- mx.symbol.Variable("label"); level <- mx.symbol.Variable("tau_data")
fc1 <- mx.symbol.FullyConnected(data, num.hidden = 10, name = "fc1")
act1 <- mx.symbol.Activation(fc1, act.type = "softrelu", name = "act1")
q <- mx.symbol.FullyConnected(act1, num.hidden = 3, name = "q")
error <- mx.symbol.broadcast_minus(mx.symbol.reshape(label, shape = c(1, -1)), q)
pinball <- mx.symbol.broadcast_maximum(mx.symbol.broadcast_mul(level, error), mx.symbol.broadcast_mul(level - 1, error))
loss <- mx.symbol.MakeLoss(mx.symbol.mean(mx.symbol.sum(pinball, axis = 1)), name = "pinball")

init <- start.values(loss, list(data = c(2, n), label = n, tau_data = c(3, 1)))
case("quantile", list(net = loss), c(list(data = x, label = array(y, n), tau_data = array(tau, c(3, 1))), init))

my_executor <- mx.simple.bind(loss, ctx = mx.cpu(), data = c(2, n), label = n, tau_data = c(3, 1), grad.req = "write")
mx.exec.update.arg.arrays(my_executor, c(init, list(data = mx.nd.array(x), label = mx.nd.array(y), tau_data = mx.nd.array(array(tau, c(3, 1))))),
                          match.name = TRUE)
updater <- mx.opt.get.updater(mx.opt.create("adagrad", learning.rate = 0.1, epsilon = 1e-6), weights = my_executor$ref.arg.arrays)
losses <- sapply(1:20, function(i) {
  mx.exec.forward(my_executor, is.train = T); mx.exec.backward(my_executor)
  mx.exec.update.arg.arrays(my_executor, updater(weight = my_executor$ref.arg.arrays, grad = my_executor$ref.grad.arrays), skip.null = T)
  as.array(my_executor$ref.outputs[[1]])
})
expect("losses", losses); expect("q_weight", my_executor$arg.arrays[["q_weight"]]); expect("q_bias", my_executor$arg.arrays[["q_bias"]])
finish()
