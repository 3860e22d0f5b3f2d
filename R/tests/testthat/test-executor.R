x <- wave(3, 10, k = 1.7)
y <- array(colSums(x * c(1, 2, -1)))
bound <- function(...) {
  exec <- mx.simple.bind(line(), ctx = mx.cpu(), grad.req = "write", data = c(3, 10), ...)
  mx.exec.update.arg.arrays(exec, list(data = x, label = y, fc_weight = mx.nd.array(wave(3, 1)), fc_bias = 0.5), match.name = TRUE)
  exec
}

test_that("shapes are inferred backwards: the label's shape follows", {
  expect_equal(dim(bound()$ref.arg.arrays$label), 10L)
})

test_that("ref lists are live, the others copies", {
  exec <- bound()
  live <- exec$ref.outputs$loss_output
  copy <- exec$outputs$loss_output
  mx.exec.forward(exec, is.train = TRUE)
  expect_true(sum(as.array(live)) > 0)
  expect_equal(sum(as.array(copy)), 0)
  expect_identical(names(exec[["ref.arg.arrays"]]), c("data", "fc_weight", "fc_bias", "label"))
  expect_null(exec$ref.grad.arrays$data)
})

test_that("gradients are those of the formula", {
  exec <- bound()
  mx.exec.forward(exec)
  mx.exec.backward(exec)
  error <- as.vector(t(wave(3, 1)) %*% x) + 0.5 - y
  expect_equal(as.vector(as.array(exec$ref.grad.arrays$fc_weight)), as.vector(x %*% (2 * error)), tolerance = 1e-5)
  expect_equal(as.vector(as.array(exec$ref.grad.arrays$fc_bias)), sum(2 * error), tolerance = 1e-5)
})

test_that("fixed parameters get no gradient", {
  expect_null(bound(fixed.param = "fc_bias")$ref.grad.arrays$fc_bias)
})

test_that("bind takes arrays by position or name, copies them, and every form of requests", {
  s <- mx.symbol.MakeLoss(mx.symbol.Variable("u") * mx.symbol.Variable("v"))
  u <- mx.nd.array(1:3)
  for (req in list("write", c("write", "write"), list("write", "write"))) {
    exec <- mxnet:::mx.symbol.bind(s, ctx = mx.cpu(), arg.arrays = list(u, mx.nd.array(4:6)), aux.arrays = NULL, grad.req = req)
    mx.exec.forward(exec)
    mx.exec.backward(exec)
    expect_equal(as.array(exec$ref.grad.arrays$u), 4:6)
  }
  exec <- mxnet:::mx.symbol.bind(s, ctx = mx.cpu(), arg.arrays = list(v = mx.nd.array(4:6), u = u), aux.arrays = list(), grad.reqs = list("null", "null"))
  expect_equal(as.array(exec$ref.arg.arrays$u), 1:3)
  mx.exec.update.arg.arrays(exec, list(u = mx.nd.zeros(3)), match.name = TRUE)
  expect_equal(as.array(u), 1:3)
})

test_that("methods of executors are closures", {
  exec <- bound()
  exec$forward(TRUE, list())
  exec$backward(list())
  exec$update.arg.arrays(list(fc_bias = mx.nd.ones(1)), TRUE, FALSE)
  expect_equal(as.array(exec$ref.arg.arrays$fc_bias), 1)
})

test_that("head gradients go to outputs that are no losses", {
  e <- mx.symbol.exp(mx.symbol.Variable("u"), name = "e")
  exec <- mx.simple.bind(e, ctx = mx.cpu(), grad.req = "write", u = 2)
  mx.exec.forward(exec)
  mx.exec.backward(exec, out_grads = mx.nd.array(c(3, 4)))
  expect_equal(as.array(exec$ref.grad.arrays$u), c(3, 4))
  mx.exec.backward(exec)
  expect_equal(as.array(exec$ref.grad.arrays$u), c(1, 1))
})
