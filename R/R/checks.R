# Checks of users' arguments. Without them R would stop with messages such as "attempt to apply non-function". A check
# stops with a message that says what is needed. It returns the checked value, or nothing.

# Whether `x$name` is a function, `x` a list, an environment or an object of a reference class.
has_function <- function(x, name) is.function(tryCatch(do.call(`$`, list(x, name)), error = function(e) NULL))

# A value in a few words: "NULL", "NA", "character", "integer of length 3".
kind_of <- function(x) {
  if (is.null(x)) return("NULL")
  if (length(x) != 1 && !is.function(x)) return(paste(class(x)[[1]], "of length", length(x)))
  if (is.atomic(x) && is.na(x)) "NA" else class(x)[[1]]
}

check_function <- function(x, what) if (!is.function(x)) stop_type(what, ", not ", kind_of(x))

# The path of a file, with ~ replaced by the home folder.
check_path <- function(path, what) {
  if (!is.character(path) || length(path) != 1 || is.na(path))
    stop_type(what, " must be one text, the path of a file, not ", kind_of(path))
  # not for every path: path.expand warns of names outside ASCII in the C locale
  if (startsWith(path, "~")) path.expand(path) else path
}

# The arguments that all training functions share.
check_training <- function(begin.round, num.round, metric, epoch.end.callback, batch.end.callback) {
  check_number(begin.round, "begin.round")
  check_number(num.round, "num.round")
  if (!is.null(metric) && !(has_function(metric, "init") && has_function(metric, "update")))
    stop_type("eval.metric must be a metric, such as mx.metric.rmse or ",
              "mx.metric.custom(name, function(label, pred) ...), not ", kind_of(metric))
  if (!is.null(epoch.end.callback))
    check_function(epoch.end.callback, "epoch.end.callback must be a function of (iteration, nbatch, env, verbose)")
  if (!is.null(batch.end.callback))
    check_function(batch.end.callback, "batch.end.callback must be a function of (iteration, nbatch, env)")
}

check_data <- function(X) {
  if (is_of_matrix_package(X)) stop_type("X is a ", class(X)[[1]], " of the package Matrix: pass as.matrix(X)")
  if (looks_like_iterator(X)) check_own_iterator(X)
  if (is_empty_array(X)) stop_shape("X is ", paste(dim(X), collapse = " x "), ": it has no samples, or no features")
  if (!may_be_data(X)) stop_type("X must be an array, a matrix or an iterator, not ", kind_of(X))
}

# Whether `x` is probably meant as an iterator, complete or not.
looks_like_iterator <- function(x) is.environment(x) || isS4(x) || is.list(x) && any(vapply(x, is.function, NA))

is_empty_array <- function(x) is.atomic(x) && length(dim(x)) > 1 && !all(dim(x))

may_be_data <- function(x) !is.null(x) && (is.atomic(x) || is.mx.ndarray(x) || is.data.frame(x))

check_own_iterator <- function(X) {
  for (name in c("iter.next", "value", "reset"))
    if (!has_function(X, name))
      stop_type("X must be an array, a matrix or an iterator, not ", class(X)[[1]], ": an iterator needs the ",
                "functions iter.next(), value() and reset(), and this one has no ", name, "()")
}

check_limit <- function(limit, name) {
  if (!is.null(limit) && (!is.atomic(limit) || length(limit) != 1))
    stop_type(name, " must be one number at which to stop, not ", kind_of(limit))
}

check_optimizer <- function(optimizer) {
  creates <- has_function(optimizer, "create_exec") || has_function(optimizer, "create.state")
  if (!creates || !has_function(optimizer, "update"))
    stop_type("the optimizer must be a name, such as \"sgd\", made by mx.opt.create(), or a list of the functions ",
              "create_exec and update, not ", kind_of(optimizer))
}

# Whether `x` is used as an iterator: one of mxr's, a list of functions, or an object of a user's class.
is_iterator <- function(x) is.mx.dataiter(x) || is.list(x) && is.function(x$iter.next) || is_iterator_object(x)

# Arrays and symbols are environments too, and have fields, but are no iterators.
is_iterator_object <- function(x) {
  (is.environment(x) || isS4(x)) && !is.mx.ndarray(x) && !is.mx.symbol(x) && has_function(x, "iter.next")
}

# Whether `x` is a matrix of the package Matrix, whose numbers only that package can read.
is_of_matrix_package <- function(x) isS4(x) && methods::is(x, "Matrix")

check_iterator <- function(iter) {
  for (name in c("iter.next", "value", "reset"))
    if (!has_function(iter, name))
      stop_type("an iterator needs the functions iter.next(), value() and reset(); this one has no ", name, "()")
  iter
}

# A batch from an iterator: a named list that has the fields `wanted`.
check_batch <- function(batch, wanted) {
  if (!is.list(batch) || is.null(names(batch)))
    stop_type("the iterator's value() must give a named list of arrays, such as list(data = , label = ), not ",
              if (is.list(batch)) "a list without names" else kind_of(batch))
  missing <- vapply(batch[wanted], is.null, NA)
  if (any(missing))
    stop_parameter("the iterator's value() has no ", paste(wanted[missing], collapse = ", "),
                   "; name its fields by input.names and output.names")
  batch
}

# Moves the iterator to its next batch: TRUE if there is one.
next_batch <- function(iter) {
  more <- iter$iter.next()
  known <- is.atomic(more) && length(more) == 1 && !is.na(as.logical(more))
  if (known) as.logical(more) else stop_type("the iterator's iter.next() must give TRUE or FALSE, not ", kind_of(more))
}

# The number of samples of the batch that are padding: 0 for an iterator without num.pad().
padding <- function(iter) {
  if (!has_function(iter, "num.pad")) return(0L)
  pad <- iter$num.pad()
  known <- (is.numeric(pad) || is.logical(pad)) && length(pad) == 1
  if (known && !is.na(pad) && pad >= 0) return(pad)
  stop_type("the iterator's num.pad() must give a number of samples, not ", if (known) pad else kind_of(pad))
}

# `x` must be one number, one logical, or the text of a number. `what` names the argument.
check_number <- function(x, what) {
  if (length(x) != 1 || !is.atomic(x) || is.na(suppressWarnings(as.numeric(x)))) stop_type(what, " must be one number")
}

# `x` must be one number, not the text of a number, because it is used in arithmetic.
check_real <- function(x, what) {
  if (!is.numeric(x) || length(x) != 1 || is.na(x)) stop_type(what, " must be one number, not ", kind_of(x))
}

# Dimensions as numbers. as.numeric() alone would give NA with a warning for a text, and codes for a factor.
as_dims <- function(shape, what) {
  if (is.numeric(shape) || is.logical(shape) || is.list(shape)) as.numeric(shape)
  else stop_type(what, ": shape must be dimensions (whole numbers), not ", kind_of(shape))
}

# A plain array of numbers or logicals. For anything else the error names the remedy. `what` names the argument.
as_numbers <- function(x, what) {
  if (is.data.frame(x) && length(x) == 1)
    stop_type(what, " is a data frame (data.frame) of one column; pass the column itself, as x[[1]]")
  if (is.data.frame(x))
    stop_type(what, " is a data frame (data.frame); pass data.matrix() of it, or as.matrix() when all columns ",
              "are numbers")
  if (is.factor(x))
    stop_type(what, " is a factor; pass as.integer(f) - 1 for classes counted from 0, or as.numeric(as.character(f))")
  if (is_of_matrix_package(x))
    stop_type(what, " is a ", class(x)[[1]], " of the package Matrix; pass as.matrix() of it")
  if (inherits(x, "integer64")) stop_type(what, " has numbers of class integer64; pass as.numeric(x)")
  if (!is.numeric(x) && !is.logical(x))
    stop_type(what, " must be numbers (an array, matrix or vector), not ",
              if (is.array(x)) paste("an array of", typeof(x)) else class(x)[[1]])
  if (is.null(dim(x)) && length(x) > .Machine$integer.max) unclass(x) else as.array(unclass(x))
}

check_request <- function(req) {
  if (!all(unlist(req) %in% c("null", "write", "add")))
    stop_parameter('grad.req must be "null", "write" or "add", not ',
                   paste(dQuote(unlist(req), FALSE), collapse = ", "))
}

check_executor <- function(x) {
  if (!inherits(x, "Rcpp_MXExecutor"))
    stop_type("an executor is needed (from mx.simple.bind), not ", class(x)[[1]])
}

check_schedule <- function(step, factor_val) {
  if (!is.numeric(step) || !length(step) || anyNA(step))
    stop_type("step must be numbers of updates, not ", kind_of(step))
  check_real(factor_val, "factor_val")
  if (any(step < 1)) stop_parameter("Schedule step must be greater or equal than 1 round")
  if (factor_val > 1) stop_parameter("Factor must be no more than 1 to make lr reduce")
}

check_symbol <- function(x) {
  if (!is.mx.symbol(x) && !inherits(x, "mxr.graph.symbol.Symbol"))      # the second: by reticulate, unconverted
    stop_type("a symbol is needed, not ", class(x)[[1]])
}

required_field <- function(x, name) {
  if (is.null(x))
    stop_parameter("the iterator's value() has no ", name, "; name its fields by input.names and output.names")
  x
}

# The dimensions of an array or NDArray, the length of a vector.
shape_of <- function(x) or_else(dim(x), length(x))

# Argument names of other versions, languages and packages = this package's names.
other_names <- c(lr = "learning.rate", eta = "learning.rate", epochs = "num.round", num.epoch = "num.round",
                 nrounds = "num.round", metric = "eval.metric", layout = "array.layout",
                 batch.size = "array.batch.size", weight.decay = "wd", scheduler = "lr_scheduler", label = "y",
                 data = "X")

# What `name` is probably meant to be among `known`, or NULL.
nearest_name <- function(name, known) {
  plain <- function(x) tolower(gsub("[._]", "", x))
  meant <- known[plain(known) == plain(name)]
  if (!length(meant)) meant <- intersect(other_names[plain(names(other_names)) == plain(name)], known)
  if (!length(meant)) {
    distance <- drop(utils::adist(plain(name), plain(known)))
    meant <- known[distance == min(distance, Inf) & distance <= max(1, nchar(name) %/% 4)]
  }
  if (length(meant)) meant[[1]]
}

# Warns of arguments that have no effect with an iterator, of each of them once in a session. `given` says which ones
# the call has.
check_beside_iterator <- function(given) {
  why <- c(y = "the iterator brings its labels", array.batch.size = "the iterator has its own batches",
           array.layout = "it is for matrices, and an iterator's batches have their samples in the last dimension")
  for (name in names(why)[names(why) %in% names(given)[given]])
    warn_once(paste("iterator", name), name, " has no effect: X is an iterator, and ", why[[name]])
}

# Warns of arguments of a training function that have no effect in combination with others.
check_unused <- function(symbol, arg.params, fixed.param, initializer.given, inputs, eval.data, metric) {
  if (!is.null(eval.data) && is.null(metric))
    warn_once("evaluation", "eval.data has no effect without a metric: give eval.metric, such as mx.metric.rmse")
  unknown <- setdiff(fixed.param, arguments(symbol))
  if (length(unknown)) {
    meant <- nearest_name(unknown[[1]], arguments(symbol))
    warning("fixed.param has ", paste(unknown, collapse = ", "), ", which the network does not have",
            if (!is.null(meant)) paste0("; did you mean \"", meant, "\"?"), call. = FALSE)
  }
  if (is.null(arg.params)) return()
  if (initializer.given)
    warn_once("initializer", "initializer has no effect if arg.params are given")
  lacking <- setdiff(arguments(symbol), c(names(arg.params), inputs))
  if (length(lacking))
    warning("arg.params has no ", paste(lacking, collapse = ", "), "; zeros are used", call. = FALSE)
}

# Stops if R has matched a name meant for `...`, such as that of a variable "s", to an argument that begins with it.
check_short_names <- function(call, formals) {
  for (name in setdiff(names(call), c("", formals))) {
    taken <- formals[startsWith(formals, name)]
    if (length(taken) == 1 && !taken %in% names(call))
      stop_parameter("R takes ", name, " = as short for the argument ", taken, "; for a variable of this name give ",
                     taken, " = in full, too")
  }
}

# Names in `...` must be among `taken`. R itself would ignore the others, or its error would name a function that the
# user has not called. `also` are further arguments that a suggestion may name.
check_dots <- function(names, taken, what, also = NULL) {
  names <- names[nzchar(names)]
  short <- pmatch(names, taken, duplicates.ok = TRUE)        # R completes names; but lr is not short for lr_scheduler
  for (name in names[is.na(short) | names %in% setdiff(names(other_names), taken)]) {
    meant <- nearest_name(name, c(taken, also))
    stop_parameter("unknown argument ", name, if (!is.null(meant)) paste0('; did you mean "', meant, '"?'),
                   if (is.null(meant)) paste0("; ", what))
  }
}
