# Generated from docs/cookbook by `python -m docs.tools.cookbook`; do not edit.

# Quantile loss: a bound is wanted that a given share of observations stays under.

# ---- In R

library(mxnet)
quantile.loss <- function(pred, label, tau) {
  error <- label - pred
  mx.symbol.broadcast_maximum(tau * error, (tau - 1) * error)
}

# ---- Value and gradient

curves <- list("tau 0.9" = function(pred) quantile.loss(pred, 0, 0.9), "tau 0.5" = function(pred) quantile.loss(pred, 0, 0.5))
plot(mx.loss.curve(curves, from = -3, to = 3), xlab = "prediction, where the label is 0")

# ---- It learns

data(engel, package = "quantreg")
x <- scale(engel$income)
y <- engel$foodexp / 100

fit <- mx.symbol.FullyConnected(mx.symbol.Variable("data"), num.hidden = 1, name = "fit")
pred <- mx.symbol.Reshape(fit, shape = 0)
loss <- mx.symbol.MakeLoss(quantile.loss(pred, mx.symbol.Variable("label"), 0.9))

mx.set.seed(1)
model <- mx.model.FeedForward.create(
  loss, X = x, y = y, array.layout = "rowmajor", array.batch.size = length(y), num.round = 1000,
  optimizer = "adam", learning.rate = 0.3,
  lr_scheduler = mx.lr_scheduler.FactorScheduler(50, 0.7, verbose = FALSE),
  initializer = mx.init.normal(0.1), verbose = FALSE)

weights <- model$arg.params
theirs <- quantreg::rq(y ~ x, tau = 0.9)
line <- predict(model, x, array.layout = "rowmajor", output = "fit")
check <- function(e) mean(pmax(0.9 * e, -0.1 * e))
numbers <- rbind(cbind(mxr = c(as.array(weights$fit_bias), as.array(weights$fit_weight)), rq = coef(theirs)),
                 "mean loss" = c(check(y - line), check(resid(theirs))),
                 "share below" = c(mean(y <= line + 1e-4), mean(resid(theirs) <= 1e-4)))
numbers
