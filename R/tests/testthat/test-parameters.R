x <- mx.symbol.Variable("x")
attributes.of <- function(s) s$attributes[order(names(s$attributes))]

test_that("vectors are written reversed, scalars and texts unchanged", {
  conv <- mx.symbol.Convolution(x, kernel = c(3, 5), stride = 2, pad = "(1,0)", num_filter = 4, no.bias = TRUE)
  expect_equal(attributes.of(conv), list(kernel = "(5, 3)", no_bias = "1", num_filter = "4", pad = "(1,0)", stride = "2"))
})

test_that("a number whose name ends in shape becomes a tuple of one", {
  expect_equal(mx.symbol.Reshape(x, shape = 0)$attributes$shape, "(0,)")
  expect_equal(mx.symbol.Reshape(x, shape = c(-1, 3))$attributes$shape, "(3, -1)")
})

test_that("a scalar axis is unchanged, a vector of axes is reversed and may be integers or doubles", {
  expect_equal(mx.symbol.sum(x, axis = 1)$attributes$axis, "1")
  expect_equal(mx.symbol.sum(x, axis = 0:2)$attributes$axis, "(2, 1, 0)")
})

test_that("numbers have six digits", {
  expect_equal((x * 0.123456789)$attributes$scalar, "0.123457")
  expect_equal((x * 1e-5)$attributes$scalar, "1e-05")
  expect_equal(mx.symbol.FullyConnected(x, num.hidden = 1000000)$attributes$num_hidden, "1000000")
})

test_that("dots and underscores are one parameter, and names match exactly", {
  expect_equal(mx.symbol.MakeLoss(x, grad.scale = 2, name = "m")$as.json(), mx.symbol.MakeLoss(x, grad_scale = 2, name = "m")$as.json())
  expect_error(mx.symbol.MakeLoss(x, grad_scale = 2, grad.scale = 3), "twice")
  expect_error(mx.symbol.MakeLoss(x, grad = 2), "unknown parameter")
  expect_error(mx.symbol.MakeLoss(x, norm = "batch"), "unknown parameter")
})

test_that("inputs go by position or by name", {
  w <- mx.symbol.Variable("w")
  expect_equal(arguments(mx.symbol.FullyConnected(data = x, weight = w, num.hidden = 2, no.bias = TRUE)), c("x", "w"))
  expect_equal(arguments(mx.symbol.FullyConnected(x, w, num.hidden = 2, no.bias = TRUE)), c("x", "w"))
})

test_that("operators are ordinary functions for pipes, do.call and lapply", {
  expect_equal(outputs(do.call(mx.symbol.Activation, list(x, act.type = "relu", name = "r"))), "r_output")
  expect_equal(outputs(do.call("mx.symbol.Activation", list(data = x, act_type = "relu", name = "r"))), "r_output")
  expect_length(lapply(list(x, x), mx.symbol.exp), 2)
  expect_equal(outputs(x |> mx.symbol.sigmoid(name = "s") |> mx.symbol.Flatten(name = "f")), "f_output")
})

test_that("a NULL parameter counts as not given", {
  given <- mx.symbol.concat(list(x, x), num.args = 2, dim = NULL, name = NULL)
  expect_match(outputs(given), "^concat[0-9]+_output$")
  expect_equal(given$attributes, mx.symbol.concat(list(x, x), num.args = 2)$attributes)
})

test_that("lists of inputs have their own forms", {
  y <- mx.symbol.Variable("y")
  parts <- list(x, y)
  parts$dim <- 1
  parts$num.args <- 2
  expect_equal(arguments(mxnet:::mx.varg.symbol.Concat(parts)), c("x", "y"))
  expect_warning(cat <- mx.symbol.Concat(x, y, num.args = 2, name = "cat"), "deprecated")
  expect_equal(outputs(cat), "cat_output")
  expect_equal(arguments(mx.symbol.add_n(x, y, num.args = 2)), c("x", "y"))
  ne <- mxnet:::mx.varg.symbol.internal.not_equal_scalar(list(x, scalar = 0))
  expect_equal(value.of(ne, x = c(0, 1, 2)), c(0, 1, 1))
})
