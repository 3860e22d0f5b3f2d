# Recurrent networks: with the fused operator, and unrolled over time. A batch is (sequence length, samples) in R's
# order; inside the networks time is the first dimension in C order.

# The output layer that `loss_output` names.
loss_layer <- function(kind, data, label, ignore_label, name) {
  switch(kind,
         softmax = mx.symbol.SoftmaxOutput(data = data, label = label, use_ignore = ignore_label != -1,
                                           ignore_label = ignore_label, name = name),
         linear = mx.symbol.LinearRegressionOutput(data = data, label = label, name = name),
         logistic = mx.symbol.LogisticRegressionOutput(data = data, label = label, name = name),
         MAE = mx.symbol.MAERegressionOutput(data = data, label = label, name = name),
         stop_parameter('loss_output must be "softmax", "linear", "logistic", "MAE" or NULL'))
}

# The output layer on top of the hidden states (time, samples, features), for the last step or for every step.
decode_states <- function(states, config, masking, seq.mask, label, num_decode, loss_output, ignore_label, weight, bias,
                          names) {
  mask <- if (masking) list(use.sequence.length = TRUE, sequence_length = seq.mask) else list()
  if (config == "seq-to-one") {
    flag <- if (masking) mask else list(use.sequence.length = FALSE)
    states <- do.call(mx.symbol.SequenceLast, c(list(data = states), flag, list(name = names$mask)))
  } else if (config == "one-to-one") {
    states <- if (masking) {
      do.call(mx.symbol.SequenceMask, c(list(data = states), mask, list(value = 0, name = names$mask)))
    } else {
      mx.symbol.identity(data = states, name = names$mask)
    }
    states <- mx.symbol.swapaxes(data = states, dim1 = 0, dim2 = 1, name = names$swap)
  } else {
    stop_parameter('config must be "seq-to-one" or "one-to-one"')
  }
  if (is.null(loss_output)) return(states)
  if (config == "one-to-one") {
    states <- mx.symbol.reshape(data = states, shape = c(0, -1), reverse = TRUE)
    label <- mx.symbol.reshape(data = label, shape = -1)
  }
  decoded <- mx.symbol.FullyConnected(data = states, weight = weight, bias = bias, num_hidden = num_decode,
                                      flatten = if (config == "one-to-one") TRUE, name = names$decode)
  loss_layer(loss_output, decoded, label, ignore_label, names$loss)
}

#' Recurrent networks
#'
#' `rnn.graph` builds a network around the fused recurrent operator, `rnn.graph.unroll` (`rnn.unroll` in version 0.12)
#' one that is written out step by step. Data are whole numbers (with an embedding) or features, with the sequence in
#' R's first dimension (or second, after the features) and the samples in the last.
#'
#' @param num_rnn_layer number of recurrent layers.
#' @param seq_len number of steps.
#' @param input_size number of levels of the data, for the embedding.
#' @param num_embed size of the embedding, or NULL for none.
#' @param num_hidden size of the state.
#' @param num_decode size of the output.
#' @param dropout share of values dropped between layers.
#' @param ignore_label label that is ignored; -1 for none.
#' @param bidirectional whether to run over the sequence in both directions.
#' @param loss_output `"softmax"`, `"linear"`, `"logistic"`, `"MAE"`, or NULL for the states themselves.
#' @param config `"seq-to-one"` (one output per sequence) or `"one-to-one"` (one per step).
#' @param cell_type `"lstm"` or `"gru"`.
#' @param masking whether the input `seq.mask` gives the lengths of the sequences.
#' @param output_last_state whether the last states are outputs too.
#' @param rnn.state,rnn.state.cell,init.state symbols of the initial states.
#' @param prefix beginning of all names.
#' @param data_name,label_name names of the inputs.
#' @param ... the same arguments as spelled before version 1.1 (`num.hidden`; `num.label` for `num_decode`).
#' @return A symbol.
#' @examples
#' net <- rnn.graph.unroll(num_rnn_layer = 1, seq_len = 3, input_size = 10, num_embed = 4, num_hidden = 5,
#'                         num_decode = 2, config = "seq-to-one", loss_output = "softmax")
#' shapes <- mx.symbol.infer.shape(net, data = c(3, 20))$arg.shapes      # three steps, 20 sequences
#' noquote(sapply(shapes, paste, collapse = " x "))
#' @concept recurrent network
#' @concept LSTM
#' @concept GRU
#' @seealso [mx.model.buckets()], [mx.infer.rnn()].
#' @export
rnn.graph <- function(num_rnn_layer, input_size = NULL, num_embed = NULL, num_hidden, num_decode, dropout = 0,
                      ignore_label = -1, bidirectional = F, loss_output = NULL, config, cell_type, masking = F,
                      output_last_state = F, rnn.state = NULL, rnn.state.cell = NULL, prefix = "", ...) {
  early_spelling(...)
  check_count(num_rnn_layer, "num_rnn_layer")
  named <- function(name) paste0(prefix, name)
  data <- mx.symbol.Variable("data")
  if (!is.null(num_embed)) {
    data <- mx.symbol.Embedding(data = data, input_dim = input_size, weight = mx.symbol.Variable("embed.weight"),
                                output_dim = num_embed, name = "embed")
  }
  data <- mx.symbol.swapaxes(data = data, dim1 = 0, dim2 = 1, name = named("swap_pre"))
  inputs <- list(data = data, state = or_else(rnn.state, mx.symbol.Variable("rnn.state")))
  if (cell_type == "lstm") inputs$state_cell <- or_else(rnn.state.cell, mx.symbol.Variable("rnn.state.cell"))
  rnn <- do.call(mx.symbol.RNN, c(inputs, list(
    parameters = mx.symbol.Variable("rnn.params.weight"), state.size = num_hidden, num.layers = num_rnn_layer,
    bidirectional = bidirectional, mode = cell_type, state.outputs = output_last_state, p = dropout,
    name = named("RNN"))))
  decode_states(rnn[[1]], config, masking, mx.symbol.Variable("seq.mask"), mx.symbol.Variable("label"), num_decode,
                loss_output, ignore_label, mx.symbol.Variable("cls.weight"), mx.symbol.Variable("cls.bias"),
                list(mask = "mask", swap = named("swap_post"), loss = "loss",
                     decode = if (config == "seq-to-one") "decode" else named("decode")))
}

# A fully connected layer of a cell: its parameters are param[[paste0(part, ".weight")]] and its bias.
cell_layer <- function(data, param, part, num_hidden, name) {
  mx.symbol.FullyConnected(data = data, weight = param[[paste0(part, ".weight")]],
                           bias = param[[paste0(part, ".bias")]],
                           num_hidden = num_hidden, name = paste0(name, ".", part))
}

# One step of one layer: from the input and the previous state (NULL at the start) to the next state, list(h, c).
lstm.cell <- function(num_hidden, indata, prev.state, param, seqidx, layeridx, dropout = 0, prefix = "") {
  if (dropout > 0 && layeridx > 1) indata <- mx.symbol.Dropout(data = indata, p = dropout)
  name <- paste0(prefix, "t", seqidx, ".l", layeridx)
  gates <- cell_layer(indata, param, "i2h", num_hidden * 4, name)
  if (!is.null(prev.state)) gates <- gates + cell_layer(prev.state$h, param, "h2h", num_hidden * 4, name)
  gates <- mx.symbol.split(gates, num.outputs = 4, axis = 1, squeeze.axis = FALSE, name = paste0(name, ".slice"))
  active <- Map(function(i, act) mx.symbol.Activation(gates[[i]], act.type = act), 1:4,
                c("sigmoid", "tanh", "sigmoid", "sigmoid"))
  next.c <- active[[1]] * active[[2]]
  if (!is.null(prev.state)) next.c <- active[[3]] * prev.state$c + next.c
  list(h = active[[4]] * mx.symbol.Activation(next.c, act.type = "tanh"), c = next.c)
}

gru.cell <- function(num_hidden, indata, prev.state, param, seqidx, layeridx, dropout = 0, prefix = "") {
  if (dropout > 0 && layeridx > 1) indata <- mx.symbol.Dropout(data = indata, p = dropout)
  name <- paste0(prefix, "t", seqidx, ".l", layeridx)
  gates <- cell_layer(indata, param, "gates.i2h", num_hidden * 2, name)
  if (!is.null(prev.state)) gates <- gates + cell_layer(prev.state$h, param, "gates.h2h", num_hidden * 2, name)
  gates <- mx.symbol.split(gates, num.outputs = 2, axis = 1, squeeze.axis = FALSE, name = paste0(name, ".split"))
  update <- mx.symbol.Activation(gates[[1]], act.type = "sigmoid")
  reset <- mx.symbol.Activation(gates[[2]], act.type = "sigmoid")
  input <- cell_layer(indata, param, "trans.i2h", num_hidden, name)
  kept <- if (is.null(prev.state)) reset * 0 else prev.state$h * reset
  candidate <- mx.symbol.Activation(input + cell_layer(kept, param, "trans.h2h", num_hidden, name), act.type = "tanh")
  list(h = if (is.null(prev.state)) update * candidate else prev.state$h + update * (candidate - prev.state$h))
}

rnn_cells <- list(
  lstm = list(cell = lstm.cell, states = c("h", "c"), parts = c("i2h", "h2h")),
  gru = list(cell = gru.cell, states = "h", parts = c("gates.i2h", "gates.h2h", "trans.i2h", "trans.h2h")))

#' @rdname rnn.graph
#' @export
rnn.graph.unroll <- function(num_rnn_layer, seq_len, input_size = NULL, num_embed = NULL, num_hidden, num_decode,
                             dropout = 0, ignore_label = -1, loss_output = NULL, init.state = NULL, config,
                             cell_type = "lstm", masking = F, output_last_state = F, prefix = "", data_name = "data",
                             label_name = "label", ...) {
  early_spelling(...)
  check_count(num_rnn_layer, "num_rnn_layer")
  kind <- rnn_cells[[cell_type]]
  if (is.null(kind)) stop_parameter('cell_type must be "lstm" or "gru"')
  named <- function(...) paste0(prefix, ...)
  variables <- function(labels, names) structure(lapply(names, mx.symbol.Variable), names = labels)
  layers <- seq_len(num_rnn_layer)
  if (is.null(init.state) && output_last_state)
    init.state <- lapply(layers, function(i) variables(kind$states, paste0("init_", prefix, i, "_", kind$states)))
  params <- lapply(layers, function(i) {
    labels <- paste0(rep(kind$parts, each = 2), c(".weight", ".bias"))
    variables(labels, named("l", i, ".", labels))
  })

  data <- mx.symbol.swapaxes(data = mx.symbol.Variable(data_name), dim1 = 0, dim2 = 1, name = named("swap_pre"))
  if (!is.null(num_embed)) {
    data <- mx.symbol.Embedding(data = data, input_dim = input_size, weight = mx.symbol.Variable(named("embed.weight")),
                                output_dim = num_embed, name = named("embed"))
  }
  steps <- mx.symbol.split(data = data, axis = 0, num.outputs = seq_len, squeeze_axis = TRUE)
  hidden <- vector("list", seq_len)
  states <- init.state
  for (t in seq_len(seq_len)) {
    below <- steps[[t]]
    for (i in layers) {
      following <- kind$cell(num_hidden = num_hidden, indata = below, prev.state = if (length(states) >= i) states[[i]],
                             param = params[[i]], seqidx = t, layeridx = i, dropout = dropout, prefix = prefix)
      states[[i]] <- following
      below <- following$h
    }
    hidden[[t]] <- below
  }
  # blocks of (samples, hidden), one per step
  all <- mx.symbol.concat(data = hidden, num.args = seq_len, dim = 0, name = named("concat"))
  all <- mx.symbol.reshape(data = all, shape = c(num_hidden, -1, seq_len), name = named("rnn_reshape"))
  out <- decode_states(all, config, masking, mx.symbol.Variable(named("seq.mask")), mx.symbol.Variable(label_name),
                       num_decode, loss_output, ignore_label, mx.symbol.Variable(named("cls.weight")),
                       mx.symbol.Variable(named("cls.bias")),
                       list(mask = named("mask"), swap = named("swap_post"), decode = named("decode"),
                            loss = named("loss")))
  if (output_last_state) mx.symbol.Group(c(list(out), unlist(states, use.names = FALSE))) else out
}

# Sets arguments of the calling function that were given under their earlier names: with dots for underscores, or
# num.label for num_decode. The networks of version 0.12, which have num.label, always end in a softmax.
early_spelling <- function(..., frame = parent.frame()) {
  given <- list(...)
  for (name in names(given)) {
    own <- if (name == "num.label") "num_decode" else gsub(".", "_", name, fixed = TRUE)
    if (!exists(own, frame, inherits = FALSE)) {
      meant <- nearest_name(name, ls(frame))
      stop_parameter("unknown argument ", name, if (!is.null(meant)) paste0("; did you mean \"", meant, "\"?"))
    }
    assign(own, given[[name]], frame)
  }
  if ("num.label" %in% names(given)) frame$loss_output <- or_else(frame$loss_output, "softmax")
}

#' @rdname rnn.graph
#' @export
rnn.unroll <- function(...) rnn.graph.unroll(...)
