# Pictures: drawn on a device that records only that something was drawn, and checked as data.

square_net <- function() {
  fit <- mx.symbol.FullyConnected(mx.symbol.Variable("data"), num.hidden = 1, name = "fit")
  mx.symbol.LinearRegressionOutput(fit, name = "out")
}

trained <- function(...) {
  x <- scale(mtcars[, c("wt", "hp")])
  mx.set.seed(1)
  mx.model.FeedForward.create(square_net(), X = x[1:24, ], y = mtcars$mpg[1:24], array.layout = "rowmajor",
                              array.batch.size = 8, num.round = 6, learning.rate = 0.05, verbose = FALSE, ...)
}

with_device <- function(code) {
  file <- tempfile(fileext = ".png")
  grDevices::png(file)
  tryCatch(code, finally = grDevices::dev.off())
  file.size(file)
}

blank <- with_device(plot.new())

test_that("a model remembers its learning curve, and plots it", {
  x <- scale(mtcars[25:32, c("wt", "hp")])
  model <- trained(eval.metric = mx.metric.rmse, eval.data = list(data = x, label = mtcars$mpg[25:32]))
  expect_gt(with_device(curve <- plot(model)), blank)
  expect_equal(curve$round, 1:6)
  expect_true(all(diff(curve$train) < 0))
  expect_named(curve, c("round", "train", "validation"))
  expect_error(plot(trained()), "train it with a metric", class = "mxnet_error")
})

test_that("a logger plots, and an empty one says what to do", {
  logger <- mx.metric.logger$new()
  expect_error(plot(logger), "mx.callback.log.train.metric")
  trained(eval.metric = mx.metric.rmse, batch.end.callback = mx.callback.log.train.metric(1, logger))
  expect_gt(with_device(curve <- plot(logger)), blank)
  expect_equal(curve$train, logger$train)
})

test_that("the live curve draws if a device is open, and otherwise does not disturb the training", {
  expect_gt(with_device(trained(eval.metric = mx.metric.rmse, epoch.end.callback = mx.callback.plot())), blank)
  expect_s3_class(trained(eval.metric = mx.metric.rmse, epoch.end.callback = mx.callback.plot()), "MXFeedForwardModel")
  expect_s3_class(trained(epoch.end.callback = mx.callback.plot()), "MXFeedForwardModel")
})

test_that("a network is drawn without Graphviz, box by box", {
  graph <- NULL
  expect_gt(with_device(graph <- plot(square_net(), shape = c(2, 8))), blank)
  expect_setequal(unlist(graph$picture$text), c("data", "FullyConnected\nfit\n1", "LinearRegressionOutput\nout"))
  expect_equal(unlist(graph$picture$y), 0:2)
  expect_true("2x8" %in% unlist(graph$picture$shape))
  expect_gt(with_device(plot(square_net(), direction = "LR", main = "title")), blank)
})

test_that("the label of an edge is on the side to which the edge does not slope", {
  expect_equal(mxnet:::beside(0, -1), c(0, 0.5))              # down: to the right
  expect_equal(mxnet:::beside(1, 0), c(0.5, -0.5))            # to the right: above
  expect_equal(mxnet:::beside(1, -1)[[1]], 0)                 # falling: above, right
  expect_equal(mxnet:::beside(-1, -1)[[1]], 1)                # rising: above, left
})

test_that("graph.viz draws in a script that has opened a device", {
  skip_if(nzchar(system.file(package = "DiagrammeR")), "DiagrammeR takes the drawing")
  expect_gt(with_device(graph.viz(square_net())), blank)
  expect_output(print(graph.viz(square_net())), "FullyConnected")
})

test_that("boxes of one layer keep their distance, and edges go around boxes", {
  a <- mx.symbol.Variable("a")
  wide <- mx.symbol.add_n(mx.symbol.exp(a), mx.symbol.log(a), mx.symbol.sqrt(a), a, num.args = 4)
  p <- graph.viz(wide)$picture
  places <- split(unlist(p$x), unlist(p$y))
  expect_true(all(vapply(places, function(x) all(diff(sort(x)) >= 1 - 1e-9), NA)))
  long <- Filter(function(path) length(path$x) > 2, p$paths)
  expect_length(long, 1)                        # from a to the sum, past the three functions
  inner <- paste(unlist(long[[1]]$x)[2], unlist(long[[1]]$y)[2])
  expect_false(inner %in% paste(unlist(p$x), unlist(p$y)))
})

test_that("the curve of a loss is its value and gradient", {
  curve <- mx.loss.curve(list(square = mx.symbol.square, abs = mx.symbol.abs), from = -2, to = 2, n = 5)
  square <- curve[curve$loss == "square", ]
  expect_equal(square$value, c(4, 1, 0, 1, 4))
  expect_equal(square$gradient, c(-4, -2, 0, 2, 4))
  expect_gt(with_device(plot(curve)), blank)
  expect_error(mx.loss.curve(function(x) 1, 0, 1), "must give a symbol, not numeric")
  expect_error(mx.loss.curve("square", 0, 1), "function of a symbol")
})
