# A GAN on small pieces of a landscape: generator and discriminator are two executors, and the generator learns from the
# gradient of the discriminator's input. The noise is MXNet's own stream.
library(mxnet)
source("_check.R")
begin("gan")

batch_size <- 8
height <- (volcano - 130) / 65
piece <- function(k) height[(k * 13) %% 78 + 1:8, (k * 29) %% 52 + 1:8]
real <- function(i) mx.nd.array(array(sapply((i - 1) * batch_size + 1:batch_size, piece), c(8, 8, 1, batch_size)))

# Generator: noise to a 2 x 2 map, which is deconvolved to 8 x 8
rand <- mx.symbol.Variable('rand_data')
g1 <- mx.symbol.FullyConnected(data = rand, num_hidden = 2 * 2 * 6, name = 'g1')
g1_act <- mx.symbol.Activation(g1, act_type = 'relu', name = 'g1_act')
g1_map <- mx.symbol.reshape(data = g1_act, shape = c(2, 2, 6, -1), name = 'g1_map')
g2 <- mx.symbol.Deconvolution(data = g1_map, kernel = c(4, 4), stride = c(2, 2), pad = c(1, 1), num_filter = 4, name = 'g2')
g2_act <- mx.symbol.LeakyReLU(g2, act.type = 'leaky', slope = 0.2, name = 'g2_act')
g3 <- mx.symbol.Deconvolution(data = g2_act, kernel = c(4, 4), stride = c(2, 2), pad = c(1, 1), num_filter = 1,
                              no_bias = TRUE, name = 'g3')
G_sym <- mx.symbol.Activation(g3, act_type = 'tanh', name = 'G_sym')

# Discriminator: its input is not called data, so it has a gradient
digit <- mx.symbol.Variable('digit')
d1 <- mx.symbol.Convolution(data = digit, kernel = c(3, 3), stride = c(2, 2), pad = c(1, 1), num_filter = 4, name = 'd1')
d1_act <- mx.symbol.LeakyReLU(d1, act.type = 'leaky', slope = 0.2, name = 'd1_act')
d2 <- mx.symbol.FullyConnected(mx.symbol.Flatten(d1_act), num_hidden = 1, name = 'd2')
d_prob <- mx.symbol.sigmoid(d2, name = 'd_prob')
label <- mx.symbol.Variable('label')
eps <- 1e-8
ce_loss_pos <- mx.symbol.broadcast_mul(mx.symbol.log(d_prob + eps), label)
ce_loss_neg <- mx.symbol.broadcast_mul(mx.symbol.log(1 - d_prob + eps), 1 - label)
ce_loss_mean <- 0 - mx.symbol.mean(ce_loss_pos + ce_loss_neg)
D_sym <- mx.symbol.MakeLoss(ce_loss_mean, name = 'ce_loss')

mx.set.seed(0)
G_arg <- mxnet:::mx.model.init.params(symbol = G_sym, input.shape = list(rand_data = c(5, batch_size)), output.shape = NULL,
                                      initializer = mxnet:::mx.init.uniform(0.2), ctx = mx.cpu())
D_arg <- mxnet:::mx.model.init.params(symbol = D_sym, input.shape = list(digit = c(8, 8, 1, batch_size)),
                                      output.shape = list(label = c(1, batch_size)),
                                      initializer = mxnet:::mx.init.uniform(0.2), ctx = mx.cpu())
given(G = G_sym, D = D_sym, weights = c(G_arg$arg.params, D_arg$arg.params), real = lapply(1:20, real))
agree("start", c(G_arg$arg.params, D_arg$arg.params))

exec_G <- mx.simple.bind(symbol = G_sym, rand_data = c(5, batch_size), ctx = mx.cpu(), grad.req = "write")
exec_D <- mx.simple.bind(symbol = D_sym, digit = c(8, 8, 1, batch_size), label = c(1, batch_size), ctx = mx.cpu(),
                         grad.req = "write")
mx.exec.update.arg.arrays(exec_G, G_arg$arg.params, match.name = TRUE)
mx.exec.update.arg.arrays(exec_D, D_arg$arg.params, match.name = TRUE)

# a large epsilon: with 1e-6 even MXNet's losses depend on the kernels that it chooses
optimizer_G <- mx.opt.create(name = "adam", learning.rate = 5e-3, beta1 = 0.5, beta2 = 0.999, epsilon = 1e-04, wd = 0)
optimizer_D <- mx.opt.create(name = "adam", learning.rate = 5e-3, beta1 = 0.5, beta2 = 0.999, epsilon = 1e-04, wd = 0)
updater_G <- mx.opt.get.updater(optimizer = optimizer_G, weights = exec_G$ref.arg.arrays)
updater_D <- mx.opt.get.updater(optimizer = optimizer_D, weights = exec_D$ref.arg.arrays)

judge <- function(images, target) {
  label <- mx.nd.array(array(target, c(1, batch_size)))
  mx.exec.update.arg.arrays(exec_D, arg.arrays = list(digit = images, label = label), match.name = TRUE)
  mx.exec.forward(exec_D, is.train = T)
  mx.exec.backward(exec_D)
  as.array(exec_D$ref.outputs[["ce_loss_output"]])
}
train_D <- function() {
  update_D <- updater_D(weight = exec_D$ref.arg.arrays, grad = exec_D$ref.grad.arrays)
  mx.exec.update.arg.arrays(exec_D, update_D, skip.null = TRUE)
}

losses <- list(fake = NULL, real = NULL, generator = NULL)
for (i in 1:20) {
  noise <- mx.rnorm(c(5, batch_size), 0, 1, mx.cpu())
  mx.exec.update.arg.arrays(exec_G, arg.arrays = list(rand_data = noise), match.name = TRUE)
  mx.exec.forward(exec_G, is.train = T)
  fake <- exec_G$ref.outputs[["G_sym_output"]]

  losses$fake <- c(losses$fake, judge(fake, 0))
  train_D()
  losses$real <- c(losses$real, judge(real(i), 1))
  train_D()

  losses$generator <- c(losses$generator, judge(fake, 1))
  img_grads <- exec_D$ref.grad.arrays[["digit"]]
  mx.exec.backward(exec_G, out_grads = img_grads)
  update_G <- updater_G(weight = exec_G$ref.arg.arrays, grad = exec_G$ref.grad.arrays)
  mx.exec.update.arg.arrays(exec_G, update_G, skip.null = TRUE)
}
agree("losses", losses)
agree("fake", exec_G$ref.outputs[[1]])
agree("img_grads", exec_D$ref.grad.arrays$digit)
agree("end", c(exec_G$arg.arrays[names(G_arg$arg.params)], exec_D$arg.arrays[names(D_arg$arg.params)]))
done()
