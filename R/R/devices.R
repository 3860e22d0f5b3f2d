# How a batch runs on one device or several.

# The same for the devices of a training, each of which needs samples.
device.slices <- function(shapes, ndevice) {
  slices <- mx.model.slice.shape(shapes, ndevice)
  last <- slices[[ndevice]]
  if (last$begin == last$end) stop.user("ctx: a batch of ", last$end, " samples cannot be cut for ", ndevice, " devices; give larger batches or fewer devices")
  slices
}

# How a batch is trained on and evaluated. On one device with a built-in optimizer that is one call; otherwise the batch is
# cut, gradients are summed over the devices, and each device's updater applies the sum.
device.runner <- function(execs, slices, inputs, output.names, arg_names, optimizer) {
  ndevice <- length(execs)
  rename <- if (length(output.names) == 1 && endsWith(output.names, "label")) output.names
  batch <- function(dlist) {
    check.batch(dlist, NULL)
    if (is.null(rename) && !length(output.names)) dlist <- dlist[names(dlist) %in% arg_names]
    if (!is.null(rename)) names(dlist)[endsWith(names(dlist), "label")] <- rename
    check.batch(dlist, inputs)
  }
  active <- which(!vapply(execs[[1]]$ref.grad.arrays, is.null, NA))
  if (ndevice == 1 && is.built.in(optimizer)) {
    updater <- mx.call("opt.updater", attr(optimizer, "rule")())
    return(list(
      train = function(dlist) mx.call("model.step", execs[[1]], batch(dlist), updater, optimizer.rates(optimizer, active)),
      evaluate = function(dlist) mx.call("model.evaluate", execs[[1]], batch(dlist))))
  }
  updaters <- device.updaters(execs, optimizer)
  feed <- function(dlist) feed.devices(execs, cut.batch(batch(dlist), slices))
  list(
    train = function(dlist) {
      feed(dlist)
      train.devices(execs, updaters, optimizer)
    },
    evaluate = function(dlist) {
      feed(dlist)
      for (exec in execs) mx.exec.forward(exec, is.train = FALSE)
    })
}

device.updaters <- function(execs, optimizer)
  lapply(execs, function(e) mx.opt.get.updater(optimizer, e$ref.arg.arrays, ctx = mx.cpu()))

# A batch cut for the devices: a list of arrays for each.
cut.batch <- function(dlist, slices) {
  if (length(slices) == 1) return(list(dlist))
  lapply(slices, function(s) lapply(dlist, mx.nd.slice, s$begin, s$end))
}

feed.devices <- function(execs, parts) for (i in seq_along(execs)) mx.exec.update.arg.arrays(execs[[i]], parts[[i]], match.name = TRUE)

# One step with what the devices were fed: each has an updater of its own, which applies the sum of all gradients.
train.devices <- function(execs, updaters, optimizer) {
  whole <- if (is.built.in(optimizer)) suspendInterrupts else identity
  mx.call("model.both_ways", unname(execs))
  if (length(execs) > 1) mx.call("model.sum_gradients", unname(execs))
  whole(for (i in seq_along(execs)) {
    exec <- execs[[i]]
    mx.exec.update.arg.arrays(exec, updaters[[i]](exec$ref.arg.arrays, exec$ref.grad.arrays), skip.null = TRUE)
  })
}
