# mx.lstm, mx.gru and mx.rnn: the recurrent networks of MXNet's package before its version 1.0. They are unrolled over
# sequences of one length, and have their own training loop. Parameters and their order are MXNet's: old models can be
# loaded, and a seed gives the same initial weights.

# The cells under the names that scripts use, such as mxnet:::lstm.
lstm <- function(num.hidden, indata, prev.state, param, seqidx, layeridx, dropout = 0) {
  lstm.cell(num.hidden, indata, prev.state, param, seqidx, layeridx, dropout)
}

gru <- function(num.hidden, indata, prev.state, param, seqidx, layeridx, dropout = 0) {
  gru.cell(num.hidden, indata, prev.state, param, seqidx, layeridx, dropout)
}

plain_cell <- function(batch.norm) {
  function(num_hidden, indata, prev.state, param, seqidx, layeridx, dropout = 0, prefix = "") {
    if (dropout > 0 && layeridx > 1) indata <- mx.symbol.Dropout(data = indata, p = dropout)
    name <- paste0(prefix, "t", seqidx, ".l", layeridx)
    sum <- cell_layer(indata, param, "i2h", num_hidden, name) + cell_layer(prev.state$h, param, "h2h", num_hidden, name)
    h <- mx.symbol.Activation(sum, act.type = "tanh")
    list(h = if (batch.norm) mx.symbol.BatchNorm(h) else h)
  }
}

plain_kind <- function(batch.norm) list(cell = plain_cell(batch.norm), states = "h", parts = c("i2h", "h2h"))

# The network over seq.len steps, ending in "sm"; or, without seq.len, one step that also gives its states.
early_network <- function(kind, layers, seq.len, input.size, num.hidden, num.embed, num.label, dropout) {
  each <- function(labels, infix) {
    variables <- function(i) structure(lapply(paste0("l", i, infix, labels), mx.symbol.Variable), names = labels)
    lapply(seq_len(layers), variables)
  }
  params <- each(paste0(rep(kind$parts, each = 2), c(".weight", ".bias")), ".")
  states <- each(kind$states, ".init.")
  embed <- mx.symbol.Embedding(data = mx.symbol.Variable("data"), weight = mx.symbol.Variable("embed.weight"),
                               input_dim = input.size, output_dim = num.embed, name = "embed")
  steps <- list(embed)
  if (!is.null(seq.len)) steps <- mx.symbol.SliceChannel(embed, num_outputs = seq.len, squeeze_axis = TRUE)
  hidden <- lapply(seq_len(or_else(seq.len, 1)), function(t) {
    below <- steps[[t]]
    for (i in seq_len(layers)) {
      states[[i]] <<- kind$cell(num.hidden, below, states[[i]], params[[i]], t, i, dropout)
      below <- states[[i]]$h
    }
    if (dropout > 0) mx.symbol.Dropout(data = below, p = dropout) else below
  })
  all <- if (is.null(seq.len)) hidden[[1]] else mx.symbol.concat(data = hidden, num.args = seq.len, dim = 0)
  scores <- mx.symbol.FullyConnected(all, weight = mx.symbol.Variable("cls.weight"),
                                     bias = mx.symbol.Variable("cls.bias"), num.hidden = num.label, name = "pred")
  if (!is.null(seq.len)) {
    # in the order of the scores: all samples of the first step, then of the second, and so on
    label <- mx.symbol.Reshape(mx.symbol.transpose(mx.symbol.Variable("label")), shape = -1)
    return(mx.symbol.SoftmaxOutput(data = scores, label = label, name = "sm"))
  }
  last <- lapply(rev(kind$states), function(s) {
    lapply(seq_len(layers), function(i) mx.symbol.BlockGrad(states[[i]][[s]], name = paste0("l", i, ".last.", s)))
  })
  mx.symbol.Group(c(list(mx.symbol.SoftmaxOutput(data = scores, name = "sm")), unlist(last, recursive = FALSE)))
}

# A network, bound, with its initial parameters: the list that mx.lstm.inference and the others return.
early_model <- function(kind, symbol, layers, seq.len, num.hidden, num.embed, batch.size, initializer, arg.params,
                        ctx) {
  states <- paste0("l", rep(seq_len(layers), each = length(kind$states)), ".init.", kind$states)
  inputs <- grep("(data|label)$", arguments(symbol), value = TRUE)
  shapes <- c(sapply(inputs, function(n) if (seq.len == 1) batch.size else c(seq.len, batch.size), simplify = FALSE),
              sapply(states, function(n) c(num.hidden, batch.size), simplify = FALSE))
  exec <- do.call(mx.simple.bind, c(list(symbol = symbol, ctx = ctx, grad.req = "add", fixed.param = states), shapes))
  start <- mx.model.init.params(symbol, shapes, NULL, initializer, mx.cpu())
  check_given(names(start$arg.params), arg.params, arguments(symbol))
  known <- intersect(grep("(weight|bias|gamma|beta)$", names(arg.params), value = TRUE), names(start$arg.params))
  start$arg.params[known] <- arg.params[known]
  mx.exec.update.arg.arrays(exec, start$arg.params, match.name = TRUE)
  mx.exec.update.aux.arrays(exec, start$aux.params, match.name = TRUE)
  structure(list(rnn.exec = exec, symbol = symbol, num.rnn.layer = layers, num.hidden = num.hidden, seq.len = seq.len,
                 batch.size = batch.size, num.embed = num.embed), class = "mx.inference")
}

# Stops if `arg.params` have a parameter that the network does not have; warns if they lack one that is drawn instead.
check_given <- function(drawn, arg.params, known) {
  if (is.null(arg.params)) return()
  weights <- grep("(weight|bias|gamma|beta)$", names(arg.params), value = TRUE)
  check_named(weights, known, "arg.params")
  lacking <- setdiff(drawn, names(arg.params))
  if (length(lacking))
    warning("arg.params has no ", paste(lacking, collapse = ", "), "; initial values are drawn", call. = FALSE)
}

early_data <- function(data, batch.size, is.train, seq.len, input.size, num.label) {
  if (is_iterator(data)) return(check_iterator(data))
  if (!is.list(data) || is.null(data$data) || is.null(data$label))
    stop_type("the data must be an iterator or list(data = , label = ), arrays of steps by samples")
  steps <- dim(data$data)[[1]]
  if (length(dim(data$data)) == 2 && steps != seq.len)
    stop_shape("the data has ", steps, " steps in its first dimension, but seq.len is ", seq.len)
  check_items(data$data, input.size, "the data", "input.size")
  check_items(data$label, num.label, "the label", "num.label")
  mx.io.arrayiter(data$data, data$label, batch.size = batch.size, shuffle = is.train)
}

# Warns, once in a session, of items that are not among 0 to size - 1.
check_items <- function(x, size, what, argument) {
  if (!is.numeric(x) || anyNA(x)) return()
  wrong <- setdiff(x, seq_len(as.numeric(size)) - 1)
  if (length(wrong))
    warn_once(paste("items", argument), what, " has ", paste(utils::head(wrong, 3), collapse = ", "),
              if (length(wrong) > 3) " ...", ", but with ", argument, " = ", size, " they must be 0 to ",
              size - 1)
}

# The loss of one batch: minus the sum of the logarithms of the labels' probabilities.
batch_nll <- function(exec, batch, is.train) {
  for (field in c("data", "label")) field_of(batch, field)
  mx.exec.update.arg.arrays(exec, batch, match.name = TRUE)
  mx.exec.forward(exec, is.train = is.train)
  label <- as.vector(t(as.array(exec$ref.arg.arrays$label)))
  -sum(log(as.array(mx.nd.choose.element.0index(exec$ref.outputs$sm_output, mx.nd.array(label)))))
}

# The numbers that `f` gives for every batch of an iterator.
each_batch <- function(iter, f) {
  values <- numeric()
  iter$reset()
  while (next_batch(iter)) values <- c(values, f(iter))
  values
}

# A function that prints the mean loss of a time step; `state` is c(sum of the losses, number of time steps).
loss_reporter <- function(kvstore, verbose) {
  function(..., state, prefix = metric_prefix(kvstore)) {
    if (!verbose || is.null(prefix)) return(invisible())
    mean <- state[[1]] / state[[2]]
    message(prefix, ..., "NLL=", mean, ", Perp=", exp(mean))
  }
}

# A function that updates the parameters with the sum of the gradients since the last update, over all workers. It gives
# FALSE, and makes no update, if another worker has no batch left.
update_of_sums <- function(exec, optimizer, kvstore, sums, ctx) {
  updater <- mx.opt.get.updater(optimizer, exec$ref.arg.arrays, ctx = ctx)
  zeros <- lapply(mx.util.filter.null(exec$ref.grad.arrays), function(g) g * 0)
  function() {
    complete <- call_python("model.sum_gradients", list(exec), sums) == worker_count(kvstore)
    if (complete) mx.exec.update.arg.arrays(exec, updater(exec$ref.arg.arrays, exec$ref.grad.arrays), skip.null = TRUE)
    mx.exec.update.grad.arrays(exec, zeros, match.name = TRUE)
    complete
  }
}

# The arguments of mx.lstm and the like; `counts` are those that are numbers, by name.
check_early <- function(counts, model, arg.params) {
  for (name in names(counts)) check_count(counts[[name]], name)
  if (!is.null(model)) check_model(model)
  check_params(arg.params, "arg.params")
}

# Callbacks get the frame of this function as `env`.
early_train <- function(kind, layers, train.data, eval.data, seq.len, num.hidden, num.embed, num.label,
                        batch.size, input.size, ctx, num.round, update.period, initializer, dropout, optimizer,
                        epoch.end.callback = NULL, batch.end.callback = NULL, model = NULL, arg.params = NULL,
                        verbose = TRUE, kvstore = "local", ...) {
  check_training(1, num.round, NULL, epoch.end.callback, batch.end.callback, verbose)
  check_early(list("the number of layers" = layers, seq.len = seq.len, num.hidden = num.hidden, num.embed = num.embed,
                   num.label = num.label, batch.size = batch.size, input.size = input.size, num.round = num.round,
                   update.period = update.period), model, arg.params)
  train.data <- early_data(train.data, batch.size, TRUE, seq.len, input.size, num.label)
  eval.data <- if (!is.null(eval.data)) early_data(eval.data, batch.size, FALSE, seq.len, input.size, num.label)
  symbol <- or_else(model$symbol,
                    early_network(kind, layers, seq.len, input.size, num.hidden, num.embed, num.label, dropout))
  m <- early_model(kind, symbol, layers, seq.len, num.hidden, num.embed, batch.size, initializer, arg.params, ctx)
  exec <- m$rnn.exec
  model <- as_model(symbol, exec$ref.arg.arrays, exec$ref.aux.arrays)
  trained <- exec$ref.arg.arrays[!vapply(exec$ref.grad.arrays, is.null, NA)]
  kvstore <- mx.model.create.kvstore(kvstore, trained, 1)
  optimizer <- mx.opt.create(optimizer, rescale.grad = 1 / (batch.size * worker_count(kvstore)), ...)
  start <- begin_together(kvstore, trained, batch.size, train.data, seq_len(num.round), optimizer)
  mx.exec.update.arg.arrays(exec, start, match.name = TRUE)
  sums <- call_python("model.sums", workers_of(kvstore))
  update <- update_of_sums(exec, optimizer, kvstore, sums, ctx)
  report_loss <- loss_reporter(kvstore, verbose)
  nll <- function(data, is.train) batch_nll(exec, data$value(), is.train) / batch.size
  frame <- environment()
  log.period <- max(1000 %/% seq.len, 1)
  updates <- 0
  for (iteration in seq_len(num.round)) {
    nbatch <- train.nll <- 0                             # nbatch counts time steps
    tic <- proc.time()[["elapsed"]]
    alone <- FALSE                                       # whether another worker has no batch any more
    train.data$reset()
    while (!alone && next_batch(train.data)) {
      train.nll <- train.nll + nll(train.data, TRUE)
      mx.exec.backward(exec)
      updates <- updates + 1
      if (updates %% update.period == 0) alone <- !update()
      nbatch <- nbatch + seq.len
      if (!is.null(batch.end.callback)) batch.end.callback(iteration, nbatch, environment())
      if (updates %% log.period == 0)
        report_loss("Epoch [", updates, "] Train: ", state = c(train.nll, nbatch), prefix = own_prefix(kvstore))
    }
    end_of_batches(frame, list(exec), sums, alone, nbatch %/% seq.len - alone)
    report_loss("Iter [", iteration, "] Train: Time: ", round(proc.time()[["elapsed"]] - tic, 3), " sec, ",
                state = metric_together(frame, c(train.nll, nbatch), "train.nll"))
    if (!is.null(eval.data)) {
      losses <- each_batch(eval.data, function(iter) nll(iter, FALSE))
      val.nll <- sum(losses)
      nbatch <- length(losses) * seq.len
      report_loss("Iter [", iteration, "] Val: ", state = metric_together(frame, c(val.nll, nbatch), "val.nll"))
    }
    ends <- ends_training(epoch.end.callback, iteration, frame, verbose)
    if (ends_together(frame, trained, ends)) break
  }
  as_model(symbol, exec$arg.arrays, exec$aux.arrays)
}

early_inference <- function(kind, layers, input.size, num.hidden, num.embed, num.label, batch.size, arg.params, ctx,
                            dropout) {
  check_params(arg.params, "arg.params")
  symbol <- early_network(kind, layers, NULL, input.size, num.hidden, num.embed, num.label, dropout)
  early_model(kind, symbol, layers, 1, num.hidden, num.embed, batch.size, mx.init.uniform(0.01), arg.params, ctx)
}

#' Recurrent networks over sequences of one length
#'
#' The functions for recurrent networks of MXNet's package before version 1.0. New scripts should use [rnn.graph()] and
#' [mx.model.buckets()]. The network embeds the items of a sequence, passes them through layers of LSTM cells
#' (`mx.lstm`), GRU cells (`mx.gru`) or plain cells (`mx.rnn`) and predicts a label for every step.
#'
#' `mx.lstm.inference` makes a network of one step from the trained parameters. Each `mx.lstm.forward` feeds it an item,
#' and the network keeps its state for the next one. The functions for GRU and plain cells do the same.
#'
#' The `optimizer` takes effect; MXNet's functions always used `"sgd"`.
#'
#' @param train.data,eval.data iterators, or `list(data = , label = )` of arrays, steps by samples, of numbers from 0.
#' @param num.lstm.layer,num.gru.layer,num.rnn.layer number of layers.
#' @param seq.len number of steps.
#' @param num.hidden size of the states.
#' @param num.embed size of the embedding.
#' @param num.label,input.size number of different labels, and of different items.
#' @param batch.size number of sequences in a batch.
#' @param ctx the device.
#' @param num.round number of passes over the data.
#' @param update.period number of batches from one update to the next.
#' @param initializer an initializer.
#' @param dropout fraction of the values between layers that training drops.
#' @param optimizer name of an optimizer.
#' @param batch.norm whether each cell normalizes its state.
#' @param epoch.end.callback,batch.end.callback as for [mx.model.FeedForward.create()].
#' @param model for `mx.lstm`, an earlier model to take the network from; for `mx.lstm.forward`, one of
#'   `mx.lstm.inference`.
#' @param arg.params parameters: to start from, or to infer with.
#' @param input.data the next items: one number per sequence.
#' @param new.seq whether a new sequence starts: the states are zeros again.
#' @param ... settings of the optimizer, such as `learning.rate`; `kvstore`, as for [mx.model.FeedForward.create()]; for
#'   `mx.gru` and `mx.rnn` also callbacks.
#' @return A model; a list with the executor `rnn.exec`; `list(prob = , model = )` with the probabilities of the labels,
#'   an NDArray.
#' @examples
#' mx.set.seed(0)
#' x <- matrix(rep(0:3, length.out = 8 * 20), 8)            # 20 sequences of 0 1 2 3 0 1 2 3
#' model <- mx.lstm(list(data = x, label = (x + 1) %% 4), num.lstm.layer = 1, seq.len = 8, num.hidden = 8,
#'                  num.embed = 4, num.label = 4, batch.size = 10, input.size = 4, num.round = 5, learning.rate = 0.5,
#'                  initializer = mx.init.uniform(0.1))
#' one <- mx.lstm.inference(num.lstm.layer = 1, input.size = 4, num.hidden = 8, num.embed = 4, num.label = 4,
#'                          arg.params = model$arg.params)
#' as.array(mx.lstm.forward(one, 2, new.seq = TRUE)$prob)
#' @concept recurrent network
#' @concept LSTM
#' @concept GRU
#' @seealso [rnn.graph()], [mx.model.buckets()].
#' @export
mx.lstm <- function(train.data, eval.data = NULL, num.lstm.layer, seq.len, num.hidden, num.embed, num.label,
                    batch.size, input.size, ctx = mx.ctx.default(), num.round = 10, update.period = 1,
                    initializer = mx.init.uniform(0.01), dropout = 0, optimizer = "sgd",
                    epoch.end.callback = NULL, batch.end.callback = NULL, model, arg.params, ...) {
  early_train(rnn_cells$lstm, num.lstm.layer, train.data, eval.data, seq.len, num.hidden, num.embed, num.label,
              batch.size, input.size, ctx, num.round, update.period, initializer, dropout, optimizer,
              epoch.end.callback, batch.end.callback, if (!missing(model)) model,
              if (!missing(arg.params)) arg.params, ...)
}

#' @rdname mx.lstm
#' @export
mx.gru <- function(train.data, eval.data = NULL, num.gru.layer, seq.len, num.hidden, num.embed, num.label,
                   batch.size, input.size, ctx = mx.ctx.default(), num.round = 10, update.period = 1,
                   initializer = mx.init.uniform(0.01), dropout = 0, optimizer = "sgd", ...) {
  early_train(rnn_cells$gru, num.gru.layer, train.data, eval.data, seq.len, num.hidden, num.embed, num.label,
              batch.size, input.size, ctx, num.round, update.period, initializer, dropout, optimizer, ...)
}

#' @rdname mx.lstm
#' @export
mx.rnn <- function(train.data, eval.data = NULL, num.rnn.layer, seq.len, num.hidden, num.embed, num.label,
                   batch.size, input.size, ctx = mx.ctx.default(), num.round = 10, update.period = 1,
                   initializer = mx.init.uniform(0.01), dropout = 0, optimizer = "sgd", batch.norm = FALSE, ...) {
  early_train(plain_kind(batch.norm), num.rnn.layer, train.data, eval.data, seq.len, num.hidden, num.embed,
              num.label, batch.size, input.size, ctx, num.round, update.period, initializer, dropout, optimizer,
              ...)
}

#' @rdname mx.lstm
#' @export
mx.lstm.inference <- function(num.lstm.layer, input.size, num.hidden, num.embed, num.label, batch.size = 1, arg.params,
                              ctx = mx.cpu(), dropout = 0) {
  early_inference(rnn_cells$lstm, num.lstm.layer, input.size, num.hidden, num.embed, num.label, batch.size, arg.params,
                  ctx, dropout)
}

#' @rdname mx.lstm
#' @export
mx.gru.inference <- function(num.gru.layer, input.size, num.hidden, num.embed, num.label, batch.size = 1, arg.params,
                             ctx = mx.cpu(), dropout = 0) {
  early_inference(rnn_cells$gru, num.gru.layer, input.size, num.hidden, num.embed, num.label, batch.size, arg.params,
                  ctx, dropout)
}

#' @rdname mx.lstm
#' @export
mx.rnn.inference <- function(num.rnn.layer, input.size, num.hidden, num.embed, num.label, batch.size = 1, arg.params,
                             ctx = mx.cpu(), dropout = 0, batch.norm = FALSE) {
  early_inference(plain_kind(batch.norm), num.rnn.layer, input.size, num.hidden, num.embed, num.label,
                  batch.size, arg.params, ctx, dropout)
}

#' @rdname mx.lstm
#' @export
mx.lstm.forward <- function(model, input.data, new.seq = FALSE) {
  if (!inherits(model, "mx.inference"))
    stop_type("a model of mx.lstm.inference(), mx.gru.inference() or mx.rnn.inference() is needed, not ",
              kind_of(model))
  new.seq <- check_flag(new.seq, "new.seq")
  exec <- model$rnn.exec
  args <- exec$ref.arg.arrays
  if (new.seq)
    mx.exec.update.arg.arrays(exec, lapply(args[grepl("\\.init\\.", names(args))], function(s) s * 0),
                              match.name = TRUE)
  mx.exec.update.arg.arrays(exec, list(data = mx.nd.array(as.vector(input.data))), match.name = TRUE)
  mx.exec.forward(exec, is.train = FALSE)
  last <- exec$ref.outputs[grepl("\\.last\\.", names(exec$ref.outputs))]
  names(last) <- sub("\\.last\\.(.*)_output$", ".init.\\1", names(last))
  mx.exec.update.arg.arrays(exec, last, match.name = TRUE)
  list(prob = exec$outputs$sm_output, model = model)
}

#' @rdname mx.lstm
#' @export
mx.gru.forward <- mx.lstm.forward

#' @rdname mx.lstm
#' @export
mx.rnn.forward <- mx.lstm.forward
