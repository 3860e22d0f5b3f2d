# Inference with recurrent networks.

#' Inference with recurrent networks
#'
#' `mx.infer.rnn` gives the first output for all sequences of an iterator. `mx.infer.rnn.one` and
#' `mx.infer.rnn.one.unroll` run one batch and give all outputs, including the last states, which the next call can
#' take as its initial states.
#'
#' @param infer.data an iterator; for `mx.infer.rnn.one.unroll` an NDArray.
#' @param model a model.
#' @param symbol a symbol.
#' @param num_hidden size of the states.
#' @param arg.params,aux.params parameters.
#' @param input.params,init_states arrays for the initial states; zeros where not given.
#' @param ctx device.
#' @return An array, or a list of NDArrays.
#' @examples
#' net <- rnn.graph.unroll(num_rnn_layer = 1, seq_len = 3, input_size = 5, num_embed = 2, num_hidden = 3,
#'                         num_decode = 2, config = "seq-to-one", loss_output = "softmax")
#' buckets <- list("3" = list(data = matrix(1:12 %% 5, 3, 4), label = c(0, 1, 0, 1)))
#' it <- mx.io.bucket.iter(buckets, batch.size = 2)
#' model <- mx.model.buckets(net, it, num.round = 1, verbose = FALSE)
#' mx.infer.rnn(it, model)
#' @concept recurrent network
#' @concept prediction
#' @concept LSTM
#' @concept GRU
#' @seealso [mx.model.buckets()] trains the network.
#' @export
mx.infer.rnn <- function(infer.data, model, ctx = mx.cpu()) {
  check_iterator(infer.data)
  check_model(model)
  device_list(ctx)
  infer.data$reset()
  packer <- mx.nd.arraypacker()
  while (next_batch(infer.data)) {
    exec <- bind_for_inference(bucket_symbol(model$symbol, infer.data), infer.data$value(), model$arg.params,
                               model$aux.params)
    mx.exec.forward(exec, is.train = FALSE)
    packer$push(without_pad(exec$ref.outputs[[1]], padding(infer.data)))
  }
  infer.data$reset()
  packer$get()
}

#' @rdname mx.infer.rnn
#' @export
mx.infer.rnn.one <- function(infer.data, symbol, arg.params, aux.params, input.params = NULL, ctx = mx.cpu()) {
  check_iterator(infer.data)
  check_inference(symbol, arg.params, aux.params, ctx)
  check_params(input.params, "input.params")
  check_named(names(input.params), arguments(symbol), "input.params")
  infer.data$reset()
  out <- NULL
  while (next_batch(infer.data)) {
    params <- c(arg.params[setdiff(names(arg.params), names(input.params))], input.params)
    exec <- bind_for_inference(symbol, infer.data$value(), params, aux.params)
    mx.exec.forward(exec, is.train = FALSE)
    out <- exec$outputs
  }
  infer.data$reset()
  out
}

#' @rdname mx.infer.rnn
#' @export
mx.infer.rnn.one.unroll <- function(infer.data, symbol, num_hidden, arg.params, aux.params, init_states = NULL,
                                    ctx = mx.cpu()) {
  check_inference(symbol, arg.params, aux.params, ctx)
  infer.data <- if (is.mx.ndarray(infer.data)) infer.data else as_numbers(infer.data, "infer.data")
  check_real(num_hidden, "num_hidden")
  states <- grep("^init_", arguments(symbol), value = TRUE)
  if (is.null(init_states))
    init_states <- lapply(states, function(s) mx.nd.zeros(c(num_hidden, tail(dim(infer.data), 1))))
  if (!is.list(init_states) || length(init_states) != length(states))
    stop_parameter("init_states must be a list of ", length(states), " arrays, for ", paste(states, collapse = ", "),
                   ", not ", kind_of(init_states))
  names(init_states) <- states
  given <- c(list(data = infer.data, label = infer.data), init_states)
  exec <- bind_for_inference(symbol, given, arg.params[setdiff(names(arg.params), names(given))], aux.params)
  mx.exec.forward(exec, is.train = FALSE)
  exec$outputs
}

check_inference <- function(symbol, arg.params, aux.params, ctx) {
  check_symbol(symbol)
  check_params(arg.params, "arg.params")
  check_params(aux.params, "aux.params")
  device_list(ctx)
}

# An executor for one batch. It takes those inputs and parameters that the symbol has. Initial states and labels without
# a value are zero.
bind_for_inference <- function(symbol, inputs, arg.params, aux.params) {
  check_values(symbol, c(names(inputs), names(arg.params)), names(aux.params))
  inputs <- lapply(inputs[intersect(names(inputs), arguments(symbol))],
                   function(x) if (is.mx.ndarray(x)) x else as.array(x))
  exec <- do.call(mx.simple.bind, c(list(symbol = symbol, ctx = mx.cpu()), lapply(inputs, dim)))
  call_python("exec.load", exec, c(arg.params, inputs), or_else(aux.params, list()))
  exec
}

# Stops if the network has an input that nothing gives. Warns, once in a session, of parameters without values: they are
# zero, as in predict().
check_values <- function(symbol, given, aux.given) {
  lacking <- setdiff(arguments(symbol), given)
  lacking <- lacking[!endsWith(lacking, "label") & !grepl(initial_state, lacking)]
  weights <- grepl("(weight|bias|gamma|beta)$", lacking)
  if (any(!weights))
    stop_parameter("the network needs ", paste(lacking[!weights], collapse = ", "), ": neither among the inputs and ",
                   "the parameters (", paste(utils::head(given, 6), collapse = ", "),
                   if (length(given) > 6) " ...", ")")
  lacking <- c(lacking, setdiff(symbol$auxiliary.states, aux.given))
  if (length(lacking))
    warn_once(paste("zeros", lacking[[1]]), "the model has no ", paste(lacking, collapse = ", "), "; zeros are used")
}

#' @rdname mx.infer.rnn
#' @export
mx.infer.buckets <- function(infer.data, model, ctx = mx.cpu()) mx.infer.rnn(infer.data, model, ctx)

mx.infer.buckets.one <- function(infer.data, symbol, arg.params, aux.params, input.params = NULL, ctx = mx.cpu()) {
  mx.infer.rnn.one(infer.data, symbol, arg.params, aux.params, input.params, ctx)
}
