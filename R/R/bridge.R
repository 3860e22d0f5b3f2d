# All calls to Python: call_python(verb, ...) calls the Python function that is registered under the name `verb`
# (mxr/r/verbs), and returns its value.
#
# Arguments may be NULL, numbers, text, vectors, arrays, lists of these, and handles. Named arguments keep their names.
#
# Values are of the same kinds. An array comes back as doubles with `dim`, a shape as an integer vector in R's order,
# and a Python object as a handle.
#
# A handle is an external pointer of class "Rcpp_MXSymbol", "MXNDArray", "Rcpp_MXExecutor", or "MXHandle" for all other
# objects. Its S3 methods are in symbol.R, ndarray.R, executor.R and arithmetic.R. Python makes the handles, at any
# depth of a list, and gives each a finalizer, in C (mxr/r/bridge/crossing.c) or queue_dead() below. The finalizer puts
# the handle into a queue, and the next call removes its object in Python. R never copies a handle, and handles may have
# further attributes. R saves a symbol or an array with its content (mxr/r/bridge/saved.py); its first use in another
# session makes the object again. An executor belongs to its session; using it in another is an error.
#
# A handle is an external pointer, not an environment, for two reasons. Python reads its address with one C call, but
# the content of an environment with ten. And a restored pointer has the address 0, so it cannot be taken for an object
# of the new session. A call takes about 3 us (12 if mxr was installed without a C compiler).

.bridge <- new.env(parent = emptyenv())
.bridge$queue <- new.env(parent = emptyenv())    # $dead: list(handle, list(handle, ... NULL))
.bridge$open <- FALSE

call_python <- function(verb, ...) send_request(list(verb, ...))

# The functions that run in every step of a loop make the list themselves: R takes longer to pass arguments on by `...`.
send_request <- function(request) {
  simple <- .bridge$open && is.null(.bridge$queue$dead)
  value <- if (simple) .Call(.bridge$python, request, NULL) else .bridge$door(request)
  if (is.list(value) && any(oldClass(value) == "mxr.failure")) raise_failure(value) else value
}

# `.bridge$door` for the first call: starts Python, then replaces itself by `cross_bridge`.
open_bridge <- function(request) {
  start_python()
  stamp <- system.file("stamp", package = "mxnet")
  ours <- list("bridge.open", as.character(utils::packageVersion("mxnet")), if (nzchar(stamp)) readLines(stamp) else "")
  remark <- .Call(.bridge$python, ours, queue_dead)
  if (is.character(remark)) warning(remark, call. = FALSE)
  # R loads a function when it is first used, and cannot load it again if a Ctrl-C interrupts that. So the functions
  # that run while a Ctrl-C is pending are loaded here.
  list(raise_failure, raise_interrupt, raise_error, inherits, Sys.sleep)
  .bridge$door <- cross_bridge
  .bridge$open <- TRUE
  let_threads_run()
  cross_bridge(request)
}
.bridge$door <- open_bridge

cross_bridge <- function(request) {
  queue <- .bridge$queue
  if (is.null(queue$dead)) return(.Call(.bridge$python, request, NULL))
  # A finalizer may run between these two lines. It uses the old queue or the new one; the handle is not lost.
  .bridge$queue <- new.env(parent = emptyenv())
  .Call(.bridge$python, request, queue$dead)
}

# The finalizer of every handle that the door's part in C has not made.
queue_dead <- function(handle) {
  queue <- .bridge$queue
  queue$dead <- list(handle, queue$dead)
}
