# The custom-loss regression of MXNet's R tutorial, on numbers of the Boston data's sizes. Prints microseconds per
# batch, the least of several runs: by the training function, and by a loop of the script's own with an updater.
suppressMessages(library(mxnet))
set.seed(0)
train.x <- matrix(rnorm(404 * 13), 404)
train.y <- drop(train.x %*% rnorm(13)) + rnorm(404)
data <- mx.symbol.Variable("data")
label <- mx.symbol.Variable("label")
fc1 <- mx.symbol.FullyConnected(data, num_hidden = 14, name = "fc1")
tanh1 <- mx.symbol.Activation(fc1, act_type = "tanh", name = "tanh1")
fc2 <- mx.symbol.FullyConnected(tanh1, num_hidden = 1, name = "fc2")
loss <- mx.symbol.MakeLoss(mx.symbol.square(mx.symbol.Reshape(fc2, shape = 0) - label), name = "loss")
batches <- ceiling(404 / 60)

trained <- function(rounds) {
  mx.set.seed(0)
  mx.model.FeedForward.create(loss, X = train.x, y = train.y, ctx = mx.cpu(), num.round = rounds,
    optimizer = "rmsprop", array.batch.size = 60, array.layout = "rowmajor", verbose = FALSE)
}

iter <- mx.io.arrayiter(t(train.x), train.y, batch.size = 60)
exec <- mx.simple.bind(loss, ctx = mx.cpu(), grad.req = "write", data = c(13, 60), label = 60)
mx.exec.update.arg.arrays(exec, list(fc1_weight = mx.runif(c(13, 14), -0.1, 0.1), fc2_weight = mx.runif(c(14, 1), -0.1, 0.1)),
                          match.name = TRUE)
updater <- mx.opt.get.updater(mx.opt.create("rmsprop", rescale.grad = 1 / 60), exec$ref.arg.arrays)
own <- function(rounds) {
  for (round in 1:rounds) {
    iter$reset()
    while (iter$iter.next()) {
      batch <- iter$value()
      mx.exec.update.arg.arrays(exec, list(data = batch$data, label = batch$label), match.name = TRUE)
      mx.exec.forward(exec, is.train = TRUE)
      mx.exec.backward(exec)
      new <- updater(weight = exec$ref.arg.arrays, grad = exec$ref.grad.arrays)
      mx.exec.update.arg.arrays(exec, new, skip.null = TRUE)
    }
  }
}

# The least time that `run` takes, in microseconds; of short runs, since a busy machine disturbs long ones.
least <- function(run, times) {
  run()
  took <- function(i) {
    start <- Sys.time()
    run()
    as.numeric(Sys.time() - start, units = "secs") * 1e6
  }
  min(vapply(seq_len(times), took, 0))
}
# without what a training takes before its first round
training <- least(function() trained(60), 40) - least(function() trained(10), 40)
cat(training / (50 * batches), least(function() own(1), 1000) / batches, "\n")
