# Generated from docs/cookbook by `python -m docs.tools.cookbook`; do not edit.

# Zero-inflated Poisson likelihood: counts with more zeros than Poisson has.

# ---- In R

library(mxnet)
zero.inflated <- function(log.mean, logit, label) {
  mean <- mx.symbol.exp(log.mean)
  softplus <- function(x) mx.symbol.Activation(x, act.type = "softrelu")    # log(1 + exp(x))
  # -log(pi + (1 - pi) exp(-mean)), with pi = 1 / (1 + exp(-logit))
  zero <- softplus(logit) - (softplus(logit + mean) - mean)
  positive <- softplus(logit) + mean - label * log.mean
  mx.symbol.where(label > 0, positive, zero)
}

# ---- Value and gradient

curves <- list("count 0" = function(f) zero.inflated(f, f * 0, f * 0), "count 3" = function(f) zero.inflated(f, f * 0, f * 0 + 3))
plot(mx.loss.curve(curves, from = -3, to = 3), xlab = "log of the mean, where half of all never count")

# ---- It learns

set.seed(1)
n <- 300
x <- cbind(children = rpois(n, 0.8), hours = rexp(n))
never <- rbinom(n, 1, plogis(-1 + 0.8 * x[, "children"]))
y <- ifelse(never == 1, 0, rpois(n, exp(0.5 + 0.4 * x[, "hours"])))

output <- function(name)
  mx.symbol.Reshape(mx.symbol.FullyConnected(mx.symbol.Variable("data"), num.hidden = 1, name = name), shape = 0)
pred <- output("fit")
loss <- mx.symbol.MakeLoss(zero.inflated(pred, output("never"), mx.symbol.Variable("label")))

mx.set.seed(1)
model <- mx.model.FeedForward.create(
  loss, X = x, y = y, array.layout = "rowmajor", array.batch.size = length(y), num.round = 800,
  optimizer = "adam", learning.rate = 0.1,
  lr_scheduler = mx.lr_scheduler.FactorScheduler(60, 0.7, verbose = FALSE),
  initializer = mx.init.normal(0.1), verbose = FALSE)

weights <- lapply(model$arg.params, as.array)
total <- function(p) {
  log.mean <- cbind(1, x) %*% p[1:3]
  never <- plogis(cbind(1, x) %*% p[4:6])
  -sum(log(never * (y == 0) + (1 - never) * dpois(y, exp(log.mean))))
}
theirs <- optim(rep(0, 6), total, method = "BFGS", control = list(reltol = 1e-12))
numbers <- cbind(mxr = c(weights$fit_bias, weights$fit_weight, weights$never_bias, weights$never_weight), optim = theirs$par)
rownames(numbers) <- c("log mean", "children", "hours", "logit of never", "never: children", "never: hours")
numbers
