# A small detector: a grid of boxes with confidence, centre, size and class, and a loss over masked cells.
source("_check.R")
n <- 3; grid <- 4; classes <- 2
image <- wave(16, 16, 3, n, k = 0.21)
obj <- array(0, c(grid, grid, 1, n)); for (i in 1:n) obj[i, (i * 2) %% grid + 1, 1, i] <- 1
truth <- array(abs(wave(grid, grid, 5 + classes, n, k = 0.63)), c(grid, grid, 5 + classes, n))
truth[, , 1, ] <- obj[, , 1, ]

conv <- function(x, filters, stride, name) {
  x <- mx.symbol.Convolution(data = x, kernel = c(3, 3), stride = c(stride, stride), pad = c(1, 1), num_filter = filters, no.bias = TRUE, name = paste0(name, "_conv"))
  mx.symbol.LeakyReLU(data = x, act.type = "leaky", slope = 0.1, name = paste0(name, "_lrelu"))
}
data <- mx.symbol.Variable("data"); label <- mx.symbol.Variable("label")
body <- conv(conv(data, 6, 2, "a"), 8, 2, "b")
pred <- mx.symbol.Convolution(data = body, kernel = c(1, 1), num_filter = 5 + classes, name = "yolo _pred")
parts <- mx.symbol.SliceChannel(pred, num_outputs = 7, axis = 1, name = "yolo _pred_split")
targets <- mx.symbol.SliceChannel(label, num_outputs = 7, axis = 1, name = "yolo _label_split")
conf <- mx.symbol.sigmoid(parts[[1]], name = "conf"); mask <- targets[[1]]
box <- 0
for (k in 2:3) box <- box + mx.symbol.square(mx.symbol.sigmoid(parts[[k]]) - targets[[k]])
for (k in 4:5) box <- box + mx.symbol.smooth_l1(mx.symbol.exp(mx.symbol.clip(parts[[k]], a.min = -4, a.max = 4)) - targets[[k]], scalar = 1)
class_loss <- 0
for (k in 6:7) class_loss <- class_loss - targets[[k]] * mx.symbol.log(mx.symbol.sigmoid(parts[[k]]) + 1e-8)
confidence <- 0 - (mask * mx.symbol.log(conf + 1e-8) + 0.5 * (1 - mask) * mx.symbol.log(1 - conf + 1e-8))
total <- mx.symbol.broadcast_mul(mask, 5 * box + class_loss) + confidence
final <- mx.symbol.MakeLoss(mx.symbol.sum(mx.symbol.mean(total, axis = c(0), keepdims = TRUE), axis = 1:3), grad.scale = 0.1, name = "yolo_loss")

shapes <- list(data = c(16, 16, 3, n), label = c(grid, grid, 5 + classes, n))
init <- start.values(final, shapes, scale = 0.3)
case("detection", list(net = final), c(list(data = image, label = truth), init))

exec <- mx.simple.bind(symbol = final, ctx = mx.cpu(), grad.req = "write", data = c(16, 16, 3, n), label = c(grid, grid, 5 + classes, n))
mx.exec.update.arg.arrays(exec, init, match.name = TRUE)
updater <- mx.opt.get.updater(mx.opt.create("sgd", learning.rate = 0.05, momentum = 0.9, lr_scheduler = NULL), exec$ref.arg.arrays)
metric <- mx.metric.custom(name = "yolo", function(label, pred) as.array(pred))
losses <- NULL
for (i in 1:8) {
  state <- metric$init()
  mx.exec.update.arg.arrays(exec, list(data = mx.nd.array(image), label = mx.nd.array(truth)), match.name = TRUE)
  mx.exec.forward(exec, is.train = TRUE); mx.exec.backward(exec)
  mx.exec.update.arg.arrays(exec, updater(weight = exec$ref.arg.arrays, grad = exec$ref.grad.arrays), skip.null = TRUE)
  state <- metric$update(label = exec$ref.arg.arrays$label, pred = exec$ref.outputs[["yolo_loss_output"]], state = state)
  losses <- c(losses, metric$get(state)$value)
}
expect("losses", losses); expect("a_conv_weight", exec$ref.arg.arrays$a_conv_weight); expect("pred_bias", exec$ref.arg.arrays[["yolo _pred_bias"]])
finish()
