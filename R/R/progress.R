# One line with the progress of a training, a prediction, the packing of images or the reading of files. It is shown at
# the prompt only; logs (Rscript, knitr, jobs) are the same as MXNet's.

# Whether to show progress: the session is interactive, and its messages go to a screen.
progress_wanted <- function() {
  conditions <- c(interactive(), isTRUE(getOption("mxnet.progress", TRUE)), !isTRUE(getOption("knitr.in.progress")),
                  sink.number() == 0, sink.number("message") == 2)
  all(conditions) && (isatty(stderr()) || identical(Sys.getenv("RSTUDIO"), "1"))
}

# A list of two functions: show(text, share), which draws the line at most five times a second, and clear(). `share` is
# the part that is done, NA if unknown. NULL if progress is not shown.
progress_line <- function() {
  if (!progress_wanted()) return(NULL)
  now <- function() proc.time()[["elapsed"]]
  drawn <- now()
  first <- NULL                    # time and share of the first line: preparations before it do not count
  width <- 0
  write <- function(text) {
    text <- substr(text, 1, getOption("width") - 1)
    cat("\r", formatC(text, width = -width), "\r", text, sep = "", file = stderr())
    width <<- nchar(text)
  }
  list(
    show = function(text, share = NA) {
      if (now() - drawn < 0.2) return(invisible())
      drawn <<- now()
      if (is.null(first) && !is.na(share)) first <<- c(now(), share)
      gained <- if (!is.null(first)) share - first[[2]] else NA
      left <- if (!is.na(gained) && gained > 0) (now() - first[[1]]) * (1 - share) / gained
      write(paste0(text(), if (!is.null(left)) paste0(", ", duration(left), " left")))
    },
    clear = function() {
      if (width > 0) write("")
    })
}

# Calls `work` with the function by which Python reports progress: an R function of a text and a share, or NULL if
# progress is not shown.
with_progress <- function(work) {
  line <- progress_line()
  if (is.null(line)) return(work(NULL))
  on.exit(line$clear())
  work(callable_by_python(function(what, share) {
    line$show(function() paste0(what, " (", round(100 * share), " %)"), share)
    NULL
  }, "the progress line", 2L))
}

# Seconds as "12 s", "3 min 20 s" or "2 h 5 min".
duration <- function(seconds) {
  s <- ceiling(seconds)
  if (s < 60) return(paste(s, "s"))
  if (s < 3600) return(paste(s %/% 60, "min", s %% 60, "s"))
  paste(s %/% 3600, "h", s %% 3600 %/% 60, "min")
}

# The progress of a training, after a batch: rounds, batches, the time left, and the metric so far. Batches in a round
# are known from the second round on.
show_training <- function(line, frame, batches) {
  done <- frame$iteration - frame$begin.round
  rounds <- frame$end.round - frame$begin.round + 1
  part <- if (is.null(batches)) 0 else min(1, frame$nbatch / batches)
  line$show(function() {
    value <- if (!is.null(frame$metric)) frame$metric$get(frame$train.metric)
    paste0("round ", frame$iteration, " of ", frame$end.round, ", batch ", frame$nbatch,
           if (!is.null(batches)) paste(" of", batches),
           if (!is.null(value)) paste0(", ", value$name, " ", format(as.numeric(value$value)[1], digits = 4)))
  }, share = (done + part) / rounds)
}
