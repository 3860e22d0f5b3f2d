buckets <- list("3" = list(data = matrix(c(1:9, 4, 3, 0) %% 5, 3, 4), label = c(0, 1, 0, 1)),
                "2" = list(data = matrix(c(1, 2, 3, 4, 2, 0), 2, 3), label = c(1, 0, 1)))

test_that("a bucket iterator gives batches of one bucket, padded from its start", {
  it <- mx.io.bucket.iter(buckets, batch.size = 2)
  it$reset()
  seen <- character()
  while (it$iter.next()) seen <- c(seen, paste(names(it$bucketID), paste(as.array(it$value()$label), collapse = ""), it$num.pad()))
  expect_equal(seen, c("3 01 0", "3 01 0", "2 10 0", "2 11 1"))
  it$reset()
  it$iter.next()
  expect_equal(as.vector(as.array(it$value()$seq.mask)), c(3, 2))
})

test_that("the layer that decodes every step has the form of MXNet's package", {
  attributes <- function(config) rnn.graph(num_rnn_layer = 1, input_size = 5, num_embed = 2, num_hidden = 3, num_decode = 2, config = config,
                                           cell_type = "lstm", loss_output = "softmax")$as.json()
  expect_match(attributes("one-to-one"), '"flatten": "1"', fixed = TRUE)
  expect_false(grepl("flatten", attributes("seq-to-one")))
})

test_that("a network per bucket shares its parameters", {
  net <- function(n) rnn.graph.unroll(num_rnn_layer = 1, seq_len = n, input_size = 5, num_embed = 2, num_hidden = 3, num_decode = 2,
                                      config = "seq-to-one", cell_type = "gru", loss_output = "softmax")
  mx.set.seed(3)
  seen <- NULL
  model <- mx.model.buckets(list("3" = net(3), "2" = net(2)), mx.io.bucket.iter(buckets, batch.size = 2), num.round = 30,
                            metric = mx.metric.accuracy, initializer = mx.init.Xavier(), optimizer = mx.opt.create("adam", learning.rate = 0.05),
                            verbose = FALSE, epoch.end.callback = function(iteration, nbatch, env, verbose) {
                              seen <<- c(seen, env$metric$get(env$train.metric)$value); TRUE })
  expect_gt(seen[30], seen[1])
  expect_true(all(c("embed.weight", "l1.gates.h2h.weight", "cls.bias") %in% names(model$arg.params)))
  single <- model
  single$symbol <- list("3" = net(3), "2" = net(2))
  expect_equal(dim(mx.infer.rnn(mx.io.bucket.iter(buckets, batch.size = 2), single)), c(2L, 7L))
})

test_that("two devices share the batches of buckets, with the results of one", {
  net <- function(n) rnn.graph.unroll(num_rnn_layer = 1, seq_len = n, input_size = 5, num_embed = 2, num_hidden = 3, num_decode = 2,
                                      config = "seq-to-one", cell_type = "lstm", loss_output = "softmax")
  train <- function(ctx, batch.size = 3, optimizer = "adam") {
    mx.set.seed(3)
    it <- function() mx.io.bucket.iter(buckets, batch.size = batch.size)
    parts <- NULL
    model <- mx.model.buckets(list("3" = net(3), "2" = net(2)), it(), eval.data = it(), num.round = 5, metric = mx.metric.accuracy,
                              initializer = mx.init.Xavier(), optimizer = optimizer, ctx = ctx, verbose = FALSE,
                              epoch.end.callback = function(iteration, nbatch, env, verbose) {
                                parts <<- vapply(env$train.execs, function(e) dim(e$ref.arg.arrays$data)[[2]], 0L); TRUE })
    list(parts = parts, params = lapply(model$arg.params, as.array))
  }
  for (optimizer in list("adam", mx.opt.create("sgd", learning.rate = 0.1, momentum = 0.9))) {
    one <- train(mx.cpu(), optimizer = optimizer)
    two <- train(list(mx.cpu(0), mx.cpu(1)), optimizer = optimizer)
    expect_equal(list(one$parts, two$parts), list(3L, c(2L, 1L)))
    expect_equal(one$params, two$params, tolerance = 1e-5)
  }
  expect_error(train(list(mx.cpu(0), mx.cpu(1)), batch.size = 1), "batch of 1 samples cannot be cut for 2 devices")
})
