# SSD300 (Liu et al. 2016). VGG16 is reduced to a fully convolutional network: fc6 is dilated, fc7 is 1 x 1. Extra layers follow. Six
# feature maps predict 8732 boxes, with two losses. Images and boxes come from ImageDetRecordIter. `width` is the fraction of the
# published numbers of channels: MXR_WIDTH, or 1 (see _steps.R).
library(mxnet)
source("_check.R")
source("_steps.R")
begin("ssd")

side <- 300
classes <- 20
data <- function(file) file.path("..", "..", "data", "io", file)
iter <- mx.io.ImageDetRecordIter(path.imgrec = data("images.rec"), path.imglist = data("objects.lst"), batch.size = 2,
                                 data.shape = c(side, side, 3), label.pad.width = 12, mean.r = 123, mean.g = 117, mean.b = 104)

# The objects of a batch, each as class and corners. A label begins with six other numbers: four of the image, two of the header.
objects <- function(batch) {
  label <- as.array(batch$label)
  list(data = mx.nd.array(as.array(batch$data) / 128), label = mx.nd.array(array(label[-(1:6), ], c(5, (nrow(label) - 6) / 5, ncol(label)))))
}
batches <- lapply(all.batches(iter), objects)

# ---- the network
layer <- function(x, filters, name, kernel = 3, pad = kernel %/% 2, stride = 1, dilate = 1) {
  x <- mx.symbol.Convolution(x, kernel = c(kernel, kernel), pad = c(pad, pad), stride = c(stride, stride), dilate = c(dilate, dilate),
                             num.filter = channels(filters), name = name)
  mx.symbol.Activation(x, act.type = "relu", name = paste0("relu", name))
}
pool <- function(x, name, kernel = 2, stride = 2, pad = 0)
  mx.symbol.Pooling(x, kernel = c(kernel, kernel), stride = c(stride, stride), pad = c(pad, pad), pool.type = "max",
                    pooling.convention = "full", name = name)
x <- mx.symbol.Variable("data")
for (block in 1:5) {
  for (k in seq_len(c(2, 2, 3, 3, 3)[block])) x <- layer(x, c(64, 128, 256, 512, 512)[block], paste0("conv", block, "_", k))
  if (block == 4) conv4_3 <- x
  x <- if (block < 5) pool(x, paste0("pool", block)) else pool(x, "pool5", 3, 1, 1)
}
fc7 <- layer(layer(x, 1024, "fc6", pad = 6, dilate = 6), 1024, "fc7", 1)
conv8_2 <- layer(layer(fc7, 256, "conv8_1", 1), 512, "conv8_2", stride = 2)
conv9_2 <- layer(layer(conv8_2, 128, "conv9_1", 1), 256, "conv9_2", stride = 2)
conv10_2 <- layer(layer(conv9_2, 128, "conv10_1", 1), 256, "conv10_2", pad = 0)
conv11_2 <- layer(layer(conv10_2, 128, "conv11_1", 1), 256, "conv11_2", pad = 0)
# conv4_3's features are normalized to length 1, then multiplied by learned scales, which start at 20.
norm4 <- mx.symbol.L2Normalization(conv4_3, mode = "channel", name = "conv4_3_norm")
norm4 <- mx.symbol.broadcast_mul(norm4, mx.symbol.Variable("conv4_3_scale"), name = "scaled")
maps <- list(norm4 = norm4, fc7 = fc7, conv8_2 = conv8_2, conv9_2 = conv9_2, conv10_2 = conv10_2, conv11_2 = conv11_2)

sizes <- c("(0.1, 0.141)", "(0.2, 0.272)", "(0.37, 0.447)", "(0.54, 0.619)", "(0.71, 0.79)", "(0.88, 0.961)")
ratios <- c("(1, 2, 0.5)", "(1, 2, 0.5, 3, 0.3333333)")[c(1, 2, 2, 2, 1, 1)]
boxes <- c(4, 6, 6, 6, 4, 4)
steps <- c(8, 16, 32, 64, 100, 300) / side
by_box <- function(x, filters, name)
  mx.symbol.Flatten(mx.symbol.transpose(mx.symbol.Convolution(x, kernel = c(3, 3), pad = c(1, 1), num.filter = filters, name = name),
                                        axes = "(0, 2, 3, 1)"))
parts <- lapply(seq_along(maps), function(i) {
  name <- function(end) paste0(names(maps)[i], "_", end)
  list(loc = by_box(maps[[i]], boxes[i] * 4, name("loc")),
       cls = by_box(maps[[i]], boxes[i] * (classes + 1), name("cls")),
       anchor = mx.symbol.Flatten(mx.symbol.contrib.MultiBoxPrior(maps[[i]], sizes = sizes[i], ratios = ratios[i], clip = FALSE,
                                                                  steps = c(steps[i], steps[i]), name = name("prior"))))
})
join <- function(what) mx.symbol.concat(lapply(parts, `[[`, what), num.args = 6, dim = 1)
loc <- join("loc")
cls <- mx.symbol.transpose(mx.symbol.Reshape(join("cls"), shape = paste0("(0, -1, ", classes + 1, ")")), axes = "(0, 2, 1)", name = "cls_pred")
anchor <- mx.symbol.Reshape(join("anchor"), shape = "(0, -1, 4)", name = "anchors")

# ---- targets and losses
target <- mx.symbol.contrib.MultiBoxTarget(anchor, mx.symbol.Variable("label"), cls, overlap.threshold = 0.5, ignore.label = -1,
  negative.mining.ratio = 3, negative.mining.thresh = 0.5, variances = "(0.1, 0.1, 0.2, 0.2)", name = "target")
prob <- mx.symbol.SoftmaxOutput(cls, target[[3]], ignore.label = -1, use.ignore = TRUE, grad.scale = 1, multi.output = TRUE,
                                normalization = "valid", name = "cls_prob")
loc_loss <- mx.symbol.MakeLoss(mx.symbol.smooth_l1(target[[2]] * (loc - target[[1]]), scalar = 1), grad.scale = 1,
                               normalization = "valid", name = "loc_loss")
found <- mx.symbol.contrib.MultiBoxDetection(prob, loc, anchor, nms.threshold = 0.45, force.suppress = FALSE, nms.topk = 400,
                                             variances = "(0.1, 0.1, 0.2, 0.2)", name = "detection")
net <- mx.symbol.Group(c(prob, loc_loss, mx.symbol.BlockGrad(target[[3]]), mx.symbol.BlockGrad(found)))

# ---- training
scale <- c(1, 1, channels(512), 1)
shapes <- list(data = c(side, side, 3, 2), label = dim(batches[[1]]$label), conv4_3_scale = scale)
# The seed of the initial weights is chosen so that, in these steps, no ReLU has an input so close to zero that rounding decides its
# sign. With another seed, conv4_2 had an input of 3.5e-7. Then one library of convolutions passes its gradient on and another does not,
# and the gradients of the layers before it differ by a few percent.
weights <- do.call(fill, c(list(net, seed = 800), shapes))
weights$conv4_3_scale <- array(20, scale)
predictions <- grep("_(loc|cls)_weight$", names(weights))
weights[predictions] <- lapply(weights[predictions], function(w) 0.3 * w)
losses <- cross <- first <- NULL
# MultiBoxTarget chooses as negatives the boxes with the lowest scores of background, three for each box with an object. If the scores of
# the last one chosen and the first one not chosen differ only in their last digits (by 5e-8), rounding decides which of them is trained.
# Then the weights differ from MXNet's by some 4e-4, and both are right. This happens at other learning rates, for example. expected.py
# checks that it happens in none of these steps.
look <- function(out, batch) {
  if (is.null(first)) first <<- out
  losses <<- c(losses, sum(out[[2]]))
  truth <- out[[3]]
  used <- which(truth >= 0, arr.ind = TRUE)
  cross <<- c(cross, -mean(log(out[[1]][cbind(used[, 1], truth[used] + 1, used[, 2])])))
}
# The detections that remain, one in each column: class, score and corners.
detected <- function(out) lapply(seq_len(dim(out)[3]), function(image) {
  rows <- out[, , image]
  rows[, rows[1, ] >= 0]
})
ex <- descend(net, weights, batches, 0.0005, look, data = shapes$data, label = shapes$label, conv4_3_scale = scale)
agree("losses", losses)
agree("losses.cross", cross)
agree("first.target", first[[3]])
agree.columns("first.found", detected(first[[4]]))
agree.columns("found", detected(as.array(ex$ref.outputs[[4]])), tolerance = 1e-3)
done()
