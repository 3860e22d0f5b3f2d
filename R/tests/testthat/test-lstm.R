items <- matrix((seq_len(5 * 16) * 7 + seq_len(80) %/% 4) %% 6, 5)
followers <- (items + 1) %% 6

sizes <- function(kind, ...) {
  c(structure(list(2), names = paste0("num.", kind, ".layer")), input.size = 6, num.hidden = 3, num.embed = 2, num.label = 6,
    list(...))
}

train <- function(kind, batch.size, ...) {
  mx.set.seed(4)
  suppressMessages(do.call(paste0("mx.", kind), c(
    list(mx.io.arrayiter(items, followers, batch.size = batch.size)),
    sizes(kind, seq.len = 5, batch.size = batch.size, num.round = 3, initializer = mx.init.uniform(0.5), ...))))
}

trained <- function(model) lapply(model$arg.params[grep("weight|bias", names(model$arg.params))], as.array)

for (kind in c("lstm", "gru", "rnn")) {
  test_that(paste0("mx.", kind, " adds gradients up from one update to the next"), {
    # the gradients of a batch are divided by its size
    expect_equal(trained(train(kind, 4, update.period = 2, learning.rate = 0.2)), trained(train(kind, 8, learning.rate = 0.4)),
                 tolerance = 1e-5)
  })

  test_that(paste0("mx.", kind, ".forward step by step is the unrolled network"), {
    model <- train(kind, 4, learning.rate = 0.2)
    one <- do.call(paste0("mx.", kind, ".inference"), sizes(kind, batch.size = 4, arg.params = model$arg.params))
    states <- grep("init", arguments(model$symbol), value = TRUE)
    exec <- do.call(mx.simple.bind, c(list(model$symbol, mx.cpu(), data = c(5, 4), label = c(5, 4)),
                                      sapply(states, function(s) c(3, 4), simplify = FALSE)))
    mx.exec.update.arg.arrays(exec, c(trained(model), list(data = items[, 1:4])), match.name = TRUE)
    mx.exec.forward(exec, is.train = FALSE)
    step <- get(paste0("mx.", kind, ".forward"))
    for (pass in 1:2) {                                # the second pass starts from states that are not zero
      probs <- lapply(1:5, function(t) as.array(step(one, items[t, 1:4], new.seq = t == 1)$prob))
      expect_equal(do.call(cbind, probs), as.array(exec$ref.outputs$sm_output), tolerance = 1e-6)
    }
  })
}
