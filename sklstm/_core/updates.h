/* Steps of the optimizers over flat buffers, and dropout. */

/* Dropout (Hinton et al. 2012): each of n numbers is set to zero with the given probability, and the others are divided
   by that of staying. Which ones depends on the key alone: a hash of it and the place (the finaliser of MurmurHash3). */
static void NAME(drop)(ptrdiff_t n, REAL *restrict x, uint32_t key, double probability)
{
    const uint32_t limit = (uint32_t)(probability * 4294967295.0);
    const REAL factor = (REAL)(1 / (1 - probability));
    SIMD_LOOP
    for (ptrdiff_t k = 0; k < n; k++) {
        uint32_t u = key + (uint32_t)k * 0x9e3779b9u;
        u = (u ^ (u >> 16)) * 0x85ebca6bu;
        u = (u ^ (u >> 13)) * 0xc2b2ae35u;
        u ^= u >> 16;
        x[k] = u < limit ? 0 : x[k] * factor;
    }
}

static double NAME(sum_of_squares)(ptrdiff_t n, const REAL *restrict x)
{
    double total = 0;
    _Pragma("omp simd reduction(+:total)")
    for (ptrdiff_t k = 0; k < n; k++)
        total += (double)x[k] * x[k];
    return total;
}

static void NAME(scale)(ptrdiff_t n, REAL factor, REAL *restrict x)
{
    SIMD_LOOP
    for (ptrdiff_t k = 0; k < n; k++)
        x[k] *= factor;
}

/* Algorithm 1 of Kingma and Ba (2015), with both corrections for the moments' start at zero worked out beforehand:
   rate = learning rate / (1 - beta_1^t), correction = 1 / sqrt(1 - beta_2^t). The parameters lose the share `decay`
   besides (Loshchilov and Hutter 2019). */
static void NAME(adam)(
    ptrdiff_t n,
    REAL *restrict params,          /* (n,)  in and out */
    const REAL *restrict gradient,  /* (n,)  */
    REAL *restrict first,           /* (n,)  in and out */
    REAL *restrict second,          /* (n,)  in and out */
    double rate, double correction, double beta_1, double beta_2, double epsilon, double decay)
{
    const REAL r = (REAL)rate, s = (REAL)correction, b1 = (REAL)beta_1, b2 = (REAL)beta_2, eps = (REAL)epsilon;
    const REAL d = (REAL)decay;
    SIMD_LOOP
    for (ptrdiff_t k = 0; k < n; k++) {
        REAL g = gradient[k];
        first[k] = b1 * first[k] + (1 - b1) * g;
        second[k] = b2 * second[k] + (1 - b2) * g * g;
        params[k] -= r * first[k] / (SQRT(second[k]) * s + eps) + d * params[k];
    }
}

/* Tieleman and Hinton (2012): the gradient over the root of its running mean square. */
static void NAME(rmsprop)(
    ptrdiff_t n,
    REAL *restrict params,          /* (n,)  in and out */
    const REAL *restrict gradient,  /* (n,)  */
    REAL *restrict square,          /* (n,)  in and out */
    double rate, double smoothing, double epsilon)
{
    const REAL r = (REAL)rate, a = (REAL)smoothing, eps = (REAL)epsilon;
    SIMD_LOOP
    for (ptrdiff_t k = 0; k < n; k++) {
        REAL g = gradient[k];
        square[k] = a * square[k] + (1 - a) * g * g;
        params[k] -= r * g / (SQRT(square[k]) + eps);
    }
}

/* Momentum: velocity = momentum * velocity - rate * gradient, and the parameters follow it; Nesterov's looks one step
   ahead. */
static void NAME(sgd)(
    ptrdiff_t n,
    REAL *restrict params,          /* (n,)  in and out */
    const REAL *restrict gradient,  /* (n,)  */
    REAL *restrict velocity,        /* (n,)  in and out */
    double rate, double momentum, int nesterov)
{
    const REAL m = (REAL)momentum, r = (REAL)rate;
    SIMD_LOOP
    for (ptrdiff_t k = 0; k < n; k++) {
        REAL g = r * gradient[k], v = m * velocity[k] - g;
        velocity[k] = v;
        params[k] += nesterov ? m * v - g : v;
    }
}
