# Callbacks: functions of (iteration, nbatch, env, verbose), where env is the environment of the training loop. A
# callback at the end of an epoch that returns FALSE ends the training.

#' A record of metrics
#'
#' A reference class with the fields `train` and `eval`; `mx.callback.log.train.metric` appends to them.
#' `mx.metric.logger$new()` gives a record.
#'
#' @aliases mx.metric.logger-class
#' @format A reference class generator.
#' @examples
#' logger <- mx.metric.logger$new()
#' net <- mx.symbol.FullyConnected(mx.symbol.Variable("data"), num.hidden = 1, name = "fc")
#' mx.set.seed(1)
#' model <- mx.model.FeedForward.create(
#'   mx.symbol.LinearRegressionOutput(net), X = scale(mtcars[, c("wt", "hp")]), y = mtcars$mpg, num.round = 3,
#'   array.layout = "rowmajor", learning.rate = 0.1, eval.metric = mx.metric.rmse, verbose = FALSE,
#'   epoch.end.callback = mx.callback.log.train.metric(1, logger))
#' logger$train
#' @concept metric
#' @concept training history
#' @seealso [mx.callback.log.train.metric()] fills it.
#' @export
mx.metric.logger <- setRefClass("mx.metric.logger", fields = list(train = "numeric", eval = "numeric"), methods = list(
  show = function() print.mx.metric.logger(.self)))

#' Log the metric while training
#'
#' As a callback at the end of batches it prints the metric every `period` batches. With a `logger` it also stores the
#' values there.
#'
#' @param period number of batches (or epochs) between entries.
#' @param logger NULL or a record made by `mx.metric.logger$new()`.
#' @return A callback.
#' @examples
#' logger <- mx.metric.logger$new()
#' x <- as.matrix(mtcars[, c("wt", "qsec")])
#' net <- mx.symbol.FullyConnected(mx.symbol.Variable("data"), num.hidden = 1, name = "fc")
#' net <- mx.symbol.LinearRegressionOutput(net, name = "out")
#' mx.set.seed(1)
#' model <- mx.model.FeedForward.create(
#'   net, X = x, y = mtcars$mpg, num.round = 3, array.batch.size = 16, array.layout = "rowmajor", learning.rate = 1e-3,
#'   eval.metric = mx.metric.rmse, verbose = FALSE,
#'   epoch.end.callback = mx.callback.log.train.metric(1, logger))
#' logger$train
#' @concept callback
#' @concept training history
#' @seealso [mx.metric.logger], [mx.callback.plot()], [mx.callback.early.stop()].
#' @export
mx.callback.log.train.metric <- function(period, logger = NULL) {
  if (!is.null(logger) && !inherits(logger, "mx.metric.logger"))
    stop_type("mx.callback.log.train.metric: logger must be made by mx.metric.logger$new()")
  check_count(period, "mx.callback.log.train.metric: period")
  callback <- function(iteration, nbatch, env, verbose = TRUE) {
    if (nbatch %% period != 0 || is.null(env$metric)) return(TRUE)
    prints <- nbatch != 0 && verbose && is_leader(env)
    train <- log_metric(env, "train.metric", nbatch, "Train", prints)
    if (is.null(logger)) return(TRUE)
    logger$train <- c(logger$train, train)
    if (!is.null(env$eval.metric))
      logger$eval <- c(logger$eval, log_metric(env, "eval.metric", nbatch, "Validation", prints))
    TRUE
  }
  described(callback, "callback", "mx.callback.log.train.metric", period = period, logger = logger)
}

# The value of a training's metric for the state in its variable `state`. Prints it if `prints` is TRUE.
log_metric <- function(env, state, nbatch, label, prints) {
  result <- env$metric$get(env[[state]])
  if (prints) message("Batch [", nbatch, "] ", label, "-", result$name, "=", result$value)
  result$value
}

#' Log the speed of training
#'
#' As a callback at the end of batches it prints samples per second and the metric every `frequency` batches.
#'
#' @param batch.size number of samples in a batch.
#' @param frequency number of batches between messages.
#' @return A callback for the end of batches.
#' @examples
#' x <- as.matrix(mtcars[, c("wt", "qsec")])
#' net <- mx.symbol.FullyConnected(mx.symbol.Variable("data"), num.hidden = 1, name = "fc")
#' net <- mx.symbol.LinearRegressionOutput(net, name = "out")
#' mx.set.seed(1)
#' model <- mx.model.FeedForward.create(
#'   net, X = x, y = mtcars$mpg, num.round = 1, array.batch.size = 4, array.layout = "rowmajor", learning.rate = 1e-3,
#'   eval.metric = mx.metric.rmse, batch.end.callback = mx.callback.log.speedometer(batch.size = 4, frequency = 3))
#' @concept callback
#' @concept speed
#' @seealso [mx.callback.log.train.metric()], [mx.profiler.config()].
#' @export
mx.callback.log.speedometer <- function(batch.size, frequency = 50) {
  check_count(batch.size, "mx.callback.log.speedometer: batch.size")
  check_count(frequency, "mx.callback.log.speedometer: frequency")
  callback <- function(iteration, nbatch, env, verbose = TRUE) {
    if (is.null(env$count) || env$count > nbatch) env$init <- FALSE
    env$count <- nbatch
    if (!isTRUE(env$init)) {
      env$init <- TRUE
      env$tic <- Sys.time()
    } else if (nbatch %% frequency == 0 && !is.null(env$metric)) {
      speed <- frequency * batch.size / as.double(difftime(Sys.time(), env$tic, units = "secs"))
      result <- env$metric$get(env$train.metric)
      if (verbose && is_leader(env))
        message("Batch [", nbatch, "] Speed: ", speed, " samples/sec Train-", result$name, "=", result$value)
      env$tic <- Sys.time()
    }
    TRUE
  }
  described(callback, "callback", "mx.callback.log.speedometer", batch.size = batch.size, frequency = frequency)
}

#' Save the model while training
#'
#' As a callback at the end of epochs it writes `prefix-symbol.json` and `prefix-0001.params`, `prefix-0002.params`, and
#' so on. With several workers ([distributed.training()]) only the first writes them.
#'
#' @param prefix path and beginning of the file names.
#' @param period number of epochs between files.
#' @return A callback.
#' @examples
#' prefix <- file.path(tempdir(), "net")
#' x <- as.matrix(mtcars[, c("wt", "qsec")])
#' net <- mx.symbol.FullyConnected(mx.symbol.Variable("data"), num.hidden = 1, name = "fc")
#' net <- mx.symbol.LinearRegressionOutput(net, name = "out")
#' mx.set.seed(1)
#' model <- mx.model.FeedForward.create(
#'   net, X = x, y = mtcars$mpg, num.round = 10, array.batch.size = 16, array.layout = "rowmajor", learning.rate = 1e-3,
#'   eval.metric = mx.metric.rmse, verbose = FALSE,
#'   epoch.end.callback = mx.callback.save.checkpoint(prefix, period = 5))
#' list.files(tempdir(), "^net-")
#' @concept callback
#' @concept save a model
#' @seealso [mx.model.load()] reads the files.
#' @export
mx.callback.save.checkpoint <- function(prefix, period = 1) {
  check_text(prefix, "mx.callback.save.checkpoint: prefix")
  check_count(period, "mx.callback.save.checkpoint: period")
  callback <- function(iteration, nbatch, env, verbose = TRUE) {
    if (iteration %% period == 0 && is_leader(env)) {
      mx.model.save(env$model, prefix, iteration)
      if (verbose) message(sprintf("Model checkpoint saved to %s-%04d.params\n", prefix, iteration))
    }
    TRUE
  }
  described(callback, "callback", "mx.callback.save.checkpoint", prefix = prefix, period = period)
}

#' Stop training early
#'
#' A callback for the end of epochs. Training ends when the metric of the training or of the evaluation data passes its
#' threshold, or when the metric of the evaluation data has not improved for `bad.steps` epochs.
#'
#' @param train.metric,eval.metric thresholds, or NULL.
#' @param bad.steps number of epochs without improvement, or NULL.
#' @param maximize whether larger is better.
#' @param verbose whether to print the best score at the end; a training loop passes its own `verbose` instead.
#' @return A callback.
#' @examples
#' x <- as.matrix(mtcars[, c("wt", "qsec")])
#' net <- mx.symbol.FullyConnected(mx.symbol.Variable("data"), num.hidden = 1, name = "fc")
#' net <- mx.symbol.LinearRegressionOutput(net, name = "out")
#' mx.set.seed(1)
#' model <- mx.model.FeedForward.create(
#'   net, X = x, y = mtcars$mpg, num.round = 100, array.batch.size = 16, array.layout = "rowmajor",
#'   learning.rate = 1e-3, eval.metric = mx.metric.rmse, verbose = FALSE,
#'   epoch.end.callback = mx.callback.early.stop(train.metric = 6))
#' tail(plot(model), 1)          # ended where the error was below 6
#' @concept callback
#' @concept early stopping
#' @seealso [mx.callback.log.train.metric()], [mx.callback.save.checkpoint()], [mx.callback.plot()].
#' @export
mx.callback.early.stop <- function(train.metric = NULL, eval.metric = NULL, bad.steps = NULL, maximize = FALSE,
                                   verbose = FALSE) {
  for (name in c("train.metric", "eval.metric", "bad.steps")) check_limit(get(name), name)
  say <- verbose
  better <- if (maximize) `>` else `<`
  waiting <- if (!is.null(bad.steps)) wait_for_better(better, if (maximize) 0 else Inf, bad.steps)
  passed <- function(env, state, limit) {
    score <- score_of(env, state)
    !is.null(limit) && !is.null(score) && better(score, limit)
  }
  callback <- function(iteration, nbatch, env, verbose = say) {
    if (passed(env, "train.metric", train.metric) || passed(env, "eval.metric", eval.metric)) return(FALSE)
    is.null(waiting) || waiting(iteration, score_of(env, "eval.metric"), verbose)
  }
  described(callback, "callback", "mx.callback.early.stop", train.metric = train.metric, eval.metric = eval.metric,
            bad.steps = bad.steps, maximize = maximize)
}

# The value of the training loop's metric for the state in its variable `state`; NULL without a metric or state.
score_of <- function(env, state) if (!is.null(env$metric) && !is.null(env[[state]])) env$metric$get(env[[state]])$value

# A function of (iteration, score, verbose): FALSE when `bad.steps` scores in a row were no better than the best one.
wait_for_better <- function(better, worst, bad.steps) {
  best <- worst
  waited <- 1
  function(iteration, score, verbose) {
    if (iteration == 1) {
      best <<- worst
      waited <<- 1
    }
    if (is.null(score)) return(TRUE)
    if (!better(best, score)) {
      best <<- score
      waited <<- 1
    } else if (waited >= bad.steps) {
      if (verbose) message("Best score=", best, ", iteration [", iteration - bad.steps, "]")
      return(FALSE)
    } else {
      waited <<- waited + 1
    }
    TRUE
  }
}
