"""The arithmetic of kernel operators: windows of convolutions, pooling, recurrent cells, linear algebra."""
