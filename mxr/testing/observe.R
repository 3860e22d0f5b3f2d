# observe("name", value) writes an observation into the golden file that the variable PROBE_OUT names (standard output without it).
# Base R only: the same file serves MXNet's own R package and mxr's, as in
#   PROBE_OUT=golden.jsonl Rscript -e 'source("observe.R")' -e 'source("script.R")'
observe <- local({
  to <- NULL
  quoted <- function(x) {
    x <- gsub("\\", "\\\\", enc2utf8(x), fixed = TRUE)
    for (pair in list(c("\"", "\\\""), c("\n", "\\n"), c("\t", "\\t"), c("\r", "\\r"))) x <- gsub(pair[1], pair[2], x, fixed = TRUE)
    paste0("\"", x, "\"")
  }
  write <- function(name, x) {
    if (inherits(x, "MXNDArray")) x <- as.array(x)
    if (is.list(x)) {
      parts <- if (is.null(names(x))) rep("", length(x)) else names(x)
      parts[parts == ""] <- which(parts == "")
      for (k in seq_along(x)) write(paste0(name, "$", parts[[k]]), x[[k]])
      return(invisible())
    }
    flat <- as.vector(x)
    kind <- if (is.null(x)) "null" else if (is.numeric(x)) "num" else if (is.logical(x)) "lgl" else "chr"
    values <- switch(kind, num = sprintf("%.9g", flat), lgl = tolower(as.character(flat)), as.character(flat))
    values[is.na(values)] <- "NA"
    line <- paste0("{\"name\":", quoted(name), ",\"kind\":\"", kind, "\",\"dim\":[",
                   paste(if (is.null(dim(x))) length(x) else dim(x), collapse = ","),
                   "],\"value\":[", if (length(values)) paste(quoted(values), collapse = ","), "]}")
    if (is.null(to)) to <<- file(Sys.getenv("PROBE_OUT", "/dev/stdout"), open = "wt", encoding = "UTF-8")
    writeLines(line, to)
    flush(to)
    invisible()
  }
  write
})
