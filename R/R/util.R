# Small helpers that scripts reach by `mxnet:::`, and those that the package itself shares.

# The elements of a list that are not NULL; names are kept.
mx.util.filter.null <- function(lst) Filter(Negate(is.null), lst)

# Suffix and prefix tests under the names that older scripts know.
mx.util.str.endswith <- function(name, suffix) endsWith(name, suffix)
mx.util.str.startswith <- function(name, prefix) startsWith(name, prefix)

# `x`, or `default` where `x` is NULL.
or.else <- function(x, default) if (is.null(x)) default else x

# Stop with a sentence: an error of class "mxnet_error" that blames the call in the user's code.
stop.user <- function(...) mx.signal(paste0(...))

# That `x` is one number, a logical or the text of a number; `what` says whose.
check.number <- function(x, what) {
  if (length(x) != 1 || !is.atomic(x) || is.na(suppressWarnings(as.numeric(x)))) stop.user(what, " must be one number")
}

# The same of one that is computed with: a text will not do.
check.real <- function(x, what) if (!is.numeric(x) || length(x) != 1 || is.na(x)) stop.user(what, " must be one number, not ", kind.of(x))

# Dimensions as numbers; as.numeric alone would only warn of a text, and take a factor's codes.
as.dims <- function(shape, what) {
  if (is.numeric(shape) || is.logical(shape) || is.list(shape)) as.numeric(shape)
  else stop.user(what, ": shape must be dimensions (whole numbers), not ", kind.of(shape))
}

# A plain array of numbers or logicals, or an error that names the remedy; `what` says whose.
as.numbers <- function(x, what) {
  if (is.data.frame(x)) stop.user(what, " is a data frame (data.frame); pass data.matrix() of it, or as.matrix() when all columns are numbers")
  if (is.factor(x)) stop.user(what, " is a factor; pass as.integer(f) - 1 for classes counted from 0, or as.numeric(as.character(f))")
  if (inherits(x, "integer64")) stop.user(what, " has numbers of class integer64; pass as.numeric(x)")
  if (!is.numeric(x) && !is.logical(x)) stop.user(what, " must be numbers (an array, matrix or vector), not ",
                                                   if (is.array(x)) paste("an array of", typeof(x)) else class(x)[[1]])
  if (is.null(dim(x)) && length(x) > .Machine$integer.max) unclass(x) else as.array(unclass(x))
}
