# SSD (Liu et al. 2016) on VGG16 reduced to a fully convolutional network (fc6 dilated, fc7 1 x 1), with a fortieth of its channels:
# three feature maps of predictions, its two losses, images and boxes from ImageDetRecordIter.
library(mxnet)
source("_check.R")
source("_steps.R")
begin("ssd")

side <- 64
data <- function(file) file.path("..", "..", "data", "io", file)
iter <- mx.io.ImageDetRecordIter(path.imgrec = data("images.rec"), path.imglist = data("objects.lst"), batch.size = 2,
                                 data.shape = c(side, side, 3), label.pad.width = 12, mean.r = 123, mean.g = 117, mean.b = 104)
classes <- 7

# a batch's label as rows of class and corners: four numbers of the image and two of the header go before them
objects <- function(batch) {
  label <- as.array(batch$label)
  list(data = mx.nd.array(as.array(batch$data) / 128), label = mx.nd.array(array(label[-(1:6), ], c(5, (nrow(label) - 6) / 5, ncol(label)))))
}
batches <- lapply(all.batches(iter), objects)

# ---- the network
layer <- function(x, filters, name, kernel = 3, pad = 1, stride = 1, dilate = 1) {
  x <- mx.symbol.Convolution(x, kernel = c(kernel, kernel), pad = c(pad, pad), stride = c(stride, stride), dilate = c(dilate, dilate),
                             num.filter = filters, name = name)
  mx.symbol.Activation(x, act.type = "relu", name = paste0("relu", name))
}
pool <- function(x, name, kernel = 2, stride = 2, pad = 0)
  mx.symbol.Pooling(x, kernel = c(kernel, kernel), stride = c(stride, stride), pad = c(pad, pad), pool.type = "max",
                    pooling.convention = "full", name = name)
x <- mx.symbol.Variable("data")
widths <- c(2, 4, 8, 12, 12)
for (block in 1:5) {
  for (k in seq_len(c(2, 2, 3, 3, 3)[block])) x <- layer(x, widths[block], paste0("conv", block, "_", k))
  if (block == 4) conv4_3 <- x
  x <- if (block < 5) pool(x, paste0("pool", block)) else pool(x, "pool5", 3, 1, 1)
}
fc7 <- layer(layer(x, 24, "fc6", pad = 6, dilate = 6), 24, "fc7", kernel = 1, pad = 0)
conv8 <- layer(layer(fc7, 8, "conv8_1", kernel = 1, pad = 0), 16, "conv8_2", stride = 2)
norm4 <- mx.symbol.L2Normalization(conv4_3, mode = "channel", name = "conv4_3_norm")
norm4 <- mx.symbol.broadcast_mul(norm4, mx.symbol.Variable("conv4_3_scale"), name = "scaled")

sizes <- list("(0.1, 0.141)", "(0.3, 0.416)", "(0.6, 0.721)")
ratios <- list("(1.0, 2.0, 0.5)", "(1.0, 2.0, 0.5, 3.0, 0.3333)", "(1.0, 2.0, 0.5)")
by_anchor <- function(x) mx.symbol.Flatten(mx.symbol.transpose(x, axes = "(0, 2, 3, 1)"))
parts <- Map(function(x, size, ratio, name) {
  anchors <- if (grepl("3.0", ratio)) 6 else 4
  list(loc = by_anchor(mx.symbol.Convolution(x, kernel = c(3, 3), pad = c(1, 1), num.filter = anchors * 4, name = paste0(name, "_loc"))),
       cls = by_anchor(mx.symbol.Convolution(x, kernel = c(3, 3), pad = c(1, 1), num.filter = anchors * (classes + 1), name = paste0(name, "_cls"))),
       anchor = mx.symbol.Flatten(mx.symbol.contrib.MultiBoxPrior(x, sizes = size, ratios = ratio, clip = TRUE, name = paste0(name, "_prior"))))
}, list(norm4, fc7, conv8), sizes, ratios, c("norm4", "fc7", "conv8"))
join <- function(what) mx.symbol.concat(unname(lapply(parts, `[[`, what)), num.args = 3, dim = 1)
loc <- join("loc")
cls <- mx.symbol.transpose(mx.symbol.Reshape(join("cls"), shape = paste0("(0, -1, ", classes + 1, ")")), axes = "(0, 2, 1)", name = "cls_pred")
anchor <- mx.symbol.Reshape(join("anchor"), shape = "(0, -1, 4)", name = "anchors")

# ---- what it learns
target <- mx.symbol.contrib.MultiBoxTarget(anchor, mx.symbol.Variable("label"), cls, overlap.threshold = 0.5, ignore.label = -1,
  negative.mining.ratio = 3, negative.mining.thresh = 0.5, variances = "(0.1, 0.1, 0.2, 0.2)", name = "target")
prob <- mx.symbol.SoftmaxOutput(cls, target[[3]], ignore.label = -1, use.ignore = TRUE, grad.scale = 1, multi.output = TRUE,
                                normalization = "valid", name = "cls_prob")
loc_loss <- mx.symbol.MakeLoss(mx.symbol.smooth_l1(target[[2]] * (loc - target[[1]]), scalar = 1), grad.scale = 1,
                               normalization = "valid", name = "loc_loss")
found <- mx.symbol.contrib.MultiBoxDetection(prob, loc, anchor, nms.threshold = 0.45, force.suppress = FALSE, nms.topk = 100,
                                             variances = "(0.1, 0.1, 0.2, 0.2)", name = "detection")
net <- mx.symbol.Group(c(prob, loc_loss, mx.symbol.BlockGrad(target[[3]]), mx.symbol.BlockGrad(found)))

# ---- training
shapes <- list(data = c(side, side, 3, 2), label = dim(batches[[1]]$label))
weights <- do.call(fill, c(list(net), shapes, list(conv4_3_scale = c(1, 1, widths[4], 1))))
weights$conv4_3_scale <- array(2, c(1, 1, widths[4], 1))
losses <- cross <- first <- NULL
look <- function(out, batch) {
  if (is.null(first)) first <<- out
  losses <<- c(losses, sum(out[[2]]))
  truth <- out[[3]]
  used <- which(truth >= 0, arr.ind = TRUE)
  cross <<- c(cross, -mean(log(out[[1]][cbind(used[, 1], truth[used] + 1, used[, 2])])))
}
given(net = net, weights = weights, batches = batches)
trained <- descend(net, weights, batches, 20, 0.01, look, data = shapes$data, label = shapes$label, conv4_3_scale = c(1, 1, widths[4], 1))
agree("losses", losses)
agree("losses.cross", cross)
agree("first.target", first[[3]])
agree("first.found", first[[4]])
agree("found", trained$ex$ref.outputs[[4]], rtol = 1e-3, atol = 1e-4)
agree("end", trained$weights)
done()
