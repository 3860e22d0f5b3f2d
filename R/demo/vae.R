# Generated from docs/cookbook by `python -m docs.tools.cookbook`; do not edit.

# Variational autoencoder: many measurements are to be described by a few numbers with their
# uncertainty.

# ---- In R

library(mxnet)
vae <- function(x, mean, log.variance, decoded, log.s) {
  error <- mx.symbol.broadcast_mul(x - decoded, mx.symbol.exp(0 - log.s))
  made <- mx.symbol.sum(mx.symbol.broadcast_add(mx.symbol.square(error) / 2 + log(2 * pi) / 2, log.s), axis = 1)
  hidden <- mx.symbol.sum(mx.symbol.square(mean) + mx.symbol.exp(log.variance) - 1 - log.variance, axis = 1) / 2
  made + hidden
}

# ---- Value and gradient

cell <- function(f, value) mx.symbol.Reshape(f * 0 + value, shape = c(1, 1))
curves <- list("hidden mean" = function(f) vae(cell(f, 0), mx.symbol.Reshape(f, shape = c(1, 1)), cell(f, 0), cell(f, 0), cell(f, 0)),
               "log of its variance" = function(f) vae(cell(f, 0), cell(f, 0), mx.symbol.Reshape(f, shape = c(1, 1)), cell(f, 0), cell(f, 0)))
plot(mx.loss.curve(curves, from = -3, to = 3), xlab = "one of the encoder's outputs")

# ---- It learns

x <- scale(iris[, 1:4])

data <- mx.symbol.Variable("data")
mean <- mx.symbol.FullyConnected(data, num.hidden = 2, name = "mean")
log.variance <- mx.symbol.FullyConnected(data, num.hidden = 2, name = "variance")
z <- mean + mx.symbol.exp(log.variance / 2) * mx.symbol.Variable("noise.data")
decoded <- mx.symbol.FullyConnected(z, num.hidden = 4, name = "decoded")
log.s <- mx.symbol.Variable("s_bias")    # no layer determines its shape, so it is given (C order)
log.s$attributes <- list(`__shape__` = "(1, 1)")
loss <- mx.symbol.MakeLoss(vae(data, mean, log.variance, decoded, log.s))

set.seed(1)
more <- FALSE    # all samples are one batch, with new noise every time
iterator <- list(reset = function() more <<- TRUE,
                 iter.next = function() { now <- more; more <<- FALSE; now },
                 value = function() list(data = t(x), noise.data = matrix(rnorm(300), 2)))

mx.set.seed(1)
model <- mx.model.FeedForward.create(
  loss, X = iterator, input.names = c("data", "noise.data"), output.names = character(), num.round = 1500,
  optimizer = "adam", learning.rate = 0.05,
  lr_scheduler = mx.lr_scheduler.FactorScheduler(150, 0.7, verbose = FALSE),
  initializer = mx.init.normal(0.3), verbose = FALSE)

w <- lapply(model$arg.params, as.array)
means <- sweep(x %*% w$mean_weight, 2, w$mean_bias, "+")
variances <- exp(sweep(x %*% w$variance_weight, 2, w$variance_bias, "+"))
s2 <- exp(2 * c(w$s_bias))
decoder <- w$decoded_weight    # 2 x 4
made <- sweep(means %*% decoder, 2, w$decoded_bias, "+")
# the expected loss, without noise: the decoder is linear
expected <- mean(rowSums((x - made)^2) + variances %*% rowSums(decoder^2)) / (2 * s2) + 2 * log(2 * pi * s2) +
  mean(rowSums(means^2 + variances - 1 - log(variances))) / 2
lambda <- prcomp(x)$sdev^2 * 149 / 150
rest <- mean(lambda[3:4])
best <- 2 * log(2 * pi) + (sum(log(lambda[1:2])) + 2 * log(rest) + 4) / 2
numbers <- rbind("expected loss" = c(mxr = expected, prcomp = best),
                 "variance that is not explained" = c(s2, rest))
numbers
