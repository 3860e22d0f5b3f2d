# Generated from docs/cookbook by `python -m docs.tools.cookbook`; do not edit.

# Discrete-time survival: durations in intervals, some of which had not ended.

# ---- In R

library(mxnet)
discrete.survival <- function(logits, died, at.risk)
  mx.symbol.sum(at.risk * (mx.symbol.Activation(logits, act.type = "softrelu") - died * logits), axis = 1)

# ---- Value and gradient

one <- function(died, f) mx.symbol.Reshape(f * 0 + died, shape = c(1, 1))
curves <- lapply(c("event in the interval" = 1, "lived through it" = 0), function(died)
  function(f) discrete.survival(mx.symbol.Reshape(f, shape = c(1, 1)), one(died, f), one(1, f)))
plot(mx.loss.curve(curves, from = -4, to = 4), xlab = "logit of the hazard")

# ---- It learns

veteran <- survival::veteran
x <- scale(cbind(karno = veteran$karno, age = veteran$age))
ends <- c(30, 60, 120, 240)
interval <- findInterval(veteran$time, ends, left.open = TRUE) + 1
risk <- 1 * outer(1:4, interval, "<=")    # a column for each person
died <- sweep(1 * outer(1:4, interval, "=="), 2, veteran$status, "*")

score <- mx.symbol.FullyConnected(mx.symbol.Variable("data"), num.hidden = 1, no.bias = TRUE, name = "fit")
base <- mx.symbol.Variable("interval_bias")    # no layer determines its shape, so it is given (C order)
base$attributes <- list(`__shape__` = "(1, 4)")
loss <- mx.symbol.MakeLoss(discrete.survival(mx.symbol.broadcast_add(score, base), mx.symbol.Variable("label"), mx.symbol.Variable("risk")))

more <- FALSE    # all observations are one batch
iterator <- list(reset = function() more <<- TRUE,
                 iter.next = function() { now <- more; more <<- FALSE; now },
                 value = function() list(data = t(x), label = died, risk = risk))

mx.set.seed(1)
model <- mx.model.FeedForward.create(
  loss, X = iterator, input.names = c("data", "risk"), output.names = "label", num.round = 600,
  optimizer = "adam", learning.rate = 0.1,
  lr_scheduler = mx.lr_scheduler.FactorScheduler(60, 0.7, verbose = FALSE),
  initializer = mx.init.normal(0.1), verbose = FALSE)

weights <- lapply(model$arg.params, as.array)
rows <- which(risk == 1, arr.ind = TRUE)    # one for every person and interval
theirs <- glm(died[rows] ~ 0 + factor(rows[, 1]) + x[rows[, 2], ], family = binomial)
numbers <- cbind(mxr = c(weights$interval_bias, weights$fit_weight), glm = coef(theirs))
rownames(numbers) <- c(paste("interval", 1:4), colnames(x))
numbers
