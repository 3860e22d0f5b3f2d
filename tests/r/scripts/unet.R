# A U-net (Ronneberger et al. 2015): four levels down, then four levels up, by BilinearResize2D and a convolution. Each level up is
# concatenated with the level down of the same size. The loss is a soft Dice loss in MakeLoss. `width` is the fraction of the published
# numbers of channels, 64 to 1024 (see _steps.R). Convolutions keep the image's size, as in most later U-nets.
library(mxnet)
source("_check.R")
source("_steps.R")
begin("unet")

side <- 64
batches <- lapply(1:3, function(k) {
  grid <- expand.grid(1:side, 1:side, 1:2)
  mask <- ((grid[[1]] - 20 - 5 * k)^2 + (grid[[2]] - 32)^2 < (11 + 3 * grid[[3]])^2) * 1
  list(data = mx.nd.array(array(mask + 0.3 * sin(seq_along(mask) * k), c(side, side, 1, 2))), mask_label = mx.nd.array(array(mask, c(side, side, 1, 2))))
})
conv <- function(x, filters, name)
  mx.symbol.Activation(mx.symbol.Convolution(x, kernel = c(3, 3), pad = c(1, 1), num.filter = channels(filters), name = name), act.type = "relu")
block <- function(x, filters, name) conv(conv(x, filters, paste0(name, "_1")), filters, paste0(name, "_2"))
down <- function(x) mx.symbol.Pooling(x, kernel = c(2, 2), stride = c(2, 2), pool.type = "max")
up <- function(x, like, filters, name)
  mx.symbol.concat(list(like, conv(mx.symbol.contrib.BilinearResize2D(x, like, mode = "like"), filters, name)), num.args = 2, dim = 1)

x <- mx.symbol.Variable("data")
levels <- list()
for (k in 1:4) {
  levels[[k]] <- block(x, 32 * 2^k, paste0("down", k))
  x <- down(levels[[k]])
}
x <- block(x, 1024, "bottom")
for (k in 4:1) x <- block(up(x, levels[[k]], 32 * 2^k, paste0("up", k)), 32 * 2^k, paste0("join", k))
logit <- mx.symbol.Convolution(x, kernel = c(1, 1), num.filter = 1, name = "logit")
mask <- mx.symbol.sigmoid(logit, name = "mask")
truth <- mx.symbol.Variable("mask_label")
both <- mx.symbol.sum(mask * truth, axis = "(1, 2, 3)")
dice <- 1 - (2 * both + 1) / (mx.symbol.sum(mask, axis = "(1, 2, 3)") + mx.symbol.sum(truth, axis = "(1, 2, 3)") + 1)
net <- mx.symbol.Group(c(mx.symbol.MakeLoss(dice, name = "dice"), mx.symbol.BlockGrad(mask)))

shapes <- lapply(batches[[1]], dim)
weights <- do.call(fill, c(list(net), shapes))
losses <- NULL
ex <- do.call(descend, c(list(net, weights, batches, 0.1, function(out, batch) losses <<- c(losses, mean(out[[1]]))), shapes))
agree("losses", losses)
mx.exec.forward(ex, is.train = FALSE)
agree("mask", ex$ref.outputs[[2]])
done()
