# One-stage detection, as in YOLO: each cell of a grid has confidence, box and class, and the loss weights and masks the cells. The iterator
# is a class around closures. FeedForward.create uses the loss itself as the metric.
library(mxnet)
source("_check.R")
begin("detection")

# Images of one bright rectangle each. The label has, for every cell of a 4 x 4 grid: confidence, x, y, width, height, and two classes
# (wide or tall).
grid <- 4
n <- 30
picture <- function(k) {
  w <- 3 + k %% 4; h <- 3 + k %/% 3 %% 4
  left <- (k * 5) %% (16 - w); top <- (k * 7) %% (16 - h)
  image <- array(0.1 * sin(seq_len(16 * 16 * 2) * (1 + k / 40)), c(16, 16, 2))
  image[left + 1:w, top + 1:h, 1 + (w > h)] <- 1
  x <- left + w / 2; y <- top + h / 2
  list(image = image, cell = floor(c(x, y) / 4) + 1, box = c((x / 4) %% 1, (y / 4) %% 1, w / 8, h / 8), class = 1 + (w > h))
}

my_iterator_core <- function(batch_size) {
  batch <- 0
  list(reset = function() batch <<- 0,
       iter.next = function() { batch <<- batch + 1; batch <= n / batch_size },
       value = function() {
         data <- array(0, c(16, 16, 2, batch_size)); label <- array(0, c(grid, grid, 7, batch_size))
         for (i in 1:batch_size) {
           p <- picture((batch - 1) * batch_size + i)
           data[, , , i] <- p$image
           label[p$cell[1], p$cell[2], c(1:5, 5 + p$class), i] <- c(1, p$box, 1)
         }
         list(data = mx.nd.array(data), label = mx.nd.array(label))
       })
}

my_iterator_func <- setRefClass("Custom_Iter",
                                fields = c("iter", "batch_size"),
                                contains = "Rcpp_MXArrayDataIter",
                                methods = list(
                                  initialize = function(iter, batch_size = 16){
                                    .self$iter <- my_iterator_core(batch_size = batch_size)
                                    .self
                                  },
                                  value = function(){
                                    .self$iter$value()
                                  },
                                  iter.next = function(){
                                    .self$iter$iter.next()
                                  },
                                  reset = function(){
                                    .self$iter$reset()
                                  },
                                  finalize=function(){
                                  }
                                )
)

my_iter <- my_iterator_func(iter = NULL, batch_size = 10)

# Network

CONV <- function(data, num_filter, name, kernel = 3, stride = 1) {
  conv <- mx.symbol.Convolution(data = data, kernel = c(kernel, kernel), stride = c(stride, stride),
                                pad = c(kernel %/% 2, kernel %/% 2), no.bias = TRUE, num.filter = num_filter,
                                name = paste0(name, '_conv'))
  bn <- mx.symbol.BatchNorm(data = conv, fix.gamma = FALSE, name = paste0(name, '_bn'))
  return(mx.symbol.LeakyReLU(data = bn, act.type = 'leaky', slope = 0.1, name = paste0(name, '_lrelu')))
}

data <- mx.symbol.Variable('data')
body <- CONV(CONV(data, 6, 's1', stride = 2), 8, 's2', stride = 2)
yolo <- mx.symbol.Convolution(data = body, kernel = c(1, 1), num_filter = 7, name = 'yolo')

# Loss

MSE_loss_function <- function(pred, truth, weight) {
  return(mx.symbol.mean(mx.symbol.broadcast_mul(weight, mx.symbol.square(pred - truth)), axis = 0:3, keepdims = FALSE))
}
CE_loss_function <- function(pred, truth, weight, eps = 1e-4) {
  ce <- 0 - (mx.symbol.log(pred + eps) * truth + mx.symbol.log(1 - pred + eps) * (1 - truth))
  return(mx.symbol.mean(mx.symbol.broadcast_mul(weight, ce), axis = c(0, 1, 2, 3)))
}

YOLO_loss_function <- function(pred, label, lambda = c(10, 10, 5), name = 'yolo') {
  pred_split <- mx.symbol.SliceChannel(data = pred, num_outputs = 7, axis = 1, squeeze.axis = FALSE,
                                       name = paste(name, '_pred_split'))
  label_split <- mx.symbol.SliceChannel(data = label, num_outputs = 7, axis = 1, squeeze_axis = 0,
                                        name = paste(name, '_label_split'))
  obj <- mxnet:::mx.varg.symbol.internal.not_equal_scalar(list(label_split[[1]], scalar = 0))
  noobj <- 1 - obj
  my_loss <- 0
  for (i in 2:3) {
    my_loss <- my_loss + MSE_loss_function(mx.symbol.sigmoid(pred_split[[i]]), label_split[[i]], obj) * lambda[1]
  }
  for (i in 4:5) {
    size <- mx.symbol.clip(mx.symbol.exp(pred_split[[i]]), a.min = 1e-3, a.max = 20)
    my_loss <- my_loss + MSE_loss_function(size, label_split[[i]], obj) * lambda[2]
  }
  confidence <- mx.symbol.sigmoid(pred_split[[1]])
  my_loss <- my_loss + CE_loss_function(confidence, label_split[[1]], obj * lambda[3] + noobj * 0.5)
  classes <- mxnet:::mx.varg.symbol.Concat(c(list(pred_split[[6]], pred_split[[7]]), list(dim = 1, num.args = 2)))
  truth <- mx.symbol.concat(data = list(label_split[[6]], label_split[[7]]), num.args = 2, dim = 1, name = paste0(name, "_truth"))
  my_loss + CE_loss_function(mx.symbol.softmax(classes, axis = 1), truth, mx.symbol.BlockGrad(obj))
}

label <- mx.symbol.Variable('label')
final_yolo <- mx.symbol.MakeLoss(data = YOLO_loss_function(yolo, label), name = 'yolo_loss')

# Training

my.eval.metric.loss <- mx.metric.custom(name = "my-loss", function(real, pred) {
  return(as.array(pred))
})
my_logger <- mx.metric.logger$new()
losses <- c()
my_callback <- function(iteration, nbatch, env, verbose = TRUE) {
  all_layers <- env$model$symbol$get.internals()
  stopifnot("yolo_output" %in% all_layers$outputs)
  losses <<- c(losses, env$metric$get(env$train.metric)$value)
  return(TRUE)
}

my_batch_callback <- function(iteration, nbatch, env, verbose) {
  my_logger$train <- c(my_logger$train, env$metric$get(env$train.metric)$value)
}

given(loss = final_yolo, pred = yolo, batches = all.batches(my_iter))
mx.set.seed(0)
model <- mx.model.FeedForward.create(final_yolo, X = my_iter, num.round = 8, ctx = mx.gpu(),
                                     initializer = mx.init.Xavier(factor_type = "in", magnitude = 2.34),
                                     optimizer = "adam", learning.rate = 0.01, beta1 = 0.9, beta2 = 0.99, clip_gradient = 0.05,
                                     eval.metric = my.eval.metric.loss, epoch.end.callback = my_callback,
                                     batch.end.callback = my_batch_callback)
agree("epochs", losses)
agree("running", my_logger$train)
agree("end", model$arg.params)
agree("aux", model$aux.params)

# Boxes of the first batch

model$symbol <- yolo
my_iter$reset(); my_iter$iter.next()
agree("pred", mxnet:::predict.MXFeedForwardModel(model, as.array(my_iter$value()$data), array.layout = "colmajor"))
done()
