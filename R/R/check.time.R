# Estimates how long the trainings of a script will take, from the network and the data that it describes, without
# running it. Constant numbers of the same shapes are trained for a few batches.
#
# The network is composed, and small data are made, in a sandbox: an environment with functions for composing,
# arithmetic, vectors and tables, and without functions that use the internet, write, plot, train or wait. Values that
# need other functions are unknown.

script_trainers <- c("mx.model.FeedForward.create", "mx.mlp")
script_loops <- c("mx.model.buckets", "mx.lstm", "mx.gru", "mx.rnn", "mx.exec.backward", "mx.model.train.buckets")

# A finding for each training, and one for the script's own training loops.
check_times <- function(parsed, tokens, folder) {
  none <- finding(integer(), "", "", "")
  calls <- tokens[tokens$token == "SYMBOL_FUNCTION_CALL", ]
  lines <- calls$line1[calls$text %in% script_trainers]
  loops <- calls[calls$text %in% script_loops, ]
  loops <- loops[!duplicated(loops$text), ]
  other <- finding(loops$line1, "time", loops$text,
                   "the time cannot be estimated: the number of batches is only known when the script runs")
  if (!length(lines)) return(other)
  estimates <- estimate_trainings(as.list(parsed), folder)
  if (length(estimates) != length(lines)) return(other)
  rbind(other, do.call(rbind, c(list(none), Map(function(line, estimate) {
    finding(line, "time", estimate$what, estimate$message, "docs/performance.md")
  }, lines, estimates))))
}

# The trainings in the order of the script: the function's name, and the message about its time.
estimate_trainings <- function(expressions, folder) {
  names <- call_python("symbol.names")                # restored at the end: the script's automatic names do not change
  on.exit(call_python("symbol.names", names))
  most <- mem.maxVSize()
  mem.maxVSize(sum(gc()[, 2]) + 1000)                 # megabytes: the script may need more than this machine has
  on.exit({
    mem.maxVSize(most)
    setTimeLimit()
  }, add = TRUE)
  found <- list()
  add <- function(call, sandbox, times) found <<- c(found, list(estimate_training(call, sandbox, times)))
  visit <- trainings_visitor(add)
  sandbox <- make_sandbox(folder)
  for (expression in expressions) {
    if (any(script_trainers %in% all.names(expression))) visit(expression, new.env(parent = sandbox), 1)
    try_in_sandbox(expression, sandbox)
  }
  found
}

# Evaluates an expression in the sandbox. If that fails, the names that the expression assigns become unknown.
try_in_sandbox <- function(expression, sandbox) {
  clock <- get(".clock", sandbox)
  if (clock$left <= 0) return(forget(expression, sandbox))
  before <- proc.time()[["elapsed"]]
  done <- tryCatch({
    setTimeLimit(elapsed = 5)
    utils::capture.output(suppressWarnings(suppressMessages(eval(expression, sandbox))))
    TRUE
  }, error = function(e) FALSE)
  setTimeLimit()
  clock$left <- clock$left - (proc.time()[["elapsed"]] - before)
  if (!done) forget(expression, sandbox)
}

forget <- function(expression, sandbox) {
  suppressWarnings(rm(list = intersect(assigned_names(expression), ls(sandbox, all.names = TRUE)), envir = sandbox))
}

# A function that walks through an expression. It evaluates the lines before a training in the same block, and calls
# `tell(call, sandbox, times)` for each training. `times` is how often loops repeat the training, NA if that is unknown.
trainings_visitor <- function(tell) {
  visit <- function(expression, sandbox, times) {
    if (!is.call(expression)) return(invisible())
    name <- called_name(expression)
    if (name %in% script_trainers) tell(expression, sandbox, times)
    if (name == "function") return(visit(expression[[3]], with_defaults(expression[[2]], sandbox), times))
    if (name == "for") return(visit(expression[[4]], sandbox, times * turns_of(expression, sandbox)))
    for (i in written(expression)) {
      visit(expression[[i]], sandbox, times)
      if (name == "{") try_in_sandbox(expression[[i]], sandbox)
    }
  }
  visit
}

# The positions of a call's arguments without the empty ones: in x[, 1] the second part is empty.
written <- function(call) setdiff(which(nzchar(vapply(as.list(call), deparse1, ""))), 1)

# The name of the function that is called, without its package; "" if it has no name.
called_name <- function(call) {
  head <- call[[1]]
  if (is.call(head) && deparse1(head[[1]]) %in% c("::", ":::")) head <- head[[3]]
  if (is.name(head)) as.character(head) else ""
}

# The number of turns of a loop, NA if unknown. Gives the loop's variable its first value.
turns_of <- function(loop, sandbox) {
  over <- tryCatch(eval(loop[[3]], sandbox), error = function(e) NULL)
  if (length(over)) assign(as.character(loop[[2]]), over[[1]], sandbox)
  if (is.null(over)) NA else length(over)
}

# The environment for the body of one of the script's functions: its arguments have their defaults.
with_defaults <- function(formals, sandbox) {
  inner <- new.env(parent = sandbox)
  for (name in names(formals))
    if (nzchar(deparse1(formals[[name]]))) eval(call("delayedAssign", name, formals[[name]], inner, inner))
  inner
}

assigned_names <- function(expression) {
  if (!is.call(expression)) return(character())
  target <- if (called_name(expression) %in% c("<-", "=", "<<-", "for")) all.names(expression[[2]], functions = FALSE)
  inner <- lapply(written(expression), function(i) assigned_names(expression[[i]]))
  c(utils::head(target, 1), unlist(inner))
}

# ---------------------------------------------------------------- the sandbox

sandbox_functions <- c(
  "<-", "=", "<<-", "{", "(", "if", "for", "function", "return", "next", "break", "&&", "||", "!", "&", "|",
  "+", "-", "*", "/", "^", "%%", "%/%", "%in%", "%*%", ":", "==", "!=", "<", ">", "<=", ">=", "[", "[[", "$",
  "@", "[<-", "[[<-", "$<-", "c", "list", "vector", "numeric", "integer", "character", "logical", "rep",
  "rep_len", "seq", "seq_len", "seq_along", "rev", "matrix", "array", "dim", "dim<-", "nrow", "ncol", "NROW",
  "NCOL", "length", "t", "aperm", "cbind", "rbind", "data.frame", "as.matrix", "data.matrix", "as.array",
  "as.numeric", "as.integer", "as.vector", "as.double", "as.character", "as.data.frame", "factor", "as.factor",
  "levels", "unlist", "names", "names<-", "colnames", "colnames<-", "rownames", "rownames<-", "dimnames",
  "dimnames<-", "setdiff", "intersect", "union", "unique", "which", "order", "sort", "head", "tail", "sum",
  "mean", "max", "min", "range", "abs", "sqrt", "exp", "log", "sin", "cos", "round", "floor", "ceiling",
  "scale", "apply", "lapply", "sapply", "vapply", "Map", "Reduce", "Filter", "do.call", "paste", "paste0",
  "sprintf", "is.null", "is.na", "ifelse", "stop", "identity", "invisible", "missing", "nchar", "toupper",
  "tolower", "is.function", "is.numeric", "any", "all", "subset", "with", "colMeans", "rowMeans", "colSums",
  "rowSums", "table", "cut", "switch", "is.list", "append", "prod", "cumsum", "stopifnot", "structure", "class",
  "inherits", "T", "F", "pi", "letters", "LETTERS", "suppressMessages", "suppressWarnings", "nlevels",
  "na.omit", "complete.cases", "is.factor", "expand.grid", "outer", "diag", "model.matrix", "sweep", "max.col",
  "identical", "gsub", "sub", "match", "tabulate", "crossprod", "mapply", "tapply", "split", "quantile", "var",
  "sd", "cor", "median", "rank", "as.logical", "is.character", "sign", "trunc", "within", "transform", "merge",
  "~", "replicate", "simplify2array", "droplevels", "is.matrix", "is.array", "is.data.frame", "is.vector",
  "mode", "typeof", "strsplit", "startsWith", "endsWith", "grepl", "rowsum", "setNames", "force", "isTRUE",
  "isFALSE", "xor", "rapply", "nargs", "is.environment")

# The environment of a script, above one with the functions that are allowed. Random numbers are zeros: only their
# number matters.
make_sandbox <- function(folder) {
  known <- new.env(parent = emptyenv())
  for (name in sandbox_functions) assign(name, get(name, home_of(name)), known)
  pure <- "^mx\\.(symbol|varg\\.symbol|init|opt|metric|callback|lr_scheduler)\\."
  for (name in grep(pure, ls(asNamespace("mxnet")), value = TRUE))
    if (!grepl("\\.(save|load|fun|Custom)$", name)) assign(name, get(name, asNamespace("mxnet")), known)
  for (name in c("mx.set.seed", "set.seed", "library", "require", "options", "rm", "cat", "print", "message"))
    assign(name, function(...) invisible(NULL), known)
  known$`%>%` <- pipe
  known$`$` <- reads_member
  known$`::` <- known$`:::` <- member_of_package(known)
  known$mx.cpu <- known$mx.gpu <- function(dev.id = 0) mx.cpu(dev.id)
  furnish_with_numbers(known)
  furnish_with_data(known, folder)
  sandbox <- new.env(parent = known)
  known$.clock <- list2env(list(left = 20))           # seconds
  known$source <- function(file, ...) {
    path <- at_hand(file, folder)
    if (is.null(path)) cannot_run("not at hand")
    for (expression in parse(path, keep.source = FALSE)) try_in_sandbox(expression, sandbox)
  }
  sandbox
}

furnish_with_numbers <- function(known) {
  zeros <- function(n = 1, ...) numeric(if (length(n) > 1) length(n) else small(n))
  for (name in c("rnorm", "runif", "rbinom", "rpois", "rexp", "rgamma", "mx.runif", "mx.rnorm"))
    assign(name, zeros, known)
  known$sample <- function(x, size, ...) {
    all <- if (length(x) == 1 && is.numeric(x)) seq_len(small(x)) else x
    rep_len(all, if (missing(size)) length(all) else small(size))
  }
  known$sample.int <- function(n, size = n, ...) known$sample(n, size)
}

furnish_with_data <- function(known, folder) {
  for (name in c("mx.io.CSVIter", "mx.io.ImageRecordIter", "mx.io.LibSVMIter", "mx.io.MNISTIter"))
    assign(name, file_batches(name, folder), known)
  known$mx.io.arrayiter <- function(data, label, batch.size = 128, shuffle = FALSE) {
    shapes <- lapply(list(data = data, label = label), function(x) c(utils::head(size_of(x), -1), batch.size))
    batches <- ceiling(utils::tail(size_of(data), 1) / batch.size)
    structure(list(shapes = shapes, batches = batches), class = "mxr_batches")
  }
  for (name in c("read.csv", "read.table", "read.delim")) assign(name, table_reader(name, folder), known)
  known$data <- function(..., list = character(), package = NULL) {
    names <- c(vapply(as.list(substitute(list(...)))[-1], as.character, ""), list)
    utils::data(list = names, package = package, envir = known)
  }
  datasets <- as.environment("package:datasets")
  for (name in ls(datasets)) eval(call("delayedAssign", name, call("get", name, datasets), baseenv(), known))
}

# Stops the evaluation of one line of the script; its result stays unknown.
cannot_run <- function(why) stop(why, call. = FALSE)

# `$`, without methods that write files.
reads_member <- function(x, name) {
  name <- as.character(substitute(name))
  if (is.mx.symbol(x) && name == "save") cannot_run("writes a file")
  do.call(base::`$`, list(x, name))
}

# `::` for this package's functions that are allowed, and for the data of other packages.
member_of_package <- function(known) {
  function(package, name) {
    package <- as.character(substitute(package))
    name <- as.character(substitute(name))
    if (package == "mxnet" && exists(name, known, inherits = FALSE)) return(get(name, known))
    value <- getExportedValue(package, name)
    if (is.function(value)) cannot_run("a function of another package")
    value
  }
}

small <- function(n) if (n > 5e7) cannot_run("too large to be made here") else n

home_of <- function(name) {
  for (package in c("base", "stats", "utils", "methods"))
    if (exists(name, asNamespace(package), inherits = FALSE)) return(asNamespace(package))
  emptyenv()
}

# x %>% f, x %>% f(a), x %>% f(a, .)
pipe <- function(lhs, rhs) {
  rhs <- substitute(rhs)
  if (is.name(rhs)) rhs <- as.call(list(rhs))
  dots <- vapply(as.list(rhs)[-1], identical, NA, quote(.))
  if (!any(dots)) rhs <- as.call(append(as.list(rhs), quote(.), 1))
  scope <- new.env(parent = parent.frame())
  scope$. <- lhs
  eval(rhs, scope)
}

# The batches of a reader of files: their shapes and their number, NA if the file does not tell.
file_batches <- function(reader, folder) {
  force(reader)
  function(...) {
    given <- list(...)
    names(given) <- gsub("_", ".", names(given), fixed = TRUE)
    size <- or_else(given$batch.size, 128)
    digits <- if (isTRUE(as.logical(given$flat))) 784 else c(28, 28, 1)
    shape <- if (reader == "mx.io.MNISTIter") digits else given$data.shape
    shape <- shape_numbers(shape)
    path <- at_hand(or_else(or_else(given$data.csv, given$data.libsvm), ""), folder, large_table)
    samples <- if (is.null(path)) NA else lines_of(path)
    structure(list(shapes = list(data = c(shape, size)), batches = ceiling(samples / size)), class = "mxr_batches")
  }
}

shape_numbers <- function(shape) {
  if (is.character(shape)) as.numeric(regmatches(shape, gregexpr("[0-9]+", shape))[[1]]) else shape
}

# The path of a file of the script, NULL if it does not exist or is larger than `most` bytes.
at_hand <- function(path, folder, most = 5e7) {
  if (!is.character(path) || !nzchar(path) || grepl("^(https?|ftp):", path)) return(NULL)
  found <- Filter(function(p) file.exists(p) && !dir.exists(p) && file.size(p) < most, c(file.path(folder, path), path))
  if (length(found)) found[[1]]
}

large_table <- 1e9                                    # bytes: the lines of a larger file are not counted

# Reads a table. Of a large one only the first rows are read; they are repeated, because only the size matters.
table_reader <- function(name, folder) {
  reader <- get(name, asNamespace("utils"))
  function(file, ...) {
    path <- at_hand(file, folder, large_table)
    if (is.null(path)) cannot_run("not at hand")
    if (file.size(path) < 1e6 || "nrows" %in% ...names()) return(reader(path, ...))
    first <- reader(path, ..., nrows = 100)
    rows <- lines_of(path) - or_else(list(...)$header, formals(reader)$header) - or_else(list(...)$skip, 0)
    small(rows * ncol(first))
    structure(lapply(first, rep_len, rows), row.names = seq_len(rows), class = "data.frame")
  }
}

# The number of lines of a file.
lines_of <- function(path) {
  con <- file(path, "rb")
  on.exit(close(con))
  newline <- charToRaw("\n")
  n <- 0
  last <- newline
  while (length(part <- readBin(con, "raw", 1e6))) {
    n <- n + sum(part == newline)
    last <- part[[length(part)]]
  }
  n + (last != newline)
}

size_of <- function(x) {
  if (is.null(dim(x))) length(x) else dim(x)
}

# ---------------------------------------------------------------- one training

estimate_training <- function(call, sandbox, times) {
  name <- called_name(call)
  call <- call[!vapply(as.list(call), identical, NA, quote(...))]             # of a function of the script's own
  matched <- as.list(match.call(get(name, asNamespace("mxnet")), call, expand.dots = FALSE, envir = sandbox))
  matched <- c(matched, as.list(matched$...))
  value <- function(argument, default = NULL) {
    if (is.null(matched[[argument]])) return(default)
    tryCatch(suppressWarnings(suppressMessages(eval(matched[[argument]], sandbox))), error = function(e) NULL)
  }
  untold <- function(e) paste0("the time cannot be estimated: ", conditionMessage(e))
  message <- tryCatch(time_of_training(name, value, times), mxr_not_told = untold)
  list(what = name, message = message)
}

# The message about a training's time; `value` gives the training's arguments.
time_of_training <- function(name, value, times) {
  untold <- function(what) {
    stop(structure(class = c("mxr_not_told", "error", "condition"), list(message = what, call = NULL)))
  }
  of_mlp <- name == "mx.mlp"
  symbol <- if (of_mlp) mlp_symbol(value) else value("symbol")
  if (!is.mx.symbol(symbol)) untold("the network is only known when the script runs")
  data <- value(if (of_mlp) "data" else "X")
  if (is.null(data)) untold("the size of the data is only known when the script runs")
  rounds <- value("num.round", 10)
  begin <- value("begin.round", 1)
  size <- value("array.batch.size", 128)
  if (!is.numeric(rounds) || !is.numeric(begin) || !is.numeric(size))
    untold("the number of rounds or the size of a batch is only known when the script runs")
  batches <- tryCatch(given_batches(data, size, value("array.layout", "auto")), error = function(e) NULL)
  if (is.null(batches)) untold("the kind of the data is only known when the script runs")
  work <- symbol_work(symbol, batches$shapes)
  if (is.null(work)) untold("the shapes of the network do not follow from those of the data")
  measured <- measured_batch(symbol, work, batches$shapes, value)
  if (!is.null(measured)) work$seconds <- measured
  told_time(c(work, measured = !is.null(measured)), batches, rounds - begin + 1, times)
}

# The seconds of one batch, measured by training on constant numbers of the same shapes. There are three short rounds;
# the first is a warm-up, the faster of the other two counts. A batch that would take much time or memory is measured
# with fewer samples. NULL if the network cannot be trained on such numbers.
measured_batch <- function(symbol, work, shapes, value) {
  size <- utils::tail(shapes[[1]], 1)
  part <- min(1, 0.2 / work$seconds, 2e7 / (work$elements + work$inputs + 1))
  few <- max(1, round(size * part))
  arrays <- constant_batch(symbol, shapes, few)
  turns <- min(200, max(1, round(0.1 / (work$seconds * few / size))))
  streams <- call_python("random.exchange")            # the session's random numbers stay as they are
  on.exit({
    setTimeLimit()
    call_python("random.exchange", streams)
  })
  setTimeLimit(elapsed = 20)
  rounds <- tryCatch(quietly(timed_rounds(symbol, arrays, turns, value)), error = function(e) NULL)
  if (length(rounds) != 3) return(NULL)
  max(min(rounds[-1]), 1e-9) / turns * size / few
}

# Runs code without warnings. Those that are given once in a session are still given later.
quietly <- function(code) {
  once <- c("warned", "long.metrics")
  before <- lapply(once, function(name) .MXNetEnv[[name]])
  on.exit(for (i in seq_along(once)) assign(once[[i]], before[[i]], .MXNetEnv))
  suppressWarnings(code)
}

# A batch of `samples` samples in arrays of these shapes. Labels that are not given have the shapes that the network
# needs; if it does not need a certain shape, they are one number per sample.
constant_batch <- function(symbol, shapes, samples) {
  used <- arguments(symbol)
  shapes <- lapply(shapes[names(shapes) %in% used], function(shape) c(utils::head(shape, -1), samples))
  needed <- tryCatch(call_python("symbol.infer_shape", symbol, shapes)$arg.shapes, error = function(e) NULL)
  for (label in setdiff(grep("label$", used, value = TRUE), names(shapes)))
    shapes[[label]] <- or_else(needed[[label]], samples)
  lapply(shapes, function(shape) mx.nd.array(array(1, shape)))
}

# The seconds of three rounds of a training with `turns` batches each.
timed_rounds <- function(symbol, arrays, turns, value) {
  at <- 0
  starts <- NULL
  # Processor time and elapsed time. The former is less if other programs keep this one waiting.
  now <- function() {
    clock <- proc.time()
    c(clock[["user.self"]] + clock[["sys.self"]], clock[["elapsed"]])
  }
  iterator <- list(
    reset = function() {
      at <<- 0
      starts <<- rbind(starts, now())
    },
    iter.next = function() (at <<- at + 1) <= turns,
    value = function() arrays, num.pad = function() 0)
  is_label <- grepl("label$", names(arrays))
  optimizer <- value("optimizer", "sgd")
  kind <- if (is.character(optimizer)) optimizer else or_else(attr(optimizer, "kind"), "sgd")
  metric <- value("eval.metric")
  suppressWarnings(suppressMessages(utils::capture.output(mx.model.FeedForward.create(
    symbol, X = iterator, ctx = mx.cpu(), num.round = 3, optimizer = sub("alex$", "", kind),
    initializer = function(name, shape, ...) mx.nd.array(array(0.01, shape)),
    eval.metric = if (inherits(metric, "mx.metric")) metric, input.names = names(arrays)[!is_label],
    output.names = if (any(is_label)) names(arrays)[is_label], verbose = FALSE))))
  # The training also resets the iterator once before the first round.
  spent <- diff(utils::tail(rbind(starts, now()), 4))
  pmin(spent[, 1], spent[, 2])
}

# The work of a network. Labels of unknown shape are taken as one number per sample.
symbol_work <- function(symbol, shapes) {
  shapes <- shapes[names(shapes) %in% arguments(symbol)]
  ask <- function(shapes) tryCatch(call_python("symbol.work", symbol, shapes), error = function(e) NULL)
  labels <- setdiff(grep("label$", arguments(symbol), value = TRUE), names(shapes))
  guessed <- stats::setNames(rep(list(utils::tail(unlist(shapes[1]), 1)), length(labels)), labels)
  or_else(ask(shapes), if (length(labels)) ask(c(shapes, guessed)))
}

mlp_symbol <- function(value) {
  tryCatch(quietly(mlp_network(value("hidden_node", 1), value("out_node"), value("dropout"),
                               value("activation", "tanh"), value("out_activation", "softmax"))),
           error = function(e) NULL)
}

# The shapes of a batch's arrays, and how many batches there are.
given_batches <- function(data, size, layout) {
  if (inherits(data, "mxr_batches")) return(data)
  if (is.list(data) && is.function(data$iter.next)) return(counted_batches(data))
  if (is.list(data) && !is.data.frame(data)) return(NULL)
  dims <- size_of(data)
  if (length(dims) == 1) dims <- c(1, dims)
  rows <- length(dims) == 2 && switch(layout, rowmajor = TRUE, auto = dims[[1]] >= dims[[2]], FALSE)
  samples <- if (rows) dims[[1]] else utils::tail(dims, 1)
  shape <- if (rows) dims[[2]] else utils::head(dims, -1)
  list(shapes = list(data = c(shape, size)), batches = ceiling(samples / size))
}

# The batches of an iterator that the script defines: runs through it once.
counted_batches <- function(iterator) {
  setTimeLimit(elapsed = 5)
  on.exit(setTimeLimit())
  iterator$reset()
  n <- 0
  while (iterator$iter.next()) {
    if (n == 0) first <- iterator$value()
    n <- n + 1
  }
  list(shapes = lapply(first, size_of), batches = n)
}

told_time <- function(work, batches, rounds, times) {
  size <- utils::tail(batches$shapes[[1]], 1)
  factor <- if (isTRUE(work$measured)) 2 else 3
  many <- function(n, what) paste0(n, " ", what, if (n != 1) if (what == "batch") "es" else "s")
  step <- paste0(format(signif(3 * work$products / 1e6, 3), big.mark = ",", scientific = FALSE),
                 " million operations of matrix products a batch of ", size)
  often <- if (is.na(times)) ", each time" else if (times > 1) paste0(", ", times, " times")
  if (is.na(batches$batches))
    return(paste0(within_times(work$seconds * 1000 * rounds / size, " for every 1000 samples", factor), ": ",
                  many(rounds, "round"), ", ", step, "; the number of samples is not known", often))
  seconds <- work$seconds * batches$batches * rounds * if (is.na(times)) 1 else times
  paste0(within_times(seconds, factor = factor), ": ", many(rounds, "round"), " of ", many(batches$batches, "batch"),
         ", ", step, often)
}

# `factor` is how far off the estimate may be: 2 if batches were measured, else 3.
within_times <- function(seconds, of = "", factor = 3) {
  if (seconds < 1) return(paste0("less than ", if (factor == 2) "two" else "three", " seconds", of, " on this machine"))
  paste0("about ", about(seconds), of, " on this machine (between ", about(seconds / factor), " and ",
         about(seconds * factor), ")")
}

# Seconds in words, to two digits.
about <- function(seconds) duration(signif(seconds, 2))
