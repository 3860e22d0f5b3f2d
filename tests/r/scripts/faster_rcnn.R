# Faster R-CNN (Ren et al. 2015) on VGG16. A region proposal network has two losses. Proposal chooses regions, and an operator written in
# R gives each of them its targets, as an operator in Python does in MXNet's example. Then come ROIAlign and two layers, and the classes
# and boxes of the regions, with two more losses. `width` is the fraction of the published numbers of channels (see _steps.R).
library(mxnet)
source("_check.R")
source("_steps.R")
begin("faster_rcnn")

classes <- 21
regions <- 32
stride <- 16
wide <- 10
high <- 8
ratios <- c(0.5, 1, 2)
scales <- c(2, 4, 6)
anchors <- length(ratios) * length(scales)

# ---- two synthetic images with two objects each, which are columns of left, top, right, bottom, class
objects <- list(cbind(c(20, 30, 83, 93, 3), c(90, 40, 140, 110, 7)), cbind(c(8, 50, 70, 110, 12), c(70, 10, 150, 60, 20)))
image <- function(k) {
  pixels <- array(sin(seq_len(wide * high * stride^2 * 3) * (0.01 + k / 50)) / 3, c(wide * stride, high * stride, 3, 1))
  for (i in 1:2) {
    o <- objects[[k]][, i]
    pixels[o[1]:o[3], o[2]:o[4], o[5] %% 3 + 1, 1] <- 1
  }
  pixels
}

# Intersection over union of the boxes in the columns of a and b.
overlap <- function(a, b) {
  area <- function(x) (x[3, ] - x[1, ] + 1) * (x[4, ] - x[2, ] + 1)
  shared <- function(low, high)
    pmax(outer(a[high, ], b[high, ], pmin) - outer(a[low, ], b[low, ], pmax) + 1, 0)
  both <- shared(1, 3) * shared(2, 4)
  both / (outer(area(a), area(b), `+`) - both)
}
# The regression targets from boxes to others: shifts of the centres, relative to the size, and logarithms of the ratios of sizes.
shift <- function(from, to) {
  size <- function(x) x[3:4, , drop = FALSE] - x[1:2, , drop = FALSE] + 1
  centre <- function(x) x[1:2, , drop = FALSE] + (size(x) - 1) / 2
  rbind((centre(to) - centre(from)) / size(from), log(size(to) / size(from)))
}

# The targets of the region proposal network, for each x, y and anchor. The label is 1 for an anchor that overlaps an object most of all
# anchors, or by at least 0.7; 0 if it overlaps no object by 0.3; else -1, which is ignored.
proposals <- function(objects) {
  shapes <- expand.grid(scale = scales, ratio = ratios)
  w <- round(sqrt(stride^2 / shapes$ratio))
  size <- rbind(w, round(w * shapes$ratio)) * rep(shapes$scale, each = 2)
  at <- expand.grid(x = seq_len(wide) - 1, y = seq_len(high) - 1, anchor = seq_len(anchors))
  middle <- t(cbind(at$x, at$y)) * stride + (stride - 1) / 2
  half <- (size[, at$anchor] - 1) / 2
  boxes <- rbind(middle - half, middle + half)
  much <- overlap(boxes, objects)
  inside <- boxes[1, ] >= 0 & boxes[2, ] >= 0 & boxes[3, ] < wide * stride & boxes[4, ] < high * stride
  much[!inside, ] <- 0
  best <- apply(much, 1, max)
  label <- ifelse(best < 0.3, 0, -1)
  label[best >= 0.7] <- 1
  label[apply(much, 2, which.max)] <- 1
  label[!inside] <- -1
  to <- shift(boxes, objects[, max.col(much, "first")])
  weight <- rep(label == 1, each = 4) * 1
  by_channel <- function(x) array(aperm(array(x, c(4, wide, high, anchors)), c(2, 3, 1, 4)), c(wide, high, 4 * anchors, 1))
  list(label = array(label, c(wide * high * anchors, 1)), bbox_target = by_channel(to * weight), bbox_weight = by_channel(weight))
}
batches <- lapply(1:2, function(k) {
  said <- proposals(objects[[k]])
  lapply(list(data = image(k), im_info = array(c(high * stride, wide * stride, 1), c(3, 1)), gt_boxes = array(objects[[k]], c(5, 2, 1)),
              rpn_label = said$label, rpn_bbox_target = said$bbox_target, rpn_bbox_weight = said$bbox_weight), mx.nd.array)
})

# ---- the targets of the proposed regions and of the objects' own boxes. The label is the class of an object that the region overlaps by
# at least one half, else 0. The box's targets are at the four places of that class.
mx.operator.register("proposal_target", arguments = c("rois", "gt_boxes"), need.top.grad = FALSE,
  outputs = c("rois_output", "label", "bbox_target", "bbox_weight"),
  infer.shape = function(shapes, params) {
    n <- shapes$rois[2] + shapes$gt_boxes[2]
    list(inputs = shapes, outputs = list(c(5, n), n, c(4 * params$classes, n), c(4 * params$classes, n)))
  },
  forward = function(inputs, params) {
    objects <- array(inputs$gt_boxes, dim(inputs$gt_boxes)[1:2])
    rois <- cbind(inputs$rois, rbind(0, objects[1:4, ]))
    much <- overlap(rois[-1, ], objects)
    which <- max.col(much, "first")
    label <- ifelse(apply(much, 1, max) >= 0.5, objects[5, which], 0)
    target <- weight <- matrix(0, 4 * params$classes, ncol(rois))
    places <- cbind(c(outer(1:4, 4 * label, `+`)), rep(seq_along(label), each = 4))[rep(label > 0, each = 4), ]
    target[places] <- shift(rois[-1, ], objects[, which])[, label > 0]
    weight[places] <- 1
    list(rois, label, target, weight)
  },
  backward = function() NULL)

# ---- the network
relu <- function(x) mx.symbol.Activation(x, act.type = "relu")
conv <- function(x, filters, name, kernel = 3)
  mx.symbol.Convolution(x, kernel = c(kernel, kernel), pad = c(kernel %/% 2, kernel %/% 2), num.filter = filters, name = name)
x <- mx.symbol.Variable("data")
for (block in 1:5) {
  for (k in seq_len(c(2, 2, 3, 3, 3)[block]))
    x <- relu(conv(x, channels(c(64, 128, 256, 512, 512)[block]), paste0("conv", block, "_", k)))
  if (block < 5) x <- mx.symbol.Pooling(x, kernel = c(2, 2), stride = c(2, 2), pool.type = "max", name = paste0("pool", block))
}
rpn <- relu(conv(x, channels(512), "rpn_conv"))
score <- mx.symbol.Reshape(conv(rpn, 2 * anchors, "rpn_cls_score", 1), shape = "(0, 2, -1, 0)")
rpn_bbox <- conv(rpn, 4 * anchors, "rpn_bbox_pred", 1)
rpn_prob <- mx.symbol.SoftmaxOutput(mx.symbol.Reshape(score, shape = "(0, 0, -1)"), mx.symbol.Variable("rpn_label"), multi.output = TRUE,
                                    normalization = "valid", use.ignore = TRUE, ignore.label = -1, name = "rpn_cls_prob")
rpn_loss <- mx.symbol.MakeLoss(mx.symbol.Variable("rpn_bbox_weight") * mx.symbol.smooth_l1(rpn_bbox - mx.symbol.Variable("rpn_bbox_target"), scalar = 3),
                               grad.scale = 1 / 64, name = "rpn_bbox_loss")
shown <- mx.symbol.Reshape(mx.symbol.softmax(score, axis = 1), shape = paste0("(0, ", 2 * anchors, ", -1, 0)"))
rois <- mx.symbol.contrib.Proposal(mx.symbol.BlockGrad(shown), mx.symbol.BlockGrad(rpn_bbox), mx.symbol.Variable("im_info"),
  feature.stride = stride, scales = "(2, 4, 6)", ratios = "(0.5, 1, 2)", rpn.pre.nms.top.n = 300, rpn.post.nms.top.n = regions,
  threshold = 0.7, rpn.min.size = stride, name = "rois")
chosen <- mx.symbol.Custom(rois, mx.symbol.Variable("gt_boxes"), op.type = "proposal_target", classes = classes, name = "chosen")
pooled <- mx.symbol.contrib.ROIAlign(x, chosen[[1]], pooled.size = c(7, 7), spatial.scale = 1 / stride, sample.ratio = 2, name = "roi_align")
for (name in c("fc6", "fc7")) pooled <- relu(mx.symbol.FullyConnected(pooled, num.hidden = channels(4096), name = name))
prob <- mx.symbol.SoftmaxOutput(mx.symbol.FullyConnected(pooled, num.hidden = classes, name = "cls_score"), chosen[[2]],
                                normalization = "batch", name = "cls_prob")
box <- mx.symbol.MakeLoss(chosen[[4]] * mx.symbol.smooth_l1(mx.symbol.FullyConnected(pooled, num.hidden = 4 * classes, name = "bbox_pred") - chosen[[3]], scalar = 1),
                          grad.scale = 1 / (regions + 2), name = "bbox_loss")
net <- mx.symbol.Group(c(rpn_prob, rpn_loss, prob, box, mx.symbol.BlockGrad(chosen[[1]]), mx.symbol.BlockGrad(chosen[[2]])))

# ---- training
shapes <- lapply(batches[[1]], dim)
weights <- do.call(fill, c(list(net), shapes))
predictions <- c("rpn_cls_score_weight", "rpn_bbox_pred_weight", "cls_score_weight", "bbox_pred_weight")
weights[predictions] <- lapply(weights[predictions], function(w) 0.1 * w)
losses <- first <- last <- NULL
# The mean of -log(p) for the true labels; `prob` has a column for each of them.
cross <- function(prob, label) {
  label <- c(label)
  -mean(log(prob[cbind(label + 1, seq_along(label))[label >= 0, ]]))
}
look <- function(out, batch) {
  if (is.null(first)) first <<- out
  last <<- out
  losses <<- cbind(losses, c(rpn.class = cross(t(out[[1]][, , 1]), as.array(batch$rpn_label)), rpn.box = sum(out[[2]]),
                             class = cross(out[[3]], out[[6]]), box = sum(out[[4]])))
}
descend(net, weights, batches, 0.002, look, data = shapes$data, im_info = shapes$im_info, gt_boxes = shapes$gt_boxes,
        rpn_label = shapes$rpn_label, rpn_bbox_target = shapes$rpn_bbox_target, rpn_bbox_weight = shapes$rpn_bbox_weight)
for (name in rownames(losses)) agree(paste0("losses.", name), losses[name, ])
for (i in 3:6) {
  name <- c("prob", "box", "rois", "label")[i - 2]
  # coordinates are differences of numbers as large as the image, in pixels, and so are their rounding errors
  atol <- if (name == "rois") 1e-5 * stride * max(high, wide) else 1e-5
  agree(paste0("first.", name), first[[i]], atol = atol)
  agree(paste0("last.", name), last[[i]], atol = atol)
}
done()
