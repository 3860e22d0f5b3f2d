source("_check.R")
label <- mx.symbol.Variable("label")
data <- mx.symbol.Variable("data")
v <- wave(2, 3) + 1.5
u <- wave(2, 3, k = 2) + 2

usage("numbers on either side, the minus sign of old, powers", {
  same(value(1 - label, label = v), 1 - v)
  same(value(0 - label, label = v), -v)
  same(value(-0.5 * label, label = v), -0.5 * v)
  same(value(label / (1 + label) / label, label = v), 1 / (1 + v))
  same(value(label^2, label = v), v^2)
  same(value(label - label + 1, label = v), 1 + 0 * v)
  same(value(label %% 1, label = v), v %% 1)
  my_loss <- 0
  for (part in list(label, data)) my_loss <- my_loss + part
  same(value(my_loss, label = v, data = u), u + v)
})
usage("symbols do not broadcast by themselves, broadcast_ functions do", {
  says(mx.simple.bind(data - label, ctx = mx.cpu(), data = c(2, 3), label = c(1, 3)), "elemwise_sub|_minus")
  same(value(mx.symbol.broadcast_minus(lhs = data, rhs = label, name = "d"), data = v, label = v[1, , drop = FALSE]), sweep(v, 2, v[1, ]))
  same(value(mx.symbol.broadcast_plus(lhs = data, rhs = label), data = v, label = v[1, , drop = FALSE]), sweep(v, 2, v[1, ], "+"))
})
usage("[[1]] of symbols with one output, of lists, of several outputs", {
  same(outputs(data[[1]]), "data")
  same(outputs(c(data, label)[[1]]), "data")
  parts <- mx.symbol.SliceChannel(data, num_outputs = 3, axis = 0, name = "part")
  same(outputs(parts), paste0("part_output", 0:2))
  same(outputs(parts[[3]]), "part_output2")
})
usage("an inner output by its name, and in a pipe", {
  fc1 <- mx.symbol.FullyConnected(data, num_hidden = 2, name = "fc1")
  net <- mx.symbol.SoftmaxOutput(mx.symbol.Flatten(fc1, name = "flat"), name = "sm")
  all_layers <- net$get.internals()
  same(outputs(all_layers$get.output(which(all_layers$outputs == "fc1_output"))), "fc1_output")
  same(outputs(which(all_layers$outputs == "flat_output") |> all_layers$get.output()), "flat_output")
  same(outputs(internals(net)[[match("fc1_output", outputs(internals(net)))]]), "fc1_output")
  same(net$get.children()$outputs, c("flat_output", "sm_label"))
})
usage("concat in its forms; an abbreviated num.arg", {
  for (cat in list(mx.symbol.concat(data = list(data, label), num.args = 2, dim = 1, name = "cat"),
                   mx.symbol.concat(data = c(data, label), num.arg = 2, dim = 1, name = "cat"),
                   suppressWarnings(mx.symbol.Concat(data = list(data, label), num.args = 2, dim = 1, name = "cat")),
                   mxnet:::mx.varg.symbol.Concat(c(list(data, label), list(dim = 1, num.args = 2, name = "cat")))))
    same(mx.symbol.infer.shape(cat, data = c(2, 3), label = c(4, 3))$out.shapes$cat_output, c(6, 3))
})
usage("inner functions of scripts that mask padding", {
  mask <- mxnet:::mx.varg.symbol.internal.not_equal_scalar(list(label, scalar = 0))
  same(value(mask, label = c(0, 2, 0)), c(0, 1, 0))
  full <- mxnet:::mx.varg.symbol.internal.full(list(shape = c(2, 3), value = 4))
  same(value(full + data, data = v), v + 4)
})
usage("variables of any name, and one name twice", {
  odd <- c("l1.i2h.weight", "param.r", "yolo _label_split", "embed.weight")
  sums <- Reduce(`+`, lapply(odd, mx.symbol.Variable))
  same(arguments(sums), odd)
  file <- tempfile()
  mx.symbol.save(sums, file)
  same(arguments(mx.symbol.load(file)), odd)
  exec <- mx.simple.bind(sums, ctx = mx.cpu(), param.r = c(2))
  same(names(exec$ref.arg.arrays), odd)
  same(arguments(mx.symbol.Variable("label") * label), "label")
  same(mx.symbol.FullyConnected(data, weight = mx.symbol.Variable("my.w"), num_hidden = 2, no.bias = TRUE)$arguments, c("data", "my.w"))
})
usage("automatic names count per operator", {
  before <- as.numeric(gsub("\\D", "", outputs(mx.symbol.Activation(data, act_type = "relu"))))
  net <- mx.symbol.Activation(data, act_type = "relu")
  same(outputs(net), paste0("activation", before + 1, "_output"))
  same(names(run(net, data = v)$ref.outputs), paste0("activation", before + 1, "_output"))
  same(sub("\\d+", "", arguments(mx.symbol.FullyConnected(data, num_hidden = 1))[[2]]), "fullyconnected_weight")
})
usage("SoftmaxOutput inside a loss brings its own gradient, whatever weighs it", {
  p <- matrix(c(1, 0, 0, 0, 1, 0), 3)
  heads <- lapply(1:2, function(i) mx.symbol.SoftmaxOutput(mx.symbol.Variable(paste0("in", i)), label = label, name = paste0("s", i)))
  mixed <- 0.05 * heads[[1]] + 0.95 * heads[[2]]
  loss <- mx.symbol.MakeLoss(mx.symbol.mean(0 - label * mx.symbol.log(mixed)))
  exec <- run(loss, in1 = wave(3, 2), in2 = wave(3, 2, k = 3), label = p, is.train = TRUE)
  mx.exec.backward(exec)
  soft <- function(z) sweep(exp(z), 2, colSums(exp(z)), "/")
  same(exec$ref.grad.arrays$in1, soft(wave(3, 2)) - p)
  same(exec$ref.grad.arrays$in2, soft(wave(3, 2, k = 3)) - p)
})
usage("regression layers inside a loss bring theirs", {
  for (layer in c("LinearRegressionOutput", "LogisticRegressionOutput", "MAERegressionOutput")) {
    f <- get(paste0("mx.symbol.", layer))
    exec <- run(mx.symbol.MakeLoss(mx.symbol.square(f(mx.symbol.Variable("z"), label = label, name = "o"))), z = v, label = u, is.train = TRUE)
    mx.exec.backward(exec)
    own <- switch(layer, LinearRegressionOutput = v - u, LogisticRegressionOutput = plogis(v) - u, MAERegressionOutput = sign(v - u))
    same(exec$ref.grad.arrays$z, own / 2)              # over the number of outputs of a sample
  }
})
usage("names of every age", {
  for (name in c("sum_axis", "Softmax", "Flatten", "flatten", "Reshape", "reshape", "SliceChannel", "split", "BlockGrad", "stop_gradient",
                 "relu", "sigmoid", "tanh", "broadcast_minus", "broadcast_plus", "broadcast_add", "broadcast_div", "normal", "random_normal",
                 "identity", "swapaxes", "reshape_like", "dot", "elemwise_mul", "negative"))
    if (!is.function(getExportedValue("mxnet", paste0("mx.symbol.", name)))) stop(name)
  same(outputs(mx.symbol.Softmax(data, name = "softmax")), "softmax_output")
})
usage("graph.viz of a symbol or its text, with a list or vector of shapes", {
  fc <- mx.symbol.FullyConnected(data, num_hidden = 2, name = "fc")
  graph.viz(fc)
  graph.viz(symbol = fc, shape = c(3, 10), direction = "LR", type = "graph", graph.height.px = 200, graph.width.px = 300)
  graph.viz(fc$as.json(), shape = list(data = c(3, 10)))
})
usage("infer.shape is NULL for too little, an error for contradictions", {
  fc <- mx.symbol.FullyConnected(data, num_hidden = 2, name = "fc")
  if (!is.null(mx.symbol.infer.shape(fc, fc_bias = 2))) stop("not NULL")
  says(mx.symbol.infer.shape(fc, data = c(3, 10), fc_weight = c(4, 2)), "fc")
  same(names(fc$infer.shape(list(data = c(3, 10)))), c("arg.shapes", "out.shapes", "aux.shapes"))
})
usage("the states that RNN gives out have the names that scripts look for", {
  rnn <- mx.symbol.RNN(data = data, state = mx.symbol.Variable("h0"), state_cell = mx.symbol.Variable("c0"), mode = "lstm", state_size = 3,
                       num_layers = 1, state_outputs = TRUE, name = "RNN")
  all <- mx.symbol.identity(rnn[[1]], name = "last")$get.internals()
  same(all$get.output(which(all$outputs == "RNN_state"))$outputs, "RNN_state")
  same(all[["RNN_state_cell"]]$outputs, "RNN_state_cell")
  exec <- mx.simple.bind(rnn, ctx = mx.cpu(), data = c(4, 2, 5))
  same(names(exec$ref.outputs), c("RNN_output", "RNN_state", "RNN_state_cell"))
  same(names(mx.symbol.infer.shape(rnn, data = c(4, 2, 5))$out.shapes), names(exec$ref.outputs))
  says(all$get.output(which(all$outputs == "RNN_nothing")), "the index is empty.*RNN_state")
})
usage("methods take arguments by position, under whatever names", {
  net <- mx.symbol.FullyConnected(mx.symbol.Variable("data"), num_hidden = 3, name = "fc")
  wanted <- mx.symbol.infer.shape(net, data = c(4, 5))
  own.bind <- function(symbol, ctx, ...) symbol$infer.shape(...)
  same(own.bind(net, mx.cpu(), list(data = c(4, 5))), wanted)
  same(own.bind(net, mx.cpu(), data = list(data = c(4, 5))), wanted)
  same(own.bind(net, ctx = mx.cpu(), shapes = list(data = c(4, 5))), wanted)
  same(net$get.internals()$get.output(i = 2)$outputs, "fc_weight")
  same(net$get.internals()$get.output(index = 2)$outputs, "fc_weight")
  says(net$infer.shape(shapes = list(datum = 3)), "no argument datum")
  says(net$infer.shape(list(data = c(4, 5)), 2), "unused argument")
  exec <- mx.simple.bind(net, mx.cpu(), grad.req = "write", data = c(4, 5))
  exec$update.arg.arrays(args = list(mx.nd.ones(c(4, 5)), mx.nd.ones(c(4, 3)), mx.nd.ones(3)), match = FALSE, skip = FALSE)
  exec$forward(train = FALSE, list())
  same(exec$ref.outputs$fc_output, rep(5, 15))
  exec$update.arg.arrays(skip.null = FALSE, match.name = TRUE, arrays = list(fc_bias = mx.nd.zeros(3)))
  mx.exec.forward(exec, is.train = FALSE)
  same(exec$ref.outputs$fc_output, rep(4, 15))
  kv <- mx.kv.create("local")
  kv$init(index = 1L, arrays = list(mx.nd.zeros(2)))
  kv$push(index = 1L, gradients = list(list(mx.nd.ones(2))), priority = -1L)
  out <- mx.nd.zeros(2)
  kv$pull(index = 1L, weights = list(list(out)), priority = -1L)
  same(out, c(1, 1))
})
done("b3")
