# Trains small networks in many ways, for 50 steps each. Samples go to workers so that the workers' batches of a step together are
# one process's batch. Worker 0 saves the parameters; every worker prints a hash of its own.
suppressMessages(library(mxnet))
folder <- commandArgs(TRUE)[[1]]
kv <- mx.kv.create("dist_sync")
N <- kv$num.workers
steps <- 50
whole <- 16                                             # samples in a step, over all workers
b <- whole / N
set.seed(7)
X <- matrix(rnorm(6 * whole * steps), 6)
Y <- as.numeric(X[1, ] * X[2, ] > 0)
mine <- unlist(lapply(seq_len(steps) - 1, function(s) s * whole + kv$rank * b + seq_len(b)))
data <- function(x = X, y = Y) mx.io.arrayiter(x[, mine], if (is.matrix(y)) y[, mine] else y[mine], batch.size = b)

fc <- function(x, n, name) mx.symbol.FullyConnected(x, num.hidden = n, name = name)
hidden <- mx.symbol.Activation(fc(mx.symbol.Variable("data"), 8, "fc1"), act.type = "tanh")
net <- mx.symbol.SoftmaxOutput(fc(hidden, 2, "fc2"), name = "softmax")
custom <- mx.symbol.MakeLoss(mx.symbol.square(mx.symbol.Reshape(fc(hidden, 1, "fc2"), shape = 0) - mx.symbol.Variable("label")), name = "loss")
normed <- mx.symbol.SoftmaxOutput(fc(mx.symbol.BatchNorm(hidden, name = "bn", fix.gamma = FALSE), 2, "fc2"), name = "softmax")

keep <- function(name, model) {
  arrays <- model$arg.params[order(names(model$arg.params))]
  file <- if (kv$rank == 0) file.path(folder, paste0(name, ".params")) else tempfile()
  mx.nd.save(arrays, file)
  cat(sprintf("hash %s %s\n", name, tools::md5sum(file)))
}
train <- function(symbol, ..., kvstore = kv, ctx = mx.cpu()) {
  mx.set.seed(3 + kv$rank)                              # so that the workers draw different parameters, of which worker 0's count
  mx.model.FeedForward.create(symbol, X = data(), ctx = ctx, num.round = 1, initializer = mx.init.uniform(0.5), kvstore = kvstore, verbose = FALSE, ...)
}
two <- list(mx.cpu(0), mx.cpu(1))
keep("sgd", train(net, learning.rate = 0.5, kvstore = "dist_sync"))
keep("momentum", train(net, learning.rate = 0.1, momentum = 0.9, wd = 0.01))
keep("adam", train(net, optimizer = "adam", learning.rate = 0.01, clip_gradient = 0.02))
keep("custom", train(custom, learning.rate = 0.05))
keep("fixed", train(net, learning.rate = 0.5, fixed.param = "fc1_weight"))
keep("devices", train(net, learning.rate = 0.1, momentum = 0.9, wd = 0.01, ctx = two))
if (N <= 2) keep("batchnorm", train(normed, learning.rate = 0.5, ctx = if (N == 1) two else mx.cpu()))

# operators written in R: an activation and a wing loss
mx.operator.register("wing", arguments = c("data", "label"), need.top.grad = FALSE,
  forward = function(inputs, params) {
    d <- abs(inputs$data - inputs$label)
    ifelse(d < params$w, params$w * log(1 + d / 2), d - params$w + params$w * log(1 + params$w / 2))
  },
  backward = function(inputs, params) {
    d <- inputs$data - inputs$label
    sign(d) * ifelse(abs(d) < params$w, params$w / (2 + abs(d)), 1)
  })
bell <- mx.symbol.fun(fc(mx.symbol.Variable("data"), 8, "fc1"), f = function(x) exp(-x^2))
wing <- mx.symbol.Custom(mx.symbol.Reshape(fc(bell, 1, "fc2"), shape = 0), mx.symbol.Variable("label"), op.type = "wing", w = 2)
keep("own_operator", train(wing, learning.rate = 0.05, ctx = two))

own <- list(create.state = function(index, weight) NULL,
            update = function(index, weight, grad, state) list(weight = weight - grad * (0.5 / whole), state = state))
keep("own_optimizer", train(net, optimizer = own))
mx.set.seed(3 + kv$rank)
keep("mlp", mx.mlp(data(), hidden_node = 8, out_node = 2, num.round = 1, learning.rate = 0.5, initializer = mx.init.uniform(0.5), kvstore = kv,
                   verbose = FALSE))

# sequences: unrolled with buckets, and the old interface
S <- matrix(rep(0:3, length.out = 4 * whole * steps) + rep(sample(0:3, whole * steps, TRUE), each = 4), 4) %% 4
sequences <- list("4" = list(data = S[, mine], label = (S[4, mine] + 1) %% 4))
unrolled <- rnn.graph.unroll(num_rnn_layer = 1, seq_len = 4, input_size = 4, num_embed = 3, num_hidden = 5, num_decode = 4, cell_type = "lstm",
                             config = "seq-to-one", loss_output = "softmax")
mx.set.seed(3 + kv$rank)
keep("buckets", mx.model.buckets(unrolled, mx.io.bucket.iter(sequences, batch.size = b), num.round = 1, initializer = mx.init.uniform(0.5),
                                 optimizer = "sgd", kvstore = "dist_sync", verbose = FALSE))
mx.set.seed(3 + kv$rank)
lstm <- mx.lstm(mx.io.arrayiter(S[, mine], (S[, mine] + 1) %% 4, batch.size = b), num.lstm.layer = 1, seq.len = 4, num.hidden = 5, num.embed = 3,
                num.label = 4, batch.size = b, input.size = 4, num.round = 1, update.period = 2, learning.rate = 0.5,
                initializer = mx.init.uniform(0.5), kvstore = kv)
keep("lstm", list(arg.params = lstm$arg.params[grep("weight|bias", names(lstm$arg.params))]))

# a custom training loop: the weights are in the store
mx.set.seed(3 + kv$rank)
loop <- mx.kv.create("dist_device_sync")
exec <- mx.simple.bind(net, mx.cpu(), "write", data = c(6, b))
start <- mx.init.create(mx.init.uniform(0.5), lapply(exec$ref.arg.arrays[2:5], dim), mx.cpu())
loop$init(1:4, unname(start))
loop$set.optimizer(mx.opt.create("sgd", learning.rate = 0.5, momentum = 0.5, rescale.grad = 1 / whole))
it <- data()
it$reset()
while (it$iter.next()) {
  loop$pull(1:4, list(exec$ref.arg.arrays[2:5]), -(1:4))
  mx.exec.update.arg.arrays(exec, list(data = it$value()$data, softmax_label = it$value()$label), match.name = TRUE)
  mx.exec.forward(exec, is.train = TRUE)
  mx.exec.backward(exec)
  loop$push(1:4, list(exec$ref.grad.arrays[2:5]), -(1:4))
  loop$barrier()
}
loop$pull(1:4, list(exec$ref.arg.arrays[2:5]))
keep("loop", list(arg.params = exec$arg.arrays[2:5]))
cat("type", loop$type, loop$rank, loop$num.workers, "\n")
