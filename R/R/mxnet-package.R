#' MXNet's R package, running again
#'
#' Runs R scripts written for Apache MXNet, unmodified, with MXNet's own numbers. The functions are those of MXNet's R
#' package, versions 0.7 to 1.9. They call mxr, a Python package that computes on the CPU.
#'
#' To begin: [mx.symbol.MakeLoss()] makes a loss of any expression of symbols, [mx.model.FeedForward.create()] trains,
#' and `predict` predicts ([predict.MXFeedForwardModel()]). `vignette("custom-losses", package = "mxnet")` goes from an
#' expression to a trained model. `demo(package = "mxnet")` lists 31 losses, such as
#' `demo("focal-loss", package = "mxnet")`, each with data and a comparison with R's own model.
#'
#' Networks: [mx.symbol.Variable()], [mx.symbol.FullyConnected()], [mx.symbol.Convolution()] and about three hundred
#' more. `help.search("layer", package = "mxnet")` finds layers; try also "loss", "activation function", "recurrent
#' network", "random numbers". `summary` and `plot` show a network, [graph.viz()] draws it as in MXNet.
#'
#' Arrays: [mx.nd.array()] and `as.array`; R's arithmetic works on them. Dimensions are in R's order, the samples last.
#'
#' Custom training loops: [mx.simple.bind()], [mx.exec.forward()], [mx.opt.create()], [mx.opt.get.updater()]. Data:
#' [mx.io.arrayiter()], [mx.io.CSVIter()], [im2rec()]. Monitoring: [mx.metric.custom()], [mx.metric.accuracy()],
#' [mx.callback.log.train.metric()], [mx.callback.plot()], [mx.callback.early.stop()].
#'
#' Old scripts: [mx.check.script()] reads a script and lists what works, what differs and what is missing; see also
#' `vignette("old-scripts", package = "mxnet")`. [mx.model.save()] saves models in MXNet's files; `saveRDS` works too.
#'
#' Options: `options(MXR_PYTHON = )` is the Python to use, see [mx.python()] for the default.
#' `options(mxnet.progress = FALSE)` turns off the progress line in interactive sessions. If something does not work,
#' `mxr doctor` on the command line says what to do.
#'
#' @name mxnet-package
#' @aliases mxnet
#' @examples
#' x <- scale(mtcars[, c("wt", "hp")])
#' fit <- mx.symbol.FullyConnected(mx.symbol.Variable("data"), num.hidden = 1, name = "fit")
#' error <- mx.symbol.Reshape(fit, shape = 0) - mx.symbol.Variable("label")
#' loss <- mx.symbol.MakeLoss(mx.symbol.square(error), name = "loss")
#' mx.set.seed(1)
#' model <- mx.model.FeedForward.create(loss, X = x, y = mtcars$mpg, array.layout = "rowmajor", num.round = 200,
#'                                      optimizer = "adam", learning.rate = 0.5, verbose = FALSE)
#' predicted <- predict(model, x, array.layout = "rowmajor", output = "fit")
#' head(data.frame(mpg = mtcars$mpg, predicted = c(predicted)))
#' @concept deep learning
#' @concept neural network
#' @concept loss function
#' @seealso [mx.check.script()], [mx.loss.curve()].
NULL
