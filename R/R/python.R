# Which Python to use: the order of the candidates, and facts about them without starting them in this process.

#' Which Python mxnet uses, and why
#'
#' mxnet computes in Python, which the first call that needs it starts. This function says which Python that is, or
#' would be, without starting it.
#'
#' It is the first of these: (1) option or variable `MXR_PYTHON`; (2) the Python that runs in this session already,
#' because reticulate has started it, or because a Python program has started R; (3) the one recorded by the command
#' `mxr install-r`, or by [mx.install.python()]; (4) variable `RETICULATE_PYTHON`; (5) variables `VIRTUAL_ENV` and
#' `CONDA_PREFIX`, an activated environment; (6) a folder `.venv` in the working directory or above it; (7) with
#' reticulate 1.41 or newer, the one that its `py_require()` makes for mxr. In 4 to 6, a Python without mxr is skipped.
#' A session has only one Python: if one runs already and `MXR_PYTHON` names another, the first call warns.
#'
#' @return A list of class `mx.python`, which prints as a table: `python` (the path, or `NA`), `why`, `running`
#'   (whether it runs in this session already), `considered` (a data frame with a row for every place that was
#'   checked: `place`, `what`), and `problem` (a text if no Python can be used, else `NULL`).
#' @examples
#' mx.python()
#' @concept Python
#' @concept installation
#' @seealso [mx.install.python()].
#' @export
mx.python <- function() {
  found <- tryCatch(find_python(), mxnet_error = function(e) list(problem = conditionMessage(e)))
  seen <- .bridge$considered
  structure(class = "mx.python", list(
    python = or_else(found$python, NA_character_), why = or_else(found$why, NA_character_),
    running = isTRUE(found$running),
    considered = data.frame(place = as.character(names(seen)), what = as.character(unlist(seen))),
    problem = found$problem))
}

#' @export
print.mx.python <- function(x, ...) {
  if (is.null(x$problem))
    cat(x$python, "\n  by ", x$why, if (x$running) "; it runs in this session" else "; it is not started yet", "\n",
      sep = "")
  else
    cat(x$problem, "\n", sep = "")
  cat("checked, in this order:\n", paste0("  ", format(x$considered$place), "  ", x$considered$what, "\n"), sep = "")
  invisible(x)
}

# The Python to use: list(python, why, running = FALSE, by = "R" or "reticulate"), or an error that says what to do.
# `.bridge$considered` is a named list of what was found, by place.
find_python <- function() {
  .bridge$considered <- list()
  asked <- getOption("MXR_PYTHON", Sys.getenv("MXR_PYTHON"))
  running <- running_python()
  if (!is.null(running)) {
    consider(running$why, running$python)
    return(c(running, running = TRUE, asked = if (nzchar(asked)) asked))
  }
  if (nzchar(asked)) return(python_of_setting(asked))
  consider("MXR_PYTHON", "not set")
  recorded <- recorded_python()
  for (find in list(function() existing_record(recorded), usable_around, required_python)) {
    found <- find()
    if (!is.null(found)) return(found)
  }
  stop_bridge(
    if (length(recorded)) c("the Python that this package was installed with is gone (", recorded, ")")
    else "no Python was recorded when this package was installed, and none around here has mxr",
    ": run `mxr install-r` from the Python that has mxr, or set MXR_PYTHON=/path/to/python, ",
    "or make one by mx.install.python()")
}

python_of_setting <- function(python) {
  consider("MXR_PYTHON", python)
  if (!file.exists(python)) stop_bridge("MXR_PYTHON is ", python, ", which does not exist")
  list(python = python, why = "MXR_PYTHON")
}

# The recorded Python, list(python, why), or NULL if there is no record or no such file any more.
existing_record <- function(recorded) {
  gone <- length(recorded) && !file.exists(recorded)
  consider("recorded", if (!length(recorded)) "nothing" else if (gone) paste(recorded, "is gone") else recorded)
  if (length(recorded) && !gone) list(python = recorded, why = "the record of the installation")
}

# The Python that reticulate would make for mxr, list(python = NA, why, by), or NULL if it cannot.
required_python <- function() {
  if (!can_require()) {
    consider("reticulate::py_require()", "needs reticulate 1.41, and a source of mxr")
    return(NULL)
  }
  consider("reticulate::py_require()", "makes one")
  list(python = NA_character_, why = "reticulate::py_require()", by = "reticulate")
}

# The first of the Pythons around here that has mxr: list(python, why), or NULL.
usable_around <- function() {
  around <- pythons_around()
  for (place in names(around)) {
    python <- around[[place]]
    problem <- if (!nzchar(python)) "not there"
      else if (!file.exists(python)) paste(python, "does not exist")
      else if (!isTRUE(ask_python(python)$has_mxr)) paste(python, "has no package mxr")
    consider(place, or_else(problem, python))
    if (is.null(problem)) return(list(python = python, why = place))
  }
  NULL
}

consider <- function(place, what) .bridge$considered[[place]] <- what

# The Python of this process, or NULL: list(python, why).
running_python <- function() {
  if (!is.null(.bridge$started)) return(list(python = .bridge$started, why = "an earlier call in this session"))
  host <- hosting_python()
  if (!is.null(host)) return(list(python = host, why = "the Python program that has started R"))
  if (reticulate_runs()) return(list(python = reticulate::py_config()$python, why = "reticulate in this session"))
  NULL
}

# The Python program that runs in this process, or NULL, from a variable that rpy2 and reticulate use too.
hosting_python <- function() {
  said <- Sys.getenv("PYTHON_SESSION_INITIALIZED")
  if (!startsWith(said, paste0("current_pid=", Sys.getpid(), ":"))) return(NULL)
  sub("^[^:]*:sys\\.executable=", "", said)
}

reticulate_runs <- function() isNamespaceLoaded("reticulate") && reticulate::py_available(initialize = FALSE)

# The Python that `mxr install-r` has recorded in this package, else the one that mx.install.python() has recorded in
# the user's settings; character() if neither.
recorded_python <- function() {
  for (record in c(system.file("python", package = "mxnet"), own_record()))
    if (nzchar(record) && file.exists(record)) return(readLines(record, 1, warn = FALSE))
  character()
}

own_record <- function() file.path(tools::R_user_dir("mxnet", "config"), "python")

# The Pythons named by environment variables and by a folder .venv, by place; "" if there is none.
pythons_around <- function() {
  inside <- function(folder) {
    if (!nzchar(folder)) return("")
    found <- Filter(file.exists, file.path(folder, "bin", c("python", "python3")))
    if (length(found)) found[[1]] else file.path(folder, "bin", "python")
  }
  list(RETICULATE_PYTHON = path.expand(Sys.getenv("RETICULATE_PYTHON")),
       VIRTUAL_ENV = inside(Sys.getenv("VIRTUAL_ENV")),
       CONDA_PREFIX = inside(Sys.getenv("CONDA_PREFIX")), .venv = inside(venv_above()))
}

# The folder .venv of the working directory or of one above it, or "".
venv_above <- function() {
  folder <- if (is.null(getwd())) "/" else normalizePath(getwd())
  repeat {
    if (file.exists(file.path(folder, ".venv", "bin", "python"))) return(file.path(folder, ".venv"))
    if (dirname(folder) == folder) return("")
    folder <- dirname(folder)
  }
}

can_require <- function() {
  version <- tryCatch(utils::packageVersion("reticulate"), error = function(e) "0")
  version >= "1.41" && !is.null(mxr_source())
}

# Runs a Python program to ask about it: list(version, library, has_mxr), or list(problem = text). `library` is its
# shared library, "" if it has none.
ask_python <- function(python) {
  said <- suppressWarnings(tryCatch(
    system2(python, c("-c", shQuote(ABOUT_PYTHON)), stdout = TRUE, stderr = TRUE), error = conditionMessage))
  at <- match("== about", said)
  if (is.na(at) || length(said) < at + 3) return(list(problem = utils::tail(c("it says nothing", said), 1)))
  list(version = said[[at + 1]], library = said[[at + 2]], has_mxr = said[[at + 3]] == "True")
}

ABOUT_PYTHON <- "
import importlib.util, os, sys, sysconfig
value = lambda name: sysconfig.get_config_var(name) or ''
folders = [value('LIBDIR'), os.path.join(sys.base_prefix, 'lib'), '/usr/lib/' + value('MULTIARCH'),
           value('PYTHONFRAMEWORKPREFIX')]
names = [n for n in (value('INSTSONAME'), value('LDLIBRARY')) if n and not n.endswith('.a')]
files = [os.path.join(f, n) for n in names for f in folders if f]
print('== about')
print('%d.%d.%d' % sys.version_info[:3])
print(next(filter(os.path.isfile, files), ''))
print(importlib.util.find_spec('mxr') is not None)
"
