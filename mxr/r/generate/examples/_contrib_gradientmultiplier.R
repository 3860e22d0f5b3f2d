x <- mx.symbol.contrib.gradientmultiplier(mx.symbol.Variable("score"), scalar = -0.5, name = "x")
arguments(x)
outputs(x)

score <- mx.nd.array(1:3)
ex <- mx.simple.bind(x, ctx = mx.cpu(), grad.req = "write", score = dim(score))
mx.exec.update.arg.arrays(ex, list(score = score), match.name = TRUE)
mx.exec.forward(ex, is.train = TRUE)
mx.exec.backward(ex, mx.nd.ones(dim(score)))
# the data, and the gradient times the factor
as.array(ex$ref.outputs[[1]])
as.array(ex$ref.grad.arrays$score)
