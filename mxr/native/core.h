/* Declarations for the interpreter (core.c) and the loops over elements (vectors.h). */
#ifndef MXR_CORE_H
#define MXR_CORE_H

#include <stddef.h>
#include <stdint.h>

enum { WIDTH = 16 };    /* loops run over multiples of it, so that they have no remainder */
enum { MOST_TILE_ROWS = 12 };   /* of the tiles of products */

/* The instructions, with their numbers of operands. Conditions are masks: all bits of an element, or none. */
#define INSTRUCTIONS(X) \
    X(add, 2) X(subtract, 2) X(multiply, 2) X(divide, 2) X(maximum, 2) X(minimum, 2) X(fmax, 2) X(fmin, 2) X(power, 2) X(hypot, 2) \
    X(greater, 2) X(greater_equal, 2) X(less, 2) X(less_equal, 2) X(equal, 2) X(not_equal, 2) \
    X(both, 2) X(either, 2) X(differ, 2) X(select, 3) X(limit, 3) \
    X(copy, 1) X(negative, 1) X(absolute, 1) X(square, 1) X(sqrt, 1) X(reciprocal, 1) X(sign, 1) X(floor, 1) X(ceil, 1) X(trunc, 1) \
    X(rint, 1) X(exp, 1) X(expm1, 1) X(log, 1) X(log1p, 1) X(log2, 1) X(log10, 1) X(tanh, 1) X(sigmoid, 1) X(erf, 1) X(sin, 1) X(cos, 1) \
    X(not, 1) X(as_number, 1) X(as_condition, 1) X(isnan, 1) X(isinf, 1) X(isfinite, 1)

enum Instruction {
#define X(name, operands) OP_##name,
    INSTRUCTIONS(X)
#undef X
    INSTRUCTION_COUNT
};

/* r[i] = f(a[i], b[i], c[i]) for i < n, a multiple of WIDTH. `r` may be an operand. */
typedef void (*Loop)(float *r, const float *a, const float *b, const float *c, ptrdiff_t n);

enum { VECTOR, FIRST_IS_NUMBER, SECOND_IS_NUMBER, BOTH_ARE_NUMBERS, VARIANTS };      /* a number: the same element for all i */

/* c (m, n) = the sum of a b over `parts` pairs of matrices a (m, k) and b (k, n); `times` such sums with different b and c. Distances are in
   elements. The elements of a row of c are side by side, and those of a row or of a column of a. add: c is one of the summands. */
typedef struct {
    ptrdiff_t times, m, n, k, parts, a_row, a_column, a_part, b_row, b_column, b_part, b_next, c_row, c_next, add, chunk;
} Tiled;

typedef struct {
    const char *name;
    Loop loop[INSTRUCTION_COUNT][VARIANTS];
    double (*sum)(const float *a, ptrdiff_t n);                             /* n: any number */
    float (*largest)(const float *a, ptrdiff_t n);                          /* n > 0; NaN if an element is NaN */
    void (*add_rows)(float *sums, const float *a, ptrdiff_t rows, ptrdiff_t step, ptrdiff_t n);     /* sums[j] += a[i * step + j] */
    void (*largest_rows)(float *most, const float *a, ptrdiff_t rows, ptrdiff_t step, ptrdiff_t n);
    /* m rows; `start` has a number for each, which is added to it, or is NULL */
    void (*tiled)(const Tiled *t, const float *a, const float *b, const float *start, float *c, ptrdiff_t m);
    uint64_t (*digest)(const char *a, ptrdiff_t n, uint64_t seed);
} Vectors;

const Vectors *mxr_plain(void);
const Vectors *mxr_avx2(void);         /* NULL if the compiler or the processor does not have them */
const Vectors *mxr_avx512(void);

#endif
