checked <- function(..., name = "old.R") {
  folder <- tempfile("script")
  dir.create(folder)
  writeLines(c(...), file.path(folder, name))
  mx.check.script(file.path(folder, name))
}
about <- function(found, line) paste(found$kind, found$what)[found$line == line & found$kind != "supported"]

test_that("functions and arguments that are not here are named, with the nearest that is", {
  found <- checked("library(mxnet)", "net <- mx.symbol.FullyConected(data, num_hidden = 2)",
                   "net <- mx.symbol.Activation(net, act_typo = 'relu')", "mxnet::mx.nothing.such(1)")
  expect_equal(about(found, 2), "missing mx.symbol.FullyConected")
  expect_match(found$message[found$line == 2], "is it mx.symbol.FullyConnected?", fixed = TRUE)
  expect_equal(about(found, 3), "missing mx.symbol.Activation(act_typo)")
  expect_equal(about(found, 4), "missing mx.nothing.such")
  expect_equal(attr(found, "status"), 1)
})

test_that("arguments are known in both spellings, cut short, as texts, and passed on", {
  found <- checked("a <- mx.symbol.Convolution(d, kernel = c(3, 3), num.filter = 8, no_bias = T, 'pad' = 1)",
                   "b <- mx.symbol.Pooling(a, kern = c(2, 2))",
                   "mx.model.FeedForward.create(a, X = x, y = y, learning.rate = 0.1, momentum = 0.9)",
                   "mx.simple.bind(a, ctx = mx.cpu(), data = c(2, 3))", "mxnet:::mx.model.init.params(a, NULL)")
  expect_setequal(found$kind, "supported")
  expect_equal(attr(found, "status"), 0)
})

test_that("what differs, is ignored or renamed is told", {
  found <- checked("ctx <- mx.gpu(0)", "mx.symbol.Convolution(d, workspace = 512, num_filter = 1, kernel = c(1, 1))",
                   "s <- FactorScheduler(10, 0.5)", "mx.symbol.Custom(d)")
  expect_equal(about(found, 1), "differs mx.gpu")
  expect_match(found$link[found$line == 1], "docs/differences.md#")
  expect_equal(about(found, 2), "ignored mx.symbol.Convolution(workspace)")
  expect_equal(about(found, 3), "renamed FactorScheduler")
  expect_equal(about(found, 4), "missing mx.symbol.Custom")
})

test_that("packages, files and habits of older R are found", {
  found <- checked("library(no.such.package)", "x <- read.csv('data/train.csv')", "m <- mx.model.load('chk/resnet', 8)",
                   "if (class(x) == 'matrix') x <- t(x)", "install.packages('mxnet')", "y <- readRDS('old.R')")
  expect_equal(about(found, 1), "missing package no.such.package")
  expect_equal(about(found, 2), c("missing file data/train.csv", "note read.csv"))
  expect_equal(about(found, 3), "missing file chk/resnet-symbol.json")
  expect_equal(about(found, 4), "note class(x) ==")
  expect_equal(about(found, 5), "note install.packages")
  expect_equal(about(found, 6), character())                 # a file that is there, in the script's folder
})

test_that("names of the script's own and members of objects are not ours", {
  expect_equal(nrow(checked("mx.mine <- function(x) x", "mx.mine(1)", "env$mx.theirs(2)", "mx.other = 3", "mx.other")), 0)
})

test_that("R Markdown is read chunk by chunk, under the lines of the file", {
  found <- checked("# mx.gpu()", "", "```{r, echo = FALSE}", "ctx <- mx.gpu()", "```", "text mx.gpu()", "```{python}", "mx.gpu(", "```",
                   name = "a.Rmd")
  expect_equal(found$line, 4)
})

test_that("nothing is run, and what cannot be read says where", {
  expect_silent(checked("stop('it ran')", "quit(status = 3)"))
  expect_error(checked("x <- 1", "if ("), "old.R is not R code that can be read: line", class = "mxnet_error")
  expect_error(mx.check.script("nowhere.R"), "there is no file nowhere.R")
  expect_equal(nrow(checked("")), 0)
})

test_that("it prints what to look at, and gives JSON", {
  found <- checked("ctx <- mx.gpu()", "d <- mx.symbol.Variable(\"a\\\\b\")")
  expect_output(print(found), "old.R: 1 calls of mxnet are supported\n +1  differs +mx.gpu")
  expect_output(print(found, all = TRUE), "2  supported +mx.symbol.Variable")
  expect_match(mxnet:::script_json(structure(found, file = "a\"b\\c")), '{"file": "a\\"b\\\\c"', fixed = TRUE)
})
