# How a batch runs on one device or several.

# The parts of a batch for the devices (see mx.model.slice.shape). An error if a device gets no samples.
device_slices <- function(shapes, ndevice) {
  slices <- mx.model.slice.shape(shapes, ndevice)
  last <- slices[[ndevice]]
  if (last$begin == last$end)
    stop_shape("ctx: a batch of ", last$end, " samples cannot be cut for ", ndevice,
               " devices; give larger batches or fewer devices")
  slices
}

# Two functions of a batch: `train` makes a step, `evaluate` only computes the outputs. On one device with a built-in
# optimizer a step is one call of Python. Otherwise the batch is split, the gradients are summed over the devices, and
# each device's updater applies the sum. `sums` adds the gradients over the devices and over all workers. If another
# worker has no batch left, `train` gives FALSE and makes no step.
#
# A third function, `several(iter, metric)`, makes the steps of the current and the following batches in one call of
# Python. The call takes about a tenth of a second, so that R can show the progress. It moves the iterator to the last
# of these batches. It gives a list: `batches`, their number, and `scores`, the values of the built-in metric of that
# name. NULL, and no step, if R has to make every step itself.
device_runner <- function(execs, slices, inputs, output.names, arg_names, optimizer, sums) {
  ndevice <- length(execs)
  rename <- if (length(output.names) == 1 && endsWith(output.names, "label")) output.names
  batch <- function(dlist) {
    check_batch(dlist, NULL)
    if (is.null(rename) && !length(output.names)) dlist <- dlist[names(dlist) %in% arg_names]
    if (!is.null(rename)) names(dlist)[endsWith(names(dlist), "label")] <- rename
    if (is.null(rename)) dlist <- with_label(dlist, output.names)
    check_batch(dlist, inputs)
  }
  active <- which(!vapply(execs[[1]]$ref.grad.arrays, is.null, NA))
  size <- slices[[ndevice]]$end
  if (ndevice == 1 && is_built_in(optimizer)) {
    updater <- call_python("opt.updater", attr(optimizer, "rule")())
    return(list(
      several = several_steps(execs[[1]], batch, updater, optimizer, sums, output.names),
      batch = batch,
      train = function(dlist) {
        of_one_size(
          call_python("model.step", execs[[1]], batch(dlist), updater, optimizer_rates(optimizer, active), sums),
          dlist, size)
      },
      evaluate = function(dlist) call_python("model.evaluate", execs[[1]], batch(dlist))))
  }
  updaters <- device_updaters(execs, optimizer)
  feed <- function(dlist) feed_devices(execs, cut_batch(batch(dlist), slices))
  list(
    several = function(iter, metric) NULL,
    batch = batch,
    train = function(dlist) {
      of_one_size(feed(dlist), dlist, size)
      train_devices(execs, updaters, optimizer, sums)
    },
    evaluate = function(dlist) {
      feed(dlist)
      for (exec in execs) mx.exec.forward(exec, is.train = FALSE)
    })
}

# The function `several` of device_runner(), on one device with a built-in optimizer.
several_steps <- function(exec, batch, updater, optimizer, sums, output.names) {
  label <- if (length(output.names)) tail(output.names, 1)
  fields <- NULL                                  # list(the network's name of an array = its name in the batch)
  function(iter, metric) {
    ahead <- if (!attr(optimizer, "scheduled")) batches_ahead(iter)
    if (is.null(ahead)) return(NULL)
    if (is.null(fields)) fields <<- batch(sapply(names(iter$value()), identity, simplify = FALSE))
    first <- ahead$at()
    ran <- call_python("model.steps", exec, ahead$source, first, fields, updater, optimizer_rates(optimizer, NULL),
                       sums, metric, label)
    ahead$move(first + ran$batches - 1L)
    ran
  }
}

# The value of `step`, an expression that uses a batch. Explains the error of a batch that is smaller or larger than the
# first.
of_one_size <- function(step, dlist, size) {
  tryCatch(step, mxnet_shape_error = function(e) {
    samples <- vapply(dlist, function(x) tail(shape_of(x), 1), 0)
    if (length(unique(samples)) == 1 && samples[[1]] != size)
      stop_shape("the iterator gave a batch of ", samples[[1]], " samples, after batches of ", size,
        ": all batches of a ",
                 "training have one size; fill the last one up (with samples of the first, say), or leave it out")
    stop(e)
  })
}

device_updaters <- function(execs, optimizer) {
  lapply(execs, function(e) mx.opt.get.updater(optimizer, e$ref.arg.arrays, ctx = mx.cpu()))
}

# The parts of a batch: a list of arrays for each device.
cut_batch <- function(dlist, slices) {
  if (length(slices) == 1) return(list(dlist))
  lapply(slices, function(s) lapply(dlist, mx.nd.slice, s$begin, s$end))
}

feed_devices <- function(execs, parts) {
  for (i in seq_along(execs)) mx.exec.update.arg.arrays(execs[[i]], parts[[i]], match.name = TRUE)
}

# One step with the parts that feed_devices() has set. Each device has its own updater, which applies the summed
# gradients. FALSE, and no step, if another worker has no batch left.
train_devices <- function(execs, updaters, optimizer, sums) {
  whole <- if (is_built_in(optimizer)) suspendInterrupts else identity
  if (!call_python("model.gradients", unname(execs), sums)) return(FALSE)
  whole(for (i in seq_along(execs)) {
    exec <- execs[[i]]
    mx.exec.update.arg.arrays(exec, updaters[[i]](exec$ref.arg.arrays, exec$ref.grad.arrays), skip.null = TRUE)
  })
  TRUE
}

# The array of an executor that a metric compares with its output: the last label.
label_of <- function(exec, output.names) {
  if (length(output.names)) exec$ref.arg.arrays[[tail(output.names, 1)]]
}

# A function of an evaluation batch, the iteration and the number of samples that are padding. It gives the `labels` and
# `preds` that a metric compares, device by device and without the padding. A batch of the training batches' size is
# computed by their executors, through `runner`; one of another size by `other_sizes()`.
evaluator <- function(symbol, ctx, runner, execs, slices, shapes, output.names) {
  size <- tail(shapes[[1]], 1)
  forward_other <- other_sizes(symbol, ctx[[1]], runner, execs[[1]], shapes)
  function(dlist, iteration, pad) {
    data <- dlist[[names(shapes)[[1]]]]
    samples <- if (is.null(data)) size else tail(shape_of(data), 1)
    check_alike(shape_of(data), shapes[[1]])
    if (samples == size) {
      runner$evaluate(dlist)
    } else {
      execs <- list(forward_other(dlist, samples, iteration))
      slices <- list(list(begin = 0, end = samples))
    }
    whole <- vapply(slices, function(s) s$end - s$begin, 0)
    kept <- vapply(slices, function(s) max(0, min(s$end, samples - pad) - s$begin), 0)
    parts <- function(of) {
      lapply(which(kept > 0), function(i) {
        x <- of(execs[[i]])
        # other outputs, a loss that is one number for example, cannot be cut
        if (is.null(x) || tail(shape_of(x), 1) != whole[[i]]) x else without_pad(x, whole[[i]] - kept[[i]])
      })
    }
    list(labels = parts(function(e) label_of(e, output.names)), preds = parts(function(e) e$ref.outputs[[1]]))
  }
}

# Stops if evaluation samples have other dimensions than those of the training. NULL: no such field.
check_alike <- function(evaluation, training) {
  samples <- function(size) replace(size, length(size), 0)
  if (!is.null(evaluation) && !identical(as.numeric(samples(evaluation)), as.numeric(samples(training))))
    stop_shape("a batch of eval.data is ", paste(evaluation, collapse = " x "), ", one of the training ",
               paste(training, collapse = " x "), ": only the last dimension, the samples, may differ")
}

# A function that computes a batch of another size, on one device: by an executor for that size, which gets the
# parameters of the executor `trained` once in an iteration.
other_sizes <- function(symbol, ctx, runner, trained, shapes) {
  made <- list()
  function(dlist, samples, iteration) {
    key <- as.character(samples)
    if (is.null(made[[key]])) {
      shapes <- lapply(shapes, function(s) replace(s, length(s), samples))
      exec <- do.call(mx.simple.bind, c(list(symbol = symbol, ctx = ctx, grad.req = "null"), shapes))
      made[[key]] <<- list(exec = exec, iteration = NULL)
    }
    exec <- made[[key]]$exec
    if (!identical(made[[key]]$iteration, iteration)) {
      parameters <- trained$ref.arg.arrays
      mx.exec.update.arg.arrays(exec, parameters[setdiff(names(parameters), names(shapes))], match.name = TRUE)
      mx.exec.update.aux.arrays(exec, trained$ref.aux.arrays, match.name = TRUE)
      made[[key]]$iteration <<- iteration
    }
    feed_devices(list(exec), list(runner$batch(dlist)))
    mx.exec.forward(exec, is.train = FALSE)
    exec
  }
}
