m <- matrix(as.numeric(1:6), 2, 3)
a <- mx.nd.array(m)

test_that("arrays keep R's dimensions", {
  expect_equal(as.array(mx.nd.array(1:4)), 1:4)
  expect_equal(as.array(mx.nd.array(array(1:24, 2:4))), array(1:24, 2:4))
  expect_equal(as.array(mx.nd.array(c(TRUE, FALSE))), c(1, 0))
  expect_equal(dim(a), c(2L, 3L))
  expect_equal(length(a), 6)
  expect_equal(as.matrix(a), m)
  expect_equal(class(a), "MXNDArray")
  expect_equal(a[1, ], m[1, ])
  expect_error(as.matrix(mx.nd.ones(3)), "1 dimensions")
})

test_that("plain R arrays and numbers can be combined with NDArrays", {
  expect_equal(as.array(a + m), 2 * m)
  expect_equal(as.array(m - a), 0 * m)
  expect_equal(as.array(1 - a), 1 - m)
  expect_equal(as.array(a == m), 0 * m + 1)
  expect_equal(as.array(-a), -m)
  expect_equal(as.array(mx.nd.square(m)), m^2)
  expect_equal(as.array(mx.nd.broadcast.add(m, matrix(c(10, 20), 2, 1))), m + c(10, 20))
  expect_equal(as.array(Reduce("+", list(a, a, a))), 3 * m)
})

test_that("array functions take both spellings, positions and out", {
  expect_equal(as.array(mx.nd.clip(a, 2, 4)), pmin(pmax(m, 2), 4))
  expect_equal(as.array(mx.nd.clip(a, a.min = 2, a.max = 4)), as.array(mx.nd.clip(a, a_min = 2, a_max = 4)))
  out <- mx.nd.zeros(c(2, 3))
  mx.nd.exp(a, out = out)
  expect_equal(as.array(out), exp(m), tolerance = 1e-6)
  expect_equal(as.array(mx.nd.concat(list(a, m), num_args = 2, dim = 0)), cbind(m, m))
  parts <- mx.nd.split(a, num_outputs = 3, axis = 0, squeeze_axis = TRUE)
  expect_equal(as.array(parts[[2]]), m[, 2])
})

test_that("files keep names, and lists without names", {
  f <- tempfile()
  mx.nd.save(list(x = a, y = m), f)
  expect_equal(names(mx.nd.load(f)), c("x", "y"))
  mx.nd.save(a, f)
  expect_null(names(mx.nd.load(f)))
  expect_equal(as.array(mx.nd.load(f)[[1]]), m)
})

test_that("copies are copies", {
  b <- mx.nd.copyto(a, mx.cpu())
  mx.nd.square(a, out = b)
  expect_equal(as.array(a), m)
})

test_that("an array packer joins batches", {
  packer <- mxnet:::mx.nd.arraypacker()
  packer$push(a)
  packer$push(m)
  expect_equal(packer$get(), cbind(m, m))
})

test_that("R's functions of arrays see the values", {
  expect_equal(as.array(t(a)), t(m))
  expect_equal(is.na(mx.nd.array(c(1, NA))), c(FALSE, TRUE))
  expect_true(all.equal(a, mx.nd.array(m)))
  expect_true(all.equal(a, m))
  expect_match(all.equal(a, a + 1), "difference")
  b <- a
  expect_error(b[1, 2] <- 9, "mx.nd.array()", fixed = TRUE)
})
