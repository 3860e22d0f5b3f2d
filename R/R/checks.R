# What users hand to the training loops, checked where R's own words ("attempt to apply non-function") would not help.

# Whether `x$name` is a function, `x` a list, an environment or an object of a reference class.
has.function <- function(x, name) is.function(tryCatch(do.call(`$`, list(x, name)), error = function(e) NULL))

# A value in a few words: "NULL", "NA", "character", "integer of length 3".
kind.of <- function(x) {
  if (is.null(x)) return("NULL")
  if (length(x) != 1 && !is.function(x)) return(paste(class(x)[[1]], "of length", length(x)))
  if (is.atomic(x) && is.na(x)) "NA" else class(x)[[1]]
}

check.function <- function(x, what) if (!is.function(x)) stop.user(what, ", not ", kind.of(x))

# The path of a file, its ~ replaced.
check.path <- function(path, what) {
  if (!is.character(path) || length(path) != 1 || is.na(path)) stop.user(what, " must be one text, the path of a file, not ", kind.of(path))
  if (startsWith(path, "~")) path.expand(path) else path         # it warns of what the C locale has no characters for
}

# Rounds, metric and callbacks, before a training begins.
check.training <- function(begin.round, num.round, metric, epoch.end.callback, batch.end.callback) {
  check.number(begin.round, "begin.round")
  check.number(num.round, "num.round")
  if (!is.null(metric) && !(has.function(metric, "init") && has.function(metric, "update")))
    stop.user("eval.metric must be a metric, such as mx.metric.rmse or mx.metric.custom(name, function(label, pred) ...), not ", kind.of(metric))
  if (!is.null(epoch.end.callback)) check.function(epoch.end.callback, "epoch.end.callback must be a function of (iteration, nbatch, env, verbose)")
  if (!is.null(batch.end.callback)) check.function(batch.end.callback, "batch.end.callback must be a function of (iteration, nbatch, env)")
}

check.optimizer <- function(optimizer) {
  if (!has.function(optimizer, "update") || !(has.function(optimizer, "create_exec") || has.function(optimizer, "create.state")))
    stop.user("the optimizer must be a name, such as \"sgd\", made by mx.opt.create(), or a list of the functions create_exec and update, not ",
              kind.of(optimizer))
}

check.iterator <- function(iter) {
  for (name in c("iter.next", "value", "reset"))
    if (!has.function(iter, name)) stop.user("an iterator needs the functions iter.next(), value() and reset(); this one has no ", name, "()")
  iter
}

# A batch as an iterator gave it: a list that has `wanted`.
check.batch <- function(batch, wanted) {
  if (!is.list(batch) || is.null(names(batch)))
    stop.user("the iterator's value() must give a named list of arrays, such as list(data = , label = ), not ",
              if (is.list(batch)) "a list without names" else kind.of(batch))
  missing <- vapply(batch[wanted], is.null, NA)
  if (any(missing))
    stop.user("the iterator's value() has no ", paste(wanted[missing], collapse = ", "), "; name its fields by input.names and output.names")
  batch
}

# Go on to the next batch: TRUE if there is one.
next.batch <- function(iter) {
  more <- iter$iter.next()
  known <- is.atomic(more) && length(more) == 1 && !is.na(as.logical(more))
  if (known) as.logical(more) else stop.user("the iterator's iter.next() must give TRUE or FALSE, not ", kind.of(more))
}

# The number of padded samples in a batch; iterators may leave num.pad out.
padding <- function(iter) {
  if (!has.function(iter, "num.pad")) return(0L)
  pad <- iter$num.pad()
  if ((is.numeric(pad) || is.logical(pad)) && length(pad) == 1 && !is.na(pad) && pad >= 0) return(pad)
  stop.user("the iterator's num.pad() must give a number of samples, not ", if (is.numeric(pad) && length(pad) == 1) pad else kind.of(pad))
}
