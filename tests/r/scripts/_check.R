# Helpers of the scripts in this folder. `begin` names the script. `given` declares its initial values. `agree` compares results with
# those of MXNet 1.9.1 from the same values (expected/<script>.json). `done` ends the script. If MXR_GIVEN names a folder, the initial
# values are saved there for expected.py, and nothing is compared. MXR_EXPECTED names another folder with MXNet's results.

.check <- new.env()

begin <- function(script) {
  .check$script <- script
  .check$folder <- Sys.getenv("MXR_GIVEN")
  .check$recording <- nzchar(.check$folder)
  .check$given <- list()
  .check$agreed <- character()
  if (!.check$recording) .check$expected <- expected(file.path(Sys.getenv("MXR_EXPECTED", "expected"), paste0(script, ".json")))
}

# The values in a file that expected.py wrote, which has a line for every key. No package for JSON is needed.
expected <- function(file) {
  parts <- regmatches(lines <- readLines(file), regexec('^ *"([^"]+)": \\[([^]]*)\\]', lines))
  parts <- parts[lengths(parts) == 3]
  structure(lapply(parts, function(p) scan(text = p[[3]], sep = ",", quiet = TRUE)), names = vapply(parts, `[[`, "", 2))
}

# Takes symbols, arrays, and lists of arrays (also nested) by name. They are evaluated only if they are saved.
given <- function(...) {
  if (!.check$recording) return(invisible())
  things <- list(...)
  for (key in names(things)) {
    thing <- things[[key]]
    if (is.mx.symbol(thing)) mx.symbol.save(thing, file.path(.check$folder, paste0(.check$script, "-", key, ".json")))
    else .check$given <- c(.check$given, flat(key, thing))
  }
}

# list(a = list(b = x)) as list(a.b = x)
flat <- function(key, x) {
  if (is.mx.ndarray(x)) return(structure(list(x), names = key))
  if (!is.list(x)) return(structure(list(mx.nd.array(x)), names = key))
  do.call(c, unname(Map(flat, paste0(key, ".", if (is.null(names(x))) seq_along(x) else names(x)), x)))
}

# One pass over an iterator.
all.batches <- function(iter) {
  iter$reset()
  batches <- list()
  while (iter$iter.next()) batches[[length(batches) + 1]] <- lapply(iter$value(), function(x) mx.nd.array(as.array(x)))
  iter$reset()
  batches
}

# Compares numbers, an array, or a list of these with MXNet's values for `key`. For a list, the key of each element is `key.name`, or
# `key.number` without names.
agree <- function(key, value, rtol = 1e-4, atol = 1e-5) {
  if (.check$recording) return(invisible())
  if (is.list(value) && !is.mx.ndarray(value)) {
    names <- if (is.null(names(value))) seq_along(value) else names(value)
    for (i in seq_along(value)) agree(paste0(key, ".", names[i]), value[[i]], rtol, atol)
    return(invisible())
  }
  complain <- function(...) stop(.check$script, ": ", key, ..., call. = FALSE)
  value <- as.vector(if (is.mx.ndarray(value)) as.array(value) else value)
  wanted <- .check$expected[[key]]
  if (is.null(wanted)) complain(" is not among the expected values")
  if (length(value) != length(wanted)) complain(" has ", length(value), " values; MXNet has ", length(wanted))
  off <- which(!(abs(value - wanted) <= atol + rtol * abs(wanted)))
  if (length(off)) complain(" differs from MXNet in ", length(off), " of ", length(value), " values, first in number ", off[1],
                            ": ", format(value[off[1]], digits = 9), ", not ", format(wanted[off[1]], digits = 9))
  .check$agreed <- c(.check$agreed, key)
}

# Compares a list of matrices with MXNet's, in any order of the columns: the numbers of columns must be equal, and each of MXNet's columns
# must have one that differs by at most `tolerance`. (Columns are sorted by scores, which may differ by rounding errors only.)
agree.columns <- function(key, value, tolerance = 1e-4) {
  if (.check$recording) return(invisible())
  for (i in seq_along(value)) {
    name <- paste0(key, ".", i)
    mine <- value[[i]]
    wanted <- matrix(.check$expected[[name]], nrow(mine))
    off <- apply(wanted, 2, function(column) min(apply(abs(mine - column), 2, max)))
    if (ncol(mine) != ncol(wanted) || any(off > tolerance))
      stop(.check$script, ": ", name, " has ", ncol(mine), " columns, MXNet ", ncol(wanted), ", of which ", sum(off > tolerance), " have no equal one here")
    .check$agreed <- c(.check$agreed, name)
  }
}

done <- function() {
  if (.check$recording)
    return(invisible(mx.nd.save(.check$given, file.path(.check$folder, paste0(.check$script, ".params")))))
  left <- setdiff(names(.check$expected), .check$agreed)
  if (length(left)) stop(.check$script, ": not compared: ", paste(left, collapse = ", "), call. = FALSE)
  cat(.check$script, "agrees with MXNet in", length(.check$agreed), "results,",
      length(unlist(.check$expected)), "numbers\n")
}
