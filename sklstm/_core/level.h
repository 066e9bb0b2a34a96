/* All kernels for one instruction set, in both precisions. Included by dispatch.h, which defines LEVEL. */

#define REAL float
#define UINT uint32_t
#define REAL_C(x) x##f
#define SQRT sqrtf
#define MIN_OF(a, b) INTRINSIC(min_ps)(a, b)
#define MAX_OF(a, b) INTRINSIC(max_ps)(a, b)
#define MANTISSA_BITS 23
#define EXPONENT_ONE 0x3f800000u
#define ROUND_MAGIC 12582912.0f
#define LN2_HIGH 0.693145751953125f /* 15 bits: k times it is exact */
#define LN2_LOW 1.42860682030941723e-6f
#define EXP_LIMIT 87.0f
#define TANH_LIMIT 9.1f
#define EXPM1_POLYNOMIAL(r) \
    (0.500000006f + r * (0.16666543f + r * (0.041666282f + r * (0.00836658395f + r * 0.00139464508f))))
#include "precision.h"

#define REAL double
#define UINT uint64_t
#define REAL_C(x) x
#define SQRT sqrt
#define MIN_OF(a, b) INTRINSIC(min_pd)(a, b)
#define MAX_OF(a, b) INTRINSIC(max_pd)(a, b)
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
#include "precision.h"
