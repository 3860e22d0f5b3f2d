# Starting Python in this process, or joining the one that runs in it.
#
# R loads the shared library of Python and calls three of its C functions by `.C`. This needs no compiled code and no
# other package. Python finds its environment from the name of its program. If reticulate has started Python already, it
# runs the code by which mxr joins. If it is loaded later, it joins the running Python, which it finds by the variable
# PYTHON_SESSION_INITIALIZED.

# Finds Python and makes it open the door (the option `mxr.door`), unless it is open.
start_python <- function() {
  if (is.null(getOption("mxr.door"))) {
    if (is.null(getwd()))                 # Python would exit the process
      stop_bridge("the working directory does not exist any more, and Python does not start without one: ",
                  "setwd() to another")
    found <- find_python()
    if (isTRUE(found$running)) join_running(found)
    else if (identical(found$by, "reticulate")) require_python()
    else embed_python(found$python)
  }
  .bridge$python <- getOption("mxr.door")
  reg.finalizer(.bridge, leave_python, onexit = TRUE)
}

# Python's other threads run while R waits, but not with reticulate before 1.40 (mxr/r/bridge/waiting.py).
let_threads_run <- function() {
  old <- function() utils::packageVersion("reticulate") < "1.40"
  cross_bridge(list("bridge.threads", !(isNamespaceLoaded("reticulate") && old())))
  setHook(packageEvent("reticulate", "onLoad"), function(...) if (old()) cross_bridge(list("bridge.threads", FALSE)))
}

# At R's exit: calls Python's exit functions, if nothing else does.
leave_python <- function(bridge) if (!is.null(bridge$python)) .Call(bridge$python, list("host.leave"), NULL)

join_running <- function(found) {
  if (!is.null(found$asked) && !same_environment(found$asked, found$python))
    warning("MXR_PYTHON is ", found$asked, ", but this session runs ", found$python, " already, which is used",
      call. = FALSE)
  if (!is.null(.bridge$started)) return(join_python(run_python, found$python))
  if (reticulate_runs()) return(join_python(reticulate::py_run_string, found$python, running = TRUE))
  stop_bridge("R runs inside a Python program here (", found$python,
              "), which has not let mxr in: call `from mxr.r import host; host.start()` there first")
}

# Whether two Python programs belong to one environment, such as its python and python3.
same_environment <- function(one, other) {
  identical(normalizePath(dirname(one), mustWork = FALSE), normalizePath(dirname(other), mustWork = FALSE))
}

# Starts `python` in this process.
embed_python <- function(python) {
  about <- ask_python(python)
  if (!is.null(about$problem)) stop_bridge("Python (", python, ") does not start: ", about$problem)
  if (package_version(about$version) < "3.11")
    stop_bridge("the Python ", python, " is ", about$version,
                ", and mxr needs 3.11 or newer: set MXR_PYTHON to a newer one that has mxr")
  if (!about$has_mxr) stop_bridge(lacks(python, "mxr"))
  minor <- sub("^([0-9]+\\.[0-9]+).*", "\\1", about$version)
  if (!nzchar(about$library))
    stop_bridge("the Python ", python, " has no shared library, so R cannot start it: ",
                "install one (Debian, Ubuntu: apt-get install libpython", minor,
                "; pyenv: PYTHON_CONFIGURE_OPTS=--enable-shared), or run the script by `mxr run script.R`")
  .bridge$library <- tryCatch(dyn.load(about$library, local = FALSE),
                              error = function(e) stop_bridge(conditionMessage(e)))
  initialize_python(python)
  .bridge$started <- python
  join_python(run_python, python)
}

# The C calls. Python does not replace an existing handler of SIGINT, and R has one.
initialize_python <- function(python) {
  before <- Sys.getenv(c("PATH", "PYTHONUTF8"), NA)
  locale <- Sys.getlocale("LC_CTYPE")
  on.exit({
    Sys.setlocale("LC_CTYPE", locale)          # Python sets it from the environment variables
    for (name in names(before)) restore_variable(name, before[[name]])
  })
  # as the program python does in the C locale
  if (locale %in% c("C", "POSIX") && is.na(before[["PYTHONUTF8"]])) Sys.setenv(PYTHONUTF8 = "1")
  Sys.setenv(PYTHON_SESSION_INITIALIZED = paste0("current_pid=", Sys.getpid(), ":sys.executable=", python))
  if (python_has("Py_SetProgramName"))
    # a wchar_t is as wide as an integer, except on Windows
    call_c("Py_SetProgramName", c(utf8ToInt(enc2utf8(python)), 0L))
  else
    Sys.setenv(PATH = paste(dirname(python), before[["PATH"]], sep = .Platform$path.sep))   # it looks for python3 there
  call_c("Py_Initialize")
}

# Restores an environment variable, in R and in Python's copy of the environment.
restore_variable <- function(name, value) {
  if (is.na(value)) Sys.unsetenv(name) else do.call(Sys.setenv, structure(list(value), names = name))
  run_python(if (is.na(value)) sprintf("import os; os.environ.pop('%s', None)", name)
             else sprintf("import os; os.environ['%s'] = %s", name, encodeString(value, quote = '"')))
}

python_has <- function(name) is.loaded(name, PACKAGE = .bridge$library[["name"]])
call_c <- function(name, ...) invisible(.C(getNativeSymbolInfo(name, .bridge$library), ...))
run_python <- function(code) call_c("PyRun_SimpleString", c(charToRaw(enc2utf8(code)), as.raw(0)))

# Makes the Python of this process open the door. `run` runs Python code. An error is reported in a file.
join_python <- function(run, python, running = FALSE) {
  embedded <- identical(run, run_python)
  held <- embedded || utils::packageVersion("reticulate") < "1.40"         # Python's lock, while R's code runs
  report <- tempfile("mxr-")
  on.exit(unlink(report))
  truth <- function(x) if (x) "True" else "False"
  run(sprintf(JOIN, encodeString(report, quote = '"'), truth(held), truth(embedded)))
  if (!file.exists(report)) return(invisible())
  said <- readLines(report, warn = FALSE, encoding = "UTF-8")
  if (nzchar(said[[1]])) stop_bridge(lacks(python, said[[1]], running))
  stop_bridge(paste(said[-1], collapse = "\n"))
}

lacks <- function(python, package, running = FALSE) {
  what <- if (package == "mxr") or_else(mxr_source(), "mxr's wheel") else package
  paste0("the Python ", python, if (running) ", which this session has started already,", " has no package ", package,
         ": set MXR_PYTHON to one that has it, or install it there: ", python, " -m pip install '", what, "'")
}

# Some Pythons do not read .pth files (editable installations) if they are started inside another program. The first
# line of the report is the name of a missing package, or empty.
JOIN <- "
def _mxr_join(report, held, ends):
    try:
        try:
            import mxr.r.host
        except ModuleNotFoundError:
            import site, sys
            for folder in [path for path in sys.path if path.endswith('-packages')]:
                site.addsitedir(folder)
        from mxr.r.host import join
        join(held, ends)
    except BaseException as error:
        missing = (error.name or '').split('.')[0] if isinstance(error, ModuleNotFoundError) else ''
        with open(report, 'w', encoding='utf-8', errors='replace') as file:
            print(missing, str(error) or type(error).__name__, sep='\\n', file=file)
_mxr_join(%s, %s, %s)
del _mxr_join
"

# With reticulate 1.41: makes an environment with mxr for this session.
require_python <- function() {
  # by name: an older reticulate does not have it, and R CMD check would complain
  py_require <- getExportedValue("reticulate", "py_require")
  py_require(c(mxr_source(), rpy2_for()))
  started <- tryCatch(is.list(reticulate::py_config()), error = conditionMessage)
  if (!isTRUE(started))
    stop_bridge("reticulate could not make a Python with mxr (", started, "): make one by mx.install.python()")
  join_python(reticulate::py_run_string, reticulate::py_config()$python, running = TRUE)
}
