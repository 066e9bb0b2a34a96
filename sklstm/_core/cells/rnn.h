/* The simple recurrent cell (Elman 1990).

    h_t = a(x_t W_x + h_{t-1} W_h + b)

It has no memory but h. Its one vector of parameters is the bias, v = b (H,). */

#define CELL_rnn(CELL) CELL(rnn, 1, 1, 0, 0, "-", {0})

#ifdef REAL
INLINE void NAME(rnn_forward_units)(
    const ptrdiff_t n, ptrdiff_t H, const REAL *v, const REAL *c_prev, REAL *z, REAL *c, REAL *h, const int activations)
{
    (void)H;
    (void)c_prev;
    (void)c;
    VECTOR h_t = NAME(activation)(NAME(load)(z, n) + NAME(load)(v, n), activations);
    NAME(put)(z, h_t, n);
    NAME(put)(h, h_t, n);
}

INLINE void NAME(rnn_backward_units)(
    const ptrdiff_t n, ptrdiff_t H, const REAL *v, const REAL *c_prev, REAL *z, const REAL *c, REAL *dh, REAL *dc,
    REAL *dv, const int activations)
{
    (void)H;
    (void)v;
    (void)c_prev;
    (void)c;
    (void)dc;
    VECTOR dz = NAME(load)(dh, n) * NAME(activation_slope)(NAME(load)(z, n), activations);
    NAME(put)(z, dz, n);
    NAME(put)(dh, (VECTOR){0}, n);
    NAME(put)(dv, NAME(load)(dv, n) + dz, n);
}
#endif
