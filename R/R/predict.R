# Prediction with models, and of any intermediate result of their networks.

#' Predict with a model
#'
#' The first output of the model's symbol for every sample, batch by batch. With `output`, any intermediate result of
#' the network: only that result is computed, and only its inputs are needed. Labels, and other arrays that only the
#' loss reads (such as weights of the observations), are not.
#'
#' The output of a model that ends in [mx.symbol.MakeLoss()] is the loss. `output` names what to predict instead:
#' `predict(model, X, output = "fc2_output")` if the layer has `name = "fc2"`. `outputs(internals(model$symbol))` lists
#' all names.
#'
#' An array is converted batch by batch, so memory is needed for one batch and its results, and for the results of all.
#'
#' As in MXNet, labels are zero unless `output` is given and an iterator has them.
#'
#' @param object,model a model; a hand-made list of class `MXFeedForwardModel` also works. Parameters that the symbol
#'   does not have are ignored.
#' @param X array, matrix or iterator. An array is the network's `data`; an iterator may give several inputs by their
#'   names.
#' @param ctx device.
#' @param array.batch.size batch size for arrays.
#' @param array.layout `"rowmajor"`, `"colmajor"` or `"auto"`, as in [mx.model.FeedForward.create()].
#' @param allow.extra.params has no effect.
#' @param ... nothing: another argument is an error.
#' @param output name of an intermediate result (`"fc2_output"`, or `"fc2"` for short), or a symbol; several names, or
#'   a group, give several results.
#' @return An array with the samples in its last dimension: for a classifier, classes by samples. For several outputs, a
#'   list of arrays by their names.
#' @examples
#' fc1 <- mx.symbol.FullyConnected(mx.symbol.Variable("data"), num.hidden = 2, name = "fc1")
#' net <- mx.symbol.FullyConnected(mx.symbol.relu(fc1, name = "relu1"), num.hidden = 1, name = "fc2")
#' params <- list(fc1_weight = mx.nd.ones(c(2, 2)), fc1_bias = mx.nd.zeros(2),
#'                fc2_weight = mx.nd.ones(c(2, 1)), fc2_bias = mx.nd.zeros(1))
#' model <- structure(list(symbol = net, arg.params = params, aux.params = list()), class = "MXFeedForwardModel")
#' predict(model, matrix(1:6, 2), array.layout = "colmajor")
#' predict(model, matrix(1:6, 2), array.layout = "colmajor", output = "relu1_output")
#' @concept prediction
#' @concept inference
#' @seealso [mx.model.FeedForward.create()], [mx.model.load()].
#' @export
predict.MXFeedForwardModel <- function(object, X, ctx = NULL, array.batch.size = 128, array.layout = "auto",
                                       allow.extra.params = FALSE, ..., output = NULL, model = object) {
  if (...length())
    check_dots(or_else(...names(), ""), c("output", "model"),
               "predict() has X, ctx, array.batch.size, array.layout and output",
               also = c("array.layout", "array.batch.size", "ctx", "X", "allow.extra.params"))
  if (is_iterator(X))
    check_beside_iterator(c(array.batch.size = !missing(array.batch.size), array.layout = !missing(array.layout)))
  check_model(model)
  if (is.serialized(model)) model <- mx.unserialize(model)
  check_count(array.batch.size, "array.batch.size")
  if (!is.null(ctx)) device_list(ctx)
  array.batch.size <- as.numeric(array.batch.size)
  if (is.atomic(X) && is.null(dim(X)))
    stop_shape("X must be a matrix or array, whose last dimension is the samples, or an iterator: for a vector, ",
               "as.array(X) is many samples of one feature, as.matrix(X) one sample in a column")
  model$symbol <- wanted_output(model$symbol, output)
  labels <- !is.null(output) && !is.array(X)
  X <- prediction_iter(X, model, array.batch.size, array.layout)
  X$reset()
  if (!next_batch(X)) stop_state("the iterator has no batch")
  batch <- X$value()
  inputs <- wanted_inputs(model, batch, labels, strict = !is.null(output))
  if (is.null(output)) predict_hint(model, inputs)
  exec <- prediction_executor(model, lapply(batch[inputs], shape_of), ctx)
  results <- predict_batches(exec, X, inputs, outputs(model$symbol), tail(shape_of(batch[[1]]), 1))
  if (length(results) == 1) results[[1]] else results
}

# An iterator over what to predict for. Arrays are not copied as a whole.
prediction_iter <- function(X, model, batch.size, layout) {
  rows <- is_rowmajor(X, layout, function() mx.model.select.layout.predict(X, model))
  if (is.array(X)) array_stream(X, batch.size, rows)
  else mx.model.init.iter(X, NULL, batch.size = batch.size, is.train = FALSE, rows)
}

# An executor of the model's symbol with the model's parameters, for inputs of the given shapes.
prediction_executor <- function(model, shapes, ctx) {
  exec <- do.call(mx.simple.bind, c(list(model$symbol, ctx = ctx), shapes))
  lacking <- setdiff(model$symbol$auxiliary.states, names(model$aux.params))
  if (length(lacking))
    warn_once("states", "predict: the model has no ", paste(lacking, collapse = ", "),
              " in aux.params; zeros are used")
  params <- model$arg.params[setdiff(names(model$arg.params), names(shapes))]
  call_python("exec.load", exec, params, or_else(model$aux.params, list()))
  exec
}

# The outputs of all batches of `iter`, a list of arrays by the names `wanted`. `size` is the number of samples that the
# executor is bound for.
predict_batches <- function(exec, iter, inputs, wanted, size) {
  packers <- sapply(wanted, function(name) mx.nd.arraypacker(), simplify = FALSE)
  iter$reset()
  line <- progress_line()
  on.exit(if (!is.null(line)) line$clear())
  batches <- 0
  total <- or_else(attr(iter, "n.batches", exact = TRUE), NA)
  while (next_batch(iter)) {
    batch <- iter$value()
    results <- of_one_size(call_python("model.predict", exec, batch[inputs]), batch, size)
    for (i in seq_along(packers)) packers[[i]]$push(without_pad(results[[i]], padding(iter)))
    batches <- batches + 1
    if (!is.null(line)) line$show(function() paste("predict: batch", batches), batches / total)
  }
  iter$reset()
  lapply(packers, function(p) p$get())
}

# The symbol to compute: `output` itself if it is a symbol, the intermediate results of `symbol` that it names, or the
# first output of `symbol` if it is NULL.
wanted_output <- function(symbol, output) {
  if (is.null(output)) return(symbol[[1]])
  if (is.mx.symbol(output)) return(output)
  if (!is.character(output) || !length(output))
    stop_type("output must be a name, such as \"fc2_output\", or a symbol, not ", class(output)[[1]])
  inner <- internals(symbol)
  known <- outputs(inner)
  pick <- lapply(output, function(name) {
    full <- paste0(name, "_output")
    inner[[if (!name %in% known && full %in% known) full else name]]
  })
  if (length(pick) == 1) pick[[1]] else mx.symbol.Group(pick)
}

# The names of the batch's arrays that the model's symbol takes. If `strict`, an argument that is neither in the batch
# nor in the parameters is an error.
wanted_inputs <- function(model, batch, labels, strict) {
  needed <- arguments(model$symbol)
  given <- names(batch)
  if (!labels) given <- given[!endsWith(given, "label")]
  inputs <- intersect(given, needed)
  lacking <- setdiff(needed, c(inputs, names(model$arg.params)))
  if (!strict) {
    untold <- grep("(weight|bias|gamma|beta)$", setdiff(lacking, given), value = TRUE)
    if (length(untold))
      warning("predict: the model has no ", paste(untold, collapse = ", "), "; zeros are used", call. = FALSE)
    lacking <- intersect(lacking, "data")
  }
  if (length(lacking))
    stop_parameter(paste(outputs(model$symbol), collapse = ", "), " needs ", paste(lacking, collapse = ", "),
                   ": neither among what X gives (", paste(given, collapse = ", "), ") nor among the model's ",
                   "parameters")
  inputs
}

# Says, once in a session, how to predict with a model whose output is its loss.
predict_hint <- function(model, inputs) {
  if (!is.null(.MXNetEnv$predict.hinted)) return()
  inner <- call_python("symbol.before_loss", model$symbol, as.list(inputs), as.list(names(model$arg.params)))
  if (is.null(inner)) return()
  .MXNetEnv$predict.hinted <- TRUE
  message("predict: the output of this model is its loss. For a prediction, name an intermediate result: ",
          "predict(model, X, output = ", if (nzchar(inner)) dQuote(inner, FALSE) else "...",
          if (nzchar(inner)) ")" else "); outputs(internals(model$symbol)) lists the names")
}
