mx.set.seed(0)
x <- matrix(rnorm(150), 50, 3)
y <- x[, 1] - 2 * x[, 2]

data <- mx.symbol.Variable("data")
label <- mx.symbol.Variable("label")
fc <- mx.symbol.FullyConnected(data, num.hidden = 1, name = "pred")
# a squared error; Reshape makes a vector of the network's column
loss <- mx.symbol.MakeLoss(mx.symbol.square(mx.symbol.Reshape(fc, shape = 0) - label), name = "loss")

# the output is the loss, so a metric of one's own shows it
loss.metric <- mx.metric.custom("loss", function(label, pred) mean(pred))
model <- mx.model.FeedForward.create(loss, X = x, y = y, num.round = 10, array.batch.size = 10,
                                     learning.rate = 0.1, array.layout = "rowmajor",
                                     eval.metric = loss.metric)

# to predict, name the layer before the loss
head(cbind(y, t(predict(model, x, array.layout = "rowmajor", output = "pred_output"))))
# or give the model that layer by internals(), as scripts for MXNet do
inner <- internals(model$symbol)
model$symbol <- inner[[match("pred_output", outputs(inner))]]
head(t(predict(model, x, array.layout = "rowmajor")))
