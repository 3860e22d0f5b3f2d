# Initial values of parameters. An initializer is a function(name, shape, ctx, allow.unknown) that gives an NDArray. For
# a name without a rule it gives NULL if allow.unknown is TRUE.

# Parameters that are not weights: zeros or ones, by the ending of the name.
mx.init.internal.default <- function(name, shape, ctx = NULL, allow.unknown = FALSE) {
  if (any(endsWith(name, c("bias", "beta", "moving_mean", "moving_avg")))) return(mx.nd.zeros(shape))
  if (any(endsWith(name, c("gamma", "moving_var")))) return(mx.nd.ones(shape))
  if (allow.unknown) return(NULL)
  # the message begins with MXNet's own words and misspelling, because scripts and tests compare them
  stop_parameter("Unkown initialization pattern for  ", name, ": end its name in _weight, _bias, _gamma, _beta, ",
       "_moving_mean, _moving_var or _moving_avg, or give the array yourself")
}

# An initializer that fills the parameters whose names end in "weight" by `draw(shape)`.
weight_initializer <- function(draw) {
  function(name, shape, ctx, allow.unknown = FALSE) {
    if (endsWith(name, "weight")) draw(shape) else mx.init.internal.default(name, shape, ctx, allow.unknown)
  }
}

#' Initializers of weights
#'
#' Rules for the initial values of parameters. All of them draw random values for names that end in `weight`. Other
#' names have fixed values: `bias`, `beta`, `moving_mean` and `moving_avg` are 0; `gamma` and `moving_var` are 1.
#' `mx.init.uniform` draws from \[-scale, scale), `mx.init.normal` from the normal distribution with mean 0.
#' `mx.init.Xavier` scales by the layer's size: with s = sqrt(magnitude / n), where n is the number of inputs (`"in"`),
#' outputs (`"out"`) or their mean (`"avg"`), it draws from \[-s, s) or from the normal distribution with deviation s.
#'
#' @param scale,sd half-width or standard deviation.
#' @param rnd_type `"uniform"` or `"gaussian"`.
#' @param factor_type `"avg"`, `"in"` or `"out"`.
#' @param magnitude the numerator under the root.
#' @return A function of (name, shape, ctx, allow.unknown) that gives an NDArray.
#' @examples
#' mx.set.seed(1)
#' init <- mx.init.Xavier(factor_type = "in", magnitude = 2)
#' init("fc1_weight", c(3, 2), mx.cpu())
#' @concept initializer
#' @concept weights
#' @concept Xavier
#' @concept Glorot
#' @seealso [mx.model.init.params()], [mx.model.FeedForward.create()].
#' @export
mx.init.uniform <- function(scale) {
  check_real(scale, "mx.init.uniform: scale")
  described(weight_initializer(function(shape) mx.runif(shape, -scale, scale)), "initializer", "mx.init.uniform",
            scale = scale)
}

#' @rdname mx.init.uniform
#' @export
mx.init.normal <- function(sd) {
  check_real(sd, "mx.init.normal: sd")
  described(weight_initializer(function(shape) mx.rnorm(shape, 0, sd)), "initializer", "mx.init.normal", sd = sd)
}

#' @rdname mx.init.uniform
#' @export
mx.init.Xavier <- function(rnd_type = "uniform", factor_type = "avg", magnitude = 3) {
  check_real(magnitude, "mx.init.Xavier: magnitude")
  check_choice(rnd_type, c("uniform", "gaussian"), "mx.init.Xavier: rnd_type")
  check_choice(factor_type, c("avg", "in", "out"), "mx.init.Xavier: factor_type")
  initializer <- weight_initializer(function(shape) {
    fan.out <- shape[[length(shape)]]
    fan.in <- prod(shape[-length(shape)])
    size <- switch(factor_type, avg = (fan.in + fan.out) / 2, "in" = fan.in, out = fan.out)
    scale <- sqrt(magnitude / size)
    switch(rnd_type, uniform = mx.runif(shape, -scale, scale), gaussian = mx.rnorm(shape, 0, scale))
  })
  described(initializer, "initializer", "mx.init.Xavier", rnd_type = rnd_type, factor_type = factor_type,
            magnitude = magnitude)
}

#' Initial values for a list of shapes
#'
#' Calls the initializer for every name, in order, so that the same seed gives MXNet's numbers.
#'
#' @param initializer an initializer, such as `mx.init.uniform(0.07)`.
#' @param shape.array named list of shapes.
#' @param ctx device.
#' @param skip.unknown whether names without a rule are left out; otherwise they are an error.
#' @return Named list of NDArrays.
#' @examples
#' mx.init.create(mx.init.normal(0.1), list(fc1_weight = c(3, 2), fc1_bias = 2))
#' @concept initializer
#' @concept weights
#' @seealso [mx.init.uniform()], [mx.init.normal()], [mx.init.Xavier()].
#' @export
mx.init.create <- function(initializer, shape.array, ctx = NULL, skip.unknown = TRUE) {
  check_initializer(initializer)
  if (!length(shape.array)) return(list())
  values <- Map(function(name, shape) initializer(name, shape, ctx, allow.unknown = skip.unknown),
                names(shape.array), shape.array)
  for (name in names(values)) check_initial(values[[name]], name)
  if (skip.unknown) mx.util.filter.null(values) else values
}

check_initializer <- function(initializer) {
  check_function(initializer, paste("the initializer must be a function of (name, shape, ctx, allow.unknown), such as",
                                    "mx.init.Xavier()"))
  takes <- names(formals(initializer))
  if (!length(takes) || any(c("name", "shape", "...") %in% takes)) return()
  check_called(initializer, "the initializer")
}

# What an initializer gave for the parameter `name`: an NDArray, numbers or NULL.
check_initial <- function(value, name) {
  if (!is.null(value) && !is.mx.ndarray(value) && !is.numeric(value))
    stop_type("the initializer must give an NDArray for ", name, ", not ", kind_of(value))
}
