"""Tests of operators written in R that need a whole R session: one in a file of MXNet's, memory over 10 000
steps. (The rest: R/tests/testthat/test-custom.R, test_interrupts.py, tests/mpi.)"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mxr.io import params
from tests.r.hosts import HOSTS, run_code, succeeds

DATA = Path(__file__).parents[1] / "data"

FROM_MXNET = """
library(mxnet)
said <- tryCatch(mx.model.load("custom", 3), error = conditionMessage)
stopifnot(grepl('node out: no operator "tempered" is registered in this session', said, fixed = TRUE))
mx.operator.register("tempered", arguments = c("data", "label"), aux = "calls", need.top.grad = FALSE,
  infer.shape = function(shapes)
    list(inputs = list(shapes$data, rev(shapes$data)[1]), outputs = list(shapes$data),
                                      aux = list(1)),
  forward = function(inputs, params, aux, is.train) {
    x <- exp(inputs$data / params$temperature)
    list(output = sweep(x, 2, colSums(x), "/"), calls = if (is.train) aux$calls + 1)
  },
  backward = function(inputs, outputs, params) {
    y <- outputs$output
    at <- cbind(inputs$label + 1, seq_len(ncol(y)))
    y[at] <- y[at] - 1
    list(data = y / params$temperature)
  })
model <- mx.model.load("custom", 3)
given <- mx.nd.load("given.params")
ex <- mx.simple.bind(model$symbol, ctx = mx.cpu(), grad.req = "write", data = dim(given$data))
mx.exec.update.arg.arrays(ex, c(model$arg.params, given), match.name = TRUE)
mx.exec.update.aux.arrays(ex, model$aux.params, match.name = TRUE)
mx.exec.forward(ex, is.train = TRUE)
mx.exec.backward(ex)
grads <- ex$ref.grad.arrays[grep("^fc", names(ex$ref.grad.arrays))]
names(grads) <- paste0("grad_", names(grads))
mx.nd.save(c(list(out = ex$ref.outputs[[1]], calls = ex$ref.aux.arrays$out_calls), grads), "found.params")
"""

# What a session keeps of a step: R's collector counts its cells, the system the process's memory. R enlarges
# its heap now and then; what every step keeps is there in each of the rounds.
MANY_STEPS = """
library(mxnet)
mx.operator.register("kept", arguments = c("data", "label"), need.top.grad = FALSE,
  forward = function(inputs) abs(inputs$data - inputs$label),
  backward = function(inputs) list(data = sign(inputs$data - inputs$label)))
bell <- mx.symbol.fun(mx.symbol.FullyConnected(mx.symbol.Variable("data"), num.hidden = 3, name = "fc"),
  k = 2,
                      f = function(x, k) exp(-k * x^2))
out <- mx.symbol.Reshape(mx.symbol.FullyConnected(bell, num.hidden = 1, name = "out"), shape = -1)
net <- mx.symbol.Custom(out, mx.symbol.Variable("label"), op.type = "kept")
ex <- mx.simple.bind(net, ctx = mx.cpu(), grad.req = "write", data = c(2, 4))
mx.exec.update.arg.arrays(ex, list(fc_weight = mx.nd.array(matrix(1:6 / 6, 2))), match.name = TRUE)
steps <- function(n) for (i in seq_len(n)) { mx.exec.forward(ex, is.train = TRUE); mx.exec.backward(ex) }
resident <- function()
  as.numeric(sub("\\\\D*(\\\\d+).*", "\\\\1", grep("VmRSS", readLines("/proc/self/status"), value = TRUE)))
cells <- function() gc()[1, 1]
steps(1000)
grown <- sapply(1:4, function(round) {
  before <- c(cells(), resident()); steps(2500); c(cells(), resident()) - before
})
cat("grown:", apply(grown, 1, min), "\\n")
"""


@pytest.mark.parametrize("host", HOSTS)
def test_a_model_of_mxnets_runs_once_its_operator_is_registered(host, tmp_path):
    """tests/reference/custom_file.py wrote it."""
    theirs = np.load(DATA / "custom.npz")
    for name in ("custom-symbol.json", "custom-0003.params"):
        (tmp_path / name).write_bytes((DATA / name).read_bytes())
    params.save(str(tmp_path / "given.params"), {k: theirs[k] for k in ("data", "label")})
    succeeds(run_code(host, FROM_MXNET, cwd=tmp_path))
    found = params.load(str(tmp_path / "found.params"))
    assert {*found, "data", "label"} == {*theirs.files}
    for name, value in found.items():
        np.testing.assert_allclose(value, theirs[name], rtol=1e-5, atol=1e-6, err_msg=name)


def test_ten_thousand_steps_keep_nothing():
    printed = succeeds(run_code("Rscript", MANY_STEPS))
    cells, kilobytes = map(float, printed.split("grown:")[1].split())
    assert cells < 250, f"R holds {cells:.0f} cells more after 2500 steps"  # a tenth of a cell a step
    assert kilobytes < 100, f"the process holds {kilobytes:.0f} kB more after 2500 steps"  # 40 bytes a step


# A network of LeNet's size that finds ten numbers in an image, with Gaussian units and the wing loss (Feng et
# al. 2018): both as functions of R, then in symbols.
TWO_WAYS = """
library(mxnet)
w <- 2
set.seed(1)
images <- array(rnorm(28 * 28 * 160), c(28, 28, 1, 160))
places <- apply(images, 4, function(image) colSums(matrix(image[, 1:20, 1], ncol = 10)) / 10)
x <- mx.symbol.Variable("data")
for (k in 1:2) {
  x <- mx.symbol.Convolution(x, kernel = c(5, 5), num.filter = c(20, 50)[k], name = paste0("conv", k))
  x <- mx.symbol.Activation(x, act.type = "tanh")
  x <- mx.symbol.Pooling(x, pool.type = "max", kernel = c(2, 2), stride = c(2, 2))
}
hidden <- mx.symbol.FullyConnected(mx.symbol.Flatten(x), num.hidden = 500, name = "fc1") * 0.1
out <- function(bell) mx.symbol.FullyConnected(bell, num.hidden = 10, name = "fc2")
label <- mx.symbol.Variable("label")
in.r <- mx.symbol.fun(out(mx.symbol.fun(hidden, f = function(x) exp(-x^2))), label, w = w,
  f = function(x, y, w) {
    d <- abs(x - y)
    ifelse(d < w, w * log(1 + d / 2), d - w + w * log(1 + w / 2))
  },
  gradient = function(x, y, w) sign(x - y) * ifelse(abs(x - y) < w, w / (2 + abs(x - y)), 1))
d <- abs(out(exp(-mx.symbol.square(hidden))) - label)
near <- mx.symbol.broadcast_lesser(d, mx.symbol.ones_like(d) * w)
in.symbols <- near * w * log(1 + d / 2) + (1 - near) * (d - w + w * log(1 + w / 2))
train <- function(loss, rounds) {
  mx.set.seed(7)
  model <- mx.model.FeedForward.create(mx.symbol.MakeLoss(loss, name = "loss"), images, places,
    ctx = mx.cpu(), num.round = rounds, array.batch.size = 32, learning.rate = 0.05,
    initializer = mx.init.Xavier(), verbose = FALSE,
    eval.metric = mx.metric.custom("none", function(label, pred) 0))
  lapply(model$arg.params, as.array)
}
a <- train(in.r, 4)
b <- train(in.symbols, 4)
stopifnot(identical(names(a), names(b)), length(a) == 8, sum(lengths(a)) > 430000)
for (name in names(a)) stopifnot(max(abs(a[[name]] - b[[name]])) < 1e-5 * max(1, abs(b[[name]])))
cat("apart by at most", max(mapply(function(x, y) max(abs(x - y)), a, b)), "\\n")
"""


def test_functions_of_r_train_the_same_as_symbols():
    """20 steps of 430 000 parameters."""
    printed = succeeds(run_code("Rscript", TWO_WAYS))
    assert 0 < float(printed.split("apart by at most")[1]) < 1e-5
