# Generated from docs/cookbook by `python -m docs.tools.cookbook`; do not edit.

# Absolute error: a median is wanted, and some observations are far off.

# ---- In R

library(mxnet)
absolute.error <- function(pred, label) mx.symbol.abs(pred - label)

# ---- Value and gradient

plot(mx.loss.curve(function(pred) absolute.error(pred, 0), from = -3, to = 3), xlab = "prediction, where the label is 0")

# ---- It learns

x <- scale(stackloss[, c("Air.Flow", "Water.Temp")])
y <- stackloss$stack.loss

fit <- mx.symbol.FullyConnected(mx.symbol.Variable("data"), num.hidden = 1, name = "fit")
pred <- mx.symbol.Reshape(fit, shape = 0)
loss <- mx.symbol.MakeLoss(absolute.error(pred, mx.symbol.Variable("label")))

mx.set.seed(1)
model <- mx.model.FeedForward.create(
  loss, X = x, y = y, array.layout = "rowmajor", array.batch.size = 21, num.round = 800,
  optimizer = "adam", learning.rate = 0.5,
  lr_scheduler = mx.lr_scheduler.FactorScheduler(40, 0.7, verbose = FALSE),
  initializer = mx.init.normal(0.1), verbose = FALSE)

weights <- model$arg.params
theirs <- quantreg::rq(y ~ x, tau = 0.5)
numbers <- rbind(cbind(mxr = c(as.array(weights$fit_bias), as.array(weights$fit_weight)), rq = coef(theirs)),
                 "mean loss" = c(mean(abs(y - predict(model, x, array.layout = "rowmajor", output = "fit"))), mean(abs(resid(theirs)))))
numbers
