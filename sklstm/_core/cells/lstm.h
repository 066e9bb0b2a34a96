/* The vanilla LSTM cell (Hochreiter and Schmidhuber 1997; forget gate: Gers, Schmidhuber and Cummins 2000).

    z_t = x_t W_x + h_{t-1} W_h + b                 gate order i, f, g, o
    i = logistic(z_i)   f = logistic(z_f)   g = tanh(z_g)   o = logistic(z_o)
    c_t = f c_{t-1} + i g                           h_t = o tanh(c_t)

Its one vector of parameters is the bias, v = b (4H,). */

/* One time step of n rows. On entry z holds x_t W_x + h_{t-1} W_h, on return the gates. */
MULTIVERSION static void NAME(lstm_forward)(
    ptrdiff_t n, ptrdiff_t H,
    const REAL *restrict v,         /* (4H,)     */
    const REAL *restrict c_prev,    /* (n, H)    */
    REAL *restrict z,               /* (n, 4H)   in and out */
    REAL *restrict c,               /* (n, H)    out */
    REAL *restrict h)               /* (n, H)    out */
{
    for (ptrdiff_t r = 0; r < n; r++, c_prev += H, z += 4 * H, c += H, h += H) {
        SIMD_LOOP
        for (ptrdiff_t j = 0; j < H; j++) {
            REAL i = NAME(logistic)(z[j] + v[j]);
            REAL f = NAME(logistic)(z[H + j] + v[H + j]);
            REAL g = NAME(tanh)(z[2 * H + j] + v[2 * H + j]);
            REAL o = NAME(logistic)(z[3 * H + j] + v[3 * H + j]);
            REAL cell = f * c_prev[j] + i * g;
            z[j] = i;
            z[H + j] = f;
            z[2 * H + j] = g;
            z[3 * H + j] = o;
            c[j] = cell;
            h[j] = o * NAME(tanh)(cell);
        }
    }
}

/* Its way back. On entry z holds the gates, dh and dc the loss's derivatives by h_t and c_t; on return z holds dz,
   dc the derivative by c_{t-1}, dh that by h_{t-1} but for the product dz W_h', and dv has grown by this step's.
   tanh(c) is computed again: that costs less than to store and load it. */
MULTIVERSION static void NAME(lstm_backward)(
    ptrdiff_t n, ptrdiff_t H,
    const REAL *restrict v,         /* (4H,)     */
    const REAL *restrict c_prev,    /* (n, H)    */
    REAL *restrict z,               /* (n, 4H)   in and out */
    const REAL *restrict c,         /* (n, H)    */
    REAL *restrict dh,              /* (n, H)    in and out */
    REAL *restrict dc,              /* (n, H)    in and out */
    REAL *restrict dv)              /* (4H,)     in and out */
{
    (void)v;
    for (ptrdiff_t r = 0; r < n; r++, c_prev += H, z += 4 * H, c += H, dh += H, dc += H) {
        SIMD_LOOP
        for (ptrdiff_t j = 0; j < H; j++) {
            REAL i = z[j], f = z[H + j], g = z[2 * H + j], o = z[3 * H + j];
            REAL tanh_c = NAME(tanh)(c[j]);
            REAL dcell = dc[j] + dh[j] * o * (1 - tanh_c * tanh_c);
            REAL dz_i = dcell * g * i * (1 - i);
            REAL dz_f = dcell * c_prev[j] * f * (1 - f);
            REAL dz_g = dcell * i * (1 - g * g);
            REAL dz_o = dh[j] * tanh_c * o * (1 - o);
            z[j] = dz_i;
            z[H + j] = dz_f;
            z[2 * H + j] = dz_g;
            z[3 * H + j] = dz_o;
            dc[j] = dcell * f;
            dh[j] = 0;
            dv[j] += dz_i;
            dv[H + j] += dz_f;
            dv[2 * H + j] += dz_g;
            dv[3 * H + j] += dz_o;
        }
    }
}
