x <- wave(2, 60, k = 1.3)
y <- 2 * x[1, ] - x[2, ]
w <- rep(1:3, 20)

# a squared error with a weight for every observation
weighted <- function() {
  fc1 <- mx.symbol.FullyConnected(mx.symbol.Variable("data"), num.hidden = 4, name = "fc1")
  fc2 <- mx.symbol.FullyConnected(mx.symbol.relu(fc1, name = "act"), num.hidden = 1, name = "fc2")
  error <- mx.symbol.Reshape(fc2, shape = 0, name = "fit") - mx.symbol.Variable("label")
  mx.symbol.MakeLoss(mx.symbol.Variable("w") * mx.symbol.square(error), name = "loss")
}
batches <- function(...) {
  arrays <- list(...)
  at <- 0
  list(reset = function() at <<- 0, iter.next = function() { at <<- at + 20; at <= 60 },
       value = function() lapply(arrays, function(a) if (is.matrix(a)) a[, at - 19:0] else a[at - 19:0]))
}
mx.set.seed(2)
model <- mx.model.FeedForward.create(weighted(), X = batches(data = x, label = y, w = w), num.round = 20, learning.rate = 0.2,
                                     input.names = c("data", "w"), output.names = "label", initializer = mx.init.normal(0.5), verbose = FALSE)
param <- function(name) as.array(model$arg.params[[name]])
hidden <- pmax(crossprod(param("fc1_weight"), x) + as.vector(param("fc1_bias")), 0)
fit <- crossprod(param("fc2_weight"), hidden) + as.vector(param("fc2_bias"))

test_that("predict gives any intermediate result, by name or symbol, without the arrays that only the loss needs", {
  ask <- function(...) predict(model, x, array.layout = "colmajor", array.batch.size = 25, ...)
  expect_equal(ask(output = "fc2_output"), fit, tolerance = 1e-5)
  expect_equal(ask(output = "fc2"), fit, tolerance = 1e-5)
  expect_equal(ask(output = model$symbol$get.internals()[["act_output"]]), hidden, tolerance = 1e-5)
  expect_equal(ask(output = c("act_output", "fit_output")), list(act_output = hidden, fit_output = fit[1, ]), tolerance = 1e-5)
  expect_equal(suppressWarnings(predict(model, t(x), output = "fc2_output")), fit, tolerance = 1e-5)      # the layout is detected
  inner <- model
  inner$symbol <- model$symbol$get.internals()[["fc2_output"]]
  expect_equal(predict(inner, x, array.layout = "colmajor"), fit, tolerance = 1e-5)
  expect_equal(predict(mx.serialize(model), x, array.layout = "colmajor", output = "fc2_output"), fit, tolerance = 1e-5)
})

test_that("missing inputs of a wanted output are named", {
  ask <- function(X, output) predict(model, X, array.layout = "colmajor", output = output)
  expect_error(ask(x, "loss_output"), "loss_output needs w, label: .*what X gives \\(data\\)", class = "mxnet_error")
  expect_equal(ask(batches(data = x, label = y, w = w), "loss_output"), w * (fit[1, ] - y)^2, tolerance = 1e-3)
  expect_equal(ask(batches(data = x), "fc2_output"), fit, tolerance = 1e-5)
  expect_error(ask(x, "fc3_output"), 'did you mean "fc2_output"', class = "mxnet_error")
  expect_error(ask(1:3, "data"), "X must be a matrix", class = "mxnet_error")
  expect_error(ask(x, 3), "must be a name", class = "mxnet_error")
  expect_error(ask(batches(label = y), "fc2_output"), "needs data", class = "mxnet_error")
})

test_that("weights whose names look like labels are treated as weights", {
  fc <- mx.symbol.FullyConnected(mx.symbol.Variable("data"), num.hidden = 1, name = "fc")
  error <- mx.symbol.Reshape(fc, shape = 0) - mx.symbol.Variable("y_label")
  loss <- mx.symbol.MakeLoss(mx.symbol.broadcast_mul(mx.symbol.Variable("w_label"), mx.symbol.abs(error)))
  model <- mx.model.FeedForward.create(loss, X = batches(data = x, y_label = y, w_label = w), num.round = 1, learning.rate = 0.1,
                                       output.names = c("y_label", "w_label"), verbose = FALSE)
  expect_equal(dim(predict(model, x, array.layout = "colmajor", output = "fc")), c(1L, 60L))
  expect_error(suppressMessages(predict(model, x, array.layout = "colmajor")), "w_label", class = "mxnet_error")   # its shape is not determined
})

test_that("predict of a loss without output is MXNet's, and a message says once how to get a prediction", {
  state <- mxnet:::.MXNetEnv
  state$predict.hinted <- NULL
  expect_message(loss <- predict(model, x, array.layout = "colmajor"), 'output = "fit_output"', fixed = TRUE)
  expect_equal(loss, numeric(60))                  # labels and weights are zero
  expect_silent(predict(model, x, array.layout = "colmajor"))
  state$predict.hinted <- NULL
  expect_silent(predict(model, x, array.layout = "colmajor", output = "fc2"))
})

test_that("the result to predict with is found before losses of several forms", {
  data <- mx.symbol.Variable("data")
  label <- mx.symbol.Variable("label")
  p <- mx.symbol.sigmoid(mx.symbol.FullyConnected(data, num.hidden = 1, name = "fc"), name = "p")
  before <- function(loss, inputs = "data")
    mxnet:::call_python("symbol.before_loss", loss, as.list(inputs), list("fc_weight", "fc_bias", "user_weight", "item_weight"))
  expect_equal(before(mx.symbol.MakeLoss(0 - (label * log(p) + (1 - label) * log(1 - p)))), "p_output")
  expect_equal(before(mx.symbol.MakeLoss(mx.symbol.square(p - data))), "")       # no label: the beginning of the loss is unknown
  expect_null(before(mx.symbol.LinearRegressionOutput(p, label)))
  embed <- function(name) mx.symbol.Embedding(mx.symbol.Variable(name), input.dim = 5, output.dim = 2, name = name)
  score <- mx.symbol.sum(embed("user") * embed("item"), axis = 1, name = "score")
  expect_equal(before(mx.symbol.MakeLoss(mx.symbol.square(score - label)), c("user", "item")), "score_output")
})

test_that("parameters that do not fit the data or are missing are errors", {
  fc <- mx.symbol.FullyConnected(mx.symbol.Variable("data"), num.hidden = 1, name = "fc")
  model <- structure(list(symbol = fc, arg.params = list(fc_weight = mx.nd.ones(c(2, 1)), fc_bias = mx.nd.ones(1))), class = "MXFeedForwardModel")
  expect_error(predict(model, wave(5, 3), array.layout = "colmajor"),
               "fc_weight must have the shape c(5, 1), but the model's has c(2, 1)", fixed = TRUE)
  model$arg.params$fc_bias <- NULL
  expect_warning(p <- predict(model, wave(2, 3), array.layout = "colmajor"), "the model has no fc_bias")
  expect_equal(p[1, ], colSums(wave(2, 3)), tolerance = 1e-6)
})
