"""Iterators over files in R, as scripts use them, under both hosts (which batches they give:
tests/io/test_readers.py)."""

from __future__ import annotations

import pytest

from tests.reference.iterators import FOLDER

PRELUDE = f"""
suppressMessages(library(mxnet))
data <- function(name) file.path("{FOLDER}", name)
message.of <- function(expr) conditionMessage(tryCatch(expr, mxnet_error = identity))
"""

MNIST = """
it <- mx.io.MNISTIter(image = data("images.ubyte"), label = data("labels.ubyte"), data.shape = c(12),
  batch.size = 3, shuffle = TRUE,
  flat = TRUE, silent = 0, seed = 10)
it$reset()
n <- 0
while (it$iter.next()) n <- n + 1
it$reset()
stopifnot(n == 3, it$iter.next(), identical(dim(it$value()$data), c(12L, 3L)),
  identical(as.vector(as.array(it$value()$label)), c(3, 1, 4)))
first <- as.array(it$value()$label)
it$iter.next()
it$reset()
it$iter.next()
stopifnot(identical(first, as.array(it$value()$label)), it$num.pad() == 0,
  class(it) == "Rcpp_MXNativeDataIter", is.mx.dataiter(it))
it <- mx.io.MNISTIter(image = data("images.ubyte"), label = data("labels.ubyte"), input_shape = c(1, 4, 3),
  batch_size = 5, flat = "False")
stopifnot(it$iter.next(), identical(dim(it$value()$data), c(3L, 4L, 1L, 5L)))
"""

IMAGES = """
mean.img <- tempfile(fileext = ".bin")
it <- mx.io.ImageRecordIter(path.imgrec = data("images.rec"), path.imglist = data("labels.lst"),
  mean.img = mean.img, batch.size = 3,
  data.shape = c(28, 26, 3), rand.crop = TRUE, rand.mirror = TRUE, label.width = 2)
count <- 0
while (it$iter.next()) {
  count <- count + 3 - it$num.pad(); label <- as.array(it$value()$label); shape <- dim(it$value()$data)
}
stopifnot(count == 7, identical(shape, c(28L, 26L, 3L, 3L)), identical(dim(label), c(2L, 3L)),
  label[1, 1] == 12,
  identical(dim(mx.nd.load(mean.img)[["mean_img"]]), c(28L, 26L, 3L)))
it <- mx.io.ImageRecordUInt8Iter(path_imgrec = data("images.rec"), batch_size = 7, data_shape = c(20, 20, 3),
  preprocess.threads = 2, prefetch.buffer = 1)
it$iter.next()
stopifnot(range(as.array(it$value()$data)) == c(0, 255))
it <- mx.io.ImageDetRecordIter(path.imgrec = data("images.rec"), path.imglist = data("objects.lst"),
  batch.size = 3, data.shape = c(30, 20, 3),
  shuffle = TRUE, mean = TRUE, rand.crop = 1, min.crop.object.coverages = 0.95)
it$iter.next()
stopifnot(identical(dim(it$value()$label), c(16L, 3L)), as.array(it$value()$label)[1:3, 1] == c(3, 20, 30))
"""

PACKING = """
folder <- paste0(tempfile(), "/")
dir.create(folder)
stopifnot(requireNamespace("grDevices"))
for (i in 1:3) {
  grDevices::png(paste0(folder, i, ".png"), 40, 30, type = "cairo"); graphics::par(mar = rep(0, 4))
  graphics::plot.new(); grDevices::dev.off()
}
list <- paste0(folder, "x.lst")
writeLines(paste(1:3, c(0, 1, 0), c(5, 6, 7), paste0(1:3, ".png"), sep = "\\t"), list)
stopifnot(is.null(im2rec(image_lst = list, root = folder, output_rec = paste0(folder, "x.rec"),
  label_width = 2, pack_label = 1, new_size = 28)))
it <- mx.io.ImageRecordIter(path.imgrec = paste0(folder, "x.rec"), batch.size = 3, data.shape = c(28, 28, 3),
  label.width = 2, scale = 1 / 255)
it$iter.next()
stopifnot(as.array(it$value()$label) == rbind(c(0, 1, 0), 5:7), max(as.array(it$value()$data)) <= 1.00001)
stopifnot(grepl("line 1: an id, 3 labels",
  message.of(im2rec(list, folder, paste0(folder, "y.rec"), label_width = 3))))
"""

TRAINING = """
train <- mx.io.ImageRecordIter(path.imgrec = data("images.rec"), batch.size = 3, data.shape = c(24, 24, 3),
  scale = 1 / 255)
label <- mx.symbol.Variable("label")
fit <- mx.symbol.FullyConnected(mx.symbol.Variable("data"), num.hidden = 1)
net <- mx.symbol.MakeLoss(mx.symbol.square(mx.symbol.Reshape(fit, shape = 0) - label))
mx.set.seed(0)
losses <- c()
model <- mx.model.FeedForward.create(net, X = train, ctx = mx.cpu(), num.round = 3, learning.rate = 1e-4,
  initializer = mx.init.uniform(0.01),
  eval.metric = mx.metric.custom("loss", function(label, pred) {
    losses <<- c(losses, mean(as.array(pred))); 0
  }), verbose = FALSE)
stopifnot(length(losses) %in% 7:9, all(is.finite(losses)), tail(losses, 1) < losses[[2]])
csv <- tempfile()
write.table(cbind(1:7, 2:8), csv, sep = ",", row.names = FALSE, col.names = FALSE)
it <- mx.io.CSVIter(data.csv = csv, data.shape = 2, label.csv = csv, label.shape = 2, batch.size = 3,
  round.batch = FALSE)
stopifnot(identical(as.array(mx.io.extract(it, "data")), rbind(as.numeric(1:7), as.numeric(2:8))))
"""

ERRORS = """
stopifnot(
  grepl('unknown parameter rand_corp; did you mean "rand_crop"?',
        message.of(mx.io.ImageRecordIter(path.imgrec = data("images.rec"), batch.size = 3,
          data.shape = c(28, 28, 3), rand.corp = TRUE)), fixed = TRUE),
  grepl("arguments go by name", message.of(mx.io.ImageRecordIter(data("images.rec")))),
  grepl("batch_size is given twice",
    message.of(mx.io.CSVIter(data.csv = "x", batch.size = 1, batch_size = 1))),
  grepl("no.rec",
    message.of(mx.io.ImageRecordIter(path.imgrec = "no.rec", batch.size = 3, data.shape = c(28, 28, 3)))),
  grepl("before its first batch",
    message.of(mx.io.ImageRecordIter(path.imgrec = data("images.rec"), batch.size = 3,
      data.shape = c(8, 8, 3))$value())),
  grepl("LibSVMIter: data_shape is required",
    message.of(mx.io.LibSVMIter(data.libsvm = data("data.svm"), batch.size = 1))))
"""


INTERRUPT = """
folder <- paste0(tempfile(), "/")
dir.create(folder)
call <- mxnet:::call_python
invisible(call("bridge.live"))
interrupted <- function(expr) {
  system(sprintf("(sleep 1; kill -INT %d) &", Sys.getpid()))
  how <- tryCatch({ expr; "ran to its end" }, interrupt = function(e) "interrupted")
  stopifnot(how == "interrupted")
}
grDevices::png(paste0(folder, "1.png"), 400, 400, type = "cairo")
graphics::plot(1:9)
invisible(grDevices::dev.off())
writeLines(paste(1:200000, 0, "1.png", sep = "\\t"), paste0(folder, "x.lst"))
interrupted(im2rec(paste0(folder, "x.lst"), folder, paste0(folder, "x.rec"), new_size = 300,
  encoding = ".png"))
stopifnot(identical(dir(folder), c("1.png", "x.lst")))
cat(rep(paste(rep("1.2345678", 1000), collapse = ","), 10000), file = paste0(folder, "x.csv"), sep = "\\n")
interrupted(repeat mx.io.CSVIter(data.csv = paste0(folder, "x.csv"), data.shape = 1000, batch.size = 10))
"""

PREDICTING = """
x <- matrix(rnorm(20 * 53), 20)
mx.set.seed(1)
net <- mx.symbol.SoftmaxOutput(mx.symbol.FullyConnected(mx.symbol.Variable("data"), num.hidden = 2),
  name = "softmax")
model <- mx.model.FeedForward.create(net, X = x, y = rep(0:1, length.out = 53), num.round = 1,
  array.layout = "colmajor", verbose = FALSE)
for (size in c(1, 7, 52, 53, 54, 1e9)) {
  expected <- predict(model, mx.io.arrayiter(x, numeric(53), batch.size = min(size, 53)))
  stopifnot(identical(dim(expected), c(2L, 53L)),
    identical(predict(model, x, array.layout = "colmajor", array.batch.size = size), expected),
    identical(predict(model, t(x), array.layout = "rowmajor", array.batch.size = size), expected))
}
memory <- function(key) {
  line <- grep(paste0("^", key, ":"), readLines("/proc/self/status"), value = TRUE)
  as.numeric(sub("[^0-9]*([0-9]+).*", "\\\\1", line)) / 1024
}
large <- matrix(0.5, 20, 1e6)                                    # 153 MB, 76 in single precision
few <- predict(model, large[, 1:1e5], array.layout = "colmajor", array.batch.size = 1e4)
for (rows in c(FALSE, TRUE)) {
  if (rows) large <- t(large)
  gc()
  cat("5", file = "/proc/self/clear_refs")
  before <- memory("VmRSS")
  stopifnot(all.equal(predict(model, large, array.layout = if (rows) "rowmajor" else "colmajor",
    array.batch.size = 1e4)[, 1:1e5], few))
  stopifnot(print(memory("VmHWM") - before) < 60)                # the results: 15 MB in R, and their parts
}
mx.model.FeedForward.create(net, X = large, y = numeric(1e6), num.round = 1, array.layout = "rowmajor",
  array.batch.size = 1e4, verbose = FALSE) -> model
stopifnot(print(memory("VmHWM") - before) < 200)   # one copy; labels and order: 8 MB each, a few times
"""


@pytest.mark.parametrize(
    "code",
    [MNIST, IMAGES, PACKING, TRAINING, ERRORS, INTERRUPT, PREDICTING],
    ids=["mnist", "images", "packing", "training", "errors", "interrupt", "predicting"],
)
def test_iterators(code, host):
    assert host(f"{PRELUDE}\n{code}\ncat('done\\n')").check().endswith("done\n")
