#' Profiling
#'
#' For old scripts only: nothing is recorded. Use R's `Rprof` or Python's profilers.
#'
#' @param params list of settings.
#' @param mode,filename the settings before version 1.1.
#' @param state an element of `MX.PROF.STATE`.
#' @return NULL, invisibly.
#' @examples
#' unlist(MX.PROF.STATE)
#' mx.profiler.state(MX.PROF.STATE$STOP)
#' @concept speed
#' @concept profiling
#' @seealso [mx.callback.log.speedometer()].
#' @export
mx.profiler.config <- function(params, mode = NULL, filename = NULL) invisible()

#' @rdname mx.profiler.config
#' @export
mx.profiler.state <- function(state = MX.PROF.STATE$STOP) {
  if (!state %in% unlist(MX.PROF.STATE)) stop_parameter("mx.profiler.state: state must be an element of MX.PROF.STATE")
  invisible()
}

#' @rdname mx.profiler.config
#' @export
MX.PROF.STATE <- list(STOP = 0L, RUN = 1L)

#' @rdname mx.profiler.config
#' @export
MX.PROF.MODE <- list(SYMBOLIC = 0L, ALL = 1L)
