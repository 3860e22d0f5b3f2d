# print(), str() and summary() of every class describe the object, and return a value that can be used further.

examples <- function() {
  net <- mx.symbol.SoftmaxOutput(mx.symbol.FullyConnected(mx.symbol.Variable("data"), num.hidden = 3, name = "fc"),
                                 name = "softmax")
  logger <- mx.metric.logger$new()
  iterator <- mx.io.arrayiter(t(iris[, 1:4]), as.numeric(iris$Species) - 1, batch.size = 50)
  model <- mx.model.FeedForward.create(
    net, X = iterator, num.round = 6, learning.rate = 0.01, eval.metric = mx.metric.accuracy, verbose = FALSE,
    epoch.end.callback = mx.callback.log.train.metric(1, logger))
  exec <- mx.simple.bind(net, ctx = mx.cpu(), grad.req = "write", data = c(4, 7))
  table <- tempfile(fileext = ".csv")
  write.table(iris[, 1:4], table, sep = ",", row.names = FALSE, col.names = FALSE)
  buckets <- list("3" = list(data = matrix(1, 3, 20), label = matrix(0, 3, 20)),
                  "5" = list(data = matrix(1, 5, 10), label = matrix(0, 5, 10)))
  script <- tempfile(fileext = ".R")
  writeLines(c("library(mxnet)", "ctx <- mx.gpu()"), script)
  halving <- mx.lr_scheduler.FactorScheduler(10, 0.5)
  store <- mx.kv.create()
  store$init(1:2, list(mx.nd.ones(2), mx.nd.ones(3)))
  own <- setRefClass("OwnIterator", contains = "Rcpp_MXArrayDataIter", where = globalenv())$new()
  inference <- mx.lstm.inference(1, input.size = 5, num.hidden = 4, num.embed = 3, num.label = 5, arg.params = NULL)
  # an object of each class, and texts that print(), str() and summary() show
  list(
    Rcpp_MXSymbol = list(net, "fc = FullyConnected", "outputs: softmax_output", "fc +FullyConnected"),
    MXNDArray = list(mx.nd.array(matrix(1:6, 2)), "3 +5", "<NDArray> 2 x 3: 1 2 3", "Mean"),
    Rcpp_MXExecutor = list(exec, "fc_weight: 4 x 3, gradient", "4 arguments and 1 output", "parameters: 15"),
    MXFeedForwardModel = list(model, "3 x 50 +fc_weight, fc_bias +15", "<NDArray> 4 x 3", "parameters: 15"),
    MXFeedForwardModel = list(mx.serialize(model), "serialized model", "symbol_json", "parameters: 15"),
    mx.metric.logger = list(logger, "6 entries of training.* \\.\\.\\. ", "6 entries of training", "first +least"),
    mx.metric.logger = list(mx.metric.logger$new(), "0 entries", "0 entries", "0 entries"),
    Rcpp_MXArrayDataIter = list(iterator, "150 samples, 3 batches of 50; data 4 x 50, label 50", "3 batches", "150"),
    Rcpp_MXArrayDataIter = list(mx.io.bucket.iter(buckets, 5), "2 buckets .3, 5.: 30 samples, 6 batches of 5", "6", "6"),
    Rcpp_MXArrayDataIter = list(own, "class OwnIterator", "class OwnIterator", "class OwnIterator"),
    Rcpp_MXNativeDataIter = list(mx.io.CSVIter(data.csv = table, data.shape = 4, batch.size = 50),
                                 "mx.io.CSVIter: batches of 50; data 4 x 50", "CSVIter", "CSVIter"),
    mx.described = list(mx.init.uniform(0.07), "mx.init.uniform.scale = 0.07.\n.*function of .name, shape", "0.07", "0.07"),
    mx.described = list(mx.init.normal(0.1), "mx.init.normal.sd = 0.1", "sd = 0.1", "sd = 0.1"),
    mx.described = list(mx.init.Xavier("gaussian"), "rnd_type = .gaussian.", "magnitude = 3", "factor_type = .avg."),
    mx.described = list(halving, "FactorScheduler.step = 10, factor_val = 0.5", "0.5", "0.5"),
    mx.described = list(mx.lr_scheduler.MultiFactorScheduler(c(5, 9), 0.1), "step = c.5, 9.", "MultiFactor", "0.1"),
    mx.described = list(mx.callback.log.train.metric(3, logger), "period = 3, logger = <mx.metric.logger>", "3", "3"),
    mx.described = list(mx.callback.log.speedometer(32), "batch.size = 32, frequency = 50", "frequency", "batch.size"),
    mx.described = list(mx.callback.save.checkpoint("net"), "prefix = .net., period = 1", "prefix", "prefix"),
    mx.described = list(mx.callback.early.stop(bad.steps = 4), "bad.steps = 4, maximize = FALSE", "bad", "bad"),
    mx.described = list(mx.callback.plot(2), "mx.callback.plot.period = 2", "plot", "plot"),
    mx.described = list(mx.opt.get.updater(mx.opt.create("adam"), list(), mx.cpu()), "optimizer = .adam.", "updater", "adam"),
    mx.optimizer = list(mx.opt.create("sgd", momentum = 0.9), "<optimizer sgd> learning rate 0.01, momentum 0.9", "sgd", "0.9"),
    mx.optimizer = list(mx.opt.create("rmsprop", lr_scheduler = halving), "<optimizer rmsprop> learning rate 0.002 on a schedule, gamma1", "gamma1", "0.002"),
    mx.optimizer = list(mx.opt.create("adadelta"), "adadelta> rho 0.9", "rho", "rho"),
    mx.metric = list(mx.metric.rmse, "<metric> rmse", "rmse", "eval.metric"),
    mx.metric = list(mx.metric.custom("worst", function(label, pred) max(abs(label - pred))), "worst", "worst", "worst"),
    Rcpp_MXKVStore = list(store, "key-value store local> 2 keys: 1, 2", "2 keys", "2 keys"),
    MXContext = list(mx.cpu(), "cpu.0.", "device> cpu", "cpu.0."),
    mx.graph = list(graph.viz(net), "softmax: SoftmaxOutput\n.- fc", "graph> of 3 nodes", "FullyConnected"),
    mx.summary = list(summary(net, data = c(4, 7)), "fc +FullyConnected +3 x 7", "layer", "3 x 7"),
    mx.python = list(mx.python(), "checked, in this order", "python", "checked"),
    mx.script.check = list(mx.check.script(script), "differs +mx.gpu", "message", "differs +1"),
    mx.inference = list(inference, "1 recurrent layer of 4, 1 sequence", "rnn.exec", "l1.i2h.weight"))
}

test_that("print(), str() and summary() of every class describe the object", {
  skip_if(requireNamespace("DiagrammeR", quietly = TRUE))
  shown <- examples()
  text <- function(code) paste(capture.output(code), collapse = "\n")
  for (i in seq_along(shown)) {
    one <- shown[[i]]
    class <- names(shown)[[i]]
    expect_true(inherits(one[[1]], class), label = class)
    expect_match(text(print(one[[1]])), one[[2]], info = paste("print", class))
    expect_match(text(str(one[[1]])), one[[3]], info = paste("str", class))
    expect_match(text(print(summary(one[[1]]))), one[[4]], info = paste("summary", class))
    expect_lte(length(capture.output(str(one[[1]]))), 25)
  }
})

test_that("every class has an example above", {
  skip_if(requireNamespace("DiagrammeR", quietly = TRUE))
  methods <- getNamespaceInfo("mxnet", "S3methods")
  expect_setequal(methods[methods[, 1] == "print", 2], unique(names(examples())))
})

test_that("a described function can be called as before", {
  start <- mx.init.normal(0.1)
  expect_true(is.function(start))
  expect_s3_class(start("fc_weight", c(2, 3), mx.cpu()), "MXNDArray")
  rate <- mx.opt.create("sgd", learning.rate = 0.1, lr_scheduler = mx.lr_scheduler.FactorScheduler(1, 0.5, verbose = FALSE))
  update <- mx.opt.get.updater(rate, list(mx.nd.ones(2)), mx.cpu())
  for (i in 1:4) update(list(mx.nd.ones(2)), list(mx.nd.ones(2)))
  expect_match(capture.output(str(rate)), "learning rate 0.1 on a schedule (now 0.05)", fixed = TRUE)
})
