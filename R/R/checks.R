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

# That `x` is one number, a logical or the text of a number; `what` says whose.
check.number <- function(x, what) {
  if (length(x) != 1 || !is.atomic(x) || is.na(suppressWarnings(as.numeric(x)))) stop.user(what, " must be one number")
}

# The same of one that is computed with: a text will not do.
check.real <- function(x, what) if (!is.numeric(x) || length(x) != 1 || is.na(x)) stop.user(what, " must be one number, not ", kind.of(x))

# Dimensions as numbers; as.numeric alone would only warn of a text, and take a factor's codes.
as.dims <- function(shape, what) {
  if (is.numeric(shape) || is.logical(shape) || is.list(shape)) as.numeric(shape)
  else stop.user(what, ": shape must be dimensions (whole numbers), not ", kind.of(shape))
}

# A plain array of numbers or logicals, or an error that names the remedy; `what` says whose.
as.numbers <- function(x, what) {
  if (is.data.frame(x)) stop.user(what, " is a data frame (data.frame); pass data.matrix() of it, or as.matrix() when all columns are numbers")
  if (is.factor(x)) stop.user(what, " is a factor; pass as.integer(f) - 1 for classes counted from 0, or as.numeric(as.character(f))")
  if (inherits(x, "integer64")) stop.user(what, " has numbers of class integer64; pass as.numeric(x)")
  if (!is.numeric(x) && !is.logical(x)) stop.user(what, " must be numbers (an array, matrix or vector), not ",
                                                   if (is.array(x)) paste("an array of", typeof(x)) else class(x)[[1]])
  if (is.null(dim(x)) && length(x) > .Machine$integer.max) unclass(x) else as.array(unclass(x))
}

check.request <- function(req) {
  if (!all(unlist(req) %in% c("null", "write", "add")))
    stop.user('grad.req must be "null", "write" or "add", not ', paste(dQuote(unlist(req), FALSE), collapse = ", "))
}

check.executor <- function(x) {
  if (!inherits(x, "Rcpp_MXExecutor"))
    stop.user("an executor is needed (from mx.simple.bind), not ", class(x)[[1]])
}

check.schedule <- function(step, factor_val) {
  if (!is.numeric(step) || !length(step) || anyNA(step)) stop.user("step must be numbers of updates, not ", kind.of(step))
  check.real(factor_val, "factor_val")
  if (any(step < 1)) stop.user("Schedule step must be greater or equal than 1 round")
  if (factor_val > 1) stop.user("Factor must be no more than 1 to make lr reduce")
}

check.symbol <- function(x) if (!is.mx.symbol(x)) stop.user("a symbol is needed, not ", class(x)[[1]])

required <- function(x, name) {
  if (is.null(x)) stop.user("the iterator's value() has no ", name, "; name its fields by input.names and output.names")
  x
}

# The dimensions of an array or NDArray, the length of a vector.
shape.of <- function(x) or.else(dim(x), length(x))
