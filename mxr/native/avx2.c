/* The loops for AVX2 with fused multiply-add: 8 elements at a time. */
#include "core.h"
#if defined(__x86_64__) && defined(__GNUC__)

#include <math.h>
#include <string.h>
#ifdef __clang__
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#else
#pragma GCC target("avx2,fma")
#endif
#define NAME(x) x##_avx2
#define VECTORS_NAME "avx2"
#define TILE_BYTES 32
#include "vectors.h"
#ifdef __clang__
#pragma clang attribute pop
#endif

const Vectors *mxr_avx2(void)
{
    __builtin_cpu_init();
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") ? &vectors_avx2 : NULL;
}
#else
const Vectors *mxr_avx2(void) { return NULL; }
#endif
