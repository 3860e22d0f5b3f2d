# Key-value stores: sums over devices, or weights that an optimizer updates.

is.MXKVStore <- function(x) inherits(x, "Rcpp_MXKVStore")

#' Key-value stores
#'
#' Keeps arrays under whole-number keys. `$init(keys, arrays)` sets them; `$push(keys, lists)` adds up one list of
#' arrays per device and stores the sums, or, after `$set.optimizer(optimizer)`, updates the stored arrays by them as
#' gradients; `$pull(keys, lists)` copies the stored arrays into the given ones.
#'
#' @param type `"local"`, `"local_update_cpu"`, `"local_allreduce_cpu"` or the same with `device`.
#' @return A store, with the fields `type` and `update.on.kvstore`.
#' @examples
#' kv <- mx.kv.create()
#' kv$init(1L, list(mx.nd.ones(2)))
#' kv$push(1L, list(list(mx.nd.ones(2)), list(mx.nd.ones(2))))
#' out <- mx.nd.zeros(2)
#' kv$pull(1L, list(list(out)))
#' out
#' @export
mx.kv.create <- function(type = "local") {
  if (startsWith(type, "dist")) stop_user("mx.kv.create: training over several machines is not part of this package")
  store <- list()
  updates <- list()
  optimizer <- NULL
  check <- function(keys, lists) {
    if (!all(lengths(lists) == length(keys))) stop_user("the lists must have one array per key")
  }
  self <- new.env(parent = emptyenv())
  self$type <- type
  self$update.on.kvstore <- !startsWith(type, "local_allreduce")
  self$init <- function(keys, weights) {
    check(keys, list(weights))
    store[as.character(keys)] <<- lapply(weights, mx.nd.array)
    invisible()
  }
  self$push <- function(keys, lists, priority = NULL) {
    check(keys, lists)
    for (i in seq_along(keys)) {
      key <- as.character(keys[[i]])
      total <- Reduce(`+`, lapply(lists, `[[`, i))
      if (is.null(optimizer)) {
        store[[key]] <<- mx.nd.array(total)
      } else {
        if (is.null(updates[[key]])) updates[[key]] <<- own_update(optimizer, keys[[i]], store[[key]], mx.ctx.default())
        store[[key]] <<- mx.nd.array(updates[[key]](store[[key]], total))
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
    optimizer <<- opt
  }
  for (name in c("init", "push", "pull", "set.optimizer")) self[[name]] <- by_position(self[[name]])
  structure(self, class = "Rcpp_MXKVStore")
}

#' @export
print.Rcpp_MXKVStore <- function(x, ...) {
  cat("<key-value store ", x$type, ">\n", sep = "")
  invisible(x)
}

# The store for training on `ndevice` devices; NULL for one device.
mx.model.create.kvstore <- function(kvstore, arg.params, ndevice, verbose = TRUE) {
  if (is.MXKVStore(kvstore)) return(kvstore)
  if (!is.character(kvstore)) stop_user("kvstore must be the name of a type or a store from mx.kv.create")
  if (ndevice == 1) return(NULL)
  if (kvstore == "local") {
    kvstore <- if (max(lengths(arg.params)) < 2^24) "local_update_cpu" else "local_allreduce_cpu"
    if (verbose) message("Auto-select kvstore type = ", kvstore)
  }
  mx.kv.create(kvstore)
}
