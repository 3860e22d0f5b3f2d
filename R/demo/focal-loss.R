# Generated from docs/cookbook by `python -m docs.tools.cookbook`; do not edit.

# Focal loss: two classes, of which one has very many easy cases.

# ---- In R

library(mxnet)
focal <- function(logit, label, gamma = 2) {
  margin <- (2 * label - 1) * logit    # the logit of the true class
  log.p <- 0 - mx.symbol.Activation(0 - margin, act.type = "softrelu")
  0 - (1 - mx.symbol.exp(log.p))^gamma * log.p
}

# ---- Value and gradient

curves <- lapply(c("gamma 0" = 0, "gamma 2" = 2), function(gamma) function(f) focal(f, f * 0 + 1, gamma))
plot(mx.loss.curve(curves, from = -4, to = 4), xlab = "logit, where the label is 1")

# ---- It learns

pima <- MASS::Pima.tr
x <- scale(pima[, c("glu", "bmi", "age")])
y <- as.numeric(pima$type == "Yes")

fit <- mx.symbol.FullyConnected(mx.symbol.Variable("data"), num.hidden = 1, name = "fit")
pred <- mx.symbol.Reshape(fit, shape = 0)
loss <- mx.symbol.MakeLoss(focal(pred, mx.symbol.Variable("label")))

mx.set.seed(1)
model <- mx.model.FeedForward.create(
  loss, X = x, y = y, array.layout = "rowmajor", array.batch.size = length(y), num.round = 600,
  optimizer = "adam", learning.rate = 0.3,
  lr_scheduler = mx.lr_scheduler.FactorScheduler(40, 0.7, verbose = FALSE),
  initializer = mx.init.normal(0.1), verbose = FALSE)

weights <- model$arg.params
total <- function(b) { p <- plogis((2 * y - 1) * cbind(1, x) %*% b); -sum((1 - p)^2 * log(p)) }
theirs <- optim(rep(0, 4), total, method = "BFGS", control = list(reltol = 1e-12))
ours <- c(as.array(weights$fit_bias), as.array(weights$fit_weight))
numbers <- rbind(cbind(mxr = ours, optim = theirs$par), "mean loss" = c(total(ours), theirs$value) / length(y))
rownames(numbers)[1:4] <- c("(Intercept)", colnames(x))
numbers
