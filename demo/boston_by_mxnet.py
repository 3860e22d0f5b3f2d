"""MXNet 1.9.1's own result for boston.R: the same training through MXNet's Python API.

    Rscript -e 'library(mlbench); data(BostonHousing); b <- BostonHousing; b$chas <-
                as.numeric(as.character(b$chas)) options(digits = 17); write.table(scale(data.matrix(b)),
                "boston.txt", row.names = FALSE, col.names = FALSE)'
    .reference/bin/python demo/boston_by_mxnet.py boston.txt

MXNet's R package draws its random numbers in this order: n uniforms for the shuffle of the rows (Fisher-Yates
from the end), then the initial weights (biases are zero). The last batch of an epoch is filled up with
samples of the batch before it.
"""

import sys

import mxnet as mx
import numpy as np


def network(custom):
    data, label = mx.sym.Variable("data"), mx.sym.Variable("label")
    fc1 = mx.sym.FullyConnected(data, num_hidden=14, name="fc1")
    fc2 = mx.sym.FullyConnected(mx.sym.Activation(fc1, act_type="tanh"), num_hidden=1, name="fc2")
    return mx.sym.MakeLoss(custom(mx.sym.Reshape(fc2, shape=(0,)) - label)), fc2


def train_and_test(table, custom, rounds, batch, rate, momentum, scale):
    held_out = np.arange(len(table)) % 5 == 0
    train, test = table[~held_out], table[held_out]
    mx.random.seed(0)
    order = np.arange(len(train))
    draws = mx.nd.random.uniform(shape=len(train)).asnumpy()
    for i in range(len(train) - 1, 0, -1):
        j = int(float(draws[i]) * (i + 1))
        order[[i, j]] = order[[j, i]]
    train = train[order]
    loss, prediction = network(custom)
    executor = loss.simple_bind(mx.cpu(), grad_req="write", data=(batch, 13), label=(batch,))
    for name, array in executor.arg_dict.items():
        if name.endswith("weight"):
            array[:] = mx.nd.random.uniform(-scale, scale, shape=array.shape)
        elif name.endswith("bias"):
            array[:] = 0
    weights = [name for name in executor.arg_dict if name not in ("data", "label")]
    states = {name: mx.nd.zeros_like(executor.arg_dict[name]) for name in weights}
    for _ in range(rounds):
        for start in range(0, len(train), batch):
            rows = np.arange(start, start + batch)
            rows[rows >= len(train)] -= batch
            executor.arg_dict["data"][:] = train[rows, :13]
            executor.arg_dict["label"][:] = train[rows, 13]
            executor.forward(is_train=True)
            executor.backward()
            for name in weights:
                weight, gradient = executor.arg_dict[name], executor.grad_dict[name]
                if momentum:
                    mx.nd.sgd_mom_update(
                        weight,
                        gradient,
                        states[name],
                        lr=rate,
                        momentum=momentum,
                        rescale_grad=1 / batch,
                        out=weight,
                    )
                else:
                    mx.nd.sgd_update(weight, gradient, lr=rate, rescale_grad=1 / batch, out=weight)
    arguments = {name: executor.arg_dict[name] for name in weights} | {"data": mx.nd.array(test[:, :13])}
    predicted = prediction.bind(mx.cpu(), arguments).forward()[0].asnumpy()
    return float(np.mean((test[:, 13] - predicted[:, 0].astype(float)) ** 2))


if __name__ == "__main__":
    houses = np.loadtxt(sys.argv[1])
    check = train_and_test(houses, mx.sym.square, rounds=5, batch=60, rate=0.01, momentum=0, scale=0.01)
    print(
        "# the R package's own answer to five rounds of plain sgd on squared errors is 0.91994361, "
        f"this program's {check:.8f}"
    )
    error = train_and_test(houses, lambda r: mx.sym.sqrt(1 + mx.sym.square(r)) - 1, 50, 20, 0.05, 0.9, 0.5)
    print(f"{error:.9f}")
