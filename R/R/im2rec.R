#' Pack images into a RecordIO file
#'
#' Writes the images that a list names into one file, which [mx.io.ImageRecordIter()] reads; MXNet reads it too.
#'
#' The list is a text file: a line is an id, `label_width` labels, and the path of the image below `root`, separated by
#' tabs.
#'
#' @param image_lst path of the list.
#' @param root text that is put before each path of the list; a folder must end with `/`.
#' @param output_rec path of the file to write.
#' @param label_width number of labels per image.
#' @param pack_label 1: all labels go into the file; 0: only the first.
#' @param new_size length of the shorter edge of the images; -1 leaves their size.
#' @param nsplit,partid number of parts of the list, and which of them to pack, from 0; with several parts the file's
#'   name ends with `.part` and the number in three digits.
#' @param center_crop 1: crop the largest square in the centre first (with `new_size` only).
#' @param quality of JPEG files (0 to 100), or compression of PNG files (0 to 9).
#' @param color_mode 1: in colour, 0: grey, -1: as in the file.
#' @param unchanged 1: the files are packed unchanged.
#' @param inter_method interpolation: 0 nearest, 1 bilinear, 2 cubic, 3 area, 4 Lanczos, 9 by the sizes, 10 random.
#' @param encoding `".jpg"` or `".png"`.
#' @return Nothing.
#' @examples
#' folder <- paste0(tempfile(), "/")
#' dir.create(folder)
#' png(paste0(folder, "1.png"), 320, 320)
#' plot.new()
#' dev.off()
#' writeLines("1\t0\t1.png", paste0(folder, "images.lst"))
#' im2rec(paste0(folder, "images.lst"), folder, paste0(folder, "images.rec"), unchanged = 1)
#' it <- mx.io.ImageRecordIter(path.imgrec = paste0(folder, "images.rec"), data.shape = c(28, 28, 3), batch.size = 1)
#' it$iter.next()
#' dim(it$value()$data)
#' @concept image
#' @concept data file
#' @seealso [mx.io.ImageRecordIter()] reads what it writes.
#' @export
im2rec <- function(image_lst, root, output_rec, label_width = 1L, pack_label = 0L, new_size = -1L, nsplit = 1L,
                   partid = 0L, center_crop = 0L, quality = 95L, color_mode = 1L, unchanged = 0L,
                   inter_method = 1L, encoding = ".jpg") {
  arguments <- list(
    image_lst = check_path(image_lst, "im2rec: image_lst"), root = check_path(root, "im2rec: root"),
    output_rec = check_path(output_rec, "im2rec: output_rec"),
    label_width = as.integer(label_width), pack_label = as.integer(pack_label), new_size = as.integer(new_size),
    nsplit = as.integer(nsplit), partid = as.integer(partid), center_crop = as.integer(center_crop),
    quality = as.integer(quality), color_mode = as.integer(color_mode), unchanged = as.integer(unchanged),
    inter_method = as.integer(inter_method), encoding = encoding)
  with_progress(function(show) call_python("io.im2rec", arguments, show))
  invisible()
}
