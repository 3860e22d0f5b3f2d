# Symbols: handles of class "Rcpp_MXSymbol". What `$` finds are fields (arguments, outputs, ...) and methods (closures).

# ---------------------------------------------------------------- calls of operators

# The arguments that the calling wrapper was given: the dots first, then the formals that are not missing. NULL is not given.
given.arguments <- function(frame, wrapper) {
  named <- setdiff(names(formals(wrapper)), "...")
  named <- named[!vapply(named, function(n) eval(call("missing", as.name(n)), frame), NA)]
  mx.util.filter.null(c(eval(quote(list(...)), frame), mget(named, envir = frame)))
}

# The body of every generated mx.symbol function.
symbol.operator <- function(op) mx.call("symbol.create", op, given.arguments(parent.frame(), sys.function(sys.parent())))

# The list form of an operator, mx.varg.symbol.X(list(...)).
symbol.varg <- function(op, alist) mx.call("symbol.create", op, mx.util.filter.null(alist))

#' Variables
#'
#' A free input of a network: data, a label or a parameter. Variables with equal names are one input.
#'
#' @param name its name.
#' @return A symbol.
#' @examples
#' data <- mx.symbol.Variable("data")
#' arguments(data)
#' @export
mx.symbol.Variable <- function(name) {
  if (!is.character(name) || length(name) != 1 || is.na(name)) stop.user("mx.symbol.Variable: name must be one text")
  mx.call("symbol.variable", name)
}

#' Groups of symbols
#'
#' One symbol with the outputs of several, in order: to run several losses at once, or to look at inner results while
#' training on a loss.
#'
#' @param ... symbols, or one list of symbols.
#' @return A symbol.
#' @examples
#' a <- mx.symbol.Variable("a")
#' outputs(mx.symbol.Group(c(mx.symbol.exp(a, name = "e"), mx.symbol.log(a, name = "l"))))
#' @export
mx.symbol.Group <- function(...) mx.varg.symbol.internal.Group(list(...))

mx.varg.symbol.internal.Group <- function(slist) {
  if (length(slist) == 1 && !is.mx.symbol(slist[[1]])) slist <- slist[[1]]
  if (!is.list(slist) || !length(slist) || !all(vapply(slist, is.mx.symbol, NA)))
    stop.user("mx.symbol.Group: give symbols, or one list of symbols")
  mx.call("symbol.group", unname(slist))
}

#' Join symbols along an axis
#'
#' Puts inputs one after the other along the axis `dim`, counted from 0 in MXNet's order: with R's dimensions reversed,
#' 0 is the last dimension (the samples), 1 the one before it. `mx.symbol.Concat` is the same with a warning.
#'
#' @param data list of symbols; several symbols as separate arguments work too.
#' @param num.args number of symbols.
#' @param dim axis; 1 by default.
#' @param name name of the result.
#' @param ... further symbols.
#' @return A symbol.
#' @examples
#' a <- mx.symbol.Variable("a")
#' b <- mx.symbol.Variable("b")
#' ab <- mx.symbol.concat(list(a, b), num.args = 2, dim = 1, name = "ab")
#' mx.symbol.infer.shape(ab, a = c(2, 3), b = c(5, 3))$out.shapes
#' @export
mx.symbol.concat <- function(data, num.args, dim = NULL, name = NULL, ...) {
  # symbols as separate arguments land in whatever formals are free
  parts <- c(if (!missing(data)) list(data = data), if (!missing(num.args)) list(num.args = num.args),
             list(dim = dim, name = name, ...))
  parts <- mx.util.filter.null(parts)
  symbols <- unlist(lapply(parts[vapply(parts, function(x) is.list(x) || is.mx.symbol(x), NA)],
                           function(x) if (is.mx.symbol(x)) list(x) else x), use.names = FALSE)
  params <- parts[!vapply(parts, function(x) is.list(x) || is.mx.symbol(x), NA)]
  if (!length(symbols)) stop.user("mx.symbol.concat: data must be a list of symbols")
  mx.varg.symbol.concat(c(symbols, params))
}

#' @rdname mx.symbol.concat
#' @export
mx.symbol.Concat <- function(data, num.args, dim = NULL, name = NULL, ...) {
  warning("mx.symbol.Concat is deprecated. Use mx.symbol.concat instead.")
  arguments <- list(dim = dim, name = name, ...)
  if (!missing(num.args)) arguments <- c(list(num.args = num.args), arguments)
  if (!missing(data)) arguments <- c(list(data = data), arguments)
  do.call(mx.symbol.concat, arguments)
}

mx.varg.symbol.concat <- function(alist) symbol.varg("concat", alist)
mx.varg.symbol.Concat <- function(alist) symbol.varg("Concat", alist)

#' The smaller of two, or the minimum over axes
#'
#' With two arguments, the element-wise minimum of a symbol and a symbol or number. With one, the minimum over all
#' elements or over `axis`.
#'
#' @param e1,e2 symbols; one of them may be a number.
#' @param ... `data`, when given by name.
#' @param axis axis or axes, counted from 0 in MXNet's order (reversed with respect to R).
#' @param keepdims whether the axes stay with length 1.
#' @param exclude whether to reduce all axes but the given ones.
#' @param name name of the result.
#' @return A symbol.
#' @examples
#' a <- mx.symbol.Variable("a")
#' mx.symbol.min(a, 0)
#' mx.symbol.min(a, axis = 1)
#' @export
mx.symbol.min <- function(e1, e2, ..., axis, keepdims, exclude, name) {
  if (missing(e2)) return(mx.varg.symbol.min(unname.formals(given.arguments(environment(), sys.function()), "e1")))
  if (is.mx.symbol(e1) && is.mx.symbol(e2)) return(mx.varg.symbol.internal.minimum(list(e1, e2)))
  if (is.mx.symbol(e1)) return(mx.varg.symbol.internal.minimum_scalar(list(e1, scalar = e2)))
  if (is.mx.symbol(e2)) return(mx.varg.symbol.internal.minimum_scalar(list(e2, scalar = e1)))
  stop.user("mx.symbol.min: one of the arguments must be a symbol")
}

# An argument list in which the formal `name` counts as given by position.
unname.formals <- function(args, name) {
  names(args)[names(args) == name] <- ""
  args[order(names(args) != "")]
}

# ---------------------------------------------------------------- files

#' Save and load symbols
#'
#' Symbols are kept as MXNet's JSON: files of every MXNet version can be read, and MXNet reads what is written.
#'
#' @param symbol a symbol.
#' @param filename,file.name path of the file.
#' @param json.str JSON text, as `symbol$as.json()` gives it.
#' @return A symbol; `mx.symbol.save` returns NULL, invisibly.
#' @examples
#' file <- tempfile()
#' mx.symbol.save(mx.symbol.exp(mx.symbol.Variable("x"), name = "e"), file)
#' outputs(mx.symbol.load(file))
#' @export
mx.symbol.save <- function(symbol, filename) {
  check.symbol(symbol)
  symbol$save(filename)
}

#' @rdname mx.symbol.save
#' @export
mx.symbol.load <- function(file.name, filename) {
  mx.call("symbol.load", check.path(if (missing(file.name)) filename else file.name, "mx.symbol.load: the file name"))
}

#' @rdname mx.symbol.save
#' @export
mx.symbol.load.json <- function(json.str) {
  if (!is.character(json.str)) stop.user("mx.symbol.load.json: json.str must be text, not ", kind.of(json.str))
  mx.call("symbol.load_json", paste(json.str, collapse = "\n"))
}

# ---------------------------------------------------------------- looking at symbols

#' Shapes of everything in a network
#'
#' Infers the shapes of all arguments, outputs and auxiliary states from those given; information flows in both
#' directions. Shapes are in R's order, samples last.
#'
#' @param symbol a symbol.
#' @param ... shapes by the names of arguments, such as `data = c(13, 60)`.
#' @return A list of `arg.shapes`, `out.shapes` and `aux.shapes` (named lists of integer vectors), or NULL when the given
#'   shapes do not suffice. Shapes that contradict each other are an error.
#' @examples
#' net <- mx.symbol.FullyConnected(mx.symbol.Variable("data"), num.hidden = 2, name = "fc")
#' mx.symbol.infer.shape(net, data = c(13, 60))$arg.shapes
#' @export
mx.symbol.infer.shape <- function(symbol, ...) {
  check.symbol(symbol)
  mx.call("symbol.infer_shape", symbol, list(...))
}

#' Is this a symbol?
#'
#' @param x any object.
#' @return TRUE or FALSE.
#' @examples
#' is.mx.symbol(mx.symbol.Variable("x"))
#' @export
is.mx.symbol <- function(x) inherits(x, "Rcpp_MXSymbol")

is.MXSymbol <- is.mx.symbol

check.symbol <- function(x) if (!is.mx.symbol(x)) stop.user("a symbol is needed, not ", class(x)[[1]])

#' Parts of symbols
#'
#' `arguments` and `outputs` name the inputs and outputs. `internals` gives every inner result, so that one can be picked
#' out: `internals(net)[[match("fc2_output", outputs(internals(net)))]]`. `children` gives the inputs of the last
#' operator, NULL for a variable. `mx.apply` puts symbols in the place of variables.
#'
#' The same things are fields and methods: `$arguments`, `$outputs`, `$auxiliary.states`, `$attributes`, `$as.json()`,
#' `$save(file)`, `$get.internals()`, `$get.children()`, `$get.output(i)`, `$infer.shape(list)`, `$apply(list)`,
#' `$debug.str()`; `[[i]]` picks an output, counted from 1, or by its name.
#'
#' @param x a symbol.
#' @param ... symbols by the names of the variables they replace; `name` renames the result.
#' @return Names, or a symbol.
#' @examples
#' net <- mx.symbol.FullyConnected(mx.symbol.Variable("data"), num.hidden = 2, name = "fc")
#' arguments(net)
#' outputs(internals(net))
#' @export
arguments <- function(x) {
  check.symbol(x)
  as.character(mx.call("symbol.arguments", x))
}

#' @rdname arguments
#' @export
outputs <- function(x) {
  check.symbol(x)
  as.character(mx.call("symbol.outputs", x))
}

#' @rdname arguments
#' @export
internals <- function(x) {
  check.symbol(x)
  mx.call("symbol.internals", x)
}

#' @rdname arguments
#' @export
children <- function(x) {
  check.symbol(x)
  mx.call("symbol.children", x)
}

#' @rdname arguments
#' @export
mx.apply <- function(x, ...) {
  check.symbol(x)
  mx.call("symbol.apply", x, list(...))
}

# MXNet's methods, which come from C++, take arguments by position and pay no heed to names: scripts pass `...` on with whatever
# names are there. Here names count where all of them are the method's own.
by.position <- function(method) {
  force(method)
  function(...) {
    args <- list(...)
    given <- names(args)[nzchar(names(args))]
    if (anyNA(pmatch(given, names(formals(method))))) do.call(method, unname(args)) else method(...)
  }
}

symbol.fields <- c("arguments", "outputs", "auxiliary.states", "attributes")

symbol.methods <- list(
  as.json = function(x) function() mx.call("symbol.json", x),
  save = function(x) function(filename) {
    mx.call("symbol.save", x, check.path(filename, "the file name"))
    invisible()
  },
  get.internals = function(x) function() internals(x),
  get.children = function(x) function() children(x),
  get.output = function(x) function(index) x[[index]],
  infer.shape = function(x) function(kwargs) mx.call("symbol.infer_shape", x, kwargs),
  apply = function(x) function(kwargs) mx.call("symbol.apply", x, kwargs),
  debug.str = function(x) function() mx.call("symbol.debug", x))

#' @export
`$.Rcpp_MXSymbol` <- function(x, name) {
  if (name == "attributes") return(mx.call("symbol.attributes", x))
  if (name %in% symbol.fields) return(as.character(mx.call(paste0("symbol.", name), x)))
  method <- symbol.methods[[name]]
  if (is.null(method)) stop.user("a symbol has no ", name, "; it has ",
                                 paste(c(symbol.fields, names(symbol.methods)), collapse = ", "))
  by.position(method(x))
}

#' @export
`$<-.Rcpp_MXSymbol` <- function(x, name, value) {
  if (name != "attributes") stop.user("only the attributes of a symbol can be assigned")
  if (length(value) && is.null(names(value))) stop.user("attributes must be a named list of texts")
  mx.call("symbol.set_attributes", x, as.list(value))
  x
}

#' @export
`[[.Rcpp_MXSymbol` <- function(x, i, ...) mx.call("symbol.output", x, i)

#' @export
.DollarNames.Rcpp_MXSymbol <- function(x, pattern = "") {
  grep(pattern, c(symbol.fields, names(symbol.methods)), value = TRUE)
}

#' @export
print.Rcpp_MXSymbol <- function(x, ...) {
  cat(mx.call("symbol.describe", x), sep = "\n")
  invisible(x)
}

#' @export
format.Rcpp_MXSymbol <- function(x, ...) paste0("<symbol ", paste(outputs(x), collapse = ", "), ">")

# ---------------------------------------------------------------- R's own functions

# The operators behind `e1 op e2`: between symbols, with the number on the right, with the number on the left.
symbol.binary <- list(
  "+" = c("_Plus", "_PlusScalar", "_PlusScalar"), "-" = c("_Minus", "_MinusScalar", "_rminus_scalar"),
  "*" = c("_Mul", "_MulScalar", "_MulScalar"), "/" = c("_Div", "_DivScalar", "_rdiv_scalar"),
  "%%" = c("_Mod", "_ModScalar", "_RModScalar"), "%/%" = c("_Mod", "_ModScalar", "_RModScalar"),
  "^" = c("_power", "_power_scalar", "_rpower_scalar"),
  "==" = c("_equal", "_equal_scalar", "_equal_scalar"), "!=" = c("_not_equal", "_not_equal_scalar", "_not_equal_scalar"),
  ">" = c("_greater", "_greater_scalar", "_lesser_scalar"), "<" = c("_lesser", "_lesser_scalar", "_greater_scalar"),
  ">=" = c("_greater_equal", "_greater_equal_scalar", "_lesser_equal_scalar"),
  "<=" = c("_lesser_equal", "_lesser_equal_scalar", "_greater_equal_scalar"),
  "&" = c("_logical_and", "_logical_and_scalar", "_logical_and_scalar"),
  "|" = c("_logical_or", "_logical_or_scalar", "_logical_or_scalar"))

#' Arithmetic of symbols
#'
#' Symbols take R's operators and functions, so that a loss can be written as in a textbook:
#' `0 - (label * log(p) + (1 - label) * log(1 - p))`. Operators go between two symbols of one shape, or a symbol and a
#' single number on either side; they do not broadcast (use `mx.symbol.broadcast_add` and its kin). Comparisons give 0
#' and 1. `sum`, `prod`, `max`, `min` and `mean` reduce all elements; with `axis` (counted from 0 in MXNet's order),
#' those axes.
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
#' arguments(loss)
#' @export
Ops.Rcpp_MXSymbol <- function(e1, e2) {
  if (missing(e2)) {
    return(switch(.Generic, "+" = e1, "-" = mx.call("symbol.create", "negative", list(e1)),
                  "!" = mx.call("symbol.create", "logical_not", list(e1))))
  }
  ops <- symbol.binary[[.Generic]]
  if (is.mx.symbol(e1) && is.mx.symbol(e2)) return(mx.call("symbol.create", ops[[1]], list(e1, e2)))
  left <- is.mx.symbol(e1)
  number <- if (left) e2 else e1
  if (!(is.numeric(number) || is.logical(number)) || length(number) != 1)
    stop.user("`", .Generic, "`: a symbol goes with a symbol or a single number, not with ", class(number)[[1]],
              " of length ", length(number), "; make arrays variables and bind them")
  mx.call("symbol.create", ops[[if (left) 2 else 3]], list(if (left) e1 else e2, scalar = as.numeric(number)))
}

# R's name for a function of one argument -> the operator's
symbol.math <- c(abs = "abs", sign = "sign", sqrt = "sqrt", floor = "floor", ceiling = "ceil", trunc = "trunc",
                 round = "round", exp = "exp", expm1 = "expm1", log1p = "log1p", log2 = "log2", log10 = "log10",
                 cos = "cos", sin = "sin", tan = "tan", acos = "arccos", asin = "arcsin", atan = "arctan",
                 cosh = "cosh", sinh = "sinh", tanh = "tanh", acosh = "arccosh", asinh = "arcsinh", atanh = "arctanh",
                 gamma = "gamma", lgamma = "gammaln")

#' @rdname Ops.Rcpp_MXSymbol
#' @export
Math.Rcpp_MXSymbol <- function(x, ...) {
  if (.Generic == "log") {
    result <- mx.call("symbol.create", "log", list(x))
    base <- list(...)
    if (!length(base)) return(result)
    if (!is.numeric(base[[1]]) || length(base[[1]]) != 1) stop.user("log: base must be a number")
    return(result / log(base[[1]]))
  }
  if (.Generic == "round" && length(list(...)) && !identical(as.numeric(..1), 0))
    stop.user("round: symbols are rounded to whole numbers only")
  op <- symbol.math[.Generic]
  if (is.na(op)) stop.user(.Generic, " is not defined for symbols")
  mx.call("symbol.create", op[[1]], list(x))
}

# The reduction of each symbol, combined where there are several.
#' @rdname Ops.Rcpp_MXSymbol
#' @export
Summary.Rcpp_MXSymbol <- function(..., na.rm = FALSE) {
  if (!.Generic %in% c("sum", "prod", "max", "min")) stop.user(.Generic, " is not defined for symbols")
  if (na.rm) stop.user(.Generic, ": symbols have no missing values to remove; use mx.symbol.nansum or nanprod")
  args <- list(...)
  is.symbol <- vapply(args, is.mx.symbol, NA)
  parts <- lapply(args[is.symbol], function(x) mx.call("symbol.create", .Generic, c(list(x), args[!is.symbol])))
  combine <- c(sum = "_Plus", prod = "_Mul", max = "_maximum", min = "_minimum")[[.Generic]]
  Reduce(function(a, b) mx.call("symbol.create", combine, list(a, b)), parts)
}

#' @rdname Ops.Rcpp_MXSymbol
#' @export
mean.Rcpp_MXSymbol <- function(x, ...) mx.call("symbol.create", "mean", list(x, ...))

#' @export
t.Rcpp_MXSymbol <- function(x) mx.call("symbol.create", "transpose", list(x))

#' Operators of one's own
#'
#' MXNet could call operators that were written in Python; from R they could not be written. These functions raise an
#' error: write the expression in symbols instead, and end it in [mx.symbol.MakeLoss()] if it is a loss.
#'
#' @param ... not used.
#' @param data,op_type,out not used.
#' @return Nothing; always an error.
#' @export
mx.symbol.Custom <- function(...) {
  stop.user("mx.symbol.Custom: operators written in Python are not part of this package; write the expression in symbols")
}

#' @rdname mx.symbol.Custom
#' @export
mx.nd.Custom <- function(data = NULL, op_type = NULL, out = NULL) {
  stop.user("mx.nd.Custom: operators written in Python are not part of this package; compute with R's functions on as.array(nd)")
}
