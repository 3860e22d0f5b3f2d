/* The loops for AVX-512: 16 elements at a time. It has instructions for a logarithm with a table, which takes half the time. */
#include "core.h"
#if defined(__x86_64__) && defined(__GNUC__)

#include <immintrin.h>
#include <math.h>
#include <string.h>
#ifdef __clang__
#pragma clang attribute push(__attribute__((target("avx512f,avx512dq,avx512bw,avx512vl,avx2,fma"))), apply_to = function)
#else
#pragma GCC target("avx512f,avx512dq,avx512bw,avx512vl,avx2,fma,prefer-vector-width=512")
#endif

/* Of x = 2^k m, with m from 0.75 to 1.5, the first five bits of m choose c, close to m. log(x) = k log(2) + log(c) + log(m / c). Near 1, c is 1. */
static const float reciprocal_of_c[32] = {
    1.0f, 0.95522386f, 0.92753625f, 0.90140843f, 0.8767123f, 0.85333335f, 0.83116883f, 0.8101266f,
    0.79012346f, 0.7710843f, 0.7529412f, 0.7356322f, 0.71910113f, 0.7032967f, 0.68817204f, 0.67368424f,
    1.3195876f, 1.2929293f, 1.2673267f, 1.2427185f, 1.2190477f, 1.1962616f, 1.1743119f, 1.1531532f,
    1.1327434f, 1.1130434f, 1.0940171f, 1.0756303f, 1.0578512f, 1.0406504f, 1.024f, 1.0f,
};
static const float log_of_c[32] = {
    0.0f, 0.04580956f, 0.0752234f, 0.10379681f, 0.13157636f, 0.15860501f, 0.18492234f, 0.21056475f,
    0.23556606f, 0.25995755f, 0.28376815f, 0.30702505f, 0.32975328f, 0.3519764f, 0.3737164f, 0.39499375f,
    -0.27731925f, -0.2569104f, -0.23690973f, -0.21730128f, -0.19806994f, -0.1792014f, -0.16068234f, -0.14250009f,
    -0.12464244f, -0.10709809f, -0.08985638f, -0.07290682f, -0.056239676f, -0.039845873f, -0.023716575f, 0.0f,
};

static void log_avx512(float *r, const float *a, const float *b, const float *c, ptrdiff_t n)
{
    (void)b, (void)c;
    const __m512 one = _mm512_set1_ps(1.0f), log_of_2 = _mm512_set1_ps(0.693147181f);
    const __m512 square = _mm512_set1_ps(-0.5000012f), cube = _mm512_set1_ps(0.33336633f), fourth = _mm512_set1_ps(-0.24398044f);
    const __m512 reciprocal_1 = _mm512_loadu_ps(reciprocal_of_c), reciprocal_2 = _mm512_loadu_ps(reciprocal_of_c + 16);
    const __m512 log_1 = _mm512_loadu_ps(log_of_c), log_2 = _mm512_loadu_ps(log_of_c + 16);
    n &= -WIDTH;
    for (ptrdiff_t i = 0; i < n; i += 16) {
        __m512 x = _mm512_loadu_ps(a + i);
        __m512 k = _mm512_getexp_ps(x);                                     /* minus infinity for 0, infinity for infinity */
        __m512 m = _mm512_getmant_ps(x, _MM_MANT_NORM_p75_1p5, _MM_MANT_SIGN_nan);      /* NaN for negative numbers; 1 for infinity and 0 */
        k = _mm512_mask_add_ps(k, _mm512_cmp_ps_mask(m, one, _CMP_LT_OQ), k, one);      /* getexp is for m from 1 to 2 */
        __m512i which = _mm512_srli_epi32(_mm512_castps_si512(m), 18);
        __m512 q = _mm512_fmsub_ps(m, _mm512_permutex2var_ps(reciprocal_1, which, reciprocal_2), one);
        __m512 p = _mm512_fmadd_ps(_mm512_fmadd_ps(fourth, q, cube), q, square);
        __m512 y = _mm512_fmadd_ps(_mm512_mul_ps(q, q), p, q);              /* log(1 + q) */
        y = _mm512_add_ps(y, _mm512_permutex2var_ps(log_1, which, log_2));
        _mm512_storeu_ps(r + i, _mm512_fmadd_ps(k, log_of_2, y));
    }
}
#define HAS_LOG
#define NAME(x) x##_avx512
#define VECTORS_NAME "avx512"
#define TILE_BYTES 64
#include "vectors.h"
#ifdef __clang__
#pragma clang attribute pop
#endif

const Vectors *mxr_avx512(void)
{
    __builtin_cpu_init();
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw")
        && __builtin_cpu_supports("avx512vl") ? &vectors_avx512 : NULL;
}
#else
const Vectors *mxr_avx512(void) { return NULL; }
#endif
