# Generated from docs/cookbook by `python -m docs.tools.cookbook`; do not edit.

# Binary cross-entropy: two classes; probabilities are wanted.

# ---- In R

library(mxnet)
cross.entropy <- function(logit, label)
  mx.symbol.Activation(logit, act.type = "softrelu") - label * logit    # softrelu(x) is log(1 + exp(x))

# ---- Value and gradient

curves <- list("label 1" = function(f) cross.entropy(f, f * 0 + 1), "label 0" = function(f) cross.entropy(f, f * 0))
plot(mx.loss.curve(curves, from = -5, to = 5), xlab = "logit")

# ---- It learns

pima <- MASS::Pima.tr
x <- scale(pima[, c("glu", "bmi", "age")])
y <- as.numeric(pima$type == "Yes")

fit <- mx.symbol.FullyConnected(mx.symbol.Variable("data"), num.hidden = 1, name = "fit")
pred <- mx.symbol.Reshape(fit, shape = 0)
loss <- mx.symbol.MakeLoss(cross.entropy(pred, mx.symbol.Variable("label")))

mx.set.seed(1)
model <- mx.model.FeedForward.create(
  loss, X = x, y = y, array.layout = "rowmajor", array.batch.size = length(y), num.round = 400,
  optimizer = "adam", learning.rate = 0.3,
  lr_scheduler = mx.lr_scheduler.FactorScheduler(40, 0.7, verbose = FALSE),
  initializer = mx.init.normal(0.1), verbose = FALSE)

weights <- model$arg.params
theirs <- glm(y ~ x, family = binomial)
logit <- c(predict(model, x, array.layout = "rowmajor", output = "fit"))
numbers <- rbind(cbind(mxr = c(as.array(weights$fit_bias), as.array(weights$fit_weight)), glm = coef(theirs)),
                 deviance = c(-2 * sum(dbinom(y, 1, plogis(logit), log = TRUE)), deviance(theirs)))
numbers
