/* The registry of cells, and the two precisions that each is compiled in.

A cell is one file in cells/ with a forward and a backward function over one time step, included below, and one row
of the table at the end: from there the time loop, the parameter layout, the estimators' validation and the tests
know it. */
#ifndef SKLSTM_CELLS_H
#define SKLSTM_CELLS_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Compile a function for several instruction sets and let the loader pick. Needs GNU indirect functions (glibc);
   elsewhere one version is built, for the compiler's default target. Clang's syntax for levels differs. No module uses
   all of these functions. */
#if defined(__GNUC__) && !defined(__clang__) && defined(__x86_64__) && defined(__gnu_linux__) && __GNUC__ >= 12 \
    && !defined(SKLSTM_SINGLE_VERSION)
#define MULTIVERSION __attribute__((unused, target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#elif defined(__GNUC__)
#define MULTIVERSION __attribute__((unused))
#else
#define MULTIVERSION
#endif

#define SIMD_LOOP _Pragma("omp simd")

#define REAL float
#define UINT uint32_t
#define NAME(name) name##_float
#define REAL_C(x) x##f
#define MANTISSA_BITS 23
#define EXPONENT_ONE 0x3f800000u
#define ROUND_MAGIC 12582912.0f
#define LN2_HIGH 0.693145751953125f /* 15 bits: k times it is exact */
#define LN2_LOW 1.42860682030941723e-6f
#define EXP_LIMIT 87.0f
#define TANH_LIMIT 9.1f
#define EXPM1_POLYNOMIAL(r) \
    (1.0f / 2 + r * (1.0f / 6 + r * (1.0f / 24 + r * (1.0f / 120 + r * (1.0f / 720 + r * (1.0f / 5040))))))
#include "vmath.h"
#include "cells/lstm.h"
#undef REAL
#undef UINT
#undef NAME
#undef REAL_C
#undef MANTISSA_BITS
#undef EXPONENT_ONE
#undef ROUND_MAGIC
#undef LN2_HIGH
#undef LN2_LOW
#undef EXP_LIMIT
#undef TANH_LIMIT
#undef EXPM1_POLYNOMIAL

#define REAL double
#define UINT uint64_t
#define NAME(name) name##_double
#define REAL_C(x) x
#define MANTISSA_BITS 52
#define EXPONENT_ONE 0x3ff0000000000000u
#define ROUND_MAGIC 6755399441055744.0
#define LN2_HIGH 0.693147180369123816490 /* 32 bits */
#define LN2_LOW 1.90821492927058770002e-10
#define EXP_LIMIT 708.0
#define TANH_LIMIT 19.1
#define EXPM1_POLYNOMIAL(r) \
    (1.0 / 2 + r * (1.0 / 6 + r * (1.0 / 24 + r * (1.0 / 120 + r * (1.0 / 720 + r * (1.0 / 5040 \
    + r * (1.0 / 40320 + r * (1.0 / 362880 + r * (1.0 / 3628800 + r * (1.0 / 39916800 + r * (1.0 / 479001600 \
    + r * (1.0 / 6227020800))))))))))))
#include "vmath.h"
#include "cells/lstm.h"

typedef struct {
    const char *name;
    int n_gates;                 /* columns of W_x and W_h, in units of H */
    int n_vectors;               /* parameter vectors of length H: biases first */
    const double *initial;       /* their initial values */
    void (*forward_float)(ptrdiff_t, ptrdiff_t, const float *, const float *, float *, float *, float *);
    void (*forward_double)(ptrdiff_t, ptrdiff_t, const double *, const double *, double *, double *, double *);
    void (*backward_float)(ptrdiff_t, ptrdiff_t, const float *, const float *, float *, const float *, float *,
                           float *, float *);
    void (*backward_double)(ptrdiff_t, ptrdiff_t, const double *, const double *, double *, const double *, double *,
                            double *, double *);
} cell_t;

#define CELL(name, n_gates, ...)                                                                             \
    {#name, n_gates, sizeof((double[])__VA_ARGS__) / sizeof(double), (const double[])__VA_ARGS__,            \
     name##_forward_float, name##_forward_double, name##_backward_float, name##_backward_double}

/* name, gates, initial values of the vectors (a forget gate that starts open: Jozefowicz et al. 2015) */
static const cell_t CELLS[] = {
    CELL(lstm, 4, {0, 1, 0, 0}),
};
static const int N_CELLS = sizeof(CELLS) / sizeof(CELLS[0]);

#endif
