/* Numbers in text, parsed without Python's lock: tables of numbers separated by commas, and rows of index:value pairs.

   The results have the bits that Python's float() and a conversion to float32 give. These functions contain no messages and few
   rules: if a text is not plainly right, they return None. The readers in Python (mxr/io/readers) then read it again, slower, and either
   accept it or say what is wrong. */

#define PY_SSIZE_T_CLEAN
#define Py_LIMITED_API 0x030b0000
#include <Python.h>

#include <float.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

PyObject *mxr_table(PyObject *module, PyObject *args);        /* for core.c */
PyObject *mxr_sparse(PyObject *module, PyObject *args);

enum { DIGITS = 19, POWERS = 60, EXACT_POWERS = 22, LONGEST = 400, MOST_EXPONENT = 10000 };

static const double power_of_ten[POWERS + 1] = {
    1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20,
    1e21, 1e22, 1e23, 1e24, 1e25, 1e26, 1e27, 1e28, 1e29, 1e30, 1e31, 1e32, 1e33, 1e34, 1e35, 1e36, 1e37, 1e38, 1e39, 1e40, 1e41,
    1e42, 1e43, 1e44, 1e45, 1e46, 1e47, 1e48, 1e49, 1e50, 1e51, 1e52, 1e53, 1e54, 1e55, 1e56, 1e57, 1e58, 1e59, 1e60,
};

static inline int is_digit(char c) { return (unsigned char)(c - '0') < 10; }
static inline int is_blank(char c) { return c == ' ' || c == '\t' || c == '\v' || c == '\f'; }
static inline int is_end(char c) { return c == '\n' || c == '\r'; }

static inline const char *skip_blanks(const char *p, const char *end)
{
    while (p < end && is_blank(*p))
        p++;
    return p;
}

/* `whole` times ten to the power of `exponent`, rounded to double and then to float32. 0 if that is uncertain. */
static inline int scaled(uint64_t whole, int cut, int exponent, float *value)
{
    double x = (double)whole;
    if (exponent < -POWERS || exponent > POWERS)
        return 0;
    x = exponent < 0 ? x / power_of_ten[-exponent] : x * power_of_ten[exponent];
    *value = (float)x;
    if (whole == 0 || (!cut && whole <= (uint64_t)1 << 53 && exponent >= -EXACT_POWERS && exponent <= EXACT_POWERS))
        return 1;       /* both operands are exact, so the result is rounded once */
    /* Otherwise x may be wrong by less than 2 units in its last place. float32 drops 29 bits of it. */
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    uint64_t dropped = bits & (((uint64_t)1 << 29) - 1), half = (uint64_t)1 << 28;
    return x > 2 * (double)FLT_MIN && x < (double)FLT_MAX / 2 && (dropped < half - 4 || dropped > half + 4);
}

/* The number at `p`, if it is written with digits, a point and an exponent only. Returns its end, or NULL. */
static const char *plain_number(const char *p, const char *end, float *value)
{
    uint64_t whole = 0;
    int seen = 0, kept = 0, cut = 0, exponent = 0, minus = 0;
    if (p < end && (*p == '-' || *p == '+'))
        minus = *p++ == '-';
    for (int point = 0; p < end; p++) {
        if (is_digit(*p)) {
            seen = 1;
            if (kept < DIGITS) {
                whole = whole * 10 + (uint64_t)(*p - '0');
                kept += whole != 0;
                exponent -= point;
            } else if (exponent < MOST_EXPONENT) {
                cut |= *p != '0';
                exponent += !point;
            }
        } else if (*p == '.' && !point)
            point = 1;
        else
            break;
    }
    if (!seen)
        return NULL;
    if (p < end && (*p == 'e' || *p == 'E')) {
        int negative = 0, written = 0;
        if (++p < end && (*p == '-' || *p == '+'))
            negative = *p++ == '-';
        if (p >= end || !is_digit(*p))
            return NULL;
        for (; p < end && is_digit(*p); p++)
            if (written < MOST_EXPONENT)
                written = written * 10 + (*p - '0');
        exponent += negative ? -written : written;
    }
    if (!scaled(whole, cut, exponent, value))
        return NULL;
    if (minus)
        *value = -*value;
    return p;
}

/* Read the number between `p` and `end`, apart from blanks, as Python's float() does: also NaN, infinity, and numbers that are hard to
   round. Returns 0 if the text is no number. Called without Python's lock. */
static int any_number(const char *p, const char *end, float *value)
{
    char copy[LONGEST + 1], *stop = copy;
    p = skip_blanks(p, end);
    while (end > p && is_blank(end[-1]))
        end--;
    if (end <= p || end - p > LONGEST)
        return 0;
    memcpy(copy, p, (size_t)(end - p));
    copy[end - p] = 0;
    PyGILState_STATE state = PyGILState_Ensure();
    double x = PyOS_string_to_double(copy, &stop, NULL);
    if (PyErr_Occurred()) {
        PyErr_Clear();
        stop = copy;
    }
    PyGILState_Release(state);
    *value = (float)x;
    return stop == copy + (end - p);
}

/* A field that ends at a comma or at the end of its line. Returns its end, or NULL if it is no number. */
static inline const char *float_field(const char *p, const char *end, float *value)
{
    const char *stop = plain_number(skip_blanks(p, end), end, value);
    if (stop) {
        stop = skip_blanks(stop, end);
        if (stop == end || *stop == ',' || is_end(*stop))
            return stop;
    }
    for (stop = p; stop < end && *stop != ',' && !is_end(*stop); stop++)
        ;
    return any_number(p, stop, value) ? stop : NULL;
}

static inline const char *integer(const char *p, const char *end, int64_t *value)
{
    int64_t x = 0;
    int minus = 0, digits = 0;
    if (p < end && (*p == '-' || *p == '+'))
        minus = *p++ == '-';
    for (; p < end && is_digit(*p); p++, digits++) {
        if (digits == DIGITS - 1)
            return NULL;
        x = x * 10 + (*p - '0');
    }
    *value = minus ? -x : x;
    return digits ? p : NULL;
}

static inline const char *integer_field(const char *p, const char *end, int64_t *value)
{
    p = integer(skip_blanks(p, end), end, value);
    if (p)
        p = skip_blanks(p, end);
    return p && (p == end || *p == ',' || is_end(*p)) ? p : NULL;
}

/* The lines of a table, written to `out`, which has `most` rows. Returns their number, or -1. */
static ptrdiff_t read_table(const char *p, const char *end, char type, char *out, ptrdiff_t most, ptrdiff_t width)
{
    ptrdiff_t rows = 0, at = 0;
    while (1) {
        while (p < end && (is_blank(*p) || is_end(*p)))     /* blank lines are skipped */
            p++;
        if (p == end)
            return rows;
        if (rows++ == most)
            return -1;
        for (ptrdiff_t i = 0; i < width; i++, at++) {
            int64_t whole = 0;
            if (i && (p == end || *p++ != ','))
                return -1;
            p = type == 'f' ? float_field(p, end, (float *)out + at) : integer_field(p, end, &whole);
            if (!p)
                return -1;
            if (type == 'i')
                ((int32_t *)out)[at] = (int32_t)whole;
            else if (type == 'q')
                ((int64_t *)out)[at] = whole;
        }
        while (p < end && *p == ',')        /* a line may end with commas */
            p++;
        if (p < end && !is_end(*p))
            return -1;
    }
}

typedef struct {
    float *label, *value;
    int64_t *count, *index;             /* of each row, its number of pairs; of each pair, its index */
    ptrdiff_t most_rows, most_pairs, width, rows, pairs;
} Sparse;

static inline int ends_token(const char *p, const char *end) { return p == end || is_blank(*p) || is_end(*p) || *p == '#'; }

/* The number of a token that begins at `p`; a label may be followed by a weight, which is ignored. Returns its end, or NULL. */
static inline const char *number_of_token(const char *p, const char *end, int is_label, float *value)
{
    const char *stop = plain_number(p, end, value);
    if (!stop || !(ends_token(stop, end) || (is_label && *stop == ':'))) {
        for (stop = p; !ends_token(stop, end) && !(is_label && *stop == ':'); stop++)
            ;
        if (!any_number(p, stop, value))
            return NULL;
    }
    while (!ends_token(stop, end))
        stop++;
    return stop;
}

static const char *read_pair(const char *p, const char *end, Sparse *s)
{
    if (end - p >= 4 && memcmp(p, "qid:", 4) == 0) {
        while (!ends_token(p, end))
            p++;
        return p;
    }
    if (s->pairs == s->most_pairs)
        return NULL;
    p = integer(p, end, &s->index[s->pairs]);
    if (!p || s->index[s->pairs] < 0 || s->index[s->pairs] >= s->width)
        return NULL;
    s->value[s->pairs] = 1;
    if (p < end && *p == ':')
        p = number_of_token(p + 1, end, 0, &s->value[s->pairs]);
    s->pairs++;
    return p && ends_token(p, end) ? p : NULL;
}

/* Returns 1, or 0 if the text has anything else than labels and pairs of plain numbers. */
static int read_sparse(const char *p, const char *end, Sparse *s)
{
    while (1) {
        while (p < end && (is_blank(*p) || is_end(*p)))
            p++;
        if (p == end)
            return 1;
        if (*p != '#') {
            if (s->rows == s->most_rows)
                return 0;
            ptrdiff_t before = s->pairs;
            p = number_of_token(p, end, 1, &s->label[s->rows]);
            while (p && (p = skip_blanks(p, end)) < end && !is_end(*p) && *p != '#')
                p = read_pair(p, end, s);
            if (!p)
                return 0;
            s->count[s->rows++] = s->pairs - before;
        }
        while (p < end && !is_end(*p))      /* a comment */
            p++;
    }
}

/* table(text, out, rows, width, type): the number of rows read into the contiguous array `out` of rows x width numbers of `type`
   (f: float32, i: int32, q: int64), or None. */
PyObject *mxr_table(PyObject *module, PyObject *args)
{
    (void)module;
    Py_buffer text, out;
    Py_ssize_t most, width, rows = -1;
    int type;
    if (!PyArg_ParseTuple(args, "y*w*nnC", &text, &out, &most, &width, &type))
        return NULL;
    if (width > 0 && most >= 0 && most <= out.len / (type == 'q' ? 8 : 4) / width) {
        Py_BEGIN_ALLOW_THREADS
        rows = read_table(text.buf, (const char *)text.buf + text.len, (char)type, out.buf, most, width);
        Py_END_ALLOW_THREADS
    }
    PyBuffer_Release(&text);
    PyBuffer_Release(&out);
    if (rows < 0)
        Py_RETURN_NONE;
    return PyLong_FromSsize_t(rows);
}

/* sparse(text, labels, counts, indices, values, width): (rows, pairs) read into contiguous arrays of float32, int64, int64 and float32,
   or None. Indices are less than `width`. */
PyObject *mxr_sparse(PyObject *module, PyObject *args)
{
    (void)module;
    Py_buffer text, label, count, index, value;
    Py_ssize_t width;
    int right;
    if (!PyArg_ParseTuple(args, "y*w*w*w*w*n", &text, &label, &count, &index, &value, &width))
        return NULL;
    Sparse s = {.label = label.buf, .value = value.buf, .count = count.buf, .index = index.buf, .width = width};
    s.most_rows = label.len / 4 < count.len / 8 ? label.len / 4 : count.len / 8;
    s.most_pairs = value.len / 4 < index.len / 8 ? value.len / 4 : index.len / 8;
    Py_BEGIN_ALLOW_THREADS
    right = read_sparse(text.buf, (const char *)text.buf + text.len, &s);
    Py_END_ALLOW_THREADS
    PyBuffer_Release(&text);
    PyBuffer_Release(&label);
    PyBuffer_Release(&count);
    PyBuffer_Release(&index);
    PyBuffer_Release(&value);
    return right ? Py_BuildValue("nn", s.rows, s.pairs) : Py_NewRef(Py_None);
}
