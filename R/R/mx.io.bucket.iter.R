# Batches from buckets of sequences of similar length.

#' Iterate over buckets of sequences
#'
#' Sequences of similar length share a bucket, and a batch comes from one bucket.
#'
#' @param buckets named list, by sequence length, of lists `data` (length by samples) and `label` (a value for each
#'   sample, or for each element of `data`). The layout of versions before 1.1, samples by length, is recognised if
#'   there is one label per row.
#' @param batch.size samples in a batch.
#' @param data.mask.element value with which short sequences are filled up.
#' @param shuffle whether to shuffle samples and batches at every reset.
#' @param seed seed of R's random numbers for the shuffle.
#' @return An iterator. Its `value()` has `data`, `seq.mask` (the lengths) and `label`. It has fields such as
#'   `bucketID`, `bucket.names`, `epoch` and `batch.per.epoch`.
#' @examples
#' buckets <- list("3" = list(data = matrix(1:12, 3, 4), label = 1:4))
#' it <- mx.io.bucket.iter(buckets, batch.size = 2)
#' it$reset()
#' it$iter.next()
#' it$value()$label
#' @concept data iterator
#' @concept sequence
#' @concept buckets
#' @seealso [mx.model.buckets()], [rnn.graph()].
#' @export
mx.io.bucket.iter <- function(buckets, batch.size, data.mask.element = 0, shuffle = FALSE, seed = 123) {
  if (!is.list(buckets) || !length(buckets) || is.null(names(buckets)))
    stop_type("mx.io.bucket.iter: buckets must be a named list, such as list(\"10\" = list(data = , label = )), not ",
              if (is.list(buckets) && length(buckets)) "a list without names" else kind_of(buckets))
  check_count(batch.size, "mx.io.bucket.iter: batch.size")
  check_real(data.mask.element, "mx.io.bucket.iter: data.mask.element")
  check_real(seed, "mx.io.bucket.iter: seed")
  shuffle <- check_flag(shuffle, "mx.io.bucket.iter: shuffle")
  batch.size <- trunc(as.numeric(batch.size))
  buckets <- Map(bucket_columns, buckets, names(buckets))
  BucketIter$new(buckets = buckets, batch.size = batch.size, data.mask.element = data.mask.element, shuffle = shuffle,
                 seed = seed)
}

# The samples `index` of a vector, or of a matrix with samples in its columns.
take_samples <- function(x, index) if (length(dim(x)) < 2) x[index] else x[, index, drop = FALSE]

# A bucket is a list of arrays of numbers.
check_bucket <- function(bucket, name) {
  if (!is.list(bucket)) stop_type("bucket ", name, " must be list(data = , label = ), not ", kind_of(bucket))
  for (field in intersect(c("data", "label"), names(bucket)))
    if (!is.mx.ndarray(bucket[[field]])) as_numbers(bucket[[field]], paste0("bucket ", name, ": ", field))
}

# A bucket with its samples in columns. Before version 1.1 they were in rows; such a bucket is transposed. Labels beyond
# the data are kept and not used, as in MXNet.
bucket_columns <- function(bucket, name) {
  check_bucket(bucket, name)
  size <- dim(bucket$data)
  if (length(size) != 2)
    stop_type("bucket ", name, ": data must be a matrix, length by samples, not ", kind_of(bucket$data))
  one <- length(dim(bucket$label)) < 2
  labels <- if (one) length(bucket$label) else ncol(bucket$label)
  if (one && labels == size[[1]] && labels != size[[2]]) return(list(data = t(bucket$data), label = bucket$label))
  if (labels < size[[2]])
    stop_shape("bucket ", name, ": data has ", size[[2]], " samples in its last dimension, label only ", labels)
  bucket
}

# bucketID is the number of the batch in its bucket, with the bucket's name as its name.
BucketIter <- setRefClass("BucketIter", contains = "Rcpp_MXArrayDataIter",
  fields = c("buckets", "bucket.names", "batch.size", "data.mask.element", "shuffle", "seed", "bucket.plan",
             "bucketID", "batch", "epoch", "batch.per.bucket", "batch.per.epoch", "sizes"),
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
          list(data = b$data[, order, drop = FALSE], label = take_samples(b$label, order))
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
      list(data = mx.nd.array(data), seq.mask = mx.nd.array(lengths),
           label = mx.nd.array(take_samples(bucket$label, index)))
    },
    num.pad = function() max(0, bucketID[[1]] * batch.size - sizes[[names(bucketID)]])))
