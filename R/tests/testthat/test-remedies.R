# Every remedy in a message works if it is followed to the letter. Each case has words of the message, the mistake and the remedy.
grDevices::pdf(NULL)
mx.set.seed(1)
x <- matrix(rnorm(60), 3)
y <- colSums(x)
images <- array(rnorm(6 * 5 * 5), c(6, 5, 5, 1))
s <- mx.symbol.Variable("u")
t2 <- mx.symbol.Variable("v")
fc <- mx.symbol.FullyConnected(mx.symbol.Variable("data"), num.hidden = 1, name = "fc")
lro <- mx.symbol.LinearRegressionOutput(fc, name = "lro")
two <- mx.symbol.LinearRegressionOutput(mx.symbol.FullyConnected(mx.symbol.Variable("data"), num.hidden = 2, name = "fc2"), name = "lro")
flatten <- mx.symbol.LinearRegressionOutput(mx.symbol.FullyConnected(mx.symbol.Flatten(mx.symbol.Variable("data")), num.hidden = 1, name = "fc"), name = "lro")
train <- function(...) {
  given <- list(...)
  all <- list(symbol = lro, X = x, y = y, num.round = 1, array.batch.size = 2, array.layout = "colmajor", verbose = FALSE)
  all[names(given)] <- given
  suppressWarnings(do.call(mx.model.FeedForward.create, all))
}
warned_by <- function(...) {
  given <- list(...)
  all <- list(symbol = lro, X = x, y = y, num.round = 1, array.batch.size = 10, array.layout = "colmajor", verbose = FALSE)
  all[names(given)] <- given
  do.call(mx.model.FeedForward.create, all)
}
convolution <- mx.symbol.LinearRegressionOutput(mx.symbol.FullyConnected(mx.symbol.Flatten(
  mx.symbol.Convolution(mx.symbol.Variable("data"), kernel = c(3, 3), num.filter = 2)), num.hidden = 1), name = "lro")
on_square <- function(symbol) mx.simple.bind(symbol, mx.cpu(), "write", u = 3)
# an iterator: a batch of 10 samples, then one of `last` samples, or none if `last` is 0
Last <- setRefClass("Last", fields = list(at = "numeric", last = "numeric", x = "matrix", y = "numeric"), methods = list(
  iter.next = function() { at <<- at + 1; at <= 1 + (last > 0) }, reset = function() { at <<- 0 },
  value = function() { k <- seq_len(if (at == 2) last else 10); list(data = mx.nd.array(.self$x[, k]), label = mx.nd.array(.self$y[k])) }))
custom <- function(pred, label = mx.symbol.Variable("label")) mx.symbol.MakeLoss(mx.symbol.mean(mx.symbol.square(pred - label)))
on <- function(symbol, ...) {
  exec <- mx.simple.bind(symbol, mx.cpu(), "null", ...)
  mx.exec.forward(exec, FALSE)
}

# Everything that `expr` shows: its error, warnings, messages and output
shown <- function(expr) {
  text <- NULL
  note <- function(restart) function(condition) {
    text <<- c(text, conditionMessage(condition))
    if (!is.null(restart)) invokeRestart(restart)
  }
  output <- utils::capture.output(
    tryCatch(withCallingHandlers(expr, warning = note("muffleWarning"), message = note("muffleMessage")), error = note(NULL)))
  paste(c(text, output), collapse = "\n")
}
# The mistake shows the words. The remedy gives no error and does not show them.
follows <- function(words, mistake, remedy) {
  assign("warned", NULL, envir = mxnet:::.MXNetEnv)
  said <- shown(mistake)
  expect_match(said, words, fixed = TRUE)
  expect_false(grepl("externalptr|not subsettable|unused argument|a defect in mxr", said), info = said)
  assign("warned", NULL, envir = mxnet:::.MXNetEnv)
  expect_error(again <- shown(result <- remedy), NA, info = words)
  expect_true(exists("result", inherits = FALSE), info = paste(words, again))
  expect_false(grepl(words, again, fixed = TRUE), info = words)
}

test_that("remedies work", {
  # layouts
  follows("aperm(data, c(2, 3, 4, 1))", train(symbol = flatten, X = images, y = 1:6), train(symbol = flatten, X = aperm(images, c(2, 3, 4, 1)), y = 1:6))
  follows("pass t(data)", mx.io.arrayiter(t(x), y), mx.io.arrayiter(t(t(x)), y))
  follows("t(data) and t(label)", mx.io.arrayiter(t(x), cbind(y, y)), mx.io.arrayiter(t(t(x)), t(cbind(y, y))))
  follows("t(label)", mx.io.arrayiter(x, cbind(y, y)), mx.io.arrayiter(x, t(cbind(y, y))))
  follows("as.vector(label)", mx.io.arrayiter(x, cbind(y)), mx.io.arrayiter(x, as.vector(cbind(y))))
  follows('give array.layout = "colmajor"', train(array.layout = "rowmajor"), train(array.layout = "colmajor"))
  follows('give array.layout = "rowmajor"', train(X = t(x)), train(X = t(x), array.layout = "rowmajor"))
  follows("t(label)", train(symbol = two, X = t(x), y = cbind(y, y), array.layout = "rowmajor"), train(symbol = two, X = t(x), y = t(cbind(y, y)), array.layout = "rowmajor"))
  expect_s3_class(train(symbol = two, X = t(x), y = rbind(y, y), array.layout = "auto"), "MXFeedForwardModel")
  # containers
  follows("pass data.matrix() of it", train(X = as.data.frame(x)), train(X = data.matrix(as.data.frame(x))))
  follows("pass the column itself, as x[[1]]", train(y = data.frame(y)), train(y = data.frame(y)[[1]]))
  follows("pass the column itself, as x[[1]]", train(eval.data = list(data = x, label = data.frame(y))), train(eval.data = list(data = x, label = data.frame(y)[[1]])))
  follows("list(data = , label = )", train(eval.data = data.frame(y)), train(eval.data = list(data = x, label = y)))
  follows("no samples, or no features", train(X = x[0, ]), train(X = x[1, , drop = FALSE]))
  if (requireNamespace("Matrix", quietly = TRUE)) {
    for (m in list(Matrix::Matrix(x), Matrix::Matrix(x * (x > 0), sparse = TRUE)))
      follows("pass as.matrix(X)", train(X = m), train(X = as.matrix(m)))
    follows("pass as.matrix() of it", mx.nd.array(Matrix::Matrix(x)), mx.nd.array(as.matrix(Matrix::Matrix(x))))
  }
  # initializers and parameters
  follows("call it, as in mx.init.normal(0.01)", train(initializer = mx.init.normal), train(initializer = mx.init.normal(0.01)))
  follows("call it, as in mx.init.uniform(0.01)", train(initializer = mx.init.uniform), train(initializer = mx.init.uniform(0.01)))
  follows("call it, as in mx.init.Xavier()", train(initializer = mx.init.Xavier), train(initializer = mx.init.Xavier()))
  more <- list(fc_weight = mx.nd.ones(c(3, 1)), fc_bias = mx.nd.ones(1), last_weight = mx.nd.ones(2))
  follows("allow.extra.params = TRUE ignores them", train(arg.params = more), train(arg.params = more, allow.extra.params = TRUE))
  # iterators that derive from nothing, and their last batches
  Own <- setRefClass("Own", fields = list(at = "numeric", last = "numeric", x = "matrix", y = "numeric"), methods = list(
    iter.next = function() { at <<- at + 1; at <= 2 }, reset = function() { at <<- 0 },
    value = function() { k <- seq_len(if (at == 2) last else 10); list(data = mx.nd.array(.self$x[, k]), label = mx.nd.array(.self$y[k])) }))
  follows("fill the last one up", train(X = Own$new(at = 0, last = 5, x = x, y = y), y = NULL), train(X = Own$new(at = 0, last = 10, x = x, y = y), y = NULL))
  Poor <- setRefClass("Poor", fields = list(at = "numeric"), methods = list(iter.next = function() FALSE))
  follows("value()", train(X = Poor$new(at = 0), y = NULL), train(X = Own$new(at = 0, last = 10, x = x, y = y), y = NULL))
  # symbols are no vectors
  follows("mx.symbol.slice_axis(s, axis = 0, begin = 0, end = 1)", s[1], on(mx.symbol.slice_axis(s, axis = 0, begin = 0, end = 1), u = 3))
  follows("mx.symbol.broadcast_maximum", pmax(s, t2), on(mx.symbol.broadcast_maximum(s, t2), u = 3, v = 3))
  follows("broadcast_minimum", pmin(s, 1), on(mx.symbol.broadcast_minimum(s, t2), u = 3, v = 1))
  follows("mx.symbol.where(condition, x, y)", ifelse(s > t2, s, t2), on(mx.symbol.where(s > t2, s, t2), u = 3, v = 3))
  follows("mx.symbol.reverse(s, axis = 0)", rev(s), on(mx.symbol.reverse(s, axis = 0), u = 3))
  follows("mx.symbol.sort(s, axis = 0)", sort(s), on(mx.symbol.sort(s, axis = 0), u = 3))
  follows("mx.symbol.repeat", rep(s, 2), on(mx.symbol.repeat(s, repeats = 2), u = 3))
  given <- function(symbol) {
    exec <- mx.simple.bind(symbol, mx.cpu(), "null", u = 3, name = 3)
    mx.exec.update.arg.arrays(exec, list(name = mx.nd.ones(3)), match.name = TRUE)
  }
  follows("use mx.symbol.Variable(\"name\") instead, and give the array to mx.simple.bind's executor", s - mx.nd.ones(3),
          given(s - mx.symbol.Variable("name")))
  follows("give the array to mx.simple.bind's executor, or as a parameter, under that name", mx.nd.ones(3) * s,
          train(symbol = mx.symbol.LinearRegressionOutput(mx.symbol.FullyConnected(mx.symbol.Variable("data") * mx.symbol.Variable("name"), num.hidden = 1, name = "fc"), name = "lro"),
                arg.params = c(more[1:2], list(name = mx.nd.ones(c(3, 2))))))
  # inputs are symbols
  follows("weight is an input and takes a symbol", mx.symbol.FullyConnected(s, weight = matrix(1, 2, 5), num.hidden = 2), mx.symbol.FullyConnected(s, weight = t2, num.hidden = 2))
  follows("bias is an input", mx.symbol.FullyConnected(s, bias = 1, num.hidden = 2, no.bias = TRUE), mx.symbol.FullyConnected(s, bias = t2, num.hidden = 2))
  follows("label is an input and takes a symbol", mx.symbol.LinearRegressionOutput(s, label = "y"), mx.symbol.LinearRegressionOutput(s, label = t2))
  follows("data is an input", mx.symbol.FullyConnected(data = 1, num.hidden = 2), mx.symbol.FullyConnected(data = s, num.hidden = 2))
  follows("moving.mean is an input", mx.symbol.BatchNorm(s, moving.mean = 1), mx.symbol.BatchNorm(s, moving_mean = t2))
  # a column and a vector
  follows("mx.symbol.Reshape(fc, shape = 0)", train(symbol = custom(fc)), train(symbol = custom(mx.symbol.Reshape(fc, shape = 0))))
  follows("as a column", train(symbol = custom(fc)), train(symbol = custom(fc), y = matrix(y, 1)))
  expect_null(mx.symbol.Variable("a")$infer.shape())
})

test_that("remedies of operators, bindings and arrays work", {
  v <- mx.symbol.Variable("v")
  exec <- mx.simple.bind(mx.symbol.exp(v), mx.cpu(), "write", v = 3)
  both <- mx.simple.bind(mx.symbol.exp(s) + mx.symbol.exp(t2), mx.cpu(), "write", u = 3, v = 3)
  follows("make arrays variables and bind them", s + 1:3, on(s + t2, u = 3, v = 3))
  follows("use mx.symbol.nansum or nanprod", sum(s, na.rm = TRUE), on(mx.symbol.nansum(s), u = 3))
  follows("use mx.symbol.nansum or nanprod", prod(s, na.rm = TRUE), on(mx.symbol.nanprod(s), u = 3))
  follows("give it by name", mx.simple.bind(v, mx.cpu()), mx.simple.bind(v, mx.cpu(), v = 3))
  follows('bind with grad.req = "write"', { e <- mx.simple.bind(v, mx.cpu(), "null", v = 3); mx.exec.forward(e, TRUE); mx.exec.backward(e) },
          { e <- mx.simple.bind(v, mx.cpu(), grad.req = "write", v = 3); mx.exec.forward(e, TRUE); mx.exec.backward(e) })
  product <- mx.symbol.khatri_rao(list(s, t2), num_args = 2)
  follows('bind its inputs with grad.req = "null"', mx.simple.bind(product, mx.cpu(), "write", u = c(3, 2), v = c(3, 2)),
          mx.simple.bind(product, mx.cpu(), grad.req = "null", u = c(3, 2), v = c(3, 2)))
  follows("make a vector of the column by mx.symbol.Reshape(fc, shape = 0)", on(fc - v, data = c(3, 5), v = 5),
          on(mx.symbol.Reshape(fc, shape = 0) - v, data = c(3, 5), v = 5))
  follows("give the vector (the labels?) as a column, of shape c(1, 5)", on(fc - v, data = c(3, 5), v = 5), on(fc - v, data = c(3, 5), v = c(1, 5)))
  follows("pick one", mx.symbol.exp(mx.symbol.split(s, num_outputs = 2)), mx.symbol.exp(mx.symbol.split(s, num_outputs = 2)[[1]]))
  follows("mx.symbol.Group: give symbols, or one list of symbols", mx.symbol.Group(1), list(mx.symbol.Group(s, t2), mx.symbol.Group(list(s, t2))))
  follows("Use mx.symbol.concat instead.", mx.symbol.Concat(list(s, t2), num.args = 2), mx.symbol.concat(list(s, t2), num.args = 2))
  follows("use mx.exec.update.arg.arrays", exec$arg.arrays <- list(v = mx.nd.ones(3)), mx.exec.update.arg.arrays(exec, list(v = mx.nd.ones(3)), match.name = TRUE))
  follows("give all of them in order, or names and match.name = TRUE", mx.exec.update.arg.arrays(both, list(mx.nd.ones(3))),
          { mx.exec.update.arg.arrays(both, list(mx.nd.ones(3), mx.nd.ones(3))); mx.exec.update.arg.arrays(both, list(v = mx.nd.ones(3)), match.name = TRUE) })
  follows("skip.null = TRUE leaves such arrays as they are", mx.exec.update.arg.arrays(exec, list(v = NULL), match.name = TRUE),
          mx.exec.update.arg.arrays(exec, list(v = NULL), match.name = TRUE, skip.null = TRUE))
  # NDArrays and vectors
  nd <- mx.nd.array(x)
  for (n in 1:2) {
    wrong <- list(pmax, pmin)[[n]]
    right <- list(mx.nd.broadcast.maximum, mx.nd.broadcast.minimum)[[n]]
    follows(paste0("use mx.nd.broadcast.", c("maximum", "minimum")[[n]], "(a, b)"), wrong(nd, nd), right(nd, nd))
  }
  follows("give it as.array(x)", rowSums(nd), rowSums(as.array(nd)))
  follows("give it as.array(x) == 1", stopifnot(nd > -9), stopifnot(as.array(nd > -9) == 1))
  follows("give as.array(i), or as.array(i) == 1", nd[nd > 1], nd[as.array(nd > 1) == 1])
  follows("change a copy from as.array() and make an NDArray of it with mx.nd.array()", nd[1] <- 2, { a <- as.array(nd); a[1] <- 2; mx.nd.array(a) })
  follows("use mx.nd.reshape(x, shape = c(6, 10))", dim(nd) <- c(6, 10), mx.nd.reshape(nd, shape = c(6, 10)))
  follows("use as.array(x), dim(x) or ctx(x)", nd$values, list(as.array(nd), dim(nd), ctx(nd)))
  follows("use as.array", as.matrix(mx.nd.ones(c(2, 2, 2))), as.array(mx.nd.ones(c(2, 2, 2))))
  follows("use as.array first", mxnet:::call_python("nd.binary", "%o%", nd, nd), as.array(nd) %o% 2)
  f <- factor(c(3, 5))
  follows("pass as.integer(f) - 1 for classes counted from 0, or as.numeric(as.character(f))", mx.nd.array(f), mx.nd.array(as.integer(f) - 1))
  follows("or as.numeric(as.character(f))", mx.nd.array(f), mx.nd.array(as.numeric(as.character(f))))
  follows("give as.numeric(as.character(f)) for its labels, or as.integer(f) - 1 for 0-based classes", mx.nd.dot(f, f),
          { mx.nd.dot(as.numeric(as.character(f)), as.numeric(as.character(f))); mx.nd.dot(as.integer(f) - 1, as.integer(f) - 1) })
  long <- structure(numeric(2), class = "integer64")
  registerS3method("as.double", "integer64", function(x, ...) c(0, 0))
  follows("pass as.numeric(x)", mx.nd.array(long), mx.nd.array(as.numeric(long)))
  follows("give as.numeric(x)", mx.nd.dot(long, long), mx.nd.dot(as.numeric(long), as.numeric(long)))
  df <- data.frame(a = 1:2, b = 3:4)
  follows("give data.matrix(df), or as.matrix(df)", mx.nd.dot(df, df), { mx.nd.dot(data.matrix(df), data.matrix(df)); mx.nd.dot(as.matrix(df), as.matrix(df)) })
  bytes <- "ab"
  Encoding(bytes) <- "bytes"
  bytes <- rawToChar(as.raw(c(0x61, 0xe9)))
  Encoding(bytes) <- "bytes"
  follows('say what it is by Encoding(x) <- "UTF-8" or "latin1"', mx.symbol.Variable(bytes), { Encoding(bytes) <- "latin1"; mx.symbol.Variable(bytes) })
})

test_that("remedies of iterators and training work", {
  it <- mx.io.arrayiter(x, y, batch.size = 10)
  follows("call iter.next() first", it$value(), { it$iter.next(); it$value() })
  table <- tempfile(fileext = ".csv")
  writeLines(c("1,2", "3,4"), table)
  lines <- mx.io.CSVIter(data.csv = table, data.shape = 2, batch.size = 1)
  follows("call iter.next() first, and take value() only while it returns TRUE", { while (lines$iter.next()) NULL; lines$value() },
          { lines$reset(); while (lines$iter.next()) lines$value() })
  Named <- setRefClass("Named", fields = list(at = "numeric", x = "matrix", y = "numeric"), methods = list(
    iter.next = function() { at <<- at + 1; at <= 2 }, reset = function() { at <<- 0 },
    value = function() list(picture = mx.nd.array(.self$x[, 1:10]), price = mx.nd.array(.self$y[1:10]))))
  picture <- mx.symbol.LinearRegressionOutput(mx.symbol.FullyConnected(mx.symbol.Variable("picture"), num.hidden = 1), mx.symbol.Variable("price"))
  named <- Named$new(at = 0, x = x, y = y)
  follows("name its fields by input.names and output.names", train(symbol = picture, X = named, y = NULL),
          train(symbol = picture, X = named, y = NULL, input.names = "picture", output.names = "price"))
  follows("give eval.metric, such as mx.metric.rmse", warned_by(eval.data = list(data = x, label = y)),
          warned_by(eval.data = list(data = x, label = y), eval.metric = mx.metric.rmse))
  follows("give larger batches or fewer devices", train(array.batch.size = 1, ctx = list(mx.cpu(0), mx.cpu(1))),
          { train(array.batch.size = 10, ctx = list(mx.cpu(0), mx.cpu(1))); train(array.batch.size = 1, ctx = mx.cpu()) })
  last <- Last$new(at = 0, last = 5, x = x, y = y)
  follows("or leave it out", train(X = last, y = NULL), { last$last <- 0; train(X = last, y = NULL) })
  follows("end its name in _weight, _bias, _gamma, _beta, _moving_mean, _moving_var or _moving_avg",
          mx.init.create(mx.init.uniform(1), list(theta = 3), skip.unknown = FALSE),
          for (end in c("_weight", "_bias", "_gamma", "_beta", "_moving_mean", "_moving_var", "_moving_avg"))
            mx.init.create(mx.init.uniform(1), structure(list(3), names = paste0("theta", end)), skip.unknown = FALSE))
  state <- mx.symbol.LinearRegressionOutput(mx.symbol.BatchNorm(fc, moving_mean = mx.symbol.Variable("center"), name = "bn"), name = "lro")
  follows("or give the array yourself", train(symbol = state),
          train(symbol = state, aux.params = list(center = mx.nd.zeros(1), bn_moving_var = mx.nd.ones(1))))
  several <- mx.metric.custom("several", function(label, pred) c(1, 3))
  follows("let it give one, such as their mean", warned_by(eval.metric = several),
          warned_by(eval.metric = mx.metric.custom("one", function(label, pred) mean(c(1, 3)))))
  net <- function(...) mx.mlp(x, y, out_node = 1, out_activation = "rmse", array.layout = "colmajor", num.round = 1, verbose = FALSE, ...)
  follows("give one of them", net(ctx = mx.cpu(), device = mx.cpu()), { net(ctx = mx.cpu()); net(device = mx.cpu()) })
  square <- matrix(rnorm(9), 3)
  follows('give "rowmajor" (samples in rows) or "colmajor" (samples in columns)', train(X = square, y = 1:3, array.layout = "auto"),
          { train(X = square, y = 1:3, array.layout = "rowmajor"); train(X = square, y = 1:3, array.layout = "colmajor") })
  theta <- mx.symbol.Variable("theta")
  slope <- function(theta) custom(mx.symbol.Reshape(mx.symbol.broadcast_mul(theta, fc), shape = 0))
  follows("give the shapes of all inputs by name", mx.model.init.params(slope(theta), list(data = c(3, 20)), list(label = 20), mx.init.uniform(1), mx.cpu()),
          mx.model.init.params(slope(theta), list(data = c(3, 20), theta = c(1, 1)), list(label = 20), mx.init.uniform(1), mx.cpu()))
  follows('or give the variable its shape in MXNet\'s order, as in variable$attributes <- list(`__shape__` = "(3, 2)")', train(symbol = slope(theta)),
          { theta$attributes <- list(`__shape__` = "(1, 1)"); train(symbol = slope(theta)) })
  labels <- mx.symbol.Group(lro, mx.symbol.LinearRegressionOutput(mx.symbol.FullyConnected(mx.symbol.Variable("data"), num.hidden = 1), mx.symbol.Variable("b_label")))
  Labels <- setRefClass("Labels", contains = "Named", methods = list(value = function() {
    list(data = mx.nd.array(.self$x[, 1:10]), lro_label = mx.nd.array(.self$y[1:10]), b_label = mx.nd.array(.self$y[1:10]))
  }))
  of.two <- Labels$new(at = 0, x = x, y = y)
  follows("give output.names", train(symbol = labels, X = of.two, y = NULL), train(symbol = labels, X = of.two, y = NULL, output.names = c("lro_label", "b_label")))
  follows("several labels need an iterator that gives them by name, and output.names", train(symbol = labels, y = list(y, y)),
          train(symbol = labels, X = of.two, y = NULL, output.names = c("lro_label", "b_label")))
  target <- custom(mx.symbol.Reshape(fc, shape = 0), mx.symbol.Variable("target"))
  follows('give output.names = "target"', train(symbol = target), train(symbol = target, output.names = "target"))
  price <- custom(mx.symbol.Reshape(mx.symbol.FullyConnected(mx.symbol.Variable("picture"), num.hidden = 1), shape = 0) * mx.symbol.Variable("price"))
  unread <- custom(mx.symbol.Reshape(fc, shape = 0) * mx.symbol.Variable("picture"), mx.symbol.Variable("price"))
  Fields <- setRefClass("Fields", contains = "Named", methods = list(value = function() {
    list(data = mx.nd.array(.self$x[, 1:10]), picture = mx.nd.array(.self$y[1:10]), price = mx.nd.array(.self$y[1:10]))
  }))
  follows("Give the names of data in input.names and of labels in output.names, with an iterator that has fields of these names", train(symbol = unread),
          train(symbol = unread, X = Fields$new(at = 0, x = x, y = y), y = NULL, input.names = c("data", "picture"), output.names = "price"))
  follows('make the optimizer yourself: optimizer = mx.opt.create("sgd", rescale.grad', train(rescale.grad = 1),
          train(optimizer = mx.opt.create("sgd", rescale.grad = 1, learning.rate = 0.001)))
  follows("give them to mx.opt.create()", warned_by(optimizer = mx.opt.create("sgd"), learning.rate = 0.1),
          warned_by(optimizer = mx.opt.create("sgd", learning.rate = 0.1)))
  soft <- mx.symbol.SoftmaxOutput(mx.symbol.FullyConnected(mx.symbol.Variable("data"), num.hidden = 4), name = "softmax")
  classes <- rep(1:4, 5)
  follows("give y - 1", warned_by(symbol = soft, y = classes), warned_by(symbol = soft, y = classes - 1))
  pixels <- matrix(rnorm(100), 25)
  seen <- train(symbol = convolution, X = array(pixels, c(5, 5, 1, 4)), y = 1:4)
  follows("dim(X) <- c(width, height, channels, samples)", predict(seen, pixels), { dim(pixels) <- c(5, 5, 1, 4); predict(seen, pixels) })
  model <- train()
  follows("train it with a metric, such as eval.metric = mx.metric.rmse", plot(model), plot(train(eval.metric = mx.metric.rmse)))
  logger <- mx.metric.logger$new()
  follows("pass it to mx.callback.log.train.metric() in a training with a metric", plot(logger),
          { train(eval.metric = mx.metric.rmse, epoch.end.callback = mx.callback.log.train.metric(1, logger)); plot(logger) })
  loss <- train(symbol = custom(mx.symbol.Reshape(fc, shape = 0)))
  assign("predict.hinted", NULL, envir = mxnet:::.MXNetEnv)
  follows("name an intermediate result: predict(model, X, output = \"reshape", predict(loss, x, array.layout = "colmajor"),
          predict(loss, x, array.layout = "colmajor", output = grep("reshape.*_output", outputs(internals(loss$symbol)), value = TRUE)))
  follows("give the shapes of the inputs, as in summary(x, data = c(13, 100))", summary(fc), summary(fc, data = c(13, 100)))
})

test_that("remedies of training on buckets, and of functions that are passed without a call, work", {
  buckets <- list("3" = list(data = matrix(1:12 %% 5, 3, 4), label = c(0, 1, 0, 1)))
  network <- function(label) {
    hidden <- mx.symbol.FullyConnected(mx.symbol.Variable("data"), num.hidden = 2)
    mx.symbol.SoftmaxOutput(hidden, mx.symbol.Variable(label), name = "softmax")
  }
  bucketed <- function(symbol = network("label"), data = mx.io.bucket.iter(buckets, batch.size = 2), ...) {
    mx.model.buckets(symbol, data, num.round = 1, verbose = FALSE, ...)
  }
  again <- mx.io.bucket.iter(buckets, batch.size = 2)
  follows("name the variable as the field, which is one of data, seq.mask, label", bucketed(network("target")), bucketed(network("label")))
  follows("give one symbol, not a list", bucketed(list("3" = network("label")), mx.io.arrayiter(matrix(1:12, 3), 0:3 %% 2, batch.size = 2)),
          bucketed(network("label"), mx.io.arrayiter(matrix(1:12, 3), 0:3 %% 2, batch.size = 2)))
  follows("give metric, such as mx.metric.accuracy", bucketed(eval.data = again), bucketed(eval.data = again, metric = mx.metric.accuracy))
  arguments <- c(mx.cpu = "ctx", mx.gpu = "ctx", mx.opt.create = "optimizer", mx.lr_scheduler.FactorScheduler = "lr_scheduler",
                 mx.lr_scheduler.MultiFactorScheduler = "lr_scheduler", mx.metric.custom = "eval.metric",
                 mx.callback.log.train.metric = "epoch.end.callback", mx.callback.log.speedometer = "batch.end.callback",
                 mx.callback.save.checkpoint = "epoch.end.callback", mx.callback.early.stop = "epoch.end.callback",
                 mx.init.uniform = "initializer", mx.init.normal = "initializer", mx.init.Xavier = "initializer")
  makers <- get("makers", asNamespace("mxnet"))
  expect_setequal(names(arguments), names(makers))
  folder <- setwd(tempdir())                          # a checkpoint is written
  on.exit(setwd(folder))
  for (maker in names(makers)) {
    with <- function(value) do.call(train, structure(list(value), names = arguments[[maker]]))
    follows(paste0("is the function ", maker, " itself: call it, as in ", makers[[maker]]), with(get(maker)), with(eval(str2lang(makers[[maker]]))))
  }
})

test_that("remedies of operators that are written in R work", {
  bessel <- function(x) besselI(x, 1)
  follows("give gradient = function(x) ..., its derivative", mx.symbol.fun(s, f = bessel),
          mx.symbol.fun(s, f = bessel, gradient = function(x) besselI(x, 0) - besselI(x, 1) / x))
  wrong <- function(...) on_square(mx.symbol.fun(s, f = function(x) x^2, gradient = function(x) x, ...))
  follows("check = FALSE if that is intended", wrong(), wrong(check = FALSE))
  follows("mx.symbol.fun: give one or more symbols, the inputs of f", mx.symbol.fun(f = exp), mx.symbol.fun(s, f = function(x) exp(x)))
  follows('register it before, with mx.operator.register("thrice", ...)', mx.symbol.Custom(s, op.type = "thrice"),
          { mx.operator.register("thrice", forward = function(inputs) inputs[[1]] * 3); mx.symbol.Custom(s, op.type = "thrice") })
  flat <- mx.symbol.Custom(s, op.type = "thrice")
  back <- function(symbol, req) {
    exec <- mx.simple.bind(symbol, mx.cpu(), req, u = 3)
    mx.exec.forward(exec, TRUE)
    if (req == "write") mx.exec.backward(exec)
  }
  follows('bind its inputs with grad.req = "null", or put', back(flat, "write"), back(flat, "null"))
  follows("put mx.symbol.BlockGrad around it", back(flat, "write"), back(mx.symbol.BlockGrad(flat), "write"))
  given <- '{"nodes": [{"op": "%s", "name": "x", "inputs": []}], "heads": [[0, 0, 0]], "arg_nodes": []}'
  for (op in c("_NDArray", "_Native"))
    follows("write the operator as Custom", mx.symbol.load.json(sprintf(given, op)), mx.symbol.Custom(s, op.type = "thrice"))
})

test_that("mistakes that MXNet accepts silently give one warning", {
  assign("warned", NULL, envir = mxnet:::.MXNetEnv)
  run <- function(...) mx.model.FeedForward.create(lro, X = x, y = y, array.batch.size = 10, array.layout = "colmajor", verbose = FALSE, learning.rate = 0.01, ...)
  rounds <- 0
  count <- function(iteration, nbatch, env, verbose) { rounds <<- rounds + 1; TRUE }
  expect_warning(run(num.round = 0, epoch.end.callback = count), "2 rounds, counted backwards")
  expect_equal(rounds, 2)
  expect_silent(run(begin.round = 3, num.round = 1))
  assign("warned", NULL, envir = mxnet:::.MXNetEnv)
  expect_warning(run(begin.round = 3, num.round = 1), "3 rounds, counted backwards")
  soft <- mx.symbol.SoftmaxOutput(mx.symbol.FullyConnected(mx.symbol.Variable("data"), num.hidden = 4), name = "softmax")
  classify <- function(classes) {
    mx.model.FeedForward.create(soft, X = x, y = classes, array.batch.size = 10, array.layout = "colmajor", verbose = FALSE, learning.rate = 0.01, num.round = 1)
  }
  expect_silent(classify(rep(0:3, 5)))
  expect_warning(classify(rep(1:4, 5)), "class 4 is never learned; give y - 1")
  expect_silent(classify(rep(1:4, 5)))
  norm <- mx.symbol.BatchNorm(mx.symbol.Variable("data"), name = "bn")
  model <- structure(list(symbol = norm, arg.params = list(bn_gamma = mx.nd.ones(3), bn_beta = mx.nd.zeros(3)), aux.params = list()), class = "MXFeedForwardModel")
  expect_warning(predict(model, x, array.layout = "colmajor"), "bn_moving_mean, bn_moving_var in aux.params; zeros")
})
