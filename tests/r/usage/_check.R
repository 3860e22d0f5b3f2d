# Helpers of the scripts in this folder: each runs, at top level and in the style of real scripts, the
# patterns that one section of the
# survey of R scripts lists. `usage(what, code)` runs one pattern; `same` and `says` check; `done` fails if
# any pattern failed.
library(mxnet)

.usage <- new.env()
.usage$failed <- character()
.usage$count <- 0

usage <- function(what, code) {
  .usage$count <- .usage$count + 1
  tryCatch(force(code), error = function(e) {
    .usage$failed <- c(.usage$failed, what)
    cat("FAILED:", what, "\n  ", conditionMessage(e), "\n  in", deparse(conditionCall(e))[[1]], "\n")
  })
  invisible()
}

same <- function(value, wanted, tolerance = 1e-5) {
  plain <- function(x) as.vector(if (is.mx.ndarray(x)) as.array(x) else x)
  equal <- all.equal(if (is.list(value)) value else plain(value), if (is.list(wanted)) wanted else plain(wanted), tolerance = tolerance)
  if (!isTRUE(equal)) stop(paste(equal, collapse = "; "), "\n   ", paste(utils::capture.output(utils::str(value)), collapse = " "))
}

says <- function(code, pattern) {
  message <- tryCatch({ force(code); "no error" }, error = conditionMessage)
  if (!grepl(pattern, message)) stop("expected an error with '", pattern, "', got: ", message)
}

# deterministic data, made without random numbers
wave <- function(..., k = 1) { d <- c(...); array(sin(seq_len(prod(d)) * k) * 0.9, d) }

# The outputs of a symbol for given arrays, with heads as plain arrays.
run <- function(symbol, ..., is.train = FALSE) {
  arrays <- list(...)
  exec <- do.call(mx.simple.bind, c(list(symbol, ctx = mx.cpu(), grad.req = "write"), lapply(arrays, function(a) if (is.null(dim(a))) length(a) else dim(a))))
  mx.exec.update.arg.arrays(exec, lapply(arrays, mx.nd.array), match.name = TRUE)
  mx.exec.forward(exec, is.train = is.train)
  exec
}
value <- function(symbol, ...) as.array(run(symbol, ...)$ref.outputs[[1]])

done <- function(script) {
  if (length(.usage$failed)) stop(length(.usage$failed), " of ", .usage$count, " habits failed", call. = FALSE)
  cat(script, "runs:", .usage$count, "habits\n")
}
