# Generated from docs/cookbook by `python -m docs.tools.cookbook`; do not edit.

# Gaussian mixture density: y has several likely values for one x.

# ---- In R

library(mxnet)
mixture <- function(logits, means, log.spreads, label) {
  z <- mx.symbol.broadcast_sub(means, mx.symbol.Reshape(label, shape = c(1, -1))) * mx.symbol.exp(0 - log.spreads)
  log.density <- mx.symbol.log_softmax(logits, axis = 1) - log.spreads - mx.symbol.square(z) / 2
  top <- mx.symbol.BlockGrad(mx.symbol.max(log.density, axis = 1, keepdims = TRUE))
  0 - mx.symbol.log(mx.symbol.sum(mx.symbol.exp(mx.symbol.broadcast_sub(log.density, top)), axis = 1)) -
    mx.symbol.Reshape(top, shape = -1)
}

# ---- Value and gradient

two <- function(distance) function(y) {    # two components at -distance and distance
  pair <- function(a, b) mx.symbol.concat(mx.symbol.Reshape(y * 0 + a, shape = c(1, 1)), mx.symbol.Reshape(y * 0 + b, shape = c(1, 1)), dim = 1)
  mixture(pair(0, 0), pair(-distance, distance), pair(0, 0), y)
}
plot(mx.loss.curve(list("means -2 and 2" = two(2), "means -1 and 1" = two(1)), from = -5, to = 5), xlab = "label")

# ---- It learns

waits <- scale(faithful$waiting)[, 1]
x <- matrix(waits[-272])
y <- waits[-1]

output <- function(name) mx.symbol.FullyConnected(mx.symbol.Variable("data"), num.hidden = 2, name = name)
loss <- mx.symbol.MakeLoss(mixture(output("share"), output("mean"), output("spread"), mx.symbol.Variable("label")))

mx.set.seed(1)
model <- mx.model.FeedForward.create(
  loss, X = x, y = y, array.layout = "rowmajor", array.batch.size = length(y), num.round = 1000,
  optimizer = "adam", learning.rate = 0.1,
  lr_scheduler = mx.lr_scheduler.FactorScheduler(80, 0.7, verbose = FALSE),
  initializer = mx.init.normal(0.5), verbose = FALSE)

ours <- lapply(model$arg.params, as.array)
total <- function(p) {    # p: biases and slopes of shares, means and spreads
  at <- function(k) rep(1, length(y)) %o% p[k] + x[, 1] %o% p[k + 2]
  logits <- at(1:2)
  spreads <- exp(at(9:10))
  -sum(log(rowSums(exp(logits) / rowSums(exp(logits)) * exp(-((y - at(5:6)) / spreads)^2 / 2) / spreads)))
}
ours <- c(ours$share_bias, ours$share_weight, ours$mean_bias, ours$mean_weight, ours$spread_bias, ours$spread_weight)
start <- c(0, 0, 0, 0, -1, 1, 0, 0, 0, 0, 0, 0)
theirs <- optim(start, total, method = "BFGS", control = list(reltol = 1e-12, maxit = 1000))$par
high <- function(p) order(p[5:6])    # the components in order of their means
share <- function(p, x) { f <- exp(p[1:2] + x * p[3:4]); (f / sum(f))[high(p)[2]] }
numbers <- cbind(mxr = 0, optim = 0)[c(1, 1, 1, 1, 1, 1, 1), ]
rownames(numbers) <- c("mean loss", "lower mean", "higher mean", "lower spread", "higher spread", "share of the higher after a short wait",
                       "share of the higher after a long wait")
for (i in 1:2) {
  p <- list(ours, theirs)[[i]]
  numbers[, i] <- c(total(p) / length(y), p[5:6][high(p)], exp(p[9:10][high(p)]), share(p, -1), share(p, 1))
}
numbers
