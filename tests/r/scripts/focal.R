# A rare kind of iris: focal loss behind batch normalization. The executor is bound to explicit arrays with one request
# each, as the package's own training code once did.
library(mxnet)
source("_check.R")
begin("focal")

rows <- 1:112                                        # 12 virginica among 100 others
x <- t(scale(as.matrix(iris[rows, 1:4])))
y <- as.numeric(iris$Species[rows] == "virginica")
n <- length(rows)

mx.symbol.bind <- mxnet:::mx.symbol.bind

data <- mx.symbol.Variable("data")
label <- mx.symbol.Variable("label")
fc1 <- mx.symbol.FullyConnected(data = data, num_hidden = 8, no_bias = TRUE, name = "fc1")
bn1 <- mx.symbol.BatchNorm(data = fc1, fix_gamma = FALSE, eps = 2e-5, momentum = 0.8, name = "bn1")
act1 <- mx.symbol.LeakyReLU(data = bn1, act.type = "elu", slope = 0.3, name = "act1")
fc2 <- mx.symbol.FullyConnected(data = act1, num_hidden = 1, name = "fc2")
p <- mx.symbol.sigmoid(mx.symbol.Reshape(fc2, shape = 0), name = "p")

gamma <- 2; alpha <- 0.75; eps <- 1e-7
pos <- label * (1 - p)^gamma * mx.symbol.log(p + eps)
neg <- (1 - label) * p^gamma * mx.symbol.log(1 - p + eps)
focal <- mx.symbol.MakeLoss(0 - (alpha * pos + (1 - alpha) * neg), grad.scale = 1 / 12, name = "focal")
net <- mx.symbol.Group(c(focal, mx.symbol.BlockGrad(p, name = "prob")))

mx.set.seed(3)
shapes <- mx.symbol.infer.shape(net, data = c(4, n))
arg.params <- mx.init.create(mx.init.Xavier(rnd_type = "gaussian", factor_type = "in", magnitude = 2), shapes$arg.shapes,
                             mx.cpu(), skip.unknown = TRUE)
aux.params <- mx.init.create(mx.init.Xavier(), shapes$aux.shapes, mx.cpu(), skip.unknown = FALSE)
given(net = net, data = x, label = y, weights = arg.params)
agree("start", arg.params)

arg.arrays <- append(list(data = mx.nd.array(x), label = mx.nd.array(y)), arg.params)[arguments(net)]
reqs <- ifelse(names(arg.arrays) %in% c("data", "label"), "null", "write")
exec <- mx.symbol.bind(symbol = net, ctx = mx.cpu(), arg.arrays = arg.arrays, aux.arrays = aux.params, grad.req = reqs)

updater <- mx.opt.get.updater(mx.opt.create("rmsprop", learning.rate = 0.01, centered = TRUE, gamma1 = 0.9, gamma2 = 0.8,
                                            epsilon = 1e-4, wd = 1e-3, clip_gradient = 1),
                              exec$ref.arg.arrays, ctx = mx.cpu())
losses <- c()
for (i in 1:25) {
  mx.exec.forward(exec, is.train = TRUE)
  mx.exec.backward(exec)
  mx.exec.update.arg.arrays(exec, updater(exec$ref.arg.arrays, exec$ref.grad.arrays), skip.null = TRUE)
  losses <- c(losses, sum(as.array(exec$ref.outputs[["focal_output"]])) / 12)
}
agree("losses", losses)
agree("end", exec$arg.arrays[!sapply(exec$grad.arrays, is.null)])
agree("aux", exec$aux.arrays)

mx.exec.forward(exec, is.train = FALSE)
agree("prob", exec$outputs$prob_output)
done()
