# The one door to Python: call_python(verb, ...) calls the Python function that is registered under the name `verb`
# (mxr/r/verbs), and returns its value.
#
# Arguments may be NULL, numbers, text, vectors, arrays, lists of these, and handles. Named arguments keep their names.
#
# Values are of the same kinds. An array comes back as doubles with `dim`, a shape as an integer vector in R's order,
# and a Python object as a handle.
#
# A handle is an external pointer of class "Rcpp_MXSymbol", "MXNDArray", "Rcpp_MXExecutor", or "MXHandle" for all other
# objects. Its S3 methods stand in symbol.R, ndarray.R, executor.R and arithmetic.R. Python makes the handles, at any
# depth of a list, and gives each a finalizer. The finalizer puts the handle into a queue; the next call of Python takes
# the queue along. A handle is never copied, and may be given further attributes. R saves a symbol or an array with what
# it stands for (mxr/r/bridge/saved.py), and its first use in another session makes it anew; an executor belongs to its
# session, and using it in another is an error that says so.
#
# It is an external pointer, not an environment, for two reasons. Python reads its address by one C call, where the
# content of an environment takes ten. And a restored pointer has the address 0, so it cannot be taken for an object of
# the new session. A call takes about 10 us, with three handles 14.

.bridge <- new.env(parent = emptyenv())
.bridge$queue <- new.env(parent = emptyenv())    # $dead: list(handle, list(handle, ... NULL))
.bridge$open <- FALSE

call_python <- function(verb, ...) {
  value <- .bridge$door(list(verb, ...))
  if (inherits(value, "mxr.failure")) raise_failure(value) else value
}

# `.bridge$door` for the first call: starts Python, then puts `cross_bridge` in its own place.
open_bridge <- function(request) {
  start_python()
  theirs <- .Call(.bridge$python, list("bridge.version"), queue_dead)
  ours <- as.character(utils::packageVersion("mxnet"))
  if (!identical(ours, theirs))
    warning("the R package mxnet is ", ours, ", mxr in Python is ", theirs, ": run `mxr install-r`", call. = FALSE)
  # R loads a function when it is first used, and cannot repeat a loading that a Ctrl-C has interrupted. So the
  # functions that run when a Ctrl-C is pending are loaded here.
  list(raise_failure, raise_interrupt, raise_error, inherits, Sys.sleep)
  .bridge$door <- cross_bridge
  .bridge$open <- TRUE
  cross_bridge(request)
}
.bridge$door <- open_bridge

cross_bridge <- function(request) {
  queue <- .bridge$queue
  if (is.null(queue$dead)) return(.Call(.bridge$python, request, NULL))
  # a finalizer may run between these two lines: whether it finds the old queue or the new one, the handle is not lost
  .bridge$queue <- new.env(parent = emptyenv())
  .Call(.bridge$python, request, queue$dead)
}

# The finalizer of every handle.
queue_dead <- function(handle) {
  queue <- .bridge$queue
  queue$dead <- list(handle, queue$dead)
}

# Finds Python, starts it in this process through reticulate, and lets rpy2 join this R. Where Python is the host
# (`mxr run`), the door exists already.
start_python <- function() {
  if (is.null(getOption("mxr.door"))) {
    python <- find_python()
    embed_python(python)
  }
  .bridge$python <- getOption("mxr.door")
}

# The Python to use: option or variable MXR_PYTHON, the one recorded when this package was installed, or a .venv
# in this folder or above it.
find_python <- function() {
  asked <- getOption("MXR_PYTHON", Sys.getenv("MXR_PYTHON"))
  if (nzchar(asked)) {
    if (!file.exists(asked)) stop_bridge("MXR_PYTHON is ", asked, ", which does not exist")
    return(asked)
  }
  record <- system.file("python", package = "mxnet")
  recorded <- if (nzchar(record)) readLines(record, 1, warn = FALSE) else character()
  if (length(recorded) && file.exists(recorded)) return(recorded)
  nearby <- find_venv()
  if (!is.null(nearby)) return(nearby)
  stop_bridge(
    if (length(recorded)) c("the Python that this package was installed with is gone (", recorded, ")")
    else "no Python was recorded when this package was installed",
    ": run `mxr install-r` from the Python that has mxr, or set MXR_PYTHON=/path/to/python")
}

# The Python of a .venv in this folder or above it, or NULL.
find_venv <- function() {
  folder <- if (is.null(getwd())) "/" else normalizePath(getwd())
  repeat {
    candidate <- file.path(folder, ".venv", "bin", "python")
    if (file.exists(candidate)) return(candidate)
    if (dirname(folder) == folder) return(NULL)
    folder <- dirname(folder)
  }
}

# Some Pythons do not read .pth files (installations in place) when they are started inside another program.
.bridge$join <- "
try:
    import mxr.r.host as _mxr_host
except ModuleNotFoundError:
    import site, sys
    for _folder in [_path for _path in sys.path if _path.endswith('-packages')]:
        site.addsitedir(_folder)
    import mxr.r.host as _mxr_host
_mxr_host.join()
"

embed_python <- function(python) {
  if (!requireNamespace("reticulate", quietly = TRUE))
    stop_bridge("the R package reticulate, which starts Python, is missing: install.packages(\"reticulate\") ",
                "(on Debian and Ubuntu: apt-get install r-cran-reticulate), or run the script by `mxr run script.R`")
  if (is.null(getwd()))                 # without a working directory Python ends the process as it starts
    stop_bridge("the working directory does not exist any more, and Python does not start without one: ",
                "setwd() to another")
  running <- reticulate::py_available(initialize = FALSE)
  started <- tryCatch({
    if (!running) {
      # given by this variable, Python is not searched for by reticulate in projects and environments
      before <- Sys.getenv("RETICULATE_PYTHON", NA)
      on.exit(if (is.na(before)) Sys.unsetenv("RETICULATE_PYTHON") else Sys.setenv(RETICULATE_PYTHON = before))
      Sys.setenv(RETICULATE_PYTHON = python)
      reticulate::py_config()
    }
    TRUE
  }, error = conditionMessage)
  if (!isTRUE(started))
    stop_bridge("Python (", python, ") does not start: ", started,
                "; it needs a shared libpython (on Debian: apt-get install libpython3.11); `mxr doctor` tells more")
  if (running) python <- reticulate::py_config()$python
  tryCatch(reticulate::py_run_string(.bridge$join), error = function(e) {
    text <- conditionMessage(e)
    if (grepl("No module named '", text, fixed = TRUE)) {
      missing <- sub(".*No module named '([[:alnum:]_]+).*", "\\1", text)
      stop_bridge("the Python ", python, if (running) ", which this session has started already,",
                  " has no package ", missing, ": set MXR_PYTHON to one that has it, or install it there (",
                  python, " -m pip install)")
    }
    # reticulate gives the exception's class before its text, and its own advice after it
    text <- sub("^(mxr\\.[[:alnum:]_.]+|[[:alnum:]_]+Error): ", "", strsplit(text, "\n", fixed = TRUE)[[1]][[1]])
    stop_bridge(text)
  })
  invisible()
}

stop_bridge <- function(...) raise_error(paste0(c("mxnet: ", ...), collapse = ""))
