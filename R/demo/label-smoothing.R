# Generated from docs/cookbook by `python -m docs.tools.cookbook`; do not edit.

# Cross-entropy with smoothed labels: several classes, and labels that may be wrong.

# ---- In R

library(mxnet)
smoothed <- function(scores, label, classes, epsilon = 0.1) {
  log.p <- mx.symbol.log_softmax(scores, axis = 1)
  share <- mx.symbol.one_hot(label, depth = classes) * (1 - epsilon) + epsilon / classes
  0 - mx.symbol.sum(share * log.p, axis = 1)
}

# ---- Value and gradient

one <- function(epsilon) function(f) {    # the scores f, 0 and 0, of which the first is true
  f <- mx.symbol.Reshape(f, shape = c(1, 1))
  smoothed(mx.symbol.concat(f, f * 0, f * 0, dim = 1), mx.symbol.Reshape(f * 0, shape = 1), 3, epsilon)
}
plot(mx.loss.curve(list("not smoothed" = one(0), "epsilon 0.1" = one(0.1)), from = -3, to = 7), xlab = "score of the true class")

# ---- It learns

x <- scale(iris[, 1:2])
y <- as.integer(iris$Species) - 1

scores <- mx.symbol.FullyConnected(mx.symbol.Variable("data"), num.hidden = 3, name = "fit")
loss <- mx.symbol.MakeLoss(smoothed(scores, mx.symbol.Variable("label"), 3))

mx.set.seed(1)
model <- mx.model.FeedForward.create(
  loss, X = x, y = y, array.layout = "rowmajor", array.batch.size = length(y), num.round = 800,
  optimizer = "adam", learning.rate = 0.2,
  lr_scheduler = mx.lr_scheduler.FactorScheduler(80, 0.7, verbose = FALSE),
  initializer = mx.init.normal(0.1), verbose = FALSE)

weights <- lapply(model$arg.params, as.array)
shares <- diag(3)[y + 1, ] * 0.9 + 0.1 / 3
theirs <- nnet::multinom(shares ~ x, trace = FALSE, reltol = 1e-12, maxit = 500)
ours <- rbind(weights$fit_bias, weights$fit_weight)    # intercepts and slopes: a column for each class
scores <- cbind(1, x) %*% ours
log.p <- scores - log(rowSums(exp(scores)))
numbers <- rbind(cbind(mxr = c(ours[, 2:3] - ours[, 1]), multinom = c(t(coef(theirs)))),
                 "mean loss" = c(-sum(shares * log.p), theirs$value) / length(y))
rownames(numbers)[1:6] <- c(t(outer(levels(iris$Species)[-1], c("(Intercept)", "length", "width"), paste)))
numbers
