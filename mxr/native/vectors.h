/* The loops over elements, compiled once for each kind of vectors: NAME(x) is x with that kind's suffix.

   Each function of an element is C without branches, which compilers turn into vector instructions. An element's result does not depend
   on its position. Polynomials are minimax approximations made for this file; tests/native has their errors. `a * b + c` may be rounded
   once (as a fused multiply-add) or twice. */

#include <math.h>
#include <string.h>

#include "core.h"

#if defined(__clang__)
#define LOOP _Pragma("clang loop vectorize(assume_safety)")
#elif defined(__GNUC__)
#define LOOP _Pragma("GCC ivdep")
#else
#define LOOP
#endif

/* ------------------------------------------------------------------------------------------ bits and numbers */

static inline uint32_t bits(float x) { uint32_t u; memcpy(&u, &x, 4); return u; }
static inline float number(uint32_t u) { float x; memcpy(&x, &u, 4); return x; }
static inline uint64_t bits64(double x) { uint64_t u; memcpy(&u, &x, 8); return u; }
static inline double number64(uint64_t u) { double x; memcpy(&x, &u, 8); return x; }
static inline float mask(int condition) { return number(condition ? 0xffffffffu : 0u); }
static inline float with_sign(float x, float of) { return number((bits(x) & 0x7fffffffu) | (bits(of) & 0x80000000u)); }

#define MAGIC 12582912.0f                    /* 1.5 * 2^23: adding it rounds to an integer, in the lowest bits */
#define LN2_HIGH 0.693359375f                /* of few bits, so that its integer multiples are exact */
#define LN2_LOW -2.12194440e-4f
#define SMALLEST_NORMAL 1.17549435e-38f

/* ------------------------------------------------------------------------------------------ functions of one element */

/* `special`: x may be any number, else |x| is at most 87 */
static inline float f_exp(float x, int special)
{
    x = special && x > 89.0f ? 89.0f : x;    /* does not change NaN */
    x = special && x < -104.0f ? -104.0f : x;
    float t = x * 1.44269504f + MAGIC;
    int32_t k = (int32_t)(bits(t) - bits(MAGIC));
    float n = t - MAGIC, r = x - n * LN2_HIGH - n * LN2_LOW;
    float p = 1.39517174e-3f;
    p = p * r + 8.36959854e-3f;
    p = p * r + 4.16661873e-2f;
    p = p * r + 1.66665122e-1f;
    p = p * r + 0.5f;
    p = p * (r * r) + r + 1.0f;
    int32_t half = special ? k >> 1 : 0;     /* two factors if 2^k may be out of range */
    return p * number((uint32_t)(half + 127) << 23) * number((uint32_t)(k - half + 127) << 23);
}

static inline float f_expm1(float x)
{
    float v = x > 89.0f ? 89.0f : x;
    v = v < -18.0f ? -18.0f : v;
    float t = v * 1.44269504f + MAGIC;
    int32_t k = (int32_t)(bits(t) - bits(MAGIC));
    float n = t - MAGIC, r = v - n * LN2_HIGH - n * LN2_LOW;
    float p = 1.99150323e-4f;
    p = p * r + 1.39420596e-3f;
    p = p * r + 8.33327137e-3f;
    p = p * r + 4.16663401e-2f;
    p = p * r + 1.66666672e-1f;
    p = p * r + 0.5f;
    p = p * (r * r) + r;
    float s = number((uint32_t)(k - 1 + 127) << 23);        /* half of 2^k */
    float y = p * s + (s - 0.5f);
    return fabsf(x) < 1e-7f ? x : y + y;
}

/* Splits x = 2^k m, with m from sqrt(1/2) to sqrt(2): sets k and f = m - 1, and returns (log(m) - f) / f^2. `special`: x may be subnormal. */
static inline float split_log(float x, int special, float *k, float *f)
{
    int tiny = special && x < SMALLEST_NORMAL;      /* subnormal numbers are scaled to normal ones */
    uint32_t u = bits(tiny ? x * 33554432.0f : x) - 0x3f3504f3u;
    *k = (float)((int32_t)u >> 23) - (tiny ? 25.0f : 0.0f);
    float g = number((u & 0x7fffffu) + 0x3f3504f3u) - 1.0f;
    float p = -7.86087364e-2f;
    p = p * g + 1.2883471e-1f;
    p = p * g - 1.31291136e-1f;
    p = p * g + 1.41809613e-1f;
    p = p * g - 1.66244984e-1f;
    p = p * g + 2.00022951e-1f;
    p = p * g - 2.50008106e-1f;
    p = p * g + 3.33333164e-1f;
    *f = g;
    return g * p - 0.5f;
}

/* The logarithm of x if it is not finite, else y */
static inline float log_ends(float x, float y)
{
    y = x < INFINITY ? y : x;                /* infinity and NaN */
    y = x < 0.0f ? NAN : y;
    return x == 0.0f ? -INFINITY : y;
}

/* `special`: x may be any number, else it is positive, normal and finite. Both give the same bits: every sum has only one product, so that
   compilers have no choice which product to fuse with it. */
static inline float f_log(float x, int special)
{
    float k, f, rest = split_log(x, special, &k, &f);
    float y = k * LN2_HIGH + ((f + k * LN2_LOW) + rest * (f * f));
    return special ? log_ends(x, y) : y;
}

static inline float f_log1p(float x)
{
    float u = 1.0f + x, k, f, rest = split_log(u, 1, &k, &f);
    rest *= f * f;
    float lost = u < INFINITY ? x - (u - 1.0f) : 0.0f;      /* the rounding error of u */
    float y = log_ends(u, k * LN2_HIGH + (f + (rest + (k * LN2_LOW + lost / u))));
    return fabsf(x) < 1e-7f ? x : y;
}

static inline float f_log2(float x)
{
    float k, f, rest = split_log(x, 1, &k, &f);
    rest *= f * f;
    /* 1 / ln 2 = 1.4423828 + 3.1225e-4, where the first number has few bits */
    float high = number(bits(f) & 0xfffff000u), low = (f - high) + rest;
    return log_ends(x, k + (high * 1.44238281f + (low * 1.44238281f + (high + low) * 3.12231144e-4f)));
}

static inline float f_log10(float x)
{
    float k, f, rest = split_log(x, 1, &k, &f);
    rest *= f * f;
    float high = number(bits(f) & 0xfffff000u), low = (f - high) + rest;
    float small = low * 0.434204102f + (high + low) * 9.03803511e-5f + k * 4.60502651e-6f;
    return log_ends(x, k * 0.301025391f + (high * 0.434204102f + small));
}

static inline float f_tanh(float x)
{
    float a = fabsf(x);
    float e = f_expm1(2.0f * (a > 10.0f ? 10.0f : a));
    return with_sign(e / (e + 2.0f), x);
}

static inline float f_sigmoid(float x, int special) { return 1.0f / (1.0f + f_exp(-x, special)); }

static inline float f_erf(float x)
{
    float a = fabsf(x), s = x * x;
    float p = 8.32748701e-5f;
    p = p * s - 8.1332156e-4f;
    p = p * s + 5.20026078e-3f;
    p = p * s - 2.68591195e-2f;
    p = p * s + 1.12836911e-1f;
    p = p * s - 3.76126349e-1f;
    p = p * s + 1.12837923f;
    float near = x * p;
    float b = a > 4.0f ? 4.0f : a;
    float q = 2.1396274e-5f;                 /* -log(1 - erf) */
    q = q * b - 4.37830749e-4f;
    q = q * b + 4.18683374e-3f;
    q = q * b - 2.51595322e-2f;
    q = q * b + 1.08339943e-1f;
    q = q * b + 6.33294463e-1f;
    q = q * b + 1.12953997f;
    q = q * b - 1.79701412e-4f;
    float far = with_sign(1.0f - f_exp(-q, 0), x);
    return a < 0.93f ? near : far;
}

/* The sine, or with quarter = 1 the cosine, for |x| <= LARGEST_ANGLE. Multiples of pi / 2 are subtracted in double precision. */
#define LARGEST_ANGLE 1e6f
static inline float sine(float x, uint32_t quarter)
{
    double t = (double)x * 0.63661977236758134 + 6755399441055744.0;
    double n = t - 6755399441055744.0;
    uint32_t k = (uint32_t)bits64(t) + quarter;
    float r = (float)((double)x - n * 1.5707963267341256 - n * 6.0771005065061922e-11);
    float s = r * r;
    float odd = (s * -1.95156565e-4f + 8.33216682e-3f) * s - 1.66666552e-1f;
    odd = odd * (s * r) + r;
    float even = (s * 2.44366092e-5f - 1.38873525e-3f) * s + 4.16666456e-2f;
    even = even * (s * s) - 0.5f * s + 1.0f;
    return number(bits(k & 1 ? even : odd) ^ (k & 2) << 30);
}
static inline float f_sin(float x) { return x == 0.0f ? x : sine(x, 0); }
static inline float f_cos(float x) { return sine(x, 1); }

/* |x|^y as 2^(y log2 |x|) in double precision */
static inline float magnitude_of_power(float x, float y)
{
    double v = fabsf(x);
    uint64_t u = bits64(v) - 0x3fe6a09e667f3bcdull;
    double k = (double)((int32_t)(u >> 32) >> 20);
    double m = number64((u & 0xfffffffffffffull) + 0x3fe6a09e667f3bcdull);
    double f = (m - 1.0) / (m + 1.0), s = f * f;
    double p = 0.2829550915155285;
    p = p * s + 0.31990199402372027;
    p = p * s + 0.41220933893959777;
    p = p * s + 0.57707794154879277;
    p = p * s + 0.96179669411598423;
    p = p * s + 2.8853900817778455;
    double log2 = k + f * p;
    log2 = v == 0.0 ? -(double)INFINITY : log2;
    log2 = v < (double)INFINITY ? log2 : v;  /* infinity and NaN */
    double e = log2 * (double)y;
    e = e > 200.0 ? 200.0 : e;
    e = e < -200.0 ? -200.0 : e;
    double t = e + 6755399441055744.0, r = e - (t - 6755399441055744.0);
    double q = 1.5316459915515723e-05;
    q = q * r + 0.00015469731671189152;
    q = q * r + 0.0013333422653094482;
    q = q * r + 0.009618025604099965;
    q = q * r + 0.055504109760998059;
    q = q * r + 0.24022651213584559;
    q = q * r + 0.69314718053502955;
    q = q * r + 1.0;
    return (float)(q * number64((bits64(t) + 1023) << 52));
}

/* x^y from its magnitude z: sets the sign, and handles the special cases of C's pow */
static inline float finished_power(float z, float x, float y)
{
    float a = fabsf(x), b = fabsf(y);
    float whole = b < 8388608.0f ? fabsf(b + 8388608.0f - 8388608.0f - b) : 0.0f;      /* 0 if y is whole */
    float half = b * 0.5f;
    float odd = b < 16777216.0f ? fabsf(half + 8388608.0f - 8388608.0f - half) : 0.0f; /* not 0 if y is odd, or not whole */
    uint32_t sign = bits(x) & 0x80000000u;
    sign = odd != 0.0f ? sign : 0u;
    sign = whole == 0.0f ? sign : 0u;
    z = a == 1.0f ? 1.0f : z;
    float outside = whole != 0.0f ? NAN : z;
    outside = a < INFINITY ? outside : z;
    outside = x < 0.0f ? outside : z;
    z = number(bits(outside) ^ sign);
    z = y != y ? y : z;
    z = y == 0.0f ? 1.0f : z;
    return x == 1.0f ? 1.0f : z;
}

static inline float f_hypot(float x, float y)
{
    float r = (float)sqrt((double)x * x + (double)y * y);
    return ((fabsf(x) == INFINITY) | (fabsf(y) == INFINITY)) ? INFINITY : r;
}

static inline float f_sign(float x) { return x > 0.0f ? 1.0f : x < 0.0f ? -1.0f : x == 0.0f ? 0.0f : x; }
static inline float f_maximum(float x, float y) { return ((x >= y) | (x != x)) ? x : y; }
static inline float f_minimum(float x, float y) { return ((x <= y) | (x != x)) ? x : y; }
static inline float f_fmax(float x, float y) { return ((x >= y) | (y != y)) ? x : y; }
static inline float f_fmin(float x, float y) { return ((x <= y) | (y != y)) ? x : y; }
static inline float f_both(float x, float y) { return number(bits(x) & bits(y)); }
static inline float f_either(float x, float y) { return number(bits(x) | bits(y)); }
static inline float f_differ(float x, float y) { return number(bits(x) ^ bits(y)); }
static inline float f_select(float m, float x, float y) { return bits(m) ? x : y; }
static inline float f_limit(float x, float low, float high)      /* NaN for NaN; the bounds are not NaN */
{
    float y = x < low ? low : x;
    return y > high ? high : y;
}

/* ------------------------------------------------------------------------------------------ loops */

#define UNARY(name, value) \
    static void NAME(name)(float *r, const float *a, const float *b, const float *c, ptrdiff_t n) \
    { \
        (void)b, (void)c; \
        n &= -WIDTH; \
        LOOP for (ptrdiff_t i = 0; i < n; i++) { float x = a[i]; r[i] = value; } \
    }

#define BINARY_VARIANT(name, value, X, Y) \
    static void name(float *r, const float *a, const float *b, const float *c, ptrdiff_t n) \
    { \
        float a0 = a[0], b0 = b[0]; \
        (void)a0, (void)b0, (void)c; \
        n &= -WIDTH; \
        LOOP for (ptrdiff_t i = 0; i < n; i++) { float x = X, y = Y; r[i] = value; } \
    }
#define BINARY(name, value) \
    BINARY_VARIANT(NAME(name), value, a[i], b[i]) \
    BINARY_VARIANT(NAME(name##_nv), value, a0, b[i]) \
    BINARY_VARIANT(NAME(name##_vn), value, a[i], b0)

/* m is an element of a: a condition, or the number to be limited. x and y are elements of b and c, or numbers. */
#define TERNARY_VARIANT(name, value, X, Y) \
    static void name(float *r, const float *a, const float *b, const float *c, ptrdiff_t n) \
    { \
        float b0 = b[0], c0 = c[0]; \
        (void)b0, (void)c0; \
        n &= -WIDTH; \
        LOOP for (ptrdiff_t i = 0; i < n; i++) { float m = a[i], x = X, y = Y; r[i] = value; } \
    }
#define TERNARY(name, value) \
    TERNARY_VARIANT(NAME(name), value, b[i], c[i]) \
    TERNARY_VARIANT(NAME(name##_nv), value, b0, c[i]) \
    TERNARY_VARIANT(NAME(name##_vn), value, b[i], c0) \
    TERNARY_VARIANT(NAME(name##_nn), value, b0, c0)

BINARY(add, x + y)
BINARY(subtract, x - y)
BINARY(multiply, x * y)
BINARY(divide, x / y)
BINARY(maximum, f_maximum(x, y))
BINARY(minimum, f_minimum(x, y))
BINARY(fmax, f_fmax(x, y))
BINARY(fmin, f_fmin(x, y))
BINARY(hypot, f_hypot(x, y))
BINARY(greater, mask(x > y))
BINARY(greater_equal, mask(x >= y))
BINARY(less, mask(x < y))
BINARY(less_equal, mask(x <= y))
BINARY(equal, mask(x == y))
BINARY(not_equal, mask(x != y))
BINARY(both, f_both(x, y))
BINARY(either, f_either(x, y))
BINARY(differ, f_differ(x, y))
TERNARY(select, f_select(m, x, y))
TERNARY(limit, f_limit(m, x, y))
UNARY(copy, x)
UNARY(negative, -x)
UNARY(absolute, fabsf(x))
UNARY(square, x * x)
UNARY(sqrt, sqrtf(x))
UNARY(reciprocal, 1.0f / x)
UNARY(sign, f_sign(x))
UNARY(floor, floorf(x))
UNARY(ceil, ceilf(x))
UNARY(trunc, truncf(x))
UNARY(rint, rintf(x))
UNARY(expm1, f_expm1(x))

/* Two loops, with the special cases and without them. If no element of a piece is a special case, the second loop gives the same bits in two
   thirds of the time. */
#define GUARDED(name, value, usual) \
    UNARY(any_##name, value(x, 1)) \
    UNARY(usual_##name, value(x, 0)) \
    static void NAME(name)(float *r, const float *a, const float *b, const float *c, ptrdiff_t n) \
    { \
        for (ptrdiff_t start = 0; start < n; start += 256) { \
            ptrdiff_t m = n - start < 256 ? n - start : 256; \
            int special = 0; \
            for (ptrdiff_t i = start; i < start + m; i++) { float x = a[i]; special |= !(usual); } \
            (special ? NAME(any_##name) : NAME(usual_##name))(r + start, a + start, b, c, m); \
        } \
    }
#ifndef HAS_LOG
GUARDED(log, f_log, (x >= SMALLEST_NORMAL) & (x < INFINITY))
#endif
GUARDED(exp, f_exp, fabsf(x) <= 87.0f)
GUARDED(sigmoid, f_sigmoid, fabsf(x) <= 87.0f)
UNARY(log1p, f_log1p(x))
UNARY(log2, f_log2(x))
UNARY(log10, f_log10(x))
UNARY(tanh, f_tanh(x))
UNARY(erf, f_erf(x))
UNARY(small_sin, f_sin(x))
UNARY(small_cos, f_cos(x))
UNARY(not, number(~bits(x)))
UNARY(as_number, number(bits(x) & 0x3f800000u))
UNARY(as_condition, mask(x != 0.0f))
UNARY(isnan, mask(x != x))
UNARY(isinf, mask(fabsf(x) == INFINITY))
UNARY(isfinite, mask(fabsf(x) < INFINITY))

/* Two loops, since compilers do not vectorize a single loop with float, double and many cases. */
#define POWER(name, X, Y) \
    static void name(float *r, const float *a, const float *b, const float *c, ptrdiff_t n) \
    { \
        float z[64], a0 = a[0], b0 = b[0]; \
        (void)a0, (void)b0, (void)c; \
        for (ptrdiff_t start = 0; start < n; start += 64) { \
            ptrdiff_t stop = n - start < 64 ? n : start + 64; \
            LOOP for (ptrdiff_t i = start; i < stop; i++) z[i - start] = magnitude_of_power(X, Y); \
            LOOP for (ptrdiff_t i = start; i < stop; i++) r[i] = finished_power(z[i - start], X, Y); \
        } \
    }
POWER(NAME(power), a[i], b[i])
POWER(NAME(power_nv), a0, b[i])
POWER(NAME(power_vn), a[i], b0)

/* Large angles need many digits of pi, so the C library computes them. */
#define ANGLES(name, small, function) \
    static void NAME(name)(float *r, const float *a, const float *b, const float *c, ptrdiff_t n) \
    { \
        for (ptrdiff_t start = 0; start < n; start += 64) { \
            ptrdiff_t m = n - start < 64 ? n - start : 64; \
            float angles[64], largest = 0.0f; \
            memcpy(angles, a + start, (size_t)m * 4); \
            NAME(small)(r + start, angles, b, c, m); \
            for (ptrdiff_t i = 0; i < m; i++) largest = fabsf(angles[i]) > largest ? fabsf(angles[i]) : largest; \
            if (largest > LARGEST_ANGLE) \
                for (ptrdiff_t i = 0; i < m; i++) \
                    if (fabsf(angles[i]) > LARGEST_ANGLE) r[start + i] = function(angles[i]); \
        } \
    }
ANGLES(sin, small_sin, sinf)
ANGLES(cos, small_cos, cosf)

/* ------------------------------------------------------------------------------------------ sums and largest values */

enum { LANES = 64, RUN = 4096 };    /* float sums computed in parallel; elements after which these are added to a double */

static double NAME(sum)(const float *a, ptrdiff_t n)
{
    double total = 0.0;
    for (; n >= LANES; ) {
        float lane[LANES] = {0};
        ptrdiff_t m = (n < RUN ? n : RUN) & -LANES;
        for (ptrdiff_t i = 0; i < m; i += LANES) LOOP for (int j = 0; j < LANES; j++) lane[j] += a[i + j];
        for (int w = LANES / 2; w >= 8; w /= 2) LOOP for (int j = 0; j < w; j++) lane[j] += lane[j + w];
        total += ((double)lane[0] + lane[4]) + ((double)lane[1] + lane[5]) + ((double)lane[2] + lane[6]) + ((double)lane[3] + lane[7]);
        a += m, n -= m;
    }
    double part[8] = {0}, rest = 0.0;           /* fewer than LANES are left */
    ptrdiff_t i = 0;
    for (; i + 8 <= n; i += 8) LOOP for (int j = 0; j < 8; j++) part[j] += a[i + j];
    for (; i < n; i++) rest += a[i];
    return total + (((part[0] + part[4]) + (part[1] + part[5])) + ((part[2] + part[6]) + (part[3] + part[7])) + rest);
}

/* The largest of n >= lanes elements, in parallel lanes. The last step reads the last `lanes` elements, some of them a second time. */
#define LARGEST_OF(lanes) \
    if (n >= lanes) { \
        float most[lanes]; \
        memcpy(most, a, sizeof most); \
        for (ptrdiff_t i = lanes; i + lanes <= n; i += lanes) \
            LOOP for (int j = 0; j < lanes; j++) most[j] = f_maximum(most[j], a[i + j]); \
        LOOP for (int j = 0; j < lanes; j++) most[j] = f_maximum(most[j], a[n - lanes + j]); \
        for (int w = lanes / 2; w >= 4; w /= 2) LOOP for (int j = 0; j < w; j++) most[j] = f_maximum(most[j], most[j + w]); \
        return f_maximum(f_maximum(most[0], most[1]), f_maximum(most[2], most[3])); \
    }

static float NAME(largest)(const float *a, ptrdiff_t n)
{
    LARGEST_OF(64)
    LARGEST_OF(16)
    LARGEST_OF(4)
    float most = a[0];
    for (ptrdiff_t i = 1; i < n; i++) most = f_maximum(most, a[i]);
    return most;
}

static void NAME(add_rows)(float *sums, const float *a, ptrdiff_t rows, ptrdiff_t step, ptrdiff_t n)
{
    for (ptrdiff_t i = 0; i < rows; i++, a += step) LOOP for (ptrdiff_t j = 0; j < n; j++) sums[j] += a[j];
}

static void NAME(largest_rows)(float *most, const float *a, ptrdiff_t rows, ptrdiff_t step, ptrdiff_t n)
{
    for (ptrdiff_t i = 0; i < rows; i++, a += step) LOOP for (ptrdiff_t j = 0; j < n; j++) most[j] = f_maximum(most[j], a[j]);
}

/* A digest of n bytes. Each lane of 64 bits changes with every word that it reads, whatever the others are. */
static uint64_t NAME(digest)(const char *a, ptrdiff_t n, uint64_t seed)
{
    enum { LANES = 32, BYTES = 8 * LANES };
    const uint64_t factor = 0x9E3779B185EBCA87u;
    uint64_t h[LANES], x[LANES];
    for (int j = 0; j < LANES; j++) h[j] = seed + j;
    for (ptrdiff_t i = 0; i < n; i += BYTES) {
        if (n - i < BYTES) memset(x, 0, sizeof x);
        memcpy(x, a + i, (size_t)(n - i < BYTES ? n - i : BYTES));
        LOOP for (int j = 0; j < LANES; j++) h[j] = ((h[j] << 29 | h[j] >> 35) ^ x[j]) * factor;
    }
    uint64_t all = (uint64_t)n;
    for (int j = 0; j < LANES; j++) all = ((all << 29 | all >> 35) ^ h[j]) * factor;
    return all ^ all >> 32;
}

/* ------------------------------------------------------------------------------------------ products of matrices with few columns */

/* A tile of c, which has TILE_ROWS rows and one or two vectors of columns, stays in registers during its sums. The columns of b for a tile are
   a block that stays in the first-level cache; a, which need not be copied, is read once for each of these blocks. */
enum { TILE_ROWS = TILE_BYTES == 64 ? MOST_TILE_ROWS : 6, TILE_LANES = TILE_BYTES / 4, TILE_DEPTH = 256, TILE_BLOCK = 20 * TILE_ROWS };
typedef float Tile __attribute__((vector_size(TILE_BYTES), aligned(4), may_alias));

static inline __attribute__((always_inline)) void NAME(tile)(const float *a, ptrdiff_t row, ptrdiff_t column, ptrdiff_t a_part, const float *b,
    const int width, ptrdiff_t depth, ptrdiff_t parts, const float *start, float *c, ptrdiff_t c_row, int add)
{
    Tile sum[TILE_ROWS][2], x[2];
    for (int i = 0; i < TILE_ROWS; i++)
        for (int j = 0; j < width; j++)
            if (add)
                sum[i][j] = *(const Tile *)(c + i * c_row + j * TILE_LANES);
            else
                sum[i][j] = (Tile){0} + (start ? start[i] : 0.0f);
    for (; parts > 0; parts--, a += a_part)
        for (ptrdiff_t p = 0; p < depth; p++, b += width * TILE_LANES) {
            for (int j = 0; j < width; j++) x[j] = *(const Tile *)(b + j * TILE_LANES);
            for (int i = 0; i < TILE_ROWS; i++)
                for (int j = 0; j < width; j++) sum[i][j] += a[i * row + p * column] * x[j];
        }
    for (int i = 0; i < TILE_ROWS; i++)
        for (int j = 0; j < width; j++) *(Tile *)(c + i * c_row + j * TILE_LANES) = sum[i][j];
}

#define TILE(name, row, column, width) \
    static __attribute__((noinline)) void NAME(name)(const Tiled *t, const float *a, const float *b, ptrdiff_t depth, ptrdiff_t parts, \
                                                     const float *start, float *c, ptrdiff_t c_row, int add) \
    { NAME(tile)(a, row, column, t->a_part, b, width, depth, parts, start, c, c_row, add); }
TILE(rows_1, t->a_row, 1, 1)
TILE(rows_2, t->a_row, 1, 2)
TILE(columns_1, 1, t->a_column, 1)
TILE(columns_2, 1, t->a_column, 2)

/* Copy columns of `parts` matrices side by side, `step` elements from one row to the next. */
static void NAME(copy_columns)(const Tiled *t, const float *b, ptrdiff_t columns, ptrdiff_t depth, ptrdiff_t parts, float *to, ptrdiff_t step)
{
    for (ptrdiff_t part = 0; part < parts; part++, b += t->b_part)
        for (ptrdiff_t i = 0; i < depth; i++, to += step) {
            const float *x = b + i * t->b_row;
            if (t->b_column == 1)
                memcpy(to, x, (size_t)columns * 4);
            else
                for (ptrdiff_t j = 0; j < columns; j++) to[j] = x[j * t->b_column];
            for (ptrdiff_t j = columns; j < step; j++) to[j] = 0.0f;
        }
}

/* `m` rows, of `parts` parts with `depth` columns of a */
static void NAME(tiled_block)(const Tiled *t, const float *a, const float *b, ptrdiff_t depth, ptrdiff_t parts, const float *start, float *c,
                              ptrdiff_t m, int add)
{
    _Alignas(64) float copy[TILE_DEPTH * 2 * TILE_LANES], edge[TILE_ROWS * 2 * TILE_LANES];
    for (ptrdiff_t j = 0, columns; j < t->n; j += columns) {
        int width = t->n - j > TILE_LANES ? 2 : 1, step = width * TILE_LANES;
        columns = t->n - j < step ? t->n - j : step;
        const float *from = b + j * t->b_column;
        if (t->b_column != 1 || t->b_row != step || columns < step || parts > 1) {
            NAME(copy_columns)(t, from, columns, depth, parts, copy, step);
            from = copy;
        }
        void (*run)(const Tiled *, const float *, const float *, ptrdiff_t, ptrdiff_t, const float *, float *, ptrdiff_t, int) =
            t->a_column == 1 ? (width == 2 ? NAME(rows_2) : NAME(rows_1)) : width == 2 ? NAME(columns_2) : NAME(columns_1);
        for (ptrdiff_t i = 0; i < m; i += TILE_ROWS) {      /* the last tile begins earlier: its first rows, `done`, are computed already */
            ptrdiff_t done = i + TILE_ROWS > m ? i + TILE_ROWS - m : 0, row = i - done;
            float *to = c + row * t->c_row + j;
            const float *of = a + row * t->a_row, *first = start ? start + row : NULL;
            if (!done && columns == step) {
                run(t, of, from, depth, parts, first, to, t->c_row, add);
                continue;
            }
            memset(edge, 0, sizeof edge);
            for (ptrdiff_t r = done; add && r < TILE_ROWS; r++) memcpy(edge + r * step, to + r * t->c_row, (size_t)columns * 4);
            run(t, of, from, depth, parts, first, edge, step, add);
            for (ptrdiff_t r = done; r < TILE_ROWS; r++) memcpy(to + r * t->c_row, edge + r * step, (size_t)columns * 4);
        }
    }
}

static void NAME(few_rows)(const Tiled *t, const float *a, const float *b, const float *start, float *c, ptrdiff_t m)
{
    for (ptrdiff_t time = 0; time < t->times; time++)
        for (ptrdiff_t i = 0; i < m; i++) {
            float *to = c + time * t->c_next + i * t->c_row;
            for (ptrdiff_t j = 0; j < t->n && !t->add; j++) to[j] = start ? start[i] : 0.0f;
            for (ptrdiff_t part = 0; part < t->parts; part++)
                for (ptrdiff_t p = 0; p < t->k; p++) {
                    const float *from = b + time * t->b_next + part * t->b_part + p * t->b_row;
                    float x = a[i * t->a_row + part * t->a_part + p * t->a_column];
                    LOOP for (ptrdiff_t j = 0; j < t->n; j++) to[j] += x * from[j * t->b_column];
                }
        }
}

static void NAME(tiled)(const Tiled *t, const float *a, const float *b, const float *start, float *c, ptrdiff_t m)
{
    if (m < TILE_ROWS) {
        NAME(few_rows)(t, a, b, start, c, m);
        return;
    }
    ptrdiff_t together = t->k < TILE_DEPTH ? TILE_DEPTH / t->k : 1;
    for (ptrdiff_t i = 0, rows; i < m; i += rows) {
        rows = m - i < TILE_BLOCK + 2 * TILE_ROWS ? m - i : TILE_BLOCK;     /* the last block has at least TILE_ROWS rows */
        int add = t->add != 0;
        for (ptrdiff_t part = 0; part < t->parts; part += together)
            for (ptrdiff_t p = 0; p < t->k; p += TILE_DEPTH, add = 1)
                for (ptrdiff_t time = 0; time < t->times; time++)
                    NAME(tiled_block)(t, a + i * t->a_row + part * t->a_part + p * t->a_column,
                                      b + time * t->b_next + part * t->b_part + p * t->b_row,
                                      t->k - p < TILE_DEPTH ? t->k - p : TILE_DEPTH, t->parts - part < together ? t->parts - part : together,
                                      start ? start + i : NULL, c + time * t->c_next + i * t->c_row, rows, add);
    }
}

/* ------------------------------------------------------------------------------------------ the table */

#define LOOPS_1(name) [OP_##name] = {NAME(name), NULL, NULL, NULL},
#define LOOPS_2(name) [OP_##name] = {NAME(name), NAME(name##_nv), NAME(name##_vn), NULL},
#define LOOPS_3(name) [OP_##name] = {NAME(name), NAME(name##_nv), NAME(name##_vn), NAME(name##_nn)},
#define X(name, operands) LOOPS_##operands(name)
static const Vectors NAME(vectors) = {
    VECTORS_NAME,
    {INSTRUCTIONS(X)},
    NAME(sum), NAME(largest), NAME(add_rows), NAME(largest_rows), NAME(tiled), NAME(digest),
};
#undef X
