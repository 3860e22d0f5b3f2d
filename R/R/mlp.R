#' A multi-layer perceptron in one call
#'
#' Fully connected layers with an activation after each hidden one, trained by [mx.model.FeedForward.create()].
#'
#' @param data matrix, array or iterator of inputs.
#' @param label labels; not given if `data` is an iterator, which has its own.
#' @param hidden_node vector of the hidden layers' sizes.
#' @param out_node number of outputs.
#' @param dropout NULL, or the share of the last hidden layer to drop while training.
#' @param activation name of the activation, or one name per hidden layer.
#' @param out_activation `"softmax"`, `"rmse"` or `"logistic"`.
#' @param ctx device or list of devices.
#' @param device the name of `ctx` before version 0.11.
#' @param ... further arguments of [mx.model.FeedForward.create()] and of the optimizer.
#' @return A model (class `MXFeedForwardModel`).
#' @examples
#' mx.set.seed(0)
#' x <- matrix(rnorm(200), 50, 4)
#' model <- mx.mlp(x, as.numeric(x[, 1] > 0), hidden_node = 5, out_node = 2, num.round = 30,
#'                 learning.rate = 0.5, momentum = 0.9, array.layout = "rowmajor", verbose = FALSE)
#' cbind(x[1:4, 1], t(round(predict(model, x[1:4, ], array.layout = "rowmajor"), 2)))
#' @concept neural network
#' @concept multilayer perceptron
#' @seealso [mx.model.FeedForward.create()] for any network.
#' @export
mx.mlp <- function(data, label, hidden_node = 1, out_node, dropout = NULL, activation = "tanh",
                   out_activation = "softmax", ctx = mx.ctx.default(), ..., device = ctx) {
  net <- mlp_network(hidden_node, out_node, dropout, activation, out_activation)
  if (!missing(device) && !missing(ctx))
    stop_parameter("mx.mlp: device is an earlier name of ctx; give one of them")
  mx.model.FeedForward.create(net, X = data, y = if (!missing(label)) label, ctx = device, ...)
}

# The network of mx.mlp.
mlp_network <- function(hidden_node, out_node, dropout, activation, out_activation) {
  layers <- length(hidden_node)
  if (length(activation) == 1) activation <- rep(activation, layers)
  if (length(activation) != layers)
    stop_parameter("mx.mlp: activation must be one name, or one for each of the ", layers, " hidden layers")
  if (length(dropout) > 1) stop_type("mx.mlp: dropout must be one number")
  output <- switch(out_activation, rmse = mx.symbol.LinearRegressionOutput, softmax = mx.symbol.SoftmaxOutput,
                   logistic = mx.symbol.LogisticRegressionOutput,
                   stop_parameter('mx.mlp: out_activation must be "softmax", "rmse" or "logistic"'))
  net <- mx.symbol.Variable("data")
  for (i in seq_len(layers)) {
    net <- mx.symbol.FullyConnected(net, num.hidden = hidden_node[[i]])
    net <- mx.symbol.Activation(net, act.type = activation[[i]])
  }
  if (!is.null(dropout) && layers == 0) stop_parameter("mx.mlp: dropout has no effect without a hidden layer")
  if (!is.null(dropout)) net <- mx.symbol.Dropout(net, p = mlp_dropout(dropout))
  output(mx.symbol.FullyConnected(net, num.hidden = out_node))
}

# The fraction from 0 to below 1 that MXNet takes for `dropout`.
mlp_dropout <- function(dropout) {
  check_real(dropout, "mx.mlp: dropout")
  if (dropout < 0 || dropout >= 1)
    warn_once("dropout", "mx.mlp: dropout = ", dropout, " is taken as ", if (dropout < 0) 0 else 1, ", as in MXNet")
  max(0, min(dropout, 1 - 1e-7))
}
