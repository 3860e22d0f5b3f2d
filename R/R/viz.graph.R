# Drawings of networks.

#' Draw a network
#'
#' A graph of the operators and of the shapes that pass between them.
#'
#' If the package DiagrammeR is installed, `graph.viz` gives its widget, as in MXNet. Otherwise the result is shown in
#' one of these forms. In an HTML document it is the picture that Graphviz (the command `dot`) makes. On an open
#' graphics device, such as `png()` or the page of a PDF or Word document, R draws it. An interactive session uses
#' either of the two. In a script without a device, printing it gives a tree of text. `plot` always draws, and needs no
#' other software.
#'
#' @param symbol a symbol, or its JSON text.
#' @param shape NULL, the shape of `data`, or a named list of shapes.
#' @param direction `"TD"` (top down) or `"LR"` (left to right).
#' @param type `"graph"`; other values have no effect.
#' @param graph.width.px,graph.height.px size of the drawing.
#' @param model,graph.title,graph.title.font.name,graph.title.font.size names before version 0.10 of the network and of
#'   a title above it; the font has no effect.
#' @param x a symbol, or the result of `graph.viz`.
#' @param main a title.
#' @param ... for a symbol, `shape` and `direction`.
#' @return A DiagrammeR object, or one of class `mx.graph`, a list of `dot` (the graph in the Graphviz language),
#'   `tree` (as text) and `picture` (what R draws). `plot` gives it invisibly.
#' @examples
#' net <- mx.symbol.FullyConnected(mx.symbol.Variable("data"), num.hidden = 2, name = "fc")
#' net <- mx.symbol.SoftmaxOutput(mx.symbol.relu(net, name = "relu1"), name = "softmax")
#' cat(graph.viz(net, shape = c(3, 10))$tree)
#' plot(net, shape = c(3, 10))
#' @concept network picture
#' @concept draw model
#' @seealso [summary.Rcpp_MXSymbol()] for a table of layers.
#' @export
graph.viz <- function(symbol, shape = NULL, direction = "TD", type = "graph", graph.width.px = NULL,
                      graph.height.px = NULL, graph.title = NULL, graph.title.font.name = NULL,
                      graph.title.font.size = NULL, model = symbol) {
  graph <- network_graph(model, shape, direction, graph.title)
  knitting <- isTRUE(getOption("knitr.in.progress"))
  if (nzchar(system.file(package = "DiagrammeR"))) {
    graph <- getExportedValue("DiagrammeR", "grViz")(graph$dot, width = graph.width.px, height = graph.height.px)
  } else {
    graph[c("width", "height")] <- list(graph.width.px, graph.height.px)
    # a script with an open device draws at once, as print does in an interactive session
    if (!interactive() && !knitting && grDevices::dev.cur() > 1) plot(graph)
  }
  if (interactive() || knitting) graph else invisible(graph)
}

network_graph <- function(symbol, shape, direction, title) {
  if (is.character(symbol)) symbol <- mx.symbol.load.json(symbol)
  check_symbol(symbol)
  if (is.numeric(shape)) shape <- list(data = shape)
  shape <- as.list(shape)
  structure(list(dot = call_python("symbol.dot", symbol, shape, direction, title), title = title,
                 tree = call_python("symbol.tree", symbol, shape), direction = direction,
                 picture = call_python("symbol.picture", symbol, shape)), class = "mx.graph")
}

#' @export
print.mx.graph <- function(x, ...) {
  picture <- if (interactive()) draw_graph(x)
  if (!is.null(picture)) getOption("viewer", utils::browseURL)(picture)
  else if (interactive()) plot(x)
  else cat(x$tree, "\n", sep = "")
  invisible(x)
}

# The picture in a knitted document: Graphviz's in HTML; R's own in other formats, or without Graphviz.
#' @exportS3Method knitr::knit_print
knit_print.mx.graph <- function(x, ...) {
  picture <- if (knitr::is_html_output()) draw_graph(x)
  if (is.null(picture)) {
    plot(x)
    return(invisible(x))
  }
  svg <- sub("(?s)^.*?(?=<svg)", "", paste(readLines(picture), collapse = "\n"), perl = TRUE)
  knitr::asis_output(paste("", svg, "", sep = "\n"))
}

#' @rdname graph.viz
#' @export
plot.Rcpp_MXSymbol <- function(x, shape = NULL, direction = "TD", main = NULL, ...) {
  plot(network_graph(x, shape, direction, main), ...)
}

#' @rdname graph.viz
#' @export
plot.mx.graph <- function(x, main = x$title, ...) {
  check_dots(or_else(...names(), character()), character(), "plot() of a network has shape, direction and main",
             also = c("shape", "direction", "main"))
  flat <- identical(x$direction, "LR")
  boxes <- x$picture
  # across and along the direction of the graph, on the page
  page <- function(across, along) if (flat) list(x = along, y = -across) else list(x = across, y = -along)
  at <- page(unlist(boxes$x), unlist(boxes$y))
  turns <- lapply(boxes$paths, function(p) page(unlist(p$x), unlist(p$y)))
  every <- function(axis) c(at[[axis]], unlist(lapply(turns, `[[`, axis)))
  old <- graphics::par(mar = c(0.5, 0.5, if (is.null(main)) 0.5 else 2, 0.5))
  on.exit(graphics::par(old))
  graphics::plot.new()
  graphics::plot.window(range(every("x")) + c(-0.55, 0.55), range(every("y")) + c(-0.5, 0.5))
  if (!is.null(main)) graphics::title(main)
  text <- unlist(boxes$text)
  size <- box_size(text, room = if (flat) c(0.7, 0.8) else c(0.92, 0.7))
  draw_edges(turns, at, unlist(boxes$shape), size, flat)
  graphics::rect(at$x - size$width / 2, at$y - size$height / 2, at$x + size$width / 2, at$y + size$height / 2,
                 col = unlist(boxes$color), border = "gray50", lwd = ifelse(unlist(boxes$input), 2, 1))
  graphics::text(at$x, at$y, text, cex = size$cex, col = "black")
  invisible(x)
}

# The size of boxes for texts, and of the letters, so that all boxes fit into `room`, a width and a height.
box_size <- function(text, room) {
  wide <- 1.15 * max(graphics::strwidth(text))
  high <- graphics::strheight(text) + graphics::strheight("M")
  cex <- min(1, room[[1]] / wide, room[[2]] / max(high))
  list(cex = cex, width = rep(wide * cex, length(text)), height = high * cex)
}

# Arrows from box to box, labelled with the shapes.
draw_edges <- function(turns, at, shapes, size, flat) {
  for (i in seq_along(turns)) {
    x <- turns[[i]]$x
    y <- turns[[i]]$y
    n <- length(x)
    # from the border of the first box to that of the last one
    ends <- vapply(c(1, n), function(k) which(at$x == x[[k]] & at$y == y[[k]])[[1]], 1L)
    if (flat) x[c(1, n)] <- x[c(1, n)] + c(1, -1) * size$width[ends] / 2
    else y[c(1, n)] <- y[c(1, n)] + c(-1, 1) * size$height[ends] / 2
    graphics::lines(x, y, col = "gray50")
    graphics::arrows(x[[n - 1]], y[[n - 1]], x[[n]], y[[n]], length = 0.07, col = "gray50")
    if (!nzchar(shapes[[i]])) next
    side <- beside(x[[2]] - x[[1]], y[[2]] - y[[1]])
    gap <- (0.5 - side[[1]]) * graphics::strwidth("M", cex = size$cex)
    graphics::text(mean(x[1:2]) + gap, mean(y[1:2]), shapes[[i]], cex = 0.95 * size$cex, adj = side, col = "gray50")
  }
}

# The side of a line on which its label is not crossed by it, as `adj` of text().
beside <- function(dx, dy) {
  if (abs(dx) < 0.05) return(c(0, 0.5))
  if (abs(dy) < 0.05) return(c(0.5, -0.5))
  c(if (dx * dy > 0) 1 else 0, -0.3)
}

# The path of an SVG picture drawn by Graphviz, or NULL.
draw_graph <- function(x, file = tempfile("network", fileext = ".svg")) {
  program <- Sys.which("dot")
  if (!nzchar(program)) return(NULL)
  size <- if (!is.null(x$width) && !is.null(x$height)) sprintf("-Gsize=%g,%g!", x$width / 72, x$height / 72)
  status <- suppressWarnings(system2(program, c("-Tsvg", shQuote(size), "-o", shQuote(file)), input = x$dot,
                                     stderr = FALSE))
  if (status == 0 && file.exists(file)) file
}
