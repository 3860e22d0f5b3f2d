# Small helpers that scripts reach by `mxnet:::`, and those that the package itself shares.

# The elements of a list that are not NULL; names are kept.
mx.util.filter.null <- function(lst) Filter(Negate(is.null), lst)

# Suffix and prefix tests under the names that older scripts know.
mx.util.str.endswith <- function(name, suffix) endsWith(name, suffix)
mx.util.str.startswith <- function(name, prefix) startsWith(name, prefix)

# `x`, or `default` where `x` is NULL.
or_else <- function(x, default) if (is.null(x)) default else x

# MXNet's methods, which come from C++, take arguments by position and pay no heed to names: scripts pass `...` on with
# whatever names are there. Here names count where all of them are the method's own.
by_position <- function(method) {
  force(method)
  function(...) {
    args <- list(...)
    given <- names(args)[nzchar(names(args))]
    if (anyNA(pmatch(given, names(formals(method))))) do.call(method, unname(args)) else method(...)
  }
}
