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

# `x` must be one TRUE or FALSE, or a number in its place. Gives the logical.
check_flag <- function(x, what) {
  if (!(is.logical(x) || is.numeric(x)) || length(x) != 1 || is.na(x))
    stop_type(what, " must be TRUE or FALSE, not ", kind_of(x))
  as.logical(x)
}

# `x` must be one text.
check_text <- function(x, what) {
  if (!is.character(x) || length(x) != 1 || is.na(x)) stop_type(what, " must be one text, not ", kind_of(x))
}

# `x` must be one of the texts `choices`.
check_choice <- function(x, choices, what) {
  if (!is.character(x) || length(x) != 1 || !x %in% choices)
    stop_parameter(what, " must be ", paste(dQuote(choices, FALSE), collapse = " or "), ", not ",
                   if (is.character(x) && length(x) == 1) dQuote(x, FALSE) else kind_of(x))
}

# Functions that make what an argument needs, and a call of each. Scripts often pass the function itself.
makers <- c(mx.init.uniform = "mx.init.uniform(0.01)", mx.init.normal = "mx.init.normal(0.01)",
            mx.init.Xavier = "mx.init.Xavier()", mx.cpu = "mx.cpu()", mx.gpu = "mx.gpu()",
            mx.opt.create = "mx.opt.create(\"sgd\", learning.rate = 0.01)",
            mx.lr_scheduler.FactorScheduler = "mx.lr_scheduler.FactorScheduler(1000, 0.9)",
            mx.lr_scheduler.MultiFactorScheduler = "mx.lr_scheduler.MultiFactorScheduler(c(1000, 2000), 0.9)",
            mx.metric.custom = "mx.metric.custom(\"mae\", function(label, pred) mean(abs(label - pred)))",
            mx.callback.log.train.metric = "mx.callback.log.train.metric(10)",
            mx.callback.log.speedometer = "mx.callback.log.speedometer(32)",
            mx.callback.save.checkpoint = "mx.callback.save.checkpoint(\"model\")",
            mx.callback.early.stop = "mx.callback.early.stop(bad.steps = 3)")

# Stops if `x` is one of `makers` itself instead of what it makes.
check_called <- function(x, what) {
  if (is.function(x)) for (maker in names(makers))
    if (identical(x, get(maker)))
      stop_type(what, " is the function ", maker, " itself: call it, as in ", makers[[maker]])
}

# Initial parameters: a named list, or NULL.
check_params <- function(params, what) {
  if (!is.null(params) && (!is.list(params) || length(params) && !all(nzchar(or_else(names(params), "")))))
    stop_type(what, " must be a named list of arrays, such as list(fc1_weight = w), not ",
              if (is.list(params)) "a list without names" else kind_of(params))
}

# Stops if one of the names is not among the `known` ones. `what` has the names.
check_named <- function(names, known, what) {
  for (name in setdiff(names, known)) {
    meant <- nearest_name(name, known)
    stop_parameter(what, " has ", name, ", which the network does not have",
                   if (!is.null(meant)) paste0("; did you mean \"", meant, "\"?")
                   else paste0(": it has ", if (length(known)) paste(known, collapse = ", ") else "none"))
  }
}

# A model: a list with a symbol, or a symbol for each bucket, and its parameters; serialized or not.
check_model <- function(model) {
  symbols <- if (is.list(model)) model$symbol
  if (is.mx.symbol(symbols)) symbols <- list(symbols)
  if (!is.serialized(model) && !(length(symbols) && all(vapply(symbols, is.mx.symbol, NA))))
    stop_type("a model is needed, such as mx.model.FeedForward.create() and mx.model.load() give, not ", kind_of(model),
              if (is.list(model)) " without a symbol")
  check_params(model$arg.params, "the model's arg.params")
  check_params(model$aux.params, "the model's aux.params")
  model
}

# The path of a file, with ~ replaced by the home folder.
check_path <- function(path, what) {
  if (!is.character(path) || length(path) != 1 || is.na(path))
    stop_type(what, " must be one text, the path of a file, not ", kind_of(path))
  # not for every path: path.expand warns of names outside ASCII in the C locale
  if (startsWith(path, "~")) path.expand(path) else path
}

# The arguments that all training functions share.
check_training <- function(begin.round, num.round, metric, epoch.end.callback, batch.end.callback, verbose = TRUE) {
  check_whole(begin.round, "begin.round")
  check_whole(num.round, "num.round")
  check_flag(verbose, "verbose")
  check_called(metric, "eval.metric")
  check_called(epoch.end.callback, "epoch.end.callback")
  check_called(batch.end.callback, "batch.end.callback")
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
  if (!is.null(limit) && (!is.numeric(limit) || length(limit) != 1))
    stop_type(name, " must be one number at which to stop, not ", kind_of(limit))
}

check_optimizer <- function(optimizer) {
  check_called(optimizer, "the optimizer")
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

# As check_number; a warning, once in a session, if the number has a fraction, which is cut off.
check_whole <- function(x, what) {
  check_number(x, what)
  number <- as.numeric(x)
  if (number != trunc(number))
    warn_once(paste("whole", what), what, " = ", number, " is taken as ", trunc(number), ", as in MXNet")
}

# As check_whole, for a number of samples, layers or steps.
check_count <- function(x, what) {
  check_whole(x, what)
  if (as.numeric(x) < 1) stop_parameter(what, " must be at least 1, not ", x)
}

# `x` must be one number, not the text of a number, because it is used in arithmetic.
check_real <- function(x, what) {
  if (!is.numeric(x) || length(x) != 1 || is.na(x)) stop_type(what, " must be one number, not ", kind_of(x))
}

# Dimensions as numbers. as.numeric() alone would give NA with a warning for a text, and codes for a factor.
as_dims <- function(shape, what) {
  if (is.numeric(shape) || is.logical(shape) || is.list(shape)) {
    dims <- as.numeric(shape)
    if (anyNA(dims) || any(dims != trunc(dims))) stop_type(what, ": shape must be whole numbers, not ", deparse1(dims))
    return(dims)
  }
  stop_type(what, ": shape must be dimensions (whole numbers), not ", kind_of(shape))
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

# Warns of names of fixed parameters that the network does not have.
check_fixed <- function(symbol, names, what) {
  unknown <- setdiff(names, arguments(symbol))
  if (!length(unknown)) return()
  meant <- nearest_name(as.character(unknown[[1]]), arguments(symbol))
  warning(what, " has ", paste(unknown, collapse = ", "), ", which the network does not have",
          if (!is.null(meant)) paste0("; did you mean \"", meant, "\"?"), call. = FALSE)
}

# Warns of arguments of a training function that have no effect in combination with others.
check_unused <- function(symbol, arg.params, fixed.param, initializer.given, inputs, eval.data, metric) {
  if (!is.null(eval.data) && is.null(metric))
    warn_once("evaluation", "eval.data has no effect without a metric: give eval.metric, such as mx.metric.rmse")
  check_fixed(symbol, fixed.param, "fixed.param")
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
