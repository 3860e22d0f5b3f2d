source("_check.R")
net <- mx.symbol.LinearRegressionOutput(mx.symbol.FullyConnected(mx.symbol.Variable("data"), num_hidden = 1, name = "fc"), name = "out")
x <- wave(2, 40, k = 1.3)
y <- x[1, ] - x[2, ]
train <- function(..., num.round = 3) {
  mx.set.seed(3)
  mx.model.FeedForward.create(net, X = x, y = y, ctx = mx.cpu(), num.round = num.round, array.batch.size = 10, array.layout = "colmajor", learning.rate = 0.1, ...)
}
quiet <- function(code) suppressMessages(code)
at.end <- function(f, ...) quiet(train(epoch.end.callback = f, eval.metric = mx.metric.rmse, eval.data = list(data = x, label = y), ...))

usage("env holds metric, train.metric, eval.metric and the model so far", {
  seen <- list()
  at.end(function(iteration, nbatch, env, verbose) {
    seen[[iteration]] <<- c(env$metric$get(env$train.metric)$value, env$metric$get(env$eval.metric)$value)
    same(class(env$model), "MXFeedForwardModel")
    same(outputs(env$model$symbol$get.internals())[[4]], "fc_output")
    same(sort(names(env$model$arg.params)), c("fc_bias", "fc_weight"))
    TRUE
  })
  same(length(seen), 3)
  if (!all(diff(vapply(seen, `[`, 0, 1)) < 0)) stop("the error does not fall")
})
usage("callbacks write into env, and find it again", {
  counts <- NULL
  quiet(train(eval.metric = mx.metric.rmse, batch.end.callback = function(iteration, nbatch, env, verbose = TRUE) {
    if (is.null(env$mine)) env$mine <- 0
    env$mine <- env$mine + 1
    counts <<- c(counts, env$mine)
  }))
  same(counts, 1:12)
})
usage("FALSE ends the training, three or four arguments", {
  rounds <- 0
  at.end(function(iteration, nbatch, env) { rounds <<- iteration; iteration < 2 })
  same(rounds, 2)
  at.end(function(iteration, nbatch, env, verbose) { rounds <<- iteration; FALSE })
  same(rounds, 1)
  at.end(function(iteration, nbatch, env, verbose) { rounds <<- iteration; NULL })
  same(rounds, 3)
})
usage("a logger is an object of one class, and keeps both curves", {
  logger <- mx.metric.logger$new()
  if (class(logger) != "mx.metric.logger") stop("class")
  at.end(mx.callback.log.train.metric(1, logger))
  same(lengths(list(logger$train, logger$eval)), c(3, 3))
  logger$train <- c(logger$train, 0.5)
  same(length(logger$train), 4)
})
usage("the speedometer, checkpoints, early stopping", {
  words <- character()
  withCallingHandlers(train(eval.metric = mx.metric.rmse, batch.end.callback = mx.callback.log.speedometer(10, frequency = 2)),
                      message = function(m) { words <<- c(words, conditionMessage(m)); invokeRestart("muffleMessage") })
  if (!any(grepl("^Batch \\[4\\] Speed: [0-9.e+]+ samples/sec Train-rmse=", words))) stop("no speed: ", words)
  prefix <- tempfile("net")
  quiet(train(epoch.end.callback = mx.callback.save.checkpoint(prefix, period = 2), num.round = 4))
  same(basename(Sys.glob(paste0(prefix, "-*.params"))), basename(paste0(prefix, c("-0002.params", "-0004.params"))))
  rounds <- 0
  at.end(function(iteration, nbatch, env, verbose) { rounds <<- iteration; mx.callback.early.stop(eval.metric = 100)(iteration, nbatch, env) })
  same(rounds, 1)
})
usage("a script's own early stopping, which edits the model and gives it its class again", {
  mx.callback.mine <- function(logger) function(iteration, nbatch, env, verbose) {
    if (iteration == 2) {
      model <- list(symbol = env$model$symbol, arg.params = lapply(env$model$arg.params, function(p) p * 0), aux.params = env$model$aux.params)
      class(model) <- "MXFeedForwardModel"
      env$model <- model
      return(FALSE)
    }
    TRUE
  }
  model <- at.end(mx.callback.mine(NULL))
  same(model$arg.params$fc_weight, c(0, 0))
})
usage("epochs from begin.round on", {
  rounds <- NULL
  quiet(train(begin.round = 3, num.round = 5, epoch.end.callback = function(iteration, nbatch, env, verbose) { rounds <<- c(rounds, iteration); TRUE }))
  same(rounds, 3:5)
})
done("b8")
