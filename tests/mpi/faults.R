# A small training on several workers, with a fault on worker 1 in the third batch of round 2.
# usage: faults.R CASE [FOLDER]
suppressMessages(library(mxnet))
words <- commandArgs(TRUE)
case <- words[[1]]
kv <- mx.kv.create("dist_sync", sum.metrics = case == "sums")
cat(sprintf("pid %d %d\n", kv$rank, Sys.getpid()))
odd <- kv$rank == 1
mx.set.seed(1)
set.seed(1)
samples <- if (case == "unequal" && odd) 200 else 240
x <- matrix(rnorm(4 * samples), 4)
if (case == "shapes" && odd) x <- rbind(x, 1)
y <- x[1, ] - 2 * x[2, ]
fc1 <- mx.symbol.FullyConnected(mx.symbol.Variable("data"), num.hidden = 8, name = if (case == "names" && odd) "fc0" else "fc1")
fc2 <- mx.symbol.FullyConnected(mx.symbol.Activation(fc1, act.type = "tanh"), num.hidden = 1, name = "fc2")
net <- mx.symbol.LinearRegressionOutput(fc2, name = "out")

fault <- function(iteration, nbatch, env, verbose = TRUE) {
  Sys.sleep(0.02)
  if (odd && iteration == 2 && nbatch == 3) {
    cat(sprintf("fault %s\n", format(Sys.time(), "%s")))     # one text, which another worker cannot write into
    switch(case, kill = tools::pskill(Sys.getpid(), 9), interrupt = tools::pskill(Sys.getpid(), 2), error = stop("the disk is on fire"),
           caught = { try(stop("an error of before"), silent = TRUE); quit(status = 3) }, quit = quit(status = 0), barrier = kv$barrier(),
           own = mx.exec.update.arg.arrays(env$train.execs[[1]], list(fc2_bias = mx.nd.array(1)), match.name = TRUE))
  }
  TRUE
}
it <- mx.io.arrayiter(x, y, batch.size = 20)
if (case == "uneven") {                                 # an iterator that does not tell how many batches it has
  count <- if (odd) 3 else 5
  at <- 0
  it$iter.next()
  batch <- it$value()
  it <- list(iter.next = function() (at <<- at + 1) <= count, value = function() batch, reset = function() at <<- 0, num.pad = function() 0)
}
stops <- function(iteration, nbatch, env, verbose) !odd || iteration < 2
saves <- if (length(words) > 1) mx.callback.save.checkpoint(file.path(words[[2]], "net"))
logger <- mx.metric.logger$new()
model <- mx.model.FeedForward.create(
  net, X = it, num.round = if (case == "rounds" && odd) 3 else 4, learning.rate = if (case == "rate" && odd) 0.2 else 0.1, kvstore = kv,
  batch.end.callback = if (case == "logs") mx.callback.log.train.metric(5, logger) else fault,
  epoch.end.callback = if (case == "stop") stops else saves, eval.metric = mx.metric.rmse, verbose = case %in% c("sums", "logs"))
cat(sprintf("done %d %.9g \n", kv$rank, sum(as.array(model$arg.params$fc1_weight))))
if (case == "logs") cat(sprintf("logged %d %d \n", kv$rank, length(logger$train)))
