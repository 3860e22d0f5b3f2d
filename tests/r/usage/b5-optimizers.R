source("_check.R")
w <- mx.nd.array(c(1, -2))
g <- mx.nd.array(c(0.5, 4))
steps <- function(optimizer, n = 2) {
  exec <- mx.simple.bind(mx.symbol.Variable("x") * mx.symbol.Variable("w"), ctx = mx.cpu(), grad.req = "write", x = 2)
  mx.exec.update.arg.arrays(exec, list(w = w), match.name = TRUE)
  my_updater <- mx.opt.get.updater(optimizer = optimizer, weights = exec$ref.arg.arrays)
  for (i in seq_len(n)) {
    mx.exec.update.grad.arrays(exec, list(w = g), match.name = TRUE)
    update_args <- my_updater(weight = exec$ref.arg.arrays, grad = exec$ref.grad.arrays)
    mx.exec.update.arg.arrays(exec, update_args, skip.null = TRUE)
  }
  as.array(exec$ref.arg.arrays$w)
}

usage("the common loop: an updater without ctx, a positional list with NULLs", {
  same(steps(mx.opt.create(name = "sgd", learning.rate = 0.1, momentum = 0, wd = 0, rescale.grad = 1)), c(1 - 0.1, -2 - 0.8))
  updater <- mx.opt.get.updater(mx.opt.create("sgd"), list(a = w, b = w))
  new <- updater(weight = list(a = w, b = w), grad = list(a = NULL, b = g))
  if (!is.null(new[[1]])) stop("not NULL")
})
usage("every optimizer, its settings by full and short names", {
  for (settings in list(list("sgd", momentum = 0.9), list("adam", beta1 = 0.9, beta2 = 0.999, eps = 1e-8), list("adam", epsilon = 1e-8, clip_gradient = 1),
                        list("rmsprop", gamma1 = 0.9, gamma2 = 0.9, centered = TRUE), list("rmsprop", gamma1 = 0.9, centered = FALSE),
                        list("adadelta", rho = 0.9, eps = 1e-5, wd = 1e-4), list("adadelta", rho = 0.9, epsilon = 1e-5, rescale.grad = 0.5, clip_gradient = 5),
                        list("adagrad", learning.rate = 0.05, eps = 1e-8), list("nag", momentum = 0.9))) {
    moved <- steps(do.call(mx.opt.create, settings)) - c(1, -2)
    if (!all(is.finite(moved)) || any(moved >= 0)) stop(settings[[1]], ": moved ", paste(moved, collapse = " "))
  }
})
usage("clip_gradient: NULL and -1 clip nothing, 1 clips", {
  sgd <- function(...) steps(mx.opt.create("sgd", learning.rate = 0.1, ...), 1)
  same(sgd(clip_gradient = NULL), c(0.95, -2.4))
  same(sgd(clip_gradient = -1), c(0.95, -2.4))
  same(sgd(clip_gradient = 1), c(0.95, -2.1))
})
usage("NULLs through do.call", {
  same(steps(do.call("mx.opt.create", list("sgd", learning.rate = 0.1, lr_scheduler = NULL, clip_gradient = NULL)), 1), c(0.95, -2.4))
})
usage("a schedule of one's own sees num_update, lr and count", {
  seen <- list()
  schedule <- function(optimizerEnv) seen[[length(seen) + 1]] <<- c(optimizerEnv$num_update, optimizerEnv$lr, optimizerEnv$count)
  steps(mx.opt.create("sgd", learning.rate = 0.25, lr_scheduler = schedule), 3)
  same(lengths(seen), rep(3, length(seen)))
  if (is.unsorted(vapply(seen, `[`, 0, 1)) || !all(vapply(seen, `[`, 0, 2) == 0.25)) stop("what it saw")
})
usage("the rate changed from outside: in the environment that the schedule sees, or in that of the functions", {
  opt <- mx.opt.create("rmsprop", learning.rate = 0.1, lr_scheduler = function(optimizerEnv) invisible(NULL))
  assign("lr", 0, envir = get("rmsprop", environment(opt$update)))
  same(steps(opt), c(1, -2))
  plain <- mx.opt.create("sgd", learning.rate = 0.1)
  assign("lr", 0.2, envir = environment(plain$update))
  same(steps(plain), steps(mx.opt.create("sgd", learning.rate = 0.2)))
  for (name in c("sgd", "adam", "adagrad", "nag")) same(get(name, environment(mx.opt.create(name, learning.rate = 0.25)$update))$lr, 0.25)
})
usage("optimizer objects of old: create.state, update with a state, state first", {
  opt <- mx.opt.create("sgd", learning.rate = 0.1, momentum = 0.9)
  state <- opt$create.state(1, w)
  ret <- opt$update(1, w, g, state)
  same(names(ret), c("state", "weight"))
  ret <- opt$update(1, ret$weight, g, ret$state)
  same(ret$weight, steps(mx.opt.create("sgd", learning.rate = 0.1, momentum = 0.9), 2))
  adam <- mx.opt.create("adam", learning.rate = 0.1)
  same(adam$update(1, w, g, adam$create.state(1, w))$weight, steps(mx.opt.create("adam", learning.rate = 0.1), 1))
})
usage("optimizer objects of 2018 and later: create_exec, update with it", {
  opt <- mx.opt.create("adam", learning.rate = 0.1)
  exec_w <- opt$create_exec(index = 1, weight_dim = dim(w), ctx = mx.cpu())
  same(opt$update(1, exec_w, w, g), steps(mx.opt.create("adam", learning.rate = 0.1), 1))
})
usage("in the training loop gradients are divided by the batch size, by hand they are not", {
  net <- mx.symbol.LinearRegressionOutput(mx.symbol.FullyConnected(mx.symbol.Variable("data"), num_hidden = 1, no.bias = TRUE, name = "fc"), name = "o")
  x <- wave(2, 10)
  y <- colSums(x)
  start <- list(fc_weight = mx.nd.zeros(c(2, 1)))
  weight <- function(optimizer, ...) as.vector(as.array(mx.model.FeedForward.create(
    net, X = x, y = y, num.round = 1, array.batch.size = 10, array.layout = "colmajor", verbose = FALSE, arg.params = start, optimizer = optimizer, ...)$arg.params$fc_weight))
  gradient <- as.vector(x %*% (0 - y))
  same(weight("sgd", learning.rate = 0.1), -0.1 * gradient / 10)
  same(weight(mx.opt.create("sgd", learning.rate = 0.1)), -0.1 * gradient)
})
usage("optimizers by their inner names", {
  for (inner in list(mxnet:::mx.opt.sgd, mxnet:::mx.opt.adam, mxnet:::mx.opt.rmsprop, mxnet:::mx.opt.adadelta))
    if (!all(is.finite(steps(inner(wd = 0, rescale.grad = 1, clip_gradient = 5))))) stop("not finite")
})
done("b5")
