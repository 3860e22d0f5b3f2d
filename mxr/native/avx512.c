/* The loops for AVX-512: 16 elements at a time. */
#include "core.h"
#if defined(__x86_64__) && defined(__GNUC__)

#include <math.h>
#include <string.h>
#ifdef __clang__
#pragma clang attribute push(__attribute__((target("avx512f,avx512dq,avx512bw,avx512vl,avx2,fma"))), apply_to = function)
#else
#pragma GCC target("avx512f,avx512dq,avx512bw,avx512vl,avx2,fma,prefer-vector-width=512")
#endif
#define NAME(x) x##_avx512
#define VECTORS_NAME "avx512"
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
