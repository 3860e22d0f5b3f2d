# Plain gradient descent on an executor, as the scripts beside this file do it: `fill` gives starting weights that need no
# random numbers, `descend` trains and calls `look` with the outputs of every step.

fill <- function(net, ...) {
  shapes <- mx.symbol.infer.shape(net, ...)$arg.shapes
  names <- setdiff(names(shapes), names(list(...)))
  weights <- lapply(seq_along(names), function(k) {
    d <- shapes[[names[k]]]
    scale <- if (length(d) > 1) sqrt(2 / prod(d[-length(d)])) else 0.01
    array(scale * sqrt(2) * sin(seq_len(prod(d)) * (1.3 + k / 7)), d)
  })
  structure(weights, names = names)
}

descend <- function(net, weights, batches, steps, rate, look, ...) {
  ex <- mx.simple.bind(net, ctx = mx.cpu(), grad.req = "write", ...)
  mx.exec.update.arg.arrays(ex, lapply(weights, mx.nd.array), match.name = TRUE)
  for (step in seq_len(steps)) {
    batch <- batches[[(step - 1) %% length(batches) + 1]]
    mx.exec.update.arg.arrays(ex, batch, match.name = TRUE)
    mx.exec.forward(ex, is.train = TRUE)
    mx.exec.backward(ex)
    look(lapply(ex$ref.outputs, as.array), batch)
    new <- lapply(names(weights), function(n) ex$ref.arg.arrays[[n]] - rate * ex$ref.grad.arrays[[n]])
    mx.exec.update.arg.arrays(ex, structure(new, names = names(weights)), match.name = TRUE)
  }
  list(ex = ex, weights = lapply(ex$ref.arg.arrays[names(weights)], as.array))
}
