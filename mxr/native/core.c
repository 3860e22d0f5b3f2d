/* The native core: prepared steps on arrays, run without Python's lock, alone or shared by several threads.

   A step is a region (instructions on blocks of elements), a matrix product, a reduction, a softmax, or lanes: lists of other steps,
   each repeated on arrays that move on. It holds pointers to its arrays and is cut into chunks by position, so that the bits do not depend on which thread computes a chunk. A program is a list of
   steps. mxr/native/steps.py makes steps and programs, and checks their arguments; this file does not check them again. */

#define PY_SSIZE_T_CLEAN
#define Py_LIMITED_API 0x030b0000
#include <Python.h>

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "core.h"

#if defined(__x86_64__)
#include <xmmintrin.h>
#define PAUSE __builtin_ia32_pause()
#elif defined(__aarch64__)
#define PAUSE __asm__ volatile("yield")
#else
#define PAUSE (void)0
#endif
#if defined(_WIN32)
#define GIVE_WAY (void)0
#else
#include <sched.h>
#define GIVE_WAY sched_yield()
#endif

/* Numbers that must be constants here. All other tuning numbers are in mxr/runtime/costs.py. */
enum {
    AXES = 8,                   /* of an operand, at most */
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
enum { LOAD = INSTRUCTION_COUNT, STORE, FILL, SUM };

typedef struct {
    char *data;
    ptrdiff_t strides[AXES];    /* bytes */
    int size;                   /* bytes of an element: 4 for numbers, 1 for conditions */
} Operand;

typedef struct {
    Loop loop;
    int op, to, a, b, c;        /* slots: registers, then operands, then numbers */
    unsigned char whole;        /* all slots are registers or numbers: the loop may run over whole vectors, beyond the end */
    unsigned char is_number[3];
} Code;

typedef struct {
    ptrdiff_t count, block, chunk;
    int axes, registers, operands, numbers, length, sums;
    ptrdiff_t shape[AXES];
    Operand *operand;
    float *number;
    Code *code;
    ptrdiff_t row;              /* elements per sum */
    float **sum;                /* the arrays for the sums */
    double *partial;            /* sums of chunks, if the only row is longer than a chunk */
} Region;

typedef struct {
    ptrdiff_t m, n, k, lda, ldb, ldc, batch, step_a, step_b, step_c, edges[3];
    int a_turned, b_turned, axis;
    float beta;
    float *a, *b, *c;
} Product;

typedef struct {
    ptrdiff_t outer, rows, inner, chunk;
    int largest;
    const float *x;
    float *out;
    double *partial;
} Reduction;

typedef struct {
    ptrdiff_t rows, classes, chunk;
    const float *x;
    float *out;
} Softmax;

typedef struct {
    struct Step **step;
    ptrdiff_t **distance;       /* of each step's arrays: from one repetition to the next */
    ptrdiff_t times;
    int count;
} Lane;

typedef struct Step {
    PyObject_HEAD
    void (*run)(struct Step *, ptrdiff_t chunk);
    void (*finish)(struct Step *);          /* called after all chunks; may be NULL */
    ptrdiff_t chunks;
    union { Region region; Product product; Reduction reduction; Softmax softmax; Lane *lane; } as;
    Py_buffer *views;
    int view_count;
} Step;

/* ------------------------------------------------------------------------------------------ strided memory */

typedef struct { ptrdiff_t index[AXES]; char *at; } Place;

static Place place(const Region *g, const Operand *o, ptrdiff_t start)
{
    Place p = {.at = o->data};
    for (int i = g->axes - 1; i >= 0; i--) {
        p.index[i] = start % g->shape[i];
        start /= g->shape[i];
        p.at += p.index[i] * o->strides[i];
    }
    return p;
}

/* Move to the next run of the last axis. */
static inline void next_run(const Region *g, const Operand *o, Place *p)
{
    int i = g->axes - 1;
    p->at -= p->index[i] * o->strides[i];
    p->index[i] = 0;
    while (--i >= 0) {
        p->at += o->strides[i];
        if (++p->index[i] < g->shape[i])
            return;
        p->at -= g->shape[i] * o->strides[i];
        p->index[i] = 0;
    }
}

/* Copy as many consecutive short runs of the last axis as possible between an operand and contiguous memory. Return their number. */
#define RUNS(length, bytes) \
    for (ptrdiff_t i = 0; i < runs; i++, at += step, packed += (length)) \
        if (storing) memcpy(at, packed, bytes); else memcpy(packed, at, bytes);

static inline ptrdiff_t short_runs(const Region *g, const Operand *o, Place *p, ptrdiff_t n, float *packed, int storing)
{
    int last = g->axes - 1;
    ptrdiff_t length = g->shape[last], stride = o->strides[last], step = o->strides[last - 1];
    ptrdiff_t runs = n / length, left = g->shape[last - 1] - p->index[last - 1];
    runs = runs < left ? runs : left;
    char *at = p->at;
    p->index[last - 1] += runs - 1;
    p->at += (runs - 1) * step;
    if (stride == 4)
        switch (length) {
        case 2: RUNS(2, 8) return runs;
        case 3: RUNS(3, 12) return runs;
        case 4: RUNS(4, 16) return runs;
        default: RUNS(length, (size_t)length * 4) return runs;
        }
    for (ptrdiff_t i = 0; i < runs; i++, at += step, packed += length)
        for (int j = 0; j < length; j++)
            if (storing) memcpy(at + j * stride, packed + j, 4); else memcpy(packed + j, at + j * stride, 4);
    return runs;
}

static int has_short_runs(const Region *g, const Operand *o, const Place *p, ptrdiff_t n)
{
    int last = g->axes - 1;
    return last > 0 && p->index[last] == 0 && g->shape[last] < WIDTH && g->shape[last] <= n && o->size == 4;
}

static void load(const Region *g, const Operand *o, ptrdiff_t start, ptrdiff_t n, float *to)
{
    Place p = place(g, o, start);
    int last = g->axes - 1;
    ptrdiff_t stride = o->strides[last];
    while (n > 0) {
        ptrdiff_t run = g->shape[last] - p.index[last];
        if (has_short_runs(g, o, &p, n)) {
            ptrdiff_t done = short_runs(g, o, &p, n, to, 0) * run;
            to += done, n -= done;
        } else {
            run = run < n ? run : n;
            if (o->size == 1) {
                for (ptrdiff_t i = 0; i < run; i++) {
                    uint32_t all = p.at[i * stride] ? 0xffffffffu : 0u;
                    memcpy(to + i, &all, 4);
                }
            } else if (stride == 4) {
                memcpy(to, p.at, (size_t)run * 4);
            } else if (stride == 0) {
                float x;
                memcpy(&x, p.at, 4);
                for (ptrdiff_t i = 0; i < run; i++) to[i] = x;
            } else {
                for (ptrdiff_t i = 0; i < run; i++) memcpy(to + i, p.at + i * stride, 4);
            }
            to += run, n -= run;
        }
        if (n > 0)
            next_run(g, o, &p);
    }
}

static void store(const Region *g, const Operand *o, ptrdiff_t start, ptrdiff_t n, const float *from)
{
    Place p = place(g, o, start);
    int last = g->axes - 1;
    ptrdiff_t stride = o->strides[last];
    while (n > 0) {
        ptrdiff_t run = g->shape[last] - p.index[last];
        if (has_short_runs(g, o, &p, n)) {
            ptrdiff_t done = short_runs(g, o, &p, n, (float *)(uintptr_t)from, 1) * run;
            from += done, n -= done;
            if (n > 0)
                next_run(g, o, &p);
            continue;
        }
        run = run < n ? run : n;
        if (o->size == 1) {
            for (ptrdiff_t i = 0; i < run; i++) {
                uint32_t u;
                memcpy(&u, from + i, 4);
                p.at[i * stride] = (char)(u & 1);
            }
        } else if (stride == 4) {
            memcpy(p.at, from, (size_t)run * 4);
        } else {
            for (ptrdiff_t i = 0; i < run; i++) memcpy(p.at + i * stride, from + i, 4);
        }
        from += run, n -= run;
        if (n > 0)
            next_run(g, o, &p);
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
static void any_length(Loop loop, float *r, const float *const *x, const unsigned char *is_number, ptrdiff_t n)
{
    ptrdiff_t whole = n & -WIDTH;
    if (whole)
        loop(r, x[0], x[1], x[2], whole);
    if (whole == n)
        return;
    float rest[3][WIDTH] = {{0}}, result[WIDTH];
    const float *y[3];
    size_t bytes = (size_t)(n - whole) * 4;
    for (int i = 0; i < 3; i++) {
        y[i] = is_number[i] ? x[i] : memcpy(rest[i], x[i] + whole, bytes);
    }
    loop(result, y[0], y[1], y[2], WIDTH);
    memcpy(r + whole, result, bytes);
}

/* Add a block to the sums of its rows. `open` holds the sum of a row that the block before has begun. */
static void add_up(const Region *g, int which, ptrdiff_t start, ptrdiff_t n, const float *x, ptrdiff_t chunk, double *open)
{
    ptrdiff_t at = start % g->row, row = start / g->row;
    while (n > 0) {
        ptrdiff_t length = g->row - at < n ? g->row - at : n;
        double s = vectors->sum(x, length);
        if (g->partial)
            g->partial[which * ((g->count + g->chunk - 1) / g->chunk) + chunk] += s;
        else {
            s += at ? *open : 0.0;
            *open = s;
            if (at + length == g->row)
                g->sum[which][row] = (float)s;
        }
        row++, at = 0, x += length, n -= length;
    }
}

static void run_region(Step *step, ptrdiff_t chunk)
{
    const Region *g = &step->as.region;
    _Alignas(64) float scratch[SCRATCH];
    float *slot[g->registers + g->operands + g->numbers];
    float **memory = slot + g->registers;
    double open[MOST_SUMS] = {0};
    for (int i = 0; i < g->registers; i++) slot[i] = scratch + i * g->block;
    for (int i = 0; i < g->numbers; i++) memory[g->operands + i] = g->number + i;
    if (g->partial)
        for (int i = 0; i < g->sums; i++) g->partial[i * step->chunks + chunk] = 0.0;
    ptrdiff_t stop = (chunk + 1) * g->chunk < g->count ? (chunk + 1) * g->chunk : g->count;
    for (ptrdiff_t start = chunk * g->chunk; start < stop; start += g->block) {
        ptrdiff_t n = stop - start < g->block ? stop - start : g->block;
        for (int i = 0; i < g->operands; i++)   /* of contiguous arrays and numbers; `load` and `store` handle other arrays */
            memory[i] = (float *)(void *)(g->operand[i].data + (g->operand[i].strides[AXES - 1] == 4 ? start * 4 : 0));
        for (const Code *code = g->code, *end = code + g->length; code < end; code++) {
            if (code->loop) {
                const float *const x[3] = {slot[code->a], slot[code->b], slot[code->c]};
                if (code->whole)
                    code->loop(slot[code->to], x[0], x[1], x[2], (n + WIDTH - 1) & -WIDTH);
                else
                    any_length(code->loop, slot[code->to], x, code->is_number, n);
            } else if (code->op == LOAD) {
                load(g, g->operand + code->a, start, n, slot[code->to]);
            } else if (code->op == STORE) {
                if (g->operand[code->to].strides[AXES - 1] == 4)
                    stream(memory[code->to], slot[code->a], n);
                else
                    store(g, g->operand + code->to, start, n, slot[code->a]);
            } else if (code->op == FILL) {
                float *to = slot[code->to], x = *slot[code->a];
                for (ptrdiff_t i = 0; i < n; i++) to[i] = x;
            } else {
                add_up(g, code->to, start, n, slot[code->a], chunk, open + code->to);
            }
        }
    }
#if defined(__x86_64__)
    _mm_sfence();           /* streamed stores become visible to other threads */
#endif
}

static void finish_region(Step *step)
{
    const Region *g = &step->as.region;
    if (!g->partial)
        return;
    for (int i = 0; i < g->sums; i++) {
        double s = 0.0;
        for (ptrdiff_t j = 0; j < step->chunks; j++) s += g->partial[i * step->chunks + j];
        *g->sum[i] = (float)s;
    }
}

/* ------------------------------------------------------------------------------------------ products */

typedef void (*Sgemm32)(int, int, int, int, int, int, float, const float *, int, const float *, int, float, float *, int);
typedef void (*Sgemm64)(int, int, int, int64_t, int64_t, int64_t, float, const float *, int64_t, const float *, int64_t, float, float *,
                        int64_t);
static void *sgemm;             /* BLAS's cblas_sgemm */
static int sgemm_is_64;

static void multiply(const Product *p, const float *a, const float *b, float *c, ptrdiff_t m, ptrdiff_t n)
{
    enum { ROW_MAJOR = 101, NO_TRANSPOSE = 111, TRANSPOSE = 112 };      /* CBLAS's constants */
    int ta = p->a_turned ? TRANSPOSE : NO_TRANSPOSE, tb = p->b_turned ? TRANSPOSE : NO_TRANSPOSE;
    if (sgemm_is_64)
        ((Sgemm64)sgemm)(ROW_MAJOR, ta, tb, m, n, p->k, 1.0f, a, p->lda, b, p->ldb, p->beta, c, p->ldc);
    else
        ((Sgemm32)sgemm)(ROW_MAJOR, ta, tb, (int)m, (int)n, (int)p->k, 1.0f, a, (int)p->lda, b, (int)p->ldb, p->beta, c, (int)p->ldc);
}

static void run_product(Step *step, ptrdiff_t chunk)
{
    const Product *p = &step->as.product;
    ptrdiff_t from = p->edges[chunk], to = p->edges[chunk + 1];
    if (p->batch > 1 || p->axis == 2) {
        for (ptrdiff_t i = from; i < to; i++)
            multiply(p, p->a + i * p->step_a, p->b + i * p->step_b, p->c + i * p->step_c, p->m, p->n);
    } else if (p->axis == 0) {
        multiply(p, p->a + from * (p->a_turned ? 1 : p->lda), p->b, p->c + from * p->ldc, to - from, p->n);
    } else {
        multiply(p, p->a, p->b + from * (p->b_turned ? p->ldb : 1), p->c + from, p->m, to - from);
    }
}

/* ------------------------------------------------------------------------------------------ reductions */

static void run_reduction(Step *step, ptrdiff_t chunk)
{
    const Reduction *d = &step->as.reduction;
    if (d->partial) {                                   /* one long row */
        ptrdiff_t start = chunk * d->chunk, n = d->rows - start < d->chunk ? d->rows - start : d->chunk;
        d->partial[chunk] = d->largest ? vectors->largest(d->x + start, n) : vectors->sum(d->x + start, n);
    } else if (d->inner == 1) {
        ptrdiff_t stop = (chunk + 1) * d->chunk < d->outer ? (chunk + 1) * d->chunk : d->outer;
        for (ptrdiff_t i = chunk * d->chunk; i < stop; i++) {
            const float *x = d->x + i * d->rows;
            d->out[i] = d->largest ? vectors->largest(x, d->rows) : (float)vectors->sum(x, d->rows);
        }
    } else {                                            /* columns, in strips */
        ptrdiff_t strips = (d->inner + STRIP - 1) / STRIP, total = d->outer * strips;
        ptrdiff_t stop = (chunk + 1) * d->chunk < total ? (chunk + 1) * d->chunk : total;
        for (ptrdiff_t s = chunk * d->chunk; s < stop; s++) {
            ptrdiff_t first = s % strips * STRIP, n = d->inner - first < STRIP ? d->inner - first : STRIP;
            const float *x = d->x + s / strips * d->rows * d->inner + first;
            float *out = d->out + s / strips * d->inner + first, sums[STRIP];
            if (d->largest) {
                memcpy(out, x, (size_t)n * 4);
                vectors->largest_rows(out, x + d->inner, d->rows - 1, d->inner, n);
                continue;
            }
            double totals[STRIP];
            for (ptrdiff_t i = 0; i < d->rows; i += ROWS) {
                memset(sums, 0, (size_t)n * 4);
                vectors->add_rows(sums, x + i * d->inner, d->rows - i < ROWS ? d->rows - i : ROWS, d->inner, n);
                if (d->rows <= ROWS)
                    memcpy(out, sums, (size_t)n * 4);
                else
                    for (ptrdiff_t j = 0; j < n; j++) totals[j] = (i ? totals[j] : 0.0) + sums[j];
            }
            if (d->rows > ROWS)
                for (ptrdiff_t j = 0; j < n; j++) out[j] = (float)totals[j];
        }
    }
}

static void finish_reduction(Step *step)
{
    const Reduction *d = &step->as.reduction;
    if (!d->partial)
        return;
    double s = d->partial[0];
    for (ptrdiff_t i = 1; i < step->chunks; i++) {
        double p = d->partial[i];
        s = !d->largest ? s + p : s >= p || s != s ? s : p;
    }
    *d->out = (float)s;
}

/* ------------------------------------------------------------------------------------------ softmax of rows */

static void run_softmax(Step *step, ptrdiff_t chunk)
{
    const Softmax *s = &step->as.softmax;
    ptrdiff_t stop = (chunk + 1) * s->chunk < s->rows ? (chunk + 1) * s->chunk : s->rows, n = s->classes;
    const unsigned char second[3] = {0, 1, 1}, none[3] = {0, 0, 0};
    ptrdiff_t rows = n < SOFTMAX_TOGETHER ? SOFTMAX_TOGETHER / n : 1;       /* computed together */
    for (ptrdiff_t start = chunk * s->chunk; start < stop; start += rows) {
        ptrdiff_t end = start + rows < stop ? start + rows : stop;
        float *block = s->out + start * n;
        for (ptrdiff_t i = start; i < end; i++) {
            const float *x = s->x + i * n;
            float most = vectors->largest(x, n), *to = s->out + i * n;
            const float *const operands[3] = {x, &most, &most};
            if (n < 2 * WIDTH)
                for (ptrdiff_t j = 0; j < n; j++) to[j] = x[j] - most;
            else
                any_length(vectors->loop[OP_subtract][SECOND_IS_NUMBER], to, operands, second, n);
        }
        const float *const same[3] = {block, block, block};
        any_length(vectors->loop[OP_exp][VECTOR], block, same, none, (end - start) * n);
        for (ptrdiff_t i = start; i < end; i++) {
            float *y = s->out + i * n, total = (float)vectors->sum(y, n);
            const float *const operands[3] = {y, &total, &total};
            if (n < 2 * WIDTH)
                for (ptrdiff_t j = 0; j < n; j++) y[j] /= total;
            else
                any_length(vectors->loop[OP_divide][SECOND_IS_NUMBER], y, operands, second, n);
        }
    }
}

/* ------------------------------------------------------------------------------------------ steps as Python objects */

static PyTypeObject *step_type, *program_type;

static void run_whole(Step *step)
{
    for (ptrdiff_t i = 0; i < step->chunks; i++) step->run(step, i);
    if (step->finish)
        step->finish(step);
}

/* Move the arrays of a region or a product by a number of repetitions. */
static void move(Step *step, const ptrdiff_t *distance, ptrdiff_t times)
{
    if (step->run == run_product) {
        Product *p = &step->as.product;
        p->a += times * distance[0], p->b += times * distance[1], p->c += times * distance[2];
    } else {
        Region *g = &step->as.region;
        for (int i = 0; i < g->operands; i++) g->operand[i].data += times * distance[i];
    }
}

/* A chunk is a lane. */
static void run_lane(Step *step, ptrdiff_t chunk)
{
    Lane *lane = step->as.lane + chunk;
    for (ptrdiff_t t = 0; t < lane->times; t++)
        for (int i = 0; i < lane->count; i++) {
            run_whole(lane->step[i]);
            move(lane->step[i], lane->distance[i], t + 1 < lane->times ? 1 : -t);
        }
}

static void step_dealloc(PyObject *self)
{
    Step *step = (Step *)self;
    PyTypeObject *type = Py_TYPE(self);
    if (step->run == run_lane && step->as.lane) {
        for (Lane *lane = step->as.lane; lane < step->as.lane + step->chunks; lane++) {
            for (int i = 0; i < lane->count; i++) {
                Py_DECREF(lane->step[i]);
                free(lane->distance[i]);
            }
            free(lane->step), free(lane->distance);
        }
        free(step->as.lane);
    }
    for (int i = 0; i < step->view_count; i++) PyBuffer_Release(step->views + i);
    free(step->views);
    if (step->run == run_region) {
        Region *g = &step->as.region;
        free(g->operand), free(g->number), free(g->code), free(g->sum), free(g->partial);
    } else if (step->run == run_reduction) {
        free(step->as.reduction.partial);
    }
    PyObject_Free(self);
    Py_DECREF(type);
}

static Step *new_step(void (*run)(Step *, ptrdiff_t), void (*finish)(Step *), int views)
{
    allocfunc allocate = (allocfunc)PyType_GetSlot(step_type, Py_tp_alloc);
    Step *step = (Step *)allocate(step_type, 0);
    if (!step)
        return NULL;
    step->run = run, step->finish = finish, step->chunks = 1;
    step->views = calloc((size_t)views + 1, sizeof *step->views);
    if (!step->views) {
        Py_DECREF(step);
        PyErr_NoMemory();
        return NULL;
    }
    return step;
}

/* The memory of an array, which stays valid as long as the step exists; NULL with an exception */
static void *memory_of(Step *step, PyObject *array, int writable)
{
    Py_buffer *view = step->views + step->view_count;
    if (PyObject_GetBuffer(array, view, PyBUF_STRIDES | (writable ? PyBUF_WRITABLE : 0)))
        return NULL;
    step->view_count++;
    return view->buf;
}

static void *own_copy(const void *data, size_t bytes)
{
    void *copy = malloc(bytes ? bytes : 1);
    if (copy)
        memcpy(copy, data, bytes);
    else
        PyErr_NoMemory();
    return copy;
}

static void *own_zeros(size_t count, size_t size)
{
    void *zeros = calloc(count ? count : 1, size);
    if (!zeros)
        PyErr_NoMemory();
    return zeros;
}

static int add_code(Region *g, const int32_t *code)
{
    for (int i = 0; i < g->length; i++, code += 5) {
        Code *to = g->code + i;
        *to = (Code){.op = code[0], .to = code[1], .a = code[2], .b = code[3], .c = code[4]};
        if (to->op >= INSTRUCTION_COUNT)
            continue;
        const int slots[4] = {to->a, to->b, to->c, to->to};
        to->whole = 1;
        for (int j = 0; j < 4; j++) {
            int memory = slots[j] - g->registers;
            int number = memory >= g->operands || (memory >= 0 && g->operand[memory].strides[AXES - 1] == 0);
            if (j < 3)
                to->is_number[j] = (unsigned char)number;
            to->whole &= memory < 0 || (number && j < 3);
        }
        const unsigned char *is = to->is_number;
        const Loop *loops = vectors->loop[to->op];
        int variant = loops[BOTH_ARE_NUMBERS] ? is[1] + 2 * is[2] : loops[FIRST_IS_NUMBER] ? is[0] + 2 * is[1] : 0;
        to->loop = loops[variant];
        if (!to->loop || (!loops[FIRST_IS_NUMBER] && is[0]) || (loops[BOTH_ARE_NUMBERS] && is[0])) {
            PyErr_SetString(PyExc_ValueError, "an instruction on numbers only");
            return -1;
        }
    }
    return 0;
}

/* region(count, shape, [(array, strides, size, writable)], registers, code, numbers, block, chunk, [sum array], row) */
static PyObject *make_region(PyObject *module, PyObject *args)
{
    (void)module;
    PyObject *shape, *operands, *sums;
    Py_buffer code, numbers;
    Py_ssize_t count, block, chunk, row;
    int registers;
    if (!PyArg_ParseTuple(args, "nO!O!iy*y*nnO!n", &count, &PyTuple_Type, &shape, &PyList_Type, &operands, &registers, &code, &numbers,
                          &block, &chunk, &PyList_Type, &sums, &row))
        return NULL;
    int operand_count = (int)PyList_Size(operands), sum_count = (int)PyList_Size(sums);
    Step *step = new_step(run_region, finish_region, operand_count + sum_count);
    if (!step)
        goto fail;
    Region *g = &step->as.region;
    *g = (Region){.count = count, .block = block, .chunk = chunk, .axes = (int)PyTuple_Size(shape), .registers = registers, .row = row,
                  .operands = operand_count, .numbers = (int)(numbers.len / 4), .length = (int)(code.len / 20), .sums = sum_count};
    step->chunks = (count + chunk - 1) / chunk;
    if (registers * block > SCRATCH || g->axes > AXES - 1 || sum_count > MOST_SUMS) {
        PyErr_SetString(PyExc_ValueError, "a region that is too large");
        goto fail;
    }
    for (int i = 0; i < g->axes; i++) g->shape[i] = PyLong_AsSsize_t(PyTuple_GetItem(shape, i));
    if (!(g->operand = own_zeros((size_t)operand_count, sizeof *g->operand)) || !(g->number = own_copy(numbers.buf, (size_t)numbers.len))
        || !(g->code = own_zeros((size_t)g->length, sizeof *g->code)) || !(g->sum = own_zeros((size_t)sum_count, sizeof *g->sum)))
        goto fail;
    for (int i = 0; i < operand_count; i++) {
        Operand *o = g->operand + i;
        PyObject *array, *strides;
        int writable;
        if (!PyArg_ParseTuple(PyList_GetItem(operands, i), "OO!ii", &array, &PyTuple_Type, &strides, &o->size, &writable)
            || !(o->data = memory_of(step, array, writable)))
            goto fail;
        for (int j = 0; j < (int)PyTuple_Size(strides); j++) o->strides[j] = PyLong_AsSsize_t(PyTuple_GetItem(strides, j));
    }
    for (int i = 0; i < sum_count; i++)
        if (!(g->sum[i] = memory_of(step, PyList_GetItem(sums, i), 1)))
            goto fail;
    if (sum_count && row > chunk && !(g->partial = own_zeros((size_t)(step->chunks * sum_count), sizeof *g->partial)))
        goto fail;
    if (PyErr_Occurred() || add_code(g, code.buf))
        goto fail;
    PyBuffer_Release(&code), PyBuffer_Release(&numbers);
    return (PyObject *)step;
fail:
    PyBuffer_Release(&code), PyBuffer_Release(&numbers);
    Py_XDECREF((PyObject *)step);
    return NULL;
}

/* product(a, b, c, (m, n, k, lda, ldb, ldc, batch, step_a, step_b, step_c), a_turned, b_turned, beta, axis, edge) */
static PyObject *make_product(PyObject *module, PyObject *args)
{
    (void)module;
    PyObject *a, *b, *c;
    Product p = {0};
    Py_ssize_t edge;
    if (!PyArg_ParseTuple(args, "OOO(nnnnnnnnnn)ppfin", &a, &b, &c, &p.m, &p.n, &p.k, &p.lda, &p.ldb, &p.ldc, &p.batch, &p.step_a, &p.step_b,
                          &p.step_c, &p.a_turned, &p.b_turned, &p.beta, &p.axis, &edge))
        return NULL;
    Step *step = new_step(run_product, NULL, 3);
    if (!step)
        return NULL;
    if (!(p.a = memory_of(step, a, 0)) || !(p.b = memory_of(step, b, 0)) || !(p.c = memory_of(step, c, 1))) {
        Py_DECREF(step);
        return NULL;
    }
    ptrdiff_t all = p.axis == 2 ? p.batch : p.axis == 0 ? p.m : p.n;
    p.edges[1] = edge ? edge : all, p.edges[2] = all;
    step->chunks = edge ? 2 : 1;
    step->as.product = p;
    return (PyObject *)step;
}

/* reduction(x, out, outer, rows, inner, largest, chunk) */
static PyObject *make_reduction(PyObject *module, PyObject *args)
{
    (void)module;
    PyObject *x, *out;
    Reduction d = {0};
    if (!PyArg_ParseTuple(args, "OOnnnpn", &x, &out, &d.outer, &d.rows, &d.inner, &d.largest, &d.chunk))
        return NULL;
    Step *step = new_step(run_reduction, finish_reduction, 2);
    if (!step)
        return NULL;
    int one_row = d.inner == 1 && d.outer == 1 && d.rows > d.chunk;
    ptrdiff_t all = one_row ? d.rows : d.inner == 1 ? d.outer : d.outer * ((d.inner + STRIP - 1) / STRIP);
    step->chunks = (all + d.chunk - 1) / d.chunk;
    if (!(d.x = memory_of(step, x, 0)) || !(d.out = memory_of(step, out, 1))
        || (one_row && !(d.partial = own_zeros((size_t)step->chunks, sizeof *d.partial)))) {
        Py_DECREF(step);
        return NULL;
    }
    step->as.reduction = d;
    return (PyObject *)step;
}

/* softmax(x, out, rows, classes, chunk) */
static PyObject *make_softmax(PyObject *module, PyObject *args)
{
    (void)module;
    PyObject *x, *out;
    Softmax s = {0};
    if (!PyArg_ParseTuple(args, "OOnnn", &x, &out, &s.rows, &s.classes, &s.chunk))
        return NULL;
    Step *step = new_step(run_softmax, NULL, 2);
    if (!step)
        return NULL;
    if (!(s.x = memory_of(step, x, 0)) || !(s.out = memory_of(step, out, 1))) {
        Py_DECREF(step);
        return NULL;
    }
    step->chunks = (s.rows + s.chunk - 1) / s.chunk;
    step->as.softmax = s;
    return (PyObject *)step;
}

/* The distances from the arrays of one step to those of a step that is like it; NULL with an exception */
static ptrdiff_t *distances(const Step *from, const Step *to)
{
    const Region *g = &from->as.region, *h = &to->as.region;
    const Product *p = &from->as.product, *q = &to->as.product;
    ptrdiff_t *found = own_zeros(from->run == run_region ? (size_t)g->operands : 3, sizeof *found);
    if (!found)
        return NULL;
    if (from->run == run_region && to->run == run_region && g->operands == h->operands && !g->sums) {
        for (int i = 0; i < g->operands; i++) found[i] = h->operand[i].data - g->operand[i].data;
    } else if (from->run == run_product && to->run == run_product) {
        found[0] = q->a - p->a, found[1] = q->b - p->b, found[2] = q->c - p->c;
    } else {
        free(found);
        PyErr_SetString(PyExc_ValueError, "a lane repeats products, and regions without sums");
        return NULL;
    }
    return found;
}

/* lanes([(times, [step], [the same steps in the second repetition])]): independent lists of steps */
static PyObject *make_lanes(PyObject *module, PyObject *lanes)
{
    (void)module;
    Py_ssize_t count = PyList_Size(lanes);
    Step *step = count < 0 ? NULL : new_step(run_lane, NULL, 0);
    if (!step)
        return NULL;
    if (!(step->as.lane = own_zeros((size_t)count, sizeof(Lane))))
        goto fail;
    step->chunks = count;
    for (Py_ssize_t i = 0; i < count; i++) {
        Lane *lane = step->as.lane + i;
        PyObject *first, *second;
        if (!PyArg_ParseTuple(PyList_GetItem(lanes, i), "nO!O!", &lane->times, &PyList_Type, &first, &PyList_Type, &second))
            goto fail;
        size_t length = (size_t)PyList_Size(first);
        if (!(lane->step = own_zeros(length, sizeof *lane->step)) || !(lane->distance = own_zeros(length, sizeof *lane->distance)))
            goto fail;
        for (; lane->count < (int)length; lane->count++) {
            PyObject *one = PyList_GetItem(first, lane->count), *next = PyList_GetItem(second, lane->count);
            if (!next || !PyObject_TypeCheck(one, step_type) || !PyObject_TypeCheck(next, step_type)) {
                PyErr_SetString(PyExc_TypeError, "a lane is two equally long lists of steps");
                goto fail;
            }
            if (!(lane->distance[lane->count] = distances((Step *)one, (Step *)next)))
                goto fail;
            Py_INCREF(one);
            lane->step[lane->count] = (Step *)one;
        }
    }
    return (PyObject *)step;
fail:
    Py_DECREF(step);
    return NULL;
}

static PyObject *step_set_numbers(PyObject *self, PyObject *numbers)
{
    Step *step = (Step *)self;
    Py_buffer view;
    if (PyObject_GetBuffer(numbers, &view, PyBUF_SIMPLE))
        return NULL;
    if (step->run != run_region || view.len != (Py_ssize_t)step->as.region.numbers * 4) {
        PyBuffer_Release(&view);
        PyErr_SetString(PyExc_ValueError, "other numbers than the step was made with");
        return NULL;
    }
    memcpy(step->as.region.number, view.buf, (size_t)view.len);
    PyBuffer_Release(&view);
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

/* ------------------------------------------------------------------------------------------ programs */

/* Threads that run a program agree by one word, `open`: the number of the current step, and the range of its chunks that no thread has
   taken. The leading thread takes chunks from the front and helpers from the back, so that each reads contiguous memory. The leader waits
   only for helpers that have taken a chunk. */
typedef struct {
    PyObject_HEAD
    Step **step;
    int count, last_shared;
    _Atomic(uint64_t) open;             /* turn << 40 | front << 20 | back; `turn` counts steps */
    _Atomic(Step *) current;
    _Atomic(ptrdiff_t) pending;
    _Atomic(int) running;
    uint64_t turn;
} Program;

enum { MOST_CHUNKS = (1 << 20) - 1 };
#define FRONT(open) ((ptrdiff_t)((open) >> 20 & 0xfffff))
#define BACK(open) ((ptrdiff_t)((open) & 0xfffff))

static void run_shared(Program *p, Step *step)
{
    atomic_store(&p->pending, step->chunks);
    atomic_store(&p->current, step);
    p->turn = (p->turn + 1) & 0xffffff;
    atomic_store(&p->open, p->turn << 40 | (uint64_t)step->chunks);
    for (;;) {
        uint64_t open = atomic_load(&p->open);
        if (FRONT(open) >= BACK(open))
            break;
        if (!atomic_compare_exchange_weak(&p->open, &open, open + (1 << 20)))
            continue;
        step->run(step, FRONT(open));
        atomic_fetch_sub(&p->pending, 1);
    }
    for (int spins = 0; atomic_load(&p->pending) > 0; spins++) {
        PAUSE;
        if (spins > SPINS_TO_YIELD)
            GIVE_WAY;
    }
    if (step->finish)
        step->finish(step);
}

static PyObject *program_run(PyObject *self, PyObject *ignored)
{
    (void)ignored;
    Program *p = (Program *)self;
    Py_BEGIN_ALLOW_THREADS
    for (int i = 0; i < p->count; i++) run_whole(p->step[i]);
    Py_END_ALLOW_THREADS
    Py_RETURN_NONE;
}

static PyObject *program_call(PyObject *self, PyObject *args, PyObject *kw)
{
    (void)args, (void)kw;
    return program_run(self, NULL);
}

/* Like `run`, but the threads that are in `help` take part. Only one thread at a time may call it. */
static PyObject *program_lead(PyObject *self, PyObject *ignored)
{
    (void)ignored;
    Program *p = (Program *)self;
    Py_BEGIN_ALLOW_THREADS
    atomic_store(&p->running, 1);
    for (int i = 0; i < p->count; i++) {
        if (p->step[i]->chunks > 1)
            run_shared(p, p->step[i]);
        else
            run_whole(p->step[i]);
        if (i == p->last_shared)
            atomic_store(&p->running, 0);
    }
    atomic_store(&p->running, 0);
    Py_END_ALLOW_THREADS
    Py_RETURN_NONE;
}

static PyObject *program_help(PyObject *self, PyObject *ignored)
{
    (void)ignored;
    Program *p = (Program *)self;
    Py_BEGIN_ALLOW_THREADS
    for (int spins = 0; atomic_load(&p->running) && spins < SPINS_TO_LEAVE;) {
        uint64_t open = atomic_load(&p->open);
        if (FRONT(open) >= BACK(open)) {
            PAUSE;
            if (++spins > SPINS_TO_YIELD)
                GIVE_WAY;
            continue;
        }
        Step *step = atomic_load(&p->current);     /* belongs to `open`, unless another thread changes `open` before the next line */
        if (!atomic_compare_exchange_weak(&p->open, &open, open - 1))
            continue;
        step->run(step, BACK(open) - 1);
        atomic_fetch_sub(&p->pending, 1);
        spins = 0;
    }
    Py_END_ALLOW_THREADS
    Py_RETURN_NONE;
}

static void program_dealloc(PyObject *self)
{
    Program *p = (Program *)self;
    PyTypeObject *type = Py_TYPE(self);
    for (int i = 0; i < p->count; i++) Py_DECREF(p->step[i]);
    free(p->step);
    PyObject_Free(self);
    Py_DECREF(type);
}

/* program([step]) */
static PyObject *make_program(PyObject *module, PyObject *steps)
{
    (void)module;
    Py_ssize_t count = PyList_Size(steps);
    if (count < 0)
        return NULL;
    allocfunc allocate = (allocfunc)PyType_GetSlot(program_type, Py_tp_alloc);
    Program *p = (Program *)allocate(program_type, 0);
    if (!p)
        return NULL;
    p->last_shared = -1;
    if (!(p->step = own_zeros((size_t)count, sizeof *p->step))) {
        Py_DECREF(p);
        return NULL;
    }
    for (Py_ssize_t i = 0; i < count; i++) {
        PyObject *step = PyList_GetItem(steps, i);
        if (!PyObject_TypeCheck(step, step_type) || ((Step *)step)->chunks > MOST_CHUNKS) {
            Py_DECREF(p);
            PyErr_SetString(PyExc_TypeError, "a program takes steps of at most a million chunks");
            return NULL;
        }
        Py_INCREF(step);
        p->step[p->count++] = (Step *)step;
        if (((Step *)step)->chunks > 1)
            p->last_shared = (int)i;
    }
    return (PyObject *)p;
}

static PyMethodDef program_methods[] = {
    {"run", program_run, METH_NOARGS, "Run all steps on this thread."},
    {"lead", program_lead, METH_NOARGS, "Run all steps, shared with the threads that are in `help`."},
    {"help", program_help, METH_NOARGS, "Take chunks of the steps that another thread leads, until the last shared step is done."},
    {NULL, NULL, 0, NULL},
};
static PyMethodDef step_methods[] = {
    {"set_numbers", step_set_numbers, METH_O, "Replace the numbers of a region by a float32 array."},
    {NULL, NULL, 0, NULL},
};
static PyType_Slot step_slots[] = {
    {Py_tp_dealloc, step_dealloc}, {Py_tp_call, step_call}, {Py_tp_methods, step_methods},
    {Py_tp_doc, "A prepared step; calling it runs it."}, {0, NULL},
};
static PyType_Slot program_slots[] = {
    {Py_tp_dealloc, program_dealloc}, {Py_tp_call, program_call}, {Py_tp_methods, program_methods},
    {Py_tp_doc, "A list of steps; calling it runs them."}, {0, NULL},
};
static PyType_Spec step_spec = {"mxr.native._core.Step", sizeof(Step), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION, step_slots};
static PyType_Spec program_spec = {"mxr.native._core.Program", sizeof(Program), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION,
                                   program_slots};

/* ------------------------------------------------------------------------------------------ the module */

/* use(name): use these vectors for steps that are made after the call; False if they are not available. Existing steps do not change. */
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
    PyObject *address;
    int is_64;
    if (!PyArg_ParseTuple(args, "Op", &address, &is_64))
        return NULL;
    void *pointer = PyLong_AsVoidPtr(address);
    if (PyErr_Occurred())
        return NULL;
    sgemm = pointer, sgemm_is_64 = is_64;
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
    {"use", use_vectors, METH_O, "use(name): use these vectors for steps that are made after the call."},
    {"use_sgemm", use_sgemm, METH_VARARGS, "use_sgemm(address, is_64): BLAS's cblas_sgemm."},
    {"region", make_region, METH_VARARGS, "A step: instructions on blocks of elements."},
    {"product", make_product, METH_VARARGS, "A step: a matrix product."},
    {"reduction", make_reduction, METH_VARARGS, "A step: sums or largest values."},
    {"softmax", make_softmax, METH_VARARGS, "A step: the softmax of rows."},
    {"lanes", make_lanes, METH_O, "A step: independent lists of steps, each repeated on arrays that move on."},
    {"program", make_program, METH_O, "A program: a list of steps."},
    {"digest", digest, METH_VARARGS, "digest(array, seed): a number that changes if the array does."},
    {"table", mxr_table, METH_VARARGS, "Read a table of numbers in text (text.c)."},
    {"planes", mxr_planes, METH_VARARGS, "Write an image as planes, through a table (pixels.c)."},
    {"sparse", mxr_sparse, METH_VARARGS, "Read rows of index:value pairs in text (text.c)."},
    {NULL, NULL, 0, NULL},
};
static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "_core", "Prepared steps on arrays; see mxr.native.", -1, methods,
                                        NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__core(void)
{
    static const char *const names[] = {
#define X(name, operands) #name,
        INSTRUCTIONS(X)
#undef X
        "load", "store", "fill", "sum",
    };
    vectors = mxr_plain();
    PyObject *module = PyModule_Create(&definition), *numbers = PyDict_New();
    if (!module || !numbers)
        return NULL;
    for (int i = 0; i < SUM + 1; i++) {
        PyObject *number = PyLong_FromLong(i);
        if (!number || PyDict_SetItemString(numbers, names[i], number))
            return NULL;
        Py_DECREF(number);
    }
    if (PyModule_AddObjectRef(module, "INSTRUCTIONS", numbers) || PyModule_AddIntConstant(module, "SCRATCH", SCRATCH)
        || PyModule_AddIntConstant(module, "MOST_SUMS", MOST_SUMS)
        || PyModule_AddIntConstant(module, "AXES", AXES - 1) || PyModule_AddIntConstant(module, "WIDTH", WIDTH))
        return NULL;
    Py_DECREF(numbers);
    step_type = (PyTypeObject *)PyType_FromSpec(&step_spec);
    program_type = (PyTypeObject *)PyType_FromSpec(&program_spec);
    if (!step_type || !program_type || PyModule_AddObjectRef(module, "Step", (PyObject *)step_type)
        || PyModule_AddObjectRef(module, "Program", (PyObject *)program_type))
        return NULL;
    return module;
}
