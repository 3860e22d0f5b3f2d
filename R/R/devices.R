# How a batch runs on one device or several.

# The parts of a batch for the devices (see mx.model.slice.shape); every device must get samples.
device_slices <- function(shapes, ndevice) {
  slices <- mx.model.slice.shape(shapes, ndevice)
  last <- slices[[ndevice]]
  if (last$begin == last$end)
    stop_user("ctx: a batch of ", last$end, " samples cannot be cut for ", ndevice,
              " devices; give larger batches or fewer devices")
  slices
}

# Two functions of a batch: `train` makes a step, `evaluate` only computes the outputs. On one device with a built-in
# optimizer a step is one call of Python. Otherwise the batch is cut, the gradients are summed over the devices, and
# each device's updater applies the sum. `sums` sums the gradients up, over the devices and over all workers; `train`
# gives FALSE, and makes no step, if another worker has no batch any more.
device_runner <- function(execs, slices, inputs, output.names, arg_names, optimizer, sums) {
  ndevice <- length(execs)
  rename <- if (length(output.names) == 1 && endsWith(output.names, "label")) output.names
  batch <- function(dlist) {
    check_batch(dlist, NULL)
    if (is.null(rename) && !length(output.names)) dlist <- dlist[names(dlist) %in% arg_names]
    if (!is.null(rename)) names(dlist)[endsWith(names(dlist), "label")] <- rename
    check_batch(dlist, inputs)
  }
  active <- which(!vapply(execs[[1]]$ref.grad.arrays, is.null, NA))
  if (ndevice == 1 && is_built_in(optimizer)) {
    updater <- call_python("opt.updater", attr(optimizer, "rule")())
    return(list(
      train = function(dlist) {
        call_python("model.step", execs[[1]], batch(dlist), updater, optimizer_rates(optimizer, active), sums)
      },
      evaluate = function(dlist) call_python("model.evaluate", execs[[1]], batch(dlist))))
  }
  updaters <- device_updaters(execs, optimizer)
  feed <- function(dlist) feed_devices(execs, cut_batch(batch(dlist), slices))
  list(
    train = function(dlist) {
      feed(dlist)
      train_devices(execs, updaters, optimizer, sums)
    },
    evaluate = function(dlist) {
      feed(dlist)
      for (exec in execs) mx.exec.forward(exec, is.train = FALSE)
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
# gradients. FALSE, and no step, if another worker has no batch any more.
train_devices <- function(execs, updaters, optimizer, sums) {
  whole <- if (is_built_in(optimizer)) suspendInterrupts else identity
  if (!call_python("model.gradients", unname(execs), sums)) return(FALSE)
  whole(for (i in seq_along(execs)) {
    exec <- execs[[i]]
    mx.exec.update.arg.arrays(exec, updaters[[i]](exec$ref.arg.arrays, exec$ref.grad.arrays), skip.null = TRUE)
  })
  TRUE
}
