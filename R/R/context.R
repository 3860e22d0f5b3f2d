# Devices. Everything is computed on the CPU; a GPU context is accepted and becomes the CPU.

.MXNetEnv <- new.env(parent = emptyenv())

new_context <- function(device, id) {
  check_whole(id, "dev.id")
  structure(list(device = device, device_id = as.integer(id), device_typeid = 1L), class = "MXContext")
}

#' Devices
#'
#' `mx.cpu` is the CPU. There is no GPU support: `mx.gpu` also gives the CPU, and its first call in a session warns.
#' Results are the same.
#'
#' @param dev.id number of the device; it has no effect.
#' @return A list of class `MXContext` with the elements `device`, `device_id` and `device_typeid`.
#' @examples
#' mx.cpu()
#' mx.cpu()$device
#' @concept device
#' @concept GPU
#' @seealso [mx.ctx.default()].
#' @export
mx.cpu <- function(dev.id = 0L) new_context("cpu", dev.id)

#' @rdname mx.cpu
#' @export
mx.gpu <- function(dev.id = 0L) {
  if (is.null(.MXNetEnv$gpu.warned)) {
    .MXNetEnv$gpu.warned <- TRUE
    warning("mx.gpu: no GPU is used here; computing on the CPU (same results)", call. = FALSE)
  }
  new_context("cpu", dev.id)
}

#' The default device
#'
#' The device that functions use when their `ctx` is not given.
#'
#' @param new the new default, or NULL to leave it.
#' @return The default, an `MXContext`.
#' @examples
#' mx.ctx.default()
#' @concept device
#' @seealso [mx.cpu()].
#' @export
mx.ctx.default <- function(new = NULL) {
  if (!is.null(new)) {
    if (!is.mx.context(new)) stop_type("mx.ctx.default: new must be a device, such as mx.cpu()")
    .MXNetEnv$ctx <- new
  }
  or_else(.MXNetEnv$ctx, mx.cpu())
}

#' Is this a device?
#'
#' @param x any object.
#' @return TRUE or FALSE.
#' @examples
#' is.mx.context(mx.cpu())
#' is.mx.context("cpu")
#' @concept device
#' @seealso [mx.cpu()].
#' @export
is.mx.context <- function(x) inherits(x, "MXContext")

# `ctx` as a list of devices. Each gets a part of every batch.
device_list <- function(ctx) {
  if (is.null(ctx)) ctx <- mx.ctx.default()
  check_called(ctx, "ctx")
  if (is.mx.context(ctx)) ctx <- list(ctx)
  if (!is.list(ctx) || !length(ctx) || !all(vapply(ctx, is.mx.context, NA)))
    stop_type("ctx must be a device (such as mx.cpu()) or a list of devices")
  ctx
}
