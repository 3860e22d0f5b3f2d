# NDArrays: handles of class "MXNDArray", arrays in single precision that live outside R.

#' Arrays in single precision
#'
#' `mx.nd.array` copies an R vector, matrix or array; `as.array` copies back. Dimensions are in R's order. Arithmetic
#' (`+ - * / %%`), comparisons (which give 0 and 1) and all `mx.nd` functions work on NDArrays, also together with R
#' arrays and numbers. `as.array` of an NDArray of one dimension is a plain vector.
#'
#' @param src.array numeric or logical vector, matrix or array, or an NDArray.
#' @param ctx device; it has no effect.
#' @return An NDArray.
#' @examples
#' a <- mx.nd.array(matrix(1:6, 2, 3))
#' dim(a)
#' as.array(1 - a + (2 * a) / (a + 0.5))
#' @concept array
#' @concept NDArray
#' @seealso [mx.nd.zeros()], [mx.nd.save()].
#' @export
mx.nd.array <- function(src.array, ctx = NULL) {
  if (!is.null(ctx)) device_list(ctx)
  if (is.mx.ndarray(src.array)) return(call_python("nd.copy", src.array))
  call_python("nd.array", as_numbers(src.array, "mx.nd.array: src.array"))
}

#' Arrays of zeros and ones
#'
#' @param shape the dimensions.
#' @param ctx device; it has no effect.
#' @return An NDArray.
#' @examples
#' mx.nd.zeros(c(2, 3))
#' mx.nd.ones(4)
#' @concept make arrays
#' @seealso [mx.nd.array()], [mx.runif()].
#' @export
mx.nd.zeros <- function(shape, ctx = NULL) filled(shape, ctx, 0, "mx.nd.zeros")

#' @rdname mx.nd.zeros
#' @export
mx.nd.ones <- function(shape, ctx = NULL) filled(shape, ctx, 1, "mx.nd.ones")

# An NDArray full of one number. `what` names the function that the user has called.
filled <- function(shape, ctx, number, what) {
  if (!is.null(ctx)) device_list(ctx)
  call_python("nd.full", as_dims(shape, what), number)
}

mx.nd.internal.empty <- function(shape, ctx = NULL) mx.nd.zeros(shape, ctx)

#' Copy an NDArray
#'
#' @param src an NDArray.
#' @param ctx device; it has no effect.
#' @return A new NDArray with the same contents.
#' @examples
#' a <- mx.nd.ones(3)
#' mx.nd.copyto(a, mx.cpu())
#' @concept array
#' @concept copy
#' @seealso [mx.nd.array()].
#' @export
mx.nd.copyto <- function(src, ctx) {
  device_list(ctx)
  call_python("nd.copy", src)
}

#' Select samples
#'
#' Elements `begin + 1` to `end` of the last dimension: `begin` counts from 0 and `end` is not included.
#'
#' @param nd an NDArray or array.
#' @param begin,end the first element, and the one after the last, counted from 0.
#' @return An NDArray.
#' @examples
#' as.array(mx.nd.slice(mx.nd.array(matrix(1:6, 2, 3)), 1, 3))
#' @concept indexing
#' @concept subset
#' @seealso [mx.nd.array()].
#' @export
mx.nd.slice <- function(nd, begin, end) call_python("nd.slice", nd, begin, end)

#' Save and load arrays
#'
#' Files are MXNet's own (`.params`), in both directions.
#'
#' @param ndarray an NDArray, or a list of them, named or not.
#' @param filename path of the file.
#' @return `mx.nd.load` gives a list of NDArrays, named if the file has names.
#' @examples
#' file <- tempfile()
#' mx.nd.save(list(a = mx.nd.ones(2)), file)
#' mx.nd.load(file)
#' @concept data file
#' @concept save arrays
#' @seealso [mx.model.load()], [mx.symbol.save()].
#' @export
mx.nd.save <- function(ndarray, filename) {
  if (!is.list(ndarray)) ndarray <- list(ndarray)
  call_python("nd.save", ndarray, check_path(filename, "mx.nd.save: filename"))
  invisible()
}

#' @rdname mx.nd.save
#' @export
mx.nd.load <- function(filename) call_python("nd.load", check_path(filename, "mx.nd.load: filename"))

#' Is this an NDArray?
#'
#' @param src.array any object.
#' @return TRUE or FALSE.
#' @examples
#' is.mx.ndarray(mx.nd.ones(2))
#' is.mx.ndarray(c(1, 1))
#' @concept array
#' @seealso [mx.nd.array()].
#' @export
is.mx.ndarray <- function(src.array) inherits(src.array, "MXNDArray")

is.MXNDArray <- is.mx.ndarray

#' The device of an NDArray
#'
#' @param nd an NDArray.
#' @return An `MXContext`.
#' @examples
#' ctx(mx.nd.ones(2))$device
#' @concept device
#' @concept GPU
#' @seealso [mx.cpu()], [mx.ctx.default()].
#' @export
ctx <- function(nd) {
  if (!is.mx.ndarray(nd)) stop_type("ctx: an NDArray is needed, not ", class(nd)[[1]])
  mx.cpu()
}

# ---------------------------------------------------------------- R's own functions

#' @export
dim.MXNDArray <- function(x) {
  # dimensions never change, so they are fetched once and cached as an attribute of the handle
  size <- attr(x, "size", exact = TRUE)
  if (is.null(size)) attr(x, "size") <- size <- call_python("nd.dim", x)
  size
}

#' @export
length.MXNDArray <- function(x) {
  if (identical(sys.function(sys.parent()), stopifnot))        # it counts what is no logical, for its message
    stop_type("stopifnot() takes R's own TRUE and FALSE; give it as.array(x) == 1")
  prod(dim(x))
}

#' @export
as.array.MXNDArray <- function(x, ...) {
  value <- call_python("nd.value", x)
  if (length(dim(value)) == 1) dim(value) <- NULL       # as in MXNet: one dimension is a plain vector
  value
}

# Before version 0.5 an NDArray had the method $as.array().
#' @export
`$.MXNDArray` <- function(x, name) {
  if (name == "as.array") return(function() as.array(x))
  stop_parameter("an NDArray has no ", name, "; use as.array(x), dim(x) or ctx(x)")
}

#' @export
as.matrix.MXNDArray <- function(x, ...) {
  if (length(dim(x)) != 2) stop_shape("as.matrix: the NDArray has ", length(dim(x)), " dimensions, not 2; use as.array")
  as.array(x)
}

#' @export
print.MXNDArray <- function(x, ...) {
  print(as.array(x))
  invisible(x)
}

# R's default method would compare the handles, for which all arrays are equal.
#' @export
all.equal.MXNDArray <- function(target, current, ...) all.equal(as.array(target), as_plain(current), ...)

# ---------------------------------------------------------------- calls of operators

# The body of every generated mx.nd function: passes the formals that are not NULL, then the dots.
nd_operator <- function(op) {
  frame <- parent.frame()
  named <- setdiff(names(formals(sys.function(sys.parent()))), c("...", "out"))
  args <- c(mget(named, envir = frame), eval(quote(list(...)), frame))
  call_python("nd.invoke", op, args[!vapply(args, is.null, NA)], frame$out)
}

# Collects arrays and joins them along the last dimension.
mx.nd.arraypacker <- function() {
  parts <- list()
  structure(list(
    push = function(nd) parts[[length(parts) + 1]] <<- as_plain(nd),
    get = function() {
      size <- dim(parts[[1]])
      if (is.null(size)) return(unlist(parts, use.names = FALSE))
      n <- length(size)
      size[[n]] <- sum(vapply(parts, function(p) dim(p)[[n]], 0L))
      array(unlist(parts, use.names = FALSE), size)
    }), class = "MXNDArrayPacker")
}
