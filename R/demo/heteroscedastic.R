# Generated from docs/cookbook by `python -m docs.tools.cookbook`; do not edit.

# Normal likelihood with a learned spread: the spread of y changes with x, and is wanted too.

# ---- In R

library(mxnet)
normal.likelihood <- function(pred, log.spread, label)
  log.spread + mx.symbol.square((label - pred) * mx.symbol.exp(0 - log.spread)) / 2

# ---- Value and gradient

curves <- list("error 1" = function(s) normal.likelihood(s * 0 + 1, s, s * 0), "error 3" = function(s) normal.likelihood(s * 0 + 3, s, s * 0))
plot(mx.loss.curve(curves, from = -1, to = 3), xlab = "log of the spread")

# ---- It learns

x <- scale(cars$speed)
y <- cars$dist / 10

output <- function(name)
  mx.symbol.Reshape(mx.symbol.FullyConnected(mx.symbol.Variable("data"), num.hidden = 1, name = name), shape = 0)
pred <- output("fit")
loss <- mx.symbol.MakeLoss(normal.likelihood(pred, output("spread"), mx.symbol.Variable("label")))

mx.set.seed(1)
model <- mx.model.FeedForward.create(
  loss, X = x, y = y, array.layout = "rowmajor", array.batch.size = length(y), num.round = 800,
  optimizer = "adam", learning.rate = 0.1,
  lr_scheduler = mx.lr_scheduler.FactorScheduler(60, 0.7, verbose = FALSE),
  initializer = mx.init.normal(0.1), verbose = FALSE)

weights <- lapply(model$arg.params, as.array)
speed <- x[, 1]
theirs <- nlme::gls(y ~ speed, weights = nlme::varExp(form = ~ speed), method = "ML")
numbers <- cbind(mxr = c(weights$fit_bias, weights$fit_weight, exp(weights$spread_bias), weights$spread_weight),
                 gls = c(coef(theirs), theirs$sigma, coef(theirs$modelStruct$varStruct)))
rownames(numbers) <- c("(Intercept)", "speed", "spread at the mean speed", "log spread by speed")
numbers
