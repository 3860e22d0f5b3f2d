# Executors: handles of class "Rcpp_MXExecutor". The lists `ref.*` have the executor's own arrays, the other lists have
# copies.

#' Bind a network to arrays
#'
#' Infers all shapes from those given and makes an executor whose arrays are zero. Arguments whose names end in `data`
#' or `label`, and those in `fixed.param`, get no gradient; all others get `grad.req`.
#'
#' The executor's fields `ref.arg.arrays`, `ref.grad.arrays`, `ref.aux.arrays` and `ref.outputs` are named lists of its
#' own NDArrays, which change when it runs (NULL for arguments without gradient). `arg.arrays`, `grad.arrays`,
#' `aux.arrays` and `outputs` are copies.
#'
#' @param symbol a symbol.
#' @param ctx device.
#' @param grad.req `"null"`, `"write"` or `"add"` (gradients accumulate).
#' @param fixed.param names of parameters that get no gradient.
#' @param ... shapes by the names of arguments, such as `data = c(13, 60)`.
#' @return An executor.
#' @examples
#' x <- mx.symbol.Variable("x")
#' loss <- mx.symbol.MakeLoss(mx.symbol.square(x), name = "sq")
#' exec <- mx.simple.bind(loss, ctx = mx.cpu(), grad.req = "write", x = 3)
#' mx.exec.update.arg.arrays(exec, list(x = mx.nd.array(1:3)), match.name = TRUE)
#' mx.exec.forward(exec, is.train = TRUE)
#' mx.exec.backward(exec)
#' as.array(exec$ref.outputs$sq_output)
#' as.array(exec$ref.grad.arrays$x)
#' @concept executor
#' @concept training loop
#' @seealso [mx.exec.forward()], [mx.model.init.params()].
#' @export
mx.simple.bind <- function(symbol, ctx, grad.req = "null", fixed.param = NULL, ...) {
  check_short_names(sys.call(), c("symbol", "ctx", "grad.req", "fixed.param"))
  check_symbol(symbol)
  check_request(grad.req)
  if (!missing(ctx)) device_list(ctx)
  check_fixed(symbol, fixed.param, "fixed.param")
  call_python("exec.simple_bind", symbol, grad.req, as.list(fixed.param), list(...))
}

# Binds a symbol to copies of the given arrays: one for each argument, in the order of arguments(symbol) or by name.
mx.symbol.bind <- function(symbol, ctx, arg.arrays, aux.arrays = NULL, grad.reqs = "null") {
  check_symbol(symbol)
  check_request(grad.reqs)
  device_list(ctx)
  call_python("exec.bind", symbol, arg.arrays, or_else(aux.arrays, list()), as.list(grad.reqs))
}

#' Run an executor
#'
#' `mx.exec.forward` computes the outputs, `mx.exec.backward` the gradients. Losses (`MakeLoss`, the output layers)
#' start the gradient themselves; other outputs start from ones, or from the head gradients given.
#'
#' `mx.exec.update.arg.arrays`, `.aux.arrays` and `.grad.arrays` copy values into the executor's arrays. With
#' `match.name` the list is matched by names, and unknown names are errors; otherwise it is positional and complete.
#'
#' @param exec an executor.
#' @param is.train whether layers such as Dropout and BatchNorm behave as in training.
#' @param ... gradients of the outputs, as NDArrays.
#' @param arg.arrays list of NDArrays or R arrays.
#' @param match.name whether to match by name.
#' @param skip.null whether NULL entries are skipped; otherwise they are errors.
#' @return NULL, invisibly.
#' @examples
#' x <- mx.symbol.Variable("x")
#' exec <- mx.simple.bind(mx.symbol.exp(x, name = "e"), ctx = mx.cpu(), x = 2)
#' mx.exec.update.arg.arrays(exec, list(x = mx.nd.array(c(0, 1))), match.name = TRUE)
#' mx.exec.forward(exec, is.train = FALSE)
#' as.array(exec$ref.outputs$e_output)
#' @concept executor
#' @concept training loop
#' @concept gradient
#' @concept backpropagation
#' @seealso [mx.simple.bind()] makes an executor; [mx.opt.get.updater()] for the updates.
#' @export
mx.exec.forward <- function(exec, is.train = TRUE) {
  run_executor(exec, list("exec.forward", exec, as.logical(is.train)))
}

#' @rdname mx.exec.forward
#' @export
mx.exec.backward <- function(exec, ...) {
  run_executor(exec, list("exec.backward", exec, if (...length()) unname(list(...))))
}

#' @rdname mx.exec.forward
#' @export
mx.exec.update.arg.arrays <- function(exec, arg.arrays, match.name = FALSE, skip.null = FALSE) {
  run_executor(exec, list("exec.update", exec, "arg", arg.arrays, match.name, skip.null))
}

#' @rdname mx.exec.forward
#' @export
mx.exec.update.aux.arrays <- function(exec, arg.arrays, match.name = FALSE, skip.null = FALSE) {
  run_executor(exec, list("exec.update", exec, "aux", arg.arrays, match.name, skip.null))
}

#' @rdname mx.exec.forward
#' @export
mx.exec.update.grad.arrays <- function(exec, arg.arrays, match.name = FALSE, skip.null = FALSE) {
  run_executor(exec, list("exec.update", exec, "grad", arg.arrays, match.name, skip.null))
}

# Sends a request about `exec` after checking its class. These functions run in every step of a loop, so they do without
# inherits(), which takes longer.
run_executor <- function(exec, request) {
  if (!any(oldClass(exec) == "Rcpp_MXExecutor"))
    stop_type("an executor is needed (from mx.simple.bind), not ", class(exec)[[1]])
  send_request(request)
  invisible()
}

executor_fields <- c(ref.arg.arrays = "args", ref.grad.arrays = "grads", ref.aux.arrays = "aux",
                     ref.outputs = "outputs", arg.arrays = "args", grad.arrays = "grads", aux.arrays = "aux",
                     outputs = "outputs")
ref_fields <- grep("^ref", names(executor_fields), value = TRUE)

executor_methods <- list(
  forward = function(x) function(is.train = TRUE, kwargs = list()) mx.exec.forward(x, is.train),
  backward = function(x) function(out.grads = list()) do.call(mx.exec.backward, c(list(x), out.grads)),
  update.arg.arrays = function(x) update_method(x, mx.exec.update.arg.arrays),
  update.aux.arrays = function(x) update_method(x, mx.exec.update.aux.arrays),
  update.grad.arrays = function(x) update_method(x, mx.exec.update.grad.arrays))

update_method <- function(exec, update) {
  function(arrays, match.name, skip.null) update(exec, arrays, match.name, skip.null)
}

# The lists `ref.*` always have the same arrays, so each list is fetched once and cached as an attribute of the handle.
exec_arrays <- function(x, field) {
  if (!any(field == ref_fields)) return(call_python("exec.copies", x, executor_fields[[field]]))
  attr(x, field) <- kept <- call_python("exec.arrays", x, executor_fields[[field]])
  kept
}

#' @export
`$.Rcpp_MXExecutor` <- function(x, name) {
  if (any(name == ref_fields) && !is.null(kept <- attr(x, name, exact = TRUE))) return(kept)
  if (name %in% names(executor_fields)) return(exec_arrays(x, name))
  method <- executor_methods[[name]]
  if (is.null(method)) stop_parameter("an executor has no ", name, "; it has ",
                                      paste(c(names(executor_fields), names(executor_methods)), collapse = ", "))
  by_position(method(x))
}

#' @export
`[[.Rcpp_MXExecutor` <- function(x, i, ...) {
  if (is.character(i)) `$.Rcpp_MXExecutor`(x, i) else no_numbers(x, "[[")
}

#' @export
`$<-.Rcpp_MXExecutor` <- function(x, name, value) {
  stop_parameter("the arrays of an executor are not assigned; use mx.exec.update.arg.arrays")
}

#' @export
.DollarNames.Rcpp_MXExecutor <- function(x, pattern = "") {
  grep(pattern, c(names(executor_fields), names(executor_methods)), value = TRUE)
}
