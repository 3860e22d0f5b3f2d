# Runs recipes of the cookbook: Rscript recipes.R FOLDER NAME...   (see cookbook.py)
arguments <- commandArgs(TRUE)
folder <- arguments[[1]]
library(mxnet)

# Records the arguments of the training, so that Python can train the same.
trained <- NULL
train <- function(symbol, X, y = NULL, ...) {
  trained <<- list(symbol = symbol, batch = if (is.list(X)) { X$reset(); X$iter.next(); X$value() } else list(data = t(X), label = y))
  if (is.list(X)) mxnet::mx.model.FeedForward.create(symbol, X = X, ...)
  else mxnet::mx.model.FeedForward.create(symbol, X = X, y = y, ...)
}

for (name in arguments[-1]) {
  seconds <- system.time({
    home <- new.env(parent = globalenv())
    home$mx.model.FeedForward.create <- train
    svg(file.path(folder, paste0(name, ".svg")), width = 7.6, height = 3.2, bg = "transparent")
    par(fg = "gray50", col.axis = "gray50", col.lab = "gray50", col.main = "gray50")
    invisible(capture.output(source(file.path(folder, paste0(name, ".R")), local = home)))
    dev.off()
  })[["elapsed"]]
  at <- function(suffix) file.path(folder, paste0(name, suffix))
  write.csv(format(home$numbers, digits = 15, trim = TRUE), at(".csv"), quote = TRUE)
  mx.symbol.save(trained$symbol, at(".json"))
  inputs <- lapply(trained$batch, function(a) mx.nd.array(as.array(a)))
  arrays <- list(input = inputs, param = home$model$arg.params)
  names <- unlist(Map(paste0, names(arrays), ":", lapply(arrays, names)))
  mx.nd.save(structure(unlist(arrays, recursive = FALSE), names = names), at(".params"))
  cat(sprintf("done: %-24s %5.2f s   %s", name, seconds, paste(dimnames(home$numbers)[[2]], collapse = " and ")), "\n")
}
