# Generated from docs/cookbook by `python -m docs.tools.cookbook`; do not edit.

# Student's t likelihood: errors have heavy tails, and how heavy is to be learned or set.

# ---- In R

library(mxnet)
student.t <- function(pred, label, log.scale, df = 4) {
  z <- mx.symbol.broadcast_div(pred - label, mx.symbol.exp(log.scale))
  mx.symbol.broadcast_add((df + 1) / 2 * mx.symbol.log1p(mx.symbol.square(z) / df), log.scale)
}

# ---- Value and gradient

curves <- list("scale 1" = function(pred) student.t(pred, pred * 0, pred * 0),
               "scale 2" = function(pred) student.t(pred, pred * 0, pred * 0 + log(2)))
plot(mx.loss.curve(curves, from = -6, to = 6), xlab = "prediction, where the label is 0")

# ---- It learns

x <- scale(stackloss[, c("Air.Flow", "Water.Temp")])
y <- stackloss$stack.loss

# one parameter more: no layer determines its shape, so it is given (C order); a name that ends in bias begins at zero
log.scale <- mx.symbol.Variable("scale_bias")
log.scale$attributes <- list(`__shape__` = "(1,)")

fit <- mx.symbol.FullyConnected(mx.symbol.Variable("data"), num.hidden = 1, name = "fit")
pred <- mx.symbol.Reshape(fit, shape = 0)
loss <- mx.symbol.MakeLoss(student.t(pred, mx.symbol.Variable("label"), log.scale))

mx.set.seed(1)
model <- mx.model.FeedForward.create(
  loss, X = x, y = y, array.layout = "rowmajor", array.batch.size = length(y), num.round = 800,
  optimizer = "adam", learning.rate = 0.5,
  lr_scheduler = mx.lr_scheduler.FactorScheduler(40, 0.7, verbose = FALSE),
  initializer = mx.init.normal(0.1), verbose = FALSE)

weights <- model$arg.params
total <- function(p) {
  z <- (cbind(1, x) %*% p[1:3] - y) / exp(p[4])
  sum(2.5 * log1p(z^2 / 4) + p[4])
}
theirs <- optim(c(mean(y), 0, 0, 0), total, method = "BFGS", control = list(reltol = 1e-12))
numbers <- cbind(mxr = c(as.array(weights$fit_bias), as.array(weights$fit_weight), exp(as.array(weights$scale_bias))), optim = c(theirs$par[1:3], exp(theirs$par[4])))
rownames(numbers) <- c("(Intercept)", colnames(x), "scale")
numbers
