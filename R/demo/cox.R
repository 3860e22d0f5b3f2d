# Generated from docs/cookbook by `python -m docs.tools.cookbook`; do not edit.

# Cox's partial likelihood: which events come first matters, not how long they take.

# ---- In R

library(mxnet)
cox <- function(log.risk, event, last) {
  at.risk <- mx.symbol.take(mx.symbol.cumsum(mx.symbol.exp(log.risk), axis = 0), last)
  event * (mx.symbol.log(at.risk) - log.risk)
}

# ---- Value and gradient

# two people at risk, the other with log risk 0
pair <- function(mine, other) function(f) {
  both <- mx.symbol.concat(f * 0, f, dim = 0)    # the latest first
  zero <- mx.symbol.concat(f * 0, f * 0, dim = 0)
  place <- mx.symbol.concat(f * 0, f * 0 + 1, dim = 0)
  cox(both, mx.symbol.concat(f * 0 + other, f * 0 + mine, dim = 0), place)
}
plot(mx.loss.curve(list("has the event first" = pair(1, 0), "is at risk, the other has it" = function(f) {
  cox(mx.symbol.concat(f, f * 0, dim = 0), mx.symbol.concat(f * 0, f * 0 + 1, dim = 0), mx.symbol.concat(f * 0, f * 0 + 1, dim = 0))
}), from = -4, to = 4), xlab = "log risk")

# ---- It learns

veteran <- survival::veteran[order(-survival::veteran$time), ]
x <- scale(cbind(trt = veteran$trt, karno = veteran$karno, age = veteran$age))
event <- veteran$status
last <- length(event) - match(veteran$time, rev(veteran$time))    # from 0

fit <- mx.symbol.FullyConnected(mx.symbol.Variable("data"), num.hidden = 1, no.bias = TRUE, name = "fit")
pred <- mx.symbol.Reshape(fit, shape = 0)
loss <- mx.symbol.MakeLoss(cox(pred, mx.symbol.Variable("label"), mx.symbol.Variable("last")))

more <- FALSE    # all observations are one batch
iterator <- list(reset = function() more <<- TRUE,
                 iter.next = function() { now <- more; more <<- FALSE; now },
                 value = function() list(data = t(x), label = event, last = last))

mx.set.seed(1)
model <- mx.model.FeedForward.create(
  loss, X = iterator, input.names = c("data", "last"), output.names = "label", num.round = 500,
  optimizer = "adam", learning.rate = 0.1,
  lr_scheduler = mx.lr_scheduler.FactorScheduler(40, 0.7, verbose = FALSE),
  initializer = mx.init.normal(0.1), verbose = FALSE)

theirs <- survival::coxph(survival::Surv(time, status) ~ x, veteran, ties = "breslow")
f <- x %*% as.array(model$arg.params$fit_weight)
log.likelihood <- sum(event * (f - log(cumsum(exp(f))[last + 1])))
numbers <- rbind(cbind(mxr = c(as.array(model$arg.params$fit_weight)), coxph = coef(theirs)),
                 "log likelihood" = c(log.likelihood, theirs$loglik[[2]]))
numbers
