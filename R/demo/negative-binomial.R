# Generated from docs/cookbook by `python -m docs.tools.cookbook`; do not edit.

# Negative binomial likelihood: counts that vary more than Poisson's.

# ---- In R

library(mxnet)
negative.binomial <- function(log.mean, label, log.theta) {
  theta <- mx.symbol.exp(log.theta)
  with.theta <- mx.symbol.broadcast_add(label, theta)
  per.theta <- mx.symbol.gammaln(theta) - theta * log.theta
  mx.symbol.broadcast_add(
    with.theta * mx.symbol.log(mx.symbol.broadcast_add(mx.symbol.exp(log.mean), theta)) - label * log.mean -
      mx.symbol.gammaln(with.theta), per.theta)
}

# ---- Value and gradient

curves <- list("count 0" = function(f) negative.binomial(f, f * 0, f * 0), "count 3" = function(f) negative.binomial(f, f * 0 + 3, f * 0))
plot(mx.loss.curve(curves, from = -3, to = 4), xlab = "log of the mean, where theta is 1")

# ---- It learns

quine <- MASS::quine
x <- model.matrix(~ Eth + Sex + Age + Lrn, quine)[, -1]
y <- quine$Days

# one more parameter: no layer determines its shape, so it is given (C order); names that end in bias start at zero
log.theta <- mx.symbol.Variable("theta_bias")
log.theta$attributes <- list(`__shape__` = "(1,)")

fit <- mx.symbol.FullyConnected(mx.symbol.Variable("data"), num.hidden = 1, name = "fit")
pred <- mx.symbol.Reshape(fit, shape = 0)
loss <- mx.symbol.MakeLoss(negative.binomial(pred, mx.symbol.Variable("label"), log.theta))

mx.set.seed(1)
model <- mx.model.FeedForward.create(
  loss, X = x, y = y, array.layout = "rowmajor", array.batch.size = length(y), num.round = 1200,
  optimizer = "adam", learning.rate = 0.1,
  lr_scheduler = mx.lr_scheduler.FactorScheduler(100, 0.7, verbose = FALSE),
  initializer = mx.init.normal(0.1), verbose = FALSE)

weights <- model$arg.params
theirs <- MASS::glm.nb(y ~ x)
numbers <- rbind(cbind(mxr = c(as.array(weights$fit_bias), as.array(weights$fit_weight)), glm.nb = coef(theirs)),
                 theta = c(exp(as.array(weights$theta_bias)), theirs$theta))
numbers
