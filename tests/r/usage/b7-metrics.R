source("_check.R")
label <- mx.nd.array(c(1, 0, 1, 1))
pred <- mx.nd.array(matrix(c(0.9, 0.2, 0.4, 0.7), 1))
wide <- mx.nd.array(matrix(c(0.1, 0.9, 0.8, 0.2, 0.3, 0.7, 0.6, 0.4), 2))
l <- c(1, 0, 1, 1)
p <- c(0.9, 0.2, 0.4, 0.7)
score <- function(metric, label., pred., batches = 1) {
  state <- metric$init()
  for (i in seq_len(batches)) state <- metric$update(label = label., pred = pred., state = state)
  metric$get(state)
}
custom <- function(feval, label. = label, pred. = pred) score(mx.metric.custom("m", feval), label., pred.)$value

usage("functions written for R arrays (before 2018)", {
  same(custom(function(label, pred) mean(abs(label - pred))), mean(abs(l - p)))
  same(custom(function(real, pred) sqrt(mean((as.numeric(real) - as.numeric(pred))^2))), sqrt(mean((l - p)^2)))
  same(custom(function(label, pred) mean(colSums(label * pred)), label. = wide, pred. = wide), mean(colSums(as.array(wide)^2)))
  same(custom(function(label, pred) { ypred <- max.col(t(pred)) - 1; mean(ypred == label) }, pred. = wide), mean(c(1, 0, 1, 0) == l))
  auc <- function(actual, predicted) mean(outer(predicted[actual == 1], predicted[actual == 0], ">"))
  same(custom(auc), 1)
})
usage("functions that call as.array first run in both eras", {
  same(custom(function(label, pred) mean(abs(as.array(label) - as.array(pred)))), mean(abs(l - p)))
  same(custom(function(label, pred) { pred <- as.array(pred); label <- as.array(label); mean(abs(label - as.vector(pred))) }), mean(abs(l - p)))
})
usage("functions written for NDArrays (since 2018), with any kind of value", {
  same(custom(function(label, pred) { label <- mx.nd.reshape(label, shape = -1); pred <- mx.nd.reshape(pred, shape = -1); as.array(mx.nd.mean(mx.nd.abs(label - pred))) }), mean(abs(l - p)))
  same(custom(function(label, pred) mx.nd.mean(mx.nd.square(label - mx.nd.reshape(pred, shape = -1)))), mean((l - p)^2))
  same(custom(function(label, pred) { ypred <- mx.nd.argmax(data = pred, axis = 1, keepdims = FALSE); mx.nd.mean(ypred == label) }, pred. = wide), 0.75)
  same(score(mx.metric.custom_nd("m", function(label, pred) mx.nd.mean(label)), label, pred)$value, mean(l))
})
usage("names of the arguments are the user's", same(custom(function(real, guess) mean(real) - mean(guess)), mean(l) - mean(p)))
usage("the mean over batches, under the given name", {
  result <- score(mx.metric.custom(name = "mine", feval = function(label, pred) 3), label, pred, batches = 4)
  same(result, list(name = "mine", value = 3))
})
usage("hand-written metrics", {
  mine <- list(init = function() 0, update = function(label, pred, state) state + sum(as.array(label)), get = function(state) list(name = "n", value = state))
  class(mine) <- "mx.metric"
  same(score(mine, label, pred, 2)$value, 6)
})
usage("the metric of a network that ends in a loss: pred is the loss", {
  loss <- mx.symbol.MakeLoss(mx.symbol.square(mx.symbol.Reshape(mx.symbol.FullyConnected(mx.symbol.Variable("data"), num_hidden = 1), shape = 0) - mx.symbol.Variable("label")))
  seen <- NULL
  my.metric <- mx.metric.custom("loss", function(label, pred) { seen <<- dim(as.array(as.array(pred))); mean(as.array(pred)) })
  model <- mx.model.FeedForward.create(loss, X = wave(2, 20), y = wave(20), num.round = 2, array.batch.size = 10, array.layout = "colmajor", eval.metric = my.metric, verbose = FALSE)
  same(seen, 10)
})
usage("eval.metric = NULL trains without a word about metrics", {
  net <- mx.symbol.LinearRegressionOutput(mx.symbol.FullyConnected(mx.symbol.Variable("data"), num_hidden = 1))
  words <- character()
  withCallingHandlers(mx.model.FeedForward.create(net, X = wave(2, 20), y = wave(20), num.round = 2, array.batch.size = 10, array.layout = "colmajor", eval.metric = NULL),
                      message = function(m) { words <<- c(words, conditionMessage(m)); invokeRestart("muffleMessage") })
  same(words, "Start training with 1 devices\n")
})
usage("the built-in ones", {
  same(score(mx.metric.accuracy, label, wide)$value, 0.75)
  same(score(mx.metric.rmse, label, pred)$value, sqrt(mean((l - p)^2)))
  same(score(mx.metric.mae, label, pred)$value, mean(abs(l - p)))
  same(score(mx.metric.mse, label, pred)$value, mean((l - p)^2))
  same(score(mx.metric.rmsle, label, pred)$value, sqrt(mean((log1p(p) - log1p(l))^2)))
  same(score(mx.metric.logloss, label, pred)$value, -mean(ifelse(l == 1, log(p), log(1 - p))))
  same(score(mx.metric.logistic_acc, label, pred)$value, 0.75)
  same(score(mx.metric.Perplexity, label, wide)$value, exp(-mean(log(c(0.9, 0.8, 0.7, 0.4)))))
})
done("b7")
