# Generated from docs/cookbook by `python -m docs.tools.cookbook`; do not edit.

# Weibull likelihood with censoring: durations, some of which had not ended.

# ---- In R

library(mxnet)
weibull <- function(log.scale, log.sigma, log.time, event) {
  z <- mx.symbol.broadcast_mul(log.time - log.scale, mx.symbol.exp(0 - log.sigma))
  mx.symbol.exp(z) - event * mx.symbol.broadcast_sub(z, log.sigma)
}

# ---- Value and gradient

curves <- list("ended" = function(f) weibull(f, f * 0, f * 0, f * 0 + 1), "not yet" = function(f) weibull(f, f * 0, f * 0, f * 0))
plot(mx.loss.curve(curves, from = -1.5, to = 3), xlab = "log of the scale, where time is 1")

# ---- It learns

lung <- survival::lung
x <- scale(cbind(age = lung$age, sex = lung$sex))
log.time <- log(lung$time / 300)    # in units that make usual times about 1
event <- as.numeric(lung$status == 2)

log.sigma <- mx.symbol.Variable("sigma_bias")    # no layer determines its shape, so it is given (C order)
log.sigma$attributes <- list(`__shape__` = "(1,)")
fit <- mx.symbol.FullyConnected(mx.symbol.Variable("data"), num.hidden = 1, name = "fit")
pred <- mx.symbol.Reshape(fit, shape = 0)
loss <- mx.symbol.MakeLoss(weibull(pred, log.sigma, mx.symbol.Variable("label"), mx.symbol.Variable("event")))

more <- FALSE    # all observations are one batch
iterator <- list(reset = function() more <<- TRUE,
                 iter.next = function() { now <- more; more <<- FALSE; now },
                 value = function() list(data = t(x), label = log.time, event = event))

mx.set.seed(1)
model <- mx.model.FeedForward.create(
  loss, X = iterator, input.names = c("data", "event"), output.names = "label", num.round = 800,
  optimizer = "adam", learning.rate = 0.2,
  lr_scheduler = mx.lr_scheduler.FactorScheduler(60, 0.7, verbose = FALSE),
  initializer = mx.init.normal(0.1), verbose = FALSE)

weights <- model$arg.params
theirs <- survival::survreg(survival::Surv(time / 300, status) ~ x, lung)
numbers <- rbind(cbind(mxr = c(as.array(weights$fit_bias), as.array(weights$fit_weight)), survreg = coef(theirs)),
                 sigma = c(exp(as.array(weights$sigma_bias)), theirs$scale))
numbers
