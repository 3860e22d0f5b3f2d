#' Draw a network
#'
#' A graph of the operators and of the shapes that pass between them. With the package DiagrammeR it is drawn; otherwise
#' the result is its text in the Graphviz language, which prints as such.
#'
#' @param symbol a symbol, or its JSON text.
#' @param shape NULL, the shape of `data`, or a named list of shapes.
#' @param direction `"TD"` (top down) or `"LR"` (left to right).
#' @param type has no effect.
#' @param graph.width.px,graph.height.px size of the drawing.
#' @return A DiagrammeR object, or text of class `mx.graph`.
#' @examples
#' net <- mx.symbol.FullyConnected(mx.symbol.Variable("data"), num.hidden = 2, name = "fc")
#' graph.viz(net, shape = c(3, 10))
#' @export
graph.viz <- function(symbol, shape = NULL, direction = "TD", type = "graph", graph.width.px = NULL,
                      graph.height.px = NULL) {
  if (is.character(symbol)) symbol <- mx.symbol.load.json(symbol)
  check.symbol(symbol)
  if (is.numeric(shape)) shape <- list(data = shape)
  dot <- mx.call("symbol.dot", symbol, or.else(shape, list()), direction)
  if (!requireNamespace("DiagrammeR", quietly = TRUE)) return(structure(dot, class = "mx.graph"))
  DiagrammeR::grViz(dot, width = graph.width.px, height = graph.height.px)
}

#' @export
print.mx.graph <- function(x, ...) {
  cat(x, "\n")
  invisible(x)
}
