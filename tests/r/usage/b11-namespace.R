# names that users define themselves, defined first: the package may call none of them
mx.symbol.bind <- function(...) stop("a user's mx.symbol.bind was called")
mx.model.init.params <- mx.model.extract.model <- mx.util.filter.null <- mx.model.check.arguments <- mx.nd.zeros <- mx.nd.array.user <- mx.simple.bind.user <-
  mx.metric.update <- is.MXDataIter <- mx.model.train <- mx.model.create.kvstore <- mx.io.internal <- mx.callback.user <- rnn.unroll <-
  mx.opt.get.updater.user <- shape_of <- padding <- or_else <- report_metric <- wanted_output <- device_list <- stop_type <- stop_parameter <- call_python <- function(...) stop("a user's function was called")
source("_check.R")
data <- mx.symbol.Variable("data")
net <- mx.symbol.LinearRegressionOutput(mx.symbol.FullyConnected(data, num_hidden = 1, name = "fc"), name = "out")
x <- wave(2, 40, k = 1.3)
y <- x[1, ] - x[2, ]

usage("everything runs beside users' functions of the same names", {
  model <- mx.model.FeedForward.create(net, X = x, y = y, num.round = 2, array.batch.size = 15, array.layout = "colmajor", eval.metric = mx.metric.rmse,
                                       eval.data = list(data = x, label = y), verbose = FALSE, ctx = lapply(0:1, mx.cpu))
  same(dim(predict(model, x, array.layout = "colmajor")), c(1, 40))
})
usage("training and prediction leave nothing in the user's environment", {
  before <- ls(globalenv())
  model <- mx.model.FeedForward.create(net, X = x, y = y, num.round = 1, array.layout = "colmajor", verbose = FALSE)
  predict(model, x, array.layout = "colmajor")
  same(as.list(setdiff(ls(globalenv()), c(before, "before", "model"))), list())
})
usage("inner functions under the names that scripts reach for", {
  for (name in c("mx.symbol.bind", "mx.model.init.params", "mx.init.uniform", "mx.model.check.arguments", "mx.varg.symbol.internal.not_equal_scalar",
                 "mx.model.extract.model", "mx.varg.symbol.Concat", "mx.model.create.kvstore", "mx.util.filter.null", "mx.init.Xavier",
                 "predict.MXFeedForwardModel", "mx.nd.slice", "mx.opt.adam", "mx.opt.adadelta", "mx.opt.rmsprop", "mx.opt.sgd", "mx.opt.adagrad",
                 "mx.nd.arraypacker", "mx.util.str.endswith", "mx.util.str.startswith", "mx.model.slice.shape", "mx.model.init.iter",
                 "mx.model.select.layout.train", "mx.model.select.layout.predict", "is.MXSymbol", "is.MXDataIter", "mx.init.normal",
                 "mx.init.internal.default", "mx.nd.internal.crop.assign", "mx.varg.symbol.internal.full", "mx.model.train",
                 "mx.model.train.buckets", "mx.callback.early.stop", "mx.init.create", "mx.model.init.params.rnn", "mx.model.init.iter.rnn", "lstm", "gru"))
    if (!is.function(get0(name, asNamespace("mxnet"), inherits = FALSE))) stop("mxnet:::", name)
  same(mxnet:::mx.model.check.arguments(net), c("data", "out_label"))
  cell <- sapply(c("i2h.weight", "i2h.bias", "h2h.weight", "h2h.bias"), mx.symbol.Variable, simplify = FALSE)
  state <- list(c = mx.symbol.Variable("c0"), h = mx.symbol.Variable("h0"))
  step <- mxnet:::lstm(3, indata = mx.symbol.Variable("x"), prev.state = state, param = cell, seqidx = 1, layeridx = 1, dropout = 0)
  same(mx.symbol.infer.shape(step$h, x = c(2, 5), h0 = c(3, 5))$arg.shapes$i2h.weight, c(2, 12))
  same(length(mxnet:::mx.util.filter.null(list(1, NULL, 2))), 2)
  same(mxnet:::mx.util.str.endswith("fc_weight", "weight") + 0, 1)
  same(lapply(mxnet:::mx.model.slice.shape(c(2, 10), 2), `[[`, "shape"), list(c(2, 5), c(2, 5)))
  same(dim(mxnet:::mx.init.internal.default("fc_bias", 3, mx.cpu())), 3)
  iter <- mxnet:::mx.model.init.iter(x, y, batch.size = 10, is.train = FALSE)
  if (!is.mx.dataiter(iter)) stop("no iterator")
})
usage("a user's alias of an inner function", {
  bind <- mxnet:::mx.symbol.bind
  exec <- bind(symbol = data + 1, ctx = mx.cpu(), arg.arrays = list(mx.nd.ones(2)), aux.arrays = NULL, grad.reqs = "null")
  mx.exec.forward(exec, is.train = FALSE)
  same(exec$ref.outputs[[1]], c(2, 2))
})
usage("do.call with values", {
  exec <- do.call(mx.simple.bind, list(symbol = net, ctx = mx.cpu(), grad.req = "write", data = c(2, 5)))
  same(dim(exec$ref.outputs[[1]]), c(1, 5))
  opt <- do.call("mx.opt.create", list(name = "adam", learning.rate = 0.1, lr_scheduler = NULL, clip_gradient = NULL))
  same(outputs(do.call(mx.symbol.Activation, list(data = data, act_type = "relu", name = "a"))), "a_output")
})
usage("mxnet::f without library, requireNamespace", {
  if (!requireNamespace("mxnet", quietly = TRUE)) stop("requireNamespace")
  same(mxnet::mx.nd.one.hot(indices = mxnet::mx.nd.array(1), depth = 2), c(0, 1))
})
usage("devices: lapply over ids, fields, a GPU that is not there", {
  devices <- lapply(0:3, mx.cpu)
  same(vapply(devices, function(d) d$device_id, 0L), 0:3)
  if (!all(vapply(devices, is.mx.context, NA))) stop("is.mx.context")
  MainDevice <- mx.ctx.default()
  if (MainDevice$device == "gpu") stop("gpu")
  gpu <- suppressWarnings(mx.gpu(0))
  same(mx.nd.ones(2, ctx = gpu), c(1, 1))
  exec <- mx.simple.bind(net, ctx = gpu, data = c(2, 5))
})
usage("pipes of bare functions", {
  block <- data |> mx.symbol.FullyConnected(num_hidden = 3, name = "p1") |> mx.symbol.BatchNorm(name = "p2") |> mx.symbol.relu(name = "p3") |> mx.symbol.sigmoid()
  same(mx.symbol.infer.shape(block, data = c(2, 5))$out.shapes[[1]], c(3, 5))
  same(c(1, 5) |> mx.nd.array() |> mx.nd.broadcast.minimum(mx.nd.array(2)), c(1, 2))
  if (requireNamespace("magrittr", quietly = TRUE)) {
    `%>%` <- magrittr::`%>%`
    same(outputs(data %>% mx.symbol.sigmoid(name = "s")), "s_output")
    same(outputs(list(data, data) %>% mx.symbol.concat(num.args = 2, dim = 1, name = "c")), "c_output")
    same(c(1, 5) %>% mx.nd.array() %>% mx.nd.broadcast.minimum(., mx.nd.array(2)), c(1, 2))
    layers <- net$get.internals()
    same(outputs(which(layers$outputs == "fc_output") %>% layers$get.output()), "fc_output")
  }
})
usage("the key-value store of multi-device loops", {
  kv <- mx.kv.create(type = "local")
  params <- list(w = mx.nd.ones(2), b = mx.nd.array(0))
  params.index <- 1:2
  kv$init(params.index, params)
  kv$push(params.index, list(params, params), -params.index)
  out <- list(list(w = mx.nd.array(c(0, 0)), b = mx.nd.ones(1)))
  kv$pull(params.index, out, -params.index)
  same(out[[1]]$w, c(2, 2))
  kv$set.optimizer(mx.opt.create("sgd", learning.rate = 1))
  same(is.logical(kv$update.on.kvstore) + 0, 1)
})
usage("set.seed and mx.set.seed are streams of their own", {
  set.seed(1)
  r <- runif(2)
  set.seed(1)
  mx.set.seed(5)
  a <- as.array(mx.runif(3))
  same(runif(2), r)
  mx.set.seed(5)
  set.seed(99)
  same(mx.runif(3), a)
  mx.set.seed(5)
  init <- function() { mx.set.seed(5); as.array(mx.init.normal(1)("fc_weight", c(2, 2), mx.cpu())) }
  same(init(), init())
})
done("b11")
