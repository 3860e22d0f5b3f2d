# Generated from docs/cookbook by `python -m docs.tools.cookbook`; do not edit.

# Poisson likelihood: counts without an upper limit.

# ---- In R

library(mxnet)
poisson.loss <- function(log.mean, label) mx.symbol.exp(log.mean) - label * log.mean

# ---- Value and gradient

curves <- list("count 0" = function(f) poisson.loss(f, 0), "count 3" = function(f) poisson.loss(f, 3))
plot(mx.loss.curve(curves, from = -2, to = 2), xlab = "log of the mean")

# ---- It learns

x <- model.matrix(~ wool + tension, warpbreaks)[, -1]
y <- warpbreaks$breaks

fit <- mx.symbol.FullyConnected(mx.symbol.Variable("data"), num.hidden = 1, name = "fit")
pred <- mx.symbol.Reshape(fit, shape = 0)
loss <- mx.symbol.MakeLoss(poisson.loss(pred, mx.symbol.Variable("label")))

mx.set.seed(1)
model <- mx.model.FeedForward.create(
  loss, X = x, y = y, array.layout = "rowmajor", array.batch.size = length(y), num.round = 600,
  optimizer = "adam", learning.rate = 0.2,
  lr_scheduler = mx.lr_scheduler.FactorScheduler(40, 0.7, verbose = FALSE),
  initializer = mx.init.normal(0.1), verbose = FALSE)

weights <- model$arg.params
theirs <- glm(y ~ x, family = poisson)
log.mean <- c(predict(model, x, array.layout = "rowmajor", output = "fit"))
deviance <- 2 * sum(ifelse(y > 0, y * log(y / exp(log.mean)), 0) - (y - exp(log.mean)))
numbers <- rbind(cbind(mxr = c(as.array(weights$fit_bias), as.array(weights$fit_weight)), glm = coef(theirs)), deviance = c(deviance, deviance(theirs)))
numbers
