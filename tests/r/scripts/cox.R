# Survival: the negative log of Cox's partial likelihood, with the risk sets as a matrix input.
source("_check.R")
n <- 24
x <- wave(4, n, k = 1.3)
time <- rank(wave(n, k = 2.1)); event <- as.numeric(wave(n, k = 0.9) > -0.3)
risk <- outer(time, time, function(i, j) as.numeric(j <= i))          # risk[j, i]: j is at risk when i fails

data <- mx.symbol.Variable("data"); label <- mx.symbol.Variable("label"); at.risk <- mx.symbol.Variable("risk_data")
fc1 <- mx.symbol.FullyConnected(data = data, num.hidden = 5, name = "fc1")
act1 <- mx.symbol.Activation(data = fc1, act.type = "tanh", name = "act1")
eta <- mx.symbol.FullyConnected(data = act1, num.hidden = 1, no.bias = TRUE, name = "eta")
eta_row <- mx.symbol.reshape(data = eta, shape = c(-1, 1))
hazard <- mx.symbol.exp(eta_row)
sum_risk <- mx.symbol.sum(mx.symbol.broadcast_mul(hazard, at.risk), axis = 1)
eta_col <- mx.symbol.reshape(data = eta, shape = -1)
log_lik <- (eta_col - mx.symbol.log(sum_risk)) * label
cox_loss <- mx.symbol.MakeLoss(data = 0 - mx.symbol.mean(log_lik), name = "cox")

shapes <- list(data = c(4, n), label = n, risk_data = c(n, n))
init <- start.values(cox_loss, shapes)
case("cox", list(net = cox_loss), c(list(data = x, label = event, risk_data = risk), init))

executor <- mx.simple.bind(symbol = cox_loss, ctx = mx.cpu(), grad.req = "write", data = c(4, n), label = n, risk_data = c(n, n))
mx.exec.update.arg.arrays(executor, init, match.name = TRUE)
my_optimizer <- mx.opt.create(name = "adam", learning.rate = 0.05, beta1 = 0.9, beta2 = 0.999, epsilon = 1e-08, wd = 0)
my_updater <- mx.opt.get.updater(optimizer = my_optimizer, weights = executor$ref.arg.arrays)
losses <- NULL
for (i in 1:15) {
  mx.exec.update.arg.arrays(executor, list(data = mx.nd.array(x), label = mx.nd.array(event), risk_data = mx.nd.array(risk)), match.name = TRUE)
  mx.exec.forward(executor, is.train = TRUE)
  mx.exec.backward(executor)
  update_args <- my_updater(weight = executor$ref.arg.arrays, grad = executor$ref.grad.arrays)
  mx.exec.update.arg.arrays(executor, update_args, skip.null = TRUE)
  losses <- c(losses, as.array(executor$ref.outputs$cox_output))
}
expect("losses", losses); expect("fc1_weight", executor$ref.arg.arrays$fc1_weight); expect("eta_weight", executor$ref.arg.arrays$eta_weight)
finish()
