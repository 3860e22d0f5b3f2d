# A U-net (Ronneberger et al. 2015) whose way up is BilinearResize2D, with a soft Dice loss ended by MakeLoss.
library(mxnet)
source("_check.R")
source("_steps.R")
begin("unet")

side <- 24
batches <- lapply(1:3, function(k) {
  grid <- expand.grid(1:side, 1:side, 1:2)
  mask <- ((grid[[1]] - 8 - 2 * k)^2 + (grid[[2]] - 12)^2 < (4 + grid[[3]])^2) * 1
  list(data = mx.nd.array(array(mask + 0.3 * sin(seq_along(mask) * k), c(side, side, 1, 2))), mask_label = mx.nd.array(array(mask, c(side, side, 1, 2))))
})
block <- function(x, filters, name) {
  for (k in 1:2) x <- mx.symbol.Activation(mx.symbol.Convolution(x, kernel = c(3, 3), pad = c(1, 1), num.filter = filters, name = paste0(name, "_", k)), act.type = "relu")
  x
}
down <- function(x) mx.symbol.Pooling(x, kernel = c(2, 2), stride = c(2, 2), pool.type = "max")
up <- function(x, like) mx.symbol.concat(list(mx.symbol.contrib.BilinearResize2D(x, like, mode = "like"), like), num.args = 2, dim = 1)

one <- block(mx.symbol.Variable("data"), 4, "down1")
two <- block(down(one), 8, "down2")
three <- block(down(two), 12, "bottom")
x <- block(up(block(up(three, two), 8, "up2"), one), 4, "up1")
logit <- mx.symbol.Convolution(x, kernel = c(1, 1), num.filter = 1, name = "logit")
mask <- mx.symbol.sigmoid(logit, name = "mask")
truth <- mx.symbol.Variable("mask_label")
both <- mx.symbol.sum(mask * truth, axis = "(1, 2, 3)")
dice <- 1 - (2 * both + 1) / (mx.symbol.sum(mask, axis = "(1, 2, 3)") + mx.symbol.sum(truth, axis = "(1, 2, 3)") + 1)
net <- mx.symbol.Group(c(mx.symbol.MakeLoss(dice, name = "dice"), mx.symbol.BlockGrad(mask)))

shapes <- lapply(batches[[1]], dim)
weights <- do.call(fill, c(list(net), shapes))
losses <- NULL
given(net = net, weights = weights, batches = batches)
trained <- do.call(descend, c(list(net, weights, batches, 20, 0.1, function(out, batch) losses <<- c(losses, mean(out[[1]]))), shapes))
agree("losses", losses)
agree("end", trained$weights)
mx.exec.forward(trained$ex, is.train = FALSE)
agree("mask", trained$ex$ref.outputs[[2]])
done()
