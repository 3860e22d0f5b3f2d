# Making a Python environment with mxr, from R.

#' Make a Python environment with mxr
#'
#' Makes a virtual environment, installs the Python package mxr and the rpy2 that fits this R in it, and records it
#' as the Python to use (see [mx.python()]). Takes effect in sessions that have not started Python yet.
#'
#' @param envname The folder of the environment: a path, or a name in the folder of R's data for this package. An
#'   existing environment is replaced.
#' @param source What pip installs as mxr: a wheel, a source distribution, a folder, or `git+https://...`. Default:
#'   the file in this package, or the repository that it was installed from.
#' @param python The Python to make it from: 3.11 or newer, with a shared library. Default: the first such on the path.
#' @return The path of the environment's Python, invisibly.
#' @examples
#' \dontrun{mx.install.python()}
#' @concept installation
#' @concept Python
#' @seealso [mx.python()].
#' @export
mx.install.python <- function(envname = "python", source = mxr_source(), python = base_python()) {
  if (is.null(source))
    stop_bridge("mx.install.python: this package does not contain its Python part: give source = (a wheel, ",
                "the folder of a checkout, or git+https://...)")
  folder <- file.path(tools::R_user_dir("mxnet", "data"), envname)
  if (grepl("/", envname, fixed = TRUE)) folder <- path.expand(envname)
  message("making ", folder, " with ", python)
  dir.create(dirname(folder), recursive = TRUE, showWarnings = FALSE)
  run_program(python, c("-m", "venv", "--clear", folder))
  made <- file.path(folder, "bin", "python")
  what <- c(if (file.exists(path.expand(source))) normalizePath(source) else source, rpy2_for())
  message("installing ", paste(what, collapse = ", "))
  run_program(made, c("-m", "pip", "install", "--quiet", "--disable-pip-version-check", what))
  record_python(made)
  if (!is.null(running_python())) message("this session has its Python already: start a new one to use it")
  invisible(made)
}

run_program <- function(program, arguments) {
  said <- suppressWarnings(system2(program, shQuote(arguments), stdout = TRUE, stderr = TRUE))
  if (!is.null(attr(said, "status")))
    stop_bridge("`", paste(basename(program), paste(arguments, collapse = " ")), "` failed:\n",
      paste(utils::tail(said, 15), collapse = "\n"))
}

# Records the Python in this package if its folder is writable, as `mxr install-r` does; else in the user's settings.
record_python <- function(python) {
  here <- system.file(package = "mxnet")
  record <- if (file.access(here, 2) == 0) file.path(here, "python") else own_record()
  dir.create(dirname(record), recursive = TRUE, showWarnings = FALSE)
  writeLines(python, record)
  if (!identical(recorded_python(), python))
    message("this package's installation names another Python (", recorded_python(), "): set MXR_PYTHON=", python)
  else
    message("recorded ", python, " in ", record)
}

# The name by which pip installs mxr, or NULL: the wheel or source distribution in this package, or the repository that
# this package was installed from.
mxr_source <- function() {
  wheel <- list.files(system.file("python-package", package = "mxnet"), "\\.(whl|tar\\.gz)$", full.names = TRUE)
  if (length(wheel)) return(paste0("mxr @ file://", wheel[[1]]))
  repository_source(utils::packageDescription("mxnet"))
}

# How pip installs from the repository that this R package was installed from, by the fields that remotes, devtools and
# pak add to its description; NULL if there are none, or of a kind that pip cannot use.
repository_source <- function(from) {
  type <- or_else(from$RemoteType, "")
  at <- if (!is.null(from$RemoteSha)) paste0("@", from$RemoteSha)
  hosted <- function(host) paste0("https://", host, "/", from$RemoteUsername, "/", from$RemoteRepo)
  switch(type,
    github = paste0("mxr @ git+", hosted("github.com"), at),
    gitlab = paste0("mxr @ git+", hosted(or_else(from$RemoteHost, "gitlab.com")), at),
    git = , git2r = , xgit = git_requirement(from$RemoteUrl, at),
    local = local_checkout(from$RemoteUrl))
}

# A repository's address as pip takes it. git's short form of ssh, user@host:path, is no URL. pip accepts no
# "mxr @ " before an address without a host.
git_requirement <- function(url, at) {
  if (grepl("^[^/:@]+@[^/:]+:[^/]", url)) url <- paste0("ssh://", sub(":", "/", url, fixed = TRUE))
  if (startsWith(url, "/")) url <- paste0("file://", url)
  paste0(if (!startsWith(url, "file:")) "mxr @ ", "git+", url, at)
}

# The checkout whose folder R this package was installed from, or NULL if it is not there any more.
local_checkout <- function(folder) {
  folders <- c(dirname(folder), folder)
  found <- folders[file.exists(file.path(folders, "pyproject.toml")) & dir.exists(file.path(folders, "mxr"))]
  if (length(found)) found[[1]]
}

# The rpy2 that fits this R: the same as mxr.r.host.rpy2_for.
rpy2_for <- function(version = getRversion()) {
  if (version >= "4.5") c("rpy2>=3.6.4", "rpy2-rinterface>=3.6.7") else c("rpy2==3.6.4", "rpy2-rinterface==3.6.5")
}

# The first Python on the path that R can start.
base_python <- function() {
  for (python in Sys.which(c("python3", "python3.14", "python3.13", "python3.12", "python3.11", "python"))) {
    if (!nzchar(python)) next
    about <- ask_python(python)
    if (is.null(about$problem) && package_version(about$version) >= "3.11" && nzchar(about$library)) return(python)
  }
  stop_bridge("mx.install.python: no Python of 3.11 or newer with a shared library is on the path: install one ",
              "(Debian, Ubuntu: apt-get install python3-venv libpython3-dev), or give python = ")
}
