#' MXNet's R package, running again
#'
#' R scripts written for Apache MXNet, unmodified, with MXNet's own numbers. The functions are those of MXNet's R
#' package, versions 0.7 to 1.9; the work is done by mxr, a package of Python, on the processor.
#'
#' To begin: [mx.symbol.MakeLoss()] makes any expression of symbols a loss, [mx.model.FeedForward.create()] trains, and
#' `predict` predicts ([predict.MXFeedForwardModel()]). `vignette("custom-losses", package = "mxnet")` goes from an
#' expression to a trained model; `demo(package = "mxnet")` lists 31 losses, each with data and R's own model beside
#' it, such as `demo("focal-loss", package = "mxnet")`.
#'
#' Networks: [mx.symbol.Variable()], [mx.symbol.FullyConnected()], [mx.symbol.Convolution()] and some three hundred
#' more; `help.search("layer", package = "mxnet")` finds those of a kind, as do "loss", "activation function",
#' "recurrent network", "random numbers". `summary` and `plot` show a network, [graph.viz()] as MXNet did.
#'
#' Arrays: [mx.nd.array()] and `as.array`; R's arithmetic works on them. Dimensions are R's, the samples last.
#'
#' Training by hand: [mx.simple.bind()], [mx.exec.forward()], [mx.opt.create()], [mx.opt.get.updater()]. Data:
#' [mx.io.arrayiter()], [mx.io.CSVIter()], [im2rec()]. Watching: [mx.metric.custom()], [mx.metric.accuracy()],
#' [mx.callback.log.train.metric()], [mx.callback.plot()], [mx.callback.early.stop()].
#'
#' An old script: [mx.check.script()] reads it and tells what works, what differs and what is missing;
#' `vignette("old-scripts", package = "mxnet")` tells more. Models keep by [mx.model.save()] in MXNet's files, and by
#' `saveRDS`.
#'
#' Options: `options(MXR_PYTHON = )`, the Python to use, else the one that the package was installed for;
#' `options(mxnet.progress = FALSE)` for no line of progress in interactive sessions. Where something does not work,
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
