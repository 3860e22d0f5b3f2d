# Metrics: lists of init(), update(label, pred, state) and get(state), of class "mx.metric".
# The state is c(number of batches, sum over batches); the value is the mean over batches.

# `at.once`: `score` does not keep the arrays, so it can get the executor's own arrays without a copy.
# `kind`: the metric's name in Python (mxr/r/verbs/metric.py), NULL if R computes the score.
new_metric <- function(name, score, at.once = TRUE, kind = NULL) {
  structure(list(
    init = function() c(0, 0),
    update = structure(function(label, pred, state) add_score(state, score(label, pred)),
                       at.once = at.once, kind = kind),
    get = function(state) list(name = name, value = state[[2]] / state[[1]])), class = "mx.metric")
}

# A metric's state after a batch with that score.
add_score <- function(state, score) c(state[[1]] + 1, state[[2]] + score)

# A function that prepares labels and predictions for a metric: it copies them, unless the metric does not keep arrays.
for_metric <- function(metric) {
  if (is.null(metric) || isTRUE(attr(metric$update, "at.once"))) identity
  else function(x) if (is.mx.ndarray(x)) call_python("nd.copy", x) else x
}

# The result of a user's function (a number, an array or an NDArray) as one number. If there are several, the first
# counts, as in MXNet; a warning says so, once for each metric name.
as_score <- function(x, name) {
  x <- as_plain(if (is.list(x) && length(x) == 1) x[[1]] else x)
  if (!(is.numeric(x) || is.logical(x)) || !length(x))
    stop_type("the metric ", name, " must give one number, not ", kind_of(x))
  if (length(x) > 1 && !name %in% .MXNetEnv$long.metrics) {
    .MXNetEnv$long.metrics <- c(.MXNetEnv$long.metrics, name)
    warning("the metric ", name, " gives ", length(x), " numbers for a batch, of which the first counts: ",
            "let it give one, such as their mean", call. = FALSE)
  }
  as.numeric(x[[1]])
}

as_plain <- function(x) if (is.mx.ndarray(x)) as.array(x) else x

# A copy of an array as an NDArray, so that the user's function may keep it.
as_nd <- function(x) if (is.numeric(x) || is.mx.ndarray(x)) mx.nd.array(x) else x

#' A metric of your own
#'
#' Wraps a function of the labels and the predictions of one batch. Its values are averaged over the batches. For a
#' network that ends in a loss (`mx.symbol.MakeLoss`) the prediction is the loss itself.
#'
#' `feval` is called with R arrays, labels first. R's own functions work on them, and so do the `mx.nd` functions. If
#' `feval` fails, it is called with NDArrays, then and in all later calls. It may return a number, an array or an
#' NDArray of one element; of several elements the first counts. `mx.metric.custom_nd` always calls `feval` with
#' NDArrays.
#'
#' @param name name to print.
#' @param feval function of (label, pred), called by position.
#' @return A metric, to be passed as `eval.metric`.
#' @examples
#' mae <- mx.metric.custom("mae", function(label, pred) mean(abs(label - pred)))
#' state <- mae$update(array(1:3), array(2:4), mae$init())
#' mae$get(state)
#' @concept metric
#' @concept evaluation
#' @seealso [mx.metric.accuracy] and the others that are there.
#' @export
mx.metric.custom <- function(name, feval) {
  check_function(feval, "mx.metric.custom: feval must be a function of (label, pred)")
  plain <- TRUE
  new_metric(name, function(label, pred) {
    score <- function(as) as_score(feval(as(label), as(pred)), name)
    if (!plain) return(score(as_nd))
    try.as <- function(as) tryCatch(list(score(as)), error = function(e) NULL)
    # functions written since 2018 may need NDArrays: as.array(label) of an NDArray, for example, is a plain vector
    value <- try.as(as_plain)
    if (is.null(value)) {
      value <- try.as(as_nd)
      if (is.null(value)) return(score(as_plain))       # it fails again, now with R's own traceback
      plain <<- FALSE
    }
    value[[1]]
  })
}

#' @rdname mx.metric.custom
#' @export
mx.metric.custom_nd <- function(name, feval) {
  force(feval)
  new_metric(name, function(label, pred) as_score(feval(label, pred), name), at.once = FALSE)
}

# A metric that is computed in one call, in single precision as MXNet's array functions did.
built_in_metric <- function(name, kind = name) {
  force(kind)
  new_metric(name, function(label, pred) call_python("metric.score", kind, label, pred), kind = kind)
}

#' Metrics
#'
#' Built-in metrics for `eval.metric`. Each is computed per batch and averaged over the batches: the `rmse` of an
#' epoch is the mean of the batches' values.
#'
#' `accuracy`: share of samples whose largest output is the label. `top_k_accuracy`: share with the label among the five
#' largest. `mse`, `rmse`, `mae`, `rmsle`: mean squared, root mean squared, mean absolute and root mean squared
#' logarithmic error. `logloss`, `logistic_acc`: negative log likelihood and accuracy of probabilities of class 1.
#' `Perplexity`: exp of the mean negative log likelihood, labels of -1 left out.
#' @format Lists of class `mx.metric` with the elements `init`, `update` and `get`.
#' @examples
#' state <- mx.metric.mse$update(mx.nd.array(1:3), mx.nd.array(c(1, 2, 5)), mx.metric.mse$init())
#' mx.metric.mse$get(state)
#' @concept metric
#' @concept evaluation
#' @concept accuracy
#' @seealso [mx.metric.custom()] for a metric of your own.
#' @export
mx.metric.accuracy <- built_in_metric("accuracy")

#' @rdname mx.metric.accuracy
#' @export
mx.metric.top_k_accuracy <- built_in_metric("top_k_accuracy")

#' @rdname mx.metric.accuracy
#' @export
mx.metric.mse <- built_in_metric("mse")

#' @rdname mx.metric.accuracy
#' @export
mx.metric.rmse <- built_in_metric("rmse")

#' @rdname mx.metric.accuracy
#' @export
mx.metric.mae <- built_in_metric("mae")

#' @rdname mx.metric.accuracy
#' @export
mx.metric.rmsle <- built_in_metric("rmsle")

#' @rdname mx.metric.accuracy
#' @export
mx.metric.Perplexity <- built_in_metric("Perplexity")

#' @rdname mx.metric.accuracy
#' @export
mx.metric.logloss <- built_in_metric("logloss")

#' @rdname mx.metric.accuracy
#' @export
mx.metric.logistic_acc <- built_in_metric("accuracy", "logistic_acc")
