# Methods by which reticulate converts symbols, NDArrays and executors: objects that a script makes or uses by
# reticulate::import("mxr") are this package's own objects.

from_reticulate <- function(x) call_python("bridge.same", x)

to_reticulate <- function(x, convert = FALSE) {
  call_python("bridge.share", x)
  reticulate::py_eval("__import__('mxr.r.bridge.share', fromlist=['take']).take()", convert = FALSE)
}

#' @exportS3Method reticulate::py_to_r
py_to_r.mxr.graph.symbol.Symbol <- function(x) from_reticulate(x)

#' @exportS3Method reticulate::py_to_r
py_to_r.mxr.engine.ndarray.NDArray <- function(x) from_reticulate(x)

#' @exportS3Method reticulate::py_to_r
py_to_r.mxr.engine.executor.Executor <- function(x) from_reticulate(x)

#' @exportS3Method reticulate::r_to_py
r_to_py.Rcpp_MXSymbol <- function(x, convert = FALSE) to_reticulate(x)

#' @exportS3Method reticulate::r_to_py
r_to_py.MXNDArray <- function(x, convert = FALSE) to_reticulate(x)

#' @exportS3Method reticulate::r_to_py
r_to_py.Rcpp_MXExecutor <- function(x, convert = FALSE) to_reticulate(x)
