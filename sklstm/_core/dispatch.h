/* The kernels, built for every instruction set that a machine may have. The best one is picked when the package is
imported. (Function attributes that let the loader pick cannot be overruled, so that only the newest path would ever
be tested.) */
#include <math.h>
#include <stdint.h>
#include <string.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "kernels.h"

#define CELL_ROW(name, n_gates, n_columns, h_column, n_memories, shown, ...)                                 \
    {#name, n_gates, n_columns, h_column, n_memories, shown, sizeof((double[])__VA_ARGS__) / sizeof(double), \
     (const double[])__VA_ARGS__},
static const cell_t CELL_TABLE[] = {CELLS(CELL_ROW)};
static const char *const ACTIVATION_NAMES[] = ACTIVATIONS;
static const char *const RECURRENT_ACTIVATION_NAMES[] = RECURRENT_ACTIVATIONS;


#define JOIN_(a, b, c) a##_##b##_##c
#define JOIN(a, b, c) JOIN_(a, b, c)
#define NAME(name) JOIN(name, REAL, LEVEL)
#define KERNELS_(real) kernels_##real
#define KERNELS(real) KERNELS_(real)
#define INLINE static inline __attribute__((always_inline))
#define SIMD_LOOP _Pragma("omp simd")
#define UNROLL _Pragma("GCC unroll 16")

/* Tile rows, two vectors each: they divide the 8 sequences of a block, and leave registers for what is loaded. */
#if defined(__x86_64__)
#define TILE_ROWS 4
#else
#define TILE_ROWS 8
#endif
#define LEVEL baseline
#define VECTOR_BYTES 16
#define INTRINSIC(name) _mm_##name
#include "level.h"
#undef LEVEL
#undef VECTOR_BYTES
#undef INTRINSIC
#undef TILE_ROWS

/* GCC knows these names from version 12 on; clang has no such pragma. Both then build for their target alone. */
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && __GNUC__ >= 12
#define MANY_LEVELS 1

#pragma GCC push_options
#pragma GCC target("arch=x86-64-v3")
#define LEVEL avx2
#define VECTOR_BYTES 32
#define INTRINSIC(name) _mm256_##name
#define TILE_ROWS 4
#include "level.h"
#undef LEVEL
#undef VECTOR_BYTES
#undef INTRINSIC
#undef TILE_ROWS
#pragma GCC pop_options

#pragma GCC push_options
#pragma GCC target("arch=x86-64-v4")
#define LEVEL avx512
#define VECTOR_BYTES 64
#define INTRINSIC(name) _mm512_##name
#define TILE_ROWS 8
#include "level.h"
#undef LEVEL
#undef VECTOR_BYTES
#undef INTRINSIC
#undef TILE_ROWS
#pragma GCC pop_options
#endif

typedef struct {
    const char *name;
    const kernels_float *for_float;
    const kernels_double *for_double;
} level_t;

static const level_t LEVELS[] = {
    {"baseline", &kernels_float_baseline, &kernels_double_baseline},
#ifdef MANY_LEVELS
    {"avx2", &kernels_float_avx2, &kernels_double_avx2},
    {"avx512", &kernels_float_avx512, &kernels_double_avx512},
#endif
};

/* How many of LEVELS this machine can run. */
static int n_levels(void)
{
#ifdef MANY_LEVELS
    __builtin_cpu_init();
    return __builtin_cpu_supports("x86-64-v4") ? 3 : __builtin_cpu_supports("x86-64-v3") ? 2 : 1;
#else
    return 1;
#endif
}
