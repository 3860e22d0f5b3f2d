# What networks, models and executors print, and their summaries: a table of layers, shapes and parameter counts.

#' Tables of layers, shapes and parameter counts
#'
#' One row per operator of a network: its name, the operator, the shape of its output in R's order (samples last), and
#' how many numbers its own parameters hold. A question mark is an unknown number.
#'
#' For a symbol the shapes follow from those that are given, such as `data = c(784, 100)`. For a model they follow from
#' its parameters as far as they tell, and from the shapes given.
#'
#' @param object a symbol, a model, an executor or an NDArray.
#' @param ... shapes by the names of arguments.
#' @return A data frame of class `mx.summary` with the columns `layer`, `operator`, `output`, `parameters` and `count`.
#'   For an NDArray, what `summary` gives for its values.
#' @examples
#' fc1 <- mx.symbol.FullyConnected(mx.symbol.Variable("data"), num.hidden = 20, name = "fc1")
#' net <- mx.symbol.SoftmaxOutput(mx.symbol.FullyConnected(fc1, num.hidden = 3, name = "fc2"), name = "softmax")
#' summary(net)
#' summary(net, data = c(4, 100))
#' @concept number of parameters
#' @concept layers
#' @concept network
#' @seealso [graph.viz()] draws the network.
#' @export
summary.Rcpp_MXSymbol <- function(object, ...) layer_table(object, list(...))

#' @rdname summary.Rcpp_MXSymbol
#' @export
summary.MXFeedForwardModel <- function(object, ...) {
  if (is.serialized(object)) object <- mx.unserialize(object)
  known <- c(object$arg.params, object$aux.params)
  known <- lapply(known[names(known) %in% c(arguments(object$symbol), object$symbol$auxiliary.states)], shape_of)
  given <- list(...)
  # the shapes of the training's batches, where no others are given
  if (!length(given)) given <- attr(object, "inputs")
  known[names(given)] <- given
  layer_table(object$symbol, known, setdiff(arguments(object$symbol), names(object$arg.params)))
}

#' @rdname summary.Rcpp_MXSymbol
#' @export
summary.Rcpp_MXExecutor <- function(object, ...) {
  arrays <- object$ref.arg.arrays
  given <- names(arrays)[call_python("exec.requests", object) == "null"]
  layer_table(call_python("exec.symbol", object), lapply(arrays, dim), given)
}

#' @rdname summary.Rcpp_MXSymbol
#' @export
summary.MXNDArray <- function(object, ...) summary(as.vector(as.array(object)), ...)

# `inputs` names the arguments that are not parameters.
layer_table <- function(symbol, shapes, inputs = NULL) {
  found <- call_python("symbol.layers", symbol, shapes, as.list(inputs))
  size <- vapply(found$shape, function(s) if (length(s)) paste(ifelse(s == 0, "?", s), collapse = " x ") else "?", "")
  structure(data.frame(layer = as.character(found$layer), operator = as.character(found$operator), output = size,
                       parameters = as.character(found$parameters), count = as.numeric(found$count)),
            class = c("mx.summary", "data.frame"))
}

# The first and last of `lines`, `rows` in all, with a note of how many are left out.
shorten <- function(lines, rows) {
  left <- length(lines) - rows
  if (left <= 0) return(lines)
  c(utils::head(lines, rows / 2), paste("... and", left, "more ..."), utils::tail(lines, rows / 2))
}

#' @export
print.mx.summary <- function(x, rows = Inf, ...) {
  number <- function(n) ifelse(is.na(n), "?", format(n, big.mark = ",", scientific = FALSE, trim = TRUE))
  shown <- as.data.frame(unclass(x))
  shown$count <- ifelse(shown$parameters == "", "", number(x$count))
  text <- rbind(names(shown), as.matrix(shown))
  for (column in c("layer", "operator", "output", "parameters"))
    text[, column] <- formatC(text[, column], width = -max(nchar(text[, column])), flag = "-")
  text[, "count"] <- formatC(text[, "count"], width = max(nchar(text[, "count"])))
  lines <- sub("\\s+$", "", apply(text, 1, paste, collapse = "  "))
  writeLines(c(lines[[1]], shorten(lines[-1], rows)))
  unknown <- sum(is.na(x$count))
  cat("parameters: ", number(sum(x$count, na.rm = TRUE)),
      if (unknown) paste0(" and those of ", unknown, " layer", if (unknown > 1) "s", " whose shapes are not known"),
      "\n", sep = "")
  if (any(grepl("?", x$output, fixed = TRUE)))
    cat("? is not known: give the shapes of the inputs, as in summary(x, data = c(13, 100))\n")
  invisible(x)
}

#' @export
print.MXFeedForwardModel <- function(x, ...) {
  if (is.serialized(x)) {
    cat("<serialized model> ", length(x$arg.params), " parameters; mx.unserialize() makes a model of it\n", sep = "")
  } else if (!is.mx.symbol(x$symbol)) {
    cat("<model> without a symbol\n")
  } else {
    cat(paste0("<model> outputs: ", paste(outputs(x$symbol), collapse = " "), "\n"))
    print(summary(x), rows = 40)
  }
  invisible(x)
}

#' @export
print.Rcpp_MXExecutor <- function(x, ...) {
  shapes <- function(arrays) vapply(arrays, function(a) paste(dim(a), collapse = " x "), "")
  rows <- function(arrays, notes = "") {
    if (length(arrays)) writeLines(shorten(paste0("  ", names(arrays), ": ", shapes(arrays), notes), 40))
  }
  requests <- call_python("exec.requests", x)
  cat("<executor>\narguments:\n")
  rows(x$ref.arg.arrays, ifelse(requests == "null", "", paste0(", gradient (", requests, ")")))
  if (length(x$ref.aux.arrays)) cat("auxiliary states:\n")
  rows(x$ref.aux.arrays)
  cat("outputs:\n")
  rows(x$ref.outputs)
  invisible(x)
}

# What str() shows: one line, with the shape that print() tells in more.

#' @exportS3Method utils::str
str.Rcpp_MXSymbol <- function(object, ...) {
  cat("<symbol> outputs:", utils::head(outputs(object), 4), if (length(outputs(object)) > 4) "...", "| arguments:",
      utils::head(arguments(object), 6), if (length(arguments(object)) > 6) "...", "\n")
}

#' @exportS3Method utils::str
str.MXNDArray <- function(object, ...) {
  first <- utils::head(as.vector(as.array(object)), 5)
  cat("<NDArray> ", paste(shape_of(object), collapse = " x "), ": ", paste(format(first, digits = 4, trim = TRUE),
                                                                           collapse = " "),
      if (prod(shape_of(object)) > 5) " ...", "\n", sep = "")
}

#' @exportS3Method utils::str
str.Rcpp_MXExecutor <- function(object, ...) {
  cat("<executor> of", length(object$ref.arg.arrays), "arguments and", length(object$ref.outputs), "outputs\n")
}
