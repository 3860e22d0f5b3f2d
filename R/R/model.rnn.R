# Training on buckets of sequences.

# The name of the iterator's current bucket; NULL for an iterator without buckets.
bucket_of <- function(iter) names(tryCatch(iter$bucketID, error = function(e) NULL))

# The symbol for the iterator's current bucket. `symbol` is one symbol for all buckets, or a list by their names.
bucket_symbol <- function(symbol, iter) {
  if (is.mx.symbol(symbol)) return(symbol)
  if (!is.list(symbol) || !all(vapply(symbol, is.mx.symbol, NA)))
    stop_type("a symbol is needed, or a list of symbols by the names of the buckets, not ", kind_of(symbol))
  bucket <- bucket_of(iter)
  if (is.null(bucket)) stop_type("this iterator has no buckets (bucketID): give one symbol, not a list")
  chosen <- symbol[[bucket, exact = TRUE]]
  if (is.null(chosen))
    stop_parameter("the list of symbols has none for the bucket ", bucket, "; it has ",
                   paste(names(symbol), collapse = ", "))
  chosen
}

#' Train a recurrent network on buckets
#'
#' Trains by mini-batches, each with sequences of one length. If `symbol` is a list, every length has its own unrolled
#' network, and all of them share their parameters. Arguments that are neither in the batches nor covered by the
#' initializer's rules, such as the initial states, are zero. Several devices share every batch, as in
#' [mx.model.FeedForward.create()].
#'
#' Iterators without buckets, such as [mx.io.arrayiter()], also work. If `optimizer` is a name, gradients are divided
#' by the batch size, and with several workers by their number (see [distributed.training()]).
#'
#' @param symbol a symbol, or a list of symbols by the names of the buckets.
#' @param train.data,eval.data iterators, such as [mx.io.bucket.iter()].
#' @param metric a metric, or NULL.
#' @param arg.params,aux.params initial parameters.
#' @param fixed.params names of parameters that are not trained.
#' @param num.round,begin.round last and first round.
#' @param initializer an initializer.
#' @param optimizer name of an optimizer, or one made by [mx.opt.create()].
#' @param ctx device or list of devices.
#' @param batch.end.callback,epoch.end.callback callbacks, as for [mx.model.FeedForward.create()].
#' @param kvstore as for [mx.model.FeedForward.create()].
#' @param metric_cpu,gc_freq have no effect.
#' @param verbose whether to print by `message()`.
#' @return A model.
#' @examples
#' net <- rnn.graph.unroll(num_rnn_layer = 1, seq_len = 3, input_size = 5, num_embed = 2, num_hidden = 3,
#'                         num_decode = 2, config = "seq-to-one", loss_output = "softmax")
#' buckets <- list("3" = list(data = matrix(1:12 %% 5, 3, 4), label = c(0, 1, 0, 1)))
#' model <- mx.model.buckets(net, mx.io.bucket.iter(buckets, batch.size = 2), num.round = 2, verbose = FALSE)
#' noquote(sapply(model$arg.params, function(p) paste(dim(p), collapse = " x ")))
#' @concept training
#' @concept recurrent network
#' @concept sequence
#' @seealso [rnn.graph()], [mx.io.bucket.iter()], [mx.infer.rnn()].
#' @export
mx.model.buckets <- function(symbol, train.data, eval.data = NULL, metric = NULL, arg.params = NULL, aux.params = NULL,
                             fixed.params = NULL, num.round = 1, begin.round = 1, initializer = mx.init.uniform(0.01),
                             optimizer = "sgd", ctx = NULL, batch.end.callback = NULL, epoch.end.callback = NULL,
                             kvstore = "local", verbose = TRUE, metric_cpu = TRUE, gc_freq = NULL) {
  ctx <- device_list(ctx)
  check_training(begin.round, num.round, metric, epoch.end.callback, batch.end.callback, verbose)
  check_params(arg.params, "arg.params")
  check_params(aux.params, "aux.params")
  check_rounds(begin.round, num.round)
  if (!is.character(optimizer)) check_optimizer(optimizer)
  if (!is.null(eval.data)) check_iterator(eval.data)
  batch <- first_batch(check_iterator(train.data))
  sym_ini <- bucket_symbol(symbol, train.data)
  input.names <- intersect(names(batch), arguments(sym_ini))
  input.shape <- lapply(batch[input.names], dim)
  check_bucket_names(symbol, sym_ini, input.shape, names(batch), arg.params, aux.params, fixed.params)
  if (!is.null(eval.data) && is.null(metric))
    warn_once("evaluation", "eval.data has no effect without a metric: give metric, such as mx.metric.accuracy")
  shapes <- parameter_shapes(sym_ini, input.shape)
  drawn <- mx.init.create(initializer, shapes$arg.shapes, skip.unknown = TRUE)
  trained <- setdiff(names(drawn), fixed.params)
  # without the zeros of the initial states, whose shapes depend on the batch
  kept <- setdiff(c(names(drawn), names(arg.params)), trained)
  drawn[names(arg.params)] <- arg.params
  kvstore <- mx.model.create.kvstore(kvstore, drawn, length(ctx), verbose = verbose)
  batch.size <- tail(input.shape[[1]], 1)
  if (is.character(optimizer))
    optimizer <- mx.opt.create(optimizer, rescale.grad = 1 / (batch.size * worker_count(kvstore)))
  drawn <- begin_together(kvstore, drawn, batch.size, train.data, seq(begin.round, num.round), optimizer)
  starts <- lapply(device_slices(input.shape, length(ctx)), function(slice) {
    shapes <- call_python("symbol.infer_shape", sym_ini, slice$shape)$arg.shapes
    start <- lapply(shapes[setdiff(names(shapes), input.names)], mx.nd.zeros)
    start[names(drawn)] <- drawn
    start
  })
  aux <- mx.init.create(initializer, shapes$aux.shapes, skip.unknown = FALSE)
  aux[names(aux.params)] <- aux.params
  mx.model.train.buckets(symbol, ctx, train.data, eval.data, input.names, starts, aux, trained, kept,
                         begin.round, num.round, optimizer, metric, epoch.end.callback, batch.end.callback,
                         kvstore, verbose)
}

# Stops if a variable of the network is data or a label and no field of the batches has its name: it would be zero, or
# learned like a weight. Warns of parameters that no bucket's network has.
check_bucket_names <- function(symbol, first, input.shape, fields, arg.params, aux.params, fixed.params) {
  unread <- unread_variables(first, input.shape, c(names(arg.params), fixed.params))
  if (length(unread))
    stop_parameter("the network's ", paste(unread, collapse = ", "), " has the shape of a batch and no values, and ",
                   "the batches have no field of this name: name the variable as the field, which is one of ",
                   paste(fields, collapse = ", "))
  symbols <- if (is.mx.symbol(symbol)) list(symbol) else symbol
  known <- unique(unlist(lapply(symbols, arguments)))
  extra <- c(setdiff(names(arg.params), known),
             setdiff(names(aux.params), unlist(lapply(symbols, function(s) s$auxiliary.states))))
  if (length(extra))
    warning("arg.params and aux.params have ", paste(extra, collapse = ", "), ", which no network has; not used",
            call. = FALSE)
  unknown <- setdiff(fixed.params, known)
  if (length(unknown)) check_fixed(first, unknown, "fixed.params")
}

# The training loop over buckets. Each bucket has its own executors, one per device, which start with that device's
# `arg.params`. When the bucket changes, the parameters are copied from the executors of the last bucket.
mx.model.train.buckets <- function(symbol, ctx, train.data, eval.data, input.names, arg.params, aux.params,
                                   trained, kept, begin.round, end.round, optimizer, metric, epoch.end.callback,
                                   batch.end.callback, kvstore, verbose) {
  ndevice <- length(ctx)
  report_start(ndevice, kvstore, verbose)
  sums <- call_python("model.sums", workers_of(kvstore))
  frame <- environment()
  execs <- list()
  train.execs <- updaters <- NULL
  bind <- function(chosen, part, start) {
    args <- c(part, start)[arguments(chosen)]
    mx.symbol.bind(chosen, ctx[[1]], args, aux.params, ifelse(names(args) %in% trained, "write", "null"))
  }
  use <- function(iter) {
    dlist <- iter$value()[input.names]
    shapes <- lapply(dlist, dim)
    parts <- cut_batch(dlist, device_slices(shapes, ndevice))
    key <- paste(or_else(bucket_of(iter), ""), paste(unlist(shapes), collapse = " "))
    chosen <- bucket_symbol(symbol, iter)
    if (is.null(execs[[key]]))
      execs[[key]] <<- lapply(seq_len(ndevice), function(i) bind(chosen, parts[[i]], arg.params[[i]]))
    following <- execs[[key]]
    if (!is.null(train.execs) && !identical(train.execs, following)) {
      moved <- intersect(names(arg.params[[1]]), arguments(chosen))
      for (i in seq_len(ndevice)) {
        mx.exec.update.arg.arrays(following[[i]], train.execs[[i]]$ref.arg.arrays[moved], match.name = TRUE)
        mx.exec.update.aux.arrays(following[[i]], train.execs[[i]]$ref.aux.arrays, match.name = TRUE)
      }
    }
    train.execs <<- following
    feed_devices(train.execs, parts)
    if (is.null(updaters)) updaters <<- device_updaters(train.execs, optimizer)
  }
  label.name <- input.names[[length(input.names)]]
  shown <- for_metric(metric)
  run_epochs(
    frame,
    train = function(iter) {
      use(iter)
      train_devices(train.execs, updaters, optimizer, sums)
    },
    evaluate = function(iter) {
      use(iter)
      for (exec in train.execs) mx.exec.forward(exec, is.train = FALSE)
    },
    score = function(state) {
      for (exec in train.execs)
        state <- metric$update(label = shown(exec$ref.arg.arrays[[label.name]]), pred = shown(exec$ref.outputs[[1]]),
                               state = state)
      state
    },
    extract = function() mx.model.extract.model(bucket_symbol(symbol, train.data), train.execs, keep = kept),
    end = function(took.part) end_of_batches(frame, train.execs, sums, took.part))
}

# The names that scripts of 2016 and 2017 call by `mxnet:::`.
mx.model.init.iter.rnn <- function(X, y, batch.size, is.train) mx.model.init.iter(X, y, batch.size, is.train)

mx.model.init.params.rnn <- function(symbol, input.shape, initializer, ctx) {
  mx.model.init.params(symbol, input.shape, NULL, initializer, ctx)
}
