# Training over several workers: the parts of the training loops that need the other processes of an `mpirun`.

#' Training over several workers
#'
#' Workers are processes on one machine or several, started together by MPI: `mpirun -n 4 mxr run train.R`, or
#' `mpirun -n 4 Rscript train.R`. Each runs the whole script, on its own part of the data. With
#' `kvstore = "dist_sync"`, or a store that `mx.kv.create("dist_sync")` made, they train one network together.
#'
#' Every worker computes the gradients of its own batch. The gradients are summed over all workers, and every worker
#' updates its parameters with that sum. So N workers with batches of b samples train like one process with batches of
#' N * b samples. If `optimizer` is a name, gradients are divided by b * N. Training starts with worker 0's
#' parameters, and after every round a check makes sure that all workers have the same ones. Each worker has its own
#' statistics of [mx.symbol.BatchNorm()], as in MXNet.
#'
#' The script decides which part of the data a worker takes. Iterators over files have `num.parts = kv$num.workers` and
#' `part.index = kv$rank`; of arrays, take every `kv$num.workers`th sample or a block of them. All workers should have
#' the same number of batches. Otherwise training does not begin, and an error says how many each has. If an iterator
#' does not tell its number, a round ends on all workers as soon as one has no batch left, with a warning.
#'
#' [mx.callback.save.checkpoint()] writes files, and the logging callbacks print, on worker 0 only. Each worker computes
#' its own metrics, unless the store was made with `sum.metrics = TRUE`. If a callback ends the training on one worker,
#' it ends on all of them after that round.
#'
#' A worker that fails, is killed or ends early stops all others within seconds, with an error that names it. Without
#' `mpirun`, or with `mpirun -n 1`, the same script trains in one process.
#'
#' This needs the Python package mpi4py (`pip install "mxr[mpi]"`) and an MPI library, such as Open MPI (on Debian:
#' `apt-get install openmpi-bin`).
#'
#' @examples
#' kv <- mx.kv.create("dist_sync")
#' set.seed(1)                                             # the same data on all workers; each takes its own part
#' x <- matrix(rnorm(300), 100, 3)
#' y <- x[, 1] - 2 * x[, 2]
#' mine <- seq_len(100) %% kv$num.workers == kv$rank
#' fc <- mx.symbol.FullyConnected(mx.symbol.Variable("data"), num.hidden = 1, name = "fc")
#' net <- mx.symbol.LinearRegressionOutput(fc, name = "out")
#' model <- mx.model.FeedForward.create(net, X = x[mine, ], y = y[mine], num.round = 5, array.batch.size = 10,
#'                                      learning.rate = 0.1, array.layout = "rowmajor", kvstore = kv)
#' as.array(model$arg.params$fc_weight)                    # close to 1, -2 and 0, the same on all workers
#' @concept several machines
#' @concept parallel training
#' @concept MPI
#' @seealso [mx.kv.create()], [mx.model.FeedForward.create()].
#' @name distributed.training
NULL

# Connects this process with the other workers, once. At R's exit this worker tells the others how it ended.
connect_workers <- function() {
  workers <- call_python("kv.workers")
  if (workers$size > 1 && is.null(.MXNetEnv$at.end)) {
    .MXNetEnv$at.end <- new.env(parent = emptyenv())
    reg.finalizer(.MXNetEnv$at.end, function(e) call_python("kv.leaving", geterrmessage()), onexit = TRUE)
  }
  workers
}

# The handle of the workers that train together by this store, or NULL if this process trains alone.
workers_of <- function(kvstore) if (is.MXKVStore(kvstore) && kvstore$num.workers > 1) kvstore$workers

# How many workers share a step.
worker_count <- function(kvstore) if (is.MXKVStore(kvstore)) kvstore$num.workers else 1

# Whether this worker is the one that prints and writes files; `env` is a training's frame.
is_leader <- function(env) {
  kvstore <- env$kvstore
  !is.MXKVStore(kvstore) || kvstore$rank == 0
}

# The properties of an optimizer that must be equal on all workers, as far as they are known.
optimizer_settings <- function(optimizer) {
  if (!is_built_in(optimizer)) return(list())
  rate <- if (attr(optimizer, "scheduled")) NULL else list("the learning rate" = attr(optimizer, "rate")())
  c(rate, list("the optimizer" = attr(optimizer, "rule")()))
}

# How many batches an iterator gives in a round, or NA if it does not tell.
batch_count <- function(iter) {
  known <- tryCatch(or_else(attr(iter, "n.batches"), iter$batch.per.epoch), error = function(e) NULL)
  if (is.numeric(known) && length(known) == 1) as.numeric(known) else NA_real_
}

# The initial parameters: worker 0's, or `params` if this process trains alone. An error if the workers' networks or
# settings differ.
begin_together <- function(kvstore, params, batch.size, train.data, rounds, optimizer) {
  workers <- workers_of(kvstore)
  if (is.null(workers)) return(params)
  settings <- c(list("the batch size" = batch.size, "the number of rounds" = length(rounds),
                     "the number of batches in a round" = batch_count(train.data)), optimizer_settings(optimizer))
  call_python("kv.begin", workers, params, settings)
}

# Called when a worker has no batch left, after `done` steps. Other workers that still have batches wait for this
# worker in their next step. `took.part`: this worker has just taken part in a step for which some others had no batch.
end_of_batches <- function(frame, execs, sums, took.part, done = frame$nbatch) {
  workers <- workers_of(frame$kvstore)
  if (is.null(workers)) return(invisible())
  uneven <- took.part || call_python("model.no_batch", unname(execs), sums) > 0
  if (!uneven) return(invisible())
  counts <- call_python("kv.counts", workers, as.integer(done + took.part), "the end of a round")
  if (is_leader(frame) && !isTRUE(frame$.told.uneven)) {
    assign(".told.uneven", TRUE, frame)
    warning("the workers do not have equally many batches, and a round ends with the fewest: worker ",
            which.min(counts) - 1, " has ", min(counts), " in round ", frame$iteration,
            ", others have more, which are not used", call. = FALSE, immediate. = TRUE)
  }
  invisible()
}

# Called at the end of a round: whether training ends, on all workers if on one. `params` must be the same on all.
ends_together <- function(frame, params, ends) {
  workers <- workers_of(frame$kvstore)
  if (is.null(workers)) return(ends)
  call_python("kv.round", workers, params, ends, as.integer(frame$iteration))
}

# A metric's state, summed over all workers if the store has sum.metrics.
metric_together <- function(frame, state, what) {
  kvstore <- frame$kvstore
  if (is.null(workers_of(kvstore)) || !kvstore$sum.metrics) return(state)
  call_python("kv.total", kvstore$workers, state, paste("the sum of the", what))
}

# The text before the metrics that a worker prints; NULL if it does not print them.
metric_prefix <- function(kvstore) {
  if (is.null(workers_of(kvstore))) return("")
  if (!kvstore$sum.metrics) return(own_prefix(kvstore))
  if (kvstore$rank == 0) "" else NULL
}

own_prefix <- function(kvstore) if (!is.null(workers_of(kvstore))) paste0("worker ", kvstore$rank, ": ") else ""
