w <- mx.nd.array(array(c(1, -2)))
g <- mx.nd.array(array(c(0.5, 1)))
stepped <- function(optimizer, n = 1) {
  updater <- mx.opt.get.updater(optimizer, list(w))
  current <- list(w)
  for (i in seq_len(n)) current <- lapply(updater(weight = current, grad = list(g)), mx.nd.copyto, ctx = mx.cpu())
  as.vector(as.array(current[[1]]))
}

test_that("ctx may be left out, and arrays without gradients are skipped", {
  updater <- mx.opt.get.updater(mx.opt.create("sgd", learning.rate = 0.1), list(w, w))
  new <- updater(list(w, w), list(NULL, g))
  expect_null(new[[1]])
  expect_equal(as.vector(as.array(new[[2]])), c(0.95, -2.1), tolerance = 1e-6)
})

test_that("settings match partially, because scripts rely on that", {
  expect_equal(stepped(mx.opt.create("adam", eps = 1e-3)), stepped(mx.opt.create("adam", epsilon = 1e-3)))
  expect_equal(stepped(mx.opt.create("adadelta", rho = 0.9, eps = 1e-4)), stepped(mx.opt.create("adadelta", rho = 0.9, epsilon = 1e-4)))
})

test_that("NULL means no clipping and no schedule", {
  expect_equal(stepped(mx.opt.create("sgd", learning.rate = 0.1, clip_gradient = NULL, lr_scheduler = NULL)),
               stepped(mx.opt.create("sgd", learning.rate = 0.1)))
  expect_equal(stepped(mx.opt.create("adagrad", clip_gradient = NULL)), stepped(mx.opt.create("adagrad")))
})

test_that("schedules take effect on the rate", {
  halve <- mx.lr_scheduler.FactorScheduler(step = 1, factor = 0.5, verbose = FALSE)
  plain <- stepped(mx.opt.create("sgd", learning.rate = 0.1), 6)
  expect_true(all(abs(stepped(mx.opt.create("sgd", learning.rate = 0.1, lr_scheduler = halve), 6) - c(1, -2)) < abs(plain - c(1, -2))))
  mine <- function(env) env$lr <- 0
  expect_equal(stepped(mx.opt.create("sgd", learning.rate = 0.1, lr_scheduler = mine), 3), c(1, -2))
  expect_message(stepped(mx.opt.create("sgd", learning.rate = 0.1, lr_scheduler = mx.lr_scheduler.MultiFactorScheduler(c(1, 3), 0.1)), 6),
                 "learning rate is changed to 0.01")
})

test_that("parameters may have different rates while a schedule changes", {
  schedule <- mx.lr_scheduler.FactorScheduler(step = 1, factor_val = 0.5, verbose = FALSE)
  updater <- mx.opt.get.updater(mx.opt.create("sgd", learning.rate = 1, lr_scheduler = schedule), list(w, w))
  steps <- sapply(1:4, function(i) { new <- updater(list(w, w), list(g, g)); sapply(new, function(n) 1 - as.array(n)[1]) })
  expect_equal(steps[1, ], c(0.5, 0.5, 0.5, 0.25))
  expect_equal(steps[2, ], c(0.5, 0.5, 0.25, 0.125))
})

test_that("optimizer objects of MXNet before and since 2018 work", {
  optimizer <- mx.opt.create("sgd", learning.rate = 0.1, momentum = 0.9)
  state <- optimizer$create.state(1, w)
  result <- optimizer$update(1, w, g, state)
  result <- optimizer$update(1, result$weight, g, result$state)
  expect_equal(as.vector(as.array(result$weight)), stepped(mx.opt.create("sgd", learning.rate = 0.1, momentum = 0.9), 2))
  exec <- optimizer$create_exec(index = 1, weight_dim = 2, ctx = mx.cpu())
  expect_equal(as.vector(as.array(optimizer$update(1, exec, w, g))), c(0.95, -2.1), tolerance = 1e-6)
})

test_that("custom optimizers work in updaters", {
  mine <- list(create_exec = function(index, weight_dim, ctx) ctx$device,
               update = function(index, exec_w, weight, grad) weight - grad)
  expect_equal(stepped(mine), c(0.5, -3))
  # an optimizer as before 2018: the first step is 0.1 g, the second 0.2 g
  growing <- list(create.state = function(index, weight) 0.1,
                  update = function(index, weight, grad, state) list(state = state + 0.1, weight = weight - state * grad))
  expect_equal(stepped(growing, 2), c(0.85, -2.3), tolerance = 1e-6)
  expect_error(stepped(list(learning.rate = 1)), "create_exec")
  kv <- mx.kv.create()
  kv$init(3L, list(w))
  kv$set.optimizer(growing)
  kv$push(3L, list(list(g)))
  kv$push(3L, list(list(g)))
  out <- mx.nd.zeros(2)
  kv$pull(3L, list(list(out)))
  expect_equal(as.vector(as.array(out)), c(0.85, -2.3), tolerance = 1e-6)
})

test_that("key-value stores add up and update", {
  kv <- mx.kv.create()
  kv$init(1:2, list(w, g))
  kv$push(1:2, list(list(w, g), list(w, g)), -(1:2))
  out <- list(mx.nd.zeros(2), mx.nd.zeros(2))
  kv$pull(1:2, list(out), -(1:2))
  expect_equal(as.vector(as.array(out[[2]])), c(1, 2))
  kv$set.optimizer(mx.opt.create("sgd", learning.rate = 1))
  kv$push(2L, list(list(g)))
  kv$pull(2L, list(list(out[[2]])))
  expect_equal(as.vector(as.array(out[[2]])), c(0.5, 1))
})

test_that("settings that are not numbers are errors", {
  expect_error(mx.opt.create("sgd", wd = NULL), "wd must be one number")
  expect_error(mx.opt.create("adam", learning.rate = c(0.1, 0.2)), "learning.rate must be one number")
  expect_error(mx.opt.create("nag", rescale.grad = "a lot"), "rescale.grad must be one number")
  expect_equal(stepped(mx.opt.create("sgd", learning.rate = "0.1", clip_gradient = TRUE)), c(0.95, -2.1), tolerance = 1e-6)
})
