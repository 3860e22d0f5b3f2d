# Names and spellings that versions 0.7 to 1.2 of the package had, and later ones dropped.

# Sets arguments of the calling function that came under earlier names: dots for underscores, num.label for num_decode. The
# networks of version 0.12, which have num.label, always end in a softmax.
early.spelling <- function(..., frame = parent.frame()) {
  given <- list(...)
  for (name in names(given)) {
    own <- if (name == "num.label") "num_decode" else gsub(".", "_", name, fixed = TRUE)
    if (!exists(own, frame, inherits = FALSE)) stop.user("there is no argument ", name)
    assign(own, given[[name]], frame)
  }
  if ("num.label" %in% names(given)) frame$loss_output <- or.else(frame$loss_output, "softmax")
}

#' @rdname rnn.graph
#' @export
rnn.unroll <- function(...) rnn.graph.unroll(...)

#' @rdname mx.infer.rnn
#' @export
mx.infer.buckets <- function(infer.data, model, ctx = mx.cpu()) mx.infer.rnn(infer.data, model, ctx)

mx.infer.buckets.one <- function(infer.data, symbol, arg.params, aux.params, input.params = NULL, ctx = mx.cpu())
  mx.infer.rnn.one(infer.data, symbol, arg.params, aux.params, input.params, ctx)

#' @rdname mx.lr_scheduler.FactorScheduler
#' @export
FactorScheduler <- function(step, factor_val, verbose = TRUE)
  mx.lr_scheduler.FactorScheduler(step, factor_val, stop_factor_lr = 0, verbose = verbose)

#' @rdname mx.profiler.config
#' @export
MX.PROF.MODE <- list(SYMBOLIC = 0L, ALL = 1L)
