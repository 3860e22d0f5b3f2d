# Survival of patients: a network under the negative log of Cox's partial likelihood. In the manner of 2018: an iterator of
# closures, an executor, an optimizer without ctx, and a loop.
library(mxnet)
source("_check.R")
begin("cox")

# 1. Data: five measurements, the time of the last visit, and whether that was the event

set.seed(0)
n <- 120
TRAIN.X <- matrix(rnorm(5 * n), nrow = 5)
hazard <- exp(0.9 * TRAIN.X[1, ] - 0.6 * TRAIN.X[2, ] + 0.4 * TRAIN.X[3, ] * TRAIN.X[4, ])
failure <- rexp(n) / hazard
censoring <- rexp(n, rate = 0.6)
TRAIN.TIME <- pmin(failure, censoring)
TRAIN.EVENT <- as.numeric(failure <= censoring)

# 2. Iterator: the risk sets are a matrix of the batch by the batch

my_iterator_core <- function(batch_size) {

  batch = 0
  batch_per_epoch = ncol(TRAIN.X)/batch_size

  reset = function() {batch <<- 0}

  iter.next = function() {
    batch <<- batch+1
    if (batch > batch_per_epoch) {return(FALSE)} else {return(TRUE)}
  }

  value = function() {
    idx = 1:batch_size + (batch - 1) * batch_size
    data = mx.nd.array(TRAIN.X[, idx])
    label = mx.nd.array(TRAIN.EVENT[idx])
    at_risk = outer(TRAIN.TIME[idx], TRAIN.TIME[idx], function(j, i) {as.numeric(j >= i)})
    return(list(data = data, label = label, risk_label = mx.nd.array(at_risk)))
  }

  return(list(reset = reset, iter.next = iter.next, value = value, batch_size = batch_size, batch = batch))
}

my_iter <- my_iterator_core(batch_size = 30)

# 3. Architecture and loss

data <- mx.symbol.Variable(name = 'data')
fc1 <- mx.symbol.FullyConnected(data = data, num.hidden = 8, name = 'fc1')
relu1 <- mx.symbol.Activation(data = fc1, act.type = 'relu', name = 'relu1')
final_pred <- mx.symbol.FullyConnected(data = relu1, num.hidden = 1, no.bias = TRUE, name = 'final_pred')

COX_LOSS <- function (eta, event, risk, eps = 1e-8) {
  eta_i <- mx.symbol.reshape(data = eta, shape = -1)
  eta_j <- mx.symbol.reshape(data = eta, shape = c(-1, 1))
  exp_eta <- mx.symbol.broadcast_mul(lhs = mx.symbol.exp(eta_j), rhs = risk)
  log_sum <- mx.symbol.log(mx.symbol.sum_axis(data = exp_eta, axis = 1) + eps)
  likelihood <- (eta_i - log_sum) * event
  return(0 - mx.symbol.broadcast_div(mx.symbol.sum(likelihood), mx.symbol.sum(event) + eps))
}

label <- mx.symbol.Variable(name = 'label')
risk_label <- mx.symbol.Variable(name = 'risk_label')
cox_loss <- mx.symbol.MakeLoss(data = COX_LOSS(final_pred, label, risk_label), name = 'cox_loss')

# 4. Executor and optimizer

my_executor <- mx.simple.bind(symbol = cox_loss, data = c(5, 30), risk_label = c(30, 30), ctx = mx.cpu(), grad.req = "write")

mx.set.seed(0)
new_arg <- mxnet:::mx.model.init.params(symbol = cox_loss, input.shape = list(data = c(5, 30), risk_label = c(30, 30)),
                                        output.shape = NULL, initializer = mxnet:::mx.init.uniform(0.3), ctx = mx.cpu())
given(loss = cox_loss, weights = new_arg$arg.params, batches = all.batches(my_iter))
agree("start", new_arg$arg.params)

mx.exec.update.arg.arrays(my_executor, new_arg$arg.params, match.name = TRUE)
mx.exec.update.aux.arrays(my_executor, new_arg$aux.params, match.name = TRUE)

my_optimizer <- mx.opt.create(name = "adam", learning.rate = 0.01, beta1 = 0.9, beta2 = 0.999, epsilon = 1e-08, wd = 1e-4)
my_updater <- mx.opt.get.updater(optimizer = my_optimizer, weights = my_executor$ref.arg.arrays)

# 5. Training

losses <- NULL
for (epoch in 1:6) {
  my_iter$reset()
  while (my_iter$iter.next()) {
    my_values <- my_iter$value()
    mx.exec.update.arg.arrays(my_executor, arg.arrays = my_values, match.name = TRUE)
    mx.exec.forward(my_executor, is.train = TRUE)
    mx.exec.backward(my_executor)
    update_args <- my_updater(weight = my_executor$ref.arg.arrays, grad = my_executor$ref.grad.arrays)
    mx.exec.update.arg.arrays(my_executor, update_args, skip.null = TRUE)
    losses <- c(losses, as.array(my_executor$ref.outputs$cox_loss_output))
  }
  message("epoch = ", epoch, ": loss = ", formatC(mean(tail(losses, 4)), 4, format = "f"))
}
agree("losses", losses)

# 6. The model, and the hazard it predicts

cox_model <- mxnet:::mx.model.extract.model(symbol = final_pred, train.execs = list(my_executor))
agree("end", cox_model$arg.params)
agree("eta", predict(cox_model, TRAIN.X, array.layout = "colmajor")[1, ])
done()
