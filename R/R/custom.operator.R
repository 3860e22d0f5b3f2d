# Operators written in R: mx.operator.register, mx.symbol.Custom and mx.nd.Custom, and the short form mx.symbol.fun.
# Python calls the functions back through `callable_by_python` (mxr/r/bridge/functions.py).

.custom <- new.env(parent = emptyenv())
.custom$checked <- character()                    # functions of mx.symbol.fun whose gradient has been compared

#' Operators written in R
#'
#' Registers an operator under a name, for [mx.symbol.Custom()] and [mx.nd.Custom()]. Each function is called with those
#' of the arguments below that it has (all of them, if it has `...`). Arrays are R arrays with R's dimensions; arrays
#' of one dimension are plain vectors; lists of arrays are named. Returned values are checked: a wrong number of
#' arrays, wrong dimensions, text and NA are errors (NaN is not). Values are rounded to single precision.
#'
#' `forward(inputs, outputs, is.train, req, aux, params, state)` returns the output, or a list of outputs. `outputs` are
#' arrays of zeros of the right dimensions. Elements named as auxiliary states become their new values when training.
#'
#' `backward(output.grads, inputs, outputs, req, aux, params, state)` returns the gradient of the first input, or a
#' list of gradients in the order of `arguments` or by their names; NULL, or nothing, is no gradient. `output.grads`
#' are the gradients of the outputs.
#'
#' `infer.shape(shapes, params)` takes the dimensions of the inputs (NULL if not known yet) and returns those of the
#' output, or `list(outputs = , inputs = , aux = )`, each a list of dimensions. Without it, all dimensions are equal.
#'
#' `params` is a list of the parameters that mx.symbol.Custom got; numbers and logicals keep their types. `state` is an
#' environment that each operator of an executor has for itself, and which it keeps from call to call.
#'
#' An error in a function stops the call that ran it; the executor stays usable. `mxr.last.error()` shows the calls
#' that led to it. Models are saved with the parameters, but without the functions: register the operator before
#' loading.
#'
#' @param name the name, as `op.type` of mx.symbol.Custom.
#' @param forward,backward,infer.shape functions, see above.
#' @param arguments,outputs,aux names of the inputs, of the outputs and of the auxiliary states.
#' @param need.top.grad whether the gradient depends on the output's gradient; FALSE for losses.
#' @param arrays "R" for R arrays, "NDArray" for NDArrays.
#' @return The name, invisibly.
#' @examples
#' mx.operator.register("twice",
#'   forward = function(inputs) 2 * inputs$data,
#'   backward = function(output.grads) 2 * output.grads[[1]])
#' as.array(mx.nd.Custom(mx.nd.array(1:3), op.type = "twice"))
#' @concept custom operator
#' @seealso [mx.symbol.Custom()] uses it; [mx.symbol.fun()] for element-wise functions.
#' @export
mx.operator.register <- function(name, forward, backward = NULL, infer.shape = NULL, arguments = "data",
                                 outputs = "output", aux = character(), need.top.grad = TRUE,
                                 arrays = c("R", "NDArray")) {
  arrays <- tryCatch(match.arg(arrays), error = function(e) {
    stop_parameter('mx.operator.register: arrays must be "R" or "NDArray"')
  })
  register_operator(name, forward, backward, infer.shape, arguments, outputs, aux, need.top.grad, arrays)
}

# Like mx.operator.register. `check` is a function of the operator's parameters, called at every bind.
register_operator <- function(name, forward, backward, infer.shape = NULL, arguments = "data", outputs = "output",
                              aux = character(), need.top.grad = TRUE, arrays = "R", check = NULL) {
  if (!is.character(name) || length(name) != 1 || is.na(name) || !nzchar(name))
    stop_type("mx.operator.register: name must be one text")
  what <- paste0("mx.operator.register: ", name, ": ")
  check_operator_functions(what, forward, list(backward = backward, infer.shape = infer.shape))
  check_operator_names(what, list(arguments = arguments, outputs = outputs, aux = aux))
  positions <- list(forward = c("inputs", "outputs", "is.train", "req", "aux"),
                    backward = c("output.grads", "inputs", "outputs", "req", "aux"))
  wanted <- list(forward = operator_formals(forward, positions$forward, what, "forward"),
                 backward = operator_formals(backward, positions$backward, what, "backward"))
  positions <- Map(intersect, positions, wanted)
  define <- function(texts) {
    more <- list(params = lapply(texts, read_parameter), state = new.env(parent = globalenv()))
    made <- function(f, which) if (!is.null(f)) operator_function(f, wanted[[which]], more, positions[[which]], which)
    mx.util.filter.null(list(
      forward = made(forward, "forward"), backward = made(backward, "backward"),
      infer.shape = shape_function(infer.shape, more$params),
      check = if (!is.null(check)) callable_by_python(function() is.null(check(more$params)), "check", 0L)))
  }
  described <- list(arguments = arguments, outputs = outputs, aux = aux,
                    need.top.grad = isTRUE(as.logical(need.top.grad)),
                    arrays = arrays, has.infer.shape = !is.null(infer.shape), has.check = !is.null(check),
                    forward.formals = positions$forward, backward.formals = positions$backward)
  call_python("operator.register", name, described, callable_by_python(define, "the definition", 1L))
  invisible(name)
}

check_operator_functions <- function(what, forward, others) {
  if (!is.function(forward)) stop_type(what, "forward must be a function, not ", kind_of(forward))
  for (other in names(others))
    if (!is.null(others[[other]]) && !is.function(others[[other]]))
      stop_type(what, other, " must be a function or NULL")
}

check_operator_names <- function(what, names) {
  for (kind in base::names(names))
    if (!is.character(names[[kind]]) || anyNA(names[[kind]])) stop_type(what, kind, " must be texts")
  unclear <- anyDuplicated(c(names$arguments, names$aux)) || anyDuplicated(names$outputs)
  if (unclear || !length(names$arguments) || !length(names$outputs))
    stop_parameter(what, "arguments and aux, and outputs, must be one or more different names")
}

#' Call an operator written in R
#'
#' `op.type` is the name that [mx.operator.register()] was given. In `mx.symbol.Custom` symbols are inputs, by
#' position or by name; everything else is a parameter of the operator. In `mx.nd.Custom`, unnamed arguments and
#' NDArrays are inputs.
#'
#' @param ... inputs, `op.type`, parameters and `name`.
#' @param data the first input.
#' @param op_type the operator's name; `op.type` is the same.
#' @param out an NDArray to write the result into.
#' @return A symbol; an NDArray or a list of them.
#' @examples
#' mx.operator.register("scaled",
#'   forward = function(inputs, params) params$by * inputs$data,
#'   backward = function(output.grads, params) params$by * output.grads[[1]])
#' x <- mx.symbol.Variable("x")
#' y <- mx.symbol.Custom(x, op.type = "scaled", by = 2.5, name = "y")
#' exec <- mx.simple.bind(y, ctx = mx.cpu(), x = 3)
#' mx.exec.update.arg.arrays(exec, list(x = mx.nd.array(1:3)), match.name = TRUE)
#' mx.exec.forward(exec, is.train = FALSE)
#' as.array(exec$ref.outputs$y_output)
#' @concept custom operator
#' @concept layer
#' @seealso [mx.operator.register()], [mx.symbol.fun()].
#' @export
mx.symbol.Custom <- function(...) call_python("symbol.create", "Custom", mx.util.filter.null(list(...)))

#' @rdname mx.symbol.Custom
#' @export
mx.nd.Custom <- function(data = NULL, op_type = NULL, out = NULL, ...) {
  more <- list(...)
  if (is.null(op_type)) op_type <- more$op.type
  if (!is.character(op_type) || length(op_type) != 1)
    stop_type("mx.nd.Custom: op.type must be one text, the operator's name")
  more$op.type <- NULL
  given <- names(more)
  is_input <- vapply(more, is.mx.ndarray, NA)
  is_input <- is_input | if (is.null(given)) TRUE else !nzchar(given)
  first <- if (is.null(data)) list() else if (is.list(data)) data else list(data)
  call_python("operator.invoke", op_type, c(unname(first), unname(more[is_input])), more[!is_input], out)
}

#' Custom element-wise functions
#'
#' Makes an operator of an R function of arrays of equal dimensions: an activation, or a loss for
#' [mx.symbol.MakeLoss()]. `gradient` has the same arguments and returns the derivative with respect to the first
#' one, or a list of derivatives (NULL for none). Without `gradient`, R's [stats::deriv()] finds the derivatives with
#' respect to all inputs; `f` must then be one expression of functions that deriv supports.
#'
#' When the symbol is bound, the derivative is compared with finite differences of `f` at random points, once for each
#' function and its parameters. If they do not agree, this is an error, unless `check = FALSE`.
#'
#' The operator's `op.type` is made from the text of `f` and `gradient`. So a saved model runs in any session that has
#' called mx.symbol.fun with the same functions.
#'
#' @param ... symbols, and parameters of `f` by name.
#' @param f function of as many arrays as there are symbols, and of the parameters.
#' @param gradient its derivative, see above.
#' @param check whether to compare the derivative with differences.
#' @param name name of the symbol.
#' @return A symbol.
#' @examples
#' x <- mx.symbol.Variable("x")
#' rbf <- mx.symbol.fun(x, f = function(x) exp(-x^2), name = "rbf")
#' wing <- mx.symbol.fun(rbf, mx.symbol.Variable("label"), w = 5,
#'   f = function(x, y, w) ifelse(abs(x - y) < w, w * log(1 + abs(x - y) / 2), abs(x - y) - w + w * log(1 + w / 2)),
#'   gradient = function(x, y, w) sign(x - y) * ifelse(abs(x - y) < w, w / (2 + abs(x - y)), 1))
#' exec <- mx.simple.bind(mx.symbol.MakeLoss(wing), ctx = mx.cpu(), grad.req = "write", x = 3, label = 3)
#' mx.exec.update.arg.arrays(exec, list(x = mx.nd.array(0:2), label = mx.nd.zeros(3)), match.name = TRUE)
#' mx.exec.forward(exec, is.train = TRUE)
#' mx.exec.backward(exec)
#' exec$ref.outputs[[1]]
#' exec$ref.grad.arrays$x
#' @concept custom operator
#' @concept element-wise function
#' @concept loss function
#' @seealso [mx.symbol.MakeLoss()], [mx.operator.register()].
#' @export
mx.symbol.fun <- function(..., f, gradient = NULL, check = TRUE, name = NULL) {
  given <- list(...)
  inputs <- vapply(given, is.mx.symbol, NA)
  if (missing(f) || !is.function(f)) stop_type("mx.symbol.fun: f must be a function of arrays")
  if (!any(inputs)) stop_type("mx.symbol.fun: give one or more symbols, the inputs of f")
  params <- given[!inputs]
  arguments <- input_arguments(f, sum(inputs), params)
  slope <- if (is.null(gradient)) derivative_of(f, arguments) else gradient
  if (!is.function(slope)) stop_type("mx.symbol.fun: gradient must be a function of the same arguments as f")
  type <- paste0("fun_", text_hash(c(deparse(f), deparse(gradient), arguments)))
  check_once <- function(params) {
    id <- paste(c(type, names(params), vapply(params, deparse1, "")), collapse = " ")
    if (id %in% .custom$checked) return()
    check_derivative(f, slope, arguments, params)
    .custom$checked <- c(.custom$checked, id)
  }
  register_operator(type, arguments = arguments, check = if (check) check_once,
    forward = function(inputs, params) do.call(f, c(inputs, params)),
    backward = function(output.grads, inputs, params) {
      slopes <- do.call(slope, c(inputs, params))
      if (!is.list(slopes)) slopes <- list(slopes)
      lapply(slopes, function(s) if (!is.null(s)) s * output.grads[[1]])
    })
  do.call(mx.symbol.Custom, c(unname(given[inputs]), params, list(op.type = type, name = name)))
}

# The arguments of `f` that take the symbols: the first ones that are not among `params`.
input_arguments <- function(f, symbols, params) {
  if (length(params) && (is.null(names(params)) || !all(nzchar(names(params)))))
    stop_parameter("mx.symbol.fun: parameters of f go by name")
  arguments <- setdiff(names(formals(f)), names(params))
  if (length(arguments) < symbols)
    stop_parameter("mx.symbol.fun: ", symbols, " symbols for f, which takes ", length(arguments), " (",
                   paste(arguments, collapse = ", "), ")")
  arguments[seq_len(symbols)]
}

# ---------------------------------------------------------------- derivatives

# The derivatives of `f` with respect to `arguments`, a function that returns a list of arrays.
derivative_of <- function(f, arguments) {
  expression <- body(f)
  while (is.call(expression) && identical(expression[[1]], quote(`{`)) && length(expression) == 2)
    expression <- expression[[2]]
  derivatives <- tryCatch(lapply(arguments, function(a) stats::D(expression, a)), error = function(e) {
    stop_parameter("mx.symbol.fun: R cannot derive f (", conditionMessage(e), "); give gradient = function(",
                   paste(names(formals(f)), collapse = ", "), ") ..., its derivative")
  })
  slope <- f
  zeros <- call("*", 0, as.name(arguments[[1]]))
  body(slope) <- as.call(c(quote(list), lapply(derivatives, function(d) call("+", d, zeros))))
  slope
}

# Stops if `slope` is not the derivative of `f`: compared with differences of `f` at random points. Up to a tenth of the
# points may disagree, because `f` may have kinks.
check_derivative <- function(f, slope, arguments, params) {
  seed <- if (exists(".Random.seed", globalenv())) get(".Random.seed", globalenv())
  on.exit({
    if (is.null(seed)) suppressWarnings(rm(".Random.seed", envir = globalenv()))
    else assign(".Random.seed", seed, globalenv())
  })
  set.seed(1)
  for (draw in list(function() stats::rnorm(40, 0, 2), function() stats::runif(40, 0.1, 0.9))) {
    at <- lapply(arguments, function(a) draw())
    values <- suppressWarnings(do.call(f, c(at, params)))
    if (!is.numeric(values) || length(values) != 40)
      stop_shape("mx.symbol.fun: f must be element-wise: for vectors of 40 numbers it gave ", kind_of(values))
    slopes <- suppressWarnings(do.call(slope, c(at, params)))
    if (!is.list(slopes)) slopes <- list(slopes)
    for (i in seq_along(slopes))
      if (!is.null(slopes[[i]])) check_slope(slopes[[i]], differences_of(f, at, i, params), arguments, i, at)
  }
}

# The derivative of `f` with respect to its i-th argument at the points `at`, by central differences.
differences_of <- function(f, at, i, params, h = 1e-5) {
  near <- function(step) {
    at[[i]] <- at[[i]] + step
    suppressWarnings(do.call(f, c(at, params)))
  }
  (near(h) - near(-h)) / (2 * h)
}

# Stops if `slope`, given as the derivative with respect to the i-th argument, is not near `differences`.
check_slope <- function(slope, differences, arguments, i, at) {
  wrong <- abs(differences - slope) > 1e-4 * (1 + abs(differences))
  if (all(is.na(wrong)) || mean(wrong, na.rm = TRUE) <= 0.1) return()
  k <- which(wrong)[[1]]
  short <- function(x) format(x, digits = 4)
  stop_parameter("mx.symbol.fun: the derivative with respect to ", arguments[[i]], " is not that of f: at ",
                 paste(arguments, "=", vapply(at, function(a) short(a[[k]]), ""), collapse = ", "), " it is ",
                 short(rep_len(slope, length(at[[1]]))[[k]]), ", differences of f give ", short(differences[[k]]),
                 "; check = FALSE if that is intended")
}

# A short name for texts.
text_hash <- function(texts) {
  hash <- 0
  other <- 0
  for (code in utf8ToInt(paste(texts, collapse = "\n"))) {
    hash <- (hash * 31 + code) %% 4294967291
    other <- (other * 131 + code) %% 4294967279
  }
  sprintf("%08x%08x", to_unsigned(hash), to_unsigned(other))
}

# A number below 2^32 as the integer of the same bits, for %x.
to_unsigned <- function(x) as.integer(if (x >= 2^31) x - 2^32 else x)

# ---------------------------------------------------------------- functions that Python calls

# Those of the `possible` arguments that a user's function has.
operator_formals <- function(f, possible, what, which) {
  possible <- c(possible, "params", "state")
  has <- if (is.function(f)) names(formals(args(f)))
  if ("..." %in% has) return(possible)
  if (length(unknown <- setdiff(has, possible)))
    stop_parameter(what, which, " has the argument ", unknown[[1]], "; it can have ", paste(possible, collapse = ", "))
  intersect(possible, has)
}

# `f` as Python calls it: with its arguments by position, except those whose values are in `more`.
operator_function <- function(f, wanted, more, positions, what) {
  arguments <- lapply(wanted, function(name) if (name %in% names(more)) more[[name]] else as.name(name))
  names(arguments) <- wanted
  g <- function() NULL
  formals(g) <- stats::setNames(formals(function(x) NULL)[rep(1, length(positions))], positions)
  body(g) <- as.call(c(f, arguments))
  callable_by_python(g, what, length(positions))
}

# infer.shape as Python calls it, or NULL.
shape_function <- function(infer.shape, params) {
  if (is.null(infer.shape)) return(NULL)
  takes_params <- any(c("params", "...") %in% names(formals(infer.shape)))
  f <- function(shapes) if (takes_params) infer.shape(shapes, params = params) else infer.shape(shapes)
  callable_by_python(f, "infer.shape", 1L)
}

# An R function for Python (mxr/r/bridge/functions.py), which calls it with `slots` arguments. An error or a Ctrl-C in
# it is returned as a value of class "mxr.failure". callCC takes a third of the time of tryCatch.
callable_by_python <- function(f, what, slots) {
  force(f)
  guarded <- function(...) {
    callCC(function(k) {
      withCallingHandlers(f(...),
        error = function(e) k(failure("error", failure_text(e), failure_calls(sys.calls()))),
        interrupt = function(e) k(failure("interrupt", "", "")))
    })
  }
  structure(list(guarded, slots), class = "mxr.function")
}

failure <- function(kind, message, calls) {
  structure(class = "mxr.failure", list(kind = kind, message = message, calls = calls))
}

# An error's message, and the call that it happened in.
failure_text <- function(e) {
  call <- conditionCall(e)
  where <- if (is.call(call)) paste0(" (in ", substr(deparse(shorten_call(call))[[1]], 1, 60), ")")
  paste0(conditionMessage(e), where)
}

# The calls of the user's functions that led to an error, each as one line: those after the last `guarded`, without R's
# handling of the error.
failure_calls <- function(calls) {
  is_call_of <- function(name) vapply(calls, function(call) is.call(call) && identical(call[[1]], name), NA)
  last_of <- function(name) max(0, which(is_call_of(name)))
  first <- last_of(quote(withCallingHandlers)) + 1
  end <- last_of(quote(.handleSimpleError))                      # R's own way from an error to its handler
  if (end <= first) end <- length(calls)
  calls <- calls[seq(first, length.out = max(0, end - first))]
  shown <- function(call) substr(deparse(if (is.call(call)) shorten_call(call) else call)[[1]], 1, 100)
  lines <- vapply(calls, shown, "")
  if (length(lines)) lines else ""
}

# The value of a parameter's text: a logical, a number, numbers, or the text itself.
read_parameter <- function(text) {
  if (text %in% c("True", "TRUE")) return(TRUE)
  if (text %in% c("False", "FALSE")) return(FALSE)
  parts <- if (grepl("^[[(].*[])]$", text)) strsplit(gsub("^[[(]|,? *[])]$", "", text), ", *")[[1]] else text
  numbers <- suppressWarnings(as.numeric(parts))
  if (anyNA(numbers)) text else numbers
}
