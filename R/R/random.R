# MXNet's random streams. They are independent of R's own `set.seed`.

#' The seed of MXNet's random streams
#'
#' The same seed gives the same numbers as MXNet: initial weights, dropout masks, shuffles and `mx.runif`, `mx.rnorm`.
#' R's `set.seed` has no influence on them.
#'
#' @param seed a whole number.
#' @return NULL, invisibly.
#' @examples
#' mx.set.seed(0)
#' as.array(mx.runif(2))   # 0.5488135 0.5928446
#' @concept random numbers
#' @concept seed
#' @concept reproducibility
#' @seealso [mx.runif()].
#' @export
mx.set.seed <- function(seed) {
  if (!is.numeric(seed) || length(seed) != 1 || is.na(seed) || abs(seed) >= 2^31)
    stop_parameter("mx.set.seed: seed must be one number between -2^31 and 2^31")
  call_python("random.seed", as.integer(seed))
  invisible()
}

#' Random arrays
#'
#' Draws from the uniform distribution on \[min, max) or the normal distribution, with MXNet's generators.
#'
#' @param shape dimensions of the result.
#' @param min,max bounds.
#' @param mean,sd mean and standard deviation.
#' @param ctx device; all give the same numbers.
#' @return An NDArray.
#' @examples
#' mx.set.seed(0)
#' mx.runif(c(2, 3))
#' mx.rnorm(3, mean = 1, sd = 0.1)
#' @concept random numbers
#' @concept distribution
#' @seealso [mx.set.seed()].
#' @export
mx.runif <- function(shape, min = 0, max = 1, ctx = NULL) {
  if (!is.numeric(min) || !is.numeric(max)) stop_type("mx.runif: min and max must be numbers")
  call_python("random.draw", "uniform", as_dims(shape, "mx.runif"), min, max)
}

#' @rdname mx.runif
#' @export
mx.rnorm <- function(shape, mean = 0, sd = 1, ctx = NULL) {
  if (!is.numeric(mean) || !is.numeric(sd)) stop_type("mx.rnorm: mean and sd must be numbers")
  call_python("random.draw", "normal", as_dims(shape, "mx.rnorm"), mean, sd)
}
