# Generated from docs/cookbook by `python -m docs.tools.cookbook`; do not edit.

# Pseudo-Huber loss: as for Huber's loss, where a smooth second derivative is wanted.

# ---- In R

library(mxnet)
pseudo.huber <- function(pred, label, delta = 1)
  delta^2 * (mx.symbol.sqrt(1 + mx.symbol.square((pred - label) / delta)) - 1)

# ---- Value and gradient

curves <- list("delta 1" = function(pred) pseudo.huber(pred, 0), "delta 3" = function(pred) pseudo.huber(pred, 0, 3))
plot(mx.loss.curve(curves, from = -4, to = 4), xlab = "prediction, where the label is 0")

# ---- It learns

x <- scale(stackloss[, c("Air.Flow", "Water.Temp")])
y <- stackloss$stack.loss

fit <- mx.symbol.FullyConnected(mx.symbol.Variable("data"), num.hidden = 1, name = "fit")
pred <- mx.symbol.Reshape(fit, shape = 0)
loss <- mx.symbol.MakeLoss(pseudo.huber(pred, mx.symbol.Variable("label"), 3))

mx.set.seed(1)
model <- mx.model.FeedForward.create(
  loss, X = x, y = y, array.layout = "rowmajor", array.batch.size = length(y), num.round = 500,
  optimizer = "adam", learning.rate = 0.5,
  lr_scheduler = mx.lr_scheduler.FactorScheduler(40, 0.7, verbose = FALSE),
  initializer = mx.init.normal(0.1), verbose = FALSE)

weights <- model$arg.params
total <- function(b) sum(9 * (sqrt(1 + ((cbind(1, x) %*% b - y) / 3)^2) - 1))
theirs <- optim(c(mean(y), 0, 0), total, method = "BFGS", control = list(reltol = 1e-12))
numbers <- rbind(cbind(mxr = c(as.array(weights$fit_bias), as.array(weights$fit_weight)), optim = theirs$par),
                 "mean loss" = c(total(c(as.array(weights$fit_bias), as.array(weights$fit_weight))), theirs$value) / length(y))
rownames(numbers)[1:3] <- c("(Intercept)", colnames(x))
numbers
