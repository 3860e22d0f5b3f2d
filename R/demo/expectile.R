# Generated from docs/cookbook by `python -m docs.tools.cookbook`; do not edit.

# Expectile loss: an asymmetric bound is wanted that depends on the size of the errors too.

# ---- In R

library(mxnet)
expectile <- function(pred, label, tau) {
  above <- mx.symbol.relu(label - pred)
  below <- mx.symbol.relu(pred - label)
  tau * mx.symbol.square(above) + (1 - tau) * mx.symbol.square(below)
}

# ---- Value and gradient

curves <- list("tau 0.9" = function(pred) expectile(pred, 0, 0.9), "tau 0.5" = function(pred) expectile(pred, 0, 0.5))
plot(mx.loss.curve(curves, from = -3, to = 3), xlab = "prediction, where the label is 0")

# ---- It learns

x <- scale(cars$speed)
y <- cars$dist / 10

fit <- mx.symbol.FullyConnected(mx.symbol.Variable("data"), num.hidden = 1, name = "fit")
pred <- mx.symbol.Reshape(fit, shape = 0)
loss <- mx.symbol.MakeLoss(expectile(pred, mx.symbol.Variable("label"), 0.9))

mx.set.seed(1)
model <- mx.model.FeedForward.create(
  loss, X = x, y = y, array.layout = "rowmajor", array.batch.size = length(y), num.round = 400,
  optimizer = "adam", learning.rate = 0.3,
  lr_scheduler = mx.lr_scheduler.FactorScheduler(40, 0.7, verbose = FALSE),
  initializer = mx.init.normal(0.1), verbose = FALSE)

weights <- model$arg.params
w <- rep(1, length(y))
for (i in 1:100) {
  theirs <- lm(y ~ x, weights = w)
  w <- ifelse(resid(theirs) > 0, 0.9, 0.1)
}
numbers <- cbind(mxr = c(as.array(weights$fit_bias), as.array(weights$fit_weight)), "lm, repeated" = coef(theirs))
numbers
