# deterministic data, made without random numbers
wave <- function(..., k = 1) { d <- c(...); array(sin(seq_len(prod(d)) * k) * 0.9, d) }

# y = w x + b under a squared error
line <- function() {
  fc <- mx.symbol.FullyConnected(mx.symbol.Variable("data"), num.hidden = 1, name = "fc")
  mx.symbol.MakeLoss(mx.symbol.square(mx.symbol.Reshape(fc, shape = 0) - mx.symbol.Variable("label")), name = "loss")
}

value.of <- function(symbol, ...) {
  arrays <- list(...)
  exec <- do.call(mx.simple.bind, c(list(symbol, ctx = mx.cpu()), lapply(arrays, function(a) dim(as.array(a)))))
  mx.exec.update.arg.arrays(exec, lapply(arrays, mx.nd.array), match.name = TRUE)
  mx.exec.forward(exec, is.train = FALSE)
  as.array(exec$ref.outputs[[1]])
}
