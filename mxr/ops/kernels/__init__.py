"""Hand-made loops of kernel operators: windows and columns of convolution, pooling, recurrent steps, linear
algebra."""
