# Operators of MXNet's contrib: each has three names, and missing ones are errors that say why.

starts <- c("mx.symbol.contrib.", "mx.symbol.internal._contrib_", "mx.nd.contrib.")
named <- function(start) sub(start, "", grep(start, getNamespaceExports("mxnet"), fixed = TRUE, value = TRUE), fixed = TRUE)

test_that("every contrib operator has all three names", {
  for (start in starts) expect_setequal(named(start), named(starts[1]))
  expect_gt(length(named(starts[1])), 60)
})

test_that("the names of a contrib operator give the same result", {
  x <- mx.symbol.Variable("x")
  a <- mx.symbol.contrib.MultiBoxPrior(x, sizes = "(0.5, 0.25)", name = "a")
  expect_equal(mx.symbol.internal._contrib_MultiBoxPrior(x, sizes = "(0.5, 0.25)", name = "a")$as.json(), a$as.json())
  expect_equal(dim(mx.nd.contrib.MultiBoxPrior(mx.nd.zeros(c(3, 2, 1, 1)), sizes = c(0.5, 0.25))), c(4, 12, 1))
})

test_that("missing operators give the reason in one sentence", {
  x <- mx.symbol.Variable("x")
  expect_error(mx.symbol.contrib.fft(x), "the operator _contrib_fft is not in mxr: MXNet computes it on a GPU only", fixed = TRUE)
  expect_error(mx.symbol.internal._contrib_quantize_v2(x), "quantized networks (int8)", fixed = TRUE)
  expect_error(mx.nd.contrib.getnnz(mx.nd.ones(3)), "sparse storage, which mxr does not have; count with sum(x != 0)", fixed = TRUE)
  refused <- Filter(function(name) tryCatch({
    get(paste0("mx.symbol.contrib.", name))(x, name = "y")
    FALSE
  }, error = function(e) grepl("is not in mxr", conditionMessage(e))), named(starts[1]))
  expect_equal(length(refused), 28)
})
