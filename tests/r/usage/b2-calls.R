source("_check.R")
net <- mx.symbol.LinearRegressionOutput(mx.symbol.FullyConnected(mx.symbol.Variable("data"), num_hidden = 1, name = "fc"), name = "out")
x <- wave(2, 40, k = 1.3)
y <- x[1, ] - x[2, ]
trained <- function(...) {
  mx.set.seed(3)
  model <- mx.model.FeedForward.create(net, X = x, y = y, ctx = mx.cpu(), num.round = 2, array.batch.size = 10, array.layout = "colmajor", verbose = FALSE, ...)
  as.vector(as.array(model$arg.params$fc_weight))
}

usage("settings of the optimizer pass through, abbreviated", {
  same(trained(optimizer = "adam", learning.rate = 0.1, beta1 = 0.9, beta2 = 0.99, eps = 1e-3),
       trained(optimizer = "adam", learning.rate = 0.1, beta1 = 0.9, beta2 = 0.99, epsilon = 1e-3))
  if (isTRUE(all.equal(trained(optimizer = "adam", eps = 1e-3), trained(optimizer = "adam")))) stop("eps has no effect")
})
usage("FactorScheduler(factor = )", {
  schedule <- mx.lr_scheduler.FactorScheduler(step = 1, factor = 0.5, stop_factor_lr = 1e-3)
  env <- new.env()
  env$num_update <- 3
  env$count <- 0
  env$lr <- 1
  suppressMessages(schedule(env))
  same(env$lr, 0.5)
})
usage("the third argument of mx.opt.create is the optimizer's second", {
  w <- mx.nd.array(c(1, 2))
  step <- function(opt) { up <- mx.opt.get.updater(opt, list(w = w)); up(list(w = w), list(w = w)); as.array(up(list(w = w), list(w = w))[[1]]) }
  same(step(mx.opt.create("sgd", 0.1, 0.9, rescale.grad = 0.5)), step(mx.opt.create("sgd", learning.rate = 0.1, momentum = 0.9, rescale.grad = 0.5)))
})
usage("initializers, random arrays and callbacks by position", {
  init <- mx.init.Xavier("gaussian", "in", 2.0)
  same(class(init("fc_weight", c(3, 2), mx.cpu())), "MXNDArray")
  same(dim(mx.runif(c(2, 3), 0, 1, ctx = mx.cpu())), c(2, 3))
  same(dim(mx.rnorm(c(2, 3), 0, 1, mx.cpu())), c(2, 3))
  if (!is.function(mx.callback.early.stop(30, 30))) stop("no callback")
  if (!is.function(mx.callback.log.speedometer(batch.size = 10, frequency = 5))) stop("no callback")
  same(mx.nd.slice(mx.nd.array(1:5), 1, 3), 2:3)
})
usage("files by position and under each of their names", {
  prefix <- tempfile()
  model <- structure(list(symbol = net, arg.params = list(fc_weight = mx.nd.ones(c(2, 1)), fc_bias = mx.nd.zeros(1)), aux.params = list()), class = "MXFeedForwardModel")
  mx.model.save(model, prefix, 0)
  same(names(mx.model.load(prefix, 0)$arg.params), c("fc_weight", "fc_bias"))
  same(names(mx.model.load(prefix = prefix, iteration = 0)$arg.params), c("fc_weight", "fc_bias"))
  mx.symbol.save(net, filename = paste0(prefix, ".json"))
  same(outputs(mx.symbol.load(file.name = paste0(prefix, ".json"))), outputs(mx.symbol.load(paste0(prefix, ".json"))))
  mx.nd.save(list(a = mx.nd.ones(2)), filename = paste0(prefix, ".params"))
  same(names(mx.nd.load(filename = paste0(prefix, ".params"))), "a")
})
usage("a stray callback without a name, beside an iterator", {
  iter <- mx.io.arrayiter(x, y, batch.size = 10)
  model <- mx.model.FeedForward.create(symbol = net, X = iter, ctx = mx.cpu(), num.round = 1, verbose = FALSE, eval.metric = mx.metric.rmse,
                                       batch.end.callback = mx.callback.log.train.metric(2), mx.callback.log.train.metric(1))
  same(class(model), "MXFeedForwardModel")
})
usage("lists of parameters are plain lists: $ abbreviates", {
  params <- list(highway_weights = mx.nd.ones(2))
  same(params$highway_weight, c(1, 1))
})
usage("names and arguments that versions 0.7 to 1.2 had", {
  schedule <- FactorScheduler(step = 1, factor = 0.5, TRUE)
  opt <- mx.opt.create("sgd", learning.rate = 1, lr_scheduler = schedule)
  updater <- mx.opt.get.updater(opt, list(mx.nd.zeros(1)))
  rates <- suppressMessages(sapply(1:5, function(i) -as.array(updater(list(mx.nd.zeros(1)), list(mx.nd.ones(1)))[[1]])))
  same(rates, c(1, 1, 1, 0.5, 0.25))
  x <- wave(20, 3)
  y <- as.numeric(x[, 1] > 0)
  fitted <- mx.mlp(x, y, hidden_node = 2, out_node = 2, device = mx.cpu(), num.round = 1, array.layout = "rowmajor", verbose = FALSE)
  drawn <- graph.viz(model = fitted$symbol$as.json(), graph.title = "My network", graph.title.font.name = "Helvetica",
                     graph.title.font.size = 30, graph.width.px = 500, graph.height.px = 500)
  if (inherits(drawn, "mx.graph") && !grepl('label = "My network"', drawn$dot, fixed = TRUE)) stop("no title")
  mx.profiler.config(mode = MX.PROF.MODE$ALL, filename = "profile.json")
})
usage("recurrent networks of versions 0.12 and 1.0: dotted arguments, num.label, samples in the buckets' rows, mx.infer.buckets", {
  old <- list(num.rnn.layer = 1, num.hidden = 3, input.size = 5, num.embed = 2, dropout = 0, ignore_label = -1, config = "seq-to-one", cell.type = "lstm", masking = TRUE)
  new <- list(num_rnn_layer = 1, num_hidden = 3, input_size = 5, num_embed = 2, num_decode = 2, dropout = 0, ignore_label = -1, config = "seq-to-one",
              cell_type = "lstm", masking = TRUE, loss_output = "softmax")
  same(do.call(rnn.graph, c(old, num.label = 2))$as.json(), do.call(rnn.graph, new)$as.json())
  same(do.call(rnn.graph, c(old, num.decode = 2, loss_output = "softmax"))$as.json(), do.call(rnn.graph, new)$as.json())
  unrolled <- arguments(do.call(rnn.graph.unroll, c(new, seq_len = 4)))
  same(arguments(do.call(rnn.unroll, c(old, num.label = 2, seq.len = 4))), unrolled)
  says(rnn.graph(num.hiden = 3, config = "seq-to-one"), "unknown argument num.hiden; did you mean")

  data <- matrix(1:24 %% 5, 4)
  label <- c(0, 1, 0, 1, 1, 0)
  net <- do.call(rnn.graph, new)
  guess <- function(data) {
    it <- mx.io.bucket.iter(buckets = list(`4` = list(data = data, label = label)), batch.size = 4)
    mx.set.seed(1)
    model <- mx.model.buckets(symbol = net, train.data = it, num.round = 2, verbose = FALSE, metric = mx.metric.accuracy, gc_freq = 10)
    as.array(mx.infer.buckets(infer.data = it, model = model, ctx = mx.cpu()))
  }
  same(guess(t(data)), guess(data))
  same(dim(guess(data)), c(2L, 6L))
  says(mx.io.bucket.iter(list(`4` = list(data = data, label = 1:5)), 2), "bucket 4: data has 6 samples in its last dimension, label only 5")
})
usage("initial parameters as in versions before 0.11: shapes without names, no shape of labels", {
  data <- mx.symbol.Variable("data")
  net <- mx.symbol.SoftmaxOutput(mx.symbol.FullyConnected(mx.symbol.Flatten(data), num_hidden = 3, name = "new"), name = "softmax")
  init <- mx.init.uniform(0.1)
  fresh <- function(...) {
    mx.set.seed(4)
    mxnet:::mx.model.init.params(...)
  }
  wanted <- fresh(net, list(data = c(4, 4, 2, 8)), NULL, init, mx.cpu())
  same(dim(wanted$arg.params$new_weight), c(32, 3))
  for (got in list(fresh(symbol = net, input.shape = c(4, 4, 2, 8), initializer = init, ctx = mx.cpu()), fresh(net, c(4, 4, 2, 8), init, mx.cpu()),
                   fresh(net, c(4, 4, 2, 8), initializer = init, ctx = mx.cpu()), fresh(net, list(data = c(4, 4, 2, 8)), init, ctx = mx.cpu()),
                   fresh(symbol = net, input.shape = c(4, 4, 2, 8), output.shape = NULL, initializer = init, ctx = mx.cpu()),
                   fresh(net, c(4, 4, 2, 8), 8, init, mx.cpu()), fresh(net, c(4, 4, 2, 8), list(softmax_label = 8), init, mx.cpu()))) {
    same(names(got$arg.params), c("new_weight", "new_bias"))
    same(got$arg.params$new_weight, wanted$arg.params$new_weight)
  }
  says(fresh(mx.symbol.Group(net, mx.symbol.LinearRegressionOutput(data, name = "other")), c(4, 4, 2, 8), 8, init, mx.cpu()), "2 arguments that end in label")
  says(fresh(net, c(4, 4, 2, 8), 9, init, mx.cpu()), "label")
})
done("b2")
