# Training and inference with buckets of sequences.

#' Iterate over buckets of sequences
#'
#' Sequences of similar length share a bucket, and a batch comes from one bucket.
#'
#' @param buckets named list, by sequence length, of lists `data` (length by samples) and `label` (a value for each sample, or for
#'   each element of `data`). The layout of versions before 1.1, samples by length, is recognised by one label for each.
#' @param batch.size samples in a batch.
#' @param data.mask.element value that fills the sequences up.
#' @param shuffle whether to shuffle samples and batches at every reset.
#' @param seed seed of R's random numbers for the shuffle.
#' @return An iterator whose `value()` has `data`, `seq.mask` (the lengths) and `label`, and with fields such as `bucketID`,
#' `bucket.names`, `epoch` and `batch.per.epoch`.
#' @examples
#' buckets <- list("3" = list(data = matrix(1:12, 3, 4), label = 1:4))
#' it <- mx.io.bucket.iter(buckets, batch.size = 2)
#' it$reset()
#' it$iter.next()
#' it$value()$label
#' @export
mx.io.bucket.iter <- function(buckets, batch.size, data.mask.element = 0, shuffle = FALSE, seed = 123) {
  buckets <- Map(bucket.columns, buckets, or.else(names(buckets), seq_along(buckets)))
  BucketIter$new(buckets = buckets, batch.size = batch.size, data.mask.element = data.mask.element, shuffle = shuffle,
                 seed = seed)
}

# The samples `index` of labels that are a vector or have them in the last dimension.
take.samples <- function(x, index) if (length(dim(x)) < 2) x[index] else x[, index, drop = FALSE]

# A bucket with a sample in every column, also from one with a sample in every row, as they were before version 1.1. Labels
# without data are left alone, as in MXNet.
bucket.columns <- function(bucket, name) {
  size <- dim(bucket$data)
  if (length(size) != 2) stop.user("bucket ", name, ": data must be a matrix, length by samples, not ", kind.of(bucket$data))
  one <- length(dim(bucket$label)) < 2
  labels <- if (one) length(bucket$label) else ncol(bucket$label)
  if (one && labels == size[[1]] && labels != size[[2]]) return(list(data = t(bucket$data), label = bucket$label))
  if (labels < size[[2]]) stop.user("bucket ", name, ": data has ", size[[2]], " samples in its last dimension, label only ", labels)
  bucket
}

# bucketID is a number, the batch inside its bucket, under the bucket's name.
BucketIter <- setRefClass("BucketIter", contains = "Rcpp_MXArrayDataIter",
  fields = c("buckets", "bucket.names", "batch.size", "data.mask.element", "shuffle", "seed", "bucket.plan", "bucketID", "batch",
             "epoch", "batch.per.bucket", "batch.per.epoch", "sizes"),
  methods = list(
    initialize = function(buckets = list(), batch.size = 1, data.mask.element = 0, shuffle = FALSE, seed = 123) {
      .self$buckets <- buckets
      .self$bucket.names <- names(buckets)
      .self$batch.size <- batch.size
      .self$data.mask.element <- data.mask.element
      .self$shuffle <- shuffle
      .self$seed <- seed
      .self$batch <- 0
      .self$epoch <- 0
      .self$bucket.plan <- NULL
      .self$bucketID <- NULL
      .self$sizes <- vapply(buckets, function(b) tail(dim(b$data), 1), 0L)
      .self$batch.per.bucket <- ceiling(sizes / batch.size)
      .self$batch.per.epoch <- sum(batch.per.bucket)
      .self
    },
    reset = function() {
      plan <- rep(bucket.names, times = batch.per.bucket)
      if (shuffle) {
        set.seed(seed)
        plan <- sample(plan)
      }
      .self$bucket.plan <- ave(rep(1, length(plan)), plan, FUN = cumsum)
      names(.self$bucket.plan) <- plan
      .self$batch <- 0
      .self$epoch <- epoch + 1
      .self$bucketID <- .self$bucket.plan[1]
      if (shuffle) {
        .self$buckets <- lapply(buckets, function(b) {
          order <- sample(tail(dim(b$data), 1))
          list(data = b$data[, order, drop = FALSE], label = take.samples(b$label, order))
        })
      }
    },
    iter.next = function() {
      if (is.null(bucket.plan)) return(FALSE)
      .self$batch <- batch + 1
      if (batch > length(bucket.plan)) return(FALSE)
      .self$bucketID <- bucket.plan[batch]
      TRUE
    },
    value = function() {
      bucket <- buckets[[names(bucketID)]]
      size <- sizes[[names(bucketID)]]
      # a last batch that is not full starts over at the bucket's first samples
      index <- ((bucketID - 1) * batch.size + seq_len(batch.size) - 1) %% size + 1
      data <- bucket$data[, index, drop = FALSE]
      lengths <- nrow(data) - colSums(data == data.mask.element)
      list(data = mx.nd.array(data), seq.mask = mx.nd.array(lengths), label = mx.nd.array(take.samples(bucket$label, index)))
    },
    num.pad = function() max(0, bucketID[[1]] * batch.size - sizes[[names(bucketID)]])))

# The symbol for a bucket: the network itself, or the one that its list holds for the bucket.
bucket.symbol <- function(symbol, iter) if (is.mx.symbol(symbol)) symbol else symbol[[names(iter$bucketID)]]

#' Train a recurrent network on buckets
#'
#' Trains by mini-batches, each of sequences of one length. Where `symbol` is a list, every length has a network of its own,
#' unrolled for it, and all of them share their parameters. Arguments that neither the iterator brings nor the initializer has a
#' rule for, such as the initial states, are zero. Several devices share every batch, as in [mx.model.FeedForward.create()].
#'
#' Iterators without buckets, such as [mx.io.arrayiter()], do as well. When `optimizer` is a name, gradients are divided by the
#' batch size.
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
#' @param kvstore,metric_cpu,gc_freq have no effect.
#' @param verbose whether to print by `message()`.
#' @return A model.
#' @examples
#' net <- rnn.graph.unroll(num_rnn_layer = 1, seq_len = 3, input_size = 5, num_embed = 2, num_hidden = 3, num_decode = 2,
#'                         config = "seq-to-one", loss_output = "softmax")
#' buckets <- list("3" = list(data = matrix(1:12 %% 5, 3, 4), label = c(0, 1, 0, 1)))
#' model <- mx.model.buckets(net, mx.io.bucket.iter(buckets, batch.size = 2), num.round = 2, verbose = FALSE)
#' @export
mx.model.buckets <- function(symbol, train.data, eval.data = NULL, metric = NULL, arg.params = NULL, aux.params = NULL,
                             fixed.params = NULL, num.round = 1, begin.round = 1, initializer = mx.init.uniform(0.01),
                             optimizer = "sgd", ctx = NULL, batch.end.callback = NULL, epoch.end.callback = NULL,
                             kvstore = "local", verbose = TRUE, metric_cpu = TRUE, gc_freq = NULL) {
  ctx <- device.list(ctx)
  check.training(begin.round, num.round, metric, epoch.end.callback, batch.end.callback)
  if (!is.null(eval.data)) check.iterator(eval.data)
  batch <- first.batch(check.iterator(train.data))
  sym_ini <- bucket.symbol(symbol, train.data)
  input.names <- intersect(names(batch), arguments(sym_ini))
  input.shape <- lapply(batch[input.names], dim)
  shapes <- parameter.shapes(sym_ini, input.shape)
  drawn <- mx.init.create(initializer, shapes$arg.shapes, skip.unknown = TRUE)
  starts <- lapply(device.slices(input.shape, length(ctx)), function(slice) {
    shapes <- mx.call("symbol.infer_shape", sym_ini, slice$shape)$arg.shapes
    start <- lapply(shapes[setdiff(names(shapes), input.names)], mx.nd.zeros)
    start[names(drawn)] <- drawn
    start[names(arg.params)] <- arg.params
    start
  })
  aux <- mx.init.create(initializer, shapes$aux.shapes, skip.unknown = FALSE)
  aux[names(aux.params)] <- aux.params
  trained <- setdiff(names(drawn), fixed.params)
  kept <- setdiff(c(names(drawn), names(arg.params)), trained)        # not the zeros of the initial states: their shape is the batch's
  if (is.character(optimizer))
    optimizer <- mx.opt.create(optimizer, rescale.grad = 1 / tail(input.shape[[1]], 1))
  mx.model.train.buckets(symbol, ctx, train.data, eval.data, input.names, starts, aux, trained, kept, begin.round, num.round,
                         optimizer, metric, epoch.end.callback, batch.end.callback, verbose)
}

# The training loop over buckets. Each bucket has executors of its own, one for each device, which start with its part of
# `arg.params`; parameters go along from one bucket to the next.
mx.model.train.buckets <- function(symbol, ctx, train.data, eval.data, input.names, arg.params, aux.params, trained, kept,
                                   begin.round, end.round, optimizer, metric, epoch.end.callback, batch.end.callback,
                                   verbose) {
  ndevice <- length(ctx)
  if (verbose) message("Start training with ", ndevice, " devices")
  execs <- list()
  train.execs <- updaters <- NULL
  bind <- function(chosen, part, start) {
    args <- c(part, start)[arguments(chosen)]
    mx.symbol.bind(chosen, ctx[[1]], args, aux.params, ifelse(names(args) %in% trained, "write", "null"))
  }
  use <- function(iter) {
    dlist <- iter$value()[input.names]
    shapes <- lapply(dlist, dim)
    parts <- cut.batch(dlist, device.slices(shapes, ndevice))
    key <- paste(or.else(names(iter$bucketID), ""), paste(unlist(shapes), collapse = " "))
    chosen <- bucket.symbol(symbol, iter)
    if (is.null(execs[[key]])) execs[[key]] <<- lapply(seq_len(ndevice), function(i) bind(chosen, parts[[i]], arg.params[[i]]))
    following <- execs[[key]]
    if (!is.null(train.execs) && !identical(train.execs, following)) {
      moved <- intersect(names(arg.params[[1]]), arguments(chosen))
      for (i in seq_len(ndevice)) {
        mx.exec.update.arg.arrays(following[[i]], train.execs[[i]]$ref.arg.arrays[moved], match.name = TRUE)
        mx.exec.update.aux.arrays(following[[i]], train.execs[[i]]$ref.aux.arrays, match.name = TRUE)
      }
    }
    train.execs <<- following
    feed.devices(train.execs, parts)
    if (is.null(updaters)) updaters <<- device.updaters(train.execs, optimizer)
  }
  label.name <- input.names[[length(input.names)]]
  shown <- for.metric(metric)
  score <- function(state) {
    for (exec in train.execs) state <- metric$update(label = shown(exec$ref.arg.arrays[[label.name]]), pred = shown(exec$ref.outputs[[1]]), state = state)
    state
  }
  train.metric <- eval.metric <- model <- NULL
  for (iteration in seq(begin.round, end.round)) {
    nbatch <- 0
    if (!is.null(metric)) train.metric <- metric$init()
    train.data$reset()
    while (next.batch(train.data)) {
      use(train.data)
      train.devices(train.execs, updaters, optimizer)
      if (!is.null(metric)) train.metric <- score(train.metric)
      nbatch <- nbatch + 1
      if (!is.null(batch.end.callback)) batch.end.callback(iteration, nbatch, environment())
    }
    if (!is.null(metric) && verbose) report(iteration, "Train", metric$get(train.metric))
    if (!is.null(eval.data)) {
      if (!is.null(metric)) eval.metric <- metric$init()
      eval.data$reset()
      while (next.batch(eval.data)) {
        use(eval.data)
        for (exec in train.execs) mx.exec.forward(exec, is.train = FALSE)
        if (!is.null(metric)) eval.metric <- score(eval.metric)
      }
      if (!is.null(metric) && verbose) report(iteration, "Validation", metric$get(eval.metric))
    }
    model <- mx.model.extract.model(bucket.symbol(symbol, train.data), train.execs, keep = kept)
    if (!is.null(epoch.end.callback) && isFALSE(call.epoch(epoch.end.callback, iteration, environment(), verbose))) break
  }
  model
}

#' Inference with recurrent networks
#'
#' `mx.infer.rnn` gives the first output for all sequences of an iterator. `mx.infer.rnn.one` and `mx.infer.rnn.one.unroll`
#' run one batch and give all outputs, the last states among them, to be fed in again.
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
#' net <- rnn.graph.unroll(num_rnn_layer = 1, seq_len = 3, input_size = 5, num_embed = 2, num_hidden = 3, num_decode = 2,
#'                         config = "seq-to-one", loss_output = "softmax")
#' buckets <- list("3" = list(data = matrix(1:12 %% 5, 3, 4), label = c(0, 1, 0, 1)))
#' it <- mx.io.bucket.iter(buckets, batch.size = 2)
#' model <- mx.model.buckets(net, it, num.round = 1, verbose = FALSE)
#' mx.infer.rnn(it, model)
#' @export
mx.infer.rnn <- function(infer.data, model, ctx = mx.cpu()) {
  infer.data$reset()
  packer <- mx.nd.arraypacker()
  while (next.batch(infer.data)) {
    exec <- bind.for.inference(bucket.symbol(model$symbol, infer.data), infer.data$value(), model$arg.params, model$aux.params)
    mx.exec.forward(exec, is.train = FALSE)
    packer$push(without.pad(exec$ref.outputs[[1]], padding(infer.data)))
  }
  infer.data$reset()
  packer$get()
}

#' @rdname mx.infer.rnn
#' @export
mx.infer.rnn.one <- function(infer.data, symbol, arg.params, aux.params, input.params = NULL, ctx = mx.cpu()) {
  infer.data$reset()
  out <- NULL
  while (next.batch(infer.data)) {
    exec <- bind.for.inference(symbol, infer.data$value(), c(arg.params[setdiff(names(arg.params), names(input.params))],
                                                             input.params), aux.params)
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
  states <- grep("^init_", arguments(symbol), value = TRUE)
  if (is.null(init_states)) init_states <- lapply(states, function(s) mx.nd.zeros(c(num_hidden, tail(dim(infer.data), 1))))
  names(init_states) <- states
  given <- c(list(data = infer.data, label = infer.data), init_states)
  exec <- bind.for.inference(symbol, given, arg.params[setdiff(names(arg.params), names(given))], aux.params)
  mx.exec.forward(exec, is.train = FALSE)
  exec$outputs
}

# An executor for one batch: what the symbol needs of the inputs and parameters; arguments without a value are zero.
bind.for.inference <- function(symbol, inputs, arg.params, aux.params) {
  inputs <- lapply(inputs[intersect(names(inputs), arguments(symbol))], function(x) if (is.mx.ndarray(x)) x else as.array(x))
  exec <- do.call(mx.simple.bind, c(list(symbol = symbol, ctx = mx.cpu()), lapply(inputs, dim)))
  mx.call("exec.load", exec, c(arg.params, inputs), or.else(aux.params, list()))
  exec
}

# The names that scripts of 2016 and 2017 reach by `mxnet:::`.
mx.model.init.iter.rnn <- function(X, y, batch.size, is.train) mx.model.init.iter(X, y, batch.size, is.train)

mx.model.init.params.rnn <- function(symbol, input.shape, initializer, ctx)
  mx.model.init.params(symbol, input.shape, NULL, initializer, ctx)
