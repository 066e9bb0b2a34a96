/* The vanilla LSTM cell (Hochreiter and Schmidhuber 1997; forget gate: Gers, Schmidhuber and Cummins 2000).

    z_t = x_t W_x + h_{t-1} W_h + b                 gate order i, f, g, o
    i = logistic(z_i)   f = logistic(z_f)   g = tanh(z_g)   o = logistic(z_o)
    c_t = f c_{t-1} + i g                           h_t = o tanh(c_t)

Its one vector of parameters is the bias, v = b (4H,). */

INLINE void NAME(lstm_forward_units)(
    const ptrdiff_t n, ptrdiff_t H, const REAL *v, const REAL *c_prev, REAL *z, REAL *c, REAL *h)
{
    VECTOR i = NAME(logistic)(NAME(load)(z, n) + NAME(load)(v, n));
    VECTOR f = NAME(logistic)(NAME(load)(z + H, n) + NAME(load)(v + H, n));
    VECTOR g = NAME(tanh)(NAME(load)(z + 2 * H, n) + NAME(load)(v + 2 * H, n));
    VECTOR o = NAME(logistic)(NAME(load)(z + 3 * H, n) + NAME(load)(v + 3 * H, n));
    VECTOR cell = f * NAME(load)(c_prev, n) + i * g;
    NAME(put)(z, i, n);
    NAME(put)(z + H, f, n);
    NAME(put)(z + 2 * H, g, n);
    NAME(put)(z + 3 * H, o, n);
    NAME(put)(c, cell, n);
    NAME(put)(h, o * NAME(tanh)(cell), n);
}

/* One time step of n rows. On entry z holds x_t W_x + h_{t-1} W_h, on return the gates. */
static void NAME(lstm_forward)(
    ptrdiff_t n, ptrdiff_t H,
    const REAL *v,                  /* (4H,)     */
    const REAL *c_prev,             /* (n, H)    */
    REAL *z,                        /* (n, 4H)   in and out */
    REAL *c,                        /* (n, H)    out; may be c_prev itself */
    REAL *h,                        /* (n, H)    out, its rows h_row apart */
    ptrdiff_t h_row)
{
    for (ptrdiff_t r = 0; r < n; r++, c_prev += H, z += 4 * H, c += H, h += h_row) {
#define UNITS(j, count) NAME(lstm_forward_units)(count, H, v + j, c_prev + j, z + j, c + j, h + j)
        FOR_VECTORS(H, UNITS);
#undef UNITS
    }
}

INLINE void NAME(lstm_backward_units)(
    const ptrdiff_t n, ptrdiff_t H, const REAL *c_prev, REAL *z, const REAL *c, REAL *dh, REAL *dc, REAL *dv)
{
    VECTOR i = NAME(load)(z, n), f = NAME(load)(z + H, n), g = NAME(load)(z + 2 * H, n), o = NAME(load)(z + 3 * H, n);
    VECTOR dh_t = NAME(load)(dh, n), tanh_c = NAME(tanh)(NAME(load)(c, n));
    VECTOR dcell = NAME(load)(dc, n) + dh_t * o * (1 - tanh_c * tanh_c);
    VECTOR dz_i = dcell * g * (i - i * i);
    VECTOR dz_f = dcell * NAME(load)(c_prev, n) * (f - f * f);
    VECTOR dz_g = dcell * i * (1 - g * g);
    VECTOR dz_o = dh_t * tanh_c * (o - o * o);
    NAME(put)(z, dz_i, n);
    NAME(put)(z + H, dz_f, n);
    NAME(put)(z + 2 * H, dz_g, n);
    NAME(put)(z + 3 * H, dz_o, n);
    NAME(put)(dc, dcell * f, n);
    NAME(put)(dh, (VECTOR){0}, n);
    NAME(put)(dv, NAME(load)(dv, n) + dz_i, n);
    NAME(put)(dv + H, NAME(load)(dv + H, n) + dz_f, n);
    NAME(put)(dv + 2 * H, NAME(load)(dv + 2 * H, n) + dz_g, n);
    NAME(put)(dv + 3 * H, NAME(load)(dv + 3 * H, n) + dz_o, n);
}

/* Its way back. On entry z holds the gates, dh and dc the loss's derivatives by h_t and c_t; on return z holds dz,
   dc the derivative by c_{t-1}, dh that by h_{t-1} but for the product dz W_h', and dv has grown by this step's.
   tanh(c) is computed again: that costs less than to store and load it. */
static void NAME(lstm_backward)(
    ptrdiff_t n, ptrdiff_t H,
    const REAL *v,                  /* (4H,)     */
    const REAL *c_prev,             /* (n, H)    */
    REAL *z,                        /* (n, 4H)   in and out */
    const REAL *c,                  /* (n, H)    */
    REAL *dh,                       /* (n, H)    in and out */
    REAL *dc,                       /* (n, H)    in and out */
    REAL *dv)                       /* (4H,)     in and out */
{
    (void)v;
    for (ptrdiff_t r = 0; r < n; r++, c_prev += H, z += 4 * H, c += H, dh += H, dc += H) {
#define UNITS(j, count) NAME(lstm_backward_units)(count, H, c_prev + j, z + j, c + j, dh + j, dc + j, dv + j)
        FOR_VECTORS(H, UNITS);
#undef UNITS
    }
}
