# R's own operators and functions on symbols and NDArrays.

utils::globalVariables(".Generic")   # R defines it in group methods, which R CMD check does not see

# The operators for `e1 op e2`: for two symbols, for a number on the right, for a number on the left.
symbol_binary <- list(
  "+" = c("_Plus", "_PlusScalar", "_PlusScalar"), "-" = c("_Minus", "_MinusScalar", "_rminus_scalar"),
  "*" = c("_Mul", "_MulScalar", "_MulScalar"), "/" = c("_Div", "_DivScalar", "_rdiv_scalar"),
  "%%" = c("_Mod", "_ModScalar", "_RModScalar"), "%/%" = c("_Mod", "_ModScalar", "_RModScalar"),
  "^" = c("_power", "_power_scalar", "_rpower_scalar"),
  "==" = c("_equal", "_equal_scalar", "_equal_scalar"),
  "!=" = c("_not_equal", "_not_equal_scalar", "_not_equal_scalar"),
  ">" = c("_greater", "_greater_scalar", "_lesser_scalar"), "<" = c("_lesser", "_lesser_scalar", "_greater_scalar"),
  ">=" = c("_greater_equal", "_greater_equal_scalar", "_lesser_equal_scalar"),
  "<=" = c("_lesser_equal", "_lesser_equal_scalar", "_greater_equal_scalar"),
  "&" = c("_logical_and", "_logical_and_scalar", "_logical_and_scalar"),
  "|" = c("_logical_or", "_logical_or_scalar", "_logical_or_scalar"))

# Functions of one argument: R's name = the operator's name.
symbol_math <- c(abs = "abs", sign = "sign", sqrt = "sqrt", floor = "floor", ceiling = "ceil", trunc = "trunc",
                 round = "round", exp = "exp", expm1 = "expm1", log1p = "log1p", log2 = "log2", log10 = "log10",
                 cos = "cos", sin = "sin", tan = "tan", acos = "arccos", asin = "arcsin", atan = "arctan",
                 cosh = "cosh", sinh = "sinh", tanh = "tanh", acosh = "arccosh", asinh = "arcsinh", atanh = "arctanh",
                 gamma = "gamma", lgamma = "gammaln", cumsum = "cumsum")

#' Arithmetic of symbols
#'
#' R's operators and functions work on symbols, so that a loss can be written as in a textbook:
#' `0 - (label * log(p) + (1 - label) * log(1 - p))`. The operands are two symbols of one shape, or a symbol and a
#' single number on either side. Operators do not broadcast; use `mx.symbol.broadcast_add` and similar functions.
#' Comparisons give 0 and 1. `sum`, `prod`, `max`, `min` and `mean` reduce all elements, or those axes that `axis` gives
#' (counted from 0 in MXNet's order).
#'
#' As in MXNet, `%/%` computes the remainder, as `%%` does.
#'
#' @param e1,e2,x symbols; one of `e1` and `e2` may be a number.
#' @param na.rm must be FALSE.
#' @param ... for `round`: `digits`, which must be 0; for reductions: further symbols, `axis`, `keepdims`.
#' @return A symbol.
#' @examples
#' p <- mx.symbol.Variable("p")
#' label <- mx.symbol.Variable("label")
#' loss <- mx.symbol.MakeLoss(0 - (label * log(p) + (1 - label) * log(1 - p)), name = "ce")
#' exec <- mx.simple.bind(loss, ctx = mx.cpu(), p = 2, label = 2)
#' mx.exec.update.arg.arrays(exec, list(p = mx.nd.array(c(0.9, 0.2)), label = mx.nd.array(c(1, 0))), match.name = TRUE)
#' mx.exec.forward(exec, is.train = FALSE)
#' as.array(exec$ref.outputs$ce_output)      # -log(0.9) and -log(0.8)
#' @concept arithmetic
#' @seealso [mx.symbol.fun()] for a function of your own; [mx.symbol.MakeLoss()].
#' @export
Ops.Rcpp_MXSymbol <- function(e1, e2) if (missing(e2)) unary(.Generic, e1) else binary(.Generic, e1, e2)

unary <- function(generic, x) {
  if (!is.mx.symbol(x) && !is.mx.ndarray(x)) no_numbers(x, generic, 3)
  if (!is.mx.symbol(x)) {
    return(switch(generic, "-" = call_python("nd.binary", "-", 0, x), "+" = call_python("nd.copy", x),
                  "!" = call_python("nd.binary", "==", x, 0)))
  }
  switch(generic, "+" = x, "-" = call_python("symbol.create", "negative", list(x)),
         "!" = call_python("symbol.create", "logical_not", list(x)))
}

# `e1` and `e2` are symbols, NDArrays or numbers.
binary <- function(generic, e1, e2) {
  for (e in list(e1, e2)) if (!is.null(kind_without_numbers(e)) && !is.mx.symbol(e)) no_numbers(e, generic, 3)
  if (is.mx.symbol(e1) || is.mx.symbol(e2)) symbol_arithmetic(generic, e1, e2)
  else call_python("nd.binary", generic, e1, e2)
}

# `e1`, `e2` or both are symbols.
symbol_arithmetic <- function(generic, e1, e2) {
  ops <- symbol_binary[[generic]]
  if (!is.mx.symbol(e2)) {
    call_python("symbol.create", ops[[2]], list(e1, scalar = scalar_operand(e2, generic)))
  } else if (!is.mx.symbol(e1)) {
    call_python("symbol.create", ops[[3]], list(e2, scalar = scalar_operand(e1, generic)))
  } else {
    call_python("symbol.create", ops[[1]], list(e1, e2))
  }
}

# The operand beside a symbol, as a number.
scalar_operand <- function(x, operator) {
  if (is.mx.ndarray(x))
    stop_type("`", operator, "`: ",
              "an NDArray cannot be combined with a symbol: use mx.symbol.Variable(\"name\") instead, ",
              "and give the array to mx.simple.bind's executor, or as a parameter, under that name")
  if (!(is.numeric(x) || is.logical(x)) || length(x) != 1)
    stop_type("`", operator, "`: a symbol goes with a symbol or a single number, not with ", class(x)[[1]],
              " of length ", length(x), "; make arrays variables and bind them")
  as.numeric(x)
}

# `base`: a list of the base, empty for the natural logarithm.
symbol_log <- function(x, base) {
  result <- call_python("symbol.create", "log", list(x))
  if (!length(base)) return(result)
  if (!is.numeric(base[[1]]) || length(base[[1]]) != 1) stop_type("log: base must be a number")
  result / log(base[[1]])
}

#' @rdname Ops.Rcpp_MXSymbol
#' @export
Math.Rcpp_MXSymbol <- function(x, ...) {
  if (.Generic == "log") return(symbol_log(x, list(...)))
  if (.Generic == "round" && length(list(...)) && !identical(as.numeric(..1), 0))
    stop_parameter("round: symbols are rounded to whole numbers only")
  op <- symbol_math[.Generic]
  if (is.na(op)) no_numbers(x, .Generic)
  if (.Generic != "round" && length(list(...))) stop_parameter(.Generic, " of a symbol has no further arguments")
  call_python("symbol.create", op[[1]], list(x))
}

# Each symbol is reduced. The results are combined by the first operator, and with numbers by the second.
symbol_summary <- list(sum = c("_Plus", "_PlusScalar"), prod = c("_Mul", "_MulScalar"),
                       max = c("_maximum", "_maximum_scalar"), min = c("_minimum", "_minimum_scalar"))

#' @rdname Ops.Rcpp_MXSymbol
#' @export
Summary.Rcpp_MXSymbol <- function(..., na.rm = FALSE) {
  combine <- symbol_summary[[.Generic]]
  if (is.null(combine)) no_numbers(..1, .Generic)
  if (na.rm) stop_parameter(.Generic, ": symbols have no missing values to remove; use mx.symbol.nansum or nanprod")
  args <- list(...)
  option <- nzchar(or_else(names(args), character(length(args))))
  is.symbol <- vapply(args, is.mx.symbol, NA)
  options <- args[option & !is.symbol]
  parts <- lapply(args[is.symbol], function(x) call_python("symbol.create", .Generic, c(list(x), options)))
  result <- Reduce(function(a, b) call_python("symbol.create", combine[[1]], list(a, b)), parts)
  for (x in args[!option & !is.symbol])
    result <- call_python("symbol.create", combine[[2]], list(result, scalar = scalar_operand(x, .Generic)))
  result
}

#' @rdname Ops.Rcpp_MXSymbol
#' @export
mean.Rcpp_MXSymbol <- function(x, ...) call_python("symbol.create", "mean", list(x, ...))

#' @export
t.Rcpp_MXSymbol <- function(x) call_python("symbol.create", "transpose", list(x))

# The same function as for symbols: for two operands of different classes R calls a method only if both classes have the
# same one.
#' @export
Ops.MXNDArray <- function(e1, e2) if (missing(e2)) unary(.Generic, e1) else binary(.Generic, e1, e2)

# Functions for which MXNet has no operator are computed by R.
#' @export
Math.MXNDArray <- function(x, ...) {
  op <- if (.Generic == "log") "log" else symbol_math[.Generic]
  if (!is.na(op) && !...length()) return(call_python("nd.invoke", op[[1]], list(x), NULL))
  mx.nd.array(match.fun(.Generic)(as.array(x), ...))
}

#' @export
Summary.MXNDArray <- function(..., na.rm = FALSE) {
  args <- lapply(list(...), as_plain)
  if (.Generic %in% c("any", "all")) args <- lapply(args, as.logical)
  do.call(.Generic, c(args, list(na.rm = na.rm)))
}

#' @export
mean.MXNDArray <- function(x, ...) mean(as.array(x), ...)

#' @export
t.MXNDArray <- function(x) mx.nd.array(t(as.array(x)))
