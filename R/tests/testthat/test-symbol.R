a <- mx.symbol.Variable("a")
b <- mx.symbol.Variable("b")
va <- wave(2, 3) + 1.5
vb <- wave(2, 3, k = 2) + 2

test_that("R's operators give the same as in R", {
  for (op in c("+", "-", "*", "/", "^", "%%")) {
    f <- get(op)
    expect_equal(value.of(f(a, b), a = va, b = vb), f(va, vb), tolerance = 1e-5, info = op)
    expect_equal(value.of(f(a, 3), a = va), f(va, 3), tolerance = 1e-5, info = op)
    expect_equal(value.of(f(3L, a), a = va), f(3L, va), tolerance = 1e-5, info = op)
  }
  for (op in c(">", "<", ">=", "<=", "==", "!=")) {
    f <- get(op)
    expect_equal(value.of(f(a, b), a = va, b = vb), f(va, vb) + 0, info = op)
    expect_equal(value.of(f(a, 1.5), a = va), f(va, 1.5) + 0, info = op)
    expect_equal(value.of(f(1.5, a), a = va), f(1.5, va) + 0, info = op)
  }
  expect_equal(value.of(-a, a = va), -va, tolerance = 1e-6)
})

test_that("R's functions give the same as in R", {
  for (f in list(abs, sqrt, exp, log, sin, cos, tanh, floor, ceiling, log1p, expm1, gamma, lgamma, atan))
    expect_equal(value.of(f(a), a = va), f(va), tolerance = 1e-5)
  expect_equal(value.of(log(a, 3), a = va), log(va, 3), tolerance = 1e-5)
  for (f in list(sum, prod, max, min, mean)) expect_equal(as.vector(value.of(f(a), a = va)), f(va), tolerance = 1e-5)
  expect_equal(as.vector(value.of(sum(a, b), a = va, b = vb)), sum(va, vb), tolerance = 1e-5)
  expect_equal(value.of(sum(a, axis = 1), a = va), colSums(va), tolerance = 1e-5)
  expect_equal(value.of(t(a), a = va), t(va), tolerance = 1e-6)
  expect_error(range(a), "range")
  expect_equal(as.vector(value.of(cumsum(a), a = va)), cumsum(va), tolerance = 1e-5)
  expect_error(cumprod(a), "cumprod")
})

test_that("an expression as in a textbook is a loss", {
  p <- mx.symbol.Variable("p")
  label <- mx.symbol.Variable("label")
  loss <- mx.symbol.MakeLoss(0 - (label * log(p) + (1 - label) * log(1 - p)), name = "ce")
  vp <- array(c(0.2, 0.7, 0.9)); vl <- array(c(0, 1, 1))
  expect_equal(value.of(loss, p = vp, label = vl), as.vector(-(vl * log(vp) + (1 - vl) * log(1 - vp))), tolerance = 1e-5)
})

test_that("sums in a loop start from a number", {
  s <- 0
  for (i in 1:3) s <- s + a
  expect_equal(value.of(s, a = va), 3 * va, tolerance = 1e-6)
})

test_that("outputs are selected by number and name, and methods are values", {
  three <- mx.symbol.SliceChannel(a, num.outputs = 3, name = "s")
  expect_equal(outputs(three[[2]]), "s_output1")
  expect_equal(outputs(three[["s_output2"]]), "s_output2")
  expect_equal(outputs(a[[1]]), "a")
  pick <- mx.symbol.exp(a, name = "e")$get.internals()$get.output
  expect_equal(outputs(pick(2)), "e_output")
  expect_error(three[[4]], "3 outputs")
})

test_that("c() makes a list, and groups take lists in every form", {
  expect_type(c(a, b), "list")
  expect_equal(outputs(mx.symbol.Group(c(a, b))), c("a", "b"))
  expect_equal(outputs(mx.symbol.Group(a, b)), c("a", "b"))
  expect_equal(outputs(mx.symbol.Group(unlist(list(list(h = a), list(h = b))))), c("a", "b"))
})

test_that("a variable that is made twice is one argument", {
  again <- mx.symbol.Variable("a")
  expect_equal(value.of(a * again, a = va), va^2, tolerance = 1e-5)
})

test_that("attributes are read and assigned", {
  v <- mx.symbol.Variable("v")
  v$attributes <- list(lr_mult = "2")
  expect_equal(v$attributes$lr_mult, "2")
  expect_error(v$name <- "x", "attributes")
})

test_that("symbols can be printed, completed and stored as JSON", {
  expect_output(print(mx.symbol.exp(a, name = "e")), "e = exp")
  expect_true("as.json" %in% utils::.DollarNames(a, "^as"))
  e <- mx.symbol.exp(a, name = "e")
  expect_equal(mx.symbol.load.json(e$as.json())$as.json(), e$as.json())
  expect_match(e$debug.str(), "Op:exp, Name=e")
})

test_that("mx.symbol.min of two values takes a name, and rejects axis, keepdims and a third value", {
  a <- mx.symbol.Variable("a")
  for (made in list(mx.symbol.min(a, 2, name = "q"), mx.symbol.min(2, a, name = "q"), mx.symbol.min(a, 2 * a, name = "q")))
    expect_equal(outputs(made), "q_output")
  expect_error(mx.symbol.min(a, 2, axis = 1), "axis")
  expect_error(mx.symbol.min(a, a, keepdims = TRUE), "keepdims")
  expect_error(mx.symbol.min(a, a, a), "takes 2 inputs")
})
