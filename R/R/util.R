# Small helpers that scripts reach by `mxnet:::`, and those that the package itself shares.

# The elements of a list that are not NULL; names are kept.
mx.util.filter.null <- function(lst) Filter(Negate(is.null), lst)

# Suffix and prefix tests under the names that older scripts know.
mx.util.str.endswith <- function(name, suffix) endsWith(name, suffix)
mx.util.str.startswith <- function(name, prefix) startsWith(name, prefix)

# `x`, or `default` where `x` is NULL.
or.else <- function(x, default) if (is.null(x)) default else x

# Stop with a sentence: an error of class "mxnet_error" that blames the call in the user's code.
stop.user <- function(...) mx.signal(paste0(...))

#' Convert images into a RecordIO file
#'
#' Packs the images that a list file names into one RecordIO file. mxr does not write RecordIO files: the function
#' raises an error that names the tool to use instead.
#'
#' @param image_lst path of the list file.
#' @param root folder of the images.
#' @param output_rec path of the file to write.
#' @param label_width number of labels per image.
#' @param pack_label whether to pack several labels.
#' @param new_size length of the shorter edge after resizing.
#' @param nsplit,partid split of the list, and the part to write.
#' @param center_crop whether to crop the centre.
#' @param quality,color_mode,unchanged,inter_method,encoding how images are encoded.
#' @return Nothing; always an error.
#' @export
im2rec <- function(image_lst, root, output_rec, label_width = 1L, pack_label = 0L, new_size = -1L, nsplit = 1L,
                   partid = 0L, center_crop = 0L, quality = 95L, color_mode = 1L, unchanged = 0L,
                   inter_method = 1L, encoding = ".jpg") {
  stop.user("im2rec: packing images into RecordIO files is not part of this package; ",
       "read the images in R and pass the array to mx.io.arrayiter")
}
