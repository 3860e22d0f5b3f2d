"""Sliding windows over images as columns of a matrix, and back: im2col, col2im."""

from itertools import product

from mxr.operator import REQUIRED, P, Shape, ShapeError, op, shape_text, size

_STRIDE = "The distance of neighbouring windows, per spatial axis. Empty: 1."
_DILATE = "The distance of neighbouring elements of a window, per spatial axis. Empty: 1."
_PAD = "The width of the border of zeros on both sides, per spatial axis. Empty: 0."


def _geometry(p, image):
    """(stride, dilate, pad, number of windows along each axis) for images of that size."""
    n = len(p.kernel)
    stride, dilate, pad = p.stride or (1,) * n, p.dilate or (1,) * n, p.pad or (0,) * n
    if not 1 <= n <= 3 or not len(stride) == len(dilate) == len(pad) == len(image) == n:
        raise ShapeError(
            "kernel, stride, dilate and pad need one number per spatial axis, "
            f"of which there are {len(image)} (1 to 3)"
        )
    if min(*p.kernel, *stride, *dilate) < 1 or min(pad) < 0:
        raise ShapeError("kernel, stride and dilate must be at least 1, pad at least 0")
    windows = tuple(
        (m + 2 * b - d * (k - 1) - 1) // s + 1 for m, b, d, k, s in zip(image, pad, dilate, p.kernel, stride)
    )
    if min(windows) < 1:
        raise ShapeError(
            f"a kernel of {shape_text(p.kernel)} does not fit into an image of {shape_text(image)}"
        )
    return stride, dilate, pad, windows


def _walk(p, image):
    """For every position in the kernel: (the position, the index of the elements of the padded image that all
    windows have there)."""
    stride, dilate, _, windows = _geometry(p, image)
    for at in product(*map(range, p.kernel)):
        yield (
            at,
            (
                ...,
                *(
                    slice(a * d, a * d + (w - 1) * s + 1, s)
                    for a, d, w, s in zip(at, dilate, windows, stride)
                ),
            ),
        )


def _columns(p, run, image, columns):
    """Fill `columns` (n, c * kernel, windows) from `image` (n, c, ...)."""
    space = image.shape[2:]
    _, _, pad, windows = _geometry(p, space)
    padded, inner = _padded(run, image.shape, pad, image.dtype)
    padded.fill(0)
    padded[inner] = image
    view = columns.reshape(*image.shape[:2], *p.kernel, *windows)
    for at, met in _walk(p, space):
        view[(slice(None), slice(None), *at)] = padded[met]


def _image(p, run, columns, image):
    """Fill `image`: every element is the sum of the elements of `columns` that were copied from it."""
    space = image.shape[2:]
    _, _, pad, windows = _geometry(p, space)
    padded, inner = _padded(run, image.shape, pad, image.dtype)
    padded.fill(0)
    view = columns.reshape(*image.shape[:2], *p.kernel, *windows)
    for at, met in _walk(p, space):
        padded[met] += view[(slice(None), slice(None), *at)]
    image[...] = padded[inner]


def _padded(run, shape, pad, dtype):
    """Scratch memory for an image with its border, and the key of the image in it."""
    full = (*shape[:2], *(m + 2 * b for m, b in zip(shape[2:], pad)))
    return run.workspace(full, dtype), (..., *(slice(b, b + m) for m, b in zip(shape[2:], pad)))


@op("im2col", keeps=())
class Im2col:
    """The windows of the images as the columns of a matrix, which a convolution multiplies with its weights.

    Data of shape (n, c, spatial...), with 1 to 3 spatial axes, become (n, c * product of kernel, number of
    windows): row `(channel, position in the kernel)`, column `window`, both in C order. The border is filled
    with zeros.
    """

    kernel: Shape = P(REQUIRED, "The size of a window, per spatial axis.")
    stride: Shape = P((), _STRIDE)
    dilate: Shape = P((), _DILATE)
    pad: Shape = P((), _PAD)

    def infer_shape(p, ins, outs):
        data = ins[0]
        if data is None or 0 in data:
            return ins, outs
        windows = _geometry(p, data[2:])[3]
        return ins, [(data[0], data[1] * size(p.kernel), size(windows))]

    def compute(p, run, ins, outs):
        _columns(p, run, ins[0], outs[0])

    def gradient(p, run, gs, ins, outs, igs):
        _image(p, run, gs[0], igs[0])


@op("col2im", keeps=())
class Col2im:
    """Images from columns, the reverse of `im2col`: where windows overlap, elements are added up.

    Data of shape (n, c * product of kernel, number of windows) become (n, c, output_size...).
    """

    output_size: Shape = P(REQUIRED, "The size of the images, per spatial axis.")
    kernel: Shape = P(REQUIRED, "The size of a window, per spatial axis.")
    stride: Shape = P((), _STRIDE)
    dilate: Shape = P((), _DILATE)
    pad: Shape = P((), _PAD)

    def infer_shape(p, ins, outs):
        data = ins[0]
        if data is None or 0 in data:
            return ins, outs
        windows = size(_geometry(p, p.output_size)[3])
        if len(data) != 3 or data[1] % size(p.kernel) or data[2] != windows:
            raise ShapeError(
                f"columns of shape {shape_text(data)} do not fit: "
                f"a multiple of {size(p.kernel)} rows and {windows} columns are needed"
            )
        return ins, [(data[0], data[1] // size(p.kernel), *p.output_size)]

    def compute(p, run, ins, outs):
        _image(p, run, ins[0], outs[0])

    def gradient(p, run, gs, ins, outs, igs):
        _columns(p, run, gs[0], igs[0])
