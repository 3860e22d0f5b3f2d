# Generated from docs/cookbook by `python -m docs.tools.cookbook`; do not edit.

# Huber loss: a mean is wanted, but some observations are far off.

# ---- In R

library(mxnet)
huber <- function(pred, label, delta = 1) delta * mx.symbol.smooth_l1(pred - label, scalar = 1 / sqrt(delta))

# ---- Value and gradient

curves <- list("delta 1" = function(pred) huber(pred, 0), "delta 2" = function(pred) huber(pred, 0, 2))
plot(mx.loss.curve(curves, from = -4, to = 4), xlab = "prediction, where the label is 0")

# ---- It learns

x <- scale(stackloss[, c("Air.Flow", "Water.Temp")])
y <- stackloss$stack.loss
theirs <- MASS::rlm(y ~ x, psi = MASS::psi.huber, k = 1.345, maxit = 200, acc = 1e-8)
delta <- 1.345 * theirs$s

fit <- mx.symbol.FullyConnected(mx.symbol.Variable("data"), num.hidden = 1, name = "fit")
pred <- mx.symbol.Reshape(fit, shape = 0)
loss <- mx.symbol.MakeLoss(huber(pred, mx.symbol.Variable("label"), delta))

mx.set.seed(1)
model <- mx.model.FeedForward.create(
  loss, X = x, y = y, array.layout = "rowmajor", array.batch.size = 21, num.round = 500,
  optimizer = "adam", learning.rate = 0.5,
  lr_scheduler = mx.lr_scheduler.FactorScheduler(40, 0.7, verbose = FALSE),
  initializer = mx.init.normal(0.1), verbose = FALSE)

weights <- model$arg.params
numbers <- cbind(mxr = c(as.array(weights$fit_bias), as.array(weights$fit_weight)), rlm = coef(theirs))
numbers
