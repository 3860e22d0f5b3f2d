# Generated from docs/cookbook by `python -m docs.tools.cookbook`; do not edit.

# Log-cosh loss: a smooth loss between squared and absolute error, without a parameter.

# ---- In R

library(mxnet)
log.cosh <- function(pred, label) {
  size <- mx.symbol.abs(pred - label)
  size + mx.symbol.log1p(mx.symbol.exp(-2 * size)) - log(2)
}

# ---- Value and gradient

plot(mx.loss.curve(function(pred) log.cosh(pred, 0), from = -4, to = 4), xlab = "prediction, where the label is 0")

# ---- It learns

x <- scale(stackloss[, c("Air.Flow", "Water.Temp")])
y <- stackloss$stack.loss

fit <- mx.symbol.FullyConnected(mx.symbol.Variable("data"), num.hidden = 1, name = "fit")
pred <- mx.symbol.Reshape(fit, shape = 0)
loss <- mx.symbol.MakeLoss(log.cosh(pred, mx.symbol.Variable("label")))

mx.set.seed(1)
model <- mx.model.FeedForward.create(
  loss, X = x, y = y, array.layout = "rowmajor", array.batch.size = length(y), num.round = 500,
  optimizer = "adam", learning.rate = 0.5,
  lr_scheduler = mx.lr_scheduler.FactorScheduler(40, 0.7, verbose = FALSE),
  initializer = mx.init.normal(0.1), verbose = FALSE)

weights <- model$arg.params
total <- function(b) { e <- abs(cbind(1, x) %*% b - y); sum(e + log1p(exp(-2 * e)) - log(2)) }
theirs <- optim(c(mean(y), 0, 0), total, method = "BFGS", control = list(reltol = 1e-12))
numbers <- rbind(cbind(mxr = c(as.array(weights$fit_bias), as.array(weights$fit_weight)), optim = theirs$par),
                 "mean loss" = c(total(c(as.array(weights$fit_bias), as.array(weights$fit_weight))), theirs$value) / length(y))
rownames(numbers)[1:3] <- c("(Intercept)", colnames(x))
numbers
