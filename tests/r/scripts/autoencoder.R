# A convolutional autoencoder under an L1 loss, with batch normalization, deconvolution and a piped style.
source("_check.R")
`%>%` <- function(lhs, rhs) { call <- substitute(rhs); f <- eval(call[[1]], parent.frame()); do.call(f, c(list(lhs), lapply(as.list(call)[-1], eval, parent.frame()))) }
n <- 4
x <- wave(8, 8, 2, n, k = 0.37)

data <- mx.symbol.Variable("data"); label <- mx.symbol.Variable("label")
code <- data %>% mx.symbol.Convolution(kernel = c(3, 3), stride = c(2, 2), pad = c(1, 1), num_filter = 4, name = "conv1") %>%
  mx.symbol.BatchNorm(fix.gamma = FALSE, name = "bn1") %>% mx.symbol.relu(name = "relu1") %>%
  mx.symbol.Pooling(kernel = c(2, 2), stride = c(2, 2), pool_type = "max", name = "pool1")
out <- code %>% mx.symbol.UpSampling(scale = 2, sample_type = "nearest", num_args = 1, name = "up1") %>%
  mx.symbol.Deconvolution(kernel = c(4, 4), stride = c(2, 2), pad = c(1, 1), num_filter = 2, no_bias = FALSE, name = "deconv1")
loss <- mx.symbol.MakeLoss(mx.symbol.mean(mx.symbol.abs(mx.symbol.broadcast_minus(out, label)), axis = 0:3, keepdims = FALSE), name = "l1")

shapes <- list(data = c(8, 8, 2, n), label = c(8, 8, 2, n))
init <- start.values(loss, shapes)
case("autoencoder", list(net = loss), c(list(data = x), init))

ex <- mx.simple.bind(symbol = loss, data = c(8, 8, 2, n), label = c(8, 8, 2, n), ctx = mx.cpu(), grad.req = "write")
mx.exec.update.arg.arrays(ex, init, match.name = TRUE)
mx.exec.update.aux.arrays(ex, list(bn1_moving_mean = mx.nd.zeros(4), bn1_moving_var = mx.nd.ones(4)), match.name = TRUE)
up <- mx.opt.get.updater(mx.opt.create("sgd", learning.rate = 0.5, momentum = 0.9, wd = 1e-4, clip_gradient = NULL), ex$ref.arg.arrays)
losses <- NULL
for (i in 1:8) {
  mx.exec.update.arg.arrays(ex, list(data = mx.nd.array(x), label = mx.nd.array(x)), match.name = TRUE)
  mx.exec.forward(ex, is.train = TRUE); mx.exec.backward(ex)
  mx.exec.update.arg.arrays(ex, up(weight = ex$ref.arg.arrays, grad = ex$ref.grad.arrays), skip.null = TRUE)
  losses <- c(losses, as.array(ex$ref.outputs$l1_output))
}
expect("losses", losses); expect("conv1_weight", ex$ref.arg.arrays$conv1_weight); expect("deconv1_bias", ex$ref.arg.arrays$deconv1_bias)
expect("moving_var", ex$ref.aux.arrays$bn1_moving_var)
finish()
