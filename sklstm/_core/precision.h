/* All kernels for one instruction set in one precision. Included by level.h, which defines REAL. */
#include "vmath.h"
#include "products.h"
#include "updates.h"
#include "all_cells.h"
#include "cells.h"

#define CELL_FORWARD(name, ...) NAME(name##_forward),
#define CELL_BACKWARD(name, ...) NAME(name##_backward),
static const KERNELS(REAL) NAME(kernels) = {
    PANEL, NAME(pack), NAME(product), NAME(add_outer), NAME(tanh_array), NAME(logistic_array), NAME(decay_array),
    NAME(sum_of_squares), NAME(scale), NAME(adam), NAME(rmsprop), NAME(sgd), {CELLS(CELL_FORWARD)},
    {CELLS(CELL_BACKWARD)}, NAME(drop),
};
#undef CELL_FORWARD
#undef CELL_BACKWARD
#undef LANES
#undef VECTOR
#undef BITS
#undef FOR_VECTORS
#undef PANEL
#undef REAL
#undef UINT
#undef REAL_C
#undef SQRT
#undef MIN_OF
#undef MAX_OF
#undef MANTISSA_BITS
#undef EXPONENT_ONE
#undef ROUND_MAGIC
#undef LN2_HIGH
#undef LN2_LOW
#undef EXP_LIMIT
#undef TANH_LIMIT
#undef EXPM1_POLYNOMIAL
