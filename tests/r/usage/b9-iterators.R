source("_check.R")
net <- mx.symbol.LinearRegressionOutput(mx.symbol.FullyConnected(mx.symbol.Variable("data"), num_hidden = 1, name = "fc"), name = "out")
x <- wave(2, 40, k = 1.3)
y <- x[1, ] - x[2, ]
train <- function(X, ..., symbol = net) {
  mx.set.seed(3)
  mx.model.FeedForward.create(symbol, X = X, ctx = mx.cpu(), num.round = 3, learning.rate = 0.1, verbose = FALSE, ...)
}
weight <- function(model) as.vector(as.array(model$arg.params$fc_weight))
wanted <- weight(train(mx.io.arrayiter(x, y, batch.size = 10)))
closures <- function() {
  at <- 0
  list(reset = function() at <<- 0, iter.next = function() { at <<- at + 10; at <= 40 },
       value = function() list(data = mx.nd.array(x[, at - 9:0]), label = mx.nd.array(y[at - 9:0])))
}

usage("a reference class around an iterator, with an initialize that skips its parent's and an empty finalize", {
  CustomIter <- setRefClass("CustomIter", fields = c("iter", "batch.size"), contains = "Rcpp_MXArrayDataIter", methods = list(
    initialize = function(iter, data, label, batch.size) {
      .self$iter <- mx.io.arrayiter(data = data, label = label, batch.size = batch.size)
      .self$batch.size <- batch.size
      .self
    },
    value = function() { batch <- .self$iter$value(); list(data = as.array(batch$data) * 1, label = batch$label) },
    iter.next = function() .self$iter$iter.next(),
    reset = function() .self$iter$reset(),
    num.pad = function() .self$iter$num.pad(),
    finalize = function() {}))
  same(weight(train(CustomIter$new(iter = NULL, data = x, label = y, batch.size = 10))), wanted)
})
usage("a reference class over closures, without num.pad; also for evaluation and prediction", {
  My_iter <- setRefClass("My_iter", fields = c("iter"), contains = "Rcpp_MXArrayDataIter", methods = list(
    initialize = function(iter = NULL) { .self$iter <- closures(); .self },
    value = function() .self$iter$value(), iter.next = function() .self$iter$iter.next(), reset = function() .self$iter$reset(),
    finalize = function() {}))
  model <- train(My_iter$new(), eval.data = My_iter$new(), eval.metric = mx.metric.rmse)
  same(weight(model), wanted)
  same(dim(predict(model, My_iter$new())), c(1, 40))
})
usage("a list of closures, bare or with a class attribute", {
  for (kind in list(NULL, "Rcpp_MXArrayDataIter", "Rcpp_MXNativeDataIter")) {
    iter <- closures()
    if (!is.null(kind)) class(iter) <- kind
    same(weight(train(iter)), wanted)
  }
})
usage("a manual loop over a list of closures", {
  my_iter <- closures()
  n <- 0
  my_iter$reset()
  while (my_iter$iter.next()) { my_values <- my_iter$value(); n <- n + dim(my_values$data)[2] }
  same(n, 40)
})
usage("arrays of any names", {
  nets <- lapply(c("user", "item"), function(n) mx.symbol.FullyConnected(mx.symbol.Variable(n), num_hidden = 1, no.bias = TRUE, name = paste0("fc_", n)))
  both <- mx.symbol.LinearRegressionOutput(nets[[1]] + nets[[2]], mx.symbol.Variable("score"), name = "out")
  at <- 0
  iter <- list(reset = function() at <<- 0, iter.next = function() { at <<- at + 10; at <= 40 },
               value = function() { i <- at - 9:0; list(user = x[1, i, drop = FALSE], item = x[2, i, drop = FALSE], score = y[i]) })
  model <- train(iter, symbol = both, input.names = c("user", "item"), output.names = "score")
  same(sort(names(model$arg.params)), c("fc_item_weight", "fc_user_weight"))
  same(dim(predict(model, iter)), c(1, 40))
})
usage("array iterators take NDArrays, and matrices as labels", {
  same(weight(train(mx.io.arrayiter(data = mx.nd.array(x), label = mx.nd.array(y), batch.size = 10))), wanted)
  iter <- mx.io.arrayiter(data = x, label = t(cbind(y, y)), batch.size = 15)
  iter$reset()
  iter$iter.next()
  same(dim(iter$value()$label), c(2, 15))
})
usage("batches wrap around, and num.pad says how far", {
  iter <- mx.io.arrayiter(x, y, batch.size = 15, shuffle = FALSE)
  iter$reset()
  pads <- NULL
  while (iter$iter.next()) pads <- c(pads, iter$num.pad())
  same(pads, c(0, 0, 5))
})
usage("is it an iterator? of which kind?", {
  iter <- mx.io.arrayiter(x, y, batch.size = 10)
  if (!is.mx.dataiter(iter)) stop("is.mx.dataiter")
  file <- tempfile(fileext = ".csv")
  write.table(t(x), file, sep = ",", row.names = FALSE, col.names = FALSE)
  csv <- mx.io.CSVIter(data.csv = file, data.shape = 2, batch.size = 10)
  if (!(class(csv) == "Rcpp_MXNativeDataIter")) stop("class")
  CustomCSVIter <- setRefClass("CustomCSVIter", fields = c("iter"), contains = "Rcpp_MXArrayDataIter", methods = list(
    initialize = function(iter) { .self$iter <- iter; .self },
    value = function() list(data = .self$iter$value()$data, label = mx.nd.array(rep(0, 10))),
    iter.next = function() .self$iter$iter.next(), reset = function() .self$iter$reset(), num.pad = function() .self$iter$num.pad(),
    finalize = function() .self$iter$finalize()))
  if (!is.mx.dataiter(CustomCSVIter$new(csv))) stop("custom iterator")
  same(class(train(CustomCSVIter$new(csv))), "MXFeedForwardModel")
})
usage("shuffling is seeded by mx.set.seed", {
  order <- function() { mx.set.seed(9); mx.io.extract(mx.io.arrayiter(x, seq_len(40), batch.size = 10, shuffle = TRUE), "label") }
  same(order(), order())
  same(sort(order()), 1:40)
  if (identical(as.vector(order()), as.numeric(1:40))) stop("not shuffled")
})
usage("what scripts read of bucket iterators, and the states of a network trained on them", {
  buckets <- list(`4` = list(data = matrix(1:40 %% 5, 4), label = matrix(1:40 %% 5, 4)), `6` = list(data = matrix(1:60 %% 5, 6), label = matrix(2:61 %% 5, 6)))
  it <- mx.io.bucket.iter(buckets = buckets, batch.size = 4, data.mask.element = 0, shuffle = TRUE)
  same(as.integer(it$bucket.names), c(4L, 6L))
  it$reset()
  same(c(it$epoch, it$batch.per.epoch, it$batch.per.bucket), c(1, 6, 3, 3))
  net <- rnn.graph(num_rnn_layer = 1, num_hidden = 3, input_size = 5, num_embed = 2, num_decode = 5, dropout = 0, masking = FALSE,
                   loss_output = "softmax", cell_type = "lstm", output_last_state = TRUE, config = "one-to-one")
  model <- mx.model.buckets(symbol = net, train.data = it, num.round = 1, ctx = mx.cpu(), metric = NULL, verbose = FALSE,
                            optimizer = mx.opt.create("adadelta", rescale.grad = 1 / 4), initializer = mx.init.Xavier())
  if (any(grepl("state", names(model$arg.params)))) stop("states among the parameters: ", toString(names(model$arg.params)))
  inner <- model$symbol$get.internals()
  picked <- mx.symbol.Group(lapply(c("loss_output", "RNN_state", "RNN_state_cell"), function(n) inner$get.output(which(inner$outputs == n))))
  one <- function(state) mx.infer.rnn.one(infer.data = mx.io.arrayiter(data = matrix(2), label = matrix(2), batch.size = 1), symbol = picked,
                                          arg.params = model$arg.params, aux.params = model$aux.params, input.params = state, ctx = mx.cpu())
  first <- one(NULL)
  second <- one(list(rnn.state = first[[2]], rnn.state.cell = first[[3]]))
  same(dim(second$RNN_state), c(3, 1, 1))
  same(dim(second$loss_output), c(5, 1))
  if (isTRUE(all.equal(as.array(first$loss_output), as.array(second$loss_output)))) stop("the state has no effect")
})
done("b9")
