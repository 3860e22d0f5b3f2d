# Generated from docs/cookbook by `python -m docs.tools.cookbook`; do not edit.

# Tweedie deviance: amounts that are often exactly zero.

# ---- In R

library(mxnet)
tweedie <- function(log.mean, label, p = 1.5)
  2 * (label^(2 - p) / ((1 - p) * (2 - p)) - label * mx.symbol.exp((1 - p) * log.mean) / (1 - p) +
         mx.symbol.exp((2 - p) * log.mean) / (2 - p))

# ---- Value and gradient

curves <- list("amount 0" = function(f) tweedie(f, f * 0), "amount 3" = function(f) tweedie(f, f * 0 + 3))
plot(mx.loss.curve(curves, from = -2, to = 3), xlab = "log of the mean")

# ---- It learns

set.seed(1)
n <- 400
x <- cbind(age = runif(n, -1, 1), power = rnorm(n))
claims <- rpois(n, exp(-0.5 - 0.6 * x[, "age"] + 0.3 * x[, "power"]))
y <- rgamma(n, shape = 2 * claims, rate = 2)    # 0 where there are no claims

fit <- mx.symbol.FullyConnected(mx.symbol.Variable("data"), num.hidden = 1, name = "fit")
pred <- mx.symbol.Reshape(fit, shape = 0)
loss <- mx.symbol.MakeLoss(tweedie(pred, mx.symbol.Variable("label")))

mx.set.seed(1)
model <- mx.model.FeedForward.create(
  loss, X = x, y = y, array.layout = "rowmajor", array.batch.size = length(y), num.round = 500,
  optimizer = "adam", learning.rate = 0.2,
  lr_scheduler = mx.lr_scheduler.FactorScheduler(40, 0.7, verbose = FALSE),
  initializer = mx.init.normal(0.1), verbose = FALSE)

weights <- model$arg.params
variance <- list(varfun = function(mu) mu^1.5, validmu = function(mu) all(mu > 0), name = "mu^1.5",
                 dev.resids = function(y, mu, wt) 2 * wt * (-4 * sqrt(y) + 2 * y / sqrt(mu) + 2 * sqrt(mu)),
                 initialize = expression({ n <- rep(1, nobs); mustart <- y + 0.1 }))
theirs <- glm(y ~ x, family = quasi(link = "log", variance = variance))
log.mean <- c(predict(model, x, array.layout = "rowmajor", output = "fit"))
numbers <- rbind(cbind(mxr = c(as.array(weights$fit_bias), as.array(weights$fit_weight)), glm = coef(theirs)),
                 deviance = c(sum(variance$dev.resids(y, exp(log.mean), 1)), deviance(theirs)))
numbers
