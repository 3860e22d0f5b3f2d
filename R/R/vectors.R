# R's functions for vectors, called with an object of this package. For an NDArray they work on a copy of its numbers in
# R. Symbols, executors and iterators have no numbers: an error names the function of this package to use.

# What to use instead of a function of R for a symbol; in these calls s, a and b are symbols.
symbol_instead <- local({
  slice <- "mx.symbol.slice_axis(s, axis = 0, begin = 0, end = 1)"
  sum <- "mx.symbol.sum(s, axis = 0)"
  mean <- "mx.symbol.mean(s, axis = 0)"
  sorted <- "mx.symbol.slice_axis(mx.symbol.sort(s, axis = 0), axis = 0, begin = 1, end = 2)"
  order <- "mx.symbol.argsort(s, axis = 0)"
  moments <- "mx.symbol.moments(s, axes = 0)"
  parts <- "mx.symbol.split(s, num_outputs = 2, axis = 0)"
  outer <- "mx.symbol.broadcast_mul(mx.symbol.expand_dims(a, axis = 0), mx.symbol.expand_dims(b, axis = 1))"
  shapes <- "mx.symbol.infer.shape(s, data = c(2, 3))"
  matrices <- "mx.symbol.dot(a, b)"
  c("[" = slice, head = slice, tail = slice, subset = slice, diff = paste(slice, "for each of the two parts"),
    "[<-" = "mx.symbol.where(condition, x, y)", "[[<-" = "mx.symbol.Group(a, b)",
    replace = "mx.symbol.where(condition, x, y)",
    pmax = "mx.symbol.broadcast_maximum(a, b)", pmin = "mx.symbol.broadcast_minimum(a, b)",
    ifelse = "mx.symbol.where(condition, x, y)", rev = "mx.symbol.reverse(s, axis = 0)",
    sort = "mx.symbol.sort(s, axis = 0)", order = order, rank = order,
    rep = "mx.symbol.tile(s, reps = 2) or mx.symbol.repeat(s, repeats = 2)", rep_len = "mx.symbol.tile(s, reps = 2)",
    median = sorted, quantile = sorted, mad = sorted, IQR = sorted, fivenum = sorted,
    apply = sum, rowSums = sum, colSums = sum, rowMeans = mean, colMeans = mean, weighted.mean = mean, ave = mean,
    tapply = mean, var = moments, sd = moments, scale = moments, cor = moments, cov = moments,
    sweep = "mx.symbol.broadcast_sub(a, b)", outer = outer, "%o%" = outer, kronecker = outer,
    lapply = parts, sapply = parts, vapply = parts, Map = parts, mapply = parts, Reduce = parts,
    Filter = parts, split = parts,
    as.list = parts, cbind = "mx.symbol.concat(list(a, b), dim = 0)", rbind = "mx.symbol.concat(list(a, b), dim = 1)",
    range = "mx.symbol.Group(min(s), max(s))", any = "max(s != 0)", all = "min(s != 0)",
    is.nan = "s != s", is.na = "s != s",
    anyNA = "max(s != s)", is.finite = "abs(s) < 1e38", is.infinite = "abs(s) > 1e38", Mod = "abs(s)",
    cospi = "cos(pi * s)", sinpi = "sin(pi * s)", tanpi = "tan(pi * s)", signif = "round(s * 100) / 100",
    as.character = "outputs(s)", paste = "outputs(s)", paste0 = "outputs(s)", toString = "outputs(s)",
    sprintf = "outputs(s)",
    dim = shapes, nrow = shapes, ncol = shapes, "dim<-" = "mx.symbol.reshape(s, shape = c(6, 1))",
    "%*%" = matrices, crossprod = matrices, tcrossprod = matrices, solve = "mx.symbol.linalg_inverse(s)",
    chol = "mx.symbol.linalg_potrf(s)", det = "mx.symbol.linalg_det(s)", determinant = "mx.symbol.linalg_slogdet(s)",
    diag = "mx.symbol.diag(s)", qr = "mx.symbol.linalg_gelqf(s)", eigen = "mx.symbol.linalg_syevd(s)")
})

# "symbol", "executor" or "iterator"; NULL for other objects.
kind_without_numbers <- function(x) {
  if (is.mx.symbol(x)) return("symbol")
  if (inherits(x, "Rcpp_MXExecutor")) return("executor")
  if (is.mx.dataiter(x)) "iterator"
}

# Stops in the method of `generic` for `x`. The error names the function that the user has called, for example sd(), not
# the as.vector() inside it, and what to use instead.
no_numbers <- function(x, generic, levels = 2) {
  asked <- asked_by(generic, c(names(symbol_instead), reads_arrays), levels)
  kind <- kind_without_numbers(x)
  instead <- if (kind == "symbol") symbol_instead[asked$name]
  if (is.null(instead) || is.na(instead))
    instead <- switch(kind,
                      symbol = "as.array(executor$ref.outputs[[1]]) after mx.simple.bind() and mx.exec.forward()",
                      executor = "as.array(executor$ref.outputs[[1]])",
                      iterator = "mx.io.extract(iterator, \"data\")")
  what <- if (grepl("[a-z]", asked$name)) paste0(asked$name, "()") else paste0("`", asked$name, "`")
  what <- switch(asked$name, "[" = "s[...]", "[<-" = "s[...] <-", "[[<-" = "s[[i]] <-", what)
  why <- switch(kind, symbol = "a symbol has none before it is bound", paste("an", kind, "is no array"))
  also <- if (asked$name == "[") ", or s[[i]] for output i"
  raise_error(paste0(what, " needs numbers, and ", why, "; use ", instead, also), kinds = "mxnet_type_error",
              call = or_else(asked$call, user_call()))
}

# The function of R through which the user's call reached the method of `generic`: list(name = , call = ). A function
# among `known` is preferred. `call` is NULL if the user called the generic itself. `levels` is the number of calls from
# here to the method.
asked_by <- function(generic, known, levels = 2) {
  parents <- sys.parents()
  methods <- "\\.default$"
  name <- generic
  call <- NULL
  frame <- parents[[sys.parent(levels)]]
  while (frame > 0 && is_of_r(sys.function(frame))) {
    head <- function_of_frame(frame, known)
    if (is_argument(head)) break                                             # passed by the user to another function
    if (is_written(head)) {
      outer <- sub(methods, "", tail(as.character(head), 1))
      if (outer %in% known || !name %in% known) name <- outer
      call <- sys.call(frame)
      if (is.name(head)) call[[1]] <- as.name(sub(methods, "", head))
    }
    frame <- parents[[frame]]
  }
  list(name = name, call = if (!is.null(call)) shorten_call(call))
}

# What the call in `frame` names as its function. If that is not among `known`, as in do.call(pmax, ...) or in
# larger(...) after larger <- pmax, it is the name among them that R has for the function, if there is one.
function_of_frame <- function(frame, known) {
  head <- sys.call(frame)[[1]]
  if (is_argument(head) || (is_written(head) && tail(as.character(head), 1) %in% known)) return(head)
  own <- own_name(sys.function(frame), known)
  if (is.null(own)) head else as.name(own)
}

# Whether a function is called by the name of an argument of R's, as in lapply(x, FUN) and Reduce(f, x).
is_argument <- function(head) identical(head, quote(FUN)) || identical(head, quote(f))

# The name among `known` that R has for the function `f`, or NULL.
own_name <- function(f, known) {
  space <- environment(f)
  for (name in known)
    if (exists(name, space, mode = "function", inherits = FALSE) && identical(get(name, space), f)) return(name)
}

is_of_r <- function(f) {
  home <- environment(f)
  isNamespace(home) && getNamespaceName(home) %in% c("base", "stats", "utils", "graphics", "grDevices")
}

# ---------------------------------------------------------------- symbols, executors, iterators

#' @methods Rcpp_MXSymbol Rcpp_MXExecutor Rcpp_MXArrayDataIter Rcpp_MXNativeDataIter:
#'   as.double as.integer as.logical as.character as.vector as.array as.matrix as.data.frame is.na is.nan is.finite
#'   is.infinite anyNA rep rev sort unique duplicated anyDuplicated median quantile weighted.mean diff scale cut split
#'   subset merge aggregate determinant qr chol head tail hist boxplot image density xtfrm
#' @methods Rcpp_MXSymbol Rcpp_MXExecutor: [ as.list
#' @methods Rcpp_MXArrayDataIter Rcpp_MXNativeDataIter: [
#' @methods Rcpp_MXExecutor Rcpp_MXArrayDataIter Rcpp_MXNativeDataIter: mean t
without_numbers <- function(x, ...) no_numbers(x, .Generic)

#' @methods Rcpp_MXSymbol Rcpp_MXExecutor: [<- [[<- dim<- dimnames<- names<- length<- levels<-
#' @methods Rcpp_MXArrayDataIter Rcpp_MXNativeDataIter: [<- dim<- dimnames<- names<- length<- levels<-
assigned_without_numbers <- function(x, ..., value) no_numbers(x, .Generic)

# The same for generics whose first arguments have other names: a method has its generic's.
#' @methods Rcpp_MXSymbol Rcpp_MXExecutor Rcpp_MXArrayDataIter Rcpp_MXNativeDataIter: aperm
aperm_without_numbers <- function(a, perm, ...) no_numbers(a, .Generic)

#' @methods Rcpp_MXSymbol Rcpp_MXExecutor Rcpp_MXArrayDataIter Rcpp_MXNativeDataIter: barplot
barplot_without_numbers <- function(height, ...) no_numbers(height, .Generic)

#' @methods Rcpp_MXSymbol Rcpp_MXExecutor Rcpp_MXArrayDataIter Rcpp_MXNativeDataIter: by
by_without_numbers <- function(data, INDICES, FUN, ...) no_numbers(data, .Generic)

#' @methods Rcpp_MXSymbol Rcpp_MXExecutor Rcpp_MXArrayDataIter Rcpp_MXNativeDataIter: isSymmetric na.omit
object_without_numbers <- function(object, ...) no_numbers(object, .Generic)

#' @methods Rcpp_MXSymbol Rcpp_MXExecutor Rcpp_MXArrayDataIter Rcpp_MXNativeDataIter: solve
solve_without_numbers <- function(a, b, ...) no_numbers(a, .Generic)

#' @methods Rcpp_MXSymbol Rcpp_MXExecutor Rcpp_MXArrayDataIter Rcpp_MXNativeDataIter: transform
transform_without_numbers <- function(`_data`, ...) no_numbers(`_data`, .Generic)

#' @methods Rcpp_MXSymbol Rcpp_MXExecutor Rcpp_MXArrayDataIter Rcpp_MXNativeDataIter: with within
with_without_numbers <- function(data, expr, ...) no_numbers(data, .Generic)

#' @methods Rcpp_MXSymbol Rcpp_MXExecutor Rcpp_MXArrayDataIter Rcpp_MXNativeDataIter: Complex
complex_without_numbers <- function(z) no_numbers(z, .Generic)

#' @methods Rcpp_MXExecutor Rcpp_MXArrayDataIter Rcpp_MXNativeDataIter: Math
math_without_numbers <- function(x, ...) no_numbers(x, .Generic)

#' @methods Rcpp_MXExecutor Rcpp_MXArrayDataIter Rcpp_MXNativeDataIter: Summary
summary_without_numbers <- function(..., na.rm = FALSE) no_numbers(..1, .Generic)

# The same as for symbols and NDArrays (arithmetic.R).
#' @methods Rcpp_MXExecutor Rcpp_MXArrayDataIter Rcpp_MXNativeDataIter: Ops
ops_without_numbers <- function(e1, e2) if (missing(e2)) unary(.Generic, e1) else binary(.Generic, e1, e2)

# R would make a matrix of lists from objects without numbers. All classes have the same method, because R uses no
# method if two classes have different ones.
#' @methods Rcpp_MXSymbol Rcpp_MXExecutor Rcpp_MXArrayDataIter Rcpp_MXNativeDataIter MXNDArray: cbind
bound_columns <- function(..., deparse.level = 1) bound_arrays("cbind", list(...))

#' @methods Rcpp_MXSymbol Rcpp_MXExecutor Rcpp_MXArrayDataIter Rcpp_MXNativeDataIter MXNDArray: rbind
bound_rows <- function(..., deparse.level = 1) bound_arrays("rbind", list(...))

bound_arrays <- function(generic, args) {
  for (x in args) if (!is.null(kind_without_numbers(x))) no_numbers(x, generic, 3)
  do.call(generic, lapply(args, as_plain), quote = TRUE)
}

# Products of matrices, a group of generics in R 4.3 and later. `x` and `y` are the operands of `%*%`.
#' @methods Rcpp_MXSymbol Rcpp_MXExecutor Rcpp_MXArrayDataIter Rcpp_MXNativeDataIter MXNDArray: matrixOps
matrix_product <- function(x, y) {
  factors <- if (missing(y)) list(x) else list(x, y)             # crossprod(x) is of this group since R 4.4
  for (e in factors) if (!is.null(kind_without_numbers(e))) no_numbers(e, .Generic)
  mx.nd.array(do.call(.Generic, lapply(factors, as_plain)))
}

# Returns `answer`, for an object without dimensions and numbers. If a function that needs numbers has called the
# generic, stops instead.
answered <- function(x, generic, answer) {
  known <- c(names(symbol_instead), reads_arrays)
  asked <- asked_by(generic, known)$name
  if (asked != generic && asked %in% known) no_numbers(x, generic, 3)
  answer
}

# Functions of R that read the memory of R's own arrays, and first check whether their argument is one.
reads_arrays <- c("rowSums", "colSums", "rowMeans", "colMeans", "cor", "cov", "cor.test", "diag", "jitter", "tabulate",
                  "rowsum", "row", "col", "max.col", "is.unsorted", "addmargins", "margin.table", "convolve", "embed",
                  "filter", "rle", "outer", "%o%", "sprintf", "gettextf", "stopifnot", "ts", "marginSums", "cov2cor",
                  "cov.wt", "rcond", "diffinv", "bw.nrd0", "bw.nrd", "bw.SJ", "lag", "time", "cycle")

#' @methods Rcpp_MXSymbol Rcpp_MXExecutor Rcpp_MXArrayDataIter Rcpp_MXNativeDataIter: dim
dim_without <- function(x) answered(x, "dim", NULL)

#' @methods Rcpp_MXSymbol Rcpp_MXExecutor Rcpp_MXArrayDataIter Rcpp_MXNativeDataIter: is.numeric is.array is.matrix
kind_without <- function(x) answered(x, .Generic, FALSE)

# The number of outputs, which `[[` selects.
#' @export
length.Rcpp_MXSymbol <- function(x) answered(x, "length", length(outputs(x)))

#' @export
length.Rcpp_MXExecutor <- function(x) answered(x, "length", 1L)

# The number of batches if it is known, as for arrays; else 1.
#' @export
length.Rcpp_MXArrayDataIter <- function(x) answered(x, "length", or_else(attr(x, "n.batches"), 1L))

#' @export
`$.Rcpp_MXArrayDataIter` <- function(x, name) {
  value <- .subset2(x, name)
  if (is.null(value)) stop_parameter("an iterator has no ", name, "; it has iter.next, value, reset and num.pad")
  value
}

#' @export
`$.Rcpp_MXNativeDataIter` <- function(x, name) `$.Rcpp_MXArrayDataIter`(x, name)

#' @methods Rcpp_MXArrayDataIter Rcpp_MXNativeDataIter: [[
iterator_element <- function(x, i) if (is.character(i)) .subset2(x, i) else no_numbers(x, "[[")

#' @methods Rcpp_MXArrayDataIter Rcpp_MXNativeDataIter: [[<-
iterator_assigned <- function(x, i, value) {
  if (!is.character(i)) no_numbers(x, "[[<-")
  assign(i, value, envir = x)
  x
}

# ---------------------------------------------------------------- NDArrays

#' @methods MXNDArray: [[ as.integer is.nan is.finite is.infinite rep unique duplicated anyDuplicated head tail diff cut
#'   split subset as.data.frame determinant density hist boxplot image format aggregate merge
in_r <- function(x, ...) computed_in_r(.Generic, x, ...)

#' @methods MXNDArray: aperm
aperm_in_r <- function(a, perm, ...) {
  if (missing(perm)) computed_in_r(.Generic, a, ...) else computed_in_r(.Generic, a, perm, ...)
}

#' @methods MXNDArray: barplot
barplot_in_r <- function(height, ...) computed_in_r(.Generic, height, ...)

#' @methods MXNDArray: by
by_in_r <- function(data, INDICES, FUN, ...) computed_in_r(.Generic, data, INDICES, FUN, ...)

#' @methods MXNDArray: isSymmetric na.omit
object_in_r <- function(object, ...) computed_in_r(.Generic, object, ...)

#' @methods MXNDArray: solve
solve_in_r <- function(a, b, ...) {
  if (missing(b)) computed_in_r(.Generic, a, ...) else computed_in_r(.Generic, a, b, ...)
}

#' @methods MXNDArray: transform
transform_in_r <- function(`_data`, ...) computed_in_r(.Generic, `_data`, ...)

#' @methods MXNDArray: Complex
complex_in_r <- function(z) computed_in_r(.Generic, z)

computed_in_r <- function(generic, x, ...) {
  f <- match.fun(generic)
  if (!any(vapply(list(...), is.mx.ndarray, NA))) return(f(as.array(x), ...))
  do.call(f, lapply(list(x, ...), as_plain), quote = TRUE)
}

#' @export
`[.MXNDArray` <- function(x, ...) {
  given <- as.list(substitute(list(...)))[-1]
  for (i in seq_along(given))
    if (!identical(given[[i]], substitute()) && is.mx.ndarray(...elt(i)))
      stop_type("an NDArray cannot be an index; give as.array(i), or as.array(i) == 1 if it has 0 and 1 for ",
                "each element")
  as.array(x)[...]
}

#' @export
is.na.MXNDArray <- function(x) {
  asked <- asked_by("is.na", c("pmax", "pmin"), 1)
  if (asked$name %in% c("pmax", "pmin"))
    raise_error(paste0(asked$name, "() changes its argument in place; use mx.nd.broadcast.",
                       if (asked$name == "pmax") "maximum" else "minimum", "(a, b)"),
                kinds = "mxnet_type_error", call = asked$call)
  is.na(as.array(x))
}

#' @export
as.vector.MXNDArray <- function(x, mode = "any") as.vector(as.array(x), mode)

#' @methods MXNDArray: as.double as.character
nd_vector <- function(x, ...) {
  refuse_foreign(.Generic)
  match.fun(.Generic)(as.array(x))
}

# ifelse() keeps the dimensions of its condition.
#' @export
as.logical.MXNDArray <- function(x, ...) {
  value <- as.array(x)
  if (asked_by("as.logical", "ifelse", 1)$name == "ifelse") value != 0 else as.logical(value)
}

#' @methods MXNDArray: is.numeric is.array is.matrix
nd_kind <- function(x) {
  refuse_foreign(.Generic)
  FALSE
}

# Stops in a method for NDArrays that is called by a function of R which would go on with a wrong answer, or stop with a
# less helpful error.
refuse_foreign <- function(generic) {
  asked <- asked_by(generic, reads_arrays)
  if (asked$name %in% reads_arrays)
    raise_error(paste0(asked$name, "() reads R's own arrays; give it as.array(x)"),
                kinds = "mxnet_type_error", call = asked$call)
}

#' @methods MXNDArray: [<- [[<- $<- dimnames<- names<- length<- levels<-
nd_assigned <- function(x, ..., value) {
  stop_parameter("an NDArray is not changed in place; change a copy from as.array() and make an NDArray of it ",
                 "with mx.nd.array()")
}

#' @export
`dim<-.MXNDArray` <- function(x, value) {
  stop_parameter("an NDArray is not changed in place; use mx.nd.reshape(x, shape = c(",
                 paste(value, collapse = ", "), "))")
}
