# A convolutional autoencoder on pieces of a landscape. Its layers are written with text for every parameter, as scripts do
# that were made from a symbol file; the trained model goes through a checkpoint.
library(mxnet)
source("_check.R")
begin("autoencoder")

height <- (volcano - 130) / 65
piece <- function(k) height[(k * 7) %% 71 + 1:16, (k * 5) %% 45 + 1:16]
images <- array(sapply(1:24, piece), c(16, 16, 1, 24))

data <- mx.symbol.Variable("data")
conv1 <- mx.symbol.Convolution(data, name = "conv1", kernel = "(3,3)", stride = "(2,2)", pad = "(1,1)", dilate = "(1,1)",
                               num_filter = "6", num_group = "1", no_bias = "True", workspace = "512",
                               cudnn_tune = "limited_workspace")
bn1 <- mx.symbol.BatchNorm(conv1, name = "bn1", eps = "0.001", momentum = "0.9", fix_gamma = "False", use_global_stats = "False")
relu1 <- mx.symbol.Activation(bn1, name = "relu1", act_type = "relu")
pool1 <- mx.symbol.Pooling(relu1, name = "pool1", kernel = "(2,2)", stride = "(2,2)", pool_type = "max",
                           pooling_convention = "valid")
code <- mx.symbol.Convolution(pool1, name = "code", kernel = "(1,1)", num_filter = "3", no_bias = "False")
up1 <- mx.symbol.UpSampling(code, name = "up1", scale = "2", sample_type = "nearest", num_args = "1")
deconv1 <- mx.symbol.Deconvolution(up1, name = "deconv1", kernel = "(4,4)", stride = "(2,2)", pad = "(1,1)",
                                   num_filter = "1", no_bias = "False")
decoded <- mx.symbol.tanh(deconv1, name = "decoded")

label <- mx.symbol.Variable("label")
l1 <- mx.symbol.abs(mx.symbol.broadcast_minus(mx.symbol.Flatten(decoded), label))
l2 <- mx.symbol.square(mx.symbol.Flatten(decoded) - label)
loss <- mx.symbol.MakeLoss(mx.symbol.mean(0.2 * l1 + l2, axis = c(0, 1), keepdims = FALSE), name = "loss")

mx.set.seed(1)
train <- mx.io.arrayiter(data = mx.nd.array(images), label = matrix(images, 256), batch.size = 8, shuffle = TRUE)
train$reset(); train$iter.next()
params <- mxnet:::mx.model.init.params(loss, list(data = dim(train$value()$data)), NULL,
                                       mx.init.Xavier("gaussian", "in", 2.0), mx.cpu())
given(loss = loss, decoded = decoded, images = images, weights = params$arg.params)
agree("start", params$arg.params)

executor <- mx.simple.bind(symbol = loss, data = c(16, 16, 1, 8), ctx = mx.cpu(), grad.req = "write")
mx.exec.update.arg.arrays(executor, params$arg.params, match.name = TRUE)
mx.exec.update.aux.arrays(executor, params$aux.params, match.name = TRUE)
updater <- mx.opt.get.updater(optimizer = mx.opt.create(name = "sgd", learning.rate = 0.1, momentum = 0.9, wd = 1e-4,
                                                        rescale.grad = 1, clip_gradient = NULL),
                              weights = executor$ref.arg.arrays)
losses <- NULL
for (epoch in 1:8) {
  train$reset()
  while (train$iter.next()) {
    mx.exec.update.arg.arrays(executor, train$value(), match.name = TRUE)
    mx.exec.forward(executor, is.train = TRUE)
    mx.exec.backward(executor)
    new <- updater(weight = executor$ref.arg.arrays, grad = executor$ref.grad.arrays)
    mx.exec.update.arg.arrays(executor, new, skip.null = TRUE)
    losses <- c(losses, as.array(executor$ref.outputs$loss_output))
  }
}
agree("losses", losses)
agree("end", executor$arg.arrays[names(params$arg.params)])
agree("aux", executor$aux.arrays)

model <- mxnet:::mx.model.extract.model(symbol = decoded, train.execs = list(executor))
prefix <- file.path(tempdir(), "autoencoder")
mx.model.save(model, prefix, epoch)
again <- mx.model.load(prefix, iteration = epoch)
agree("decoded", predict(again, images[, , , 1:5, drop = FALSE], array.batch.size = 4))
done()
