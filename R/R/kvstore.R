# Key-value stores: sums over devices, or weights that an optimizer updates.

is.MXKVStore <- function(x) inherits(x, "Rcpp_MXKVStore")

#' Key-value stores
#'
#' Stores arrays under integer keys. `$init(keys, arrays)` sets them. `$push(keys, lists)` takes one list of arrays per
#' device, adds them and stores the sums. After `$set.optimizer(optimizer)` the sums are gradients, with which `$push`
#' updates the stored arrays. `$pull(keys, lists)` copies the stored arrays into the given ones.
#'
#' A store whose type begins with `dist` spans all workers: the processes started by `mpirun` or `srun`, such as
#' `mpirun -n 4 mxr run train.R`. There `$push` also adds over the workers, and `$init` takes the arrays of worker 0.
#' See [distributed.training()].
#'
#' @param type `"local"`, `"local_update_cpu"`, `"local_allreduce_cpu"` or the same with `device`; `"dist_sync"`, or
#'   `"dist_device_sync"`, which is the same here.
#' @param sum.metrics for `dist` types: whether training reports metrics over all workers' batches. Otherwise every
#'   worker reports its own.
#' @return A store, with the fields `type`, `update.on.kvstore`, `rank` (of this worker, from 0) and `num.workers`, and
#'   the function `$barrier()`, which waits until all workers have called it.
#' @examples
#' kv <- mx.kv.create()
#' kv$init(1L, list(mx.nd.ones(2)))
#' kv$push(1L, list(list(mx.nd.ones(2)), list(mx.nd.ones(2))))
#' out <- mx.nd.zeros(2)
#' kv$pull(1L, list(list(out)))
#' out
#' @concept key-value store
#' @concept several machines
#' @seealso [distributed.training].
#' @export
mx.kv.create <- function(type = "local", sum.metrics = FALSE) {
  check_kvstore_type(type)
  workers <- if (startsWith(tolower(type), "dist")) connect_workers() else list(group = NULL, rank = 0L, size = 1L)
  store <- list()
  updates <- list()
  optimizer <- NULL
  check <- function(keys, lists) {
    if (!all(lengths(lists) == length(keys))) stop_parameter("the lists must have one array per key")
  }
  self <- new.env(parent = emptyenv())
  self$type <- type
  self$update.on.kvstore <- !startsWith(type, "local_allreduce")
  self$rank <- workers$rank
  self$num.workers <- workers$size
  self$workers <- workers$group
  self$sum.metrics <- isTRUE(sum.metrics)
  self$init <- function(keys, weights) {
    check(keys, list(weights))
    store[as.character(keys)] <<- call_python("kv.first", workers$group, as.list(keys), unname(weights))
    invisible()
  }
  self$push <- function(keys, lists, priority = NULL) {
    check(keys, lists)
    totals <- call_python("kv.sum", workers$group, as.list(keys), unname(lapply(lists, unname)))
    for (i in seq_along(keys)) {
      key <- as.character(keys[[i]])
      if (is.null(optimizer)) {
        store[[key]] <<- totals[[i]]
      } else {
        if (is.null(updates[[key]])) updates[[key]] <<- own_update(optimizer, keys[[i]], store[[key]], mx.ctx.default())
        store[[key]] <<- mx.nd.array(updates[[key]](store[[key]], totals[[i]]))
      }
    }
    invisible()
  }
  self$pull <- function(keys, lists, priority = NULL) {
    check(keys, lists)
    for (outs in lists) call_python("nd.assign", unname(outs), unname(store[as.character(keys)]))
    invisible()
  }
  self$set.optimizer <- function(opt) {
    check_optimizer(opt)
    if (self$num.workers > 1) call_python("kv.same", workers$group, optimizer_settings(opt))
    optimizer <<- opt
  }
  self$barrier <- function() {
    if (self$num.workers > 1) call_python("kv.barrier", workers$group)
    invisible()
  }
  for (name in c("init", "push", "pull", "set.optimizer", "barrier")) self[[name]] <- by_position(self[[name]])
  structure(self, class = "Rcpp_MXKVStore")
}

check_kvstore_type <- function(type) {
  if (!is.character(type) || length(type) != 1 || is.na(type))
    stop_type("mx.kv.create: type must be one text, such as \"local\" or \"dist_sync\", not ", kind_of(type))
  if (grepl("^dist.*async", tolower(type)))
    stop_not_implemented("mx.kv.create: \"", type, "\", where workers do not wait for each other, is not part of this ",
                         "package; \"dist_sync\" is, where all workers take every step together")
  known <- "^(local(_update_cpu|_allreduce_(cpu|device))?|device|nccl|horovod|dist(_(device_)?sync)?(_device)?)$"
  if (!grepl(known, tolower(type)))
    warn_once(paste("kvstore", type), "kvstore \"", type, "\" is taken as \"local\", as in MXNet: the types are ",
              "\"local\", \"device\" and \"dist_sync\"")
}

# The store for training on `ndevice` devices; NULL for one device of one worker.
mx.model.create.kvstore <- function(kvstore, arg.params, ndevice, verbose = TRUE) {
  if (is.MXKVStore(kvstore)) return(kvstore)
  if (!is.character(kvstore)) stop_type("kvstore must be the name of a type or a store from mx.kv.create")
  check_kvstore_type(kvstore[[1]])
  if (startsWith(tolower(kvstore[[1]]), "dist")) return(mx.kv.create(kvstore[[1]]))
  if (ndevice == 1) return(NULL)
  if (kvstore == "local") {
    kvstore <- if (max(lengths(arg.params)) < 2^24) "local_update_cpu" else "local_allreduce_cpu"
    if (verbose) message("Auto-select kvstore type = ", kvstore)
  }
  mx.kv.create(kvstore)
}
