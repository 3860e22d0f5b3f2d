# Three tasks on one trunk: consumption, number of cylinders and gearbox of cars, each under a MakeLoss of its own that is
# weighted by grad.scale and normalized in its own way; a Group of all of them.
library(mxnet)
source("_check.R")
begin("multitask")

x <- t(scale(as.matrix(mtcars[, c("disp", "hp", "drat", "wt", "qsec")])))
mpg <- as.numeric(scale(mtcars$mpg))
cyl <- t(model.matrix(~ factor(cyl) - 1, mtcars))
manual <- mtcars$am
n <- ncol(x)

data <- mx.symbol.Variable("data")
trunk <- mx.symbol.FullyConnected(data, num.hidden = 9, name = "trunk")
trunk <- mx.symbol.Activation(trunk, act.type = "tanh", name = "trunk_act")

mpg_hat <- mx.symbol.FullyConnected(trunk, num.hidden = 1, name = "mpg")
mpg_label <- mx.symbol.Variable("mpg_label")
mpg_loss <- mx.symbol.MakeLoss(mx.symbol.smooth_l1(mx.symbol.Reshape(mpg_hat, shape = 0) - mpg_label, scalar = 1.5),
                               grad.scale = 0.8, normalization = "valid", valid.thresh = 0.02, name = "mpg_loss")

cyl_hat <- mx.symbol.softmax(mx.symbol.FullyConnected(trunk, num.hidden = 3, name = "cyl"), axis = 1, name = "cyl_hat")
cyl_label <- mx.symbol.Variable("cyl_label")
cyl_loss <- mx.symbol.MakeLoss(0 - cyl_label * mx.symbol.log(cyl_hat + 1e-8), grad_scale = 2, normalization = "batch",
                               name = "cyl_loss")

# SoftmaxOutput's relative as an inner node: it ignores its head gradient and has its own gradient
am_label <- mx.symbol.Variable("am_label")
am_logit <- mx.symbol.Reshape(mx.symbol.FullyConnected(trunk, num.hidden = 1, name = "am"), shape = -1)
am_hat <- mx.symbol.LogisticRegressionOutput(am_logit, am_label, grad.scale = 0.05, name = "am_hat")
am_ce <- 0 - (mx.symbol.log(am_hat + 1e-8) * am_label + mx.symbol.log(1 - am_hat + 1e-8) * (1 - am_label))
am_loss <- mx.symbol.MakeLoss(am_ce, name = "am_loss")

all_loss <- mx.symbol.Group(list(mpg_loss, cyl_loss, am_loss, mx.symbol.BlockGrad(cyl_hat, name = "cyl_prob")))
stopifnot(outputs(all_loss) == c("mpg_loss_output", "cyl_loss_output", "am_loss_output", "cyl_prob_output"))

mx.set.seed(9)
weights <- mxnet:::mx.model.init.params(all_loss, list(data = c(5, n)), list(mpg_label = n, cyl_label = c(3, n), am_label = n),
                                        mxnet:::mx.init.Xavier(factor_type = "avg", magnitude = 2.5), mx.cpu())$arg.params
feed <- list(data = mx.nd.array(x), mpg_label = mx.nd.array(mpg), cyl_label = mx.nd.array(cyl), am_label = mx.nd.array(manual))
given(net = all_loss, weights = weights, feed = feed)
agree("start", weights)

exec <- mx.simple.bind(all_loss, ctx = mx.cpu(), grad.req = "write", data = c(5, n), cyl_label = c(3, n))
mx.exec.update.arg.arrays(exec, weights, match.name = TRUE)
mx.exec.update.arg.arrays(exec, feed, match.name = TRUE)
updater <- mx.opt.get.updater(mx.opt.create("adadelta", rho = 0.92, eps = 1e-3, wd = 1e-4, clip_gradient = 0.5),
                              weights = exec$ref.arg.arrays)

# custom metrics, in the form that the training loop uses
make.metric <- function(name) {
  list(init = function() c(0, 0),
       update = function(pred, state) state + c(mean(as.array(pred)), 1),
       get = function(state) list(name = name, value = state[1] / state[2]))
}
metrics <- lapply(c(mpg = "mpg", cyl = "cyl", am = "am"), make.metric)
history <- list(mpg = NULL, cyl = NULL, am = NULL)

for (step in 1:24) {
  mx.exec.forward(exec, is.train = T)
  mx.exec.backward(exec)
  mx.exec.update.arg.arrays(exec, updater(weight = exec$ref.arg.arrays, grad = exec$ref.grad.arrays), skip.null = TRUE)
  for (task in names(metrics)) {
    state <- metrics[[task]]$update(exec$ref.outputs[[paste0(task, "_loss_output")]], metrics[[task]]$init())
    history[[task]] <- c(history[[task]], metrics[[task]]$get(state)$value)
  }
}
agree("losses", history)
agree("end", exec$ref.arg.arrays[names(weights)])
agree("gradient", exec$ref.grad.arrays[["trunk_weight"]])
agree("cyl_prob", exec$ref.outputs$cyl_prob_output)
done()
