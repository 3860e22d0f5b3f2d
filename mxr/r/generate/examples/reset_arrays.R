x <- mx.symbol.reset_arrays(mx.symbol.Variable("array_0"), num.arrays = 1, name = "x")
arguments(x)
outputs(x)

# the arrays themselves become zero
sums <- list(mx.nd.array(1:3), mx.nd.ones(2))
invisible(mx.nd.reset.arrays(sums, num_arrays = 2))
lapply(sums, as.array)
