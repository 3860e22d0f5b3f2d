# No input is silently ignored: labels that are not used, evaluation batches of any size, arguments in dots.
mx.set.seed(1)
x <- matrix(rnorm(300), 3)
y <- colSums(x)
fc <- mx.symbol.FullyConnected(mx.symbol.Variable("data"), num.hidden = 1, name = "fc")
lro <- mx.symbol.LinearRegressionOutput(fc, name = "lro")
train <- function(symbol, X = x, y = NULL, ..., optimizer = mx.opt.create("sgd", learning.rate = 0.05)) {
  mx.model.FeedForward.create(symbol, X = X, y = y, num.round = 15, array.batch.size = 20, verbose = FALSE,
                              array.layout = "colmajor", optimizer = optimizer, ...)
}
flat <- mx.symbol.Reshape(fc, shape = 0)
target <- mx.symbol.Variable("target")

test_that("a label that is not in the batches is an error with any loss, and output.names gives it", {
  losses <- list(mx.symbol.MakeLoss(mx.symbol.mean(mx.symbol.square(flat - target))),
                 mx.symbol.MakeLoss(mx.symbol.sum(mx.symbol.abs(flat - target)) / 20),
                 mx.symbol.LinearRegressionOutput(fc, target, name = "out"),
                 mx.symbol.MAERegressionOutput(fc, target, name = "out"),
                 mx.symbol.MakeLoss(mx.symbol.smooth_l1(flat - target)))
  devices <- list(list(mx.cpu()), list(mx.cpu(0), mx.cpu(1)))
  for (loss in losses) for (ctx in devices) for (data in list(x, mx.io.arrayiter(x, y, batch.size = 20))) {
    given <- if (is.array(data)) y
    expect_error(train(loss, data, given, ctx = ctx), 'target has the shape of a batch.*output.names = "target"')
    model <- train(loss, data, given, ctx = ctx, output.names = "target", optimizer = "adam", learning.rate = 0.1)
    expect_false("target" %in% names(model$arg.params))
    expect_gt(cor(drop(predict(model, x, array.layout = "colmajor", output = "fc_output")), y), 0.9)
  }
})

test_that("every way of training stops if nothing gives the label its values", {
  exported <- getNamespaceExports("mxnet")
  trains <- Filter(function(name) any(c("num.round", "label") %in% names(formals(get(name)))) && "..." %in% names(formals(get(name))) ||
                     "num.round" %in% names(formals(get(name))), Filter(function(name) is.function(get(name)), exported))
  trains <- grep("^mx[.](nd|symbol|io)[.]", trains, value = TRUE, invert = TRUE)
  loss <- mx.symbol.MakeLoss(mx.symbol.mean(mx.symbol.square(flat - target)))
  items <- matrix(rep(0:3, length.out = 8 * 20), 8)
  # batches that call their labels `answer`, or have none
  batches <- function(...) {
    fields <- list(...)
    at <- 0
    list(reset = function() at <<- 0, iter.next = function() { at <<- at + 1; at <= 2 }, value = function() fields)
  }
  early <- function(f) for (data in list(batches(data = items[, 1:10]), batches(data = items[, 1:10], answer = items[, 1:10])))
    expect_error(f(data, NULL, 1, 8, 4, 4, 4, 10, 4, num.round = 1, verbose = FALSE), "has no label; it has data")
  ways <- list(
    mx.model.FeedForward.create = function() {
      for (data in list(x, mx.io.arrayiter(x, y, batch.size = 20), batches(data = x[, 1:20], answer = y[1:20])))
        expect_error(train(loss, data, if (is.array(data)) y), "target has the shape of a batch")
      expect_error(train(lro, batches(data = x[, 1:20], answer = y[1:20])), "the iterator's value\\(\\) has no label; name its fields by input.names and output.names")
    },
    mx.mlp = function() {
      mlp <- function(...) mx.mlp(..., out_node = 1, out_activation = "rmse", array.layout = "colmajor", verbose = FALSE)
      expect_error(mlp(x), "y is needed")
      expect_error(mlp(batches(data = x[, 1:20], answer = y[1:20])), "the iterator's value\\(\\) has no label")
    },
    mx.model.buckets = function() {
      for (data in list(mx.io.arrayiter(x, y, batch.size = 20), batches(data = mx.nd.array(x[, 1:20]), answer = mx.nd.array(y[1:20])),
                        mx.io.bucket.iter(list("3" = list(data = x, label = y)), batch.size = 20)))
        expect_error(mx.model.buckets(loss, data, num.round = 1, verbose = FALSE), "target has the shape of a batch.*name the variable as the field")
    },
    mx.lstm = function() early(mx.lstm), mx.gru = function() early(mx.gru), mx.rnn = function() early(mx.rnn))
  expect_setequal(trains, names(ways))
  for (way in ways) way()
})

test_that("the error names all variables without values; variables with values are not taken for labels", {
  two <- mx.symbol.MakeLoss(mx.symbol.square(flat - target) * mx.symbol.Variable("importance"))
  expect_error(train(two, x, y), "target, importance .*input.names.*data, label")
  expect_error(train(two, x, y, output.names = "target"), "importance")
  plain <- mx.symbol.MakeLoss(mx.symbol.square(flat))
  expect_warning(train(plain, x, y), "the network has no label, so y is not used")
  expect_silent(train(plain, x, rep(0, 100)))
  kept <- list(target = mx.nd.zeros(20), fc_weight = mx.nd.ones(c(3, 1)), fc_bias = mx.nd.zeros(1))
  expect_silent(train(mx.symbol.MakeLoss(mx.symbol.square(flat - target)), x, rep(0, 100), arg.params = kept,
                      fixed.param = "target"))
})

test_that("evaluation scores every sample once, whatever its batch size, and no padding", {
  norm <- mx.symbol.LinearRegressionOutput(mx.symbol.BatchNorm(fc, name = "bn"), name = "lro")
  for (symbol in list(lro, norm)) for (ctx in list(list(mx.cpu()), list(mx.cpu(0), mx.cpu(1)))) for (size in c(1, 7, 20, 33, 50, 64)) {
    seen <- pred.seen <- NULL
    metric <- mx.metric.custom("seen", function(label, pred) {
      seen <<- c(seen, label)
      pred.seen <<- c(pred.seen, pred)
      0
    })
    mine <- NULL
    train(symbol, mx.io.arrayiter(x[, 51:90], y[51:90], batch.size = 20), ctx = ctx, eval.metric = metric,
          eval.data = mx.io.arrayiter(x[, 1:50], y[1:50], batch.size = size),
          epoch.end.callback = function(iteration, nbatch, env, verbose) {
            expect_equal(as.numeric(tail(seen, 50)), y[1:50], tolerance = 1e-6)
            mine <<- predict(env$model, x[, 1:50], array.layout = "colmajor")
            # each device has its own moving averages; a model has their mean
            if (length(ctx) == 1 || !length(env$model$aux.params)) expect_equal(tail(pred.seen, 50), as.numeric(mine), tolerance = 1e-4)
            seen <<- pred.seen <<- NULL
            iteration < 2
          })
    expect_length(mine, 50)
  }
  few <- train(lro, x[, 1:40], y[1:40], eval.data = list(data = x[, 41:45], label = y[41:45]), eval.metric = mx.metric.mae)
  expect_true(all(is.finite(attr(few, "history")$validation)))
})

test_that("an argument that a function does not have is an error, with a suggestion", {
  model <- train(lro, x, y)
  meant <- function(call, name) expect_error(eval(call), paste0('did you mean "', name, '"'), fixed = TRUE)
  meant(quote(predict(model, x, outputs = "fc_output")), "output")
  meant(quote(predict(model, x, layout = "colmajor")), "array.layout")
  meant(quote(predict(model, x, batch.size = 2)), "array.batch.size")
  for (pair in list(c("num.rounds", "num.round"), c("eval_metric", "eval.metric"), c("learning_rate", "learning.rate"),
                    c("clip.gradient", "clip_gradient"), c("lr.scheduler", "lr_scheduler"), c("lr", "learning.rate"),
                    c("epochs", "num.round"), c("batch.size", "array.batch.size"), c("learning.rat", "learning.rate"))) {
    call <- as.call(c(quote(mx.model.FeedForward.create), list(lro, X = x, y = y, verbose = FALSE), structure(list(1), names = pair[[1]])))
    if (pair[[1]] == "learning.rat") next                # R completes it
    error <- tryCatch(eval(call), error = identity)
    expect_match(conditionMessage(error), paste0('did you mean "', pair[[2]], '"'), fixed = TRUE)
    expect_equal(deparse(conditionCall(error)[[1]]), "mx.model.FeedForward.create")
  }
  expect_warning(train(lro, x, y, learning.rate = 0.1), "learning.rate has no effect")
})

test_that("arguments without effect give one warning", {
  forget <- function() assign("warned", NULL, envir = mxnet:::.MXNetEnv)
  it <- function() mx.io.arrayiter(x, y, batch.size = 20)
  plain <- function(...) mx.model.FeedForward.create(lro, num.round = 1, verbose = FALSE, optimizer = mx.opt.create("sgd"), ...)
  forget()
  expect_silent(plain(X = it()))
  expect_warning(plain(X = it(), y = y), "y has no effect: X is an iterator, and the iterator brings its labels")
  expect_silent(plain(X = it(), y = y))
  expect_warning(plain(X = it(), array.batch.size = 5), "array.batch.size has no effect")
  expect_warning(plain(X = it(), array.layout = "rowmajor"), "array.layout has no effect")
  expect_warning(plain(X = it(), eval.data = it()), "eval.data has no effect without a metric.*mx.metric.rmse")
  expect_silent(suppressMessages(plain(X = it(), eval.data = it(), eval.metric = mx.metric.rmse)))
  model <- plain(X = it())
  expect_warning(plain(X = it(), arg.params = model$arg.params, initializer = mx.init.normal(1)), "initializer has no effect")
  expect_silent(plain(X = it(), arg.params = model$arg.params))
  expect_warning(plain(X = it(), arg.params = model$arg.params["fc_weight"]), "arg.params has no fc_bias; zeros")
  expect_warning(plain(X = it(), fixed.param = "fc_wieght"), 'did you mean "fc_weight"')
  forget()
  expect_warning(predict(model, it(), array.batch.size = 7), "array.batch.size has no effect")
  expect_warning(predict(model, it(), array.layout = "rowmajor"), "array.layout has no effect")
  expect_silent(predict(model, it(), array.layout = "rowmajor"))
  expect_error(mx.mlp(x, y, hidden_node = NULL, out_node = 1, dropout = 0.5, out_activation = "rmse"), "dropout has no effect")
  expect_error(mx.mlp(x, y, out_node = 1, out_activation = "rmse", ctx = mx.cpu(), device = mx.cpu()), "give one of them")
})

test_that("predict rejects a last batch of another size, and evaluation takes batches of any size on several devices", {
  Ragged <- setRefClass("Ragged", fields = list(at = "numeric", sizes = "numeric", x = "matrix", y = "numeric"), methods = list(
    iter.next = function() { at <<- at + 1; at <= length(sizes) }, reset = function() { at <<- 0 },
    value = function() {
      k <- sum(.self$sizes[seq_len(at - 1)]) + seq_len(.self$sizes[[at]])
      list(data = mx.nd.array(.self$x[, k, drop = FALSE]), label = mx.nd.array(.self$y[k]))
    }))
  ragged <- function(...) Ragged$new(at = 0, sizes = c(...), x = x, y = y)
  for (ctx in list(list(mx.cpu()), list(mx.cpu(0), mx.cpu(1)))) {
    seen <- NULL
    metric <- mx.metric.custom("seen", function(label, pred) { seen <<- c(seen, label); 0 })
    model <- train(lro, ctx = ctx, X = mx.io.arrayiter(x, y, batch.size = 20), eval.metric = metric, eval.data = ragged(30, 30, 7, 1),
                   epoch.end.callback = function(iteration, nbatch, env, verbose) FALSE)
    expect_equal(as.numeric(tail(seen, 68)), y[1:68], tolerance = 1e-6)
    expect_error(predict(model, ragged(20, 20, 7)), "a batch of 7 samples, after batches of 20.*fill the last one up")
    expect_equal(dim(predict(model, ragged(20, 20, 20))), c(1, 60))
    padded <- mx.io.arrayiter(x[, 1:47], y[1:47], batch.size = 20)
    expect_equal(predict(model, padded), predict(model, x[, 1:47], array.layout = "colmajor"), tolerance = 1e-6)
  }
})
