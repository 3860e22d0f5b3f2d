# Data iterators: objects with iter.next(), value(), reset() and num.pad(). Their class is "Rcpp_MXArrayDataIter"
# (arrays), "Rcpp_MXNativeDataIter" (files), or derived from the reference classes of these names.

no_method <- function(name) stop_not_implemented("this iterator class must define ", name, "()")

#' Classes of data iterators
#'
#' To write an iterator, derive a reference class from `Rcpp_MXArrayDataIter` and define `iter.next()` (TRUE while there
#' is a batch), `value()` (a named list of arrays), `reset()` and, if the last batch is padded, `num.pad()`.
#' `initialize` may return `.self` without `callSuper`.
#'
#' @aliases Rcpp_MXDataIter-class Rcpp_MXArrayDataIter-class Rcpp_MXNativeDataIter-class
#' @format Reference class generators.
#' @examples
#' Doubled <- setRefClass("Doubled", fields = "iter", contains = "Rcpp_MXArrayDataIter", methods = list(
#'   initialize = function(iter) { .self$iter <- iter; .self },
#'   iter.next = function() .self$iter$iter.next(),
#'   value = function() { v <- .self$iter$value(); list(data = v$data * 2, label = v$label) },
#'   reset = function() .self$iter$reset(),
#'   num.pad = function() .self$iter$num.pad()))
#' it <- Doubled$new(mx.io.arrayiter(matrix(1:8, 2), 1:4, batch.size = 2))
#' it$iter.next()
#' as.array(it$value()$data)
#' @concept data iterator
#' @concept batches
#' @seealso [mx.io.arrayiter()], [mx.io.CSVIter()].
#' @export
Rcpp_MXDataIter <- setRefClass("Rcpp_MXDataIter", methods = list(
  iter.next = function() no_method("iter.next"), value = function() no_method("value"),
  reset = function() no_method("reset"), num.pad = function() 0L))

#' @rdname Rcpp_MXDataIter
#' @export
Rcpp_MXArrayDataIter <- setRefClass("Rcpp_MXArrayDataIter", contains = "Rcpp_MXDataIter")

#' @rdname Rcpp_MXDataIter
#' @export
Rcpp_MXNativeDataIter <- setRefClass("Rcpp_MXNativeDataIter", contains = "Rcpp_MXDataIter")

#' Is this a data iterator?
#'
#' @param x any object.
#' @return TRUE or FALSE.
#' @examples
#' is.mx.dataiter(mx.io.arrayiter(1:4, 1:4, batch.size = 2))
#' is.mx.dataiter(1:4)
#' @concept data iterator
#' @seealso [mx.io.arrayiter()].
#' @export
is.mx.dataiter <- function(x) inherits(x, c("Rcpp_MXNativeDataIter", "Rcpp_MXArrayDataIter", "Rcpp_MXDataIter"))

is.MXDataIter <- is.mx.dataiter

# An iterator over the batches of `source`, an iterator in Python. With `keep` each batch is fetched once and cached in
# R, and attribute "ahead" lets a training run several batches in one call (see `batches_ahead`).
batch_iterator <- function(source, class, keep = FALSE) {
  force(source)
  at <- 0L
  batches <- list()
  self <- new.env(parent = emptyenv())
  self$iter.next <- function() {
    more <- if (keep) at < n.batches else call_python("io.next", source)
    at <<- at + as.integer(more)
    more
  }
  if (keep) {
    n.batches <- call_python("io.length", source)
    pad <- call_python("io.pad", source)
  }
  self$value <- function() {
    if (at == 0L) stop_state("the iterator is before its first batch; call iter.next() first")
    if (!keep) return(call_python("io.value", source))
    if (length(batches) < at || is.null(batches[[at]])) batches[[at]] <<- call_python("io.batch", source, at)
    batches[[at]]
  }
  self$reset <- function() {
    at <<- 0L
    if (!keep) call_python("io.reset", source)
    invisible()
  }
  self$num.pad <- function() if (!keep) call_python("io.pad", source) else if (at == n.batches) pad else 0L
  self$finalize <- function() invisible()               # iterators that wrap this one call it at their end
  if (!keep) return(structure(self, class = class))
  structure(self, class = class, n.batches = n.batches,
            ahead = ahead_of(self, source, function() at, function(to) at <<- to))
}

# What several_steps() needs to run batches without the iterator `self`: `source`, its iterator in Python; `at()`, the
# number of its current batch; `move(to)`; and `changed()`, whether a script has replaced its functions.
ahead_of <- function(self, source, at, move) {
  methods <- c("iter.next", "value")
  own <- mget(methods, self)
  list(source = source, at = at, move = move, changed = function() !identical(mget(methods, self), own))
}

# What ahead_of() made for an iterator. NULL if only R can take its batches: a script has written the iterator, or has
# replaced its functions.
batches_ahead <- function(iter) {
  ahead <- attr(iter, "ahead", exact = TRUE)
  if (!is.null(ahead) && !ahead$changed()) ahead
}

#' Iterate over arrays
#'
#' Batches of samples; the last dimension of `data` and `label` counts the samples. If the last batch is not full, the
#' samples of the batch before stay in its last places, and `num.pad()` gives their number.
#'
#' The data are copied once, in single precision: half the memory of R's numbers. Batches are parts of that copy.
#'
#' @param data array, matrix, vector or NDArray.
#' @param label labels: a vector, or an array whose last dimension counts the samples. For a factor its codes, which
#'   start at 1, are used, with a warning.
#' @param batch.size samples in a batch.
#' @param shuffle whether to shuffle once, at creation, by MXNet's random numbers.
#' @return An iterator: `$iter.next()`, `$value()` (a list of `data` and `label`), `$reset()`, `$num.pad()`.
#' @examples
#' it <- mx.io.arrayiter(matrix(1:14, 2, 7), 1:7, batch.size = 3)
#' while (it$iter.next()) print(as.array(it$value()$label))
#' @concept data iterator
#' @concept batches
#' @seealso [mx.io.CSVIter()], [mx.io.bucket.iter()], [Rcpp_MXDataIter] for an iterator of your own.
#' @export
mx.io.arrayiter <- function(data, label, batch.size = 128, shuffle = FALSE) {
  array_iter(data, label, batch.size, shuffle, rows = FALSE)
}

# As mx.io.arrayiter(). `rows`: the samples are the rows of a matrix; it is not transposed before it is copied.
array_iter <- function(data, label, batch.size, shuffle, rows) {
  data <- as_samples(data, "data")
  label <- as_samples(if (is.factor(label)) factor_codes(label) else label, "label")
  check_samples(data, label, rows)
  check_real(batch.size, "mx.io.arrayiter: batch.size")
  check_count(batch.size, "mx.io.arrayiter: batch.size")
  if (batch.size > .Machine$integer.max)
    stop_parameter("mx.io.arrayiter: batch.size must be at most ", .Machine$integer.max, ", not ", batch.size)
  shuffle <- check_flag(shuffle, "mx.io.arrayiter: shuffle")
  draws <- if (shuffle) mx.runif(sample_count(data, rows)) else NULL
  made <- with_progress(function(show) {
    call_python("io.arrays", data, rows, label, as.integer(batch.size), draws, show)
  })
  batch_iterator(made, "Rcpp_MXArrayDataIter", keep = TRUE)
}

# An iterator over the samples of an array with numbers, without labels. Each batch is converted only when it is used,
# so that nothing else is in memory twice.
array_stream <- function(data, batch.size, rows) {
  check_data(data)
  data <- as_samples(data, "data")
  batch.size <- min(sample_count(data, rows), batch.size)
  made <- call_python("io.stream", data, rows, as.integer(batch.size))
  structure(batch_iterator(made, "Rcpp_MXNativeDataIter"), n.batches = ceiling(sample_count(data, rows) / batch.size))
}

# The shape of an array with the samples in its last dimension; of a matrix with the samples in its rows, if `rows`, the
# shape of its transpose.
sample_shape <- function(x, rows = FALSE) if (rows) rev(dim(x)) else dim(x)

sample_count <- function(x, rows = FALSE) tail(sample_shape(x, rows), 1)

# Stops if data and labels have different numbers of samples, and says how to pass them if one is the wrong way round.
check_samples <- function(data, label, rows) {
  size <- sample_shape(data, rows)
  samples <- tail(size, 1)
  labels <- sample_count(label)
  if (samples == labels) return()
  advice <- turning_advice(size, dim(label), rows)
  stop_shape("mx.io.arrayiter: data has ", samples, " samples (its ", if (rows) "rows" else "last dimension",
             ") and label ", labels,
             if (!is.null(advice)) paste0(": samples are the last dimension, so pass ", paste(advice, collapse = " ")),
             if (!rows && size[[1]] == labels && length(size) == 2)
               ", or array.layout = \"rowmajor\" to the training",
             if (length(size) > 2 && !is.null(advice)) "; array.layout is for matrices")
}

# The calls of t() or aperm() that give data and labels of these shapes the same number of samples, NULL if none does.
# `keep.data`: only labels may be turned, because the script says where the samples of the data are.
turning_advice <- function(data, label, keep.data) {
  turned <- function(size, name) {
    axes <- seq_along(size)
    if (length(axes) == 2) paste0("t(", name, ")")
    else paste0("aperm(", name, ", c(", paste(c(axes[-1], 1), collapse = ", "), "))")
  }
  samples <- tail(data, 1)
  if (label[[1]] == samples) {
    c(turned(label, "label"), if (prod(label) == samples) "or as.vector(label)")
  } else if (keep.data) {
    NULL
  } else if (data[[1]] == tail(label, 1)) {
    turned(data, "data")
  } else if (data[[1]] == label[[1]]) {
    c(turned(data, "data"), "and", turned(label, "label"))
  }
}

factor_codes <- function(label) {
  warning("label is a factor: its codes 1 to ", nlevels(label),
          " are taken, as in MXNet, whose classes are counted from 0: ",
          "is as.integer(label) - 1 meant, or as.numeric(as.character(label))?", call. = FALSE)
  as.integer(label)
}

# Data or labels as an array with dimensions. An NDArray is left as it is.
as_samples <- function(x, what) if (is.mx.ndarray(x)) x else as_numbers(x, paste("mx.io.arrayiter:", what))

#' All samples of one field
#'
#' @param iter an iterator.
#' @param field name of the field, such as `"data"`.
#' @return An array of all samples, without padding. The iterator is reset.
#' @examples
#' it <- mx.io.arrayiter(matrix(1:14, 2, 7), 1:7, batch.size = 3)
#' mx.io.extract(it, "label")
#' @concept data iterator
#' @seealso [mx.io.arrayiter()].
#' @export
mx.io.extract <- function(iter, field) {
  check_iterator(iter)
  check_text(field, "mx.io.extract: field")
  packer <- mx.nd.arraypacker()
  line <- progress_line()
  on.exit(if (!is.null(line)) line$clear())
  batches <- 0
  iter$reset()
  while (next_batch(iter)) {
    packer$push(without_pad(field_of(iter$value(), field), padding(iter)))
    batches <- batches + 1
    if (!is.null(line)) line$show(function() paste("extract: batch", batches))
  }
  iter$reset()
  packer$get()
}

# The field of a batch; an error names those that there are.
field_of <- function(batch, field) {
  if (is.null(batch[[field]]))
    stop_parameter("the iterator's value() has no ", field, "; it has ", paste(names(batch), collapse = ", "))
  batch[[field]]
}

# `x` without its last `pad` samples.
without_pad <- function(x, pad) {
  if (pad == 0) return(x)
  size <- shape_of(x)
  samples <- size[[length(size)]]
  if (pad > samples) stop_shape("the iterator's num.pad() gives ", pad, ", but the batch has ", samples, " samples")
  mx.nd.slice(x, 0, samples - pad)
}
