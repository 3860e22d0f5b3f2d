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
