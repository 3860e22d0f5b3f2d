# Rare positives: the focal loss, with weight clipping by hand through as.array.
source("_check.R")
n <- 32; gamma <- 2; alpha <- 0.25; eps <- 1e-8
x <- wave(5, n, k = 1.9); y <- as.numeric(colSums(x[1:2, ]) > 1)

data <- mx.symbol.Variable(name = "data"); label <- mx.symbol.Variable(name = "label")
fc1 <- mx.symbol.FullyConnected(data = data, num_hidden = 8, name = "fc1")
bn1 <- mx.symbol.BatchNorm(data = fc1, fix_gamma = FALSE, eps = "1e-03", name = "bn1")
relu1 <- mx.symbol.LeakyReLU(data = bn1, act.type = "elu", slope = 0.3, name = "relu1")
fc2 <- mx.symbol.FullyConnected(data = relu1, num_hidden = 1, name = "fc2")
prob <- mx.symbol.reshape(mx.symbol.sigmoid(fc2, name = "prob"), shape = -1)
pos <- (1 - prob)^gamma * mx.symbol.log(prob + eps) * label * alpha
neg <- prob^gamma * mx.symbol.log(1 - prob + eps) * (1 - label) * (1 - alpha)
focal <- mx.symbol.MakeLoss(0 - (pos + neg), grad.scale = 1 / n, name = "focal")
group <- mx.symbol.Group(c(focal, mx.symbol.BlockGrad(prob, name = "p")))

init <- start.values(group, list(data = c(5, n), label = n))
case("focal", list(net = group), c(list(data = x, label = array(y, n)), init))

exec <- mx.simple.bind(symbol = group, data = c(5, n), label = n, ctx = mx.cpu(), grad.req = "write")
mx.exec.update.arg.arrays(exec, init, match.name = TRUE)
mx.exec.update.aux.arrays(exec, list(bn1_moving_mean = mx.nd.zeros(8), bn1_moving_var = mx.nd.ones(8)), match.name = TRUE)
updater <- mx.opt.get.updater(mx.opt.create("rmsprop", learning.rate = 0.01, centered = TRUE, clip_gradient = 1), exec$ref.arg.arrays, ctx = mx.cpu())
losses <- c()
for (i in 1:12) {
  mx.exec.update.arg.arrays(exec, list(data = mx.nd.array(x), label = mx.nd.array(y)), match.name = TRUE)
  mx.exec.forward(exec, is.train = TRUE)
  mx.exec.backward(exec)
  new <- updater(exec$ref.arg.arrays, exec$ref.grad.arrays)
  mx.exec.update.arg.arrays(exec, new, skip.null = TRUE)
  losses <- c(losses, mean(as.array(exec$ref.outputs[["focal_output"]])))
}
mx.exec.forward(exec, is.train = FALSE)
expect("losses", losses); expect("p", exec$ref.outputs$p_output); expect("mean", exec$ref.aux.arrays$bn1_moving_mean)
expect("var", exec$aux.arrays$bn1_moving_var); expect("gamma", exec$ref.arg.arrays$bn1_gamma)
finish()
