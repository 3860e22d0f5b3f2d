# Shared by the custom-loss scripts. Each script declares its case, trains as users do, and compares what it sees with
# what MXNet 1.9.1 computed for the same symbols and arrays (expected.json, written by expected.py).
suppressMessages(library(mxnet))

# pseudo-data that needs no random numbers
wave <- function(..., k = 1, scale = 0.9) { d <- c(...); array(sin(seq_len(prod(d)) * k) * scale, d) }

# initial values for everything in `symbol` that is not in `shapes`
start.values <- function(symbol, shapes, scale = 0.5) {
  found <- do.call(mx.symbol.infer.shape, c(list(symbol), shapes))
  shapes <- found$arg.shapes[setdiff(names(found$arg.shapes), names(shapes))]
  Map(function(name, i) {
    value <- if (grepl("gamma$", name)) wave(shapes[[name]], k = 0.3, scale = 0.1) + 1 else wave(shapes[[name]], k = 0.7 + i, scale = scale)
    mx.nd.array(value)
  }, names(shapes), seq_along(shapes))
}

.case <- new.env()

# Name the case and what it starts from. With MXR_CASES set, that is saved there for expected.py, and the script ends.
case <- function(name, symbols, arrays) {
  folder <- Sys.getenv("MXR_CASES")
  if (nzchar(folder)) {
    for (s in names(symbols)) mx.symbol.save(symbols[[s]], file.path(folder, paste0(name, "-", s, ".json")))
    mx.nd.save(lapply(arrays, function(a) if (is.mx.ndarray(a)) a else mx.nd.array(a)), file.path(folder, paste0(name, ".params")))
    quit(save = "no")
  }
  .case$name <- name
  .case$expected <- jsonlite::fromJSON("expected.json", simplifyVector = TRUE)[[name]]
  .case$seen <- character()
}

# Compare a number, array or NDArray with MXNet's value under `key` (R order).
expect <- function(key, value, rtol = 1e-4, atol = 1e-5) {
  want <- .case$expected[[key]]
  if (is.null(want)) stop(.case$name, ": nothing is expected under ", key)
  value <- as.vector(if (is.mx.ndarray(value)) as.array(value) else value)
  if (length(value) != length(want)) stop(.case$name, ": ", key, " has ", length(value), " values, not ", length(want))
  off <- abs(value - want) > atol + rtol * abs(want)
  if (any(is.na(off)) || any(off))
    stop(.case$name, ": ", key, " is ", paste(format(value[which(is.na(off) | off)[1]], digits = 8)), " where MXNet has ",
         format(want[which(is.na(off) | off)[1]], digits = 8))
  .case$seen <- c(.case$seen, key)
}

finish <- function() {
  left <- setdiff(names(.case$expected), .case$seen)
  if (length(left)) stop(.case$name, ": never compared: ", paste(left, collapse = ", "))
  cat(.case$name, ": ", length(.case$seen), " comparisons with MXNet agree\n", sep = "")
}
