# Iterators over files: the readers of mxr.io, with the functions of R's iterators (io.R).

#' Iterate over files
#'
#' Iterators over files of numbers, files in MNIST's format, and packed images, batch by batch. Parameters are given by
#' name, with dots or underscores. An unknown parameter is an error; one that only another of these readers has is
#' ignored, as in MXNet.
#'
#' Parameters of all: `batch.size`; `round.batch` (TRUE: a last batch that is not full is filled from the beginning of
#' the data, and the next pass starts after those samples; FALSE: samples of the batch before stay in its last places;
#' `num.pad()` gives their number). Image records are read when needed, all other files at once. `prefetch.buffer`,
#' `silent` and `verbose` have no effect.
#'
#' `CSVIter`: `data.csv` (one sample a line, commas between numbers, no headings), `data.shape` (the dimensions of a
#' sample), `label.csv` (without it, labels are 0), `label.shape`, `dtype`.
#'
#' `LibSVMIter`: `data.libsvm` (lines of a label and `index:value`, indices from 0), `data.shape`, `label.libsvm`,
#' `label.shape`. Arrays are dense.
#'
#' `MNISTIter`: `image`, `label` (paths, gzip-compressed or not), `shuffle` (TRUE: once, by `seed`), `flat` (TRUE: an
#' image is a vector). Samples that do not fill a batch are dropped.
#'
#' `ImageRecordIter`: `path.imgrec` (made by [im2rec()]), `data.shape` (width, height, channels), `label.width`,
#' `path.imglist` (a list with labels to use instead of those in the file), `path.imgidx` (an index, with which the
#' whole file is shuffled), `shuffle`, `seed`, `seed.aug`, `preprocess.threads`, `num.parts`, `part.index`. Images are
#' first resized (`resize`: the shorter edge; `inter.method`), turned and sheared (`rotate`, `rotate.list`,
#' `max.rotate.angle`, `max.shear.ratio`, `max.random.scale`, `min.random.scale`, `max.aspect.ratio`), bordered (`pad`,
#' `fill.value`), cropped (`rand.crop`, `max.crop.size`, `min.crop.size`, `random.resized.crop`), coloured
#' (`brightness`, `contrast`, `saturation`, `random.h`, `random.s`, `random.l`, `pca.noise`), mirrored (`mirror`,
#' `rand.mirror`) and normalized (`mean.img`: a file, made if there is none; `mean.r`, `mean.g`, `mean.b`, `mean.a`,
#' `std.r` and so on, `scale`, `max.random.contrast`, `max.random.illumination`). `dtype` may be `"uint8"` or `"int8"`,
#' as in `ImageRecordUInt8Iter` and `ImageRecordInt8Iter`.
#'
#' `ImageDetRecordIter`: images with boxes: `label.pad.width`, `label.pad.value`, `rand.crop.prob` with
#' `min.crop.scales`, `min.crop.overlaps`, `min.crop.object.coverages` (and `max.`; also `aspect.ratios` and
#' `sample.coverages`), `num.crop.sampler`, `rand.pad.prob`, `max.pad.scale`, `rand.mirror.prob`, `resize.mode`. A label
#' has channels, height and width of the image, the number of values that follow, these values as packed, and padding.
#'
#' The sequence of batches, shuffled or not, is that of MXNet. Random crops and mirrored images are those of MXNet with
#' one decoding thread. The `_v1` readers are those of earlier versions of MXNet.
#'
#' @param ... parameters by name.
#' @return An iterator: `$iter.next()`, `$value()` (a list of `data` and `label`), `$reset()`, `$num.pad()`.
#' @examples
#' file <- tempfile()
#' write.table(matrix(1:12, 4), file, sep = ",", row.names = FALSE, col.names = FALSE)
#' it <- mx.io.CSVIter(data.csv = file, data.shape = 3, batch.size = 2)
#' it$iter.next()
#' as.array(it$value()$data)      # the first two rows of the file, as columns
#' @concept data iterator
#' @concept data file
#' @concept batches
#' @concept image
#' @seealso [mx.io.arrayiter()], [im2rec()].
#' @export
mx.io.CSVIter <- function(...) file_iterator("CSVIter", list(...))

#' @rdname mx.io.CSVIter
#' @export
mx.io.LibSVMIter <- function(...) file_iterator("LibSVMIter", list(...))

#' @rdname mx.io.CSVIter
#' @export
mx.io.MNISTIter <- function(...) file_iterator("MNISTIter", list(...))

#' @rdname mx.io.CSVIter
#' @export
mx.io.ImageRecordIter <- function(...) file_iterator("ImageRecordIter", list(...))

#' @rdname mx.io.CSVIter
#' @export
mx.io.ImageRecordIter_v1 <- function(...) file_iterator("ImageRecordIter_v1", list(...))

#' @rdname mx.io.CSVIter
#' @export
mx.io.ImageRecordInt8Iter <- function(...) file_iterator("ImageRecordInt8Iter", list(...))

#' @rdname mx.io.CSVIter
#' @export
mx.io.ImageRecordUInt8Iter <- function(...) file_iterator("ImageRecordUInt8Iter", list(...))

#' @rdname mx.io.CSVIter
#' @export
mx.io.ImageRecordUInt8Iter_v1 <- function(...) file_iterator("ImageRecordUInt8Iter_v1", list(...))

#' @rdname mx.io.CSVIter
#' @export
mx.io.ImageDetRecordIter <- function(...) file_iterator("ImageDetRecordIter", list(...))

file_iterator <- function(kind, args) {
  homes <- vapply(args, function(a) is.character(a) && any(startsWith(a, "~")), NA)
  args[homes] <- lapply(args[homes], path.expand)
  batch_iterator(with_progress(function(show) call_python("io.file", kind, args, show)), "Rcpp_MXNativeDataIter")
}
