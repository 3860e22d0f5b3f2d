# Symbols: handles of class "Rcpp_MXSymbol". `$` gives fields (arguments, outputs, ...) and methods.

# ---------------------------------------------------------------- calls of operators

# The arguments of the calling wrapper: first the dots, then the formals that are not missing. Arguments that are NULL
# count as missing.
given_arguments <- function(frame, wrapper) {
  named <- setdiff(names(formals(wrapper)), "...")
  named <- named[!vapply(named, function(n) eval(call("missing", as.name(n)), frame), NA)]
  mx.util.filter.null(c(eval(quote(list(...)), frame), mget(named, envir = frame)))
}

# The body of every generated mx.symbol function.
symbol_operator <- function(op) {
  call_python("symbol.create", op, given_arguments(parent.frame(), sys.function(sys.parent())))
}

# The list form of an operator, mx.varg.symbol.X(list(...)).
symbol_varg <- function(op, alist) call_python("symbol.create", op, mx.util.filter.null(alist))

#' Variables
#'
#' A free input of a network: data, a label or a parameter. Variables with equal names are one input.
#'
#' @param name its name.
#' @return A symbol.
#' @examples
#' x <- mx.symbol.Variable("x")
#' exec <- mx.simple.bind(x^2 + x, ctx = mx.cpu(), x = 3)                 # the same x twice
#' mx.exec.update.arg.arrays(exec, list(x = mx.nd.array(1:3)), match.name = TRUE)
#' mx.exec.forward(exec, is.train = FALSE)
#' as.array(exec$ref.outputs[[1]])
#' @concept network
#' @concept input
#' @seealso [mx.symbol.FullyConnected()], [mx.symbol.MakeLoss()].
#' @export
mx.symbol.Variable <- function(name) {
  if (!is.character(name) || length(name) != 1 || is.na(name)) stop_type("mx.symbol.Variable: name must be one text")
  if (!nzchar(name)) stop_parameter("mx.symbol.Variable: the name is empty, but values are given by the name")
  call_python("symbol.variable", name)
}

#' Groups of symbols
#'
#' One symbol with the outputs of several, in order: to train several losses at once, or to see intermediate results
#' while training on a loss.
#'
#' @param ... symbols, or one list of symbols.
#' @return A symbol.
#' @examples
#' a <- mx.symbol.Variable("a")
#' both <- mx.symbol.Group(c(mx.symbol.exp(a, name = "e"), mx.symbol.log(a, name = "l")))
#' exec <- mx.simple.bind(both, ctx = mx.cpu(), a = 2)
#' mx.exec.update.arg.arrays(exec, list(a = mx.nd.array(c(1, 2))), match.name = TRUE)
#' mx.exec.forward(exec, is.train = FALSE)
#' exec$ref.outputs
#' @concept several outputs
#' @concept network
#' @seealso [mx.symbol.BlockGrad()], [outputs()].
#' @export
mx.symbol.Group <- function(...) mx.varg.symbol.internal.Group(list(...))

mx.varg.symbol.internal.Group <- function(slist) {
  if (length(slist) == 1 && !is.mx.symbol(slist[[1]])) slist <- slist[[1]]
  if (!is.list(slist) || !length(slist) || !all(vapply(slist, is.mx.symbol, NA)))
    stop_type("mx.symbol.Group: give symbols, or one list of symbols")
  call_python("symbol.group", unname(slist))
}

#' Join symbols along an axis
#'
#' Concatenates the inputs along the axis `dim`, counted from 0 in MXNet's order, which is the reverse of R's: 0 is R's
#' last dimension (the samples), 1 the one before it. `mx.symbol.Concat` does the same with a warning.
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
#' @concept combine or split arrays
#' @seealso [mx.symbol.SliceChannel()], [mx.symbol.stack()].
#' @export
mx.symbol.concat <- function(data, num.args, dim = NULL, name = NULL, ...) {
  # symbols given as separate arguments may be in any of the formals
  parts <- c(if (!missing(data)) list(data = data), if (!missing(num.args)) list(num.args = num.args),
             list(dim = dim, name = name, ...))
  parts <- mx.util.filter.null(parts)
  symbols <- unlist(lapply(parts[vapply(parts, function(x) is.list(x) || is.mx.symbol(x), NA)],
                           function(x) if (is.mx.symbol(x)) list(x) else x), use.names = FALSE)
  params <- parts[!vapply(parts, function(x) is.list(x) || is.mx.symbol(x), NA)]
  if (!length(symbols)) stop_type("mx.symbol.concat: data must be a list of symbols")
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

mx.varg.symbol.concat <- function(alist) symbol_varg("concat", alist)
mx.varg.symbol.Concat <- function(alist) symbol_varg("Concat", alist)

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
#' both <- mx.symbol.Group(mx.symbol.min(a, 2, name = "at.most.2"), mx.symbol.min(a, axis = 1, name = "smallest"))
#' exec <- mx.simple.bind(both, ctx = mx.cpu(), a = c(3, 2))
#' mx.exec.update.arg.arrays(exec, list(a = mx.nd.array(matrix(1:6, 3))), match.name = TRUE)
#' mx.exec.forward(exec, is.train = FALSE)
#' exec$ref.outputs
#' @concept reduction
#' @concept minimum
#' @seealso [mx.symbol.sum()], [mx.symbol.mean()].
#' @export
mx.symbol.min <- function(e1, e2, ..., axis, keepdims, exclude, name) {
  given <- given_arguments(environment(), sys.function())
  if (missing(e2)) return(mx.varg.symbol.min(unname_formals(given, "e1")))
  more <- given[!names(given) %in% c("e1", "e2")]               # the name; anything else is an error of the operator
  if (is.mx.symbol(e1) && is.mx.symbol(e2)) return(mx.varg.symbol.internal.minimum(c(list(e1, e2), more)))
  if (is.mx.symbol(e1)) return(mx.varg.symbol.internal.minimum_scalar(c(list(e1, scalar = e2), more)))
  if (is.mx.symbol(e2)) return(mx.varg.symbol.internal.minimum_scalar(c(list(e2, scalar = e1), more)))
  stop_type("mx.symbol.min: one of the arguments must be a symbol")
}

# The arguments with the one called `name` made positional, and put first.
unname_formals <- function(args, name) {
  names(args)[names(args) == name] <- ""
  args[order(names(args) != "")]
}

# ---------------------------------------------------------------- files

#' Save and load symbols
#'
#' Symbols are stored in MXNet's JSON format. Files of every MXNet version can be read, and MXNet can read the files
#' that are written.
#'
#' @param symbol a symbol.
#' @param filename,file.name path of the file.
#' @param json.str JSON text, as `symbol$as.json()` gives it.
#' @return A symbol; `mx.symbol.save` returns NULL, invisibly.
#' @examples
#' file <- tempfile()
#' mx.symbol.save(mx.symbol.exp(mx.symbol.Variable("x"), name = "e"), file)
#' exec <- mx.simple.bind(mx.symbol.load(file), ctx = mx.cpu(), x = 2)
#' mx.exec.update.arg.arrays(exec, list(x = mx.nd.array(c(0, 1))), match.name = TRUE)
#' mx.exec.forward(exec, is.train = FALSE)
#' as.array(exec$ref.outputs$e_output)
#' @concept save a network
#' @concept data file
#' @seealso [mx.model.load()].
#' @export
mx.symbol.save <- function(symbol, filename) {
  check_symbol(symbol)
  symbol$save(filename)
}

#' @rdname mx.symbol.save
#' @export
mx.symbol.load <- function(file.name, filename) {
  call_python("symbol.load", check_path(if (missing(file.name)) filename else file.name,
                                        "mx.symbol.load: the file name"))
}

#' @rdname mx.symbol.save
#' @export
mx.symbol.load.json <- function(json.str) {
  if (!is.character(json.str)) stop_type("mx.symbol.load.json: json.str must be text, not ", kind_of(json.str))
  call_python("symbol.load_json", paste(json.str, collapse = "\n"))
}

# ---------------------------------------------------------------- looking at symbols

#' Shapes of everything in a network
#'
#' Infers the shapes of all arguments, outputs and auxiliary states from those given; information flows in both
#' directions. Shapes are in R's order, samples last.
#'
#' @param symbol a symbol.
#' @param ... shapes by the names of arguments, such as `data = c(13, 60)`.
#' @return A list of `arg.shapes`, `out.shapes` and `aux.shapes` (named lists of integer vectors), or NULL if the given
#'   shapes do not determine them. Shapes that contradict each other are an error.
#' @examples
#' net <- mx.symbol.FullyConnected(mx.symbol.Variable("data"), num.hidden = 2, name = "fc")
#' mx.symbol.infer.shape(net, data = c(13, 60))$arg.shapes
#' @concept dimensions
#' @concept shape
#' @seealso [arguments()], [summary.Rcpp_MXSymbol()].
#' @export
mx.symbol.infer.shape <- function(symbol, ...) {
  check_short_names(sys.call(), "symbol")
  check_symbol(symbol)
  call_python("symbol.infer_shape", symbol, list(...))
}

#' Is this a symbol?
#'
#' @param x any object.
#' @return TRUE or FALSE.
#' @examples
#' is.mx.symbol(mx.symbol.Variable("x"))
#' is.mx.symbol("x")
#' @concept network
#' @seealso [mx.symbol.Variable()].
#' @export
is.mx.symbol <- function(x) inherits(x, "Rcpp_MXSymbol")

is.MXSymbol <- is.mx.symbol

#' Parts of symbols
#'
#' `arguments` and `outputs` name the inputs and outputs. `internals` gives every intermediate result as an output, to
#' select one: `internals(net)[["fc2_output"]]`. `children` gives the inputs of the last operator, NULL for a variable.
#' `mx.apply` replaces variables by symbols.
#'
#' Symbols also have fields and methods: `$arguments`, `$outputs`, `$auxiliary.states`, `$attributes`, `$as.json()`,
#' `$save(file)`, `$get.internals()`, `$get.children()`, `$get.output(i)`, `$infer.shape(list)`, `$apply(list)`,
#' `$debug.str()`. `[[i]]` selects an output by its number, from 1, or by its name.
#'
#' @param x a symbol.
#' @param ... symbols by the names of the variables they replace; `name` renames the result.
#' @return Names, or a symbol.
#' @examples
#' net <- mx.symbol.FullyConnected(mx.symbol.Variable("data"), num.hidden = 2, name = "fc")
#' arguments(net)
#' outputs(internals(net))
#' @concept inputs and outputs of a network
#' @seealso [mx.symbol.infer.shape()], [summary.Rcpp_MXSymbol()].
#' @export
arguments <- function(x) {
  check_symbol(x)
  as.character(call_python("symbol.arguments", x))
}

#' @rdname arguments
#' @export
outputs <- function(x) {
  check_symbol(x)
  as.character(call_python("symbol.outputs", x))
}

#' @rdname arguments
#' @export
internals <- function(x) {
  check_symbol(x)
  call_python("symbol.internals", x)
}

#' @rdname arguments
#' @export
children <- function(x) {
  check_symbol(x)
  call_python("symbol.children", x)
}

#' @rdname arguments
#' @export
mx.apply <- function(x, ...) {
  if ("x" %in% names(sys.call()) && any(!nzchar(or_else(...names(), ""))))
    stop_parameter("mx.apply: x = is the symbol itself; for a variable of this name use symbol$apply(list(x = ...))")
  check_symbol(x)
  call_python("symbol.apply", x, list(...))
}

save_symbol <- function(x, filename) {
  call_python("symbol.save", x, check_path(filename, "the file name"))
  invisible()
}

symbol_fields <- c("arguments", "outputs", "auxiliary.states", "attributes")

symbol_methods <- list(
  as.json = function(x) function() call_python("symbol.json", x),
  save = function(x) function(filename) save_symbol(x, filename),
  get.internals = function(x) function() internals(x),
  get.children = function(x) function() children(x),
  get.output = function(x) function(index) x[[index]],
  infer.shape = function(x) function(kwargs = list()) call_python("symbol.infer_shape", x, kwargs),
  apply = function(x) function(kwargs = list()) call_python("symbol.apply", x, kwargs),
  debug.str = function(x) function() call_python("symbol.debug", x))

#' @export
`$.Rcpp_MXSymbol` <- function(x, name) {
  if (name == "attributes") return(call_python("symbol.attributes", x))
  if (name %in% symbol_fields) return(as.character(call_python(paste0("symbol.", name), x)))
  method <- symbol_methods[[name]]
  if (is.null(method)) stop_parameter("a symbol has no ", name, "; it has ",
                                      paste(c(symbol_fields, names(symbol_methods)), collapse = ", "))
  by_position(method(x))
}

#' @export
`$<-.Rcpp_MXSymbol` <- function(x, name, value) {
  if (name != "attributes") stop_parameter("only the attributes of a symbol can be assigned")
  if (length(value) && is.null(names(value))) stop_parameter("attributes must be a named list of texts")
  call_python("symbol.set_attributes", x, as.list(value))
  x
}

#' @export
`[[.Rcpp_MXSymbol` <- function(x, i, ...) call_python("symbol.output", x, i)

#' @export
.DollarNames.Rcpp_MXSymbol <- function(x, pattern = "") {
  grep(pattern, c(symbol_fields, names(symbol_methods)), value = TRUE)
}

#' @export
print.Rcpp_MXSymbol <- function(x, ...) {
  cat(call_python("symbol.describe", x), sep = "\n")
  invisible(x)
}

#' @export
format.Rcpp_MXSymbol <- function(x, ...) paste0("<symbol ", paste(outputs(x), collapse = ", "), ">")
