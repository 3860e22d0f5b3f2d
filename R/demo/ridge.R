# Generated from docs/cookbook by `python -m docs.tools.cookbook`; do not edit.

# Ridge: a penalty in the loss: few observations, many inputs: weights should stay small.

# ---- In R

library(mxnet)
ridge <- function(pred, label, weight, lambda)
  mx.symbol.Group(list(mx.symbol.MakeLoss(mx.symbol.square(pred - label)),
                       mx.symbol.MakeLoss(lambda * mx.symbol.square(weight))))

# ---- Value and gradient

curves <- lapply(c("lambda 0" = 0, "lambda 1" = 1), function(lambda) function(w) mx.symbol.square(2 * w - 2) + lambda * mx.symbol.square(w))
plot(mx.loss.curve(curves, from = -1, to = 3), xlab = "weight of an observation with x = y = 2")

# ---- It learns

x <- scale(longley[, 1:6]) * sqrt(16 / 15)    # as lm.ridge scales
y <- longley$Employed

weight <- mx.symbol.Variable("fit_weight")
fit <- mx.symbol.FullyConnected(mx.symbol.Variable("data"), weight, num.hidden = 1, name = "fit")
pred <- mx.symbol.Reshape(fit, shape = 0)
loss <- ridge(pred, mx.symbol.Variable("label"), weight, lambda = 2)

mx.set.seed(1)
model <- mx.model.FeedForward.create(
  loss, X = x, y = y, array.layout = "rowmajor", array.batch.size = length(y), num.round = 1500,
  optimizer = "adam", learning.rate = 0.3,
  lr_scheduler = mx.lr_scheduler.FactorScheduler(100, 0.8, verbose = FALSE),
  initializer = mx.init.normal(0.1), verbose = FALSE)

weights <- model$arg.params
theirs <- MASS::lm.ridge(y ~ x, lambda = 2)
numbers <- cbind(mxr = c(as.array(weights$fit_bias), as.array(weights$fit_weight)), lm.ridge = c(theirs$ym, theirs$coef))
rownames(numbers) <- c("(Intercept)", colnames(x))
numbers
