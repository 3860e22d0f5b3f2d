# MXNet's tutorial on pretrained networks: the classification of photographs. A network of Inception-BN's description (Ioffe and
# Szegedy 2015), files written by MXNet (expected/inception: the network, its parameters, the mean image), images as R arrays and from a
# RecordIO file that im2rec made, `predict`, the five most probable classes, and the features of a layer inside.
# `width` is the part of the published numbers of channels and classes (see _steps.R).
library(mxnet)
source("_check.R")
source("_steps.R")
begin("inception")

# ------------------------------------------------------------------------------------------------------ the network
conv <- function(x, filters, name, kernel = 1, stride = 1, pad = 0) {
  x <- mx.symbol.Convolution(x, kernel = c(kernel, kernel), stride = c(stride, stride), pad = c(pad, pad), num.filter = channels(filters),
                             name = paste0("conv_", name))
  x <- mx.symbol.BatchNorm(x, fix.gamma = FALSE, eps = 1e-5, momentum = 0.9, name = paste0("bn_", name))
  mx.symbol.Activation(x, act.type = "relu", name = paste0("relu_", name))
}
pool <- function(x, type, name, stride = 1, pad = 1)
  mx.symbol.Pooling(x, kernel = c(3, 3), stride = c(stride, stride), pad = c(pad, pad), pool.type = type, name = name)
mixed <- function(x, n1, r3, n3, rd3, nd3, type, proj, name) {
  one <- conv(x, n1, paste0(name, "_1x1"))
  three <- conv(conv(x, r3, paste0(name, "_3x3_reduce")), n3, paste0(name, "_3x3"), 3, pad = 1)
  double <- conv(x, rd3, paste0(name, "_double_3x3_reduce"))
  double <- conv(double, nd3, paste0(name, "_double_3x3_0"), 3, pad = 1)
  double <- conv(double, nd3, paste0(name, "_double_3x3_1"), 3, pad = 1)
  pooled <- conv(pool(x, type, paste0(type, "_pool_", name, "_pool")), proj, paste0(name, "_proj"))
  mx.symbol.concat(one, three, double, pooled, num.args = 4, name = paste0("ch_concat_", name, "_chconcat"))
}
reduced <- function(x, r3, n3, rd3, nd3, name) {
  three <- conv(conv(x, r3, paste0(name, "_3x3_reduce")), n3, paste0(name, "_3x3"), 3, 2, 1)
  double <- conv(x, rd3, paste0(name, "_double_3x3_reduce"))
  double <- conv(double, nd3, paste0(name, "_double_3x3_0"), 3, pad = 1)
  double <- conv(double, nd3, paste0(name, "_double_3x3_1"), 3, 2, 1)
  pooled <- pool(x, "max", paste0("max_pool_", name, "_pool"), 2)
  mx.symbol.concat(three, double, pooled, num.args = 3, name = paste0("ch_concat_", name, "_chconcat"))
}
inception <- function() {
  x <- conv(mx.symbol.Variable("data"), 64, "1", 7, 2, 3)
  x <- pool(x, "max", "pool_1", 2)
  x <- conv(conv(x, 64, "2_red"), 192, "2", 3, pad = 1)
  x <- pool(x, "max", "pool_2", 2)
  x <- mixed(x, 64, 64, 64, 64, 96, "avg", 32, "3a")
  x <- mixed(x, 64, 64, 96, 64, 96, "avg", 64, "3b")
  x <- reduced(x, 128, 160, 64, 96, "3c")
  x <- mixed(x, 224, 64, 96, 96, 128, "avg", 128, "4a")
  x <- mixed(x, 192, 96, 128, 96, 128, "avg", 128, "4b")
  x <- mixed(x, 160, 128, 160, 128, 160, "avg", 128, "4c")
  x <- mixed(x, 96, 128, 192, 160, 192, "avg", 128, "4d")
  x <- reduced(x, 128, 192, 192, 256, "4e")
  x <- mixed(x, 352, 192, 320, 160, 224, "avg", 128, "5a")
  x <- mixed(x, 352, 192, 320, 192, 224, "max", 128, "5b")
  x <- mx.symbol.Pooling(x, kernel = c(7, 7), stride = c(1, 1), pool.type = "avg", name = "global_pool")
  x <- mx.symbol.FullyConnected(mx.symbol.Flatten(x, name = "flatten"), num.hidden = channels(1000), name = "fc1")
  mx.symbol.SoftmaxOutput(x, name = "softmax")
}

# ------------------------------------------------------------------------------------------------------ the images
# Four "photographs" of 320 x 224, as imager::load.image gives them: (x, y, channel), from 0 to 1.
photograph <- function(k) {
  grid <- expand.grid(x = 1:320, y = 1:224, channel = 1:3)
  wave <- sin(grid$x / (9 + 5 * k) + grid$channel) * cos(grid$y / (21 - 3 * k)) + sin((grid$x * grid$y) %% 97 * k / 11) / 3
  disc <- (grid$x - 100 - 30 * k)^2 + (grid$y - 110)^2 < (30 + 8 * grid$channel * k)^2
  array(round(255 * pmin(1, pmax(0, 0.5 + 0.3 * wave - 0.4 * disc * (grid$channel == k %% 3 + 1)))) / 255, c(320, 224, 3))
}
photographs <- lapply(1:4, photograph)

folder <- if (.check$recording) .check$folder else tempfile("photographs")
dir.create(folder, showWarnings = FALSE)
for (k in 1:4) {
  file <- file(file.path(folder, paste0("photograph", k, ".ppm")), "wb")
  writeBin(charToRaw("P6\n320 224\n255\n"), file)
  writeBin(as.raw(aperm(round(photographs[[k]] * 255), c(3, 1, 2))), file)
  close(file)
}
list.file <- file.path(folder, "inception.lst")
writeLines(paste(0:3, 0:3, paste0("photograph", 1:4, ".ppm"), sep = "\t"), list.file)
records <- file.path(folder, "inception.rec")
invisible(im2rec(list.file, paste0(folder, "/"), records, encoding = ".png", quality = 3))

if (.check$recording) {
  given(net = inception(), images = 4)
  done()
  quit()
}

# ------------------------------------------------------------------------------------------------------ the tutorial
pretrained <- file.path(Sys.getenv("MXR_EXPECTED", "expected"), "inception")
model <- mx.model.load(file.path(pretrained, "Inception_BN"), iteration = 39)
mean.img <- as.array(mx.nd.load(file.path(pretrained, "mean_224.nd"))[["mean_img"]])
synsets <- readLines(file.path(pretrained, "synset.txt"))
stopifnot(identical(arguments(model$symbol), arguments(inception())), identical(dim(mean.img), c(224L, 224L, 3L)))

preproc.image <- function(im, mean.image) {
  short.edge <- min(dim(im)[1:2])
  xx <- floor((dim(im)[1] - short.edge) / 2)
  yy <- floor((dim(im)[2] - short.edge) / 2)
  cropped <- im[xx + seq_len(short.edge), yy + seq_len(short.edge), ]
  normed <- cropped * 255 - mean.image
  dim(normed) <- c(224, 224, 3, 1)
  normed
}
top <- function(prob, n = 5) order(prob, decreasing = TRUE)[seq_len(n)]

normed <- preproc.image(photographs[[1]], mean.img)
prob <- predict(model, X = normed)
agree("prob", prob)
agree("top", top(prob))
cat("Predicted Top-class:", synsets[[max.col(t(prob))]], "\n")
print(data.frame(class = synsets[top(prob)], probability = signif(prob[top(prob)], 3)))

# All of them, from the RecordIO file
read <- function(mean) mx.io.ImageRecordIter(path.imgrec = records, data.shape = c(224, 224, 3), batch.size = 2, mean.img = mean)
probs <- predict(model, read(file.path(pretrained, "mean_224.nd")))
agree("probs", probs)
agree("tops", apply(probs, 2, top))
stopifnot(isTRUE(all.equal(probs[, 1], as.vector(prob), tolerance = 1e-5)))

# A mean image is made where there is no file.
made <- file.path(folder, "mean.nd")
all.batches(read(made))
agree("mean", thinned(list(as.array(mx.nd.load(made)[["mean_img"]]))))

# The features before the last layer
internals <- model$symbol$get.internals()
features <- list(symbol = internals[[match("global_pool_output", internals$outputs)]], arg.params = model$arg.params,
                 aux.params = model$aux.params)
class(features) <- "MXFeedForwardModel"
agree("features", predict(features, X = normed, allow.extra.params = TRUE))
done()
