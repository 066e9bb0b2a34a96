/* What the core calls, by type: the kernels (products, cells, optimizers, dropout), and the registry of cells.

A cell is one file in cells/, with its sizes and what it does to some of its units, forward and back: from there the time
loop, the parameter layout, the estimators' validation and the tests know it. */
#ifndef SKLSTM_KERNELS_H
#define SKLSTM_KERNELS_H

#include <stddef.h>
#include <stdint.h>

/* Written by setup.py: includes every file in cells/, and lists their rows,

       CELL(name, n_gates, n_columns, h_column, n_memories, "column, ..., memory", {initial values})

   the columns of the weights, those of z, the first column of z that h_{t-1} W_h goes to, and the memory, all in units of
   H; what z holds after the way forward, and then the memory, by the names under which they are shown, or "-"; and what
   the parameter vectors of length H start from, biases first. */
#include "all_cells.h"

typedef struct {
    const char *name;
    int n_gates;
    int n_columns;
    int h_column;
    int n_memories;
    const char *shown;
    int n_vectors;
    const double *initial;
} cell_t;

/* What a cell's activation and, times N_ACTIVATIONS, its recurrent activation may be: the numbers that vmath.h takes. */
#define ACTIVATIONS {"tanh", "relu", "logistic", "identity"}
#define RECURRENT_ACTIVATIONS {"logistic", "hard_sigmoid"}
#define N_ACTIVATIONS 4
#define N_RECURRENT_ACTIVATIONS 2

#define COUNT_CELL(name, ...) 1 +
#define N_CELLS (CELLS(COUNT_CELL) 0)

/* Rows of a long sum of outer products that are added up on their own: a panel of so many rows fits in the first-level
   cache beside what is multiplied by it. */
#define SUM_ROWS 192

/* Columns of a weight matrix whose gradient is computed at a time. */
#define WIDEST_TILE 256

/* The kernels of one precision, as function pointers; the files that define them say what they do. */
#define KERNELS_OF(REAL)                                                                                              \
    typedef struct {                                                                                                  \
        ptrdiff_t panel; /* columns of packed weights that lie together */                                            \
        void (*pack)(ptrdiff_t, ptrdiff_t, const REAL *, ptrdiff_t, ptrdiff_t, REAL *);                               \
        void (*product)(ptrdiff_t, ptrdiff_t, ptrdiff_t, const REAL *, ptrdiff_t, const REAL *, ptrdiff_t, REAL *,    \
                        ptrdiff_t, int);                                                                                  \
        void (*add_outer)(ptrdiff_t, ptrdiff_t, ptrdiff_t, const REAL *, ptrdiff_t, const REAL *, ptrdiff_t, REAL *,  \
                          ptrdiff_t, REAL *);                                                                         \
        void (*tanh)(ptrdiff_t, const REAL *, REAL *);                                                                \
        void (*logistic)(ptrdiff_t, const REAL *, REAL *);                                                            \
        void (*decay)(ptrdiff_t, REAL *);                                                                             \
        double (*sum_of_squares)(ptrdiff_t, const REAL *);                                                            \
        void (*scale)(ptrdiff_t, REAL, REAL *);                                                                       \
        void (*adam)(ptrdiff_t, REAL *, const REAL *, REAL *, REAL *, double, double, double, double, double,         \
                     double);                                                                                         \
        void (*rmsprop)(ptrdiff_t, REAL *, const REAL *, REAL *, double, double, double);                             \
        void (*sgd)(ptrdiff_t, REAL *, const REAL *, REAL *, double, double, int);                                    \
        void (*forward[N_CELLS])(ptrdiff_t, ptrdiff_t, const REAL *, const REAL *, REAL *, REAL *, REAL *,            \
                                 ptrdiff_t, int);                                                                     \
        void (*backward[N_CELLS])(ptrdiff_t, ptrdiff_t, const REAL *, const REAL *, REAL *, const REAL *, REAL *,     \
                                  REAL *, REAL *, int);                                                               \
        void (*drop)(ptrdiff_t, REAL *, uint32_t, double);                                                            \
    } kernels_##REAL;
KERNELS_OF(float)
KERNELS_OF(double)

#endif
