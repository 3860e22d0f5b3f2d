/* The pixels of an image, written as planes of channels through a table of 256 values for each channel. */

#define PY_SSIZE_T_CLEAN
#define Py_LIMITED_API 0x030b0000
#include <Python.h>

#include <stddef.h>
#include <stdint.h>

PyObject *mxr_planes(PyObject *module, PyObject *args);        /* for core.c */

#define PLANES(type) do { \
    const type *values = table->buf; \
    type *to = out->buf; \
    for (ptrdiff_t c = 0; c < channels; c++, values += 256) \
        for (ptrdiff_t y = 0; y < height; y++, to += width) { \
            const uint8_t *from = pixels + y * image->strides[0] + c * image->strides[2]; \
            ptrdiff_t step = image->strides[1]; \
            if (mirrored) { \
                from += (width - 1) * step; \
                step = -step; \
            } \
            for (ptrdiff_t x = 0; x < width; x++, from += step) \
                to[x] = values[*from]; \
        } \
} while (0)

static void planes(const Py_buffer *image, const Py_buffer *table, const Py_buffer *out, int mirrored)
{
    const uint8_t *pixels = image->buf;
    ptrdiff_t height = image->shape[0], width = image->shape[1], channels = image->shape[2];
    if (out->itemsize == 4)
        PLANES(uint32_t);
    else
        PLANES(uint8_t);
}

/* planes(image, table, out, mirrored): out[c, y, x] = table[c, image[y, x, c]], with x from the right if `mirrored`. `image` is an array
   of uint8 with any strides, `table` and `out` are contiguous and have one type, of 1 or 4 bytes. Works without Python's lock. */
PyObject *mxr_planes(PyObject *module, PyObject *args)
{
    (void)module;
    PyObject *object;
    Py_buffer image, table, out;
    int mirrored, right;
    if (!PyArg_ParseTuple(args, "Oy*w*p", &object, &table, &out, &mirrored))
        return NULL;
    if (PyObject_GetBuffer(object, &image, PyBUF_STRIDES)) {
        PyBuffer_Release(&table);
        PyBuffer_Release(&out);
        return NULL;
    }
    right = image.ndim == 3 && image.itemsize == 1 && (out.itemsize == 1 || out.itemsize == 4)
        && table.len == image.shape[2] * 256 * out.itemsize
        && out.len == image.shape[0] * image.shape[1] * image.shape[2] * out.itemsize;
    if (right) {
        Py_BEGIN_ALLOW_THREADS
        planes(&image, &table, &out, mirrored);
        Py_END_ALLOW_THREADS
    } else
        PyErr_SetString(PyExc_ValueError, "planes: arrays of other shapes or types are expected");
    PyBuffer_Release(&image);
    PyBuffer_Release(&table);
    PyBuffer_Release(&out);
    return right ? Py_NewRef(Py_None) : NULL;
}
