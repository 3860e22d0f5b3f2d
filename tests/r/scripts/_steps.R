# Plain gradient descent on an executor, for the scripts in this folder. `fill` gives initial weights from R's own random numbers.
# `descend` trains, and calls `look` with the outputs of every step. It compares the gradients of the first step (divided by the largest
# of each array) and the weights at the end, and returns the executor, invisibly.

# `width` is the fraction of a network's published numbers of channels: MXR_WIDTH, or 1. The number of steps is MXR_STEPS, or 20. The
# values in expected/ are those of a small width (tests/r/scripts/__main__.py); `make reference` compares the full width.
width <- as.numeric(Sys.getenv("MXR_WIDTH", "1"))
number.of.steps <- as.integer(Sys.getenv("MXR_STEPS", "20"))
channels <- function(published) max(1, round(published * width))

# The k-th array is drawn after set.seed(k + seed).
fill <- function(net, ..., seed = 0) {
  shapes <- mx.symbol.infer.shape(net, ...)$arg.shapes
  names <- setdiff(names(shapes), names(list(...)))
  weights <- lapply(seq_along(names), function(k) {
    d <- shapes[[names[k]]]
    scale <- if (length(d) > 1) sqrt(2 / prod(d[-length(d)])) else 0.01
    set.seed(k + seed)
    array(scale * runif(prod(d), -sqrt(3), sqrt(3)), d)
  })
  structure(weights, names = names)
}

# If the script runs only to record the values for MXNet, it ends after that. `rate` must have at most six significant digits.
descend <- function(net, weights, batches, rate, look, ...) {
  given(net = net, weights = weights, batches = batches, descent = list(rate = rate, steps = number.of.steps))
  if (.check$recording) {
    done()
    quit()
  }
  ex <- mx.simple.bind(net, ctx = mx.cpu(), grad.req = "write", ...)
  mx.exec.update.arg.arrays(ex, lapply(weights, mx.nd.array), match.name = TRUE)
  gradients <- list()
  for (step in seq_len(number.of.steps)) {
    batch <- batches[[(step - 1) %% length(batches) + 1]]
    mx.exec.update.arg.arrays(ex, batch, match.name = TRUE)
    mx.exec.forward(ex, is.train = TRUE)
    mx.exec.backward(ex)
    if (step == 1) gradients <- lapply(ex$ref.grad.arrays[names(weights)], as.array)
    look(lapply(ex$ref.outputs, as.array), batch)
    new <- lapply(names(weights), function(n) ex$ref.arg.arrays[[n]] - rate * ex$ref.grad.arrays[[n]])
    mx.exec.update.arg.arrays(ex, structure(new, names = names(weights)), match.name = TRUE)
  }
  agree.gradients("first.gradient", thinned(lapply(gradients, function(g) g / max(abs(g), 1e-30))))
  agree("end", thinned(lapply(ex$ref.arg.arrays[names(weights)], as.array)))
  invisible(ex)
}

# In single precision, MXNet's gradients and mxr's differ by up to 2e-5 (of the largest number) from those in double precision. At larger
# widths, rounding changes the sign of the input of some of the millions of ReLUs, in MXNet as in mxr. That changes single numbers of the
# first layers' gradients by 1e-2. So there the difference of two arrays may have a hundredth of their Euclidean norm.
agree.gradients <- function(key, gradients) {
  if (width <= 1 / 16) return(agree(key, gradients, atol = 5e-5))
  for (name in paste0(key, ".", names(gradients))) {
    mine <- gradients[[substring(name, nchar(key) + 2)]]
    wanted <- .check$expected[[name]]
    apart <- sqrt(sum((mine - wanted)^2))
    if (!isTRUE(apart <= 0.01 * sqrt(sum(wanted^2)) + 1e-6))
      stop(.check$script, ": ", name, " differs from MXNet's: the norm of the difference is ", format(apart), ", that of MXNet's array ", format(sqrt(sum(wanted^2))))
    .check$agreed <- c(.check$agreed, name)
  }
}

# At most 1000 numbers of each array, evenly spaced.
thinned <- function(arrays) lapply(arrays, function(x) x[seq(1, length(x), by = ceiling(length(x) / 1000))])
