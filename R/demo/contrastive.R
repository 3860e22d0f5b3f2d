# Generated from docs/cookbook by `python -m docs.tools.cookbook`; do not edit.

# Contrastive loss: which pairs are alike is known: learn a distance.

# ---- In R

library(mxnet)
contrastive <- function(first, second, same, margin = 2) {
  distance <- mx.symbol.sqrt(mx.symbol.sum(mx.symbol.square(first - second), axis = 1) + 1e-6)
  same * mx.symbol.square(distance) + (1 - same) * mx.symbol.square(mx.symbol.relu(margin - distance))
}

# ---- Value and gradient

curves <- lapply(c(alike = 1, different = 0), function(same) function(z) {
  z <- mx.symbol.Reshape(z, shape = c(1, 1))
  contrastive(z, z * 0, mx.symbol.Reshape(z * 0 + same, shape = 1))
})
plot(mx.loss.curve(curves, from = 0, to = 4), xlab = "distance, where the margin is 2")

# ---- It learns

measures <- scale(iris[, 1:4])
set.seed(1)
one <- sample(150, 400, replace = TRUE)
two <- sample(150, 400, replace = TRUE)
x <- measures[one, ]
other <- measures[two, ]
y <- as.numeric(iris$Species[one] == iris$Species[two])

weight <- mx.symbol.Variable("embed_weight")    # the two layers share it
embed <- function(name)
  mx.symbol.FullyConnected(mx.symbol.Variable(name), weight, num.hidden = 2, no.bias = TRUE, name = paste0("embed.", name))
loss <- mx.symbol.MakeLoss(contrastive(embed("data"), embed("other"), mx.symbol.Variable("label")))

more <- FALSE    # all observations are one batch
iterator <- list(reset = function() more <<- TRUE,
                 iter.next = function() { now <- more; more <<- FALSE; now },
                 value = function() list(data = t(x), other = t(other), label = y))

mx.set.seed(1)
model <- mx.model.FeedForward.create(
  loss, X = iterator, input.names = c("data", "other"), output.names = "label", num.round = 500,
  optimizer = "adam", learning.rate = 0.1,
  lr_scheduler = mx.lr_scheduler.FactorScheduler(40, 0.7, verbose = FALSE),
  initializer = mx.init.normal(0.5), verbose = FALSE)

ours <- as.array(model$arg.params$embed_weight)    # 4 x 2
mean.loss <- function(w) {
  d <- sqrt(rowSums(((x - other) %*% matrix(w, 4))^2) + 1e-6)
  mean(y * d^2 + (1 - y) * pmax(0, 2 - d)^2)
}
theirs <- optim(rnorm(8, sd = 0.5), mean.loss, method = "BFGS", control = list(reltol = 1e-12, maxit = 1000))
neighbour <- function(w) {    # does the nearest other iris have the same kind?
  d <- as.matrix(dist(measures %*% matrix(w, 4))) + diag(Inf, 150)
  mean(iris$Species[max.col(-d)] == iris$Species)
}
numbers <- rbind("mean loss" = c(mxr = mean.loss(ours), optim = theirs$value),
                 "same kind as its neighbour" = c(neighbour(ours), neighbour(theirs$par)))
numbers
