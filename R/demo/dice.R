# Generated from docs/cookbook by `python -m docs.tools.cookbook`; do not edit.

# Dice loss: images; find the few pixels that belong to a small object.

# ---- In R

library(mxnet)
dice <- function(logit, label) {
  p <- mx.symbol.sigmoid(logit)
  1 - (2 * mx.symbol.sum(p * label) + 1) / (mx.symbol.sum(p) + mx.symbol.sum(label) + 1)
}

# ---- Value and gradient

two <- function(label) function(f) {    # one pixel, and another that is inside and found
  sure <- f * 0 + 20
  dice(mx.symbol.concat(f, sure, dim = 0), mx.symbol.concat(f * 0 + label, f * 0 + 1, dim = 0))
}
plot(mx.loss.curve(list(inside = two(1), outside = two(0)), from = -6, to = 6), xlab = "logit of one pixel of two")

# ---- It learns

set.seed(1)
truth <- 1 * (volcano > quantile(volcano, 0.9))
noisy <- (volcano - mean(volcano)) / sd(volcano) + rnorm(length(volcano))

weight <- mx.symbol.Variable("fit_weight")
fit <- mx.symbol.Convolution(mx.symbol.Variable("data"), weight, kernel = c(3, 3), pad = c(1, 1), num.filter = 1, name = "fit")
penalty <- 0.0005 * mx.symbol.sum(mx.symbol.square(weight))    # or the weights grow for ever
loss <- mx.symbol.MakeLoss(dice(fit, mx.symbol.Variable("label")) + penalty)

image <- function(m) array(m, c(dim(m), 1, 1))    # width, height, channels, samples
more <- FALSE    # all observations are one batch
iterator <- list(reset = function() more <<- TRUE,
                 iter.next = function() { now <- more; more <<- FALSE; now },
                 value = function() list(data = image(noisy), label = image(truth)))

mx.set.seed(1)
model <- mx.model.FeedForward.create(
  loss, X = iterator, input.names = "data", output.names = "label", num.round = 1200,
  optimizer = "adam", learning.rate = 0.1,
  lr_scheduler = mx.lr_scheduler.FactorScheduler(200, 0.7, verbose = FALSE),
  initializer = mx.init.normal(0.1), verbose = FALSE)

padded <- matrix(0, nrow(noisy) + 2, ncol(noisy) + 2)
padded[1 + seq_len(nrow(noisy)), 1 + seq_len(ncol(noisy))] <- noisy
window <- function(i, j) c(padded[i + seq_len(nrow(noisy)), j + seq_len(ncol(noisy))])
pixels <- cbind(1, mapply(window, rep(0:2, 3), rep(0:2, each = 3)))
inside <- c(truth)
overlap <- function(p) (2 * sum(p * inside) + 1) / (sum(p) + sum(inside) + 1)
start <- coef(suppressWarnings(glm.fit(pixels, inside, family = binomial())))
theirs <- optim(start, function(b) 1 - overlap(plogis(pixels %*% b)) + 0.0005 * sum(b[-1]^2), method = "BFGS",
                gr = function(b) {
                  p <- plogis(c(pixels %*% b))
                  n <- sum(p) + sum(inside) + 1
                  -crossprod(pixels, (2 * inside / n - (2 * sum(p * inside) + 1) / n^2) * p * (1 - p)) + 0.001 * c(0, b[-1])
                }, control = list(reltol = 1e-10, maxit = 5000))
ours <- c(as.array(model$arg.params$fit_bias), as.array(model$arg.params$fit_weight))
pixelwise <- glm(inside ~ c(noisy), family = binomial)
cat("overlap of what glm finds from each pixel alone:", format(overlap(1 * (fitted(pixelwise) > 0.5)), digits = 3), "\n")
numbers <- rbind("soft overlap" = c(mxr = overlap(plogis(pixels %*% ours)), optim = overlap(plogis(pixels %*% theirs$par))),
                 "overlap of what was found" = c(overlap(1 * (pixels %*% ours > 0)), overlap(1 * (pixels %*% theirs$par > 0))))
numbers
