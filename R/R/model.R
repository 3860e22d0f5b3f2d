# Training and files of models: lists of `symbol`, `arg.params`, `aux.params`, of class "MXFeedForwardModel".

# ---------------------------------------------------------------- shapes, names, layouts

# Cuts `shape` (a vector, or a list of vectors) along its last dimension into nsplit parts.
mx.model.slice.shape <- function(shape, nsplit) {
  samples <- function(s) s[[length(s)]]
  total <- if (is.list(shape)) samples(shape[[1]]) else samples(shape)
  step <- as.integer((total + nsplit - 1) / nsplit)
  lapply(seq_len(nsplit) - 1, function(k) {
    begin <- min(k * step, total)
    end <- min(begin + step, total)
    cut <- function(s) replace(s, length(s), end - begin)
    list(begin = begin, end = end, shape = if (is.list(shape)) lapply(shape, cut) else cut(shape))
  })
}

# The names of the data argument and of the label argument; there may be at most one of each.
mx.model.check.arguments <- function(symbol) {
  found <- lapply(c("data", "label"), function(suffix) {
    names <- arguments(symbol)[endsWith(arguments(symbol), suffix)]
    if (length(names) > 1) stop_parameter("several arguments end in ", suffix, ": ", paste(names, collapse = ", "))
    names
  })
  unlist(found)
}

# Whether a matrix has its samples in rows ("rowmajor") or columns ("colmajor"), judged by the number of labels.
mx.model.select.layout.train <- function(X, y) {
  if (is.null(y)) stop_parameter("y is needed for training")
  size <- dim(X)
  labels <- dim(as.array(y))
  if (length(size) != 2) return("colmajor")
  samples <- labels[[length(labels)]]
  rows <- size[[1]] == samples
  columns <- size[[2]] == samples
  if (!rows && !columns) rows <- size[[1]] == labels[[1]]
  choose_layout(rows, columns,
                paste0("X is ", paste(size, collapse = " x "), ", y ", paste(labels, collapse = " x ")))
}

# Whether a matrix has its samples in rows or columns, judged by the shapes of the model's parameters.
mx.model.select.layout.predict <- function(X, model) {
  size <- dim(X)
  if (length(size) != 2) return("colmajor")
  fits <- function(features) {
    shapes <- tryCatch(mx.symbol.infer.shape(model$symbol, data = c(features, 1)), error = function(e) NULL)
    if (is.null(shapes)) return(FALSE)
    known <- intersect(names(model$arg.params), names(shapes$arg.shapes))
    same <- function(n) identical(as.numeric(shapes$arg.shapes[[n]]), as.numeric(shape_of(model$arg.params[[n]])))
    all(vapply(known, same, NA))
  }
  rowmajor <- fits(size[[2]])
  colmajor <- fits(size[[1]])
  if (!rowmajor && !colmajor)
    stop_shape("X is a matrix of ", paste(size, collapse = " x "),
               ", which fits the network in neither layout: its samples have another number of ",
               "features, or more dimensions, as images do: dim(X) <- c(width, height, channels, samples)")
  choose_layout(rowmajor, colmajor, paste("X is", paste(size, collapse = " x ")))
}

choose_layout <- function(rowmajor, colmajor, sizes) {
  if (rowmajor == colmajor)
    stop_parameter("array.layout cannot be detected from the sizes: ", sizes,
                   if (rowmajor) ", and both layouts fit" else ", and neither layout fits",
                   '; if they are right, give "rowmajor" (samples in rows) or "colmajor" (samples in columns)')
  layout <- if (rowmajor) "rowmajor" else "colmajor"
  warning("Auto detect layout of input matrix, use ", layout, "..\n", call. = FALSE)
  layout
}

# Stops if the given layout of a matrix contradicts the number of labels, and the other layout would not.
check_layout <- function(X, y, array.layout) {
  layout <- tolower(array.layout[[1]])
  if (layout == "auto" || length(dim(X)) != 2 || !is.atomic(y) || is.null(y)) return()
  samples <- tail(shape_of(y), 1)
  if (layout == "rowmajor") check_direction(dim(X), samples, 1, c("columns", "colmajor"))
  else check_direction(dim(X), samples, 2, c("rows", "rowmajor"))
}

# Stops if only the other dimension of a matrix than `given`, 1 or 2, fits the number of labels. `other` has that
# dimension's name and its layout.
check_direction <- function(size, samples, given, other) {
  if (size[[given]] != samples && size[[3 - given]] == samples)
    stop_shape("X is ", paste(size, collapse = " x "), " and there are ", samples, " labels, so the samples are the ",
               other[[1]], " of X: give array.layout = \"", other[[2]], "\"")
}

# Whether X is a matrix, or an NDArray, with the samples in its rows. As in MXNet, every layout except "auto" and
# "rowmajor" means that they are its columns; "auto" does so for an NDArray.
is_rowmajor <- function(X, array.layout, detect) {
  if (!is.array(X) && !is.mx.ndarray(X)) return(FALSE)
  layout <- tolower(array.layout[[1]])            # R before 4.2 compared the first of several, such as c(8, 8)
  if (layout == "auto") layout <- if (is.mx.ndarray(X)) "colmajor" else detect()
  if (layout == "rowmajor") {
    if (length(dim(X)) > 2)
      stop_shape("array.layout = \"rowmajor\" is for matrices, and X is ", paste(dim(X), collapse = " x "),
                 ": the last dimension of such an array is the samples; aperm() changes the order of dimensions")
    return(length(dim(X)) == 2)
  }
  if (!startsWith(layout, "col"))
    warning('array.layout "', layout, '" is taken as "colmajor", samples in columns', call. = FALSE)
  FALSE
}

# An iterator over X: X itself if it is one. `rows`: the samples are the rows of the matrix X.
mx.model.init.iter <- function(X, y, batch.size, is.train, rows = FALSE) {
  if (is_iterator(X)) return(check_iterator(X))
  check_data(X)
  if (is.null(y)) {
    if (is.train) stop_parameter("y is needed for training with arrays")
    y <- numeric(sample_count(X, rows))
  }
  if (is.list(y) && !is.data.frame(y))
    stop_type("y must be numbers, not a list; several labels need an iterator that gives them by name, and ",
              "output.names")
  batch.size <- min(length(y), batch.size)
  array_iter(X, y, batch.size, shuffle = is.train, rows)
}

# Moves the iterator to its first batch, and gives that batch.
first_batch <- function(iter) {
  if (next_batch(iter)) return(check_batch(iter$value(), NULL))
  iter$reset()
  if (!next_batch(iter)) stop_state("the data iterator has no batch")
  check_batch(iter$value(), NULL)
}

#' Initial parameters of a network
#'
#' Infers the shapes of all parameters from those of data and labels, and draws the values with which training starts.
#'
#' @param symbol a symbol.
#' @param input.shape,output.shape named lists of the shapes of data and labels. A plain vector is the shape of the
#'   argument `data`, or of the one whose name ends in `label`. `output.shape` may be left out.
#' @param initializer an initializer, such as [mx.init.Xavier()].
#' @param ctx device.
#' @return A list of `arg.params` and `aux.params`, named lists of NDArrays.
#' @examples
#' net <- mx.symbol.FullyConnected(mx.symbol.Variable("data"), num.hidden = 2, name = "fc")
#' mx.set.seed(1)
#' params <- mx.model.init.params(net, list(data = c(3, 5)), NULL, mx.init.uniform(0.1), mx.cpu())
#' lapply(params$arg.params, as.array)
#' @concept initializer
#' @concept weights
#' @seealso [mx.init.uniform()], [mx.simple.bind()].
#' @export
mx.model.init.params <- function(symbol, input.shape, output.shape, initializer, ctx) {
  check_symbol(symbol)
  if (missing(output.shape)) {
    output.shape <- NULL
  } else if (is.function(output.shape)) {         # (symbol, input.shape, initializer, ctx), as before version 0.10
    if (missing(ctx) && !missing(initializer)) ctx <- initializer
    initializer <- output.shape
    output.shape <- NULL
  }
  # version 0.10 and before had one data shape and one label shape, without names
  if (is.numeric(input.shape)) input.shape <- list(data = input.shape)
  if (is.numeric(output.shape)) {
    labels <- grep("label$", symbol$arguments, value = TRUE)
    if (length(labels) != 1)
      stop_parameter("output.shape must be a named list, such as list(label = 32): the symbol has ", length(labels),
                     " arguments that end in label")
    output.shape <- structure(list(output.shape), names = labels)
  }
  initial_params(symbol, c(input.shape, output.shape), initializer, ctx)
}

# `given.states`: auxiliary states of any name are no error, because the user gives them.
initial_params <- function(symbol, given, initializer, ctx, given.states = FALSE) {
  shapes <- parameter_shapes(symbol, given)
  list(arg.params = mx.init.create(initializer, shapes$arg.shapes, ctx, skip.unknown = TRUE),
       aux.params = mx.init.create(initializer, shapes$aux.shapes, ctx, skip.unknown = given.states))
}

# The shapes of all arguments and states, from those of the data and labels.
parameter_shapes <- function(symbol, given) {
  shapes <- call_python("symbol.infer_shape", symbol, given)
  if (!is.null(shapes)) return(shapes)
  unknown <- unlist(call_python("symbol.undetermined", symbol, given))
  stop_shape("the shapes of data and label (", paste(names(given), vapply(given, deparse1, ""), collapse = ", "),
             ") do not determine those of ", paste(utils::head(unknown, 6), collapse = ", "),
             if (length(unknown) > 6) " ...",
             ": give the shapes of all inputs by name, or give the variable its shape in MXNet's order, as in ",
             "variable$attributes <- list(`__shape__` = \"(3, 2)\")")
}

as_model <- function(symbol, arg.params, aux.params) {
  structure(list(symbol = symbol, arg.params = arg.params, aux.params = aux.params), class = "MXFeedForwardModel")
}

# A model of the parameters that have gradients, those in `keep`, and the auxiliary states: copies, averaged over the
# executors.
mx.model.extract.model <- function(symbol, train.execs, keep = NULL) {
  params <- call_python("model.params", unname(train.execs), as.list(keep))
  as_model(symbol, params$arg, params$aux)
}

# ---------------------------------------------------------------- training

# Callbacks get the frame of this function as `env`: the names of its variables are part of the interface.
mx.model.train <- function(symbol, ctx, input.shape, output.shape, arg.params, aux.params, begin.round, end.round,
                           optimizer, train.data, eval.data, metric, epoch.end.callback, batch.end.callback, kvstore,
                           fixed.param, verbose, metric_cpu) {
  ndevice <- length(ctx)
  report_start(ndevice, kvstore, verbose)
  arg_names <- arguments(symbol)
  output.names <- names(output.shape)
  inputs <- c(names(input.shape), output.names)
  slices <- device_slices(c(input.shape, output.shape), ndevice)
  frame <- environment()
  train.execs <- lapply(seq_len(ndevice), function(i) {
    exec <- do.call(mx.simple.bind, c(list(symbol = symbol, ctx = ctx[[i]], grad.req = "write",
                                           fixed.param = intersect(c(fixed.param, inputs), arg_names)),
                                      slices[[i]]$shape))
    mx.exec.update.arg.arrays(exec, arg.params, match.name = TRUE)
    mx.exec.update.aux.arrays(exec, aux.params, match.name = TRUE)
    exec
  })
  sums <- call_python("model.sums", workers_of(kvstore))
  run <- device_runner(train.execs, slices, inputs, output.names, arg_names, optimizer, sums)
  trained <- list(labels = lapply(train.execs, label_of, output.names),
                  preds = lapply(train.execs, function(e) e$ref.outputs[[1]]))
  evaluate <- evaluator(symbol, ctx, run, train.execs, slices, c(input.shape, output.shape), output.names)
  compared <- NULL
  shown <- for_metric(metric)
  dlist <- NULL
  scores <- NULL                  # of the training batches of one call of run$several(); NULL if score() computes them
  run_epochs(
    frame,
    train = function(iter) {
      compared <<- trained
      several <- if (calls_no_r_function(frame)) run$several(iter, attr(metric$update, "kind"))
      scores <<- several$scores
      dlist <<- iter$value()
      if (is.null(several)) run$train(dlist) else several$batches
    },
    evaluate = function(iter) {
      scores <<- NULL
      dlist <<- iter$value()
      compared <<- evaluate(dlist, frame$iteration, padding(iter))
    },
    score = function(state) {
      if (!is.null(scores)) return(Reduce(add_score, scores, state))
      for (i in seq_along(compared$preds))
        state <- metric$update(label = shown(or_else(compared$labels[[i]], dlist$label)),
                               pred = shown(compared$preds[[i]]), state = state)
      state
    },
    extract = function() mx.model.extract.model(symbol, train.execs, keep = fixed.param),
    end = function(took.part) end_of_batches(frame, train.execs, sums, took.part))
}

# Whether no R function has to be called between two batches, so that one call of Python can make the steps of several.
calls_no_r_function <- function(frame) {
  is.null(frame$batch.end.callback) && is.null(workers_of(frame$kvstore)) &&
    (is.null(frame$metric) || !is.null(attr(frame$metric$update, "kind")))
}

# The loop over epochs and batches, for training on arrays and on buckets.
#
# `frame` is the frame of the training function, which callbacks get as `env`. The loop keeps its variables there, under
# the names that scripts know: iteration, nbatch, train.metric, eval.metric, model.
#
# `train(iter)` and `evaluate(iter)` run the iterator's current batch. `score(state)` gives the metric's state after
# that batch. `extract()` gives the model. `end(took.part)` ends a round together with the other workers (see
# end_of_batches).
# If `train` has also run the batches that follow, its value is their number, and `score` adds the scores of all.
run_epochs <- function(frame, train, evaluate, score, extract, end) {
  count_batch <- function(ran) {
    frame$nbatch <- frame$nbatch + ran
    if (!is.null(line)) show_training(line, frame, batches)
    # called in the frame itself, so that the frame is the callback's parent.frame() too
    if (!is.null(frame$batch.end.callback)) eval(quote(batch.end.callback(iteration, nbatch, environment())), frame)
  }
  show_validation <- function(ran) {
    validated <<- validated + ran
    if (!is.null(line))
      line$show(function() paste0("round ", frame$iteration, " of ", frame$end.round, ", validation batch ", validated))
  }
  frame$train.metric <- frame$eval.metric <- frame$model <- history <- batches <- NULL
  inputs <- c(frame$input.shape, frame$output.shape)     # the same for all batches, but for buckets
  frame$progress.line <- line <- progress_line()
  on.exit(if (!is.null(line)) line$clear())
  rounds <- seq(frame$begin.round, frame$end.round)
  callbacks <- c(frame$epoch.end.callback, frame$batch.end.callback)
  needs_model <- length(callbacks) > 0 || !is.null(workers_of(frame$kvstore))
  for (iteration in rounds) {
    frame$iteration <- iteration
    frame$nbatch <- 0
    trained <- run_batches(frame, frame$train.data, train, score, "train.metric", "Train", count_batch, end)
    batches <- frame$nbatch
    validated <- 0
    evaluated <- if (!is.null(frame$eval.data))
      run_batches(frame, frame$eval.data, evaluate, score, "eval.metric", "Validation", show_validation)
    history <- add_round(history, iteration, trained, evaluated)
    if (!needs_model && iteration != rounds[[length(rounds)]]) next       # only the last round's model is used
    frame$model <- structure(extract(), history = history, inputs = inputs)
    ends <- ends_training(frame$epoch.end.callback, iteration, frame, frame$verbose)
    if (ends_together(frame, frame$model$arg.params, ends)) break
  }
  frame$model
}

# The metric's values of all rounds so far, for plot(model). `result` and `validation` are the metric's results;
# `validation` is NULL without evaluation data.
add_round <- function(history, round, result, validation) {
  if (is.null(result)) return(NULL)
  number <- function(result) if (!is.null(result)) c(suppressWarnings(as.numeric(unlist(result$value))), NA)[[1]]
  list(metric = result$name, round = c(history$round, round), train = c(history$train, number(result)),
       validation = c(history$validation, number(validation)))
}

# One pass over an iterator. The metric's state is stored in the variable `result` of the frame. Returns the metric's
# value, NULL without a metric. The pass ends early if `run` gives FALSE: another worker has no batch left.
run_batches <- function(frame, iter, run, score, result, label, after_batch = function(ran) NULL,
                        end = function(took.part) NULL) {
  if (!is.null(frame$metric)) frame[[result]] <- frame$metric$init()
  iter$reset()
  alone <- FALSE
  while (!alone && next_batch(iter)) {
    ran <- run(iter)
    alone <- isFALSE(ran)
    if (!alone) {
      if (!is.null(frame$metric)) frame[[result]] <- score(frame[[result]])
      after_batch(if (is.numeric(ran)) ran else 1)
    }
  }
  end(took.part = alone)
  if (is.null(frame$metric)) return(NULL)
  frame[[result]] <- metric_together(frame, frame[[result]], result)
  value <- frame$metric$get(frame[[result]])
  if (frame$verbose) {
    if (!is.null(frame$progress.line)) frame$progress.line$clear()
    report_metric(frame$iteration, label, value, frame$kvstore)
  }
  value
}

report_start <- function(ndevice, kvstore, verbose) {
  workers <- worker_count(kvstore)
  if (!verbose || workers > 1 && kvstore$rank > 0) return(invisible())
  message("Start training with ", ndevice, " devices", if (workers > 1) c(" on each of ", workers, " workers"))
}

report_metric <- function(iteration, what, result, kvstore = NULL) {
  prefix <- metric_prefix(kvstore)
  if (!is.null(prefix)) message(prefix, "[", iteration, "] ", what, "-", result$name, "=", result$value)
}

# Calls the callback for the end of an epoch, if there is one; TRUE if it ends the training. Scripts have callbacks with
# and without the fourth argument.
ends_training <- function(callback, iteration, env, verbose) {
  if (is.null(callback)) return(FALSE)
  args <- names(formals(args(callback)))
  result <- if (any(c("verbose", "...") %in% args)) {
    callback(iteration, 0, env, verbose = verbose)
  } else if (length(args) >= 4) {
    callback(iteration, 0, env, verbose)
  } else {
    callback(iteration, 0, env)
  }
  isFALSE(result)
}

#' Train a network
#'
#' Trains the parameters of `symbol` on arrays or an iterator, by mini-batches. Samples are the last dimension of
#' arrays; matrices may also have them in rows, see `array.layout`. Arrays are shuffled once, by MXNet's random numbers.
#'
#' If `optimizer` is a name, gradients are divided by the batch size (`rescale.grad`), and with several workers by their
#' number (see [distributed.training()]). For a custom loss that already is a mean
#' (`mx.symbol.MakeLoss(mx.symbol.mean(...))`), pass `mx.opt.create(...)` instead, or scale the loss.
#'
#' @param symbol a network that ends in a loss or an output layer.
#' @param X array, matrix or iterator of the training data.
#' @param y labels, when X is an array.
#' @param ctx device or list of devices.
#' @param begin.round,num.round first and last round over the data.
#' @param optimizer name of an optimizer, or one made by [mx.opt.create()].
#' @param initializer an initializer, such as [mx.init.Xavier()].
#' @param eval.data iterator, or `list(data = , label = )`, to evaluate after every round.
#' @param eval.metric a metric, such as `mx.metric.rmse`, or NULL.
#' @param epoch.end.callback function of (iteration, nbatch, env, verbose) after every round; training ends if it
#'   returns FALSE.
#' @param batch.end.callback function of (iteration, nbatch, env) after every batch.
#' @param array.batch.size batch size for arrays.
#' @param array.layout `"rowmajor"`: samples are the rows of a matrix; `"colmajor"`: its columns; `"auto"`: detected
#'   from the sizes.
#' @param kvstore a type of [mx.kv.create()], or a store. `"dist_sync"` trains together with other processes, see
#'   [distributed.training()]; the other types have no effect on the results.
#' @param verbose whether to print by `message()`.
#' @param arg.params,aux.params initial parameters, named lists.
#' @param input.names names of the data in the network and in the iterator's values; `"data"` by default.
#' @param output.names names of the labels there; by default the argument that ends in `label`.
#' @param fixed.param names of parameters that are not trained.
#' @param allow.extra.params whether parameters that the network does not have are ignored.
#' @param metric_cpu has no effect.
#' @param ... settings of the optimizer, such as `learning.rate`, when it is given by name.
#' @return A model: a list of `symbol`, `arg.params`, `aux.params`, of class `MXFeedForwardModel`.
#' @examples
#' mx.set.seed(0)
#' x <- matrix(rnorm(300), 100, 3)
#' y <- x[, 1] - 2 * x[, 2]
#' fc <- mx.symbol.FullyConnected(mx.symbol.Variable("data"), num.hidden = 1, name = "fc")
#' net <- mx.symbol.LinearRegressionOutput(fc, name = "out")
#' model <- mx.model.FeedForward.create(net, X = x, y = y, num.round = 5, array.batch.size = 20,
#'                                      learning.rate = 0.1, eval.metric = mx.metric.rmse, array.layout = "rowmajor")
#' as.array(model$arg.params$fc_weight)      # close to 1, -2 and 0
#' @concept training
#' @concept fit
#' @concept neural network
#' @concept deep learning
#' @seealso [predict.MXFeedForwardModel()], [plot.MXFeedForwardModel()], [mx.symbol.MakeLoss()], [mx.model.load()].
#' @export
mx.model.FeedForward.create <- function(symbol, X, y = NULL, ctx = NULL, begin.round = 1, num.round = 10,
                                        optimizer = "sgd", initializer = mx.init.uniform(0.01),
                                        eval.data = NULL, eval.metric = NULL, epoch.end.callback = NULL,
                                        batch.end.callback = NULL, array.batch.size = 128,
                                        array.layout = "auto", kvstore = "local", verbose = TRUE,
                                        arg.params = NULL, aux.params = NULL, input.names = NULL,
                                        output.names = NULL, fixed.param = NULL, allow.extra.params = FALSE,
                                        metric_cpu = TRUE, ...) {
  check_symbol(symbol)
  check_count(array.batch.size, "array.batch.size")
  check_training(begin.round, num.round, eval.metric, epoch.end.callback, batch.end.callback, verbose)
  check_start(arg.params, aux.params, optimizer, array.layout, allow.extra.params)
  check_settings(...names(), optimizer, setdiff(names(formals(mx.model.FeedForward.create)), "..."))
  beside <- c(y = !is.null(y), array.batch.size = !missing(array.batch.size), array.layout = !missing(array.layout))
  if (is_iterator(X)) check_beside_iterator(beside)
  check_layout(X, y, array.layout)
  rows <- is_rowmajor(X, array.layout, function() array.layout <<- mx.model.select.layout.train(X, y))
  given <- if (!is_iterator(X)) list(X = X, y = y)
  X <- mx.model.init.iter(X, y, batch.size = array.batch.size, is.train = TRUE, rows)
  batch <- first_batch(X)
  if (is.null(input.names)) input.names <- "data"
  pick <- function(names) sapply(names, function(n) shape_of(required_field(batch[[n]], n)), simplify = FALSE)
  input.shape <- pick(input.names)
  if (is.null(output.names)) {
    output.names <- grep("label$", arguments(symbol), value = TRUE)
    if (length(output.names) > 1)
      stop_parameter("the network has several labels (", paste(output.names, collapse = ", "), "): give output.names")
    output.shape <- if (length(output.names)) structure(pick("label"), names = output.names) else list()
  } else {
    batch <- with_label(batch, output.names)
    output.shape <- pick(output.names)
  }
  check_rounds(begin.round, num.round)
  check_missing(given$X, "X")
  check_missing(given$y, "y")
  check_classes(symbol, given$y, c(input.shape, output.shape))
  check_read(symbol, c(input.shape, output.shape), c(names(arg.params), fixed.param), names(batch), given$y)
  check_unused(symbol, arg.params, fixed.param, !missing(initializer), names(c(input.shape, output.shape)), eval.data,
               eval.metric)
  params <- initial_params(symbol, c(input.shape, output.shape), initializer, mx.cpu(), !is.null(aux.params))
  if (!is.null(arg.params)) params$arg.params <- arg.params
  if (!is.null(aux.params)) params$aux.params <- aux.params
  if (!allow.extra.params) check_extra(symbol, arg.params)
  if (allow.extra.params) params$arg.params <- params$arg.params[names(params$arg.params) %in% arguments(symbol)]
  batch.size <- tail(input.shape[[1]], 1)
  ctx <- device_list(ctx)
  kvstore <- mx.model.create.kvstore(kvstore, params$arg.params, length(ctx), verbose = verbose)
  if (is.character(optimizer)) {
    if ("rescale.grad" %in% ...names())
      stop_parameter("rescale.grad is 1 / batch size here; for another, make the optimizer yourself: ",
                     "optimizer = mx.opt.create(\"", optimizer, "\", rescale.grad = ..., learning.rate = ...)")
    optimizer <- mx.opt.create(optimizer, rescale.grad = 1 / (batch.size * worker_count(kvstore)), ...)
  }
  if (!is.null(eval.data)) eval.data <- evaluation_iter(eval.data, batch.size, array.layout)
  params$arg.params <- begin_together(kvstore, params$arg.params, batch.size, X, seq(begin.round, num.round), optimizer)
  mx.model.train(symbol, ctx, input.shape, output.shape, params$arg.params, params$aux.params, begin.round, num.round,
                 optimizer = optimizer, train.data = X, eval.data = eval.data, metric = eval.metric,
                 epoch.end.callback = epoch.end.callback, batch.end.callback = batch.end.callback, kvstore = kvstore,
                 fixed.param = fixed.param, verbose = verbose, metric_cpu = metric_cpu)
}

# More arguments of a training on arrays.
check_start <- function(arg.params, aux.params, optimizer, array.layout, allow.extra.params) {
  check_params(arg.params, "arg.params")
  check_params(aux.params, "aux.params")
  check_flag(allow.extra.params, "allow.extra.params")
  if (!length(array.layout)) stop_type("array.layout must be \"auto\", \"rowmajor\" or \"colmajor\", not NULL")
  if (!is.character(optimizer)) check_optimizer(optimizer)
}

# Stops for parameters that the network does not have, such as those of another last layer.
check_extra <- function(symbol, arg.params) {
  extra <- setdiff(names(arg.params), arguments(symbol))
  if (length(extra))
    stop_parameter("arg.params has ", paste(extra, collapse = ", "), ", which the network does not have: ",
                   "allow.extra.params = TRUE ignores them")
}

# Warns if the rounds go backwards, as seq() counts them.
check_rounds <- function(begin.round, num.round) {
  begin <- as.numeric(begin.round)
  end <- as.numeric(num.round)
  if (begin > end)
    warn_once("rounds", "begin.round = ", begin, " and num.round = ", end, " train ", begin - end + 1,
              " rounds, counted backwards, as in MXNet: num.round is the number of the last round, not how many follow")
}

# Warns, once in a session, of missing values in arrays: they make the loss, and then every weight, NaN.
check_missing <- function(x, what) {
  if (is.atomic(x) && anyNA(x))
    warn_once(paste("missing", what), what, " has ", sum(is.na(x)), " missing values (NA): unless the network masks ",
              "them, the loss and the weights become NaN")
}

# Warns, once in a session, of labels that are not among the classes of SoftmaxOutput. Classes that are counted from 1,
# where MXNet's are counted from 0, get a warning of their own.
check_classes <- function(symbol, labels, shapes) {
  if (!is.atomic(labels) || !length(labels) || anyNA(labels)) return()
  outs <- tryCatch(call_python("symbol.infer_shape", symbol, shapes)$out.shapes, error = function(e) NULL)
  if (is.null(outs) || !identical(call_python("symbol.ends_in", symbol), "SoftmaxOutput")) return()
  size <- outs[[1]]
  one.each <- length(size) == 2 && prod(shapes[[length(shapes)]]) == size[[2]]      # not probabilities, or maps
  if (one.each) warn_of_labels(as.numeric(labels), size[[1]], call_python("symbol.ignored_label", symbol))
}

# `ignored`: a label that may occur beside the classes.
warn_of_labels <- function(labels, classes, ignored) {
  wrong <- setdiff(labels[labels < 0 | labels >= classes | labels != round(labels)], ignored)
  if (min(labels) >= 1 && max(labels) == classes)
    warn_once("classes", "the labels are 1 to ", classes, ", but the classes of SoftmaxOutput with ", classes,
              " outputs are 0 to ", classes - 1, ": class ", classes, " is never learned; give y - 1")
  else if (length(wrong))
    warn_once("labels", "the labels have ", paste(utils::head(wrong, 3), collapse = ", "),
              if (length(wrong) > 3) " ...", ", but the classes of SoftmaxOutput with ", classes, " outputs are 0 to ",
              classes - 1,
              ": other labels belong to no class, and fractions are dropped")
}

# A warning that is given once in a session.
warn_once <- function(key, ...) {
  if (key %in% .MXNetEnv$warned) return()
  .MXNetEnv$warned <- c(.MXNetEnv$warned, key)
  warning(..., call. = FALSE)
}

# A batch whose only label has the name that the network has for it.
with_label <- function(batch, output.names) {
  if (length(output.names) == 1 && is.null(batch[[output.names]])) {
    label <- which(endsWith(names(batch), "label"))
    if (length(label) == 1) names(batch)[label] <- output.names
  }
  batch
}

# Stops if the network has a variable that is data or a label and nothing gives its values: it would be learned, like
# a weight. Warns if `y` is not used. `given` are the shapes of the batches' arrays; `initial` are the names that have
# values.
check_read <- function(symbol, given, initial, fields, y) {
  unread <- unread_variables(symbol, given, initial)
  if (is.null(unread)) return()
  has_label <- any(endsWith(names(given), "label"))
  if (length(unread)) stop_unread(unread, has_label, fields, y)
  unused <- !is.null(y) && !has_label && !any(names(given) %in% setdiff(fields, "data"))
  if (unused && length(unique(as.vector(as.array(y)))) > 1)
    warning("the network has no label, so y is not used", call. = FALSE)
}

stop_unread <- function(unread, has_label, fields, y) {
  if (length(unread) == 1 && !has_label)
    stop_parameter("the network's variable ", unread, " has the shape of a batch and no values, so it is probably ",
                   "the label, but its name does not end in \"label\", so ",
                   if (is.null(y)) "no field of the batches reaches it" else "y does not reach it",
                   ": give output.names = \"", unread, "\"")
  stop_parameter("the network's variables ", paste(unread, collapse = ", "), " have the shape of a batch and no ",
                 "values; as parameters they would be learned. Give the names of data in input.names and of ",
                 "labels in output.names, with an iterator that has fields of these names (here are ",
                 paste(fields, collapse = ", "), ")")
}

# The names of a recurrent network's initial states, which are zero if nothing gives them.
initial_state <- "(state|state[._]cell|init_[ch]|[._][ch]0?)$|^init_"

# The names of the variables without values whose shape grows with the batch, which no weight's does. NULL if the shapes
# cannot be inferred.
unread_variables <- function(symbol, given, initial) {
  infer <- function(more) {
    shapes <- lapply(given, function(s) replace(s, length(s), tail(s, 1) + more))
    tryCatch(call_python("symbol.infer_shape", symbol, shapes)$arg.shapes, error = function(e) NULL)
  }
  now <- infer(0)
  larger <- infer(1)
  if (is.null(now) || is.null(larger)) return(NULL)
  others <- setdiff(names(now), c(names(given), initial))
  others <- others[!grepl(initial_state, others)]
  others[!vapply(others, function(n) identical(now[[n]], larger[[n]]), NA)]
}

# Evaluation data as an iterator, in batches of the training data's size.
evaluation_iter <- function(eval.data, batch.size, array.layout) {
  if (is_iterator(eval.data)) return(check_iterator(eval.data))
  if (!is.list(eval.data) || is.null(eval.data$data) || is.null(eval.data$label))
    stop_type("eval.data must be an iterator or list(data = , label = )")
  check_missing(eval.data$data, "eval.data$data")
  check_missing(eval.data$label, "eval.data$label")
  rows <- is_rowmajor(eval.data$data, array.layout,
                      function() mx.model.select.layout.train(eval.data$data, eval.data$label))
  mx.model.init.iter(eval.data$data, eval.data$label, batch.size = batch.size, is.train = TRUE, rows)
}

# ---------------------------------------------------------------- files

#' Save and load models
#'
#' A model is two files, which MXNet reads and writes too: `prefix-symbol.json`, the network, and `prefix-0007.params`,
#' the parameters after the given iteration.
#'
#' @param model a model.
#' @param prefix path and beginning of the file names.
#' @param iteration number in the name of the parameter file.
#' @return `mx.model.load` gives a model.
#' @examples
#' net <- mx.symbol.FullyConnected(mx.symbol.Variable("data"), num.hidden = 1, name = "fc")
#' model <- list(symbol = net, arg.params = list(fc_weight = mx.nd.ones(c(2, 1)), fc_bias = mx.nd.zeros(1)))
#' prefix <- file.path(tempdir(), "line")
#' mx.model.save(model, prefix, 7)
#' loaded <- mx.model.load(prefix, 7)
#' predict(loaded, matrix(1:6, 2), array.layout = "colmajor")
#' @concept save a model
#' @concept pretrained model
#' @concept checkpoint
#' @seealso [mx.symbol.save()], [mx.nd.save()], [mx.serialize()].
#' @export
mx.model.load <- function(prefix, iteration) {
  check_text(prefix, "mx.model.load: prefix")
  symbol <- mx.symbol.load(paste0(prefix, "-symbol.json"))
  params <- mx.nd.load(params_file(prefix, iteration))
  part <- function(tag) {
    chosen <- params[startsWith(names(params), tag)]
    if (length(chosen)) structure(chosen, names = substring(names(chosen), nchar(tag) + 1)) else list()
  }
  as_model(symbol, part("arg:"), part("aux:"))
}

#' @rdname mx.model.load
#' @export
mx.model.save <- function(model, prefix, iteration) {
  check_model(model)
  check_text(prefix, "mx.model.save: prefix")
  params.file <- params_file(prefix, iteration)
  tag <- function(params, prefix) if (length(params)) structure(params, names = paste0(prefix, names(params)))
  mx.symbol.save(model$symbol, paste0(prefix, "-symbol.json"))
  mx.nd.save(as.list(c(tag(model$arg.params, "arg:"), tag(model$aux.params, "aux:"))), params.file)
}

params_file <- function(prefix, iteration) {
  check_number(iteration, "iteration")
  sprintf("%s-%04d.params", prefix, as.integer(iteration))
}

#' Models as plain R objects
#'
#' `mx.serialize` turns a model into lists of R arrays and text; `mx.unserialize` turns it back. `is.serialized` tells
#' whether a model is serialized. `save`, `saveRDS`, knitr's cache and worker processes also take models, symbols and
#' NDArrays without this; but the result of `mx.serialize` can be read without this package.
#'
#' @param model a model.
#' @return A model, or TRUE or FALSE.
#' @examples
#' net <- mx.symbol.FullyConnected(mx.symbol.Variable("data"), num.hidden = 1, name = "fc")
#' model <- list(symbol = net, arg.params = list(fc_weight = mx.nd.array(matrix(1:2, 2))), aux.params = list())
#' stored <- mx.serialize(model)
#' is.serialized(stored)
#' as.array(mx.unserialize(stored)$arg.params$fc_weight)
#' @concept save a model
#' @seealso [mx.model.load()]; `saveRDS` works on models as they are.
#' @export
mx.serialize <- function(model) {
  check_model(model)
  if (is.serialized(model)) return(model)
  structure(list(symbol_json = model$symbol$as.json(), arg.params = lapply(model$arg.params, as.array),
                 aux.params = lapply(model$aux.params, as.array), is.serialized = TRUE), class = "MXFeedForwardModel")
}

#' @rdname mx.serialize
#' @export
mx.unserialize <- function(model) {
  check_model(model)
  if (!is.serialized(model)) return(model)
  as_model(mx.symbol.load.json(model$symbol_json), lapply(model$arg.params, mx.nd.array),
           lapply(model$aux.params, mx.nd.array))
}

#' @rdname mx.serialize
#' @export
is.serialized <- function(model) is.list(model) && isTRUE(model[["is.serialized"]])
