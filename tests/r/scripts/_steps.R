# Plain gradient descent on an executor, as the scripts beside this file do it: `fill` gives starting weights of R's
# own random numbers, `descend` trains, calls `look` with the outputs of every step, and compares the gradients of the first step
# (divided by their largest) and the weights at the end. It returns the executor, invisibly.

# The fraction of a network's published numbers of channels, and the number of steps: 1 and 20, or MXR_WIDTH
# and MXR_STEPS.
# The values in expected/ are those of a small width (tests/r/scripts/__main__.py); `make reference` compares the whole width.
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

# The initial values are given to MXNet; when they are recorded, nothing else happens. The rate has six
# significant digits.
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

# In single precision, MXNet's gradients and these are up to 2e-5 (of the largest) from those in double. At larger widths, rounding turns
# some of the millions of ReLUs over, in either, which changes single numbers of the first layers by 1e-2: there all numbers of an array
# together may be apart by a hundredth of their length.
agree.gradients <- function(key, gradients) {
  if (width <= 1 / 16) return(agree(key, gradients, atol = 5e-5))
  for (name in paste0(key, ".", names(gradients))) {
    mine <- gradients[[substring(name, nchar(key) + 2)]]
    wanted <- .check$expected[[name]]
    apart <- sqrt(sum((mine - wanted)^2))
    if (!isTRUE(apart <= 0.01 * sqrt(sum(wanted^2)) + 1e-6))
      stop(.check$script, ": ", name, " is apart from MXNet's by ", format(apart), ", whose length is ", format(sqrt(sum(wanted^2))))
    .check$agreed <- c(.check$agreed, name)
  }
}

# At most 1000 numbers of each array, evenly chosen.
thinned <- function(arrays) lapply(arrays, function(x) x[seq(1, length(x), by = ceiling(length(x) / 1000))])
