# Generated from docs/cookbook by `python -m docs.tools.cookbook`; do not edit.

# Gamma deviance: amounts above zero whose spread grows with their size.

# ---- In R

library(mxnet)
gamma.deviance <- function(log.mean, label)
  2 * (label * mx.symbol.exp(0 - log.mean) - 1 - mx.symbol.log(label) + log.mean)

# ---- Value and gradient

curves <- list("amount 1" = function(f) gamma.deviance(f, f * 0 + 1), "amount 5" = function(f) gamma.deviance(f, f * 0 + 5))
plot(mx.loss.curve(curves, from = -1, to = 3), xlab = "log of the mean")

# ---- It learns

x <- scale(log(trees[, c("Girth", "Height")]))
y <- trees$Volume

fit <- mx.symbol.FullyConnected(mx.symbol.Variable("data"), num.hidden = 1, name = "fit")
pred <- mx.symbol.Reshape(fit, shape = 0)
loss <- mx.symbol.MakeLoss(gamma.deviance(pred, mx.symbol.Variable("label")))

mx.set.seed(1)
model <- mx.model.FeedForward.create(
  loss, X = x, y = y, array.layout = "rowmajor", array.batch.size = length(y), num.round = 500,
  optimizer = "adam", learning.rate = 0.2,
  lr_scheduler = mx.lr_scheduler.FactorScheduler(40, 0.7, verbose = FALSE),
  initializer = mx.init.normal(0.1), verbose = FALSE)

weights <- model$arg.params
theirs <- glm(y ~ x, family = Gamma(link = "log"))
log.mean <- c(predict(model, x, array.layout = "rowmajor", output = "fit"))
numbers <- rbind(cbind(mxr = c(as.array(weights$fit_bias), as.array(weights$fit_weight)), glm = coef(theirs)),
                 deviance = c(2 * sum(y / exp(log.mean) - 1 - log(y) + log.mean), deviance(theirs)))
numbers
