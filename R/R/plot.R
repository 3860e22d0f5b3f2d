# Pictures, in base graphics.

#' Value and gradient of a loss
#'
#' Computes a loss of one number, and its gradient, at many points: what a training sees of it. `plot` draws both.
#'
#' @param loss a function of one symbol that gives the loss as a symbol, or a list of such functions under their names. The symbol
#'   it gets has one element; all elements of what it gives are added up.
#' @param from,to the first and the last point.
#' @param n how many points.
#' @param x for `plot`, what `mx.loss.curve` gave.
#' @param xlab the words under the picture.
#' @param ... arguments of `matplot`, such as `lwd`.
#' @return A data frame of class `mx.loss.curve` with the columns `loss` (the name), `at`, `value` and `gradient`. `plot` gives it
#'   back, invisibly.
#' @examples
#' huber <- function(error) mx.symbol.smooth_l1(error, scalar = 1)
#' curve <- mx.loss.curve(list(huber = huber, squared = mx.symbol.square), from = -3, to = 3, n = 7)
#' curve
#' plot(curve, xlab = "error")
#' @export
mx.loss.curve <- function(loss, from, to, n = 121) {
  losses <- if (is.list(loss)) loss else list(loss)
  if (!length(losses)) stop.user("loss must be a function of a symbol, or a list of such functions")
  for (f in losses) check.function(f, "loss must be a function of a symbol, or a list of such functions")
  for (end in c("from", "to")) check.real(get(end), end)
  check.real(n, "n")
  at <- seq(from, to, length.out = n)
  names <- if (is.null(names(losses))) rep("", length(losses)) else names(losses)
  curves <- Map(function(f, name) data.frame(loss = rep(name, length(at)), at = at, loss_values(f, at)), losses, names)
  structure(do.call(rbind, unname(curves)), class = c("mx.loss.curve", "data.frame"))
}

# The sum of the loss's elements, and its gradient, at each point.
loss_values <- function(loss, at) {
  value <- loss(mx.symbol.Variable("x"))
  if (!is.mx.symbol(value)) stop.user("loss must give a symbol, not ", kind.of(value))
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
    draw <- function(type = "l", lty = 1, lwd = 2, col = colors, main = what, bty = "l", ...)
      graphics::matplot(x$at[x$loss == names[[1]]], lines, type = type, lty = lty, lwd = lwd, col = col, main = main, bty = bty,
                        xlab = xlab, ylab = "", ...)
    draw(...)
    graphics::abline(h = 0, col = "gray60", lty = 3)
    if (what == "value" && any(nzchar(names)))
      graphics::legend("top", legend = names, col = colors, lwd = 2, bty = "n", cex = 0.85)
  }
  invisible(x)
}

# Colors that people tell apart whatever they see of colors (Okabe and Ito 2008), on white and on black.
picture_colors <- function(n) rep_len(c("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9"), n)
