/* The native core: prepared steps on arrays, run without Python's lock, alone or shared by several threads.

   A step is a region (instructions on blocks of elements), a matrix product by BLAS, a sum of small products, a reduction of columns, a
   softmax, or a list of other steps.
   It holds pointers to its arrays, and is cut into chunks by position, so that the bits do not depend on which thread computes a chunk.
   mxr/native/steps.py makes steps: it checks the arrays, and decides all sizes, layouts and chunks. This file does not check them again. */

#define PY_SSIZE_T_CLEAN
#define Py_LIMITED_API 0x030b0000
#include <Python.h>

#include <math.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "core.h"

#if defined(__x86_64__)
#include <xmmintrin.h>
#define PAUSE _mm_pause()
#define STORE_FENCE _mm_sfence()
#else
#define PAUSE (void)0
#define STORE_FENCE (void)0
#endif

/* Numbers that must be constants here. All other tuning numbers are in mxr/runtime/costs.py. */
enum {
    INTERFACE = 2,              /* changes with what steps.py and this file tell each other; __init__.py has the same number */
    AXES = 7,                   /* of a region, at most */
    SCRATCH = 16384,            /* numbers in all registers of a region, which are on the stack */
    MOST_SUMS = 32,             /* of a region */
    STRIP = 512,                /* columns that a reduction computes together */
    ROWS = 64,                  /* rows that are added as floats; their sums are added as doubles */
    SOFTMAX_TOGETHER = 2048,    /* elements of short rows that a softmax computes together */
    SPINS_TO_YIELD = 200,       /* tests after which a waiting thread lets others use its processor */
    SPINS_TO_LEAVE = 20000      /* tests after which a helping thread that finds no chunk leaves the program */
};

/* in text.c and pixels.c */
PyObject *mxr_table(PyObject *module, PyObject *args);
PyObject *mxr_sparse(PyObject *module, PyObject *args);
PyObject *mxr_planes(PyObject *module, PyObject *args);

static const Vectors *vectors;

/* ------------------------------------------------------------------------------------------ steps */

/* Instructions of the interpreter, for which vectors.h has no loops */
enum { LOAD = INSTRUCTION_COUNT, STORE, FILL, REDUCE };

/* An instruction. Its slots are registers, then arrays, then numbers. `load` and `store` count arrays from 0, `reduce` counts results. */
typedef struct {
    int32_t op, variant, to, a, b, c;
    int32_t whole;              /* all slots are registers or numbers: the loop may run over whole vectors, beyond the end */
    int32_t numbers;            /* bit i: operand i is a number */
} Code;

typedef struct Step {
    PyObject_HEAD
    void (*run)(struct Step *, ptrdiff_t chunk);
    ptrdiff_t chunks;
    void *sizes;                            /* a Region, Product, Tiled, Columns or Softmax, as steps.py has filled it */
    char **data;                            /* of the arrays */
    Py_buffer *views;
    int arrays;
    int codes, numbers;                     /* of a region */
    Code *code;
    float *number;
    double *partial;                        /* the results of chunks, if a region's only row is longer than a chunk */
    int count, last_shared;                 /* of a list of steps */
    struct Step **inner;
    ptrdiff_t times, *distance;             /* of all their arrays: from one repetition to the next */
    ptrdiff_t jumps, *jump;                 /* before the first repetition: so many times so far */
    _Atomic(uint64_t) open;                 /* see `run_shared` */
    _Atomic(struct Step *) current;
    _Atomic(ptrdiff_t) pending;
    _Atomic(int) running;
    uint64_t turn;
} Step;

typedef struct { ptrdiff_t size, contiguous, strides[AXES]; } Operand;      /* bytes; size: 4 for numbers, 1 for conditions */

typedef struct {
    ptrdiff_t count, block, chunk, registers, operands;
    ptrdiff_t results, row, largest;        /* results are sums, or largest values, of rows of so many elements */
    ptrdiff_t axes, shape[AXES];
    Operand operand[];
} Region;

typedef struct {
    ptrdiff_t m, n, k, lda, ldb, ldc, a_turned, b_turned, add;
    ptrdiff_t batch, chunk, step_a, step_b, step_c, last_m, last_n;         /* the last product of a batch may have another size */
} Product;

typedef struct { ptrdiff_t outer, rows, inner, largest, chunk; } Columns;

typedef struct { ptrdiff_t rows, classes, chunk; } Softmax;

static inline ptrdiff_t least(ptrdiff_t a, ptrdiff_t b) { return a < b ? a : b; }
static inline float *floats(const Step *step, ptrdiff_t i) { return (float *)(void *)step->data[i]; }

/* ------------------------------------------------------------------------------------------ strided memory */

/* Copy n elements, which are a constant distance apart, to contiguous memory, or back. */
static inline void copy_run(char *at, ptrdiff_t stride, ptrdiff_t size, float *packed, ptrdiff_t n, int storing)
{
    if (size == 1) {
        for (ptrdiff_t i = 0; i < n; i++) {
            uint32_t all = at[i * stride] ? 0xffffffffu : 0u;
            if (storing) memcpy(&all, packed + i, 4), at[i * stride] = (char)(all & 1); else memcpy(packed + i, &all, 4);
        }
    } else if (stride == 0 && !storing) {
        float x;
        memcpy(&x, at, 4);
        for (ptrdiff_t i = 0; i < n; i++) packed[i] = x;
    } else {
        for (ptrdiff_t i = 0; i < n; i++)
            if (storing) memcpy(at + i * stride, packed + i, 4); else memcpy(packed + i, at + i * stride, 4);
    }
}

/* Copy runs of a transposed matrix, whose neighbours are neighbours in memory. Return how many are done: on x86 a multiple of four, else 0. */
#if defined(__x86_64__)
static ptrdiff_t copy_turned(char *at, ptrdiff_t stride, float *packed, ptrdiff_t run, ptrdiff_t runs, int storing)
{
    ptrdiff_t done = 0, whole = run & -4;
    for (; done + 4 <= runs; done += 4, at += 16, packed += 4 * run) {
        for (ptrdiff_t j = 0; j < whole; j += 4) {
            __m128 x[4];
            for (int i = 0; i < 4; i++) x[i] = _mm_loadu_ps(storing ? packed + i * run + j : (float *)(void *)(at + (j + i) * stride));
            _MM_TRANSPOSE4_PS(x[0], x[1], x[2], x[3]);
            for (int i = 0; i < 4; i++) _mm_storeu_ps(storing ? (float *)(void *)(at + (j + i) * stride) : packed + i * run + j, x[i]);
        }
        for (int i = 0; i < 4; i++) copy_run(at + 4 * i + whole * stride, stride, 4, packed + i * run + whole, run - whole, storing);
    }
    return done;
}
#else
#define copy_turned(...) 0
#endif

/* Copy n elements of an array, from element `start` on, to contiguous memory, or back. */
static inline void copy(const Region *g, const Operand *o, char *at, ptrdiff_t start, ptrdiff_t n, float *packed, int storing)
{
    ptrdiff_t last = g->axes - 1, index[AXES], stride = o->strides[last], step = last ? o->strides[last - 1] : 0;
    for (ptrdiff_t i = last; i >= 0; i--) {
        index[i] = start % g->shape[i];
        start /= g->shape[i];
        at += index[i] * o->strides[i];
    }
    for (;;) {
        ptrdiff_t run = least(g->shape[last] - index[last], n), runs = 1;
        if (last && run == g->shape[last])
            runs = least(n / run, g->shape[last - 1] - index[last - 1]);
        ptrdiff_t done = step == 4 && o->size == 4 && stride != 4 && run > 3 ? copy_turned(at, stride, packed, run, runs, storing) : 0;
        at += done * step, packed += done * run;
#define RUNS(function, ...) for (ptrdiff_t i = done; i < runs; i++, at += step, packed += run) function(__VA_ARGS__)
#define CONTIGUOUS_RUNS(bytes) if (storing) RUNS(memcpy, at, packed, bytes); else RUNS(memcpy, packed, at, bytes)
        switch (stride == 4 && o->size == 4 ? run : 0) {
        case 0: RUNS(copy_run, at, stride, o->size, packed, run, storing); break;
        case 2: CONTIGUOUS_RUNS(8); break;          /* without a call of memcpy */
        case 3: CONTIGUOUS_RUNS(12); break;
        case 4: CONTIGUOUS_RUNS(16); break;
        default: CONTIGUOUS_RUNS((size_t)run * 4);
        }
        if ((n -= runs * run) == 0)
            return;
        index[last - 1] += runs;
        at -= index[last] * stride;
        index[last] = 0;
        for (ptrdiff_t i = last - 1; i > 0 && index[i] == g->shape[i]; i--) {
            at += o->strides[i - 1] - index[i] * o->strides[i];
            index[i] = 0;
            index[i - 1]++;
        }
    }
}

/* Store a block of a large contiguous array. On x86 it does not go through the caches: these would read the memory before they write it. */
static void stream(float *to, const float *from, ptrdiff_t n)
{
#if defined(__x86_64__)
    if ((uintptr_t)to % 16 == 0)
        for (; n >= 4; n -= 4, to += 4, from += 4) _mm_stream_ps(to, _mm_loadu_ps(from));
#endif
    memcpy(to, from, (size_t)n * 4);
}

/* ------------------------------------------------------------------------------------------ regions */

/* Run a loop over any number n of elements. Those after the last whole vector are copied to a vector. */
static void any_length(Loop loop, float *r, const float *const *x, int numbers, ptrdiff_t n)
{
    ptrdiff_t whole = n & -WIDTH;
    if (whole)
        loop(r, x[0], x[1], x[2], whole);
    if (whole == n)
        return;
    float rest[3][WIDTH] = {{0}}, result[WIDTH];
    const float *y[3];
    size_t bytes = (size_t)(n - whole) * 4;
    for (int i = 0; i < 3; i++) y[i] = numbers >> i & 1 ? x[i] : memcpy(rest[i], x[i] + whole, bytes);
    loop(result, y[0], y[1], y[2], WIDTH);
    memcpy(r + whole, result, bytes);
}

static inline double combined(const Region *g, double a, double b) { return !g->largest ? a + b : a >= b || a != a ? a : b; }
static inline double of_nothing(const Region *g) { return g->largest ? -(double)INFINITY : 0.0; }

/* The sum of n elements, or the largest */
static inline double reduced(const Region *g, const float *x, ptrdiff_t n) { return g->largest ? vectors->largest(x, n) : vectors->sum(x, n); }

/* Add a block to the sums of its rows, or to their largest values. `open` is the result of a row that the block before has begun. */
static void reduce(const Region *g, float *result, ptrdiff_t start, ptrdiff_t n, const float *x, double *open)
{
    ptrdiff_t row = g->row, at = start % row;
    result += start / row;
    if (!at)
        for (; n >= row && row <= g->chunk; n -= row, x += row) *result++ = (float)reduced(g, x, row);
    for (; n > 0; at = 0) {
        ptrdiff_t length = least(row - at, n);
        double value = at ? combined(g, *open, reduced(g, x, length)) : reduced(g, x, length);
        if (at + length == row && row <= g->chunk)
            *result++ = (float)value;
        else
            *open = value;
        x += length, n -= length;
    }
}

static void run_region(Step *step, ptrdiff_t chunk)
{
    const Region *g = step->sizes;
    _Alignas(64) float scratch[SCRATCH];
    float *slot[g->registers + g->operands + step->numbers], **memory = slot + g->registers;
    double open[MOST_SUMS];
    int streamed = 0;
    for (int i = 0; i < g->registers; i++) slot[i] = scratch + i * g->block;
    for (int i = 0; i < step->numbers; i++) memory[g->operands + i] = step->number + i;
    for (int i = 0; i < g->results; i++) open[i] = of_nothing(g);
    ptrdiff_t stop = least((chunk + 1) * g->chunk, g->count);
    for (ptrdiff_t start = chunk * g->chunk; start < stop; start += g->block) {
        ptrdiff_t n = least(stop - start, g->block);
        for (int i = 0; i < g->operands; i++)   /* for contiguous arrays and single numbers; `load` and `store` are for other arrays */
            memory[i] = floats(step, i) + (g->operand[i].contiguous ? start : 0);
        for (const Code *code = step->code, *end = code + step->codes; code < end; code++) {
            if (code->op < INSTRUCTION_COUNT) {
                Loop loop = vectors->loop[code->op][code->variant];
                const float *const x[3] = {slot[code->a], slot[code->b], slot[code->c]};
                if (code->whole)
                    loop(slot[code->to], x[0], x[1], x[2], (n + WIDTH - 1) & -WIDTH);
                else
                    any_length(loop, slot[code->to], x, code->numbers, n);
            } else if (code->op == LOAD) {
                copy(g, g->operand + code->a, step->data[code->a], start, n, slot[code->to], 0);
            } else if (code->op == FILL) {
                copy_run((char *)slot[code->a], 0, 4, slot[code->to], n, 0);
            } else if (code->op == REDUCE) {
                reduce(g, floats(step, g->operands + code->to), start, n, slot[code->a], open + code->to);
            } else if (g->operand[code->to].contiguous) {
                stream(memory[code->to], slot[code->a], n);
                streamed = 1;
            } else {
                copy(g, g->operand + code->to, step->data[code->to], start, n, slot[code->a], 1);
            }
        }
    }
    for (int i = 0; step->partial && i < g->results; i++) step->partial[i * step->chunks + chunk] = open[i];
    if (streamed)
        STORE_FENCE;        /* they become visible to other threads */
}

/* The results of all chunks together */
static void finish(Step *step)
{
    const Region *g = step->sizes;
    for (int i = 0; step->partial && i < g->results; i++) {
        double total = of_nothing(g);
        for (ptrdiff_t j = 0; j < step->chunks; j++) total = combined(g, total, step->partial[i * step->chunks + j]);
        *floats(step, g->operands + i) = (float)total;
    }
}

/* ------------------------------------------------------------------------------------------ products, columns, softmax */

typedef void (*Sgemm32)(int, int, int, int, int, int, float, const float *, int, const float *, int, float, float *, int);
typedef void (*Sgemm64)(int, int, int, int64_t, int64_t, int64_t, float, const float *, int64_t, const float *, int64_t, float, float *,
                        int64_t);
static void *sgemm;             /* BLAS's cblas_sgemm */
static int sgemm_is_64;

static void run_product(Step *step, ptrdiff_t chunk)
{
    enum { ROW_MAJOR = 101, NO_TRANSPOSE = 111, TRANSPOSE = 112 };      /* CBLAS's constants */
    const Product *p = step->sizes;
    int ta = p->a_turned ? TRANSPOSE : NO_TRANSPOSE, tb = p->b_turned ? TRANSPOSE : NO_TRANSPOSE;
    for (ptrdiff_t i = chunk * p->chunk, stop = least(i + p->chunk, p->batch); i < stop; i++) {
        ptrdiff_t m = i < p->batch - 1 ? p->m : p->last_m, n = i < p->batch - 1 ? p->n : p->last_n;
        const float *a = floats(step, 0) + i * p->step_a, *b = floats(step, 1) + i * p->step_b;
        float *c = floats(step, 2) + i * p->step_c, beta = (float)p->add;
        if (sgemm_is_64)
            ((Sgemm64)sgemm)(ROW_MAJOR, ta, tb, m, n, p->k, 1.0f, a, p->lda, b, p->ldb, beta, c, p->ldc);
        else
            ((Sgemm32)sgemm)(ROW_MAJOR, ta, tb, (int)m, (int)n, (int)p->k, 1.0f, a, (int)p->lda, b, (int)p->ldb, beta, c, (int)p->ldc);
    }
}

/* Columns of `rows` elements, in strips */
static void run_columns(Step *step, ptrdiff_t chunk)
{
    const Columns *d = step->sizes;
    ptrdiff_t strips = (d->inner + STRIP - 1) / STRIP, stop = least((chunk + 1) * d->chunk, d->outer * strips);
    for (ptrdiff_t s = chunk * d->chunk; s < stop; s++) {
        ptrdiff_t first = s % strips * STRIP, n = least(d->inner - first, STRIP);
        const float *x = floats(step, 0) + s / strips * d->rows * d->inner + first;
        float *out = floats(step, 1) + s / strips * d->inner + first, sums[STRIP];
        if (d->largest) {
            memcpy(out, x, (size_t)n * 4);
            vectors->largest_rows(out, x + d->inner, d->rows - 1, d->inner, n);
            continue;
        }
        double totals[STRIP];
        for (ptrdiff_t i = 0; i < d->rows; i += ROWS) {
            memset(sums, 0, (size_t)n * 4);
            vectors->add_rows(sums, x + i * d->inner, least(d->rows - i, ROWS), d->inner, n);
            for (ptrdiff_t j = 0; d->rows > ROWS && j < n; j++) totals[j] = (i ? totals[j] : 0.0) + sums[j];
        }
        for (ptrdiff_t j = 0; j < n; j++) out[j] = d->rows > ROWS ? (float)totals[j] : sums[j];
    }
}

static void run_softmax(Step *step, ptrdiff_t chunk)
{
    const Softmax *s = step->sizes;
    ptrdiff_t n = s->classes, stop = least((chunk + 1) * s->chunk, s->rows);
    ptrdiff_t rows = n < SOFTMAX_TOGETHER ? SOFTMAX_TOGETHER / n : 1;       /* computed together */
    for (ptrdiff_t start = chunk * s->chunk; start < stop; start += rows) {
        ptrdiff_t end = least(start + rows, stop);
        float *block = floats(step, 1) + start * n;
        for (ptrdiff_t i = start; i < end; i++) {
            const float *x = floats(step, 0) + i * n;
            float most = vectors->largest(x, n), *to = floats(step, 1) + i * n;
            const float *const operands[3] = {x, &most, &most};
            if (n < 2 * WIDTH)
                for (ptrdiff_t j = 0; j < n; j++) to[j] = x[j] - most;
            else
                any_length(vectors->loop[OP_subtract][SECOND_IS_NUMBER], to, operands, 6, n);
        }
        const float *const same[3] = {block, block, block};
        any_length(vectors->loop[OP_exp][VECTOR], block, same, 0, (end - start) * n);
        for (ptrdiff_t i = start; i < end; i++) {
            float *y = floats(step, 1) + i * n, total = (float)vectors->sum(y, n);
            const float *const operands[3] = {y, &total, &total};
            if (n < 2 * WIDTH)
                for (ptrdiff_t j = 0; j < n; j++) y[j] /= total;
            else
                any_length(vectors->loop[OP_divide][SECOND_IS_NUMBER], y, operands, 6, n);
        }
    }
}

static void run_tiled(Step *step, ptrdiff_t chunk)
{
    const Tiled *t = step->sizes;
    ptrdiff_t from = chunk * t->chunk;
    const float *start = step->arrays > 3 ? floats(step, 2) + from : NULL;
    vectors->tiled(t, floats(step, 0) + from * t->a_row, floats(step, 1), start, floats(step, step->arrays - 1) + from * t->c_row,
                   least(t->chunk, t->m - from));
}

/* ------------------------------------------------------------------------------------------ lists of steps */

static void run_whole(Step *step)
{
    for (ptrdiff_t i = 0; i < step->chunks; i++) step->run(step, i);
    finish(step);
}

/* Move the arrays of all steps. */
static void move(Step *list, const ptrdiff_t *distance, ptrdiff_t times)
{
    for (int i = 0; times && i < list->count; i++)
        for (int j = 0; j < list->inner[i]->arrays; j++) list->inner[i]->data[j] += *distance++ * times;
}

/* Steps one after the other. From one repetition to the next their arrays move, and in the end they move back. */
static void run_list(Step *list, ptrdiff_t chunk)
{
    (void)chunk;
    move(list, list->jump, list->jumps);
    for (ptrdiff_t t = 0; t < list->times; t++) {
        for (int i = 0; i < list->count; i++) run_whole(list->inner[i]);
        move(list, list->distance, t + 1 < list->times ? 1 : -t);
    }
    move(list, list->jump, -list->jumps);
}

/* Independent steps: each is a chunk. */
static void run_one(Step *list, ptrdiff_t chunk) { run_whole(list->inner[chunk]); }

/* Threads that share a list of steps agree by one word, `open`: the number of the current step, and the range of its chunks that no thread
   has taken. The leading thread takes chunks from the front and helpers from the back, so that each reads contiguous memory. The leader
   waits only for helpers that have taken a chunk. */
enum { MOST_CHUNKS = (1 << 20) - 1 };
#define FRONT(open) ((ptrdiff_t)((open) >> 20 & MOST_CHUNKS))
#define BACK(open) ((ptrdiff_t)((open) & MOST_CHUNKS))

/* Wait a little, after so many tests. */
static inline void wait_a_little(int spins)
{
    PAUSE;
    if (spins > SPINS_TO_YIELD)
        sched_yield();
}

static void run_shared(Step *list, Step *step)
{
    atomic_store(&list->pending, step->chunks);
    atomic_store(&list->current, step);
    list->turn = (list->turn + 1) & 0xffffff;
    atomic_store(&list->open, list->turn << 40 | (uint64_t)step->chunks);           /* turn << 40 | front << 20 | back */
    for (;;) {
        uint64_t open = atomic_load(&list->open);
        if (FRONT(open) >= BACK(open))
            break;
        if (!atomic_compare_exchange_weak(&list->open, &open, open + (1 << 20)))
            continue;
        step->run(step, FRONT(open));
        atomic_fetch_sub(&list->pending, 1);
    }
    for (int spins = 0; atomic_load(&list->pending) > 0; spins++) wait_a_little(spins);
    finish(step);
}

static PyObject *step_lead(PyObject *self, PyObject *ignored)
{
    (void)ignored;
    Step *list = (Step *)self;
    Py_BEGIN_ALLOW_THREADS
    atomic_store(&list->running, 1);
    for (int i = 0; i < list->count; i++) {
        if (list->inner[i]->chunks > 1)
            run_shared(list, list->inner[i]);
        else
            run_whole(list->inner[i]);
        if (i == list->last_shared)
            atomic_store(&list->running, 0);
    }
    atomic_store(&list->running, 0);
    Py_END_ALLOW_THREADS
    Py_RETURN_NONE;
}

static PyObject *step_help(PyObject *self, PyObject *ignored)
{
    (void)ignored;
    Step *list = (Step *)self;
    Py_BEGIN_ALLOW_THREADS
    for (int spins = 0; atomic_load(&list->running) && spins < SPINS_TO_LEAVE;) {
        uint64_t open = atomic_load(&list->open);
        if (FRONT(open) >= BACK(open)) {
            wait_a_little(++spins);
            continue;
        }
        Step *step = atomic_load(&list->current);      /* belongs to `open`, unless another thread changes `open` before the next line */
        if (!atomic_compare_exchange_weak(&list->open, &open, open - 1))
            continue;
        step->run(step, BACK(open) - 1);
        atomic_fetch_sub(&list->pending, 1);
        spins = 0;
    }
    Py_END_ALLOW_THREADS
    Py_RETURN_NONE;
}

/* ------------------------------------------------------------------------------------------ steps as Python objects */

static PyTypeObject *step_type;

static void step_dealloc(PyObject *self)
{
    Step *step = (Step *)self;
    PyTypeObject *type = Py_TYPE(self);
    for (int i = 0; i < step->arrays; i++) PyBuffer_Release(step->views + i);
    for (int i = 0; i < step->count; i++) Py_DECREF(step->inner[i]);
    void *const memory[] = {step->sizes, step->data, step->views, step->code, step->number, step->partial, step->inner, step->distance, step->jump};
    for (size_t i = 0; i < sizeof memory / sizeof *memory; i++) free(memory[i]);
    PyObject_Free(self);
    Py_DECREF(type);
}

static Step *new_step(void (*run)(Step *, ptrdiff_t), ptrdiff_t chunks)
{
    allocfunc allocate = (allocfunc)PyType_GetSlot(step_type, Py_tp_alloc);
    Step *step = (Step *)allocate(step_type, 0);
    if (step)
        step->run = run, step->chunks = chunks;
    return step;
}

/* Memory with a copy of `data`, or with zeros if that is NULL. NULL with an exception if there is none */
static void *memory(const void *data, size_t bytes)
{
    void *own = calloc(bytes ? bytes : 1, 1);
    if (!own)
        PyErr_NoMemory();
    return own && data ? memcpy(own, data, bytes) : own;
}

/* step(kind, inputs, outputs, sizes, code, numbers, chunks, partial results): three of them are the bytes of arrays in a Step */
static PyObject *make_step(PyObject *module, PyObject *args)
{
    static void (*const kinds[])(Step *, ptrdiff_t) = {run_region, run_product, run_tiled, run_columns, run_softmax};
    (void)module;
    PyObject *lists[2];
    const char *sizes, *code, *numbers;
    Py_ssize_t size_bytes, code_bytes, number_bytes, chunks, partial;
    int kind;
    if (!PyArg_ParseTuple(args, "iO!O!y#y#y#nn", &kind, &PyList_Type, lists, &PyList_Type, lists + 1, &sizes, &size_bytes,
                          &code, &code_bytes, &numbers, &number_bytes, &chunks, &partial))
        return NULL;
    size_t arrays = (size_t)(PyList_Size(lists[0]) + PyList_Size(lists[1]));
    Step *step = new_step(kinds[kind], chunks);
    if (!step)
        return NULL;
    step->codes = (int)(code_bytes / (Py_ssize_t)sizeof(Code)), step->numbers = (int)(number_bytes / 4);
    if (!(step->sizes = memory(sizes, (size_t)size_bytes)) || !(step->code = memory(code, (size_t)code_bytes))
        || !(step->number = memory(numbers, (size_t)number_bytes)) || !(step->data = memory(NULL, arrays * sizeof *step->data))
        || !(step->views = memory(NULL, arrays * sizeof *step->views))
        || (partial && !(step->partial = memory(NULL, (size_t)partial * sizeof *step->partial))))
        goto fail;
    for (int writable = 0; writable < 2; writable++)
        for (Py_ssize_t i = 0; i < PyList_Size(lists[writable]); i++) {
            Py_buffer *view = step->views + step->arrays;
            if (PyObject_GetBuffer(PyList_GetItem(lists[writable], i), view, PyBUF_STRIDES | (writable ? PyBUF_WRITABLE : 0)))
                goto fail;
            step->data[step->arrays++] = view->buf;
        }
    return (PyObject *)step;
fail:
    Py_DECREF(step);
    return NULL;
}

/* The distances of the arrays of a list's steps from those of other steps like them. NULL with an exception */
static ptrdiff_t *distances(const Step *list, PyObject *others, ptrdiff_t arrays)
{
    ptrdiff_t *found = memory(NULL, (size_t)arrays * sizeof *found), *to = found;
    for (int i = 0; found && i < list->count; i++) {
        const Step *one = list->inner[i], *other = (Step *)PyList_GetItem(others, i);
        if (!other || other->run != one->run || other->arrays != one->arrays) {
            PyErr_SetString(PyExc_ValueError, "other steps in another repetition");
            free(found);
            return NULL;
        }
        for (int j = 0; j < one->arrays; j++) *to++ = other->data[j] - one->data[j];
    }
    return found;
}

/* list([step], [the same steps in the second repetition], [after a jump], jumps, times, independent): steps that run one after the other,
   repeatedly, after so many jumps. Independent steps, which are not repeated, are the chunks of one step. */
static PyObject *make_list(PyObject *module, PyObject *args)
{
    (void)module;
    PyObject *steps, *second, *after;
    Py_ssize_t jumps, times;
    int independent;
    if (!PyArg_ParseTuple(args, "O!O!O!nnp", &PyList_Type, &steps, &PyList_Type, &second, &PyList_Type, &after, &jumps, &times, &independent))
        return NULL;
    Py_ssize_t count = PyList_Size(steps), arrays = 0;
    Step *step = new_step(independent ? run_one : run_list, independent ? count : 1);
    if (!step || !(step->inner = memory(NULL, (size_t)count * sizeof *step->inner)))
        goto fail;
    step->times = times, step->jumps = jumps, step->last_shared = -1;
    for (; step->count < count; step->count++) {
        Step *one = (Step *)Py_NewRef(PyList_GetItem(steps, step->count));
        step->inner[step->count] = one;
        arrays += one->arrays;
        if (one->chunks > 1)
            step->last_shared = step->count;
    }
    if ((step->distance = distances(step, second, arrays)) && (step->jump = distances(step, after, arrays)))
        return (PyObject *)step;
fail:
    Py_XDECREF((PyObject *)step);
    return NULL;
}

static PyObject *step_set_numbers(PyObject *self, PyObject *numbers)
{
    Step *step = (Step *)self;
    char *bytes;
    Py_ssize_t length;
    if (PyBytes_AsStringAndSize(numbers, &bytes, &length))
        return NULL;
    if (length != step->numbers * 4) {
        PyErr_SetString(PyExc_ValueError, "other numbers than the step was made with");
        return NULL;
    }
    memcpy(step->number, bytes, (size_t)length);
    Py_RETURN_NONE;
}

static PyObject *step_call(PyObject *self, PyObject *args, PyObject *kw)
{
    (void)args, (void)kw;
    Py_BEGIN_ALLOW_THREADS
    run_whole((Step *)self);
    Py_END_ALLOW_THREADS
    Py_RETURN_NONE;
}

static PyMethodDef step_methods[] = {
    {"lead", step_lead, METH_NOARGS, "Run the steps of a list, shared with the threads that are in `help`. Only one thread at a time may lead."},
    {"help", step_help, METH_NOARGS, "Take chunks of the steps that another thread leads, until the last shared step is done."},
    {"set_numbers", step_set_numbers, METH_O, "Replace the numbers of a region by the bytes of a float32 array."},
    {NULL, NULL, 0, NULL},
};
static PyType_Slot step_slots[] = {
    {Py_tp_dealloc, step_dealloc}, {Py_tp_call, step_call}, {Py_tp_methods, step_methods},
    {Py_tp_doc, "A prepared step; calling it runs it."}, {0, NULL},
};
static PyType_Spec step_spec = {"mxr.native._core.Step", sizeof(Step), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION, step_slots};

/* ------------------------------------------------------------------------------------------ the module */

/* use(name): use these vectors from now on; False if they are not available */
static PyObject *use_vectors(PyObject *module, PyObject *name)
{
    (void)module;
    const Vectors *const all[] = {mxr_plain(), mxr_avx2(), mxr_avx512()};
    for (int i = 0; i < 3; i++)
        if (all[i] && PyUnicode_CompareWithASCIIString(name, all[i]->name) == 0) {
            vectors = all[i];
            Py_RETURN_TRUE;
        }
    Py_RETURN_FALSE;
}

/* use_sgemm(address, whether its sizes have 64 bits) */
static PyObject *use_sgemm(PyObject *module, PyObject *args)
{
    (void)module;
    unsigned long long address;
    if (!PyArg_ParseTuple(args, "Kp", &address, &sgemm_is_64))
        return NULL;
    sgemm = (void *)(uintptr_t)address;
    Py_RETURN_NONE;
}

/* digest(array, seed): a number of 64 bits that changes if the contiguous array does. Works without Python's lock. */
static PyObject *digest(PyObject *module, PyObject *args)
{
    (void)module;
    Py_buffer array;
    unsigned long long seed;
    if (!PyArg_ParseTuple(args, "y*K", &array, &seed))
        return NULL;
    Py_BEGIN_ALLOW_THREADS
    seed = vectors->digest(array.buf, array.len, seed);
    Py_END_ALLOW_THREADS
    PyBuffer_Release(&array);
    return PyLong_FromUnsignedLongLong(seed);
}

static PyMethodDef methods[] = {
    {"use", use_vectors, METH_O, "use(name): use these vectors."},
    {"use_sgemm", use_sgemm, METH_VARARGS, "use_sgemm(address, is_64): BLAS's cblas_sgemm."},
    {"step", make_step, METH_VARARGS, "A step on arrays."},
    {"list", make_list, METH_VARARGS, "A step that is a list of other steps."},
    {"digest", digest, METH_VARARGS, "digest(array, seed): a number that changes if the array does."},
    {"table", mxr_table, METH_VARARGS, "Read a table of numbers in text (text.c)."},
    {"sparse", mxr_sparse, METH_VARARGS, "Read rows of index:value pairs in text (text.c)."},
    {"planes", mxr_planes, METH_VARARGS, "Write an image as planes, through a table (pixels.c)."},
    {NULL, NULL, 0, NULL},
};
static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "_core", "Prepared steps on arrays; see mxr.native.", -1, methods,
                                        NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__core(void)
{
#define X(name, operands) #name " "
    static const char names[] = INSTRUCTIONS(X) "load store fill reduce";
    vectors = mxr_plain();
    step_type = (PyTypeObject *)PyType_FromSpec(&step_spec);
    PyObject *module = step_type ? PyModule_Create(&definition) : NULL;
    if (!module || PyModule_AddStringConstant(module, "INSTRUCTIONS", names) || PyModule_AddIntConstant(module, "SCRATCH", SCRATCH)
        || PyModule_AddIntConstant(module, "MOST_SUMS", MOST_SUMS) || PyModule_AddIntConstant(module, "MOST_CHUNKS", MOST_CHUNKS)
        || PyModule_AddIntConstant(module, "INTERFACE", INTERFACE) || PyModule_AddIntConstant(module, "AXES", AXES)
        || PyModule_AddIntConstant(module, "WIDTH", WIDTH) || PyModule_AddIntConstant(module, "TILE_ROWS", MOST_TILE_ROWS))
        return NULL;
    return module;
}
