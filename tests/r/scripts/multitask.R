# Two tasks on one trunk: a regression and a classification, each under a MakeLoss of its own, weighted by grad.scale.
source("_check.R")
n <- 24
x <- wave(5, n, k = 0.77); y <- colSums(x) / 2; z <- (seq_len(n) - 1) %% 3
onehot <- matrix(0, 3, n); onehot[cbind(z + 1, seq_len(n))] <- 1

data <- mx.symbol.Variable("data"); reg_label <- mx.symbol.Variable("reg_label"); cls_label <- mx.symbol.Variable("cls_label")
trunk <- mx.symbol.FullyConnected(data, num.hidden = 7, name = "trunk"); trunk <- mx.symbol.Activation(trunk, act.type = "tanh", name = "trunk_act")
value <- mx.symbol.FullyConnected(trunk, num.hidden = 1, name = "value")
scores <- mx.symbol.FullyConnected(trunk, num.hidden = 3, name = "scores")
prob <- mx.symbol.SoftmaxOutput(data = scores, label = cls_label, name = "prob")
logp <- mx.symbol.log_softmax(scores, axis = 1)
reg <- mx.symbol.MakeLoss(mx.symbol.smooth_l1(mx.symbol.Reshape(value, shape = 0) - reg_label, scalar = 2), grad.scale = 0.5, normalization = "valid", valid.thresh = 0.01, name = "reg")
cls <- mx.symbol.MakeLoss(0 - mx.symbol.sum(logp * cls_label, axis = 1), grad.scale = 2, normalization = "batch", name = "cls")
both <- mx.symbol.Group(list(reg, cls, mx.symbol.BlockGrad(mx.symbol.softmax(scores, axis = 1), name = "p")))
stopifnot(identical(outputs(both), c("reg_output", "cls_output", "p_output")), "prob_output" %in% outputs(prob))

init <- start.values(both, list(data = c(5, n), reg_label = n, cls_label = c(3, n)))
case("multitask", list(net = both), c(list(data = x, reg_label = array(y, n), cls_label = onehot), init))

ex <- mx.simple.bind(both, ctx = mx.cpu(), grad.req = "write", data = c(5, n), reg_label = n, cls_label = c(3, n))
mx.exec.update.arg.arrays(ex, init, match.name = TRUE)
mx.exec.update.arg.arrays(ex, list(data = mx.nd.array(x), reg_label = mx.nd.array(y), cls_label = mx.nd.array(onehot)), match.name = TRUE)
up <- mx.opt.get.updater(mx.opt.create("adadelta", rho = 0.9, eps = 1e-4), ex$ref.arg.arrays, ctx = mx.cpu())
for (i in 1:10) {
  mx.exec.forward(ex, is.train = TRUE); mx.exec.backward(ex)
  mx.exec.update.arg.arrays(ex, up(ex$ref.arg.arrays, ex$ref.grad.arrays), skip.null = TRUE)
}
for (nm in c("reg", "cls", "p")) expect(nm, ex$ref.outputs[[paste0(nm, "_output")]])
expect("trunk_weight", ex$ref.arg.arrays$trunk_weight); expect("scores_bias", ex$ref.arg.arrays$scores_bias)
expect("trunk_grad", ex$ref.grad.arrays$trunk_weight)
finish()
