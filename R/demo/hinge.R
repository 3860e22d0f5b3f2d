# Generated from docs/cookbook by `python -m docs.tools.cookbook`; do not edit.

# Hinge loss: two classes and a wide margin; probabilities are not wanted.

# ---- In R

library(mxnet)
hinge <- function(score, label) mx.symbol.relu(1 - label * score)

# ---- Value and gradient

curves <- list("label 1" = function(f) hinge(f, f * 0 + 1), "label -1" = function(f) hinge(f, f * 0 - 1))
plot(mx.loss.curve(curves, from = -3, to = 3), xlab = "score")

# ---- It learns

pima <- MASS::Pima.tr
x <- scale(pima[, c("glu", "bmi", "age")])
y <- ifelse(pima$type == "Yes", 1, -1)

weight <- mx.symbol.Variable("fit_weight")
fit <- mx.symbol.FullyConnected(mx.symbol.Variable("data"), weight, num.hidden = 1, name = "fit")
pred <- mx.symbol.Reshape(fit, shape = 0)
loss <- mx.symbol.Group(list(mx.symbol.MakeLoss(hinge(pred, mx.symbol.Variable("label"))),
                             mx.symbol.MakeLoss(0.5 * mx.symbol.square(weight))))

mx.set.seed(1)
model <- mx.model.FeedForward.create(
  loss, X = x, y = y, array.layout = "rowmajor", array.batch.size = length(y), num.round = 1500,
  optimizer = "adam", learning.rate = 0.2,
  lr_scheduler = mx.lr_scheduler.FactorScheduler(60, 0.75, verbose = FALSE),
  initializer = mx.init.normal(0.1), verbose = FALSE)

weights <- model$arg.params
theirs <- e1071::svm(x, factor(y), kernel = "linear", cost = 1, scale = FALSE, tolerance = 1e-5)
slopes <- c(t(theirs$coefs) %*% theirs$SV)
sign <- theirs$labels[[1]]    # svm's first class is that of the first case
sign <- if (levels(factor(y))[[sign]] == "1") 1 else -1
objective <- function(b) sum(pmax(0, 1 - y * (cbind(1, x) %*% b))) + 0.5 * sum(b[-1]^2)
ours <- c(as.array(weights$fit_bias), as.array(weights$fit_weight))
svm <- sign * c(-theirs$rho, slopes)
numbers <- rbind(cbind(mxr = ours, svm = svm), objective = c(objective(ours), objective(svm)))
rownames(numbers)[1:4] <- c("(Intercept)", colnames(x))
numbers
