source("_check.R")
data <- mx.symbol.Variable("data")
fc1 <- mx.symbol.FullyConnected(data, num_hidden = 4, name = "fc1")
net <- mx.symbol.SoftmaxOutput(mx.symbol.FullyConnected(mx.symbol.relu(fc1, name = "act1"), num_hidden = 3, name = "fc2"), name = "softmax")
x <- wave(2, 60, k = 1.3)
y <- (x[1, ] > 0) + (x[2, ] > 0.3)
train <- function(X = x, labels = y, ..., layout = "colmajor", size = 20) {
  mx.set.seed(3)
  mx.model.FeedForward.create(net, X = X, y = labels, ctx = mx.cpu(), num.round = 3, learning.rate = 0.1, verbose = FALSE, array.batch.size = size,
                              initializer = mx.init.Xavier(magnitude = 2), array.layout = layout, ...)
}
weight <- function(model) as.array(model$arg.params$fc1_weight)
model <- train()

usage("layouts in any spelling; auto says what it chose", {
  for (name in c("colMajor", "columnmajor")) same(weight(train(layout = name)), weight(model))
  unknown <- tryCatch(train(layout = "default"), warning = conditionMessage)
  if (!grepl('array.layout "default" is taken as "colmajor"', unknown, fixed = TRUE)) stop("no warning of an unknown layout")
  same(weight(suppressWarnings(train(layout = c(8, 8)))), weight(model))             # an image's size, taken for a layout by a script of R 3
  same(weight(train(t(x), layout = "rowmajor")), weight(model))
  said <- NULL
  auto <- withCallingHandlers(train(t(x), layout = "auto"), warning = function(w) { said <<- conditionMessage(w); invokeRestart("muffleWarning") })
  same(weight(auto), weight(model))
  if (!grepl("rowmajor", said)) stop(said)
})
usage("predictions are classes by samples, whatever the batch", {
  p <- predict(model, x, array.layout = "colmajor")
  same(dim(p), c(3, 60))
  same(colSums(p), rep(1, 60))
  same(predict(model, t(x), array.batch.size = 7, array.layout = "rowmajor"), p)
  same(predict(model, X = t(x), ctx = mx.cpu(), array.layout = "rowmajor", array.batch.size = 100), p)
  same(mxnet:::predict.MXFeedForwardModel(model = model, X = x, array.layout = "colmajor"), p)
  same(suppressWarnings(predict(model, t(x))), p)
})
usage("models made by hand, with class<- or structure(), and with another symbol", {
  p <- predict(model, x, array.layout = "colmajor")
  hand <- list(symbol = model$symbol, arg.params = model$arg.params, aux.params = model$aux.params)
  class(hand) <- "MXFeedForwardModel"
  same(predict(hand, x, array.layout = "colmajor"), p)
  same(predict(structure(list(symbol = model$symbol, arg.params = model$arg.params), class = "MXFeedForwardModel"), x, array.layout = "colmajor"), p)
  inner <- model$symbol$get.internals()
  hand$symbol <- inner[[match("act1_output", outputs(inner))]]                        # parameters of fc2 are surplus now
  same(dim(predict(hand, x, array.layout = "colmajor")), c(4, 60))
  hand$arg.params$fc1_bias <- mx.nd.array(rep(-100, 4))
  same(predict(hand, x, array.layout = "colmajor"), rep(0, 240))
})
usage("fine-tuning: a new head on old layers, some of them fixed", {
  head <- mx.symbol.SoftmaxOutput(mx.symbol.FullyConnected(model$symbol$get.internals()[["act1_output"]], num_hidden = 2, name = "new"), name = "softmax")
  start <- mxnet:::mx.model.init.params(symbol = head, input.shape = list(data = c(2, 20)), output.shape = list(softmax_label = 20), initializer = mx.init.normal(0.1), ctx = mx.cpu())
  same(names(start), c("arg.params", "aux.params"))
  start$arg.params$fc1_weight <- model$arg.params$fc1_weight
  start$arg.params$fc1_bias <- model$arg.params$fc1_bias
  tuned <- mx.model.FeedForward.create(head, X = x, y = as.numeric(y > 0), ctx = mx.cpu(), num.round = 2, verbose = FALSE, array.batch.size = 20, array.layout = "colmajor",
                                       arg.params = start$arg.params, aux.params = NULL, fixed.param = c("fc1_weight", "fc1_bias"), learning.rate = 0.1)
  same(weight(tuned), weight(model))
  if (isTRUE(all.equal(as.array(tuned$arg.params$new_weight), as.array(start$arg.params$new_weight)))) stop("the head is not trained")
})
usage("training goes on from a model, begin.round counts", {
  rounds <- NULL
  more <- train(arg.params = model$arg.params, aux.params = NULL, begin.round = 2,
                epoch.end.callback = function(iteration, nbatch, env, verbose) { rounds <<- c(rounds, iteration); TRUE })
  same(rounds, 2:3)
})
usage("several devices and a kvstore", {
  two <- function(ctx) { mx.set.seed(3); mx.model.FeedForward.create(net, X = x, y = y, ctx = ctx, num.round = 3, learning.rate = 0.1, verbose = FALSE, array.batch.size = 20,
                                                                     initializer = mx.init.Xavier(magnitude = 2), array.layout = "colmajor", kvstore = "local") }
  same(weight(two(lapply(0:1, mx.cpu))), weight(model), tolerance = 1e-4)
})
usage("further settings go to the optimizer", {
  for (settings in list(list(optimizer = "sgd", momentum = 0.9, wd = 1e-4, clip_gradient = 1), list(optimizer = "adam", beta1 = 0.9, beta2 = 0.999),
                        list(optimizer = "rmsprop", gamma1 = 0.9), list(optimizer = "adadelta", rho = 0.9)))
    if (!all(is.finite(weight(do.call(mx.model.FeedForward.create, c(list(net, X = x, y = y, array.layout = "colmajor", num.round = 1, verbose = FALSE), settings)))))) stop(settings[[1]])
})
usage("mx.mlp with its outputs, depths and dropout", {
  mlp <- function(labels, ...) { mx.set.seed(1); mx.mlp(t(x), labels, num.round = 2, array.batch.size = 20, learning.rate = 0.05, momentum = 0.9, verbose = FALSE, array.layout = "rowmajor", ...) }
  predicted <- function(model) dim(predict(model, t(x), array.layout = "rowmajor"))
  same(predicted(mlp(y, hidden_node = 10, out_node = 3, out_activation = "softmax", eval.metric = mx.metric.accuracy)), c(3, 60))
  same(predicted(mlp(x[1, ], hidden_node = c(8, 4), activation = c("relu", "tanh"), out_node = 1, out_activation = "rmse")), c(1, 60))
  same(predicted(mlp(as.numeric(y > 0), hidden_node = 8, dropout = 0.2, out_node = 1, out_activation = "logistic", eval.metric = mx.metric.logistic_acc)), c(1, 60))
})
usage("parameters out of executors", {
  exec <- mx.simple.bind(net, ctx = mx.cpu(), grad.req = "write", data = c(2, 20))
  mx.exec.update.arg.arrays(exec, model$arg.params, match.name = TRUE)
  mine <- mxnet:::mx.model.extract.model(symbol = net, train.execs = list(exec))
  same(sort(names(mine$arg.params)), sort(names(model$arg.params)))
  same(weight(mine), weight(model))
  mine$symbol <- net
  class(mine) <- "MXFeedForwardModel"
  same(predict(mine, x, array.layout = "colmajor"), predict(model, x, array.layout = "colmajor"))
})
usage("files in a folder, and plain R objects", {
  dir.create(folder <- tempfile("model"))
  mx.model.save(model = model, prefix = file.path(folder, "resnet-50"), iteration = 0)
  same(sort(dir(folder)), c("resnet-50-0000.params", "resnet-50-symbol.json"))
  back <- mx.model.load(file.path(folder, "resnet-50"), 0)
  same(predict(back, x, array.layout = "colmajor"), predict(model, x, array.layout = "colmajor"))
  file <- tempfile(fileext = ".RData")
  kept <- mx.serialize(model)
  save(kept, file = file)
  rm(kept)
  load(file)
  same(weight(mx.unserialize(kept)), weight(model))
})
usage("a layout that the sizes do not tell", {
  says(mx.mlp(wave(10, 10), 1:10, hidden_node = 2, out_node = 1), "X is 10 x 10, y 10, and both layouts fit")
  says(mx.mlp(wave(10, 4), 1:11, hidden_node = 2, out_node = 1), "X is 10 x 4, y 11, and neither layout fits")
})
usage("recurrent networks of the package before 1.0: train, then infer item by item", {
  items <- matrix(rep(0:3, length.out = 8 * 20), 8)
  for (kind in c("lstm", "gru", "rnn")) {
    call <- function(name, ...) {
      args <- list(1, num.hidden = 8, num.embed = 4, num.label = 4, input.size = 4, ...)
      names(args)[[1]] <- paste0("num.", kind, ".layer")
      do.call(paste0("mx.", kind, name), args)
    }
    mx.set.seed(0)
    seen <- NULL
    model <- call("", list(data = items, label = (items + 1) %% 4), list(data = items, label = (items + 1) %% 4), seq.len = 8,
                  batch.size = 10, num.round = 30, optimizer = "adam", learning.rate = 0.05, initializer = mx.init.uniform(0.1),
                  verbose = FALSE, epoch.end.callback = function(iteration, nbatch, env, verbose = TRUE) {
                    seen <<- rbind(seen, c(env$train.nll, env$val.nll) / env$nbatch)
                    TRUE
                  })
    same(class(model), "MXFeedForwardModel")
    if (any(seen[30, ] > 0.2 * seen[1, ])) stop("no progress: ", toString(seen[30, ]))
    # one step at a time gives the same as the whole sequence
    states <- grep("init", arguments(model$symbol), value = TRUE)
    shapes <- c(list(data = c(8, 1), label = c(8, 1)), sapply(states, function(n) c(8, 1), simplify = FALSE))
    exec <- do.call(mx.simple.bind, c(list(model$symbol, ctx = mx.cpu()), shapes))
    weights <- model$arg.params[grepl("weight|bias", names(model$arg.params))]
    mx.exec.update.arg.arrays(exec, c(list(data = mx.nd.array(items[, 1, drop = FALSE])), weights), match.name = TRUE)
    mx.exec.forward(exec, is.train = FALSE)
    whole <- as.array(exec$ref.outputs$sm_output)
    one <- call(".inference", arg.params = model$arg.params)
    for (t in 1:8) {
      step <- get(paste0("mx.", kind, ".forward"))(one, items[t, 1], new.seq = t == 1)
      one <- step$model
      same(step$prob, whole[, t], 1e-4)
    }
  }
  says(mx.lstm(items, num.lstm.layer = 1, seq.len = 8, num.hidden = 2, num.embed = 2, num.label = 4, batch.size = 5, input.size = 4),
       "iterator or list")
})
usage("autoencoders with a sparse code start from the mean activation 0", {
  for (init in list(mx.init.uniform(0.1), mx.init.normal(0.1), mx.init.Xavier())) {
    same(init("kl_moving_avg", 5, mx.cpu()), rep(0, 5))
    says(init("kl_centre", 5, mx.cpu()), "Unkown initialization pattern for  kl_centre")
  }
  X <- wave(6, 40, k = 3)
  activity <- function(penalty) {
    code <- mx.symbol.Activation(mx.symbol.FullyConnected(mx.symbol.Variable("data"), num_hidden = 5), act_type = "sigmoid")
    sparse <- mx.symbol.IdentityAttachKLSparseReg(code, sparseness_target = 0.1, penalty = penalty, name = "kl")
    net <- mx.symbol.LinearRegressionOutput(mx.symbol.FullyConnected(sparse, num_hidden = 6))
    mx.set.seed(3)
    model <- mx.model.FeedForward.create(net, X = X, y = X, num.round = 60, array.batch.size = 20, array.layout = "colmajor",
                                         optimizer = "adam", learning.rate = 0.02, initializer = mx.init.Xavier(), verbose = FALSE)
    mean(predict(model, X, array.layout = "colmajor", output = "kl_output"))
  }
  stopifnot(activity(0) > 0.4, activity(0.05) < 0.2)
})
done("b10")
