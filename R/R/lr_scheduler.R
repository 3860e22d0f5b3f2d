# Schedules of the learning rate: functions of an optimizer's environment, called before every update of a parameter.
# They read `num_update` and `count`, and change `lr`.

# Multiplies env$lr by factor_val, but not below stop_factor_lr, and prints the new rate if `verbose`.
decay_lr <- function(env, factor_val, stop_factor_lr, verbose) {
  env$lr <- max(env$lr * factor_val, stop_factor_lr)
  if (!verbose) return(invisible())
  if (env$lr == stop_factor_lr) {
    message("Update[", env$num_update, "]: now learning rate arrived at ", env$lr, "will not change in the future")
  } else {
    message("Update[", env$num_update, "]: learning rate is changed to ", env$lr)
  }
}

#' Learning-rate schedules
#'
#' `FactorScheduler` multiplies the learning rate by `factor_val` every `step` updates; `MultiFactorScheduler` does so
#' once after each of the given numbers of updates. `FactorScheduler` without a prefix is its earlier name. Pass the
#' result as `lr_scheduler` of an optimizer. An update is one batch.
#'
#' @param step number of updates; for `MultiFactorScheduler` an increasing vector of them.
#' @param factor_val the factor, at most 1.
#' @param stop_factor_lr the rate never goes below this.
#' @param verbose whether changes are announced by `message()`.
#' @return A function of the optimizer's environment, with the fields `lr`, `num_update` and `count`.
#' @examples
#' schedule <- mx.lr_scheduler.FactorScheduler(step = 100, factor_val = 0.5)
#' mx.opt.create("sgd", learning.rate = 0.1, lr_scheduler = schedule)
#' state <- list2env(list(num_update = 101, count = 0, lr = 0.1))        # what a schedule gets
#' schedule(state)
#' state$lr
#' @concept learning rate
#' @concept schedule
#' @seealso [mx.opt.create()].
#' @export
mx.lr_scheduler.FactorScheduler <- function(step, factor_val, stop_factor_lr = 1e-8, verbose = TRUE) {
  check_schedule(step, factor_val)
  schedule <- function(optimizerEnv) {
    if (optimizerEnv$num_update > optimizerEnv$count + step) {
      optimizerEnv$count <- optimizerEnv$count + step
      decay_lr(optimizerEnv, factor_val, stop_factor_lr, verbose)
    }
  }
  described(schedule, "learning-rate schedule", "mx.lr_scheduler.FactorScheduler", step = step, factor_val = factor_val,
            stop_factor_lr = stop_factor_lr)
}

#' @rdname mx.lr_scheduler.FactorScheduler
#' @export
mx.lr_scheduler.MultiFactorScheduler <- function(step, factor_val, stop_factor_lr = 1e-8, verbose = TRUE) {
  if (is.unsorted(step)) stop_parameter("Schedule step must be an increasing integer list")
  check_schedule(step, factor_val)
  schedule <- function(optimizerEnv) {
    i <- or_else(optimizerEnv$cur_step_ind, 1)
    if (i <= length(step) && optimizerEnv$num_update > step[[i]]) {
      optimizerEnv$count <- step[[i]]
      optimizerEnv$cur_step_ind <- i + 1
      decay_lr(optimizerEnv, factor_val, stop_factor_lr, verbose)
    }
  }
  described(schedule, "learning-rate schedule", "mx.lr_scheduler.MultiFactorScheduler", step = step,
            factor_val = factor_val, stop_factor_lr = stop_factor_lr)
}

#' @rdname mx.lr_scheduler.FactorScheduler
#' @export
FactorScheduler <- function(step, factor_val, verbose = TRUE) {
  mx.lr_scheduler.FactorScheduler(step, factor_val, stop_factor_lr = 0, verbose = verbose)
}
