# Pictures, in base graphics.

#' Value and gradient of a loss
#'
#' Computes a loss of one number, and its gradient, at many points. `plot` draws both.
#'
#' @param loss a function of one symbol that gives the loss as a symbol, or a named list of such functions. The symbol
#'   has one element; all elements of the loss are summed.
#' @param from,to the first and the last point.
#' @param n number of points.
#' @param x for `plot`, the result of `mx.loss.curve`.
#' @param xlab label of the horizontal axis.
#' @param ... arguments of `matplot`, such as `lwd`.
#' @return A data frame of class `mx.loss.curve` with the columns `loss` (the name), `at`, `value` and `gradient`.
#'   `plot` returns it invisibly.
#' @examples
#' huber <- function(error) mx.symbol.smooth_l1(error, scalar = 1)
#' curve <- mx.loss.curve(list(huber = huber, squared = mx.symbol.square), from = -3, to = 3, n = 7)
#' curve
#' plot(curve, xlab = "error")
#' @concept loss
#' @concept loss function
#' @concept gradient
#' @seealso [mx.symbol.MakeLoss()]; `demo(package = "mxnet")` lists recipes of losses.
#' @export
mx.loss.curve <- function(loss, from, to, n = 121) {
  losses <- if (is.list(loss)) loss else list(loss)
  if (!length(losses)) stop_parameter("loss must be a function of a symbol, or a list of such functions")
  for (f in losses) check_function(f, "loss must be a function of a symbol, or a list of such functions")
  for (end in c("from", "to")) check_real(get(end), end)
  check_real(n, "n")
  at <- seq(from, to, length.out = n)
  names <- if (is.null(names(losses))) rep("", length(losses)) else names(losses)
  curves <- Map(function(f, name) data.frame(loss = rep(name, length(at)), at = at, loss_values(f, at)), losses, names)
  structure(do.call(rbind, unname(curves)), class = c("mx.loss.curve", "data.frame"))
}

# The sum of the loss's elements, and its gradient, at each point.
loss_values <- function(loss, at) {
  value <- loss(mx.symbol.Variable("x"))
  if (!is.mx.symbol(value)) stop_type("loss must give a symbol, not ", kind_of(value))
  exec <- mx.simple.bind(mx.symbol.MakeLoss(value), ctx = mx.cpu(), grad.req = "write", x = 1)
  found <- vapply(at, function(point) {
    mx.exec.update.arg.arrays(exec, list(x = mx.nd.array(point)), match.name = TRUE)
    mx.exec.forward(exec, is.train = TRUE)
    mx.exec.backward(exec)
    c(sum(as.array(exec$ref.outputs[[1]])), as.array(exec$ref.grad.arrays$x))
  }, numeric(2))
  data.frame(value = found[1, ], gradient = found[2, ])
}

#' @rdname mx.loss.curve
#' @export
plot.mx.loss.curve <- function(x, xlab = "prediction", ...) {
  names <- unique(x$loss)
  colors <- picture_colors(length(names))
  old <- graphics::par(mfrow = c(1, 2), mar = c(4, 3, 2.2, 0.6), mgp = c(2, 0.7, 0), las = 1)
  on.exit(graphics::par(old))
  for (what in c("value", "gradient")) {
    lines <- matrix(x[[what]], ncol = length(names))
    draw_lines(x$at[x$loss == names[[1]]], lines, list(col = colors, main = what, xlab = xlab), ...)
    graphics::abline(h = 0, col = "gray60", lty = 3)
    if (what == "value" && any(nzchar(names)))
      graphics::legend("top", legend = names, col = colors, lwd = 2, bty = "n", cex = 0.85)
  }
  invisible(x)
}

#' Learning curves
#'
#' The metric after every round of a training, on the training data and on the evaluation data if there were any. A
#' model has these values if it was trained with a metric (`eval.metric`). A logger has the values that
#' [mx.callback.log.train.metric()] wrote.
#'
#' `mx.callback.plot` is a callback for the end of epochs that draws the curve again as it grows. It draws if a
#' graphics device is open or can be opened on a screen. In a script run by `Rscript` without a device it does nothing.
#' In knitted documents give the chunk `fig.keep = "last"`.
#'
#' @param x a model, or a record made by `mx.metric.logger$new()`.
#' @param ylab label of the vertical axis; for a model, by default the name of its metric.
#' @param ... `log = "y"` for a logarithmic axis, `xlab`, `ylab`, `main`, and other arguments of `matplot`, such as
#'   `ylim`.
#' @param period number of rounds between drawings.
#' @return `plot` gives a data frame with the columns `round`, `train` and, with evaluation data, `validation`,
#'   invisibly. `mx.callback.plot` gives a callback.
#' @examples
#' fit <- mx.symbol.FullyConnected(mx.symbol.Variable("data"), num.hidden = 1, name = "fit")
#' net <- mx.symbol.LinearRegressionOutput(fit, name = "out")
#' x <- scale(mtcars[, c("wt", "hp")])
#' model <- mx.model.FeedForward.create(net, X = x[1:24, ], y = mtcars$mpg[1:24], array.layout = "rowmajor",
#'                                      array.batch.size = 8, num.round = 20, learning.rate = 0.05,
#'                                      eval.data = list(data = x[25:32, ], label = mtcars$mpg[25:32]),
#'                                      eval.metric = mx.metric.rmse, verbose = FALSE)
#' print(plot(model)[c(1, 20), ])
#' @concept learning curve
#' @concept training history
#' @seealso [mx.model.FeedForward.create()], [mx.callback.log.train.metric()], [mx.loss.curve()].
#' @name plot.MXFeedForwardModel
#' @export
plot.MXFeedForwardModel <- function(x, ...) {
  history <- attr(x, "history")
  if (is.null(history))
    stop_state("this model has no learning curve: train it with a metric, such as eval.metric = mx.metric.rmse; ",
               "a model that was loaded from MXNet's files has none either")
  plot_history(history, ...)
}

#' @rdname plot.MXFeedForwardModel
#' @export
plot.mx.metric.logger <- function(x, ylab = "metric", ...) {
  if (!length(x$train))
    stop_state("the logger is empty: pass it to mx.callback.log.train.metric() in a training with a metric")
  count <- length(x$train)
  # at the end of batches of the first round there is no evaluation yet, so `eval` may have fewer entries
  validation <- if (length(x$eval)) tail(c(rep(NA, count), x$eval), count)
  plot_history(list(metric = ylab, round = seq_len(count), train = x$train, validation = validation), xlab = "entry",
               ...)
}

#' @rdname plot.MXFeedForwardModel
#' @export
mx.callback.plot <- function(period = 1, ...) {
  check_real(period, "period")
  settings <- list(...)
  draws <- function(iteration, nbatch, env, verbose = TRUE) {
    history <- attr(env$model, "history")
    drawable <- grDevices::dev.cur() > 1 || interactive() && grDevices::dev.interactive(orNone = TRUE)
    if (is.null(history) || iteration %% period != 0 || !drawable) return(TRUE)
    grDevices::dev.hold()
    on.exit(grDevices::dev.flush())
    do.call(plot_history, c(list(history), settings))
    TRUE
  }
  described(draws, "callback", "mx.callback.plot", period = period)
}

plot_history <- function(history, log = "", xlab = "round", ylab = history$metric, main = "", ...) {
  force(ylab)
  history <- as.data.frame(Filter(length, history[c("round", "train", "validation")]))
  curves <- intersect(c("train", "validation"), names(history))
  colors <- picture_colors(length(curves))
  several <- length(curves) > 1
  top <- if (several) 1.8 else 0.8
  old <- graphics::par(mar = c(4, 4.2, top + if (nzchar(main)) 1.8 else 0, 0.8), mgp = c(2.8, 0.7, 0), las = 1)
  on.exit(graphics::par(old))
  draw_lines(history$round, as.matrix(history[curves]), list(
    type = if (nrow(history) > 1) "l" else "p", col = colors, log = log, xlab = xlab, ylab = ylab), ...)
  graphics::title(main, line = top)
  if (several)                                        # above the curves, which may go through any corner
    graphics::legend("bottomright", legend = c(train = "training", validation = "evaluation")[curves], col = colors,
                     lwd = 2, bty = "n", horiz = TRUE, inset = c(0, 1), xpd = NA)
  invisible(history)
}

# matplot in the style of this file; `settings` and `...` override the style.
draw_lines <- function(x, y, settings, ...) {
  style <- list(type = "l", lty = 1, lwd = 2, pch = 19, bty = "l", ylab = "")
  do.call(graphics::matplot, c(list(x, y), utils::modifyList(utils::modifyList(style, settings), list(...))))
}

# Colors that people with color blindness can distinguish (Okabe and Ito 2008), on white and on black.
picture_colors <- function(n) rep_len(c("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9"), n)
