checked <- function(..., name = "old.R") {
  folder <- tempfile("script")
  dir.create(folder)
  writeLines(c(...), file.path(folder, name))
  mx.check.script(file.path(folder, name))
}
about <- function(found, line) paste(found$kind, found$what)[found$line == line & found$kind != "supported"]

test_that("missing functions and arguments are reported with the nearest existing one", {
  found <- checked("library(mxnet)", "net <- mx.symbol.FullyConected(data, num_hidden = 2)",
                   "net <- mx.symbol.Activation(net, act_typo = 'relu')", "mxnet::mx.nothing.such(1)")
  expect_equal(about(found, 2), "missing mx.symbol.FullyConected")
  expect_match(found$message[found$line == 2], "is it mx.symbol.FullyConnected?", fixed = TRUE)
  expect_equal(about(found, 3), "missing mx.symbol.Activation(act_typo)")
  expect_equal(about(found, 4), "missing mx.nothing.such")
  expect_equal(attr(found, "status"), 1)
})

test_that("arguments are found in both spellings, abbreviated, as texts, and passed on", {
  found <- checked("a <- mx.symbol.Convolution(d, kernel = c(3, 3), num.filter = 8, no_bias = T, 'pad' = 1)",
                   "b <- mx.symbol.Pooling(a, kern = c(2, 2))",
                   "mx.model.FeedForward.create(a, X = x, y = y, learning.rate = 0.1, momentum = 0.9)",
                   "mx.simple.bind(a, ctx = mx.cpu(), data = c(2, 3))", "mxnet:::mx.model.init.params(a, NULL)")
  expect_setequal(found$kind, c("supported", "time"))
  expect_equal(attr(found, "status"), 0)
})

test_that("differing, ignored and renamed functions and arguments are reported", {
  found <- checked("ctx <- mx.gpu(0)", "mx.symbol.Convolution(d, workspace = 512, num_filter = 1, kernel = c(1, 1))",
                   "s <- FactorScheduler(10, 0.5)")
  expect_equal(about(found, 1), "differs mx.gpu")
  expect_match(found$link[found$line == 1], "docs/differences.md#")
  expect_equal(about(found, 2), "ignored mx.symbol.Convolution(workspace)")
  expect_equal(about(found, 3), "renamed FactorScheduler")
})

test_that("packages, files and habits of older R are found", {
  found <- checked("library(no.such.package)", "x <- read.csv('data/train.csv')", "m <- mx.model.load('chk/resnet', 8)",
                   "if (class(x) == 'matrix') x <- t(x)", "install.packages('mxnet')", "y <- readRDS('old.R')")
  expect_equal(about(found, 1), "missing package no.such.package")
  expect_equal(about(found, 2), c("missing file data/train.csv", "note read.csv"))
  expect_equal(about(found, 3), "missing file chk/resnet-symbol.json")
  expect_equal(about(found, 4), "note class(x) ==")
  expect_equal(about(found, 5), "note install.packages")
  expect_equal(about(found, 6), character())                 # an existing file, in the script's folder
})

test_that("a file that the script writes need not exist, its folder must", {
  found <- checked("m <- mx.model.load('first')", "mx.model.save(m, 'chk/net', 1)", "n <- mx.model.load('chk/net', 1)",
                   "mx.nd.save(a, 'a.params')", "b <- mx.nd.load('a.params')", "dir.create('out/')",
                   "write.csv(b, 'out/b.csv')", "download.file('http://a.org/b.gz', 'b.gz')", "x <- read.csv('b.gz')")
  expect_equal(about(found, 1), "missing file first-symbol.json")
  expect_equal(about(found, 2), "missing folder chk")
  expect_match(found$message[found$what == "folder chk"], "mx.model.save cannot write into it")
  expect_equal(found$what[found$kind == "missing"], c("file first-symbol.json", "folder chk"))
})

test_that("the size of a large table is that of the file", {
  file <- tempfile(fileext = ".csv")
  write.table(matrix(0.123456789, 9000, 12), file, sep = ",", row.names = FALSE)
  expect_gt(file.size(file), 1e6)
  expect_equal(dim(mxnet:::table_reader("read.csv", "")(file)), c(9000, 12))
  expect_equal(dim(mxnet:::table_reader("read.csv", "")(file, header = FALSE)), c(9001, 12))
  expect_equal(dim(mxnet:::table_reader("read.csv", "")(file, nrows = 7)), c(7, 12))
  expect_equal(dim(mxnet:::table_reader("read.table", "")(file, sep = ",", skip = 1)), c(9000, 12))
  room <- mxnet:::make_sandbox(dirname(file))
  expect_equal(eval(bquote(dim(data.matrix(read.csv(.(basename(file)))))), room), c(9000, 12))
  expect_equal(eval(quote(mx.io.MNISTIter(batch.size = 10)), room)$shapes$data, c(28, 28, 1, 10))
  cat("1,2\n3,4", file = file)
  expect_equal(mxnet:::lines_of(file), 2)
})

network <- c("net <- mx.symbol.Variable('data')",
             "for (width in c(20, 3)) net <- mx.symbol.FullyConnected(net, num.hidden = width)",
             "net <- mx.symbol.SoftmaxOutput(net)")
times <- function(...) {
  found <- checked(network, ...)
  found$message[found$kind == "time"]
}

test_that("time is estimated from the network and data in the script", {
  # 2 operations a weight and sample, three passes: 6 * 50 * (10 * 20 + 20 * 3)
  said <- times("n <- 1000; x <- matrix(runif(10 * n), ncol = 10)",
                "m <- mx.model.FeedForward.create(net, X = x, y = sample(0:2, n, TRUE), num.round = 7, array.batch.size = 50)")
  expect_match(said, "7 rounds of 20 batches, 0.078 million operations of matrix products a batch of 50$")
  expect_match(times("it <- mx.io.arrayiter(t(iris[, 1:4]), as.numeric(iris$Species) - 1, batch.size = 50)",
                     "m <- mx.model.FeedForward.create(net, X = it, num.round = 1)"), "1 round of 3 batches")
  expect_match(times("train <- function(x, rounds = 3) for (i in 1:5)",
                     "  mx.model.FeedForward.create(net, X = as.matrix(mtcars), y = mtcars$mpg, num.round = rounds, array.layout = 'rowmajor')"),
               "3 rounds of 1 batch, .*, 5 times$")
  expect_match(times("it <- mx.io.ImageRecordIter(path.imgrec = 'a.rec', data.shape = c(32, 32, 3), batch.size = 10)",
                     "m <- mx.model.FeedForward.create(net, X = it, num.round = 2)"),
               "for every 1000 samples.*the number of samples is not known")
  expect_match(times("m <- mx.mlp(matrix(0, 100, 6), rep(0:1, 50), hidden_node = 4, out_node = 2, num.round = 1, array.batch.size = 10)"),
               "1 round of 10 batches, 0.00192 million")
})

test_that("the time of a long training is given in words, with its range", {
  work <- list(products = 1e9, elements = 1e6, seconds = 0.05)
  expect_equal(mxnet:::told_time(work, list(shapes = list(data = c(3, 64)), batches = 1000), 20, 1),
               paste0("about 16 min 40 s on this machine (between 5 min 30 s and 50 min 0 s): 20 rounds of 1000 batches, ",
                      "3,000 million operations of matrix products a batch of 64"))
})

test_that("a time that depends on values of the running script is reported as unknown", {
  expect_match(times("x <- read.csv('nowhere.csv')", "mx.model.FeedForward.create(net, X = x, y = 1)"), "the size of the data is only known")
  expect_match(times("mx.model.FeedForward.create(foo(net), X = matrix(0, 9, 2), y = 1:9)"), "the network is only known")
  expect_match(times("repeat { mx.exec.backward(e) }"), "the number of batches is only known when the script runs")
})

test_that("the estimate does not write, run or wait for anything, and leaves no trace", {
  file <- tempfile()
  before <- names(mx.symbol.infer.shape(mx.symbol.FullyConnected(mx.symbol.Variable("d"), num.hidden = 1), d = c(1, 1))$arg.shapes)
  set.seed(3)
  seed <- .Random.seed
  said <- times(sprintf("net$save('%s'); writeLines('a', '%s'); do.call('system', list('touch %s')); base::file.create('%s')", file, file, file, file),
                "x <- matrix(rnorm(1e12)); y <- matrix(0, 1e6, 1e6); while (TRUE) 1; Sys.sleep(1000)",
                "lapply('system', function(f) f)", "mx.set.seed(1); set.seed(1); rnorm(1)",
                "mx.model.FeedForward.create(net, X = x, y = 1)")
  expect_match(said, "cannot be estimated")
  expect_false(file.exists(file))
  expect_identical(.Random.seed, seed)
  after <- names(mx.symbol.infer.shape(mx.symbol.FullyConnected(mx.symbol.Variable("d"), num.hidden = 1), d = c(1, 1))$arg.shapes)
  number <- function(names) as.numeric(sub("fullyconnected([0-9]+)_weight", "\\1", names[[2]]))
  expect_equal(number(after), number(before) + 1)
})

test_that("functions that the script defines, and members of objects, are not reported", {
  expect_equal(nrow(checked("mx.mine <- function(x) x", "mx.mine(1)", "env$mx.theirs(2)", "mx.other = 3", "mx.other")), 0)
})

test_that("R Markdown is read chunk by chunk, under the lines of the file", {
  found <- checked("# mx.gpu()", "", "```{r, echo = FALSE}", "ctx <- mx.gpu()", "```", "text mx.gpu()", "```{python}", "mx.gpu(", "```",
                   name = "a.Rmd")
  expect_equal(found$line, 4)
})

test_that("nothing is run, and a file that cannot be parsed gives the line", {
  expect_silent(checked("stop('it ran')", "quit(status = 3)"))
  expect_error(checked("x <- 1", "if ("), "old.R is not R code that can be read: line", class = "mxnet_error")
  expect_error(mx.check.script("nowhere.R"), "there is no file nowhere.R")
  expect_equal(nrow(checked("")), 0)
})

test_that("the check prints its findings, and gives JSON", {
  found <- checked("ctx <- mx.gpu()", "d <- mx.symbol.Variable(\"a\\\\b\")")
  expect_output(print(found), "old.R: 1 call of mxnet is supported\n +1  differs +mx.gpu")
  expect_output(print(found, all = TRUE), "2  supported +mx.symbol.Variable")
  expect_match(mxnet:::script_json(structure(found, file = "a\"b\\c")), '{"file": "a\\"b\\\\c"', fixed = TRUE)
})

test_that("a text of JSON has no control characters", {
  expect_equal(mxnet:::json_text("a\tb\n\"\\"), "\"a\\u0009b\\u000a\\\"\\\\\"")
})

test_that("old files are read: Latin-1, a byte order mark, zeros, nothing", {
  file <- tempfile(fileext = ".R")
  writeBin(c(charToRaw("# mod\xe8le de r\xe9f\xe9rence\nx <- mx.symbol.Variable('d\xe9but')\r\n")), file)
  found <- mx.check.script(file)
  expect_equal(paste(found$line, found$what), "2 mx.symbol.Variable")
  writeBin(c(as.raw(c(0xef, 0xbb, 0xbf)), charToRaw("mx.symbol.Variable('x')\n")), file)
  expect_equal(mx.check.script(file)$line, 1)
  writeBin(raw(), file)
  expect_output(print(mx.check.script(file)), "0 calls of mxnet")
})

test_that("a page without chunks has its code in blocks marked as R", {
  page <- c("Text, mx.symbol.Nothing()", "```", "mx.symbol.Nothing()", "```", " ```r", "  mx.nd.ones(1)", " ```")
  found <- checked(page, name = "page.md")
  expect_equal(paste(found$line, found$what), "6 mx.nd.ones")
  found <- checked(page, "```{r}", "mx.nd.zeros(1)", "```", name = "page.Rmd")
  expect_equal(paste(found$line, found$what), "9 mx.nd.zeros")
})

test_that("an estimate is measured, and the session's random numbers and warnings stay", {
  net <- mx.symbol.FullyConnected(mx.symbol.Dropout(mx.symbol.Variable("data"), p = 0.1), num.hidden = 1)
  square <- mx.symbol.square(mx.symbol.Reshape(net, shape = 0) - mx.symbol.Variable("label"))
  net <- mx.symbol.MakeLoss(square)
  value <- function(argument, default = NULL) {
    switch(argument, optimizer = "adam", eval.metric = mx.metric.custom("all", function(label, pred) pred), default)
  }
  shapes <- list(data = c(20, 10))
  mx.set.seed(7)
  first <- as.array(mx.runif(3))
  mx.set.seed(7)
  once <- mget(c("warned", "long.metrics"), mxnet:::.MXNetEnv, ifnotfound = list(NULL))
  seconds <- mxnet:::measured_batch(net, mxnet:::symbol_work(net, shapes), shapes, value)
  expect_gt(seconds, 1e-6)
  expect_lt(seconds, 0.5)                      # 0.1 ms on an idle machine
  expect_identical(as.array(mx.runif(3)), first)
  expect_identical(mget(names(once), mxnet:::.MXNetEnv, ifnotfound = list(NULL)), once)
})

test_that("constant labels have the shape that the network needs", {
  net <- mx.symbol.LinearRegressionOutput(mx.symbol.FullyConnected(mx.symbol.Variable("data"), num.hidden = 3), name = "out")
  batch <- mxnet:::constant_batch(net, list(data = c(5, 100)), 4)
  expect_equal(lapply(batch, dim), list(data = c(5, 4), out_label = c(3, 4)))
})

test_that("a network that cannot be trained on constant numbers is estimated by its operations", {
  net <- mx.symbol.Variable("data") * 2
  work <- list(seconds = 1e-4, elements = 20, inputs = 20)
  expect_null(mxnet:::measured_batch(net, work, list(other = c(2, 3)), function(argument, default = NULL) default))
})
