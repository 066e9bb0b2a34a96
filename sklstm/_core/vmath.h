/* tanh and the logistic function, branch-free, so that a loop over them is vectorised.

Included once a precision by cells.h, which defines REAL, UINT and NAME. Both functions rest on one expansion,

    exp(x) - 1 = 2^k (e^r - 1) + (2^k - 1),    x = k ln 2 + r,    |r| <= ln 2 / 2,

whose Taylor polynomial of e^r - 1 ends where the next term is below half a unit in the last place. Working with
exp(x) - 1 keeps tanh accurate relative to its value near zero. Bounds, tested over the whole range: the error is at most
4 units in the last place of the result, and 2.4e-7 (float) or 4.5e-16 (double). Where the logistic function falls below
1.7e-38 (float) or 3.4e-308 (double), it stays there. A NaN stays a NaN: a comparison with it is false, so clamping lets it through. */

/* e^r - 1, with *scale = 2^k, so that exp(x) = scale p + scale; for |x| up to 87 (float) or 708 (double). */
static inline __attribute__((always_inline)) REAL NAME(expm1_parts)(REAL x, REAL *scale)
{
    /* Adding 1.5 * 2^(mantissa bits) rounds to an integer and leaves it in the low bits of the sum. */
    REAL shifted = x * REAL_C(1.4426950408889634) + ROUND_MAGIC;
    REAL k = shifted - ROUND_MAGIC;
    REAL r = (x - k * LN2_HIGH) - k * LN2_LOW;
    UINT bits;
    memcpy(&bits, &shifted, sizeof bits);
    bits = (bits << MANTISSA_BITS) + EXPONENT_ONE;
    memcpy(scale, &bits, sizeof bits);
    return r + r * r * EXPM1_POLYNOMIAL(r);
}

static inline __attribute__((always_inline)) REAL NAME(logistic)(REAL x)
{
    REAL scale;
    x = x < -EXP_LIMIT ? -EXP_LIMIT : x;
    x = x > EXP_LIMIT ? EXP_LIMIT : x;
    REAL p = NAME(expm1_parts)(-x, &scale);
    return 1 / (1 + (scale * p + scale));
}

static inline __attribute__((always_inline)) REAL NAME(tanh)(REAL x)
{
    REAL scale;
    x = x < -TANH_LIMIT ? -TANH_LIMIT : x; /* beyond it the result rounds to 1 */
    x = x > TANH_LIMIT ? TANH_LIMIT : x;
    REAL p = NAME(expm1_parts)(2 * x, &scale);
    REAL e = scale * p + (scale - 1);
    return e / (e + 2);
}

/* y = tanh(x) and y = logistic(x) over arrays, as the cells see them: for the tests of the error bounds. */
MULTIVERSION static void NAME(tanh_array)(ptrdiff_t n, const REAL *restrict x, REAL *restrict y)
{
    SIMD_LOOP
    for (ptrdiff_t j = 0; j < n; j++)
        y[j] = NAME(tanh)(x[j]);
}

MULTIVERSION static void NAME(logistic_array)(ptrdiff_t n, const REAL *restrict x, REAL *restrict y)
{
    SIMD_LOOP
    for (ptrdiff_t j = 0; j < n; j++)
        y[j] = NAME(logistic)(x[j]);
}
