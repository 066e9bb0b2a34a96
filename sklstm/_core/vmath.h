/* Vectors of numbers, and tanh and the logistic function of them.

Written for vectors and not left to the compiler: whether it vectorises a loop over such functions depends on its version
and the instruction set, and where it does not they take ten times as long.

Both functions rest on one expansion,

    exp(x) - 1 = 2^k (e^r - 1) + (2^k - 1),    x = k ln 2 + r,    |r| <= ln 2 / 2,

with a polynomial for e^r - 1. Working with exp(x) - 1 keeps tanh accurate relative to its value near zero. Bounds, tested
over the whole range: the error is at most 4 units in the last place of the result, and 2.4e-7 (float) or 4.5e-16
(double). Where the logistic function falls below 1.7e-38 (float) or 3.4e-308 (double), it stays there. A NaN stays a
NaN: the processor's min and max return their second operand for one. */

typedef REAL NAME(vector) __attribute__((vector_size(VECTOR_BYTES), aligned(sizeof(REAL)), may_alias));
typedef UINT NAME(bits) __attribute__((vector_size(VECTOR_BYTES)));
#define VECTOR NAME(vector)
#define BITS NAME(bits)
#define LANES ((ptrdiff_t)(VECTOR_BYTES / sizeof(REAL)))

/* The first n numbers at p, and zeros; with a constant n of LANES, one load or store. */
INLINE VECTOR NAME(load)(const REAL *p, ptrdiff_t n)
{
    if (n == LANES)
        return *(const VECTOR *)p;
    VECTOR x = {0};
    memcpy(&x, p, n * sizeof(REAL));
    return x;
}

INLINE void NAME(put)(REAL *p, VECTOR x, ptrdiff_t n)
{
    if (n == LANES)
        *(VECTOR *)p = x;
    else
        memcpy(p, &x, n * sizeof(REAL));
}

/* x between least and most */
INLINE VECTOR NAME(clamp)(VECTOR x, REAL least, REAL most)
{
    const VECTOR low = (VECTOR){0} + least, high = (VECTOR){0} + most;
#if defined(__x86_64__)
    return (VECTOR)MAX_OF(low, (VECTOR)MIN_OF(high, x));
#else
    BITS above = (BITS)(x > high), below = (BITS)(x < low);
    return (VECTOR)((above & (BITS)high) | (below & (BITS)low) | (~(above | below) & (BITS)x));
#endif
}

/* e^r - 1, with *scale = 2^k, so that exp(x) = scale p + scale; for |x| up to 87 (float) or 708 (double). */
INLINE VECTOR NAME(expm1_parts)(VECTOR x, VECTOR *scale)
{
    /* Adding 1.5 * 2^(mantissa bits) rounds to an integer and leaves it in the low bits of the sum. */
    VECTOR shifted = x * REAL_C(1.4426950408889634) + ROUND_MAGIC;
    VECTOR k = shifted - ROUND_MAGIC;
    VECTOR r = (x - k * LN2_HIGH) - k * LN2_LOW;
    *scale = (VECTOR)(((BITS)shifted << MANTISSA_BITS) + EXPONENT_ONE);
    return r + r * r * EXPM1_POLYNOMIAL(r);
}

INLINE VECTOR NAME(logistic)(VECTOR x)
{
    VECTOR scale, p = NAME(expm1_parts)(-NAME(clamp)(x, -EXP_LIMIT, EXP_LIMIT), &scale);
    return 1 / (1 + (scale * p + scale));
}

INLINE VECTOR NAME(tanh)(VECTOR x)
{
    VECTOR scale, p = NAME(expm1_parts)(2 * NAME(clamp)(x, -TANH_LIMIT, TANH_LIMIT), &scale); /* beyond it the result rounds to 1 */
    VECTOR e = scale * p + (scale - 1);
    return e / (e + 2);
}

/* exp(-max(x, 0)): exactly 1 up to 0, and from 40 on 4e-18, which is nothing, but not so small that what it multiplies
   becomes denormal, and slow. */
INLINE VECTOR NAME(decay)(VECTOR x)
{
    VECTOR scale, p = NAME(expm1_parts)(-NAME(clamp)(x, 0, 40), &scale);
    return scale * p + scale;
}

/* What a cell may ask for: `activations` is a number of ACTIVATIONS, and N_ACTIVATIONS times one of
   RECURRENT_ACTIVATIONS. The slopes are functions of the value y. */
INLINE VECTOR NAME(activation)(VECTOR x, const int activations)
{
    switch (activations % N_ACTIVATIONS) {
    case 0: return NAME(tanh)(x);
    case 1: return NAME(clamp)(x, 0, (REAL)INFINITY);
    case 2: return NAME(logistic)(x);
    default: return x;
    }
}

INLINE VECTOR NAME(activation_slope)(VECTOR y, const int activations)
{
    const VECTOR one = (VECTOR){0} + 1;
    switch (activations % N_ACTIVATIONS) {
    case 0: return 1 - y * y;
    case 1: return (VECTOR)((BITS)(y > 0) & (BITS)one);
    case 2: return y - y * y;
    default: return one;
    }
}

/* hard_sigmoid(x) = min(max(x / 6 + 1 / 2, 0), 1), as in Keras */
INLINE VECTOR NAME(gate)(VECTOR x, const int activations)
{
    if (activations / N_ACTIVATIONS == 0)
        return NAME(logistic)(x);
    return NAME(clamp)(x / 6 + REAL_C(0.5), 0, 1);
}

INLINE VECTOR NAME(gate_slope)(VECTOR y, const int activations)
{
    if (activations / N_ACTIVATIONS == 0)
        return y - y * y;
    const VECTOR sixth = (VECTOR){0} + REAL_C(1.0) / 6;
    return (VECTOR)((BITS)(y > 0) & (BITS)(y < 1) & (BITS)sixth);
}

/* Run BODY(j, n) for the numbers j, ..., j + n - 1 of 0, ..., size - 1: n is the constant LANES, but for the last. */
#define FOR_VECTORS(size, BODY)                       \
    do {                                              \
        ptrdiff_t j = 0;                              \
        for (; j + LANES <= (size); j += LANES)       \
            BODY(j, LANES);                           \
        if (j < (size))                               \
            BODY(j, (size) - j);                      \
    } while (0)

/* y = tanh(x) and y = logistic(x) over arrays, as the cells see them: for the tests of the error bounds. */
static void NAME(tanh_array)(ptrdiff_t n, const REAL *restrict x, REAL *restrict y)
{
#define BODY(j, count) NAME(put)(y + j, NAME(tanh)(NAME(load)(x + j, count)), count)
    FOR_VECTORS(n, BODY);
#undef BODY
}

static void NAME(logistic_array)(ptrdiff_t n, const REAL *restrict x, REAL *restrict y)
{
#define BODY(j, count) NAME(put)(y + j, NAME(logistic)(NAME(load)(x + j, count)), count)
    FOR_VECTORS(n, BODY);
#undef BODY
}

/* x = decay(x) over an array, in place. */
static void NAME(decay_array)(ptrdiff_t n, REAL *x)
{
#define BODY(j, count) NAME(put)(x + j, NAME(decay)(NAME(load)(x + j, count)), count)
    FOR_VECTORS(n, BODY);
#undef BODY
}
