# Operators written in R.

register_twice <- function() mx.operator.register("twice",
  forward = function(inputs) 2 * inputs$data, backward = function(output.grads) 2 * output.grads[[1]])

test_that("an operator computes at once, in a graph, and after MakeLoss", {
  register_twice()
  m <- matrix(1:6, 2)
  expect_equal(as.array(mx.nd.Custom(mx.nd.array(m), op.type = "twice")), 2 * m)
  expect_equal(as.array(mx.nd.Custom(data = m, op_type = "twice")), 2 * m)
  x <- mx.symbol.Variable("x")
  loss <- mx.symbol.Custom(mx.symbol.MakeLoss(mx.symbol.square(mx.symbol.Custom(x, op.type = "twice"))), op.type = "twice")
  ex <- mx.simple.bind(loss, ctx = mx.cpu(), x = c(2, 3), grad.req = "write")
  mx.exec.update.arg.arrays(ex, list(x = mx.nd.array(m)), match.name = TRUE)
  mx.exec.forward(ex, is.train = TRUE)
  mx.exec.backward(ex)
  expect_equal(as.array(ex$ref.outputs[[1]]), 8 * m^2)
  expect_equal(as.array(ex$ref.grad.arrays$x), 8 * m)
})

test_that("functions may take all arguments by `...`, also auxiliary states that the operator does not have", {
  mx.operator.register("squared", forward = function(inputs, aux, ...) if (!length(aux)) inputs$data^2,
                       backward = function(inputs, output.grads, ...) 2 * inputs$data * output.grads[[1]])
  m <- matrix(1:6, 2)
  ex <- mx.simple.bind(mx.symbol.Custom(mx.symbol.Variable("x"), op.type = "squared"), ctx = mx.cpu(), x = c(2, 3),
                       grad.req = "write")
  mx.exec.update.arg.arrays(ex, list(x = mx.nd.array(m)), match.name = TRUE)
  mx.exec.forward(ex, is.train = TRUE)
  mx.exec.backward(ex, mx.nd.ones(c(2, 3)))
  expect_equal(as.array(ex$ref.outputs[[1]]), m^2)
  expect_equal(as.array(ex$ref.grad.arrays$x), 2 * m)
})

test_that("several inputs and outputs, states, parameters, the mode, shapes", {
  mx.operator.register("moments", arguments = c("data", "weight"), outputs = c("mean", "scaled"), aux = "seen",
    forward = function(inputs, outputs, is.train, req, aux, params, state) {
      state$calls <- c(state$calls, is.train)
      outputs$mean[] <- colMeans(inputs$data)
      list(scaled = inputs$data * inputs$weight * params$by, mean = outputs$mean, seen = aux$seen + length(state$calls))
    },
    backward = function(output.grads, inputs, params) list(
      weight = sum(output.grads$scaled * inputs$data) * params$by,
      data = output.grads$scaled * inputs$weight * params$by + rep(output.grads$mean / nrow(inputs$data), each = nrow(inputs$data))),
    infer.shape = function(shapes, params) list(inputs = list(shapes$data, 1), aux = list(1),
                                                outputs = list(mean = shapes$data[2], scaled = shapes$data)))
  x <- mx.symbol.Variable("x")
  s <- mx.symbol.Custom(x, op.type = "moments", by = 1 / 3, name = "m")
  expect_equal(arguments(s), c("x", "m_weight"))
  expect_equal(outputs(s), c("m_mean", "m_scaled"))
  ex <- mx.simple.bind(s, ctx = mx.cpu(), x = c(2, 3), grad.req = "write")
  expect_equal(names(ex$ref.aux.arrays), "m_seen")
  m <- matrix(c(1, 2, 4, 8, 16, 32), 2)
  mx.exec.update.arg.arrays(ex, list(x = mx.nd.array(m), m_weight = mx.nd.array(2)), match.name = TRUE)
  for (train in c(TRUE, FALSE, TRUE)) mx.exec.forward(ex, is.train = train)
  expect_equal(as.array(ex$ref.outputs[[1]]), colMeans(m))
  expect_equal(as.array(ex$ref.outputs[[2]]), m * 2 / 3, tolerance = 1e-6)
  expect_equal(as.array(ex$ref.aux.arrays[[1]]), 1 + 3)
  mx.exec.backward(ex, list(mx.nd.array(c(1, 2, 3)), mx.nd.ones(c(2, 3))))
  expect_equal(as.array(ex$ref.grad.arrays$m_weight), sum(m) / 3, tolerance = 1e-6)
  expect_equal(as.array(ex$ref.grad.arrays$x), 2 / 3 + matrix(c(1, 1, 2, 2, 3, 3) / 2, 2), tolerance = 1e-6)
})

test_that("NDArrays on request", {
  mx.operator.register("as nd", arrays = "NDArray", forward = function(inputs) mx.nd.square(inputs$data),
                       backward = function(output.grads, inputs) output.grads[[1]] * inputs$data * 2)
  x <- mx.symbol.Variable("x")
  ex <- mx.simple.bind(mx.symbol.Custom(x, op.type = "as nd"), ctx = mx.cpu(), x = 3, grad.req = "write")
  mx.exec.update.arg.arrays(ex, list(x = mx.nd.array(1:3)), match.name = TRUE)
  mx.exec.forward(ex, is.train = TRUE)
  mx.exec.backward(ex)
  expect_equal(as.array(ex$ref.outputs[[1]]), c(1, 4, 9))
  expect_equal(as.array(ex$ref.grad.arrays$x), c(2, 4, 6))
})

test_that("values returned by functions are checked", {
  m <- mx.nd.array(matrix(1:6, 2))
  bad <- function(forward, says) {
    mx.operator.register("bad", forward = forward)
    expect_error(mx.nd.Custom(m, op.type = "bad"), says, fixed = TRUE)
  }
  bad(function(inputs) 1:3, "what forward of bad returns must have the dimensions c(2, 3), not 3")
  bad(function(inputs) t(inputs$data), "must have the dimensions c(2, 3), not c(3, 2)")
  bad(function(inputs) "a", "must be numbers, not text")
  bad(function(inputs) inputs$data * NA, "has NA")
  bad(function(inputs) { x <- inputs$data > 0; x[2] <- NA; x }, "has NA")
  bad(function(inputs) NULL, "lacks output")
  bad(function(inputs) list(1, 2), "has 2 arrays for 1: output")
  bad(function(inputs) list(result = 1), "has an element 'result'; the names are output")
  mx.operator.register("bad", forward = function(inputs) inputs$data / 0 * 0)
  expect_true(all(is.nan(as.array(mx.nd.Custom(m, op.type = "bad")))))
  expect_error(mx.operator.register("bad", forward = function(x) x), "forward has the argument x; it can have inputs, outputs")
  expect_error(mx.operator.register("bad", forward = 3), "forward must be a function")
  expect_error(mx.symbol.Custom(mx.symbol.Variable("x"), op.type = "badd"), "no operator \"badd\" is registered.*did you mean \"bad\"")
  expect_error(mx.symbol.Custom(mx.symbol.Variable("x")), "op_type is required")
  mx.operator.register("two", arguments = c("a", "b"), forward = function(inputs) inputs$a)
  s <- mx.symbol.Custom(mx.symbol.Variable("x"), mx.symbol.Variable("y"), op.type = "two")
  expect_error(mx.simple.bind(s, ctx = mx.cpu(), x = 2, y = 3), "takes inputs of equal dimensions, not a 2, b 3")
})

test_that("an error shows the function's own calls and leaves the executor usable", {
  mx.operator.register("picky", forward = function(inputs) {
    helper <- function(z) if (any(z > 100)) stop("too large") else z
    helper(inputs$data)
  }, backward = function(output.grads) output.grads[[1]])
  ex <- mx.simple.bind(mx.symbol.Custom(mx.symbol.Variable("x"), op.type = "picky"), ctx = mx.cpu(), x = 2, grad.req = "write")
  mx.exec.update.arg.arrays(ex, list(x = mx.nd.array(c(1, 200))), match.name = TRUE)
  expect_error(mx.exec.forward(ex, is.train = TRUE), "forward of picky: too large (in helper(inputs$data))", fixed = TRUE)
  shown <- capture.output(mxr.last.error())
  expect_true(any(grepl("helper(inputs$data)", shown, fixed = TRUE)))
  expect_false(any(grepl("handleSimpleError|failure\\(", shown)))
  mx.exec.update.arg.arrays(ex, list(x = mx.nd.array(c(1, 2))), match.name = TRUE)
  mx.exec.forward(ex, is.train = TRUE)
  expect_equal(as.array(ex$ref.outputs[[1]]), c(1, 2))
})

test_that("JSON keeps the parameters; files run where the operator is registered", {
  mx.operator.register("kept", forward = function(inputs, params) inputs$data * params$by[3],
                       backward = function(output.grads, params) output.grads[[1]] * params$by[3])
  x <- mx.symbol.Variable("x")
  s <- mx.symbol.Custom(x, op.type = "kept", by = c(1, 2.5, 1 / 3), flag = TRUE, word = "a b", name = "k")
  text <- s$as.json()
  again <- mx.symbol.load.json(text)
  expect_equal(again$as.json(), text)
  expect_equal(again$attributes$by, "(1, 2.5, 0.3333333333333333)")
  ex <- mx.simple.bind(again, ctx = mx.cpu(), x = 1)
  mx.exec.update.arg.arrays(ex, list(x = mx.nd.array(3)), match.name = TRUE)
  mx.exec.forward(ex, is.train = FALSE)
  expect_equal(as.array(ex$ref.outputs[[1]]), 1, tolerance = 1e-7)
  expect_error(mx.symbol.load.json(gsub("kept", "unkept", text)), "node k: no operator \"unkept\" is registered in this session")
})

# Trains the network that `head` makes and returns its parameters.
trained <- function(head, devices = mx.cpu(), rounds = 3) {
  set.seed(1)
  x <- matrix(rnorm(400), 4)
  y <- colSums(x[1:2, ]) + rnorm(100) / 10
  hidden <- mx.symbol.FullyConnected(mx.symbol.Variable("data"), num.hidden = 5, name = "h")
  net <- head(hidden, mx.symbol.Variable("label"))
  mx.set.seed(7)
  model <- mx.model.FeedForward.create(net, x, y, ctx = devices, num.round = rounds, array.batch.size = 20, learning.rate = 0.01,
    initializer = mx.init.uniform(0.5), array.layout = "colmajor", verbose = FALSE, eval.metric = mx.metric.custom("none", function(label, pred) 0))
  lapply(model$arg.params, as.array)
}
last_layer <- function(h, label, loss) {
  out <- mx.symbol.Reshape(mx.symbol.FullyConnected(h, num.hidden = 1, name = "o"), shape = -1)
  mx.symbol.MakeLoss(loss(out, label), name = "loss")
}

test_that("a wing loss and an RBF activation written in R train the parameters of those written in symbols", {
  w <- 2
  mx.operator.register("wing", arguments = c("data", "label"),
    forward = function(inputs, params) {
      d <- abs(inputs$data - inputs$label)
      ifelse(d < params$w, params$w * log(1 + d / 2), d - params$w + params$w * log(1 + params$w / 2))
    },
    backward = function(output.grads, inputs, params) {
      d <- inputs$data - inputs$label
      output.grads[[1]] * sign(d) * ifelse(abs(d) < params$w, params$w / (2 + abs(d)), 1)
    })
  in_r <- trained(function(h, label) last_layer(mx.symbol.fun(h, f = function(x) exp(-x^2)), label,
    function(out, label) mx.symbol.Custom(out, label, op.type = "wing", w = w)))
  wing <- function(out, label) {
    d <- abs(out - label)
    near <- mx.symbol.broadcast_lesser(d, mx.symbol.ones_like(d) * w)
    near * w * log(1 + d / 2) + (1 - near) * (d - w + w * log(1 + w / 2))
  }
  in_symbols <- trained(function(h, label) last_layer(exp(-mx.symbol.square(h)), label, wing))
  expect_equal(names(in_r), names(in_symbols))
  for (name in names(in_r)) expect_equal(in_r[[name]], in_symbols[[name]], tolerance = 1e-5)
  on_two <- trained(devices = list(mx.cpu(0), mx.cpu(1)), head = function(h, label) last_layer(mx.symbol.fun(h, f = function(x) exp(-x^2)),
    label, function(out, label) mx.symbol.Custom(out, label, op.type = "wing", w = w)))
  for (name in names(in_r)) expect_equal(on_two[[name]], in_symbols[[name]], tolerance = 1e-5)
})

test_that("mx.symbol.fun derives and checks gradients, and reports what it cannot derive", {
  x <- mx.symbol.Variable("x")
  run <- function(s) {
    ex <- mx.simple.bind(s, ctx = mx.cpu(), x = 3, y = 3, grad.req = "write")
    mx.exec.update.arg.arrays(ex, list(x = mx.nd.array(c(0.5, 1, 2)), y = mx.nd.array(c(1, 3, 5))), match.name = TRUE)
    mx.exec.forward(ex, is.train = TRUE)
    mx.exec.backward(ex)
    lapply(list(ex$ref.outputs[[1]], ex$ref.grad.arrays$x, ex$ref.grad.arrays$y), as.array)
  }
  got <- run(mx.symbol.fun(x, mx.symbol.Variable("y"), f = function(a, b, k) k * a^2 * b, k = 2))
  expect_equal(got, list(c(0.5, 6, 40), c(2, 12, 40), c(0.5, 2, 8)), tolerance = 1e-6)
  expect_error(mx.symbol.fun(x, f = function(x) abs(x)), "R cannot derive f .*give gradient = function\\(x\\)")
  bound <- function(...) mx.simple.bind(mx.symbol.fun(x, ...), ctx = mx.cpu(), x = 3)
  wrong <- "is not that of f: at x = .* check = FALSE if that is intended"
  expect_error(bound(f = function(x) x^2, gradient = function(x) x), wrong)
  expect_error(bound(f = function(x) x^2, gradient = function(x) x), wrong)
  expect_silent(bound(f = function(x) round(x), gradient = function(x) 1, check = FALSE))
  expect_error(bound(f = function(x) sum(x), gradient = function(x) x), "must be element-wise")
  expect_error(mx.simple.bind(mx.symbol.load.json(mx.symbol.fun(x, f = function(x, k) x^k, gradient = function(x, k) x^k, k = 2)$as.json()),
                              ctx = mx.cpu(), x = 3), wrong)
  calls <- 0
  count <- function(x, k) { calls <<- calls + 1; k * x }
  for (i in 1:3) for (k in 1:2) bound(f = count, gradient = function(x, k) k + 0 * x, k = k)
  once <- calls / 2
  for (i in 1:3) bound(f = count, gradient = function(x, k) k + 0 * x, k = 1)
  expect_equal(calls / 2, once)
  expect_gt(once, 0)
  expect_error(mx.symbol.fun(f = sin), "give one or more symbols")
  before <- .Random.seed
  bound(f = function(x) x^3)
  expect_identical(.Random.seed, before)
})
