# Generated from docs/cookbook by `python -m docs.tools.cookbook`; do not edit.

# Softmax cross-entropy: several classes; probabilities are wanted.

# ---- In R

library(mxnet)
softmax.loss <- function(scores, label)
  0 - mx.symbol.pick(mx.symbol.log_softmax(scores, axis = 1), label, axis = 1)    # axis 0 is the samples

# ---- Value and gradient

one <- function(true) function(f) {    # the scores f, 0 and 0
  f <- mx.symbol.Reshape(f, shape = c(1, 1))
  softmax.loss(mx.symbol.concat(f, f * 0, f * 0, dim = 1), mx.symbol.Reshape(f * 0 + true, shape = 1))
}
plot(mx.loss.curve(list("its class" = one(0), "another" = one(1)), from = -5, to = 5), xlab = "score of one of three classes")

# ---- It learns

fgl <- MASS::fgl
x <- scale(fgl[, c("RI", "Na", "Mg")])
y <- match(fgl$type, c("WinF", "WinNF"), nomatch = 3) - 1

scores <- mx.symbol.FullyConnected(mx.symbol.Variable("data"), num.hidden = 3, name = "fit")
loss <- mx.symbol.MakeLoss(softmax.loss(scores, mx.symbol.Variable("label")))

mx.set.seed(1)
model <- mx.model.FeedForward.create(
  loss, X = x, y = y, array.layout = "rowmajor", array.batch.size = length(y), num.round = 800,
  optimizer = "adam", learning.rate = 0.2,
  lr_scheduler = mx.lr_scheduler.FactorScheduler(80, 0.7, verbose = FALSE),
  initializer = mx.init.normal(0.1), verbose = FALSE)

weights <- lapply(model$arg.params, as.array)
theirs <- nnet::multinom(factor(y) ~ x, trace = FALSE, reltol = 1e-12, maxit = 500)
ours <- rbind(weights$fit_bias, weights$fit_weight)    # intercepts and slopes: a column for each class
scores <- cbind(1, x) %*% ours
log.p <- scores - log(rowSums(exp(scores)))
numbers <- rbind(cbind(mxr = c(ours[, 2:3] - ours[, 1]), multinom = c(t(coef(theirs)))),
                 deviance = c(-2 * sum(log.p[cbind(seq_along(y), y + 1)]), deviance(theirs)))
rownames(numbers)[1:8] <- c(t(outer(c("WinNF", "other"), c("(Intercept)", colnames(x)), paste)))
numbers
