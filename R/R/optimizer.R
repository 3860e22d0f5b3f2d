# Optimizers: lists of functions. The rule itself is computed in Python, for all parameters in one call.
# Scripts also call the functions themselves. Since 2018 these are create_exec(index, weight_dim, ctx) and
# update(index, exec_w, weight, grad), which gives the new weight; before, create.state(index, weight) and
# update(index, weight, grad, state), which gives list(weight, state).

# `params` are the rule's settings, under R's names. With a clip_gradient of NULL gradients are not clipped.
new_optimizer <- function(kind, params, learning.rate = 1, lr_scheduler = NULL) {
  if (is.null(params$clip_gradient)) params$clip_gradient <- -1
  check_called(lr_scheduler, "lr_scheduler")
  if (!is.null(lr_scheduler))
    check_function(lr_scheduler, paste("lr_scheduler must be a function of the optimizer's environment, such as",
                                       "mx.lr_scheduler.FactorScheduler(1000, 0.9)"))
  settings <- c(params, list(learning.rate = learning.rate))
  for (name in names(settings)) check_number(settings[[name]], paste("mx.opt.create:", sub("_grad$", ".grad", name)))
  learning.rate <- as.numeric(learning.rate)             # numbers may be given as text
  check_sizes(settings)
  rule <- NULL
  get.rule <- function() or_else(rule, rule <<- call_python("opt.rule", kind, params))
  env <- new.env(parent = emptyenv())
  env$lr <- lr <- learning.rate
  env$count <- env$num_update <- 0
  # Scripts change the rate from outside: get("rmsprop", environment(optimizer$update))$lr with a schedule,
  # environment(optimizer$update)$lr without one.
  assign(sub("alex$", "", kind), env)

  # The rate for the next update of parameter `index`; a schedule may lower env$lr and counts the updates.
  rate <- function(index) {
    if (is.null(lr_scheduler)) return(lr)
    lr_scheduler(env)
    if (!is.numeric(env$lr) || length(env$lr) != 1)
      stop_type("the learning-rate schedule must leave one number in lr, not ", kind_of(env$lr))
    key <- paste0("ik", index)
    env[[key]] <- if (is.null(env[[key]])) 0 else env[[key]] + 1
    env$num_update <- max(env$num_update, env[[key]])
    env$lr
  }
  create_exec <- function(index, weight_dim, ctx) call_python("opt.state", get.rule(), as.numeric(weight_dim))
  create.state <- function(index, weight) create_exec(index, dim(weight))
  update <- function(index, exec_w, weight, grad) {
    # scripts written before 2018 call it with (index, weight, grad, state)
    if (is.mx.ndarray(exec_w) || is.array(exec_w))
      return(list(state = grad, weight = call_python("opt.update", grad, rate(index), exec_w, weight)))
    call_python("opt.update", exec_w, rate(index), weight, grad)
  }
  structure(list(create_exec = create_exec, update = update, create.state = create.state), class = "mx.optimizer",
            kind = kind, rule = get.rule, rate = rate, scheduled = !is.null(lr_scheduler))
}

# Warns, once in a session for each, of settings with which no optimizer finds a minimum.
check_sizes <- function(settings) {
  below <- c(momentum = 1, beta1 = 1, beta2 = 1, gamma1 = 1, gamma2 = 1, rho = 1, learning.rate = Inf, wd = Inf,
             epsilon = Inf)
  for (name in intersect(names(below), names(settings))) {
    value <- as.numeric(settings[[name]])
    if (value < 0 || value >= below[[name]])
      warn_once(paste("size of", name), name, " = ", value, if (value < 0) " is negative" else " is not below 1",
                ": the loss grows, as in MXNet")
  }
}

# The rates for the parameters `indices`, or one number if they are all the same. `indices` is evaluated only if needed.
optimizer_rates <- function(optimizer, indices) {
  rate <- attr(optimizer, "rate")
  if (attr(optimizer, "scheduled")) vapply(indices, rate, 0) else rate()
}

is_built_in <- function(optimizer) !is.null(attr(optimizer, "rule"))

mx.opt.sgd <- function(learning.rate = 0.01, momentum = 0, wd = 0, rescale.grad = 1, clip_gradient = -1,
                       lr_scheduler = NULL) {
  new_optimizer("sgd", list(momentum = momentum, wd = wd, rescale_grad = rescale.grad, clip_gradient = clip_gradient),
                learning.rate, lr_scheduler)
}

mx.opt.rmsprop <- function(learning.rate = 0.002, centered = TRUE, gamma1 = 0.95, gamma2 = 0.9, epsilon = 1e-4, wd = 0,
                           rescale.grad = 1, clip_gradient = -1, lr_scheduler = NULL) {
  new_optimizer(if (centered) "rmspropalex" else "rmsprop",
                c(list(gamma1 = gamma1), if (centered) list(gamma2 = gamma2),
                  list(epsilon = epsilon, wd = wd, rescale_grad = rescale.grad, clip_gradient = clip_gradient)),
                learning.rate, lr_scheduler)
}

mx.opt.adam <- function(learning.rate = 1e-3, beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8, wd = 0, rescale.grad = 1,
                        clip_gradient = -1, lr_scheduler = NULL) {
  new_optimizer("adam", list(beta1 = beta1, beta2 = beta2, epsilon = epsilon, wd = wd, rescale_grad = rescale.grad,
                             clip_gradient = clip_gradient), learning.rate, lr_scheduler)
}

mx.opt.adagrad <- function(learning.rate = 0.05, epsilon = 1e-8, wd = 0, rescale.grad = 1, clip_gradient = -1,
                           lr_scheduler = NULL) {
  new_optimizer("adagrad", list(epsilon = epsilon, wd = wd, rescale_grad = rescale.grad, clip_gradient = clip_gradient),
                learning.rate, lr_scheduler)
}

mx.opt.adadelta <- function(rho = 0.90, epsilon = 1e-5, wd = 0, rescale.grad = 1, clip_gradient = -1) {
  new_optimizer("adadelta", list(rho = rho, epsilon = epsilon, wd = wd, rescale_grad = rescale.grad,
                                 clip_gradient = clip_gradient))
}

mx.opt.nag <- function(learning.rate = 0.01, momentum = 0, wd = 0, rescale.grad = 1, clip_gradient = -1,
                       lr_scheduler = NULL) {
  new_optimizer("nag", list(momentum = momentum, wd = wd, rescale_grad = rescale.grad, clip_gradient = clip_gradient),
                learning.rate, lr_scheduler)
}

#' Optimizers
#'
#' Makes an optimizer by name. Every optimizer multiplies the gradient by `rescale.grad` (1) and then clips it to
#' \[-clip_gradient, clip_gradient], unless `clip_gradient` is negative (the default is -1). `wd` (0) is the weight
#' decay.
#'
#' The other settings and their defaults:
#'
#' `"sgd"`: `learning.rate = 0.01`, `momentum = 0`. `"nag"` (Nesterov): the same.
#'
#' `"adam"`: `learning.rate = 0.001`, `beta1 = 0.9`, `beta2 = 0.999`, `epsilon = 1e-8`; without bias correction, as in
#' MXNet for R.
#'
#' `"rmsprop"`: `learning.rate = 0.002`, `centered = TRUE`, `gamma1 = 0.95`, `gamma2 = 0.9`, `epsilon = 1e-4`.
#'
#' `"adagrad"`: `learning.rate = 0.05`, `epsilon = 1e-8`.
#'
#' `"adadelta"`: `rho = 0.9`, `epsilon = 1e-5`, no learning rate.
#'
#' All except adadelta take `lr_scheduler`, a schedule such as [mx.lr_scheduler.FactorScheduler()] or a function of the
#' optimizer's environment that sets its `lr`.
#'
#' @param name name of the optimizer.
#' @param ... its settings: `learning.rate`, `wd`, `rescale.grad`, `clip_gradient`, `lr_scheduler` and those above.
#' @return A list of functions, to be passed to [mx.opt.get.updater()] or as `optimizer` of
#'   [mx.model.FeedForward.create()].
#' @examples
#' mx.opt.create("adam", learning.rate = 0.01)
#' @concept optimizer
#' @concept SGD
#' @concept Adam
#' @concept learning rate
#' @concept momentum
#' @seealso [mx.lr_scheduler.FactorScheduler()], [mx.opt.get.updater()].
#' @export
mx.opt.create <- function(name, ...) {
  make <- optimizer_maker(name)
  check_dots(or_else(...names(), ""), names(formals(make)), known_settings(name))
  make(...)
}

optimizer_maker <- function(name) {
  check_text(name, "the name of the optimizer")
  switch(name, sgd = mx.opt.sgd, rmsprop = mx.opt.rmsprop, adam = mx.opt.adam, adagrad = mx.opt.adagrad,
         adadelta = mx.opt.adadelta, nag = mx.opt.nag,
         stop_parameter("mx.opt.create: there is no optimizer ", dQuote(name, FALSE),
                        "; there are sgd, nag, adam, rmsprop, adagrad and adadelta"))
}

known_settings <- function(name) {
  paste0("the optimizer \"", name, "\" has ", paste(names(formals(optimizer_maker(name))), collapse = ", "))
}

# Checks further arguments of a training function: they must be settings of the optimizer that is given by name. `own`
# are the training function's own arguments, which an error may suggest.
check_settings <- function(names, optimizer, own) {
  names <- names[nzchar(or_else(names, ""))]
  if (!length(names)) return()
  if (is.character(optimizer)) {
    check_dots(names, names(formals(optimizer_maker(optimizer))), known_settings(optimizer), also = own)
  } else {
    settings <- function(name) names(formals(optimizer_maker(name)))
    everything <- unique(unlist(lapply(c("sgd", "rmsprop", "adam", "adadelta"), settings)))
    check_dots(names, everything, "the optimizer has its settings already", also = own)
    warning(paste(names, collapse = ", "), " has no effect: the optimizer has its settings already; ",
            "give them to mx.opt.create()", call. = FALSE)
  }
}

#' An updater for a custom training loop
#'
#' Keeps the optimizer's state of every parameter (such as its momentum) from step to step, and gives the new weights.
#' They take effect when the executor is updated with them.
#'
#' @param optimizer an optimizer, from [mx.opt.create()] or a custom one.
#' @param weights the arrays to train: `exec$ref.arg.arrays`.
#' @param ctx device; optional.
#' @return A function of (weight, grad), two lists of NDArrays, that gives the list of new weights, NULL for those
#'   without gradient, for `mx.exec.update.arg.arrays(exec, new, skip.null = TRUE)`.
#' @examples
#' x <- mx.symbol.Variable("x")
#' exec <- mx.simple.bind(mx.symbol.MakeLoss(mx.symbol.square(x)), ctx = mx.cpu(), grad.req = "write", x = 2)
#' mx.exec.update.arg.arrays(exec, list(x = mx.nd.array(c(1, -3))), match.name = TRUE)
#' updater <- mx.opt.get.updater(mx.opt.create("sgd", learning.rate = 0.1), exec$ref.arg.arrays)
#' mx.exec.forward(exec)
#' mx.exec.backward(exec)
#' mx.exec.update.arg.arrays(exec, updater(exec$ref.arg.arrays, exec$ref.grad.arrays), skip.null = TRUE)
#' as.array(exec$ref.arg.arrays$x)
#' @concept optimizer
#' @concept training loop
#' @seealso [mx.opt.create()], [mx.exec.forward()].
#' @export
mx.opt.get.updater <- function(optimizer, weights, ctx) {
  told <- function(updater) {
    described(updater, "updater of all parameters", "mx.opt.get.updater",
              optimizer = if (is_built_in(optimizer)) sub("alex$", "", attr(optimizer, "kind")))
  }
  if (is_built_in(optimizer)) return(told(fused_updater(optimizer)))
  check_optimizer(optimizer)
  ctx <- if (missing(ctx)) mx.ctx.default() else ctx
  updates <- lapply(seq_along(weights), function(i) {
    if (!is.null(weights[[i]])) own_update(optimizer, i, weights[[i]], ctx)
  })
  told(function(weight, grad) {
    lapply(seq_along(weight), function(i) if (!is.null(grad[[i]])) updates[[i]](weight[[i]], grad[[i]]))
  })
}

# A function of (weight, grad) that gives one parameter's new weight. The optimizer may be a custom one, with the
# functions of MXNet before or since 2018.
own_update <- function(optimizer, index, weight, ctx) {
  if (has_function(optimizer, "create_exec")) {
    exec <- optimizer$create_exec(index = index, weight_dim = dim(weight), ctx = ctx)
    return(function(weight, grad) optimizer$update(index, exec, weight, grad))
  }
  state <- optimizer$create.state(index, weight)
  function(weight, grad) {
    made <- optimizer$update(index, weight, grad, state)
    if (!is.list(made) || is.null(made$weight))
      stop_type("the optimizer's update() must give list(state = , weight = ), not ", kind_of(made))
    state <<- made$state
    made$weight
  }
}

# An updater that updates all parameters in one call of Python. If it gets the lists of its last call, as in most loops,
# they are not passed on again.
fused_updater <- function(optimizer) {
  updater <- call_python("opt.updater", attr(optimizer, "rule")())
  rate <- attr(optimizer, "rate")
  scheduled <- attr(optimizer, "scheduled")
  last <- NULL
  function(weight, grad) {
    rates <- if (scheduled) vapply(which(!vapply(grad, is.null, NA)), rate, 0) else rate()
    given <- list(weight, grad)
    if (identical(last, given, num.eq = FALSE, single.NA = FALSE))
      return(send_request(list("opt.again", updater, rates)))
    last <<- NULL
    new <- call_python("opt.step", updater, rates, weight, grad)
    last <<- given
    new
  }
}
