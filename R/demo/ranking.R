# Generated from docs/cookbook by `python -m docs.tools.cookbook`; do not edit.

# Pairwise ranking: which of two is better is known, not by how much.

# ---- In R

library(mxnet)
ranking <- function(better, worse) mx.symbol.Activation(worse - better, act.type = "softrelu")

# ---- Value and gradient

plot(mx.loss.curve(function(f) ranking(f, f * 0), from = -5, to = 5), xlab = "score of the better one, where the other's is 0")

# ---- It learns

cars32 <- scale(mtcars[, c("wt", "hp", "carb")])
pairs <- t(combn(32, 2))
faster <- mtcars$qsec[pairs[, 1]] < mtcars$qsec[pairs[, 2]]
x <- cars32[ifelse(faster, pairs[, 1], pairs[, 2]), ]
worse <- cars32[ifelse(faster, pairs[, 2], pairs[, 1]), ]

weight <- mx.symbol.Variable("score_weight")    # the two layers share it
score <- function(name) {
  layer <- mx.symbol.FullyConnected(mx.symbol.Variable(name), weight, num.hidden = 1, no.bias = TRUE, name = paste0("score.", name))
  mx.symbol.Reshape(layer, shape = 0)
}
loss <- mx.symbol.MakeLoss(ranking(score("data"), score("worse")))

more <- FALSE    # all observations are one batch
iterator <- list(reset = function() more <<- TRUE,
                 iter.next = function() { now <- more; more <<- FALSE; now },
                 value = function() list(data = t(x), worse = t(worse)))

mx.set.seed(1)
model <- mx.model.FeedForward.create(
  loss, X = iterator, input.names = c("data", "worse"), output.names = character(), num.round = 400,
  optimizer = "adam", learning.rate = 0.2,
  lr_scheduler = mx.lr_scheduler.FactorScheduler(40, 0.7, verbose = FALSE),
  initializer = mx.init.normal(0.1), verbose = FALSE)

theirs <- suppressWarnings(glm(rep(1, nrow(x)) ~ 0 + I(x - worse), family = binomial))
ours <- c(as.array(model$arg.params$score_weight))
numbers <- rbind(cbind(mxr = ours, glm = coef(theirs)),
                 "pairs in the right order" = c(mean((x - worse) %*% ours > 0), mean((x - worse) %*% coef(theirs) > 0)))
rownames(numbers)[1:3] <- colnames(x)
numbers
