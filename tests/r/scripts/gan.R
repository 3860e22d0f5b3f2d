# A GAN: generator and discriminator are two executors; the generator learns from the discriminator's input gradient.
source("_check.R")
n <- 12
real <- wave(6, n, k = 0.41); noise <- function(i) wave(3, n, k = 1 + i / 10)

rand <- mx.symbol.Variable("rand_data")
g1 <- mx.symbol.FullyConnected(rand, num.hidden = 8, name = "g1"); g1 <- mx.symbol.LeakyReLU(g1, act.type = "leaky", slope = 0.2, name = "g1_act")
G_sym <- mx.symbol.Activation(mx.symbol.FullyConnected(g1, num.hidden = 6, name = "g2"), act.type = "tanh", name = "digit_out")
digit <- mx.symbol.Variable("digit"); label <- mx.symbol.Variable("label")
d1 <- mx.symbol.FullyConnected(digit, num.hidden = 8, name = "d1"); d1 <- mx.symbol.Activation(d1, act.type = "tanh", name = "d1_act")
d2 <- mx.symbol.sigmoid(mx.symbol.FullyConnected(d1, num.hidden = 1, name = "d2"), name = "d_prob")
p <- mx.symbol.reshape(d2, shape = -1)
D_sym <- mx.symbol.MakeLoss(0 - mx.symbol.mean(mx.symbol.log(p + 1e-8) * label + mx.symbol.log(1 - p + 1e-8) * (1 - label)), name = "d_loss")

g.init <- start.values(G_sym, list(rand_data = c(3, n))); d.init <- start.values(D_sym, list(digit = c(6, n), label = n))
case("gan", list(G = G_sym, D = D_sym), c(list(real = real), structure(lapply(1:6, noise), names = paste0("noise", 1:6)), g.init, d.init))

exec_G <- mx.simple.bind(symbol = G_sym, rand_data = c(3, n), ctx = mx.cpu(), grad.req = "write")
exec_D <- mx.simple.bind(symbol = D_sym, digit = c(6, n), label = n, ctx = mx.cpu(), grad.req = "write")
mx.exec.update.arg.arrays(exec_G, g.init, match.name = TRUE); mx.exec.update.arg.arrays(exec_D, d.init, match.name = TRUE)
opt_G <- mx.opt.create("adam", learning.rate = 0.02, beta1 = 0.5); opt_D <- mx.opt.create("adam", learning.rate = 0.02, beta1 = 0.5)
updater_G <- mx.opt.get.updater(optimizer = opt_G, weights = exec_G$ref.arg.arrays)
updater_D <- mx.opt.get.updater(optimizer = opt_D, weights = exec_D$ref.arg.arrays)
d.losses <- g.losses <- NULL
train_D <- function(images, target) {
  mx.exec.update.arg.arrays(exec_D, arg.arrays = list(digit = images, label = mx.nd.array(rep(target, n))), match.name = TRUE)
  mx.exec.forward(exec_D, is.train = T); mx.exec.backward(exec_D)
  as.array(exec_D$ref.outputs[["d_loss_output"]])
}
for (i in 1:6) {
  mx.exec.update.arg.arrays(exec_G, arg.arrays = list(rand_data = mx.nd.array(noise(i))), match.name = TRUE)
  mx.exec.forward(exec_G, is.train = T)
  fake <- exec_G$ref.outputs[["digit_out_output"]]
  for (part in list(list(fake, 0), list(mx.nd.array(real), 1))) {
    loss <- train_D(part[[1]], part[[2]])
    mx.exec.update.arg.arrays(exec_D, updater_D(weight = exec_D$ref.arg.arrays, grad = exec_D$ref.grad.arrays), skip.null = TRUE)
    d.losses <- c(d.losses, loss)
  }
  g.losses <- c(g.losses, train_D(fake, 1))
  mx.exec.backward(exec_G, exec_D$ref.grad.arrays[["digit"]])
  mx.exec.update.arg.arrays(exec_G, updater_G(weight = exec_G$ref.arg.arrays, grad = exec_G$ref.grad.arrays), skip.null = TRUE)
}
expect("d.losses", d.losses); expect("g.losses", g.losses); expect("digit_grad", exec_D$ref.grad.arrays$digit)
expect("g1_weight", exec_G$ref.arg.arrays$g1_weight)
finish()
