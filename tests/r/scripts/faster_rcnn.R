# The head of Faster R-CNN (Ren et al. 2015): a region proposal network, Proposal, ROIAlign of the proposed regions, classes and boxes.
library(mxnet)
source("_check.R")
source("_steps.R")
begin("faster_rcnn")

regions <- 8
batches <- lapply(1:2, function(k) list(data = mx.nd.array(array(sin(seq_len(48 * 64 * 3) * (0.01 + k / 50)), c(48, 64, 3, 1))),
                                        im_info = mx.nd.array(array(c(64, 48, 1), c(3, 1))),
                                        class_label = mx.nd.array((1:regions + k) %% 3),
                                        box_label = mx.nd.array(matrix(cos(1:(4 * regions) * k) / 3, 4))))
conv <- function(x, filters, name, kernel = 3, stride = 1)
  mx.symbol.Convolution(x, kernel = c(kernel, kernel), pad = c(kernel %/% 2, kernel %/% 2), stride = c(stride, stride), num.filter = filters, name = name)
relu <- function(x) mx.symbol.Activation(x, act.type = "relu")

x <- mx.symbol.Variable("data")
for (k in 1:3) x <- relu(conv(x, 8 * k, paste0("conv", k), stride = 2))

# region proposals: 3 ratios at 2 scales
rpn <- relu(conv(x, 16, "rpn_conv"))
score <- conv(rpn, 12, "rpn_cls_score", 1)
rpn_prob <- mx.symbol.Reshape(mx.symbol.softmax(mx.symbol.Reshape(score, shape = "(0, 2, -1, 0)"), axis = 1), shape = "(0, 12, -1, 0)")
rois <- mx.symbol.contrib.Proposal(mx.symbol.BlockGrad(rpn_prob), mx.symbol.BlockGrad(conv(rpn, 24, "rpn_bbox_pred", 1) * 0.1), mx.symbol.Variable("im_info"),
  feature.stride = 8, scales = "(2, 4)", ratios = "(0.5, 1, 2)", rpn.pre.nms.top.n = 60, rpn.post.nms.top.n = regions,
  threshold = 0.7, rpn.min.size = 4, name = "rois")

# their classes and boxes
pooled <- mx.symbol.contrib.ROIAlign(x, rois, pooled.size = c(4, 4), spatial.scale = 1 / 8, sample.ratio = 2, name = "roi_align")
fc <- relu(mx.symbol.FullyConnected(pooled, num.hidden = 24, name = "fc6"))
prob <- mx.symbol.SoftmaxOutput(mx.symbol.FullyConnected(fc, num.hidden = 3, name = "cls_score"), mx.symbol.Variable("class_label"),
                                normalization = "batch", name = "cls_prob")
box <- mx.symbol.MakeLoss(mx.symbol.smooth_l1(mx.symbol.FullyConnected(fc, num.hidden = 4, name = "bbox_pred") - mx.symbol.Variable("box_label"), scalar = 1),
                          grad.scale = 1 / regions, name = "bbox_loss")
net <- mx.symbol.Group(c(prob, box, mx.symbol.BlockGrad(rois)))

shapes <- lapply(batches[[1]], dim)
shapes$class_label <- regions
weights <- do.call(fill, c(list(net), shapes))
losses <- first <- last <- NULL
look <- function(out, batch) {
  if (is.null(first)) first <<- out
  last <<- out
  losses <<- c(losses, sum(out[[2]]))
}
given(net = net, weights = weights, batches = batches)
trained <- do.call(descend, c(list(net, weights, batches, 20, 0.02, look), shapes))
agree("losses", losses)
for (i in 1:3) {
  agree(paste0("first.", c("prob", "box", "rois")[i]), first[[i]])
  agree(paste0("last.", c("prob", "box", "rois")[i]), last[[i]])
}
agree("end", trained$weights)
done()
