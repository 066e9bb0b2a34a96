/* The gated recurrent unit (Cho et al. 2014), with the reset after the product, as cuDNN, PyTorch and Keras have it.

    m = x_t W_m + b_m              gate order of W_x and of the first columns of z: m, r, u
    q = h_{t-1} W_q + b_q          of W_h and of the last columns of z: r, u, q
    r = s(x_t W_r + h_{t-1} W_r' + b_r)   u = s(x_t W_u + h_{t-1} W_u' + b_u)
    g = a(m + r q)                 h_t = (1 - u) g + u h_{t-1}

z_t has the columns m, r, u, q, so that each product writes to neighbours. Its memory is h itself: c_t = h_t. Its one
vector of parameters is the bias, v = [b_m | b_r | b_u | b_q]. */

#define CELL_gru(CELL) CELL(gru, 3, 4, 1, 1, "candidate, reset gate, update gate, -, -", {0, 0, 0, 0})

#ifdef REAL
/* On return z holds g, r, u, q. */
INLINE void NAME(gru_forward_units)(
    const ptrdiff_t n, ptrdiff_t H, const REAL *v, const REAL *c_prev, REAL *z, REAL *c, REAL *h, const int activations)
{
    VECTOR r = NAME(gate)(NAME(load)(z + H, n) + NAME(load)(v + H, n), activations);
    VECTOR u = NAME(gate)(NAME(load)(z + 2 * H, n) + NAME(load)(v + 2 * H, n), activations);
    VECTOR q = NAME(load)(z + 3 * H, n) + NAME(load)(v + 3 * H, n);
    VECTOR g = NAME(activation)(NAME(load)(z, n) + NAME(load)(v, n) + r * q, activations);
    VECTOR h_t = g + u * (NAME(load)(c_prev, n) - g);
    NAME(put)(z, g, n);
    NAME(put)(z + H, r, n);
    NAME(put)(z + 2 * H, u, n);
    NAME(put)(z + 3 * H, q, n);
    NAME(put)(c, h_t, n);
    NAME(put)(h, h_t, n);
}

INLINE void NAME(gru_backward_units)(
    const ptrdiff_t n, ptrdiff_t H, const REAL *v, const REAL *c_prev, REAL *z, const REAL *c, REAL *dh, REAL *dc,
    REAL *dv, const int activations)
{
    (void)v;
    (void)c;
    VECTOR g = NAME(load)(z, n), r = NAME(load)(z + H, n), u = NAME(load)(z + 2 * H, n), q = NAME(load)(z + 3 * H, n);
    VECTOR dh_t = NAME(load)(dh, n) + NAME(load)(dc, n);
    VECTOR dz_m = dh_t * (1 - u) * NAME(activation_slope)(g, activations);
    VECTOR dz_r = dz_m * q * NAME(gate_slope)(r, activations);
    VECTOR dz_u = dh_t * (NAME(load)(c_prev, n) - g) * NAME(gate_slope)(u, activations);
    VECTOR dz_q = dz_m * r;
    NAME(put)(z, dz_m, n);
    NAME(put)(z + H, dz_r, n);
    NAME(put)(z + 2 * H, dz_u, n);
    NAME(put)(z + 3 * H, dz_q, n);
    NAME(put)(dc, dh_t * u, n);
    NAME(put)(dh, (VECTOR){0}, n);
    NAME(put)(dv, NAME(load)(dv, n) + dz_m, n);
    NAME(put)(dv + H, NAME(load)(dv + H, n) + dz_r, n);
    NAME(put)(dv + 2 * H, NAME(load)(dv + 2 * H, n) + dz_u, n);
    NAME(put)(dv + 3 * H, NAME(load)(dv + 3 * H, n) + dz_q, n);
}
#endif
