# Generated from docs/cookbook by `python -m docs.tools.cookbook`; do not edit.

# Squared error: a mean is wanted, and errors look normal.

# ---- In R

library(mxnet)
squared.error <- function(pred, label) mx.symbol.square(pred - label)

# ---- Value and gradient

plot(mx.loss.curve(function(pred) squared.error(pred, 0), from = -3, to = 3), xlab = "prediction, where the label is 0")

# ---- It learns

x <- scale(mtcars[, c("wt", "hp")])
y <- mtcars$mpg

fit <- mx.symbol.FullyConnected(mx.symbol.Variable("data"), num.hidden = 1, name = "fit")
pred <- mx.symbol.Reshape(fit, shape = 0)
loss <- mx.symbol.MakeLoss(squared.error(pred, mx.symbol.Variable("label")))

mx.set.seed(1)
model <- mx.model.FeedForward.create(
  loss, X = x, y = y, array.layout = "rowmajor", array.batch.size = 32, num.round = 400,
  optimizer = "adam", learning.rate = 0.5,
  lr_scheduler = mx.lr_scheduler.FactorScheduler(40, 0.7, verbose = FALSE),
  initializer = mx.init.normal(0.1), verbose = FALSE)

weights <- model$arg.params
numbers <- cbind(mxr = c(as.array(weights$fit_bias), as.array(weights$fit_weight)), lm = coef(lm(y ~ x)))
numbers
