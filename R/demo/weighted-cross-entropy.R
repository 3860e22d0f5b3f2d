# Generated from docs/cookbook by `python -m docs.tools.cookbook`; do not edit.

# Weighted cross-entropy: two classes, of which one is rare or costs more.

# ---- In R

library(mxnet)
weighted.cross.entropy <- function(logit, label, positive = 1) {
  weight <- 1 + (positive - 1) * label
  weight * (mx.symbol.Activation(logit, act.type = "softrelu") - label * logit)
}

# ---- Value and gradient

curves <- list("label 1, weight 3" = function(f) weighted.cross.entropy(f, f * 0 + 1, 3),
               "label 0" = function(f) weighted.cross.entropy(f, f * 0, 3))
plot(mx.loss.curve(curves, from = -4, to = 4), xlab = "logit")

# ---- It learns

pima <- MASS::Pima.tr
x <- scale(pima[, c("glu", "bmi", "age")])
y <- as.numeric(pima$type == "Yes")

fit <- mx.symbol.FullyConnected(mx.symbol.Variable("data"), num.hidden = 1, name = "fit")
pred <- mx.symbol.Reshape(fit, shape = 0)
loss <- mx.symbol.MakeLoss(weighted.cross.entropy(pred, mx.symbol.Variable("label"), positive = 3))

mx.set.seed(1)
model <- mx.model.FeedForward.create(
  loss, X = x, y = y, array.layout = "rowmajor", array.batch.size = length(y), num.round = 400,
  optimizer = "adam", learning.rate = 0.3,
  lr_scheduler = mx.lr_scheduler.FactorScheduler(40, 0.7, verbose = FALSE),
  initializer = mx.init.normal(0.1), verbose = FALSE)

weights <- model$arg.params
theirs <- suppressWarnings(glm(y ~ x, family = binomial, weights = 1 + 2 * y))
found <- c(predict(model, x, array.layout = "rowmajor", output = "fit")) > 0
numbers <- rbind(cbind(mxr = c(as.array(weights$fit_bias), as.array(weights$fit_weight)), glm = coef(theirs)),
                 "found, of all with label 1" = c(mean(found[y == 1]), mean((fitted(theirs) > 0.5)[y == 1])))
numbers
