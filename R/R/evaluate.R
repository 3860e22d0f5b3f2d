# Evaluates R code for a Python program that has started R (mxr/r/sessions.py). Errors are returned as values; Python
# raises its own exceptions for them.

# Evaluates the code in the text `code` or, if that is NULL, in the file `file`, expression by expression, in `envir`.
evaluate_for_python <- function(code, file, envir, chdir = FALSE) {
  report_to_python(function() {
    if (chdir) {
      before <- setwd(dirname(file))
      on.exit(setwd(before))
      file <- basename(file)
    }
    parsed <- if (is.null(code)) parse(file, keep.source = TRUE) else parse(text = code, keep.source = TRUE)
    value <- NULL
    for (expression in parsed) value <- evaluate_expression(expression, envir)
    value
  })
}

# The traceback that Python shows begins below the calls of this function.
evaluate_expression <- function(expression, envir) eval(expression, envir)

apply_for_python <- function(f, args) {
  report_to_python(function() evaluate_expression(as.call(c(list(f), args)), globalenv()))
}

# The outcome of work(): list(how, value or the condition's fields, traceback, messages, warnings), where `how` is
# "value", "error" or "interrupt".
report_to_python <- function(work) {
  messages <- warnings <- calls <- character()
  outcome <- tryCatch(
    withCallingHandlers(
      list("value", work()),
      error = function(e) calls <<- user_calls(sys.calls()),
      warning = function(w) {
        warnings <<- c(warnings, conditionMessage(w))
        tryInvokeRestart("muffleWarning")
      },
      message = function(m) {
        messages <<- c(messages, conditionMessage(m))
        tryInvokeRestart("muffleMessage")
      }),
    error = function(e) list("error", condition_fields(e)),
    interrupt = function(e) list("interrupt", NULL))
  c(outcome[1], outcome[2], list(calls, messages, warnings))
}

# The user's part of a stack of calls, as texts, outermost first: the calls after `evaluate_expression` and its two
# evals, without the handlers and the raising functions at the end. Empty if the code could not be parsed.
user_calls <- function(calls) {
  heads <- vapply(calls, function(call) deparse(call[[1]], nlines = 1)[[1]], "")
  before <- which(heads == "evaluate_expression")
  if (!length(before)) return(character())
  calls <- calls[-seq_len(min(max(before) + 2, length(calls)))]
  heads <- heads[-seq_len(min(max(before) + 2, length(heads)))]
  last <- length(calls) - 1                     # the handler itself
  raising <- c(".handleSimpleError", "h", "raise_error", "raise_failure", "stop", "call_python")
  while (last > 0 && (heads[[last]] %in% raising || startsWith(heads[[last]], "stop_"))) last <- last - 1
  kept <- calls[seq_len(last)]
  kept <- kept[max(1, last - 24):max(1, last)]
  vapply(kept[seq_len(min(last, length(kept)))], shown_call, "")
}

shown_call <- function(call) substr(paste(trimws(deparse(call, nlines = 3)), collapse = " "), 1, 300)
