#' Draw a network
#'
#' A graph of the operators and of the shapes that pass between them. With the package DiagrammeR it is a widget, as in
#' MXNet; else, with Graphviz (the command `dot`), a picture; else a tree of text. In an R session and in a knitted
#' document the result of a bare call is shown; in a script that runs by `Rscript` it is returned invisibly: `print` it.
#'
#' @param symbol a symbol, or its JSON text.
#' @param shape NULL, the shape of `data`, or a named list of shapes.
#' @param direction `"TD"` (top down) or `"LR"` (left to right).
#' @param type `"graph"`; other values have no effect.
#' @param graph.width.px,graph.height.px size of the drawing.
#' @param model,graph.title,graph.title.font.name,graph.title.font.size the network, and a title above it, as versions
#'   before 0.10 called them; the font has no effect.
#' @return A DiagrammeR object, or one of class `mx.graph`, a list of `dot` (the graph in the Graphviz language) and
#'   `tree` (as text).
#' @examples
#' net <- mx.symbol.FullyConnected(mx.symbol.Variable("data"), num.hidden = 2, name = "fc")
#' cat(graph.viz(mx.symbol.relu(net, name = "relu1"), shape = c(3, 10))$tree)
#' @export
graph.viz <- function(symbol, shape = NULL, direction = "TD", type = "graph", graph.width.px = NULL,
                      graph.height.px = NULL, graph.title = NULL, graph.title.font.name = NULL,
                      graph.title.font.size = NULL, model = symbol) {
  symbol <- model
  if (is.character(symbol)) symbol <- mx.symbol.load.json(symbol)
  check_symbol(symbol)
  if (is.numeric(shape)) shape <- list(data = shape)
  shape <- as.list(shape)
  dot <- call_python("symbol.dot", symbol, shape, direction, graph.title)
  graph <- if (nzchar(system.file(package = "DiagrammeR"))) {
    getExportedValue("DiagrammeR", "grViz")(dot, width = graph.width.px, height = graph.height.px)
  } else {
    structure(list(dot = dot, tree = call_python("symbol.tree", symbol, shape), width = graph.width.px,
                   height = graph.height.px),
              class = "mx.graph")
  }
  if (interactive() || isTRUE(getOption("knitr.in.progress"))) graph else invisible(graph)
}

#' @export
print.mx.graph <- function(x, ...) {
  picture <- if (interactive()) draw_graph(x)
  if (is.null(picture)) cat(x$tree, "\n", sep = "") else getOption("viewer", utils::browseURL)(picture)
  invisible(x)
}

# What a knitted document shows: the picture, or the tree of text.
#' @exportS3Method knitr::knit_print
knit_print.mx.graph <- function(x, ...) {
  picture <- draw_graph(x)
  knitr::asis_output(if (is.null(picture)) paste0("\n```\n", x$tree, "\n```\n")
                     else paste(c("", sub("(?s)^.*?(?=<svg)", "", paste(readLines(picture), collapse = "\n"),
                                          perl = TRUE), ""), collapse = "\n"))
}

# The path of an SVG picture that Graphviz draws, or NULL.
draw_graph <- function(x, file = tempfile("network", fileext = ".svg")) {
  program <- Sys.which("dot")
  if (!nzchar(program)) return(NULL)
  size <- if (!is.null(x$width) && !is.null(x$height)) sprintf("-Gsize=%g,%g!", x$width / 72, x$height / 72)
  status <- suppressWarnings(system2(program, c("-Tsvg", shQuote(size), "-o", shQuote(file)), input = x$dot,
                                     stderr = FALSE))
  if (status == 0 && file.exists(file)) file
}
