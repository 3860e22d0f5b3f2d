# Typical mistakes: arguments of the wrong kind, size or position. Each gives an error or a warning that names the
# argument. None gives an R error about code of this package, and none is silent.
mx.set.seed(1)
x <- matrix(rnorm(60), 20, 3)
y <- x[, 1] - x[, 2]
classes <- rep(0:1, 10)
data <- mx.symbol.Variable("data")
fc <- mx.symbol.FullyConnected(data, num.hidden = 1, name = "fc")
lro <- mx.symbol.LinearRegressionOutput(fc, name = "lro")
soft <- mx.symbol.SoftmaxOutput(mx.symbol.FullyConnected(data, num.hidden = 2, name = "fc"), name = "softmax")
train <- function(...) {
  given <- list(...)
  all <- list(symbol = lro, X = x, y = y, num.round = 1, array.batch.size = 10, array.layout = "rowmajor", verbose = FALSE,
              learning.rate = 0.01)
  all[names(given)] <- given
  do.call(mx.model.FeedForward.create, all)
}
# An error of this package or a warning contains the words.
says <- function(expr, words) {
  assign("warned", NULL, envir = mxnet:::.MXNetEnv)
  said <- NULL
  tryCatch(withCallingHandlers(expr, warning = function(w) { said <<- c(said, conditionMessage(w)); invokeRestart("muffleWarning") }),
           mxnet_error = function(e) said <<- c(said, conditionMessage(e)))
  expect_match(paste(c("", said), collapse = "\n"), words, fixed = TRUE)
}

test_that("labels and data", {
  says(train(symbol = soft, y = as.character(classes)), "label must be numbers")
  says(train(symbol = soft, y = factor(classes)), "class 2 is never learned; give y - 1")
  says(train(y = c(y[-1], NA)), "y has 1 missing values (NA)")
  says(train(X = replace(x, 3:4, NaN)), "X has 2 missing values (NA)")
  for (label in c(5, -1, 0.5)) says(train(symbol = soft, y = c(classes[-1], label)), paste("the labels have", label))
  ignoring <- mx.symbol.SoftmaxOutput(mx.symbol.FullyConnected(data, num.hidden = 2), name = "softmax", use.ignore = TRUE, ignore.label = -1)
  expect_silent(train(symbol = ignoring, y = c(classes[-1], -1)))
  expect_silent(train(symbol = soft, y = rbind(classes, 1 - classes)))              # probabilities
  says(train(X = list(data = x, label = y)), "X must be an array, a matrix or an iterator, not list")
  says(train(eval.data = list(data = x[, 1:2], label = y), eval.metric = mx.metric.rmse), "a batch of eval.data is 2 x 10, one of the training 3 x 10")
  says(train(eval.data = list(data = x, label = c(y[-1], NA)), eval.metric = mx.metric.rmse), "eval.data")
})

test_that("settings of a training", {
  says(train(num.round = 2.5), "num.round = 2.5 is taken as 2")
  says(train(num.round = "ten"), "num.round must be one number")
  says(train(array.batch.size = 0), "array.batch.size must be at least 1, not 0")
  says(train(verbose = "no"), "verbose must be TRUE or FALSE, not character")
  says(train(allow.extra.params = NULL), "allow.extra.params must be TRUE or FALSE, not NULL")
  says(train(array.layout = NULL, X = x, y = y), "array.layout")
  says(mx.model.FeedForward.create(lro, X = x, y = y, array.layout = NULL), "array.layout must be")
  says(train(kvstore = "locl"), 'kvstore "locl" is taken as "local"')
  says(train(arg.params = list(matrix(1, 3, 1))), "arg.params must be a named list of arrays, such as list(fc1_weight = w), not a list without names")
  says(train(aux.params = "x"), "aux.params must be a named list")
  says(train(learning.rate = -0.1), "learning.rate = -0.1 is negative")
  says(train(momentum = 1.5), "momentum = 1.5 is not below 1")
  says(train(learning.rate = "fast"), "learning.rate must be one number")
  trained <- lapply(list("0.01", 0.01), function(rate) { mx.set.seed(2); as.array(train(learning.rate = rate)$arg.params$fc_weight) })
  expect_identical(trained[[1]], trained[[2]])
  says(mx.opt.create(NULL), "the name of the optimizer must be one text, not NULL")
  says(mx.init.Xavier("gausian"), 'rnd_type must be "uniform" or "gaussian", not "gausian"')
  says(mx.init.Xavier(factor_type = 1), 'factor_type must be "avg" or "in" or "out", not numeric')
  says(mx.callback.log.train.metric("a"), "period must be one number")
  says(mx.callback.log.speedometer(0), "batch.size must be at least 1, not 0")
  says(mx.callback.save.checkpoint(1), "prefix must be one text, not numeric")
  says(mx.callback.early.stop("a"), "train.metric must be one number at which to stop, not character")
  says(mx.mlp(t(x), y, hidden_node = 3, out_node = 1, out_activation = "rmse", dropout = 1.5, verbose = FALSE, array.layout = "colmajor"),
       "dropout = 1.5 is taken as 1")
})

test_that("devices and shapes", {
  for (ctx in list("cpu", 0, list())) says(train(ctx = ctx), "ctx must be a device")
  says(mx.simple.bind(lro, "cpu", data = c(3, 10)), "ctx must be a device")
  says(mx.simple.bind(lro, mx.cpu(), data = c(3, 10), fixed.param = "fc_wieght"), 'did you mean "fc_weight"')
  says(predict(train(), x, ctx = "gpu"), "ctx must be a device")
  for (f in list(mx.nd.array, mx.nd.zeros, mx.nd.ones, mx.nd.copyto)) says(f(mx.nd.ones(2), ctx = "cpu"), "ctx must be a device")
  says(mx.cpu("a"), "dev.id must be one number")
  says(mx.nd.zeros(2.5), "shape must be whole numbers, not 2.5")
  says(mx.nd.ones(c(2, NA)), "shape must be whole numbers, not c(2, NA)")
  says(mx.symbol.Variable(""), "the name is empty")
  says(fc[[NA]], "has no output")
})

test_that("models and files", {
  model <- train()
  for (wrong in list(1, "model", NULL, list(), list(symbol = 1), lro)) {
    for (f in list(mx.serialize, mx.unserialize, function(m) mx.model.save(m, tempfile(), 1), function(m) mx.infer.rnn(mx.io.arrayiter(t(x), y), m)))
      says(f(wrong), "a model is needed")
    expect_false(is.serialized(wrong))
  }
  says(mx.model.save(model, tempfile(), "a"), "iteration must be one number")
  says(mx.model.load(1, 1), "prefix must be one text, not numeric")
  says(predict(model, x, array.batch.size = "a"), "array.batch.size must be one number")
  says(mx.io.extract(mx.io.arrayiter(t(x), y), "lable"), "has no lable; it has data, label")
  says(mx.io.arrayiter(t(x), y, shuffle = "yes"), "shuffle must be TRUE or FALSE")
  says(mx.io.arrayiter(t(x), y, batch.size = 2.5), "batch.size = 2.5 is taken as 2")
  says(mx.io.CSVIter(data.csv = x, data.shape = 2, batch.size = 1), "data_csv must be one text, not 60 numbers")
})

test_that("recurrent networks and buckets", {
  network <- rnn.graph.unroll(num_rnn_layer = 1, seq_len = 3, input_size = 5, num_embed = 2, num_hidden = 3, num_decode = 2,
                              config = "seq-to-one", loss_output = "softmax")
  buckets <- list("3" = list(data = matrix(1:12 %% 5, 3, 4), label = c(0, 1, 0, 1)))
  it <- mx.io.bucket.iter(buckets, batch.size = 2)
  run <- function(...) {
    given <- list(...)
    all <- list(symbol = network, train.data = it, num.round = 1, verbose = FALSE)
    all[names(given)] <- given
    do.call(mx.model.buckets, all)
  }
  model <- run()
  says(run(symbol = "network"), "a symbol is needed, or a list of symbols by the names of the buckets, not character")
  says(run(symbol = list("5" = network)), "the list of symbols has none for the bucket 3; it has 5")
  says(run(arg.params = list(foo = mx.nd.ones(1))), "arg.params and aux.params have foo, which no network has; not used")
  says(run(arg.params = matrix(1)), "arg.params must be a named list")
  says(run(fixed.params = "cls.wieght"), 'fixed.params has cls.wieght, which the network does not have; did you mean "cls.weight"')
  says(run(num.round = 0), "2 rounds, counted backwards")
  says(run(verbose = NULL), "verbose must be TRUE or FALSE")
  says(mx.io.bucket.iter(1, 2), "buckets must be a named list")
  says(mx.io.bucket.iter(list(), 2), "buckets must be a named list")
  says(mx.io.bucket.iter(unname(buckets), 2), "not a list without names")
  says(mx.io.bucket.iter(list("3" = 1), 2), "bucket 3 must be list(data = , label = )")
  for (label in list(factor(1:4), letters[1:4])) says(mx.io.bucket.iter(list("3" = list(data = matrix(1, 3, 4), label = label)), 2), "bucket 3: label")
  says(mx.io.bucket.iter(buckets, 0), "batch.size must be at least 1")
  says(mx.io.bucket.iter(buckets, 2, shuffle = "yes"), "shuffle must be TRUE or FALSE")
  says(mx.infer.rnn(matrix(1, 3, 4), model), "an iterator needs the functions")
  says(mx.infer.rnn(it, list(symbol = network, arg.params = model$arg.params[-1])), "the model has no embed.weight; zeros are used")
  one <- function(...) mx.infer.rnn.one(it, network, model$arg.params, list(), ...)
  says(one(input.params = list(foo = mx.nd.ones(1))), "input.params has foo, which the network does not have")
  says(one(input.params = 1), "input.params must be a named list")
  says(one(ctx = 1), "ctx must be a device")
  says(mx.infer.rnn.one(it, mx.symbol.FullyConnected(mx.symbol.Variable("picture"), num.hidden = 2), list(), list()), "the network needs picture")
  last <- rnn.graph.unroll(num_rnn_layer = 1, seq_len = 1, input_size = 5, num_embed = 2, num_hidden = 3, num_decode = 2,
                           config = "one-to-one", loss_output = "softmax", output_last_state = TRUE)
  says(mx.infer.rnn.one.unroll(mx.nd.ones(c(1, 2)), last, 3, model$arg.params, list(), init_states = list(1)), "init_states must be a list of 2 arrays")
  says(mx.infer.rnn.one.unroll(it, last, 3, model$arg.params, list()), "infer.data must be numbers")
  says(rnn.graph(1, num_hidden = 3, num_decode = 2, config = "seq-to-one", cell_type = "lstm", droput = 0.5), 'did you mean "dropout"')
  says(rnn.graph.unroll(0, 3, num_hidden = 3, num_decode = 2, config = "seq-to-one"), "num_rnn_layer must be at least 1")
})

test_that("the recurrent networks of the first versions", {
  items <- matrix(rep(0:3, length.out = 8 * 20), 8)
  lstm <- function(...) {
    given <- list(...)
    all <- list(list(data = items, label = (items + 1) %% 4), num.lstm.layer = 1, seq.len = 8, num.hidden = 4, num.embed = 4, num.label = 4,
                batch.size = 10, input.size = 4, num.round = 1, learning.rate = 0.1, verbose = FALSE)
    all[names(given)] <- given
    do.call(mx.lstm, all)
  }
  says(lstm(seq.len = 7), "the data has 8 steps in its first dimension, but seq.len is 7")
  says(lstm(update.period = 0), "update.period must be at least 1")
  says(lstm(num.lstm.layer = "a"), "the number of layers must be one number")
  says(lstm(num.label = 2), "the label has 2, 3, but with num.label = 2 they must be 0 to 1")
  says(lstm(input.size = 2), "the data has 2, 3, but with input.size = 2 they must be 0 to 1")
  says(lstm(model = 1), "a model is needed")
  says(lstm(arg.params = list(l9.i2h.weight = mx.nd.ones(1))), "arg.params has l9.i2h.weight, which the network does not have")
  infer <- function(params) mx.lstm.inference(1, input.size = 4, num.hidden = 4, num.embed = 4, num.label = 4, arg.params = params)
  says(infer(lstm()$arg.params[-2]), "initial values are drawn")
  says(mx.lstm.forward(1, 1), "a model of mx.lstm.inference()")
  says(mx.lstm.forward(infer(lstm()$arg.params), 1, new.seq = "a"), "new.seq must be TRUE or FALSE")
})
