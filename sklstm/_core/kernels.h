/* What the core calls, by type: the kernels, which do all arithmetic, and the registry of cells.

A cell is one file in cells/ with a forward and a backward function over one time step, included by precision.h, and one
row of CELLS: from there the time loop, the parameter layout, the estimators' validation and the tests know it. */
#ifndef SKLSTM_KERNELS_H
#define SKLSTM_KERNELS_H

#include <stddef.h>

/* name, gates (columns of the weights in units of H), initial values of the parameter vectors of length H: biases
   first. A forget gate starts open (Jozefowicz et al. 2015). */
#define CELLS(CELL) \
    CELL(lstm, 4, {0, 1, 0, 0})

typedef struct {
    const char *name;
    int n_gates;
    int n_vectors;
    const double *initial;
} cell_t;

#define COUNT_CELL(name, ...) 1 +
#define N_CELLS (CELLS(COUNT_CELL) 0)

/* Rows of a long sum of outer products that are added up on their own: a panel of so many rows fits in the first-level
   cache beside what is multiplied by it. */
#define SUM_ROWS 192

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
        double (*sum_of_squares)(ptrdiff_t, const REAL *);                                                            \
        void (*scale)(ptrdiff_t, REAL, REAL *);                                                                       \
        void (*adam)(ptrdiff_t, REAL *, const REAL *, REAL *, REAL *, double, double, double, double, double,         \
                     double);                                                                                         \
        void (*rmsprop)(ptrdiff_t, REAL *, const REAL *, REAL *, double, double, double);                             \
        void (*sgd)(ptrdiff_t, REAL *, const REAL *, REAL *, double, double, int);                                    \
        void (*forward[N_CELLS])(ptrdiff_t, ptrdiff_t, const REAL *, const REAL *, REAL *, REAL *, REAL *,            \
                                 ptrdiff_t);                                                                          \
        void (*backward[N_CELLS])(ptrdiff_t, ptrdiff_t, const REAL *, const REAL *, REAL *, const REAL *, REAL *,     \
                                  REAL *, REAL *);                                                                    \
    } kernels_##REAL;
KERNELS_OF(float)
KERNELS_OF(double)

#endif
