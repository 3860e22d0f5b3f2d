# Reading a script without running it: which of its calls work here, and what it needs.

#' Check a script before it runs
#'
#' Reads an R script or an R Markdown file, without running it. The result says line by line which functions and
#' arguments of mxnet are supported, which have another name, have no effect or behave differently, and which data files
#' and packages are missing. `mxr check old.R` does the same from the command line.
#'
#' Names that are made when the script runs are not found: those put together by `paste`, and functions called by
#' `do.call` through a variable.
#'
#' The time of each training on this machine is estimated if the script says how large the network and the data are
#' (numbers, data sets of R, existing files). For this, constant numbers of the same shapes are trained with the
#' script's network, optimizer and metric, for about half a second. On an otherwise idle machine the true time is
#' usually between half the estimate and twice the estimate. Callbacks, evaluation data and slow readers of files
#' are not included. If no batch can be trained, the operations that the shapes need are counted; the true time is
#' then between a third and three times the estimate. If a size is only known when the script runs, the result says
#' so. For the estimate, networks are composed and small tables are read; nothing else of the script is evaluated.
#'
#' @param file path of the script.
#' @param json whether to print the result as JSON, for other programs.
#' @param x the result of `mx.check.script`.
#' @param all whether to print every line with a call, not only those with a finding.
#' @param ... not used.
#' @return A data frame of class `mx.script.check`: `line`, `kind` (one of `"missing"`, `"differs"`, `"renamed"`,
#'   `"ignored"`, `"note"`, `"time"`, `"supported"`), `what` (a function, argument, file or package), `message`, and
#'   `link`, a page of the documentation. Its attribute `status` is 0 if nothing is missing, else 1.
#' @examples
#' file <- tempfile(fileext = ".R")
#' writeLines(c("library(mxnet)", "data <- mx.symbol.Variable('data')",
#'              "net <- mx.symbol.FullyConected(data, num_hidden = 2)", "ctx <- mx.gpu()"), file)
#' mx.check.script(file)
#' @concept old scripts
#' @concept porting
#' @concept migration
#' @seealso `vignette("old-scripts", package = "mxnet")`
#' @export
mx.check.script <- function(file, json = FALSE) {
  file <- check_path(file, "file")
  if (!file.exists(file) || dir.exists(file)) stop_file("there is no file ", file)
  lines <- script_code(script_lines(file), grepl("\\.[rq]?md$|\\.markdown$", file, ignore.case = TRUE))
  parsed <- tryCatch(parse(text = lines, keep.source = TRUE), error = function(e) e)
  if (inherits(parsed, "error"))
    stop_file(basename(file), " is not R code that can be read: ", sub("^<text>:", "line ", conditionMessage(parsed)))
  tokens <- utils::getParseData(parsed)
  if (is.null(tokens)) tokens <- data.frame(line1 = integer(), token = character(), text = character(),
                                            parent = integer(), id = integer())
  found <- rbind(check_functions(tokens), check_packages(tokens), check_files(tokens, dirname(file)),
                 check_habits(tokens), check_times(parsed, tokens, dirname(file)))
  found <- unique(found[order(found$line, match(found$kind, script_kinds)), ])
  rownames(found) <- NULL
  result <- structure(found, class = c("mx.script.check", "data.frame"), file = file,
                      status = as.integer(any(found$kind == "missing")))
  if (json) cat(script_json(result), "\n", sep = "")
  if (json) invisible(result) else result
}

script_kinds <- c("missing", "differs", "renamed", "ignored", "note", "time", "supported")

#' @rdname mx.check.script
#' @export
print.mx.script.check <- function(x, all = FALSE, ...) {
  count <- table(factor(x$kind, script_kinds))
  many <- function(n, one, several) paste(n, if (n == 1) one else several)
  cat(basename(attr(x, "file")), ": ",
      many(count[["supported"]], "call of mxnet is supported", "calls of mxnet are supported"),
      if (count[["missing"]]) paste0("; ", many(count[["missing"]], "thing is missing", "things are missing")),
      "\n", sep = "")
  shown <- if (all) x else x[x$kind != "supported", ]
  for (i in seq_len(nrow(shown)))
    cat(sprintf("%5d  %-9s  %s: %s%s\n", shown$line[[i]], shown$kind[[i]], shown$what[[i]], shown$message[[i]],
                if (nzchar(shown$link[[i]])) paste0(" (", shown$link[[i]], ")") else ""))
  invisible(x)
}

finding <- function(line, kind, what, message, link = "") {
  data.frame(line = line, kind = rep_len(kind, length(line)), what = rep_len(what, length(line)),
             message = rep_len(message, length(line)), link = rep_len(link, length(line)))
}

# The lines of a file in UTF-8. Old scripts may be in Latin-1, or begin with a byte order mark.
script_lines <- function(file) {
  lines <- readLines(file, warn = FALSE, skipNul = TRUE)
  latin <- !validUTF8(lines)
  lines[latin] <- iconv(lines[latin], "latin1", "UTF-8")
  Encoding(lines) <- "UTF-8"
  lines[1] <- sub("^\ufeff", "", lines[1])
  lines[!is.na(lines)]
}

# The lines of a script. In Markdown, the lines that are not R code become empty. R code is the R chunks; in a page
# without chunks, such as a printed tutorial, it is the blocks marked as R.
script_code <- function(lines, markdown) {
  if (!markdown) return(lines)
  chunk <- "^[[:space:]>]*```+[[:space:]]*\\{[rR][ ,}]"
  block <- "^[[:space:]>]*```+[[:space:]]*[rR][[:space:]]*$"
  opens <- grepl(if (any(grepl(chunk, lines))) chunk else block, lines)
  closes <- grepl("^[[:space:]>]*```+[[:space:]]*$", lines)
  inside <- FALSE
  for (i in seq_along(lines)) {
    if (inside && closes[[i]]) inside <- FALSE
    code <- inside
    if (!inside && opens[[i]]) inside <- TRUE
    if (!code) lines[[i]] <- ""
  }
  lines
}

# ---------------------------------------------------------------- functions

# The functions that differ or have another name: kind, message, page of the documentation.
script_functions <- list(
  mx.gpu = c("differs", "there is no GPU support: everything is computed on the CPU, with the same numbers",
             "differences#what-is-not-here"),
  mx.symbol.Concat = c("renamed", "mx.symbol.concat; the old name works, with a warning", ""),
  FactorScheduler = c("renamed", "mx.lr_scheduler.FactorScheduler; the old name works", ""),
  mx.infer.buckets = c("renamed", "mx.infer.rnn; the old name works", ""),
  mx.lr_scheduler.FactorScheduler = c("differs",
                                      "the learning rate really changes; from MXNet 1.3 on it was only announced",
                                      "differences#what-mxnet-announces-and-does-not-do-and-mxr-does"),
  mx.lr_scheduler.MultiFactorScheduler = c("differs",
                                           "the learning rate really changes; from MXNet 1.3 on it was only announced",
                                           "differences#what-mxnet-announces-and-does-not-do-and-mxr-does"),
  mx.io.ImageRecordIter = c("differs", "random crops are MXNet's where it decodes with one thread",
                            "differences#iterators-over-files"),
  mx.io.LibSVMIter = c("differs", "gives dense arrays", "differences#iterators-over-files"),
  mx.io.CSVIter = c("differs", "a reset in the middle of a pass starts from the beginning",
                    "differences#iterators-over-files"))
# Arguments without effect, by function. Those of operators follow from the declarations.
script_ignored <- list(
  mx.model.FeedForward.create = c("kvstore", "metric_cpu"), mx.model.buckets = c("kvstore", "metric_cpu", "gc_freq"),
  predict = "allow.extra.params", mx.nd.array = "ctx", mx.nd.zeros = "ctx", mx.nd.ones = "ctx",
  graph.viz = "graph.title.font.name")

check_functions <- function(tokens) {
  space <- asNamespace("mxnet")
  own <- script_definitions(tokens)
  names <- tokens[tokens$token %in% c("SYMBOL_FUNCTION_CALL", "SYMBOL"), ]
  after_dollar <- c(FALSE, head_of(tokens$text[tokens$terminal], -1) %in% c("$", "@"))
  members <- tokens$id[tokens$terminal][after_dollar]
  ours <- startsWith(names$text, "mx.") | names$text %in% c("graph.viz", "im2rec", "FactorScheduler", "rnn.graph",
                                                            "rnn.graph.unroll")
  names <- names[ours & !names$id %in% members & !names$text %in% own, ]
  uses <- lapply(seq_len(nrow(names)), function(i) check_function_use(names[i, ], tokens, space))
  do.call(rbind, c(list(finding(integer(), "", "", "")), uses))
}

head_of <- function(x, n) utils::head(x, n)

# Names that the script itself defines.
script_definitions <- function(tokens) {
  arrows <- tokens[tokens$token %in% c("LEFT_ASSIGN", "EQ_ASSIGN"), ]
  unlist(lapply(seq_len(nrow(arrows)), function(i) {
    left <- tokens[tokens$parent == arrows$parent[[i]] & tokens$line1 <= arrows$line1[[i]], ]
    left <- left[left$id < arrows$id[[i]] | left$col1 < arrows$col1[[i]], ]
    tokens$text[tokens$parent %in% left$id & tokens$token == "SYMBOL"]
  }))
}

check_function_use <- function(token, tokens, space) {
  name <- token$text
  if (!exists(name, space, inherits = FALSE)) {
    near <- agrep(name, getNamespaceExports("mxnet"), max.distance = 2, value = TRUE)
    near <- near[order(utils::adist(name, near))]
    return(finding(token$line1, "missing", name, paste0("there is no such function",
                                                        if (length(near)) paste0("; is it ", near[[1]], "?"))))
  }
  special <- script_functions[[name]]
  first <- if (is.null(special)) finding(token$line1, "supported", name, "") else
    finding(token$line1, special[[1]], name, special[[2]], if (nzchar(special[[3]])) paste0("docs/", sub("#", ".md#",
        special[[3]])) else "")
  value <- get(name, space)
  if (token$token != "SYMBOL_FUNCTION_CALL" || !is.function(value)) return(first)
  call <- tokens$parent[tokens$id == token$parent]
  given <- tokens[tokens$parent == call & tokens$token %in% c("SYMBOL_SUB", "STR_CONST"), ]
  given <- given[given$token == "SYMBOL_SUB" | given$id %in% named_by_text(tokens, call), ]
  rbind(first, check_arguments(name, value, given))
}

# Texts that are names of arguments: "a" = 1.
named_by_text <- function(tokens, call) {
  inner <- tokens[tokens$parent == call, ]
  at <- which(inner$token == "EQ_SUB")
  inner$id[at[at > 1] - 1]
}

check_arguments <- function(name, value, given) {
  plain <- function(x) gsub("_", ".", x, fixed = TRUE)
  formals <- setdiff(names(formals(value)), "...")
  operator <- grepl("^mx\\.(symbol|nd)\\.", name) && grepl("(symbol|nd)_operator", deparse1(body(value)))
  open <- "..." %in% names(formals(value)) && !operator
  without_effect <- c(script_ignored[[name]], if (operator) ignored_parameters(name))
  rows <- lapply(seq_len(nrow(given)), function(i) {
    argument <- gsub("[\"'`]", "", given$text[[i]])
    full <- formals[plain(formals) == plain(argument)]
    if (!length(full)) full <- formals[startsWith(plain(formals), plain(argument))]
    if (plain(argument) %in% plain(without_effect))
      return(finding(given$line1[[i]], "ignored", paste0(name, "(", argument, ")"), "has no effect here"))
    if (!length(full) && !open)
      return(finding(given$line1[[i]], "missing", paste0(name, "(", argument, ")"),
                     paste0("there is no such argument; there are ", paste(formals, collapse = ", "))))
    NULL
  })
  do.call(rbind, rows)
}

# The parameters of an operator that are accepted and do nothing, such as those for a GPU.
ignored_parameters <- function(name) {
  if (is.null(.MXNetEnv$ignored)) .MXNetEnv$ignored <- call_python("operators.ignored")
  unlist(.MXNetEnv$ignored[[sub("^mx\\.(symbol|nd)\\.", "", name)]])
}

# ---------------------------------------------------------------- packages, files, habits

check_packages <- function(tokens) {
  spaces <- tokens[tokens$token == "SYMBOL_PACKAGE", c("line1", "text")]
  calls <- tokens[tokens$token == "SYMBOL_FUNCTION_CALL" & tokens$text %in% c("library", "require",
      "requireNamespace"), ]
  attached <- lapply(seq_len(nrow(calls)), function(i) {
    call <- tokens$parent[tokens$id == calls$parent[[i]]]
    arguments <- tokens[tokens$parent %in% tokens$id[tokens$parent == call] & tokens$token %in% c("SYMBOL",
        "STR_CONST"), ]
    data.frame(line1 = calls$line1[[i]], text = gsub("[\"']", "", arguments$text[1]))
  })
  used <- rbind(spaces, do.call(rbind, attached))
  used <- used[!is.na(used$text) & !duplicated(used$text), ]
  lacking <- !vapply(used$text, function(p) nzchar(system.file(package = p)), NA)
  installs <- tokens[tokens$token == "SYMBOL_FUNCTION_CALL" & tokens$text %in% c("install.packages", "drat::addRepo",
      "install_github"), ]
  rbind(finding(used$line1[lacking], "missing", paste("package", used$text[lacking]), "is not installed"),
        finding(installs$line1, "note", installs$text, "remove lines that install MXNet: this package replaces it",
                "docs/vignettes/old-scripts"))
}

script_readers <- c(
  "read.csv", "read.table", "read.delim", "readRDS", "load", "source", "readLines", "scan", "fread", "read_csv",
  "load.image", "readImage", "mx.nd.load", "mx.symbol.load", "mx.io.CSVIter", "mx.io.MNISTIter", "mx.io.LibSVMIter",
  "mx.io.ImageRecordIter", "file")
script_writers <- c(
  "mx.model.save", "mx.symbol.save", "mx.nd.save", "mx.callback.save.checkpoint", "saveRDS", "save", "write.csv",
  "write.table", "fwrite", "write_csv", "download.file")

# The files that the script needs. A file that an earlier line writes need not be there, but its folder must be.
check_files <- function(tokens, folder) {
  texts <- tokens[tokens$token == "STR_CONST", ]
  inner <- gsub("^[\"']|[\"']$", "", texts$text)
  caller <- vapply(seq_len(nrow(texts)), function(i) calling(tokens, texts$parent[[i]]), "")
  on_web <- grepl("^(https?|ftp)://", inner)
  is_path <- nzchar(inner) & !on_web & !grepl("\n", inner)
  writes <- caller %in% script_writers & is_path
  written_before <- function(i) any(writes & inner == inner[[i]] & texts$line1 < texts$line1[[i]])
  made <- vapply(seq_along(inner), written_before, NA)
  exists_at <- function(paths) file.exists(paths) | file.exists(file.path(folder, paths))
  lacking <- caller %in% script_readers & is_path & grepl("[./\\\\]", inner) & !exists_at(inner) & !made
  prefixes <- paste0(inner, "-symbol.json")
  models <- caller == "mx.model.load" & nzchar(inner) & !exists_at(prefixes) & !made
  folders <- dirname(inner)
  closed <- writes & !exists_at(folders) & !folders %in% sub("/$", "", inner[caller == "dir.create"])
  fetched <- on_web & caller %in% c(script_readers, "download.file", "url")
  there <- "is not there, seen from the script's folder"
  rbind(finding(texts$line1[lacking], "missing", paste("file", inner[lacking]), there),
        finding(texts$line1[models], "missing", paste("file", prefixes[models]), there),
        finding(texts$line1[closed], "missing", paste("folder", folders[closed]),
                paste0(there, ", so ", caller[closed], " cannot write into it")),
        finding(texts$line1[fetched], "note", inner[fetched], "is fetched from the network"))
}

# The name of the function of which `id` is an argument; "" if it is not an argument.
calling <- function(tokens, id) {
  call <- tokens$parent[tokens$id == id]
  head <- tokens$id[tokens$parent %in% call]
  name <- tokens$text[tokens$parent %in% head & tokens$token == "SYMBOL_FUNCTION_CALL"]
  if (length(name)) name[[1]] else ""
}

check_habits <- function(tokens) {
  calls <- tokens[tokens$token == "SYMBOL_FUNCTION_CALL", ]
  whole <- function(token) tokens$text[tokens$id == tokens$parent[tokens$id == token$parent]]
  texts <- vapply(seq_len(nrow(calls)), function(i) or_else(c(whole(calls[i, ]), "")[1], ""), "")
  factors <- calls$text %in% c("read.csv", "read.table", "data.frame") & !grepl("stringsAsFactors", texts)
  compares <- tokens[tokens$token == "EQ", ]
  of_class <- vapply(compares$parent, function(id) compares_class(tokens, id), NA)
  rbind(finding(calls$line1[factors], "note", calls$text[factors],
                "since R 4.0 texts do not become factors: give stringsAsFactors = TRUE if the script needs factors",
                "docs/vignettes/old-scripts"),
        finding(compares$line1[of_class], "note", "class(x) ==",
                "a matrix has two classes since R 4.0: use inherits()", "docs/vignettes/old-scripts"))
}

# Whether one side of the comparison `id` is a call of class().
compares_class <- function(tokens, id) {
  sides <- tokens$id[tokens$parent == id]
  parts <- c(sides, tokens$id[tokens$parent %in% sides])
  any(tokens$parent %in% parts & tokens$token == "SYMBOL_FUNCTION_CALL" & tokens$text == "class")
}

script_json <- function(x) {
  rows <- sprintf("{\"line\": %d, \"kind\": %s, \"what\": %s, \"message\": %s, \"link\": %s}", as.integer(x$line),
                  json_text(x$kind), json_text(x$what), json_text(x$message), json_text(x$link))
  paste0("{\"file\": ", json_text(attr(x, "file")), ", \"status\": ", attr(x, "status"), ", \"findings\": [\n  ",
         paste(rows, collapse = ",\n  "), "\n]}")
}

# Texts as JSON strings. A control character is written as its number.
json_text <- function(text) {
  text <- gsub("([\"\\\\])", "\\\\\\1", enc2utf8(text))
  for (code in 1:31) text <- gsub(intToUtf8(code), sprintf("\\u%04x", code), text, fixed = TRUE)
  paste0("\"", text, "\"")
}
