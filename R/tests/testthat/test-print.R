fc1 <- mx.symbol.FullyConnected(mx.symbol.Variable("data"), num.hidden = 20, name = "fc1")
bn1 <- mx.symbol.BatchNorm(fc1, name = "bn1")
net <- mx.symbol.SoftmaxOutput(mx.symbol.FullyConnected(bn1, num.hidden = 3, name = "fc2"), name = "softmax")
shown <- function(x) paste(capture.output(print(x)), collapse = "\n")

test_that("summaries count parameters and show shapes", {
  table <- summary(net, data = c(4, 100))
  expect_s3_class(table, "data.frame")
  expect_equal(table$layer, c("fc1", "bn1", "fc2", "softmax"))
  expect_equal(table$output, c("20 x 100", "20 x 100", "3 x 100", "3 x 100"))
  expect_equal(table$count, c(100, 80, 63, 0))
  expect_match(shown(table), "parameters: 243")
})

test_that("a network without known shapes shows the known ones", {
  expect_match(shown(summary(net)), "fc2 +FullyConnected +\\? +fc2_weight, fc2_bias +\\?")
  expect_match(shown(summary(net)), "give the shapes", fixed = TRUE)
  model <- structure(list(symbol = net, arg.params = list(fc1_weight = mx.nd.ones(c(4, 20)), fc1_bias = mx.nd.zeros(20)),
                          aux.params = list()), class = "MXFeedForwardModel")
  expect_match(shown(model), "softmax_output.*fc1 +FullyConnected.* 100\n")
  expect_match(shown(summary(model, data = c(4, 7))), "3 x 7.*parameters: 243$")
  expect_match(shown(mx.serialize(model)), "serialized")
  expect_match(shown(structure(list(), class = "MXFeedForwardModel")), "without a symbol")
})

test_that("large models print their ends", {
  deep <- mx.symbol.Variable("data")
  for (i in 1:60) deep <- mx.symbol.FullyConnected(deep, num.hidden = 2, name = paste0("fc", i))
  model <- structure(list(symbol = deep, arg.params = list(), aux.params = list()), class = "MXFeedForwardModel")
  printed <- capture.output(print(model))
  expect_length(printed, 45)                       # outputs, header, 40 layers and a line between, the total, a hint
  expect_match(printed[[23]], "... and 20 more ...", fixed = TRUE)
  expect_match(printed[[43]], "^fc60 ")
  expect_length(capture.output(print(summary(model))), 63)
  expect_match(shown(mx.simple.bind(deep, ctx = mx.cpu(), data = c(2, 3))), "... and 81 more ...", fixed = TRUE)
})

test_that("executors, symbols, arrays and devices print their contents", {
  exec <- mx.simple.bind(net, ctx = mx.cpu(), grad.req = "write", data = c(4, 7))
  expect_match(shown(exec), "data: 4 x 7\n.*fc1_weight: 4 x 20, gradient \\(write\\).*bn1_moving_mean: 20\n.*softmax_output: 3 x 7")
  expect_equal(sum(summary(exec)$count), 243)
  expect_match(shown(net), "outputs: softmax_output.*fc1 = FullyConnected\\(data, fc1_weight, fc1_bias, num_hidden = 20\\)")
  expect_match(shown(mx.nd.array(matrix(1:4, 2))), "3 +4|1 +3")
  expect_equal(summary(mx.nd.array(1:5)), summary(as.numeric(1:5)))
  expect_output(print(mx.cpu(2)), "cpu(2)", fixed = TRUE)
})

test_that("graph.viz gives something to print, quietly", {
  skip_if(requireNamespace("DiagrammeR", quietly = TRUE))
  for (given in list(NULL, c(4, 10), list(data = c(4, 10)))) {
    graph <- withVisible(graph.viz(net, shape = given, direction = "LR", type = "graph", graph.height.px = 300, graph.width.px = 200))
    expect_equal(graph$visible, interactive())
    expect_match(shown(graph$value), "softmax: SoftmaxOutput.*\n`- fc2: FullyConnected \\(3\\).*\n   `- bn1: BatchNorm.*\n.*\n +`- data")
    expect_match(graph$value$dot, 'rankdir = LR.*"fc1" -> "bn1"')
  }
  expect_match(graph$value$tree, "- data  [4x10]", fixed = TRUE)
  expect_equal(graph.viz(net$as.json(), list(data = c(4, 10)))$tree, graph$value$tree)
  expect_error(graph.viz(3), "symbol", class = "mxnet_error")
  alone <- mx.symbol.Variable("alone")
  expect_equal(graph.viz(alone)$tree, "alone")
  expect_match(graph.viz(alone)$dot, "alone")
  expect_length(capture.output(print(summary(alone))), 2)
})

test_that("with Graphviz a knitted page gets its picture, without it a plot", {
  skip_on_os("windows")
  skip_if(requireNamespace("DiagrammeR", quietly = TRUE))
  skip_if_not_installed("knitr")
  graph <- graph.viz(net, graph.width.px = 144, graph.height.px = 72)
  folder <- tempfile()
  dir.create(folder)
  path <- Sys.getenv("PATH")
  on.exit(Sys.setenv(PATH = path))
  Sys.setenv(PATH = folder)
  target <- knitr::opts_knit$get("rmarkdown.pandoc.to")
  on.exit(knitr::opts_knit$set(rmarkdown.pandoc.to = target), add = TRUE)
  knitr::opts_knit$set(rmarkdown.pandoc.to = "html")
  # knitr shows the plot, so the value is the graph itself
  drawn <- tempfile(fileext = ".svg")
  grDevices::svg(drawn)
  value <- mxnet:::knit_print.mx.graph(graph)
  grDevices::dev.off()
  expect_identical(value, graph)
  expect_gt(file.size(drawn), 2000)
  # a replacement for dot that records its arguments and its input
  writeLines(c("#!/bin/sh", "PATH=/bin:/usr/bin", "args=$*", "while [ $# -gt 1 ]; do shift; done",
               "{ echo '<?xml version=\"1.0\"?>'; echo \"<svg><!-- $args -->\"; cat; echo '</svg>'; } > $1"), file.path(folder, "dot"))
  Sys.chmod(file.path(folder, "dot"), "755")
  Sys.setenv(PATH = paste(folder, "/bin:/usr/bin", sep = ":"))
  picture <- mxnet:::knit_print.mx.graph(graph)
  expect_s3_class(picture, "knit_asis")
  expect_match(picture, "^\n<svg><!-- -Tsvg -Gsize=2,1! -o .*digraph network.*</svg>\n$")
})

test_that("settings are printed as given, and the label of a loss is drawn", {
  conv <- mx.symbol.Convolution(mx.symbol.Variable("data"), kernel = c(3, 5), num.filter = 2, no.bias = TRUE, name = "conv")
  expect_match(shown(conv), "kernel = c(3, 5)", fixed = TRUE)
  expect_match(shown(conv), "no_bias = TRUE", fixed = TRUE)
  expect_match(shown(mx.symbol.Activation(conv, act.type = "tanh", name = "act")), 'Activation(conv_output, act_type = "tanh")', fixed = TRUE)
  expect_match(shown(mx.symbol.Reshape(conv, shape = -1, name = "flat")), "shape = -1)", fixed = TRUE)
  graph <- graph.viz(line(), shape = c(3, 10))
  expect_match(graph$dot, '"label" -> "_minus')
  expect_match(graph$tree, "- label  [10]", fixed = TRUE)
  expect_false(grepl("weight", graph$dot))
})
