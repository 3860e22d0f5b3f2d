library(mxnet)
source("focal.R")

test_that("a sure and right prediction costs little", {
  loss <- focal(mx.symbol.Variable("p"), mx.symbol.Variable("y"))
  exec <- mx.simple.bind(loss, ctx = mx.cpu(), p = 2, y = 2)
  mx.exec.update.arg.arrays(exec, list(p = mx.nd.array(c(0.99, 0.01)), y = mx.nd.array(c(1, 1))), match.name = TRUE)
  mx.exec.forward(exec, is.train = FALSE)
  cost <- as.numeric(as.array(exec$ref.outputs$focal_output))
  expect_lt(cost[1], 1e-5)
  expect_gt(cost[2], 4)
})
