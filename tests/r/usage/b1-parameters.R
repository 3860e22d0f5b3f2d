source("_check.R")
x <- mx.symbol.Variable("x")
cube <- wave(2, 3, 4)

usage("kernels and pads in R's order: (width, height)", {
  shape <- function(...) mx.symbol.infer.shape(mx.symbol.Convolution(x, num_filter = 2, name = "c", ...), x = c(16, 10, 1, 5))
  same(shape(kernel = c(1, 10))$out.shapes$c_output, c(16, 1, 2, 5))
  same(shape(kernel = c(1, 10))$arg.shapes$c_weight, c(1, 10, 1, 2))
  same(shape(kernel = c(3, 3), pad = c(0, 1), stride = c(1, 2))$out.shapes$c_output, c(14, 5, 2, 5))
})
usage("scalar kernel, pad and stride: one dimension", {
  conv <- mx.symbol.Convolution(x, kernel = 3, pad = 1, stride = 1, num_filter = 4, name = "c")
  same(mx.symbol.infer.shape(conv, x = c(20, 2, 5))$out.shapes$c_output, c(20, 4, 5))
  up <- mx.symbol.Deconvolution(x, kernel = 2, stride = 2, num_filter = 4, name = "u")
  same(mx.symbol.infer.shape(up, x = c(10, 2, 5))$out.shapes$u_output, c(20, 4, 5))
})
usage("axes of transpose are reversed, even of two", {
  # c(1, 0, 2) is (2, 0, 1) for MXNet, whose axes are R's in reverse
  same(value(mx.symbol.transpose(x, axes = c(1, 0, 2)), x = cube), aperm(cube, c(2, 3, 1)))
  same(value(mx.symbol.transpose(x, axes = c(0, 1)), x = cube[, , 1]), t(cube[, , 1]))
  same(mx.nd.transpose(mx.nd.array(cube), axes = c(0, 2, 1)), aperm(cube, c(3, 1, 2)))
})
usage("codes in shapes: 0, -1, -2, reversed with the vector", {
  dims <- function(...) dim(as.array.default(value(mx.symbol.reshape(data = x, ...), x = cube)))
  same(dims(shape = c(0, -1)), c(3, 8))              # 0 copies the dimension at its own place in MXNet's order
  same(dims(shape = c(-1, 1, 2, 0)), c(3, 1, 2, 4))
  same(dims(shape = c(1, -2)), c(1, 2, 3, 4))
  same(dims(shape = -1), 24)
  same(dims(shape = c(-1)), 24)
  same(dims(shape = c(-1, 0), reverse = TRUE), c(8, 3))
  same(dim(value(mx.symbol.Reshape(x, target_shape = c(12, 2)), x = cube)), c(12, 2))
})
usage("pad_width reversed as a whole", {
  image <- wave(4, 3, 1, 1)
  wide <- value(mx.symbol.pad(data = x, mode = "constant", pad_width = c(0, 2, 0, 0, 0, 0, 0, 0), constant_value = 7), x = image)
  same(wide, rbind(7, 7, image[, , 1, 1]))
})
usage("a single axis counts in MXNet's order and stays", {
  same(value(mx.symbol.sum(x, axis = 0), x = cube), rowSums(cube, dims = 2))
  same(value(mx.symbol.mean(x, axis = 1), x = cube), apply(cube, c(1, 3), mean))
  same(value(mx.symbol.sum_axis(x, axis = c(2, 1)), x = cube), apply(cube, 3, sum))
  same(value(mx.symbol.sum(x, axis = 1:2, keepdims = TRUE), x = cube), apply(cube, 3, sum))
  same(dim(value(mx.symbol.expand_dims(x, axis = -1), x = cube)), c(1, 2, 3, 4))
  same(dim(value(mx.symbol.swapaxes(data = x, dim1 = 0, dim2 = 1), x = cube)), c(2, 4, 3))
  same(dim(value(mx.symbol.concat(list(x, x), dim = 0), x = cube)), c(2, 3, 8))
  same(dim(value(mx.symbol.concat(data = list(x, x), num.args = 2, dim = -1), x = cube)), c(4, 3, 4))
  same(colSums(value(mx.symbol.softmax(x, axis = 1), x = wave(5, 3))), rep(1, 3))
})
usage("text for everything, whose tuples are not reversed", {
  conv <- mx.symbol.Convolution(data = x, name = "c", num_filter = "32", kernel = "(3,5)", stride = "(2,2)", pad = "(1,1)", dilate = "(1,1)",
                                num_group = "1", no_bias = "True", workspace = "512", cudnn_tune = "limited_workspace", cudnn_off = "False")
  same(mx.symbol.infer.shape(conv, x = c(20, 10, 3, 4))$out.shapes$c_output, c(9, 5, 32, 4))
  norm <- mx.symbol.BatchNorm(data = conv, name = "b", eps = "2e-05", momentum = "0.9", fix_gamma = "False", use_global_stats = "False")
  same(norm$attributes$eps, "2e-05")
  same(dim(value(mx.symbol.slice_axis(x, axis = 0, begin = 1, end = "None"), x = cube)), c(2, 3, 3))
  soft <- mx.symbol.SoftmaxOutput(x, name = "s", ignore_label = "-1", use_ignore = "True", normalization = "valid")
  same(dim(value(soft, x = wave(3, 4))), c(3, 4))
})
usage("logicals as numbers, T and F", {
  for (flag in list(1, TRUE, T, "True", "1")) {
    parts <- mx.symbol.SliceChannel(x, num_outputs = 4, axis = 0, squeeze_axis = flag, name = "p")
    same(mx.symbol.infer.shape(parts, x = dim(cube))$out.shapes$p_output3, c(2, 3))
  }
})
usage("dots and underscores in one call", {
  parts <- mx.symbol.split(data = x, num.outputs = 2, axis = 0, squeeze_axis = FALSE, name = "p")
  same(mx.symbol.infer.shape(parts, x = dim(cube))$out.shapes$p_output0, c(2, 3, 2))
  pool <- mx.symbol.Pooling(x, kernel = c(1, 1), global.pool = TRUE, pool_type = "avg", name = "g")
  same(mx.symbol.infer.shape(pool, x = c(5, 4, 2, 3))$out.shapes$g_output, c(1, 1, 2, 3))
})
usage("what only a GPU reads is swallowed", {
  mx.symbol.Convolution(x, kernel = c(3, 3), num_filter = 2, workspace = 1024, cudnn.tune = "off", cudnn_off = 1)
  mx.symbol.Deconvolution(x, kernel = c(2, 2), num_filter = 2, workspace = 512)
  mx.symbol.Pooling(x, kernel = c(2, 2), cudnn_off = TRUE)
})
usage("several texts are no parameter", says(mx.symbol.Activation(x, act_type = c("relu", "tanh")), "act_type"))
done("b1")
