# Errors: Python's failures, and this package's own, as R conditions of class "mxnet_error".

# Raises the failure that Python returned in the place of a value.
raise_failure <- function(failure) {
  if (failure$kind == "interrupt") return(raise_interrupt())
  message <- failure$message
  if (failure$kind == "defect")
    message <- paste0("a defect in mxr, not in your script: ", message, "\n  mxr.last.error() shows where it happened")
  raise_error(message, class = failure$class, kinds = as.character(failure$conditions), number = failure$number)
}

# Raises an error that shows the call in the user's code. `kinds` are classes of the condition before "mxnet_error",
# such as "mxnet_shape_error"; `number` is Python's number of the exception.
raise_error <- function(message, class = NULL, kinds = character(), number = 0, call = user_call()) {
  condition <- structure(class = c(kinds, "mxnet_error", "error", "condition"),
                         list(message = message, call = call, class = class, number = number))
  .bridge$raised <- condition
  stop(condition)
}

# The last error that this package raised, for a Python program that has started R (mxr/r/objects.py).
last_condition <- function() {
  condition <- .bridge$raised
  .bridge$raised <- NULL
  if (!is.null(condition)) condition_fields(condition)
}

# The fields of a condition that Python gets. The call is "" if it is not the user's.
condition_fields <- function(condition) {
  call <- conditionCall(condition)
  ours <- is.null(call) || identical(call, body(evaluate_expression)) ||
    is.call(call) && identical(call[[1]], quote(parse))
  list(conditionMessage(condition), if (ours) "" else shown_call(call), class(condition),
       as.double(if (is.null(condition$number)) 0 else condition$number))
}

# An R function around a user's Python function (mxr/r/objects.py). `f` returns a list with the value, or a failure.
python_function <- function(f) {
  force(f)
  function(...) {
    value <- f(...)
    if (inherits(value, "mxr.failure")) raise_failure(value)
    if (!is.list(value)) raise_error("the Python function failed, and could not say how", kinds = "mxnet_python_error")
    value[[1]]
  }
}

# Python has marked a Ctrl-C as pending in R. R raises it at its next check, which Sys.sleep() makes.
raise_interrupt <- function() {
  for (i in 1:100) Sys.sleep(0.01)
  raise_error("interrupted", kinds = "mxnet_state_error")
}

# The call in the user's code that led here, as the user wrote it and shortened for printing: the call of this package's
# outermost function. Functions of base R, such as lapply and do.call, may be between.
user_call <- function() {
  ours <- topenv()
  found <- outermost_frame(ours)
  if (is.null(found)) return(NULL)
  call <- sys.call(found)
  generic <- sys.frame(found)$.Generic           # set in S3 methods: the user wrote `a + b`, not `Ops.MXNDArray(a, b)`
  if (!is.null(generic)) {
    call[[1]] <- as.name(generic)
  } else if (!is_written(call[[1]])) {
    name <- name_of(sys.function(found), ours)
    if (is.null(name)) return(NULL)
    call[[1]] <- as.name(name)
  }
  shorten_call(call)
}

# The number of the frame of the outermost function of the namespace `ours` below the user's code, or NULL.
outermost_frame <- function(ours) {
  found <- NULL
  for (frame in rev(seq_len(sys.nframe() - 1))) {
    f <- sys.function(frame)
    if (identical(f, evaluate_expression)) break
    home <- if (is.primitive(f)) baseenv() else topenv(environment(f))
    if (identical(home, ours)) {
      found <- frame
    } else if (!identical(home, baseenv()) && !identical(home, .BaseNamespaceEnv)) {
      break
    }
  }
  found
}

# `call` with `...` instead of arrays and lists: do.call puts values where a user writes expressions.
shorten_call <- function(call) {
  short <- function(arg) is.language(arg) || is.atomic(arg) && length(arg) == 1
  for (i in seq_along(call)[-1]) if (!short(call[[i]])) call[[i]] <- quote(...)
  call
}

# Whether the head of a call is a function as a user writes it: f, x$f, mxnet::f.
is_written <- function(head) {
  if (is.name(head)) return(!identical(head, quote(FUN)))
  is.call(head) && as.character(head[[1]])[[1]] %in% c("$", "::", ":::")
}

name_of <- function(f, envir) {
  for (name in ls(envir)) if (identical(get(name, envir), f)) return(name)
  NULL
}

#' The Python side of the last error
#'
#' Prints and returns (invisibly) Python's traceback of the last error that came from Python.
#'
#' @return The text, invisibly.
#' @examples
#' try(mx.nd.ones(2) + mx.nd.ones(3))
#' mxr.last.error()
#' @concept error
#' @concept traceback
#' @seealso `vignette("r-and-python", package = "mxnet")`.
mxr.last.error <- function() {
  text <- if (.bridge$open) call_python("bridge.last.traceback") else ""
  cat(if (nzchar(text)) text else "no error came from Python in this session\n")
  invisible(text)
}

# The errors of this package's checks: a message pasted from the arguments, the call in the user's code, and a class for
# tryCatch. mxr/r/bridge/errors.py has the same classes, for Python. Nothing else in this package calls stop().

# An argument, or the result of a user's function, has the wrong kind.
stop_type <- function(...) raise_error(paste0(...), kinds = "mxnet_type_error")

# A wrong, missing or unknown name or value.
stop_parameter <- function(...) raise_error(paste0(...), kinds = "mxnet_parameter_error")

# Dimensions that do not fit together.
stop_shape <- function(...) raise_error(paste0(...), kinds = "mxnet_shape_error")

# A feature of MXNet or R that this package does not have.
stop_not_implemented <- function(...) raise_error(paste0(...), kinds = "mxnet_not_implemented_error")

# A file that does not exist or cannot be read.
stop_file <- function(...) raise_error(paste0(...), kinds = "mxnet_file_error")

# A call at the wrong time: a batch before the first one, the learning curve of a training without a metric.
stop_state <- function(...) raise_error(paste0(...), kinds = "mxnet_state_error")

# Python, or mxr in it, cannot be found or started.
stop_bridge <- function(...) raise_error(paste0(c("mxnet: ", ...), collapse = ""), kinds = "mxnet_start_error")
