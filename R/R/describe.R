# What initializers, schedules, callbacks, metrics, optimizers, iterators, stores and devices show: print()
# and summary() say what was made and how to use it, str() says it in one line.

# A function that prints how it was made: `maker` and the settings in `...`, such as mx.init.uniform(scale = 0.07).
described <- function(f, kind, maker, ...) {
  settings <- Filter(Negate(is.null), list(...))
  text <- paste(names(settings), vapply(settings, setting_text, ""), sep = " = ", collapse = ", ")
  structure(f, class = c("mx.described", "function"), text = paste0("<", kind, "> ", maker, "(", text, ")"))
}

setting_text <- function(x) {
  if (!is.numeric(x) && !is.logical(x) && !is.character(x)) return(paste0("<", class(x)[[1]], ">"))
  text <- if (is.character(x)) encodeString(x, quote = "\"") else format(x, digits = 7, trim = TRUE)
  text <- shortened(text, 6)
  if (length(text) == 1) text else paste0("c(", paste(text, collapse = ", "), ")")
}

shortened <- function(x, most) if (length(x) > most) c(utils::head(x, most), "...") else x

#' @export
print.mx.described <- function(x, ...) {
  cat(attr(x, "text"), "\n  a function of (", paste(names(formals(x)), collapse = ", "), ")\n", sep = "")
  invisible(x)
}

#' @exportS3Method utils::str
str.mx.described <- function(object, ...) cat(attr(object, "text"), "\n", sep = "")

# ---------------------------------------------------------------- metrics and optimizers

metric_name <- function(metric) {
  name <- environment(metric$get)$name
  if (is.character(name)) name else "of a script"
}

#' @export
print.mx.metric <- function(x, ...) {
  cat("<metric> ", metric_name(x), ", averaged over batches\n",
      "  pass it as eval.metric; without a training: init(), update(label, pred, state), get(state)\n", sep = "")
  invisible(x)
}

#' @exportS3Method utils::str
str.mx.metric <- function(object, ...) cat("<metric> ", metric_name(object), "\n", sep = "")

optimizer_text <- function(x) {
  inside <- environment(x$update)
  # adadelta has no learning rate
  rate <- if (inside$kind != "adadelta") paste("learning rate", format(inside$lr))
  if (attr(x, "scheduled"))
    rate <- paste0(rate, " on a schedule", if (inside$env$lr != inside$lr) paste0(" (now ", format(inside$env$lr), ")"))
  # a rescale.grad of 1 and a clip_gradient of -1 do nothing
  settings <- Filter(function(p) is.numeric(p) && p != 0, inside$params)
  idle <- names(settings) == "rescale_grad" & settings == 1 | names(settings) == "clip_gradient" & settings < 0
  settings <- settings[!idle]
  settings <- if (length(settings)) paste(names(settings), vapply(settings, setting_text, ""))
  paste0("<optimizer ", sub("alex$", "", inside$kind), "> ", paste(c(rate, settings), collapse = ", "))
}

#' @export
print.mx.optimizer <- function(x, ...) {
  if (is_built_in(x)) cat(optimizer_text(x), "\n", sep = "") else print(unclass(x))
  invisible(x)
}

#' @exportS3Method utils::str
str.mx.optimizer <- function(object, ...) {
  if (is_built_in(object)) cat(optimizer_text(object), "\n", sep = "") else utils::str(unclass(object))
}

# ---------------------------------------------------------------- iterators

# "1 key", "3 batches"
counted <- function(n, one, many = paste0(one, "s")) {
  paste(format(n, big.mark = ","), if (n == 1) one else many)
}

# What is known of an iterator without moving it.
iterator_text <- function(x) {
  if (inherits(x, "BucketIter") && length(x$sizes)) {
    return(paste0("<data iterator> ", counted(length(x$sizes), "bucket"), " (", paste(shortened(x$bucket.names, 8),
                  collapse = ", "), "): ", counted(sum(x$sizes), "sample"), ", ",
                  counted(x$batch.per.epoch, "batch", "batches"), " of ", x$batch.size))
  }
  # a script's own class derives from the reference class; ours are environments with a source in Python
  source <- if (!isS4(x)) environment(x$value)$source
  if (is.null(source)) return(paste0("<data iterator> of class ", class(x)[[1]]))
  known <- call_python("io.description", source)
  shapes <- vapply(known$shapes, paste, "", collapse = " x ")
  paste0("<data iterator> ", if (known$name == "arrays") "of arrays" else paste0("mx.io.", known$name), ": ",
         if (known$samples) paste0(counted(known$samples, "sample"), ", ",
                                   counted(known$batches, "batch", "batches")) else "batches",
         " of ", known$batch, if (length(shapes)) "; ", paste(known$fields, shapes, collapse = ", "))
}

#' @methods Rcpp_MXArrayDataIter Rcpp_MXNativeDataIter: print
print_iterator <- function(x, ...) {
  cat(iterator_text(x), "\n  iter.next(), value(), reset(), num.pad()\n", sep = "")
  invisible(x)
}

#' @methods Rcpp_MXArrayDataIter Rcpp_MXNativeDataIter: utils::str
str_iterator <- function(object, ...) cat(iterator_text(object), "\n", sep = "")

# ---------------------------------------------------------------- loggers

#' @export
print.mx.metric.logger <- function(x, ...) {
  cat("<logger>", length(x$train), "entries of training,", length(x$eval), "of evaluation")
  for (part in c("train", "eval")) {
    values <- x[[part]]
    ends <- format(c(utils::head(values, 3), if (length(values) > 3) utils::tail(values, 1)), digits = 4, trim = TRUE)
    if (length(values) > 4) ends <- append(ends, "...", 3)
    if (length(values)) cat("\n  ", part, ": ", paste(ends, collapse = " "), sep = "")
  }
  cat("\n")
  invisible(x)
}

#' @exportS3Method utils::str
str.mx.metric.logger <- function(object, ...) print.mx.metric.logger(object)

#' @export
summary.mx.metric.logger <- function(object, ...) {
  parts <- Filter(length, list(train = object$train, eval = object$eval))
  row <- function(v) {
    data.frame(entries = length(v), first = v[[1]], least = min(v), most = max(v), last = v[[length(v)]])
  }
  if (!length(parts)) return(object)
  do.call(rbind, lapply(parts, row))
}

# ---------------------------------------------------------------- stores and devices

store_text <- function(x) {
  keys <- names(environment(environment(x$init)$method)$store)
  paste0("<key-value store ", x$type, if (x$num.workers > 1) paste0(", worker ", x$rank, " of ", x$num.workers), "> ",
         counted(length(keys), "key"), if (length(keys)) ": ", paste(shortened(keys, 6), collapse = ", "))
}

#' @export
print.Rcpp_MXKVStore <- function(x, ...) {
  cat(store_text(x), "\n  init(keys, weights), push(keys, lists), pull(keys, lists), set.optimizer(opt)\n", sep = "")
  invisible(x)
}

#' @exportS3Method utils::str
str.Rcpp_MXKVStore <- function(object, ...) cat(store_text(object), "\n", sep = "")

device_text <- function(x) paste0(x$device, "(", x$device_id, ")")

#' @export
print.MXContext <- function(x, ...) {
  cat(device_text(x), "\n", sep = "")
  invisible(x)
}

#' @exportS3Method utils::str
str.MXContext <- function(object, ...) cat("<device> ", device_text(object), "\n", sep = "")

# ---------------------------------------------------------------- what functions return to be looked at

#' @exportS3Method utils::str
str.mx.graph <- function(object, ...) {
  cat("<graph> of", length(object$picture$text), "nodes: print() and plot() show it; $dot, $tree\n")
}

# print() of these is their summary already.
#' @methods mx.described mx.metric mx.optimizer Rcpp_MXArrayDataIter Rcpp_MXNativeDataIter Rcpp_MXKVStore
#'   MXContext mx.graph mx.python mx.summary: summary
summary_as_printed <- function(object, ...) object

# How many findings there are of each kind.
#' @export
summary.mx.script.check <- function(object, ...) {
  count <- table(factor(object$kind, script_kinds))
  data.frame(kind = names(count), findings = as.vector(count))[count > 0, , drop = FALSE]
}

#' @export
print.mx.inference <- function(x, ...) {
  cat("<inference model> ", counted(x$num.rnn.layer, "recurrent layer"), " of ", x$num.hidden, ", ",
      counted(x$batch.size, "sequence"), " at a time\n",
      "  $rnn.exec is its executor, $symbol its network; mx.lstm.forward() and the like feed it an item\n", sep = "")
  invisible(x)
}

#' @exportS3Method utils::str
str.mx.inference <- function(object, ...) utils::str(unclass(object), ...)

#' @export
summary.mx.inference <- function(object, ...) summary(object$rnn.exec)
