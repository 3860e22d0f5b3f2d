# Generated from docs/cookbook by `python -m docs.tools.cookbook`; do not edit.

# Cumulative logit: classes in an order: bad, fair, good.

# ---- In R

library(mxnet)
cumulative.logit <- function(score, label, first, log.step) {
  upper <- first + mx.symbol.exp(log.step)    # the second of two thresholds
  below <- function(threshold) mx.symbol.sigmoid(mx.symbol.broadcast_sub(threshold, score))
  p.low <- below(first)
  p.high <- 1 - below(upper)
  p <- mx.symbol.where(label < 1, p.low, mx.symbol.where(label > 1, p.high, 1 - p.low - p.high))
  0 - mx.symbol.log(p)
}

# ---- Value and gradient

curves <- lapply(c(low = 0, medium = 1, high = 2), function(grade)
  function(f) cumulative.logit(f, f * 0 + grade, f * 0 - 1, f * 0 + log(2)))
plot(mx.loss.curve(curves, from = -5, to = 5), xlab = "score, where the thresholds are -1 and 1")

# ---- It learns

housing <- MASS::housing
x <- model.matrix(~ Infl + Type + Cont, housing)[, -1]
y <- as.integer(housing$Sat) - 1
w <- housing$Freq

parameter <- function(name) {    # no layer determines its shape, so it is given (C order)
  variable <- mx.symbol.Variable(name)
  variable$attributes <- list(`__shape__` = "(1,)")
  variable
}
fit <- mx.symbol.FullyConnected(mx.symbol.Variable("data"), num.hidden = 1, no.bias = TRUE, name = "fit")
pred <- mx.symbol.Reshape(fit, shape = 0)
each <- cumulative.logit(pred, mx.symbol.Variable("label"), parameter("first_bias"), parameter("step_bias"))
loss <- mx.symbol.MakeLoss(each * mx.symbol.Variable("w"))

more <- FALSE    # all observations are one batch
iterator <- list(reset = function() more <<- TRUE,
                 iter.next = function() { now <- more; more <<- FALSE; now },
                 value = function() list(data = t(x), label = y, w = w))

mx.set.seed(1)
model <- mx.model.FeedForward.create(
  loss, X = iterator, input.names = c("data", "w"), output.names = "label", num.round = 800,
  optimizer = "adam", learning.rate = 0.1,
  lr_scheduler = mx.lr_scheduler.FactorScheduler(80, 0.7, verbose = FALSE),
  initializer = mx.init.normal(0.1), verbose = FALSE)

weights <- lapply(model$arg.params, as.array)
theirs <- MASS::polr(Sat ~ Infl + Type + Cont, housing, weights = Freq)
first <- weights$first_bias
numbers <- cbind(mxr = c(weights$fit_weight, first, first + exp(weights$step_bias)), polr = c(coef(theirs), theirs$zeta))
numbers
