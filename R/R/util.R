# Small functions: those of MXNet that scripts call by `mxnet:::`, and internal ones.

# The elements of a list that are not NULL; names are kept.
mx.util.filter.null <- function(lst) Filter(Negate(is.null), lst)

# Suffix and prefix tests, under the names in older scripts.
mx.util.str.endswith <- function(name, suffix) endsWith(name, suffix)
mx.util.str.startswith <- function(name, prefix) startsWith(name, prefix)

# `x`, or `default` if `x` is NULL.
or_else <- function(x, default) if (is.null(x)) default else x

# Makes a method that ignores the names of its arguments unless all of them are its formals. MXNet's methods are written
# in C++ and ignore all names; scripts call them with names that are no formals.
by_position <- function(method) {
  force(method)
  function(...) {
    args <- list(...)
    given <- names(args)[nzchar(names(args))]
    if (anyNA(pmatch(given, names(formals(method))))) do.call(method, unname(args)) else method(...)
  }
}
