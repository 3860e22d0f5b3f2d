# Siamese networks: shared weights under two inputs, contrastive loss with a margin.
source("_check.R")
n <- 20; margin <- 1
x1 <- wave(6, n, k = 1.3); x2 <- wave(6, n, k = 1.31); same <- as.numeric(seq_len(n) %% 3 == 0)

w1 <- mx.symbol.Variable("w1"); b1 <- mx.symbol.Variable("b1"); w2 <- mx.symbol.Variable("w2"); b2 <- mx.symbol.Variable("b2")
branch <- function(x, tag) {
  h <- mx.symbol.FullyConnected(data = x, weight = w1, bias = b1, num.hidden = 8, name = paste0("fc1", tag))
  h <- mx.symbol.Activation(data = h, act.type = "relu", name = paste0("relu", tag))
  h <- mx.symbol.FullyConnected(data = h, weight = w2, bias = b2, num.hidden = 3, name = paste0("fc2", tag))
  mx.symbol.L2Normalization(data = h, name = paste0("norm", tag))
}
label <- mx.symbol.Variable("label")
squared <- mx.symbol.sum(mx.symbol.square(branch(mx.symbol.Variable("data1_data"), "a") - branch(mx.symbol.Variable("data2_data"), "b")), axis = 1)
distance <- mx.symbol.sqrt(squared + 1e-6)
hinge <- mx.symbol.broadcast_maximum(margin - distance, mx.symbol.zeros_like(distance))
loss <- mx.symbol.MakeLoss(mx.symbol.mean(label * squared + (1 - label) * mx.symbol.square(hinge)), name = "contrastive")

shapes <- list(data1_data = c(6, n), data2_data = c(6, n), label = n)
init <- start.values(loss, shapes)
case("contrastive", list(net = loss), c(list(data1_data = x1, data2_data = x2, label = array(same, n)), init))

texec <- mx.simple.bind(symbol = loss, ctx = mx.cpu(), grad.req = "write", data1_data = c(6, n), data2_data = c(6, n), label = n)
mx.exec.update.arg.arrays(texec, init, match.name = TRUE)
updater <- mx.opt.get.updater(mx.opt.create("nag", learning.rate = 0.1, momentum = 0.8, wd = 1e-3), texec$ref.arg.arrays)
losses <- numeric(0)
for (epoch in 1:15) {
  mx.exec.update.arg.arrays(texec, list(data1_data = mx.nd.array(x1), data2_data = mx.nd.array(x2), label = mx.nd.array(same)), match.name = TRUE)
  mx.exec.forward(texec, is.train = TRUE); mx.exec.backward(texec)
  mx.exec.update.arg.arrays(texec, updater(texec$ref.arg.arrays, texec$ref.grad.arrays), skip.null = TRUE)
  losses[epoch] <- as.numeric(as.array(texec$ref.outputs$contrastive_output))
}
expect("losses", losses); expect("w1", texec$ref.arg.arrays$w1); expect("b2", texec$ref.arg.arrays$b2)
finish()
