# Siamese networks: two branches that share their weights, contrastive loss with a margin, pairs of irises from a
# list of closures, and calls put together by do.call.
library(mxnet)
source("_check.R")
begin("contrastive")

features <- t(scale(as.matrix(iris[, 1:4])))
species <- as.integer(iris$Species)

pair.iter <- function(batch.size, batches) {
  at <- 0
  list(reset = function() at <<- 0,
       iter.next = function() { at <<- at + 1; at <= batches },
       value = function() {
         one <- (((at - 1) * batch.size + seq_len(batch.size)) * 7) %% 150 + 1
         two <- (one * 11 + at) %% 150 + 1
         list(left_data = mx.nd.array(features[, one]), right_data = mx.nd.array(features[, two]),
              label = mx.nd.array(as.numeric(species[one] == species[two])))
       })
}
train.data <- pair.iter(batch.size = 20, batches = 5)

w1 <- mx.symbol.Variable("embed.1.weight"); b1 <- mx.symbol.Variable("embed.1.bias")
w2 <- mx.symbol.Variable("embed.2.weight"); b2 <- mx.symbol.Variable("embed.2.bias")

branch <- function(side) {
  x <- mx.symbol.Variable(paste0(side, "_data"))
  h <- mx.symbol.FullyConnected(data = x, weight = w1, bias = b1, num.hidden = 10, name = paste0(side, "1"))
  h <- mx.symbol.tanh(h)
  h <- mx.symbol.FullyConnected(data = h, weight = w2, bias = b2, num.hidden = 3, name = paste0(side, "2"))
  mx.symbol.L2Normalization(data = h, name = paste0(side, "_unit"))
}

margin <- 1.2
label <- mx.symbol.Variable("label")
delta <- branch("left") - branch("right")
squared <- mx.symbol.sum(delta^2, axis = 1)
distance <- mx.symbol.sqrt(squared + 1e-6)
hinge <- mx.symbol.relu(margin - distance)
contrastive <- mx.symbol.mean(label * squared + (1 - label) * hinge * hinge)
loss <- mx.symbol.Group(mx.symbol.MakeLoss(contrastive, name = "contrastive"), mx.symbol.BlockGrad(distance, name = "distance"))

input.shape <- list(left_data = c(4, 20), right_data = c(4, 20), label = 20)
slist <- do.call(mx.symbol.infer.shape, c(list(symbol = loss), input.shape))
mx.set.seed(5)
params <- mx.init.create(mx.init.uniform(0.7), slist$arg.shapes, mx.cpu())
given(loss = loss, weights = params, batches = all.batches(train.data))
agree("start", params)

texec <- do.call(mx.simple.bind, c(list(symbol = loss, ctx = mx.cpu(), grad.req = "write"), input.shape))
mx.exec.update.arg.arrays(texec, params, match.name = TRUE)
optimizer <- do.call("mx.opt.create", list(name = "adagrad", learning.rate = 0.05, epsilon = 1e-07, wd = 1e-3,
                                           clip_gradient = NULL, lr_scheduler = NULL))
updater <- mx.opt.get.updater(optimizer, texec$ref.arg.arrays)

losses <- numeric(0)
for (round in 1:5) {
  train.data$reset()
  while (train.data$iter.next()) {
    mx.exec.update.arg.arrays(texec, train.data$value(), match.name = TRUE)
    mx.exec.forward(texec)
    mx.exec.backward(texec)
    mx.exec.update.arg.arrays(texec, updater(texec$ref.arg.arrays, texec$ref.grad.arrays), skip.null = TRUE)
    losses[length(losses) + 1] <- as.numeric(as.array(texec$ref.outputs$contrastive_output))
  }
}
agree("losses", losses)
agree("distance", texec$ref.outputs[["distance_output"]])
agree("end", texec$arg.arrays[names(params)])
done()
