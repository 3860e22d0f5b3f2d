# Generated from docs/cookbook by `python -m docs.tools.cookbook`; do not edit.

# Triplet loss: which of two is more alike is known: learn a distance.

# ---- In R

library(mxnet)
triplet <- function(anchor, alike, other, margin = 1) {
  squared <- function(a, b) mx.symbol.sum(mx.symbol.square(a - b), axis = 1)
  mx.symbol.relu(margin + squared(anchor, alike) - squared(anchor, other))
}

# ---- Value and gradient

at <- function(where) function(z) {
  z <- mx.symbol.Reshape(z, shape = c(1, 1))
  if (where == "alike") triplet(z * 0, z, z * 0 + 1) else triplet(z * 0, z * 0 + 1, z)
}
plot(mx.loss.curve(list("the alike one moves" = at("alike"), "the other moves" = at("other")), from = -2.5, to = 2.5),
     xlab = "place of one; the anchor is at 0, the third at 1")

# ---- It learns

measures <- scale(iris[, 1:4])
kind <- as.integer(iris$Species)
set.seed(1)
anchor <- sample(150, 500, replace = TRUE)
alike <- sapply(anchor, function(i) sample(which(kind == kind[i]), 1))
other <- sapply(anchor, function(i) sample(which(kind != kind[i]), 1))

weight <- mx.symbol.Variable("embed_weight")    # the three layers share it
embed <- function(name)
  mx.symbol.FullyConnected(mx.symbol.Variable(name), weight, num.hidden = 2, no.bias = TRUE, name = paste0("embed.", name))
loss <- mx.symbol.MakeLoss(triplet(embed("data"), embed("alike"), embed("other")))

more <- FALSE    # all observations are one batch
iterator <- list(reset = function() more <<- TRUE,
                 iter.next = function() { now <- more; more <<- FALSE; now },
                 value = function() list(data = t(measures[anchor, ]), alike = t(measures[alike, ]), other = t(measures[other, ])))

mx.set.seed(1)
model <- mx.model.FeedForward.create(
  loss, X = iterator, input.names = c("data", "alike", "other"), output.names = character(), num.round = 1000,
  optimizer = "adam", learning.rate = 0.1,
  lr_scheduler = mx.lr_scheduler.FactorScheduler(80, 0.7, verbose = FALSE),
  initializer = mx.init.normal(0.5), verbose = FALSE)

ours <- as.array(model$arg.params$embed_weight)    # 4 x 2
mean.loss <- function(w) {
  z <- measures %*% matrix(w, 4)
  mean(pmax(0, 1 + rowSums((z[anchor, ] - z[alike, ])^2) - rowSums((z[anchor, ] - z[other, ])^2)))
}
theirs <- optim(rnorm(8, sd = 0.5), mean.loss, method = "BFGS", control = list(reltol = 1e-12, maxit = 1000))
neighbour <- function(w) {    # does the nearest other iris have the same kind?
  d <- as.matrix(dist(measures %*% matrix(w, 4))) + diag(Inf, 150)
  mean(iris$Species[max.col(-d)] == iris$Species)
}
numbers <- rbind("mean loss" = c(mxr = mean.loss(ours), optim = theirs$value),
                 "same kind as its neighbour" = c(neighbour(ours), neighbour(theirs$par)))
numbers
